//! What the paper did not do: skill on rows held out, and methods judged there.

use std::fmt::Write as _;

use super::{Experiment, range_text};
use crate::compare::methods::{
    GARSON, GARSON_CANCELLING, GRADIENT_INPUT, INTEGRATED, LOFO, OLDEN, PERMUTATION, SALIENCY,
    SET_TO_ZERO, SHAP, VIANN,
};
use crate::compare::records::markdown_table;
use crate::viann::arms::{Arm, Net};
use crate::viann::cell::HOLD_OUT_SKILL;
use crate::viann::tables::{Range, pair_name};

/// Methods that read the weights alone.
const READ: [&str; 4] = [VIANN, GARSON_CANCELLING, GARSON, OLDEN];
/// Methods that are judged: those, gradients, and the column set to 0.
const JUDGED: [&str; 8] =
    [VIANN, GARSON_CANCELLING, GARSON, OLDEN, SALIENCY, GRADIENT_INPUT, INTEGRATED, SET_TO_ZERO];
/// Methods that ask the model on rows it was not trained on.
pub(in crate::viann) const JUDGES: [&str; 3] = [PERMUTATION, LOFO, SHAP];

/// The values of a quantity on the hold-out, seed by seed.
pub(in crate::viann) fn values(
    e: &Experiment,
    dataset: &str,
    network: &str,
    quantity: &str,
    measure: &str,
) -> Vec<f64> {
    let hold_out = Arm::HoldOut.name();
    let of = e.replicates.iter().filter(|line| {
        line.variant == hold_out
            && (line.dataset.as_str(), line.network.as_str()) == (dataset, network)
            && (line.quantity.as_str(), line.measure.as_str()) == (quantity, measure)
    });
    of.map(|line| line.value).collect()
}

/// The median over data sets and networks of the median over seeds.
fn overall(e: &Experiment, quantity: &str, measure: &str) -> Option<f64> {
    let mut medians = Vec::new();
    for (dataset, _) in &e.manifest.data {
        for net in [Net::Nn1, Net::Nn2] {
            let found = values(e, dataset, net.name(), quantity, measure);
            medians.extend(Range::of(found).map(|range| range.median));
        }
    }
    Range::of(medians).map(|range| range.median)
}

pub(super) fn in_short(e: &Experiment) -> String {
    let mut parts = Vec::new();
    for method in READ {
        if let Some(median) = overall(e, &pair_name(method, PERMUTATION), "Spearman") {
            parts.push(format!("{method} {median:.2}"));
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    format!(
        "- Rank correlation with permutation importance on rows held out, median over data sets and \
         networks: {} ([Judged on rows held out](#judged-on-rows-held-out)).\n",
        parts.join(", ")
    )
}

pub(super) fn skill(e: &Experiment) -> String {
    let nets = [Net::Nn1, Net::Nn2, Net::Deep, Net::Forest];
    let mut rows = Vec::new();
    for (dataset, _) in &e.manifest.data {
        let mut row = vec![dataset.clone()];
        for net in nets {
            let found = values(e, dataset, net.name(), HOLD_OUT_SKILL, "");
            row.push(Range::of(found).map_or_else(String::new, range_text));
        }
        rows.push(row);
    }
    let headers: Vec<&str> = ["data"].into_iter().chain(nets.map(Net::name)).collect();
    format!(
        "## How good the networks are\n\nAccuracy or R² on a fifth of the rows that was held out, by \
         the published protocol on the rest. The paper reports none. What a network that has not \
         learnt says about its inputs says little about the data.\n\n{}",
        markdown_table(&headers, &rows)
    )
}

/// What reads the weights beside what asks the model on rows held out.
pub(super) fn judges(e: &Experiment) -> String {
    let mut text = String::from(
        "## Judged on rows held out\n\nCorrelation of scores with three that ask the model, or the \
         retrained learner, on rows it has not seen: median and central range of single seeds. \
         *Garson (cancelling)* is the paper's form, *set to zero* its LOFO, here on the rows held \
         out; *saliency*, *gradient × input* and *integrated gradients* (50 steps from the row of \
         zeros) are means over these rows and the outputs of the absolute values, of the margins.\n\n",
    );
    for measure in ["Pearson", "Spearman"] {
        let mut rows = Vec::new();
        for (dataset, _) in &e.manifest.data {
            for net in [Net::Nn1, Net::Nn2] {
                for method in JUDGED {
                    let cell = |judge: &str| {
                        let pair = pair_name(method, judge);
                        let found = values(e, dataset, net.name(), &pair, measure);
                        Range::of(found).map_or_else(|| "–".to_owned(), range_text)
                    };
                    let mut row = vec![format!("{dataset} {}", net.name()), method.to_owned()];
                    row.extend(JUDGES.map(cell));
                    rows.push(row);
                }
            }
        }
        for method in JUDGED {
            let mut row = vec!["median of all".to_owned(), method.to_owned()];
            row.extend(JUDGES.map(|judge| {
                let median = overall(e, &pair_name(method, judge), measure);
                median.map_or_else(|| "–".to_owned(), |median| format!("{median:.2}"))
            }));
            rows.push(row);
        }
        let headers: Vec<&str> = ["network", "method"].into_iter().chain(JUDGES).collect();
        let _ = writeln!(text, "### {measure}\n\n{}", markdown_table(&headers, &rows));
    }
    text.push_str("![Scores from inside beside scores on rows held out](hold-out.svg)\n");
    text
}
