//! The sampler against scikit-learn's shrinkage, exact algebra and its own draws.

use ndarray::{array, concatenate};

use super::super::tests::{BOTH, close, golden, list, matrix};
use super::*;
use crate::conditional::Conditional;

#[test]
fn shrinkage_is_that_of_scikit_learn() {
    for case in list(&golden()["shrunk"]) {
        let rows = matrix(&case["rows"]);
        let centred = &rows - &rows.mean_axis(Axis(0)).unwrap();
        let standardised = &centred / &rows.std_axis(Axis(0), 0.0);
        let n = rows.nrows() as f64;
        let correlation = standardised.t().dot(&standardised) / n;
        let weights = Array1::from_elem(rows.nrows(), 1.0 / n);
        let (ours, share) = shrunk(correlation, standardised.view(), &weights);
        let theirs = matrix(&case["correlation"]);
        close(ours.as_slice().unwrap(), theirs.as_slice().unwrap(), 1e-12);
        close(&[share], &[case["share"].as_f64().unwrap()], 1e-12);
        // The sampler stands on the same matrix, whatever the columns' units.
        let all: Vec<usize> = (0..rows.ncols()).collect();
        let ones = vec![1.0; rows.nrows()];
        for construction in BOTH {
            let sampler = GaussianKnockoffs::fit(rows.view(), &ones, &all, construction).unwrap();
            close(&[sampler.shrinkage], &[share], 1e-12);
            let unit = sampler.distances().into_iter().zip(rows.std_axis(Axis(0), 1.0));
            let unit: Vec<f64> = unit.map(|(s, std)| s / std / std).collect();
            close(&unit, &construction.distances(theirs.view()).unwrap(), 1e-6);
        }
    }
}

/// A covariance with a constant and a feature that is the sum of two others.
fn tied() -> (Vec<f64>, Array2<f64>) {
    let mixing = array![
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.8, 0.6, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [-0.3, 0.2, 1.5, 0.0, 0.0],
        [0.5, 0.1, 0.4, 2.0, 0.0],
        [0.7, 0.1, 0.4, 2.0, 1.0],
        [0.2, 0.0, 0.0, 0.0, 1.0],
    ];
    (vec![1.0, -2.0, 3.0, 0.0, 5.0, 5.0, 0.0], mixing.dot(&mixing.t()))
}

/// The covariance of features and knockoffs together, from how a sampler draws: exact.
fn joint(sampler: &GaussianKnockoffs, covariance: &Array2<f64>) -> Array2<f64> {
    let n = covariance.nrows();
    // x̃ = A x + noise, by how it moves the unit vectors; without noise where the factor is 0.
    let quiet = GaussianKnockoffs {
        noise: Array2::zeros(sampler.noise.dim()),
        mean: vec![0.0; n],
        std: sampler.std.clone(),
        known: sampler.known.clone(),
        features: sampler.features.clone(),
        distances: sampler.distances.clone(),
        drift: sampler.drift.clone(),
        shrinkage: 0.0,
    };
    let a = quiet.sample(Array2::eye(n).view(), &mut Rng::new(0, 0)).unwrap().reversed_axes();
    let cross = covariance.dot(&a.t());
    let mut own = a.dot(&cross);
    let noise = sampler.noise.dot(&sampler.noise.t());
    for (i, &a) in sampler.features.iter().enumerate() {
        for (j, &b) in sampler.features.iter().enumerate() {
            own[[a, b]] += noise[[i, j]] * sampler.std[a] * sampler.std[b];
        }
    }
    let top = concatenate![Axis(1), *covariance, cross];
    let bottom = concatenate![Axis(1), cross.t(), own];
    concatenate![Axis(0), top, bottom]
}

fn expected_joint(covariance: &Array2<f64>, distances: &[f64]) -> Array2<f64> {
    let mut apart = covariance.clone();
    apart.diag_mut().iter_mut().zip(distances).for_each(|(x, s)| *x -= s);
    let top = concatenate![Axis(1), *covariance, apart];
    let bottom = concatenate![Axis(1), apart, *covariance];
    concatenate![Axis(0), top, bottom]
}

#[test]
fn features_and_knockoffs_trade_places_by_exact_algebra() {
    let mut cases = vec![tied()];
    for case in list(&golden()["distances"]) {
        let correlation = matrix(&case["correlation"]);
        let n = correlation.nrows();
        let scale = Array2::from_shape_fn((n, n), |(i, j)| ((i + 1) * (j + 1)) as f64);
        cases.push((vec![2.0; n], correlation * scale));
    }
    for (mean, covariance) in cases {
        for construction in BOTH {
            let sampler =
                GaussianKnockoffs::new(mean.clone(), covariance.view(), construction).unwrap();
            let distances = sampler.distances();
            let ours = joint(&sampler, &covariance);
            let theirs = expected_joint(&covariance, &distances);
            close(
                ours.flatten().as_slice().unwrap(),
                theirs.flatten().as_slice().unwrap(),
                1e-6 * covariance.diag().iter().fold(0.0, |a: f64, b| a.max(*b)),
            );
        }
    }
    // The constant, the sum and its parts are their own knockoffs: 5 is 4 plus 6.
    let (mean, covariance) = tied();
    let sampler = GaussianKnockoffs::new(mean, covariance.view(), Construction::Mvr).unwrap();
    let has: Vec<bool> = sampler.distances().iter().map(|&s| s > 1e-3).collect();
    assert_eq!(has, [true, true, false, true, false, false, false]);
    assert_eq!(sampler.features(), [0, 1, 3]);
}

#[test]
fn drawn_knockoffs_have_the_joint_covariance() {
    let (mean, covariance) = tied();
    let n_rows = 40_000;
    let truth = Gaussian::new(mean.clone(), covariance.view()).unwrap();
    let nothing = Array1::zeros(7);
    let mut rng = Rng::new(5, 0);
    let rows = Conditional::sample(&truth, nothing.view(), &[false; 7], n_rows, &mut rng).unwrap();
    for construction in BOTH {
        let sampler =
            GaussianKnockoffs::new(mean.clone(), covariance.view(), construction).unwrap();
        let copies = sampler.sample(rows.view(), &mut Rng::new(6, 0)).unwrap();
        let both = concatenate![Axis(1), rows, copies];
        let means = both.mean_axis(Axis(0)).unwrap();
        let centred = &both - &means;
        let found = centred.t().dot(&centred) / n_rows as f64;
        let expected = expected_joint(&covariance, &sampler.distances());
        for ((at, found), expected) in found.indexed_iter().zip(&expected) {
            let scale =
                (covariance[[at.0 % 7, at.0 % 7]] * covariance[[at.1 % 7, at.1 % 7]]).sqrt();
            // The standard error of a covariance is at most √2 scale / √n.
            let error = (2.0 / n_rows as f64).sqrt() * scale;
            assert!((found - expected).abs() <= 4.5 * error + 1e-9, "{at:?} {found} {expected}");
        }
        for (j, mean) in mean.iter().enumerate() {
            let error = (covariance[[j, j]] / n_rows as f64).sqrt();
            assert!((means[7 + j] - mean).abs() <= 4.5 * error + 1e-12);
        }
    }
}

#[test]
fn features_that_are_given_stay_and_the_rest_follows_them() {
    let (mean, covariance) = tied();
    let truth = Gaussian::new(mean, covariance.view()).unwrap();
    let mut rng = Rng::new(8, 0);
    let rows =
        Conditional::sample(&truth, Array1::zeros(7).view(), &[false; 7], 5000, &mut rng).unwrap();
    let ones = vec![1.0; 5000];
    for construction in BOTH {
        let sampler = GaussianKnockoffs::fit(rows.view(), &ones, &[0, 3], construction).unwrap();
        assert_eq!(sampler.features(), [0, 3]);
        let copies = sampler.sample(rows.view(), &mut Rng::new(1, 0)).unwrap();
        for column in [1, 2, 4, 5, 6] {
            assert_eq!(copies.column(column), rows.column(column));
        }
        // Against the covariance that it knows: the exact algebra again, of some features.
        let s = sampler.distances();
        let known = [0, 1, 3, 4, 6];
        let part = |m: &Array2<f64>| m.select(Axis(0), &known).select(Axis(1), &known);
        let all = GaussianKnockoffs::fit(rows.view(), &ones, &[0, 1, 3], construction).unwrap();
        assert!(s[0] > 0.0 && s[3] > 0.0 && s[1] == 0.0 && all.distances()[1] > 0.0);
        let found = joint(&sampler, &covariance);
        let expected = expected_joint(&covariance, &s);
        let half = |m: &Array2<f64>| part(&m.slice(s![7.., 7..]).to_owned());
        // The sample's covariance is the true one within its error, √(2/5000) of the variances.
        close(
            half(&found).flatten().as_slice().unwrap(),
            half(&expected).flatten().as_slice().unwrap(),
            0.5,
        );
    }
}
