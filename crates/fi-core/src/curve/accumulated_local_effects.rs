//! Accumulated local effects: what a small step of a feature changes, in rows that are near it,
//! added up along the way.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, Array3, Axis, s};

use crate::dataset::Dataset;
use crate::error::Result;
use crate::importance::{Estimand, Warning};
use crate::model::Model;
use crate::run::Run;
use crate::statistics::{check_confidence, t_quantile};

use super::categories::by_similarity;
use super::grid::{Grid, shares};
use super::question::Question;
use super::sweep::{BLOCKS_AT_ONCE, Sweep};
use super::{Band, Curve};

pub(super) const METHOD: &str = "accumulated local effects";

/// The accumulated local effects of a feature, or of two.
///
/// With edges `z₀ < … < z_K` and the rows `N(k)` whose value is in `(z_{k−1}, z_k]` (`z₀` belongs to
/// the first interval),
///
/// ```text
/// d(k)    = Σ_{i ∈ N(k)} wᵢ [f(z_k, xᵢ without the feature) − f(z_{k−1}, xᵢ without it)] / Σ wᵢ
/// ALE(z_k) = d(1) + … + d(k) − c
/// ```
///
/// where `c` makes the mean over the rows 0, taking in each interval the middle of its ends. A row
/// moves within its own interval only, so dependent features do not lead to rows that cannot
/// occur, and an effect of another feature is not counted twice.
///
/// **Categories** have no intervals. They are brought into an order by the similarity of their rows
/// in the other features (Kolmogorov–Smirnov distances, total variation between categories, one
/// coordinate of multidimensional scaling), which is the order of [`Curve::grid`]. `d(k)` is then
/// the mean over the rows of category `k − 1`, moved up, and those of `k`, moved down.
///
/// **Band** ([`Estimand::ModelOnPopulation`], for these edges): value ± Student's t × standard
/// error, in which the errors of `d(1), …, d(k)` and of `c` accumulate, row by row (or by
/// [`Dataset::groups`]). There is none where an interval has a single row.
///
/// Intervals without rows are joined to the next. Rows that miss the feature are left out and
/// counted in [`Curve::missing_share`].
///
/// # Units
///
/// Those of the prediction, from the mean over the rows.
///
/// # Cost
///
/// `2 n_rows` predicted rows whatever the grid; for categories `3 n_rows` and their distances,
/// `n_features × n_rows × n_categories²` at worst; for a surface `4 n_rows`. Memory: two
/// differences per row and output.
///
/// # When it misleads
///
/// - Far from a value the curve is a sum of effects in different rows: it is no prediction of what
///   one row would do.
/// - Many intervals of few rows are noise: look at the band.
/// - Where features are perfectly dependent, who gets the effect is the model's choice.
///
/// # Example
///
/// ```
/// use fi_core::{AccumulatedLocalEffects, Dataset, Function, Run, Target};
/// use ndarray::{array, ArrayView2, Axis};
///
/// // f = a², and b goes with a.
/// let rows = array![[0.0, 0.1], [1.0, 1.1], [2.0, 1.9], [2.0, 2.2]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0; 4]))?;
/// let model = Function::new(2, 1, |x: ArrayView2<f64>| {
///     x.column(0).mapv(|a| a * a).insert_axis(Axis(1))
/// });
/// let curve = AccumulatedLocalEffects::default().curve(&Run::new(0), &model, &data, 0)?;
/// // Up to a constant the curve is a².
/// assert_eq!(&curve.values - curve.values[[0, 0]], array![[0.0], [1.0], [4.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Apley, Zhu (2020). *Visualizing the effects of predictor variables in black box supervised
///   learning models.* Journal of the Royal Statistical Society, Series B 82(4).
///   <https://doi.org/10.1111/rssb.12377>
///
/// # See also
///
/// [`PartialDependence`](crate::PartialDependence), whose values are predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct AccumulatedLocalEffects {
    /// The edges of the intervals, default 40 quantiles. Of values that are given only those among
    /// the rows' are taken, and the smallest and largest of the rows are added.
    pub grid: Grid,
    /// The band's coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
    /// At most this many rows are used, at least 1, drawn by the seed. Default `None`: all.
    pub max_rows: Option<usize>,
    /// How many rows the model predicts at once, at least 1; default 16 384. The answer does not
    /// depend on it.
    pub batch_rows: usize,
}

impl Default for AccumulatedLocalEffects {
    fn default() -> Self {
        Self { grid: Grid::Quantiles(40), confidence: 0.95, max_rows: None, batch_rows: 16_384 }
    }
}

impl AccumulatedLocalEffects {
    /// The curve of one feature.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) outside a domain;
    /// [`Error::Shape`](crate::Error::Shape) if model and data have different features;
    /// [`Error::Data`](crate::Error::Data) for a feature that the table has not or no row has a
    /// value of, and for more than 500 categories; [`Error::Task`](crate::Error::Task) that names
    /// the feature for which the model failed; [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn curve(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        feature: usize,
    ) -> Result<Curve> {
        check_confidence(self.confidence)?;
        let question = &self.question(run, model, data, &[feature])?;
        let categorical = question.is_categorical(0);
        let (grid, way) = if categorical {
            ordered(question, &self.grid)?
        } else {
            let (grid, cells) = edges(question, 0, &self.grid)?;
            (
                grid,
                Way {
                    cells: cells.into_iter().map(|cell| [Some(cell), None]).collect(),
                    steps: false,
                },
            )
        };
        let sweep = Sweep {
            question,
            model,
            n_points: if categorical { 3 } else { 2 },
            batch_rows: self.batch_rows,
            method: METHOD,
        };
        let differences = way.differences(run, &sweep, &grid)?;
        let sums = Sums::new(question, &way, &differences, grid.len());
        let mut warnings: Vec<Warning> = question.missing_warning().into_iter().collect();
        if grid.len() == 1 {
            warnings.push(Warning::Note(format!(
                "`{}` has a single value: there is no effect to see",
                question.name(0)
            )));
        }
        let band = sums.band(question, &way, &differences, self.confidence);
        if band.is_none() {
            warnings.push(Warning::Note(
                "there is no interval: an interval of the grid has a single row, or all rows are \
                 one unit; take fewer points"
                    .to_owned(),
            ));
        }
        let mut ascending: Vec<usize> = (0..grid.len()).collect();
        ascending.sort_by(|&a, &b| grid[a].total_cmp(&grid[b]));
        let sorted: Vec<f64> = ascending.iter().map(|&i| grid[i]).collect();
        let found = shares([&sorted, &[0.0]], question.weighted_values());
        let mut shares = vec![0.0; grid.len()];
        for (i, &place) in ascending.iter().enumerate() {
            shares[place] = found[[i, 0]];
        }
        Ok(Curve {
            method: METHOD.to_owned(),
            feature: question.name(0).to_owned(),
            categorical,
            values: &sums.accumulated - &sums.centre,
            band,
            lines: None,
            shares,
            centre: Some(sums.centre.to_vec()),
            missing_share: question.missing_share,
            seed: question.seed,
            n_evaluations: sweep.n_evaluations(),
            warnings,
            grid,
        })
    }

    pub(super) fn question<'a>(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &'a Dataset,
        features: &[usize],
    ) -> Result<Question<'a>> {
        self.grid.check()?;
        Question::new(run, model, data, features, self.max_rows, self.batch_rows)
    }
}

/// Edges between which there are rows, and the interval of each row.
pub(super) fn edges(
    question: &Question<'_>,
    k: usize,
    grid: &Grid,
) -> Result<(Vec<f64>, Vec<usize>)> {
    let sorted = question.sorted_values(k);
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    let inside = |edge: &f64| low < *edge && *edge < high;
    let mut edges = vec![low];
    for edge in question.grid(k, grid)?.into_iter().filter(inside).chain([high]) {
        // Rows in (last edge, edge]; those at the lowest value belong to the first interval.
        let last = edges[edges.len() - 1];
        let from = if edges.len() == 1 { 0 } else { sorted.partition_point(|&x| x <= last) };
        if edge > last && sorted.partition_point(|&x| x <= edge) > from {
            edges.push(edge);
        }
    }
    let cell = |place: usize| {
        let value = question.value(k, place);
        edges.partition_point(|&edge| edge < value).saturating_sub(1)
    };
    let cells = (0..question.rows.len()).map(cell).collect();
    Ok((edges, cells))
}

/// Categories by similarity; a row of the category at a place takes part in the step to it, and
/// in that from it.
fn ordered(question: &Question<'_>, grid: &Grid) -> Result<(Vec<f64>, Way)> {
    let ascending = question.grid(0, grid)?;
    let n = ascending.len();
    let of_row: Vec<usize> = (0..question.rows.len())
        .map(|place| ascending.partition_point(|&code| code < question.value(0, place)))
        .collect();
    let order = by_similarity(question, n, &of_row)?;
    let mut place_of = vec![0; n];
    order.iter().enumerate().for_each(|(place, &category)| place_of[category] = place);
    let steps = |&category: &usize| {
        let place: usize = place_of[category];
        [place.checked_sub(1), (place + 1 < n).then_some(place)]
    };
    let way = Way { cells: of_row.iter().map(steps).collect(), steps: true };
    Ok((order.iter().map(|&category| ascending[category]).collect(), way))
}

/// Which steps of the way along the grid each row takes part in.
struct Way {
    /// Step `k` is from point `k` to point `k + 1`.
    cells: Vec<[Option<usize>; 2]>,
    /// Whether a row stands at a point, between two steps, and not within one.
    steps: bool,
}

impl Way {
    /// The points that a row lies at or between.
    fn points(&self, place: usize) -> [usize; 2] {
        match self.cells[place] {
            [Some(before), _] if self.steps => [before + 1; 2],
            [None, Some(after)] => [after; 2],
            [Some(within), _] => [within, within + 1],
            [None, None] => [0; 2],
        }
    }

    /// `(n_rows, 2, n_outputs)`: what each row's steps change; 0 for none.
    fn differences(&self, run: &Run<'_>, sweep: &Sweep<'_>, grid: &[f64]) -> Result<Array3<f64>> {
        let (n, n_outputs) = (self.cells.len(), sweep.model.n_outputs());
        let mut all = Array3::zeros((n, 2, n_outputs));
        let last = grid.len() - 1;
        let value = |point: usize, place: usize, _: usize| {
            let [from, to] = self.points(place);
            // At a point: the one before, itself, the one after. Within a step: its ends.
            grid[match (self.steps, point) {
                (true, 0) => from.saturating_sub(1),
                (true, 1) | (false, 0) => from,
                (true, _) => (from + 1).min(last),
                (false, _) => to.min(last),
            }]
        };
        run.fold(
            sweep.n_blocks(),
            BLOCKS_AT_ONCE,
            |block, _| {
                let n = sweep.places(block).len();
                let mut before = Array2::zeros((n, n_outputs));
                let mut differences = Array3::<f64>::zeros((n, 2, n_outputs));
                sweep.predict(block, value, |point, predicted| {
                    if let Some(step) = point.checked_sub(1) {
                        differences.index_axis_mut(Axis(1), step).assign(&(&predicted - &before));
                    }
                    before.assign(&predicted);
                })?;
                Ok(differences)
            },
            |block, differences| {
                let places = sweep.places(block);
                all.slice_mut(s![places, .., ..]).assign(&differences);
                ControlFlow::Continue(())
            },
        )?;
        Ok(all)
    }
}

/// Steps added up.
struct Sums {
    /// `(n_steps, n_outputs)`: the mean of each step, its rows' weight and their number.
    steps: Array2<f64>,
    weights: Vec<f64>,
    counts: Vec<usize>,
    /// `(n_grid, n_outputs)`.
    accumulated: Array2<f64>,
    centre: Array1<f64>,
}

impl Sums {
    fn new(question: &Question<'_>, way: &Way, differences: &Array3<f64>, n_grid: usize) -> Self {
        let n_outputs = differences.dim().2;
        let mut steps = Array2::<f64>::zeros((n_grid - 1, n_outputs));
        let (mut weights, mut counts) = (vec![0.0; n_grid - 1], vec![0; n_grid - 1]);
        for (place, cells) in way.cells.iter().enumerate() {
            for (which, cell) in cells.iter().enumerate() {
                if let Some(cell) = cell.filter(|&cell| cell < n_grid - 1) {
                    let weight = question.weights[place];
                    steps
                        .row_mut(cell)
                        .scaled_add(weight, &differences.slice(s![place, which, ..]));
                    weights[cell] += weight;
                    counts[cell] += 1;
                }
            }
        }
        for (mut step, weight) in steps.rows_mut().into_iter().zip(&weights) {
            step /= *weight;
        }
        let mut accumulated = Array2::zeros((n_grid, n_outputs));
        for k in 1..n_grid {
            let next = &accumulated.row(k - 1) + &steps.row(k - 1);
            accumulated.row_mut(k).assign(&next);
        }
        let mut centre = Array1::zeros(n_outputs);
        for (place, &weight) in question.weights.iter().enumerate() {
            centre.scaled_add(weight, &middle(&accumulated, way.points(place)));
        }
        centre /= question.weights.iter().sum::<f64>();
        Self { steps, weights, counts, accumulated, centre }
    }

    /// From each unit's influence on every point: its part in the steps up to there, and in the
    /// centre.
    fn band(
        &self,
        question: &Question<'_>,
        way: &Way,
        differences: &Array3<f64>,
        confidence: f64,
    ) -> Option<Band> {
        let n_units = question.n_units();
        if n_units < 2 || self.counts.iter().any(|&count| count < 2) {
            return None;
        }
        let (n_grid, n_outputs) = self.accumulated.dim();
        let total: f64 = question.weights.iter().sum();
        // The share of each pair of points that rows lie at or between.
        let mut shares = vec![0.0; n_grid];
        for (place, weight) in question.weights.iter().enumerate() {
            way.points(place)
                .iter()
                .for_each(|&p| shares[p.min(n_grid - 1)] += weight / total / 2.0);
        }
        let mut squares = Array2::<f64>::zeros((n_grid, n_outputs));
        let mut parts = Array2::<f64>::zeros((n_grid, n_outputs));
        let mut own = Array1::<f64>::zeros(n_outputs);
        for (place, &unit) in question.units.iter().enumerate() {
            let weight = question.weights[place];
            for (which, cell) in way.cells[place].iter().enumerate() {
                if let Some(cell) = cell.filter(|&cell| cell + 1 < n_grid) {
                    let count = self.counts[cell] as f64;
                    let scale = weight / self.weights[cell] * (count / (count - 1.0)).sqrt();
                    let residual = &differences.slice(s![place, which, ..]) - &self.steps.row(cell);
                    parts.row_mut(cell + 1).scaled_add(scale, &residual);
                }
            }
            let here = middle(&self.accumulated, way.points(place)) - &self.centre;
            own.scaled_add(weight / total, &here);
            if question.units.get(place + 1) == Some(&unit) {
                continue;
            }
            // The unit is complete: add up along the way, and take off its part in the centre.
            let mut centre = own.clone();
            for (k, &share) in shares.iter().enumerate() {
                if k > 0 {
                    let sum = &parts.row(k - 1) + &parts.row(k);
                    parts.row_mut(k).assign(&sum);
                }
                centre.scaled_add(share, &parts.row(k));
            }
            parts -= &centre;
            squares.zip_mut_with(&parts, |square, part| *square += part * part);
            parts.fill(0.0);
            own.fill(0.0);
        }
        let n = n_units as f64;
        let half = t_quantile(confidence, n_units - 1) * (n / (n - 1.0)).sqrt();
        let widths = squares.mapv(|square| half * square.sqrt());
        let values = &self.accumulated - &self.centre;
        let estimand = Estimand::ModelOnPopulation;
        Some(Band { estimand, confidence, low: &values - &widths, high: &values + &widths })
    }
}

/// The middle of the accumulated effect at two points.
fn middle(accumulated: &Array2<f64>, points: [usize; 2]) -> Array1<f64> {
    let last = accumulated.nrows() - 1;
    let [a, b] = points.map(|point| accumulated.row(point.min(last)));
    (&a + &b) / 2.0
}
