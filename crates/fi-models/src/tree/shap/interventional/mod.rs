//! Interventional TreeSHAP: Shapley values of the marginal game over background rows.
//!
//! ```text
//! v(S) = ∑_b w_b · f(x on S, z_b elsewhere)
//! ```
//!
//! Two exact engines, chosen per tree by [`TablePlan`]. *Tables*: what a group of leaves adds to
//! each feature depends on a row only through the row's pattern, a few bits, so it is tabulated
//! once with the whole background in it; a row then costs one look-up per group, however many
//! background rows there are. *Cohorts*, for paths of many features or for few rows: one walk
//! per row with the background as sets of bits. Background rows are never dropped.

mod beta;
mod codes;
mod cohort;
mod cost;
mod fast;
mod kernel;
mod probability;
mod program;
mod table;
mod unit;
mod walk;

use fi_core::{Result, Run, require_shape};
use ndarray::{ArrayView2, Axis};

pub use cost::{ChosenEngines, TablePlan};
pub(in crate::tree::shap) use probability::InterventionalProbability;

use super::background::Background;
use super::engine::Engine;
use crate::tree::{Ensemble, Precision};
use codes::Codes;
use fast::Fast;
use kernel::Level;

/// Interventional TreeSHAP of one ensemble and background, on the raw scale.
pub(in crate::tree::shap) struct Interventional<'a> {
    engine: Box<dyn Engine + 'a>,
    engines: ChosenEngines,
}

impl<'a> Interventional<'a> {
    /// Prepares the engines: tables of `precision`, made by the threads of `run`.
    pub(in crate::tree::shap) fn new(
        run: &Run<'_>,
        trees: &'a Ensemble,
        background: &Background,
        precision: Precision,
        plan: &TablePlan,
    ) -> Result<Self> {
        Self::at_level(run, trees, background, precision, plan, Level::detect())
    }

    fn at_level(
        run: &Run<'_>,
        trees: &'a Ensemble,
        background: &Background,
        precision: Precision,
        plan: &TablePlan,
        level: Level,
    ) -> Result<Self> {
        let (engine, engines): (Box<dyn Engine + 'a>, ChosenEngines) = match precision {
            Precision::F32 => {
                let fast = Fast::<f32>::new(run, trees, background, plan, level)?;
                let engines = fast.engines();
                (Box::new(fast), engines)
            }
            Precision::F64 => {
                let fast = Fast::<f64>::new(run, trees, background, plan, level)?;
                let engines = fast.engines();
                (Box::new(fast), engines)
            }
        };
        Ok(Self { engine, engines })
    }

    /// What was chosen.
    pub(in crate::tree::shap) fn chosen(&self) -> ChosenEngines {
        self.engines
    }
}

impl Engine for Interventional<'_> {
    fn base_values(&self) -> &[f64] {
        self.engine.base_values()
    }

    fn block_rows(&self) -> usize {
        self.engine.block_rows()
    }

    fn attribute(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        self.engine.attribute(rows, values);
    }

    fn interact(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]) {
        self.engine.interact(rows, values);
    }
}

/// The background rows that have a weight, coded.
struct Coded {
    block: codes::Block,
    weights: Vec<f64>,
    /// The one weight of all rows, if it is one.
    even: Option<f64>,
}

impl Coded {
    fn new(codes: &Codes, background: &Background) -> Self {
        let (rows, weights) = weighted_rows(background);
        let mut block = codes::Block::default();
        codes.encode(rows.view(), &mut block);
        let even = weights.iter().all(|&w| w == weights[0]).then_some(weights[0]);
        Self { block, weights, even }
    }

    fn n_rows(&self) -> usize {
        self.weights.len()
    }

    fn n_words(&self) -> usize {
        self.block.padded / 64
    }
}

/// The rows with a weight above 0; at least one has.
fn weighted_rows(background: &Background) -> (ndarray::Array2<f64>, Vec<f64>) {
    let weights = background.weights();
    let kept: Vec<usize> = (0..weights.len()).filter(|&row| weights[row] > 0.0).collect();
    let rows = background.rows().select(Axis(0), &kept);
    (rows, kept.iter().map(|&row| weights[row]).collect())
}

/// Checks that background and model have the same features.
fn check(trees: &Ensemble, background: &Background) -> Result<()> {
    let expected = [background.n_rows(), trees.n_features()];
    require_shape("the background", &expected, background.rows().shape())
}

/// `∑_b w_b · f(z_b)` per output of `answers`, in the order of the rows.
fn weighted_mean(answers: ArrayView2<'_, f64>, weights: &[f64]) -> Vec<f64> {
    let mut mean = vec![0.0; answers.ncols()];
    for (answer, weight) in answers.rows().into_iter().zip(weights) {
        mean.iter_mut().zip(answer).for_each(|(mean, answer)| *mean += weight * answer);
    }
    mean
}

/// Which background rows go left, `n_words` words per node of a tree.
fn node_bits(level: Level, codes: &Codes, tree: crate::tree::Tree<'_>, coded: &Coded) -> Vec<u64> {
    let n_words = coded.n_words();
    let mut bits = vec![0; tree.n_nodes() * n_words];
    let mut scratch = vec![0; coded.block.padded];
    for (node, words) in bits.chunks_exact_mut(n_words).enumerate() {
        if !tree.is_leaf(node) {
            codes.bits(level, (tree, node), &coded.block, &mut scratch, words);
        }
    }
    bits
}

#[cfg(test)]
mod tests;
