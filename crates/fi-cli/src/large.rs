//! `--memory`: tables that are larger than it are read in blocks.

use std::path::Path;

use fi_core::{Importance, LargeDataset, Metric, Model, Output, Permutation, Players, RowBlocks};
use fi_core::{Run, predict_blocks};
use fi_io::{SpooledData, write_rows};
use fi_models::Fitted;
use fi_models::store::Stored;
use fi_models::tree::{self, Summary, TreeExplainer};

use crate::failure::{Done, Failure};
use crate::session::Session;

/// Rows that are predicted at once.
const BATCH_ROWS: usize = 4096;

/// What needs the whole table at once.
pub(crate) const NOT_LOOKED_AT: &str = "Note: with --memory nobody looks whether the model was trained on these rows or whether \
     features are correlated.";

/// Bytes, as `1GiB`, `500MB` or a plain number.
pub(crate) fn parse_memory(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kb" => Some(1000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        _ => None,
    };
    let number = digits.parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    match (number, factor) {
        (Some(number), Some(factor)) => Ok((number * f64::from(factor)) as u64),
        _ => Err("write a size such as 1GiB or 500MB".to_owned()),
    }
}

/// Permutation importance of rows on disk.
pub(crate) fn permutation(
    run: &Run<'_>,
    settings: &Permutation,
    model: &Stored,
    data: SpooledData,
    players: &Players,
    metrics: &[Metric],
    memory: u64,
) -> Done<Vec<Importance>> {
    let SpooledData { rows, feature_names, target, weights, groups } = data;
    let Some(target) = target else { return Failure::call("give --target") };
    // Target, weights and groups are in memory already.
    let lists = 1 + u64::from(weights.is_some()) + u64::from(groups.is_some());
    let memory = memory.saturating_sub(8 * lists * rows.n_rows() as u64);
    let data = LargeDataset::new(&rows, target, weights, groups, feature_names)?;
    let memory = Some(memory);
    Ok(match (&model.model, &model.scaler) {
        (Fitted::Trees(trees), None) => {
            tree::permutation_of_blocks(run, settings, trees, &data, players, metrics, memory)?
        }
        _ => settings.importance_of_blocks(run, model, &data, players, metrics, memory)?,
    })
}

/// Mean absolute SHAP values of rows on disk.
pub(crate) fn shap_importance(
    session: &Session,
    explainer: &TreeExplainer<'_>,
    data: &SpooledData,
    players: &Players,
    confidence: f64,
) -> Done<Importance> {
    let (run, summary) = (session.run(), Summary::MeanAbsolute);
    Ok(explainer.importance_of_blocks(&run, players, &data.rows, summary, confidence)?)
}

/// SHAP values of rows on disk, to a file.
pub(crate) fn shap_values(
    session: &Session,
    explainer: &TreeExplainer<'_>,
    data: &SpooledData,
    players: &Players,
    (path, extension): (&Path, &str),
) -> Done {
    let (n_rows, n_outputs) = (data.rows.n_rows(), explainer.n_outputs());
    let several = n_outputs > 1;
    let front = if several && extension != "npy" { &["row", "output"][..] } else { &[] };
    let columns: Vec<String> = front
        .iter()
        .map(|&name| name.to_owned())
        .chain(players.names().iter().cloned())
        .chain(["base_value".to_owned()])
        .collect();
    let leading = match (several, extension) {
        (true, "npy") => vec![n_rows, n_outputs],
        _ => vec![n_rows * n_outputs],
    };
    write_rows(path, &columns, front.len(), &leading, |writer| -> anyhow::Result<()> {
        let bases = explainer.base_values().to_vec();
        explainer.for_each_block_of(&session.run(), players, &data.rows, |block| {
            writer
                .push_attribution(block.first_row, block.values, &bases)
                .map_err(fi_core::Error::model)
        })?;
        Ok(())
    })?;
    Ok(())
}

/// The predictions of rows on disk, to a file.
pub(crate) fn predictions(
    session: &Session,
    model: &dyn Model,
    data: &SpooledData,
    columns: &[String],
    path: &Path,
) -> Done {
    let n_rows = data.rows.n_rows();
    write_rows(path, columns, 0, &[n_rows], |writer| -> anyhow::Result<()> {
        predict_blocks(&session.run(), model, &data.rows, BATCH_ROWS, |_, predicted| {
            writer.push(predicted.view()).map_err(fi_core::Error::model)
        })?;
        Ok(())
    })?;
    Ok(())
}

/// What the columns of predictions are called.
pub(crate) fn names_of_predictions(model: &Stored, n_columns: usize) -> Vec<String> {
    match (&model.class_names, model.output()) {
        (Some(classes), Output::Probabilities) if classes.len() == n_columns => classes.clone(),
        _ if n_columns == 1 => vec!["prediction".to_owned()],
        _ => (0..n_columns).map(|k| format!("output_{k}")).collect(),
    }
}
