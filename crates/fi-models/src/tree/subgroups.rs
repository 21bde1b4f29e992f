//! Subgroups of rows from a tree: cells within which a player hardly depends on the other features.
//!
//! A tree that predicts a player's columns from all others divides the rows where the player's
//! distribution changes most. Within a leaf the others say little more about it, so that values may
//! be exchanged there without making rows that cannot occur.

use fi_core::{Dataset, Result, Run, Subgroups, Target, require, require_shape};

use super::decision_tree::DecisionTree;
use super::trees::Trees;

/// Divides rows by the leaves of a tree grown on the other features to predict a player's columns.
///
/// A numeric column is predicted by the squared error and a categorical one
/// ([`Dataset::with_categorical`]) by its classes. Of a player of several columns every node
/// predicts the one whose impurity it decreases most, as a share of that column's impurity in all
/// rows. Rows in which a column is missing do not help to predict it; where the other features
/// are missing, they are sent as our trees send them. A player that holds every feature leaves one
/// cell.
///
/// For [`ConditionalPermutation`](fi_core::ConditionalPermutation).
///
/// # Cost
///
/// One [`DecisionTree`] for each player of one column; one of depth 1 for each node and column
/// otherwise.
///
/// # When it misleads
///
/// - A leaf is a rectangle: what depends on the others along it stays dependent within it. Deeper
///   trees with smaller leaves depend less, exchange less, and need more rows.
/// - Grown on the rows that are scored, the tree also splits by their noise. P-values are those of
///   a conditional test only if the tree was `grown_on` other rows.
///
/// # Example
///
/// ```
/// use fi_core::{ConditionalPermutation, Conditioning, Dataset, Function, Metric, Players, Run, Target};
/// use fi_models::tree::TreeSubgroups;
/// use ndarray::{s, Array2, ArrayView2};
///
/// // The second feature copies the first, and only the copy is used: nothing beyond the first.
/// let rows = Array2::from_shape_fn((400, 2), |(i, _)| ((i * 7) % 400) as f64 / 400.0);
/// let target = Target::Values(rows.column(1).to_vec());
/// let data = Dataset::new(rows, target)?.with_feature_names(["first", "copy"])?;
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| rows.slice(s![.., 1..]).to_owned());
/// let players = Players::features(["first", "copy"])?;
/// let subgroups = TreeSubgroups { min_samples_leaf: 10, ..Default::default() };
/// let given = Conditioning::Subgroups(&subgroups);
/// let found = ConditionalPermutation::default()
///     .importance(&Run::new(0), &model, &data, &players, &[Metric::Mse], given)?;
/// // Marginally 2 · Var(x) = 1/6.
/// assert!(found[0].values[1] < 0.01 / 6.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Strobl, Boulesteix, Kneib, Augustin, Zeileis (2008). *Conditional variable importance for
///   random forests.* BMC Bioinformatics 9. <https://doi.org/10.1186/1471-2105-9-307>
/// - Molnar, König, Bischl, Casalicchio (2024). *Model-agnostic feature importance and effects with
///   dependent features: a conditional subgroup approach.* Data Mining and Knowledge Discovery
///   38(5). <https://doi.org/10.1007/s10618-022-00901-9>
#[derive(Debug, Clone)]
pub struct TreeSubgroups<'a> {
    /// The most splits between the root and a leaf, at least 1; default 5, hence at most 32 cells.
    /// `None`: no limit.
    pub max_depth: Option<usize>,
    /// Splits that leave fewer rows on a side are not made; at least 1. Default 30.
    pub min_samples_leaf: usize,
    /// Rows of the same features to grow on, such as those that the model was trained on. Default
    /// `None`: the rows that are scored.
    pub grown_on: Option<&'a Dataset>,
}

impl Default for TreeSubgroups<'_> {
    fn default() -> Self {
        Self { max_depth: Some(5), min_samples_leaf: 30, grown_on: None }
    }
}

impl Subgroups for TreeSubgroups<'_> {
    /// The number of its leaf for each row.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](fi_core::Error::Parameter) outside a domain; [`Error::Shape`](fi_core::Error::Shape) if
    /// `grown_on` has other features.
    fn cells(&self, run: &Run<'_>, data: &Dataset, members: &[usize]) -> Result<Vec<usize>> {
        let grown_on = self.grown_on.unwrap_or(data);
        let n_features = [data.n_features()];
        require_shape("a row to grow subgroups on", &n_features, &[grown_on.n_features()])?;
        let others: Vec<usize> =
            (0..data.n_features()).filter(|column| !members.contains(column)).collect();
        let depth = self.max_depth.unwrap_or(usize::MAX);
        require(depth >= 1, "max_depth", depth, "at least 1")?;
        let least = self.min_samples_leaf;
        require(least >= 1, "min_samples_leaf", least, "at least 1")?;
        let tree = DecisionTree {
            max_depth: self.max_depth,
            min_samples_leaf: least,
            ..DecisionTree::default()
        };
        if others.is_empty() {
            return Ok(vec![0; data.n_rows()]);
        }
        let grown_on = Division::of(grown_on, &others);
        let asked = Division::of(data, &others);
        let columns: Vec<Column<'_>> =
            members.iter().map(|&member| Column::new(&grown_on, member)).collect();
        if let [column] = &columns[..] {
            let rows = column.observed(&grown_on.counting);
            let mut cells = vec![0; data.n_rows()];
            if let Some(grown) = column.grow(run, &tree, &grown_on, &rows)? {
                cells = leaves(&grown, &asked, &(0..data.n_rows()).collect::<Vec<_>>())?;
            }
            return Ok(cells);
        }
        divide(run, &tree, &columns, &grown_on, &asked)
    }
}

/// A data set and its part that rows are divided by.
struct Division<'a> {
    whole: &'a Dataset,
    others: Dataset,
    /// The rows with a weight.
    counting: Vec<usize>,
}

impl<'a> Division<'a> {
    fn of(whole: &'a Dataset, others: &[usize]) -> Self {
        let counts = |&row: &usize| whole.weights().is_none_or(|weights| weights[row] > 0.0);
        let counting = (0..whole.n_rows()).filter(counts).collect();
        Self { whole, others: whole.select_features(others), counting }
    }
}

/// A column to predict.
struct Column<'a> {
    data: &'a Dataset,
    member: usize,
    /// The categories that occur, ascending, if it is categorical.
    categories: Option<Vec<f64>>,
}

impl<'a> Column<'a> {
    fn new(grown_on: &Division<'a>, member: usize) -> Self {
        let data = grown_on.whole;
        let categorical = data.categorical().binary_search(&member).is_ok();
        let categories = categorical.then(|| {
            let mut all: Vec<f64> =
                data.rows().column(member).iter().copied().filter(|x| !x.is_nan()).collect();
            all.sort_by(f64::total_cmp);
            all.dedup();
            all
        });
        Self { data, member, categories }
    }

    fn observed(&self, rows: &[usize]) -> Vec<usize> {
        let there = |&row: &usize| !self.data.rows()[[row, self.member]].is_nan();
        rows.iter().copied().filter(there).collect()
    }

    fn target(&self, rows: &[usize]) -> Target {
        let values = rows.iter().map(|&row| self.data.rows()[[row, self.member]]);
        match &self.categories {
            None => Target::Values(values.collect()),
            Some(categories) => Target::Classes {
                labels: values.map(|x| categories.partition_point(|other| *other < x)).collect(),
                names: categories.iter().map(ToString::to_string).collect(),
            },
        }
    }

    /// A tree that predicts the column in these rows, none of them missing; `None` without rows.
    fn grow(
        &self,
        run: &Run<'_>,
        settings: &DecisionTree,
        grown_on: &Division<'_>,
        rows: &[usize],
    ) -> Result<Option<Trees>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let data = grown_on.others.select_rows(rows)?.with_target(self.target(rows))?;
        let criterion = match self.categories {
            None => DecisionTree::regression().criterion,
            Some(_) => settings.criterion,
        };
        DecisionTree { criterion, ..settings.clone() }.fit(run, &data).map(Some)
    }
}

/// The leaf of each of these rows.
fn leaves(grown: &Trees, division: &Division<'_>, rows: &[usize]) -> Result<Vec<usize>> {
    let rows = division.others.rows().select(ndarray::Axis(0), rows);
    Ok(grown.ensemble().apply(rows.view())?.column(0).to_vec())
}

/// What a split, if there is one, takes from the impurity of the rows, times their weight.
fn decrease(grown: &Trees) -> f64 {
    let tree = grown.ensemble().tree(0);
    let impurity = |node: usize| tree.cover(node) * tree.impurity(node);
    tree.children(0).map_or(0.0, |(left, right)| impurity(0) - impurity(left) - impurity(right))
}

/// A node of the tree of several columns: rows to grow on, rows to divide, and its depth.
type Node = (Vec<usize>, Vec<usize>, usize);

/// Splits node after node, each by the column that gains most.
fn divide(
    run: &Run<'_>,
    settings: &DecisionTree,
    columns: &[Column<'_>],
    grown_on: &Division<'_>,
    asked: &Division<'_>,
) -> Result<Vec<usize>> {
    let max_depth = settings.max_depth.unwrap_or(usize::MAX);
    let stump = DecisionTree { max_depth: Some(1), ..settings.clone() };
    let mut cells = vec![0; asked.whole.n_rows()];
    let mut n_cells = 0;
    // The impurity of each column in all rows, times their weight.
    let mut whole: Option<Vec<f64>> = None;
    let root = (grown_on.counting.clone(), (0..asked.whole.n_rows()).collect(), 0);
    let mut open: Vec<Node> = vec![root];
    while let Some((grown_rows, rows, depth)) = open.pop() {
        let mut stumps = Vec::with_capacity(columns.len());
        for column in columns {
            let observed = column.observed(&grown_rows);
            stumps.push(column.grow(run, &stump, grown_on, &observed)?);
        }
        let whole = whole.get_or_insert_with(|| {
            let impurity = |tree: super::tree::Tree<'_>| tree.cover(0) * tree.impurity(0);
            let of = |stump: &Option<Trees>| {
                stump.as_ref().map_or(0.0, |stump| impurity(stump.ensemble().tree(0)))
            };
            stumps.iter().map(of).collect()
        });
        let share = |column: usize, stump: &Trees| {
            if whole[column] > 0.0 { decrease(stump) / whole[column] } else { 0.0 }
        };
        let mut best: Option<(f64, &Trees)> = None;
        for (column, stump) in stumps.iter().enumerate() {
            let Some(stump) = stump else { continue };
            let gained = share(column, stump);
            if gained > best.map_or(0.0, |(most, _)| most) {
                best = Some((gained, stump));
            }
        }
        let Some((_, stump)) = best.filter(|_| depth < max_depth) else {
            for row in rows {
                cells[row] = n_cells;
            }
            n_cells += 1;
            continue;
        };
        let part = |division: &Division<'_>, rows: &[usize]| -> Result<(Vec<usize>, Vec<usize>)> {
            let sides = leaves(stump, division, rows)?;
            let first = stump.ensemble().tree(0).children(0).map_or(0, |(left, _)| left);
            let (left, right): (Vec<_>, Vec<_>) =
                rows.iter().zip(sides).partition(|(_, leaf)| *leaf == first);
            let rows = |side: Vec<(&usize, usize)>| side.into_iter().map(|(row, _)| *row).collect();
            Ok((rows(left), rows(right)))
        };
        let (grown_left, grown_right) = part(grown_on, &grown_rows)?;
        let (left, right) = part(asked, &rows)?;
        // The left side is next.
        open.push((grown_right, right, depth + 1));
        open.push((grown_left, left, depth + 1));
    }
    Ok(cells)
}

#[cfg(test)]
mod tests;
