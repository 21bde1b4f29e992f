//! A Gaussian law of a game's interactions, and the covariances that it gives a game's values.
//!
//! In characters `χ_T(S) = (−1)^|S ∩ T|` a game is `v(S) = Σ_T w_T χ_T(S)`. Under the law the
//! weights are independent and normal around 0, with a variance that is a product over players:
//! `Π_{i ∈ T} ρᵢ`. Then two coalitions' values have the covariance
//!
//! ```text
//! Σ_T Π_{i ∈ T} ρᵢ zᵢ z'ᵢ  =  Πᵢ (1 + ρᵢ zᵢ z'ᵢ)  ∝  exp Σᵢ cᵢ zᵢ z'ᵢ,      cᵢ = artanh ρᵢ
//!
//! zᵢ = 1 if player i is absent, −1 if it is present
//! ```
//!
//! of which the odd sets `T` make the hyperbolic sine and the even ones the cosine. Weights of
//! single players (and of no player) have no part in that, so their terms are taken off: they are
//! free, or normal around their mean with a variance of their own. A little white noise stands for what such a law
//! cannot say.

use std::f64::consts::PI;

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use super::agreement::Agreement;

/// If nothing is known, weights of three players come to the same part of the whole however many
/// players there are,
const RATE: f64 = 2.8;
/// but with few players the rate is this.
const MOST_RATE: f64 = 0.5;
/// If nothing is known, the share of white noise.
const WHITE: f64 = 0.01;
/// A rule of so many nodes is exact for even polynomials of degree 62, and to rounding for what more
/// players make.
const MOST_NODES: usize = 16;

/// The law's settings; variances in units of an odd part's without single players and white noise.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Law {
    /// Per player `cᵢ = artanh ρᵢ`.
    pub(super) couplings: Array1<f64>,
    /// The variance of white noise on odd parts of values.
    pub(super) white: f64,
    /// One over the variance of single players' weights around their mean, which is free: 0 if they
    /// are free, too.
    pub(super) single: f64,
}

/// Takes the mean of the players off each column of `(n_players, n_columns)`.
pub(super) fn centre(mut table: Array2<f64>) -> Array2<f64> {
    let sums = table.sum_axis(Axis(0));
    table -= &(sums / table.nrows() as f64);
    table
}

/// What all covariances share, in units of `Πᵢ (1 + ρᵢ)`, the variance of a value.
pub(super) struct Units {
    pub(super) rates: Array1<f64>,
    /// The variance of the empty set's weight.
    pub(super) empty: f64,
    /// Half the covariance of a coalition and its complement.
    opposite: f64,
}

impl Units {
    /// The parts of the variance that odd sets have, and that even ones have.
    pub(super) fn parts(&self) -> [f64; 2] {
        [0.5 - self.opposite, 0.5 + self.opposite]
    }

    /// The variance of an odd part without single players, and of an even one without the empty set.
    pub(super) fn variances(&self) -> [f64; 2] {
        let [odd, even] = self.parts();
        [odd - self.empty * self.rates.sum(), even - self.empty]
    }
}

impl Law {
    /// The law before anything is known of a game: all players are alike.
    pub(super) fn alike(n_players: usize) -> Self {
        let rate = (RATE / n_players as f64).min(MOST_RATE);
        Self { couplings: Array1::from_elem(n_players, rate.atanh()), white: WHITE, single: 0.0 }
    }

    pub(super) fn units(&self) -> Units {
        let rates = self.couplings.mapv(f64::tanh);
        let empty = (-rates.mapv(f64::ln_1p).sum()).exp();
        Units { rates, empty, opposite: 0.5 * (-2.0 * self.couplings.sum()).exp() }
    }

    /// The covariances `(n_pairs, n_pairs)` of odd parts, on and below the diagonal, of
    /// `(n_pairs, n_players)` signs.
    pub(super) fn covariance(&self, signs: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut covariance = self.smooth(signs, signs, |pair| pair + 1);
        covariance.diag_mut().mapv_inplace(|variance| variance + self.white);
        covariance
    }

    /// The covariances of odd parts of other pairs, in rows, with those of these, without noise.
    pub(super) fn between(
        &self,
        others: ArrayView2<'_, f64>,
        these: ArrayView2<'_, f64>,
    ) -> Array2<f64> {
        self.smooth(others, these, |_| these.nrows())
    }

    /// In each row, so many covariances without noise.
    fn smooth(
        &self,
        rows: ArrayView2<'_, f64>,
        columns: ArrayView2<'_, f64>,
        n_columns: impl Fn(usize) -> usize,
    ) -> Array2<f64> {
        let units = self.units();
        let (empty, unit) = (units.empty, 1.0 / units.variances()[0]);
        let agreement = Agreement::new(self, columns);
        let [mut odd, mut even, mut rates] = [0; 3].map(|_| vec![0.0; columns.nrows()]);
        let mut covariances = Array2::zeros((rows.nrows(), columns.nrows()));
        for (pair, row) in covariances.outer_iter_mut().enumerate() {
            let n = n_columns(pair);
            let parts = [&mut odd[..n], &mut even[..n], &mut rates[..n]];
            agreement.with(rows.row(pair), parts);
            for ((to, odd), rates) in row.into_iter().zip(&odd[..n]).zip(&rates) {
                *to = (odd - empty * rates) * unit;
            }
        }
        covariances
    }

    /// The covariances `(n_players, n_pairs)` of Shapley values, without the part of single
    /// players, and of odd parts of values.
    ///
    /// `φᵢ = −2 Σ_{T ∋ i, |T| odd} w_T / |T|`, and `1 / |T|` is the integral of `t^(|T| − 1)`.
    pub(super) fn with_values(&self, signs: ArrayView2<'_, f64>) -> Array2<f64> {
        let n = self.couplings.len();
        let units = self.units();
        let scale = -2.0 * units.empty / units.variances()[0];
        let signed = &signs * &units.rates;
        let mut integrals = Array2::zeros(signs.dim());
        for (t, weight) in rule(n) {
            let [plus, minus] =
                [t, -t].map(|t| signed.map_axis(Axis(1), |rates| product(rates, t)));
            Zip::indexed(&mut integrals).and(&signed).for_each(|(pair, _), integral, &rate| {
                let share = t * rate;
                let others = plus[pair] * (1.0 - share) + minus[pair] * (1.0 + share);
                *integral += weight * (0.5 * others / (1.0 - share * share) - 1.0);
            });
        }
        let mut covariances = integrals * signed * scale;
        // Of white noise, the value of a pair has its weight in the definition of Shapley values.
        let weights = noise_weights(n);
        for (mut row, signs) in covariances.outer_iter_mut().zip(signs.outer_iter()) {
            let size = signs.iter().filter(|&&sign| sign < 0.0).count();
            let (present, absent) = (weights[size], weights[n - size]);
            Zip::from(&mut row).and(signs).for_each(|to, &sign| {
                *to += self.white * if sign < 0.0 { present } else { -absent };
            });
        }
        covariances.reversed_axes()
    }

    /// The variances of Shapley values, without the part of single players.
    pub(super) fn variances(&self) -> Array1<f64> {
        let n = self.couplings.len();
        let units = self.units();
        let mut integrals = Array1::<f64>::zeros(n);
        for (s, of_s) in rule(n) {
            for (t, of_t) in rule(n) {
                let x = s * t;
                let [plus, minus] = [x, -x].map(|x| product(units.rates.view(), x));
                Zip::from(&mut integrals).and(&units.rates).for_each(|integral, &rate| {
                    let others = plus / (1.0 + x * rate) + minus / (1.0 - x * rate);
                    *integral += of_s * of_t * (0.5 * others - 1.0);
                });
            }
        }
        let scale = 4.0 * units.empty / units.variances()[0];
        let weights = noise_weights(n);
        let noise: f64 = weights[1..].iter().map(|weight| weight * 2.0 / n as f64).sum();
        integrals * units.rates * scale + self.white * noise
    }
}

fn product(rates: ndarray::ArrayView1<'_, f64>, t: f64) -> f64 {
    rates.iter().map(|rate| 1.0 + t * rate).product()
}

/// What the odd part of a coalition of each size weighs in the Shapley value of its players.
fn noise_weights(n: usize) -> Vec<f64> {
    let mut weights = vec![0.0; n + 1];
    let mut subsets = 1.0;
    for (size, weight) in weights.iter_mut().enumerate().skip(1) {
        *weight = 2.0 / (n as f64 * subsets);
        subsets *= (n - size) as f64 / size as f64;
    }
    weights
}

/// Nodes and weights of Gauss and Legendre on `[0, 1]`, exact for even polynomials of degree `n − 1`
/// with few players: the upper half of the nodes on `[−1, 1]`.
fn rule(n_players: usize) -> Vec<(f64, f64)> {
    let n_nodes = n_players.div_ceil(4).clamp(1, MOST_NODES);
    let n = 2 * n_nodes;
    let at = |k: usize| {
        let mut x = (PI * (k as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        // From this start, Newton's steps square the error; five are more than enough.
        for _ in 0..6 {
            let (mut before, mut value) = (0.0, 1.0);
            for degree in 1..=n {
                let d = degree as f64;
                (before, value) = (value, ((2.0 * d - 1.0) * x * value - (d - 1.0) * before) / d);
            }
            slope = n as f64 * (before - x * value) / (1.0 - x * x);
            x -= value / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n_nodes).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, one weight per odd set.
    #[test]
    fn covariances_are_sums_over_odd_sets() {
        for n in [4, 5, 7] {
            let couplings = Array1::from_shape_fn(n, |i| 0.05 + 0.25 * i as f64);
            let law = Law { couplings, white: 0.3, single: 0.0 };
            let rates = law.couplings.mapv(f64::tanh);
            let signs =
                Array2::from_shape_fn(
                    (1 << n, n),
                    |(set, player)| {
                        if set >> player & 1 == 1 { -1.0 } else { 1.0 }
                    },
                );
            let odd: Vec<usize> =
                (1..1_usize << n).filter(|set| set.count_ones() % 2 == 1).collect();
            let odd: Vec<usize> = odd.into_iter().filter(|set| set.count_ones() > 1).collect();
            let character = |set: usize, coalition: usize| -> f64 {
                if (set & coalition).count_ones() % 2 == 1 { -1.0 } else { 1.0 }
            };
            let members = |set: usize| (0..n).filter(move |i| set >> i & 1 == 1);
            let variance = |set: usize| members(set).map(|i| rates[i]).product::<f64>();
            let unit: f64 = odd.iter().map(|&set| variance(set)).sum();
            let share = |set: usize, i: usize| {
                if set >> i & 1 == 1 { -2.0 / f64::from(set.count_ones()) } else { 0.0 }
            };
            // What a pair's odd part brings to a player, by the definition of Shapley values.
            let factorial = |n: usize| (1..=n).product::<usize>() as f64;
            let weight = |s: usize| factorial(s) * factorial(n - s - 1) / factorial(n);
            let noise = |coalition: usize, i: usize| {
                let size = coalition.count_ones() as usize;
                if coalition >> i & 1 == 1 { 2.0 * weight(size - 1) } else { -2.0 * weight(size) }
            };
            let (lower, with_values) =
                (law.covariance(signs.view()), law.with_values(signs.view()));
            let variances = law.variances();
            let near = |found: f64, expected: f64| {
                assert!((found - expected).abs() < 1e-12, "{n} players: {found} {expected}");
            };
            for a in 0..1 << n {
                for b in 0..=a {
                    let sum: f64 =
                        odd.iter().map(|&t| variance(t) * character(t, a) * character(t, b)).sum();
                    near(lower[[a, b]], sum / unit + if a == b { law.white } else { 0.0 });
                }
                for i in 0..n {
                    let sum: f64 =
                        odd.iter().map(|&t| variance(t) * share(t, i) * character(t, a)).sum();
                    near(with_values[[i, a]], sum / unit + law.white * noise(a, i));
                }
            }
            for i in 0..n {
                let sum: f64 = odd.iter().map(|&t| variance(t) * share(t, i).powi(2)).sum();
                // Of each pair, the one that holds player 0.
                let pairs = (0..1_usize << n).filter(|coalition| coalition & 1 == 1);
                let noise: f64 = pairs.map(|coalition| noise(coalition, i).powi(2)).sum();
                near(variances[i], sum / unit + law.white * noise);
            }
        }
    }

    #[test]
    fn the_rule_integrates_even_polynomials() {
        for n in [1, 2, 3, 8, 30, 500] {
            let rule = rule(n);
            for power in (0..n.min(4 * MOST_NODES)).step_by(2) {
                let sum: f64 = rule.iter().map(|(x, weight)| weight * x.powi(power as i32)).sum();
                let expected = 1.0 / (power as f64 + 1.0);
                assert!((sum - expected).abs() < 1e-14, "{n} {power}: {sum}");
            }
        }
    }

    #[test]
    fn many_players_do_not_overflow() {
        let law = Law { couplings: Array1::from_elem(1500, 0.9), white: 0.01, single: 0.0 };
        let mut signs = Array2::from_elem((3, 1500), 1.0);
        signs.row_mut(1).fill(-1.0);
        signs[[2, 7]] = -1.0;
        assert!(law.covariance(signs.view()).iter().all(|x| x.is_finite()));
    }
}
