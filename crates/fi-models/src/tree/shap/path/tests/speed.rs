//! Scratch measurements.
#![allow(clippy::all, clippy::disallowed_types, clippy::print_stdout)]
use crate::tree::{Aggregate, Comparison, Ensemble, NodeStats, Precision, TreeBuilder};
use fi_core::Rng;
use ndarray::Array2;

pub(super) fn synthetic(
    n_trees: usize,
    depth: usize,
    min_cover: f64,
    precision: Precision,
) -> Ensemble {
    let mut rng = Rng::new(7, 0);
    let mut builder = Ensemble::builder(50, 1, Comparison::Less)
        .with_precision(precision)
        .with_aggregate(Aggregate::Sum);
    for _ in 0..n_trees {
        let mut tree = TreeBuilder::new(1);
        let stats = |cover| NodeStats { cover, impurity: 0.0, value: &[0.0] };
        // breadth by stack; children after parent
        let mut plan: Vec<(f64, usize, Option<(usize, usize)>)> = vec![(100_000.0, 0, None)];
        let mut i = 0;
        while i < plan.len() {
            let (cover, d, _) = plan[i];
            if d < depth && cover >= min_cover {
                let left = (cover * (0.1 + 0.8 * rng.uniform())).round();
                plan[i].2 = Some((plan.len(), plan.len() + 1));
                plan.push((left, d + 1, None));
                plan.push((cover - left, d + 1, None));
            }
            i += 1;
        }
        for &(cover, _, children) in &plan {
            if children.is_some() {
                let u = rng.uniform();
                let node = tree.push_split(
                    (50.0 * u * u) as usize,
                    f64::from((0.8 * rng.normal()) as f32),
                    &stats(cover),
                );
                if rng.below(2) == 0 {
                    tree.send_missing_left(node);
                }
            } else {
                let value = [f64::from((0.1 * rng.normal()) as f32)];
                tree.push_leaf(&NodeStats { cover, impurity: 0.0, value: &value });
            }
        }
        for (node, &(_, _, children)) in plan.iter().enumerate() {
            if let Some((l, r)) = children {
                tree.connect(node, l, r);
            }
        }
        builder.push_tree(tree).unwrap();
    }
    builder.build().unwrap()
}

#[test]
#[ignore]
fn speed() {
    let mut rng = Rng::new(3, 0);
    let rows = Array2::from_shape_simple_fn((1024, 50), || rng.normal());
    for (depth, min_cover) in [(4, 0.0), (6, 1500.0), (8, 400.0), (10, 150.0)] {
        let ensemble = synthetic(200, depth, min_cover, Precision::F32);
        let leaves: usize = ensemble.trees().map(|t| t.n_leaves()).sum::<usize>() / 200;
        let max = ensemble.trees().map(|t| t.depth()).max().unwrap();
        let mut line = format!("d{depth} leaves {leaves} depth {max}:");
        for precision in [Precision::F32, Precision::F64] {
            let t0 = std::time::Instant::now();
            let engine = super::super::engine(&ensemble, precision).unwrap();
            let built = t0.elapsed().as_secs_f64() * 1e3;
            let mut values = vec![0.0; 1024 * 50];
            let mut best = f64::MAX;
            for _ in 0..5 {
                let t0 = std::time::Instant::now();
                engine.attribute(rows.view(), &mut values);
                best = best.min(t0.elapsed().as_secs_f64());
            }
            line +=
                &format!("  {precision:?} {:.2} us/row (build {built:.1} ms)", best * 1e6 / 1024.0);
        }
        println!("{line}");
    }
}
