//! Path-dependent TreeSHAP by quadrature over rows side by side.
//!
//! The Shapley values of a tree are integrals over `t` of a polynomial: what the tree would
//! answer if every feature were known with the probability `t`, derived by that feature. Its
//! degree is one less than the number `d` of different features on a path, so a Gauss–Legendre
//! rule of `⌈d / 2⌉` nodes gives the integral exactly. [`walk`] has the formulas.

#![expect(
    clippy::inline_always,
    reason = "a walk must be compiled for a processor's instructions inside each of its wrappers"
)]

mod columns;
mod fast;
mod kernel;
mod lanes;
mod pairs;
mod program;
mod rows;
mod table;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use fi_core::{Error, Result};

use super::super::ensemble::Ensemble;
use super::super::split::Precision;
use super::engine::Engine;
use crate::quadrature::Rule;
use columns::{Columns, MOST_RANKS};
use fast::Fast;
use kernel::Speed;
use lanes::Real;
use program::{NONE, Program};
use table::Table;

/// The engine for an ensemble, with this precision of arithmetic.
///
/// # Errors
///
/// [`Error::Data`] if the ensemble does not know the covers of its nodes.
pub(super) fn engine(ensemble: &Ensemble, precision: Precision) -> Result<Box<dyn Engine + '_>> {
    engine_at(ensemble, precision, Speed::of_this_machine())
}

fn engine_at(
    ensemble: &Ensemble,
    precision: Precision,
    speed: Speed,
) -> Result<Box<dyn Engine + '_>> {
    if !ensemble.statistics().cover {
        return Err(Error::Data(
            "the model's file has no covers, which path-dependent SHAP weighs the branches of \
             trees with: take them from rows with `Ensemble::with_covers_of`, or explain with \
             `Perturbation::Interventional`"
                .into(),
        ));
    }
    if precision == Precision::F32 {
        let columns = Columns::new(ensemble, ensemble.precision() == Precision::F64);
        if columns.most_ranks() < MOST_RANKS {
            return Ok(Box::new(PathEngine::<f32, 16>::new(ensemble, columns, speed)));
        }
    }
    Ok(Box::new(PathEngine::<f64, 8>::new(ensemble, Columns::new(ensemble, false), speed)))
}

/// The trees of an ensemble, ready to be walked for `L` rows at a time, or for one.
struct PathEngine<'a, T, const L: usize> {
    columns: Columns,
    members: Vec<Member<'a, T>>,
    speed: Speed,
    base: Vec<f64>,
    scale: f64,
    n_features: usize,
    n_outputs: usize,
    /// The place of each feature among those that some split is on, and how many those are.
    ranks: Vec<u32>,
    n_used: usize,
    /// The largest number of tests of categories that a tree has.
    spare: usize,
}

/// One tree, and what makes it faster where it allows it.
struct Member<'a, T> {
    program: Program<'a, T>,
    fast: Option<Fast<T>>,
    table: Option<Table<T>>,
}

impl<'a, T: Real, const L: usize> PathEngine<'a, T, L> {
    fn new(ensemble: &'a Ensemble, columns: Columns, speed: Speed) -> Self {
        let (n_features, n_outputs) = (ensemble.n_features(), ensemble.n_outputs());
        let mut rules: BTreeMap<usize, Rule> = BTreeMap::new();
        let mut rule = |n: usize| rules.entry(n).or_insert_with(|| Rule::new(n)).clone();
        let mut above = vec![None; n_features];
        let mut member = |tree| {
            let program = Program::new(tree, &columns, &mut above, &mut rule);
            let fast = Fast::new(&program, n_features);
            let table = Table::new::<L>(&program, columns.len(), n_features, speed);
            Member { program, fast, table }
        };
        let members: Vec<Member<'a, T>> = ensemble.trees().map(&mut member).collect();
        let mut sums = vec![0.0; n_outputs];
        for Member { program, .. } in &members {
            let sums = sums.iter_mut().skip(program.output);
            sums.zip(&program.expected).for_each(|(sum, expected)| *sum += expected);
        }
        let scale = ensemble.scale();
        let base = ensemble.base().iter().zip(sums).map(|(base, sum)| base + scale * sum).collect();
        let mut ranks = vec![NONE; n_features];
        for split in members.iter().flat_map(|member| &member.program.splits) {
            ranks[split.feature as usize] = 0;
        }
        let used = ranks.iter_mut().filter(|rank| **rank != NONE);
        let n_used = used.zip(0..).map(|(rank, place)| *rank = place).count();
        let spare = members.iter().map(|member| member.program.categories.len()).max();
        let spare = spare.unwrap_or(0);
        Self { columns, members, speed, base, scale, n_features, n_outputs, ranks, n_used, spare }
    }
}
