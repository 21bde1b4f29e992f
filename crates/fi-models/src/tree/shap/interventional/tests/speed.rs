//! How long it takes, in CPU seconds of one thread, by hand:
//! `cargo test --release -p fi-models interventional::tests::speed -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "prints times, by hand only")]

use super::*;

/// Full trees over normal features, as boosting grows them: some branches end early.
fn boosted(seed: u64, depth: usize) -> Ensemble {
    fn grow(rng: &mut Rng, builder: &mut TreeBuilder, depth: usize) -> usize {
        let value = [rng.normal()];
        let stats = NodeStats { cover: 1.0, impurity: 0.0, value: &value };
        if depth == 0 {
            return builder.push_leaf(&stats);
        }
        let node = builder.push_split(rng.below(50), f64::from(rng.normal() as f32), &stats);
        let left = grow(rng, builder, depth - 1);
        let right = grow(rng, builder, depth - 1);
        builder.connect(node, left, right);
        node
    }
    let mut rng = Rng::new(seed, 0);
    let mut builder = Ensemble::builder(50, 1, Comparison::Less)
        .with_precision(Precision::F32)
        .with_aggregate(Aggregate::Sum);
    for _ in 0..200 {
        let mut tree = TreeBuilder::new(1);
        grow(&mut rng, &mut tree, depth);
        builder.push_tree(tree).unwrap();
    }
    builder.build().unwrap()
}

fn normal(seed: u64, n: usize) -> Array2<f64> {
    let mut rng = Rng::new(seed, 3);
    Array2::from_shape_simple_fn((n, 50), || rng.normal())
}

/// CPU seconds of this thread.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1e-9
}

#[test]
#[ignore = "prints times"]
fn speed() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (depth, n_background) in [(6, 1000), (4, 100), (4, 1000), (6, 100), (8, 100), (8, 1000)] {
        let trees = boosted(1, depth);
        let background = Background::new(normal(2, n_background), None).unwrap();
        for (precision, plan, n_rows) in [
            (Precision::F32, TABLES, 4096),
            (Precision::F64, TABLES, 4096),
            (Precision::F64, STREAMED, 2048),
            (Precision::F64, COHORTS, 10),
        ] {
            let rows = normal(3, n_rows);
            one.install(|| {
                let start = cpu();
                let engine =
                    Interventional::new(&Run::new(0), &trees, &background, precision, &plan)
                        .unwrap();
                let build = cpu() - start;
                let mut values = vec![0.0; n_rows * 50];
                let start = cpu();
                engine.attribute(rows.view(), &mut values);
                let per_row = (cpu() - start) / n_rows as f64 * 1e6;
                println!(
                    "depth {depth}, {n_background} background rows, {precision:?}: \
                     {build:.3} s + {per_row:.2} us/row; {:?}",
                    engine.chosen()
                );
            });
        }
    }
}
