//! `replicates.csv` and `viann.csv`: what the scores say, computed from them alone.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::arms::{Arm, Net};
use super::cell::{EPOCHS, HOLD_OUT_SKILL, SKILL, Score};
use super::published::{PAIRS, ROWS};
use crate::compare::methods::{
    GARSON, GARSON_CANCELLING, GRADIENT_INPUT, INTEGRATED, LOFO, MDI, OLDEN, PERMUTATION, SALIENCY,
    SET_TO_ZERO, SHAP, VIANN,
};
use crate::compare::records::{Record, Records};
use crate::compare::summary::{CENTRAL, MEASURES, paired, quantile, sorted};

/// The published experiment, or one change to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) name: String,
    /// What is changed, for a table.
    pub(super) about: String,
    /// The arm whose networks are read.
    pub(super) arm: String,
    garson: &'static str,
}

/// The name of the variant that changes nothing.
pub(super) const PUBLISHED: &str = "published";

/// All variants of the four published pairs; `epochs` are the fixed numbers of epochs that ran.
pub(super) fn variants(epochs: &[usize]) -> Vec<Variant> {
    let of_arm = |arm: Arm, about: String| Variant {
        name: arm.name(),
        about,
        arm: arm.name(),
        garson: GARSON_CANCELLING,
    };
    let mut variants = vec![
        of_arm(Arm::Published, "nothing".to_owned()),
        of_arm(
            Arm::DrawnValidation,
            "validation rows drawn from every class, not the last of the table".to_owned(),
        ),
    ];
    variants.extend(
        epochs.iter().map(|&n| of_arm(Arm::Epochs(n), format!("{n} epochs, no early stopping"))),
    );
    variants.push(of_arm(
        Arm::EveryStep,
        "VIANN's variance over the weights after every step, not every epoch".to_owned(),
    ));
    variants.push(Variant {
        name: "weighted Garson".to_owned(),
        about: "Garson with the later layers (DeepNN: the last), which the published form cancels"
            .to_owned(),
        arm: Arm::Published.name(),
        garson: GARSON,
    });
    variants
}

/// One line of `replicates.csv`: a correlation, or a fact, of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replicate {
    /// The data set.
    pub dataset: String,
    /// The network.
    pub network: String,
    /// `published`, a change to it, or `hold-out`.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// Two methods, or the fact.
    pub quantity: String,
    /// `Pearson`, `Spearman`, or empty for a fact.
    pub measure: String,
    /// The number.
    pub value: f64,
}

/// The methods that are set against each other on the hold-out.
pub(super) const HOLD_OUT_METHODS: [&str; 12] = [
    VIANN,
    GARSON_CANCELLING,
    GARSON,
    OLDEN,
    SALIENCY,
    GRADIENT_INPUT,
    INTEGRATED,
    SET_TO_ZERO,
    PERMUTATION,
    LOFO,
    SHAP,
    MDI,
];

/// The name of a pair of methods on the hold-out.
pub(super) fn pair_name(a: &str, b: &str) -> String {
    format!("{a}–{b}")
}

fn model(dataset: &str, network: &str) -> String {
    format!("{dataset} {network}")
}

/// Every correlation and fact of every seed; undefined correlations, where a method gives all
/// features the same score, are left out.
pub(super) fn replicates(scores: &[Score], epochs: &[usize]) -> Result<Vec<Replicate>> {
    let records: Vec<Record> = scores
        .iter()
        .map(|score| Record {
            model: model(&score.dataset, &score.network),
            method: score.method.clone(),
            seed: score.seed,
            fold: 0,
            variant: score.arm.clone(),
            feature: score.feature.clone(),
            value: score.value,
        })
        .collect();
    let records = Records::new(&records)?;
    let mut lines = Vec::new();
    for (dataset, network) in trained(scores) {
        let mut table = OfNetwork { records: &records, dataset, network, lines: &mut lines };
        for variant in variants(epochs) {
            table.published_pairs(&variant);
        }
        table.hold_out_pairs();
        for arm in arms(epochs) {
            table.facts(&arm);
        }
    }
    Ok(lines)
}

/// Data sets and models in the order of the scores.
fn trained(scores: &[Score]) -> Vec<(&str, &str)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for score in scores {
        let key = (score.dataset.as_str(), score.network.as_str());
        if found.last() != Some(&key) && !found.contains(&key) {
            found.push(key);
        }
    }
    found
}

fn arms(epochs: &[usize]) -> Vec<String> {
    let fixed = epochs.iter().map(|&n| Arm::Epochs(n));
    let arms = [Arm::Published, Arm::DrawnValidation].into_iter().chain(fixed);
    arms.chain([Arm::HoldOut]).map(Arm::name).collect()
}

struct OfNetwork<'a> {
    records: &'a Records,
    dataset: &'a str,
    network: &'a str,
    lines: &'a mut Vec<Replicate>,
}

impl OfNetwork<'_> {
    fn published_pairs(&mut self, variant: &Variant) {
        let arm = variant.arm.as_str();
        let (viann, garson) = ((arm, VIANN), (arm, variant.garson));
        let (lofo, forest) = ((arm, SET_TO_ZERO), (PUBLISHED, MDI));
        let pairs = [(viann, lofo), (viann, forest), (garson, lofo), (garson, viann)];
        for (name, (a, b)) in PAIRS.into_iter().zip(pairs) {
            self.pair(&variant.name, name, a, b);
        }
    }

    fn hold_out_pairs(&mut self) {
        let (hold_out, leave_out) = (Arm::HoldOut.name(), Arm::LeaveOut.name());
        let place =
            |method| (if method == LOFO { leave_out.as_str() } else { hold_out.as_str() }, method);
        for (i, a) in HOLD_OUT_METHODS.into_iter().enumerate() {
            for b in &HOLD_OUT_METHODS[i + 1..] {
                self.pair(&hold_out, &pair_name(a, b), place(a), place(b));
            }
        }
    }

    /// Correlates two methods, each given by arm and name, seed by seed.
    fn pair(&mut self, variant: &str, quantity: &str, a: (&str, &str), b: (&str, &str)) {
        let (network, forest) =
            (model(self.dataset, self.network), model(self.dataset, Net::Forest.name()));
        let of = |method| if method == MDI { forest.as_str() } else { network.as_str() };
        for (measure, _) in MEASURES {
            let (a, b) = ((a.0, of(a.1), a.1), (b.0, of(b.1), b.1));
            for ((seed, _), value) in paired(self.records, measure, a, b) {
                self.push(variant, seed, quantity, measure, value);
            }
        }
    }

    fn facts(&mut self, arm: &str) {
        let model = model(self.dataset, self.network);
        for fact in [EPOCHS, SKILL, HOLD_OUT_SKILL] {
            let Some(scores) = self.records.scores(arm, &model, fact) else { continue };
            for ((seed, _), value) in scores.fits.iter().zip(scores.values.column(0)) {
                self.push(arm, *seed, fact, "", *value);
            }
        }
    }

    fn push(&mut self, variant: &str, seed: u64, quantity: &str, measure: &str, value: f64) {
        self.lines.push(Replicate {
            dataset: self.dataset.to_owned(),
            network: self.network.to_owned(),
            variant: variant.to_owned(),
            seed,
            quantity: quantity.to_owned(),
            measure: measure.to_owned(),
            value,
        });
    }
}

/// Whether the published value is one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It lies in the central 95 % of our single-seed values.
    Reproduced,
    /// It lies above them.
    PublishedHigher,
    /// It lies below them.
    PublishedLower,
    /// This cell was not run.
    NotRun,
}

/// One line of `viann.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The data set.
    pub dataset: String,
    /// The paper's network.
    pub network: String,
    /// The pair of methods.
    pub pair: String,
    /// The published Pearson correlation.
    pub published: f64,
    /// Median of our single-seed values.
    pub median: Option<f64>,
    /// Lower end of their central 95 %.
    pub low: Option<f64>,
    /// Upper end of their central 95 %.
    pub high: Option<f64>,
    /// How many seeds have a value.
    pub n_seeds: usize,
    /// Whether the published value is one of ours.
    pub verdict: Verdict,
}

impl Line {
    fn new((dataset, network, pair): (&str, &str, &str), published: f64, values: Vec<f64>) -> Self {
        let range = Range::of(values);
        let verdict = range.map_or(Verdict::NotRun, |range| range.verdict(published));
        Self {
            dataset: dataset.to_owned(),
            network: network.to_owned(),
            pair: pair.to_owned(),
            published,
            median: range.map(|r| r.median),
            low: range.map(|r| r.low),
            high: range.map(|r| r.high),
            n_seeds: range.map_or(0, |r| r.n),
            verdict,
        }
    }

    /// Median and central range, if the cell was run.
    pub(super) fn range(&self) -> Option<Range> {
        let (median, low, high) = (self.median?, self.low?, self.high?);
        Some(Range { median, low, high, n: self.n_seeds })
    }
}

/// Median and central 95 % of single values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// How many values.
    pub(super) n: usize,
}

impl Range {
    pub(super) fn of(values: Vec<f64>) -> Option<Self> {
        let (values, tail) = (sorted(values), f64::midpoint(0.0, 1.0 - CENTRAL));
        let [median, low, high] = [0.5, tail, 1.0 - tail].map(|q| quantile(&values, q));
        (!values.is_empty()).then_some(Self { median, low, high, n: values.len() })
    }

    pub(super) fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    pub(super) fn width(&self) -> f64 {
        self.high - self.low
    }

    fn verdict(&self, published: f64) -> Verdict {
        if published > self.high {
            Verdict::PublishedHigher
        } else if published < self.low {
            Verdict::PublishedLower
        } else {
            Verdict::Reproduced
        }
    }

    /// How often a range like this, of `n` values, holds one more value of the same distribution.
    ///
    /// The expected share below the `k`-th smallest of `n` values is `k / (n + 1)` whatever their
    /// (continuous) distribution; between two of them it is interpolated here as the range is,
    /// which is exact for a uniform distribution.
    pub(super) fn expected_to_hold(&self) -> f64 {
        let n = self.n as f64;
        let place = 1.0 + f64::midpoint(0.0, 1.0 - CENTRAL) * (n - 1.0);
        1.0 - 2.0 * place / (n + 1.0)
    }
}

/// Our Pearson correlations of a variant: data set, network and pair to the seeds' values.
pub(super) type Pearsons<'a> = BTreeMap<(&'a str, &'a str, &'a str), Vec<f64>>;

/// The Pearson correlations of one variant.
pub(super) fn pearsons<'a>(replicates: &'a [Replicate], variant: &str) -> Pearsons<'a> {
    let mut found = Pearsons::new();
    for line in replicates.iter().filter(|l| l.variant == variant && l.measure == MEASURES[0].0) {
        let key = (line.dataset.as_str(), line.network.as_str(), line.quantity.as_str());
        found.entry(key).or_default().push(line.value);
    }
    found
}

/// `viann.csv` of a variant: the 72 published cells, in the paper's order.
pub(super) fn lines(replicates: &[Replicate], variant: &str) -> Vec<Line> {
    let found = pearsons(replicates, variant);
    let mut lines = Vec::new();
    for row in ROWS {
        for (pair, published) in PAIRS.into_iter().zip(row.pearson) {
            let key = (row.data, row.network, pair);
            lines.push(Line::new(key, published, found.get(&key).cloned().unwrap_or_default()));
        }
    }
    lines
}

/// What a list of verdicts is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Worth {
    /// Cells that were run.
    pub(super) n_run: usize,
    /// Cells whose published value lies in our range.
    pub(super) n_reproduced: usize,
    /// How many would, if the published runs were one more seed each.
    pub(super) expected: f64,
    /// Median width of the ranges.
    pub(super) width: f64,
    /// Mean share of the other cells' published values that a range holds as well.
    pub(super) holds_others: f64,
}

impl Worth {
    /// `None` if no cell was run.
    pub(super) fn of(lines: &[&Line]) -> Option<Self> {
        let run: Vec<(usize, Range)> =
            lines.iter().enumerate().filter_map(|(i, line)| Some((i, line.range()?))).collect();
        if run.is_empty() {
            return None;
        }
        let n_others = lines.len().saturating_sub(1).max(1) as f64;
        let shares = run.iter().map(|(i, range)| {
            let others = lines.iter().enumerate().filter(|(other, _)| other != i);
            others.filter(|(_, line)| range.holds(line.published)).count() as f64 / n_others
        });
        let holds_others = shares.sum::<f64>() / run.len() as f64;
        let widths = sorted(run.iter().map(|(_, range)| range.width()).collect());
        let reproduced = lines.iter().filter(|line| line.verdict == Verdict::Reproduced);
        Some(Self {
            n_run: run.len(),
            n_reproduced: reproduced.count(),
            expected: run.iter().map(|(_, range)| range.expected_to_hold()).sum(),
            width: quantile(&widths, 0.5),
            holds_others,
        })
    }
}

#[cfg(test)]
mod tests;
