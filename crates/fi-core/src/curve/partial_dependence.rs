//! Partial dependence and individual conditional expectation: the prediction when a feature is
//! set to a value in every row.

use std::ops::ControlFlow;

use ndarray::{Array2, Array3, ArrayView3, Axis, s};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::importance::{Estimand, Warning};
use crate::model::Model;
use crate::run::Run;
use crate::statistics::{check_confidence, t_quantile};

use super::grid::{Grid, MOST_CELLS, shares};
use super::question::Question;
use super::sweep::{BLOCKS_AT_ONCE, Sweep};
use super::{Band, Curve, Lines, Surface};

/// The stream beside those of the tasks that draws lines.
const LINES: u64 = u64::MAX - 1;
const METHOD: &str = "partial dependence";

/// The mean prediction when a feature is set to a value in every row.
///
/// ```text
/// PD(v) = Σᵢ wᵢ f(v, xᵢ without the feature) / Σᵢ wᵢ          one line:  f(v, xᵢ without the feature)
/// ```
///
/// where `wᵢ` is the weight of row `i`. The single lines are the *individual conditional
/// expectation* (ICE): where they cross, the feature interacts with others, and their mean says
/// little. `centred` starts each line at 0 on the first grid point (*c-ICE*).
///
/// **Band** ([`Estimand::ModelOnPopulation`]): value ± Student's t × standard error of the mean
/// over rows, or over their [`Dataset::groups`]. When centred, it is that of the difference to the
/// first point.
///
/// Rows that miss the feature are left out and counted in [`Curve::missing_share`].
///
/// # Units
///
/// Those of the prediction.
///
/// # Cost
///
/// `n_rows × n_grid` predicted rows. Memory: per thread a buffer of `batch_rows` rows; 16 blocks of
/// 256 rows × `n_grid` predictions that wait; and the lines that are asked for.
///
/// # When it misleads
///
/// - With dependent features it asks about rows that cannot occur, and what the model says there
///   counts. A warning names a feature with a rank correlation above 0.7; for such data take
///   [`AccumulatedLocalEffects`](crate::AccumulatedLocalEffects).
/// - A flat curve need not mean that the feature does nothing: opposite lines cancel. Look at ICE.
/// - The curve is the model's, not the world's: it is no causal effect.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Function, Grid, PartialDependence, Run, Target};
/// use ndarray::{array, ArrayView2, Axis};
///
/// // f = 2 a + b: the curve of `a` is 2 a plus the mean of `b`.
/// let rows = array![[0.0, 5.0], [1.0, 6.0], [2.0, 7.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0; 3]))?.with_feature_names(["a", "b"])?;
/// let model = Function::new(2, 1, |x: ArrayView2<f64>| {
///     (2.0 * &x.column(0) + x.column(1)).insert_axis(Axis(1))
/// });
/// let curve = PartialDependence::default().curve(&Run::new(0), &model, &data, 0)?;
/// assert_eq!(curve.grid, [0.0, 1.0, 2.0]);
/// assert_eq!(curve.values, array![[6.0], [8.0], [10.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Friedman (2001). *Greedy function approximation: a gradient boosting machine.* Annals of
///   Statistics 29(5). <https://doi.org/10.1214/aos/1013203451>
/// - Goldstein, Kapelner, Bleich, Pitkin (2015). *Peeking inside the black box.* Journal of
///   Computational and Graphical Statistics 24(1). <https://doi.org/10.1080/10618600.2014.907095>
///
/// # See also
///
/// [`AccumulatedLocalEffects`](crate::AccumulatedLocalEffects);
/// [`PartialDependence::friedman_h`] for how much two features interact.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialDependence {
    /// At which values; default 40 quantiles. A surface takes it for each of its features.
    pub grid: Grid,
    /// At most this many single lines (ICE), drawn by the seed; default 0.
    pub lines: usize,
    /// Whether every line starts at 0 on the first grid point; default false. Curves only.
    pub centred: bool,
    /// The band's coverage, inside (0, 1); default 0.95.
    pub confidence: f64,
    /// At most this many rows are used, at least 1, drawn by the seed. Default `None`: all.
    pub max_rows: Option<usize>,
    /// How many rows the model predicts at once, at least 1; default 16 384. The answer does not
    /// depend on it, but for the last bits of sums below 256.
    pub batch_rows: usize,
}

impl Default for PartialDependence {
    fn default() -> Self {
        Self {
            grid: Grid::Quantiles(40),
            lines: 0,
            centred: false,
            confidence: 0.95,
            max_rows: None,
            batch_rows: 16_384,
        }
    }
}

impl PartialDependence {
    /// The curve of one feature, with its lines if `lines` asks for them.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Shape`] if model and data have different
    /// features; [`Error::Data`] for a feature that the table has not or no row has a value of,
    /// and for lines that would not fit into memory; [`Error::Task`] that names the feature for
    /// which the model failed; [`Error::Cancelled`].
    pub fn curve(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        feature: usize,
    ) -> Result<Curve> {
        check_confidence(self.confidence)?;
        let question = &self.question(run, model, data, &[feature])?;
        let grid = question.grid(0, &self.grid)?;
        let n_outputs = model.n_outputs();
        let mut drawn = run.split(LINES).rng(0).sample(question.rows.len(), self.lines);
        drawn.sort_unstable_by_key(|&place| question.rows[place]);
        let mut slot = vec![None; question.rows.len()];
        for (line, &place) in drawn.iter().enumerate() {
            slot[place] = Some(line);
        }
        let shape = (drawn.len(), grid.len(), n_outputs);
        let size = drawn.len().checked_mul(grid.len()).and_then(|n| n.checked_mul(n_outputs));
        if size.is_none_or(|size| size > 1 << 30) {
            return Err(Error::Data(format!(
                "{} lines of {} points and {n_outputs} outputs do not fit into memory: ask for \
                 fewer lines",
                shape.0, shape.1
            )));
        }
        let mut lines = Array3::zeros(shape);
        let mut moments = Moments::new(grid.len(), n_outputs);
        let sweep = Sweep {
            question,
            model,
            n_points: grid.len(),
            batch_rows: self.batch_rows,
            method: METHOD,
        };
        let mut centre = Moments::new(1, n_outputs);
        run.fold(
            sweep.n_blocks(),
            BLOCKS_AT_ONCE,
            |block, _| {
                // (n_rows, n_grid, n_outputs), so that a row is one line.
                let mut answers = Array3::zeros((sweep.places(block).len(), grid.len(), n_outputs));
                sweep.predict(
                    block,
                    |point, _, _| grid[point],
                    |point, predicted| {
                        answers.index_axis_mut(Axis(1), point).assign(&predicted);
                    },
                )?;
                let start = answers.slice(s![.., ..1, ..]).to_owned();
                if self.centred {
                    answers -= &start;
                }
                Ok((start, answers))
            },
            |block, (start, answers)| {
                centre.add(question, sweep.places(block), start.view());
                for (answer, place) in answers.outer_iter().zip(sweep.places(block)) {
                    if let Some(line) = slot[place] {
                        lines.index_axis_mut(Axis(0), line).assign(&answer);
                    }
                }
                moments.add(question, sweep.places(block), answers.view());
                ControlFlow::Continue(())
            },
        )?;
        let mut warnings: Vec<Warning> = question.missing_warning().into_iter().collect();
        warnings.extend(question.extrapolation_warning());
        let band = moments.band(self.confidence);
        if band.is_none() {
            warnings.push(Warning::Note(
                "there is no interval: all rows are one unit, give at least 2".to_owned(),
            ));
        }
        let shares = shares([&grid, &[0.0]], question.weighted_values());
        let centre = self.centred.then(|| centre.means().into_raw_vec_and_offset().0);
        Ok(Curve {
            method: METHOD.to_owned(),
            feature: question.name(0).to_owned(),
            categorical: question.is_categorical(0),
            values: moments.means(),
            band,
            lines: (self.lines > 0).then(|| Lines {
                rows: drawn.iter().map(|&place| question.rows[place]).collect(),
                values: lines,
            }),
            shares: shares.column(0).to_vec(),
            centre,
            missing_share: question.missing_share,
            seed: question.seed.or((self.lines > 0).then(|| run.seed())),
            n_evaluations: sweep.n_evaluations(),
            warnings,
            grid,
        })
    }
    /// The surface of two features: the mean prediction when both are set in every row.
    ///
    /// Its cost is `n_rows × n_first × n_second` predicted rows; 40 quantiles each are 1600 points.
    ///
    /// # Errors
    ///
    /// As for [`PartialDependence::curve`]; [`Error::Data`] for the same feature twice, and for
    /// more than 250 000 points.
    pub fn surface(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        features: [usize; 2],
    ) -> Result<Surface> {
        check_confidence(self.confidence)?;
        let question = &self.question(run, model, data, &features)?;
        let grids = [question.grid(0, &self.grid)?, question.grid(1, &self.grid)?];
        let (n_first, n_second) = (grids[0].len(), grids[1].len());
        check_cells(n_first, n_second)?;
        let sweep = Sweep {
            question,
            model,
            n_points: n_first * n_second,
            batch_rows: self.batch_rows,
            method: METHOD,
        };
        let setting = |point: usize, _: usize, k: usize| {
            grids[k][if k == 0 { point / n_second } else { point % n_second }]
        };
        let means = means(run, &sweep, setting)?;
        let n_outputs = model.n_outputs();
        let shape = (n_first, n_second, n_outputs);
        let values = means.into_shape_with_order(shape).map_err(Error::model)?;
        let mut warnings: Vec<Warning> = question.missing_warning().into_iter().collect();
        warnings.extend(question.extrapolation_warning());
        let shares = shares([&grids[0], &grids[1]], question.weighted_values());
        warnings.extend(empty_warning(&shares));
        Ok(Surface {
            method: METHOD.to_owned(),
            features: [question.name(0).to_owned(), question.name(1).to_owned()],
            categorical: [question.is_categorical(0), question.is_categorical(1)],
            values,
            shares,
            centre: None,
            missing_share: question.missing_share,
            seed: question.seed,
            n_evaluations: sweep.n_evaluations(),
            warnings,
            grids,
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

/// A surface of too many points is refused before anything is allocated for it.
pub(super) fn check_cells(n_first: usize, n_second: usize) -> Result<()> {
    if n_first.checked_mul(n_second).is_some_and(|n| n <= MOST_CELLS) {
        return Ok(());
    }
    Err(Error::Data(format!(
        "a surface of {n_first} × {n_second} points is too large, take a grid of fewer points"
    )))
}

/// Says how much of a surface is far from all rows.
pub(super) fn empty_warning(shares: &Array2<f64>) -> Option<Warning> {
    let empty = shares.iter().filter(|&&share| share == 0.0).count();
    let part = empty as f64 / shares.len() as f64;
    (part > 0.2).then(|| {
        Warning::Note(format!(
            "{:.0} % of the points have no row near them: there the surface is the model's \
             invention",
            100.0 * part
        ))
    })
}

/// The weighted mean predictions `(n_points, n_outputs)` of all rows at each setting.
pub(super) fn means(
    run: &Run<'_>,
    sweep: &Sweep<'_>,
    setting: impl Fn(usize, usize, usize) -> f64 + Sync,
) -> Result<Array2<f64>> {
    let weights = &sweep.question.weights;
    let mut sums = Array2::zeros((sweep.n_points, sweep.model.n_outputs()));
    run.fold(
        sweep.n_blocks(),
        BLOCKS_AT_ONCE,
        |block, _| {
            let mut sums = Array2::<f64>::zeros((sweep.n_points, sweep.model.n_outputs()));
            let weights = &weights[sweep.places(block)];
            sweep.predict(block, &setting, |point, answers| {
                for (answer, &weight) in answers.rows().into_iter().zip(weights) {
                    sums.row_mut(point).scaled_add(weight, &answer);
                }
            })?;
            Ok(sums)
        },
        |_, block| {
            sums += &block;
            ControlFlow::Continue(())
        },
    )?;
    Ok(sums / weights.iter().sum::<f64>())
}

/// Mean and standard error of each point's predictions over units of rows, in one pass.
///
/// With `Sᵤ` the weighted sum of unit `u` and `Wᵤ` its weight, `m = Σ Sᵤ / Σ Wᵤ` and
///
/// ```text
/// se² = U / (U − 1) · Σᵤ (Sᵤ − m Wᵤ)² / (Σ Wᵤ)²
/// ```
///
/// which needs `Σ Sᵤ²`, `Σ Sᵤ Wᵤ` and `Σ Wᵤ²` only. Values are counted from those of the first
/// row, so that nothing is lost where they are large and differ little.
struct Moments {
    shift: Option<Array2<f64>>,
    /// Of the unit whose rows are being added.
    unit: usize,
    unit_sum: Array2<f64>,
    unit_weight: f64,
    n_units: usize,
    sum: Array2<f64>,
    squares: Array2<f64>,
    products: Array2<f64>,
    weight: f64,
    weight_squares: f64,
}

impl Moments {
    fn new(n_points: usize, n_outputs: usize) -> Self {
        let zeros = || Array2::zeros((n_points, n_outputs));
        Self {
            shift: None,
            unit: 0,
            unit_sum: zeros(),
            unit_weight: 0.0,
            n_units: 0,
            sum: zeros(),
            squares: zeros(),
            products: zeros(),
            weight: 0.0,
            weight_squares: 0.0,
        }
    }

    /// Adds `(n_rows, n_points, n_outputs)` predictions; rows of one unit come together.
    fn add(
        &mut self,
        question: &Question<'_>,
        places: std::ops::Range<usize>,
        answers: ArrayView3<'_, f64>,
    ) {
        for (answer, place) in answers.outer_iter().zip(places) {
            if question.units[place] != self.unit {
                self.finish_unit();
                self.unit = question.units[place];
            }
            let shift = self.shift.get_or_insert_with(|| answer.to_owned());
            let weight = question.weights[place];
            ndarray::Zip::from(&mut self.unit_sum)
                .and(&answer)
                .and(&*shift)
                .for_each(|sum, value, shift| *sum += weight * (value - shift));
            self.unit_weight += weight;
        }
    }

    fn finish_unit(&mut self) {
        let weight = self.unit_weight;
        self.n_units += 1;
        self.sum += &self.unit_sum;
        self.products.scaled_add(weight, &self.unit_sum);
        self.squares.zip_mut_with(&self.unit_sum, |square, sum| *square += sum * sum);
        self.weight += weight;
        self.weight_squares += weight * weight;
        self.unit_sum.fill(0.0);
        self.unit_weight = 0.0;
    }

    /// The means; ends the last unit.
    fn means(&mut self) -> Array2<f64> {
        if self.unit_weight > 0.0 {
            self.finish_unit();
        }
        let means = &self.sum / self.weight;
        self.shift.as_ref().map_or(means.clone(), |shift| shift + &means)
    }

    fn band(&mut self, confidence: f64) -> Option<Band> {
        let means = self.means();
        if self.n_units < 2 {
            return None;
        }
        let n = self.n_units as f64;
        let half = t_quantile(confidence, self.n_units - 1) * (n / (n - 1.0)).sqrt() / self.weight;
        let mut widths = Array2::zeros(means.dim());
        ndarray::Zip::from(&mut widths)
            .and(&self.sum)
            .and(&self.squares)
            .and(&self.products)
            .for_each(|width, sum, squares, products| {
                let mean = sum / self.weight;
                let spread = squares - 2.0 * mean * products + mean * mean * self.weight_squares;
                *width = half * spread.max(0.0).sqrt();
            });
        let estimand = Estimand::ModelOnPopulation;
        Some(Band { estimand, confidence, low: &means - &widths, high: &means + &widths })
    }
}
