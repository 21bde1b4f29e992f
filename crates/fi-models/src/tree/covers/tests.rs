//! Covers counted on rows, against walking every row node by node.

use fi_core::{Dataset, Run, Target};
use ndarray::{Array2, array};
use proptest::prelude::*;

use crate::tree::RandomForest;

fn forest_data() -> Dataset {
    let rows = Array2::from_shape_fn((40, 3), |(i, j)| ((i * (7 + 4 * j)) % 37) as f64);
    let values = rows.rows().into_iter().map(|row| row[0] + (row[1] - row[2]).abs()).collect();
    Dataset::new(rows, Target::Values(values)).unwrap()
}

proptest! {
    #[test]
    fn a_cover_is_the_weight_of_the_rows_that_pass(
        cells in prop::collection::vec(-5.0..45.0, 30),
        weights in prop::collection::vec(0.0..3.0, 9),
    ) {
        let forest = RandomForest { n_estimators: 3, ..RandomForest::regression() };
        let forest = forest.fit(&Run::new(1), &forest_data()).unwrap();
        let rows = Array2::from_shape_vec((10, 3), cells).unwrap();
        let weights: Vec<f64> = weights.into_iter().chain([1.0]).collect();
        let ensemble = forest.ensemble().clone();
        let counted = ensemble.with_covers_of(rows.view(), Some(&weights)).unwrap();
        for tree in counted.trees() {
            let mut passed = vec![0.0; tree.n_nodes()];
            for (row, weight) in rows.rows().into_iter().zip(&weights) {
                let mut node = 0;
                loop {
                    passed[node] += weight;
                    let Some((left, right)) = tree.children(node) else { break };
                    let goes_left = tree.goes_left(node, row[tree.feature(node)]);
                    node = if goes_left { left } else { right };
                }
            }
            for (node, passed) in passed.iter().enumerate() {
                prop_assert!((tree.cover(node) - passed).abs() < 1e-12);
                prop_assert_eq!(tree.impurity(node), 0.0);
            }
        }
        prop_assert!(counted.statistics().cover && !counted.statistics().impurity);
        let before = forest.ensemble().predict(rows.view()).unwrap();
        prop_assert_eq!(counted.predict(rows.view()).unwrap(), before);
    }
}

#[test]
fn the_training_rows_give_the_covers_of_training() {
    let data = forest_data();
    let forest = RandomForest { n_estimators: 1, bootstrap: false, ..RandomForest::regression() };
    let forest = forest.fit(&Run::new(1), &data).unwrap();
    let counted = forest.ensemble().clone().with_covers_of(data.rows(), None).unwrap();
    let (ours, theirs) = (counted.tree(0), forest.ensemble().tree(0));
    assert!(ours.n_nodes() > 5);
    (0..ours.n_nodes()).for_each(|node| assert_eq!(ours.cover(node), theirs.cover(node)));
}

#[test]
fn rows_and_weights_that_do_not_fit_are_refused() {
    let forest = RandomForest { n_estimators: 1, ..RandomForest::regression() };
    let forest = forest.fit(&Run::new(1), &forest_data()).unwrap();
    let refusal = |rows: Array2<f64>, weights: Option<&[f64]>| {
        forest.ensemble().clone().with_covers_of(rows.view(), weights).unwrap_err().to_string()
    };
    let row = || array![[1.0, 2.0, 3.0]];
    assert!(refusal(array![[1.0]], None).contains("has shape"));
    assert_eq!(
        refusal(row(), Some(&[1.0, 2.0])),
        "the list of weights has shape [2], expected [1]"
    );
    assert_eq!(
        refusal(row(), Some(&[f64::NAN])),
        "`weights` is `NaN`, it must be finite and at least 0"
    );
    for refusal in [refusal(row(), Some(&[0.0])), refusal(Array2::zeros((0, 3)), None)] {
        assert_eq!(refusal, "counting the covers of trees needs at least 1 rows, got 0");
    }
}
