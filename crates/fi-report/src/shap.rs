//! SHAP values of the explained rows, by what suits the model.

use fi_core::shapley::{self, Estimator};
use fi_core::{Attribution, Model as _, Output, Removal, Run};
use fi_models::Fitted;
use fi_models::store::Stored;
use fi_models::tree::{Background, Link, Perturbation, TreeShap};
use ndarray::{ArrayView2, Axis};

use crate::error::Result;
use crate::methods::of;
use crate::model::View;
use crate::report::drawn;

/// Rows that stand for a feature that is not known.
const BACKGROUND_ROWS: usize = 32;
/// Up to so many players all coalitions are asked.
const EXACT_PLAYERS: usize = 8;
const PERMUTATIONS: usize = 20;
/// The stream that background rows are drawn from.
const BACKGROUND: u64 = 0x7265_706f_7274_0003;
const METHOD: &str = "SHAP";

/// SHAP values, and what they are of.
pub(crate) struct Shap {
    pub(crate) attribution: Attribution,
    pub(crate) outputs: Vec<String>,
    pub(crate) scale: String,
}

pub(crate) fn explain(
    run: &Run<'_>,
    model: &Stored,
    view: &View<'_, '_>,
    rows: ArrayView2<'_, f64>,
    notes: &mut Vec<String>,
) -> Result<Shap> {
    let known = drawn(run, BACKGROUND, view.rows.nrows(), BACKGROUND_ROWS);
    let background = view.rows.select(Axis(0), &known);
    let n_background = background.nrows();
    let Some(trees) = View::trees(model) else {
        let (exact, permutation) = (
            shapley::Exact,
            shapley::Permutation { n_permutations: PERMUTATIONS, ..Default::default() },
        );
        let few = view.players.len() <= EXACT_PLAYERS;
        let estimator: &dyn Estimator = if few { &exact } else { &permutation };
        let removal = Removal::marginal(background).map_err(of(METHOD))?;
        let asked = view.model.as_ref();
        let attribution = shapley::explain(run, estimator, asked, rows, &view.players, &removal)
            .map_err(of(METHOD))?;
        let how = if few {
            "from all sets of features".to_owned()
        } else {
            format!("estimated from {PERMUTATIONS} orders of the features, both ways")
        };
        notes.push(format!(
            "SHAP values are computed from predictions, {how}, with {n_background} rows of the \
             data in place of what is not known."
        ));
        return Ok(shap(attribution, model, model.output()));
    };
    let covers = trees.ensemble().statistics().cover;
    let rows_of_data;
    let perturbation = if covers {
        notes.push(
            "SHAP values are exact, by the way each row takes through the trees; where a feature \
             is not known, both ways count, weighted by the training rows that took them."
                .to_owned(),
        );
        Perturbation::TreePath
    } else {
        notes.push(format!(
            "SHAP values are exact for {n_background} rows of the data in place of what is not \
             known, because the trees do not know how many training rows took each way."
        ));
        rows_of_data = Background::new(background, None).map_err(of(METHOD))?;
        Perturbation::Interventional(&rows_of_data)
    };
    let settings = TreeShap { perturbation, ..TreeShap::default() };
    let explainer = settings.explainer(run, trees).map_err(of(METHOD))?;
    let attribution = explainer.attribution(run, view.own_players, rows).map_err(of(METHOD))?;
    Ok(shap(attribution, model, trees.link().raw_output()))
}

fn shap(attribution: Attribution, model: &Stored, output: Output) -> Shap {
    let n_outputs = attribution.values.dim().1;
    let outputs = match &model.class_names {
        Some(names) if names.len() == n_outputs => names.clone(),
        // One raw answer of two classes is that of the second.
        Some(names) if names.len() == 2 && n_outputs == 1 => vec![names[1].clone()],
        _ if n_outputs == 1 => vec!["prediction".to_owned()],
        _ => (0..n_outputs).map(|output| format!("output {output}")).collect(),
    };
    let link = match &model.model {
        Fitted::Trees(trees) => Some(trees.link()),
        _ => None,
    };
    let scale = match (output, link) {
        (Output::Probabilities, _) => "probability",
        (Output::Margins, Some(Link::Exp)) => "logarithm of the prediction",
        (
            Output::Margins,
            Some(Link::Sigmoid { .. } | Link::Logistic { .. } | Link::OneVsRest { .. }),
        ) => "log-odds",
        (Output::Margins, _) => "score before the softmax",
        (Output::Values | Output::Labels, _) => "units of the prediction",
    };
    Shap { attribution, outputs, scale: scale.to_owned() }
}
