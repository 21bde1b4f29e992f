//! How near estimates of Shapley values come to the truth for so many coalitions, by fi and by
//! its peers.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use fi_core::shapley::{Estimator, Kernel, Permutation, explain_games};
use fi_core::{Game, Output, Players, Removal, Run, require_shape};
use fi_io::{read_npy_1d, read_npy_2d};
use fi_models::network::{Activation, Dense, Network, shap};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

/// The games, as `benches/peers/curves.py` names and writes them.
const GAMES: [&str; 3] = ["network-14", "forest-14", "network-30"];
/// The numbers of coalitions at which peers are asked; fi is asked at half of the first, too.
const BUDGETS: [usize; 6] = [128, 256, 512, 1024, 2048, 4096];
const KERNEL: &str = "fi KernelSHAP";
const SHAP: &str = "shap KernelExplainer";
/// For the errors of shap, this share of its coalitions is to suffice; for those of the best of
/// shapiq, as many.
const SHARES: [f64; 2] = [0.5, 1.0];

/// One estimator's error on one game: a line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The game.
    pub game: String,
    /// Library and estimator.
    pub estimator: String,
    /// The library's version.
    pub version: String,
    /// How many coalitions it may ask for, none and all included.
    pub budget: usize,
    /// Its seed.
    pub seed: u64,
    /// The root mean squared error over rows and players, in units of the values' own root mean
    /// square.
    pub error: f64,
}

/// All lines of a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves(pub Vec<Curve>);

impl Curves {
    /// Reads `raw.csv`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is no such record.
    pub fn read(path: &Path) -> Result<Self> {
        let place = || path.display().to_string();
        let mut reader = csv::Reader::from_path(path).with_context(place)?;
        Ok(Self(reader.deserialize().collect::<Result<_, _>>().with_context(place)?))
    }

    /// As CSV.
    ///
    /// # Errors
    ///
    /// None that can happen in memory.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        self.0.iter().try_for_each(|line| writer.serialize(line))?;
        Ok(writer.into_inner()?)
    }

    /// Adds fi's errors on the games in a folder, `(game, estimator, budget)` with all seeds.
    ///
    /// # Errors
    ///
    /// A game that is missing; those of the estimators.
    pub fn add_ours(&mut self, folder: &Path, seeds: u64) -> Result<()> {
        for name in GAMES {
            let game = Played::load(folder, name)?;
            let n = game.truth.ncols();
            for budget in std::iter::once(BUDGETS[0] / 2).chain(BUDGETS) {
                let kernel = Kernel { n_coalitions: budget };
                let walks = (budget.saturating_sub(2) / (n - 1)) & !1;
                let permutation = Permutation { n_permutations: walks.max(2), tolerance: None };
                let estimators: [(&str, &dyn Estimator); 2] =
                    [(KERNEL, &kernel), ("fi permutation SHAP", &permutation)];
                for (estimator, settings) in estimators {
                    for seed in 0..seeds {
                        self.0.push(Curve {
                            game: name.to_owned(),
                            estimator: estimator.to_owned(),
                            version: env!("CARGO_PKG_VERSION").to_owned(),
                            budget,
                            seed,
                            error: game.error(settings, seed)?,
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// The root mean square over seeds; `None` without lines.
    fn error(&self, game: &str, estimator: &str, budget: usize) -> Option<f64> {
        let lines = self.0.iter().filter(|line| {
            line.game == game && line.estimator == estimator && line.budget == budget
        });
        let squares: Vec<f64> = lines.map(|line| line.error * line.error).collect();
        (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
    }

    /// How many coalitions KernelSHAP here needs for this error: between two budgets, on a line
    /// in logarithms. Whether it is at most the smallest, or more than the largest, is said too.
    fn needed(&self, game: &str, error: f64) -> Option<(f64, &'static str)> {
        let mut before: Option<(f64, f64)> = None;
        for budget in std::iter::once(BUDGETS[0] / 2).chain(BUDGETS) {
            let Some(ours) = self.error(game, KERNEL, budget) else { continue };
            let budget = budget as f64;
            if ours <= error {
                return Some(before.map_or((budget, "≤ "), |(last, worse)| {
                    let part = (worse / error).ln() / (worse / ours).ln();
                    (last * (budget / last).powf(part), "")
                }));
            }
            before = Some((budget, ours));
        }
        before.map(|(last, _)| (last, "> "))
    }

    /// The table in Markdown.
    ///
    /// # Errors
    ///
    /// An error that is no positive number.
    pub fn table(&self) -> Result<String> {
        if let Some(line) = self.0.iter().find(|line| !(line.error > 0.0 && line.error.is_finite()))
        {
            bail!("the error of {} on {} is `{}`", line.estimator, line.game, line.error);
        }
        let mut text = String::from(
            "| game | coalitions | fi KernelSHAP | fi permutation SHAP | shap KernelExplainer | \
             share that fi needs for this error (asked for) | best of shapiq | its error | share \
             that fi needs (asked for) |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        for game in GAMES {
            for budget in BUDGETS {
                let error = |estimator: &str| self.error(game, estimator, budget);
                let (Some(kernel), Some(shap)) = (error(KERNEL), error(SHAP)) else { continue };
                let best = self
                    .0
                    .iter()
                    .map(|line| line.estimator.as_str())
                    .filter(|estimator| estimator.starts_with("shapiq "))
                    .filter_map(|estimator| Some((estimator, error(estimator)?)))
                    .min_by(|a, b| a.1.total_cmp(&b.1));
                let share = |error: f64, most: f64| {
                    let needed = self.needed(game, error);
                    needed.map_or(String::new(), |(needed, bound)| {
                        let share = needed / budget as f64;
                        let missed =
                            if share > most || bound == "> " { ", **missed**" } else { "" };
                        format!("{bound}{share:.2} ({most}{missed})")
                    })
                };
                let number =
                    |error: Option<f64>| error.map_or(String::new(), |error| format!("{error:.4}"));
                writeln!(
                    text,
                    "| {game} | {budget} | {kernel:.4} | {} | {shap:.4} | {} | {} | {} | {} |",
                    number(error("fi permutation SHAP")),
                    share(shap, SHARES[0]),
                    best.map_or("", |(name, _)| name.trim_start_matches("shapiq ")),
                    number(best.map(|(_, error)| error)),
                    best.map_or(String::new(), |(_, error)| share(error, SHARES[1])),
                )?;
            }
        }
        Ok(text)
    }
}

/// A game of several rows, and their Shapley values.
struct Played {
    kind: Kind,
    truth: Array2<f64>,
}

enum Kind {
    /// `(rows, 2ⁿ)`: the worth of all coalitions, player `i` being bit `i`.
    Table(Array2<f64>),
    /// Rows, and a network in which absent features are 0.
    Network(Array2<f64>, Box<Network>),
}

impl Played {
    fn load(folder: &Path, name: &str) -> Result<Self> {
        let array = |part: &str| read_npy_2d(folder.join(format!("{name}{part}.npy")));
        let truth = array("-truth")?;
        if name != "network-30" {
            let worth = array("")?;
            ensure!(
                worth.dim() == (truth.nrows(), 1 << truth.ncols()),
                "`{name}` has {} values a row for {} players",
                worth.ncols(),
                truth.ncols()
            );
            return Ok(Self { kind: Kind::Table(worth), truth });
        }
        let layer = |i: usize, activation| -> Result<Dense> {
            let bias = read_npy_1d(folder.join(format!("{name}-bias-{i}.npy")))?;
            Ok(Dense { weights: array(&format!("-weights-{i}"))?, bias, activation })
        };
        let mut last = layer(2, Activation::Linear)?;
        // The second of two classes' margins; the first one's is 0.
        let zero = Array2::zeros((last.weights.nrows(), 1));
        last.weights = ndarray::concatenate![Axis(1), zero, last.weights];
        last.bias = ndarray::arr1(&[0.0, last.bias[0]]);
        let layers = vec![layer(0, Activation::Relu)?, layer(1, Activation::Relu)?, last];
        let network = Network::dense(layers, Output::Probabilities)?;
        Ok(Self { kind: Kind::Network(array("-rows")?, Box::new(network)), truth })
    }

    /// The root mean squared error, in units of the truth's own root mean square.
    fn error(&self, estimator: &dyn Estimator, seed: u64) -> Result<f64> {
        let (n_rows, n_players) = self.truth.dim();
        let players = Players::features((0..n_players).map(|i| format!("x{i}")))?;
        let run = Run::new(seed);
        let found = match &self.kind {
            Kind::Table(worth) => explain_games(&run, estimator, &players, n_rows, |row| {
                Ok(Table { worth: worth.row(row), n_players })
            })?,
            Kind::Network(rows, network) => {
                let nothing = Removal::baseline(vec![0.0; n_players])?;
                shap(&run, estimator, network, rows.view(), &players, &nothing)?
            }
        };
        let last = found.values.shape()[1] - 1;
        let gaps = &found.values.slice(s![.., last, ..]) - &self.truth;
        let square = |x: f64| x * x;
        Ok((gaps.mapv(square).sum() / self.truth.mapv(square).sum()).sqrt())
    }
}

/// A row's game as a table.
struct Table<'a> {
    worth: ArrayView1<'a, f64>,
    n_players: usize,
}

impl Game for Table<'_> {
    fn n_players(&self) -> usize {
        self.n_players
    }

    fn n_outputs(&self) -> usize {
        1
    }

    fn values(&self, coalitions: ArrayView2<'_, bool>) -> fi_core::Result<Array2<f64>> {
        let expected = [coalitions.nrows(), self.n_players];
        require_shape("the table of coalitions", &expected, coalitions.shape())?;
        let worth = coalitions.outer_iter().map(|coalition| {
            let index =
                coalition.iter().rev().fold(0, |index, &there| 2 * index + usize::from(there));
            self.worth[index]
        });
        Ok(worth.collect::<ndarray::Array1<f64>>().insert_axis(Axis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(estimator: &str, budget: usize, seed: u64, error: f64) -> Curve {
        let (game, estimator) = (GAMES[0].to_owned(), estimator.to_owned());
        Curve { game, estimator, version: "1".to_owned(), budget, seed, error }
    }

    #[test]
    fn the_table_says_what_share_of_the_coalitions_is_needed() {
        let mut curves = Curves::default();
        // The error falls as one over the coalitions: 64 have 1/8, 128 have 1/16.
        for (budget, error) in [(64, 0.125), (128, 0.0625), (256, 0.03125)] {
            curves.0.push(line(KERNEL, budget, 0, error));
        }
        // Of two seeds, the root mean square is 1/12.
        curves.0.push(line(SHAP, 128, 0, 2.0_f64.sqrt() / 12.0));
        curves.0.push(line(SHAP, 128, 1, 1e-9));
        curves.0.push(line("shapiq A", 128, 0, 0.5));
        curves.0.push(line("shapiq B", 128, 0, 0.04));
        let table = curves.table().unwrap();
        let row = table.lines().nth(2).unwrap();
        assert_eq!(
            row,
            "| network-14 | 128 | 0.0625 |  | 0.0833 | 0.75 (0.5, **missed**) | B | 0.0400 | \
             1.56 (1, **missed**) |"
        );
        curves.0.retain(|line| line.estimator != "shapiq B");
        assert!(curves.table().unwrap().contains("| A | 0.5000 | ≤ 0.50 (1) |"));
        curves.0.push(line("shapiq C", 128, 0, 1e-3));
        assert!(curves.table().unwrap().contains("> 2.00 (1, **missed**)"));
        curves.0[0].error = f64::NAN;
        assert!(curves.table().unwrap_err().to_string().contains("is `NaN`"));
    }

    #[test]
    fn a_game_of_a_table_is_played_by_its_bits() {
        // Player 1 alone is worth 3, together they are worth 5.
        let worth = ndarray::array![[1.0, 1.0, 3.0, 5.0]];
        let truth = ndarray::array![[1.0, 3.0]];
        let game = Played { kind: Kind::Table(worth), truth };
        assert_eq!(game.error(&fi_core::shapley::Exact, 0).unwrap(), 0.0);
    }

    #[test]
    fn curves_survive_their_file() {
        let curves = Curves(vec![line(KERNEL, 128, 3, 1.0 / 3.0)]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.csv");
        std::fs::write(&path, curves.to_csv().unwrap()).unwrap();
        assert_eq!(Curves::read(&path).unwrap(), curves);
    }
}
