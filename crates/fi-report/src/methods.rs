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
    let mut importance = found.swap_remove(0);
    importance.warnings.extend(guards(model, view, Some(data))?);
    Ok(importance)
}

/// What speaks against methods that put other rows' values into a row.
pub(crate) fn guards(
    model: &Stored,
    view: &View<'_, '_>,
    scored: Option<&Dataset>,
) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    if let (Some(data), Some(trained)) = (scored, &model.training_rows)
        && !view.is_filled
    {
        warnings.extend(guards::seen_rows(data, trained)?);
    }
    let swaps = scored.is_some() || View::trees(model).is_none();
    if swaps && !view.is_filled {
        let target = Target::Values(vec![0.0; view.rows.nrows()]);
        let names = view.names.iter().cloned();
        let data = Dataset::new(view.rows.clone(), target)?.with_feature_names(names)?;
        warnings.extend(guards::correlated(&data, &view.players, guards::THRESHOLD)?);
    }
    Ok(warnings)
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
