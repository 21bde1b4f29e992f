//! One cell: one model on one data set by one arm with one seed, trained and scored.

use anyhow::{Context, Result};
use fi_core::{
    Dataset, Fold, Folds, Importance, Lofo, Metric, Model, Occlusion, Permutation, Players, Run,
    Target,
};
use fi_models::network::{
    Activation, Dense, Explainer, GarsonForm, Gradient, GradientTimesInput, IntegratedGradients,
    Layer, Network, Viann, garson, olden,
};
use fi_models::tree::{RandomForest, Trees, impurity};
use serde::{Deserialize, Serialize};

use super::arms::{Arm, Net, Size, network};
use crate::compare::methods;
use crate::compare::replicate::{Rows, ShapSample, joined, scaled, shap, skill_metrics};
use crate::data_sets::DataSet;

/// Labels of the nested runs of one seed; all arms of a seed train from the same stream, so that
/// they differ in the arm alone.
mod stream {
    pub(super) const TRAINING: u64 = 1;
    pub(super) const FOREST: u64 = 2;
    pub(super) const SPLIT: u64 = 3;
    pub(super) const ESTIMATOR: u64 = 4;
}

/// How many epochs a training took; a fact, under no feature.
pub(crate) const EPOCHS: &str = "epochs";
/// Accuracy or R² on all rows, training and validation; a fact.
pub(crate) const SKILL: &str = "skill on all rows";
/// Accuracy or R² on the hold-out; a fact.
pub(crate) const HOLD_OUT_SKILL: &str = "skill on the hold-out";

/// Which model, by which arm, with which seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// The data set.
    pub(crate) data: String,
    /// The model.
    pub(crate) net: Net,
    /// What is done with it.
    pub(crate) arm: Arm,
    /// The seed of everything drawn.
    pub(crate) seed: u64,
}

/// What every cell of an experiment shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Protocol {
    /// How much of the published networks is trained.
    pub(crate) size: Size,
    /// How often permutation importance shuffles.
    pub(crate) n_repeats: usize,
    /// How many hold-out rows SHAP explains at the most.
    pub(crate) shap_rows: usize,
    /// How many training rows SHAP draws as background.
    pub(crate) shap_background: usize,
    /// How many antithetic permutations SHAP walks, where it does not play every coalition.
    pub(crate) shap_permutations: usize,
}

/// One line of `scores.csv`: a score of a feature, or a fact under no feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The data set.
    pub dataset: String,
    /// `NN1`, `NN2`, `DeepNN` or `forest`.
    pub network: String,
    /// What was done with it.
    pub arm: String,
    /// The seed.
    pub seed: u64,
    /// The importance method, or the fact.
    pub method: String,
    /// The feature; empty for a fact.
    pub feature: String,
    /// The number.
    pub value: f64,
}

impl Cell {
    /// Trains and scores.
    ///
    /// # Errors
    ///
    /// If a training or a method fails.
    pub(crate) fn run(&self, set: &DataSet, protocol: &Protocol) -> Result<Vec<Score>> {
        let mut scores = Scores { cell: self, lines: Vec::new() };
        match self.arm {
            Arm::HoldOut => scores.hold_out(set, protocol)?,
            Arm::LeaveOut => scores.leave_out(set, protocol)?,
            _ => scores.all_rows(set, protocol)?,
        }
        Ok(scores.lines)
    }

    fn stream(&self, label: u64) -> Run<'static> {
        Run::new(self.seed).split(label)
    }

    /// Four fifths of the rows to train on, in the order of the table, and a fifth held out.
    fn rows(&self, set: &DataSet) -> Result<Rows> {
        let n_splits = 5;
        let folds = match set.data.target() {
            Target::Classes { .. } => Folds::StratifiedGroup { n_splits, shuffle: true },
            Target::Values(_) => Folds::KFold { n_splits, shuffle: true },
        };
        let mut splits = folds.split(&self.stream(stream::SPLIT), &set.data)?;
        let Fold { mut train, test } = splits.swap_remove(0);
        train.sort_unstable();
        let Rows { train, test } = scaled(&set.data, &Fold { train, test })?;
        Ok(Rows { train: without_groups(&train)?, test: without_groups(&test)? })
    }
}

struct Scores<'a> {
    cell: &'a Cell,
    lines: Vec<Score>,
}

impl Scores<'_> {
    /// The published protocol: trained on all rows but the validation's, scored on all rows.
    fn all_rows(&mut self, set: &DataSet, protocol: &Protocol) -> Result<()> {
        let data = scaled_whole(&set.data)?;
        if self.cell.net == Net::Forest {
            let forest = self.forest(&data)?;
            return self.push(methods::MDI, &impurity(forest.ensemble(), data.feature_names())?);
        }
        let network = self.train(&data, protocol)?;
        self.fact(SKILL, skill(&network, &data)?);
        self.inside(&network, &data)?;
        self.push(methods::SET_TO_ZERO, &self.set_to_zero(&network, &data)?)
    }

    /// Trained on some rows, scored on the others.
    fn hold_out(&mut self, set: &DataSet, protocol: &Protocol) -> Result<()> {
        let rows = self.cell.rows(set)?;
        if self.cell.net == Net::Forest {
            let forest = self.forest(&rows.train)?;
            self.fact(HOLD_OUT_SKILL, skill(&forest, &rows.test)?);
            let names = rows.train.feature_names();
            return self.push(methods::MDI, &impurity(forest.ensemble(), names)?);
        }
        let network = self.train(&rows.train, protocol)?;
        self.fact(HOLD_OUT_SKILL, skill(&network, &rows.test)?);
        self.inside(&network, &rows.train)?;
        if self.cell.net == Net::Deep {
            // Hundreds of thousands of predictions of 22 million weights.
            return Ok(());
        }
        self.push(methods::SET_TO_ZERO, &self.set_to_zero(&network, &rows.test)?)?;

        let run = self.cell.stream(stream::ESTIMATOR);
        let gradients: [(&str, &dyn Explainer); 3] = [
            (methods::SALIENCY, &Gradient::default()),
            (methods::GRADIENT_INPUT, &GradientTimesInput::default()),
            (methods::INTEGRATED, &IntegratedGradients::default()),
        ];
        for (method, explainer) in gradients {
            let names = rows.test.feature_names();
            let found = explainer.attribution(&run, &network, rows.test.rows(), names)?;
            self.push(method, &found.mean_abs(0.95)?)?;
        }

        let players = Players::features(rows.train.feature_names().iter().cloned())?;
        let permutation = Permutation { n_repeats: protocol.n_repeats, ..Permutation::default() };
        let metrics = [loss(&rows.test)];
        let found = permutation.importance(&run, &network, &rows.test, &players, &metrics)?;
        self.push(methods::PERMUTATION, &found[0])?;
        let sample = ShapSample {
            rows: protocol.shap_rows,
            background: protocol.shap_background,
            permutations: protocol.shap_permutations,
        };
        self.push(methods::SHAP, &shap(&sample, &run, &network, &rows, &players)?)
    }

    /// Retrains without each feature and scores on the hold-out.
    fn leave_out(&mut self, set: &DataSet, protocol: &Protocol) -> Result<()> {
        let rows = self.cell.rows(set)?;
        let learner = network(self.cell.net, Arm::HoldOut, &rows.train, &protocol.size);
        let (data, n_train) = (joined(&rows.train, &rows.test)?, rows.train.n_rows());
        let split =
            Fold { train: (0..n_train).collect(), test: (n_train..data.n_rows()).collect() };
        let lofo = Lofo { folds: Folds::Given(vec![split]), ..Lofo::default() };
        let players = Players::features(data.feature_names().iter().cloned())?;
        let run = self.cell.stream(stream::TRAINING);
        let found = lofo.importance(&run, learner.learner(), &data, &players, &[loss(&data)])?;
        self.push(methods::LOFO, &found[0])
    }

    fn train(&mut self, data: &Dataset, protocol: &Protocol) -> Result<Network> {
        let learner = network(self.cell.net, self.cell.arm, data, &protocol.size);
        let network = learner.fit(&self.cell.stream(stream::TRAINING), data)?;
        self.fact(EPOCHS, network.history().len() as f64);
        Ok(network)
    }

    /// The published forest: 100 trees of scikit-learn's defaults.
    ///
    /// For classes the paper fits a classifier to one-hot columns. The impurity of such a node is
    /// the mean of 2p(1 − p) over the K columns, which is 2/K of the Gini impurity of the classes:
    /// the same splits and the same shares as our classification forest.
    fn forest(&self, data: &Dataset) -> Result<Trees> {
        let forest = match data.target() {
            Target::Classes { .. } => RandomForest::default(),
            Target::Values(_) => RandomForest::regression(),
        };
        Ok(forest.fit(&self.cell.stream(stream::FOREST), data)?)
    }

    /// What the weights say.
    fn inside(&mut self, network: &Network, data: &Dataset) -> Result<()> {
        let names = data.feature_names();
        self.push(methods::VIANN, &Viann::default().of_network(network, names)?)?;
        let deep = self.cell.net == Net::Deep;
        let outer = if deep { Some(first_and_last(network)?) } else { None };
        let read = outer.as_ref().unwrap_or(network);
        let published = garson(read, names, GarsonForm::Cancelling)?;
        self.push(methods::GARSON_CANCELLING, &published)?;
        self.push(methods::GARSON, &garson(read, names, GarsonForm::Garson)?)?;
        if deep { Ok(()) } else { self.push(methods::OLDEN, &olden(network, names)?) }
    }

    /// The paper's LOFO: each column set to 0, the mean of a scaled feature, without retraining.
    fn set_to_zero(&self, network: &Network, data: &Dataset) -> Result<Importance> {
        let occlusion = Occlusion { baseline: vec![0.0; data.n_features()] };
        let players = Players::features(data.feature_names().iter().cloned())?;
        let run = self.cell.stream(stream::ESTIMATOR);
        let mut found = occlusion.importance(&run, network, data, &players, &[loss(data)])?;
        Ok(found.remove(0))
    }

    fn fact(&mut self, name: &str, value: f64) {
        self.lines.push(self.line(name, "", value));
    }

    fn push(&mut self, method: &str, importance: &Importance) -> Result<()> {
        for (feature, &value) in importance.features.iter().zip(&importance.values) {
            let finite = value.is_finite().then_some(value);
            let value = finite.with_context(|| format!("{method} of `{feature}` is `{value}`"))?;
            self.lines.push(self.line(method, feature, value));
        }
        Ok(())
    }

    fn line(&self, method: &str, feature: &str, value: f64) -> Score {
        Score {
            dataset: self.cell.data.clone(),
            network: self.cell.net.name().to_owned(),
            arm: self.cell.arm.name(),
            seed: self.cell.seed,
            method: method.to_owned(),
            feature: feature.to_owned(),
            value,
        }
    }
}

/// A network of the first and the last kernel alone, which is what the paper's Garson reads of any
/// network. Ours goes through all layers where it can, but not through batch normalisation.
fn first_and_last(network: &Network) -> Result<Network> {
    let mut dense = network.layers().iter().filter_map(|layer| match layer {
        Layer::Dense(dense) => Some(dense),
        _ => None,
    });
    let (first, last) = (dense.clone().next(), dense.next_back());
    let layers = [first, last].into_iter().flatten().cloned();
    let linear = layers.map(|layer| Dense { activation: Activation::Linear, ..layer });
    Ok(Network::dense(linear.collect(), network.output())?)
}

/// The whole table scaled by itself, and a regression's target too, as published.
fn scaled_whole(data: &Dataset) -> Result<Dataset> {
    let all: Vec<usize> = (0..data.n_rows()).collect();
    without_groups(&scaled(data, &Fold { train: all.clone(), test: all })?.train)
}

/// The paper knows no groups of equal rows, and its last rows cut one of Iris in two.
fn without_groups(data: &Dataset) -> Result<Dataset> {
    let plain = Dataset::new(data.rows().to_owned(), data.target().clone())?;
    Ok(plain.with_feature_names(data.feature_names().iter().cloned())?)
}

/// The loss that the network is trained on.
fn loss(data: &Dataset) -> Metric {
    skill_metrics(data.target()).remove(0)
}

/// Accuracy or R².
fn skill(model: &dyn Model, data: &Dataset) -> Result<f64> {
    let predictions = model.predict(data.rows())?;
    let metric = skill_metrics(data.target()).remove(1);
    Ok(metric.score(predictions.view(), model.output(), data.target(), None)?)
}
