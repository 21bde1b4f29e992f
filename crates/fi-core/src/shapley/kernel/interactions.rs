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
//! The weights of single players are free. Those of three, five, … players are taken as draws from
//! a normal distribution around 0 with a variance that falls with their number, and a little white
//! noise stands for what such a law cannot say. So values have covariances that are a function of
//! how many players two coalitions differ in, and the best linear estimate of `φ` is a generalised
//! least squares fit. It depends on the coalitions alone: one factorisation serves all games.

use std::ops::Range;

use linfa_linalg::cholesky::InverseC;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};

use super::factor::{backward, backward_one, factorise, forward, forward_one, inverse};
use crate::error::{Error, Result};

/// The variance of a weight falls by this factor per player, over the number of players: however
/// many there are, weights of three players come to the same part of the whole.
const RATE: f64 = 2.8;
/// With few players, by this factor.
const MOST_RATE: f64 = 0.5;
/// The share of white noise.
const WHITE: f64 = 0.01;
/// Standard errors ask so many of the drawn pairs at most how far they are from what the others say
/// of them: twice as many would make a standard error surer by a hundredth of itself.
const MOST_CHECKED: usize = 512;

/// The best linear estimate of Shapley values from these pairs of coalitions.
pub(super) struct Interactions {
    /// The pairs in the order of what follows: those that are checked are the last.
    order: Vec<usize>,
    /// `(n_pairs, n_players)`: 1 for a player that is absent, −1 for one that is present.
    signs: Array2<f64>,
    /// `(n_players, n_pairs)`: from values to the weights of single players.
    main: Array2<f64>,
    /// `(n_players, n_pairs)`: from what these leave over to Shapley values.
    rest: Array2<f64>,
    /// The lower factor of the values' covariances.
    factor: Array2<f64>,
    /// Of each pair that is checked, how precisely the others say its value.
    precisions: Array1<f64>,
    /// The variance of the Shapley values, in units of the game's.
    variance: Array1<f64>,
}

impl Interactions {
    /// Prepares `(n_pairs, n_players)` coalitions, of which one stands for no and all players, and
    /// the pairs of a range were drawn.
    pub(super) fn new(coalitions: ArrayView2<'_, bool>, drawn: Range<usize>) -> Result<Self> {
        let (n_pairs, n) = coalitions.dim();
        let n_checked = drawn.len().min(MOST_CHECKED);
        // In equal steps, which every size has its share of.
        let checked: Vec<usize> =
            (0..n_checked).map(|k| drawn.start + k * drawn.len() / n_checked).collect();
        let mut order: Vec<usize> = (0..n_pairs).collect();
        order.retain(|pair| checked.binary_search(pair).is_err());
        order.extend(&checked);
        let coalitions = coalitions.select(Axis(0), &order);
        let sizes: Vec<usize> =
            coalitions.outer_iter().map(|row| row.iter().filter(|&&x| x).count()).collect();
        let signs = coalitions.mapv(|present| if present { -1.0 } else { 1.0 });
        let law = Law::new(n);
        let with_values = Array2::from_shape_fn((n, n_pairs), |(player, pair)| {
            let sign = signs[[pair, player]];
            let present = usize::from(sign < 0.0);
            let white =
                if present == 1 { law.white[sizes[pair]] } else { -law.white[n - sizes[pair]] };
            sign * law.of_others[sizes[pair] - present] + WHITE * white
        });
        let mut factor = law.covariance(&coalitions);
        if !factorise(factor.view_mut()) {
            return Err(unsolvable(n_pairs, "its covariances are not positive definite"));
        }
        // With K = L Lᵀ, first L⁻¹ and then K⁻¹ of the signs and of the covariances.
        let mut solved = concatenate![Axis(1), signs, with_values.t()];
        forward(factor.view(), solved.view_mut());
        let (of_signs, of_values) = solved.view().split_at(Axis(1), n);
        let spread = of_signs.t().dot(&of_signs).invc();
        let spread = spread.map_err(|error| unsolvable(n, &error.to_string()))?;
        let total = of_values.t().dot(&of_signs);
        let explained = of_values.map_axis(Axis(0), |values| values.dot(&values));
        backward(factor.view(), solved.view_mut());
        let (of_signs, of_values) = solved.view().split_at(Axis(1), n);
        let main = spread.dot(&of_signs.t());
        let rest = &of_values.t() - &total.dot(&main);
        // What single players bring, as if what is left over were known.
        let known = total + Array2::<f64>::eye(n) * 2.0;
        let free = (&known.dot(&spread) * &known).sum_axis(Axis(1));
        let variance = (law.variance - explained + free).mapv_into(|v| v.max(0.0));
        // The last block of an inverse is that of the factor's last block alone.
        let first = n_pairs - n_checked;
        let last = inverse(factor.slice(s![first.., first..]));
        let by_signs = &of_signs.slice(s![first.., ..]) * &main.slice(s![.., first..]).t();
        let precisions =
            last.map_axis(Axis(0), |column| column.dot(&column)) - by_signs.sum_axis(Axis(1));
        Ok(Self { order, signs, main, rest, factor, precisions, variance })
    }

    /// The Shapley values `(n_players, n_outputs)` of `(n_pairs, n_outputs)` halved differences,
    /// and what single players leave over, in an order of its own.
    pub(super) fn values(&self, halves: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
        let halves = halves.select(Axis(0), &self.order);
        let mut main = self.main.dot(&halves);
        let mut left = &halves - &self.signs.dot(&main);
        // One step of refinement takes off what rounding has cost.
        main += &self.main.dot(&left);
        left = halves - &self.signs.dot(&main);
        (main * -2.0 + self.rest.dot(&left), left)
    }

    /// How far a pair that is checked is from what all others say of it, times how precisely they
    /// say it.
    fn errors(&self, left: ArrayView1<'_, f64>) -> Vec<f64> {
        let mut errors = left.to_vec();
        forward_one(self.factor.view(), &mut errors);
        let mut errors = errors.split_off(errors.len() - self.precisions.len());
        let first = left.len() - errors.len();
        backward_one(self.factor.slice(s![first.., first..]), &mut errors);
        errors
    }

    /// Standard errors `(n_outputs, n_players)` from what [`Interactions::values`] left over: the
    /// law's, in units in which drawn pairs are as far from what the others say of them as the law
    /// has it.
    pub(super) fn std_error(&self, left: &Array2<f64>) -> Array2<f64> {
        let scale = left.map_axis(Axis(0), |left| {
            let errors = self.errors(left);
            let squares = errors.iter().zip(&self.precisions).map(|(e, p)| e * e / p.max(1e-12));
            squares.sum::<f64>() / errors.len() as f64
        });
        let scale = scale.insert_axis(Axis(1));
        (&scale * &self.variance).mapv_into(f64::sqrt)
    }
}

fn unsolvable(n: usize, why: &str) -> Error {
    Error::Data(format!(
        "KernelSHAP's regression on {n} unknowns cannot be solved ({why}), give it more coalitions"
    ))
}

/// Covariances under the law of the weights, in units of a value's variance without white noise.
struct Law {
    /// Of two values, by the number of players that their coalitions differ in.
    of_distance: Vec<f64>,
    /// Of a player's Shapley value and a coalition's value, by the number of other players in it;
    /// for a player that is absent, and the opposite for one that is present.
    of_others: Vec<f64>,
    /// What the value of a pair weighs in the Shapley value of a player that is in a coalition of
    /// this size.
    white: Vec<f64>,
    /// Of a Shapley value with itself.
    variance: f64,
}

impl Law {
    fn new(n: usize) -> Self {
        let rate = (RATE / n as f64).min(MOST_RATE);
        let odd =
            |sums: Vec<f64>| sums.into_iter().enumerate().filter(|(k, _)| k % 2 == 1 && *k > 1);
        let of_distance: Vec<f64> = (0..=n)
            .map(|distance| odd(characters(n, distance, rate)).map(|(_, sum)| sum).sum())
            .collect();
        // With two players there is nothing but single ones and the pair.
        let unit = if of_distance[0] > 0.0 { of_distance[0] } else { 1.0 };
        let shared = |others: usize, power: i32| -> f64 {
            let sums = characters(n - 1, others, rate);
            let of_order = |k: usize| rate * sums[k - 1] * (-2.0 / k as f64).powi(power);
            (3..=n).step_by(2).map(of_order).sum::<f64>() / unit
        };
        let mut subsets = 1.0;
        let mut white = vec![0.0; n + 1];
        for (size, weight) in white.iter_mut().enumerate().skip(1) {
            *weight = 2.0 / (n as f64 * subsets);
            subsets *= (n - size) as f64 / size as f64;
        }
        let noise: f64 = white[1..].iter().map(|weight| weight * 2.0 / n as f64).sum();
        Self {
            of_others: (0..n).map(|others| shared(others, 1)).collect(),
            variance: shared(0, 2) + WHITE * noise,
            of_distance: of_distance.into_iter().map(|sum| sum / unit).collect(),
            white,
        }
    }
}

impl Law {
    /// The covariances of the values of these coalitions, on and below the diagonal.
    fn covariance(&self, coalitions: &Array2<bool>) -> Array2<f64> {
        let n_words = coalitions.ncols().div_ceil(64);
        let mut words = vec![0_u64; coalitions.nrows() * n_words];
        for ((pair, player), _) in coalitions.indexed_iter().filter(|(_, present)| **present) {
            words[pair * n_words + player / 64] |= 1 << (player % 64);
        }
        let mut covariance = Array2::zeros((coalitions.nrows(), coalitions.nrows()));
        for (pair, (mut row, own)) in
            covariance.outer_iter_mut().zip(words.chunks_exact(n_words)).enumerate()
        {
            for (to, other) in row.iter_mut().zip(words.chunks_exact(n_words)).take(pair) {
                let distance = own.iter().zip(other).map(|(a, b)| (a ^ b).count_ones());
                *to = self.of_distance[distance.sum::<u32>() as usize];
            }
            row[pair] = self.of_distance[0] + WHITE;
        }
        covariance
    }
}

/// For each `k`, `rateᵏ` times the sum of `χ_T` over all `T` of `k` of `n` players, for a
/// coalition of `size`: the polynomials of Krawtchouk, by their recurrence.
fn characters(n: usize, size: usize, rate: f64) -> Vec<f64> {
    let mut sums = vec![1.0; n + 1];
    let slope = n as f64 - 2.0 * size as f64;
    for k in 1..=n {
        let before = if k == 1 { 0.0 } else { (n - k + 2) as f64 * rate * rate * sums[k - 2] };
        sums[k] = (rate * slope * sums[k - 1] - before) / k as f64;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const N: usize = 5;

    /// Coalitions of player bits; each stands for its complement, too, and the last for all.
    fn coalitions(bits: &[usize]) -> Array2<bool> {
        Array2::from_shape_fn((bits.len(), N), |(k, player)| bits[k] >> player & 1 == 1)
    }

    /// The law by its definition, one weight per odd set, and those of single players nearly free:
    /// the posterior mean and variance of the Shapley values.
    fn posterior(coalitions: &Array2<bool>, halves: &Array1<f64>) -> (Array1<f64>, Array1<f64>) {
        let free = 1e5;
        let rate: f64 = (RATE / N as f64).min(MOST_RATE);
        let odd: Vec<usize> = (1..1 << N).filter(|t: &usize| t.count_ones() % 2 == 1).collect();
        let unit: f64 = odd
            .iter()
            .filter(|t| t.count_ones() > 1)
            .map(|t| rate.powi(t.count_ones() as i32))
            .sum();
        let variance = |t: usize| {
            if t.is_power_of_two() { free } else { rate.powi(t.count_ones() as i32) / unit }
        };
        let character = |t: usize, k: usize| -> f64 {
            let common = (0..N).filter(|&i| t >> i & 1 == 1 && coalitions[[k, i]]).count();
            if common % 2 == 1 { -1.0 } else { 1.0 }
        };
        let share = |t: usize, i: usize| {
            if t >> i & 1 == 1 { -2.0 / f64::from(t.count_ones()) } else { 0.0 }
        };
        // What the noise of every pair brings to a player, by the definition of Shapley values.
        let factorial = |n: usize| (1..=n).product::<usize>() as f64;
        let noise = |members: &[bool], i: usize| {
            let size = members.iter().filter(|&&x| x).count();
            let weight = |s: usize| factorial(s) * factorial(N - s - 1) / factorial(N);
            if members[i] { 2.0 * weight(size - 1) } else { -2.0 * weight(size) }
        };
        let m = coalitions.nrows();
        let k = Array2::from_shape_fn((m, m), |(a, b)| {
            let smooth: f64 =
                odd.iter().map(|&t| variance(t) * character(t, a) * character(t, b)).sum();
            smooth + if a == b { WHITE } else { 0.0 }
        });
        let c = Array2::from_shape_fn((N, m), |(i, a)| {
            let smooth: f64 =
                odd.iter().map(|&t| variance(t) * share(t, i) * character(t, a)).sum();
            smooth + WHITE * noise(&coalitions.row(a).to_vec(), i)
        });
        let solved = c.dot(&k.invc().unwrap());
        let before = Array1::from_shape_fn(N, |i| {
            let smooth: f64 = odd.iter().map(|&t| variance(t) * share(t, i).powi(2)).sum();
            // Of each pair, the one that holds player 0.
            let pairs = (0..1_usize << N).filter(|bits| bits & 1 == 1);
            let members = |bits: usize| (0..N).map(|i| bits >> i & 1 == 1).collect::<Vec<_>>();
            smooth + WHITE * pairs.map(|bits| noise(&members(bits), i).powi(2)).sum::<f64>()
        });
        (solved.dot(halves), before - (&solved * &c).sum_axis(Axis(1)))
    }

    #[test]
    fn the_fit_is_the_posterior_under_the_law() {
        let coalitions = coalitions(&[1, 2, 4, 8, 16, 3, 12, 20, 31]);
        let mut rng = Rng::new(3, 0);
        let halves = Array1::from_shape_simple_fn(coalitions.nrows(), || rng.normal());
        let fit = Interactions::new(coalitions.view(), 5..8).unwrap();
        let (values, _) = fit.values(&halves.clone().insert_axis(Axis(1)));
        let (mean, variance) = posterior(&coalitions, &halves);
        for player in 0..N {
            let (value, expected) = (values[[player, 0]], mean[player]);
            assert!((value - expected).abs() < 1e-4, "{value} {expected}");
            let (found, expected) = (fit.variance[player], variance[player]);
            // The law's variance is taken off a large one.
            assert!((found - expected).abs() < 1e-4 && found > 1e-3, "{found} {expected}");
        }
    }

    /// Leaving pairs out one by one: the fit of the others says what the left out one's value is,
    /// and how surely.
    #[test]
    fn errors_are_those_without_the_pair_itself() {
        let bits = [1, 2, 4, 8, 16, 3, 12, 20, 24, 31];
        let all = coalitions(&bits);
        let mut rng = Rng::new(4, 0);
        let halves = Array2::from_shape_simple_fn((bits.len(), 1), || rng.normal());
        let drawn = 5..9;
        let fit = Interactions::new(all.view(), drawn.clone()).unwrap();
        let (_, left) = fit.values(&halves);
        let errors = fit.errors(left.column(0));
        assert_eq!((errors.len(), &fit.order[6..]), (4, &[5, 6, 7, 8][..]));
        let lower = Law::new(N).covariance(&all);
        let covariance = Array2::from_shape_fn(lower.dim(), |(i, j)| lower[[i.max(j), i.min(j)]]);
        let signs = all.mapv(|present| if present { -1.0 } else { 1.0 });
        for (checked, pair) in drawn.enumerate() {
            let others: Vec<usize> = (0..bits.len()).filter(|&other| other != pair).collect();
            let of = |table: &Array2<f64>| table.select(Axis(0), &others);
            let inverse = of(&of(&covariance).reversed_axes()).invc().unwrap();
            let (s, y) = (of(&signs), of(&halves));
            let spread = s.t().dot(&inverse).dot(&s).invc().unwrap();
            let weights = spread.dot(&s.t()).dot(&inverse).dot(&y);
            let cross = of(&covariance).column(pair).to_owned();
            let solved = inverse.dot(&cross);
            let said = signs.row(pair).dot(&weights.column(0))
                + solved.dot(&(&y - &s.dot(&weights)).column(0));
            let unknown = &signs.row(pair) - &s.t().dot(&solved);
            let variance =
                covariance[[pair, pair]] - cross.dot(&solved) + unknown.dot(&spread.dot(&unknown));
            let precision = fit.precisions[checked];
            assert!((1.0 / precision - variance).abs() < 1e-9 * variance, "{pair}: {variance}");
            let error = errors[checked] / precision;
            assert!((error - (halves[[pair, 0]] - said)).abs() < 1e-9, "{pair}: {error}");
        }
    }

    #[test]
    fn of_many_pairs_some_of_every_part_are_checked() {
        // Sets of 3 of 20 players, which are more than are checked.
        let triples =
            (0..20).flat_map(|i| (0..i).flat_map(move |j| (0..j).map(move |k| [i, j, k])));
        let triples: Vec<[usize; 3]> = triples.collect();
        let all = Array2::from_shape_fn((triples.len() + 21, 20), |(pair, player)| {
            match pair.checked_sub(20) {
                None => pair == player,
                Some(at) => triples.get(at).is_none_or(|triple| triple.contains(&player)),
            }
        });
        let drawn = 20..20 + triples.len();
        let fit = Interactions::new(all.view(), drawn.clone()).unwrap();
        assert_eq!(fit.precisions.len(), MOST_CHECKED);
        let (free, checked) = fit.order.split_at(all.nrows() - MOST_CHECKED);
        assert!(checked.iter().all(|pair| drawn.contains(pair)));
        assert!(checked[0] == drawn.start && checked[MOST_CHECKED - 1] + 3 >= drawn.end);
        assert!(checked.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= 3));
        let mut everyone = [free, checked].concat();
        everyone.sort_unstable();
        assert!(everyone.into_iter().eq(0..all.nrows()));
    }
}
