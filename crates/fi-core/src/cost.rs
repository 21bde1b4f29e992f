//! What a call will cost, before it is made.
//!
//! A method knows how many rows the model will predict; how long that takes only the caller can
//! measure, because nothing in this crate reads a clock. So a plan is made of a rehearsal: make the
//! call on few rows and on some more, with a clock around it and a [`Counter`] in it, and
//! [`extrapolate`] to all of them.

use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{Array2, ArrayView2};

use crate::dataset::Dataset;
use crate::error::Result;
use crate::model::{Learner, Model, Output};
use crate::run::Run;

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
    /// How often a learner is trained, at most.
    pub n_trainings: u64,
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
            n_trainings: self.n_trainings.saturating_add(other.n_trainings),
            n_bytes: self.n_bytes.saturating_add(other.n_bytes),
            n_bytes_per_thread: self.n_bytes_per_thread.max(other.n_bytes_per_thread),
        }
    }
}

/// Counts what a call asks of the models and learners that it is handed.
///
/// # Example
///
/// ```
/// use fi_core::{Counter, Function, Model};
/// use ndarray::{Array2, ArrayView2};
///
/// let model = Function::new(2, 1, |rows: ArrayView2<f64>| Array2::zeros((rows.nrows(), 1)));
/// let counter = Counter::default();
/// counter.model(&model).predict(Array2::zeros((5, 2)).view())?;
/// assert_eq!((counter.n_evaluations(), counter.n_trainings()), (5, 0));
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    n_evaluations: AtomicU64,
    n_trainings: AtomicU64,
}

impl Counter {
    /// This model, whose predicted rows are counted.
    pub fn model<'a, M: Model + 'a>(&self, model: M) -> Box<dyn Model + 'a> {
        Box::new(Counted { of: model, counter: self.clone() })
    }

    /// This learner, whose trainings are counted, and the rows that its models predict.
    pub fn learner<'a, L: Learner + 'a>(&self, learner: L) -> Box<dyn Learner + 'a> {
        Box::new(Counted { of: learner, counter: self.clone() })
    }

    /// One training more, of a learner that cannot be wrapped.
    pub fn add_training(&self) {
        self.0.n_trainings.fetch_add(1, Ordering::Relaxed);
    }

    /// How many rows were predicted.
    pub fn n_evaluations(&self) -> u64 {
        self.0.n_evaluations.load(Ordering::Relaxed)
    }

    /// How often a learner was trained.
    pub fn n_trainings(&self) -> u64 {
        self.0.n_trainings.load(Ordering::Relaxed)
    }
}

/// A model or a learner, and who counts what is asked of it.
struct Counted<T> {
    of: T,
    counter: Counter,
}

impl<M: Model> Model for Counted<M> {
    fn n_features(&self) -> usize {
        self.of.n_features()
    }
    fn n_outputs(&self) -> usize {
        self.of.n_outputs()
    }
    fn output(&self) -> Output {
        self.of.output()
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.counter.0.n_evaluations.fetch_add(rows.nrows() as u64, Ordering::Relaxed);
        self.of.predict(rows)
    }
}

impl<L: Learner> Learner for Counted<L> {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        self.counter.add_training();
        Ok(self.counter.model(self.of.train(run, data)?))
    }
}

/// What a call costs for `n` rows that cost `few.1` for `few.0` rows and `more.1` for `more.0`.
///
/// The straight line through both, which is exact for what each row costs the same; where cost
/// grows faster than rows, as that of sorting does, the power law through both instead, with an
/// exponent of at most 1.25: two small measurements do not tell more apart from noise.
///
/// # Example
///
/// ```
/// use fi_core::extrapolate;
///
/// // A second to begin with, and 10 ms for each row.
/// let seconds = extrapolate((100, 2.0), (400, 5.0), 10_000);
/// assert!((seconds - 101.0).abs() < 1e-9);
/// ```
pub fn extrapolate(few: (usize, f64), more: (usize, f64), n: usize) -> f64 {
    const STEEPEST: f64 = 1.25;
    let ((n_few, few), (n_more, more)) = ((few.0 as f64, few.1), (more.0 as f64, more.1));
    let n = n as f64;
    if n_more <= n_few || n <= n_more {
        return more;
    }
    let slope = (more - few).max(0.0) / (n_more - n_few);
    let line = more + slope * (n - n_more);
    let exponent = (more / few).ln() / (n_more / n_few).ln();
    if exponent > 1.0 { more * (n / n_more).powf(exponent.min(STEEPEST)) } else { line }
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
    use super::{Counter, extrapolate};
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
    fn a_counter_counts_every_training_and_row() {
        use crate::{Folds, Learner, Lofo, Model};
        struct Constant;
        impl Learner for Constant {
            fn train(&self, _: &Run<'_>, data: &Dataset) -> crate::Result<Box<dyn Model>> {
                Ok(Box::new(Function::new(data.n_features(), 1, sums)))
            }
        }
        let target = Target::Values((0..20).map(f64::from).collect());
        let data = Dataset::new(rows(20, 4), target).unwrap();
        let players = Players::features(["a", "b", "c", "d"]).unwrap();
        let counter = Counter::default();
        let folds = Folds::KFold { n_splits: 4, shuffle: true };
        let lofo = Lofo { folds, ..Lofo::default() };
        lofo.importance(&Run::new(1), &counter.learner(Constant), &data, &players, &[Metric::Mse])
            .unwrap();
        assert_eq!(counter.n_trainings(), 4 * 5);
        // Each fit predicts its fold's 5 test rows.
        assert_eq!(counter.n_evaluations(), 4 * 5 * 5);
    }

    #[test]
    fn what_grows_faster_than_rows_is_not_a_line() {
        let sorted = |n: usize| (n as f64) * (n as f64).ln();
        let found = extrapolate((1000, sorted(1000)), (4000, sorted(4000)), 64_000);
        let line = sorted(4000) + (sorted(4000) - sorted(1000)) / 3000.0 * 60_000.0;
        // A power through both points is 8 % too high here, the line 21 % too low.
        assert!((found / sorted(64_000) - 1.0).abs() < 0.1, "{found}");
        assert!(line / sorted(64_000) < 0.9);
        // Steeper is taken for noise, and what does not grow stays.
        assert!((extrapolate((10, 1.0), (20, 8.0), 40) - 8.0 * 2_f64.powf(1.25)).abs() < 1e-9);
        assert!((extrapolate((10, 2.0), (20, 1.5), 40) - 1.5).abs() < 1e-9);
        assert!((extrapolate((20, 3.0), (20, 3.0), 20) - 3.0).abs() < 1e-9);
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
