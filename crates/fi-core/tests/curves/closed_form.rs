//! Models whose curves are known by a formula.

use fi_core::{AccumulatedLocalEffects, Curve, Estimand, Grid, PartialDependence, Run};
use ndarray::{Array2, Axis, s};

use crate::{assert_close, correlated, function, table};

fn pd(n: usize) -> PartialDependence {
    PartialDependence { grid: Grid::Quantiles(n), ..Default::default() }
}

fn ale(n: usize) -> AccumulatedLocalEffects {
    AccumulatedLocalEffects { grid: Grid::Quantiles(n), ..Default::default() }
}

/// The curve from its first point.
fn from_first(curve: &Curve) -> Vec<f64> {
    curve.values.column(0).iter().map(|value| value - curve.values[[0, 0]]).collect()
}

#[test]
fn an_additive_model_shows_its_components() {
    let data = correlated(1, 150, 0.9);
    let model = function(2, |x| x[0].powi(3) - 2.0 * x[1].cos());
    for (feature, component) in
        [(0, (|x: f64| x.powi(3)) as fn(f64) -> f64), (1, |x: f64| -2.0 * x.cos())]
    {
        let run = Run::new(0);
        for curve in [
            pd(12).curve(&run, &model, &data, feature).unwrap(),
            ale(12).curve(&run, &model, &data, feature).unwrap(),
        ] {
            let first = component(curve.grid[0]);
            let expected: Vec<f64> = curve.grid.iter().map(|&x| component(x) - first).collect();
            assert_close(&from_first(&curve), &expected, 1e-12);
        }
    }
    // Nothing is left for the pair.
    let surface = ale(6).surface(&Run::new(0), &model, &data, [0, 1]).unwrap();
    assert!(surface.values.iter().all(|value| value.abs() < 1e-11), "{surface:?}");
    let h = pd(6).friedman_h(&Run::new(0), &model, &data, [0, 1]).unwrap();
    assert!(h.values[0] < 1e-7 && h.unnormalized[0] < 1e-7, "{h:?}");
}

/// For `f = a b` with correlation `ρ`: `PD(a) = a · mean(b)`, about flat; the local effect is
/// `E[b | a] = ρ a`, so `ALE(a) = ρ (a² − 1) / 2`.
#[test]
fn a_product_of_correlated_features_tells_the_two_apart() {
    let model = function(2, |x| x[0] * x[1]);
    for rho in [-0.6, 0.0, 0.8] {
        let data = correlated(7, 4000, rho);
        let run = Run::new(0);
        let flat = pd(9).curve(&run, &model, &data, 0).unwrap();
        let mean = data.rows().column(1).mean().unwrap();
        let expected: Vec<f64> = flat.grid.iter().map(|a| a * mean).collect();
        assert_close(flat.values.column(0), &expected, 1e-12);
        let curve = ale(21).curve(&run, &model, &data, 0).unwrap();
        let inner = s![1..20];
        let expected: Vec<f64> = curve.grid.iter().map(|a| rho * (a * a - 1.0) / 2.0).collect();
        assert_close(curve.values.column(0).slice(inner), &expected[1..20], 0.1);
    }
    // The interaction itself, ab less its parts: on the corners of a large square it is symmetric.
    let data = correlated(3, 4000, 0.0);
    let surface = ale(9).surface(&Run::new(0), &model, &data, [0, 1]).unwrap();
    let expected =
        Array2::from_shape_fn((9, 9), |(i, j)| surface.grids[0][i] * surface.grids[1][j]);
    assert_close(surface.values.index_axis(Axis(2), 0), &expected, 0.15);
}

/// On the corners of a square with `f = a + b + 2 a b`: `H² = 4 / (1 + 1 + 4)`.
#[test]
fn friedmans_h_of_a_square() {
    let corners = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]];
    let data = table(Array2::from(corners.to_vec()));
    let model = function(2, |x| x[0] + x[1] + 2.0 * x[0] * x[1]);
    let h = pd(5).friedman_h(&Run::new(0), &model, &data, [0, 1]).unwrap();
    assert_close(&h.values, &[(4.0_f64 / 6.0).sqrt()], 1e-12);
    assert_close(&h.unnormalized, &[2.0], 1e-12);
    // Four points of the pair and two of each feature, in four rows.
    assert_eq!(h.n_evaluations, 4 * (4 + 2 + 2));
    let flat = pd(5).friedman_h(&Run::new(0), &function(2, |_| 3.0), &data, [0, 1]).unwrap();
    assert_eq!((flat.values[0], flat.unnormalized[0]), (0.0, 0.0));
}

#[test]
fn weights_count_as_copies_and_missing_rows_are_left_out() {
    let rows = ndarray::array![[0.0, 1.0], [1.0, 5.0], [2.0, 2.0], [3.0, 7.0], [f64::NAN, 100.0]];
    let model = function(2, |x| x[0] * x[1]);
    let weighted = table(rows.clone()).with_weights(vec![1.0, 2.0, 1.0, 3.0, 1.0]).unwrap();
    let copies: Vec<usize> = vec![0, 1, 1, 2, 3, 3, 3];
    let copied = table(rows.select(Axis(0), &copies));
    let grid = Grid::Values(vec![0.0, 1.5, 3.0]);
    let run = Run::new(0);
    let dependence = PartialDependence { grid: grid.clone(), ..Default::default() };
    let [a, b] = [&weighted, &copied].map(|data| dependence.curve(&run, &model, data, 0).unwrap());
    assert_close(&a.values, &b.values, 1e-14);
    assert_eq!((a.missing_share, b.missing_share), (0.125, 0.0));
    assert_eq!(a.warnings[0].to_string(), "12.5 % of the rows miss `x0`: they are left out");
    // Halves of the weight are nearer to each end; the value 1 is nearer to 1.5 than to 0.
    assert_close(&a.shares, &[1.0 / 7.0, 3.0 / 7.0, 3.0 / 7.0], 1e-14);
    let effects = AccumulatedLocalEffects { grid, ..Default::default() };
    let [a, b] = [&weighted, &copied].map(|data| effects.curve(&run, &model, data, 0).unwrap());
    assert_close(&a.values, &b.values, 1e-14);
    let [a, b] =
        [&weighted, &copied].map(|data| effects.surface(&run, &model, data, [0, 1]).unwrap());
    assert_close(&a.values, &b.values, 1e-14);
    let [a, b] =
        [&weighted, &copied].map(|data| dependence.friedman_h(&run, &model, data, [0, 1]).unwrap());
    assert_close(&a.values, &b.values, 1e-14);
}

#[test]
fn centred_lines_start_at_nothing_and_their_band_is_that_of_the_difference() {
    let data = correlated(5, 80, 0.0);
    // Rows differ by b much more than by what a does to them.
    let model = function(2, |x| x[0] + 100.0 * x[1]);
    let run = Run::new(0);
    let plain = PartialDependence { lines: 9, ..pd(5) };
    let centred = PartialDependence { centred: true, ..plain.clone() };
    let a = plain.curve(&run, &model, &data, 0).unwrap();
    let b = centred.curve(&run, &model, &data, 0).unwrap();
    let centre = b.centre.unwrap();
    assert_eq!(a.centre, None);
    assert_close(&centre, a.values.row(0), 1e-12);
    assert_close(&(&b.values + centre[0]), &a.values, 1e-12);
    let lines = b.lines.unwrap();
    assert_eq!(lines.values.dim(), (9, 5, 1));
    assert!(lines.values.slice(s![.., 0, ..]).iter().all(|&value| value == 0.0));
    let (wide, narrow) = (a.band.unwrap(), b.band.unwrap());
    assert!((&wide.high - &wide.low).iter().all(|&width| width > 10.0));
    assert!((&narrow.high - &narrow.low).iter().all(|&width| width < 1e-10));
    assert_eq!(wide.estimand, Estimand::ModelOnPopulation);
}

#[test]
fn the_band_of_a_mean_is_students_and_groups_are_units() {
    // PD is 3 + mean of b: 1, 2, 4, 9 have mean 4 and variance 38 / 3.
    let rows = ndarray::array![[3.0, 1.0], [3.0, 2.0], [3.0, 4.0], [3.0, 9.0]];
    let model = function(2, |x| x[0] + x[1]);
    let run = Run::new(0);
    let curve = pd(5).curve(&run, &model, &table(rows.clone()), 0).unwrap();
    let half = 3.182_446 * (38.0_f64 / 3.0 / 4.0).sqrt();
    let band = curve.band.unwrap();
    assert_eq!(curve.values[[0, 0]], 7.0);
    assert_close(&band.high, &[7.0 + half], 1e-5);
    // Sums 10 and 6 of two groups of two, about 2 · 4.
    let grouped = table(rows.clone()).with_groups(vec![5, 2, 2, 5]).unwrap();
    let band = pd(5).curve(&run, &model, &grouped, 0).unwrap().band.unwrap();
    assert_close(&band.high, &[7.0 + 12.706_205 * (2.0_f64 * 8.0).sqrt() / 4.0], 1e-5);
    let one = table(rows).with_groups(vec![1; 4]).unwrap();
    let curve = pd(5).curve(&run, &model, &one, 0).unwrap();
    assert!(curve.band.is_none());
    assert!(curve.warnings.iter().any(|w| w.to_string().starts_with("there is no interval")));
}

/// For `f = a b` with `ρ = 0` the population's `ALE` is 0; for `a² + b` it is the component,
/// without its mean.
#[test]
fn bands_cover_as_often_as_they_say() {
    let n_sets = 300;
    let mut covered = [0; 3];
    let product = function(2, |x| x[0] * x[1]);
    let grid = Grid::Values(vec![-1.5, -0.5, 0.5, 1.5]);
    let effects = AccumulatedLocalEffects { grid: grid.clone(), ..Default::default() };
    let dependence = PartialDependence { grid, ..Default::default() };
    for seed in 0..n_sets {
        let data = correlated(seed, 60, 0.0);
        let run = Run::new(0);
        let curve = effects.curve(&run, &product, &data, 0).unwrap();
        if let Some(band) = curve.band {
            covered[0] += 1;
            // Points 1 and 4 are the edges −1.5 and 1.5.
            covered[1] += usize::from((band.low[[4, 0]]..=band.high[[4, 0]]).contains(&0.0));
        }
        let band = dependence.curve(&run, &product, &data, 0).unwrap().band.unwrap();
        covered[2] += usize::from((band.low[[3, 0]]..=band.high[[3, 0]]).contains(&0.0));
    }
    let share = |a: usize, b: usize| a as f64 / b as f64;
    assert!(covered[0] > 150, "{covered:?}");
    assert!((0.91..=0.98).contains(&share(covered[1], covered[0])), "{covered:?}");
    assert!((0.92..=0.98).contains(&share(covered[2], n_sets as usize)), "{covered:?}");
}
