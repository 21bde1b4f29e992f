//! The global scores that fit a model.

use fi_core::{Dataset, Importance, Metric, Permutation, Run, Target, Warning, guards};
use fi_models::network::Viann;
use fi_models::store::Stored;
use fi_models::{Fitted, linear, tree};

use crate::error::{Error, Result};
use crate::model::View;
use crate::report::Report;

/// What a method's failure is called by.
pub(crate) fn of(method: &'static str) -> impl FnOnce(fi_core::Error) -> Error {
    move |source| Error::Method { method, source }
}

/// Permutation importance, and what speaks against it.
pub(crate) fn permutation(
    report: &Report,
    run: &Run<'_>,
    model: &Stored,
    view: &View<'_, '_>,
    data: &Dataset,
) -> Result<Importance> {
    let metric = report.metric.clone().unwrap_or(match data.target() {
        Target::Classes { .. } => Metric::LogLoss,
        Target::Values(_) => Metric::Mse,
    });
    let settings = Permutation {
        n_repeats: report.n_repeats,
        confidence: report.confidence,
        ..Permutation::default()
    };
    let (players, metrics) = (&view.players, [metric]);
    let mut found = match View::trees(model) {
        Some(trees) => tree::permutation(run, &settings, trees, data, players, &metrics),
        None => settings.importance(run, view.model.as_ref(), data, players, &metrics),
    }
    .map_err(of("permutation importance"))?;
    Ok(found.swap_remove(0))
}

/// Rows that the model was trained on among those that are scored.
pub(crate) fn seen(
    model: &Stored,
    view: &View<'_, '_>,
    scored: &Dataset,
) -> Result<Option<Warning>> {
    match &model.training_rows {
        Some(trained) if !view.is_filled => Ok(guards::seen_rows(scored, trained)?),
        _ => Ok(None),
    }
}

/// What speaks against methods that put other rows' values into a row.
pub(crate) fn correlated(view: &View<'_, '_>) -> Result<Option<Warning>> {
    if view.is_filled {
        return Ok(None);
    }
    let target = Target::Values(vec![0.0; view.rows.nrows()]);
    let names = view.names.iter().cloned();
    let data = Dataset::new(view.rows.clone(), target)?.with_feature_names(names)?;
    Ok(guards::correlated(&data, &view.players, guards::THRESHOLD)?)
}

/// Scores that are read from the model's inside.
pub(crate) fn of_inside(
    model: &Stored,
    view: &View<'_, '_>,
    notes: &mut Vec<String>,
) -> Result<Vec<Importance>> {
    let names = &model.feature_names;
    let read = match &model.model {
        Fitted::Trees(trees) => {
            let statistics = trees.ensemble().statistics();
            let (method, read): (_, fn(&_, &[String]) -> _) =
                match (statistics.impurity && statistics.cover, statistics.gain) {
                    (true, _) => ("impurity", tree::impurity),
                    (false, true) => ("total gain", tree::total_gain),
                    (false, false) => ("split count", tree::split_count),
                };
            if view.is_single {
                vec![read(trees.ensemble(), names).map_err(of(method))?]
            } else {
                Vec::new()
            }
        }
        Fitted::Linear(_) if !view.is_single => Vec::new(),
        Fitted::Linear(linear) => {
            let found = match linear.feature_std() {
                Some(std) => linear::standardized_coefficients(linear, std, names),
                None => linear::coefficients(linear, names),
            };
            vec![found.map_err(of("coefficients"))?]
        }
        Fitted::Network(network) => {
            let single = view.is_single && network.input_names(names).len() == names.len();
            // Networks of other libraries do not know how their weights moved.
            let moved = !network.history().is_empty();
            if single && moved {
                vec![Viann::default().of_network(network, names).map_err(of("VIANN"))?]
            } else {
                Vec::new()
            }
        }
        _ => return Ok(Vec::new()),
    };
    if !view.is_single {
        notes.push(
            "Methods that read the model's inside score single features, and are left out \
             because groups are scored."
                .to_owned(),
        );
    }
    Ok(read)
}
