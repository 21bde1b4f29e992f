//! What KernelSHAP's regression leaves over is not noise: interactions make it alike for
//! coalitions that are alike.
//!
//! Only the odd part of a game counts for Shapley values, half the difference between a coalition
//! and its complement. In characters `χ_T(S) = (−1)^|S ∩ T|` it is
//!
//! ```text
//! ½ [v(S) − v(S')] = Σ_{|T| odd} w_T χ_T(S),      φᵢ = −2 Σ_{T ∋ i, |T| odd} w_T / |T|
//! ```
//!
//! The weights of single players are free, or normal around their mean; those of three, five, …
//! follow a [`Law`] that makes values covary. So the best linear estimate of `φ` is a generalised least squares fit (in the
//! words of geostatistics, universal kriging).

use std::ops::Range;

use linfa_linalg::cholesky::InverseC;
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};

use super::Rates;
use super::factor::{factorise, forward, inverse};
use super::law::{Law, centre};
use crate::error::{Error, Result};

/// Standard errors ask so many of the drawn pairs at most how far they are from what the others say
/// of them: twice as many would make a standard error surer by a hundredth of itself.
const MOST_CHECKED: usize = 256;
/// A smooth game is asked for so many odd parts at once.
const BLOCK: usize = 512;

/// What the law makes of the answers of a game to some pairs: all that does not hang on the answers.
///
/// The unit of standard errors is the one in which the law says how far drawn pairs are from what
/// the others say of them; of a law that was learned, which is too sure of what it was learned from,
/// the one in which it fits all answers if that is larger.
pub(super) struct Fit {
    rates: Rates,
    /// Pairs that are checked come last.
    order: Vec<usize>,
    squares: LeastSquares,
    /// `(n_pairs, n_players)`: `L⁻¹` times covariances of Shapley values with odd parts.
    of_values: Array2<f64>,
    /// Per player, in the law's units.
    variances: Array1<f64>,
    /// The inverse of the factor's last block, of the pairs that are checked.
    last: Array2<f64>,
    /// How sure the others are of each of these.
    precisions: Array1<f64>,
}

impl Fit {
    /// From `(n_pairs, n_players)` signs, 1 for an absent player and −1 for a present one. One of
    /// the pairs stands for no and all players, those of a range were drawn.
    pub(super) fn new(
        signs: ArrayView2<'_, f64>,
        drawn: Range<usize>,
        law: &Law,
        rates: Rates,
    ) -> Result<Self> {
        let (n_pairs, n) = signs.dim();
        // In equal steps, which every size has its share of.
        let n_checked = drawn.len().min(MOST_CHECKED);
        let checked: Vec<usize> =
            (0..n_checked).map(|k| drawn.start + k * drawn.len() / n_checked).collect();
        let mut order: Vec<usize> = (0..n_pairs).collect();
        order.retain(|pair| checked.binary_search(pair).is_err());
        order.extend(&checked);
        let signs = signs.select(Axis(0), &order);
        let mut of_values = law.with_values(signs.view()).reversed_axes();
        let squares = LeastSquares::new(signs, law)?;
        forward(squares.factor.view(), of_values.view_mut());
        let LeastSquares { factor, of_signs, spread, .. } = &squares;
        // What single players bring, as if what is left over were known.
        let known = of_values.t().dot(of_signs) + Array2::<f64>::eye(n) * 2.0;
        let free = (&known.dot(spread) * &known).sum_axis(Axis(1));
        let explained = of_values.map_axis(Axis(0), |values| values.dot(&values));
        let variances = (law.variances() - explained + free).mapv_into(|v| v.max(0.0));
        // Leaving pairs out one by one. The last block of an inverse is that of the factor's last
        // block alone.
        let first = n_pairs - n_checked;
        let last = inverse(factor.slice(s![first.., first..]));
        let seen = last.t().dot(&of_signs.slice(s![first.., ..]));
        let precisions = last.map_axis(Axis(0), |column| column.dot(&column))
            - (&seen.dot(spread) * &seen).sum_axis(Axis(1));
        let precisions = precisions.mapv_into(|precision| precision.max(1e-12));
        Ok(Self { rates, order, squares, of_values, variances, last, precisions })
    }

    /// Shapley values and their standard errors, `(n_outputs, n_players)`, of `(n_pairs,
    /// n_outputs)` odd parts.
    pub(super) fn solve(&self, odd: &Array2<f64>) -> [Array2<f64>; 2] {
        let (n_pairs, n) = self.of_values.dim();
        let (main, left) = self.squares.solve(&odd.select(Axis(0), &self.order));
        let values = &main * -2.0 + self.of_values.t().dot(&left);
        // What single players may weigh freely leaves fewer.
        let single = self.squares.single;
        let n_free = if single > 0.0 { 1 } else { n };
        let n_left = n_pairs.abs_diff(n_free).max(1) as f64;
        let main = centre(main);
        let n_checked = self.precisions.len();
        let of_last = left.slice(s![n_pairs - n_checked.., ..]);
        let errors = self.last.t().dot(&of_last);
        let columns = left.columns().into_iter().zip(main.columns()).zip(errors.columns());
        let unit = columns.map(|((left, main), errors)| {
            let squares = Zip::from(errors).and(&self.precisions);
            let squares =
                squares.fold(0.0, |sum, error, precision| sum + error * error / precision);
            let of_drawn = squares / n_checked.max(1) as f64;
            let of_all = (left.dot(&left) + single * main.dot(&main)) / n_left;
            if self.rates == Rates::Learned { of_all.max(of_drawn) } else { of_drawn }
        });
        let unit: Array1<f64> = unit.collect();
        let std_error = (&unit.insert_axis(Axis(1)) * &self.variances).mapv_into(f64::sqrt);
        [values.reversed_axes(), std_error]
    }
}

/// What makes of some of a game's answers a game that is known everywhere and near them: what the
/// law expects.
pub(super) struct Smoother {
    law: Law,
    signs: Array2<f64>,
    squares: LeastSquares,
    /// `L⁻¹`.
    root: Array2<f64>,
}

/// A game that a [`Smoother`] has made.
pub(super) struct Smooth<'a> {
    smoother: &'a Smoother,
    /// `(n_players, n_outputs)`: the weights of single players.
    main: Array2<f64>,
    /// `(n_pairs, n_outputs)`: what the answers' covariances weigh.
    weights: Array2<f64>,
}

impl Smoother {
    /// From signs as [`Fit::new`].
    pub(super) fn new(signs: Array2<f64>, law: Law) -> Result<Self> {
        let squares = LeastSquares::new(signs.clone(), &law)?;
        let root = inverse(squares.factor.view());
        Ok(Self { law, signs, squares, root })
    }

    /// From `(n_pairs, n_outputs)` odd parts.
    pub(super) fn smooth(&self, odd: &Array2<f64>) -> Smooth<'_> {
        let (main, left) = self.squares.solve(odd);
        Smooth { smoother: self, main, weights: self.root.t().dot(&left) }
    }
}

impl Smooth<'_> {
    /// Its odd parts `(n_others, n_outputs)`.
    pub(super) fn odd(&self, others: ArrayView2<'_, f64>) -> Array2<f64> {
        let Smoother { law, signs, .. } = self.smoother;
        let mut odd = others.dot(&self.main);
        let blocks = odd.axis_chunks_iter_mut(Axis(0), BLOCK);
        for (mut odd, others) in blocks.zip(others.axis_chunks_iter(Axis(0), BLOCK)) {
            odd += &law.between(others, signs.view()).dot(&self.weights);
        }
        odd
    }

    /// Its Shapley values `(n_players, n_outputs)`.
    pub(super) fn values(&self) -> Array2<f64> {
        let Smoother { law, signs, .. } = self.smoother;
        let law = Law { white: 0.0, ..law.clone() };
        &self.main * -2.0 + law.with_values(signs.view()).dot(&self.weights)
    }
}

/// Generalised least squares on single players. With covariances `K = L Lᵀ`, what is multiplied
/// with `L⁻¹` has independent errors.
struct LeastSquares {
    /// The law's.
    single: f64,
    factor: Array2<f64>,
    /// `(n_pairs, n_players)`: `L⁻¹` times the signs.
    of_signs: Array2<f64>,
    /// `(n_players, n_players)`: the inverse of the normal equations' matrix.
    spread: Array2<f64>,
}

impl LeastSquares {
    fn new(signs: Array2<f64>, law: &Law) -> Result<Self> {
        let (n_pairs, n) = signs.dim();
        let mut factor = law.covariance(signs.view());
        if !factorise(factor.view_mut()) {
            return Err(unsolvable(n_pairs, "its covariances are not positive definite"));
        }
        let mut of_signs = signs;
        forward(factor.view(), of_signs.view_mut());
        let normal = of_signs.t().dot(&of_signs) + centre(Array2::eye(n)) * law.single;
        let spread = normal.invc();
        let spread = spread.map_err(|error| unsolvable(n, &error.to_string()))?;
        Ok(Self { single: law.single, factor, of_signs, spread })
    }

    /// The weights `(n_players, n_outputs)` of single players, and `L⁻¹` times what they leave over
    /// of `(n_pairs, n_outputs)` odd parts.
    fn solve(&self, odd: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
        let mut left = odd.clone();
        forward(self.factor.view(), left.view_mut());
        let mut main = Array2::<f64>::zeros((self.spread.nrows(), odd.ncols()));
        // The second time takes off what rounding has cost.
        for _ in 0..2 {
            let of_single = centre(main.clone()) * self.single;
            let more = self.spread.dot(&(self.of_signs.t().dot(&left) - of_single));
            left -= &self.of_signs.dot(&more);
            main += &more;
        }
        (main, left)
    }
}

fn unsolvable(n: usize, why: &str) -> Error {
    Error::Data(format!(
        "KernelSHAP's regression on {n} unknowns cannot be solved ({why}), give it more coalitions"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const N: usize = 5;

    /// One weight per odd set, and those of single players nearly free, or around a mean that is:
    /// the posterior mean and variance of Shapley values.
    #[test]
    fn the_fit_is_the_posterior_under_the_law() {
        let n_larger = [0.0, 0.8].map(is_the_posterior);
        // Of each unit there is a case.
        let n_larger: usize = n_larger.iter().sum();
        assert!((1..20).contains(&n_larger), "{n_larger}");
    }

    /// In how many cases the unit of the drawn pairs is the larger one.
    fn is_the_posterior(single: f64) -> usize {
        let coalitions: [usize; 9] = [1, 2, 4, 8, 16, 3, 12, 20, 31];
        let couplings = Array1::from_iter([0.1, 0.5, 0.3, 0.9, 0.2]);
        let law = Law { couplings, white: 0.02, single };
        let rates = law.couplings.mapv(f64::tanh);
        let signs = Array2::from_shape_fn((coalitions.len(), N), |(pair, player)| {
            if coalitions[pair] >> player & 1 == 1 { -1.0 } else { 1.0 }
        });
        let mut rng = Rng::new(3, 0);
        let odd = Array2::from_shape_simple_fn((coalitions.len(), 2), || rng.normal());
        let sets: Vec<usize> = (1..1 << N).filter(|t: &usize| t.count_ones() % 2 == 1).collect();
        let product =
            |t: usize| -> f64 { (0..N).filter(|i| t >> i & 1 == 1).map(|i| rates[i]).product() };
        let unit: f64 = sets.iter().filter(|t| t.count_ones() > 1).map(|&t| product(t)).sum();
        // Their mean is nearly free.
        let of_mean = if single > 0.0 { 1e5 } else { 0.0 };
        let of_single = if single > 0.0 { 1.0 / single } else { 1e5 };
        let variance = |t: usize| if t.is_power_of_two() { of_single } else { product(t) / unit };
        let character = |t: usize, coalition: usize| -> f64 {
            if (t & coalition).count_ones() % 2 == 1 { -1.0 } else { 1.0 }
        };
        let share = |t: usize, i: usize| {
            if t >> i & 1 == 1 { -2.0 / f64::from(t.count_ones()) } else { 0.0 }
        };
        // What the noise of every pair brings to a player, by the definition of Shapley values.
        let factorial = |n: usize| (1..=n).product::<usize>() as f64;
        let weight = |s: usize| factorial(s) * factorial(N - s - 1) / factorial(N);
        let noise = |coalition: usize, i: usize| {
            let size = coalition.count_ones() as usize;
            if coalition >> i & 1 == 1 { 2.0 * weight(size - 1) } else { -2.0 * weight(size) }
        };
        let m = coalitions.len();
        let k = Array2::from_shape_fn((m, m), |(a, b)| {
            let (first, second) = (coalitions[a], coalitions[b]);
            let terms =
                sets.iter().map(|&t| variance(t) * character(t, first) * character(t, second));
            let mean = signs.row(a).sum() * signs.row(b).sum() * of_mean;
            terms.sum::<f64>() + mean + if a == b { law.white } else { 0.0 }
        });
        let c = Array2::from_shape_fn((N, m), |(i, a)| {
            let terms =
                sets.iter().map(|&t| variance(t) * share(t, i) * character(t, coalitions[a]));
            let mean = -2.0 * signs.row(a).sum() * of_mean;
            terms.sum::<f64>() + mean + law.white * noise(coalitions[a], i)
        });
        let inverse = k.invc().unwrap();
        let mean = c.dot(&inverse).dot(&odd);
        let explained = (&c.dot(&inverse) * &c).sum_axis(Axis(1));
        let of = |rates| Fit::new(signs.view(), 5..8, &law, rates).unwrap().solve(&odd);
        let ([values, std_error], [same, of_drawn_alone]) = (of(Rates::Learned), of(Rates::Equal));
        assert_eq!(values, same);
        let mut n_larger = 0;
        for ((output, player), &value) in values.indexed_iter() {
            let expected = mean[[player, output]];
            assert!((value - expected).abs() < 1e-4, "{value} {expected}");
            let before: f64 = sets.iter().map(|&t| variance(t) * share(t, player).powi(2)).sum();
            // Of each pair, the one that holds player 0.
            let pairs = (0..1_usize << N).filter(|coalition| coalition & 1 == 1);
            let noises: f64 = pairs.map(|coalition| noise(coalition, player).powi(2)).sum();
            let variance = before + 4.0 * of_mean + law.white * noises - explained[player];
            let y = odd.column(output);
            let n_left = if single > 0.0 { m - 1 } else { m - N };
            let of_all = y.dot(&inverse.dot(&y)) / n_left as f64;
            // Leaving out each of the drawn pairs, 5 to 7.
            let of_drawn = (5..8).map(|pair| -> f64 {
                let others: Vec<usize> = (0..m).filter(|&other| other != pair).collect();
                let of_others = k.select(Axis(0), &others).select(Axis(1), &others);
                let with_others = k.column(pair).select(Axis(0), &others);
                let weights = of_others.invc().unwrap().dot(&with_others);
                let gap = y[pair] - weights.dot(&y.select(Axis(0), &others));
                gap * gap / (k[[pair, pair]] - weights.dot(&with_others)) / 3.0
            });
            let of_drawn = of_drawn.sum();
            n_larger += usize::from(of_drawn > of_all);
            for (found, unit) in [(&std_error, of_all.max(of_drawn)), (&of_drawn_alone, of_drawn)] {
                let (found, expected) = (found[[output, player]], (variance * unit).sqrt());
                // The law's variance is taken off a large one.
                assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
            }
        }
        n_larger
    }

    #[test]
    fn a_smooth_game_is_near_its_answers_and_knows_its_values() {
        let law = Law {
            couplings: Array1::from_iter([0.1, 0.5, 0.3, 0.9, 0.2]),
            white: 1e-9,
            single: 0.0,
        };
        let all = Array2::from_shape_fn((1 << N, N), |(coalition, player)| {
            if coalition >> player & 1 == 1 { -1.0 } else { 1.0 }
        });
        let some = all.select(Axis(0), &[1, 2, 4, 8, 16, 3, 12, 31]);
        let mut rng = Rng::new(3, 0);
        let odd = Array2::from_shape_simple_fn((some.nrows(), 2), || rng.normal());
        let smoother = Smoother::new(some.clone(), law).unwrap();
        let smooth = smoother.smooth(&odd);
        assert!((smooth.odd(some.view()) - &odd).iter().all(|gap| gap.abs() < 1e-6));
        let (parts, values) = (smooth.odd(all.view()), smooth.values());
        // Even parts cancel: the game of the odd parts alone has the same values.
        let factorial = |n: usize| (1..=n).product::<usize>() as f64;
        for ((player, output), &value) in values.indexed_iter() {
            let without = (0..1_usize << N).filter(|coalition| coalition >> player & 1 == 0);
            let expected: f64 = without
                .map(|coalition| {
                    let size = coalition.count_ones() as usize;
                    let added =
                        parts[[coalition | 1 << player, output]] - parts[[coalition, output]];
                    added * factorial(size) * factorial(N - size - 1) / factorial(N)
                })
                .sum();
            assert!((value - expected).abs() < 1e-9, "{value} {expected}");
        }
    }

    #[test]
    fn of_many_pairs_some_of_every_part_are_checked() {
        // Sets of 3 of 20 players, which are more than are checked.
        let triples =
            (0..20).flat_map(|i| (0..i).flat_map(move |j| (0..j).map(move |k| [i, j, k])));
        let triples: Vec<[usize; 3]> = triples.collect();
        let signs = Array2::from_shape_fn((triples.len() + 21, 20), |(pair, player)| {
            let present = match pair.checked_sub(20) {
                None => pair == player,
                Some(at) => triples.get(at).is_none_or(|triple| triple.contains(&player)),
            };
            if present { -1.0 } else { 1.0 }
        });
        let drawn = 20..20 + triples.len();
        // Per output, one pair is off: standard errors see it better if it is checked.
        let off: Vec<usize> = drawn.clone().step_by(41).collect();
        let odd = Array2::from_shape_fn((signs.nrows(), off.len()), |(pair, output)| {
            f64::from(u8::from(pair == off[output]))
        });
        let law = Law::alike(20);
        let of = |drawn| Fit::new(signs.view(), drawn, &law, Rates::Learned).unwrap().solve(&odd);
        let ([some, some_error], [none, no_error]) = (of(drawn), of(0..0));
        let ratio = &some_error.column(0) / &no_error.column(0);
        // 256 of 1140.
        let n_seen = ratio.iter().filter(|&&ratio| ratio > 1.45).count();
        assert!((4..=9).contains(&n_seen), "{ratio}");
        assert!((&some - &none).iter().all(|gap| gap.abs() < 1e-10));
    }
}
