//! The methods' names, as tables and files print them.

/// Variance of the input weights while training × |final weight|, scaled to 0–1 as published.
pub const VIANN: &str = "VIANN";
/// VIANN without the scaling to 0–1.
pub(crate) const VIANN_RAW: &str = "VIANN (raw)";
/// Sum of |first-layer weights|.
pub(crate) const FIRST_LAYER: &str = "first layer";
/// `f(e) − f(0)`, mean over the outputs of the absolute value.
pub(crate) const PROBE: &str = "one-hot probe";
/// Garson's shares, with the output weights.
pub(crate) const GARSON: &str = "Garson";
/// The form of the published notebook, in which the output weights cancel.
pub(crate) const GARSON_CANCELLING: &str = "Garson (cancelling)";
/// Products of the weights along all paths, mean over the outputs of the absolute value.
pub(crate) const OLDEN: &str = "Olden";
/// Mean |slope| of the margins on the hold-out.
pub(crate) const SALIENCY: &str = "saliency";
/// Mean |feature × slope of the margins| on the hold-out.
pub(crate) const GRADIENT_INPUT: &str = "gradient × input";
/// Mean |integrated gradient| of the margins from the row of zeros, on the hold-out.
pub(crate) const INTEGRATED: &str = "integrated gradients";
/// Permutation importance on the hold-out.
pub(crate) const PERMUTATION: &str = "permutation";
/// Leave one feature out: retrained, scored on the hold-out.
pub(crate) const LOFO: &str = "LOFO";
/// The VIANN paper's LOFO: the feature set to 0, no retraining, scored on all rows.
pub(crate) const SET_TO_ZERO: &str = "set to zero";
/// Mean |Shapley value| on the hold-out.
pub(crate) const SHAP: &str = "SHAP";
/// Mean decrease in impurity.
pub(crate) const MDI: &str = "MDI";
/// How many splits use the feature.
pub(crate) const SPLIT_COUNT: &str = "split count";
/// Breiman's permutation importance on the out-of-bag rows.
pub(crate) const OOB_PERMUTATION: &str = "OOB permutation";
/// |coefficient × standard deviation|, mean over the classes.
pub(crate) const COEFFICIENTS: &str = "coefficients";
/// The F statistic of each feature alone.
pub(crate) const ANOVA_F: &str = "ANOVA F";
/// The variance of the unscaled column.
pub(crate) const VARIANCE: &str = "column variance";
