//! `report.md`: the promises, and what was measured, in words and tables computed from the trials.

use std::fmt::Write as _;

use super::Study;
use super::summary::{Line, Verdict};
use crate::compare::records::markdown_table;

/// The title of the page.
pub(super) const TITLE: &str = "Do intervals and p-values keep their promise?";

/// The whole report as Markdown; figures are linked beside it.
pub(super) fn markdown(study: &Study) -> String {
    let mut text = format!(
        "# {TITLE}\n\nEach case draws data sets from a population whose answer is known and asks one \
         method. A promise is *kept* if Wilson's 95 % interval of the measured share meets the \
         nominal one ± 2 points, *cautious* if intervals are wider or tests more timid than \
         promised, *broken* if they claim too much.\n\n{}\n",
        in_short(&study.lines)
    );
    let (intervals, tests): (Vec<&Line>, Vec<&Line>) =
        study.lines.iter().partition(|line| line.statistic.starts_with("interval"));
    let _ = write!(
        text,
        "## Intervals\n\n![How far coverage is from what is promised](coverage.svg)\n\n{}",
        table(&intervals, "interval of ")
    );
    if !tests.is_empty() {
        let _ = write!(
            text,
            "\n## P-values\n\nUnder a true null hypothesis a p-value is at most 0.05 in 5 % of all \
             data sets, at most 0.5 in half of them. P-values from `R` permutations have steps of \
             1 / (R + 1).\n\n![How often a test rejects](rejections.svg)\n\n{}",
            table(&tests, "rejections of ")
        );
    }
    text.push_str("\n## What was drawn\n\n");
    for (name, about, n) in &study.manifest.cases {
        let _ = writeln!(text, "- *{name}* ({n} data sets): {about}.");
    }
    let _ = write!(
        text,
        "\n## How to reproduce\n\n```sh\n{}\n```\n\nEvery number above is computed from \
         `trials.csv`, which holds what each data set said; `coverage.csv` has the tables. The same \
         command writes the same bytes on any number of threads; with `--check` every number is \
         computed again from the files.\n",
        study.manifest.command
    );
    text
}

fn in_short(lines: &[Line]) -> String {
    let of = |verdict: Verdict| lines.iter().filter(move |line| line.verdict == verdict);
    let mut text = format!(
        "Of {} promises {} were kept, {} cautious and {} broken.\n",
        lines.len(),
        of(Verdict::Kept).count(),
        of(Verdict::Cautious).count(),
        of(Verdict::Broken).count()
    );
    for (verdict, word) in [(Verdict::Broken, "Broken"), (Verdict::Cautious, "Cautious")] {
        for line in of(verdict) {
            let _ = write!(
                text,
                "\n- {word}: {}, {}: {} where {} is promised.",
                line.method,
                line.statistic,
                percent(line.measured),
                percent(line.nominal)
            );
        }
    }
    text + "\n"
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn table(lines: &[&Line], prefix: &str) -> String {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            vec![
                line.method.clone(),
                line.statistic.trim_start_matches(prefix).to_owned(),
                line.estimand.clone(),
                percent(line.nominal),
                percent(line.measured),
                format!("{} – {}", percent(line.low), percent(line.high)),
                match line.verdict {
                    Verdict::Kept => "kept".to_owned(),
                    Verdict::Cautious => "cautious".to_owned(),
                    Verdict::Broken => "**broken**".to_owned(),
                },
            ]
        })
        .collect();
    let headers =
        ["method", "quantity", "estimand or null", "nominal", "measured", "95 % of it", "promise"];
    markdown_table(&headers, &rows)
}
