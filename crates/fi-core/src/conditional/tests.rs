//! Samplers against closed forms, copies, constants, missing values and bad input.

use super::*;
use crate::dataset::{Dataset, Target};
use ndarray::{Array1, Axis, array};

/// Two features with correlation 0.8 and variances 4 and 1, and a third that is their sum.
fn covariance() -> Array2<f64> {
    array![[4.0, 1.6, 5.6], [1.6, 1.0, 2.6], [5.6, 2.6, 8.2]]
}

fn data(rows: Array2<f64>) -> Dataset {
    let target = Target::Values(vec![0.0; rows.nrows()]);
    Dataset::new(rows, target).unwrap()
}

/// `n` rows of a normal distribution with correlation `r` of two features.
fn pairs(n: usize, r: f64, seed: u64) -> Array2<f64> {
    let mut rng = Rng::new(seed, 0);
    let mut rows = Array2::zeros((n, 2));
    for mut row in rows.outer_iter_mut() {
        row[0] = rng.normal();
        row[1] = r * row[0] + (1.0 - r * r).sqrt() * rng.normal();
    }
    rows
}

fn moments_of(drawn: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let mean = drawn.mean_axis(Axis(0)).unwrap();
    let centred = drawn - &mean;
    let covariance = centred.t().dot(&centred) / drawn.nrows() as f64;
    (mean, covariance)
}

#[test]
fn draws_have_the_conditional_mean_and_covariance() {
    let covariance = array![[4.0, 1.6, 0.4], [1.6, 1.0, 0.5], [0.4, 0.5, 2.0]];
    let gaussian = Gaussian::new(vec![1.0, 2.0, 3.0], covariance.view()).unwrap();
    let row = array![f64::NAN, 3.0, f64::INFINITY];
    let present = [false, true, false];
    // The textbook's Schur complement, by hand for one feature that is known.
    let slope = [1.6, 0.0, 0.5];
    let (mean, schur) = gaussian.given(row.view(), &present).unwrap();
    for i in [0, 2] {
        assert!((mean[i] - (1.0 + i as f64 + slope[i])).abs() < 1e-12, "{mean}");
        for j in [0, 2] {
            let expected = covariance[[i, j]] - slope[i] * slope[j];
            assert!((schur[[i, j]] - expected).abs() < 1e-12, "{schur}");
        }
    }
    let drawn = gaussian.sample(row.view(), &present, 40_000, &mut Rng::new(3, 0)).unwrap();
    let (sample_mean, sample) = moments_of(&drawn);
    assert!((&sample_mean - &mean).iter().all(|error| error.abs() < 0.04), "{sample_mean}");
    assert!((&sample - &schur).iter().all(|error| error.abs() < 0.06), "{sample}");
}

#[test]
fn what_is_determined_follows_and_is_not_looked_at() {
    let gaussian = Gaussian::new(vec![0.0; 3], covariance().view()).unwrap();
    let rng = &mut Rng::new(1, 0);
    // The sum of two features that are known leaves nothing to draw.
    let row = array![1.0, -2.0, 99.0];
    let drawn = gaussian.sample(row.view(), &[true, true, false], 3, rng).unwrap();
    assert!(drawn.column(2).iter().all(|sum| (sum + 1.0).abs() < 1e-9), "{drawn}");
    // The sum and one part leave the other.
    let row = array![1.0, 99.0, -1.0];
    let drawn = gaussian.sample(row.view(), &[true, false, true], 3, rng).unwrap();
    assert!(drawn.column(1).iter().all(|part| (part + 2.0).abs() < 1e-9), "{drawn}");
    // A sum that contradicts its parts is not looked at.
    let (mean, _) = gaussian.given(array![1.0, -2.0, 5.0].view(), &[true; 3]).unwrap();
    assert_eq!(mean, array![1.0, -2.0, 5.0]);
    // A constant tells nothing, and is drawn as it is.
    let gaussian = Gaussian::new(vec![7.0, 0.0], array![[0.0, 0.0], [0.0, 1.0]].view()).unwrap();
    let (mean, covariance) = gaussian.given(array![9.0, 0.0].view(), &[true, false]).unwrap();
    assert_eq!((mean, covariance), (array![9.0, 0.0], array![[0.0, 0.0], [0.0, 1.0]]));
    let drawn = gaussian.sample(array![9.0, 2.0].view(), &[false, true], 2, rng).unwrap();
    assert_eq!(drawn, array![[7.0, 2.0], [7.0, 2.0]]);
}

#[test]
fn a_missing_value_is_drawn_as_if_it_were_not_present() {
    let fitted: [Box<dyn Conditional>; 2] = [
        Box::new(Gaussian::fit(&data(pairs(50, 0.5, 2))).unwrap()),
        Box::new(GaussianCopula::fit(&data(pairs(50, 0.5, 2))).unwrap()),
    ];
    for sampler in fitted {
        let draw = |row: Array1<f64>, present: [bool; 2]| {
            sampler.sample(row.view(), &present, 4, &mut Rng::new(1, 0)).unwrap()
        };
        let missing = draw(array![f64::NAN, 0.5], [true, true]);
        assert_eq!(missing, draw(array![3.0, 0.5], [false, true]));
        assert!(missing.iter().all(|value| value.is_finite()), "{sampler:?}");
        // Draws depend on the arguments and the stream, not on what was asked before.
        assert_eq!(missing, draw(array![f64::NAN, 0.5], [true, true]));
    }
}

#[test]
fn one_row_for_each_has_the_bits_of_one_row_alone() {
    let mut rng = Rng::new(4, 0);
    let mut rows = Array2::from_shape_simple_fn((40, 9), || rng.normal());
    let fitted: [Box<dyn Conditional>; 2] = [
        Box::new(Gaussian::fit(&data(rows.clone())).unwrap()),
        Box::new(GaussianCopula::fit(&data(rows.clone())).unwrap()),
    ];
    // Something is missing where it is drawn, and where it is not.
    (rows[[1, 0]], rows[[2, 5]], rows[[2, 6]]) = (f64::NAN, f64::NAN, f64::NAN);
    let stream = |row: usize| Rng::new(9, row as u64);
    for sampler in &fitted {
        for drawn in [&[0][..], &[3, 4], &[1, 2, 3, 4, 5]] {
            let present: Vec<bool> = (0..9).map(|feature| !drawn.contains(&feature)).collect();
            let each = sampler.sample_each(rows.view(), &present, &stream).unwrap();
            for (row, found) in each.outer_iter().enumerate() {
                let alone = sampler.sample(rows.row(row), &present, 1, &mut stream(row)).unwrap();
                assert_eq!(found, alone.row(0), "{sampler:?} {row}");
            }
        }
        rows[[7, 8]] = f64::INFINITY;
        let refused = sampler.sample_each(rows.view(), &[true; 9], &stream).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the row to condition on is `inf` in row 7, column `8`, only finite numbers have a \
             meaning there"
        );
        rows[[7, 8]] = 0.0;
    }
}

#[test]
fn weights_count_as_copies_of_rows_but_for_the_degrees_of_freedom() {
    let rows = array![[0.0, 1.0], [2.0, 5.0], [9.0, 9.0], [4.0, 0.0]];
    let weighted = data(rows.clone()).with_weights(vec![1.0, 2.0, 0.0, 1.0]).unwrap();
    let copied = data(rows.select(Axis(0), &[0, 1, 1, 3]));
    let none = array![f64::NAN, f64::NAN];
    let of = |data: &Dataset| Gaussian::fit(data).unwrap().given(none.view(), &[false; 2]).unwrap();
    let ((mean, covariance), (of_copies, of_copied)) = (of(&weighted), of(&copied));
    // 3 rows count in one and 4 in the other: 3/2 against 4/3.
    assert!((&mean - &of_copies).iter().all(|error| error.abs() < 1e-12));
    assert!((&covariance - &(of_copied * (9.0 / 8.0))).iter().all(|error| error.abs() < 1e-12));
    // numpy.cov of [0, 2, 2, 4].
    assert!((of(&copied).1[[0, 0]] - 8.0 / 3.0).abs() < 1e-12);
    let draw = |data: &Dataset| {
        let copula = GaussianCopula::fit(data).unwrap();
        copula.sample(none.view(), &[false; 2], 20, &mut Rng::new(0, 0)).unwrap()
    };
    assert_eq!(draw(&weighted), draw(&copied));
}

#[test]
fn a_copula_keeps_marginals_and_dependence() {
    // Exponentials of correlated normal numbers, the first cut into four steps.
    let mut rows = pairs(2_000, 0.9, 5).mapv(f64::exp);
    rows.column_mut(0).mapv_inplace(|x| x.min(3.0).floor());
    let copula = GaussianCopula::fit(&data(rows.clone())).unwrap();
    let rng = &mut Rng::new(2, 0);
    let none = array![f64::NAN, f64::NAN];
    let drawn = copula.sample(none.view(), &[false; 2], 20_000, rng).unwrap();
    for step in 0..4 {
        let share = |rows: &Array2<f64>| {
            let here = rows.column(0).iter().filter(|&&x| x == f64::from(step)).count();
            here as f64 / rows.nrows() as f64
        };
        assert!((share(&drawn) - share(&rows)).abs() < 0.012, "{step}");
    }
    let mut median = |step: f64| {
        let drawn = copula.sample(array![step, 0.0].view(), &[true, false], 2_001, rng).unwrap();
        let mut values = drawn.column(1).to_vec();
        assert!(values.iter().all(|value| rows.column(1).iter().any(|seen| seen == value)));
        values.sort_by(f64::total_cmp);
        values[1_000]
    };
    let medians = [0.0, 1.0, 2.0, 3.0].map(&mut median);
    assert!(medians.windows(2).all(|pair| pair[0] * 1.2 < pair[1]), "{medians:?}");
    // Values that never occurred: outside as the nearest, between two steps in between.
    assert!((median(-5.0) / medians[0] - 1.0).abs() < 0.15);
    assert!((median(50.0) / medians[3] - 1.0).abs() < 0.15);
    assert!((medians[0]..medians[1]).contains(&median(0.5)));
}

#[test]
fn a_copula_of_a_constant_and_a_copy() {
    let rows = Array2::from_shape_fn((40, 3), |(i, j)| if j == 2 { 5.0 } else { i as f64 });
    let copula = GaussianCopula::fit(&data(rows)).unwrap();
    let row = array![7.0, 0.0, 0.0];
    let drawn = copula.sample(row.view(), &[true, false, false], 5, &mut Rng::new(0, 0)).unwrap();
    assert!(drawn.outer_iter().all(|row| row == array![7.0, 7.0, 5.0]), "{drawn}");
}

#[test]
fn each_bad_argument_gets_its_own_sentence() {
    let new = |mean: Vec<f64>, covariance: Array2<f64>| {
        Gaussian::new(mean, covariance.view()).unwrap_err().to_string()
    };
    let advice = "take one that is symmetric and positive semi-definite";
    assert_eq!(new(vec![], Array2::zeros((0, 0))), "the mean has no features, give at least one");
    assert_eq!(
        new(vec![0.0], Array2::zeros((2, 2))),
        "the covariance has shape [2, 2], expected [1, 1]"
    );
    assert_eq!(
        new(vec![f64::NAN], array![[1.0]]),
        "the mean is `NaN` in row 0, only finite numbers have a meaning there"
    );
    assert_eq!(
        new(vec![0.0], array![[f64::INFINITY]]),
        "the covariance is `inf` in row 0, column `0`, only finite numbers have a meaning there"
    );
    assert_eq!(
        new(vec![0.0], array![[-1.0]]),
        format!("the covariance has the variance `-1` of feature 0, {advice}")
    );
    assert_eq!(
        new(vec![0.0; 2], array![[1.0, 0.5], [0.4, 1.0]]),
        format!("the covariance of features 0 and 1 differs from that of 1 and 0, {advice}")
    );
    let impossible = format!("the covariance is that of no distribution, {advice}");
    assert_eq!(new(vec![0.0; 2], array![[1.0, 1.5], [1.5, 1.0]]), impossible);
    assert_eq!(new(vec![0.0; 2], array![[0.0, 0.5], [0.5, 1.0]]), impossible);
    let three = array![[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]];
    assert_eq!(new(vec![0.0; 3], three), impossible);

    let missing = data(array![[1.0, f64::NAN], [2.0, f64::NAN]]);
    assert_eq!(
        Gaussian::fit(&missing).unwrap_err().to_string(),
        "a covariance of rows without missing values needs at least 2 rows, got 0"
    );
    assert_eq!(
        GaussianCopula::fit(&missing).unwrap_err().to_string(),
        "feature `x1` is missing in every row, leave it out"
    );
    let huge = Gaussian::fit(&data(array![[-1e200, 0.0], [1e200, 1.0]])).unwrap_err();
    assert_eq!(huge.to_string(), "the covariance of features 0 and 0 overflows, scale them");

    let gaussian = Gaussian::new(vec![0.0; 3], covariance().view()).unwrap();
    let sample = |row: Array1<f64>, present: &[bool], n| {
        gaussian.sample(row.view(), present, n, &mut Rng::new(0, 0)).unwrap_err().to_string()
    };
    assert_eq!(sample(array![0.0], &[true; 3], 1), "the row has shape [1], expected [3]");
    assert_eq!(
        sample(array![0.0, 0.0, 0.0], &[true], 1),
        "the list of present features has shape [1], expected [3]"
    );
    assert_eq!(
        sample(array![0.0, f64::INFINITY, 0.0], &[true; 3], 1),
        "the row to condition on is `inf` in row 0, column `1`, only finite numbers have a \
         meaning there"
    );
    let rows = Array2::from_shape_fn((9, 3), |(i, j)| (i * (j + 1)) as f64);
    let copula = GaussianCopula::fit(&data(rows)).unwrap();
    for sampler in [&gaussian as &dyn Conditional, &copula] {
        let each = |rows: Array2<f64>, present: &[bool]| {
            let refused = sampler.sample_each(rows.view(), present, &|_| Rng::new(0, 0));
            refused.unwrap_err().to_string()
        };
        assert_eq!(
            each(Array2::zeros((2, 4)), &[true; 3]),
            "the table of rows has shape [2, 4], expected [2, 3]"
        );
        // Of no rows, too.
        for n_rows in [0, 2] {
            assert_eq!(
                each(Array2::zeros((n_rows, 3)), &[true; 2]),
                "the list of present features has shape [2], expected [3]"
            );
        }
    }
    assert_eq!(
        sample(array![0.0, 0.0, 0.0], &[true; 3], usize::MAX),
        format!("`n` is `{}`, it must be at most 44739242 rows of 3 features", usize::MAX)
    );
}
