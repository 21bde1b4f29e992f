//! `fi train`: the integrated learners, and how good they are on rows they have not seen.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fi_core::{Dataset, Metric, Model as _, Run};
use fi_models::network::Cell;
use fi_models::store::{Stored, save};
use fi_models::tree::MaxFeatures;
use fi_models::{AnyLearner, Fitted, LearnerKind, Scaler};
use ndarray::{Array2, ArrayView2};

use crate::data::DataArgs;
use crate::failure::{Done, Failure};
use crate::output::Sink;
use crate::session::Session;
use crate::table::Lines;
use crate::train_network::{NetworkSettings, course};

/// What to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Learner {
    /// A random forest
    Forest,
    /// Extremely randomised trees
    ExtraTrees,
    /// Gradient-boosted trees
    Boosting,
    /// A single decision tree
    Tree,
    /// Least squares
    Linear,
    /// Least squares with an L2 penalty, on standardised features
    Ridge,
    /// Logistic regression with an L2 penalty, on standardised features
    Logistic,
    /// A multi-layer perceptron, on standardised features
    Mlp,
    /// A recurrent network of LSTM cells, for sequences or tokens
    Lstm,
    /// A recurrent network of gated recurrent units, for sequences or tokens
    Gru,
}

impl Learner {
    fn is_network(self) -> bool {
        matches!(self, Self::Mlp | Self::Lstm | Self::Gru)
    }

    /// What is no network.
    fn kind(self) -> Option<LearnerKind> {
        match self {
            Self::Forest => Some(LearnerKind::Forest),
            Self::ExtraTrees => Some(LearnerKind::ExtraTrees),
            Self::Boosting => Some(LearnerKind::Boosting),
            Self::Tree => Some(LearnerKind::Tree),
            Self::Linear => Some(LearnerKind::Linear),
            Self::Ridge => Some(LearnerKind::Ridge),
            Self::Logistic => Some(LearnerKind::Logistic),
            Self::Mlp | Self::Lstm | Self::Gru => None,
        }
    }

    fn cell(self) -> Option<Cell> {
        match self {
            Self::Lstm => Some(Cell::Lstm),
            Self::Gru => Some(Cell::Gru),
            _ => None,
        }
    }
}

/// A trained model, and what its input is scaled with.
struct Trained {
    model: Fitted,
    scaler: Option<Scaler>,
}

impl Trained {
    fn predict(&self, rows: ArrayView2<'_, f64>) -> fi_core::Result<Array2<f64>> {
        match &self.scaler {
            Some(scaler) => self.model.predict(scaler.transform(rows)?.view()),
            None => self.model.predict(rows),
        }
    }
}

/// The options of `fi train`.
#[derive(Args)]
pub(crate) struct Train {
    /// What to train
    #[arg(value_enum)]
    learner: Learner,
    #[command(flatten)]
    data: DataArgs,
    /// Where to write the model: .fi
    #[arg(long, value_name = "FILE.fi")]
    output: PathBuf,
    /// The share of rows that are set aside to score a model of the others; the model written is
    /// trained on all rows. 0 for none
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    test_size: f64,
    /// Write no fingerprints of the training rows into the file: `fi importance` then cannot say
    /// that it scores the model on rows it was trained on, and nobody can tell which they were
    #[arg(long)]
    no_row_hashes: bool,
    /// How many trees [default: 100]
    #[arg(long, value_name = "N")]
    n_estimators: Option<usize>,
    /// How deep a tree may be [default: no limit]
    #[arg(long, value_name = "N")]
    max_depth: Option<usize>,
    /// How many leaves a tree may have [default: no limit; 31 for boosting]
    #[arg(long, value_name = "N")]
    max_leaf_nodes: Option<usize>,
    /// The fewest rows in a leaf [default: 1; 20 for boosting]
    #[arg(long, value_name = "N")]
    min_samples_leaf: Option<usize>,
    /// How many features each split may choose from: all, sqrt, log2, a number, or a share such
    /// as 0.33 [default: sqrt for classes, all for numbers]
    #[arg(long, value_name = "FEATURES", value_parser = parse_max_features)]
    max_features: Option<MaxFeatures>,
    /// The shrinkage of each tree of boosting, or Adam's step for networks [default: 0.1; 0.001]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// The L2 penalty of ridge and logistic [default: 0.01; 1]
    #[arg(long, value_name = "L")]
    penalty: Option<f64>,
    #[command(flatten)]
    network: NetworkSettings,
}

fn parse_max_features(text: &str) -> Result<MaxFeatures, String> {
    text.parse().map_err(|error: fi_core::Error| error.to_string())
}

impl Train {
    pub(crate) fn run(&self, session: &Session) -> Done {
        Sink::new(Some(&self.output), &["fi"])?;
        self.check()?;
        let data = self.data.to_train(session)?;
        let metrics = Metric::for_target(data.target());
        let mut scores = Vec::new();
        let (train, test) = self.split(session, &data);
        if !test.is_empty() {
            let model = self.fit(&session.run(), &data.select_rows(&train)?, &data)?;
            let test = data.select_rows(&test)?;
            let predictions = model.predict(test.rows())?;
            let score = |metric: &Metric| {
                let output = model.model.output();
                metric.score(predictions.view(), output, test.target(), test.weights())
            };
            let values = metrics.iter().map(score).collect::<fi_core::Result<Vec<f64>>>()?;
            scores.push((format!("{} rows set aside", test.n_rows()), values));
        }
        let model = self.fit(&session.run(), &data, &data)?;
        if let (Learner::Forest, Fitted::Trees(trees)) = (self.learner, &model.model) {
            let score = |metric: &Metric| trees.oob_score(&data, metric);
            if let Ok(values) = metrics.iter().map(score).collect::<fi_core::Result<Vec<f64>>>() {
                scores.push(("out-of-bag rows".to_owned(), values));
            }
        }
        if let Fitted::Network(network) = &model.model {
            session.note(course(network, data.target()));
        }
        let mut stored = Stored::new(model.model, &data, model.scaler)?;
        if self.no_row_hashes {
            stored.training_rows = None;
        }
        save(&self.output, &stored)?;
        if !session.quiet {
            let names: Vec<String> = metrics.iter().map(Metric::name).collect();
            let header = std::iter::once("score on").chain(names.iter().map(String::as_str));
            let mut table = Lines::new(header, &[0]);
            let any = !scores.is_empty();
            for (rows, values) in scores {
                table.push(std::iter::once(rows).chain(values.into_iter().map(fi_viz::number)));
            }
            if any {
                table.print()?;
            }
        }
        Ok(())
    }

    /// Options that this learner does not know are no options.
    fn check(&self) -> Done {
        let known = |given: bool, name: &str, learners: &[Learner]| {
            if given && !learners.contains(&self.learner) {
                return Failure::call(format!("--{name} has no meaning for this learner"));
            }
            Ok(())
        };
        let forests = [Learner::Forest, Learner::ExtraTrees];
        let [many, drawing] =
            [Learner::Boosting, Learner::Tree].map(|l| [&forests[..], &[l]].concat());
        known(self.n_estimators.is_some(), "n-estimators", &many)?;
        known(self.max_features.is_some(), "max-features", &drawing)?;
        let stepping = [Learner::Boosting, Learner::Mlp, Learner::Lstm, Learner::Gru];
        known(self.learning_rate.is_some(), "learning-rate", &stepping)?;
        let trees = [&drawing[..], &[Learner::Boosting]].concat();
        known(self.penalty.is_some(), "penalty", &[Learner::Ridge, Learner::Logistic])?;
        if self.penalty.is_some_and(|penalty| !(penalty >= 0.0 && penalty.is_finite())) {
            return Failure::call("--penalty must be a number from 0");
        }
        known(self.max_depth.is_some(), "max-depth", &trees)?;
        known(self.max_leaf_nodes.is_some(), "max-leaf-nodes", &trees)?;
        known(self.min_samples_leaf.is_some(), "min-samples-leaf", &trees)?;
        match self.network.given() {
            Some(name) if !self.learner.is_network() => known(true, name, &[])?,
            _ => self.network.check(self.learner.cell())?,
        }
        if !(0.0..1.0).contains(&self.test_size) {
            return Failure::call(format!(
                "--test-size is {}, it must be in [0, 1)",
                self.test_size
            ));
        }
        Ok(())
    }

    /// The rows to train on and those set aside; rows of one group stay together.
    fn split(&self, session: &Session, data: &Dataset) -> (Vec<usize>, Vec<usize>) {
        let n_rows = data.n_rows();
        let n_test = (self.test_size * n_rows as f64).round() as usize;
        if n_test == 0 || n_test + 2 > n_rows {
            return ((0..n_rows).collect(), Vec::new());
        }
        let mut rng = Run::new(session.seed).split(0x7465_7374).rng(0);
        let group_of = |row: usize| data.groups().map_or(row, |groups| groups[row]);
        let mut groups: Vec<usize> = (0..n_rows).map(group_of).collect();
        groups.sort_unstable();
        groups.dedup();
        rng.shuffle(&mut groups);
        let mut place = vec![0; groups.iter().max().map_or(0, |last| last + 1)];
        groups.iter().enumerate().for_each(|(i, &group)| place[group] = i);
        let n_test_groups = (self.test_size * groups.len() as f64).round().max(1.0) as usize;
        (0..n_rows).partition(|&row| place[group_of(row)] >= n_test_groups)
    }

    fn fit(&self, run: &Run<'_>, data: &Dataset, whole: &Dataset) -> Done<Trained> {
        let Some(kind) = self.learner.kind() else {
            let (cell, rate) = (self.learner.cell(), self.learning_rate);
            let (network, scaler) = self.network.fit(run, data, whole, cell, rate)?;
            return Ok(Trained { model: network.into(), scaler });
        };
        let (model, scaler) = self.settings(kind).fit(run, data)?;
        Ok(Trained { model, scaler })
    }

    /// The learner by its settings, unless it is a network.
    fn settings(&self, kind: LearnerKind) -> AnyLearner {
        AnyLearner {
            n_estimators: self.n_estimators,
            max_depth: self.max_depth,
            max_leaf_nodes: self.max_leaf_nodes,
            min_samples_leaf: self.min_samples_leaf,
            max_features: self.max_features,
            learning_rate: self.learning_rate,
            penalty: self.penalty,
            ..AnyLearner::new(kind)
        }
    }
}
