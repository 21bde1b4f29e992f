//! The pictures of the report: methods × problems, one heatmap per model and score.

use anyhow::Result;
use fi_viz::{Annotate, ColorScale, Figure, Heatmap};
use ndarray::Array2;

use super::Study;
use super::report::shown_rows;
use super::score::Score;
use super::summary::score_name;

/// The scores that get a picture, with their file names.
const DRAWN: [(Score, &str); 4] = [
    (Score::Auc, "auc"),
    (Score::Recall, "recall"),
    (Score::Spearman, "spearman"),
    (Score::Error, "error"),
];

/// Every picture and its file name without extension.
pub(super) fn all(study: &Study) -> Result<Vec<(String, Figure)>> {
    let mut figures = Vec::new();
    for (model, _) in &study.manifest.models {
        for (score, name) in DRAWN {
            if let Some(figure) = heatmap(study, model, score)? {
                figures.push((format!("{name}-{model}"), figure));
            }
        }
    }
    Ok(figures)
}

/// Methods × problems and levels, at the rows that the tables show.
fn heatmap(study: &Study, model: &str, score: Score) -> Result<Option<Figure>> {
    let n_rows = shown_rows(study, model);
    let lines = || {
        let all = study.lines.iter();
        all.filter(|line| line.model == model && line.n_rows == n_rows)
    };
    let mut columns: Vec<(String, String, String)> = Vec::new();
    for (problem, _) in &study.manifest.problems {
        for level in ["features", "channels", "steps"] {
            let wanted = score_name(score, level);
            if lines().any(|line| line.problem == *problem && line.score == wanted) {
                let label = match level {
                    "features" => problem.clone(),
                    level => format!("{problem}: {level}"),
                };
                columns.push((problem.clone(), wanted, label));
            }
        }
    }
    let rows: Vec<String> = study
        .manifest
        .methods
        .iter()
        .map(|(method, _)| method.clone())
        .filter(|method| {
            lines().any(|l| l.method == *method && columns.iter().any(|c| c.1 == l.score))
        })
        .collect();
    if rows.is_empty() || columns.is_empty() {
        return Ok(None);
    }
    let value = |(row, column): (usize, usize)| {
        let (problem, wanted, _) = &columns[column];
        let mut all = lines();
        all.find(|l| l.method == rows[row] && l.problem == *problem && l.score == *wanted)
            .map_or(f64::NAN, |line| line.value)
    };
    let values = Array2::from_shape_fn((rows.len(), columns.len()), value);
    let scale = match score {
        Score::Spearman | Score::Kendall => ColorScale::Diverging { max_abs: 1.0 },
        _ => ColorScale::Sequential { low: 0.0, high: 1.0 },
    };
    let about = match score {
        Score::Auc => "The chance that an input that matters scores above one that does not.",
        Score::Recall => "The share of the k inputs that matter among the k highest scores.",
        Score::Spearman | Score::Kendall => {
            "Rank correlation with the total effects, below 1 where inputs that do nothing tie."
        }
        Score::Error => "How far importances are from what the method estimates, as a share of it.",
        Score::Deletion => "How fast the loss rises when the inputs are shuffled, best first.",
        Score::Insertion => "How soon the best inputs alone are enough.",
    };
    let heatmap = Heatmap {
        title: format!("{} of each method ({model}, {n_rows} rows)", capitalised(score.name())),
        rows,
        columns: columns.into_iter().map(|(_, _, label)| label).collect(),
        values,
        scale,
        annotate: Annotate::Digits(2),
        legend_label: score.name().to_owned(),
        caption: format!("{about} Mean over {} seeds.", study.manifest.n_seeds),
        ..Heatmap::default()
    };
    Ok(Some(heatmap.figure()?))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
