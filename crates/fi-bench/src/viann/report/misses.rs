//! Why a published value is missed: when training stopped, and what one change does.

use std::fmt::Write as _;

use super::{Experiment, range_text};
use crate::compare::records::markdown_table;
use crate::viann::arms::Arm;
use crate::viann::cell::{EPOCHS, SKILL};
use crate::viann::published::ROWS;
use crate::viann::tables::{Line, PUBLISHED, Range, Variant, Verdict, Worth, lines, variants};

/// The lines of every variant, the published one first.
fn of_variants(e: &Experiment) -> Vec<(Variant, Vec<Line>)> {
    let variants = variants(&e.manifest.epochs).into_iter();
    variants.map(|v| (v.clone(), lines(&e.replicates, &v.name))).collect()
}

fn is_miss(line: &Line) -> bool {
    matches!(line.verdict, Verdict::PublishedHigher | Verdict::PublishedLower)
}

fn n_misses(e: &Experiment) -> usize {
    e.lines.iter().filter(|line| is_miss(line)).count()
}

/// How many of the misses no variant holds.
fn n_unexplained(e: &Experiment, variants: &[(Variant, Vec<Line>)]) -> usize {
    let held = |i: usize| variants.iter().any(|(_, l)| l[i].verdict == Verdict::Reproduced);
    e.lines.iter().enumerate().filter(|(i, line)| is_miss(line) && !held(*i)).count()
}

pub(super) fn in_short(e: &Experiment) -> String {
    let misses = n_misses(e);
    if misses == 0 {
        return String::new();
    }
    format!(
        "- Of the {misses} misses, {} lie in the range of no arm that changes one thing of the \
         protocol ([Misses](#misses)).\n",
        n_unexplained(e, &of_variants(e))
    )
}

/// When the classifiers stopped, beside the published epochs.
pub(super) fn stops(e: &Experiment) -> String {
    let mut rows = Vec::new();
    for row in ROWS {
        let of = |fact: &str, variant: &str| {
            let values = e.replicates.iter().filter(|line| {
                (line.dataset.as_str(), line.network.as_str()) == (row.data, row.network)
                    && line.variant == variant
                    && line.quantity == fact
            });
            Range::of(values.map(|line| line.value).collect())
        };
        let drawn_arm = Arm::DrawnValidation.name();
        // Only classifiers have the arm: a regression's epochs are fixed.
        let (Some(ours), Some(drawn)) = (of(EPOCHS, PUBLISHED), of(EPOCHS, &drawn_arm)) else {
            continue;
        };
        let epochs = |r: Range| format!("{:.0} [{:.0}, {:.0}]", r.median, r.low, r.high);
        let skill = |variant| of(SKILL, variant).map_or_else(String::new, range_text);
        rows.push(vec![
            row.data.to_owned(),
            row.network.to_owned(),
            row.epochs.to_string(),
            epochs(ours),
            skill(PUBLISHED),
            epochs(drawn),
            skill(&drawn_arm),
        ]);
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## When training stopped\n\nVIANN is a variance over epochs, so the epoch at which training \
         stops is part of the score. *Drawn*: validation rows drawn from every class in place of \
         the last rows of the table. Accuracy is on all rows, training and validation.\n\n{}",
        markdown_table(
            &[
                "data",
                "network",
                "published epochs",
                "ours",
                "accuracy",
                "drawn: epochs",
                "drawn: accuracy"
            ],
            &rows
        )
    )
}

/// What each change does to the number of cells held, and to each miss.
pub(super) fn misses(e: &Experiment) -> String {
    let variants = of_variants(e);
    let mut rows = Vec::new();
    for (variant, lines) in &variants {
        let Some(worth) = Worth::of(&lines.iter().collect::<Vec<_>>()) else { continue };
        let pairs = || lines.iter().zip(&e.lines);
        let held = |line: &Line| line.verdict == Verdict::Reproduced;
        rows.push(vec![
            variant.name.clone(),
            variant.about.clone(),
            worth.n_run.to_string(),
            worth.n_reproduced.to_string(),
            pairs().filter(|(line, main)| held(line) && is_miss(main)).count().to_string(),
            pairs().filter(|(line, main)| is_miss(line) && held(main)).count().to_string(),
            format!("{:.2}", worth.width),
        ]);
    }
    let mut text = format!(
        "## Misses\n\nEach arm changes one thing of the published protocol and keeps seeds and all \
         else. An arm explains a miss if the published value lies in *its* range and the change \
         could have been made unnoticed; an arm with wide ranges holds more by width alone.\n\n{}",
        markdown_table(
            &[
                "arm",
                "what is changed",
                "cells run",
                "published value held",
                "of the misses",
                "hits lost",
                "median width"
            ],
            &rows
        )
    );
    text.push_str(&each_miss(e, &variants));
    text.push_str(
        "\n![VIANN and the paper's LOFO by epochs, NN1](epochs-nn1.svg)\n\n\
         ![VIANN and the paper's LOFO by epochs, NN2](epochs-nn2.svg)\n",
    );
    text
}

fn each_miss(e: &Experiment, variants: &[(Variant, Vec<Line>)]) -> String {
    let mut rows = Vec::new();
    for (i, main) in e.lines.iter().enumerate().filter(|(_, line)| is_miss(line)) {
        let mut row = vec![
            format!("{} {}", main.dataset, main.network),
            main.pair.clone(),
            format!("{:.2}", main.published),
        ];
        for (_, lines) in variants {
            let text = lines[i].range().map_or_else(|| "–".to_owned(), range_text);
            let held = lines[i].verdict == Verdict::Reproduced;
            row.push(if held { format!("**{text}**") } else { text });
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return String::new();
    }
    let names = variants.iter().map(|(variant, _)| variant.name.as_str());
    let headers: Vec<&str> = ["cell", "pair", "published value"].into_iter().chain(names).collect();
    let mut text = format!(
        "\nEvery miss; bold where the published value lies in the arm's range. {} of {} are held by \
         no arm.\n\n",
        n_unexplained(e, variants),
        rows.len()
    );
    let _ = writeln!(text, "{}", markdown_table(&headers, &rows));
    text
}
