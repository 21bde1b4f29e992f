//! How near estimates of Shapley values come to the truth for so many coalitions, by fi and by
//! its peers.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

mod games;
mod losses;

use anyhow::{Result, bail};
use fi_core::shapley::{Estimator, Kernel, Permutation, Rates};
use serde::{Deserialize, Serialize};

use self::games::Played;
use super::lines;

/// The games of predictions, as `benches/peers/curves.py` names and writes them, and the heading of
/// their part of the table.
const GAMES: [(&str, &[&str]); 2] = [
    ("Games on which KernelSHAP was tuned", &["network-14", "forest-14", "network-30"]),
    (
        "Games that it was not tuned on",
        &["diabetes-10", "wine-13", "digits-16", "boosting-20", "boosting-40", "network-60"],
    ),
];
/// The numbers of coalitions at which fi is asked; peers are asked at some of them.
const BUDGETS: [usize; 7] = [64, 128, 256, 512, 1024, 2048, 4096];
const KERNEL: &str = "fi KernelSHAP";
const EQUAL: &str = "fi KernelSHAP, equal rates";
const WALKS: &str = "fi permutation SHAP";
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
    /// How many coalitions it may ask for, none and all included; of a game of losses, how many
    /// rows it asked the model for.
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
        lines::read(path).map(Self)
    }

    /// As CSV.
    ///
    /// # Errors
    ///
    /// None that can happen in memory.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        lines::to_csv(&self.0)
    }

    /// Adds fi's errors on the games in a folder, `(game, estimator, budget)` with all seeds.
    ///
    /// # Errors
    ///
    /// A game that is missing; those of the estimators.
    pub fn add_ours(&mut self, folder: &Path, seeds: u64) -> Result<()> {
        for name in GAMES.iter().flat_map(|(_, names)| *names) {
            let game = Played::load(folder, name)?;
            let n = game.n_players();
            // Fewer are refused, and all coalitions leave no error.
            for budget in BUDGETS.into_iter().filter(|&b| b >= 2 * n + 2 && b < 1 << n) {
                let kernel = Kernel::new(budget);
                let walks = (budget.saturating_sub(2) / (n - 1)) & !1;
                let permutation = Permutation { n_permutations: walks.max(2), tolerance: None };
                let equal = Kernel { rates: Rates::Equal, ..kernel };
                let estimators: [(&str, &dyn Estimator); 3] =
                    [(KERNEL, &kernel), (EQUAL, &equal), (WALKS, &permutation)];
                for (estimator, settings) in estimators {
                    for seed in 0..seeds {
                        self.0.push(Curve {
                            game: (*name).to_owned(),
                            estimator: estimator.to_owned(),
                            version: env!("CARGO_PKG_VERSION").to_owned(),
                            budget,
                            seed,
                            error: game.error(settings, seed, seeds)?,
                        });
                    }
                }
            }
        }
        self.add_our_losses(folder, seeds)
    }

    /// The root mean square over seeds; `None` without lines.
    fn error(&self, game: &str, estimator: &str, budget: usize) -> Option<f64> {
        let lines = self.0.iter().filter(|line| {
            line.game == game && line.estimator == estimator && line.budget == budget
        });
        let squares: Vec<f64> = lines.map(|line| line.error * line.error).collect();
        (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
    }

    /// All budgets of an estimator on a game, ascending.
    fn budgets(&self, game: &str, estimator: &str) -> Vec<usize> {
        let lines = self.0.iter().filter(|l| l.game == game && l.estimator == estimator);
        lines.map(|line| line.budget).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What share of a budget the estimator needs for this error: between two budgets of its own,
    /// on a line in logarithms. Whether it is at most the smallest, or more than the largest, is
    /// said too, and whether it is more than is asked for.
    fn share(&self, game: &str, estimator: &str, error: f64, budget: usize, most: f64) -> String {
        let mut before: Option<(f64, f64)> = None;
        for ours in self.budgets(game, estimator) {
            let Some(found) = self.error(game, estimator, ours) else { continue };
            let ours = ours as f64;
            if found <= error {
                let (needed, bound) = before.map_or((ours, "≤ "), |(last, worse)| {
                    let part = (worse / error).ln() / (worse / found).ln();
                    (last * (ours / last).powf(part), "")
                });
                let share = needed / budget as f64;
                let missed = if share > most { ", **missed**" } else { "" };
                return format!("{bound}{share:.2} ({most}{missed})");
            }
            before = Some((ours, found));
        }
        before.map_or(String::new(), |(last, _)| {
            format!("> {:.2} ({most}, **missed**)", last / budget as f64)
        })
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
        let known = |game: &String| {
            let mut names = GAMES.iter().flat_map(|(_, names)| *names).chain(&losses::GAMES);
            names.any(|known| known == game)
        };
        if let Some(line) = self.0.iter().find(|line| !known(&line.game)) {
            bail!("there is no game `{}`", line.game);
        }
        let mut text = String::new();
        for (heading, games) in GAMES {
            let rows: Vec<String> = games.iter().flat_map(|game| self.rows(game)).collect();
            if rows.is_empty() {
                continue;
            }
            writeln!(
                text,
                "\n{heading}:\n\n| game | coalitions | fi KernelSHAP | equal rates | fi permutation SHAP | shap \
                 KernelExplainer | share that fi needs for this error (asked for) | best of shapiq | \
                 its error | share that fi needs (asked for) |\n|---|---|---|---|---|---|---|---|---|---|\n{}",
                rows.join("\n"),
            )?;
        }
        text.push_str(&self.losses_table());
        Ok(text)
    }

    /// The lines of a game: one per number of coalitions at which shap was asked.
    fn rows(&self, game: &str) -> Vec<String> {
        let row = |budget: usize| {
            let error = |estimator: &str| self.error(game, estimator, budget);
            let shap = error(SHAP)?;
            let best = self
                .0
                .iter()
                .map(|line| line.estimator.as_str())
                .filter(|estimator| estimator.starts_with("shapiq "))
                .filter_map(|estimator| Some((estimator, error(estimator)?)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let share = |error, most| self.share(game, KERNEL, error, budget, most);
            let number =
                |error: Option<f64>| error.map_or(String::new(), |error| format!("{error:.4}"));
            Some(format!(
                "| {game} | {budget} | {} | {} | {} | {shap:.4} | {} | {} | {} | {} |",
                number(error(KERNEL)),
                number(error(EQUAL)),
                number(error(WALKS)),
                share(shap, SHARES[0]),
                best.map_or("", |(name, _)| name.trim_start_matches("shapiq ")),
                number(best.map(|(_, error)| error)),
                best.map_or(String::new(), |(_, error)| share(error, SHARES[1])),
            ))
        };
        self.budgets(game, SHAP).into_iter().filter_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(estimator: &str, budget: usize, seed: u64, error: f64) -> Curve {
        let (game, estimator) = (GAMES[0].1[0].to_owned(), estimator.to_owned());
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
        let row = table.lines().nth(5).unwrap();
        assert_eq!(
            row,
            "| network-14 | 128 | 0.0625 |  |  | 0.0833 | 0.75 (0.5, **missed**) | B | 0.0400 | \
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
    fn curves_survive_their_file() {
        let curves = Curves(vec![line(KERNEL, 128, 3, 1.0 / 3.0)]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.csv");
        std::fs::write(&path, curves.to_csv().unwrap()).unwrap();
        assert_eq!(Curves::read(&path).unwrap(), curves);
    }
}
