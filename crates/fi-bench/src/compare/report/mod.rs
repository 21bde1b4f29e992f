//! `report.md`: what the comparison found, in words and tables computed from the records.

mod results;
mod worth;

use std::fmt::Write as _;

pub(super) use results::top_features;
use results::{agreements, groups, importances, skill};
use worth::{published_cells, variance, verdict_table, yardsticks};

use super::Comparison;
use super::methods::{ANOVA_F, MDI, VIANN};
use super::models::{DATA, FOREST, TUNED};
use super::replicate::LOFO_IN_EVERY_FOLD;
use super::summary::{AgreementLine, CENTRAL, ImportanceLine, quantile, sorted};
use super::verdict::{Answer, verdicts};

/// The whole report as Markdown; figures are linked beside it.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let sections = [
        opening(comparison),
        in_short(comparison),
        design(comparison),
        skill(comparison),
        importances(comparison),
        groups(comparison),
        agreements(comparison),
        published_cells(comparison),
        yardsticks(comparison),
        variance(comparison),
        verdict_table(comparison),
        limits(comparison),
        reproduce(comparison),
    ];
    let mut text = sections.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join("\n");
    while text.ends_with("\n\n") {
        text.pop();
    }
    text
}

fn opening(c: &Comparison) -> String {
    format!(
        "# {}: a neural network's VIANN against a random forest's MDI\n\n\
         VIANN scores an input of a neural network by how much its weights vary while the network \
         trains (de Sá 2019). The published experiment trains it once beside one random forest and \
         correlates their scores once. This report repeats it {} times over resampled rows and \
         seeds, adds every method that fits each model, and asks what an agreement is worth.\n",
        c.data.provenance.title,
        n_fits(c)
    )
}

fn in_short(c: &Comparison) -> String {
    let mut text = String::from("## In short\n\n");
    let all = verdicts(&c.records);
    for verdict in all.iter().filter(|verdict| verdict.method == VIANN) {
        let model = verdict.model.as_str();
        let [median, low, high] = verdict.agreement;
        let own = agreement(c, "Pearson", (model, VIANN), (model, VIANN));
        let _ = writeln!(
            text,
            "- VIANN of the {model} agrees with the forest's MDI at a Pearson correlation of {} \
             (median and central {} of {} single fits), and with itself, from fit to fit, at {}: \
             **{}**.",
            median_range(median, low, high),
            percent(CENTRAL),
            verdict.n_fits,
            own.map_or_else(|| "an undefined value".to_owned(), range_of),
            verdict.text()
        );
    }
    if let Some(own) = agreement(c, "Pearson", (FOREST, MDI), (FOREST, MDI)) {
        let _ = writeln!(text, "- The forest's MDI agrees with itself at {}.", range_of(own));
    }
    if let Some(anova) = agreement(c, "Pearson", (DATA, ANOVA_F), (FOREST, MDI)) {
        let _ = writeln!(
            text,
            "- ANOVA F, one line of statistics without any model, agrees with MDI at {}: \
             agreement alone is weak evidence for a method.",
            range_of(anova)
        );
    }
    let supported = all.iter().filter(|v| v.answer == Answer::Supported).count();
    let _ = writeln!(
        text,
        "- Of {} method and network pairs, {supported} {} supported by the rule stated under \
         [Verdicts](#verdicts).",
        all.len(),
        if supported == 1 { "is" } else { "are" }
    );
    text.push_str("\n![Importance by method](importance.svg)\n");
    text
}

fn design(c: &Comparison) -> String {
    let m = &c.manifest;
    let mut text = String::from("## What was done\n\n");
    let _ = writeln!(
        text,
        "**Data.** {} {} rows, {} features. Source: {} (doi:{}), {}, licence {}.\n",
        c.data.provenance.about,
        c.data.data.n_rows(),
        c.data.data.n_features(),
        c.data.provenance.source,
        c.data.provenance.doi,
        c.data.provenance.repository,
        c.data.provenance.licence
    );
    let _ = writeln!(
        text,
        "**Resampling.** {} seeds × {} folds{}; rows that are equal in every feature stay on one \
         side of a split. Features are scaled to mean 0 and standard deviation 1 by the training \
         rows{}. In each of the {} fits every model trains on the same rows and is scored on the \
         same hold-out. A range below is the central {} of single fits: a spread over fits that \
         share rows, not a confidence interval of a mean, so it does not shrink with more seeds.\n",
        m.n_seeds,
        m.n_folds,
        if c.data.data.target().n_classes().is_some() { " (stratified)" } else { "" },
        if c.data.data.target().n_classes().is_some() { "" } else { ", and so is the target" },
        n_fits(c),
        percent(CENTRAL),
    );
    text.push_str("**Models.**\n\n");
    for (name, about) in &m.models {
        let _ = writeln!(text, "- *{name}*: {about}");
    }
    let _ = writeln!(
        text,
        "\n**Methods.** Permutation importance shuffles a column of the hold-out {} times; LOFO \
         retrains without the feature and is scored on the hold-out, for the {TUNED} and the \
         {FOREST} only{}, because each score costs a training; *set to zero* is what the VIANN paper \
         calls LOFO: the trained network with the feature set to its mean, scored on all rows. All \
         three are the increase of {}. OOB permutation is the forest's loss of {} on each tree's \
         out-of-bag rows. SHAP is the mean |Shapley value| over {} hold-out rows and \
         over the outputs, of the {}, with {} training rows as marginal background, for every \
         model alike ({}). Scores with one value per output (one-hot probe, Olden, coefficients) \
         are the mean of the absolute values over the outputs.\n",
        m.n_repeats,
        if c.data.data.n_features() > LOFO_IN_EVERY_FOLD {
            " and in the first fold of each seed"
        } else {
            ""
        },
        m.metric,
        m.oob_metric,
        m.shap_rows,
        if c.data.data.target().n_classes().is_some() {
            "predicted probabilities"
        } else {
            "predicted values"
        },
        m.shap_background,
        m.shap_estimator,
    );
    text
}

fn limits(c: &Comparison) -> String {
    let (n_rows, n_features) = (c.data.data.n_rows(), c.data.data.n_features());
    let mut text = String::from("## What these data can and cannot show\n\n");
    if let Some(orders) = (1..=n_features as u64).try_fold(1_u64, u64::checked_mul)
        && n_features <= 8
    {
        let _ = writeln!(
            text,
            "- {n_features} features have {orders} orders. Two methods that know nothing rank them \
             alike once in {orders} times, so a single perfect rank agreement has a one-sided \
             p-value of {:.3} at best, and a correlation over {n_features} numbers is hardly \
             evidence at all.",
            1.0 / orders as f64
        );
    }
    let _ = writeln!(
        text,
        "- {n_rows} rows leave about {} for each hold-out; all fits draw on the same rows, so the \
         ranges describe these data and say little about others.",
        n_rows / c.manifest.n_folds
    );
    if let Some((a, b, r)) = c.most_correlated()
        && r.abs() > 0.7
    {
        let _ = writeln!(
            text,
            "- *{a}* and *{b}* correlate at {r:.2}: how the credit is shared between them is each \
             method's convention and not a fact about the data."
        );
    }
    text.push_str(
        "- No truth is known here. Agreement between methods can come from shared bias as well as \
         from the data; only problems with known important inputs can tell the two apart.\n",
    );
    text
}

fn reproduce(c: &Comparison) -> String {
    format!(
        "## How to reproduce\n\n```sh\n{}\n```\n\nEvery number above is computed from \
         `replicates.csv`, which holds every single fit; `importance.csv` and `agreement.csv` are \
         its summaries, `manifest.json` lists versions, settings and the SHA-256 of the data. The \
         same command writes the same bytes on any number of threads, and with `--check` it \
         computes every number again from the files.\n",
        c.manifest.command
    )
}

/// The lines of `agreement.csv` hold each pair once, in one of two directions.
fn agreement<'a>(
    c: &'a Comparison,
    measure: &str,
    a: (&str, &str),
    b: (&str, &str),
) -> Option<&'a AgreementLine> {
    c.agreement.iter().find(|line| {
        let first = (line.model_a.as_str(), line.method_a.as_str());
        let second = (line.model_b.as_str(), line.method_b.as_str());
        line.measure == measure && ((first, second) == (a, b) || (first, second) == (b, a))
    })
}

fn importance<'a>(
    c: &'a Comparison,
    model: &str,
    method: &str,
    feature: &str,
) -> Option<&'a ImportanceLine> {
    c.importance
        .iter()
        .find(|line| line.model == model && line.method == method && line.feature == feature)
}

fn n_fits(c: &Comparison) -> usize {
    c.manifest.n_seeds * c.manifest.n_folds
}

fn range_of(line: &AgreementLine) -> String {
    median_range(line.median, line.low, line.high)
}

fn spread(values: Vec<f64>) -> String {
    let values = sorted(values);
    let tail = f64::midpoint(0.0, 1.0 - CENTRAL);
    median_range(quantile(&values, 0.5), quantile(&values, tail), quantile(&values, 1.0 - tail))
}

pub(crate) fn median_range(median: f64, low: f64, high: f64) -> String {
    format!("{median:.2} [{low:.2}, {high:.2}]")
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Three significant digits without an exponent where that stays short.
pub(super) fn significant(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e5).contains(&size) {
        format!("{value:.1e}")
    } else {
        let digits = (2 - size.log10().floor() as i32).max(0) as usize;
        format!("{value:.digits$}")
    }
}
