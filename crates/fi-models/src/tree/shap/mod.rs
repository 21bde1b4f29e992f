//! TreeSHAP: exact Shapley values of the predictions of trees.
//!
//! [`TreeShap`] is the settings, [`TreeShap::explainer`] prepares an ensemble once, and the
//! [`TreeExplainer`] answers for rows: values, interactions of pairs, or what is left when rows
//! are averaged away. What a feature that is not known stands for, [`Perturbation`] says.

mod background;
mod blocks;
mod engine;
mod explainer;
mod interventional;
mod path;
mod reduce;

pub use background::Background;
pub use explainer::{Block, TreeExplainer};
pub use interventional::{ChosenEngines, TablePlan};
pub use reduce::{Summary, TopFeatures};

use fi_core::{Result, Run, require};

use super::link::Link;
use super::split::Precision;
use super::trees::Trees;
use interventional::{Interventional, InterventionalProbability};

/// What a tree answers where a feature is not known.
#[derive(Debug, Clone, Copy, Default)]
pub enum Perturbation<'a> {
    /// The mean of both branches, weighted by their covers: the training rows stand in for the
    /// feature, and the features above the split are kept as they are.
    #[default]
    TreePath,
    /// What it answers with the feature's value in each background row, averaged.
    Interventional(&'a Background),
}

/// The unit of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputScale {
    /// That of the trees' sum: log-odds in most classifiers.
    #[default]
    Raw,
    /// That of the prediction, behind the link; only with [`Perturbation::Interventional`].
    ///
    /// Shapley values on the raw scale are computed for each pair of a row `x` and a background
    /// row `z`, multiplied by `(link(f(x)) − link(f(z))) / (f(x) − f(z))`, and averaged: the
    /// rescale rule of shap's `model_output="probability"`. They add up to the prediction, but
    /// they are not the Shapley values of the game of predictions. Where the raw answers are the
    /// predictions already, as in a forest, both scales are one; a softmax is refused.
    Probability,
}

/// Exact Shapley values of the predictions of trees.
///
/// ```text
/// φᵢ(x) = Σ_{S ∌ i} |S|! (n − |S| − 1)! / n! · (v(S ∪ {i}) − v(S))
///
/// v(S)  what the ensemble answers for the row x if only the features S are known
/// n     the number of features
/// ```
///
/// What `v` means where a feature is not known is the [`Perturbation`].
///
/// # Cost
///
/// Path-dependent: `n_rows · n_nodes · d / 2` steps of a few additions and multiplications, for
/// `d` different features on a tree's longest path, 16 rows (single) or 8 (double precision) at
/// a time.
///
/// Interventional: [`TablePlan`] chooses for each tree. With tables, about one look-up of all the
/// features of four leaves per row, *however many background rows there are*, and
/// `n_background` steps per four leaves and up to `2ᵈ·d` per leaf to make them; without, for
/// paths of more than 12 features or few rows, a walk in which background rows go together as
/// long as they decide alike. The probability scale always takes the walk, in double precision.
///
/// # When it misleads
///
/// Values explain this model's answer and not the world. Path-dependent values depend on how the
/// trees came to be: a feature that no split tests has the value 0, and two ensembles that
/// predict the same can be explained differently. Interventional values ask the model about rows
/// that need not occur. Of correlated features, either kind divides the credit as the trees use
/// them.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Players, Run, Target};
/// use fi_models::tree::{RandomForest, TreeShap};
/// use ndarray::array;
///
/// let rows = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0, 1.0, 2.0, 3.0]))?;
/// let run = Run::new(0);
/// let forest = RandomForest::regression().fit(&run, &data)?;
///
/// let players = Players::features(["a", "b"])?;
/// let explainer = TreeShap::default().explainer(&run, &forest)?;
/// let found = explainer.attribution(&run, &players, data.rows())?;
/// assert_eq!(found.values.dim(), (4, 1, 2));
/// assert!(found.additivity_error.is_some_and(|error| error < 1e-12));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Lundberg, Erion, Chen et al. (2020). *From local explanations to global understanding with
///   explainable AI for trees.* Nature Machine Intelligence 2.
///   <https://doi.org/10.1038/s42256-019-0138-9>
/// - Owen (1972). *Multilinear extensions of games.* Management Science 18(5).
///   <https://doi.org/10.1287/mnsc.18.5.64>: the integral behind the path-dependent engine.
/// - Wettenstein, Mitchell, Yu (2026). *Quadrature-TreeSHAP: depth-independent TreeSHAP and Shapley
///   interactions.* <https://arxiv.org/abs/2605.04497>
#[derive(Debug, Clone, Copy)]
pub struct TreeShap<'a> {
    /// What a feature that is not known stands for. Default: [`Perturbation::TreePath`].
    pub perturbation: Perturbation<'a>,
    /// The unit of the values. Default: [`OutputScale::Raw`].
    pub output_scale: OutputScale,
    /// The precision of the arithmetic: double for agreement to 12 digits and more, single for
    /// half the time and 5 digits. Comparisons are the library's own in both. Default: `F64`.
    pub precision: Precision,
    /// What interventional values are prepared for: how many rows, and in how much memory.
    pub tables: TablePlan,
}

impl Default for TreeShap<'_> {
    fn default() -> Self {
        Self {
            perturbation: Perturbation::TreePath,
            output_scale: OutputScale::Raw,
            precision: Precision::F64,
            tables: TablePlan::default(),
        }
    }
}

impl TreeShap<'_> {
    /// Prepares an ensemble: one walk over its nodes, path-dependent; interventional all tables,
    /// by the threads of `run`. Nothing is drawn.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](fi_core::Error::Data) if path-dependent values are asked of trees that do not know their covers;
    /// [`Error::Parameter`](fi_core::Error::Parameter) for the probability scale without a background;
    /// [`Error::Shape`](fi_core::Error::Shape) for a background of other features;
    /// [`Error::Data`](fi_core::Error::Data) for the probability scale of a softmax.
    pub fn explainer<'t>(&self, run: &Run<'_>, trees: &'t Trees) -> Result<TreeExplainer<'t>> {
        match self.perturbation {
            Perturbation::TreePath => {
                let name = "output_scale";
                let requirement = "`Raw` with `Perturbation::TreePath`: on the probability scale \
                                   only interventional values are defined, so give a background";
                let raw = self.output_scale == OutputScale::Raw;
                require(raw, name, "Probability", requirement)?;
                let engine = path::engine(trees.ensemble(), self.precision)?;
                Ok(TreeExplainer::new(trees, engine, "path-dependent TreeSHAP", OutputScale::Raw))
            }
            Perturbation::Interventional(background) => {
                let method = "interventional TreeSHAP";
                // Raw answers that are predictions already need no other scale.
                let same = matches!(trees.link(), Link::Identity | Link::Probabilities);
                if self.output_scale == OutputScale::Probability && !same {
                    let engine = InterventionalProbability::new(run, trees, background)?;
                    let (scale, chosen) = (OutputScale::Probability, engine.chosen());
                    let explainer = TreeExplainer::new(trees, Box::new(engine), method, scale);
                    return Ok(explainer.with_chosen(chosen));
                }
                let ensemble = trees.ensemble();
                let engine =
                    Interventional::new(run, ensemble, background, self.precision, &self.tables)?;
                let (scale, chosen) = (OutputScale::Raw, engine.chosen());
                let explainer = TreeExplainer::new(trees, Box::new(engine), method, scale);
                Ok(explainer.with_chosen(chosen))
            }
        }
    }
}

#[cfg(test)]
mod tests;
