//! Tables that are read in blocks give the bits of tables in memory.

use fi_core::{Dataset, Function, LargeDataset, Metric, Model, Permutation, Players, Run, Target};
use ndarray::{Array2, ArrayView2, Axis};

fn table() -> Array2<f64> {
    Array2::from_shape_fn((137, 3), |(i, j)| ((i * (5 + 2 * j) + i * i) % 23) as f64 / 3.0)
}

fn model() -> impl Model {
    Function::new(3, 1, |x: ArrayView2<'_, f64>| {
        let mixed = &x.column(0) * &x.column(1) + &x.column(2).mapv(f64::sin);
        mixed.insert_axis(Axis(1))
    })
}

#[test]
fn blocks_of_any_size_give_the_bits_of_the_whole() {
    let rows = table();
    let target = Target::Values(rows.column(0).mapv(|x| 2.0 * x + 0.1).to_vec());
    let weights: Vec<f64> = (0..137).map(|i| f64::from(1 + i % 4)).collect();
    let groups: Vec<usize> = (0..137).map(|i| i / 3).collect();
    let players = Players::groups(3, [("a", vec![0]), ("bc", vec![1, 2])]).unwrap();
    let metrics = [Metric::Mse, Metric::R2];
    let run = Run::new(4);
    let whole = Dataset::new(rows.clone(), target.clone())
        .and_then(|data| data.with_weights(weights.clone()))
        .and_then(|data| data.with_groups(groups.clone()))
        .unwrap();
    let settings = Permutation { n_repeats: 4, ..Permutation::default() };
    let expected = settings.importance(&run, &model(), &whole, &players, &metrics).unwrap();
    let view = rows.view();
    let names = ["a", "b", "c"];
    let data = LargeDataset::new(&view, target, Some(weights), Some(groups), names).unwrap();
    for batch_rows in [1, 10, 137, 1000] {
        // Sixteen shuffles at once, and two.
        for memory in [None, Some((64 << 20) + 30_000)] {
            let settings = Permutation { batch_rows, ..settings.clone() };
            let found = settings
                .importance_of_blocks(&run, &model(), &data, &players, &metrics, memory)
                .unwrap();
            assert_eq!(found, expected, "{batch_rows} {memory:?}");
        }
    }
}

#[test]
fn each_bad_table_gets_its_own_sentence() {
    let rows = table();
    let view = rows.view();
    let target = Target::Values(vec![0.5; 137]);
    let players = Players::features(["a", "b", "c"]).unwrap();
    let settings = Permutation::default();
    let say = |data: &LargeDataset<'_>, memory| {
        let found = settings.importance_of_blocks(
            &Run::new(0),
            &model(),
            data,
            &players,
            &[Metric::Mse],
            memory,
        );
        found.unwrap_err().to_string()
    };
    let names = ["a", "b", "c"];
    let data = LargeDataset::new(&view, target.clone(), None, None, names).unwrap();
    let little = "shuffling 137 rows takes at least 65 MiB beside the target, but only 1 MiB \
                  are given: allow more memory or take fewer rows";
    assert_eq!(say(&data, Some(1 << 20)), little);
    let mut weights = vec![1.0; 137];
    weights[3] = 0.0;
    let data = LargeDataset::new(&view, target.clone(), Some(weights), None, names).unwrap();
    assert!(say(&data, None).contains("write the rows of positive weight to a file"));
    let mut bad = rows.clone();
    bad[[130, 1]] = f64::INFINITY;
    let view = bad.view();
    let data = LargeDataset::new(&view, target.clone(), None, None, names).unwrap();
    let text = say(&data, None);
    assert!(text.starts_with("the table is `inf` in row 130, column `column 1`"), "{text}");
    let error = LargeDataset::new(&view, target, None, None, ["a", "b"]).unwrap_err();
    let text = "the list of feature names has shape [2], expected [3]";
    assert_eq!(error.to_string(), text);
}
