//! The rescale rule against its definition, pair by pair of rows.

use proptest::prelude::*;

use super::super::InterventionalProbability;
use super::*;
use crate::tree::{Link, Trees};
use fi_core::Model;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn values_are_rescaled_pair_by_pair(seed in 0_u64..10_000, kind in 0_usize..5) {
        let (link, n_outputs) = [
            (Link::Logistic { slope: 0.7 }, 1),
            (Link::Sigmoid { slope: 1.0 }, 2),
            (Link::OneVsRest { slope: 2.0 }, 3),
            (Link::Exp, 1),
            (Link::Identity, 2),
        ][kind];
        let forest = Forest { n_outputs, per_output: seed % 2 == 0, ..Forest::default() };
        let trees = Trees::new(ensemble(seed, &forest), link).unwrap();
        let ensemble = trees.ensemble();
        let background = Background::new(rows(seed + 1, 70, 5), Some(weights(seed, 70))).unwrap();
        let explained = rows(seed + 2, 4, 5);
        let engine = InterventionalProbability::new(&Run::new(0), &trees, &background).unwrap();
        let n_all = trees.n_outputs();
        let mut got = vec![7.0; 4 * n_all * 5];
        engine.attribute(explained.view(), &mut got);
        let mut pairs = vec![7.0; 4 * n_all * 15];
        engine.interact(explained.view(), &mut pairs);

        let predictions = trees.predict(explained.view()).unwrap();
        for (cell, prediction) in predictions.iter().enumerate() {
            let sum: f64 = got[cell * 5..(cell + 1) * 5].iter().sum();
            let base = engine.base_values()[cell % n_all];
            prop_assert!((base + sum - prediction).abs() < 1e-12, "{base} {sum} {prediction}");
            for a in 0..5 {
                let at = |b: usize| crate::tree::shap::engine::pair(a.min(b), a.max(b), 5);
                let sum: f64 = (0..5).map(|b| pairs[cell * 15 + at(b)]).sum();
                prop_assert!((sum - got[cell * 5 + a]).abs() < 1e-12);
            }
        }
        let raw = ensemble.predict(explained.view()).unwrap();
        let others = ensemble.predict(background.rows()).unwrap();
        let linked = |raw: f64| match link {
            Link::Logistic { slope } | Link::Sigmoid { slope } | Link::OneVsRest { slope } => {
                1.0 / (1.0 + (-slope * raw).exp())
            }
            Link::Exp => raw.exp(),
            _ => raw,
        };
        for row in 0..4 {
            for output in 0..n_outputs {
                let mut expected = vec![0.0; 5];
                for (z, weight) in background.weights().iter().enumerate() {
                    let (fx, fz) = (raw[[row, output]], others[[z, output]]);
                    let factor = if fx == fz { 1.0 } else { (linked(fx) - linked(fz)) / (fx - fz) };
                    let scale = weight * factor * ensemble.scale();
                    for tree in ensemble.trees() {
                        let value = match tree.output() {
                            Some(only) if only != output => continue,
                            Some(_) => 0,
                            None => output,
                        };
                        let (x, z) = (explained.row(row).to_vec(), background.rows().row(z).to_vec());
                        super::definition::single(tree, &x, &z, value, scale, &mut expected);
                    }
                }
                let shown = output + n_all - n_outputs;
                let at = (row * n_all + shown) * 5;
                prop_assert_eq!(close(&got[at..at + 5], &expected, 1e-9), Ok(()));
                if n_all > n_outputs {
                    let opposite: Vec<f64> = expected.iter().map(|value| -value).collect();
                    prop_assert_eq!(close(&got[at - 5..at], &opposite, 1e-9), Ok(()));
                }
            }
        }
    }
}

#[test]
fn softmax_is_refused_by_a_sentence() {
    let forest = Forest { n_outputs: 3, ..Forest::default() };
    let trees = Trees::new(ensemble(1, &forest), Link::Softmax).unwrap();
    let background = Background::new(rows(1, 3, 5), None).unwrap();
    let refused = InterventionalProbability::new(&Run::new(0), &trees, &background);
    assert_eq!(
        refused.err().map(|error| error.to_string()).as_deref(),
        Some(
            "softmax mixes the raw answers of all classes, so no factor takes one class's values \
             to its probability: explain the raw answers instead"
        )
    );
}
