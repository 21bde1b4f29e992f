//! Training of networks: fi's side, and the tables that both sides read.

use std::path::Path;

use anyhow::{Result, bail};
use fi_core::{Dataset, Metric, Model as _, Rng, Run, Target};
use fi_models::network::{Input, Mlp, Network, Optimizer, Recurrent, Training};
use ndarray::{Array2, ArrayView1};

use super::accuracy::{Split, split};

/// The training of a network, with its rows loaded: [`NetworkJob::run`] is what is timed.
pub struct NetworkJob {
    settings: Settings,
    split: Split,
}

enum Settings {
    Dense(Mlp),
    Recurrent(Recurrent),
}

impl NetworkJob {
    /// Prepares a work called `network:…`.
    ///
    /// # Errors
    ///
    /// An unknown name.
    pub fn load(name: &str) -> Result<Self> {
        Ok(match name {
            "network:mlp-digits" => {
                let settings = Mlp {
                    hidden: vec![50, 100, 50],
                    optimizer: Optimizer::adam(0.001),
                    epochs: 30,
                    batch_size: 64,
                    ..Mlp::default()
                };
                Self { settings: Settings::Dense(settings), split: digits()? }
            }
            "network:lstm-50" => {
                let optimizer = Optimizer::adam(0.001);
                let settings = Recurrent {
                    input: Input::Sequence { steps: 50, channels: 8 },
                    units: vec![64],
                    training: Training {
                        optimizer,
                        epochs: 5,
                        batch_size: 32,
                        ..Training::default()
                    },
                    ..Recurrent::default()
                };
                Self { settings: Settings::Recurrent(settings), split: sequences()? }
            }
            _ => bail!("there is no work called `{name}`"),
        })
    }

    /// Trains once.
    ///
    /// # Errors
    ///
    /// Those of the network.
    pub fn run(&self) -> Result<Network> {
        let (run, data) = (Run::new(0), &self.split.train);
        Ok(match &self.settings {
            Settings::Dense(settings) => settings.fit(&run, data)?,
            Settings::Recurrent(settings) => settings.fit(&run, data)?,
        })
    }

    /// The accuracy on rows held out, or R².
    ///
    /// # Errors
    ///
    /// Those of the network.
    pub fn score(&self, network: &Network) -> Result<f64> {
        let test = &self.split.test;
        let predictions = network.predict(test.rows())?;
        let metric = match self.settings {
            Settings::Dense(_) => Metric::Accuracy,
            Settings::Recurrent(_) => Metric::R2,
        };
        Ok(metric.score(predictions.view(), network.output(), test.target(), None)?)
    }
}

/// The digits, their pixels between 0 and 1.
fn digits() -> Result<Split> {
    let scaled = |data: Dataset| data.clone().with_rows(data.rows().mapv(|pixel| pixel / 16.0));
    let split = split("digits", 0)?;
    Ok(Split { train: scaled(split.train)?, test: scaled(split.test)? })
}

/// Sequences of 50 steps of 8 channels, step by step in a row.
fn sequences() -> Result<Split> {
    let mut rng = Rng::new(50, 0);
    let rows = Array2::from_shape_simple_fn((1_250, 50 * 8), || rng.normal());
    let values = rows.rows().into_iter().map(sequence_target).collect();
    let data = Dataset::new(rows, Target::Values(values))?;
    let (train, test): (Vec<usize>, Vec<usize>) = (0..1_250).partition(|&row| row < 1_000);
    Ok(Split { train: data.select_rows(&train)?, test: data.select_rows(&test)? })
}

/// Early steps count by their first channel, late ones by their second, so that a network has to
/// remember.
fn sequence_target(row: ArrayView1<'_, f64>) -> f64 {
    let late = |step: usize| step as f64 / 50.0;
    let step = |t: usize| (1.0 - late(t)) * row[t * 8] + late(t) * row[t * 8 + 1];
    (0..50).map(step).sum::<f64>() / 4.0
}

/// Writes what `benches/peers/networks.py` trains on: `digits` and `sequences`.
///
/// # Errors
///
/// A folder that cannot be written to.
pub fn save_network_data(models: &Path) -> Result<()> {
    digits()?.save(&models.join("digits"))?;
    sequences()?.save(&models.join("sequences"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_of_the_benchmark_learns_the_digits() {
        let mut job = NetworkJob::load("network:mlp-digits").unwrap();
        assert_eq!(job.split.train.n_rows(), 1_438);
        job.settings.epochs = 8;
        let score = job.score(&job.run().unwrap()).unwrap();
        assert!(score > 0.85, "{score}");
        assert!(NetworkJob::load("network:none").is_err());
    }

    #[test]
    fn sequences_have_a_target_that_their_steps_make() {
        let split = sequences().unwrap();
        assert_eq!((split.train.n_rows(), split.test.n_rows()), (1_000, 250));
        let mut row = ndarray::Array1::zeros(400);
        row[0] = 1.0;
        row[49 * 8 + 1] = 1.0;
        row[49 * 8 + 2] = 7.0;
        assert!((sequence_target(row.view()) - (1.0 + 0.98) / 4.0).abs() < 1e-12);
    }
}
