//! Model-X knockoffs: which features beat a copy of themselves that the target does not know?

mod construction;
mod gaussian;
#[cfg(test)]
mod tests;

pub use construction::Construction;
pub use gaussian::GaussianKnockoffs;

use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::{Round, Selection, Selector, check, fingerprint, unused_prefix};
use crate::checkpoint::Work;
use crate::conditional::GaussianCopula;
use crate::dataset::Dataset;
use crate::error::{Error, Result, require};
use crate::importance::{Warning, listed};
use crate::learner_importance::{LearnerImportance, scores_checked};
use crate::model::Learner;
use crate::multiple_testing::e_benjamini_hochberg;
use crate::players::Players;
use crate::run::Run;
use crate::scorer::rows_that_count;
use crate::statistics::mean;

/// Keeps the features that beat *knockoffs* of themselves, so that the expected share of useless
/// ones among the kept (the false discovery rate) is at most `fdr`.
///
/// A feature is useless if the target does not depend on it given the other features. The learner
/// is trained on all features and a knockoff of each, which follows the other features as the
/// original does and of which the target knows nothing ([`GaussianKnockoffs`]); a useless feature
/// and its knockoff are then as good as each other.
///
/// ```text
/// Wⱼ = importance of feature j − importance of its knockoff
/// T  = the smallest t > 0 with  (offset + #{k: Wₖ ≤ −t}) / #{k: Wₖ ≥ t} ≤ α
/// eⱼ = p · [Wⱼ ≥ T] / (1 + #{k: Wₖ ≤ −T})                     of p features
/// ```
///
/// A single draw keeps those with `Wⱼ ≥ T` at `α = fdr`. What several draws keep does not depend on
/// the luck of one: `α = fdr / 2`, the e-values are averaged over the draws, and the largest are
/// kept by [`e_benjamini_hochberg`], so that the bound holds for any number of draws. Columns are in
/// random order in each draw, so that no learner can favour originals for their place.
///
/// Features of no player are in the model, have no knockoff, and are given when those of the others
/// are drawn. The correlation of the features is that of the rows, shrunk by the formula of Ledoit
/// and Wolf.
///
/// # Units
///
/// [`Selection::scores`] are means of `Wⱼ` over the draws, in the unit of the importance, and
/// [`Selection::spreads`] their standard deviations; 0 for a feature without a knockoff.
/// [`Selection::hits`] are draws with `Wⱼ ≥ T`.
///
/// # Cost
///
/// `n_draws` importances, of twice as many columns.
///
/// **Stopping** answers with the draws that are finished; those after a stop, of another call or
/// machine, make it the result of an uninterrupted run. A later call may ask for more draws or
/// another `fdr`.
///
/// # When it misleads
///
/// - **A few features cannot be kept.** A draw keeps `1/α` features at least, or none: at
///   `fdr = 0.2` that is 5 in a single draw, and 10 in each of several. A warning says so where it
///   is sure that nothing can be kept.
/// - The bound holds for features of which means, covariances and the normal distribution (or its
///   [copula](Self::copula)) are known. Estimated from many rows, features that are not quite normal
///   do little harm; estimated from few, or where dependence bends back, the rate may be higher, and
///   a single draw has nothing to spare: take several.
/// - Two features that say nearly the same are hard to tell from their knockoffs, and neither may be
///   kept, though one of them matters.
/// - An importance that is 0 on most columns, such as that of a lasso, separates better than one
///   that shares trust between copies.
/// - Rows are taken as independent: those of one person or device are not.
///
/// # Example
///
/// ```
/// use fi_core::selection::{Knockoffs, Selector};
/// use fi_core::{Dataset, Function, Importance, Learner, Players, Run, Target};
/// use ndarray::{Array1, Array2, Axis, s};
///
/// // The size of each column's covariance with the target; no learner is needed.
/// let covariance = |_: &Run<'_>, _: &dyn Learner, data: &Dataset, players: &Players| {
///     let y = Array1::from(data.target().values().unwrap_or_default().to_vec());
///     let sizes = data.rows().t().dot(&(&y - y.mean().unwrap_or(0.0))).mapv(f64::abs);
///     let of = |player: usize| sizes[players.members(player)[0]];
///     Importance::new("covariance", players.names(), (0..players.len()).map(of).collect())
/// };
/// # struct None;
/// # impl Learner for None {
/// #     fn train(&self, _: &Run<'_>, data: &Dataset) -> fi_core::Result<Box<dyn fi_core::Model>> {
/// #         let zero = |rows: ndarray::ArrayView2<f64>| Array2::zeros((rows.nrows(), 1));
/// #         Ok(Box::new(Function::new(data.n_features(), 1, zero)))
/// #     }
/// # }
/// // The target is the sum of the first 12 of 30 features.
/// let mut rng = Run::new(1).rng(0);
/// let rows = Array2::from_shape_simple_fn((500, 30), || rng.normal());
/// let target = rows.slice(s![.., ..12]).sum_axis(Axis(1)).to_vec();
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let players = Players::features(data.feature_names().to_vec())?;
/// let knockoffs = Knockoffs::default();
/// let found = knockoffs.select(&Run::new(0), &None, &covariance, &data, &players)?;
/// assert!((0..12).all(|feature| found.chosen.contains(&feature)));
/// assert!(found.chosen.len() < 18);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Barber, Candès (2015). *Controlling the false discovery rate via knockoffs.* Annals of
///   Statistics 43(5). <https://doi.org/10.1214/15-AOS1337>
/// - Candès, Fan, Janson, Lv (2018). *Panning for gold: "model-X" knockoffs for high dimensional
///   controlled variable selection.* JRSS B 80(3). <https://doi.org/10.1111/rssb.12265>
/// - Ren, Barber (2024). *Derandomised knockoffs: leveraging e-values for false discovery rate
///   control.* JRSS B 86(1). <https://doi.org/10.1093/jrsssb/qkad085>
/// - Ledoit, Wolf (2004). *A well-conditioned estimator for large-dimensional covariance matrices.*
///   Journal of Multivariate Analysis 88(2). <https://doi.org/10.1016/S0047-259X(03)00096-4>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Knockoffs {
    /// The false discovery rate, inside (0, 1); default 0.2.
    pub fdr: f64,
    /// How many times knockoffs are drawn, at least 1; default 20.
    pub n_draws: usize,
    /// How far knockoffs are from their features; default [`Construction::Mvr`].
    pub construction: Construction,
    /// Whether features are normal after a monotone transformation of each
    /// ([`GaussianCopula`]): for numbers that are skewed or have heavy tails. Knockoffs then have
    /// the values that occur. Features of few different values lose a part of their dependence by
    /// it, and with that the bound. Default `false`.
    pub copula: bool,
    /// 1, or 0 for a smaller `T` whose bound is of `E[ useless / (kept + 1/fdr) ]`: it may keep a
    /// few features, with a single draw only. Default 1 (*knockoff+*).
    pub offset: usize,
}

impl Default for Knockoffs {
    fn default() -> Self {
        Self { fdr: 0.2, n_draws: 20, construction: Construction::Mvr, copula: false, offset: 1 }
    }
}

/// The smallest `t > 0` with `(offset + #{k: Wₖ ≤ −t}) / #{k: Wₖ ≥ t} ≤ fdr`, among the sizes of
/// `W`; `None` if there is none.
///
/// # Errors
///
/// [`Error::Parameter`] unless `fdr` is inside (0, 1) and `offset` 0 or 1; [`Error::Data`] for a
/// statistic that is NaN.
///
/// # Example
///
/// ```
/// use fi_core::selection::knockoff_threshold;
///
/// let w = [4.0, 3.0, -0.5, 2.5, 0.4, 2.0];
/// assert_eq!(knockoff_threshold(&w, 0.25, 1)?, Some(2.0));
/// assert_eq!(knockoff_threshold(&w, 0.2, 0)?, Some(0.4));
/// assert_eq!(knockoff_threshold(&w, 0.2, 1)?, None);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// Barber, Candès (2015). *Controlling the false discovery rate via knockoffs.* Annals of
/// Statistics 43(5). <https://doi.org/10.1214/15-AOS1337>
pub fn knockoff_threshold(statistics: &[f64], fdr: f64, offset: usize) -> Result<Option<f64>> {
    require(0.0 < fdr && fdr < 1.0, "fdr", fdr, "inside (0, 1)")?;
    require(offset <= 1, "offset", offset, "0 or 1")?;
    if let Some(i) = statistics.iter().position(|w| w.is_nan()) {
        return Err(Error::Data(format!("statistic {i} is `NaN`, only numbers can be compared")));
    }
    let mut order: Vec<f64> = statistics.iter().copied().filter(|&w| w != 0.0).collect();
    order.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    let (mut below, mut above, mut threshold) = (0, 0, None);
    for tied in order.chunk_by(|a, b| a.abs() == b.abs()) {
        let n_above = tied.iter().filter(|w| **w > 0.0).count();
        (above, below) = (above + n_above, below + tied.len() - n_above);
        if (offset + below) as f64 / above.max(1) as f64 <= fdr {
            threshold = Some(tied[0].abs());
        }
    }
    Ok(threshold)
}

/// What draws of knockoffs are made of.
struct Rivals<'a> {
    data: &'a Dataset,
    players: &'a Players,
    /// What is normal: the rows, or their scores.
    rows: Array2<f64>,
    copula: Option<GaussianCopula>,
    sampler: GaussianKnockoffs,
    /// The players with a knockoff, in the order of the sampler's features.
    able: Vec<usize>,
}

impl Selector for Knockoffs {
    fn select(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        data: &Dataset,
        players: &Players,
    ) -> Result<Selection> {
        check(data, players)?;
        require(0.0 < self.fdr && self.fdr < 1.0, "fdr", self.fdr, "inside (0, 1)")?;
        require(self.n_draws >= 1, "n_draws", self.n_draws, "at least 1")?;
        require(self.offset <= 1, "offset", self.offset, "0 or 1")?;
        let single = self.n_draws == 1 || self.offset == 1;
        require(single, "offset", self.offset, "1 with several draws, whose e-values need it")?;
        let rivals = &self.rivals(data, players)?;
        let score = |draw: usize| {
            rivals
                .statistics(&run.split(draw as u64), learner, importance)
                .map_err(|error| error.in_task(format!("draw {draw} of knockoffs")))
        };
        let work = Work::open(run, self.n_draws, players.len(), &[], || {
            Ok(fingerprint("knockoffs", run, data, players)
                .with("construction", format!("{:?}", self.construction))
                .with("copula", self.copula)
                .with_numbers("what the learner learns", &score(0)?))
        })?;
        let outcome = work.map(|draw, _| score(draw));
        let draws: Vec<Vec<f64>> = work.close(outcome)?.answers.into_values().collect();
        if draws.is_empty() {
            return Err(Error::Cancelled { done: 0, total: self.n_draws });
        }
        let done = Self { n_draws: draws.len(), ..*self };
        let mut selection = done.selection(run, rivals, draws)?;
        if done.n_draws < self.n_draws {
            let (done, total) = (done.n_draws, self.n_draws);
            selection.warnings.push(Warning::Unfinished { done, total });
        }
        Ok(selection)
    }
}

impl Knockoffs {
    fn rivals<'a>(&self, data: &'a Dataset, players: &'a Players) -> Result<Rivals<'a>> {
        let names = data.feature_names();
        if let Some(player) = (0..players.len()).find(|&i| players.members(i).len() > 1) {
            return Err(Error::Data(format!(
                "`{}` holds {} features, and a knockoff is of one: give players of single features \
                 or take another selector",
                players.names()[player],
                players.members(player).len()
            )));
        }
        if let Some(&column) = data.categorical().first() {
            return Err(Error::Data(format!(
                "column `{}` is categorical, and knockoffs are of numbers: leave it out, give it as \
                 columns of 0 and 1 for all of its categories but one, or take another selector",
                names[column]
            )));
        }
        if let Some(((row, column), _)) = data.rows().indexed_iter().find(|(_, x)| x.is_nan()) {
            return Err(Error::Data(format!(
                "column `{}` is missing in row {row}, and knockoffs are of whole rows: fill it in, \
                 or leave the row or the column out",
                names[column]
            )));
        }
        let ones = || vec![1.0; data.n_rows()];
        let weights = data.weights().map_or_else(ones, <[f64]>::to_vec);
        let copula = self.copula.then(|| GaussianCopula::fit(data)).transpose()?;
        let rows = copula
            .as_ref()
            .map_or_else(|| data.rows().to_owned(), |copula| copula.scores(data.rows()));
        let wanted: Vec<usize> = (0..players.len()).map(|i| players.members(i)[0]).collect();
        let sampler = GaussianKnockoffs::fit(rows.view(), &weights, &wanted, self.construction)?;
        let player = |feature: &usize| wanted.iter().position(|wanted| wanted == feature);
        let able = sampler.features().iter().filter_map(player).collect();
        Ok(Rivals { data, players, rows, copula, sampler, able })
    }

    /// The level of each draw's threshold.
    fn level(&self) -> f64 {
        if self.n_draws == 1 { self.fdr } else { self.fdr / 2.0 }
    }

    /// The choice by the statistics of each draw.
    fn selection(
        &self,
        run: &Run<'_>,
        rivals: &Rivals<'_>,
        draws: Vec<Vec<f64>>,
    ) -> Result<Selection> {
        let players = rivals.players;
        let n = players.len();
        let (mut e_values, mut hits) = (vec![0.0; n], vec![0; n]);
        let mut history = Vec::with_capacity(draws.len());
        for importances in draws {
            let threshold = knockoff_threshold(&importances, self.level(), self.offset)?;
            let bar = threshold.unwrap_or(f64::INFINITY);
            let n_below = importances.iter().filter(|&&w| w <= -bar).count();
            let kept: Vec<usize> = (0..n).filter(|&player| importances[player] >= bar).collect();
            for &player in &kept {
                hits[player] += 1;
                e_values[player] += n as f64 / (1 + n_below) as f64 / self.n_draws as f64;
            }
            history.push(Round { fold: None, players: kept, importances, threshold, score: None });
        }
        let chosen = if self.offset == 0 {
            history[0].players.clone()
        } else {
            // Sums of fractions that stand for whole numbers are not quite whole.
            let bar = self.fdr * (1.0 + 1e-9);
            let adjusted = e_benjamini_hochberg(&e_values)?;
            (0..n).filter(|&player| adjusted[player] <= bar).collect()
        };
        let mut selection = Selection::new("knockoffs", run, players, chosen);
        let of = |player: usize| history.iter().map(move |round| round.importances[player]);
        let means: Vec<f64> =
            (0..n).map(|player| mean(of(player).collect::<Vec<_>>().iter())).collect();
        if self.n_draws > 1 {
            let spread = |player: usize| {
                let squares = of(player).map(|w| (w - means[player]).powi(2)).sum::<f64>();
                (squares / (self.n_draws - 1) as f64).sqrt()
            };
            selection.spreads = Some((0..n).map(spread).collect());
        }
        selection.warnings.extend(self.warnings(rivals, &selection));
        selection.scores = Some(means);
        selection.hits = Some(hits);
        selection.fdr = (self.offset == 1).then_some(self.fdr);
        selection.e_values = (self.offset == 1).then_some(e_values);
        selection.n_importances = history.len();
        selection.history = history;
        Ok(selection)
    }

    fn warnings(&self, rivals: &Rivals<'_>, selection: &Selection) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let names = rivals.players.names();
        let without: Vec<String> = (0..names.len())
            .filter(|player| !rivals.able.contains(player))
            .map(|player| format!("`{}`", names[player]))
            .collect();
        if !without.is_empty() {
            warnings.push(format!(
                "no knockoff differs from features that are constant or follow exactly from others, \
                 so that these cannot be chosen: {}",
                listed(&without, ", ")
            ));
        }
        let least = (1.0 / self.level() - 1e-9).ceil() as usize;
        let fewer = if self.n_draws > 1 { "take a single draw or" } else { "take" };
        if self.offset == 1 && rivals.able.len() < least {
            warnings.push(format!(
                "nothing can be chosen: at a false discovery rate of {} a draw chooses at least \
                 {least} features or none, and {} have a knockoff; {fewer} a higher rate",
                self.fdr,
                rivals.able.len()
            ));
        } else if self.offset == 1 && selection.chosen.is_empty() {
            warnings.push(format!(
                "at a false discovery rate of {} a draw chooses at least {least} features or none: \
                 to find fewer, {fewer} a higher rate",
                self.fdr
            ));
        }
        let n_rows = rows_that_count(rivals.data).len();
        let n_known = rivals.sampler.n_known();
        if n_rows < 2 * n_known {
            warnings.push(format!(
                "the correlation of {n_known} features is that of {n_rows} rows, moved by {:.0} % \
                 towards independence: the false discovery rate may be higher than {}, take more \
                 rows or fewer features",
                100.0 * rivals.sampler.shrinkage,
                self.fdr
            ));
        }
        warnings.into_iter().map(Warning::Note).collect()
    }
}

impl Rivals<'_> {
    /// By how much each player beats its knockoff in one draw; 0 without a knockoff.
    fn statistics(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
    ) -> Result<Vec<f64>> {
        if self.able.is_empty() {
            return Ok(vec![0.0; self.players.len()]);
        }
        let copies = self.sampler.sample(self.rows.view(), &mut run.rng(0))?;
        let copies = match &self.copula {
            Some(copula) => copula.values(copies),
            None => copies,
        };
        let copies = copies.select(Axis(1), self.sampler.features());
        let mut order: Vec<usize> = (0..self.data.n_features() + self.able.len()).collect();
        run.rng(1).shuffle(&mut order);
        self.compare(&run.split(0), learner, importance, &copies, &order)
    }

    /// The same with these copies, one per player with a knockoff, and this order of columns.
    fn compare(
        &self,
        run: &Run<'_>,
        learner: &dyn Learner,
        importance: &dyn LearnerImportance,
        copies: &Array2<f64>,
        order: &[usize],
    ) -> Result<Vec<f64>> {
        let n_features = self.data.n_features();
        let prefix = unused_prefix("knockoff of ", self.data, self.players);
        let named = self
            .sampler
            .features()
            .iter()
            .map(|&feature| format!("{prefix}{}", self.data.feature_names()[feature]));
        let wide = self.data.with_columns(&[copies.view()], named.collect(), &[])?;
        // The player of each column, its place, and whether it is its knockoff.
        let mut columns = Vec::with_capacity(2 * self.able.len());
        for (place, &column) in order.iter().enumerate() {
            let (able, is_copy) = match column.checked_sub(n_features) {
                Some(copy) => (Ok(copy), true),
                None => (self.sampler.features().binary_search(&column), false),
            };
            columns.extend(able.map(|able| (self.able[able], place, is_copy)));
        }
        let group = |&(player, place, is_copy): &(usize, usize, bool)| {
            let name = &self.players.names()[player];
            (if is_copy { format!("{prefix}{name}") } else { name.clone() }, vec![place])
        };
        let all = Players::groups(order.len(), columns.iter().map(group))?;
        let wide = wide.select_features(order);
        let scores = scores_checked(importance, run, learner, &wide, &all)?.values;
        let mut statistics = vec![0.0; self.players.len()];
        for ((player, _, is_copy), score) in columns.into_iter().zip(scores) {
            statistics[player] += if is_copy { -score } else { score };
        }
        Ok(statistics)
    }
}
