//! VIANN: how much a feature's input weights moved in training, times where they ended.

use fi_core::{Error, Importance, Result, Warning, require_shape};
use ndarray::{Array2, ArrayView2, Zip};
use serde::{Deserialize, Serialize};

use super::fitted::{Network, all_finite};

/// Count, mean and sum of squared deviations of every weight of a layer, over the epochs.
///
/// Welford's update, in one pass and without keeping the epochs:
///
/// ```text
/// n ← n + 1,   δ = W − mean,   mean ← mean + δ / n,   m2 ← m2 + δ (W − mean)
/// ```
///
/// The weights before training are kept but not counted, as in the published method.
///
/// # References
///
/// - Welford (1962). *Note on a method for calculating corrected sums of squares and products.*
///   Technometrics 4(3):419–420. <https://doi.org/10.1080/00401706.1962.10490022>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightStatistics {
    /// How many epochs were counted.
    pub count: usize,
    /// `(n_inputs, n_hidden)`: the weights before training.
    pub initial: Array2<f64>,
    /// `(n_inputs, n_hidden)`: the mean weight; `initial` while `count` is 0.
    pub mean: Array2<f64>,
    /// `(n_inputs, n_hidden)`: the sum of squared deviations from the mean.
    pub m2: Array2<f64>,
}

impl WeightStatistics {
    /// Nothing counted yet; `initial` are the `(n_inputs, n_hidden)` weights before training.
    pub fn new(initial: ArrayView2<'_, f64>) -> Self {
        let initial = initial.to_owned();
        let m2 = Array2::zeros(initial.raw_dim());
        Self { count: 0, mean: initial.clone(), initial, m2 }
    }

    /// Counts the weights at the end of an epoch.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for weights of another shape.
    pub fn update(&mut self, weights: ArrayView2<'_, f64>) -> Result<()> {
        require_shape("the weight matrix of this epoch", self.mean.shape(), weights.shape())?;
        self.count += 1;
        let n = self.count as f64;
        if self.count == 1 {
            self.mean.assign(&weights);
            self.m2.fill(0.0);
            return Ok(());
        }
        Zip::from(&mut self.mean).and(&mut self.m2).and(weights).for_each(|mean, m2, &w| {
            let delta = w - *mean;
            *mean += delta / n;
            *m2 += delta * (w - *mean);
        });
        Ok(())
    }

    /// The same statistics with the weights before training counted as one more epoch.
    pub fn with_initial(&self) -> Self {
        let mut all = self.clone();
        let n = self.count as f64;
        Zip::from(&mut all.mean).and(&mut all.m2).and(&self.initial).for_each(|mean, m2, &w| {
            let delta = w - *mean;
            *mean += delta / (n + 1.0);
            *m2 += delta * delta * n / (n + 1.0);
        });
        all.count += 1;
        all
    }

    /// The sample variance (ddof 1) of every weight over the counted epochs.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] with fewer than two epochs: one point has no variance.
    pub fn variance(&self) -> Result<Array2<f64>> {
        if self.count < 2 {
            return Err(too_few_epochs(self.count));
        }
        Ok(&self.m2 / (self.count - 1) as f64)
    }

    /// These fit weights of this shape, and every number is finite.
    pub(super) fn check(&self, (n_inputs, n_hidden): (usize, usize)) -> Result<()> {
        for (array, what) in [
            (&self.initial, "the initial weight matrix"),
            (&self.mean, "the mean weight matrix"),
            (&self.m2, "the matrix of squared deviations"),
        ] {
            require_shape(what, &[n_inputs, n_hidden], array.shape())?;
            all_finite(what, array.iter())?;
        }
        match self.m2.iter().find(|m2| **m2 < 0.0) {
            None => Ok(()),
            Some(m2) => Err(Error::Data(format!(
                "the matrix of squared deviations holds `{m2}`, it must not be negative"
            ))),
        }
    }
}

fn too_few_epochs(n_epochs: usize) -> Error {
    Error::Data(format!(
        "the variance of the weights needs at least 2 epochs, got {n_epochs}: \
         train for more epochs, or give the weights of each"
    ))
}

/// Variance-based feature importance of a neural network (VIANN).
///
/// ```text
/// rᵢ = Σⱼ S²ᵢⱼ |wᵢⱼ|        scoreᵢ = (rᵢ − min r) / (max r − min r)
/// ```
///
/// `wᵢⱼ` is the final weight from feature `i` to unit `j` of the first layer, `S²ᵢⱼ` the sample
/// variance (ddof 1) of that weight at the ends of epochs 1 … T. Biases and later layers are not
/// looked at. The defaults are the published definition, which a golden test pins.
///
/// # Units
///
/// Raw scores are in weights cubed; min-max scores have no unit and are only comparable within
/// one network.
///
/// # Cost
///
/// `O(n_inputs × n_hidden)` time per epoch, and that much memory for all of them.
///
/// # When it misleads
///
/// The known flaws of the definition, with what is offered against them:
///
/// - **Min-max scaling**: the last feature always scores 0 and the first always 1, however small
///   the difference; take [`Scale::Raw`] or [`Scale::Sum`] to compare networks.
/// - **Few epochs**: with one epoch there is no variance (an error here, NaN as published), with
///   a handful it is mostly noise; published scores rest on as few as 7 epochs.
/// - **The initial weights do not count**, though the code looks as if they did; with
///   `initial_weights` they do.
/// - **It follows the drift, not the use**: a weight that travels `D` in a straight line has
///   `S² ≈ D² / 12`, and a plateau after that shrinks `S²` roughly by its length. Epochs,
///   learning rate, initialisation and stopping rule are part of the score.
/// - **The unit of a feature** scales its weights: scale the features first.
/// - **Later layers** may ignore what the first one computes; [`olden`](super::olden) looks.
/// - **Seeds**: on Iris, networks that differ in their seed alone agree at about .6 (Pearson).
///
/// # Errors
///
/// [`Error::Data`] with fewer than two epochs or for a weight that is not finite;
/// [`Error::Shape`] if weights, statistics and names do not fit together.
///
/// # Example
///
/// ```
/// use fi_models::network::{Scale, Viann};
/// use ndarray::array;
///
/// // Two features, one hidden unit, three epochs, as any framework may give them.
/// let epochs = [array![[1.0], [0.5]], array![[2.0], [0.5]], array![[3.0], [0.5]]];
/// let epochs = epochs.each_ref().map(|weights| weights.view());
/// let names = ["moved".to_owned(), "stayed".to_owned()];
/// let raw = Viann { scale: Scale::Raw, ..Viann::default() };
/// // The variance of 1, 2, 3 is 1, and the final weight 3.
/// assert_eq!(raw.of_epochs(&epochs, &names)?.values, [3.0, 0.0]);
/// assert_eq!(Viann::default().of_epochs(&epochs, &names)?.values, [1.0, 0.0]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - de Sá (2019). *Variance-based feature importance in neural networks.* Discovery Science,
///   LNCS 11828:306–315. <https://doi.org/10.1007/978-3-030-33778-0_24>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Viann {
    /// How raw scores are scaled. Default: min-max, as published.
    pub scale: Scale,
    /// Whether the weights before training count as one more epoch. Default: no, as published.
    pub initial_weights: bool,
    /// Whether variances are multiplied by the final |weights|. Default: yes, as published for
    /// dense layers; no is the package's form for embeddings.
    pub weight_factor: bool,
}

/// How VIANN's raw scores are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// The least important feature gets 0 and the most important 1.
    MinMax,
    /// Not at all.
    Raw,
    /// The scores sum to 1.
    Sum,
}

impl Default for Viann {
    fn default() -> Self {
        Self { scale: Scale::MinMax, initial_weights: false, weight_factor: true }
    }
}

impl Viann {
    /// Scores the features of a network that was trained here.
    ///
    /// Where early stopping went back to the best epoch, the final weights are those of that
    /// epoch, while the variance is over all epochs.
    ///
    /// # Errors
    ///
    /// See [`Viann`].
    pub fn of_network(&self, network: &Network, names: &[String]) -> Result<Importance> {
        let weights = network.first_weights().ok_or_else(|| {
            Error::Data("VIANN reads the first layer's weights, the network has none".into())
        })?;
        self.importance(network.statistics(), weights.view(), names)
    }

    /// Scores the features from their weights at the end of each epoch, each
    /// `(n_inputs, n_hidden)` and the last one final, from any framework.
    ///
    /// Every array counts. To count the weights before training, put them first; this is the
    /// same as `initial_weights`, which makes no difference here.
    ///
    /// PyTorch's `Linear.weight` is `(n_hidden, n_inputs)`: pass its transpose.
    ///
    /// # Errors
    ///
    /// See [`Viann`].
    pub fn of_epochs(
        &self,
        epochs: &[ArrayView2<'_, f64>],
        names: &[String],
    ) -> Result<Importance> {
        let [first, .., last] = epochs else { return Err(too_few_epochs(epochs.len())) };
        let mut statistics = WeightStatistics::new(*first);
        for weights in epochs {
            statistics.update(*weights)?;
        }
        Self { initial_weights: false, ..*self }.importance(&statistics, *last, names)
    }

    /// Scores the features from statistics collected by an observer and the final
    /// `(n_inputs, n_hidden)` weights.
    ///
    /// # Errors
    ///
    /// See [`Viann`].
    pub fn importance(
        &self,
        statistics: &WeightStatistics,
        final_weights: ArrayView2<'_, f64>,
        names: &[String],
    ) -> Result<Importance> {
        require_shape(
            "the first layer's weight matrix",
            &[names.len(), final_weights.ncols()],
            final_weights.shape(),
        )?;
        statistics.check(final_weights.dim())?;
        all_finite("the final weight matrix", final_weights.iter())?;
        let variance = if self.initial_weights {
            statistics.with_initial().variance()?
        } else {
            statistics.variance()?
        };
        let raw: Vec<f64> = variance
            .rows()
            .into_iter()
            .zip(final_weights.rows())
            .map(|(variance, weights)| {
                let pairs = variance.iter().zip(weights);
                pairs.map(|(v, w)| if self.weight_factor { v * w.abs() } else { *v }).sum()
            })
            .collect();
        self.scaled(&raw, names)
    }

    fn scaled(self, raw: &[f64], names: &[String]) -> Result<Importance> {
        all_finite("the list of VIANN's raw scores", raw.iter())?;
        let (low, span) = match self.scale {
            Scale::Raw => (0.0, 1.0),
            Scale::Sum => (0.0, raw.iter().sum()),
            Scale::MinMax => {
                let low = raw.iter().copied().fold(f64::INFINITY, f64::min);
                (low, raw.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low)
            }
        };
        let flat = span == 0.0;
        let span = if flat { 1.0 } else { span };
        let scaled = raw.iter().map(|r| (r - low) / span).collect();
        let mut importance = Importance::new("VIANN", names, scaled)?;
        if flat {
            importance.warnings.push(Warning::Note(
                "all features have the same raw score, so the scaled scores are all 0".into(),
            ));
        }
        Ok(importance)
    }
}
