//! Which rows each tree of a forest did not see, and what the forest says of them.
//!
//! The samples are not stored: they are drawn again from the seed.

use fi_core::{Dataset, Error, Metric, Model as _, Result, Rng, Target};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::trees::Trees;

/// What the samples of rows that a forest's trees were grown on can be drawn from again.
///
/// Out-of-bag methods need the training data again and refuse any other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    pub(super) seed: u64,
    pub(super) n_draws: usize,
    /// The fingerprint of the training data.
    pub(super) data: u64,
}

impl Bootstrap {
    /// How often each row is drawn; the first thing a tree draws from its stream.
    pub(super) fn draw(&self, n_rows: usize, candidates: &[u32], rng: &mut Rng) -> Vec<u32> {
        let mut counts = vec![0; n_rows];
        for _ in 0..self.n_draws {
            counts[candidates[rng.below(candidates.len())] as usize] += 1;
        }
        counts
    }
}

impl Trees {
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
    /// As for [`Trees::oob_predictions`]; [`Error::TooFewRows`] if no row is out of bag; the
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
        let output = self.output();
        metric.score(predictions.view(), output, data.target(), data.weights())
    }

    /// Which rows of its training data each tree did not see.
    pub(super) fn out_of_bag(&self, data: &Dataset) -> Result<OutOfBag<'_>> {
        let Some(bootstrap) = &self.bootstrap else {
            return Err(Error::Data(
                "the forest was trained without bootstrap, so no row is out of bag: train it with \
                 `bootstrap: true`"
                    .into(),
            ));
        };
        if data.n_features() != self.n_features() || fingerprint(data) != bootstrap.data {
            return Err(Error::Data(
                "these are not the data that the forest was trained on, and only those have \
                 out-of-bag rows"
                    .into(),
            ));
        }
        let weighted = |row: &u32| data.weights().is_none_or(|all| all[*row as usize] > 0.0);
        let candidates: Vec<u32> = (0..data.n_rows() as u32).filter(weighted).collect();
        if bootstrap.n_draws > candidates.len() {
            return Err(Error::Data(format!(
                "the forest says it drew {} of {} rows, more than there are",
                bootstrap.n_draws,
                candidates.len()
            )));
        }
        Ok(OutOfBag { bootstrap, n_rows: data.n_rows(), candidates })
    }
}

/// The rows that each tree did not see, drawn again from the seed.
pub(super) struct OutOfBag<'a> {
    bootstrap: &'a Bootstrap,
    n_rows: usize,
    candidates: Vec<u32>,
}

impl OutOfBag<'_> {
    /// The rows that this tree did not see, ascending.
    pub(super) fn rows(&self, tree: usize) -> Vec<usize> {
        let mut rng = Rng::new(self.bootstrap.seed, tree as u64);
        let counts = self.bootstrap.draw(self.n_rows, &self.candidates, &mut rng);
        (0..self.n_rows).filter(|&row| counts[row] == 0).collect()
    }
}

/// A number that differs for other rows, targets or rows without weight, as far as 64 bits can.
pub(super) fn fingerprint(data: &Dataset) -> u64 {
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
