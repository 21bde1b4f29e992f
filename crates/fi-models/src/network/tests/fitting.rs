//! Training as a whole: accuracy, reproducibility, stopping, and each kind of bad input.

use std::ops::ControlFlow;

use fi_core::{Dataset, Learner, Model, Output, Run, Target};
use ndarray::{Array2, Axis, array, concatenate, s};
use serde::Deserialize;

use super::super::*;
use super::{data, dense_of};

#[derive(Deserialize)]
struct Golden {
    rows: Vec<Vec<f64>>,
    labels: Vec<usize>,
    train: Vec<usize>,
    test: Vec<usize>,
    accuracies: Vec<f64>,
    training_losses: Vec<f64>,
}

#[test]
fn iris_is_learned_as_well_as_scikit_learn_does() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../tests/golden/mlp.json")).unwrap();
    let rows = Array2::from_shape_fn((150, 4), |(i, j)| golden.rows[i][j]);
    let names = ["setosa", "versicolor", "virginica"].map(String::from).to_vec();
    let labels = golden.labels;
    let iris = Dataset::new(rows, Target::Classes { labels, names }).unwrap();
    let (train, test) =
        (iris.select_rows(&golden.train).unwrap(), iris.select_rows(&golden.test).unwrap());
    let mlp = Mlp { epochs: 100, optimizer: Optimizer::adam(0.01), ..Mlp::default() };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mut accuracies, mut losses) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let network = mlp.fit(&Run::new(seed), &train).unwrap();
        losses.push(network.history()[99].loss);
        let predictions = network.predict(test.rows()).unwrap();
        let correct = predictions.rows().into_iter().zip(test.target().labels().unwrap());
        let correct = correct.filter(|(p, label)| p.iter().all(|other| *other <= p[**label]));
        accuracies.push(correct.count() as f64 / test.n_rows() as f64);
    }
    let (ours, theirs) = (mean(&accuracies), mean(&golden.accuracies));
    assert!((ours - theirs).abs() < 0.012, "accuracy {ours}, scikit-learn {theirs}");
    let (ours, theirs) = (mean(&losses), mean(&golden.training_losses));
    assert!((ours / theirs - 1.0).abs() < 0.1, "training loss {ours}, scikit-learn {theirs}");
}

#[test]
fn without_hidden_layers_it_finds_least_squares() {
    let data = Dataset::new(
        array![[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [-1.0, 2.0]],
        Target::Values(vec![2.0, 4.0, 3.0, -1.0]),
    )
    .unwrap();
    let mlp = Mlp {
        hidden: vec![],
        optimizer: Optimizer::sgd(0.05),
        epochs: 5000,
        batch_size: usize::MAX,
        precision: Precision::Double,
        ..Mlp::default()
    };
    let network = mlp.fit(&Run::new(3), &data).unwrap();
    assert_eq!((network.output(), network.n_outputs()), (Output::Values, 1));
    let residuals = data.target().values().unwrap().iter();
    let predicted = network.predict(data.rows()).unwrap();
    let residuals: Vec<f64> = residuals.zip(&predicted).map(|(y, p)| y - p).collect();
    // Least squares leaves residuals that are orthogonal to each column and to 1.
    for column in data.rows().columns() {
        let product: f64 = column.iter().zip(&residuals).map(|(x, r)| x * r).sum();
        assert!(product.abs() < 1e-9, "{residuals:?}");
    }
    assert!(residuals.iter().sum::<f64>().abs() < 1e-9);
}

#[test]
fn the_seed_decides_everything_and_a_prediction_its_row_alone() {
    for hidden in [vec![8], vec![50, 40]] {
        let data = data(60, 5, Some(3));
        let mlp = Mlp { hidden, epochs: 5, ..Mlp::default() };
        let network = mlp.fit(&Run::new(1), &data).unwrap();
        assert_eq!(network, mlp.fit(&Run::new(1), &data).unwrap());
        assert_ne!(network, mlp.fit(&Run::new(2), &data).unwrap());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(network, pool.install(|| mlp.fit(&Run::new(1), &data).unwrap()));
        let all = network.predict(data.rows()).unwrap();
        assert_eq!(all, mlp.train(&Run::new(1), &data).unwrap().predict(data.rows()).unwrap());
        assert!(all.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));
        for row in 0..60 {
            let one = network.predict(data.rows().slice(s![row..=row, ..])).unwrap();
            assert_eq!(one.row(0), all.row(row), "row {row}");
        }
        // A table in column order, as a transposed one is.
        let columns = data.rows().t().as_standard_layout().to_owned();
        assert_eq!(network.predict(columns.t()).unwrap(), all);
        // Other weights for all rows alike change nothing.
        let weighted = data.clone().with_weights(vec![4.0; 60]).unwrap();
        assert_eq!(network, mlp.fit(&Run::new(1), &weighted).unwrap());
        let missing = network.predict(array![[f64::NAN, 0.0, 0.0, 0.0, 0.0]].view()).unwrap();
        assert!(missing.iter().all(|p| p.is_nan()), "{missing}");
    }
}

#[test]
fn a_network_comes_back_from_serde_whole_or_not_at_all() {
    let network =
        Mlp { epochs: 3, ..Mlp::default() }.fit(&Run::new(1), &data(30, 3, Some(2))).unwrap();
    let json = serde_json::to_string(&network).unwrap();
    assert_eq!(serde_json::from_str::<Network>(&json).unwrap(), network);
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(&network, config).unwrap();
    let (back, _): (Network, usize) = bincode::serde::decode_from_slice(&bytes, config).unwrap();
    assert_eq!(back, network);
    let broken = json.replacen("\"dim\":[16]", "\"dim\":[15]", 1);
    assert!(serde_json::from_str::<Network>(&broken).is_err());
    let broken = json.replacen("\"Probabilities\"", "\"Labels\"", 1);
    let error = serde_json::from_str::<Network>(&broken).unwrap_err().to_string();
    assert!(error.starts_with("a network returns values"), "{error}");

    let dense = |weights: Array2<f64>, n_out: usize| Dense {
        weights,
        bias: ndarray::Array1::zeros(n_out),
        activation: Activation::Tanh,
    };
    let text = |layers: Vec<Dense>, output: Output| {
        Network::dense(layers, output).unwrap_err().to_string()
    };
    let values = Output::Values;
    assert_eq!(text(vec![], values), "the network has no layers, give at least one");
    assert_eq!(
        text(vec![dense(array![[1.0, 2.0]], 2), dense(array![[1.0]], 1)], values),
        "the weight matrix of layer 1 has shape [1, 1], expected [2, 1]"
    );
    assert_eq!(
        text(vec![dense(array![[1.0]], 2)], values),
        "the bias of layer 0 has shape [2], expected [1]"
    );
    assert_eq!(
        text(vec![dense(array![[f64::NAN]], 1)], values),
        "the weight matrix of layer 0 holds `NaN`, train the network again or repair the file"
    );
    assert_eq!(
        text(vec![dense(Array2::zeros((0, 1)), 1)], values),
        "`features` is `0`, it must be at least 1"
    );
    assert_eq!(
        text(vec![dense(array![[1.0]], 1)], Output::Probabilities),
        "a network of probabilities has 1 output, it needs one per class"
    );
    assert_eq!(
        text(vec![dense(array![[1.0, 2.0]], 2)], Output::Probabilities),
        "the softmax follows the last layer, whose activation must be linear"
    );
    assert_eq!(
        text(vec![dense(array![[1.0]], 1)], Output::Labels),
        "a network returns values, margins or probabilities, not labels"
    );
}

#[test]
fn each_bad_setting_or_table_gets_its_own_sentence() {
    let table = data(12, 2, Some(2));
    let fit = |mlp: &Mlp, data: &Dataset| mlp.fit(&Run::new(0), data).unwrap_err().to_string();
    let base = Mlp::default();
    assert_eq!(
        fit(&Mlp { hidden: vec![3, 0], ..base.clone() }, &table),
        "`hidden` is `[3, 0]`, it must be at least 1 unit in each layer, but layer 1 has none"
    );
    assert_eq!(
        fit(&Mlp { hidden: vec![usize::MAX], ..base.clone() }, &table),
        format!(
            "`hidden` is `[{}]`, it must be small enough for 268435456 weights in all",
            usize::MAX
        )
    );
    assert_eq!(
        fit(&Mlp { epochs: 0, ..base.clone() }, &table),
        "`epochs` is `0`, it must be at least 1"
    );
    assert_eq!(
        fit(&Mlp { batch_size: 0, ..base.clone() }, &table),
        "`batch_size` is `0`, it must be at least 1"
    );
    assert_eq!(
        fit(&Mlp { l2: f64::NAN, ..base.clone() }, &table),
        "`l2` is `NaN`, it must be finite and not negative"
    );
    assert_eq!(
        fit(&Mlp { optimizer: Optimizer::sgd(-1.0), ..base.clone() }, &table),
        "`learning_rate` is `-1`, it must be positive and finite"
    );
    let zero = Initializer::RandomNormal { std: 0.0 };
    assert_eq!(
        fit(&Mlp { initializer: zero, ..base.clone() }, &table),
        "`std` is `0`, it must be positive and finite"
    );
    let mut rows = table.rows().to_owned();
    rows[[7, 1]] = f64::NAN;
    let missing = table.clone().with_rows(rows).unwrap();
    assert_eq!(
        fit(&base, &missing),
        "the table is `NaN` in row 7, column `x1`, only finite numbers have a meaning there"
    );
    let names = vec!["no".to_owned(), "yes".to_owned()];
    let one = Target::Classes { labels: vec![1; 12], names };
    assert_eq!(
        fit(&base, &table.clone().with_target(one).unwrap()),
        "every row is of class `yes`, give rows of at least two classes"
    );
    let wild = Mlp { optimizer: Optimizer::sgd(1e6), ..base.clone() };
    let error = fit(&wild, &data(12, 2, None));
    assert!(error.starts_with("training diverged in epoch "), "{error}");
    assert!(error.ends_with("lower the learning rate or scale the features"), "{error}");
    // A constant column is no reason to refuse.
    let ones = concatenate![Axis(1), table.rows(), Array2::ones((12, 1))];
    let constant = Dataset::new(ones, table.target().clone()).unwrap();
    assert!(base.fit(&Run::new(0), &constant).is_ok());
}

#[test]
fn each_bad_stop_gets_its_own_sentence() {
    let fit = |stopping: EarlyStopping, data: &Dataset| {
        let mlp = Mlp { early_stopping: Some(stopping), ..Mlp::default() };
        mlp.fit(&Run::new(0), data).unwrap_err().to_string()
    };
    let table = data(12, 2, Some(2));
    let base = EarlyStopping::default();
    let share =
        |share| EarlyStopping { validation: Validation::LastRows { share }, ..base.clone() };
    assert_eq!(fit(share(1.0), &table), "`share` is `1`, it must be inside (0, 1)");
    let threshold = |accuracy, first_epoch| EarlyStopping {
        rule: StopRule::Threshold { accuracy, first_epoch },
        ..base.clone()
    };
    assert_eq!(fit(threshold(1.5, 1), &table), "`accuracy` is `1.5`, it must be in (0, 1]");
    assert_eq!(fit(threshold(0.9, 0), &table), "`first_epoch` is `0`, it must be at least 1");
    assert_eq!(
        fit(threshold(0.9, 1), &data(12, 2, None)),
        "early stopping by accuracy needs classes, but the target is numbers: stop by the loss"
    );
    let patience = |patience, min_delta| EarlyStopping {
        rule: StopRule::Patience {
            monitor: Monitor::Loss,
            patience,
            min_delta,
            restore_best: true,
        },
        ..base.clone()
    };
    assert_eq!(fit(patience(0, 0.0), &table), "`patience` is `0`, it must be at least 1");
    assert_eq!(
        fit(patience(1, -1.0), &table),
        "`min_delta` is `-1`, it must be finite and not negative"
    );
    assert_eq!(
        fit(base.clone(), &data(3, 2, Some(2))),
        "early stopping leaves 3 rows to train on and 0 to validate on, \
         give more rows or another share"
    );
    let groups = table.clone().with_groups((0..12).map(|row| row % 5).collect()).unwrap();
    assert_eq!(
        fit(share(0.1), &groups),
        "holding back the last rows cuts row group 0 in two, draw the validation rows instead"
    );
    let mut weights = vec![1.0; 12];
    weights[10..].fill(0.0);
    let unweighted = table.with_weights(weights).unwrap();
    assert_eq!(
        fit(share(0.1), &unweighted),
        "all rows to validate on have weight 0, hold back other rows"
    );
}

#[test]
fn training_stops_when_its_rule_says() {
    let table = data(150, 3, Some(2));
    let run = Run::new(4);
    let fit = |rule: StopRule, epochs: usize| {
        let validation = Validation::LastRows { share: 0.05 };
        let early_stopping = Some(EarlyStopping { rule, validation });
        let precision = Precision::Double;
        let optimizer = Optimizer::adam(0.02);
        Mlp { optimizer, epochs, early_stopping, precision, ..Mlp::default() }
            .fit(&run, &table)
            .unwrap()
    };
    let rule = StopRule::Threshold { accuracy: 0.01, first_epoch: 7 };
    assert_eq!(fit(rule.clone(), 50).history().len(), 7);
    assert_eq!(fit(rule, 5).history().len(), 5);

    let patience = |restore_best| StopRule::Patience {
        monitor: Monitor::Loss,
        patience: 4,
        min_delta: 0.0,
        restore_best,
    };
    let (best, last) = (fit(patience(true), 2000), fit(patience(false), 2000));
    let losses: Vec<f64> = best.history().iter().map(|r| r.validation_loss.unwrap()).collect();
    assert_eq!(best.history(), last.history());
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses.iter().position(|loss| *loss == lowest), Some(losses.len() - 5));
    // The last ⌈0.05 · 150⌉ = 8 rows decide, and the network kept is the one that scored best.
    let loss = |network: &Network| {
        let p = network.predict(table.rows().slice(s![142.., ..])).unwrap();
        let labels = &table.target().labels().unwrap()[142..];
        p.rows().into_iter().zip(labels).map(|(p, label)| -p[*label].ln()).sum::<f64>() / 8.0
    };
    assert!((loss(&best) - lowest).abs() < 1e-12);
    assert!((loss(&last) - losses[losses.len() - 1]).abs() < 1e-12);
    assert_eq!(best.statistics(), last.statistics());
}

#[test]
fn drawn_validation_rows_keep_classes_and_groups_together() {
    use super::super::stopping::EarlyStopping;
    let stopping =
        EarlyStopping { validation: Validation::Drawn { share: 0.25 }, ..Default::default() };
    let labels = (0..80).map(|row| usize::from(row < 20)).collect();
    let names = vec!["a".to_owned(), "b".to_owned()];
    let rows = Array2::zeros((80, 1));
    let table = Dataset::new(rows, Target::Classes { labels, names }).unwrap();
    let (training, validation) = stopping.split(&table, &mut fi_core::Rng::new(0, 0)).unwrap();
    assert_eq!((training.len(), validation.len()), (60, 20));
    assert_eq!(validation.iter().filter(|row| **row < 20).count(), 5);

    let groups: Vec<usize> = (0..80).map(|row| row / 8).collect();
    let table = table.with_groups(groups.clone()).unwrap();
    let (training, validation) = stopping.split(&table, &mut fi_core::Rng::new(0, 0)).unwrap();
    assert_eq!(validation.len(), 24);
    assert!(validation.iter().all(|v| training.iter().all(|t| groups[*t] != groups[*v])));
}

#[test]
fn an_observer_sees_each_epoch_and_may_end_it() {
    let table = data(40, 3, None);
    let mut seen = Vec::new();
    let mut observer = |epoch: &Epoch<'_>| {
        assert_eq!((epoch.n_layers(), epoch.weights(1).dim()), (2, (16, 1)));
        seen.push((epoch.index, epoch.weights(0), epoch.record));
        if epoch.index == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let network = Mlp::default().fit_observed(&Run::new(0), &table, &mut observer).unwrap();
    assert_eq!(seen.iter().map(|epoch| epoch.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(seen[3].1, dense_of(&network, 0).weights);
    assert_eq!(network.history()[2], seen[2].2);
    assert_eq!(network.history()[2].accuracy, None);
    let mut statistics = WeightStatistics::new(network.statistics().initial.view());
    for (_, weights, _) in &seen {
        statistics.update(weights.view()).unwrap();
    }
    assert_eq!(&statistics, network.statistics());
}
