//! In which direction, and how? A prediction as a function of one feature, or of two.
//!
//! An importance says how much a feature matters and hides which way. A curve shows it:
//!
//! | method | averages | over | asks about rows that cannot occur |
//! |---|---|---|---|
//! | [`PartialDependence`](crate::PartialDependence) | predictions at a value of the feature | all rows | yes, with dependent features |
//! | individual conditional expectation (ICE) | nothing: one line per row | – | yes |
//! | [`AccumulatedLocalEffects`](crate::AccumulatedLocalEffects) | differences across a short interval | the rows in it, then adds up | hardly: a row moves to an end of its interval |
//!
//! Both take single features and pairs of features, and count the rows near each point, because
//! a curve where there are no rows is the model's invention. All of them set columns of rows and
//! predict; how, is in `sweep.rs`.

mod accumulated_local_effects;
mod ale_surface;
mod categories;
mod friedman_h;
mod grid;
mod partial_dependence;
mod question;
mod sweep;

use ndarray::{Array2, Array3};
use serde::{Deserialize, Serialize};

use crate::importance::{Estimand, Warning};

pub use accumulated_local_effects::AccumulatedLocalEffects;
pub use friedman_h::FriedmanH;
pub use grid::Grid;
pub use partial_dependence::PartialDependence;

/// A model's prediction as a function of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Curve {
    /// The method, by its name in the field.
    pub method: String,
    /// The feature's name.
    pub feature: String,
    /// The values of the feature: ascending numbers, or numbers of categories in the order in
    /// which they are to be drawn.
    pub grid: Vec<f64>,
    /// Whether the grid holds categories, between which there is nothing.
    pub categorical: bool,
    /// `(n_grid, n_outputs)`, in the unit of the prediction.
    pub values: Array2<f64>,
    /// A pointwise interval, if there are rows enough for one.
    pub band: Option<Band>,
    /// The lines of single rows, if they were asked for.
    pub lines: Option<Lines>,
    /// `(n_grid)`: the share of the rows' weight whose value is nearest to each grid point.
    pub shares: Vec<f64>,
    /// `(n_outputs)`: what was subtracted so that the curve has its zero, if anything was.
    pub centre: Option<Vec<f64>>,
    /// The share of the rows' weight that misses the feature; such rows are left out.
    pub missing_share: f64,
    /// The seed, where rows were drawn.
    pub seed: Option<u64>,
    /// How many rows the model predicted.
    pub n_evaluations: usize,
    /// What a reader must know before trusting the curve.
    pub warnings: Vec<Warning>,
}

/// An interval for each point of a curve, one at a time: they do not hold all at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// What the interval is for.
    pub estimand: Estimand,
    /// Its nominal coverage, such as 0.95.
    pub confidence: f64,
    /// `(n_grid, n_outputs)`: the lower ends.
    pub low: Array2<f64>,
    /// `(n_grid, n_outputs)`: the upper ends.
    pub high: Array2<f64>,
}

/// The curves of single rows (ICE).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lines {
    /// The rows' numbers in the table, ascending.
    pub rows: Vec<usize>,
    /// `(n_rows, n_grid, n_outputs)`.
    pub values: Array3<f64>,
}

/// A model's prediction as a function of two features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Surface {
    /// The method, by its name in the field.
    pub method: String,
    /// The features' names.
    pub features: [String; 2],
    /// The values of each feature, as in [`Curve::grid`].
    pub grids: [Vec<f64>; 2],
    /// Whether each grid holds categories.
    pub categorical: [bool; 2],
    /// `(n_first, n_second, n_outputs)`.
    pub values: Array3<f64>,
    /// `(n_first, n_second)`: the share of the rows' weight whose values are nearest to each
    /// point; where it is 0 the surface is the model's invention.
    pub shares: Array2<f64>,
    /// `(n_outputs)`: what was subtracted so that the surface has its zero, if anything was.
    pub centre: Option<Vec<f64>>,
    /// The share of the rows' weight that misses a feature; such rows are left out.
    pub missing_share: f64,
    /// The seed, where rows were drawn.
    pub seed: Option<u64>,
    /// How many rows the model predicted.
    pub n_evaluations: usize,
    /// What a reader must know before trusting the surface.
    pub warnings: Vec<Warning>,
}
