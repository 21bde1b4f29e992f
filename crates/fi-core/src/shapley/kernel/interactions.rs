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

use linfa_linalg::cholesky::InverseC;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};

use crate::error::{Error, Result};

/// The variance of a weight falls by this factor per player, over the number of players: however
/// many there are, weights of three players come to the same part of the whole.
const RATE: f64 = 2.8;
/// With few players, by this factor.
const MOST_RATE: f64 = 0.5;
/// The share of white noise.
const WHITE: f64 = 0.01;
/// Matrices of this size are inverted at once, larger ones by their halves.
const SMALL: usize = 64;

/// The best linear estimate of Shapley values from these pairs of coalitions.
pub(super) struct Interactions {
    /// `(n_pairs, n_players)`: 1 for a player that is absent, −1 for one that is present.
    signs: Array2<f64>,
    /// `(n_players, n_pairs)`: from values to the weights of single players.
    main: Array2<f64>,
    /// `(n_players, n_pairs)`: from what these leave over to Shapley values.
    rest: Array2<f64>,
    /// `(n_pairs, n_pairs)`: from what they leave over to errors, each as if its own pair had not
    /// been seen, times the error's precision.
    precision: Array2<f64>,
    /// The variance of the Shapley values, in units of the game's.
    variance: Array1<f64>,
}

impl Interactions {
    /// Prepares `(n_pairs, n_players)` coalitions, of which one stands for no and all players.
    pub(super) fn new(coalitions: ArrayView2<'_, bool>) -> Result<Self> {
        let n = coalitions.ncols();
        let sizes: Vec<usize> =
            coalitions.outer_iter().map(|row| row.iter().filter(|&&x| x).count()).collect();
        let signs = coalitions.mapv(|present| if present { -1.0 } else { 1.0 });
        let law = Law::new(n);
        // A scalar product of signs is the number of players minus twice the distance.
        let products = signs.dot(&signs.t());
        let mut covariance =
            products.mapv(|product| law.of_distance[((n as f64 - product) / 2.0) as usize]);
        covariance.diag_mut().mapv_inplace(|variance| variance + WHITE);
        let with_values = Array2::from_shape_fn((n, sizes.len()), |(player, pair)| {
            let sign = signs[[pair, player]];
            let present = usize::from(sign < 0.0);
            let white =
                if present == 1 { law.white[sizes[pair]] } else { -law.white[n - sizes[pair]] };
            sign * law.of_others[sizes[pair] - present] + WHITE * white
        });
        let inverse = inverse(&covariance)?;
        let onto = inverse.dot(&signs);
        let spread = inverse_of_small(&signs.t().dot(&onto))?;
        let main = spread.dot(&onto.t());
        let mut precision = inverse;
        precision -= &onto.dot(&main);
        let rest = with_values.dot(&precision);
        // What single players bring, as if what is left over were known.
        let known = with_values.dot(&onto) + Array2::<f64>::eye(n) * 2.0;
        let explained = (&rest * &with_values).sum_axis(Axis(1));
        let total = with_values.dot(&onto);
        let through = (&total.dot(&spread) * &total).sum_axis(Axis(1));
        let free = (&known.dot(&spread) * &known).sum_axis(Axis(1));
        // `explained` has had the single players taken out; put back what they carry.
        let variance = (law.variance - (&explained + &through) + &free).mapv_into(|v| v.max(0.0));
        Ok(Self { signs, main, rest, precision, variance })
    }

    /// The Shapley values `(n_players, n_outputs)` of `(n_pairs, n_outputs)` halved differences,
    /// and what single players leave over.
    pub(super) fn values(&self, halves: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
        let mut main = self.main.dot(halves);
        let mut left = halves - &self.signs.dot(&main);
        // One step of refinement takes off what rounding the inverse has cost.
        main += &self.main.dot(&left);
        left = halves - &self.signs.dot(&main);
        (main * -2.0 + self.rest.dot(&left), left)
    }

    /// Standard errors `(n_outputs, n_players)`: the law's, in units in which the pairs `drawn`
    /// are as far from what the others say of them as the law has it.
    pub(super) fn std_error(
        &self,
        left: &Array2<f64>,
        drawn: std::ops::Range<usize>,
    ) -> Array2<f64> {
        let errors = self.precision.dot(left);
        let precisions = self.precision.diag();
        let precisions = precisions.slice(s![drawn.clone()]);
        let scale = errors.slice(s![drawn, ..]).map_axis(Axis(0), |errors: ArrayView1<'_, f64>| {
            let squares = errors.iter().zip(&precisions).map(|(e, p)| e * e / p.max(1e-12));
            squares.sum::<f64>() / errors.len() as f64
        });
        let scale = scale.insert_axis(Axis(1));
        (&scale * &self.variance).mapv_into(f64::sqrt)
    }
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

/// The inverse of a positive definite matrix, by halves: nearly all of the work is products.
fn inverse(matrix: &Array2<f64>) -> Result<Array2<f64>> {
    let n = matrix.nrows();
    if n <= SMALL {
        return inverse_of_small(matrix);
    }
    let half = n / 2;
    let first = inverse(&matrix.slice(s![..half, ..half]).to_owned())?;
    let across = first.dot(&matrix.slice(s![..half, half..]));
    let rest = &matrix.slice(s![half.., half..]) - &matrix.slice(s![half.., ..half]).dot(&across);
    let second = inverse(&rest)?;
    let corner = across.dot(&second);
    let first = first + corner.dot(&across.t());
    let upper = concatenate![Axis(1), first, -&corner];
    let lower = concatenate![Axis(1), -corner.t().to_owned(), second];
    Ok(concatenate![Axis(0), upper, lower])
}

fn inverse_of_small(matrix: &Array2<f64>) -> Result<Array2<f64>> {
    let n = matrix.nrows();
    matrix.invc().map_err(|error| {
        Error::Data(format!(
            "KernelSHAP's regression on {n} unknowns cannot be solved ({error}), give it more \
             coalitions"
        ))
    })
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
        let solved = c.dot(&inverse_of_small(&k).unwrap());
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
        let fit = Interactions::new(coalitions.view()).unwrap();
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

    #[test]
    fn errors_are_those_without_the_pair_itself() {
        let bits = [1, 2, 4, 8, 16, 3, 12, 20, 24, 31];
        let all = coalitions(&bits);
        let mut rng = Rng::new(4, 0);
        let halves = Array2::from_shape_simple_fn((bits.len(), 1), || rng.normal());
        let fit = Interactions::new(all.view()).unwrap();
        let (_, left) = fit.values(&halves);
        // Changing a pair's own value changes the error by as much, and nothing of what the others
        // say of it.
        let error =
            |left: &Array2<f64>| fit.precision.row(6).dot(&left.column(0)) / fit.precision[[6, 6]];
        let mut moved = halves.clone();
        moved[[6, 0]] += 2.5;
        let (_, moved) = fit.values(&moved);
        assert!((error(&moved) - error(&left) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn an_inverse_by_halves_is_one() {
        let mut rng = Rng::new(5, 0);
        let factor = Array2::from_shape_simple_fn((150, 150), || rng.normal());
        let matrix = factor.dot(&factor.t()) / 150.0 + Array2::<f64>::eye(150);
        let product = inverse(&matrix).unwrap().dot(&matrix);
        assert!((product - Array2::<f64>::eye(150)).iter().all(|gap| gap.abs() < 1e-11));
    }
}
