//! How sure a permutation importance is: test rows and shuffles are both samples.
//!
//! Let `d_r(i)` be how much worse row `i` is predicted in repeat `r`, when row `σ_r(i)` gives it
//! its values. Row `i` takes part twice: as a target, in `d_r(i)`, and as a donor, in the loss of
//! the row `σ_r⁻¹(i)` that received its values. Hoeffding's decomposition of one such pair is
//!
//! ```text
//! d(i, j) = θ + a(i) + b(j) + e(i, j)
//! ```
//!
//! with `a`, `b`, `e` centred and uncorrelated, except that `a(i)` and `b(i)` belong to the same
//! row. The importance is the mean over `n` rows and `R` repeats. Every row is a target once and
//! a donor once per repeat, so that the sums of `a` and of `b` are those over all rows:
//!
//! ```text
//! Var(importance) = Var(a + b) / n  +  Var(e) / (n R)
//!                    test rows          shuffles
//! ```
//!
//! What is seen of row `i` in repeat `r` is `c_r(i) = d_r(i) + d_r(σ_r⁻¹(i)) − 2 I_r`. Its mean over
//! repeats is the Hájek projection `a(i) + b(i)` plus noise of the partners; the noise is what
//! varies between the repeats of one row, and is subtracted:
//!
//! ```text
//! Var(a + b) ≈ Var_i(mean_r c_r(i)) − mean_i(Var_r(c_r(i))) / R       (at least 0)
//! Var(e) / n ≈ Var_r(I_r)
//! ```
//!
//! With one repeat nothing can be subtracted, and the interval is too wide rather than too narrow.
//! Weights enter as in any weighted mean: `c` carries `wᵢ / w̄` for the row that is scored.
//!
//! Metrics that are no mean over rows (AUC, F1, R²) have no `d(i)`. There `c` comes from deleting
//! one of at most 25 random blocks of rows, as targets and as donors, which is the jackknife of
//! the same expansion: `c_r(g) = (G − 1)(I_r − I_r without g)`, where both scores in `I_r without g`
//! are of the same rows.
//!
//! Where values are exchanged within cells of the rows, `d(i, j) = θ_c + a(i) + b(j) + e(i, j)` in
//! cell `c`, and the importance is the mean of the `θ_c` by the cells' weights. A row's part as a
//! target still counts from `θ`, because another sample has other cells; its part as a donor
//! counts from `θ_c`: that a cell's rows are hard to predict is not the merit of its donors. When
//! blocks are deleted, rows whose donor is gone are gone too, and the others of their cell take
//! over their weight. Where values come from no row at all, rows are targets only.
//!
//! Rows that belong together (`Dataset::groups`) are one unit: their `c` are added up first. So are
//! those of random blocks of units where there are more than memory should hold for all players:
//! a sum over units is as well estimated by sums over blocks, with `G − 1` degrees of freedom.
//! With `G` blocks the standard error is off by a share of about `1 / √(2G)`, and Student's
//! quantile larger by `1 / (0.8 G)` of itself at 95 %: 2 % and 0.1 % with 1000 blocks.
//!
//! [`Moments`](crate::moments::Moments) sum up `c` and its squares over the repeats.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::dataset::Dataset;
use crate::donor::Donors;
use crate::moments::MomentsNode;
use crate::statistics::sample_std;

/// More blocks cost more scorings and hardly narrow Student's quantile.
const MAX_BLOCKS: usize = 25;
/// At most so many contributions of all players together are kept.
const MOST_CONTRIBUTIONS: usize = 1 << 19;

/// The independent units that the rows belong to: the rows themselves, or their groups.
pub(crate) struct Units {
    of_row: Vec<usize>,
    n: usize,
    /// How many rows each has, once that was asked.
    sizes: OnceLock<Vec<f64>>,
}

/// Where the values of all rows come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The row that gave its values to each row.
    pub(crate) donors: &'a [usize],
    /// The cell of each row, from 0, if values were exchanged within cells.
    pub(crate) cells: Option<&'a [usize]>,
}

impl Units {
    pub(crate) fn new(data: &Dataset) -> Self {
        let Some(groups) = data.groups() else {
            return Self::of_rows((0..data.n_rows()).collect(), data.n_rows());
        };
        let mut names = groups.to_vec();
        names.sort_unstable();
        names.dedup();
        let of_row = groups.iter().map(|group| names.partition_point(|name| name < group));
        Self::of_rows(of_row.collect(), names.len())
    }

    fn of_rows(of_row: Vec<usize>, n: usize) -> Self {
        Self { of_row, n, sizes: OnceLock::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.n
    }

    /// These units in few blocks for a jackknife.
    pub(crate) fn blocks(&self, key: u64) -> Self {
        self.joined(MAX_BLOCKS, key)
    }

    /// These units, joined to blocks if there are too many for as many players.
    pub(crate) fn for_players(self, n_players: usize, key: u64) -> Self {
        let most = Self::most(n_players);
        if self.n <= most { self } else { self.joined(most, key) }
    }

    /// How many units there are at most for so many players.
    pub(crate) fn most(n_players: usize) -> usize {
        (MOST_CONTRIBUTIONS / n_players.max(1)).max(MAX_BLOCKS)
    }

    /// These units in at most so many blocks of nearly equal size, drawn by `key` so that sorted
    /// rows, or a pattern in them, do not matter.
    fn joined(&self, most: usize, key: u64) -> Self {
        let n = self.n.min(most);
        let donors = Donors::new(self.n, key);
        Self::of_rows(self.of_row.iter().map(|&unit| donors.of(unit) % n).collect(), n)
    }

    /// The weight of each unit's rows.
    fn weights(&self, weights: Option<&[f64]>) -> Cow<'_, [f64]> {
        let sums = |weight: &dyn Fn(usize) -> f64| {
            let mut sums = vec![0.0; self.n];
            self.of_row.iter().enumerate().for_each(|(row, &unit)| sums[unit] += weight(row));
            sums
        };
        match weights {
            None => Cow::Borrowed(self.sizes.get_or_init(|| sums(&|_| 1.0))),
            Some(weights) => Cow::Owned(sums(&|row| weights[row])),
        }
    }

    /// The rows outside block `block`, and whose donor is outside it too.
    pub(crate) fn rows_without(&self, block: usize, donors: Option<&[usize]>) -> Vec<usize> {
        let outside = |row: usize| self.of_row[row] != block;
        (0..self.of_row.len())
            .filter(|&row| outside(row) && donors.is_none_or(|donors| outside(donors[row])))
            .collect()
    }

    /// The weights of `rows`, those that are left without block `block`: within cells a row that
    /// is left takes over its part of the rows outside the block whose donors are gone.
    pub(crate) fn weights_without(
        &self,
        block: usize,
        rows: &[usize],
        weights: Option<&[f64]>,
        cells: Option<&[usize]>,
    ) -> Option<Vec<f64>> {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let Some(cells) = cells else {
            return weights.map(|_| rows.iter().map(|&row| weight(row)).collect());
        };
        let outside = (0..cells.len()).filter(|&row| self.of_row[row] != block);
        let total = sums_by(cells, outside, weight);
        let left = sums_by(cells, rows.iter().copied(), weight);
        let share = |&row: &usize| weight(row) * total[cells[row]] / left[cells[row]];
        Some(rows.iter().map(share).collect())
    }

    /// `c_r` of each unit from the rows' increases in loss; without an origin rows are only
    /// targets.
    pub(crate) fn contributions(
        &self,
        increases: &[f64],
        weights: Option<&[f64]>,
        origin: Option<Origin<'_>>,
    ) -> Vec<f64> {
        if let Some(Origin { donors, cells: Some(cells) }) = origin {
            return self.contributions_within(increases, weights, donors, cells);
        }
        let donors = origin.map(|origin| self.of(origin.donors));
        let mut contributions = Contributions::default();
        contributions.add(self, 0, increases, weights, donors.as_deref());
        contributions.finish(self, weights)
    }

    /// The units of these rows.
    pub(crate) fn of(&self, rows: &[usize]) -> Vec<usize> {
        rows.iter().map(|&row| self.of_row[row]).collect()
    }

    /// [`Units::contributions`] of values that are exchanged within cells.
    fn contributions_within(
        &self,
        increases: &[f64],
        weights: Option<&[f64]>,
        donors: &[usize],
        cells: &[usize],
    ) -> Vec<f64> {
        let n_rows = increases.len();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..n_rows).map(weight).sum();
        let mean = (0..n_rows).map(|row| weight(row) * increases[row]).sum::<f64>() / total;
        let sums = sums_by(cells, 0..n_rows, |row| weight(row) * increases[row]);
        let totals = sums_by(cells, 0..n_rows, weight);
        let means: Vec<f64> = sums.into_iter().zip(totals).map(|(sum, n)| sum / n).collect();
        let mut contributions = vec![0.0; self.n];
        let scale = self.n as f64 / total;
        for row in 0..n_rows {
            let part = |mean: f64| scale * weight(row) * (increases[row] - mean);
            contributions[self.of_row[row]] += part(mean);
            contributions[self.of_row[donors[row]]] += part(means[cells[row]]);
        }
        contributions
    }

    /// Adds each row's part as a donor on average over all permutations, where `means` are the
    /// weighted means of the increases that a donor causes, and `mean` that of all donors.
    pub(crate) fn add_donors(&self, means: &[f64], mean: f64, contributions: &mut [f64]) {
        let scale = self.n as f64 / means.len() as f64;
        for (donor, caused) in means.iter().enumerate() {
            contributions[self.of_row[donor]] += scale * (caused - mean);
        }
    }
}

/// `c_r` of each unit, of rows that come part after part: sums are in the order of the rows,
/// whatever the parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contributions {
    /// Of each unit the increases, by weight, that its rows cause as targets and as donors.
    sums: Vec<f64>,
    /// Of each unit the weights of the rows that its rows give to; empty without weights, where a
    /// unit gives to as many rows as it has.
    given: Vec<f64>,
    are_donors: bool,
    total: f64,
    weight: f64,
}

impl Contributions {
    /// Adds rows from `first` on: what they are scored worse by, and the units of their donors,
    /// which is `None` if values come from no row.
    pub(crate) fn add(
        &mut self,
        units: &Units,
        first: usize,
        increases: &[f64],
        weights: Option<&[f64]>,
        donors: Option<&[usize]>,
    ) {
        self.sums.resize(units.n, 0.0);
        self.are_donors = donors.is_some();
        let of_row = &units.of_row[first..first + increases.len()];
        let Some(weights) = weights.map(|weights| &weights[first..first + increases.len()]) else {
            self.weight += increases.len() as f64;
            for (place, (&unit, &increase)) in of_row.iter().zip(increases).enumerate() {
                self.total += increase;
                self.sums[unit] += increase;
                if let Some(donors) = donors {
                    self.sums[donors[place]] += increase;
                }
            }
            return;
        };
        self.given.resize(units.n, 0.0);
        for (place, (&unit, &increase)) in of_row.iter().zip(increases).enumerate() {
            let weight = weights[place];
            self.weight += weight;
            self.total += weight * increase;
            self.sums[unit] += weight * increase;
            if let Some(donors) = donors {
                self.sums[donors[place]] += weight * increase;
                self.given[donors[place]] += weight;
            }
        }
    }

    /// What all rows come to.
    pub(crate) fn finish(self, units: &Units, weights: Option<&[f64]>) -> Vec<f64> {
        let mean = self.total / self.weight;
        // n / total turns a weight into wᵢ / w̄; n_units / n rows makes a sum over units a mean.
        let scale = units.n as f64 / self.weight;
        let own = units.weights(weights);
        let given = match (self.are_donors, self.given.is_empty()) {
            (false, _) => Cow::Owned(vec![0.0; units.n]),
            (true, true) => own.clone(),
            (true, false) => Cow::Owned(self.given),
        };
        let parts = self.sums.into_iter().zip(own.iter().zip(given.iter()));
        parts.map(|(sum, (own, given))| scale * (sum - (own + given) * mean)).collect()
    }
}

/// The sums of a number over `rows`, cell by cell.
fn sums_by(
    cells: &[usize],
    rows: impl Iterator<Item = usize>,
    number: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let mut sums = vec![0.0; cells.iter().max().map_or(0, |last| last + 1)];
    rows.for_each(|row| sums[cells[row]] += number(row));
    sums
}

/// `c_r(g)` of each block from the importance without it.
pub(crate) fn jackknife(importance: f64, without: &[f64]) -> Vec<f64> {
    let others = without.len() as f64 - 1.0;
    without.iter().map(|left| others * (importance - left)).collect()
}

/// Mean and spread of every unit's contribution over the repeats (Welford).
#[derive(Debug, Clone, Default)]
pub(crate) struct Noise {
    n_repeats: usize,
    mean: Vec<f64>,
    m2: Vec<f64>,
}

impl Noise {
    /// That of one of the players whose contributions stand one after another; `None` if they are
    /// not known.
    pub(crate) fn of_player(all: &MomentsNode, player: usize, n_players: usize) -> Option<Self> {
        let n_units = all.mean.len() / n_players;
        let units = player * n_units..(player + 1) * n_units;
        let (mean, m2) = (all.mean.get(units.clone())?, all.squares.get(units)?);
        (n_units > 0).then(|| Self {
            n_repeats: all.n as usize,
            mean: mean.to_vec(),
            m2: m2.to_vec(),
        })
    }

    /// Adds the contributions of one repeat.
    pub(crate) fn add(&mut self, contributions: &[f64]) {
        if self.n_repeats == 0 {
            self.mean = vec![0.0; contributions.len()];
            self.m2 = vec![0.0; contributions.len()];
        }
        self.n_repeats += 1;
        let n = self.n_repeats as f64;
        for ((mean, m2), c) in self.mean.iter_mut().zip(&mut self.m2).zip(contributions) {
            let delta = c - *mean;
            *mean += delta / n;
            *m2 += delta * (c - *mean);
        }
    }

    /// The standard error of the mean of `replicates`; `None` with fewer than 2 units.
    pub(crate) fn standard_error(&self, replicates: &[f64]) -> Option<f64> {
        let n_units = self.mean.len();
        if n_units < 2 {
            return None;
        }
        let mut rows = sample_std(self.mean.iter()).powi(2);
        let mut shuffles = 0.0;
        if self.n_repeats > 1 {
            let n_repeats = self.n_repeats as f64;
            let partners = self.m2.iter().sum::<f64>() / (n_repeats - 1.0) / n_units as f64;
            rows = (rows - partners / n_repeats).max(0.0);
            shuffles = sample_std(replicates.iter()).powi(2) / n_repeats;
        }
        Some((rows / n_units as f64 + shuffles).sqrt())
    }

    /// The degrees of freedom of [`Noise::standard_error`].
    pub(crate) fn degrees_of_freedom(&self) -> usize {
        self.mean.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Target;
    use crate::moments::Moments;
    use ndarray::Array2;

    fn data(n: usize) -> Dataset {
        Dataset::new(Array2::zeros((n, 1)), Target::Values(vec![0.0; n])).unwrap()
    }

    #[test]
    fn without_donors_it_is_the_standard_error_of_a_mean() {
        let increases = [1.0, 2.0, 4.0, 9.0];
        let mut noise = Noise::default();
        noise.add(&Units::new(&data(4)).contributions(&increases, None, None));
        let expected = sample_std(increases.iter()) / 2.0;
        assert!((noise.standard_error(&[4.0]).unwrap() - expected).abs() < 1e-14);
        assert_eq!(noise.degrees_of_freedom(), 3);
    }

    #[test]
    fn rows_of_one_group_count_once() {
        let grouped = data(4).with_groups(vec![9, 3, 9, 3]).unwrap();
        let units = Units::new(&grouped);
        let contributions = units.contributions(&[1.0, 2.0, 3.0, 6.0], None, None);
        // Groups 3 and 9 have sums 8 and 4 around the mean 3, times 2 units over 4 rows.
        assert_eq!(contributions, [1.0, -1.0]);
        assert_eq!(units.blocks(1).len(), 2);
    }

    #[test]
    fn weights_of_one_and_cells_of_all_change_no_bit() {
        let units = Units::new(&data(4).with_groups(vec![9, 3, 9, 9]).unwrap());
        let (increases, donors) = ([0.1, -0.7, 3.3, 1e-3], &[2, 0, 1, 3][..]);
        for origin in [None, Some(Origin { donors, cells: None })] {
            let plain = units.contributions(&increases, None, origin);
            assert_eq!(plain, units.contributions(&increases, Some(&[1.0; 4]), origin));
        }
    }

    #[test]
    fn a_row_without_weight_is_no_target() {
        let units = Units::new(&data(3));
        let weights = [1.0, 0.0, 1.0];
        assert_eq!(units.contributions(&[1.0, 50.0, 3.0], Some(&weights), None), [-1.5, 0.0, 1.5]);
    }

    #[test]
    fn within_cells_a_donor_counts_from_its_cells_mean() {
        // Two cells of two rows, exchanged, with increases around 2 and around 10.
        let origin = Origin { donors: &[1, 0, 3, 2], cells: Some(&[0, 0, 1, 1]) };
        let units = Units::new(&data(4));
        let of = |origin| units.contributions(&[1.0, 3.0, 10.0, 10.0], None, Some(origin));
        assert_eq!(of(origin), [-5.0 + 1.0, -3.0 - 1.0, 4.0, 4.0]);
        assert_eq!(of(Origin { cells: None, ..origin }), [-5.0 - 3.0, -3.0 - 5.0, 8.0, 8.0]);
        let weighted = units.contributions(&[1.0, 5.0, 4.0, 4.0], Some(&[3.0, 1.0, 2.0, 2.0]), {
            // Weighted means: 2 in the first cell, 4 in the second, 3 in all.
            Some(origin)
        });
        assert_eq!(weighted, [1.5 * -2.0 + 0.5 * 3.0, 0.5 * 2.0 - 1.5, 1.0, 1.0]);
    }

    #[test]
    fn without_a_block_a_cell_keeps_its_weight() {
        let units = Units::new(&data(4));
        // Without row 0, row 1 has lost its donor; the rest of its cell, row 2, counts for both.
        let (cells, donors) = (&[0, 0, 0, 1][..], [2, 0, 1, 3]);
        let rows = units.rows_without(0, Some(&donors));
        assert_eq!(rows, [2, 3]);
        let weights = |weights, cells| units.weights_without(0, &rows, weights, cells);
        assert_eq!(weights(None, Some(cells)), Some(vec![2.0, 1.0]));
        let given = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(weights(Some(&given), Some(cells)), Some(vec![5.0, 4.0]));
        assert_eq!(weights(Some(&given), None), Some(vec![3.0, 4.0]));
        assert_eq!(weights(None, None), None);
    }

    #[test]
    fn blocks_leave_out_targets_and_donors() {
        let units = Units::new(&data(4));
        assert_eq!(units.rows_without(1, None), [0, 2, 3]);
        assert_eq!(units.rows_without(1, Some(&[1, 0, 3, 2])), [2, 3]);
        let blocks = Units::new(&data(100)).blocks(3);
        assert!((0..25).all(|block| blocks.rows_without(block, None).len() == 96));
    }

    #[test]
    fn units_are_joined_where_there_are_many_players() {
        let units = |n_players| Units::new(&data(3000)).for_players(n_players, 5);
        assert_eq!(units(174).len(), 3000);
        let joined = units(1000);
        assert_eq!(joined.len(), 524);
        let sizes = (0..524).map(|block| 3000 - joined.rows_without(block, None).len());
        assert!(sizes.into_iter().all(|size| size == 5 || size == 6));
        assert_eq!(units(1 << 19).len(), 25);
        // A mean has the same standard error, up to what 523 degrees of freedom tell.
        let increases: Vec<f64> = (0..3000).map(|row| f64::from(row % 77)).collect();
        let error = |units: &Units| {
            let mut noise = Noise::default();
            noise.add(&units.contributions(&increases, None, None));
            (noise.standard_error(&[]).unwrap(), noise.degrees_of_freedom())
        };
        let ((single, _), (blocks, freedom)) = (error(&units(1)), error(&joined));
        assert_eq!(freedom, 523);
        assert!((blocks / single - 1.0).abs() < 3.0 / (2.0 * 523_f64).sqrt(), "{blocks} {single}");
    }

    #[test]
    fn the_noise_of_a_player_is_what_its_repeats_add_up_to() {
        let repeats = [[1.0, 2.0, 5.0, -5.0], [2.0, 4.0, 3.0, -3.0], [3.0, 9.0, 1.0, -1.0]];
        let mut moments = Moments::default();
        let mut noise = Noise::default();
        for (repeat, contributions) in repeats.iter().enumerate() {
            moments.add(repeat as u64, Some(contributions.to_vec()));
            noise.add(&contributions[2..]);
        }
        let all = moments.total().unwrap();
        let of_player = Noise::of_player(&all, 1, 2).unwrap();
        let error = |noise: &Noise| noise.standard_error(&[1.0, 2.0, 4.0]).unwrap();
        assert!((error(&of_player) - error(&noise)).abs() < 1e-14);
        moments.add(3, None);
        assert!(Noise::of_player(&moments.total().unwrap(), 1, 2).is_none());
    }

    #[test]
    fn the_partners_noise_is_subtracted_and_the_shuffles_added() {
        let error = |repeats: &[[f64; 2]], replicates: &[f64]| {
            let mut noise = Noise::default();
            for contributions in repeats {
                noise.add(contributions);
            }
            noise.standard_error(replicates).unwrap()
        };
        // Means 4 and −4 vary by 32; each unit's two values vary by 2, of which a half is noise.
        let expected: f64 = (32.0 - 1.0) / 2.0 + 0.5 / 2.0;
        assert!((error(&[[5.0, -5.0], [3.0, -3.0]], &[1.0, 2.0]) - expected.sqrt()).abs() < 1e-14);
        // Nothing but noise: only the shuffles are left, and never less than nothing.
        assert_eq!(error(&[[3.0, -3.0], [-3.0, 3.0]], &[1.0, 2.0]), 0.5);
        // One repeat has nothing to subtract.
        assert_eq!(error(&[[1.0, -1.0]], &[1.0]), 1.0);
    }

    #[test]
    fn jackknife_of_a_mean_is_its_standard_error() {
        let values = [1.0, 2.0, 4.0, 9.0];
        let without: Vec<f64> = values.iter().map(|x| (16.0 - x) / 3.0).collect();
        let mut noise = Noise::default();
        noise.add(&jackknife(4.0, &without));
        let expected = sample_std(values.iter()) / 2.0;
        assert!((noise.standard_error(&[4.0]).unwrap() - expected).abs() < 1e-14);
    }
}
