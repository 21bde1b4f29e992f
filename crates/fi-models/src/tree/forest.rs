//! Random forests: many trees, each on its own bootstrap sample and with its own draws of
//! features, averaged.
//!
//! The rows that a tree did not see, about 37 % of them, are its *out-of-bag* rows: test data
//! that cost nothing. Which they are is not stored: they are drawn again from the seed.

use fi_core::{Dataset, Error, Learner, Metric, Model, Output, Result, Rng, Run, Target, require};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::decision_tree::{DecisionTree, MaxFeatures, check_output, output};
use super::ensemble::{Comparison, Ensemble};
use super::table::Table;

/// How many rows a bootstrap sample draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum MaxSamples {
    /// As many as there are.
    All,
    /// This many: 1 to the number of rows.
    Count(usize),
    /// This share of them, inside (0, 1], rounded, at least 1.
    Share(f64),
}

/// Breiman's random forest, for classification and regression.
///
/// Each tree is grown on rows drawn with replacement and chooses each split from features drawn
/// for that split; the forest predicts the mean of its trees: of their class shares, or of
/// their values. A row drawn twice has twice its weight; rows without weight are never drawn.
///
/// # Cost
///
/// As many trees as [`DecisionTree`]s, in parallel. Sorting the table once is shared. The
/// fitted forest holds its nodes (about `45 + 8 · n_outputs` bytes each) and no rows.
///
/// # When it misleads
///
/// Probabilities of a forest of fully grown trees are votes: ranked well, but not calibrated.
/// No tree predicts beyond the values it was trained on.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Model, Run, Target};
/// use fi_models::tree::RandomForest;
/// use ndarray::Array2;
///
/// let rows = Array2::from_shape_fn((40, 2), |(i, j)| ((i + 1) * (j + 3) % 41) as f64);
/// let values = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(values))?;
/// let forest = RandomForest { n_estimators: 20, ..RandomForest::regression() };
/// let forest = forest.fit(&Run::new(7), &data)?;
/// assert_eq!(forest.ensemble().n_trees(), 20);
/// assert_eq!(forest.oob_predictions(&data)?.dim(), (40, 1));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman (2001). *Random forests.* Machine Learning 45. <https://doi.org/10.1023/A:1010933404324>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RandomForest {
    /// How many trees, at least 1. Default 100.
    pub n_estimators: usize,
    /// How each tree is grown. Default: fully, by Gini impurity, each split from √n features.
    pub tree: DecisionTree,
    /// Whether each tree gets its own sample of rows, drawn with replacement; without, all
    /// trees see all rows and none is out of bag. Default `true`.
    pub bootstrap: bool,
    /// How many rows a sample draws; `All` without bootstrap. Default `All`.
    pub max_samples: MaxSamples,
}

impl Default for RandomForest {
    fn default() -> Self {
        let tree = DecisionTree { max_features: MaxFeatures::Sqrt, ..DecisionTree::default() };
        Self { n_estimators: 100, tree, bootstrap: true, max_samples: MaxSamples::All }
    }
}

impl RandomForest {
    /// The default settings for regression: trees by squared error, each split from all
    /// features, as in scikit-learn.
    pub fn regression() -> Self {
        Self { tree: DecisionTree::regression(), ..Self::default() }
    }

    /// Trains a forest; the same bits for any number of threads.
    ///
    /// # Errors
    ///
    /// As for [`DecisionTree::fit`]; [`Error::Parameter`] for `n_estimators` or `max_samples`
    /// outside their domain; [`Error::Cancelled`].
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Forest> {
        require(self.n_estimators >= 1, "n_estimators", self.n_estimators, "at least 1")?;
        let limits = self.tree.limits(data)?;
        let table = Table::new(data)?;
        let candidates = table.weighted_rows();
        let sampling = self.sampling(run, data, candidates.len())?;
        let trees = run.map(self.n_estimators, |_tree, rng| {
            let Some(sampling) = &sampling else {
                let rows = candidates.clone();
                return Ok(self.tree.grow(&table, limits, &table.weights, rows, rng));
            };
            let counts = sampling.draw(table.n_rows, &candidates, rng);
            let weights = counts.iter().zip(&table.weights);
            let weights: Vec<f64> = weights.map(|(&n, weight)| f64::from(n) * weight).collect();
            let drawn = candidates.iter().copied();
            let rows = drawn.filter(|&row| counts[row as usize] > 0).collect();
            Ok(self.tree.grow(&table, limits, &weights, rows, rng))
        })?;
        let mut builder =
            Ensemble::builder(table.n_features, table.n_outputs(), Comparison::LessEqual);
        trees.into_iter().try_for_each(|tree| builder.push_tree(tree))?;
        Ok(Forest { ensemble: builder.build()?, output: output(data.target()), sampling })
    }

    fn sampling(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        n_candidates: usize,
    ) -> Result<Option<Sampling>> {
        let name = "max_samples";
        if !self.bootstrap {
            let all = self.max_samples == MaxSamples::All;
            let given = format!("{:?}", self.max_samples);
            require(all, name, given, "All for a forest without bootstrap")?;
            return Ok(None);
        }
        let n_draws = match self.max_samples {
            MaxSamples::All => n_candidates,
            MaxSamples::Count(count) => {
                let requirement = || format!("1 to the number of weighted rows, {n_candidates}");
                require(0 < count && count <= n_candidates, name, count, requirement())?;
                count
            }
            MaxSamples::Share(share) => {
                require(0.0 < share && share <= 1.0, name, share, "inside (0, 1]")?;
                ((share * n_candidates as f64).round() as usize).max(1)
            }
        };
        Ok(Some(Sampling { seed: run.seed(), n_draws, data: fingerprint(data) }))
    }
}

impl Learner for RandomForest {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}

/// What the bootstrap samples can be drawn from again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sampling {
    seed: u64,
    n_draws: usize,
    /// The fingerprint of the training data.
    data: u64,
}

impl Sampling {
    /// How often each row is drawn; the first thing a tree draws from its stream.
    fn draw(&self, n_rows: usize, candidates: &[u32], rng: &mut Rng) -> Vec<u32> {
        let mut counts = vec![0; n_rows];
        for _ in 0..self.n_draws {
            counts[candidates[rng.below(candidates.len())] as usize] += 1;
        }
        counts
    }
}

/// A trained [`RandomForest`]: class probabilities in class order (also for classes that no
/// training row has), or values.
///
/// Out-of-bag methods need the training data again and refuse any other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    ensemble: Ensemble,
    output: Output,
    sampling: Option<Sampling>,
}

impl Forest {
    /// The trees.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// Out-of-bag predictions `(n_rows, n_outputs)`: each row by the mean of the trees whose
    /// sample it is not in; NaN for a row that is in every sample.
    ///
    /// # Cost
    ///
    /// About 37 % of predicting all rows.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a forest without bootstrap, or if `data` is not what it was trained
    /// on.
    pub fn oob_predictions(&self, data: &Dataset) -> Result<Array2<f64>> {
        let bags = self.out_of_bag(data)?;
        let rows = data.rows().as_standard_layout().into_owned();
        let mut sums = Array2::zeros((rows.nrows(), self.n_outputs()));
        let mut n_trees = vec![0_usize; rows.nrows()];
        for (index, tree) in self.ensemble.trees().enumerate() {
            for row in bags.rows(index) {
                let value = tree.value(tree.leaf_of(rows.row(row)));
                n_trees[row] += 1;
                sums.row_mut(row).iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
            }
        }
        // 0 trees: 0 / 0 is the NaN that is asked for.
        for (mut sums, &n) in sums.rows_mut().into_iter().zip(&n_trees) {
            sums.mapv_inplace(|sum| sum / n as f64);
        }
        Ok(sums)
    }

    /// The metric of the out-of-bag predictions, over the rows that have one.
    ///
    /// # When it misleads
    ///
    /// Rows that belong together (a person, a day) are in and out of the bag separately, so the
    /// score is too good where groups matter.
    ///
    /// # Errors
    ///
    /// As for [`Forest::oob_predictions`]; [`Error::TooFewRows`] if no row is out of bag; the
    /// metric's own.
    pub fn oob_score(&self, data: &Dataset, metric: &Metric) -> Result<f64> {
        let predictions = self.oob_predictions(data)?;
        let rows: Vec<usize> =
            (0..data.n_rows()).filter(|&row| !predictions[[row, 0]].is_nan()).collect();
        if rows.is_empty() {
            let what = "an out-of-bag score".to_owned();
            return Err(Error::TooFewRows { what, needed: 1, got: 0 });
        }
        let data = data.select_rows(&rows)?;
        let predictions = predictions.select(Axis(0), &rows);
        metric.score(predictions.view(), self.output, data.target(), data.weights())
    }

    /// Which rows of its training data each tree did not see.
    pub(super) fn out_of_bag(&self, data: &Dataset) -> Result<OutOfBag<'_>> {
        let Some(sampling) = &self.sampling else {
            return Err(Error::Data(
                "the forest was trained without bootstrap, so no row is out of bag: train it with \
                 `bootstrap: true`"
                    .into(),
            ));
        };
        if data.n_features() != self.n_features() || fingerprint(data) != sampling.data {
            return Err(Error::Data(
                "these are not the data that the forest was trained on, and only those have \
                 out-of-bag rows"
                    .into(),
            ));
        }
        let weighted = |row: &u32| data.weights().is_none_or(|all| all[*row as usize] > 0.0);
        let candidates: Vec<u32> = (0..data.n_rows() as u32).filter(weighted).collect();
        if sampling.n_draws > candidates.len() {
            return Err(Error::Data(format!(
                "the forest says it drew {} of {} rows, more than there are",
                sampling.n_draws,
                candidates.len()
            )));
        }
        Ok(OutOfBag { sampling, n_rows: data.n_rows(), candidates })
    }

    /// Checks everything the methods rely on: for a forest that came from a file.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] that says what does not fit.
    pub fn validate(&self) -> Result<()> {
        check_output(&self.ensemble, self.output)
    }
}

/// The rows that each tree did not see, drawn again from the seed.
pub(super) struct OutOfBag<'a> {
    sampling: &'a Sampling,
    n_rows: usize,
    candidates: Vec<u32>,
}

impl OutOfBag<'_> {
    /// The rows that this tree did not see, ascending.
    pub(super) fn rows(&self, tree: usize) -> Vec<usize> {
        let mut rng = Rng::new(self.sampling.seed, tree as u64);
        let counts = self.sampling.draw(self.n_rows, &self.candidates, &mut rng);
        (0..self.n_rows).filter(|&row| counts[row] == 0).collect()
    }
}

impl Model for Forest {
    fn n_features(&self) -> usize {
        self.ensemble.n_features()
    }

    fn n_outputs(&self) -> usize {
        self.ensemble.n_outputs()
    }

    fn output(&self) -> Output {
        self.output
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.ensemble.predict(rows)
    }
}

/// A number that differs for other rows, targets or rows without weight, as far as 64 bits can.
fn fingerprint(data: &Dataset) -> u64 {
    let mut hash = data.n_rows() as u64;
    let mut add = |bits: u64| {
        hash = (hash ^ bits).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    };
    data.rows().iter().for_each(|x| add(x.to_bits()));
    match data.target() {
        Target::Values(values) => values.iter().for_each(|y| add(y.to_bits())),
        Target::Classes { labels, names } => {
            add(names.len() as u64);
            for &label in labels {
                add(label as u64);
            }
        }
    }
    if let Some(weights) = data.weights() {
        for &weight in weights {
            add(u64::from(weight > 0.0));
        }
    }
    hash
}

#[cfg(test)]
mod tests;
