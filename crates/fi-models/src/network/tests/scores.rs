//! What the weights say: golden numbers, closed forms, and what must always hold.

use fi_core::{Function, Model, Output, Run};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, array};
use proptest::prelude::*;
use serde::Deserialize;

use super::super::*;
use super::{data, dense_of};

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("x{i}")).collect()
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * (1.0 + b.abs()))
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    initial: Vec<Vec<f64>>,
    epochs: Vec<Vec<Vec<f64>>>,
    variance: Vec<Vec<f64>>,
    raw: Vec<f64>,
    scores: Vec<f64>,
    raw_with_initial: Vec<f64>,
}

#[test]
fn viann_is_the_published_definition() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../tests/golden/viann.json")).unwrap();
    assert_eq!(golden.cases.len(), 4);
    for case in golden.cases {
        let epochs: Vec<Array2<f64>> = case.epochs.iter().map(|rows| matrix(rows)).collect();
        let last = &epochs[epochs.len() - 1];
        let names = names(last.nrows());
        let mut statistics = WeightStatistics::new(matrix(&case.initial).view());
        for weights in &epochs {
            statistics.update(weights.view()).unwrap();
        }
        let variance = statistics.variance().unwrap();
        assert!(close(&variance.into_raw_vec_and_offset().0, &case.variance.concat(), 1e-12));

        let score =
            |viann: Viann| viann.importance(&statistics, last.view(), &names).unwrap().values;
        let raw = Viann { scale: Scale::Raw, ..Viann::default() };
        assert!(close(&score(Viann::default()), &case.scores, 1e-12));
        assert!(close(&score(raw), &case.raw, 1e-12));
        let initial = Viann { initial_weights: true, ..raw };
        assert!(close(&score(initial), &case.raw_with_initial, 1e-12));
        let plain = Viann { weight_factor: false, ..raw };
        let sums: Vec<f64> = case.variance.iter().map(|row| row.iter().sum()).collect();
        assert!(close(&score(plain), &sums, 1e-12));

        let views: Vec<ArrayView2<'_, f64>> = epochs.iter().map(Array2::view).collect();
        let plain_arrays = raw.of_epochs(&views, &names).unwrap();
        assert!(close(&plain_arrays.values, &case.raw, 1e-12));
    }
}

#[test]
fn each_bad_history_gets_its_own_sentence() {
    let weights = array![[1.0, 2.0], [3.0, 4.0]];
    let viann = Viann::default();
    let text = |epochs: &[ArrayView2<'_, f64>], n: usize| {
        viann.of_epochs(epochs, &names(n)).unwrap_err().to_string()
    };
    let few = |n: usize| {
        format!(
            "the variance of the weights needs at least 2 epochs, got {n}: \
             train for more epochs, or give the weights of each"
        )
    };
    assert_eq!(text(&[], 2), few(0));
    assert_eq!(text(&[weights.view()], 2), few(1));
    assert_eq!(
        text(&[weights.view(), weights.view()], 3),
        "the first layer's weight matrix has shape [2, 2], expected [3, 2]"
    );
    assert_eq!(
        text(&[weights.view(), array![[1.0], [2.0]].view()], 2),
        "the weight matrix of this epoch has shape [2, 1], expected [2, 2]"
    );
    let broken = array![[1.0, f64::NAN], [3.0, 4.0]];
    let error = text(&[weights.view(), broken.view()], 2);
    assert_eq!(
        error,
        "the mean weight matrix holds `NaN`, train the network again or repair the file"
    );
    let network = Mlp { epochs: 1, ..Mlp::default() }.fit(&Run::new(0), &data(9, 2, None)).unwrap();
    assert_eq!(viann.of_network(&network, &names(2)).unwrap_err().to_string(), few(1));
    let wrong = "the list of feature names has shape [1], expected [2]";
    assert_eq!(olden(&network, &names(1)).unwrap_err().to_string(), wrong);
    assert_eq!(first_layer(&network, &names(1)).unwrap_err().to_string(), wrong);
    let form = GarsonForm::Garson;
    assert_eq!(garson(&network, &names(1), form).unwrap_err().to_string(), wrong);
    assert_eq!(probe(&network, &names(1)).unwrap_err().to_string(), wrong);
    assert_eq!(
        probe_pairs(&network, &names(1)).unwrap_err().to_string(),
        "`names` is `1`, it must be at least 2 features, for there to be a pair"
    );
    let flat = viann.of_epochs(&[weights.view(), weights.view()], &names(2)).unwrap();
    assert_eq!(flat.values, [0.0, 0.0]);
    assert!(flat.warnings[0].to_string().starts_with("all features have the same raw score"));
}

fn dense(weights: Array2<f64>, activation: Activation) -> Dense {
    let bias = Array1::zeros(weights.ncols());
    Dense { weights, bias, activation }
}

#[test]
fn garson_olden_and_first_layer_are_those_computed_by_hand() {
    let first = dense(array![[3.0, 1.0], [-1.0, 1.0]], Activation::Relu);
    let last = dense(array![[1.0, 0.0], [-3.0, 2.0]], Activation::Linear);
    let network = Network::dense(vec![first.clone(), last.clone()], Output::Probabilities).unwrap();
    let names = names(2);
    assert_eq!(first_layer(&network, &names).unwrap().values, [4.0, 2.0]);
    // Output 0: (3/4 · 1 + 1/2 · 3) / 4; output 1: 1/2.
    let shares = garson(&network, &names, GarsonForm::Garson).unwrap();
    assert_eq!(shares.replicates, array![[0.5625, 0.5], [0.4375, 0.5]]);
    assert_eq!(shares.values, [0.531_25, 0.468_75]);
    assert_eq!(connection_weights(&network).unwrap(), array![[0.0, 2.0], [-4.0, 2.0]]);
    let olden = olden(&network, &names).unwrap();
    assert_eq!(olden.values, [1.0, 3.0]);
    assert_eq!(olden.replicates, array![[0.0, 2.0], [4.0, 2.0]]);

    // A second hidden layer mixes the shares (3/4, 1/4) and (1/2, 1/2) at 1 : 3.
    let middle = dense(array![[1.0], [3.0]], Activation::Relu);
    let last = dense(array![[-5.0]], Activation::Linear);
    let deep = Network::dense(vec![first, middle, last], Output::Values).unwrap();
    assert_eq!(garson(&deep, &names, GarsonForm::Garson).unwrap().values, [0.5625, 0.4375]);
    assert_eq!(garson(&deep, &names, GarsonForm::Cancelling).unwrap().values, [0.625, 0.375]);
    assert_eq!(connection_weights(&deep).unwrap(), array![[-30.0], [-10.0]]);

    // A dead unit has no shares to give: the living ones still sum to 1.
    let half = dense(array![[3.0, 0.0], [-1.0, 0.0]], Activation::Relu);
    let out = dense(array![[2.0], [5.0]], Activation::Linear);
    let half = Network::dense(vec![half, out], Output::Values).unwrap();
    for form in [GarsonForm::Garson, GarsonForm::Cancelling] {
        assert_eq!(garson(&half, &names, form).unwrap().values, [0.75, 0.25]);
    }

    // Dead weights give no shares, and no NaN.
    let dead = dense(Array2::zeros((2, 3)), Activation::Relu);
    let out = dense(Array2::ones((3, 1)), Activation::Linear);
    let dead = Network::dense(vec![dead, out], Output::Values).unwrap();
    for form in [GarsonForm::Garson, GarsonForm::Cancelling] {
        assert_eq!(garson(&dead, &names, form).unwrap().values, [0.0, 0.0]);
    }
}

/// The formula as the published notebook computes it, outgoing weights and all.
#[test]
fn the_cancelling_form_is_the_published_one_up_to_scale() {
    let network = Mlp { hidden: vec![5, 7, 5], epochs: 2, ..Mlp::default() }
        .fit(&Run::new(1), &data(30, 4, Some(3)))
        .unwrap();
    let (a, b) = (&dense_of(&network, 0).weights, &dense_of(&network, 3).weights);
    let mut published = [0.0; 4];
    for k in 0..3 {
        for j in 0..5 {
            let all: f64 = (0..4).map(|r| (a[[r, j]] * b[[j, k]]).abs()).sum();
            for (i, sum) in published.iter_mut().enumerate() {
                *sum += (a[[i, j]] * b[[j, k]]).abs() / all;
            }
        }
    }
    let published: Vec<f64> = published.iter().map(|sum| sum / 15.0).collect();
    let ours = garson(&network, &names(4), GarsonForm::Cancelling).unwrap();
    assert!(close(&ours.values, &published, 1e-12), "{ours:?} {published:?}");
}

#[test]
fn the_probe_of_a_network_switches_one_input_on() {
    let network = Mlp::default().fit(&Run::new(1), &data(50, 3, Some(3))).unwrap();
    let at = |row: [f64; 3]| network.predict(array![row].view()).unwrap();
    let (alone, pairs) =
        (probe(&network, &names(3)).unwrap(), probe_pairs(&network, &names(3)).unwrap());
    let zero = at([0.0; 3]);
    assert_eq!(alone.base_values, zero);
    for k in 0..3 {
        assert_eq!(alone.values[[0, k, 2]], at([0.0, 0.0, 1.0])[[0, k]] - zero[[0, k]]);
        let (first, last) = (at([1.0, 0.0, 0.0]), at([0.0, 0.0, 1.0]));
        let both = at([1.0, 0.0, 1.0]);
        let beyond = both[[0, k]] - first[[0, k]] - last[[0, k]] + zero[[0, k]];
        assert_eq!(pairs.values[[k, 0, 2]], beyond);
        assert_eq!(pairs.values[[k, 2, 0]], beyond);
        assert_eq!(pairs.values[[k, 1, 1]], 0.0);
    }
    assert_eq!((alone.n_evaluations, pairs.n_evaluations), (4, 7));
    assert_eq!(alone.mean_abs(0.95).unwrap().values.len(), 3);
    let mean = pairs.values.mapv(f64::abs).mean_axis(Axis(0)).unwrap();
    assert!(pairs.mean_abs().iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-15));
}

/// `(n_epochs, n_inputs, n_hidden)` weights.
fn histories() -> impl Strategy<Value = Array3<f64>> {
    (2_usize..9, 2_usize..6, 1_usize..5).prop_flat_map(|(t, p, h)| {
        prop::collection::vec(-3.0..3.0_f64, t * p * h)
            .prop_map(move |flat| Array3::from_shape_vec((t, p, h), flat).unwrap())
    })
}

fn score(viann: Viann, history: &Array3<f64>) -> Vec<f64> {
    let epochs: Vec<ArrayView2<'_, f64>> = history.outer_iter().collect();
    viann.of_epochs(&epochs, &names(history.len_of(Axis(1)))).unwrap().values
}

const RAW: Viann = Viann { scale: Scale::Raw, initial_weights: false, weight_factor: true };

proptest! {
    #[test]
    fn welford_is_the_variance_in_two_passes(history in histories(), offset in -1e3..1e3_f64) {
        let history = history + offset;
        let mut statistics = WeightStatistics::new(history.index_axis(Axis(0), 0));
        for weights in history.outer_iter().skip(1) {
            statistics.update(weights).unwrap();
        }
        let all = statistics.with_initial().variance().unwrap();
        let expected = history.var_axis(Axis(0), 1.0);
        for (got, expected) in all.iter().zip(&expected) {
            prop_assert!((got - expected).abs() < 1e-9, "{got} {expected}");
        }
    }

    #[test]
    fn viann_follows_the_features_and_its_scale(history in histories(), c in 0.1..10.0_f64) {
        let raw = score(RAW, &history);
        let mut mirrored = history.clone();
        mirrored.invert_axis(Axis(1));
        let mut back = score(RAW, &mirrored);
        back.reverse();
        prop_assert_eq!(&back, &raw);

        let cubed: Vec<f64> = raw.iter().map(|r| r * c.powi(3)).collect();
        prop_assert!(close(&score(RAW, &(&history * c)), &cubed, 1e-9));

        let scaled = score(Viann::default(), &history);
        prop_assert!(scaled.iter().all(|s| (0.0..=1.0).contains(s)));
        prop_assert!(scaled.contains(&0.0) && scaled.contains(&1.0));
        let shares = score(Viann { scale: Scale::Sum, ..RAW }, &history);
        prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn olden_of_a_linear_network_is_its_coefficients(
        widths in prop::collection::vec(1_usize..6, 2..5),
        weights in prop::collection::vec(-2.0..2.0_f64, 100),
    ) {
        let mut flat = weights.iter().copied().cycle();
        let layers = widths.windows(2).map(|pair| {
            let weights = Array2::from_shape_fn((pair[0], pair[1]), |_| flat.next().unwrap());
            dense(weights, Activation::Linear)
        });
        let network = Network::dense(layers.collect(), Output::Values).unwrap();
        let coefficients = network.predict(Array2::eye(widths[0]).view()).unwrap();
        let product = connection_weights(&network).unwrap();
        prop_assert_eq!(product.dim(), coefficients.dim());
        for (a, b) in product.iter().zip(&coefficients) {
            prop_assert!((a - b).abs() < 1e-9);
        }
        let shares = garson(&network, &names(widths[0]), GarsonForm::Garson).unwrap();
        prop_assert!((shares.values.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        prop_assert!(shares.values.iter().all(|share| *share >= 0.0));
    }

    #[test]
    fn an_additive_model_has_no_pairs(slopes in prop::collection::vec(-3.0..3.0_f64, 2..6)) {
        let p = slopes.len();
        let additive = |rows: ArrayView2<'_, f64>| {
            let values = rows.rows().into_iter().map(|x| {
                1.0 + x.iter().zip(&slopes).map(|(x, b)| (b * x).sin() + b * x).sum::<f64>()
            });
            Array1::from_iter(values).insert_axis(Axis(1))
        };
        let model = Function::new(p, 1, additive);
        let pairs = probe_pairs(&model, &names(p)).unwrap();
        prop_assert!(pairs.values.iter().all(|value| value.abs() < 1e-12));
        let alone = probe(&model, &names(p)).unwrap();
        for (i, b) in slopes.iter().enumerate() {
            prop_assert!((alone.values[[0, 0, i]] - b.sin() - b).abs() < 1e-12);
        }
    }
}
