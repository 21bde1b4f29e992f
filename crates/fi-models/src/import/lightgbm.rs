//! LightGBM's text models: the header, the trees one behind the other, and what follows them.
//!
//! The text is read line by line in place. A header says what all trees share (the features'
//! names, the objective, how many trees a round has), each tree is a block of `key=numbers`
//! lines, and `end of trees` closes them: without it the file was cut off. What stands behind
//! (feature importances, training parameters, categories of pandas) is not needed.

mod block;
mod objective;

use crate::import::categories::Budget;
use crate::import::{Problem, shown};
use crate::store::Stored;
use crate::tree::{Aggregate, Comparison, Ensemble, Precision, Statistics, TreeBuilder, Trees};

use block::Block;

/// Reads a model that LightGBM wrote as text (`save_model`, `model_to_string`).
///
/// Every row falls into the same leaves as in LightGBM: thresholds are compared as `x ≤ t` in
/// double precision (after values up to 1e-35 in size became 0), missing values go as the split's missing type says (`None`: as 0 would;
/// `Zero`: so do values up to 1e-35 in size; `NaN`), and the categories of a split go left,
/// where a value is cut to a whole number. A column of categories must hold LightGBM's own whole
/// numbers: what the data set had, or the codes of the pandas category, whose names are kept
/// where they are text ([`Stored::categories`]).
///
/// ```text
/// Tree::id        of a leaf: LightGBM's leaf index (`pred_leaf`); of a split: its split index
/// Tree::cover     the number of training rows (`leaf_count`), LightGBM's own SHAP's weights
/// Tree::gain      `split_gain`, six digits as the file has them
/// Tree::value     `leaf_value`, in a split `internal_value`
/// ```
///
/// The trees of a random forest (`boosting=rf`) are averaged over the rounds, as LightGBM's
/// `predict` does; its `raw_score` is their sum. Those of DART hold their last weight already.
/// The classes are named by the labels that LightGBM trains on, `0` to `n_classes − 1`.
///
/// # Cost
///
/// One pass over the bytes; memory in proportion to their number.
///
/// # Errors
///
/// [`Problem::Damaged`] for text that does not hold together. [`Problem::Unsupported`] for
/// linear leaves, the objectives `regression` on square roots and `cross_entropy_lambda`,
/// objectives that are not known, formats other than `v3` and `v4`, and models without trees.
///
/// # Example
///
/// ```
/// use fi_core::Model;
/// use fi_models::import::lightgbm;
/// use ndarray::array;
///
/// let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\n\
///     objective=regression\nfeature_names=width\n\nTree=0\nnum_leaves=2\nnum_cat=0\n\
///     split_feature=0\nsplit_gain=3\nthreshold=0.5\ndecision_type=2\nleft_child=-1\n\
///     right_child=-2\nleaf_value=1 2\nleaf_count=10 5\ninternal_value=1.3\n\
///     internal_count=15\nis_linear=0\nshrinkage=1\n\nend of trees\n";
/// let stored = lightgbm(text.as_bytes())?;
/// assert_eq!(stored.feature_names, ["width"]);
/// assert_eq!(stored.predict(array![[0.5], [0.6]].view()).unwrap(), array![[1.0], [2.0]]);
/// # Ok::<(), fi_models::import::Problem>(())
/// ```
///
/// # References
///
/// - G. Ke et al., *LightGBM: A Highly Efficient Gradient Boosting Decision Tree*, Advances in
///   Neural Information Processing Systems 30, 2017.
pub fn lightgbm(bytes: &[u8]) -> Result<Stored, Problem> {
    let mut lines = Lines { bytes, number: 0 };
    let header = Header::read(&mut lines)?;
    let trees = read_trees(&mut lines, &header, &mut Budget::new(bytes.len()))?;
    let (n_trees, n_outputs) = (trees.len(), header.trees_per_round);
    if n_trees == 0 {
        return Err(Problem::Unsupported(
            "the model has no trees, train it for at least one iteration".into(),
        ));
    }
    if n_outputs == 0 || !n_trees.is_multiple_of(n_outputs) {
        return damaged(format!(
            "it has {n_trees} trees, which is no multiple of `num_tree_per_iteration={n_outputs}`"
        ));
    }
    let link = objective::link(header.objective, n_outputs)?;
    let class_names = objective::n_classes(link, n_outputs)
        .map(|n_classes| (0..n_classes).map(|class| class.to_string()).collect());

    // What a single leaf does not say is not needed of it.
    let known = |says: fn(&TreeParts) -> bool| {
        trees.iter().all(|tree| tree.builder.n_nodes() == 1 || says(tree))
    };
    let statistics = Statistics {
        cover: known(|tree| tree.has_counts),
        impurity: false,
        gain: known(|tree| tree.has_gains),
    };
    let aggregate = if header.averages { Aggregate::Mean } else { Aggregate::Sum };
    let n_features = header.feature_names.len();
    let mut builder = Ensemble::builder(n_features, n_outputs, Comparison::LessEqual)
        .with_precision(Precision::F64)
        .with_aggregate(aggregate)
        .with_statistics(statistics);
    for (index, tree) in trees.into_iter().enumerate() {
        if n_outputs == 1 {
            builder.push_tree(tree.builder)?;
        } else {
            builder.push_tree_for(index % n_outputs, tree.builder)?;
        }
    }
    let model = Trees::new(builder.build()?, link)?.into();
    let feature_names = header.feature_names.iter().copied().map(String::from).collect();
    let categories = categories(&mut lines, &header)?;
    let (scaler, training_rows) = (None, None);
    let stored = Stored { model, feature_names, class_names, scaler, training_rows, categories };
    stored.validate()?;
    Ok(stored)
}

/// The names of categories that a pandas data frame held as text: behind the trees, a list for each
/// categorical column. None where it cannot be told which column a list is of.
fn categories(
    lines: &mut Lines<'_>,
    header: &Header<'_>,
) -> Result<Vec<(String, Vec<String>)>, Problem> {
    // `[0:1]` is a range, `0:1:2` are categories. What never changed is `none` and may be either.
    let of_categories = |(_, info): &(&&str, &&str)| !info.starts_with('[');
    let columns = header.feature_names.iter().zip(&header.feature_infos);
    let features: Vec<(&str, &str)> =
        columns.filter(of_categories).map(|(name, info)| (*name, *info)).collect();
    let largest = |info: &str| {
        info.split(':')
            .map(str::parse::<i64>)
            .collect::<Result<Vec<_>, _>>()
            .ok()?
            .into_iter()
            .max()
    };
    while let Some(line) = lines.next_filled()? {
        let Some(text) = line.strip_prefix("pandas_categorical:") else { continue };
        let Ok(Some(lists)) = serde_json::from_str::<Option<Vec<Vec<serde_json::Value>>>>(text)
        else {
            break;
        };
        let fits = |((_, info), list): (&(&str, &str), &Vec<_>)| {
            largest(info).is_some_and(|largest| largest < list.len() as i64)
        };
        if lists.len() != features.len() || !features.iter().zip(&lists).all(fits) {
            break;
        }
        // Numbers are looked up by themselves and not by a name.
        let name = |value: serde_json::Value| value.as_str().map(str::to_owned);
        let names = lists.into_iter().map(|list| list.into_iter().map(name).collect());
        let named =
            features.iter().zip(names).filter_map(|((feature, _), names): (_, Option<_>)| {
                Some(((*feature).to_owned(), names?))
            });
        return Ok(named.collect());
    }
    Ok(Vec::new())
}

/// One tree, and what its block said about it.
struct TreeParts {
    builder: TreeBuilder,
    has_counts: bool,
    has_gains: bool,
}

/// What stands before the first tree.
struct Header<'a> {
    feature_names: Vec<&'a str>,
    /// What each feature held in training: a range, or the numbers of categories.
    feature_infos: Vec<&'a str>,
    objective: Option<&'a str>,
    trees_per_round: usize,
    averages: bool,
    /// How many trees are announced, if they are.
    n_trees: Option<usize>,
}

impl<'a> Header<'a> {
    fn read(lines: &mut Lines<'a>) -> Result<Self, Problem> {
        let first = lines.next_filled()?;
        if first != Some("tree") {
            return damaged("it does not start with the line `tree`".into());
        }
        let (mut version, mut names, mut infos, mut objective) = (None, None, "", None);
        let (mut last_feature, mut trees_per_round, mut sizes) = (None, None, None);
        let mut averages = false;
        while let Some(line) = lines.peek_filled()? {
            if line.starts_with("Tree=") || line == END {
                break;
            }
            lines.next_filled()?;
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            match key {
                "version" => version = Some(value),
                "feature_names" => names = Some(value),
                "feature_infos" => infos = value,
                "objective" => objective = Some(value),
                "max_feature_idx" => last_feature = Some(value),
                "num_tree_per_iteration" => trees_per_round = Some(value),
                "tree_sizes" => sizes = Some(value),
                "average_output" => averages = true,
                // Numbers of classes, constraints: told by the trees.
                _ => {}
            }
        }
        match version {
            Some("v3" | "v4") => {}
            Some(other) => {
                return Err(Problem::Unsupported(format!(
                    "it has LightGBM's model format `{}`, fi reads v3 and v4: load it in \
                     LightGBM 3 or 4 and save it again",
                    shown(other)
                )));
            }
            None => return damaged("its header has no `version`".into()),
        }
        let number = |key: &str, value: Option<&str>| -> Result<usize, Problem> {
            let Some(value) = value else {
                return damaged(format!("its header has no `{key}`"));
            };
            value.parse().map_err(|_| {
                Problem::Damaged(format!("its header has `{key}={}`, no count", shown(value)))
            })
        };
        let last_feature = number("max_feature_idx", last_feature)?;
        let trees_per_round = number("num_tree_per_iteration", trees_per_round)?;
        let Some(names) = names else {
            return damaged("its header has no `feature_names`".into());
        };
        let feature_names: Vec<&str> = names.split_ascii_whitespace().collect();
        if feature_names.len().checked_sub(1) != Some(last_feature) {
            return damaged(format!(
                "its header has {} feature names, but `max_feature_idx={last_feature}`",
                feature_names.len()
            ));
        }
        let n_trees = sizes.map(|sizes| sizes.split_ascii_whitespace().count());
        let feature_infos = infos.split_ascii_whitespace().collect();
        Ok(Self { feature_names, feature_infos, objective, trees_per_round, averages, n_trees })
    }
}

/// The line behind the last tree.
const END: &str = "end of trees";

/// The blocks up to the end of the trees.
fn read_trees(
    lines: &mut Lines<'_>,
    header: &Header<'_>,
    budget: &mut Budget,
) -> Result<Vec<TreeParts>, Problem> {
    let mut trees = Vec::new();
    loop {
        match lines.next_filled()? {
            None => return damaged(format!("it ends before the line `{END}`, it was cut off")),
            Some(END) => break,
            Some(line) if line.strip_prefix("Tree=") == Some(&trees.len().to_string()) => {
                let block = Block::read(trees.len(), lines)?;
                trees.push(block.build(&header.feature_names, budget)?);
            }
            Some(line) => {
                return damaged(format!(
                    "line {} is `{}`, expected `Tree={}` or `{END}`",
                    lines.number,
                    shown(line),
                    trees.len()
                ));
            }
        }
    }
    match header.n_trees {
        Some(announced) if announced != trees.len() => {
            damaged(format!("its header announces {announced} trees, but {} follow", trees.len()))
        }
        _ => Ok(trees),
    }
}

/// The lines of the text, without their ends.
struct Lines<'a> {
    /// What is left.
    bytes: &'a [u8],
    /// The number of the last line that was taken, from 1.
    number: usize,
}

impl<'a> Lines<'a> {
    /// The next line that is not empty.
    fn next_filled(&mut self) -> Result<Option<&'a str>, Problem> {
        while !self.bytes.is_empty() {
            let end = self.bytes.iter().position(|&byte| byte == b'\n');
            let (line, rest) = match end {
                Some(end) => (&self.bytes[..end], &self.bytes[end + 1..]),
                None => (self.bytes, &[][..]),
            };
            self.bytes = rest;
            self.number += 1;
            let Ok(line) = std::str::from_utf8(line) else {
                return damaged(format!("line {} is no text in UTF-8", self.number));
            };
            let line = line.trim();
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// The next line that is not empty, which stays to be taken.
    fn peek_filled(&self) -> Result<Option<&'a str>, Problem> {
        Lines { bytes: self.bytes, number: self.number }.next_filled()
    }
}

fn damaged<T>(what: String) -> Result<T, Problem> {
    Err(Problem::Damaged(what))
}

#[cfg(test)]
mod tests;
