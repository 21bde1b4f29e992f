//! Guards: they look for a misuse that a result does not show, and say it with its number.
//!
//! | guard | warns of | who asks |
//! |---|---|---|
//! | [`seen_rows`] | rows that the model was trained on | whoever has the training rows' [`RowHashes`] |
//! | [`groups_across_folds`] | groups of rows on both sides of a fold | every method that refits on folds |
//! | [`correlated`] | features that depend on each other, scored one by one | whoever removes them marginally |
//! | [`few_units`] | too few independent rows for the interval | every method with such an interval |
//! | [`below_probe`] | features that score no higher than noise | whoever added [`with_probe`] |
//!
//! A [`Warning`] of a model that is no better than a constant, and of a metric that did not move
//! although predictions changed, comes with every result that has a metric.
//! A guard never changes a score.

mod probe;
mod rows;

#[cfg(test)]
mod tests;

pub use probe::{PROBE, below_probe, with_probe};
pub use rows::{RowHashes, seen_rows};

use crate::correlation_groups::Ranks;
use crate::dataset::Dataset;
use crate::error::{Result, require, require_shape};
use crate::folds::Fold;
use crate::importance::Warning;
use crate::players::Players;
use crate::rng::Rng;
use crate::sampling_noise::Units;

/// The size of Spearman's ρ above which two features are said to be correlated, unless the caller
/// has another: half of the variance of the ranks is common.
pub const THRESHOLD: f64 = 0.7;

/// From so many independent rows on, [`few_units`] is silent.
pub const ENOUGH_UNITS: usize = 100;

/// Fewer rows say nothing of a correlation.
const FEWEST_ROWS: usize = 30;
/// The most pairs × rows that are looked at, as long as there are [`FEWEST_SAMPLED`] rows.
const MOST_WORK: usize = 10_000_000;
const FEWEST_SAMPLED: usize = 100;

/// How many groups of rows are on both sides of a fold, and in how many folds; `None` for data
/// without groups.
///
/// ```
/// use fi_core::guards::groups_across_folds;
/// use fi_core::{Dataset, Folds, Run, Target, Warning};
/// use ndarray::array;
///
/// let rows = array![[0.0], [1.0], [2.0], [3.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0; 4]))?.with_groups(vec![7, 8, 7, 9])?;
/// let halves = Folds::KFold { n_splits: 2, shuffle: false }.split(&Run::new(0), &data)?;
/// let warning = groups_across_folds(&data, &halves);
/// assert_eq!(warning, Some(Warning::GroupsAcrossFolds { n_groups: 1, n_folds: 2 }));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # Panics
///
/// If a fold names a row that is not there.
pub fn groups_across_folds(data: &Dataset, folds: &[Fold]) -> Option<Warning> {
    let groups = data.groups()?;
    let mut across: Vec<usize> = Vec::new();
    let mut n_folds = 0;
    for fold in folds {
        let mut trained: Vec<usize> = fold.train.iter().map(|&row| groups[row]).collect();
        trained.sort_unstable();
        let tested = fold.test.iter().map(|&row| groups[row]);
        let seen = tested.filter(|group| trained.binary_search(group).is_ok());
        let before = across.len();
        across.extend(seen);
        n_folds += usize::from(across.len() > before);
    }
    across.sort_unstable();
    across.dedup();
    let n_groups = across.len();
    (n_groups > 0).then_some(Warning::GroupsAcrossFolds { n_groups, n_folds })
}

/// The clusters of features that are linked by a rank correlation of more than `threshold` in
/// size, as [`Players::correlated`] links them, unless one player holds the whole cluster.
///
/// For methods that give a feature the values of other rows: permutation importance, SHAP and SAGE
/// with marginal removal, partial dependence. They ask the model about rows that cannot occur, and
/// share what the features have in common.
///
/// # Cost
///
/// `O(n_features² × n_rows)` with at most 10⁷ pairs × rows: of a larger table a fixed random sample
/// of rows is looked at, of at least 100 rows. With fewer than 30 rows, which say little of a
/// correlation, nothing is.
///
/// # When it misleads
///
/// As [`Players::correlated`]: it sees monotone dependence of pairs only, so silence is no proof,
/// and the ends of a long chain need not be correlated.
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) unless `threshold` is in [0, 1];
/// [`Error::Shape`](crate::Error::Shape) if data and players have different features.
///
/// # Example
///
/// ```
/// use fi_core::guards::{THRESHOLD, correlated};
/// use fi_core::{Dataset, Players, Target};
/// use ndarray::Array2;
///
/// // `b` is the square of `a`.
/// let rows = Array2::from_shape_fn((40, 3), |(i, j)| [i, i * i, (i * 7) % 40][j] as f64);
/// let data = Dataset::new(rows, Target::Values(vec![0.0; 40]))?
///     .with_feature_names(["a", "b", "c"])?;
/// let alone = Players::features(["a", "b", "c"])?;
/// let warning = correlated(&data, &alone, THRESHOLD)?.map(|warning| warning.to_string());
/// assert!(warning.is_some_and(|text| text.contains("`a & b`")));
/// let groups = Players::correlated(&data, THRESHOLD)?;
/// assert_eq!(correlated(&data, &groups, THRESHOLD)?, None);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn correlated(data: &Dataset, players: &Players, threshold: f64) -> Result<Option<Warning>> {
    require((0.0..=1.0).contains(&threshold), "threshold", threshold, "in [0, 1]")?;
    let n = data.n_features();
    require_shape("the players' list of features", &[n], &[players.n_features()])?;
    if data.n_rows() < FEWEST_ROWS {
        return Ok(None);
    }
    let n_pairs = (n * (n - 1) / 2).max(1);
    let most_rows = (MOST_WORK / n_pairs).max(FEWEST_SAMPLED);
    let ranks = if data.n_rows() > most_rows {
        Ranks::new(&data.select_rows(&Rng::new(0, 0).sample(data.n_rows(), most_rows))?)
    } else {
        Ranks::new(data)
    };
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); n];
    for (feature, root) in ranks.linked(threshold).into_iter().enumerate() {
        members[root].push(feature);
    }
    let apart = |cluster: &Vec<usize>| {
        let together = |player: usize| {
            let of_player = players.members(player);
            cluster.iter().all(|feature| of_player.binary_search(feature).is_ok())
        };
        cluster.len() > 1 && !(0..players.len()).any(together)
    };
    members.retain(apart);
    let mut strongest = 0.0_f64;
    for cluster in &members {
        for (place, &a) in cluster.iter().enumerate() {
            for &b in &cluster[place + 1..] {
                strongest = strongest.max(ranks.spearman(a, b).abs());
            }
        }
    }
    let name = |&feature: &usize| data.feature_names()[feature].clone();
    let clusters: Vec<Vec<String>> =
        members.iter().map(|cluster| cluster.iter().map(name).collect()).collect();
    let found = !clusters.is_empty();
    Ok(found.then_some(Warning::Correlated { clusters, threshold, strongest }))
}

/// Whether an interval over rows is of fewer than [`ENOUGH_UNITS`] independent rows, or groups of
/// rows where there are groups.
pub fn few_units(data: &Dataset) -> Option<Warning> {
    of_few_units(Units::new(data).len())
}

/// The same of a known number of units.
pub(crate) fn of_few_units(n_units: usize) -> Option<Warning> {
    let enough = ENOUGH_UNITS;
    (n_units < enough).then_some(Warning::FewUnits { n_units, enough })
}
