//! One seed: drawn gait, its phase slopes, forests on persons that were left out, and every way
//! to score a pair of sensors.

use anyhow::Result;
use fi_core::{Dataset, Folds, Importance, Metric, Permutation, Players, Run, SensorPairs, Target};
use fi_models::tree::{RandomForest, permutation};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::Effort;
use super::phase_slope::{Phase, Spectra, phase_slope};
use super::recipe::{Body, CHANNELS, CLASSES, Person, SAMPLES, SENSORS};

/// One line of `gait.csv`: the score of a pair or a sensor in one fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The seed.
    pub seed: u64,
    /// The fold of persons that was left out.
    pub fold: usize,
    /// `wrapped` or `unwrapped`.
    pub phase: String,
    /// The way to score.
    pub way: String,
    /// `pair` or `sensor`.
    pub level: String,
    /// The pair or the sensor.
    pub player: String,
    /// The score.
    pub value: f64,
    /// The lower end of its interval, where it has one: this model on the population.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// One line of `features.csv`: a feature's importance alone, mean over seeds and folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureLine {
    /// `wrapped` or `unwrapped`.
    pub phase: String,
    /// The metric.
    pub metric: String,
    /// Sensors and channels, as the text of tuples.
    pub feature: String,
    /// Its permutation importance.
    pub importance: f64,
}

/// One line of `skill.csv`: what a forest learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// The seed.
    pub seed: u64,
    /// The fold of persons that was left out.
    pub fold: usize,
    /// `wrapped` or `unwrapped`.
    pub phase: String,
    /// Log loss on the persons left out.
    pub log_loss: f64,
    /// That of the best constant.
    pub constant: f64,
    /// Accuracy on the persons left out.
    pub accuracy: f64,
}

/// What one seed gives.
pub(super) struct Cell {
    pub(super) lines: Vec<Line>,
    pub(super) skills: Vec<Skill>,
    /// For each phase and metric the features' importances, summed over the folds.
    pub(super) features: Vec<Vec<f64>>,
}

/// The ways to score, and what they are.
pub(super) const WAYS: [(&str, &str); 5] = [
    (
        "published sum, accuracy",
        "every feature is permuted alone; a pair is the sum of the positive importances of its 36 \
         features, a sensor the sum of its pairs",
    ),
    ("published sum, log loss", "the same by the increase in log loss"),
    ("signed sum, log loss", "the same, with the negative importances too"),
    ("joint, accuracy", "all features of a pair, or of a sensor, are permuted together"),
    ("joint, log loss", "the same by the increase in log loss"),
];

/// The 435 features: all pairs of the 30 signals, row by row of the upper triangle.
pub(super) fn features() -> Vec<String> {
    let n = SENSORS.len() * CHANNELS.len();
    let mut features = Vec::with_capacity(n * (n - 1) / 2);
    for i in 0..n {
        for j in i + 1..n {
            let [a, b] = [i, j].map(|k| SENSORS[k / CHANNELS.len()]);
            let [x, y] = [i, j].map(|k| CHANNELS[k % CHANNELS.len()]);
            features.push(format!("('{a}', '{b}') ('{x}', '{y}')"));
        }
    }
    features
}

/// The phase slopes of all trials, with persons as groups; within a sensor they are 0, as published.
pub(super) fn draw(effort: &Effort, seed: u64) -> Result<[Dataset; 2]> {
    let run = Run::new(seed);
    let body = Body::draw(&mut run.split(0).rng(0));
    let spectra = Spectra::new(SAMPLES);
    let names = features();
    let n_rows = effort.n_persons * effort.n_trials;
    let mut tables = [(); 2].map(|()| Array2::zeros((n_rows, names.len())));
    let (mut labels, mut groups) = (Vec::new(), Vec::new());
    for number in 0..effort.n_persons {
        let mut rng = run.split(1).rng(number as u64);
        let person = Person::draw(number % CLASSES.len(), &mut rng);
        for _ in 0..effort.n_trials {
            let bins = spectra.of(person.walk(&body, &mut rng).view());
            let bins: Vec<Vec<_>> = bins.rows().into_iter().map(|row| row.to_vec()).collect();
            for (phase, table) in Phase::ALL.into_iter().zip(&mut tables) {
                let mut column = 0;
                for i in 0..bins.len() {
                    for j in i + 1..bins.len() {
                        if i / CHANNELS.len() != j / CHANNELS.len() {
                            table[[labels.len(), column]] = phase_slope(&bins[i], &bins[j], phase);
                        }
                        column += 1;
                    }
                }
            }
            labels.push(person.class);
            groups.push(number);
        }
    }
    let classes = CLASSES.map(String::from).to_vec();
    let mut data = Vec::new();
    for table in tables {
        let target = Target::Classes { labels: labels.clone(), names: classes.clone() };
        let named = Dataset::new(table, target)?.with_feature_names(names.clone())?;
        data.push(named.with_groups(groups.clone())?);
    }
    data.try_into().map_err(|_| anyhow::anyhow!("there are two phases"))
}

/// Trains and scores one seed.
pub(super) fn cell(effort: &Effort, seed: u64) -> Result<Cell> {
    let pairs = SensorPairs::of_names(&features(), None)?;
    let alone = Players::features(features())?;
    let metrics = [Metric::Accuracy, Metric::LogLoss];
    let mut cell = Cell { lines: Vec::new(), skills: Vec::new(), features: Vec::new() };
    for (phase, data) in Phase::ALL.into_iter().zip(draw(effort, seed)?) {
        let run = Run::new(seed).split(2);
        let folds = Folds::StratifiedGroup { n_splits: effort.n_folds, shuffle: true };
        let mut sums = vec![vec![0.0; data.n_features()]; metrics.len()];
        for (fold, split) in folds.split(&run, &data)?.iter().enumerate() {
            let train = data.select_rows(&split.train)?;
            let test = data.select_rows(&split.test)?;
            let run = run.split(1 + fold as u64);
            let forest = RandomForest { n_estimators: effort.n_trees, ..RandomForest::default() };
            let forest = forest.fit(&run, &train)?;
            let score = |players: &Players, n_repeats: usize| {
                let settings = Permutation { n_repeats, ..Permutation::default() };
                permutation(&run, &settings, &forest, &test, players, &metrics)
            };
            let single = score(&alone, effort.n_single)?;
            let (of_pairs, of_sensors) = (pairs.pair_players()?, pairs.sensor_players()?);
            let by_pair = score(&of_pairs, effort.n_joint)?;
            let by_sensor = score(&of_sensors, effort.n_joint)?;
            let mut push = |way: &str, level: &str, importance: &Importance| {
                let ends = importance.interval.as_ref();
                for (i, player) in importance.features.iter().enumerate() {
                    cell.lines.push(Line {
                        seed,
                        fold,
                        phase: phase.name().to_owned(),
                        way: way.to_owned(),
                        level: level.to_owned(),
                        player: player.clone(),
                        value: importance.values[i],
                        low: ends.map(|ends| ends.low[i]),
                        high: ends.map(|ends| ends.high[i]),
                    });
                }
            };
            for (way, metric, clipped) in [(0, 0, true), (1, 1, true), (2, 1, false)] {
                let mut matrix = pairs.sums_of_positives(&single[metric].values)?;
                if !clipped {
                    let negative = single[metric].values.iter().map(|value| -value);
                    matrix -= &pairs.sums_of_positives(&negative.collect::<Vec<_>>())?;
                }
                let of_pair = pairs.pair_sensors().into_iter().map(|[a, b]| matrix[[a, b]]);
                let name = WAYS[way].0;
                let result = Importance::new(name, of_pairs.names(), of_pair.collect())?;
                push(name, "pair", &result);
                let rows = matrix.rows().into_iter().map(|row| row.sum());
                let result = Importance::new(name, of_sensors.names(), rows.collect())?;
                push(name, "sensor", &result);
            }
            for (way, metric) in [(3, 0), (4, 1)] {
                push(WAYS[way].0, "pair", &by_pair[metric]);
                push(WAYS[way].0, "sensor", &by_sensor[metric]);
            }
            for (sums, importance) in sums.iter_mut().zip(&single) {
                sums.iter_mut().zip(&importance.values).for_each(|(sum, value)| *sum += value);
            }
            cell.skills.push(Skill {
                seed,
                fold,
                phase: phase.name().to_owned(),
                log_loss: single[1].score.unwrap_or(f64::NAN),
                constant: single[1].constant_score.unwrap_or(f64::NAN),
                accuracy: single[0].score.unwrap_or(f64::NAN),
            });
        }
        cell.features.extend(sums);
    }
    Ok(cell)
}
