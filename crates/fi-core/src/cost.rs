//! What a call will cost, before it is made.
//!
//! A method knows how many rows the model will predict; how long one takes only the caller can
//! measure, because nothing in this crate reads a clock.

use std::ops::Add;

/// What a call will cost: what `cost` of a method answers without calling the model.
///
/// # Example
///
/// ```
/// use fi_core::Permutation;
///
/// let settings = Permutation { n_repeats: 10, ..Permutation::default() };
/// // 442 rows with 10 features, each a player, and one output.
/// let cost = settings.cost(442, 10, 10, 1);
/// assert_eq!(cost.n_evaluations, 442 * (1 + 10 * 10));
/// // A model that takes 2 µs for a row.
/// assert!((cost.seconds(2e-6) - 0.089284).abs() < 1e-9);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// How many rows the model predicts, at most.
    pub n_evaluations: u64,
    /// How many bytes the answer and what it is made of take, at most: without the model, the
    /// rows, and what each thread predicts at the moment.
    pub n_bytes: u64,
    /// How many bytes of rows and predictions each thread holds while it works.
    pub n_bytes_per_thread: u64,
}

impl Cost {
    /// How long one thread is busy with predictions that take so many seconds a row.
    pub fn seconds(self, per_evaluation: f64) -> f64 {
        self.n_evaluations as f64 * per_evaluation
    }

    /// How many bytes so many threads need.
    pub fn bytes(self, n_threads: usize) -> u64 {
        self.n_bytes.saturating_add(self.n_bytes_per_thread.saturating_mul(n_threads as u64))
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            n_evaluations: self.n_evaluations.saturating_add(other.n_evaluations),
            n_bytes: self.n_bytes.saturating_add(other.n_bytes),
            n_bytes_per_thread: self.n_bytes_per_thread.max(other.n_bytes_per_thread),
        }
    }
}

/// The product of counts that may be beyond any memory.
pub(crate) fn product(counts: &[usize]) -> u64 {
    counts.iter().fold(1, |all: u64, &count| all.saturating_mul(count as u64))
}

/// The bytes of so many numbers.
pub(crate) fn bytes(counts: &[usize]) -> u64 {
    product(counts).saturating_mul(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapley::{self, Estimator};
    use crate::{Dataset, Function, Metric, Occlusion, Permutation, Players, Removal, Run, Target};
    use ndarray::{Array2, ArrayView2, Axis};

    fn rows(n: usize, n_features: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, n_features), |(i, j)| ((i * 7 + j * 3) % 11) as f64)
    }

    fn sums(rows: ArrayView2<'_, f64>) -> Array2<f64> {
        rows.sum_axis(Axis(1)).insert_axis(Axis(1))
    }

    #[test]
    fn a_planned_cost_is_the_one_that_is_counted() {
        let (run, model) = (Run::new(3), Function::new(4, 1, sums));
        let rows = rows(20, 4);
        let target = Target::Values((0..20).map(f64::from).collect());
        let data = Dataset::new(rows.clone(), target).unwrap();
        let players = Players::features(["a", "b", "c", "d"]).unwrap();
        for max_rows in [None, Some(12)] {
            let settings = Permutation { n_repeats: 5, max_rows, ..Permutation::default() };
            let found = settings.importance(&run, &model, &data, &players, &[Metric::Mse]).unwrap();
            let cost = settings.cost(20, 4, 4, 1);
            assert_eq!(cost.n_evaluations, found[0].n_evaluations as u64);
        }
        let occlusion = Occlusion::at_means(rows.view());
        let found = occlusion.attribution(&run, &model, rows.view(), &players).unwrap();
        let cost = occlusion.cost(20, 4, 1);
        assert_eq!(cost.n_evaluations, found.n_evaluations as u64);
        // The values alone are 20 × 4 numbers.
        assert!(cost.n_bytes >= 20 * 4 * 8);
        let removal = Removal::marginal(rows.slice(ndarray::s![..6, ..]).to_owned()).unwrap();
        let estimators: [&dyn Estimator; 4] = [
            &shapley::Exact,
            &shapley::Kernel::default(),
            &shapley::Permutation::default(),
            &shapley::Sampling { n_samples: 40 },
        ];
        for estimator in estimators {
            let found =
                shapley::explain(&run, estimator, &model, rows.view(), &players, &removal).unwrap();
            let cost = shapley::cost(estimator, &model, 20, &players, &removal).unwrap().unwrap();
            assert_eq!(cost.n_evaluations, found.n_evaluations as u64, "{}", estimator.name());
        }
    }

    #[test]
    fn what_is_beyond_any_machine_is_still_a_number() {
        let settings = Permutation { n_repeats: usize::MAX, ..Permutation::default() };
        let cost = settings.cost(usize::MAX, 1, 9, 1);
        assert_eq!(cost.n_evaluations, u64::MAX);
        assert_eq!((cost + cost).bytes(8), u64::MAX);
        let model = Function::new(40, 1, sums);
        let players = Players::features((0..40).map(|i| format!("x{i}"))).unwrap();
        let removal = Removal::marginal(rows(3, 40)).unwrap();
        let cost = shapley::cost(&shapley::Exact, &model, 2, &players, &removal).unwrap();
        assert_eq!(cost.unwrap().n_evaluations, 2 * 3 * (1 << 40));
    }
}
