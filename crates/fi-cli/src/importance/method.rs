//! The methods of `fi importance`, and what each takes.

use clap::ValueEnum;
use fi_core::Importance;
use fi_models::tree;

use crate::network::{Local, Weights};

/// How to score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// How much worse the metric gets when a feature is shuffled
    Permutation,
    /// The same, of each tree on the rows it has not seen (fi's own forests)
    OobPermutation,
    /// Mean absolute SHAP value
    Shap,
    /// Mean decrease in impurity (MDI, Gini importance)
    Impurity,
    /// Average gain of a split
    Gain,
    /// Total gain of all splits
    TotalGain,
    /// Average cover of a split
    Cover,
    /// How many splits use a feature
    SplitCount,
    /// How much worse the metric gets when a feature is replaced given the others
    ConditionalPermutation,
    /// How much worse the metric gets with a feature at its mean
    Occlusion,
    /// Shapley values of the loss: how what the model knows is put together
    Sage,
    /// How much worse --learner gets when it is trained without a feature, over folds
    Lofo,
    /// The same in the losses of single rows that were set aside
    Loco,
    /// How much better --learner gets than a constant with a feature alone
    LeaveOneIn,
    /// Linear models: the size of each coefficient
    Coefficients,
    /// Linear models: the size of each coefficient times the feature's standard deviation
    StandardizedCoefficients,
    /// Networks: the variance of the first weights over training, times their size
    Viann,
    /// Networks: the sum of the first weights' sizes
    FirstLayer,
    /// Networks: the answer to 1 at one input and 0 elsewhere, less that to zeros
    OneHot,
    /// Networks: Garson's share of the weights that flow to the outputs
    Garson,
    /// Networks: products of weights along all ways to the outputs, with their signs
    Olden,
    /// Networks: the mean size of the slope by a feature (saliency)
    Gradient,
    /// Networks: the same of slope times value
    #[value(name = "gradient-x-input")]
    GradientXInput,
    /// Networks: slopes averaged over noisy copies of a row
    SmoothGrad,
    /// Networks: slopes collected on the way from a baseline of zeros
    IntegratedGradients,
    /// Networks: the same from rows of --background
    ExpectedGradients,
    /// Networks: differences from zeros, or from each row of --background (Deep SHAP), handed
    /// back through the layers
    #[value(name = "deeplift")]
    DeepLift,
    /// Networks: relevance handed back through the layers, by the epsilon rule
    Lrp,
}

impl Method {
    /// Whether a learner is trained, and no model asked.
    pub(crate) fn of_learner(self) -> bool {
        matches!(self, Self::Lofo | Self::Loco | Self::LeaveOneIn)
    }

    /// Whether features are shuffled or drawn anew, many times.
    pub(crate) fn repeats(self) -> bool {
        matches!(self, Self::Permutation | Self::OobPermutation | Self::ConditionalPermutation)
    }

    /// Whether predictions are scored by metrics.
    pub(crate) fn is_scored(self) -> bool {
        self.repeats() || self.of_learner() || matches!(self, Self::Occlusion | Self::Sage)
    }

    /// Whether other rows can be given to draw from.
    pub(crate) fn takes_background(self) -> bool {
        matches!(
            self,
            Self::Shap
                | Self::ExpectedGradients
                | Self::DeepLift
                | Self::Sage
                | Self::ConditionalPermutation
        )
    }

    /// Whether there is an interval whose coverage can be chosen.
    pub(crate) fn has_confidence(self) -> bool {
        let scored = matches!(
            self,
            Self::Permutation | Self::ConditionalPermutation | Self::Sage | Self::Shap
        );
        scored || self.of_learner() || self.of_rows().is_some()
    }

    /// Whether finished work can be kept.
    pub(crate) fn is_anytime(self) -> bool {
        matches!(self, Self::Permutation | Self::ConditionalPermutation | Self::Lofo | Self::Sage)
    }

    pub(crate) fn of_rows(self) -> Option<Local> {
        match self {
            Self::Gradient => Some(Local::Gradient),
            Self::GradientXInput => Some(Local::GradientXInput),
            Self::SmoothGrad => Some(Local::SmoothGrad),
            Self::IntegratedGradients => Some(Local::IntegratedGradients),
            Self::ExpectedGradients => Some(Local::ExpectedGradients),
            Self::DeepLift => Some(Local::DeepLift),
            Self::Lrp => Some(Local::Lrp),
            _ => None,
        }
    }

    pub(crate) fn of_weights(self) -> Option<Weights> {
        match self {
            Self::Viann => Some(Weights::Viann),
            Self::FirstLayer => Some(Weights::FirstLayer),
            Self::OneHot => Some(Weights::OneHot),
            Self::Garson => Some(Weights::Garson),
            Self::Olden => Some(Weights::Olden),
            _ => None,
        }
    }

    pub(crate) fn of_trees(self) -> Option<Read> {
        match self {
            Self::Impurity => Some(tree::impurity),
            Self::SplitCount => Some(tree::split_count),
            Self::Gain => Some(tree::gain),
            Self::TotalGain => Some(tree::total_gain),
            Self::Cover => Some(tree::cover),
            _ => None,
        }
    }
}

/// A score that is read from trees.
pub(crate) type Read = fn(&tree::Ensemble, &[String]) -> fi_core::Result<Importance>;
