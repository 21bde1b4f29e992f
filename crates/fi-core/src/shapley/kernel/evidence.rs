//! Which law of interactions a game's answers speak for: empirical Bayes.
//!
//! The *evidence* of a law is the likelihood of the answers under it, whatever no player is worth
//! (restricted maximum likelihood) and in whatever unit the game is. Odd and even parts of
//! values are independent under the law and have the same rates. So pairs of players, which cancel
//! in Shapley values, tell which players interact. Logarithms of rates are themselves taken as
//! normal around their mean, so a player of which little is known is like the others.
//!
//! Some of the pairs suffice to find the law, and it is climbed to on few of them first.

use linfa_linalg::cholesky::InverseC;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::agreement::Agreement;
use super::factor::{factorise, forward, inverse, square};
use super::law::{Law, centre};

/// On so many pairs, so many steps at most.
const STAGES: [(usize, usize); 2] = [(128, 6), (256, 2)];
/// How far players' logarithms of couplings are from their mean, by their law.
const SPREAD: f64 = 1.0;
/// How far the mean is from that of the law before anything is known.
const MEAN_SPREAD: f64 = 1.5;
/// How far logarithms of white noise are from that of the law before anything is known.
const WHITE_SPREAD: f64 = 2.0;
/// How far the logarithm of the variance of single players' weights is from what is thought of it,
const SINGLE_SPREAD: f64 = 2.0;
/// which is so many times what ordinary least squares says: some players stand out from the others
/// by more than a normal law has it.
const STAND_OUT: f64 = 10.0;
/// Logarithms of couplings and of white noise stay in these ranges, in which covariances can be
/// factorised.
const LOG_COUPLINGS: [f64; 2] = [-9.0, 0.9];
const LOG_WHITE: [f64; 2] = [-12.0, 1.0];
/// Logarithms of the variance of single players' weights, at whose end these are as good as free.
const LOG_SINGLE: [f64; 2] = [-9.0, 16.0];
/// The part of the bound of the curvature that a climb begins with: with all of it steps are short.
const CAUTION: f64 = 0.25;
/// A step that brings less is the last.
const ENOUGH: f64 = 0.2;
/// Rounding leaves less than this part of a square.
const ROUNDING: f64 = 1e-22;

/// The law for a game with `(n_pairs, n_outputs)` odd and even parts of values, `½ [v(S) ± v(S')]`:
/// coalitions of one player come first, and none and all are the last pair.
///
/// All outputs share it. A game that has no interactions that it matters for keeps the law that
/// all games begin with.
pub(super) fn learn(signs: ArrayView2<'_, f64>, odd: &Array2<f64>, even: &Array2<f64>) -> Law {
    let (n_pairs, n) = signs.dim();
    let start = Law::alike(n);
    let mut at = None;
    let mut n_before = 0;
    for (most, n_steps) in STAGES {
        let used = spread(n_pairs, n, most);
        if used.len() == n_before {
            break;
        }
        n_before = used.len();
        let of = |table: ArrayView2<'_, f64>| table.select(Axis(0), &used);
        let Some(hill) = Hill::new(&start, of(signs), &of(odd.view()), &of(even.view())) else {
            return start;
        };
        let from = at.unwrap_or_else(|| hill.before.clone());
        at = Some(hill.climb(from, n_steps));
    }
    at.map_or(start, |at| at.law())
}

/// About `most` of the pairs, and more than half as many that are not of one player: in equal
/// steps, which every size has its share of.
pub(super) fn spread(n_pairs: usize, n_players: usize, most: usize) -> Vec<usize> {
    let others = n_pairs - n_players - 1;
    let n_others = others.min(most.saturating_sub(n_players + 1).max(most / 2));
    let steps = (0..n_others).map(|k| n_players + k * others / n_others);
    (0..n_players).chain(steps).chain([n_pairs - 1]).collect()
}

/// Where the climb is, in logarithms.
#[derive(Clone)]
struct Point {
    couplings: Array1<f64>,
    /// Of odd parts and of even ones.
    whites: [f64; 2],
    /// Of the variance of single players' weights.
    single: f64,
}

impl Point {
    fn law(&self) -> Law {
        Law {
            couplings: self.couplings.mapv(f64::exp),
            white: self.whites[0].exp(),
            single: (-self.single).exp(),
        }
    }
}

/// The logarithm of the evidence at a point, its derivatives, and what these are differences of,
/// which says how far a step may go.
struct Slope {
    value: f64,
    of_couplings: Array1<f64>,
    curvature: Array1<f64>,
    of_whites: [f64; 2],
    white_curvature: [f64; 2],
    of_single: f64,
    single_curvature: f64,
}

/// The evidence of some pairs, and what is thought of laws before it.
struct Hill {
    signs: Array2<f64>,
    parts: Vec<Part>,
    before: Point,
}

impl Hill {
    /// `None` if there are no interactions that Shapley values have to do with.
    fn new(start: &Law, signs: Array2<f64>, odd: &Array2<f64>, even: &Array2<f64>) -> Option<Self> {
        let ones = Array2::ones((signs.nrows(), 1));
        let odd = Part::new(0, signs.clone(), odd)?;
        let even = Part::new(1, ones, even);
        let before = Point {
            couplings: start.couplings.mapv(f64::ln),
            whites: [start.white.ln(); 2],
            single: (STAND_OUT * odd.ratio()).ln().clamp(LOG_SINGLE[0], LOG_SINGLE[1]),
        };
        Some(Self { signs, parts: std::iter::once(odd).chain(even).collect(), before })
    }

    /// Newton's steps with a bound of the curvature; one that leads down is taken back and halved.
    fn climb(&self, start: Point, n_steps: usize) -> Point {
        let Some(mut slope) = self.slope(&start) else { return start };
        let mut best = start;
        let mut caution = CAUTION;
        for _ in 0..n_steps {
            let moved = |from: f64, slope: f64, curvature: f64, spread: f64, range: [f64; 2]| {
                let step = slope / (caution * curvature + 1.0 / (spread * spread));
                (from + step.clamp(-1.0, 1.0)).clamp(range[0], range[1])
            };
            let mut next = best.clone();
            for (i, log) in next.couplings.iter_mut().enumerate() {
                let (slope, curvature) = (slope.of_couplings[i], slope.curvature[i]);
                *log = moved(*log, slope, curvature, SPREAD, LOG_COUPLINGS);
            }
            for (k, log) in next.whites.iter_mut().enumerate() {
                let (slope, curvature) = (slope.of_whites[k], slope.white_curvature[k]);
                *log = moved(*log, slope, curvature, WHITE_SPREAD, LOG_WHITE);
            }
            let (of_single, curvature) = (slope.of_single, slope.single_curvature);
            next.single = moved(next.single, of_single, curvature, SINGLE_SPREAD, LOG_SINGLE);
            match self.slope(&next) {
                Some(found) if found.value > slope.value => {
                    let gain = found.value - slope.value;
                    (best, slope) = (next, found);
                    if gain < ENOUGH {
                        break;
                    }
                }
                _ => caution *= 2.0,
            }
        }
        best
    }

    /// `None` where covariances cannot be factorised.
    fn slope(&self, at: &Point) -> Option<Slope> {
        let n = at.couplings.len();
        let mean = at.couplings.sum() / n as f64;
        let away = &at.couplings - mean;
        let mean_away = mean - self.before.couplings[0];
        let whites = [0, 1].map(|part| at.whites[part] - self.before.whites[part]);
        let single = at.single - self.before.single;
        let [narrow, wide, of_white, of_single] =
            [SPREAD, MEAN_SPREAD, WHITE_SPREAD, SINGLE_SPREAD]
                .map(|spread| 1.0 / (spread * spread));
        let square = narrow * away.dot(&away)
            + wide * mean_away * mean_away
            + of_white * (whites[0] * whites[0] + whites[1] * whites[1])
            + of_single * single * single;
        let mut slope = Slope {
            value: -0.5 * square,
            of_couplings: away * -narrow - wide * mean_away / n as f64,
            curvature: Array1::zeros(n),
            of_whites: whites.map(|white| -of_white * white),
            white_curvature: [0.0; 2],
            of_single: -of_single * single,
            single_curvature: 0.0,
        };
        let law = at.law();
        let shapes = Shapes::new(&law, &self.signs);
        for part in &self.parts {
            let white = at.whites[part.parity].exp();
            part.add(&law, &shapes, white, &self.signs, &mut slope)?;
        }
        slope.value.is_finite().then_some(slope)
    }
}

/// Covariances of odd and of even parts, and the latter's derivatives, which are the former.
struct Shapes([Array2<f64>; 2]);

impl Shapes {
    fn new(law: &Law, signs: &Array2<f64>) -> Self {
        let agreement = Agreement::new(law, signs.view());
        let n = signs.nrows();
        let [mut odd, mut even, mut rates] = [0; 3].map(|_| vec![0.0; n]);
        let mut shapes = [0; 2].map(|_| Array2::zeros((n, n)));
        for pair in 0..n {
            agreement.with(signs.row(pair), [&mut odd, &mut even, &mut rates]);
            for (shape, row) in shapes.iter_mut().zip([&odd, &even]) {
                shape.row_mut(pair).assign(&ArrayView1::from(row));
            }
        }
        Self(shapes)
    }
}

/// The odd (parity 0) or the even (1) parts of values.
struct Part {
    parity: usize,
    /// `(n_pairs, n_free)`: what has free weights.
    free: Array2<f64>,
    /// `(n_free, n_outputs)`: their ordinary least squares fit,
    weights: Array2<f64>,
    /// `(n_pairs, n_outputs)`: and what that leaves over.
    left: Array2<f64>,
}

/// `P = K⁻¹ − K⁻¹ F N⁻¹ Fᵀ K⁻¹` with `N = Fᵀ K⁻¹ F + p C`, where `C` takes the mean off: it looks away
/// from what is free, all of `F` if `p = 0`, and else its mean.
struct Projection {
    matrix: Array2<f64>,
    /// The factor `M` of `N = M Mᵀ`.
    normal: Array2<f64>,
    /// `(n_free, n_pairs)`: `M⁻¹ Fᵀ K⁻¹`.
    looked_at: Array2<f64>,
    /// Half the logarithm of the determinants of `K` and `N`.
    half_log: f64,
}

impl Projection {
    /// Of covariances of which the lower triangle is given.
    fn new(mut covariance: Array2<f64>, free: &Array2<f64>, precision: f64) -> Option<Self> {
        let half_log = |factor: &Array2<f64>| factor.diag().mapv(f64::ln).sum();
        if !factorise(covariance.view_mut()) {
            return None;
        }
        let root = inverse(covariance.view());
        let seen = root.dot(free);
        let mut normal = seen.t().dot(&seen);
        if precision > 0.0 {
            normal += &(centre(Array2::eye(free.ncols())) * precision);
        }
        if !factorise(normal.view_mut()) {
            return None;
        }
        let mut looked_at = seen.t().dot(&root);
        forward(normal.view(), looked_at.view_mut());
        let mut matrix = Array2::zeros(covariance.dim());
        square(root.view(), matrix.view_mut());
        matrix -= &looked_at.t().dot(&looked_at);
        let half_log = half_log(&covariance) + half_log(&normal);
        Some(Self { matrix, normal, looked_at, half_log })
    }
}

impl Part {
    /// `None` if what is free leaves nothing but rounding.
    fn new(parity: usize, free: Array2<f64>, values: &Array2<f64>) -> Option<Self> {
        let normal = free.t().dot(&free).invc().ok()?;
        let mut left = values.clone();
        let mut weights = Array2::zeros((free.ncols(), values.ncols()));
        // The second time takes off what rounding has cost.
        for _ in 0..2 {
            let more = normal.dot(&free.t().dot(&left));
            left -= &free.dot(&more);
            weights += &more;
        }
        let square = |values: &Array2<f64>| (values * values).sum_axis(Axis(0));
        let (of_left, of_values) = (square(&left), square(values));
        let outputs: Vec<usize> = (0..values.ncols())
            .filter(|&output| of_left[output] > ROUNDING * of_values[output])
            .collect();
        let known = !outputs.is_empty() && free.nrows() > free.ncols();
        let of = |table: &Array2<f64>| table.select(Axis(1), &outputs);
        known.then(|| Self { parity, weights: of(&weights), left: of(&left), free })
    }

    /// The mean square of a weight, around their mean, over that of what is left: a mean of logarithms
    /// over outputs.
    fn ratio(&self) -> f64 {
        let (n_pairs, n_free) = self.free.dim();
        let of = |table: &Array2<f64>, n: usize| (table * table).sum_axis(Axis(0)) / n as f64;
        let weights = centre(self.weights.clone());
        let ratios = of(&weights, n_free) / of(&self.left, n_pairs - n_free);
        ratios.mapv(|ratio| ratio.max(f64::MIN_POSITIVE).ln()).mean().unwrap_or(0.0).exp()
    }

    /// Covariances with white noise, in units of a variance without it.
    fn covariance(&self, law: &Law, shapes: &Shapes, white: f64) -> Array2<f64> {
        let units = law.units();
        let free = match self.parity {
            0 => units.rates.clone(),
            _ => Array1::ones(1),
        };
        let mut covariance = (&self.free * &(free * -units.empty)).dot(&self.free.t());
        covariance += &shapes.0[self.parity];
        covariance /= units.variances()[self.parity];
        covariance.diag_mut().mapv_inplace(|variance| variance + white);
        covariance
    }

    /// Adds the part's evidence, a mean over outputs.
    fn add(
        &self,
        law: &Law,
        shapes: &Shapes,
        white: f64,
        signs: &Array2<f64>,
        slope: &mut Slope,
    ) -> Option<()> {
        let (n_pairs, n_outputs) = self.left.dim();
        let precision = if self.parity == 0 { law.single } else { 0.0 };
        let units = law.units();
        let unit = units.variances()[self.parity];
        let (own, other) = (&shapes.0[self.parity], &shapes.0[1 - self.parity]);
        let Projection { matrix: projection, normal, looked_at, half_log } =
            Projection::new(self.covariance(law, shapes, white), &self.free, precision)?;
        // P F = K⁻¹ F N⁻¹ p C, which is small where weights are nearly free.
        let mut of_weights = centre(self.weights.clone()) * precision;
        forward(normal.view(), of_weights.view_mut());
        let mut solved = projection.dot(&self.left) + looked_at.t().dot(&of_weights);
        let of_free = self.free.t().dot(&solved);
        let n_free = if precision > 0.0 { 1 } else { self.free.ncols() };
        let n_left = (n_pairs - n_free) as f64;
        slope.value -= half_log;
        // What the answers have of single players, and what the law expects.
        let mut singles = [0; 2].map(|_| Array1::<f64>::zeros(units.rates.len()));
        for (output, mut solved) in solved.columns_mut().into_iter().enumerate() {
            let of_free = of_free.column(output);
            let square =
                self.left.column(output).dot(&solved) + self.weights.column(output).dot(&of_free);
            slope.value -= 0.5 * n_left * square.ln() / n_outputs as f64;
            let scale = n_left / (square * n_outputs as f64);
            solved *= scale.sqrt();
            if precision > 0.0 {
                singles[0] += &of_free.mapv(|of_free| scale * of_free * of_free);
            }
        }
        if precision > 0.0 {
            // Fᵀ P F = p C − p² C N⁻¹ C.
            let root = centre(inverse(normal.view()).reversed_axes());
            let spread = root.map_axis(Axis(1), |row| row.dot(&row));
            let n = spread.len() as f64;
            singles[1] = spread.mapv(|spread| precision * (1.0 - 1.0 / n - precision * spread));
            let [found, expected] = [0, 1].map(|k| 0.5 * singles[k].sum() / precision);
            slope.value += 0.5 * (n - 1.0) * precision.ln();
            slope.of_single += found - expected;
            slope.single_curvature += found + expected;
        }
        let of_single = units.rates.mapv(|rate| units.empty * (1.0 - rate * rate));
        // What the answers have, and what the law expects.
        let found = solved.dot(&solved.t());
        let of_shape =
            [(&found, &singles[0]), (&projection, &singles[1])].map(|(matrix, single)| {
                let sum = product(matrix, own);
                let by_player = ((matrix * other).dot(signs) * signs).sum_axis(Axis(0));
                let sums = by_player - &(&units.rates * sum) - &of_single * single;
                let sum = sum - units.empty * units.rates.dot(single);
                (sum / unit, sums * &law.couplings / unit)
            });
        let [(found_sum, found_sums), (expected_sum, expected_sums)] = of_shape;
        // The unit changes, too.
        let parts = units.parts();
        let without = if self.parity == 0 { 1.0 } else { 0.0 };
        let of_unit = (&units.rates * -parts[self.parity] + parts[1 - self.parity]
            - of_single * without)
            * &law.couplings
            / unit;
        slope.of_couplings +=
            &((&found_sums - &expected_sums - of_unit * (found_sum - expected_sum)) * 0.5);
        slope.curvature += &((found_sums.mapv(f64::abs) + expected_sums.mapv(f64::abs)) * 0.5);
        let [found, expected] =
            [&found, &projection].map(|matrix| 0.5 * white * matrix.diag().sum());
        slope.of_whites[self.parity] += found - expected;
        slope.white_curvature[self.parity] += found + expected;
        Some(())
    }
}

/// `Σ aᵢⱼ bᵢⱼ`, of which many terms are added side by side.
fn product(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.outer_iter().zip(b.outer_iter()).map(|(a, b)| a.dot(&b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const N: usize = 6;
    const RATE: f64 = 2.8 / N as f64;

    /// Coalitions of one player, some of three, and all.
    fn signs(n: usize) -> Array2<f64> {
        let triples = (0..n).flat_map(|i| (0..i).flat_map(move |j| (0..j).map(move |k| [i, j, k])));
        let alone = (0..n).map(|i| vec![i]);
        let sets: Vec<Vec<usize>> = alone
            .chain(triples.step_by(2).map(|triple| triple.to_vec()))
            .chain([(0..n).collect()])
            .collect();
        Array2::from_shape_fn((sets.len(), n), |(pair, player)| {
            if sets[pair].contains(&player) { -1.0 } else { 1.0 }
        })
    }

    fn hill() -> Hill {
        let signs = signs(N);
        let mut rng = Rng::new(8, 0);
        let mut answers = || Array2::from_shape_simple_fn((signs.nrows(), 2), || rng.normal());
        let (odd, even) = (answers(), answers());
        Hill::new(&Law::alike(N), signs, &odd, &even).unwrap()
    }

    fn point() -> Point {
        let couplings = Array1::from_iter([-2.0, -0.5, -1.0, 0.3, -3.0, -1.5]);
        Point { couplings, whites: [-2.0, -3.5], single: -0.7 }
    }

    #[test]
    fn slopes_are_those_of_the_evidence() {
        let hill = hill();
        let slope = hill.slope(&point()).unwrap();
        let step = 1e-5;
        let by_difference = |change: &dyn Fn(&mut Point, f64)| {
            let value = |by: f64| {
                let mut point = point();
                change(&mut point, by);
                hill.slope(&point).unwrap().value
            };
            (value(step) - value(-step)) / (2.0 * step)
        };
        for player in 0..N {
            let found = slope.of_couplings[player];
            let expected = by_difference(&|point, by| point.couplings[player] += by);
            assert!((found - expected).abs() < 1e-6, "{player}: {found} {expected}");
        }
        let expected = by_difference(&|point, by| point.single += by);
        assert!((slope.of_single - expected).abs() < 1e-6, "{} {expected}", slope.of_single);
        for part in 0..2 {
            let expected = by_difference(&|point, by| point.whites[part] += by);
            let found = slope.of_whites[part];
            assert!((found - expected).abs() < 1e-6, "{part}: {found} {expected}");
        }
    }

    /// Gauss: the determinant's logarithm, and the inverse.
    fn log_determinant_and_inverse(matrix: &Array2<f64>) -> (f64, Array2<f64>) {
        let n = matrix.nrows();
        let (mut left, mut inverse, mut log) = (matrix.clone(), Array2::<f64>::eye(n), 0.0);
        for k in 0..n {
            let pivot = left[[k, k]];
            log += pivot.ln();
            for table in [&mut left, &mut inverse] {
                table.row_mut(k).mapv_inplace(|x| x / pivot);
            }
            for i in (0..n).filter(|&i| i != k) {
                let share = left[[i, k]];
                for table in [&mut left, &mut inverse] {
                    let row = table.row(k).to_owned();
                    table.row_mut(i).scaled_add(-share, &row);
                }
            }
        }
        (log, inverse)
    }

    /// The restricted likelihood by its definition, covariances by sums over sets of players.
    #[test]
    fn the_evidence_is_the_restricted_likelihood() {
        let hill = hill();
        let point = point();
        let law = point.law();
        let rates = law.couplings.mapv(f64::tanh);
        let mut expected = 0.0;
        for (part, n_free) in hill.parts.iter().zip([1_u32, 0]) {
            let sets: Vec<usize> = (0..1 << N)
                .filter(|set: &usize| set.count_ones() % 2 == n_free && set.count_ones() > n_free)
                .collect();
            let product = |set: usize, of: &dyn Fn(usize) -> f64| -> f64 {
                (0..N).filter(|i| set >> i & 1 == 1).map(of).product()
            };
            let unit: f64 = sets.iter().map(|&set| product(set, &|i| rates[i])).sum();
            let m = hill.signs.nrows();
            let k = Array2::from_shape_fn((m, m), |(a, b)| {
                let term = |i: usize| rates[i] * hill.signs[[a, i]] * hill.signs[[b, i]];
                let sum: f64 = sets.iter().map(|&set| product(set, &term)).sum();
                sum / unit + if a == b { point.whites[part.parity].exp() } else { 0.0 }
            });
            let values = part.free.dot(&part.weights) + &part.left;
            // Single players' weights are drawn, too, around a mean that is free.
            let (k, free) = if part.parity == 0 {
                let of_players = centre(part.free.t().to_owned()).reversed_axes();
                let k = k + of_players.dot(&of_players.t()) * point.single.exp();
                let mean = part.free.sum_axis(Axis(1)) / (N as f64).sqrt();
                (k, mean.insert_axis(Axis(1)))
            } else {
                (k, part.free.clone())
            };
            let (log_k, inverse) = log_determinant_and_inverse(&k);
            let normal = free.t().dot(&inverse).dot(&free);
            let (log_normal, normal) = log_determinant_and_inverse(&normal);
            let seen = inverse.dot(&free);
            let projection = &inverse - &seen.dot(&normal).dot(&seen.t());
            expected -= 0.5 * (log_k + log_normal);
            let n_left = (m - 1) as f64;
            for values in values.columns() {
                let square = values.dot(&projection.dot(&values));
                expected -= 0.25 * n_left * square.ln();
            }
        }
        // What is thought beforehand: normal around the mean, which is normal around the start's.
        let mean = point.couplings.mean().unwrap();
        let squares = point.couplings.mapv(|log| (log - mean).powi(2)).sum();
        expected -= 0.5 * squares / SPREAD.powi(2);
        expected -= 0.5 * ((mean - RATE.atanh().ln()) / MEAN_SPREAD).powi(2);
        for white in point.whites {
            expected -= 0.5 * ((white - 0.01_f64.ln()) / WHITE_SPREAD).powi(2);
        }
        let single = (point.single - hill.before.single) / SINGLE_SPREAD;
        expected -= 0.5 * single * single;
        let found = hill.slope(&point).unwrap().value;
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn players_that_interact_are_found() {
        let n = 10;
        let signs = signs(n);
        let worth = |z: ArrayView1<'_, f64>, sign: f64| {
            let present = |i: usize| 0.5 - 0.5 * sign * z[i];
            present(1) * present(4) * present(6) + present(0) - 3.0 * present(9)
        };
        let part = |sign: f64| {
            let values = signs.map_axis(Axis(1), |z| 0.5 * (worth(z, 1.0) + sign * worth(z, -1.0)));
            values.insert_axis(Axis(1))
        };
        let (odd, even) = (part(-1.0), part(1.0));
        let law = learn(signs.view(), &odd, &even);
        for player in 0..n {
            let interacts = [1, 4, 6].contains(&player);
            assert_eq!(law.couplings[player] > 0.3, interacts, "{player}: {}", law.couplings);
        }
        // In another unit, and around another value, it is the same law.
        let other = learn(signs.view(), &(odd * 8.0), &(even * 8.0 + 32.0));
        let apart = (&other.couplings - &law.couplings).mapv(f64::abs);
        assert!(apart.iter().all(|&apart| apart < 1e-9), "{apart}");
    }

    #[test]
    fn a_game_without_interactions_keeps_the_first_law() {
        let signs = signs(9);
        let odd = signs.dot(&Array2::from_shape_fn((9, 1), |(i, _)| 0.1 * i as f64 - 0.3));
        let even = signs.map_axis(Axis(1), |z| z[1] * z[6]).insert_axis(Axis(1));
        assert_eq!(learn(signs.view(), &odd, &even), Law::alike(9));
        assert_eq!(learn(signs.view(), &Array2::zeros(odd.dim()), &even), Law::alike(9));
    }

    #[test]
    fn of_many_pairs_some_of_every_part_are_asked() {
        assert_eq!(spread(11, 4, 128), (0..11).collect::<Vec<_>>());
        let used = spread(1001, 20, 128);
        assert_eq!((used.len(), used[127]), (128, 1000));
        assert!(
            used[..20].iter().copied().eq(0..20) && used.windows(2).all(|pair| pair[0] < pair[1])
        );
        assert!(used[19..].windows(2).all(|pair| pair[1] - pair[0] <= 10));
        // However many are alone, there are others.
        assert_eq!(spread(1001, 200, 128).len(), 265);
        assert_eq!(spread(201, 200, 128).len(), 201);
    }
}
