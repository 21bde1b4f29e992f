//! The rows that take part in a curve or a surface, with their weights and independent units.

use crate::correlation_groups::spearman_of_common;
use crate::dataset::Dataset;
use crate::error::{Error, Result, require, require_shape};
use crate::importance::Warning;
use crate::model::Model;
use crate::run::Run;
use crate::scorer::rows_that_count;

use super::grid::{Grid, categories};

/// The stream beside those of the tasks that draws rows.
const ROWS: u64 = u64::MAX;
/// From here on rows at another value of the feature are hardly like any that occur.
const DEPENDENT: f64 = 0.7;

/// Checked: which rows, in which order, with which weight.
pub(super) struct Question<'a> {
    pub(super) data: &'a Dataset,
    pub(super) columns: Vec<usize>,
    /// The rows' numbers in the table; rows of one unit stand together.
    pub(super) rows: Vec<usize>,
    /// Of each of these rows.
    pub(super) weights: Vec<f64>,
    /// The unit of each of these rows, ascending: itself, or its group.
    pub(super) units: Vec<usize>,
    pub(super) missing_share: f64,
    pub(super) seed: Option<u64>,
}

impl<'a> Question<'a> {
    pub(super) fn new(
        run: &Run<'_>,
        model: &dyn Model,
        data: &'a Dataset,
        columns: &[usize],
        max_rows: Option<usize>,
        batch_rows: usize,
    ) -> Result<Self> {
        let n_features = data.n_features();
        require_shape("the model's list of features", &[n_features], &[model.n_features()])?;
        require(model.n_outputs() > 0, "n_outputs", 0, "at least 1")?;
        require(batch_rows >= 1, "batch_rows", batch_rows, "at least 1")?;
        require(max_rows != Some(0), "max_rows", 0, "at least 1")?;
        if let Some(feature) = columns.iter().find(|&&feature| feature >= n_features) {
            return Err(Error::Data(format!(
                "feature {feature} was asked for, but the table has {n_features} features"
            )));
        }
        let names = data.feature_names();
        if let [first, second] = *columns
            && first == second
        {
            return Err(Error::Data(format!(
                "`{}` was asked for twice, a surface needs two different features",
                names[first]
            )));
        }
        let table = data.rows();
        let all = rows_that_count(data);
        let weight = |row: usize| data.weights().map_or(1.0, |weights| weights[row]);
        let known = |row: &usize| columns.iter().all(|&column| !table[[*row, column]].is_nan());
        let mut rows: Vec<usize> = all.iter().copied().filter(known).collect();
        if rows.is_empty() {
            let missed: Vec<String> =
                columns.iter().map(|&column| format!("`{}`", names[column])).collect();
            return Err(Error::Data(format!(
                "no row that counts has a value of {}, give rows that have one",
                missed.join(" and ")
            )));
        }
        let total: f64 = all.iter().map(|&row| weight(row)).sum();
        let present: f64 = rows.iter().map(|&row| weight(row)).sum();
        let missing_share = if rows.len() == all.len() { 0.0 } else { 1.0 - present / total };
        let mut seed = None;
        if let Some(max_rows) = max_rows.filter(|&max_rows| max_rows < rows.len()) {
            let mut sample = run.split(ROWS).rng(0).sample(rows.len(), max_rows);
            sample.sort_unstable();
            rows = sample.into_iter().map(|i| rows[i]).collect();
            seed = Some(run.seed());
        }
        let units = match data.groups() {
            None => (0..rows.len()).collect(),
            Some(groups) => {
                rows.sort_by_key(|&row| groups[row]);
                let mut units = Vec::with_capacity(rows.len());
                for (unit, together) in rows.chunk_by(|&a, &b| groups[a] == groups[b]).enumerate() {
                    units.extend(std::iter::repeat_n(unit, together.len()));
                }
                units
            }
        };
        let weights = rows.iter().map(|&row| weight(row)).collect();
        Ok(Self { data, columns: columns.to_vec(), rows, weights, units, missing_share, seed })
    }

    pub(super) fn n_units(&self) -> usize {
        self.units.last().map_or(0, |last| last + 1)
    }

    pub(super) fn name(&self, k: usize) -> &str {
        &self.data.feature_names()[self.columns[k]]
    }

    pub(super) fn is_categorical(&self, k: usize) -> bool {
        self.data.categorical().binary_search(&self.columns[k]).is_ok()
    }

    /// The value of feature `k` in the row at this place.
    pub(super) fn value(&self, k: usize, place: usize) -> f64 {
        self.data.rows()[[self.rows[place], self.columns[k]]]
    }

    pub(super) fn sorted_values(&self, k: usize) -> Vec<f64> {
        let mut values: Vec<f64> = (0..self.rows.len()).map(|i| self.value(k, i)).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The grid of feature `k`, ascending.
    pub(super) fn grid(&self, k: usize, grid: &Grid) -> Result<Vec<f64>> {
        grid.check()?;
        let sorted = self.sorted_values(k);
        if self.is_categorical(k) {
            categories(self.name(k), &sorted)
        } else {
            Ok(grid.points(&sorted))
        }
    }

    /// Each row's values of the features (of one feature: twice) and its weight.
    pub(super) fn weighted_values(&self) -> impl Iterator<Item = ([f64; 2], &f64)> {
        let second = self.columns.len() - 1;
        let weights = self.weights.iter().enumerate();
        weights.map(move |(i, weight)| ([self.value(0, i), self.value(second, i)], weight))
    }

    pub(super) fn missing_warning(&self) -> Option<Warning> {
        (self.missing_share > 0.0).then(|| {
            Warning::Note(format!(
                "{:.1} % of the rows miss {}: they are left out",
                100.0 * self.missing_share,
                (0..self.columns.len())
                    .map(|k| format!("`{}`", self.name(k)))
                    .collect::<Vec<_>>()
                    .join(" or ")
            ))
        })
    }

    /// Says which other feature goes with one that is set to all values.
    pub(super) fn extrapolation_warning(&self) -> Option<Warning> {
        let table = self.data.rows();
        let column =
            |j: usize| -> Vec<f64> { self.rows.iter().map(|&row| table[[row, j]]).collect() };
        let numbers = |j: &usize| self.data.categorical().binary_search(j).is_err();
        let asked: Vec<usize> = self.columns.iter().copied().filter(numbers).collect();
        let mut strongest: Option<(f64, usize, usize)> = None;
        for own in asked {
            let values = column(own);
            let others = (0..self.data.n_features()).filter(|j| !self.columns.contains(j));
            for other in others.filter(numbers) {
                let rho = spearman_of_common(&values, &column(other));
                if rho.abs() > strongest.map_or(DEPENDENT, |(best, _, _)| best.abs()) {
                    strongest = Some((rho, own, other));
                }
            }
        }
        let (rho, own, other) = strongest?;
        let names = self.data.feature_names();
        Some(Warning::Note(format!(
            "`{}` has a rank correlation of {rho:.2} with `{}`, so the model was asked about rows \
             that hardly occur: look at accumulated local effects",
            names[own], names[other]
        )))
    }
}
