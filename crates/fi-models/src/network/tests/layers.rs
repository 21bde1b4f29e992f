//! Every layer: slopes against finite differences, masks, precision, and plain definitions.

use fi_core::{Model, Rng};
use ndarray::{Array2, ArrayView2, Axis, array, concatenate, s};
use proptest::prelude::*;

use super::super::program::{Program, Reach, Workspace};
use super::super::trace::Inside;
use super::super::*;
use super::random::{self, KINDS, PLACED, SEQUENCES, TOKENS, network, normal, rows};

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

fn seeded(rng: &mut Rng, n_rows: usize) -> Array2<f64> {
    normal(rng, (n_rows, 2))
}

/// `Σ seeds · f`.
fn total(
    network: &Network,
    rows: ArrayView2<'_, f64>,
    seeds: &Array2<f64>,
    scale: AnswerScale,
) -> f64 {
    let answers = match scale {
        AnswerScale::Margins => network.margins(rows).unwrap(),
        AnswerScale::Predictions => network.predict(rows).unwrap(),
    };
    (answers * seeds).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn slopes_by_the_columns_are_those_of_finite_differences(
        kind in 0..TOKENS, seed in 0..10_000_u64, steps in 3_usize..7, of_predictions in any::<bool>(),
    ) {
        let rng = &mut Rng::new(seed, 0);
        let network = network(kind, rng, steps);
        let (mut rows, seeds) = (rows(&network, rng, 5), seeded(rng, 5));
        let scale = if of_predictions { AnswerScale::Predictions } else { AnswerScale::Margins };
        let slopes = network.input_gradients(rows.view(), &seeds, scale).unwrap();
        let step = 1e-6;
        for place in ndarray::indices(rows.dim()) {
            let x = rows[place];
            if x.is_nan() {
                prop_assert_eq!(slopes[place], 0.0);
                continue;
            }
            rows[place] = x + step;
            let above = total(&network, rows.view(), &seeds, scale);
            rows[place] = x - step;
            let below = total(&network, rows.view(), &seeds, scale);
            rows[place] = x;
            let slope = (above - below) / (2.0 * step);
            prop_assert!(close(slope, slopes[place], 1e-6), "{kind} {place:?}: {slope} {}", slopes[place]);
        }
    }

    #[test]
    fn slopes_by_the_parameters_are_those_of_finite_differences(
        kind in 0..KINDS, seed in 0..10_000_u64, steps in 3_usize..7, training in any::<bool>(),
    ) {
        let rng = &mut Rng::new(seed, 0);
        let network = network(kind, rng, steps);
        let (rows, seeds) = (rows(&network, rng, 6), seeded(rng, 6));
        let mut program: Program<f64> =
            Program::new(network.input(), network.layers(), network.shapes());
        let mut work = Workspace::new(program.n_layers());
        program.load(&mut work, rows.rows().into_iter());
        let value = |program: &Program<f64>, work: &mut Workspace<f64>| {
            // The same draws each time, so that the same units are dropped.
            program.forward(work, training.then_some(&mut Rng::new(seed, 1)));
            program.margins(work).iter().zip(&seeds).map(|(z, seed)| z * seed).sum::<f64>()
        };
        value(&program, &mut work);
        let mut gradient = vec![f64::NAN; program.parameters.len()];
        program.margins_and_seeds(&mut work).1.iter_mut().zip(&seeds).for_each(|(to, seed)| *to = *seed);
        program.backward(&mut work, Reach::Gradient(&mut gradient), training);
        let step = 1e-6;
        for (i, slope) in gradient.into_iter().enumerate() {
            let start = program.parameters[i];
            program.parameters[i] = start + step;
            let above = value(&program, &mut work);
            program.parameters[i] = start - step;
            let below = value(&program, &mut work);
            program.parameters[i] = start;
            let expected = (above - below) / (2.0 * step);
            prop_assert!(close(slope, expected, 1e-6), "{kind} {i}: {slope} {expected}");
        }
    }

    /// The same weights, with room for two more steps at the front or the end.
    #[test]
    fn padding_changes_no_bit(
        kind in SEQUENCES..TOKENS + 1, seed in 0..10_000_u64, in_front in any::<bool>(),
    ) {
        prop_assume!(!PLACED.contains(&kind));
        let (rng, steps) = (&mut Rng::new(seed, 0), 4);
        let short = network(kind, rng, steps);
        let (rows, seeds) = (rows(&short, rng, 6), seeded(rng, 6));
        let (input, width) = match short.input() {
            Input::Sequence { steps, channels } => {
                (Input::Sequence { steps: steps + 2, channels }, channels)
            }
            Input::Tokens { steps, vocabulary } => {
                (Input::Tokens { steps: steps + 2, vocabulary }, 1)
            }
            Input::Features(_) => unreachable!("not a sequence"),
        };
        let long = Network::new(input, short.layers().to_vec(), short.output()).unwrap();
        let nothing = Array2::from_elem((6, 2 * width), f64::NAN);
        let (padded, own) = if in_front {
            (concatenate![Axis(1), nothing, rows], s![.., 2.., ..])
        } else {
            (concatenate![Axis(1), rows, nothing], s![.., ..4, ..])
        };
        prop_assert_eq!(short.predict(rows.view()).unwrap(), long.predict(padded.view()).unwrap());
        let level = usize::from(kind >= TOKENS);
        let slopes = |network: &Network, rows: ArrayView2<'_, f64>| {
            network.gradients_at(rows, &seeds, AnswerScale::Predictions, level).unwrap()
        };
        let (a, b) = (slopes(&short, rows.view()), slopes(&long, padded.view()));
        prop_assert_eq!(a.view(), b.slice(own));
        let mut padding = b.clone();
        padding.slice_mut(own).fill(0.0);
        prop_assert!(padding.iter().all(|slope| *slope == 0.0));
    }

    #[test]
    fn a_row_is_answered_alone_and_single_precision_is_close(
        kind in 0..KINDS, seed in 0..10_000_u64,
    ) {
        let rng = &mut Rng::new(seed, 0);
        let network = network(kind, rng, 5);
        let rows = rows(&network, rng, 7);
        let single = network.clone().with_precision(Precision::Single);
        for network in [&network, &single] {
            let all = network.predict(rows.view()).unwrap();
            for row in 0..7 {
                let one = network.predict(rows.slice(s![row..=row, ..])).unwrap();
                prop_assert_eq!(one.row(0), all.row(row));
            }
        }
        let (a, b) = (network.margins(rows.view()).unwrap(), single.margins(rows.view()).unwrap());
        prop_assert!(a.iter().zip(&b).all(|(a, b)| close(*a, *b, 1e-4)), "{} {}", a, b);
        prop_assert!(a != b);
    }

    #[test]
    fn a_token_is_its_vector(kind in TOKENS..KINDS, seed in 0..10_000_u64) {
        let rng = &mut Rng::new(seed, 0);
        let network = network(kind, rng, 5);
        let (tokens, seeds) = (rows(&network, rng, 6), seeded(rng, 6));
        let (embedding, behind) = network.behind_embedding().unwrap().unwrap();
        let vectors = embedding.rows(tokens.view()).unwrap();
        prop_assert_eq!(
            network.predict(tokens.view()).unwrap(), behind.predict(vectors.view()).unwrap()
        );
        let scale = AnswerScale::Margins;
        let slopes = network.embedding_gradients(tokens.view(), &seeds, scale).unwrap();
        let same = behind.input_gradients(vectors.view(), &seeds, scale).unwrap();
        prop_assert_eq!(slopes.into_shape_with_order(same.dim()).unwrap(), same);
        prop_assert!(network.input_gradients(tokens.view(), &seeds, scale).is_err());
        prop_assert!(behind.embedding_gradients(vectors.view(), &seeds, scale).is_err());
    }
}

/// A call after another takes its workspace, and calls at the same time have one each.
#[test]
fn workspaces_are_lent_again() {
    let network = network(0, &mut Rng::new(9, 0), 4);
    let program: Program<f64> = Program::new(network.input(), network.layers(), network.shapes());
    let rows = rows(&network, &mut Rng::new(9, 1), 3);
    program.with_workspace(|work| program.load(work, rows.rows().into_iter()));
    program.with_workspace(|first| {
        assert_eq!(first.n_rows, 3);
        program.with_workspace(|second| assert_eq!(second.n_rows, 0));
    });
}

/// More rows than are in memory at once.
#[test]
fn long_tables_are_walked_in_blocks() {
    let rng = &mut Rng::new(9, 0);
    let network = network(10, rng, 4);
    let (rows, seeds) = (rows(&network, rng, 1100), seeded(rng, 1100));
    let scale = AnswerScale::Margins;
    let margins = network.margins(rows.view()).unwrap();
    let slopes = network.input_gradients(rows.view(), &seeds, scale).unwrap();
    let trace = network.trace(rows.view()).unwrap();
    assert_eq!(trace.levels.len(), 6);
    let last = &trace.levels[5].values;
    assert_eq!(last.index_axis(Axis(1), 0), margins);
    for row in [0, 500, 1023, 1024, 1099] {
        let own = s![row..=row, ..];
        let (alone, seeds) = (rows.slice(own), seeds.slice(own).to_owned());
        assert_eq!(network.margins(alone).unwrap(), margins.slice(own));
        assert_eq!(network.input_gradients(alone, &seeds, scale).unwrap(), slopes.slice(own));
        let present = trace.levels[1].present.as_ref().unwrap();
        for step in 0..4 {
            assert_eq!(present[[row, step]], !rows[[row, 3 * step]].is_nan());
            let Inside::Lstm { hidden, gates, cells } = &trace.insides[0] else { panic!("LSTM") };
            for unit in 0..4 {
                let put_out = trace.levels[1].values[[row, step, unit]];
                let (h, c) = (hidden[[row, step, unit]], cells[[row, step, unit]]);
                assert_eq!(put_out, if present[[row, step]] { h } else { 0.0 });
                if present[[row, step]] {
                    assert!(close(h, gates[[row, step, 12 + unit]] * c.tanh(), 1e-14));
                }
            }
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `Σᵢ x[i] weights[i, column]`.
fn weighted(x: &[f64], weights: &Array2<f64>, column: usize) -> f64 {
    x.iter().zip(weights.column(column)).map(|(x, w)| x * w).sum()
}

#[test]
fn an_lstm_is_the_textbook_one() {
    let rng = &mut Rng::new(3, 0);
    for reverse in [false, true] {
        let layer = random::lstm(rng, 2, 3, true, reverse);
        let x: Array2<f64> = normal(rng, (5, 2));
        let (mut h, mut c) = (vec![0.0; 3], vec![0.0; 3]);
        let mut expected = Array2::zeros((5, 3));
        let mut order: Vec<usize> = (0..5).collect();
        if reverse {
            order.reverse();
        }
        for t in order {
            let before = h.clone();
            let sum = |gate: usize, k: usize| {
                let column = gate * 3 + k;
                layer.bias[column]
                    + weighted(&x.row(t).to_vec(), &layer.input_weights, column)
                    + weighted(&before, &layer.recurrent_weights, column)
            };
            for k in 0..3 {
                c[k] = sigmoid(sum(1, k)) * c[k] + sigmoid(sum(0, k)) * sum(2, k).tanh();
                h[k] = sigmoid(sum(3, k)) * c[k].tanh();
                expected[[t, k]] = h[k];
            }
        }
        assert_sequence(Layer::Lstm(layer.clone()), &x, &expected);
        let last = Layer::Lstm(Lstm { return_sequences: false, ..layer });
        assert_last(last, &x, &h);
    }
}

#[test]
fn a_gru_is_the_textbook_one() {
    let rng = &mut Rng::new(4, 0);
    for after in [false, true] {
        let layer = random::gru(rng, 2, 3, true, after);
        let x: Array2<f64> = normal(rng, (5, 2));
        let mut h = vec![0.0; 3];
        let mut expected = Array2::zeros((5, 3));
        for t in 0..5 {
            let before = h.clone();
            let extra = |column: usize| layer.recurrent_bias.as_ref().map_or(0.0, |d| d[column]);
            let own = |column: usize| {
                layer.bias[column] + weighted(&x.row(t).to_vec(), &layer.input_weights, column)
            };
            let fed = |state: &[f64], column: usize| {
                weighted(state, &layer.recurrent_weights, column) + extra(column)
            };
            let r: Vec<f64> = (0..3).map(|k| sigmoid(own(k) + fed(&before, k))).collect();
            let reset: Vec<f64> = r.iter().zip(&before).map(|(r, h)| r * h).collect();
            for k in 0..3 {
                let z = sigmoid(own(3 + k) + fed(&before, 3 + k));
                let inner = if after { r[k] * fed(&before, 6 + k) } else { fed(&reset, 6 + k) };
                let candidate = (own(6 + k) + inner).tanh();
                h[k] = (1.0 - z) * candidate + z * before[k];
                expected[[t, k]] = h[k];
            }
        }
        assert_sequence(Layer::Gru(layer.clone()), &x, &expected);
        assert_last(Layer::Gru(Gru { return_sequences: false, ..layer }), &x, &h);
    }
}

fn run_alone(layers: Vec<Layer>, x: &Array2<f64>) -> Vec<f64> {
    let input = Input::Sequence { steps: x.nrows(), channels: x.ncols() };
    let network = Network::new(input, layers, fi_core::Output::Values).unwrap();
    let row = Array2::from_shape_vec((1, x.len()), x.iter().copied().collect()).unwrap();
    network.predict(row.view()).unwrap().into_raw_vec_and_offset().0
}

fn assert_sequence(layer: Layer, x: &Array2<f64>, expected: &Array2<f64>) {
    let got = run_alone(vec![layer, Layer::Flatten], x);
    assert!(got.iter().zip(expected).all(|(a, b)| close(*a, *b, 1e-13)), "{got:?} {expected}");
}

fn assert_last(layer: Layer, x: &Array2<f64>, expected: &[f64]) {
    let got = run_alone(vec![layer], x);
    assert!(got.iter().zip(expected).all(|(a, b)| close(*a, *b, 1e-13)), "{got:?} {expected:?}");
}

#[test]
fn a_convolution_is_its_definition() {
    let rng = &mut Rng::new(5, 0);
    for (padding, stride, kernel, left, n_out) in [
        (Padding::Valid, 1, 3, 0, 5),
        (Padding::Valid, 2, 3, 0, 3),
        (Padding::Causal, 1, 3, 2, 7),
        (Padding::Causal, 3, 2, 1, 3),
        // Keras pads 1 + 1 here, then 1 in front and 2 behind, then with stride 2 by 1 + 1.
        (Padding::Same, 1, 3, 1, 7),
        (Padding::Same, 1, 4, 1, 7),
        (Padding::Same, 2, 3, 1, 4),
        (Padding::Same, 7, 9, 1, 1),
    ] {
        let x: Array2<f64> = normal(rng, (7, 2));
        let layer = Conv1d {
            weights: normal(rng, (kernel, 2, 3)),
            bias: normal(rng, 3),
            stride,
            padding,
            activation: Activation::Linear,
        };
        let mut expected = Array2::zeros((n_out, 3));
        for ((t, f), sum) in expected.indexed_iter_mut() {
            *sum = layer.bias[f];
            for tap in 0..kernel {
                let step = (t * stride + tap).checked_sub(left).filter(|step| *step < 7);
                for c in 0..2 {
                    *sum += step.map_or(0.0, |step| x[[step, c]]) * layer.weights[[tap, c, f]];
                }
            }
        }
        let got = run_alone(vec![Layer::Conv1d(layer), Layer::Flatten], &x);
        assert_eq!(got.len(), expected.len(), "{padding:?} {stride} {kernel}");
        let same = got.iter().zip(&expected).all(|(a, b)| close(*a, *b, 1e-13));
        assert!(same, "{padding:?} {stride} {kernel}: {got:?} {expected}");
    }
}

#[test]
fn pools_take_what_is_there() {
    let nan = f64::NAN;
    let rows = array![
        [1.0, -5.0, 4.0, -7.0, 2.0, -6.0],
        [1.0, -5.0, nan, nan, nan, nan],
        [nan, nan, nan, nan, nan, nan],
    ];
    let input = Input::Sequence { steps: 3, channels: 2 };
    for (pool, expected) in [
        (Pool::Max, array![[4.0, -5.0], [1.0, -5.0], [0.0, 0.0]]),
        (Pool::Mean, array![[7.0 / 3.0, -6.0], [1.0, -5.0], [0.0, 0.0]]),
        (Pool::Last, array![[2.0, -6.0], [1.0, -5.0], [0.0, 0.0]]),
    ] {
        let network =
            Network::new(input, vec![Layer::Pool(pool)], fi_core::Output::Values).unwrap();
        assert_eq!(network.predict(rows.view()).unwrap(), expected, "{pool:?}");
    }
}

#[test]
fn batch_normalisation_knows_the_batch_in_training_and_the_past_otherwise() {
    let layer = BatchNorm {
        gamma: array![2.0],
        beta: array![1.0],
        mean: array![10.0],
        variance: array![4.0],
        epsilon: 1e-9,
        momentum: 0.75,
    };
    let input = Input::Sequence { steps: 2, channels: 1 };
    let layers = vec![Layer::BatchNorm(layer), Layer::Flatten];
    let network = Network::new(input, layers, fi_core::Output::Values).unwrap();
    let rows = array![[1.0, 2.0], [6.0, f64::NAN]];
    // (x − 10) / 2 · 2 + 1; a masked step stays 0.
    let predicted = network.predict(rows.view()).unwrap();
    let close_to = |got: &[f64], expected: [f64; 4]| {
        let same = got.iter().zip(expected).all(|(a, b)| close(*a, b, 1e-8));
        assert!(same, "{got:?} {expected:?}");
    };
    close_to(predicted.as_slice().unwrap(), [-8.0, -7.0, -3.0, 0.0]);

    let mut program: Program<f64> =
        Program::new(network.input(), network.layers(), network.shapes());
    let mut work = Workspace::new(2);
    program.load(&mut work, rows.rows().into_iter());
    program.forward(&mut work, Some(&mut Rng::new(0, 0)));
    program.settle(&work);
    // Mean 3 and variance (4 + 1 + 9) / 3 of the three steps that are there.
    let variance = 14.0 / 3.0;
    let out = |x: f64| (x - 3.0) / f64::sqrt(variance) * 2.0 + 1.0;
    close_to(program.margins(&work), [out(1.0), out(2.0), out(6.0), 0.0]);
    let expected = [0.75 * 10.0 + 0.25 * 3.0, 0.75 * 4.0 + 0.25 * variance];
    assert!(
        close(program.state[0], expected[0], 1e-12) && close(program.state[1], expected[1], 1e-12)
    );
}

#[test]
fn dropout_keeps_the_expectation_and_drops_its_share() {
    let network = Network::new(
        Input::Features(20_000),
        vec![Layer::Dropout(Dropout { rate: 0.3 })],
        fi_core::Output::Values,
    )
    .unwrap();
    let rows = Array2::from_elem((2, 20_000), 1.0);
    assert_eq!(network.predict(rows.view()).unwrap(), rows);
    let program: Program<f32> = Program::new(network.input(), network.layers(), network.shapes());
    let mut work = Workspace::new(1);
    program.load(&mut work, rows.rows().into_iter());
    program.forward(&mut work, Some(&mut Rng::new(0, 0)));
    let out = program.margins(&work);
    let mean = out.iter().map(|x| f64::from(*x)).sum::<f64>() / 40_000.0;
    let dropped = out.iter().filter(|x| **x == 0.0).count() as f64 / 40_000.0;
    // Standard error of the share: √(0.3 · 0.7 / 40,000) = 0.0023.
    assert!((mean - 1.0).abs() < 0.012 && (dropped - 0.3).abs() < 0.008, "{mean} {dropped}");
    assert!(out.iter().all(|x| *x == 0.0 || close(f64::from(*x), 1.0 / 0.7, 1e-6)));
}
