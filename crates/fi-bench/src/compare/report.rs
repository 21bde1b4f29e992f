//! `report.md`: what the comparison found, in words and tables computed from the records.

use std::fmt::Write as _;

use super::Comparison;
use super::methods::{ANOVA_F, LOFO, MDI, VIANN};
use super::models::{DATA, FOREST, NN1, NN2, TUNED};
use super::published;
use super::records::{is_probe, markdown_table, variant};
use super::summary::{AgreementLine, CENTRAL, ImportanceLine, paired, quantile, sorted};
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
            verdict.answer.text()
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
         {FOREST} only, because each score costs a training; *set to zero* is what the VIANN paper \
         calls LOFO: the trained network with the feature set to its mean, scored on all rows. All \
         three are the increase of {}. SHAP is the mean |Shapley value| over {} hold-out rows and \
         over the outputs, of the {}, with {} training rows as marginal background, for every \
         model alike ({}). Scores with one value per output (one-hot probe, Olden, coefficients) \
         are the mean of the absolute values over the outputs.\n",
        m.n_repeats,
        m.metric,
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

fn skill(c: &Comparison) -> String {
    let mut rows = Vec::new();
    let mut metrics: Vec<&str> = Vec::new();
    let mut models: Vec<&str> = Vec::new();
    for (model, metric) in c.records.keys(variant::SCORE) {
        if !metrics.contains(&metric.as_str()) {
            metrics.push(metric);
        }
        if !models.contains(&model.as_str()) {
            models.push(model);
        }
    }
    for model in &models {
        let mut row = vec![(*model).to_owned()];
        for metric in &metrics {
            let scores = c.records.scores(variant::SCORE, model, metric);
            row.push(scores.map_or_else(String::new, |s| spread(s.values.column(0).to_vec())));
        }
        rows.push(row);
    }
    let headers: Vec<&str> = std::iter::once("model").chain(metrics).collect();
    format!(
        "## How good the models are\n\nOn the hold-out: median and central {} of single fits. \
         Importance of a model that predicts no better than a constant says little about the \
         data.\n\n{}",
        percent(CENTRAL),
        markdown_table(&headers, &rows)
    )
}

fn importances(c: &Comparison) -> String {
    let features = c.data.data.feature_names();
    let mut text = String::from(
        "## Importance by method\n\nMean ± standard deviation over the fits, in each method's own \
         unit. The picture above shows the same means as shares of each method's sum.\n\n",
    );
    if features.len() > MANY_FEATURES {
        let _ = writeln!(
            text,
            "The {MANY_FEATURES} features with the highest MDI; all of them are in \
             `importance.csv`.\n"
        );
    }
    let shown = top_features(c);
    let headers: Vec<&str> =
        ["model", "method"].into_iter().chain(shown.iter().map(String::as_str)).collect();
    let mut rows = Vec::new();
    for (model, method) in c.records.keys(variant::MAIN) {
        let mut row = vec![model.clone(), method.clone()];
        for feature in &shown {
            let line = importance(c, model, method, feature);
            row.push(line.map_or_else(String::new, |l| {
                format!("{} ± {}", significant(l.mean), significant(l.std))
            }));
        }
        rows.push(row);
    }
    text.push_str(&markdown_table(&headers, &rows));
    let _ = write!(text, "\n![Single fits of VIANN and MDI](spread.svg)\n");
    text
}

/// How many features a table of the report shows.
pub(super) const MANY_FEATURES: usize = 12;

/// All features, or those with the highest MDI where there are many.
pub(super) fn top_features(c: &Comparison) -> Vec<String> {
    let mut features = c.data.data.feature_names().to_vec();
    if features.len() > MANY_FEATURES {
        let mdi = |feature: &String| importance(c, FOREST, MDI, feature).map_or(0.0, |l| l.mean);
        features.sort_by(|a, b| mdi(b).total_cmp(&mdi(a)));
        features.truncate(MANY_FEATURES);
    }
    features
}

fn groups(c: &Comparison) -> String {
    let keys: Vec<_> = c.records.keys(variant::GROUPS).collect();
    let Some((model, method)) = keys.first() else { return String::new() };
    let Some(first) = c.records.scores(variant::GROUPS, model, method) else {
        return String::new();
    };
    let mut rows = Vec::new();
    for (model, method) in &keys {
        let mut row = vec![model.clone(), method.clone()];
        for group in &first.features {
            let line = importance(c, model, method, group);
            row.push(line.map_or_else(String::new, |l| median_range(l.median, l.low, l.high)));
        }
        rows.push(row);
    }
    let names: Vec<String> = first.features.iter().map(|name| format!("{{{name}}}")).collect();
    let headers: Vec<&str> =
        ["model", "method"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut text = format!(
        "## Groups of features\n\nIncrease of {} when a whole group is permuted, or left out and \
         the model retrained: median and central {} of single fits.\n\n{}\n",
        c.manifest.metric,
        percent(CENTRAL),
        markdown_table(&headers, &rows)
    );
    if let Some((a, b, r)) = c.most_correlated() {
        let alone = [&a, &b].map(|feature| {
            importance(c, FOREST, LOFO, feature)
                .map_or_else(String::new, |l| median_range(l.median, l.low, l.high))
        });
        let _ = writeln!(
            text,
            "*{a}* and *{b}* correlate at {r:.2}. Leaving out only one of them costs the retrained \
             forest {} (*{a}*) and {} (*{b}*), because the other stands in for it; what they carry \
             together shows only when both are left out. LOFO answers *what would I lose without \
             this measurement*, not *what does this model use*.",
            alone[0], alone[1]
        );
    }
    text
}

fn agreements(c: &Comparison) -> String {
    let mut text = format!(
        "## Agreement\n\nEach fit gives one correlation over the features between two methods' \
         scores; the table shows the median and the central {} of those single values. \
         *Itself* is the method against itself on another fit: no method can be expected to agree \
         with another better than with itself.\n\n",
        percent(CENTRAL)
    );
    let mut rows = Vec::new();
    for (model, method) in c.records.keys(variant::MAIN) {
        if (model.as_str(), method.as_str()) == (FOREST, MDI) {
            continue;
        }
        let mut row = vec![model.clone(), method.clone()];
        for other in [(FOREST, MDI), (model.as_str(), method.as_str())] {
            for measure in ["Pearson", "Spearman"] {
                let line = agreement(c, measure, (model, method), other);
                row.push(line.map_or_else(|| "undefined".to_owned(), range_of));
            }
        }
        rows.push(row);
    }
    let headers = [
        "model",
        "method",
        "Pearson with MDI",
        "Spearman with MDI",
        "Pearson with itself",
        "Spearman with itself",
    ];
    text.push_str(&markdown_table(&headers, &rows));
    text.push_str(
        "\n![Median Pearson correlation of all methods](agreement-pearson.svg)\n\
         \n![Median Spearman correlation of all methods](agreement-spearman.svg)\n",
    );
    let undefined: usize = c.agreement.iter().map(|line| line.n_undefined).sum();
    if undefined > 0 {
        let _ = writeln!(
            text,
            "\n{undefined} single correlations of `agreement.csv` are undefined, because a method \
             gave every feature the same score; they are left out, and counted there."
        );
    }
    text
}

fn published_cells(c: &Comparison) -> String {
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

fn yardsticks(c: &Comparison) -> String {
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

fn variance(c: &Comparison) -> String {
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

fn verdict_table(c: &Comparison) -> String {
    let rows: Vec<Vec<String>> = verdicts(&c.records)
        .into_iter()
        .map(|v| {
            vec![
                v.model,
                v.method,
                median_range(v.agreement[0], v.agreement[1], v.agreement[2]),
                percent(v.beats_anova),
                v.beats_shuffled.map_or_else(|| "–".to_owned(), percent),
                v.answer.text().to_owned(),
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

fn median_range(median: f64, low: f64, high: f64) -> String {
    format!("{median:.2} [{low:.2}, {high:.2}]")
}

fn percent(share: f64) -> String {
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
