//! `report.md`: what the repeated experiment found, in words and tables computed from the files.

pub(super) mod beyond;
mod misses;

use std::fmt::Write as _;

use super::Experiment;
use super::published::{PAIRS, ROWS};
use super::tables::{Line, Range, Verdict, Worth};
use crate::compare::records::markdown_table;
use crate::compare::report::{median_range, percent};
use crate::compare::summary::CENTRAL;
use crate::data_sets;

/// The whole report as Markdown; figures are linked beside it.
pub(super) fn markdown(e: &Experiment) -> String {
    let sections = [
        opening(e),
        in_short(e),
        done(e),
        cells(e),
        worth(e),
        misses::stops(e),
        misses::misses(e),
        beyond::skill(e),
        beyond::judges(e),
        limits(e),
        reproduce(e),
    ];
    let mut text = sections.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join("\n");
    while text.ends_with("\n\n") {
        text.pop();
    }
    text
}

fn opening(e: &Experiment) -> String {
    let quick = if e.manifest.quick {
        " **This is a quick look with few seeds, few data sets, trainings cut short and a narrow DeepNN: it says \
         nothing about the paper.**"
    } else {
        ""
    };
    format!(
        "# The VIANN paper's experiment, repeated\n\n\
         De Sá (2019) trains three networks once on each of six data sets, scores their inputs by \
         VIANN, by Garson's algorithm and by setting each input to 0, sets a random forest beside \
         them, and prints the Pearson correlations of four pairs of scores: 72 numbers, each from \
         one run. This report repeats each run with {} seeds and asks which published numbers are \
         among ours, what that is worth, and what the misses are due to.{quick}\n",
        e.manifest.n_seeds
    )
}

fn in_short(e: &Experiment) -> String {
    let mut text = String::from("## In short\n\n");
    let all: Vec<&Line> = e.lines.iter().collect();
    let Some(worth) = Worth::of(&all) else { return String::new() };
    let count = |verdict| e.lines.iter().filter(|line| line.verdict == verdict).count();
    let _ = writeln!(
        text,
        "- **{} of {} published cells are reproduced**: the published correlation lies in the \
         central {} of our single-seed values. {} published values lie above our range and {} \
         below; {} cells were not run.",
        worth.n_reproduced,
        worth.n_run,
        percent(CENTRAL),
        count(Verdict::PublishedHigher),
        count(Verdict::PublishedLower),
        count(Verdict::NotRun),
    );
    let _ = writeln!(
        text,
        "- If every published run were one more seed of ours, about {:.0} of {} would lie inside, \
         because a range of few seeds is narrower than the whole distribution.",
        worth.expected, worth.n_run
    );
    let _ = writeln!(
        text,
        "- Half of our ranges are wider than {:.2}, and a range holds {} of the *other* cells' \
         published values as well: a wide range reproduces anything.",
        worth.width,
        percent(worth.holds_others)
    );
    text.push_str(&misses::in_short(e));
    text.push_str(&beyond::in_short(e));
    text
}

fn done(e: &Experiment) -> String {
    let m = &e.manifest;
    let p = &m.protocol;
    let mut text = String::from("## What was done\n\n");
    let names: Vec<&str> = m.data.iter().map(|(name, _)| name.as_str()).collect();
    let _ = writeln!(
        text,
        "**Data.** {}; every column scaled over the whole table, the values of a regression too.",
        names.join(", ")
    );
    for (name, _) in &m.data {
        if name == "boston"
            && let Ok(set) = data_sets::load(name)
        {
            let _ = writeln!(text, "{}", set.provenance.about);
        }
    }
    let _ = writeln!(
        text,
        "\n**Networks.** NN1: 50-100-50 units without activation functions, weights drawn from \
         N(0, 0.05), L2 0.01 on the hidden kernels, SGD (0.01), batches of a seventh of the table. \
         NN2: the same with ReLU. DeepNN: 500-1024-2048-4096-2048-1024-500 \
         units{}, each layer with batch normalisation and dropout 0.5 (the last 0.2, and then a \
         PReLU), a ReLU after the first layer only, L2 0.1 on the four in the middle, Adam. \
         Classifiers train for at most {} epochs and stop from epoch 7 on \
         when the accuracy on the validation rows exceeds 0.95; regressions train for {}. The \
         validation rows are the last 5 % of the table as it stands, which are all of one class \
         for iris and wine.\n",
        if p.size.deep_divisor > 1 { " (each divided for this quick look)" } else { "" },
        p.size.max_epochs,
        p.size.regression_epochs()
    );
    text.push_str(
        "**Scores.** *VIANN* from the weights at the end of each epoch. *LOFO* as the paper has \
         it: the trained network's loss on all rows with a column set to 0, without retraining. \
         *Garson* as published, from the first and the last kernel: the latter cancels, so it is \
         the mean of the first layer's column-normalised |weights|. *RF*: impurity importance of \
         100 trees. The paper fits a classification forest to one-hot columns; the impurity of \
         its nodes is 2/K of the Gini impurity of the K classes, so the splits and shares are those \
         of our classification forest.\n\n",
    );
    let _ = writeln!(
        text,
        "**Seeds.** {} per cell, at most 5 of DeepNN. A seed draws the initial weights, the order of the rows and the \
         forest; two arms of one seed differ in the arm alone. Ranges are the central {} of single \
         seeds, so they do not shrink with more of them.\n",
        m.n_seeds,
        percent(CENTRAL)
    );
    let _ = writeln!(
        text,
        "**Hold-out.** Networks and forest are also trained on four fifths of the rows (stratified, \
         scaled by the training rows) and scored on the rest: *permutation* shuffles a column {} \
         times, *LOFO* retrains without it, *SHAP* is the mean |Shapley value| of {} hold-out rows \
         with {} training rows as background (every coalition for up to 6 features, otherwise {} \
         antithetic permutations).",
        p.n_repeats, p.shap_rows, p.shap_background, p.shap_permutations
    );
    text
}

fn cells(e: &Experiment) -> String {
    let mut text = String::from(
        "## The published cells\n\nPublished Pearson correlation, and median and central range of \
         ours.\n\n",
    );
    for network in ["NN1", "NN2", "DeepNN"] {
        let mut rows = Vec::new();
        for row in ROWS.iter().filter(|row| row.network == network) {
            let of_row = e.lines.iter().filter(|l| l.network == network && l.dataset == row.data);
            for line in of_row.filter(|line| line.verdict != Verdict::NotRun) {
                rows.push(vec![
                    line.dataset.clone(),
                    line.pair.clone(),
                    format!("{:.2}", line.published),
                    line.range().map_or_else(String::new, range_text),
                    line.n_seeds.to_string(),
                    verdict_text(line.verdict).to_owned(),
                ]);
            }
        }
        if rows.is_empty() {
            let _ = writeln!(text, "### {network}\n\nNot run.\n");
            continue;
        }
        let headers = ["data", "pair", "published", "ours", "seeds", "verdict"];
        let _ = writeln!(text, "### {network}\n\n{}", markdown_table(&headers, &rows));
    }
    for (pair, name) in PAIRS.iter().zip(super::figures::PAIR_FILES) {
        let _ = writeln!(text, "![{pair}: our correlations minus the published one]({name}.svg)\n");
    }
    text
}

fn worth(e: &Experiment) -> String {
    let mut rows = Vec::new();
    let mut push = |name: &str, lines: Vec<&Line>| {
        if let Some(worth) = Worth::of(&lines) {
            rows.push(vec![
                name.to_owned(),
                worth.n_run.to_string(),
                worth.n_reproduced.to_string(),
                format!("{:.1}", worth.expected),
                format!("{:.2}", worth.width),
                percent(worth.holds_others),
            ]);
        }
    };
    push("all", e.lines.iter().collect());
    for network in ["NN1", "NN2", "DeepNN"] {
        push(network, e.lines.iter().filter(|line| line.network == network).collect());
    }
    for pair in PAIRS {
        push(pair, e.lines.iter().filter(|line| line.pair == pair).collect());
    }
    format!(
        "## What *reproduced* is worth\n\nA published value inside a wide range is weak evidence. \
         *Expected*: how many would lie inside if the published runs were one more seed each; \
         *holds others*: the share of the other published values of the same line of this table \
         that a range holds as well, which is what a value that has nothing to do with the cell \
         would reach.\n\n{}",
        markdown_table(
            &["cells", "run", "reproduced", "expected", "median width", "holds others"],
            &rows
        )
    )
}

fn limits(e: &Experiment) -> String {
    let mut text = String::from(
        "## What this can and cannot show\n\n\
         - The published numbers are one run each, of Keras on TensorFlow with seeds that were not \
         kept. Ours follow the same protocol in another library: the draws differ, while both \
         compute in single precision.\n\
         - Iris has 4 features: over so few numbers a high correlation is common by chance.\n\
         - The paper's LOFO and our set-to-zero ask the same network whose weights VIANN reads, on \
         rows it was trained on. Only the hold-out section asks anyone else.\n\
         - The published DeepNN cells of diabetes differ from the run stored in the authors' \
         notebook (.82, .82, .68 and .80 there).\n",
    );
    if e.lines.iter().any(|l| l.network == "DeepNN" && l.verdict == Verdict::NotRun) {
        text.push_str("- Not every DeepNN cell was run.\n");
    }
    text
}

fn reproduce(e: &Experiment) -> String {
    format!(
        "## How to reproduce\n\n```sh\n{}\n```\n\nEvery number above is computed from `scores.csv`, \
         which holds every score of every seed. `replicates.csv` are the correlations of single \
         seeds, `viann.csv` the published cells beside ours, `manifest.json` lists settings, versions \
         and the SHA-256 of the data. The same command writes the same bytes on any number of \
         threads, whether or not it was interrupted, and with `--check` it computes every number \
         again from the files.\n",
        e.manifest.command
    )
}

fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reproduced => "reproduced",
        Verdict::PublishedHigher => "published is higher",
        Verdict::PublishedLower => "published is lower",
        Verdict::NotRun => "not run",
    }
}

fn range_text(range: Range) -> String {
    median_range(range.median, range.low, range.high)
}
