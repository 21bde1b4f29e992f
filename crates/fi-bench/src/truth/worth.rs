//! What a method would find in the signal itself, where that is known: the numbers that importances
//! are held against, not only their order.
//!
//! With squared error, and for a model that is the signal `f`, every method that watches the loss
//! has a value in the unit of `Var f(X)`:
//!
//! | a feature is | the loss rises by |
//! |---|---|
//! | shuffled | `E[(f(X) − f(X with Xᵢ from another row))²]` |
//! | drawn given the others | `2 E[Var(f(X) \| all but Xᵢ)]` |
//! | left out, and the learner trained again | `E[Var(f(X) \| all but Xᵢ)]` |
//! | the only one that is known, against none | `Var E[f(X) \| Xᵢ]` |
//!
//! and SAGE is the Shapley value of how far the loss of the mean prediction falls.

use super::quadrature::{Effects, shapley};

/// What a method estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// The rise of the loss when a feature is shuffled.
    Shuffled,
    /// The rise when it is drawn given the others.
    DrawnGiven,
    /// The rise when the learner is trained without it.
    Without,
    /// The fall when it is all that is known.
    Alone,
    /// SAGE with marginal removal.
    Sage,
    /// SAGE with conditional removal.
    SageGiven,
}

/// The values of all columns, in the unit of the signal's variance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Worth {
    shuffled: Vec<f64>,
    without: Vec<f64>,
    alone: Vec<f64>,
    sage: Vec<f64>,
    sage_given: Vec<f64>,
}

impl Worth {
    /// Of independent inputs, which are the first of `n_columns` columns; the others do nothing.
    pub(super) fn of_effects(effects: &Effects, n_columns: usize) -> Self {
        let padded = |values: &[f64]| {
            let mut values = values.to_vec();
            values.resize(n_columns, 0.0);
            values
        };
        Self {
            shuffled: padded(&effects.total).iter().map(|total| 2.0 * total).collect(),
            without: padded(&effects.total),
            alone: padded(&effects.first),
            sage: padded(&effects.shapley),
            sage_given: padded(&effects.shapley),
        }
    }

    /// Of the sum of `beta · x` with jointly normal `x` of this covariance.
    ///
    /// Of what is known, `Var(f | S)` is the variance of `β x` outside `S` given `x` in `S`, a Schur
    /// complement; with marginal removal it is that of the columns outside, `β' Σ β` over them.
    pub(super) fn of_normals(beta: &[f64], covariance: impl Fn(usize, usize) -> f64) -> Self {
        let n = beta.len();
        let total_with = |i: usize| (0..n).map(|j| covariance(i, j) * beta[j]).sum::<f64>();
        let left: Vec<f64> =
            (0..1_usize << n).map(|known| variance_left(beta, &covariance, known)).collect();
        let all = left.len() - 1;
        let explained: Vec<f64> = left.iter().map(|left| -left).collect();
        Self {
            shuffled: (0..n).map(|i| 2.0 * beta[i] * beta[i] * covariance(i, i)).collect(),
            without: (0..n).map(|i| left[all ^ 1 << i]).collect(),
            alone: (0..n).map(|i| left[0] - left[1 << i]).collect(),
            // The Shapley values of a quadratic form divide each product of two in halves.
            sage: (0..n).map(|i| beta[i] * total_with(i)).collect(),
            sage_given: shapley(n, &explained),
        }
    }

    /// What a method that estimates this should find.
    pub(super) fn of(&self, quantity: Quantity) -> Vec<f64> {
        match quantity {
            Quantity::Shuffled => self.shuffled.clone(),
            Quantity::DrawnGiven => self.without.iter().map(|value| 2.0 * value).collect(),
            Quantity::Without => self.without.clone(),
            Quantity::Alone => self.alone.clone(),
            Quantity::Sage => self.sage.clone(),
            Quantity::SageGiven => self.sage_given.clone(),
        }
    }

    /// `E[Var(f(X) | all but Xᵢ)]` as a share of `Var f(X)`, by which inputs are ranked.
    pub(super) fn shares(&self, variance: f64) -> Vec<f64> {
        self.without.iter().map(|value| value / variance).collect()
    }
}

/// `Var(β x | x in the set)` of normal `x`, by eliminating the known columns one by one.
fn variance_left(beta: &[f64], covariance: &impl Fn(usize, usize) -> f64, known: usize) -> f64 {
    let n = beta.len();
    let mut left: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| covariance(i, j)).collect()).collect();
    for k in (0..n).filter(|k| known >> k & 1 == 1) {
        let pivot = left[k].clone();
        // A column that those before it determine has nothing left to tell.
        if pivot[k] > 1e-12 {
            for row in &mut left {
                let factor = row[k] / pivot[k];
                for (cell, p) in row.iter_mut().zip(&pivot) {
                    *cell -= factor * p;
                }
            }
        }
    }
    let quadratic = |i: usize| (0..n).map(|j| beta[i] * left[i][j] * beta[j]).sum::<f64>();
    (0..n).map(quadratic).sum()
}

#[cfg(test)]
mod tests {
    use super::Quantity::{Alone, DrawnGiven, Sage, SageGiven, Shuffled, Without};
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn two_correlated_normals_have_their_closed_form() {
        // f = 2 a + b with correlation ρ: a explains (2 + ρ)², b adds 1 − ρ².
        let rho: f64 = 0.6;
        let worth = Worth::of_normals(&[2.0, 1.0], |i, j| if i == j { 1.0 } else { rho });
        close(&worth.of(Quantity::Shuffled), &[8.0, 2.0]);
        close(&worth.of(Quantity::Without), &[4.0 * (1.0 - rho * rho), 1.0 - rho * rho]);
        close(&worth.of(Quantity::DrawnGiven), &[8.0 * (1.0 - rho * rho), 2.0 - 2.0 * rho * rho]);
        let alone = [(2.0 + rho).powi(2), (1.0 + 2.0 * rho).powi(2)];
        close(&worth.of(Quantity::Alone), &alone);
        let all: f64 = 5.0 + 4.0 * rho;
        let given =
            [f64::midpoint(alone[0], all - alone[1]), f64::midpoint(alone[1], all - alone[0])];
        close(&worth.of(Quantity::SageGiven), &given);
        close(&worth.of(Quantity::Sage), &[4.0 + 2.0 * rho, 1.0 + 2.0 * rho]);
        for quantity in [Quantity::Sage, Quantity::SageGiven] {
            assert!((worth.of(quantity).iter().sum::<f64>() - all).abs() < 1e-12);
        }
    }

    #[test]
    fn a_copy_leaves_nothing_to_its_original() {
        let worth = Worth::of_normals(&[1.0, 0.0], |_, _| 1.0);
        close(&worth.of(Quantity::Without), &[0.0, 0.0]);
        close(&worth.of(Quantity::Alone), &[1.0, 1.0]);
        close(&worth.of(Quantity::SageGiven), &[0.5, 0.5]);
        close(&worth.of(Quantity::Shuffled), &[2.0, 0.0]);
    }

    #[test]
    fn independent_inputs_agree_with_normals() {
        let effects = super::super::quadrature::effects(
            &[super::super::quadrature::Marginal::Normal { std: 1.0 }; 2],
            40,
            |x| x[0] - 3.0 * x[1],
        );
        let (grid, closed) = (
            Worth::of_effects(&effects, 3),
            Worth::of_normals(&[1.0, -3.0, 0.0], |i, j| f64::from(u8::from(i == j))),
        );
        for quantity in [Shuffled, DrawnGiven, Without, Alone, Sage, SageGiven] {
            for (a, b) in grid.of(quantity).iter().zip(closed.of(quantity)) {
                assert!((a - b).abs() < 1e-8, "{quantity:?}");
            }
        }
        assert!((closed.shares(10.0)[1] - 0.9).abs() < 1e-12);
    }
}
