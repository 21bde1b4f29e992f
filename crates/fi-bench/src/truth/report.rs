//! `report.md`: which methods found the inputs that matter, in words and tables computed from the
//! replicates.

use std::fmt::Write as _;

use super::calls::loss;
use super::score::Score;
use super::summary::{TruthLine, mean, score_name};
use super::{FEW_SEEDS, MANY_ROWS, Skill, Study, seeds_at};
use crate::compare::records::markdown_table;

/// The title of the page.
pub(super) const TITLE: &str = "Which methods find the inputs that matter?";

/// A model has learned a problem if it makes this share of the way from the best constant to the
/// signal itself.
const LEARNED: f64 = 0.5;

/// The whole report as Markdown; figures are linked beside it.
pub(super) fn markdown(study: &Study) -> String {
    let mut sections = vec![opening(study), in_short(study), learned(study)];
    for (model, _) in &study.manifest.models {
        sections.push(results(study, model));
    }
    sections.extend([by_rows(study), cost(study), design(study), limits(), reproduce(study)]);
    let mut text = sections.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join("\n");
    while text.ends_with("\n\n") {
        text.pop();
    }
    text
}

fn opening(study: &Study) -> String {
    let m = &study.manifest;
    format!(
        "# {TITLE}\n\nAgreement between methods can be bias that they share. Here the data are \
         drawn, so that it is known which inputs matter, and by how much where that is defined. On \
         {} problems, {}, {} trained and every method's ranking is held against the truth.\n",
        m.problems.len(),
        rows_and_seeds(&m.n_rows, m.n_seeds),
        match m.models.as_slice() {
            [(model, _)] => format!("the model `{model}` is"),
            models => {
                let names: Vec<String> = models.iter().map(|(n, _)| format!("`{n}`")).collect();
                format!("the models {} are", listed(&names))
            }
        }
    )
}

/// `with 10 seeds each at 200 and 2000 training rows and 2 at 20000`.
fn rows_and_seeds(n_rows: &[usize], n_seeds: usize) -> String {
    let at = |few: bool| {
        let own = n_rows.iter().filter(|&&n| (seeds_at(n, n_seeds) < n_seeds) == few);
        listed(&own.map(usize::to_string).collect::<Vec<_>>())
    };
    match (at(false).as_str(), at(true).as_str()) {
        (many, "") => format!("with {n_seeds} seeds each at {many} training rows"),
        ("", few) => format!("with {FEW_SEEDS} seeds each at {few} training rows"),
        (many, few) => {
            format!("with {n_seeds} seeds each at {many} training rows and {FEW_SEEDS} at {few}")
        }
    }
}

/// `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// The most rows that a model was trained on with every seed: what its tables and pictures show.
pub(super) fn shown_rows(study: &Study, model: &str) -> usize {
    let rows = study.manifest.n_rows.iter().copied();
    let seeds = |n_rows: usize| {
        let of_model = study.skills.iter().filter(|s| s.model == model && s.n_rows == n_rows);
        let first = of_model.clone().next().map(|skill| &skill.problem);
        of_model.filter(|skill| Some(&skill.problem) == first).count()
    };
    rows.filter(|&n| seeds(n) == study.manifest.n_seeds).max().unwrap_or_default()
}

/// A model's lines of a score of single columns at a number of rows.
fn lines<'a>(
    study: &'a Study,
    model: &'a str,
    method: &'a str,
    n_rows: usize,
    score: &'a str,
) -> impl Iterator<Item = &'a TruthLine> {
    study.lines.iter().filter(move |line| {
        line.model == model && line.method == method && line.n_rows == n_rows && line.score == score
    })
}

/// A method's mean over the problems that the model has learned, and on how many.
fn over_problems(
    study: &Study,
    model: &str,
    method: &str,
    n_rows: usize,
    score: &str,
) -> Option<(f64, usize)> {
    let values: Vec<f64> = lines(study, model, method, n_rows, score)
        .filter(|line| has_learned(study, model, &line.problem, n_rows))
        .map(|line| line.value)
        .collect();
    (!values.is_empty()).then(|| (mean(&values), values.len()))
}

fn skills<'a>(
    study: &'a Study,
    model: &'a str,
    problem: &'a str,
    n_rows: usize,
) -> impl Iterator<Item = &'a Skill> {
    study.skills.iter().filter(move |skill| {
        skill.model == model && skill.problem == problem && skill.n_rows == n_rows
    })
}

fn has_learned(study: &Study, model: &str, problem: &str, n_rows: usize) -> bool {
    let sum = |of: fn(&Skill) -> f64| skills(study, model, problem, n_rows).map(of).sum::<f64>();
    let (score, ceiling, constant) = (sum(|s| s.score), sum(|s| s.ceiling), sum(|s| s.constant));
    score - constant >= LEARNED * (ceiling - constant)
}

/// The methods of a model by their mean AUC, best first.
pub(super) fn ranked(study: &Study, model: &str) -> Vec<(String, f64, usize)> {
    let n_rows = shown_rows(study, model);
    let mut ranked: Vec<(String, f64, usize)> = study
        .manifest
        .methods
        .iter()
        .filter_map(|(method, _)| {
            let (auc, n) = over_problems(study, model, method, n_rows, Score::Auc.name())?;
            Some((method.clone(), auc, n))
        })
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

fn in_short(study: &Study) -> String {
    let mut text = String::from("## In short\n\n");
    for (model, _) in &study.manifest.models {
        let ranked = ranked(study, model);
        let most = ranked.iter().map(|(_, _, n)| *n).max().unwrap_or_default();
        let found = |(method, auc, n): &(String, f64, usize)| {
            let fewer = if *n < most { format!(" (on {n} of {most})") } else { String::new() };
            format!("{method} {auc:.2}{fewer}")
        };
        let all: Vec<String> = ranked.iter().map(found).collect();
        let _ = writeln!(
            text,
            "- `{model}`, {} rows: mean AUC over the problems it learned, best first: {}.",
            shown_rows(study, model),
            all.join(", ")
        );
        let unlearned: Vec<String> = study
            .manifest
            .problems
            .iter()
            .map(|(problem, _)| problem)
            .filter(|problem| {
                let n_rows = shown_rows(study, model);
                skills(study, model, problem, n_rows).next().is_some()
                    && !has_learned(study, model, problem, n_rows)
            })
            .map(|problem| format!("*{problem}*"))
            .collect();
        if !unlearned.is_empty() {
            let _ = writeln!(
                text,
                "- `{model}` did not learn {}: what it ignores, no method can find in it, and these \
                 means leave it out.",
                listed(&unlearned)
            );
        }
    }
    text
}

fn learned(study: &Study) -> String {
    let mut text = String::from(
        "## Did the models learn?\n\nA method can only find what its model uses. The model's score \
         on new rows (R² of numbers, accuracy of classes; mean over the seeds), of the score that \
         the signal itself has, which no model can be expected to beat. The best constant has an \
         R² of 0, or the accuracy in brackets.\n\n",
    );
    let n_rows = &study.manifest.n_rows;
    let headers: Vec<String> = study
        .manifest
        .models
        .iter()
        .flat_map(|(model, _)| n_rows.iter().map(move |n| format!("{model}, {n} rows")))
        .collect();
    let rows: Vec<Vec<String>> = study
        .manifest
        .problems
        .iter()
        .map(|(problem, _)| {
            let mut row = vec![problem.clone()];
            for (model, _) in &study.manifest.models {
                for &n in n_rows {
                    row.push(skill_cell(study, model, problem, n));
                }
            }
            row
        })
        .collect();
    let headers: Vec<&str> =
        std::iter::once("problem").chain(headers.iter().map(String::as_str)).collect();
    text.push_str(&markdown_table(&headers, &rows));
    text
}

fn skill_cell(study: &Study, model: &str, problem: &str, n_rows: usize) -> String {
    let all: Vec<&Skill> = skills(study, model, problem, n_rows).collect();
    let Some(first) = all.first() else { return "–".to_owned() };
    let mean = |of: fn(&Skill) -> f64| mean(&all.iter().map(|skill| of(skill)).collect::<Vec<_>>());
    let mut cell = format!("{:.2} of {:.2}", mean(|s| s.score), mean(|s| s.ceiling));
    if first.metric == "accuracy" {
        let _ = write!(cell, " ({:.2})", mean(|s| s.constant));
    }
    cell
}

fn results(study: &Study, model: &str) -> String {
    let n_rows = shown_rows(study, model);
    let mut text = format!(
        "## What the methods find in the {model}\n\n![AUC of each method ({model})](auc-{model}.svg)\n\n\
         Means over the problems that the model learned with {n_rows} rows, single columns; *lowest \
         AUC* is over the same problems.\n\n"
    );
    let rows: Vec<Vec<String>> = ranked(study, model)
        .into_iter()
        .map(|(method, _, n)| {
            let mut row = vec![method.clone()];
            for score in Score::ALL {
                let found = over_problems(study, model, &method, n_rows, score.name());
                row.push(found.map_or("–".to_owned(), |(value, _)| format!("{value:.2}")));
            }
            let worst = lines(study, model, &method, n_rows, Score::Auc.name())
                .filter(|line| has_learned(study, model, &line.problem, n_rows))
                .min_by(|a, b| a.value.total_cmp(&b.value));
            row.push(worst.map_or("–".to_owned(), |l| format!("{:.2} ({})", l.value, l.problem)));
            row.push(n.to_string());
            row
        })
        .collect();
    let headers: Vec<&str> = std::iter::once("method")
        .chain(Score::ALL.iter().map(|score| score.name()))
        .chain(["lowest AUC", "problems"])
        .collect();
    text.push_str(&markdown_table(&headers, &rows));
    text.push_str(&groups(study, model, n_rows));
    for (file, caption) in [
        ("recall", "The share of the inputs that matter among as many highest scores"),
        ("spearman", "Rank correlation with the true total effects"),
    ] {
        let _ = write!(text, "\n![{caption} ({model})]({file}-{model}.svg)\n");
    }
    text
}

/// Channels and steps of the sequences.
fn groups(study: &Study, model: &str, n_rows: usize) -> String {
    let rows: Vec<Vec<String>> = study
        .manifest
        .methods
        .iter()
        .filter_map(|(method, _)| {
            let mut row = vec![method.clone()];
            for level in ["channels", "steps"] {
                for score in [Score::Auc, Score::Recall] {
                    let name = score_name(score, level);
                    let found = over_problems(study, model, method, n_rows, &name);
                    row.push(found.map_or("–".to_owned(), |(value, _)| format!("{value:.2}")));
                }
            }
            row[1..].iter().any(|cell| cell != "–").then_some(row)
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let headers =
        ["method", "AUC of channels", "recall of channels", "AUC of steps", "recall of steps"];
    format!(
        "\nOf the sequences that the model learned, channels and steps as players, where a method \
         takes them, or the sum of the columns' absolute scores:\n\n{}",
        markdown_table(&headers, &rows)
    )
}

fn by_rows(study: &Study) -> String {
    let n_rows = &study.manifest.n_rows;
    if n_rows.len() < 2 {
        return String::new();
    }
    let mut text = String::from(
        "## What more rows change\n\nMean AUC of single columns over *all* problems, learned or \
         not, so that the columns can be compared.\n\n",
    );
    for (model, _) in &study.manifest.models {
        let rows: Vec<Vec<String>> = study
            .manifest
            .methods
            .iter()
            .filter_map(|(method, _)| {
                let mut row = vec![format!("{method} ({model})")];
                for &n in n_rows {
                    let values: Vec<f64> = lines(study, model, method, n, Score::Auc.name())
                        .map(|line| line.value)
                        .collect();
                    let drawn = !values.is_empty();
                    row.push(if drawn { format!("{:.2}", mean(&values)) } else { "–".into() });
                }
                row[1..].iter().any(|cell| cell != "–").then_some(row)
            })
            .collect();
        let headers: Vec<String> = n_rows.iter().map(|n| format!("{n} rows")).collect();
        let headers: Vec<&str> =
            std::iter::once("method").chain(headers.iter().map(String::as_str)).collect();
        text.push_str(&markdown_table(&headers, &rows));
        text.push('\n');
    }
    text
}

fn cost(study: &Study) -> String {
    let mut text = String::from(
        "## What a ranking costs\n\nMeans over the problems, single columns; what an evaluation is \
         stands with the method below. Seconds are wall time beside other cells of the study, so \
         they show orders of size only.\n\n",
    );
    let mut rows = Vec::new();
    for (model, _) in &study.manifest.models {
        let n_rows = shown_rows(study, model);
        for (method, _) in &study.manifest.methods {
            let found: Vec<&TruthLine> =
                lines(study, model, method, n_rows, Score::Auc.name()).collect();
            if found.is_empty() {
                continue;
            }
            let evaluations: Vec<f64> = found.iter().map(|line| line.evaluations).collect();
            let seconds: Option<Vec<f64>> = found.iter().map(|line| line.seconds).collect();
            rows.push(vec![
                format!("{method} ({model})"),
                format!("{:.0}", mean(&evaluations)),
                seconds.map_or("–".to_owned(), |seconds| format!("{:.4}", mean(&seconds))),
            ]);
        }
    }
    text.push_str(&markdown_table(&["method", "evaluations", "seconds"], &rows));
    text
}

fn design(study: &Study) -> String {
    let m = &study.manifest;
    let e = &m.effort;
    let mut text = String::from("## What was done\n\n**Problems.**\n\n");
    for (name, about) in &m.problems {
        let _ = writeln!(text, "- *{name}*: {about}.");
    }
    text.push_str("\n**Models.**\n\n");
    for (name, about) in &m.models {
        let _ = writeln!(text, "- *{name}*: {about}.");
    }
    text.push_str("\n**Methods.**\n\n");
    for (name, about) in &m.methods {
        let _ = writeln!(text, "- *{name}*: {about}.");
    }
    let _ = writeln!(
        text,
        "\n**Rows.** Each seed draws training rows and {} test rows of its own; every model and \
         method sees the same. With {MANY_ROWS} rows and more there are at most {FEW_SEEDS} seeds. \
         Networks and linear models read inputs, and targets of numbers, scaled to mean 0 and \
         standard deviation 1 by the training rows; a value that is missing is filled with the mean, \
         and a category is a column of 0 and 1 for each value seen twice but the most frequent, \
         which are one player. Trees read rows as they are. Losses are {} of classes and {} of \
         numbers, in the unit of the target.\n",
        e.n_test,
        loss(&fi_core::Target::Classes { labels: Vec::new(), names: Vec::new() }).name(),
        loss(&fi_core::Target::Values(Vec::new())).name()
    );
    let _ = writeln!(
        text,
        "**Effort.** Permutation importance shuffles {} times, deletion curves {} times at {} \
         places between the ends. SHAP explains {} test rows against \
         {} training rows with {} orders of joining, half of them the reverse of another, \
         or with {} coalitions by regression (more where there are more than half as many players); \
         LIME draws {} samples around each of the same rows; SAGE draws {} orders. LOFO and \
         leave-one-in are left out where there are more than {} players, LOFO of the LSTM where there \
         are more than {}; leave-one-in is not asked of the LSTM, to which a sequence of one column \
         is none. Gradients are \
         of {} test rows, averaged over {} points where they are averaged.\n",
        e.n_repeats,
        e.deletion_repeats,
        e.deletion_steps,
        e.shap_rows,
        e.shap_background,
        e.shap_permutations,
        e.kernel_coalitions,
        e.lime_samples,
        e.sage_draws,
        e.lofo_players,
        e.lofo_groups,
        e.gradient_rows,
        e.gradient_points
    );
    text.push_str(
        "**Truth.** The total effect of an input is the share of the signal's variance that is \
         left to those who know all other inputs, `E[Var(f(X) | all but x)] / Var f(X)`: Sobol's \
         total index where inputs are independent (Homma, Saltelli 1996, \
         doi:10.1016/0951-8320(96)00002-6), in closed form or by quadrature; `problems.csv` holds \
         them. An input matters if its effect is above 0.001; of the copies, if it tells of the \
         target. Other notions of importance have other truths: permutation importance of \
         correlated inputs, for one, estimates what the model does with an input and not what only \
         this input knows. Which inputs matter at all, all notions share, so AUC and recall are the \
         scores to compare methods by.\n\n\
         **Scores.** *AUC*: the probability that an input that matters scores above one that does \
         not, ties counting half; 0.5 is a coin. *Top-k recall*: of the k inputs that matter, how \
         many are among the k highest scores. *Spearman*, *Kendall τ-b*: rank correlation with the \
         total effects; as most inputs do nothing and share one rank, a perfect ranking need not \
         reach 1. *Relative error*: for methods that estimate a number, how far all importances are \
         from what the method would find in the signal itself, as a share of its size; 0 is best, \
         and 1 what a method has that answers 0 throughout. It holds the model's errors and the \
         method's. *Deletion*, *insertion*: how fast the model's loss rises when the players are \
         shuffled together, best first, and how soon the best alone are enough, as shares of the way \
         between the model and one that is told nothing (Samek et al. 2017, \
         doi:10.1109/TNNLS.2016.2599820); they need no truth and say what the *model* uses.\n",
    );
    text
}

fn limits() -> String {
    "## What this cannot show\n\n\
     - Drawn data are cleaner than real ones.\n\
     - One setting of each model; another may learn more, and a method may suit it better.\n\
     - A problem says what matters in the world. A model that has not learned it is not explained \
     wrongly by a method that says so.\n"
        .to_owned()
}

fn reproduce(study: &Study) -> String {
    format!(
        "## How to reproduce\n\n```sh\n{}\n```\n\nEvery number above is computed from \
         `replicates.csv`, which holds every importance of every fit, `skill.csv` and the problems; \
         `truth.csv` has the scores' means over the seeds and `spread.csv` how far the seeds \
         differ. On any number of threads the same command writes the same bytes, but for \
         `seconds`; with `--check` no clock is read, and every number is computed again from the \
         files.\n",
        study.manifest.command
    )
}
