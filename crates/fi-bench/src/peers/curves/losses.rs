//! Games of losses, whose Shapley values are SAGE values: the error by the rows that the model is
//! asked for.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use fi_core::{Dataset, LossGame, Metric, Model, Output, Players, Removal, Run, Sage, Target};
use fi_io::{read_npy_1d, read_npy_2d};
use fi_models::Fitted;
use fi_models::import::load;
use ndarray::Array2;

use super::games::network;
use super::{Curve, Curves};

/// The games, as `benches/peers/curves.py` names and writes them.
pub(super) const GAMES: [&str; 4] =
    ["sage-network-10", "sage-forest-10", "sage-wine-12", "sage-diabetes-10"];
/// The numbers of draws at which fi is asked.
const DRAWS: [usize; 9] = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
/// How many seeds these games have for each seed of the others, which have ten rows.
const SEEDS: u64 = 2;
const SAGE: &str = "fi SAGE";
/// For a peer's error, this share of the rows that it asks for is to suffice.
const SHARE: f64 = 0.5;

impl Curves {
    /// Adds fi's errors on the games of losses in a folder.
    pub(super) fn add_our_losses(&mut self, folder: &Path, seeds: u64) -> Result<()> {
        for name in GAMES {
            let file = |part: &str| folder.join(format!("{name}-{part}.npy"));
            let model = model(folder, name)?;
            let y = read_npy_1d(file("y"))?;
            let (target, metric) = if model.output() == Output::Probabilities {
                let labels = y.iter().map(|&class| class as usize).collect();
                let names = (0..model.n_outputs()).map(|class| class.to_string()).collect();
                (Target::Classes { labels, names }, Metric::LogLoss)
            } else {
                (Target::Values(y.to_vec()), Metric::Mse)
            };
            let data = Dataset::new(read_npy_2d(file("x"))?, target)?;
            let players = Players::features((0..data.n_features()).map(|i| format!("x{i}")))?;
            let removal = Removal::marginal(read_npy_2d(file("background"))?)?;
            let metrics = [metric];
            let game = LossGame::new(&*model, &data, &players, &removal, &metrics)?;
            let truth = read_npy_2d(file("truth"))?;
            for n_draws in DRAWS {
                let sage = Sage { n_draws, tolerance: None, ..Sage::default() };
                for seed in 0..SEEDS * seeds {
                    let found = sage.estimate(&Run::new(seed), &game)?;
                    let squares = |table: &Array2<f64>| table.mapv(|x| x * x).sum();
                    self.0.push(Curve {
                        game: name.to_owned(),
                        estimator: SAGE.to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                        budget: found.n_evaluations,
                        seed,
                        error: (squares(&(&found.values - &truth)) / squares(&truth)).sqrt(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Their part of the table; empty without them.
    pub(super) fn losses_table(&self) -> String {
        let mut text = String::new();
        for game in GAMES {
            for peer in ["sage PermutationEstimator", "sage KernelEstimator"] {
                for budget in self.budgets(game, peer) {
                    let Some(error) = self.error(game, peer, budget) else { continue };
                    if text.is_empty() {
                        text.push_str(
                            "\nSAGE values, and the rows that the model is asked for:\n\n| game | \
                             peer | its rows | its error | share that fi SAGE needs for this error \
                             (asked for) |\n|---|---|---|---|---|\n",
                        );
                    }
                    let share = self.share(game, SAGE, error, budget, SHARE);
                    // A string can always be written to.
                    let _ = writeln!(text, "| {game} | {peer} | {budget} | {error:.4} | {share} |");
                }
            }
        }
        text
    }
}

fn model(folder: &Path, name: &str) -> Result<Box<dyn Model>> {
    let file = folder.join(format!("{name}.json"));
    if !file.exists() {
        return Ok(Box::new(network(folder, name)?));
    }
    match load(&file)?.model {
        Fitted::Trees(trees) => Ok(Box::new(trees)),
        _ => bail!("`{name}` is no model of trees"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_share_of_a_peers_rows_is_needed() {
        let mut curves = Curves::default();
        let mut push = |estimator: &str, budget: usize, error: f64| {
            let (game, estimator) = (GAMES[1].to_owned(), estimator.to_owned());
            curves.0.push(Curve {
                game,
                estimator,
                version: "1".to_owned(),
                budget,
                seed: 0,
                error,
            });
        };
        // The error falls as one over the root of the rows: 400 rows have 0.1, so 1,600 have 0.05.
        push(SAGE, 100, 0.2);
        push(SAGE, 10_000, 0.02);
        push("sage PermutationEstimator", 4_000, 0.1);
        push("sage KernelEstimator", 2_000, 0.05);
        push("sage KernelEstimator", 1_000, 0.3);
        push("sage KernelEstimator", 50_000, 0.01);
        let table = curves.table().unwrap();
        let rows: Vec<&str> = table.lines().skip(5).collect();
        assert_eq!(
            rows,
            [
                "| sage-forest-10 | sage PermutationEstimator | 4000 | 0.1000 | 0.10 (0.5) |",
                "| sage-forest-10 | sage KernelEstimator | 1000 | 0.3000 | ≤ 0.10 (0.5) |",
                "| sage-forest-10 | sage KernelEstimator | 2000 | 0.0500 | 0.80 (0.5, **missed**) |",
                "| sage-forest-10 | sage KernelEstimator | 50000 | 0.0100 | > 0.20 (0.5, **missed**) |",
            ]
        );
    }
}
