//! From a data set to a boosted ensemble: what the rounds work on, and what becomes of them.

use std::borrow::Cow;

use fi_core::{Dataset, Result, Run};

use super::super::builder::{NodeStats, TreeBuilder};
use super::super::class_weight::ClassWeight;
use super::super::ensemble::{Aggregate, Ensemble, Statistics};
use super::super::split::Comparison;
use super::super::trees::Trees;
use super::bins::{Bins, MOST_BINS, Table};
use super::grow::{Grown, Size};
use super::histogram::n_words;
use super::loss::Objective;
use super::rounds::Rounds;
use super::settings::{EarlyStopping, GradientBoosting};
use super::split::{Limits, bit};

/// Checked settings and the data to train on.
pub(super) struct Training<'a> {
    pub(super) settings: &'a GradientBoosting,
    pub(super) data: &'a Dataset,
    pub(super) validation: Option<(&'a Dataset, &'a EarlyStopping)>,
    pub(super) limits: Limits,
    pub(super) size: Size,
    /// How many words a cell of a histogram has; `None`: the fewest that do. For tests.
    pub(super) n_words: Option<usize>,
    /// How many bytes of histograms may wait for their leaves to be split.
    pub(super) kept_bytes: usize,
}

/// Trains, and puts the trees together.
pub(super) fn train(run: &Run<'_>, training: &Training<'_>) -> Result<Trees> {
    let data = without_weightless(training.data)?;
    let objective = Objective::new(training.settings.loss, &data)?;
    let weights = weights(&training.settings.class_weight, &data);
    let weights = weights.as_deref();
    let mut categorical = vec![false; data.n_features()];
    data.categorical().iter().for_each(|&feature| categorical[feature] = true);
    let max_bins = training.settings.max_bins.min(MOST_BINS);
    let table = Table::new(&run.split(1), &data, weights, max_bins, &categorical)?;
    let unit_hessians = objective.has_unit_hessians() && weights.is_none();
    let link = objective.link();
    let base = objective.base(weights);
    let rounds = Rounds { run, training, table: &table, objective, weights, base: &base };
    let trees = match training.n_words.unwrap_or_else(|| n_words(table.n_rows, unit_hessians)) {
        1 => rounds.train::<1>()?,
        2 => rounds.train::<2>()?,
        _ => rounds.train::<3>()?,
    };
    let mut builder = Ensemble::builder(data.n_features(), base.len(), Comparison::LessEqual)
        .with_aggregate(Aggregate::Sum)
        .with_statistics(Statistics { cover: true, impurity: false, gain: true })
        .with_base(base);
    for (output, tree) in trees {
        builder.push_tree_for(output, tree)?;
    }
    Trees::new(builder.build()?, link)
}

/// The rows that have a weight; there is always one.
fn without_weightless(data: &Dataset) -> Result<Cow<'_, Dataset>> {
    let weightless = |weights: &&[f64]| weights.contains(&0.0);
    let Some(weights) = data.weights().filter(weightless) else { return Ok(Cow::Borrowed(data)) };
    let rows: Vec<usize> = (0..data.n_rows()).filter(|&row| weights[row] > 0.0).collect();
    Ok(Cow::Owned(data.select_rows(&rows)?))
}

/// The rows' weights times those of their classes; `None` if all are 1.
fn weights(class_weight: &ClassWeight, data: &Dataset) -> Option<Vec<f64>> {
    let factors = match (class_weight, data.target().labels(), data.target().n_classes()) {
        (ClassWeight::None, ..) | (_, None, _) | (_, _, None) => Vec::new(),
        (ClassWeight::Weights(weights), ..) => weights.clone(),
        (_, Some(labels), Some(n_classes)) => {
            let mut counts = vec![0.0_f64; n_classes];
            for &label in labels {
                counts[label] += 1.0;
            }
            let n_present = counts.iter().filter(|&&count| count > 0.0).count() as f64;
            // A class that does not occur needs no weight.
            let n = labels.len() as f64;
            counts.iter().map(|count| n / (n_present * count.max(1.0))).collect()
        }
    };
    let weight = |row: usize| {
        let own = data.weights().map_or(1.0, |weights| weights[row]);
        let label = data.target().labels().map_or(0, |labels| labels[row]);
        own * factors.get(label).copied().unwrap_or(1.0)
    };
    let weights: Vec<f64> = (0..data.n_rows()).map(weight).collect();
    weights.iter().any(|&weight| weight != 1.0).then_some(weights)
}

/// A grown tree in the common layout.
///
/// `values` and `covers` are those of its nodes.
pub(super) fn layout(grown: &Grown, bins: &[Bins], values: &[f64], covers: &[f64]) -> TreeBuilder {
    let mut tree = TreeBuilder::new(1);
    for ((node, value), &cover) in grown.nodes.iter().zip(values).zip(covers) {
        let stats = NodeStats { cover, impurity: 0.0, value: std::slice::from_ref(value) };
        let Some(branch) = &node.branch else {
            tree.push_leaf(&stats);
            continue;
        };
        let split = match &bins[branch.feature] {
            Bins::Numeric(thresholds) => {
                // After the last bin lie the missing values only.
                let threshold = thresholds.get(branch.bin).copied().unwrap_or(f64::INFINITY);
                let split = tree.push_split(branch.feature, threshold, &stats);
                if bit(&branch.goes_left, thresholds.len() + 1) {
                    tree.send_missing_left(split);
                }
                split
            }
            Bins::Categories(categories) => {
                let codes = (0..categories.len()).filter(|&code| bit(&branch.goes_left, code));
                let left: Vec<u32> = codes.map(|code| categories[code]).collect();
                tree.push_category_split(branch.feature, &left, &stats)
            }
        };
        tree.set_gain(split, branch.gain);
    }
    for (index, node) in grown.nodes.iter().enumerate() {
        if let Some(branch) = &node.branch {
            tree.connect(index, branch.left, branch.left + 1);
        }
    }
    tree
}
