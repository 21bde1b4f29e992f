//! Which law of interactions a game's answers speak for: empirical Bayes.
//!
//! The *evidence* of a law is the likelihood of the answers under it, whatever single players
//! weigh (restricted maximum likelihood) and in whatever unit the game is. Odd and even parts of
//! values are independent under the law and have the same rates. So pairs of players, which cancel
//! in Shapley values, tell which players interact. Logarithms of rates are themselves taken as
//! normal around their mean, so a player of which little is known is like the others.
//!
//! Some of the pairs suffice to find the law, and it is climbed to on few of them first.

use linfa_linalg::cholesky::InverseC;
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use super::factor::{factorise, forward, inverse, square};
use super::law::Law;

/// On so many pairs, so many steps at most.
const STAGES: [(usize, usize); 2] = [(128, 12), (256, 2)];
/// How far players' logarithms of couplings are from their mean, by their law.
const SPREAD: f64 = 1.0;
/// How far the mean is from that of the law before anything is known.
const MEAN_SPREAD: f64 = 1.5;
/// How far logarithms of white noise are from that of the law before anything is known.
const WHITE_SPREAD: f64 = 2.0;
/// Logarithms of couplings and of white noise stay in these ranges, in which covariances can be
/// factorised.
const LOG_COUPLINGS: [f64; 2] = [-9.0, 0.9];
const LOG_WHITE: [f64; 2] = [-12.0, 1.0];
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
    let mut at = Point::of(&start);
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
        at = hill.climb(at, n_steps);
    }
    at.law()
}

/// About `most` of the pairs, and more than half as many that are not of one player: in equal
/// steps, which every size has its share of.
pub(super) fn spread(n_pairs: usize, n_players: usize, most: usize) -> Vec<usize> {
    let others = n_pairs - n_players - 1;
    let n_others = others.min(most.saturating_sub(n_players + 1).max(most / 2));
    let steps = (0..n_others).map(|k| n_players + k * others / n_others);
    (0..n_players).chain(steps).chain([n_pairs - 1]).collect()
}

/// Where the climb is.
#[derive(Clone)]
struct Point {
    log_couplings: Array1<f64>,
    /// Of odd parts and of even ones.
    log_whites: [f64; 2],
}

impl Point {
    fn of(law: &Law) -> Self {
        Self { log_couplings: law.couplings.mapv(f64::ln), log_whites: [law.white.ln(); 2] }
    }

    fn law(&self) -> Law {
        Law { couplings: self.log_couplings.mapv(f64::exp), white: self.log_whites[0].exp() }
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
        Some(Self {
            signs,
            parts: std::iter::once(odd).chain(even).collect(),
            before: Point::of(start),
        })
    }

    /// Newton's steps with a bound of the curvature; one that leads down is taken back and halved.
    fn climb(&self, start: Point, n_steps: usize) -> Point {
        let Some(mut slope) = self.slope(&start) else { return start };
        let mut best = start;
        let mut caution = 0.5;
        for _ in 0..n_steps {
            let moved = |from: f64, slope: f64, curvature: f64, spread: f64, range: [f64; 2]| {
                let step = slope / (caution * curvature + 1.0 / (spread * spread));
                (from + step.clamp(-1.0, 1.0)).clamp(range[0], range[1])
            };
            let mut next = best.clone();
            for (i, log) in next.log_couplings.iter_mut().enumerate() {
                let (slope, curvature) = (slope.of_couplings[i], slope.curvature[i]);
                *log = moved(*log, slope, curvature, SPREAD, LOG_COUPLINGS);
            }
            for (k, log) in next.log_whites.iter_mut().enumerate() {
                let (slope, curvature) = (slope.of_whites[k], slope.white_curvature[k]);
                *log = moved(*log, slope, curvature, WHITE_SPREAD, LOG_WHITE);
            }
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
        let n = at.log_couplings.len();
        let mean = at.log_couplings.sum() / n as f64;
        let away = &at.log_couplings - mean;
        let mean_away = mean - self.before.log_couplings[0];
        let whites = [0, 1].map(|part| at.log_whites[part] - self.before.log_whites[part]);
        let [narrow, wide, of_white] =
            [SPREAD, MEAN_SPREAD, WHITE_SPREAD].map(|spread| 1.0 / (spread * spread));
        let square = narrow * away.dot(&away)
            + wide * mean_away * mean_away
            + of_white * (whites[0] * whites[0] + whites[1] * whites[1]);
        let mut slope = Slope {
            value: -0.5 * square,
            of_couplings: away * -narrow - wide * mean_away / n as f64,
            curvature: Array1::zeros(n),
            of_whites: whites.map(|white| -of_white * white),
            white_curvature: [0.0; 2],
        };
        let law = at.law();
        let shapes = Shapes::new(&law, &self.signs);
        for part in &self.parts {
            let white = at.log_whites[part.parity].exp();
            part.add(&law, &shapes, white, &self.signs, &mut slope)?;
        }
        slope.value.is_finite().then_some(slope)
    }
}

/// Covariances of odd and of even parts, and the latter's derivatives, which are the former.
struct Shapes([Array2<f64>; 2]);

impl Shapes {
    fn new(law: &Law, signs: &Array2<f64>) -> Self {
        let total = law.couplings.sum();
        let mut odd = (signs * &law.couplings).dot(&signs.t());
        let mut even = odd.clone();
        Zip::from(&mut odd).and(&mut even).for_each(|odd, even| {
            [*odd, *even] = Law::split(*odd, total);
        });
        Self([odd, even])
    }
}

/// The odd (parity 0) or the even (1) parts of values.
struct Part {
    parity: usize,
    /// `(n_pairs, n_free)`: what has free weights.
    free: Array2<f64>,
    /// `(n_pairs, n_outputs)`: what is left of them by ordinary least squares on the former.
    values: Array2<f64>,
}

/// `P = K⁻¹ − K⁻¹ F (Fᵀ K⁻¹ F)⁻¹ Fᵀ K⁻¹`, which looks away from what is free, and half the
/// logarithm of the determinants of `K` and `Fᵀ K⁻¹ F`.
struct Projection {
    matrix: Array2<f64>,
    half_log: f64,
}

impl Projection {
    /// Of covariances of which the lower triangle is given.
    fn new(mut covariance: Array2<f64>, free: &Array2<f64>) -> Option<Self> {
        let half_log = |factor: &Array2<f64>| factor.diag().mapv(f64::ln).sum();
        if !factorise(covariance.view_mut()) {
            return None;
        }
        let root = inverse(covariance.view());
        let seen = root.dot(free);
        let mut normal = seen.t().dot(&seen);
        if !factorise(normal.view_mut()) {
            return None;
        }
        let mut looked_at = seen.t().dot(&root);
        forward(normal.view(), looked_at.view_mut());
        let mut matrix = Array2::zeros(covariance.dim());
        square(root.view(), matrix.view_mut());
        matrix -= &looked_at.t().dot(&looked_at);
        Some(Self { matrix, half_log: half_log(&covariance) + half_log(&normal) })
    }
}

impl Part {
    /// `None` if what is free leaves nothing but rounding.
    fn new(parity: usize, free: Array2<f64>, values: &Array2<f64>) -> Option<Self> {
        let normal = free.t().dot(&free).invc().ok()?;
        let mut left = values.clone();
        // The second time takes off what rounding has cost.
        for _ in 0..2 {
            left -= &free.dot(&normal.dot(&free.t().dot(&left)));
        }
        let square = |values: &Array2<f64>| (values * values).sum_axis(Axis(0));
        let (of_left, of_values) = (square(&left), square(values));
        let outputs: Vec<usize> = (0..values.ncols())
            .filter(|&output| of_left[output] > ROUNDING * of_values[output])
            .collect();
        let known = !outputs.is_empty() && free.nrows() > free.ncols();
        known.then(|| Self { parity, free, values: left.select(Axis(1), &outputs) })
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
        let (n_pairs, n_outputs) = self.values.dim();
        let units = law.units();
        let unit = units.variances()[self.parity];
        let (own, other) = (&shapes.0[self.parity], &shapes.0[1 - self.parity]);
        let Projection { matrix: projection, half_log } =
            Projection::new(self.covariance(law, shapes, white), &self.free)?;
        let n_left = (n_pairs - self.free.ncols()) as f64;
        let mut solved = projection.dot(&self.values);
        slope.value -= half_log;
        for (mut solved, values) in solved.columns_mut().into_iter().zip(self.values.columns()) {
            let square = values.dot(&solved);
            slope.value -= 0.5 * n_left * square.ln() / n_outputs as f64;
            solved *= (n_left / (square * n_outputs as f64)).sqrt();
        }
        // What the answers have, and what the law expects.
        let found = solved.dot(&solved.t());
        let of_shape = [&found, &projection].map(|matrix| {
            let sum = Zip::from(matrix).and(own).fold(0.0, |sum, a, b| sum + a * b);
            let by_player = ((matrix * other).dot(signs) * signs).sum_axis(Axis(0));
            let sums = by_player - &(&units.rates * sum);
            (sum / unit, sums * &law.couplings / unit)
        });
        let [(found_sum, found_sums), (expected_sum, expected_sums)] = of_shape;
        // The unit changes, too.
        let parts = units.parts();
        let single = match self.parity {
            0 => units.rates.mapv(|rate| units.empty * (1.0 - rate * rate)),
            _ => Array1::zeros(units.rates.len()),
        };
        let of_unit = (&units.rates * -parts[self.parity] + parts[1 - self.parity] - single)
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

#[cfg(test)]
mod tests {
    use ndarray::ArrayView1;

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
        let log_couplings = Array1::from_iter([-2.0, -0.5, -1.0, 0.3, -3.0, -1.5]);
        Point { log_couplings, log_whites: [-2.0, -3.5] }
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
            let expected = by_difference(&|point, by| point.log_couplings[player] += by);
            assert!((found - expected).abs() < 1e-6, "{player}: {found} {expected}");
        }
        for part in 0..2 {
            let expected = by_difference(&|point, by| point.log_whites[part] += by);
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
                sum / unit + if a == b { point.log_whites[part.parity].exp() } else { 0.0 }
            });
            let (log_k, inverse) = log_determinant_and_inverse(&k);
            let normal = part.free.t().dot(&inverse).dot(&part.free);
            let (log_normal, normal) = log_determinant_and_inverse(&normal);
            let seen = inverse.dot(&part.free);
            let projection = &inverse - &seen.dot(&normal).dot(&seen.t());
            expected -= 0.5 * (log_k + log_normal);
            for values in part.values.columns() {
                let square = values.dot(&projection.dot(&values));
                expected -= 0.25 * (m - part.free.ncols()) as f64 * square.ln();
            }
        }
        // What is thought beforehand: normal around the mean, which is normal around the start's.
        let mean = point.log_couplings.mean().unwrap();
        let squares = point.log_couplings.mapv(|log| (log - mean).powi(2)).sum();
        expected -= 0.5 * squares / SPREAD.powi(2);
        expected -= 0.5 * ((mean - RATE.atanh().ln()) / MEAN_SPREAD).powi(2);
        for white in point.log_whites {
            expected -= 0.5 * ((white - 0.01_f64.ln()) / WHITE_SPREAD).powi(2);
        }
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
