//! Every slope against finite differences, and whole steps against hand computation.

use fi_core::{Dataset, Rng, Run, Target};
use ndarray::array;

use super::super::engine::{Activation, Engine, Goal, Sums, Table};
use super::super::{Initializer, Mlp, Optimizer};
use super::data;

fn objective(engine: &mut Engine, table: &Table<'_>, rows: &[usize]) -> f64 {
    let Sums { loss, .. } = engine.evaluate(table, rows);
    loss / rows.len() as f64 + engine.penalty()
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let activations = [Activation::Relu, Activation::Tanh, Activation::Sigmoid, Activation::Linear];
    // Small layers run plain loops, wide ones matrix products.
    for hidden in [vec![], vec![5], vec![6, 4], vec![3, 40, 30]] {
        for activation in activations {
            for n_classes in [None, Some(2), Some(3)] {
                for (l2, weighted) in [(0.0, false), (0.1, true)] {
                    check(&hidden, activation, n_classes, l2, weighted);
                }
            }
        }
    }
}

fn check(
    hidden: &[usize],
    activation: Activation,
    n_classes: Option<usize>,
    l2: f64,
    weighted: bool,
) {
    let data = data(9, 4, n_classes);
    let weights: Vec<f64> = (0..9).map(|row| 0.2 + 0.2 * f64::from(row)).collect();
    let rows: Vec<f64> = data.rows().iter().copied().collect();
    let table = Table {
        rows: &rows,
        goal: match data.target() {
            Target::Values(values) => Goal::Values(values),
            Target::Classes { labels, .. } => Goal::Classes(labels),
        },
        weights: weighted.then_some(weights.as_slice()),
    };
    let widths = [&[4], hidden, &[n_classes.unwrap_or(1)]].concat();
    let init = Initializer::RandomNormal { std: 0.6 };
    let mut engine = Engine::new(&widths, activation, init, l2, 7, &mut Rng::new(5, 0));
    // Biases start at 0, where a mistake in them would not show.
    let mut rng = Rng::new(6, 0);
    for parameter in &mut engine.parameters {
        *parameter += 0.1 * rng.normal();
    }
    // Fewer rows than the buffers hold, in another order.
    let batch = [8, 0, 3, 5, 1, 6];
    engine.differentiate(&table, &batch);
    let gradient = engine.gradient.clone();
    let step = 1e-6;
    for i in (0..gradient.len()).step_by(gradient.len() / 60 + 1) {
        let start = engine.parameters[i];
        engine.parameters[i] = start + step;
        let above = objective(&mut engine, &table, &batch);
        engine.parameters[i] = start - step;
        let below = objective(&mut engine, &table, &batch);
        engine.parameters[i] = start;
        let slope = (above - below) / (2.0 * step);
        assert!(
            (slope - gradient[i]).abs() < 1e-7 * (1.0 + slope.abs()),
            "{hidden:?} {activation:?} {n_classes:?} l2 {l2}: parameter {i}: {slope} {}",
            gradient[i]
        );
    }
}

#[test]
fn one_step_is_the_one_computed_by_hand() {
    let data = Dataset::new(array![[1.0], [3.0]], Target::Values(vec![2.0, 4.0])).unwrap();
    let mlp = Mlp {
        hidden: vec![],
        initializer: Initializer::Zeros,
        optimizer: Optimizer::sgd(0.1),
        epochs: 1,
        batch_size: 2,
        ..Mlp::default()
    };
    // Slope of ((2 − w − b)² + (4 − 3w − b)²) / 2 at 0: −(2 + 12) for w, −(2 + 4) for b.
    let network = mlp.fit(&Run::new(0), &data).unwrap();
    let layer = &network.layers()[0];
    assert!((layer.weights[[0, 0]] - 1.4).abs() < 1e-12, "{layer:?}");
    assert!((layer.bias[0] - 0.6).abs() < 1e-12, "{layer:?}");
    assert_eq!(network.history()[0].loss, 10.0);

    // Weights 3 and 1 have the mean 2, so they count 1.5 and 0.5.
    let weighted = data.clone().with_weights(vec![3.0, 1.0]).unwrap();
    let network = mlp.fit(&Run::new(0), &weighted).unwrap();
    assert!((network.layers()[0].weights[[0, 0]] - 0.1 * (1.5 * 2.0 + 0.5 * 12.0)).abs() < 1e-12);
    // (1.5 · 4 + 0.5 · 16) / 2
    assert_eq!(network.history()[0].loss, 7.0);

    // In batches of one row, in order: w = b = 0.4 first, then the error is 4 − 1.6 = 2.4.
    let single = Mlp { batch_size: 1, shuffle: false, ..mlp };
    let network = single.fit(&Run::new(0), &data).unwrap();
    assert!((network.layers()[0].weights[[0, 0]] - (0.4 + 0.1 * 2.0 * 2.4 * 3.0)).abs() < 1e-12);
    assert!((network.history()[0].loss - 0.5 * (4.0 + 2.4 * 2.4)).abs() < 1e-12);
}

#[test]
fn the_penalty_is_on_hidden_weights_only() {
    let data = data(20, 3, Some(2));
    let norms = |l2: f64| {
        let mlp = Mlp { l2, epochs: 400, optimizer: Optimizer::adam(0.01), ..Mlp::default() };
        let network = mlp.fit(&Run::new(0), &data).unwrap();
        network.layers().iter().map(|l| l.weights.mapv(|w| w * w).sum()).collect::<Vec<_>>()
    };
    let (free, held) = (norms(0.0), norms(0.5));
    assert!(held[0] < 0.01 * free[0], "{held:?} {free:?}");
    assert!(held[1] > free[1], "{held:?} {free:?}");
}
