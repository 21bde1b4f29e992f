//! Tables that are read in blocks give the bits of tables in memory.

use fi_core::{
    Dataset, Function, LargeDataset, Metric, Model, Output, Permutation, Players, Run, Target,
};
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
        for memory in [None, Some((64 << 20) + 240_000)] {
            let settings = Permutation { batch_rows, ..settings.clone() };
            let found = settings
                .importance_of_blocks(&run, &model(), &data, &players, &metrics, memory)
                .unwrap();
            assert_eq!(found, expected, "{batch_rows} {memory:?}");
        }
    }
}

#[test]
fn parts_of_the_rows_give_the_bits_of_the_whole() {
    // Sixteen shuffles of two outputs are predicted 65,536 rows at a time.
    let n = 70_000;
    let rows = Array2::from_shape_fn((n, 16), |(i, j)| ((i * (5 + 2 * j) + i * i) % 1009) as f64);
    let labels: Vec<usize> = (0..n).map(|i| usize::from(rows[[i, 0]] > 500.0)).collect();
    let names = vec!["no".to_owned(), "yes".to_owned()];
    let target = Target::Classes { labels, names };
    let classes = Function::new(16, 2, |x: ArrayView2<'_, f64>| {
        let yes = x.rows().into_iter().map(|x| (x[0] + (x[1] * x[15]).sin().abs()) / 1011.0);
        let both = yes.flat_map(|yes| [1.0 - yes, yes]).collect();
        Array2::from_shape_vec((x.nrows(), 2), both).unwrap()
    })
    .with_output(Output::Probabilities);
    let names: Vec<String> = (0..16).map(|j| format!("x{j}")).collect();
    let players = Players::features(names.clone()).unwrap();
    let auc = Metric::parse("roc_auc").unwrap();
    let metrics = [Metric::LogLoss, auc, Metric::Accuracy];
    let weights: Vec<f64> = (0..n).map(|i| f64::from(1 + i as u32 % 4)).collect();
    let settings = Permutation { n_repeats: 2, batch_rows: 1000, ..Permutation::default() };
    for weights in [None, Some(weights)] {
        let mut whole = Dataset::new(rows.clone(), target.clone()).unwrap();
        if let Some(weights) = &weights {
            whole = whole.with_weights(weights.clone()).unwrap();
        }
        let run = Run::new(4);
        let expected = settings.importance(&run, &classes, &whole, &players, &metrics).unwrap();
        let view = rows.view();
        let data = LargeDataset::new(&view, target.clone(), weights, None, names.clone());
        let found = settings
            .importance_of_blocks(&run, &classes, &data.unwrap(), &players, &metrics, None)
            .unwrap();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_row_of_a_later_part_is_called_by_its_number() {
    // Sixteen shuffles of one output are predicted 131,072 rows at a time.
    let n = 140_000;
    // Features alternate, and rows from 135,000 on break where the first two differ.
    let rows = Array2::from_shape_fn((n, 16), |(i, j)| {
        f64::from(u8::from(if j < 2 { i % 2 == 0 } else { i >= 135_000 }))
    });
    let names: Vec<String> = (0..16).map(|j| format!("x{j}")).collect();
    let players = Players::features(names.clone()).unwrap();
    let target = Target::Values(vec![0.5; n]);
    let whole = Dataset::new(rows.clone(), target.clone()).unwrap();
    let view = rows.view();
    let data = LargeDataset::new(&view, target, None, None, names).unwrap();
    let settings = Permutation { n_repeats: 1, ..Permutation::default() };
    let metrics = [Metric::GammaDeviance];
    for broken in [-1.0, f64::NAN] {
        let model = Function::new(16, 1, |x: ArrayView2<'_, f64>| {
            let answer = |x: ndarray::ArrayView1<'_, f64>| {
                if x[0] == x[1] || x[15] == 0.0 { 1.0 } else { broken }
            };
            x.map_axis(Axis(1), answer).insert_axis(Axis(1))
        });
        let run = Run::new(4);
        let expected = settings.importance(&run, &model, &whole, &players, &metrics);
        let expected = expected.unwrap_err().to_string();
        assert!(expected.contains("in row 135"), "{expected}");
        let found = settings.importance_of_blocks(&run, &model, &data, &players, &metrics, None);
        assert_eq!(found.unwrap_err().to_string(), expected);
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
