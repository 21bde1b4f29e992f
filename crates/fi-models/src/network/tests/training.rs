//! Training beyond the perceptron: recurrent and convolutional learners, and every setting.

use fi_core::{Dataset, Learner as _, Metric, Model, Output, Rng, Run, Target};
use ndarray::{Array2, s};

use super::super::*;
use super::{data, dense_of};

/// Sequences of up to 6 steps of 2 channels, padded at the end; the value is the mean of the first
/// channel, the class whether that is positive.
fn sequences(n_rows: usize, classes: bool) -> Dataset {
    let mut rng = Rng::new(5, 0);
    let mut rows = Array2::from_shape_simple_fn((n_rows, 12), || rng.normal());
    let mut means = Vec::new();
    for mut row in rows.rows_mut() {
        let steps = 2 + rng.below(5);
        means.push((0..steps).map(|step| row[2 * step]).sum::<f64>() / steps as f64);
        row.slice_mut(s![2 * steps..]).fill(f64::NAN);
    }
    let names = vec!["down".to_owned(), "up".to_owned()];
    let target = if classes {
        Target::Classes { labels: means.iter().map(|m| usize::from(*m > 0.0)).collect(), names }
    } else {
        Target::Values(means)
    };
    Dataset::new(rows, target).unwrap()
}

const STEPS: Input = Input::Sequence { steps: 6, channels: 2 };

fn training(epochs: usize) -> Training {
    Training { epochs, optimizer: Optimizer::adam(0.01), ..Training::default() }
}

fn last_loss(network: &Network) -> f64 {
    network.history()[network.history().len() - 1].loss
}

#[test]
fn recurrent_networks_learn_the_mean_of_sequences_of_any_length() {
    let table = sequences(120, false);
    for cell in [Cell::Lstm, Cell::Gru] {
        for readout in [Readout::Last, Readout::Mean] {
            let learner = |epochs| Recurrent {
                input: STEPS,
                cell,
                units: vec![6, 4],
                readout,
                training: training(epochs),
                ..Recurrent::default()
            };
            let network = learner(30).fit(&Run::new(1), &table).unwrap();
            // The values' variance is about a third.
            assert!(last_loss(&network) < 0.04, "{cell:?} {readout:?}: {}", last_loss(&network));
            assert_eq!((network.statistics().initial.dim().0, network.statistics().count), (2, 30));
            let fit = |seed| learner(1).fit(&Run::new(seed), &table).unwrap();
            assert_eq!(fit(1), fit(1));
            assert_ne!(fit(1), fit(2));
            let same = learner(1).train(&Run::new(1), &table).unwrap();
            let predictions = fit(1).predict(table.rows()).unwrap();
            assert_eq!(same.predict(table.rows()).unwrap(), predictions);
        }
    }
}

#[test]
fn a_forget_gate_starts_open_and_a_state_is_kept_as_long_as_it_is() {
    let learner =
        Sequential { input: STEPS, layers: vec![LayerSettings::lstm(3)], ..Sequential::default() };
    let (layers, _) = learner.start(&Run::new(0), 1).unwrap();
    let Layer::Lstm(lstm) = &layers[0] else { panic!("{layers:?}") };
    assert_eq!(lstm.bias.to_vec(), [[0.0; 3], [1.0; 3], [0.0; 3], [0.0; 3]].concat());
    let product = lstm.recurrent_weights.dot(&lstm.recurrent_weights.t());
    assert!((product - Array2::<f64>::eye(3)).iter().all(|error| error.abs() < 1e-12));
}

#[test]
fn a_convolution_and_an_embedding_learn_too() {
    let table = sequences(200, true);
    let layers = vec![
        LayerSettings::conv1d(8, 2, Activation::Relu),
        LayerSettings::batch_norm(),
        LayerSettings::PRelu { start: 0.1 },
        LayerSettings::Pool(Pool::Mean),
    ];
    let learner =
        Sequential { input: STEPS, layers, training: training(40), ..Sequential::default() };
    let network = learner.fit(&Run::new(1), &table).unwrap();
    assert!(network.history()[39].accuracy > Some(0.93), "{:?}", network.history()[39]);
    // Two steps of two channels, eight filters.
    assert_eq!(network.statistics().mean.dim(), (4, 8));
    assert_eq!(network.output(), Output::Probabilities);

    // Which of two tokens is there, wherever it stands.
    let mut rng = Rng::new(6, 0);
    let mut rows = Array2::from_shape_simple_fn((150, 5), || 2.0 + rng.below(4) as f64);
    let mut labels = Vec::new();
    for mut row in rows.rows_mut() {
        let label = rng.below(2);
        row[rng.below(5)] = label as f64;
        labels.push(label);
    }
    let names = vec!["zero".to_owned(), "one".to_owned()];
    let table = Dataset::new(rows, Target::Classes { labels, names }).unwrap();
    let learner = Recurrent {
        input: Input::Tokens { steps: 5, vocabulary: 6 },
        embedding: Some(4),
        cell: Cell::Gru,
        units: vec![8],
        dropout: 0.1,
        training: training(40),
        ..Recurrent::default()
    };
    let network = learner.fit(&Run::new(1), &table).unwrap();
    assert!(network.history()[39].accuracy > Some(0.95), "{:?}", network.history()[39]);
    assert_eq!(network.statistics().mean.dim(), (6, 4));
}

#[test]
fn a_deep_network_with_batch_normalisation_and_dropout_learns_and_its_past_is_used() {
    let table = data(300, 6, Some(3));
    let mlp = Mlp {
        hidden: vec![32, 16, 32],
        batch_norm: true,
        dropout: 0.3,
        prelu: true,
        epochs: 60,
        optimizer: Optimizer::adam(0.01),
        ..Mlp::default()
    };
    let network = mlp.fit(&Run::new(3), &table).unwrap();
    let kinds: Vec<&str> = network.layers().iter().map(Layer::kind).collect();
    let hidden = ["dense", "batch normalisation", "activation", "PReLU", "dropout"];
    assert_eq!(kinds, [&hidden[..], &hidden, &hidden, &["dense"]].concat());
    let accuracy = Metric::Accuracy
        .score(
            network.predict(table.rows()).unwrap().view(),
            network.output(),
            table.target(),
            None,
        )
        .unwrap();
    // Without dropped units it is better than in training.
    assert!(accuracy > 0.9, "{accuracy}");
    assert!(Some(accuracy) > network.history()[59].accuracy);
    let Layer::BatchNorm(norm) = &network.layers()[1] else { panic!("{kinds:?}") };
    assert!(norm.variance.iter().all(|variance| *variance != 1.0), "{norm:?}");
    assert!(network.layers()[0].input_weights() == network.first_weights());
    let Layer::PRelu(prelu) = &network.layers()[3] else { panic!("{kinds:?}") };
    assert!(prelu.alpha.iter().any(|alpha| *alpha != 0.25));
}

#[test]
fn single_and_double_precision_train_the_same_network_but_for_rounding() {
    let table = data(80, 4, Some(3));
    let mlp = |precision| Mlp { precision, epochs: 5, ..Mlp::default() };
    let fit = |precision| mlp(precision).fit(&Run::new(4), &table).unwrap();
    let (single, double) = (fit(Precision::Single), fit(Precision::Double));
    assert_eq!((single.precision(), double.precision()), (Precision::Single, Precision::Double));
    let error = (&dense_of(&single, 0).weights - &dense_of(&double, 0).weights).mapv(f64::abs);
    let largest = error.iter().copied().fold(0.0, f64::max);
    assert!(0.0 < largest && largest < 1e-5, "{largest}");
    let rounded = dense_of(&single, 0).weights.iter().all(|w| f64::from(*w as f32) == *w);
    assert!(rounded);
}

/// One weight, no bias to speak of: what a step does can be read off.
fn one_weight(training: Training) -> Network {
    let table =
        Dataset::new(ndarray::array![[1.0], [-1.0]], Target::Values(vec![10.0, -10.0])).unwrap();
    let learner = Sequential {
        output_initializer: Initializer::Zeros,
        training: Training { precision: Precision::Double, batch_size: 2, ..training },
        ..Sequential::default()
    };
    learner.fit(&Run::new(0), &table).unwrap()
}

#[test]
fn gradients_are_cut_and_rates_follow_their_schedule() {
    let sgd = |epochs, clip| Training {
        epochs,
        clip,
        optimizer: Optimizer::sgd(0.1),
        ..Training::default()
    };
    let weight = |training: Training| dense_of(&one_weight(training), 0).weights[[0, 0]];
    // The slope at 0 is −2 · 10.
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    close(weight(sgd(1, None)), 2.0);
    close(weight(sgd(1, Some(Clip::Norm(5.0)))), 0.5);
    close(weight(sgd(1, Some(Clip::Norm(50.0)))), 2.0);
    close(weight(sgd(1, Some(Clip::Value(3.0)))), 0.3);
    // 1 + 0.9 · …: each step goes a fifth of the rest of the way, the second half as far.
    let schedule = Schedule::Exponential { factor: 0.5 };
    let network = one_weight(Training { schedule, ..sgd(2, None) });
    close(dense_of(&network, 0).weights[[0, 0]], 2.0 + 0.8);
    let rates: Vec<f64> = network.history().iter().map(|r| r.learning_rate.unwrap()).collect();
    assert_eq!(rates, [0.1, 0.05]);
    close(weight(Training { warm_up: 2, ..sgd(2, None) }), 1.0 + 1.8);
}

#[test]
fn the_first_weights_are_counted_by_epoch_or_by_step() {
    let table = data(40, 3, None);
    let fit = |sampling| Mlp { sampling, epochs: 3, ..Mlp::default() }.fit(&Run::new(1), &table);
    let (epochs, steps) = (fit(Sampling::Epochs).unwrap(), fit(Sampling::Steps).unwrap());
    assert_eq!(epochs.layers(), steps.layers());
    assert_eq!(epochs.statistics().initial, steps.statistics().initial);
    // Batches of 16, 16 and 8 rows.
    assert_eq!((epochs.statistics().count, steps.statistics().count), (3, 9));
    assert_ne!(epochs.statistics().mean, steps.statistics().mean);
}

#[test]
fn class_weights_are_row_weights() {
    let table = data(90, 3, Some(3));
    let labels = table.target().labels().unwrap().to_vec();
    let counts: Vec<usize> =
        (0..3).map(|k| labels.iter().filter(|label| **label == k).count()).collect();
    let fit = |class_weights, table: &Dataset| {
        Mlp { class_weights, epochs: 3, precision: Precision::Double, ..Mlp::default() }
            .fit(&Run::new(1), table)
    };
    let given = vec![1.0, 5.0, 2.0];
    let rows: Vec<f64> = labels.iter().map(|label| given[*label]).collect();
    let weighted = table.clone().with_weights(rows).unwrap();
    let by_class = fit(ClassWeights::Given(given), &table).unwrap();
    assert_eq!(by_class, fit(ClassWeights::Equal, &weighted).unwrap());
    assert_ne!(by_class, fit(ClassWeights::Equal, &table).unwrap());
    let balanced = counts.iter().map(|n| 90.0 / (3 * n) as f64).collect();
    let balanced = fit(ClassWeights::Given(balanced), &table).unwrap();
    assert_eq!(balanced, fit(ClassWeights::Balanced, &table).unwrap());

    let text = |class_weights, table: &Dataset| fit(class_weights, table).unwrap_err().to_string();
    assert_eq!(
        text(ClassWeights::Given(vec![1.0]), &table),
        "the list of class weights has shape [1], expected [3]"
    );
    assert_eq!(
        text(ClassWeights::Given(vec![1.0, 0.0, 1.0]), &table),
        "the weight of class 1 is `0`, class weights must be above 0 and finite"
    );
    assert_eq!(
        text(ClassWeights::Balanced, &data(9, 2, None)),
        "class weights need classes, but the target is numbers: leave them equal"
    );
}

#[test]
fn any_metric_may_stop_a_training() {
    let table = data(200, 3, Some(2));
    let fit = |monitor: Monitor, batch_norm| {
        let rule = StopRule::Patience { monitor, patience: 5, min_delta: 0.0, restore_best: true };
        let early_stopping =
            Some(EarlyStopping { rule, validation: Validation::LastRows { share: 0.3 } });
        let optimizer = Optimizer::adam(0.02);
        Mlp { early_stopping, epochs: 500, optimizer, batch_norm, ..Mlp::default() }
            .fit(&Run::new(1), &table)
    };
    for batch_norm in [false, true] {
        let network = fit(Monitor::Metric("roc_auc".into()), batch_norm).unwrap();
        let aucs: Vec<f64> =
            network.history().iter().map(|r| r.validation_metric.unwrap()).collect();
        let best = aucs.iter().copied().fold(0.0, f64::max);
        // Stopped five epochs after the first best one, whose network came back.
        assert_eq!(aucs.iter().position(|auc| *auc == best), Some(aucs.len() - 6), "{aucs:?}");
        let held_back = table.select_rows(&(140..200).collect::<Vec<_>>()).unwrap();
        let score = Metric::parse("roc_auc").unwrap().score(
            network.predict(held_back.rows()).unwrap().view(),
            network.output(),
            held_back.target(),
            None,
        );
        assert_eq!(score.unwrap(), best);
    }
    let error = fit(Monitor::Metric("nonsense".into()), false).unwrap_err().to_string();
    assert!(error.contains("nonsense"), "{error}");
}

#[test]
fn each_bad_chain_gets_its_own_sentence() {
    let table = sequences(20, false);
    let text = |input, layers| {
        let learner = Sequential { input, layers, ..Sequential::default() };
        learner.fit(&Run::new(0), &table).unwrap_err().to_string()
    };
    assert_eq!(
        text(STEPS, vec![]),
        "the network ends with a sequence of 6 steps: pool or flatten it before the last layer"
    );
    assert_eq!(
        text(STEPS, vec![LayerSettings::lstm(2), LayerSettings::gru(2)]),
        "layer 1 is a GRU, which needs a sequence, but gets 2 features: read the rows as a \
         sequence, or put the layer before those that end it"
    );
    let conv = |kernel, stride| LayerSettings::Conv1d {
        filters: 2,
        kernel,
        stride,
        padding: Padding::Valid,
        activation: Activation::Relu,
        initializer: Initializer::HeNormal,
        l2: 0.0,
    };
    assert_eq!(
        text(STEPS, vec![conv(7, 1)]),
        "layer 0 moves a window of 7 by 1 steps over 6: window and stride must be at least 1, and \
         without padding the window may not be longer than the sequence"
    );
    assert!(text(STEPS, vec![conv(2, 0)]).starts_with("layer 0 moves a window of 2 by 0 steps"));
    assert_eq!(text(STEPS, vec![LayerSettings::lstm(0)]), "`units` is `0`, it must be at least 1");
    assert_eq!(
        text(STEPS, vec![LayerSettings::lstm(usize::MAX / 4)]),
        format!(
            "`units` is `{}`, it must be small enough for 268435456 weights in the layer",
            usize::MAX / 4
        )
    );
    assert_eq!(
        text(STEPS, vec![LayerSettings::embedding(2)]),
        "an embedding reads tokens, but the input is none: read it as tokens"
    );
    assert_eq!(
        text(STEPS, vec![LayerSettings::Dropout { rate: 1.0 }]),
        "layer 0 drops a share of 1, which must be in [0, 1)"
    );
    let odd = LayerSettings::BatchNorm { epsilon: 0.0, momentum: 0.9 };
    assert_eq!(
        text(STEPS, vec![odd]),
        "layer 0 has epsilon 0 and momentum 0.9: the first must be positive and finite, the second \
         in [0, 1)"
    );
    let elu = LayerSettings::Activation(Activation::Elu { alpha: -1.0 });
    assert_eq!(text(STEPS, vec![elu]), "`alpha` is `-1`, it must be positive and finite");
    assert_eq!(
        text(Input::Sequence { steps: 4, channels: 2 }, vec![]),
        "the table has shape [20, 12], expected [20, 8]"
    );
    assert_eq!(
        text(Input::Sequence { steps: 1 << 40, channels: 1 << 40 }, vec![LayerSettings::Flatten]),
        "`steps` is `1099511627776`, it must be at most 268435456 over the channels"
    );
    assert_eq!(
        text(Input::Tokens { steps: 12, vocabulary: 0 }, vec![]),
        "`vocabulary` is `0`, it must be at least 1"
    );
    assert!(text(Input::Tokens { steps: 12, vocabulary: 9 }, vec![]).contains("which is no token"));
    // Three channels cut through the padding of two.
    let error = text(Input::Sequence { steps: 4, channels: 3 }, vec![]);
    assert!(error.ends_with("padding is NaN in all channels of a step or in none"), "{error}");

    let none = Recurrent { units: vec![], input: STEPS, ..Recurrent::default() };
    assert_eq!(
        none.fit(&Run::new(0), &table).unwrap_err().to_string(),
        "`units` is `[]`, it must be a list of at least one layer"
    );
    let clip = Sequential {
        input: Input::Features(3),
        training: Training { clip: Some(Clip::Norm(0.0)), ..Training::default() },
        ..Sequential::default()
    };
    assert_eq!(
        clip.fit(&Run::new(0), &data(9, 3, None)).unwrap_err().to_string(),
        "`clip` is `0`, it must be positive and finite"
    );
    // A network without any weight but the output layer's penalty.
    let network = Network::new(STEPS, vec![Layer::Flatten], Output::Values).unwrap();
    assert_eq!(network.first_weights(), None);
    let error = connection_weights(&network).unwrap_err().to_string();
    assert_eq!(
        error,
        "the product of connection weights needs a dense layer, the network has none"
    );
    let lstm = Recurrent { input: STEPS, training: training(2), ..Recurrent::default() };
    let lstm = lstm.fit(&Run::new(0), &table).unwrap();
    let names: Vec<String> = table.feature_names().to_vec();
    assert_eq!(
        olden(&lstm, &names).unwrap_err().to_string(),
        "the product of connection weights is defined for dense layers, but layer 0 is of kind \
         LSTM: take a method that only predicts"
    );
}
