//! Do the methods that look inside networks keep their definitions, sums, padding and silence?

use fi_core::{Model as _, Output};
use ndarray::{Array1, array};
use proptest::prelude::*;

use super::*;
use crate::network::{
    Activation, BatchNorm, Conv1d, Dense, Embedding, Gru, Layer, Lstm, PRelu, Padding, Pool,
};

/// Numbers in (-1, 1) that depend on where they stand.
fn matrix(seed: u64, n_in: usize, n_out: usize) -> Array2<f64> {
    let mut rng = Run::new(seed).rng(0);
    Array2::from_shape_fn((n_in, n_out), |_| 2.0 * rng.uniform() - 1.0)
}

fn vector(seed: u64, n: usize) -> Array1<f64> {
    matrix(seed, 1, n).row(0).to_owned()
}

fn dense(seed: u64, n_in: usize, n_out: usize, activation: Activation, bias: bool) -> Layer {
    let scale = if bias { 0.5 } else { 0.0 };
    let bias = vector(seed + 100, n_out) * scale;
    Layer::Dense(Dense { weights: matrix(seed, n_in, n_out), bias, activation })
}

fn lstm(seed: u64, n_in: usize, units: usize, bias: f64, return_sequences: bool) -> Layer {
    Layer::Lstm(Lstm {
        input_weights: matrix(seed, n_in, 4 * units),
        recurrent_weights: matrix(seed + 1, units, 4 * units),
        bias: vector(seed + 2, 4 * units) * bias,
        return_sequences,
        reverse: seed % 2 == 1,
    })
}

fn gru(seed: u64, n_in: usize, units: usize, bias: f64, after: bool) -> Layer {
    Layer::Gru(Gru {
        input_weights: matrix(seed, n_in, 3 * units),
        recurrent_weights: matrix(seed + 1, units, 3 * units),
        bias: vector(seed + 2, 3 * units) * bias,
        recurrent_bias: after.then(|| vector(seed + 3, 3 * units) * bias),
        return_sequences: false,
        reverse: seed % 2 == 1,
    })
}

fn conv(seed: u64, bias: f64) -> Layer {
    Layer::Conv1d(Conv1d {
        weights: matrix(seed, 3 * 2, 4).into_shape_with_order((3, 2, 4)).unwrap(),
        bias: vector(seed + 1, 4) * bias,
        stride: 1,
        padding: Padding::Causal,
        activation: Activation::Relu,
    })
}

const SEQUENCE: Input = Input::Sequence { steps: 5, channels: 2 };

/// One network of each kind, with two outputs; `bias` 0 for none anywhere.
fn networks(seed: u64, bias: f64) -> Vec<(&'static str, Network)> {
    let with = bias > 0.0;
    let last = |n_in| dense(seed + 50, n_in, 2, Activation::Linear, with);
    let build = |input, layers| Network::new(input, layers, Output::Margins).unwrap();
    let relu = vec![
        dense(seed, 10, 6, Activation::Relu, with),
        dense(seed + 1, 6, 5, Activation::Relu, with),
        last(5),
    ];
    let norm = BatchNorm {
        gamma: vector(seed + 7, 6),
        beta: vector(seed + 8, 6) * bias,
        mean: vector(seed + 9, 6) * bias,
        variance: vector(seed + 10, 6).mapv(f64::abs),
        epsilon: 1e-3,
        momentum: 0.9,
    };
    let tanh = vec![
        dense(seed, 10, 6, Activation::Linear, with),
        Layer::BatchNorm(norm),
        Layer::Activation(Activation::Tanh),
        last(6),
    ];
    let prelu = PRelu { alpha: array![0.25] };
    let pooled =
        |pool| vec![conv(seed, bias), Layer::PRelu(prelu.clone()), Layer::Pool(pool), last(4)];
    vec![
        ("relu", build(Input::Features(10), relu)),
        ("tanh", build(Input::Features(10), tanh)),
        ("lstm", build(SEQUENCE, vec![lstm(seed, 2, 3, bias, false), last(3)])),
        (
            "two lstms",
            build(
                SEQUENCE,
                vec![lstm(seed, 2, 3, bias, true), lstm(seed + 3, 3, 3, bias, false), last(3)],
            ),
        ),
        ("gru", build(SEQUENCE, vec![gru(seed, 2, 3, bias, true), last(3)])),
        ("old gru", build(SEQUENCE, vec![gru(seed, 2, 3, bias, false), last(3)])),
        ("conv, mean", build(SEQUENCE, pooled(Pool::Mean))),
        ("conv, max", build(SEQUENCE, pooled(Pool::Max))),
        ("conv, flat", build(SEQUENCE, vec![conv(seed, bias), Layer::Flatten, last(20)])),
    ]
}

/// Four rows, of which the last lacks two steps if it is a sequence.
fn rows(seed: u64, network: &Network) -> Array2<f64> {
    let mut rows = matrix(seed, 4, 10) * 2.0;
    if network.input() == SEQUENCE {
        rows.slice_mut(s![3, 6..]).fill(f64::NAN);
    }
    rows
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("x{i}")).collect()
}

fn explain(method: &dyn Explainer, network: &Network, rows: &Array2<f64>) -> Attribution {
    method.attribution(&Run::new(1), network, rows.view(), &names(rows.ncols())).unwrap()
}

fn methods(background: Array2<f64>) -> Vec<Box<dyn Explainer>> {
    vec![
        Box::new(Gradient::default()),
        Box::new(GradientTimesInput::default()),
        Box::new(SmoothGrad { n_samples: 5, ..SmoothGrad::default() }),
        Box::new(IntegratedGradients { n_steps: 8, ..IntegratedGradients::default() }),
        Box::new(ExpectedGradients { n_samples: 6, ..ExpectedGradients::new(background) }),
        Box::new(Lrp::default()),
        Box::new(DeepLift::default()),
    ]
}

/// Networks that DeepLIFT has no rule for.
fn has_gates(kind: &str) -> bool {
    kind.contains("lstm") || kind.contains("gru")
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |most, value| most.max(value.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_jacobian_is_the_gradient_of_each_output(seed in 0..1000_u64) {
        for (kind, network) in networks(seed, 1.0) {
            let rows = rows(seed, &network);
            for scale in [AnswerScale::Margins, AnswerScale::Predictions] {
                let jacobian = network.jacobian(rows.view(), scale).unwrap();
                for output in 0..2 {
                    let mut seeds = Array2::zeros((4, 2));
                    seeds.column_mut(output).fill(1.0);
                    let one = network.input_gradients(rows.view(), &seeds, scale).unwrap();
                    prop_assert_eq!(jacobian.index_axis(Axis(1), output), one, "{}", kind);
                }
            }
        }
    }

    #[test]
    fn integrated_gradients_add_up_as_their_steps_become_many(seed in 0..1000_u64) {
        for (kind, network) in networks(seed, 1.0) {
            let rows = rows(seed, &network);
            let many = IntegratedGradients { n_steps: 300, ..IntegratedGradients::default() };
            let found = explain(&many, &network, &rows);
            let error = found.additivity_error.unwrap();
            // Where slopes jump, the rule misses a little of one interval.
            let smooth = !kind.contains("relu") && !kind.contains("conv");
            prop_assert!(error < if smooth { 1e-8 } else { 0.1 }, "{kind}: {error}");
            let sums = found.values.sum_axis(Axis(2)) + &found.base_values;
            let gap = sums - network.predict(rows.view()).unwrap();
            prop_assert!((largest(gap) - error).abs() < 1e-12);
        }
    }

    #[test]
    fn differences_from_baselines_add_up(seed in 0..1000_u64) {
        for (kind, network) in networks(seed, 1.0).into_iter().filter(|(kind, _)| !has_gates(kind)) {
            let rows = rows(seed, &network);
            let background = matrix(seed + 1, 3, 10);
            let whole = DeepLift { background: Some(background.clone()) };
            let found = explain(&whole, &network, &rows);
            let room = 1e-10 * (1.0 + largest(found.values.iter().copied()));
            prop_assert!(found.additivity_error.unwrap() < room, "{kind}: {found:?}");
            // Over a background it is the mean over its rows.
            let mut mean = Array3::zeros(found.values.dim());
            for row in background.axis_chunks_iter(Axis(0), 1) {
                let one = DeepLift { background: Some(row.to_owned()) };
                mean += &explain(&one, &network, &rows).values;
            }
            prop_assert!(largest(&found.values - mean / 3.0) < room, "{kind}");
        }
    }

    #[test]
    fn differences_go_back_by_the_rescale_rule(seed in 0..1000_u64) {
        let activations =
            [Activation::Tanh, Activation::Relu, Activation::Softplus, Activation::Elu { alpha: 0.5 }];
        let activation = activations[seed as usize % 4];
        let layers = vec![
            dense(seed, 10, 6, activation, true),
            dense(seed + 1, 6, 5, activation, true),
            dense(seed + 2, 5, 2, Activation::Linear, true),
        ];
        let network = Network::new(Input::Features(10), layers, Output::Margins).unwrap();
        let (rows, baseline) = (matrix(seed, 2, 10), matrix(seed + 1, 1, 10));
        let found = explain(&DeepLift { background: Some(baseline.clone()) }, &network, &rows);
        for (row, x) in rows.rows().into_iter().enumerate() {
            for output in 0..2 {
                let multipliers = multipliers(&network, x, baseline.row(0), output);
                for column in 0..10 {
                    let expected = multipliers[column] * (x[column] - baseline[[0, column]]);
                    let gap = found.values[[row, output, column]] - expected;
                    prop_assert!(gap.abs() < 1e-10, "{activation:?}: {gap}");
                }
            }
        }
    }

    #[test]
    fn relevance_of_relu_networks_is_gradient_times_input(seed in 0..1000_u64, bias in 0..2) {
        let lrp = Lrp { epsilon: 1e-12 };
        for (kind, network) in networks(seed, f64::from(bias)) {
            if kind.contains("relu") || kind.contains("conv") {
                let rows = rows(seed, &network);
                let by_gradient = explain(&GradientTimesInput::default(), &network, &rows);
                let by_relevance = explain(&lrp, &network, &rows);
                let gap = largest(&by_gradient.values - &by_relevance.values);
                prop_assert!(gap < 1e-6, "{kind}: {gap}");
            }
        }
    }

    #[test]
    fn without_biases_no_relevance_is_lost(seed in 0..1000_u64) {
        for (kind, network) in networks(seed, 0.0) {
            let rows = rows(seed, &network);
            let found = explain(&Lrp { epsilon: 1e-13 }, &network, &rows);
            let sums = found.values.sum_axis(Axis(2));
            let margins = network.margins(rows.view()).unwrap();
            // A sum near 0 makes relevance large and its rounding larger.
            let room = 1e-7 * (1.0 + largest(found.values.iter().copied()));
            prop_assert!(largest(sums - margins) < room, "{kind}");
        }
    }

    #[test]
    fn padding_has_no_score_and_changes_none(seed in 0..1000_u64) {
        for (kind, network) in networks(seed, 1.0).into_iter().filter(|(_, n)| n.input() == SEQUENCE) {
            if kind == "conv, flat" {
                // A flattened sequence has no shorter twin.
                continue;
            }
            let rows = rows(seed, &network);
            let input = Input::Sequence { steps: 3, channels: 2 };
            let short = Network::new(input, network.layers().to_vec(), Output::Margins).unwrap();
            let own = rows.slice(s![3..4, ..6]).to_owned();
            for (long, brief) in methods(rows.clone()).iter().zip(methods(own.clone())) {
                let draws = ["SmoothGrad", "expected gradients"].contains(&long.name());
                if draws || (long.name() == "DeepLIFT" && has_gates(kind)) {
                    continue;
                }
                let padded = explain(long.as_ref(), &network, &rows);
                prop_assert!(padded.values.slice(s![3, .., 6..]).iter().all(|v| *v == 0.0));
                let bare = explain(brief.as_ref(), &short, &own);
                let gap = largest(&padded.values.slice(s![3..4, .., ..6]) - &bare.values);
                prop_assert!(gap < 1e-9, "{kind}, {}: {gap}", long.name());
            }
        }
    }

    #[test]
    fn a_column_without_weights_scores_nothing(seed in 0..1000_u64) {
        let mut layers = vec![
            dense(seed, 10, 6, Activation::Tanh, true),
            dense(seed + 1, 6, 2, Activation::Linear, true),
        ];
        if let Layer::Dense(first) = &mut layers[0] {
            first.weights.row_mut(4).fill(0.0);
        }
        let network = Network::new(Input::Features(10), layers, Output::Probabilities).unwrap();
        let rows = rows(seed, &network);
        for method in methods(matrix(seed + 1, 3, 10)) {
            let found = explain(method.as_ref(), &network, &rows);
            prop_assert!(found.values.slice(s![.., .., 4]).iter().all(|v| *v == 0.0));
            prop_assert!(found.values.slice(s![.., .., 5]).iter().all(|v| *v != 0.0));
        }
    }
}

/// `f = W x + b` with two outputs.
fn linear() -> Network {
    let weights = array![[1.0, 0.5], [-2.0, 0.0], [3.0, 4.0]];
    let layer = Dense { weights, bias: array![0.5, -1.0], activation: Activation::Linear };
    Network::dense(vec![layer], Output::Values).unwrap()
}

#[test]
fn a_linear_network_is_explained_exactly() {
    let (network, x) = (linear(), array![[1.0, 2.0, -1.0], [0.5, 0.0, 4.0]]);
    let first = |found: &Attribution| found.values.index_axis(Axis(1), 0).to_owned();
    let (slopes, products) = (array![1.0, -2.0, 3.0], array![[1.0, -4.0, -3.0], [0.5, 0.0, 12.0]]);
    let found = explain(&Gradient::default(), &network, &x);
    assert!(first(&found).rows().into_iter().all(|row| row == slopes));
    assert!(found.base_values.iter().all(|base| base.is_nan()));
    let smooth = explain(&SmoothGrad::default(), &network, &x);
    assert!(largest(smooth.values - found.values) < 1e-12);
    assert_eq!(first(&explain(&GradientTimesInput::default(), &network, &x)), products);
    let relevance = explain(&Lrp { epsilon: 1e-12 }, &network, &x);
    assert!(largest(first(&relevance) - &products) < 1e-9);
    assert!(largest(relevance.base_values - array![[0.5, -1.0], [0.5, -1.0]]) < 1e-9);

    let baseline = Some(array![1.0, 1.0, 1.0]);
    let from_one = IntegratedGradients { baseline, ..IntegratedGradients::default() };
    let found = explain(&from_one, &network, &x);
    let expected = array![[0.0, -2.0, -6.0], [-0.5, 2.0, 9.0]];
    assert!(largest(first(&found) - expected) < 1e-12);
    assert_eq!(found.base_values.row(0), array![2.5, 3.5]);

    // Twice through a background of two is its mean.
    let background = array![[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]];
    let expected_gradients =
        ExpectedGradients { n_samples: 4, ..ExpectedGradients::new(background) };
    let mean = explain(&expected_gradients, &network, &x);
    assert!(largest(&mean.values - &found.values) < 1e-12);
    assert!(mean.additivity_error.unwrap() < 1e-12);
    // Each sample is ±1 times the slope away from the mean.
    let errors = mean.std_error.unwrap();
    assert!((errors[[0, 0, 1]] - 2.0 / 3.0_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn the_epsilon_rule_by_hand() {
    // z = 2 · 1 + 1 · (−3) + 0.5 = −0.5, relu would silence it: LeakyReLU keeps it.
    let hidden = Dense {
        weights: array![[2.0], [1.0]],
        bias: array![0.5],
        activation: Activation::LeakyRelu { slope: 0.1 },
    };
    let last = Dense { weights: array![[4.0]], bias: array![0.1], activation: Activation::Linear };
    let network = Network::dense(vec![hidden, last], Output::Values).unwrap();
    let found = explain(&Lrp { epsilon: 0.25 }, &network, &array![[1.0, -3.0]]);
    // Margin 4 · (−0.05) + 0.1 = −0.1; to the unit −0.2 / (−0.35) · −0.1; then 2 and −3 over −0.75.
    let unit = -0.2 / -0.35 * -0.1;
    let expected = array![[[2.0 / -0.75 * unit, -3.0 / -0.75 * unit]]];
    assert!(largest(found.values - expected) < 1e-15);
}

/// What DeepLIFT says of dense layers, number by number.
fn multipliers(
    network: &Network,
    x: ArrayView1<'_, f64>,
    baseline: ArrayView1<'_, f64>,
    output: usize,
) -> Vec<f64> {
    let layers: Vec<&Dense> = network.dense_layers("a test").unwrap();
    let mut levels = vec![(x.to_vec(), baseline.to_vec())];
    let mut ratios = Vec::new();
    for layer in &layers {
        let (a, b) = levels.last().unwrap();
        let unit = |from: &[f64], j: usize| {
            let z = from.iter().enumerate().map(|(i, x)| x * layer.weights[[i, j]]).sum::<f64>();
            let z = z + layer.bias[j];
            let mut after = [z];
            layer.activation.apply(&mut after);
            (z, after[0])
        };
        let units: Vec<_> = (0..layer.bias.len()).map(|j| (unit(a, j), unit(b, j))).collect();
        // What is alike behind units that are dead in both has no way back to a difference.
        let ratio = |((a, after_a), (b, after_b)): &((f64, f64), (f64, f64))| {
            if a == b { 0.0 } else { (after_a - after_b) / (a - b) }
        };
        ratios.push(units.iter().map(ratio).collect::<Vec<_>>());
        levels.push(units.iter().map(|(a, b)| (a.1, b.1)).unzip());
    }
    let mut above = vec![0.0; network.n_outputs()];
    above[output] = 1.0;
    for (layer, ratios) in layers.iter().zip(&ratios).rev() {
        let into = |i: usize| {
            let ways = above.iter().zip(ratios).enumerate();
            ways.map(|(j, (above, ratio))| layer.weights[[i, j]] * ratio * above).sum::<f64>()
        };
        above = (0..layer.weights.nrows()).map(into).collect();
    }
    above
}

#[test]
fn the_larger_maximum_takes_the_difference() {
    let last = Dense { weights: array![[2.0]], bias: array![0.0], activation: Activation::Linear };
    let layers = vec![Layer::Pool(Pool::Max), Layer::Dense(last)];
    let input = Input::Sequence { steps: 3, channels: 1 };
    let network = Network::new(input, layers, Output::Values).unwrap();
    let rows = array![[1.0, 3.0, 0.0], [1.0, 0.5, 0.0], [2.0, 1.0, f64::NAN]];
    let method = DeepLift { background: Some(array![[0.0, 1.0, 2.0]]) };
    let found = explain(&method, &network, &rows);
    // 3 over 2 at the row's step; 1 under 2 at the baseline's; the third's baseline ends with 1.
    let expected = array![[[0.0, 2.0, 0.0]], [[0.0, 0.0, -2.0]], [[2.0, 0.0, 0.0]]];
    assert_eq!(found.values, expected);
    assert_eq!(found.base_values, array![[4.0], [4.0], [2.0]]);
}

#[test]
fn a_row_that_is_its_baseline_has_slopes_and_no_scores() {
    let (_, network) = networks(3, 1.0).swap_remove(1);
    let rows = rows(3, &network);
    let method = DeepLift { background: Some(rows.slice(s![..1, ..]).to_owned()) };
    let found = explain(&method, &network, &rows);
    assert!(found.values.index_axis(Axis(0), 0).iter().all(|value| *value == 0.0));
    // Beside it differences are too small to divide by, and slopes are right.
    let mut near = rows.clone();
    near[[0, 0]] += 1e-9;
    let found = explain(&method, &network, &near);
    let slope = network.jacobian(near.view(), AnswerScale::Margins).unwrap()[[0, 1, 0]];
    assert!((found.values[[0, 1, 0]] / (near[[0, 0]] - rows[[0, 0]]) - slope).abs() < 1e-7);
}

#[test]
fn noise_is_measured_by_the_columns_ranges() {
    let hidden = Dense { weights: array![[1.0]], bias: array![0.0], activation: Activation::Relu };
    let last = Dense { weights: array![[1.0]], bias: array![0.0], activation: Activation::Linear };
    let network = Network::dense(vec![hidden, last], Output::Values).unwrap();
    // The range is 10 and the deviation 1.5: the slope is 1 where 0 or 1.5 and noise is positive.
    let smooth = SmoothGrad { n_samples: 4000, ..SmoothGrad::default() };
    let found = explain(&smooth, &network, &array![[0.0], [1.5], [10.0], [1.0]]).values;
    let normal = [0.5, 0.8413, 1.0];
    for (row, expected) in normal.into_iter().enumerate() {
        let slope = found[[row, 0, 0]];
        assert!((slope - expected).abs() < 0.03, "{slope} for {expected}");
    }
}

#[test]
fn one_background_row_is_a_baseline() {
    for (kind, network) in networks(8, 1.0) {
        let rows = rows(9, &network);
        let background = matrix(10, 1, 10);
        let baseline = Some(background.row(0).to_owned());
        let integrated =
            explain(&IntegratedGradients { baseline, ..Default::default() }, &network, &rows);
        let expected = ExpectedGradients { n_samples: 400, ..ExpectedGradients::new(background) };
        let expected = explain(&expected, &network, &rows);
        let gap = largest(&integrated.values - &expected.values);
        // Where slopes jump, both rules miss a little of one interval.
        let smooth = !kind.contains("relu") && !kind.contains("conv");
        assert!(gap < if smooth { 0.005 } else { 0.05 }, "{kind}: {gap}");
        // The last row is shorter, and so is its baseline.
        assert!(largest(&integrated.base_values - &expected.base_values) < 1e-12, "{kind}");
        // Stratified places are nearer than their standard errors say.
        let errors = expected.std_error.unwrap();
        assert!(gap < 2.0 * largest(errors.iter().copied()), "{kind}: {gap}");
    }
}

#[test]
fn what_is_picked_keeps_its_relevance() {
    // The larger step is picked; only the sum of the last layer divides by more than itself.
    let last = Dense { weights: array![[2.0]], bias: array![0.0], activation: Activation::Linear };
    for (pool, picked) in [(Pool::Max, 1), (Pool::Last, 2)] {
        let layers = vec![Layer::Pool(pool), Layer::Dense(last.clone())];
        let input = Input::Sequence { steps: 3, channels: 1 };
        let network = Network::new(input, layers, Output::Values).unwrap();
        let rows = array![[0.25, 0.5, 0.125]];
        let found = explain(&Lrp { epsilon: 0.25 }, &network, &rows);
        let z = 2.0 * rows[[0, picked]];
        let mut expected = array![[[0.0, 0.0, 0.0]]];
        expected[[0, 0, picked]] = z * z / (z + 0.25);
        assert_eq!(found.values, expected);
    }
}

#[test]
fn a_token_has_one_score() {
    let embedding = Embedding { weights: matrix(3, 4, 2) };
    let layers = vec![
        Layer::Embedding(embedding.clone()),
        gru(4, 2, 3, 1.0, true),
        dense(5, 3, 1, Activation::Linear, true),
    ];
    let input = Input::Tokens { steps: 3, vocabulary: 4 };
    let network = Network::new(input, layers, Output::Values).unwrap();
    let tokens = array![[2.0, 0.0, 3.0], [1.0, f64::NAN, f64::NAN]];
    let slopes =
        network.embedding_gradients(tokens.view(), &array![[1.0], [1.0]], AnswerScale::Margins);
    let slopes = slopes.unwrap();
    let products = explain(&GradientTimesInput::default(), &network, &tokens);
    let lengths = explain(&Gradient::default(), &network, &tokens);
    for ((row, step), token) in tokens.indexed_iter() {
        let own = slopes.slice(s![row, step, ..]);
        let (mut product, mut length) = (0.0, 0.0);
        if !token.is_nan() {
            product = own.dot(&embedding.weights.row(*token as usize));
            length = own.dot(&own).sqrt();
        }
        assert!((products.values[[row, 0, step]] - product).abs() < 1e-12);
        assert!((lengths.values[[row, 0, step]] - length).abs() < 1e-12);
    }
    let integrated = explain(&IntegratedGradients::default(), &network, &tokens);
    assert!(integrated.additivity_error.unwrap() < 1e-9);
    let sums = integrated.values.sum_axis(Axis(2)) + &integrated.base_values;
    assert!(largest(sums - network.predict(tokens.view()).unwrap()) < 1e-9);
}

#[test]
fn scores_do_not_depend_on_threads_or_neighbours() {
    let mut networks = networks(5, 1.0);
    let (smooth, recurrent) = (networks.swap_remove(1).1, networks.swap_remove(2).1);
    let rows = matrix(6, 150, 10);
    for method in methods(matrix(7, 20, 10)) {
        let network = if method.name() == "DeepLIFT" { &smooth } else { &recurrent };
        let on = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| explain(method.as_ref(), network, &rows))
        };
        let one = on(1);
        let three = on(3);
        assert_eq!((&one.values, &one.std_error), (&three.values, &three.std_error));
        if method.name() != "SmoothGrad" {
            let alone = explain(method.as_ref(), network, &rows.slice(s![70..71, ..]).to_owned());
            assert_eq!(alone.values.index_axis(Axis(0), 0), one.values.index_axis(Axis(0), 70));
        }
    }
}

#[test]
fn each_bad_call_gets_its_own_sentence() {
    let network = linear();
    let rows = array![[1.0, 2.0, 3.0]];
    let text = |method: &dyn Explainer, rows: &Array2<f64>| {
        let found = method.attribution(&Run::new(0), &network, rows.view(), &names(3));
        found.unwrap_err().to_string()
    };
    let gradient = Gradient::default();
    assert_eq!(
        text(&gradient, &array![[1.0, f64::NAN, 2.0]]),
        "the table is `NaN` in row 0, column `x1`, only finite numbers have a meaning there"
    );
    assert_eq!(
        text(&gradient, &Array2::zeros((0, 3))),
        "an explanation needs at least 1 rows, got 0"
    );
    assert_eq!(text(&gradient, &array![[1.0]]), "the table has shape [1, 1], expected [1, 3]");
    assert_eq!(
        text(&SmoothGrad::default(), &rows),
        "the noise, which is measured by the columns' ranges, needs at least 2 rows, got 1"
    );
    assert_eq!(
        text(&SmoothGrad { noise: 0.0, ..SmoothGrad::default() }, &rows),
        "`noise` is `0`, it must be positive and finite"
    );
    let baseline = Some(array![0.0, f64::INFINITY, 0.0]);
    assert_eq!(
        text(&IntegratedGradients { baseline, ..IntegratedGradients::default() }, &rows),
        "`baseline` is `inf`, it must be finite in every column"
    );
    assert_eq!(
        text(&IntegratedGradients { n_steps: 0, ..IntegratedGradients::default() }, &rows),
        "`n_steps` is `0`, it must be at least 1"
    );
    assert_eq!(
        text(&ExpectedGradients::new(Array2::zeros((0, 3))), &rows),
        "the background needs at least 1 rows, got 0"
    );
    assert_eq!(
        text(&ExpectedGradients::new(array![[0.0, f64::NAN, 0.0]]), &rows),
        "the background is `NaN` in row 0, only finite numbers have a meaning there"
    );
    let background = Some(Array2::zeros((2, 4)));
    assert_eq!(
        text(&DeepLift { background }, &rows),
        "the background has shape [2, 4], expected [2, 3]"
    );
    let layers = vec![gru(1, 3, 2, 1.0, true), dense(2, 2, 1, Activation::Linear, true)];
    let input = Input::Sequence { steps: 1, channels: 3 };
    let gates = Network::new(input, layers, Output::Values).unwrap();
    let found = DeepLift::default().attribution(&Run::new(0), &gates, rows.view(), &names(3));
    assert_eq!(
        found.unwrap_err().to_string(),
        "layer 0 is of kind GRU, whose gates multiply, and DeepLIFT has no rule for that: take \
         integrated gradients or LRP"
    );
    let gaps = additivity_error(&Array3::ones((1, 1, 2)), &array![[f64::NAN]], &array![[1.0]]);
    assert!(gaps.is_nan());
    assert_eq!(
        text(&Lrp { epsilon: -1.0 }, &rows),
        "`epsilon` is `-1`, it must be positive and finite"
    );
}
