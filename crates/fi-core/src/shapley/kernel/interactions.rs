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
const RATE: f64 = 4.0;
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
        let inverse = inverse(covariance)?;
        let onto = inverse.dot(&signs);
        let spread = inverse_of_small(signs.t().dot(&onto))?;
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
        for size in 1..=n {
            white[size] = 2.0 / (n as f64 * subsets);
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
fn inverse(matrix: Array2<f64>) -> Result<Array2<f64>> {
    let n = matrix.nrows();
    if n <= SMALL {
        return inverse_of_small(matrix);
    }
    let half = n / 2;
    let first = inverse(matrix.slice(s![..half, ..half]).to_owned())?;
    let across = first.dot(&matrix.slice(s![..half, half..]));
    let rest = &matrix.slice(s![half.., half..]) - &matrix.slice(s![half.., ..half]).dot(&across);
    let second = inverse(rest)?;
    let corner = across.dot(&second);
    let first = first + corner.dot(&across.t());
    let upper = concatenate![Axis(1), first, -&corner];
    let lower = concatenate![Axis(1), -corner.t().to_owned(), second];
    Ok(concatenate![Axis(0), upper, lower])
}

fn inverse_of_small(matrix: Array2<f64>) -> Result<Array2<f64>> {
    let n = matrix.nrows();
    matrix.invc().map_err(|error| {
        Error::Data(format!(
            "KernelSHAP's regression on {n} unknowns cannot be solved ({error}), give it more \
             coalitions"
        ))
    })
}
