//! What matters to this model? One page that says it, from a model and rows to a single file.
//!
//! [`Report`] runs the methods that fit a model and answers with [`Findings`], plain data;
//! [`Page`] writes them as one HTML file that needs nothing else: no network, no other file, and
//! no JavaScript for anything but sorting and choosing rows.
//!
//! ```
//! use fi_core::{Dataset, Players, Run, Target};
//! use fi_models::store::Stored;
//! use fi_models::tree::RandomForest;
//! use fi_report::{Page, Report, Rows};
//! use ndarray::Array2;
//!
//! let rows = Array2::from_shape_fn((60, 2), |(i, j)| ((i * (7 + j)) % 11) as f64);
//! let target = Target::Values(rows.column(0).to_vec());
//! let data = Dataset::new(rows, target)?.with_feature_names(["dose", "age"])?;
//! let run = Run::new(0);
//! let forest = RandomForest { n_estimators: 10, ..RandomForest::default() }.fit(&run, &data)?;
//! let model = Stored::new(forest, &data, None)?;
//!
//! let players = Players::features(["dose", "age"])?;
//! let findings = Report::default().findings(&run, &model, Rows::Scored(&data), &players)?;
//! assert_eq!(findings.importances[0].order(), [0, 1]);
//! let html = Page { title: "Doses".to_owned(), ..Page::default() }.html(&findings)?;
//! assert!(html.starts_with("<!DOCTYPE html>") && html.contains("dose"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The page stays below [`LARGEST_PAGE`] bytes however many rows and features there are: of long
//! tables the top is shown, of many rows a sample, and the page says so. Names come from data, and
//! so from anyone: they are escaped in HTML, in pictures and in the data of the script, and the
//! page's own content security policy lets no other script run.

mod correlation;
mod curves;
mod error;
mod methods;
mod model;
mod page;
mod pictures;
mod report;
mod rows;
mod shap;
mod shown;
mod table;
mod words;

pub use correlation::Correlation;
pub use error::{Error, Result};
pub use model::ModelFacts;
pub use page::{LARGEST_PAGE, Page};
pub use report::{Findings, Report, Rows};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
