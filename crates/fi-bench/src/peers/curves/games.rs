//! Games of predictions, with their Shapley values.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use fi_core::shapley::{Estimator, explain, explain_games};
use fi_core::{Game, Output, Players, Removal, Run, require_shape};
use fi_io::{read_npy_1d, read_npy_2d};
use fi_models::Fitted;
use fi_models::import::load;
use fi_models::network::{Activation, Dense, Network, shap};
use fi_models::tree::Trees;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};

/// A game of several rows, and their Shapley values.
pub(super) struct Played {
    kind: Kind,
    truth: Array2<f64>,
}

enum Kind {
    /// `(rows, 2ⁿ)`: the worth of all coalitions, player `i` being bit `i`.
    Table(Array2<f64>),
    /// Rows, and a network in which absent features are 0.
    Network(Array2<f64>, Box<Network>),
    /// Rows, trees, and what absent features are.
    Trees(Array2<f64>, Box<Trees>, Removal),
}

impl Played {
    pub(super) fn load(folder: &Path, name: &str) -> Result<Self> {
        let array = |part: &str| read_npy_2d(folder.join(format!("{name}{part}.npy")));
        let truth = array("-truth")?;
        if folder.join(format!("{name}.npy")).exists() {
            let worth = array("")?;
            ensure!(
                worth.dim() == (truth.nrows(), 1 << truth.ncols()),
                "`{name}` has {} values a row for {} players",
                worth.ncols(),
                truth.ncols()
            );
            return Ok(Self { kind: Kind::Table(worth), truth });
        }
        let rows = array("-rows")?;
        let trees = folder.join(format!("{name}.txt"));
        let kind = if trees.exists() {
            let Fitted::Trees(trees) = load(&trees)?.model else {
                bail!("`{name}` is no model of trees")
            };
            let baseline = read_npy_1d(folder.join(format!("{name}-baseline.npy")))?;
            Kind::Trees(rows, Box::new(trees), Removal::baseline(baseline.to_vec())?)
        } else {
            Kind::Network(rows, Box::new(network(folder, name)?))
        };
        Ok(Self { kind, truth })
    }

    pub(super) fn n_players(&self) -> usize {
        self.truth.ncols()
    }

    /// The root mean squared error over the seed's share of the rows, in units of the whole
    /// truth's own root mean square.
    pub(super) fn error(&self, estimator: &dyn Estimator, seed: u64, seeds: u64) -> Result<f64> {
        let (n_rows, n_players) = self.truth.dim();
        let of_seed = |row: &usize| *row as u64 % seeds == seed % n_rows as u64;
        let share: Vec<usize> = (0..n_rows).filter(of_seed).collect();
        let players = Players::features((0..n_players).map(|i| format!("x{i}")))?;
        let run = Run::new(seed);
        let found = match &self.kind {
            Kind::Table(worth) => explain_games(&run, estimator, &players, share.len(), |i| {
                Ok(Table { worth: worth.row(share[i]), n_players })
            })?,
            Kind::Network(rows, network) => {
                let nothing = Removal::baseline(vec![0.0; n_players])?;
                let rows = rows.select(Axis(0), &share);
                shap(&run, estimator, network, rows.view(), &players, &nothing)?
            }
            Kind::Trees(rows, trees, baseline) => {
                let rows = rows.select(Axis(0), &share);
                explain(&run, estimator, &**trees, rows.view(), &players, baseline)?
            }
        };
        let last = found.values.shape()[1] - 1;
        let truth = self.truth.select(Axis(0), &share);
        let mean_square = |table: &Array2<f64>| table.mapv(|x| x * x).mean();
        let gaps = &found.values.slice(s![.., last, ..]) - &truth;
        let error = mean_square(&gaps).zip(mean_square(&self.truth));
        let (error, size) = error.context("a game has no rows")?;
        Ok((error / size).sqrt())
    }
}

/// No game's network has more layers.
const MOST_LAYERS: usize = 100;

/// The network of a game: hidden layers of ReLU units, then the classes' margins. One margin is the
/// second of two classes'; the first one's is 0.
pub(super) fn network(folder: &Path, name: &str) -> Result<Network> {
    let file = |what: &str, i: usize| folder.join(format!("{name}-{what}-{i}.npy"));
    let n_layers = (0..MOST_LAYERS).take_while(|&i| file("weights", i).exists()).count();
    let layers = (0..n_layers).map(|i| -> Result<Dense> {
        let (mut weights, mut bias) =
            (read_npy_2d(file("weights", i))?, read_npy_1d(file("bias", i))?);
        let last = i + 1 == n_layers;
        if last && bias.len() == 1 {
            let zero = Array2::zeros((weights.nrows(), 1));
            weights = ndarray::concatenate![Axis(1), zero, weights];
            bias = ndarray::arr1(&[0.0, bias[0]]);
        }
        let activation = if last { Activation::Linear } else { Activation::Relu };
        Ok(Dense { weights, bias, activation })
    });
    Ok(Network::dense(layers.collect::<Result<_>>()?, Output::Probabilities)?)
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

    #[test]
    fn a_game_of_a_table_is_played_by_its_bits() {
        // Player 1 alone is worth 3, together they are worth 5.
        let worth = ndarray::array![[1.0, 1.0, 3.0, 5.0]];
        let truth = ndarray::array![[1.0, 3.0]];
        let game = Played { kind: Kind::Table(worth), truth };
        assert_eq!(game.error(&fi_core::shapley::Exact, 0, 1).unwrap(), 0.0);
    }

    #[test]
    fn each_seed_has_its_share_of_the_rows() {
        // The truth of the second row is wrong by 2 for both players, of a size of √(10 / 4).
        let worth = ndarray::array![[0.0, 1.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0]];
        let truth = ndarray::array![[1.0, 1.0], [2.0, 2.0]];
        let game = Played { kind: Kind::Table(worth), truth };
        let error = |seed, seeds| game.error(&fi_core::shapley::Exact, seed, seeds);
        assert_eq!(error(0, 2).unwrap(), 0.0);
        assert!((error(1, 2).unwrap() - (4.0_f64 / 2.5).sqrt()).abs() < 1e-12);
        assert!((error(0, 1).unwrap() - (2.0_f64 / 2.5).sqrt()).abs() < 1e-12);
        // More seeds than rows begin again.
        assert_eq!(error(2, 3).unwrap(), 0.0);
        assert!(error(3, 4).unwrap() > 1.0);
    }
}
