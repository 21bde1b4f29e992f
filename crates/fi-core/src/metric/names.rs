//! Metrics' names: ours, for people, and scikit-learn's, to parse.

use std::fmt;

use super::check::check_alpha;
use super::{Average, Metric, MultiClass};
use crate::error::{Error, Result};

/// Names and their metric; the first name of a metric is the one that is listed.
const NAMES: &[(&[&str], Metric)] = {
    use Average::{Binary, Macro, Micro, Weighted};
    use Metric as M;
    use MultiClass::{OneVsOne, OneVsRest};
    &[
        (&["accuracy"], M::Accuracy),
        (&["balanced_accuracy"], M::BalancedAccuracy),
        (&["neg_log_loss", "log_loss"], M::LogLoss),
        (&["neg_brier_score", "brier_score", "brier"], M::Brier),
        (&["roc_auc"], M::RocAuc { multiclass: OneVsRest, average: Binary }),
        (&["roc_auc_ovr"], M::RocAuc { multiclass: OneVsRest, average: Macro }),
        (&["roc_auc_ovr_weighted"], M::RocAuc { multiclass: OneVsRest, average: Weighted }),
        (&["roc_auc_ovo"], M::RocAuc { multiclass: OneVsOne, average: Macro }),
        (&["roc_auc_ovo_weighted"], M::RocAuc { multiclass: OneVsOne, average: Weighted }),
        (&["average_precision"], M::AveragePrecision { average: Macro }),
        (&["f1"], M::F1 { average: Binary }),
        (&["f1_macro"], M::F1 { average: Macro }),
        (&["f1_micro"], M::F1 { average: Micro }),
        (&["f1_weighted"], M::F1 { average: Weighted }),
        (&["matthews_corrcoef", "mcc"], M::Mcc),
        (&["neg_mean_squared_error", "mean_squared_error", "mse"], M::Mse),
        (&["neg_root_mean_squared_error", "root_mean_squared_error", "rmse"], M::Rmse),
        (&["neg_mean_absolute_error", "mean_absolute_error", "mae"], M::Mae),
        (&["neg_median_absolute_error", "median_absolute_error"], M::MedianAe),
        (
            &["neg_mean_absolute_percentage_error", "mean_absolute_percentage_error", "mape"],
            M::Mape,
        ),
        (&["r2"], M::R2),
        (&["explained_variance"], M::ExplainedVariance),
        (&["neg_mean_poisson_deviance", "mean_poisson_deviance"], M::PoissonDeviance),
        (&["neg_mean_gamma_deviance", "mean_gamma_deviance"], M::GammaDeviance),
    ]
};

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Metric {
    /// The metric's short name, with what distinguishes it: `ROC AUC (ovr, macro)`.
    pub fn name(&self) -> String {
        let average = |average: &Average| match average {
            Average::Binary => "",
            Average::Macro => "macro",
            Average::Micro => "micro",
            Average::Weighted => "weighted",
        };
        let with = |name: &str, detail: &str| match detail {
            "" => name.to_owned(),
            detail => format!("{name} ({detail})"),
        };
        let name = match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced accuracy",
            Self::LogLoss => "log loss",
            Self::Brier => "Brier score",
            Self::RocAuc { average: Average::Binary, .. } => "ROC AUC",
            Self::RocAuc { multiclass, average: how } => {
                let sides = match multiclass {
                    MultiClass::OneVsRest => "ovr",
                    MultiClass::OneVsOne => "ovo",
                };
                return with("ROC AUC", &format!("{sides}, {}", average(how)));
            }
            Self::AveragePrecision { average: how } => {
                return with("average precision", average(how));
            }
            Self::F1 { average: how } => return with("F1", average(how)),
            Self::Mcc => "MCC",
            Self::Mse => "MSE",
            Self::Rmse => "RMSE",
            Self::Mae => "MAE",
            Self::MedianAe => "median absolute error",
            Self::Mape => "MAPE",
            Self::R2 => "R²",
            Self::ExplainedVariance => "explained variance",
            Self::Pinball { alpha } => return with("pinball loss", &alpha.to_string()),
            Self::PoissonDeviance => "Poisson deviance",
            Self::GammaDeviance => "gamma deviance",
            Self::Custom(custom) => &custom.name,
        };
        name.to_owned()
    }

    /// The metric of one of scikit-learn's scorer names, such as `roc_auc_ovr` or `r2`; losses
    /// also without `neg_` and by their short names (`mse`). `pinball:0.9` is the pinball loss
    /// of the quantile 0.9.
    ///
    /// A name with `neg_` gives the loss itself and not its negative: the direction is part of
    /// the metric here. As there, `roc_auc` and `f1` are for two classes.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for an unknown name, listing the known ones.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::Metric;
    ///
    /// assert_eq!(Metric::parse("neg_log_loss")?.name(), "log loss");
    /// assert_eq!(Metric::parse("pinball:0.9")?.name(), "pinball loss (0.9)");
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn parse(name: &str) -> Result<Self> {
        if let Some(alpha) = name.strip_prefix("pinball:").and_then(|text| text.parse().ok()) {
            check_alpha(alpha)?;
            return Ok(Self::Pinball { alpha });
        }
        match NAMES.iter().find(|(names, _)| names.contains(&name)) {
            Some((_, metric)) => Ok(metric.clone()),
            None => Err(Error::Parameter {
                name: "metric",
                value: name.to_owned(),
                requirement: format!(
                    "one of {} or pinball:ALPHA",
                    NAMES.iter().map(|(names, _)| names[0]).collect::<Vec<_>>().join(", ")
                ),
            }),
        }
    }
}
