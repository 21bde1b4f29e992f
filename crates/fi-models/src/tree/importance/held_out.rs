//! The decrease of impurity, measured on rows that the trees were not grown on.

use fi_core::{Dataset, Error, Importance, Replicate, Result, Target, require_shape};
use ndarray::{Array2, ArrayView1};

use super::check_names;
use crate::tree::{Aggregate, Ensemble, Link, Tree, Trees};

/// Mean decrease in impurity on given rows, which should not be the training rows.
///
/// ```text
///            1    ∑ᵢ wᵢ ∑ over splits on j that row i meets of  (v(child) − v(node)) · yᵢ
/// Δⱼ  =     ―――  ∑ₜ ―――――――――――――――――――――――――――――――――――――――――――――――――――――――――――――――――――――――
///            T                                   ∑ᵢ wᵢ
/// ```
///
/// where `v` is what the node answers (the training rows' class shares or mean), `child` is the
/// one that row `i` goes to, and `yᵢ` is 1 in the row's class and 0 in the others, or the target
/// less the answer of the tree's root. On the training rows this is the mean decrease of Gini's
/// impurity or of the variance: on others, splits that fitted noise gain nothing on average, and
/// the bias for features with many values is gone.
///
/// Li and others leave the target of a regression as it is; less the root's answer, a number
/// added to all targets changes nothing.
///
/// # Units
///
/// Impurity (not shares): negative where a split does harm on these rows.
///
/// # Shapes
///
/// One replicate per tree; `std` is the spread *over trees*. The interval is empty.
///
/// # Cost
///
/// One walk from root to leaf per row and tree.
///
/// # When it misleads
///
/// Correlated features still share their importance. Trees that were grown by entropy are scored
/// by Gini's impurity here.
///
/// # Errors
///
/// [`Error::Shape`] for another number of names, columns or classes; [`Error::Data`] for trees
/// that are summed (boosting), or do not know what their inner nodes answer; for a target of the
/// other kind.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::tree::{DecisionTree, held_out_impurity};
/// use ndarray::array;
///
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let data = |values| Dataset::new(rows.clone(), Target::Values(values));
/// let train = data(vec![0.0, 1.0, 2.0, 3.0])?;
/// let tree = DecisionTree::regression().fit(&Run::new(0), &train)?;
/// // On the training rows: the decrease of the variance.
/// assert_eq!(held_out_impurity(&tree, train.feature_names(), &train)?.values, [1.0, 0.25]);
/// // On rows where the second feature does the opposite, splitting on it does harm.
/// let test = data(vec![1.0, 0.0, 3.0, 2.0])?;
/// assert_eq!(held_out_impurity(&tree, test.feature_names(), &test)?.values, [1.0, -0.25]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Li, Wang, Basu, Kumbier, Yu (2019). *A debiased MDI feature importance measure for random
///   forests.* NeurIPS 32. <https://arxiv.org/abs/1906.10845>
/// - Loecher (2022). *Unbiased variable importance for random forests.* Communications in
///   Statistics – Theory and Methods 51. <https://doi.org/10.1080/03610926.2020.1764042>
pub fn held_out_impurity(trees: &Trees, features: &[String], data: &Dataset) -> Result<Importance> {
    check(trees, features, data)?;
    let rows: Vec<usize> = (0..data.n_rows()).collect();
    importance("held_out_impurity", trees, features, data, |_| rows.clone())
}

/// Mean decrease in impurity on out-of-bag rows: MDI-oob.
///
/// As [`held_out_impurity`], where each tree is asked about the rows of the training data that
/// its sample left out.
///
/// # Units
///
/// Impurity (not shares): negative where a split does harm on these rows.
///
/// # Shapes
///
/// One replicate per tree that has out-of-bag rows of positive weight.
///
/// # Cost
///
/// About 37 % of a walk from root to leaf per row and tree.
///
/// # When it misleads
///
/// As [`held_out_impurity`]; rows that belong together are in and out of the bag separately.
///
/// # Errors
///
/// As for [`held_out_impurity`]; [`Error::Data`] for a forest without bootstrap or other data
/// than it was trained on; [`Error::TooFewRows`] if no row is out of bag.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Run, Target};
/// use fi_models::tree::{RandomForest, impurity, oob_impurity};
/// use ndarray::Array2;
///
/// // The target is a coin that has nothing to do with the features.
/// let mut rng = Run::new(1).rng(0);
/// let rows = Array2::from_shape_simple_fn((200, 2), || rng.uniform());
/// let labels = (0..200).map(|_| rng.below(2)).collect();
/// let names = ["tails", "heads"].map(String::from).to_vec();
/// let data = Dataset::new(rows, Target::Classes { labels, names })?;
/// let forest = RandomForest::default().fit(&Run::new(2), &data)?;
/// let features = data.feature_names();
/// assert!(impurity(forest.ensemble(), features)?.values[0] > 0.4);
/// assert!(oob_impurity(&forest, features, &data)?.values[0] < 0.1);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Li, Wang, Basu, Kumbier, Yu (2019). *A debiased MDI feature importance measure for random
///   forests.* NeurIPS 32. <https://arxiv.org/abs/1906.10845>
pub fn oob_impurity(forest: &Trees, features: &[String], data: &Dataset) -> Result<Importance> {
    let bags = forest.out_of_bag(data)?;
    check(forest, features, data)?;
    importance("oob_impurity", forest, features, data, |tree| bags.rows(tree))
}

/// Whether trees, names and data fit together.
fn check(trees: &Trees, features: &[String], data: &Dataset) -> Result<()> {
    let ensemble = trees.ensemble();
    check_names(ensemble, features)?;
    require_shape("the data's list of features", &[ensemble.n_features()], &[data.n_features()])?;
    if ensemble.aggregate() == Aggregate::Sum {
        return Err(Error::Data(
            "the decrease of impurity on other rows is defined for trees that are averaged, and \
             these are summed, as boosting does: take permutation importance or SHAP on these rows"
                .into(),
        ));
    }
    // Only those who write impurities write what inner nodes answer.
    if !ensemble.statistics().impurity {
        return Err(Error::Data(
            "these trees do not know what their inner nodes answer: take them from scikit-learn's \
             export, or permute the features on these rows"
                .into(),
        ));
    }
    match (data.target(), trees.link()) {
        (Target::Classes { names, .. }, Link::Probabilities) => {
            require_shape("the target's list of classes", &[ensemble.n_outputs()], &[names.len()])
        }
        (Target::Values(_), Link::Identity) if ensemble.n_outputs() == 1 => Ok(()),
        (Target::Values(_), Link::Identity) => Err(Error::Data(format!(
            "the trees answer {} values and the target is one: export a model of one output",
            ensemble.n_outputs()
        ))),
        (Target::Classes { .. }, _) => {
            Err(Error::Data("the target has classes, but the trees answer values".into()))
        }
        (Target::Values(_), _) => {
            Err(Error::Data("the target has values, but the trees answer classes".into()))
        }
    }
}

fn importance(
    method: &str,
    trees: &Trees,
    features: &[String],
    data: &Dataset,
    rows_of: impl Fn(usize) -> Vec<usize>,
) -> Result<Importance> {
    let ensemble: &Ensemble = trees.ensemble();
    let each = ensemble.trees().filter_map(|tree| decreases(tree, data, &rows_of(tree.index())));
    let each: Vec<Vec<f64>> = each.collect();
    if each.is_empty() {
        let what = "the decrease of impurity".to_owned();
        return Err(Error::TooFewRows { what, needed: 1, got: 0 });
    }
    let mut replicates = Array2::zeros((ensemble.n_features(), each.len()));
    for (mut column, decreases) in replicates.columns_mut().into_iter().zip(&each) {
        column.assign(&ArrayView1::from(decreases));
    }
    Importance::from_replicates(method, features, replicates, Replicate::Tree)
}

/// One tree's decrease per feature on these rows; `None` if they have no weight.
fn decreases(tree: Tree<'_>, data: &Dataset, rows: &[usize]) -> Option<Vec<f64>> {
    let mut sums = vec![0.0; data.n_features()];
    let mut total = 0.0;
    for &row in rows {
        let weight = data.weights().map_or(1.0, |weights| weights[row]);
        total += weight;
        // Which of a node's values counts, and how much.
        let (output, y) = match data.target() {
            Target::Classes { labels, .. } => (labels[row], 1.0),
            Target::Values(values) => (0, values[row] - tree.value(0)[0]),
        };
        let mut node = 0;
        while let Some((left, right)) = tree.children(node) {
            let feature = tree.feature(node);
            let goes_left = tree.goes_left(node, data.rows()[[row, feature]]);
            let child = if goes_left { left } else { right };
            sums[feature] += weight * y * (tree.value(child)[output] - tree.value(node)[output]);
            node = child;
        }
    }
    for sum in &mut sums {
        *sum /= total;
    }
    (total > 0.0).then_some(sums)
}
