//! What holds for every ensemble: the axioms of Shapley values, and linearity.

use proptest::prelude::*;

use super::*;
use crate::tree::shap::tests::twice_exchanged;

fn forest() -> Forest {
    Forest { n_features: 6, n_trees: 5, depth: 6, n_outputs: 2, per_output: false }
}

/// The ensemble with these of its trees, and nothing else changed but the mean to a sum.
fn some_trees(trees: &Ensemble, which: std::ops::Range<usize>) -> Ensemble {
    let mut some = trees.clone();
    let nodes = trees.offsets[which.start]..trees.offsets[which.end];
    let n_values = trees.n_values();
    let of = &trees.nodes;
    some.aggregate = Aggregate::Sum;
    some.offsets = (which.start..=which.end).map(|t| trees.offsets[t] - nodes.start).collect();
    some.nodes.left = of.left[nodes.clone()].to_vec();
    some.nodes.right = of.right[nodes.clone()].to_vec();
    some.nodes.feature = of.feature[nodes.clone()].to_vec();
    some.nodes.threshold = of.threshold[nodes.clone()].to_vec();
    some.nodes.set = of.set[nodes.clone()].to_vec();
    some.nodes.missing_left = of.missing_left[nodes.clone()].to_vec();
    some.nodes.zero_is_missing = of.zero_is_missing[nodes.clone()].to_vec();
    some.nodes.id = of.id[nodes.clone()].to_vec();
    some.nodes.cover = of.cover[nodes.clone()].to_vec();
    some.nodes.impurity = of.impurity[nodes.clone()].to_vec();
    some.nodes.gain = of.gain[nodes.clone()].to_vec();
    some.nodes.value = of.value[nodes.start * n_values..nodes.end * n_values].to_vec();
    some.validate().unwrap();
    some
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn values_and_pairs_add_up_to_the_answer(seed in 0_u64..10_000, per_output: bool) {
        let trees = ensemble(seed, &Forest { per_output, ..forest() });
        let weights = weights(seed, 70);
        let background = Background::new(rows(seed + 1, 70, 6), Some(weights)).unwrap();
        let explained = rows(seed + 2, 9, 6);
        let answers = trees.predict(explained.view()).unwrap();
        for (plan, precision, tolerance) in ALL {
            let engine = prepare(&trees, &background, (plan, precision));
            let singles = ask(&engine, &trees, &explained, false);
            let pairs = ask(&engine, &trees, &explained, true);
            for (cell, answer) in answers.iter().enumerate() {
                let base = engine.base_values()[cell % 2];
                let sum: f64 = singles[cell * 6..(cell + 1) * 6].iter().sum();
                prop_assert!((base + sum - answer).abs() <= 10.0 * tolerance);
                // A pair stands twice in the matrix, whose rows add up to the single values.
                let pairs = &pairs[cell * 21..(cell + 1) * 21];
                for a in 0..6 {
                    let at = |b: usize| pairs[crate::tree::shap::engine::pair(a.min(b), a.max(b), 6)];
                    let sum: f64 = (0..6).map(at).sum();
                    prop_assert!((sum - singles[cell * 6 + a]).abs() <= 10.0 * tolerance);
                }
            }
        }
    }

    /// A feature that no tree asks for gets nothing, to the bit.
    #[test]
    fn a_null_player_gets_nothing(seed in 0_u64..10_000) {
        let mut trees = ensemble(seed, &Forest { n_features: 5, ..forest() });
        trees.n_features = 6;
        let background = Background::new(rows(seed + 1, 20, 6), None).unwrap();
        let explained = rows(seed + 2, 9, 6);
        for (plan, precision, _) in ALL {
            let got = values(&trees, &background, &explained, (plan, precision));
            prop_assert!(got.iter().skip(5).step_by(6).all(|&value| value == 0.0));
        }
    }

    /// Each tree twice, the second time with features 0 and 1 in each other's place: in rows
    /// where the two are equal they cannot be told apart.
    #[test]
    fn features_that_are_alike_get_the_same(seed in 0_u64..10_000) {
        let both = twice_exchanged(&ensemble(seed, &forest()));
        let alike = |seed, n| {
            let mut rows = rows(seed, n, 6);
            let first = rows.column(0).to_owned();
            rows.column_mut(1).assign(&first);
            rows
        };
        let background = Background::new(alike(seed + 1, 30), None).unwrap();
        let explained = alike(seed + 2, 9);
        for (plan, precision, tolerance) in ALL {
            let got = values(&both, &background, &explained, (plan, precision));
            for cell in got.chunks(6) {
                prop_assert!((cell[0] - cell[1]).abs() <= tolerance, "{cell:?}");
            }
        }
    }

    #[test]
    fn values_are_linear_in_the_trees(seed in 0_u64..10_000) {
        let trees = some_trees(&ensemble(seed, &forest()), 0..5);
        let background = Background::new(rows(seed + 1, 30, 6), None).unwrap();
        let explained = rows(seed + 2, 9, 6);
        for (plan, precision, tolerance) in ALL {
            let all = values(&trees, &background, &explained, (plan, precision));
            let first = values(&some_trees(&trees, 0..2), &background, &explained, (plan, precision));
            let rest = values(&some_trees(&trees, 2..5), &background, &explained, (plan, precision));
            let sum: Vec<f64> = first.iter().zip(&rest).map(|(a, b)| a + b).collect();
            prop_assert_eq!(close(&all, &sum, tolerance), Ok(()));
        }
    }

    #[test]
    fn values_are_linear_in_the_background(seed in 0_u64..10_000, share in 0.1_f64..0.9) {
        let trees = ensemble(seed, &forest());
        let (first, second) = (rows(seed + 1, 30, 6), rows(seed + 2, 65, 6));
        let joined = ndarray::concatenate![ndarray::Axis(0), first, second];
        let shares = [vec![share / 30.0; 30], vec![(1.0 - share) / 65.0; 65]].concat();
        let joined = Background::new(joined, Some(shares)).unwrap();
        let first = Background::new(first, None).unwrap();
        let second = Background::new(second, None).unwrap();
        let explained = rows(seed + 3, 9, 6);
        for (plan, precision, tolerance) in ALL {
            let of = |background| values(&trees, background, &explained, (plan, precision));
            let parts = of(&first).into_iter().zip(of(&second));
            let mixed: Vec<f64> = parts.map(|(a, b)| share * a + (1.0 - share) * b).collect();
            prop_assert_eq!(close(&of(&joined), &mixed, tolerance), Ok(()));
        }
    }

    #[test]
    fn a_row_twice_is_a_row_of_weight_two(seed in 0_u64..10_000, n in 1_usize..70) {
        let trees = ensemble(seed, &forest());
        let once = rows(seed + 1, n, 6);
        let first = once.slice(ndarray::s![..1, ..]);
        let twice = ndarray::concatenate![ndarray::Axis(0), once, first];
        let mut weights = vec![1.0; n];
        weights[0] = 2.0;
        let once = Background::new(once, Some(weights)).unwrap();
        let twice = Background::new(twice, None).unwrap();
        let explained = rows(seed + 3, 9, 6);
        for (plan, precision, tolerance) in ALL {
            let a = values(&trees, &once, &explained, (plan, precision));
            let b = values(&trees, &twice, &explained, (plan, precision));
            prop_assert_eq!(close(&a, &b, tolerance), Ok(()));
        }
    }
}
