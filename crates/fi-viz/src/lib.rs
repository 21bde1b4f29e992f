//! Pictures of feature importance, on light or dark ground.
//!
//! | result | picture |
//! |---|---|
//! | scores | [`BarChart`], [`BoxPlot`], ranges of ranks as [`DotChart`], maps of channels over time as [`Heatmap`] |
//! | contributions to rows | [`Beeswarm`], [`Waterfall`], [`Dependence`] |
//! | curves and surfaces | [`CurveChart`], [`Heatmap`] |
//! | selections | [`SelectionPath`], [`DotChart`] |
//! | pairs, agreement | [`Heatmap`] |
//! | costs, sizes | [`LineChart`] |
//!
//! A chart is a plain struct of what is to be shown. Its `figure()` checks and lays it out into
//! a [`Figure`], a list of shapes at pixel positions, which is written as SVG or PNG:
//!
//! ```
//! use fi_viz::{BarChart, Order};
//!
//! let chart = BarChart {
//!     title: "Mean decrease in impurity".to_owned(),
//!     names: ["sepal length", "petal length"].map(String::from).to_vec(),
//!     values: vec![0.1, 0.9],
//!     order: Order::Descending,
//!     ..BarChart::default()
//! };
//! let figure = chart.figure()?;
//! let svg = figure.svg()?;
//! assert!(svg.starts_with("<svg"));
//! # Ok::<(), fi_viz::Error>(())
//! ```
//!
//! The same chart gives the same bytes on every machine: one font is part of the crate and
//! measures every text, so names are neither cut nor covered ([`Figure::overlaps`] lets a test
//! prove it). Colours are Okabe and Ito's and ColorBrewer's colour-blind safe ones.
//!
//! Names of more than 40 characters are shortened in the middle; an SVG shows the whole name
//! when the pointer rests on it.

mod bars;
mod beeswarm;
mod boxes;
mod color;
mod curve;
mod dependence;
mod dots;
mod error;
mod figure;
mod font;
mod heatmap;
mod layout;
mod lines;
mod matrices;
mod number;
mod partner;
mod path;
mod render;
mod value_colors;
mod waterfall;

pub use bars::{BarChart, Order};
pub use beeswarm::Beeswarm;
pub use boxes::BoxPlot;
pub use color::Theme;
pub use curve::{CurveChart, CurveLine};
pub use dependence::Dependence;
pub use dots::DotChart;
pub use error::{Error, Result};
pub use figure::{Figure, TextBox};
pub use heatmap::{Annotate, ColorScale, Diagonal, Heatmap};
pub use lines::{LineChart, Scale};
pub use number::number;
pub use partner::interaction_partner;
pub use path::SelectionPath;
pub use waterfall::Waterfall;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
