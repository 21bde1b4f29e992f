//! Agreement against SciPy's numbers, and what must always hold.

use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;

const ALL: [Agreement; 6] = [
    Agreement::Pearson,
    Agreement::Spearman,
    Agreement::Kendall,
    Agreement::WeightedTau,
    Agreement::RankBiasedOverlap { p: 0.9 },
    Agreement::TopK { k: 2 },
];

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    a: Vec<f64>,
    b: Vec<f64>,
    pearson: f64,
    spearman: f64,
    kendall: f64,
    weighted_tau: f64,
    rank_biased_overlap: std::collections::BTreeMap<String, f64>,
    top_k: Vec<f64>,
}

#[test]
fn every_measure_is_scipys_or_the_plain_definition() {
    let golden = include_str!("../../tests/golden/agreement.json");
    let golden: Golden = serde_json::from_str(golden).unwrap();
    assert!(golden.cases.len() > 10);
    for case in golden.cases {
        let mut expected = vec![
            (Agreement::Pearson, case.pearson),
            (Agreement::Spearman, case.spearman),
            (Agreement::Kendall, case.kendall),
            (Agreement::WeightedTau, case.weighted_tau),
        ];
        for (p, value) in &case.rank_biased_overlap {
            expected.push((Agreement::RankBiasedOverlap { p: p.parse().unwrap() }, *value));
        }
        for (i, value) in case.top_k.iter().enumerate() {
            expected.push((Agreement::TopK { k: i + 1 }, *value));
        }
        for (measure, expected) in expected {
            let value = measure.between(&case.a, &case.b).unwrap().unwrap();
            assert!(
                (value - expected).abs() <= 1e-12,
                "{measure} of {:?} and {:?}: {value} and not {expected}",
                case.a,
                case.b
            );
        }
    }
}

#[test]
fn few_features_agree_easily() {
    let ordered = [4.0, 3.0, 2.0, 1.0];
    let overlap = Agreement::RankBiasedOverlap { p: 0.9 };
    let reversed = overlap.between(&ordered, &[1.0, 2.0, 3.0, 4.0]).unwrap().unwrap();
    assert!((reversed - 0.783).abs() < 5e-4, "{reversed}");
    let mut reached = 0;
    for code in 0..256_usize {
        let order = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6].map(|x| x as f64);
        let mut sorted = order;
        sorted.sort_by(f64::total_cmp);
        if sorted == [0.0, 1.0, 2.0, 3.0] {
            let tau = Agreement::Kendall.between(&ordered, &order).unwrap().unwrap();
            reached += usize::from(tau > 0.66);
        }
    }
    assert_eq!(reached, 4);
}

#[test]
fn zero_has_one_sign_and_large_numbers_do_not_overflow() {
    for measure in ALL {
        let plus = measure.between(&[0.0, 0.0, 1.0], &[3.0, 1.0, 2.0]).unwrap();
        let minus = measure.between(&[-0.0, 0.0, 1.0], &[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(plus, minus, "{measure}");
        let large = measure.between(&[1e308, -1e308, 1e307], &[1e-310, 0.0, 1e-311]).unwrap();
        assert!(large.unwrap() > 0.8, "{measure} {large:?}");
        assert_eq!(measure.between(&[2.0, 2.0], &[1.0, 2.0]).unwrap(), None);
    }
}

#[test]
fn each_bad_input_gets_its_own_sentence() {
    let text =
        |measure: Agreement, a: &[f64], b: &[f64]| measure.between(a, b).unwrap_err().to_string();
    assert_eq!(
        text(Agreement::Pearson, &[1.0], &[1.0, 2.0]),
        "the second importance vector has shape [2], expected [1]"
    );
    assert_eq!(
        text(Agreement::Pearson, &[], &[]),
        "there are no importances to compare, give some"
    );
    assert_eq!(
        text(Agreement::Kendall, &[1.0, 2.0], &[1.0, f64::NAN]),
        "the second importance vector is `NaN` for feature 1, only finite numbers can be compared"
    );
    assert_eq!(
        text(Agreement::RankBiasedOverlap { p: 1.0 }, &[1.0], &[1.0]),
        "`p` is `1`, it must be between 0 and 1, both excluded"
    );
    assert_eq!(
        text(Agreement::TopK { k: 3 }, &[1.0, 2.0], &[1.0, 2.0]),
        "`k` is `3`, it must be from 1 to the number of features, 2"
    );
    let one = array![[1.0, 2.0]];
    assert_eq!(
        self_agreement(Agreement::Pearson, one.view()).unwrap_err().to_string(),
        "a self-agreement, a row per replicate, needs at least 2 rows, got 1"
    );
    let none = Array2::zeros((0, 2));
    assert!(over_replicates(Agreement::Pearson, none.view(), none.view()).is_err());
    let bad = array![[1.0, 2.0], [f64::NAN, 1.0]];
    assert_eq!(
        self_agreement(Agreement::Pearson, bad.view()).unwrap_err().to_string(),
        "replicates 0 and 1: the second importance vector is `NaN` for feature 0, \
         only finite numbers can be compared"
    );
    assert_eq!(
        over_replicates(Agreement::Pearson, bad.view(), one.view()).unwrap_err().to_string(),
        "the second method's replicates has shape [1, 2], expected [2, 2]"
    );
}

#[test]
fn a_spread_is_that_of_single_values() {
    let a = array![[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0], [0.0, 0.0, 0.0]];
    let own = self_agreement(Agreement::Kendall, a.view()).unwrap();
    let third = 1.0 / 3.0;
    let expected = [Some(third), Some(-1.0), None, Some(-third), None, None];
    for (value, expected) in own.values.iter().zip(expected) {
        assert_eq!(value.is_some(), expected.is_some());
        assert!((value.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-15);
    }
    assert_eq!(own.n_undefined, 3);
    assert!((own.median.unwrap() + third).abs() < 1e-15);
    // Linear interpolation: 5 % of the way from the least to the middle of three.
    assert!((own.low.unwrap() - (-1.0 + 0.05 * 2.0 * third)).abs() < 1e-15);
    assert!((own.high.unwrap() - (third - 0.05 * 2.0 * third)).abs() < 1e-15);
    let flat = Array2::zeros((3, 4));
    let undefined = self_agreement(Agreement::Pearson, flat.view()).unwrap();
    assert_eq!((undefined.median, undefined.n_undefined), (None, 3));
}

/// Two vectors with ties that are not constant.
fn pair() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (2..12_usize).prop_flat_map(|n| {
        let vector = || {
            prop::collection::vec(-4..5_i8, n).prop_map(|mut values| {
                values[0] = 5;
                values[1] = values[1].min(4);
                values.into_iter().map(f64::from).collect::<Vec<_>>()
            })
        };
        (vector(), vector())
    })
}

fn between(measure: Agreement, a: &[f64], b: &[f64]) -> f64 {
    measure.between(a, b).unwrap().unwrap()
}

proptest! {
    #[test]
    fn agreement_is_symmetric_and_bounded((a, b) in pair()) {
        for measure in ALL {
            let (there, back) = (between(measure, &a, &b), between(measure, &b, &a));
            prop_assert!((there - back).abs() < 1e-14, "{measure}: {there} and {back}");
            prop_assert!((-1.0..=1.0).contains(&there), "{measure}: {there}");
            let own = between(measure, &a, &a);
            prop_assert!((own - 1.0).abs() < 1e-14, "{measure} with itself: {own}");
        }
    }

    #[test]
    fn orders_alone_count((a, b) in pair()) {
        let bent: Vec<f64> = a.iter().map(|x| x.exp() + 7.0).collect();
        for measure in &ALL[1..] {
            prop_assert_eq!(between(*measure, &a, &b), between(*measure, &bent, &b));
        }
        let moved: Vec<f64> = a.iter().map(|x| 3.0 * x - 2.0).collect();
        let (plain, moved) =
            (between(Agreement::Pearson, &a, &b), between(Agreement::Pearson, &moved, &b));
        prop_assert!((plain - moved).abs() < 1e-13);
    }

    #[test]
    fn the_order_of_features_does_not_count((a, b) in pair()) {
        let backwards = |values: &[f64]| values.iter().rev().copied().collect::<Vec<_>>();
        for measure in ALL {
            let (plain, other) =
                (between(measure, &a, &b), between(measure, &backwards(&a), &backwards(&b)));
            prop_assert!((plain - other).abs() < 1e-14, "{measure}: {plain} and {other}");
        }
    }

    #[test]
    fn a_reversed_order_turns_correlations_round((a, b) in pair()) {
        let minus: Vec<f64> = a.iter().map(|x| -x).collect();
        for measure in &ALL[..3] {
            let (plain, other) = (between(*measure, &a, &b), between(*measure, &minus, &b));
            prop_assert!((plain + other).abs() < 1e-14, "{measure}: {plain} and {other}");
        }
    }

    #[test]
    fn kendall_counts_pairs((a, b) in pair()) {
        let (mut sum, mut untied_a, mut untied_b) = (0.0, 0.0_f64, 0.0_f64);
        for i in 0..a.len() {
            for j in 0..i {
                let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
                let (x, y) = (sign(a[i] - a[j]), sign(b[i] - b[j]));
                sum += x * y;
                untied_a += x * x;
                untied_b += y * y;
            }
        }
        let tau = sum / untied_a.sqrt() / untied_b.sqrt();
        prop_assert!((between(Agreement::Kendall, &a, &b) - tau).abs() < 1e-14);
    }
}
