//! What is learnt from the training rows: how each column is drawn, what its states are, and how
//! a state reads.

use serde::{Deserialize, Serialize};

use super::entropy;
use crate::dataset::Dataset;
use crate::rng::Rng;
use crate::statistics::quantile;

/// What a numeric column is to the local fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Discretizer {
    /// In the instance's bin or not; the bins end at the training rows' quartiles.
    Quartiles,
    /// As quartiles, with deciles.
    Deciles,
    /// As quartiles; at most 8 bins that end where the classes of the training rows change: the splits
    /// of a tree of the column alone, 3 levels deep, by entropy. A column that tells no classes apart,
    /// because there is one class or one value, is cut at its median.
    ///
    /// The tree is scikit-learn's, as in lime; without the stop of Fayyad and Irani, so that it cuts
    /// noise, too.
    Entropy,
    /// The number itself, in standard deviations of the training rows.
    Continuous(Around),
}

/// About what a continuous column is drawn from a normal with the training rows' standard
/// deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Around {
    /// The training rows' mean.
    Mean,
    /// The instance.
    Instance,
}

/// The state of a value that is missing, where states are bins or categories.
pub(super) const MISSING: f64 = -1.0;

/// One column of the training rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Column {
    /// Cut at `borders` into bins `(borders[i − 1], borders[i]]`.
    Bins { borders: Vec<f64>, labels: Vec<String>, bins: Vec<Bin>, shares: Shares },
    /// Values that are equal or not; NaN is one of them.
    Categories { values: Vec<f64>, shares: Shares },
    /// A normal, and the share of missing values.
    Normal { mean: f64, std: f64, missing: f64 },
}

/// A column's draw: the value that the model gets and its state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Draw {
    /// NaN if missing. About an instance: what is added to it.
    pub(super) value: f64,
    /// The number of the bin, the category, or standard deviations from the mean.
    pub(super) state: f64,
}

impl Column {
    /// Learns `feature` of `data`, whose rows have positive weights.
    pub(super) fn new(data: &Dataset, feature: usize, discretizer: Discretizer) -> Self {
        let weights = data.weights();
        let weighted = data.rows().column(feature).to_vec().into_iter().enumerate();
        let mut values: Vec<(f64, f64)> =
            weighted.map(|(row, x)| (x, weights.map_or(1.0, |weights| weights[row]))).collect();
        let all: f64 = values.iter().map(|(_, weight)| weight).sum();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        if data.categorical().binary_search(&feature).is_ok() {
            let same = |a: &(f64, f64), b: &(f64, f64)| a.0 == b.0 || a.0.is_nan() && b.0.is_nan();
            let categories = values.chunk_by(same);
            let weights = categories.clone().map(|group| group.iter().map(|(_, w)| w).sum());
            let shares = Shares::new(weights);
            return Self::Categories {
                values: categories.map(|group| group[0].0).collect(),
                shares,
            };
        }
        values.retain(|(value, _)| !value.is_nan());
        let there: f64 = values.iter().map(|(_, weight)| weight).sum();
        let missing = (1.0 - there / all).max(0.0);
        let quantiles = |parts: u8| -> Vec<f64> {
            let levels = (1..parts).map(|i| f64::from(i) / f64::from(parts));
            levels.filter_map(|level| weighted_quantile(&values, level)).collect()
        };
        let mut borders = match discretizer {
            Discretizer::Quartiles => quantiles(4),
            Discretizer::Deciles => quantiles(10),
            Discretizer::Entropy => match entropy::borders(data, feature) {
                none if none.is_empty() => quantiles(2),
                borders => borders,
            },
            Discretizer::Continuous(_) => {
                let (mean, std) = mean_and_std(&values);
                return Self::Normal { mean, std, missing };
            }
        };
        borders.dedup();
        let lowest = values.first().map_or(f64::NAN, |first| first.0);
        let highest = values.last().map_or(f64::NAN, |last| last.0);
        let ends: Vec<f64> = [&[lowest], borders.as_slice(), &[highest]].concat();
        let mut bins: Vec<Bin> = Vec::new();
        let mut weights: Vec<f64> = Vec::new();
        let mut rest = values.as_slice();
        for (bin, ends) in ends.windows(2).enumerate() {
            let inside = borders
                .get(bin)
                .map_or(rest.len(), |&border| rest.partition_point(|(value, _)| *value <= border));
            let (own, after) = rest.split_at(inside);
            bins.push(Bin::new(own, ends[0], ends[1]));
            weights.push(own.iter().map(|(_, weight)| weight).sum());
            rest = after;
        }
        weights.push(all - there);
        let labels = distinct(&borders);
        Self::Bins { borders, labels, bins, shares: Shares::new(weights.into_iter()) }
    }

    /// Whether the local fit sees the column as a number, for an instance that has one.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Normal { .. })
    }

    pub(super) fn draw(&self, around: Around, rng: &mut Rng) -> Draw {
        match self {
            Self::Bins { bins, shares, .. } => {
                let state = shares.draw(rng);
                bins.get(state).map_or(Draw { value: f64::NAN, state: MISSING }, |bin| Draw {
                    value: bin.draw(rng),
                    state: state as f64,
                })
            }
            Self::Categories { values, shares } => {
                let value = values[shares.draw(rng)];
                Draw { value, state: if value.is_nan() { MISSING } else { value } }
            }
            Self::Normal { mean, std, missing } => {
                // A draw even if nothing is missing would be one for nothing.
                if *missing > 0.0 && rng.uniform() < *missing {
                    return Draw { value: f64::NAN, state: f64::NAN };
                }
                let state = if *std > 0.0 { rng.normal() } else { 0.0 };
                let value = match around {
                    Around::Mean => mean + std * state,
                    Around::Instance => std * state,
                };
                Draw { value, state }
            }
        }
    }

    /// The state of an instance's value.
    pub(super) fn state(&self, value: f64) -> f64 {
        match self {
            Self::Normal { mean, std, .. } => (value - mean) / if *std > 0.0 { *std } else { 1.0 },
            _ if value.is_nan() => MISSING,
            Self::Bins { borders, .. } => borders.partition_point(|&border| border < value) as f64,
            Self::Categories { .. } => value,
        }
    }

    /// What is true of an instance's value and makes its state.
    pub(super) fn condition(&self, name: &str, value: f64) -> String {
        if value.is_nan() {
            return format!("{name} is missing");
        }
        let Self::Bins { borders, labels, .. } = self else { return format!("{name} = {value}") };
        let bin = borders.partition_point(|&border| border < value);
        match (bin.checked_sub(1).map(|below| &labels[below]), labels.get(bin)) {
            (None, None) => format!("{name} is not missing"),
            (None, Some(high)) => format!("{name} ≤ {high}"),
            (Some(low), None) => format!("{name} > {low}"),
            (Some(low), Some(high)) => format!("{low} < {name} ≤ {high}"),
        }
    }
}

/// A bin's training values as a normal cut off at the bin's ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bin {
    pub(super) mean: f64,
    pub(super) std: f64,
    /// The ends, in standard deviations from the mean.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Bin {
    fn new(values: &[(f64, f64)], low: f64, high: f64) -> Self {
        let (mean, std) = mean_and_std(values);
        let (low, high) = ((low - mean) / std, (high - mean) / std);
        Self { mean, std, low, high }
    }

    /// By rejection, from the uniform where the bin is narrow and from the whole normal where it
    /// is wide. The mean is inside the bin, so that no less than 0.49 of the proposals are taken.
    fn draw(&self, rng: &mut Rng) -> f64 {
        /// Where both proposals are taken equally often: √2π.
        const NARROW: f64 = 2.506_628_274_631;
        // A bin of one value, also where rounding leaves it a spread.
        if !(self.low.is_finite() && self.high.is_finite() && self.low < self.high) {
            return self.mean;
        }
        let width = self.high - self.low;
        loop {
            let z = if width < NARROW {
                let z = self.low + width * rng.uniform();
                if rng.uniform() >= (-0.5 * z * z).exp() {
                    continue;
                }
                z
            } else {
                rng.normal()
            };
            if self.low <= z && z <= self.high {
                return self.mean + self.std * z;
            }
        }
    }
}

/// A discrete distribution, drawn by its running sum.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shares(Vec<f64>);

impl Shares {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let running = weights.map(|weight| {
            sum += weight;
            sum
        });
        Self(running.collect())
    }

    #[cfg(test)]
    pub(super) fn each(&self) -> Vec<f64> {
        let total = self.0[self.0.len() - 1];
        let before = std::iter::once(&0.0).chain(&self.0);
        self.0.iter().zip(before).map(|(sum, before)| (sum - before) / total).collect()
    }

    /// Never one without weight: the first whose running sum is above the draw.
    fn draw(&self, rng: &mut Rng) -> usize {
        let at = rng.uniform() * self.0.last().copied().unwrap_or_default();
        let drawn = self.0.partition_point(|&sum| sum <= at);
        // Rounding can bring `at` up to the whole sum: the last with weight.
        drawn.min(self.0.partition_point(|sum| Some(sum) < self.0.last()))
    }
}

/// Weighted mean and standard deviation of a population; 0 of nothing.
fn mean_and_std(values: &[(f64, f64)]) -> (f64, f64) {
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    let Some(&(first, _)) = values.first() else { return (0.0, 0.0) };
    // About the first value: values that are all equal have exactly no spread.
    let about = |x: f64| x - first;
    let mean = values.iter().map(|(x, weight)| about(*x) * weight).sum::<f64>() / total;
    let square = |(x, weight): &(f64, f64)| (about(*x) - mean).powi(2) * weight;
    (first + mean, (values.iter().map(square).sum::<f64>() / total).sqrt())
}

/// The quantile of ascending values with weights: type 7, as if a value came as often as its
/// weight says, where weights are scaled to the mean 1.
fn weighted_quantile(values: &[(f64, f64)], level: f64) -> Option<f64> {
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    if values.iter().all(|(_, weight)| *weight == values[0].1) {
        let plain: Vec<f64> = values.iter().map(|(value, _)| *value).collect();
        return quantile(&plain, level);
    }
    let n = values.len();
    let place = level * (n - 1) as f64;
    let at = |place: f64| {
        let mut sum = 0.0;
        let found = values.iter().find(|(_, weight)| {
            sum += weight * n as f64 / total;
            sum > place
        });
        found.or(values.last()).map(|(value, _)| *value)
    };
    let (low, high) = (at(place.floor())?, at(place.floor() + 1.0)?);
    Some(low + (place - place.floor()) * (high - low))
}

/// Numbers in as few significant digits, at least 4, as leave them different; whole numbers in
/// all.
fn distinct(values: &[f64]) -> Vec<String> {
    let rounded = |value: f64, digits: usize| {
        let short = format!("{value:.digits$e}").parse::<f64>().unwrap_or(value);
        if value.trunc() == value { value } else { short }
    };
    for digits in 3..17 {
        let short: Vec<f64> = values.iter().map(|&value| rounded(value, digits)).collect();
        if short.windows(2).all(|pair| pair[0] < pair[1]) {
            return short.iter().map(f64::to_string).collect();
        }
    }
    values.iter().map(f64::to_string).collect()
}
