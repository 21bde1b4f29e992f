//! Shapley values that have a formula.

use fi_core::shapley::{Estimator, Exact, Kernel, Permutation, Sampling, explain};
use fi_core::{Function, Game, Players, Removal, Result, Run};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};

/// A game from the worth of one coalition.
struct Worth<F>(usize, F);

impl<F: Fn(ArrayView1<'_, bool>) -> f64 + Sync> Game for Worth<F> {
    fn n_players(&self) -> usize {
        self.0
    }
    fn n_outputs(&self) -> usize {
        1
    }
    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        Ok(coalitions.map_axis(Axis(1), &self.1).insert_axis(Axis(1)))
    }
}

#[test]
fn glove_game() {
    let gloves = Worth(3, |s: ArrayView1<'_, bool>| f64::from(s[0] && (s[1] || s[2])));
    let all = Kernel::new(8);
    for estimator in [&Exact as &dyn Estimator, &all] {
        let values = estimator.estimate(&Run::new(0), &gloves).unwrap().values;
        let expected = array![[2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0]];
        assert!((values - expected).iter().all(|apart| apart.abs() < 1e-14));
    }
}

#[test]
fn airport_game() {
    // A runway must be as long as its largest user needs; each metre is shared by those who use
    // it (Littlechild and Owen 1973).
    let needs = [1.0, 2.0, 2.5, 4.0, 7.0, 11.0, 12.0, 20.0];
    let longest = |s: ArrayView1<'_, bool>| {
        s.iter().zip(needs).filter(|(present, _)| **present).fold(0.0, |m: f64, (_, x)| m.max(x))
    };
    let mut expected = Vec::new();
    let mut sum = 0.0;
    for (i, need) in needs.iter().enumerate() {
        sum += (need - if i == 0 { 0.0 } else { needs[i - 1] }) / (needs.len() - i) as f64;
        expected.push(sum);
    }
    let airport = Worth(needs.len(), longest);
    let all = Kernel::new(1000);
    for estimator in [&Exact as &dyn Estimator, &all] {
        let estimate = estimator.estimate(&Run::new(0), &airport).unwrap();
        assert_eq!(estimate.n_coalitions, 256);
        for (value, expected) in estimate.values.iter().zip(&expected) {
            assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        }
    }
}

/// Estimators that are exact without interactions of three or more players.
fn pairwise() -> [Box<dyn Estimator>; 4] {
    [
        Box::new(Permutation { n_permutations: 2, tolerance: None }),
        Box::new(Kernel::new(400)),
        Box::new(Kernel::new(402)),
        Box::new(Kernel::new(4500)),
    ]
}

#[test]
fn additive_and_pairwise_games_are_exact_from_few_draws() {
    let n = 199;
    let a: Array1<f64> = (0..n).map(|i| f64::from(i as u8 % 7) - 2.0).collect();
    let quadratic = Worth(n, move |s: ArrayView1<'_, bool>| {
        let present = |i: usize| f64::from(s[i]);
        let alone: f64 = (0..n).map(|i| a[i] * present(i)).sum();
        alone + (1..n).map(|i| present(i - 1) * present(i)).sum::<f64>()
    });
    for estimator in pairwise() {
        let estimate = estimator.estimate(&Run::new(5), &quadratic).unwrap();
        for i in 0..n {
            let neighbours = if i == 0 || i == n - 1 { 0.5 } else { 1.0 };
            let expected = f64::from(i as u8 % 7) - 2.0 + neighbours;
            let value = estimate.values[[0, i]];
            assert!((value - expected).abs() < 1e-9, "{} {i} {value}", estimator.name());
        }
        if let Some(std_error) = estimate.std_error {
            assert!(std_error.iter().all(|&error| error < 1e-9), "{}", estimator.name());
        }
    }
}

#[test]
fn kernel_shap_of_more_coalitions_than_its_covariances_take_is_nearer() {
    let n = 16;
    // Products of three players that follow each other, and two of many.
    let groups: Vec<Vec<usize>> = (0..n - 2)
        .map(|i| vec![i, i + 1, i + 2])
        .chain([(0..n).step_by(3).collect(), (1..n).step_by(2).collect()])
        .collect();
    let worth = |k: usize| 1.0 + (k % 5) as f64;
    let mut expected = Array1::<f64>::zeros(n);
    for (k, group) in groups.iter().enumerate() {
        for &i in group {
            expected[i] += worth(k) / group.len() as f64;
        }
    }
    let game = Worth(n, move |s: ArrayView1<'_, bool>| {
        let all_there = |group: &[usize]| f64::from(group.iter().all(|&i| s[i]));
        groups.iter().enumerate().map(|(k, group)| worth(k) * all_there(group)).sum()
    });
    let errors = |n_coalitions| {
        let (mut square, mut said) = (0.0, 0.0);
        for seed in 0..3 {
            let estimate = Kernel::new(n_coalitions).estimate(&Run::new(seed), &game).unwrap();
            assert!((estimate.values.sum() - expected.sum()).abs() < 1e-9);
            square += (&estimate.values.row(0) - &expected).mapv(|gap| gap * gap).sum();
            said += estimate.std_error.unwrap().mapv(|error| error * error).sum();
        }
        (square.sqrt(), said.sqrt())
    };
    let (few, more) = (errors(4094), errors(12_000));
    assert!(more.0 < few.0, "{more:?} {few:?}");
    assert!((0.7..1.4).contains(&(more.0 / more.1)), "{more:?}");
}

#[test]
fn a_linear_model_is_its_coefficients_times_the_deviations() {
    // φᵢ = βᵢ (xᵢ − E xᵢ), whatever the features' dependence.
    let beta = array![[1.0, 0.5], [-2.0, 0.0], [3.0, 4.0]];
    let coefficients = beta.clone();
    let model = Function::new(3, 2, move |rows: ArrayView2<'_, f64>| rows.dot(&coefficients));
    let players = Players::features(["a", "b", "c"]).unwrap();
    let background = array![[0.0, 1.0, 2.0], [2.0, 3.0, 2.0], [7.0, -1.0, 5.0]];
    let mean = array![3.0, 1.0, 3.0];
    let rows = array![[1.0, 1.0, 1.0], [-4.0, 6.0, 2.5]];
    let removal = Removal::marginal(background).unwrap();
    let sampling = Sampling { n_samples: 4000 };
    let (permutation, kernel) = (Permutation::default(), Kernel::default());
    for estimator in [&Exact as &dyn Estimator, &permutation, &kernel, &sampling] {
        let shap =
            explain(&Run::new(3), estimator, &model, rows.view(), &players, &removal).unwrap();
        for ((row, output, player), value) in shap.values.indexed_iter() {
            let expected = beta[[player, output]] * (rows[[row, player]] - mean[player]);
            let allowed = match &shap.std_error {
                Some(std_error) => 4.0 * std_error[[row, output, player]] + 1e-12,
                None => 1e-12,
            };
            assert!((value - expected).abs() < allowed, "{} {value}", estimator.name());
            if estimator.name() != sampling.name() {
                assert!((value - expected).abs() < 1e-12, "{} {value}", estimator.name());
            }
        }
        // Values depend on the row, not on where it stands.
        let alone = rows.slice(ndarray::s![1.., ..]);
        let alone = explain(&Run::new(3), estimator, &model, alone, &players, &removal).unwrap();
        assert_eq!(alone.values.index_axis(Axis(0), 0), shap.values.index_axis(Axis(0), 1));
    }
}

#[test]
fn overlapping_groups_share_what_either_brings() {
    // f = a + b; both groups hold b, so its worth is split, a belongs to the first alone.
    let model = Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
        rows.sum_axis(Axis(1)).insert_axis(Axis(1))
    });
    let players = Players::groups(2, [("ab", vec![0, 1]), ("b", vec![1])]).unwrap();
    let removal = Removal::baseline(vec![0.0, 0.0]).unwrap();
    let rows = array![[3.0, 10.0]];
    let shap = explain(&Run::new(0), &Exact, &model, rows.view(), &players, &removal).unwrap();
    assert_eq!(shap.values, array![[[8.0, 5.0]]]);
}
