//! One fit of the comparison: one seed, one fold, every model, every method.

use anyhow::{Context, Result};
use fi_core::shapley::{self, Estimator};
use fi_core::{
    Dataset, Fold, Folds, Importance, Lofo, Metric, Model, Occlusion, Permutation, Players,
    Removal, Run, Target,
};
use fi_models::Scaler;
use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::models::{Arm, DATA, FOREST, Learned, NN1, NN2, TUNED, is_network};
use super::records::{Record, probe_name, variant};
use super::{Plan, is_exact, methods, metric};

/// Labels of the nested runs of one fit; a training never shares its stream with an estimator.
mod stream {
    pub(super) const TRAINING: u64 = 1;
    pub(super) const OTHER_TRAINING: u64 = 2;
    pub(super) const ESTIMATOR: u64 = 3;
    pub(super) const OTHER_ESTIMATOR: u64 = 4;
    pub(super) const SHUFFLE: u64 = 5;
}

/// With more features than this, LOFO retrains only in the first fold of each seed.
pub(super) const LOFO_IN_EVERY_FOLD: usize = 20;

/// The scaled rows of one fold.
pub(crate) struct Rows {
    pub(crate) train: Dataset,
    pub(crate) test: Dataset,
}

/// Everything one fit records.
pub(super) fn replicate(
    plan: &Plan,
    run: &Run<'_>,
    seed: u64,
    fold: usize,
    split: &Fold,
) -> Result<Vec<Record>> {
    let rows = scaled(&plan.data, split)?;
    let mut fit = Fit { plan, run: *run, seed, fold, rows, records: Vec::new() };
    let learned = fit.main()?;
    fit.shuffled_labels()?;
    fit.twins(&learned)?;
    if fold == 0 {
        fit.probes()?;
    }
    fit.top_k()?;
    Ok(fit.records)
}

/// Training and test rows, both scaled by the training rows; a regression's target too.
pub(crate) fn scaled(data: &Dataset, split: &Fold) -> Result<Rows> {
    let (train, test) = (data.select_rows(&split.train)?, data.select_rows(&split.test)?);
    let scaler = Scaler::fit(&train)?;
    let (train, test) = (scaler.scale(&train)?, scaler.scale(&test)?);
    let Some(values) = train.target().values() else { return Ok(Rows { train, test }) };
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let std = (values.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
    let scale = |data: Dataset| -> Result<Dataset> {
        let scaled = data.target().values().unwrap_or_default().iter().map(|y| (y - mean) / std);
        let target = Target::Values(scaled.collect());
        Ok(data.with_target(target)?)
    };
    Ok(Rows { train: scale(train)?, test: scale(test)? })
}

struct Fit<'a> {
    plan: &'a Plan,
    run: Run<'a>,
    seed: u64,
    fold: usize,
    rows: Rows,
    records: Vec<Record>,
}

impl Fit<'_> {
    /// The experiment itself; the trained models come back in the order of the arms.
    fn main(&mut self) -> Result<Vec<Learned>> {
        self.constant_skill()?;
        self.data_yardsticks();
        let plan = self.plan;
        let mut trained = Vec::new();
        for arm in &plan.arms {
            let learned = arm
                .fit(&self.run.split(stream::TRAINING), &self.rows.train)
                .with_context(|| format!("training the {}", arm.name))?;
            self.skill(arm.name, &learned)?;
            let estimator = self.run.split(stream::ESTIMATOR);
            let scores = explain(plan, &estimator, &learned, &self.rows)
                .with_context(|| format!("explaining the {}", arm.name))?;
            self.push_all(variant::MAIN, arm.name, scores);
            if let Some(groups) = &plan.groups {
                let found = permutation(plan, &estimator, &learned, &self.rows.test, groups)?;
                self.push(variant::GROUPS, arm.name, methods::PERMUTATION, &found);
            }
            let wide = plan.data.n_features() > LOFO_IN_EVERY_FOLD;
            if [TUNED, FOREST].contains(&arm.name) && (self.fold == 0 || !wide) {
                self.lofo(arm)?;
            }
            trained.push(learned);
        }
        Ok(trained)
    }

    /// Leaves out each feature, and each group, and retrains.
    fn lofo(&mut self, arm: &Arm) -> Result<()> {
        let Rows { train, test } = &self.rows;
        let data = joined(train, test)?;
        let (n_train, n_rows) = (train.n_rows(), data.n_rows());
        let split = Fold { train: (0..n_train).collect(), test: (n_train..n_rows).collect() };
        let lofo = Lofo { folds: Folds::Given(vec![split]), ..Lofo::default() };
        let run = self.run.split(stream::TRAINING);
        let mut kinds = vec![(variant::MAIN, &self.plan.players)];
        kinds.extend(self.plan.groups.as_ref().map(|groups| (variant::GROUPS, groups)));
        for (kind, players) in kinds {
            let found =
                lofo.importance(&run, arm.learner(), &data, players, &[metric(data.target())])?;
            self.push(kind, arm.name, methods::LOFO, &found[0]);
        }
        Ok(())
    }

    /// The same rows with another training seed, and the same model with another estimator seed;
    /// of the paper's networks, which train long, only in the first fold.
    fn twins(&mut self, trained: &[Learned]) -> Result<()> {
        let plan = self.plan;
        for (arm, same) in plan.arms.iter().zip(trained) {
            if !arm.is_random() || (self.fold > 0 && [NN1, NN2].contains(&arm.name)) {
                continue;
            }
            let estimator = self.run.split(stream::ESTIMATOR);
            let other = arm.fit(&self.run.split(stream::OTHER_TRAINING), &self.rows.train)?;
            let scores = explain(plan, &estimator, &other, &self.rows)?;
            self.push_all(variant::RETRAINED, arm.name, scores);
            let estimator = self.run.split(stream::OTHER_ESTIMATOR);
            let scores = explain(plan, &estimator, same, &self.rows)?;
            let drawn = [methods::PERMUTATION, methods::SHAP, methods::OOB_PERMUTATION];
            let scores = scores.into_iter().filter(|(method, _)| drawn.contains(method)).collect();
            self.push_all(variant::RE_ESTIMATED, arm.name, scores);
        }
        Ok(())
    }

    /// Trains the networks on targets that hold nothing to learn; the paper's, which then never
    /// stop early, only in the first fold.
    fn shuffled_labels(&mut self) -> Result<()> {
        let plan = self.plan;
        let shuffle = self.run.split(stream::SHUFFLE);
        let shuffled = |data: &Dataset, stream: u64| -> Result<Dataset> {
            let mut order: Vec<usize> = (0..data.n_rows()).collect();
            shuffle.rng(stream).shuffle(&mut order);
            Ok(data.clone().with_target(data.target().select(&order))?)
        };
        let rows =
            Rows { train: shuffled(&self.rows.train, 0)?, test: shuffled(&self.rows.test, 1)? };
        for arm in plan.arms.iter().filter(|arm| is_network(arm.name)) {
            if [NN1, NN2].contains(&arm.name) && (self.fold > 0 || plan.quick) {
                continue;
            }
            let learned = arm.fit(&self.run.split(stream::TRAINING), &rows.train)?;
            let scores = explain(plan, &self.run.split(stream::ESTIMATOR), &learned, &rows)?;
            self.push_all(variant::SHUFFLED_LABELS, arm.name, scores);
        }
        Ok(())
    }

    /// Trains with a shuffled copy of every feature beside the real ones.
    fn probes(&mut self) -> Result<()> {
        let plan = self.plan;
        let shuffle = self.run.split(stream::SHUFFLE);
        let rows = Rows {
            train: with_probes(&self.rows.train, &shuffle, 2)?,
            test: with_probes(&self.rows.test, &shuffle, 3)?,
        };
        for arm in plan.arms.iter().filter(|arm| ![NN1, NN2].contains(&arm.name)) {
            let learned = arm.fit(&self.run.split(stream::TRAINING), &rows.train)?;
            let scores = explain(plan, &self.run.split(stream::ESTIMATOR), &learned, &rows)?;
            self.push_all(variant::PROBES, arm.name, scores);
        }
        Ok(())
    }

    /// Retrains the forest and the tuned network on each method's best features.
    fn top_k(&mut self) -> Result<()> {
        if self.fold > 0 && !self.plan.top_k_in_every_fold {
            return Ok(());
        }
        let kept: Vec<(String, String, Vec<usize>)> = self.orders();
        let mut known: Vec<((&str, Vec<usize>), f64)> = Vec::new();
        let mut records = Vec::new();
        for (model, method, order) in &kept {
            for &k in &self.plan.top_k {
                for name in [FOREST, TUNED] {
                    let mut features = order[..k].to_vec();
                    features.sort_unstable();
                    let key = (name, features);
                    let found =
                        known.iter().find(|(other, _)| *other == key).map(|(_, score)| *score);
                    let score = if let Some(score) = found {
                        score
                    } else {
                        let score = self.retrained_score(name, &key.1)?;
                        known.push((key, score));
                        score
                    };
                    records.push(Record {
                        model: model.clone(),
                        method: method.clone(),
                        seed: self.seed,
                        fold: self.fold,
                        variant: variant::TOP_K.to_owned(),
                        feature: format!("k={k}, {name}"),
                        value: score,
                    });
                }
            }
        }
        self.records.extend(records);
        Ok(())
    }

    /// The features of each method of this fit from the most important to the least.
    fn orders(&self) -> Vec<(String, String, Vec<usize>)> {
        let n_features = self.plan.data.n_features();
        let main: Vec<&Record> =
            self.records.iter().filter(|record| record.variant == variant::MAIN).collect();
        main.chunks(n_features)
            .map(|block| {
                let mut order: Vec<usize> = (0..n_features).collect();
                order.sort_by(|&a, &b| block[b].value.total_cmp(&block[a].value));
                (block[0].model.clone(), block[0].method.clone(), order)
            })
            .collect()
    }

    fn retrained_score(&self, name: &str, features: &[usize]) -> Result<f64> {
        let arm = self.plan.arms.iter().find(|arm| arm.name == name).context("no such model")?;
        let (train, test) =
            (self.rows.train.select_features(features), self.rows.test.select_features(features));
        let model = arm.learner().train(&self.run.split(stream::TRAINING), &train)?;
        let predictions = model.predict(test.rows())?;
        Ok(self.plan.top_k_metric.score(predictions.view(), model.output(), test.target(), None)?)
    }

    fn skill(&mut self, name: &str, learned: &Learned) -> Result<()> {
        let model = learned.model();
        let test = &self.rows.test;
        let predictions = model.predict(test.rows())?;
        for metric in &self.plan.metrics {
            let score = metric.score(predictions.view(), model.output(), test.target(), None)?;
            self.records.push(self.record(variant::SCORE, name, &metric.name(), "", score));
        }
        Ok(())
    }

    /// The best constant of the training rows, scored on the hold-out.
    fn constant_skill(&mut self) -> Result<()> {
        let Rows { train, test } = &self.rows;
        let (constant, output) = match train.target() {
            Target::Values(values) => {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                (vec![mean], fi_core::Output::Values)
            }
            Target::Classes { labels, names } => {
                let share = |class| {
                    labels.iter().filter(|label| **label == class).count() as f64
                        / labels.len() as f64
                };
                ((0..names.len()).map(share).collect(), fi_core::Output::Probabilities)
            }
        };
        let row = ArrayView2::from_shape((1, constant.len()), &constant)?;
        let predictions = row.broadcast((test.n_rows(), constant.len())).context("broadcast")?;
        for metric in &self.plan.metrics {
            let score = metric.score(predictions, output, test.target(), None)?;
            self.records.push(self.record(
                variant::SCORE,
                "best constant",
                &metric.name(),
                "",
                score,
            ));
        }
        Ok(())
    }

    fn data_yardsticks(&mut self) {
        let train = &self.rows.train;
        let f = super::yardsticks::anova_f(train);
        let variance = super::yardsticks::variance(self.plan.data.rows());
        for (method, values) in [(methods::ANOVA_F, f), (methods::VARIANCE, variance)] {
            for (feature, value) in self.plan.data.feature_names().iter().zip(values) {
                self.records.push(self.record(variant::MAIN, DATA, method, feature, value));
            }
        }
    }

    fn push_all(&mut self, kind: &str, model: &str, scores: Vec<(&'static str, Importance)>) {
        for (method, importance) in scores {
            self.push(kind, model, method, &importance);
        }
    }

    fn push(&mut self, kind: &str, model: &str, method: &str, importance: &Importance) {
        for (feature, value) in importance.features.iter().zip(&importance.values) {
            self.records.push(self.record(kind, model, method, feature, *value));
        }
    }

    fn record(&self, kind: &str, model: &str, method: &str, feature: &str, value: f64) -> Record {
        Record {
            model: model.to_owned(),
            method: method.to_owned(),
            seed: self.seed,
            fold: self.fold,
            variant: kind.to_owned(),
            feature: feature.to_owned(),
            value,
        }
    }
}

/// Every method of a trained model but those that retrain.
fn explain(
    plan: &Plan,
    run: &Run<'_>,
    learned: &Learned,
    rows: &Rows,
) -> Result<Vec<(&'static str, Importance)>> {
    let players = Players::features(rows.train.feature_names().iter().cloned())?;
    let mut scores = learned.inside(run, &rows.train)?;
    scores.push((methods::PERMUTATION, permutation(plan, run, learned, &rows.test, &players)?));
    if let Learned::Network(network) = learned {
        let all = joined(&rows.train, &rows.test)?;
        let occlusion = Occlusion { baseline: vec![0.0; all.n_features()] };
        let mut found =
            occlusion.importance(run, network, &all, &players, &[metric(all.target())])?;
        scores.push((methods::SET_TO_ZERO, found.remove(0)));
    }
    scores.push((methods::SHAP, shap(&plan.shap, run, learned.model(), rows, &players)?));
    Ok(scores)
}

fn permutation(
    plan: &Plan,
    run: &Run<'_>,
    learned: &Learned,
    test: &Dataset,
    players: &Players,
) -> Result<Importance> {
    let method = Permutation { n_repeats: plan.n_repeats, ..Permutation::default() };
    let mut found =
        method.importance(run, learned.model(), test, players, &[metric(test.target())])?;
    Ok(found.remove(0))
}

/// How many rows and draws SHAP takes.
pub(crate) struct ShapSample {
    /// Hold-out rows that are explained, at the most.
    pub(crate) rows: usize,
    /// Training rows drawn as background.
    pub(crate) background: usize,
    /// Antithetic permutations, where not every coalition is played.
    pub(crate) permutations: usize,
}

/// Mean |Shapley value| of hold-out rows, with drawn training rows as background.
pub(crate) fn shap(
    sample: &ShapSample,
    run: &Run<'_>,
    model: &dyn Model,
    rows: &Rows,
    players: &Players,
) -> Result<Importance> {
    let drawn = |data: &Dataset, n: usize, stream: u64| -> Array2<f64> {
        let chosen = run.split(stream).rng(0).sample(data.n_rows(), n);
        data.rows().select(Axis(0), &chosen)
    };
    let removal = Removal::marginal(drawn(&rows.train, sample.background, 10))?;
    let explained = drawn(&rows.test, sample.rows, 11);
    let exact = shapley::Exact;
    let walk = shapley::Permutation { n_permutations: sample.permutations, tolerance: None };
    let estimator: &dyn Estimator = if is_exact(players.len()) { &exact } else { &walk };
    let attribution = shapley::explain(run, estimator, model, explained.view(), players, &removal)?;
    Ok(attribution.mean_abs(0.95)?)
}

/// Training rows above test rows.
pub(crate) fn joined(train: &Dataset, test: &Dataset) -> Result<Dataset> {
    let rows = concatenate(Axis(0), &[train.rows(), test.rows()])?;
    let target = match (train.target(), test.target()) {
        (Target::Classes { labels: a, names }, Target::Classes { labels: b, .. }) => {
            Target::Classes { labels: [a.as_slice(), b].concat(), names: names.clone() }
        }
        (a, b) => Target::Values(
            [a.values().unwrap_or_default(), b.values().unwrap_or_default()].concat(),
        ),
    };
    Ok(Dataset::new(rows, target)?.with_feature_names(train.feature_names().iter().cloned())?)
}

/// The data with a shuffled copy of every feature; each copy has an order of its own.
fn with_probes(data: &Dataset, shuffle: &Run<'_>, stream: u64) -> Result<Dataset> {
    let mut copies = data.rows().to_owned();
    let mut rng = shuffle.rng(stream);
    for mut column in copies.columns_mut() {
        let mut values = column.to_vec();
        rng.shuffle(&mut values);
        column.assign(&ndarray::ArrayView1::from(&values));
    }
    let names = data.feature_names();
    let all = names.iter().cloned().chain(names.iter().map(|name| probe_name(name)));
    let rows = concatenate(Axis(1), &[data.rows(), copies.view()])?;
    Ok(Dataset::new(rows, data.target().clone())?.with_feature_names(all)?)
}

/// The metrics that every model is scored by.
pub(crate) fn skill_metrics(target: &Target) -> Vec<Metric> {
    match target {
        Target::Classes { .. } => vec![Metric::LogLoss, Metric::Accuracy],
        Target::Values(_) => vec![Metric::Mse, Metric::R2],
    }
}
