//! Every slope against finite differences, and whole steps against hand computation.

use fi_core::{Dataset, Rng, Run, Target};
use ndarray::array;

use super::super::fit::{Fit, Table};
use super::super::objective::Goal;
use super::super::*;
use super::{data, dense_of};

#[test]
fn the_slope_of_the_objective_is_that_of_finite_differences() {
    let dropout = Sequential { layers: vec![LayerSettings::Dropout { rate: 0.5 }], ..chain(0.1) };
    for learner in [chain(0.0), chain(0.1), dropout] {
        for n_classes in [None, Some(2), Some(3)] {
            for weighted in [false, true] {
                check(&learner, n_classes, weighted);
            }
        }
    }
}

/// Two dense layers with different penalties, and none on the output layer.
fn chain(l2: f64) -> Sequential {
    let initializer = Initializer::RandomNormal { std: 0.6 };
    let dense = |units, l2| {
        let activation = Activation::Tanh;
        LayerSettings::Dense { units, activation, initializer, l2 }
    };
    let layers = vec![
        dense(6, l2),
        LayerSettings::batch_norm(),
        LayerSettings::PRelu { start: 0.25 },
        dense(4, 3.0 * l2),
    ];
    let training = Training { precision: Precision::Double, ..Training::default() };
    let input = Input::Features(4);
    Sequential { input, layers, output_initializer: initializer, training, ..Sequential::default() }
}

fn check(learner: &Sequential, n_classes: Option<usize>, weighted: bool) {
    let data = data(9, 4, n_classes);
    let weights: Vec<f64> = (0..9).map(|row| 0.2 + 0.2 * f64::from(row)).collect();
    let weights = weighted.then_some(weights.as_slice());
    let table = Table { rows: data.rows(), goal: Goal::of(data.target()), weights };
    let run = Run::new(5);
    let (layers, l2) = learner.start(&run, n_classes.unwrap_or(1)).unwrap();
    let mut fit = Fit::<f64>::new(&learner.training, learner.input, layers, &l2).unwrap();
    // Biases start at 0, where a mistake in them would not show.
    let mut rng = Rng::new(6, 0);
    fit.program.parameters.iter_mut().for_each(|w| *w += 0.1 * rng.normal());
    // Another order than the table's; the same units are dropped each time.
    let batch = [8, 0, 3, 5, 1, 6];
    let objective = |fit: &mut Fit<'_, f64>| {
        let sums = fit.differentiate(table, &batch, &mut Rng::new(7, 0));
        sums.loss / batch.len() as f64 + fit.penalty()
    };
    objective(&mut fit);
    let gradient = fit.gradient.clone();
    let step = 1e-6;
    for (i, slope) in gradient.into_iter().enumerate() {
        let start = fit.program.parameters[i];
        fit.program.parameters[i] = start + step;
        let above = objective(&mut fit);
        fit.program.parameters[i] = start - step;
        let below = objective(&mut fit);
        fit.program.parameters[i] = start;
        let expected = (above - below) / (2.0 * step);
        let close = (slope - expected).abs() < 1e-7 * (1.0 + slope.abs());
        assert!(close, "{n_classes:?} {learner:?}: parameter {i}: {slope} {expected}");
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
        precision: Precision::Double,
        ..Mlp::default()
    };
    // Slope of ((2 − w − b)² + (4 − 3w − b)²) / 2 at 0: −(2 + 12) for w, −(2 + 4) for b.
    let network = mlp.fit(&Run::new(0), &data).unwrap();
    let layer = dense_of(&network, 0);
    assert!((layer.weights[[0, 0]] - 1.4).abs() < 1e-12, "{layer:?}");
    assert!((layer.bias[0] - 0.6).abs() < 1e-12, "{layer:?}");
    assert_eq!(network.history()[0].loss, 10.0);

    // Weights 3 and 1 have the mean 2, so they count 1.5 and 0.5.
    let weighted = data.clone().with_weights(vec![3.0, 1.0]).unwrap();
    let network = mlp.fit(&Run::new(0), &weighted).unwrap();
    assert!((dense_of(&network, 0).weights[[0, 0]] - 0.1 * (1.5 * 2.0 + 0.5 * 12.0)).abs() < 1e-12);
    // (1.5 · 4 + 0.5 · 16) / 2
    assert_eq!(network.history()[0].loss, 7.0);

    // In batches of one row, in order: w = b = 0.4 first, then the error is 4 − 1.6 = 2.4.
    let single = Mlp { batch_size: 1, shuffle: false, ..mlp };
    let network = single.fit(&Run::new(0), &data).unwrap();
    assert!((dense_of(&network, 0).weights[[0, 0]] - (0.4 + 0.1 * 2.0 * 2.4 * 3.0)).abs() < 1e-12);
    assert!((network.history()[0].loss - 0.5 * (4.0 + 2.4 * 2.4)).abs() < 1e-12);
}

#[test]
fn the_penalty_is_on_hidden_weights_only() {
    let data = data(20, 3, Some(2));
    let norms = |l2: f64| {
        let mlp = Mlp { l2, epochs: 400, optimizer: Optimizer::adam(0.01), ..Mlp::default() };
        let network = mlp.fit(&Run::new(0), &data).unwrap();
        [0, 1].map(|l| dense_of(&network, l).weights.mapv(|w| w * w).sum())
    };
    let (free, held) = (norms(0.0), norms(0.5));
    assert!(held[0] < 0.01 * free[0], "{held:?} {free:?}");
    assert!(held[1] > free[1], "{held:?} {free:?}");
}
