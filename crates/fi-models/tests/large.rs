//! Trees explained on tables that are read in blocks give the bits of tables in memory.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use std::ops::Range;

use fi_core::{Dataset, LargeDataset, Metric, Permutation, Players, RowBlocks, Run, Target};
use fi_models::tree::{RandomForest, Summary, TreeShap, Trees, permutation, permutation_of_blocks};
use ndarray::{Array2, ArrayView2, CowArray, Ix2, s};

/// Rows that are copied whenever they are asked for, as a file's are.
struct Copied(Array2<f64>);

impl RowBlocks for Copied {
    fn n_rows(&self) -> usize {
        self.0.nrows()
    }
    fn n_features(&self) -> usize {
        self.0.ncols()
    }
    fn rows(&self, range: Range<usize>) -> fi_core::Result<CowArray<'_, f64, Ix2>> {
        Ok(self.0.slice(s![range, ..]).to_owned().into())
    }
    fn column(&self, feature: usize) -> fi_core::Result<Vec<f64>> {
        Ok(self.0.column(feature).to_vec())
    }
}

fn forest() -> (Array2<f64>, Target, Trees) {
    let rows = Array2::from_shape_fn((300, 4), |(i, j)| {
        if (i + j) % 17 == 0 { f64::NAN } else { ((i * (7 + 4 * j) + i * i) % 61) as f64 / 3.0 }
    });
    let value = |row: ArrayView2<'_, f64>| row.iter().filter(|x| !x.is_nan()).sum::<f64>();
    let values = (0..300).map(|i| value(rows.slice(s![i..=i, ..2]))).collect();
    let target = Target::Values(values);
    let data = Dataset::new(rows.clone(), target.clone()).unwrap();
    let forest = RandomForest { n_estimators: 9, ..RandomForest::regression() };
    (rows, target, forest.fit(&Run::new(3), &data).unwrap())
}

#[test]
fn permutation_in_one_pass_has_the_same_bits() {
    let (rows, target, trees) = forest();
    let data = Dataset::new(rows.clone(), target.clone()).unwrap();
    let players = Players::groups(4, [("a", vec![0]), ("bc", vec![1, 2]), ("d", vec![3])]).unwrap();
    let settings = Permutation { n_repeats: 9, ..Permutation::default() };
    let (run, metrics) = (Run::new(5), [Metric::Mse, Metric::R2]);
    let expected = permutation(&run, &settings, &trees, &data, &players, &metrics).unwrap();
    let blocks = Copied(rows);
    let names = ["a", "b", "c", "d"];
    let large = LargeDataset::new(&blocks, target, None, None, names).unwrap();
    let within = |memory: Option<u64>| {
        permutation_of_blocks(&run, &settings, &trees, &large, &players, &metrics, memory)
    };
    assert_eq!(within(None).unwrap(), expected);
    // The least memory has room for a single shuffle at once.
    let mut tried = (0..2048).map(|kib| within(Some((64 << 20) + (kib << 10))));
    assert_eq!(tried.find_map(Result::ok).unwrap(), expected);
    let text = within(Some(1)).unwrap_err().to_string();
    assert!(text.starts_with("shuffling 300 rows takes at least 65 MiB"), "{text}");
}

#[test]
fn shap_values_have_the_same_bits() {
    let (rows, _, trees) = forest();
    let players = Players::features(["a", "b", "c", "d"]).unwrap();
    let (run, summary) = (Run::new(0), Summary::MeanAbsolute);
    let explainer = TreeShap::default().explainer(&run, &trees).unwrap();
    let expected = explainer.importance(&run, &players, rows.view(), summary, 0.95).unwrap();
    let whole = explainer.attribution(&run, &players, rows.view()).unwrap();
    let blocks = Copied(rows);
    let found = explainer.importance_of_blocks(&run, &players, &blocks, summary, 0.95).unwrap();
    assert_eq!(found, expected);
    let mut n_rows = 0;
    explainer
        .for_each_block_of(&run, &players, &blocks, |block| {
            let range = block.first_row..block.first_row + block.values.dim().0;
            assert_eq!(block.values, whole.values.slice(s![range, .., ..]));
            n_rows += block.values.dim().0;
            Ok(())
        })
        .unwrap();
    assert_eq!(n_rows, 300);
    let players = Players::features(["a", "b", "c"]).unwrap();
    let error = explainer.importance_of_blocks(&run, &players, &blocks, summary, 0.95);
    let text = "the list of players' features has shape [3], expected [4]";
    assert_eq!(error.unwrap_err().to_string(), text);
}
