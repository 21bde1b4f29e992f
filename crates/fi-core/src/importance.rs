//! The one global result: a score per player, how sure it is, and everything it came from.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, require_shape};
use crate::statistics::{check_confidence, mean, sample_std, t_quantile};

/// Global importance: one number per player, in player order.
///
/// A field that has no meaning for the method is `None`, never a made-up number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Importance {
    /// The method, by its name in the field.
    pub method: String,
    /// The metric, where the method uses one.
    pub metric: Option<String>,
    /// The players' names.
    pub features: Vec<String>,
    /// The importance of each player: the mean of the replicates where there are any, with the
    /// exceptions that [`Replicate`] names.
    pub values: Vec<f64>,
    /// Sample standard deviation (ddof 1) of the replicates, where there are at least 2.
    pub std: Option<Vec<f64>>,
    /// An interval for each player, with the name of what it is an interval for.
    pub interval: Option<Interval>,
    /// A p-value for each player, under the method's own null hypothesis.
    pub p_values: Option<Vec<f64>>,
    /// `(n_players, n_replicates)`: every single value that was averaged; may have 0 columns.
    pub replicates: Array2<f64>,
    /// What varies from one replicate to the next.
    pub replicate_kind: Option<Replicate>,
    /// The model's own score in the metric, on the same rows.
    pub score: Option<f64>,
    /// The score of the best constant prediction on the same rows.
    pub constant_score: Option<f64>,
    /// The seed, for methods that draw.
    pub seed: Option<u64>,
    /// How many rows the model predicted, or how many models were fitted.
    pub n_evaluations: usize,
    /// What a reader must know before trusting the numbers.
    pub warnings: Vec<Warning>,
}

/// An interval for each player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// What the interval is for.
    pub estimand: Estimand,
    /// Its nominal coverage, such as 0.95.
    pub confidence: f64,
    /// The lower ends.
    pub low: Vec<f64>,
    /// The upper ends.
    pub high: Vec<f64>,
}

impl Interval {
    /// Student's t intervals of means of `n` values each, from their standard deviations.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) unless `confidence` is inside (0, 1);
    /// [`Error::TooFewRows`](crate::Error::TooFewRows) for fewer than 2 values;
    /// [`Error::Shape`](crate::Error::Shape) unless there is a deviation for each mean.
    pub fn of_means(
        estimand: Estimand,
        confidence: f64,
        means: &[f64],
        std: &[f64],
        n: usize,
    ) -> Result<Self> {
        check_confidence(confidence)?;
        require_shape("the list of standard deviations", &[means.len()], &[std.len()])?;
        if n < 2 {
            let what = "an interval of a mean".to_owned();
            return Err(Error::TooFewRows { what, needed: 2, got: n });
        }
        let half = t_quantile(confidence, n - 1) / (n as f64).sqrt();
        let end = |sign: f64| means.iter().zip(std).map(|(v, s)| v + sign * half * s).collect();
        Ok(Self { estimand, confidence, low: end(-1.0), high: end(1.0) })
    }
}

/// What an interval is an interval for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimand {
    /// This model's importance on the population: the test rows vary, the model does not.
    ModelOnPopulation,
    /// What two fitted models' losses differ by on the population: the test rows vary, neither
    /// model does. Of several pairs, on average over these pairs.
    FittedModelsOnPopulation,
    /// This learner's importance over training sets of this size: refits vary.
    LearnerOverTrainingSets,
}

/// What varies from one replicate to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replicate {
    /// The shuffling of a feature.
    Repeat,
    /// The training and test rows.
    Fold,
    /// The tree of a forest. Impurity is a share of the whole, and the mean over trees is
    /// brought to the sum 1 again where trees without a split have pulled it down.
    Tree,
    /// The seed of the learner.
    Seed,
    /// The row explained. Of LOCO the test row, and the value is the location of the
    /// replicates that was asked for: their mean by the rows' weights, or their median.
    Row,
    /// The output column or class. Of methods whose scores have a sign (coefficients) the
    /// replicates keep it, and the value is the mean of their sizes.
    Output,
}

/// What a reader must know before trusting the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Warning {
    /// Rows that the model was trained on are among those it is scored on:
    /// [`guards::seen_rows`](crate::guards::seen_rows).
    SeenRows {
        /// How many of the rows have the values of a training row.
        n_seen: usize,
        /// How many rows there are.
        n_rows: usize,
    },
    /// Rows that belong together are on both sides of folds:
    /// [`guards::groups_across_folds`](crate::guards::groups_across_folds).
    GroupsAcrossFolds {
        /// How many groups are trained and tested on in the same fold.
        n_groups: usize,
        /// In how many folds that happens.
        n_folds: usize,
    },
    /// Features that depend on each other are scored one by one:
    /// [`guards::correlated`](crate::guards::correlated).
    Correlated {
        /// The features of each cluster, in column order.
        clusters: Vec<Vec<String>>,
        /// The correlation above which two features are in one cluster.
        threshold: f64,
        /// The largest correlation in any of them, as a size.
        strongest: f64,
    },
    /// The interval is of few independent rows, and covers less often than it says:
    /// [`guards::few_units`](crate::guards::few_units).
    FewUnits {
        /// How many independent rows, or groups of rows, there are.
        n_units: usize,
        /// From how many on there is no warning.
        enough: usize,
    },
    /// Features score no higher than a column of noise:
    /// [`guards::below_probe`](crate::guards::below_probe).
    NoHigherThanProbe {
        /// The score of the noise.
        probe: f64,
        /// The names of the features that score no higher, in player order.
        features: Vec<String>,
        /// How many features there are, without the noise.
        n_features: usize,
    },
    /// Predictions changed, but not the metric: it is too coarse to see it.
    MetricTooCoarse {
        /// The metric's name.
        metric: String,
        /// The score, the same every time.
        score: f64,
        /// How often it was the same.
        n_scores: usize,
    },
    /// The model scores no better than the best constant: its importances say little.
    NoBetterThanConstant {
        /// The metric's name.
        metric: String,
        /// The model's score.
        score: f64,
        /// The best constant's score.
        constant: f64,
    },
    /// The metric did not move for any player: the model ignores its input, or the metric is too
    /// coarse where that was not looked at.
    MetricDidNotMove {
        /// The metric's name.
        metric: String,
    },
    /// The call was stopped: this is the result of the replicates that were finished, the same
    /// as that of a call that asks for just these.
    Unfinished {
        /// How many are finished.
        done: usize,
        /// How many were asked for.
        total: usize,
    },
    /// Any other warning, as one sentence.
    Note(String),
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SeenRows { n_seen, n_rows } => write!(
                f,
                "{n_seen} of {n_rows} rows have the values of training rows, where the model \
                 scores what it has memorised: take rows that it has not seen"
            ),
            Self::GroupsAcrossFolds { n_groups, n_folds } => write!(
                f,
                "groups of rows on both sides of a fold, where models are tested on what they have \
                 seen: {n_groups}, in {n_folds} folds; take folds that keep groups together"
            ),
            Self::Correlated { clusters, threshold, strongest } => {
                let clusters: Vec<String> =
                    clusters.iter().map(|names| format!("`{}`", listed(names, " & "))).collect();
                write!(
                    f,
                    "features with a rank correlation above {threshold} (up to {strongest:.2}) are \
                     scored one by one, on rows that cannot occur: score {} as groups, or \
                     conditionally",
                    listed(&clusters, ", ")
                )
            }
            Self::FewUnits { n_units, enough } => write!(
                f,
                "the intervals are of {n_units} independent rows or groups of rows, and with fewer \
                 than {enough} they cover less often than they say: take more rows"
            ),
            Self::NoHigherThanProbe { probe, features, n_features } => write!(
                f,
                "{} of {n_features} features score no higher than a column of noise with its \
                 {probe:.4}: do not read {} as important",
                features.len(),
                listed(features, ", ")
            ),
            Self::MetricTooCoarse { metric, score, n_scores } => write!(
                f,
                "{metric} stayed at {score:.4} in all {n_scores} scorings although predictions \
                 changed: take a finer metric such as log loss"
            ),
            Self::NoBetterThanConstant { metric, score, constant } => write!(
                f,
                "the model's {metric} of {score:.4} is no better than a constant's {constant:.4}: \
                 what it ignores may still matter"
            ),
            Self::MetricDidNotMove { metric } => write!(
                f,
                "{metric} did not move for any feature: take a finer metric such as log loss"
            ),
            Self::Unfinished { done, total } => write!(
                f,
                "stopped after {done} of {total} replicates: the rest would make this more certain"
            ),
            Self::Note(text) => f.write_str(text),
        }
    }
}

/// Names for a sentence, which must not be gigantic.
pub(crate) fn listed(names: &[String], between: &str) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let shown = shown.join(between);
    if names.len() > SHOWN { format!("{shown}, … ({} in all)", names.len()) } else { shown }
}

impl Importance {
    /// A result of single values, without replicates.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless there is one value per name.
    pub fn new(method: impl Into<String>, features: &[String], values: Vec<f64>) -> Result<Self> {
        let replicates = Array2::zeros((features.len(), 0));
        require_shape("the list of importances", &[features.len()], &[values.len()])?;
        Ok(Self {
            method: method.into(),
            metric: None,
            features: features.to_vec(),
            values,
            std: None,
            interval: None,
            p_values: None,
            replicates,
            replicate_kind: None,
            score: None,
            constant_score: None,
            seed: None,
            n_evaluations: 0,
            warnings: Vec::new(),
        })
    }

    /// A result of `(n_players, n_replicates)` replicates: their mean and standard deviation.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless there is one row per name and a column.
    pub fn from_replicates(
        method: impl Into<String>,
        features: &[String],
        replicates: Array2<f64>,
        kind: Replicate,
    ) -> Result<Self> {
        let n_replicates = replicates.ncols().max(1);
        require_shape("replicates", &[features.len(), n_replicates], replicates.shape())?;
        let values: Vec<f64> = replicates.rows().into_iter().map(|row| mean(row.iter())).collect();
        let std = (n_replicates > 1)
            .then(|| replicates.rows().into_iter().map(|row| sample_std(row.iter())).collect());
        let mut importance = Self::new(method, features, values)?;
        importance.std = std;
        importance.replicates = replicates;
        importance.replicate_kind = Some(kind);
        Ok(importance)
    }

    /// The p-values, adjusted for being many by a function of
    /// [`multiple_testing`](crate::multiple_testing); `None` without p-values.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) for a p-value that is NaN or outside [0, 1].
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Importance, multiple_testing::benjamini_hochberg};
    ///
    /// let names = ["a", "b"].map(String::from);
    /// let mut importance = Importance::new("test", &names, vec![2.0, 1.0])?;
    /// importance.p_values = Some(vec![0.01, 0.2]);
    /// assert_eq!(importance.adjusted_p_values(benjamini_hochberg)?, Some(vec![0.02, 0.2]));
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn adjusted_p_values(
        &self,
        adjust: impl FnOnce(&[f64]) -> Result<Vec<f64>>,
    ) -> Result<Option<Vec<f64>>> {
        self.p_values.as_deref().map(adjust).transpose()
    }

    /// How many players there are.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Whether there are no players.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// The players from the most important to the least, ties in player order.
    pub fn order(&self) -> Vec<usize> {
        highest_first(&self.values)
    }

    /// The rank of each player: 1 for the most important, ties in player order.
    pub fn ranks(&self) -> Vec<usize> {
        let mut ranks = vec![0; self.len()];
        for (rank, player) in self.order().into_iter().enumerate() {
            ranks[player] = rank + 1;
        }
        ranks
    }
}

/// The places of the values, of the highest first, ties in their order.
pub(crate) fn highest_first(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // Adding 0 makes −0 and 0 a tie.
    order.sort_by(|&a, &b| (values[b] + 0.0).total_cmp(&(values[a] + 0.0)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn replicates_give_mean_spread_and_ranks() {
        let names = ["a", "b", "c"].map(String::from);
        let replicates = array![[1.0, 3.0], [5.0, 5.0], [2.0, 2.0]];
        let importance =
            Importance::from_replicates("m", &names, replicates, Replicate::Seed).unwrap();
        assert_eq!(importance.values, [2.0, 5.0, 2.0]);
        assert_eq!(importance.std, Some(vec![2.0_f64.sqrt(), 0.0, 0.0]));
        assert_eq!(importance.ranks(), [2, 1, 3]);
        let zeros = Importance::new("m", &names, vec![-0.0, 0.0, -1.0]).unwrap();
        assert_eq!(zeros.order(), [0, 1, 2]);
        let error = Importance::new("m", &names, vec![1.0]).unwrap_err();
        assert_eq!(error.to_string(), "the list of importances has shape [1], expected [3]");
        let none = Array2::zeros((3, 0));
        let error = Importance::from_replicates("m", &names, none, Replicate::Seed).unwrap_err();
        assert_eq!(error.to_string(), "replicates has shape [3, 0], expected [3, 1]");
        let json = serde_json::to_string(&importance).unwrap();
        assert_eq!(serde_json::from_str::<Importance>(&json).unwrap(), importance);
    }
}
