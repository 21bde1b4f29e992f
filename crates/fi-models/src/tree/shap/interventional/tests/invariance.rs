//! What must not matter: blocks, threads, SIMD. And trees of extreme depth.

use proptest::prelude::*;

use super::*;

fn threads<T: Send>(n: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// To the bit: rows one by one, in other company, on other threads, without AVX2.
    #[test]
    fn nothing_but_the_row_and_the_background_matters(seed in 0_u64..10_000, pairs: bool) {
        let forest = Forest { n_features: 9, n_trees: 70, depth: 5, n_outputs: 2, per_output: false };
        let trees = ensemble(seed, &forest);
        let weights = weights(seed, 100);
        let background = Background::new(rows(seed + 1, 100, 9), Some(weights)).unwrap();
        // More than one block, and not a multiple of any.
        let explained = rows(seed + 2, 261, 9);
        for (plan, precision, _) in ALL {
            let make = |level| {
                let run = Run::new(0);
                Interventional::at_level(&run, &trees, &background, precision, &plan, level).unwrap()
            };
            let engine = threads(1, || make(Level::detect()));
            let all = ask(&engine, &trees, &explained, pairs);
            let per_row = all.len() / 261;
            for row in [0, 63, 255, 256, 260] {
                let one = explained.slice(ndarray::s![row..=row, ..]).to_owned();
                let alone = ask(&engine, &trees, &one, pairs);
                prop_assert_eq!(&all[row * per_row..(row + 1) * per_row], &alone[..]);
            }
            let many = threads(3, || ask(&make(Level::detect()), &trees, &explained, pairs));
            prop_assert!(all == many);
            prop_assert!(all == ask(&make(Level::plain()), &trees, &explained, pairs));
        }
    }
}

/// A chain of splits: every right child is a leaf.
fn chain(n_features: usize, depth: usize) -> Ensemble {
    fn leaf(value: &[f64]) -> NodeStats<'_> {
        NodeStats { cover: 1.0, impurity: 0.0, value }
    }
    let mut tree = TreeBuilder::new(1);
    let mut node = tree.push_split(0, 0.5, &leaf(&[0.0]));
    for level in 1..=depth {
        let right = tree.push_leaf(&leaf(&[level as f64]));
        let left = if level == depth {
            tree.push_leaf(&leaf(&[1.0]))
        } else {
            tree.push_split(level % n_features, 0.5, &leaf(&[0.0]))
        };
        tree.connect(node, left, right);
        node = left;
    }
    let mut builder = Ensemble::builder(n_features, 1, Comparison::LessEqual);
    builder.push_tree(tree).unwrap();
    builder.build().unwrap()
}

#[test]
fn a_tree_of_depth_100_000_needs_no_stack() {
    let trees = chain(7, 100_000);
    let background = Background::new(rows(1, 20, 7), None).unwrap();
    let explained = rows(2, 3, 7);
    let engine = prepare(&trees, &background, (TablePlan::default(), Precision::F64));
    assert_eq!(engine.chosen(), ChosenEngines { cohorts: 1, ..ChosenEngines::default() });
    let values = ask(&engine, &trees, &explained, false);
    let answers = trees.predict(explained.view()).unwrap();
    for (values, answer) in values.chunks(7).zip(&answers) {
        let sum = engine.base_values()[0] + values.iter().sum::<f64>();
        assert!((sum - answer).abs() < 1e-9);
    }
}

/// 400 distinct features on a path, where factorials overflow: row and background part on all.
#[test]
fn hundreds_of_features_on_a_path_stay_exact() {
    let n = 400;
    let trees = chain(n, n);
    let background = Background::new(Array2::ones((1, n)), None).unwrap();
    let explained = Array2::zeros((1, n));
    let engine = prepare(&trees, &background, (TablePlan::default(), Precision::F64));
    let values = ask(&engine, &trees, &explained, false);
    // Leaf k (worth k + 1) is reached where features before k come from the row and k does not;
    // the last leaf (worth 1) where all come from the row.
    let expected = |j: usize| {
        let before: f64 = (j + 1..n).map(|k| (k + 1) as f64 / (k * (k + 1)) as f64).sum();
        let own = -((j + 1) as f64) / (j + 1) as f64;
        before + own + 1.0 / n as f64
    };
    for (j, value) in values.iter().enumerate() {
        assert!((value - expected(j)).abs() < 1e-12, "{j}: {value} {}", expected(j));
    }
}

#[test]
fn the_plan_decides_and_is_reported() {
    let trees = ensemble(3, &Forest { n_features: 30, n_trees: 3, depth: 7, ..Forest::default() });
    let background = Background::new(rows(1, 50, 30), None).unwrap();
    let engines = |plan| prepare(&trees, &background, (plan, Precision::F64)).chosen();
    assert_eq!(engines(COHORTS).cohorts, 3);
    assert_eq!(engines(STREAMED).streamed_tables, 3);
    let tables = engines(TABLES);
    assert_eq!(tables.tables, 3);
    assert!(tables.table_bytes > 0);
    let half = TablePlan { table_bytes: tables.table_bytes - 1, ..TABLES };
    assert!(engines(half).tables < 3 && engines(half).table_bytes < tables.table_bytes);
    // One row does not pay for tables.
    assert_eq!(engines(TablePlan { expected_rows: 1, ..TABLES }).tables, 0);
}
