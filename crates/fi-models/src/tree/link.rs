//! From the sum of the trees to the prediction.

use fi_core::{Error, Output, Result, require};
use ndarray::{Array2, ArrayViewMut1, Axis};
use serde::{Deserialize, Serialize};

/// How a prediction follows from the raw answer of an ensemble.
///
/// ```text
/// Identity, Probabilities   z
/// Exp                       exp(z)
/// Sigmoid                   σ(slope · z) in each output        σ(z) = 1 / (1 + exp(−z))
/// Logistic                  1 − σ(slope · z), σ(slope · z)     from one output
/// Softmax                   exp(zₖ) / ∑ⱼ exp(zⱼ)
/// OneVsRest                 σ(slope · zₖ), which need not sum to 1
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Link {
    /// The raw answer is the value: regression by squared or absolute error, ranking.
    Identity,
    /// The raw answer is one probability per class: forests.
    Probabilities,
    /// The raw answer is the logarithm of the value: Poisson, gamma, Tweedie.
    Exp,
    /// The raw answer is the log-odds of a value between 0 and 1.
    Sigmoid {
        /// The factor of the log-odds; 1 but for LightGBM's `sigmoid` parameter.
        slope: f64,
    },
    /// The one raw answer is the log-odds of the second of two classes.
    Logistic {
        /// The factor of the log-odds; 1 but for LightGBM's `sigmoid` parameter.
        slope: f64,
    },
    /// One raw answer per class; the probabilities are their softmax.
    Softmax,
    /// One raw answer per class, each the log-odds of this class against all others.
    OneVsRest {
        /// The factor of the log-odds; 1 but for LightGBM's `sigmoid` parameter.
        slope: f64,
    },
}

impl Link {
    /// What a prediction is.
    pub fn output(self) -> Output {
        match self {
            Self::Identity | Self::Exp | Self::Sigmoid { .. } => Output::Values,
            Self::Probabilities | Self::Logistic { .. } | Self::Softmax => Output::Probabilities,
            // Scores of classes that do not sum to 1.
            Self::OneVsRest { .. } => Output::Margins,
        }
    }

    /// What a raw answer is.
    pub fn raw_output(self) -> Output {
        match self {
            Self::Identity => Output::Values,
            Self::Probabilities => Output::Probabilities,
            Self::Exp
            | Self::Sigmoid { .. }
            | Self::Logistic { .. }
            | Self::Softmax
            | Self::OneVsRest { .. } => Output::Margins,
        }
    }

    /// How many numbers a prediction has if the raw answer has `n_raw`.
    pub fn n_outputs(self, n_raw: usize) -> usize {
        if matches!(self, Self::Logistic { .. }) { 2 } else { n_raw }
    }

    /// The predictions of raw answers `(n_rows, n_raw)`.
    pub fn apply(self, mut raw: Array2<f64>) -> Array2<f64> {
        match self {
            Self::Identity | Self::Probabilities => raw,
            Self::Exp => {
                raw.mapv_inplace(f64::exp);
                raw
            }
            Self::Sigmoid { slope } | Self::OneVsRest { slope } => {
                raw.mapv_inplace(|z| sigmoid(slope * z));
                raw
            }
            Self::Logistic { slope } => {
                let second = raw.column(0).mapv(|z| sigmoid(slope * z)).insert_axis(Axis(1));
                let first = raw.column(0).mapv(|z| sigmoid(-slope * z)).insert_axis(Axis(1));
                let mut both = Array2::zeros((raw.nrows(), 2));
                both.column_mut(0).assign(&first.column(0));
                both.column_mut(1).assign(&second.column(0));
                both
            }
            Self::Softmax => {
                raw.rows_mut().into_iter().for_each(softmax);
                raw
            }
        }
    }

    /// Checks that it can follow an ensemble of `n_raw` outputs.
    pub(super) fn check(self, n_raw: usize) -> Result<()> {
        if let Self::Sigmoid { slope } | Self::Logistic { slope } | Self::OneVsRest { slope } = self
        {
            require(slope > 0.0 && slope.is_finite(), "slope", slope, "positive and finite")?;
        }
        let fits = match self {
            Self::Logistic { .. } => n_raw == 1,
            // One class is odd, but scikit-learn trains it and so do we.
            Self::Identity | Self::Exp | Self::Sigmoid { .. } | Self::Probabilities => n_raw >= 1,
            Self::Softmax | Self::OneVsRest { .. } => n_raw >= 2,
        };
        if fits {
            return Ok(());
        }
        Err(Error::Data(format!("the trees have {n_raw} outputs, too few or many for {self:?}")))
    }
}

/// `1 / (1 + exp(−z))`.
pub(crate) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// Exponentials as shares of their sum.
pub(crate) fn softmax(mut row: ArrayViewMut1<'_, f64>) {
    let largest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    row.mapv_inplace(|z| (z - largest).exp());
    let sum = row.sum();
    row.mapv_inplace(|z| z / sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn links_follow_their_formulas_and_do_not_overflow() {
        let raw = array![[0.0], [2.0], [-800.0]];
        let half = Link::Logistic { slope: 1.0 }.apply(raw.clone());
        assert_eq!(half.row(0).to_vec(), [0.5, 0.5]);
        assert!((half[[1, 1]] - 0.880_797_077_977_882_3).abs() < 1e-15);
        assert_eq!(half.row(2).to_vec(), [1.0, 0.0]);
        assert_eq!(Link::Sigmoid { slope: 0.5 }.apply(raw)[[1, 0]], 0.731_058_578_630_004_9);
        let soft = Link::Softmax.apply(array![[1000.0, 1000.0, -1000.0]]);
        assert_eq!(soft, array![[0.5, 0.5, 0.0]]);
        assert_eq!(Link::Exp.apply(array![[0.0, 1.0]]), array![[1.0, std::f64::consts::E]]);
        assert_eq!(Link::Logistic { slope: 1.0 }.n_outputs(1), 2);
        let error = Link::Softmax.check(1).unwrap_err().to_string();
        assert_eq!(error, "the trees have 1 outputs, too few or many for Softmax");
        let error = Link::Logistic { slope: f64::NAN }.check(1).unwrap_err().to_string();
        assert_eq!(error, "`slope` is `NaN`, it must be positive and finite");
    }
}
