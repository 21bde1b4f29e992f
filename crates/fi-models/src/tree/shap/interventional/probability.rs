//! Interventional TreeSHAP on the scale of probabilities, by shap's rescale rule.

use fi_core::{Error, Result};
use ndarray::{Array2, ArrayView2};

use super::beta::Beta;
use super::codes::Codes;
use super::cohort::{Cohorts, Mass, Task};
use super::kernel::Level;
use super::{Background, ChosenEngines, Coded, check, node_bits, weighted_mean, weighted_rows};
use crate::tree::shap::engine::{Engine, n_pairs};
use crate::tree::{Link, Trees};

/// Bytes of the background's decisions that are kept; others are found for every block of rows.
const BITS_BYTES: usize = 1 << 28;

/// Interventional values of predictions instead of raw answers: shap's
/// `model_output="probability"`.
///
/// ```text
/// φ_j(x) = ∑_b w_b · s(x, z_b) · φ_j(x, z_b)
///
/// φ_j(x, z)   the raw Shapley value of x against the single background row z
/// s(x, z)     (link(f(x)) − link(f(z))) / (f(x) − f(z)),  1 where f(x) = f(z)
/// ```
///
/// This is the rescale rule, which adds up to the prediction exactly, and *not* the Shapley value
/// of the game of predictions: within one pair all features share one factor. The 1 for equal
/// answers is shap's; the values of such a pair sum to 0 with any factor.
pub(in crate::tree::shap) struct InterventionalProbability<'a> {
    trees: &'a Trees,
    level: Level,
    codes: Codes,
    background: Coded,
    /// The raw answers `(n_background, n_raw)`.
    answers: Array2<f64>,
    base_values: Vec<f64>,
    beta: Beta,
    /// The background's decisions in each tree, if they are kept.
    bits: Vec<Option<Vec<u64>>>,
}

impl<'a> InterventionalProbability<'a> {
    /// Prepares the walk; `run` lends its threads.
    pub(in crate::tree::shap) fn new(
        run: &fi_core::Run<'_>,
        trees: &'a Trees,
        background: &Background,
    ) -> Result<Self> {
        let ensemble = trees.ensemble();
        check(ensemble, background)?;
        if trees.link() == Link::Softmax {
            return Err(Error::Data(
                "softmax mixes the raw answers of all classes, so no factor takes one class's \
                 values to its probability: explain the raw answers instead"
                    .to_owned(),
            ));
        }
        let (codes, level) = (Codes::new(ensemble), Level::detect());
        let (rows, weights) = weighted_rows(background);
        let answers = trees.predict_raw(rows.view())?;
        let base_values = weighted_mean(trees.link().apply(answers.clone()).view(), &weights);
        let background = Coded::new(&codes, background);
        let mut bytes = 0;
        let keep: Vec<bool> = ensemble
            .trees()
            .map(|tree| {
                bytes += 8 * tree.n_nodes() * background.n_words();
                bytes <= BITS_BYTES
            })
            .collect();
        let bits = run.map(ensemble.n_trees(), |tree, _| {
            let tree = ensemble.tree(tree);
            Ok(keep[tree.index()].then(|| node_bits(level, &codes, tree, &background)))
        })?;
        let beta = Beta::new();
        Ok(Self { trees, level, codes, background, answers, base_values, beta, bits })
    }

    /// All trees are walked.
    pub(in crate::tree::shap) fn chosen(&self) -> ChosenEngines {
        ChosenEngines { cohorts: self.trees.ensemble().n_trees(), ..ChosenEngines::default() }
    }

    /// Writes `values[row][output][column]`.
    fn write(&self, rows: ArrayView2<'_, f64>, values: &mut [f64], pairs: bool) {
        let (ensemble, link) = (self.trees.ensemble(), self.trees.link());
        let rows = rows.as_standard_layout();
        let n_rows = rows.nrows();
        values.fill(0.0);
        let Ok(answers) = ensemble.predict(rows.view()) else { return };
        let n_raw = ensemble.n_outputs();
        let n_background = self.background.n_rows();
        let columns = if pairs { n_pairs(ensemble.n_features()) } else { ensemble.n_features() };
        // Two classes from one raw answer: the second's values, and their opposites.
        let n_outputs = link.n_outputs(n_raw);
        let shift = n_outputs - n_raw;
        let per_row = n_outputs * columns;
        let mut weights = vec![0.0; n_rows * n_raw * n_background];
        for (at, weights) in weights.chunks_exact_mut(n_background).enumerate() {
            let (row, output) = (at / n_raw, at % n_raw);
            let x = answers[[row, output]];
            let others = self.answers.column(output);
            for ((weight, &z), &w) in weights.iter_mut().zip(others).zip(&self.background.weights) {
                *weight = w * factor(link, x, z);
            }
        }
        let mut cohorts = Cohorts::default();
        for (tree, bits) in ensemble.trees().zip(&self.bits) {
            let made;
            let bits = if let Some(bits) = bits {
                bits
            } else {
                made = node_bits(self.level, &self.codes, tree, &self.background);
                &made
            };
            let outputs = match tree.output() {
                Some(output) => output..output + 1,
                None => 0..n_raw,
            };
            for (row, values) in values.chunks_exact_mut(per_row).enumerate() {
                for (value, output) in outputs.clone().enumerate() {
                    let start = (row * n_raw + output) * n_background;
                    let task = Task {
                        tree,
                        value: Some(value),
                        bits,
                        n_words: self.background.n_words(),
                        n_background,
                        mass: Mass::Rows(&weights[start..start + n_background]),
                        scale: ensemble.scale(),
                        beta: &self.beta,
                    };
                    let at = (output + shift) * columns;
                    let values = &mut values[at..at + columns];
                    let x = rows.row(row);
                    let x = x.to_slice().unwrap_or(&[]);
                    if pairs {
                        cohorts.interact(&task, x, values);
                    } else {
                        cohorts.attribute(&task, x, values);
                    }
                }
            }
        }
        if shift == 1 {
            for values in values.chunks_exact_mut(per_row) {
                let (first, second) = values.split_at_mut(columns);
                first.iter_mut().zip(second).for_each(|(first, second)| *first = -*second);
            }
        }
    }
}

impl Engine for InterventionalProbability<'_> {
    fn base_values(&self) -> &[f64] {
        &self.base_values
    }

    fn block_rows(&self) -> usize {
        // The weights of every row are another background's.
        ((1 << 20) / (self.background.n_rows() * self.answers.ncols())).clamp(1, 64)
    }

    fn attribute(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        self.write(rows, values, false);
    }

    fn interact(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        self.write(rows, values, true);
    }
}

/// `(link(x) − link(z)) / (x − z)`, without the cancellation of two predictions that are close.
fn factor(link: Link, x: f64, z: f64) -> f64 {
    if x == z {
        return 1.0;
    }
    match link {
        Link::Identity | Link::Probabilities | Link::Softmax => 1.0,
        Link::Exp => {
            let (high, low) = (x.max(z), x.min(z));
            high.exp() * -(low - high).exp_m1() / (high - low)
        }
        Link::Sigmoid { slope } | Link::Logistic { slope } | Link::OneVsRest { slope } => {
            let (high, low) = (slope * x.max(z), slope * x.min(z));
            // σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a))
            let sigmoids = sigmoid(high) * sigmoid(-low);
            slope * sigmoids * -(low - high).exp_m1() / (high - low)
        }
    }
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_is_the_quotient_and_does_not_cancel() {
        // The plain quotient cancels, so it is compared with less than full precision.
        let quotient = |link: fn(f64) -> f64, x: f64, z: f64| (link(x) - link(z)) / (x - z);
        for (x, z) in [(0.0, 1.0), (2.5, -3.0), (-4.0, -7.0), (6.0, 5.5)] {
            let expected = quotient(sigmoid, x, z);
            let got = factor(Link::Logistic { slope: 1.0 }, x, z);
            assert!((got / expected - 1.0).abs() < 1e-9, "{x} {z}");
            let got = factor(Link::Sigmoid { slope: 2.0 }, x, z);
            let expected = quotient(|t| sigmoid(2.0 * t), x, z);
            assert!((got / expected - 1.0).abs() < 1e-9, "{x} {z}");
            let expected = quotient(f64::exp, x, z);
            assert!((factor(Link::Exp, x, z) / expected - 1.0).abs() < 1e-9, "{x} {z}");
        }
        // Next to each other: the derivative; equal: shap's 1.
        let near = factor(Link::Logistic { slope: 1.0 }, 0.0, 1e-14);
        assert!((near - 0.25).abs() < 1e-12, "{near}");
        assert_eq!(factor(Link::Logistic { slope: 1.0 }, 0.7, 0.7), 1.0);
        assert_eq!(factor(Link::Logistic { slope: 1.0 }, 800.0, -800.0), 1.0 / 1600.0);
        assert_eq!(factor(Link::Identity, 3.0, 1.0), 1.0);
    }
}
