//! Tables in, results out.
//!
//! Every file is taken for hostile: sizes are checked before memory is asked for, nothing is
//! evaluated, and what does not parse gives one sentence that names file, line, column and
//! remedy. Every file written appears whole or not at all ([`write_atomic`]), and numbers come
//! back with the same bits.
//!
//! ```
//! use fi_io::{CsvOptions, read_csv_from};
//!
//! let text = "height,width,kind\n1.0,2.0,a\n1.5,oops,b\n";
//! let error = read_csv_from(text.as_bytes(), "box.csv", &CsvOptions::default()).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "`box.csv`, line 3, column `width`: `oops` is not a number, but cells above are: \
//!      write a number, leave the column out with `drop`, \
//!      or name it as `categorical` to take all its cells as text"
//! );
//! ```
//!
//! | what | in | out |
//! |---|---|---|
//! | data | [`read_data`], [`read_rows`], [`read_csv`], [`read_npy_2d`] | |
//! | global importance | [`read_importance`], [`read_importance_json`] | [`write_importance_csv`], [`write_importance_json`], [`write_importance_parquet`] |
//! | several results | [`read_agreement`] | [`comparison_table`], [`agreement_table`], [`write_comparison_json`], [`comparison_report`] |
//! | local importance | [`read_attribution`] | [`write_attribution_npy`], [`attribution_table`], [`lime_table`] |
//! | pairs | [`read_pairs`], [`read_npy_3d`] | [`write_interactions_npy`], [`interaction_table`] |
//! | folds | [`read_folds`] | |
//! | selections | [`read_selection_path`], [`read_selected_features`] | [`selection_table`], [`selected_features_table`] |
//! | finished work | [`CheckpointFile`], [`read_checkpoint`] | [`CheckpointFile`], [`write_checkpoint`] |
//! | more than memory holds | [`spool_data`] | [`write_rows`] |
//! | any table | [`read_table_csv`] | [`write_table_csv`], [`write_table_parquet`] |

mod atomic;
mod attribution_in;
mod categories;
mod checkpoint;
mod comparison;
mod data;
mod data_csv;
mod data_parquet;
mod error;
mod folds;
mod gather;
mod importance_csv;
mod importance_json;
mod local_table;
mod npy;
mod npz;
mod pairs;
mod records;
mod row_writer;
mod selection_table;
mod spool;
mod table;
mod table_parquet;
mod tables_in;

pub use atomic::write_atomic;
pub use attribution_in::read_attribution;
pub use checkpoint::{CheckpointFile, read_checkpoint, write_checkpoint};
pub use comparison::{agreement_table, comparison_report, comparison_table, write_comparison_json};
pub use data::{DataOptions, TargetSource, names_by_place, read_data, read_names, read_rows};
pub use data_csv::{CsvOptions, Task, read_csv, read_csv_from, read_csv_rows};
pub use error::{Error, Result};
pub use folds::read_folds;
pub use importance_csv::{
    ImportanceRow, importance_rows, importance_table, read_importance, read_importance_csv_from,
    write_importance_csv, write_importance_parquet,
};
pub use importance_json::{Provenance, read_importance_json, write_importance_json};
pub use local_table::{attribution_table, interaction_table, lime_table};
pub use npy::{
    read_npy, read_npy_1d, read_npy_2d, read_npy_2d_from, read_npy_3d, write_attribution_npy,
    write_interactions_npy, write_npy,
};
pub use npz::{natural, read_npz, read_weights_history};
pub use pairs::{PairScores, PairSum, read_pairs};
pub use row_writer::{RowWriter, write_rows};
pub use selection_table::{selected_features_table, selection_table};
pub use spool::{SpooledData, SpooledRows, spool_data};
pub use table::{Cell, Table, read_table, read_table_csv, read_table_csv_from, write_table_csv};
pub use table_parquet::{read_table_parquet, write_table_parquet};
pub use tables_in::{SelectedFeature, read_agreement, read_selected_features, read_selection_path};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
