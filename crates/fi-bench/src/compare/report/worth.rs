//! What the results are worth: published cells, yardsticks, sources of spread, verdicts.

use std::fmt::Write as _;

use super::{agreement, median_range, n_fits, percent, range_of, spread};
use crate::compare::Comparison;
use crate::compare::methods::{MDI, VIANN};
use crate::compare::models::{DATA, FOREST, NN1, NN2};
use crate::compare::published;
use crate::compare::records::{is_probe, markdown_table, variant};
use crate::compare::summary::{CENTRAL, ImportanceLine, paired, quantile, sorted};
use crate::compare::verdict::verdicts;

pub(super) fn published_cells(c: &Comparison) -> String {
    let cells: Vec<_> = published::cells(&c.data.name).collect();
    if cells.is_empty() {
        return String::new();
    }
    let mut rows = Vec::new();
    for cell in cells {
        for model in [NN1, NN2] {
            let own = model.contains(cell.network);
            if !own && cell.network != "DeepNN" {
                continue;
            }
            let pairs = paired(
                &c.records,
                "Pearson",
                (variant::MAIN, model, VIANN),
                (variant::MAIN, FOREST, MDI),
            );
            let values = sorted(pairs.into_iter().map(|(_, value)| value).collect());
            if values.is_empty() {
                continue;
            }
            let below = values.iter().filter(|v| **v < cell.pearson).count() as f64;
            let tail = f64::midpoint(0.0, 1.0 - CENTRAL);
            let (low, high) = (quantile(&values, tail), quantile(&values, 1.0 - tail));
            rows.push(vec![
                cell.network.to_owned(),
                format!("{:.2}", cell.pearson),
                model.to_owned(),
                median_range(quantile(&values, 0.5), low, high),
                percent(below / values.len() as f64),
                if low <= cell.pearson && cell.pearson <= high { "yes" } else { "no" }.to_owned(),
            ]);
        }
    }
    let headers = [
        "paper's network",
        "published",
        "our network",
        "our single fits",
        "share below the published",
        "inside our range",
    ];
    format!(
        "## The published cells\n\nPearson correlation of one network's VIANN with one forest's \
         MDI, as published, among our single fits. The wider our range, the less it means that a \
         published value lies inside. The paper's DeepNN, with layers of up to 4,096 units, is not \
         trained here; its value is set beside the smaller networks for orientation only.\n\n{}",
        markdown_table(&headers, &rows)
    )
}

pub(super) fn yardsticks(c: &Comparison) -> String {
    let mut text = String::from("## Yardsticks\n\n");
    for (model, method) in c.records.keys(variant::MAIN).filter(|key| key.0 == DATA) {
        if let Some(line) = agreement(c, "Pearson", (model, method), (FOREST, MDI)) {
            let _ = writeln!(
                text,
                "- *{method}*, which needs no model, agrees with MDI at {}.",
                range_of(line)
            );
        }
    }
    for (model, method) in c.records.keys(variant::SHUFFLED_LABELS).filter(|key| key.1 == VIANN) {
        let pairs = paired(
            &c.records,
            "Pearson",
            (variant::SHUFFLED_LABELS, model, method),
            (variant::MAIN, FOREST, MDI),
        );
        let values = pairs.into_iter().map(|(_, value)| value).collect();
        let _ = writeln!(
            text,
            "- VIANN of the {model} trained on *shuffled targets*, which hold nothing to learn, \
             agrees with the real forest's MDI at {}.",
            spread(values)
        );
    }
    text.push_str(&probes(c));
    text.push_str(&top_k(c));
    text
}

fn probes(c: &Comparison) -> String {
    let mut rows = Vec::new();
    for (model, method) in c.records.keys(variant::PROBES) {
        let Some(scores) = c.records.scores(variant::PROBES, model, method) else { continue };
        let (mut below, mut real) = (0_usize, 0_usize);
        for row in scores.values.rows() {
            let with_names = || scores.features.iter().zip(row.iter());
            let best_probe = with_names()
                .filter(|(name, _)| is_probe(name))
                .map(|(_, value)| *value)
                .fold(f64::NEG_INFINITY, f64::max);
            for (_, value) in with_names().filter(|(name, _)| !is_probe(name)) {
                real += 1;
                below += usize::from(*value <= best_probe);
            }
        }
        let share = below as f64 / real.max(1) as f64;
        rows.push(vec![model.clone(), method.clone(), percent(share)]);
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "\n**Shuffled copies.** Every model was also trained with a shuffled copy of each feature \
         beside the real ones. The share of real features that score no higher than the best \
         copy:\n\n{}",
        markdown_table(&["model", "method", "real features at or below the best copy"], &rows)
    )
}

fn top_k(c: &Comparison) -> String {
    let mut settings: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (model, method) in c.records.keys(variant::TOP_K) {
        let Some(scores) = c.records.scores(variant::TOP_K, model, method) else { continue };
        if settings.is_empty() {
            settings.clone_from(&scores.features);
        }
        let mut row = vec![model.clone(), method.clone()];
        for setting in &settings {
            row.push(scores.feature(setting).map_or_else(String::new, |v| {
                let values = sorted(v);
                format!("{:.3}", values.iter().sum::<f64>() / values.len() as f64)
            }));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return String::new();
    }
    let headers: Vec<&str> =
        ["scores from", "method"].into_iter().chain(settings.iter().map(String::as_str)).collect();
    format!(
        "\n**Retrained on the best.** Mean hold-out {} of models retrained on each method's best k \
         features; features are chosen anew in each fit. Methods scored on the hold-out itself \
         (permutation, LOFO, SHAP) have seen the rows they are judged on here.\n\n{}",
        c.manifest.top_k_metric,
        markdown_table(&headers, &rows)
    )
}

pub(super) fn variance(c: &Comparison) -> String {
    let mut rows = Vec::new();
    let mut lines: Vec<&ImportanceLine> = Vec::new();
    for line in c.importance.iter().filter(|line| line.sd_training.is_some()) {
        match lines.last() {
            Some(last) if (&last.model, &last.method) == (&line.model, &line.method) => {}
            _ => lines.push(line),
        }
    }
    for first in lines {
        let of_method: Vec<&ImportanceLine> = c
            .importance
            .iter()
            .filter(|l| {
                (&l.model, &l.method) == (&first.model, &first.method) && l.sd_training.is_some()
            })
            .collect();
        let total: f64 = of_method.iter().map(|l| l.std * l.std).sum();
        let share = |part: fn(&ImportanceLine) -> Option<f64>| {
            let parts: Vec<f64> = of_method.iter().filter_map(|l| part(l)).collect();
            if parts.is_empty() || total == 0.0 {
                return "–".to_owned();
            }
            percent(parts.iter().map(|sd| sd * sd).sum::<f64>() / total)
        };
        rows.push(vec![
            first.model.clone(),
            first.method.clone(),
            share(|l| l.sd_split),
            share(|l| l.sd_training),
            share(|l| l.sd_estimator),
        ]);
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## Where the spread comes from\n\nShares of the variance over all fits, summed over the \
         features: from *the split* (which rows train and test), from *the training* (another seed \
         on the same rows) and from *the estimator* (another draw on the same model). The last two \
         are estimated from pairs of fits that differ in nothing else ({} pairs, for the paper's \
         networks {}), the first is the rest; the fewer the pairs, the rougher the shares, and \
         they need not add up to 100 %.\n\n{}",
        n_fits(c),
        c.manifest.n_seeds,
        markdown_table(&["model", "method", "split", "training", "estimator"], &rows)
    )
}

pub(super) fn verdict_table(c: &Comparison) -> String {
    let rows: Vec<Vec<String>> = verdicts(&c.records)
        .into_iter()
        .map(|v| {
            vec![
                v.model.clone(),
                v.method.clone(),
                median_range(v.agreement[0], v.agreement[1], v.agreement[2]),
                percent(v.beats_anova),
                v.beats_shuffled.map_or_else(|| "–".to_owned(), percent),
                v.text().to_owned(),
            ]
        })
        .collect();
    format!(
        "## Verdicts\n\nThe claim under test: *this method of this network ranks the features as \
         the forest's MDI does, beyond what cheap statistics already tell*. The rule: **supported** \
         if the central {} of single Pearson correlations lies above 0, if the agreement beats that \
         of the same network trained on shuffled targets in at least {} of the fits (where that was \
         run), and if it beats ANOVA F's agreement in at least half of them. MDI itself is not the \
         truth, so even *supported* means *like MDI*, not *right*.\n\n{}",
        percent(CENTRAL),
        percent(CENTRAL),
        markdown_table(
            &[
                "network",
                "method",
                "Pearson with MDI",
                "beats ANOVA F",
                "beats shuffled targets",
                "verdict"
            ],
            &rows
        )
    )
}
