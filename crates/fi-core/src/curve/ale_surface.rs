//! Second-order accumulated local effects: what two features do together beyond what each does.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, Array3, ArrayView1, Axis, s};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::importance::Warning;
use crate::model::Model;
use crate::run::Run;
use crate::statistics::check_confidence;

use super::Surface;
use super::accumulated_local_effects::{AccumulatedLocalEffects, METHOD, edges};
use super::grid::shares;
use super::partial_dependence::{check_cells, empty_warning};
use super::sweep::{BLOCKS_AT_ONCE, Sweep};

impl AccumulatedLocalEffects {
    /// The second-order effect of two numerical features: what is left without their curves.
    ///
    /// In each cell of the two grids the mean over its rows of the second difference
    ///
    /// ```text
    /// f(z_k, z'_m) − f(z_{k−1}, z'_m) − f(z_k, z'_{m−1}) + f(z_{k−1}, z'_{m−1})
    /// ```
    ///
    /// is added up over both grids; then the accumulated first-order effects of the sum, and its
    /// mean over the rows, are taken off. A cell without rows takes the difference of the nearest
    /// cell that has some, by the middles of the cells in units of the features' ranges.
    ///
    /// It is 0 where the model adds up its features. There is no interval.
    ///
    /// # Errors
    ///
    /// As for [`AccumulatedLocalEffects::curve`]; [`Error::Data`] for the same feature twice, a
    /// categorical one, and more than 250 000 points.
    pub fn surface(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        features: [usize; 2],
    ) -> Result<Surface> {
        check_confidence(self.confidence)?;
        let question = &self.question(run, model, data, &features)?;
        if let Some(k) = (0..2).find(|&k| question.is_categorical(k)) {
            return Err(Error::Data(format!(
                "second-order accumulated local effects take numbers, but `{}` is categorical: \
                 take the partial dependence of the pair",
                question.name(k)
            )));
        }
        let (first, first_cells) = edges(question, 0, &self.grid)?;
        let (second, second_cells) = edges(question, 1, &self.grid)?;
        check_cells(first.len(), second.len())?;
        let n_outputs = model.n_outputs();
        let shape = (first.len() - 1, second.len() - 1, n_outputs);
        let cell = |place: usize| (first_cells[place], second_cells[place]);
        let n_points = if shape.0 * shape.1 == 0 { 0 } else { 4 };
        let sweep =
            Sweep { question, model, n_points, batch_rows: self.batch_rows, method: METHOD };
        // Corners in the order (0, 0), (0, 1), (1, 0), (1, 1).
        let corner = |point: usize, place: usize, k: usize| {
            if k == 0 {
                first[first_cells[place] + point / 2]
            } else {
                second[second_cells[place] + point % 2]
            }
        };
        let mut effects = Array3::<f64>::zeros(shape);
        let mut weights = Array2::<f64>::zeros((shape.0, shape.1));
        if n_points > 0 {
            run.fold(
                sweep.n_blocks(),
                BLOCKS_AT_ONCE,
                |block, _| {
                    let n = sweep.places(block).len();
                    let mut difference = Array2::<f64>::zeros((n, n_outputs));
                    sweep.predict(block, corner, |point, predicted| {
                        let sign = if point == 0 || point == 3 { 1.0 } else { -1.0 };
                        difference.scaled_add(sign, &predicted);
                    })?;
                    Ok(difference)
                },
                |block, difference| {
                    for (difference, place) in
                        difference.rows().into_iter().zip(sweep.places(block))
                    {
                        let ((i, j), weight) = (cell(place), question.weights[place]);
                        effects.slice_mut(s![i, j, ..]).scaled_add(weight, &difference);
                        weights[[i, j]] += weight;
                    }
                    ControlFlow::Continue(())
                },
            )?;
        }
        let n_empty = fill(&mut effects, &weights, &first, &second);
        let (values, centre) = centred(&effects, &weights);
        let mut warnings: Vec<Warning> = question.missing_warning().into_iter().collect();
        let shares = shares([&first, &second], question.weighted_values());
        warnings.extend(empty_warning(&shares));
        if n_empty > 0 {
            warnings.push(Warning::Note(format!(
                "{n_empty} of {} cells have no row and take the effect of the nearest that has",
                weights.len()
            )));
        }
        Ok(Surface {
            method: METHOD.to_owned(),
            features: [question.name(0).to_owned(), question.name(1).to_owned()],
            categorical: [false; 2],
            values,
            shares,
            centre: Some(centre.to_vec()),
            missing_share: question.missing_share,
            seed: question.seed,
            n_evaluations: sweep.n_evaluations(),
            warnings,
            grids: [first, second],
        })
    }
}

/// Makes sums means, and gives cells without rows the effect of the nearest; says how many.
fn fill(effects: &mut Array3<f64>, weights: &Array2<f64>, first: &[f64], second: &[f64]) -> usize {
    let mut filled = Vec::new();
    for ((i, j), &weight) in weights.indexed_iter() {
        if weight > 0.0 {
            effects.slice_mut(s![i, j, ..]).mapv_inplace(|effect| effect / weight);
            filled.push((i, j));
        }
    }
    let place = |edges: &[f64], i: usize| {
        let range = edges[edges.len() - 1] - edges[0];
        f64::midpoint(edges[i] / range, edges[i + 1] / range)
    };
    let empty = weights.indexed_iter().filter(|(_, weight)| **weight == 0.0);
    let empty: Vec<(usize, usize)> = empty.map(|(cell, _)| cell).collect();
    for &(i, j) in &empty {
        let distance = |&&(a, b): &&(usize, usize)| {
            let x = place(first, a) - place(first, i);
            let y = place(second, b) - place(second, j);
            x * x + y * y
        };
        let nearest = filled.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(&(a, b)) = nearest {
            let effect = effects.slice(s![a, b, ..]).to_owned();
            effects.slice_mut(s![i, j, ..]).assign(&effect);
        }
    }
    empty.len()
}

/// Adds effects up over both grids and takes off first-order effects and mean.
fn centred(effects: &Array3<f64>, weights: &Array2<f64>) -> (Array3<f64>, Array1<f64>) {
    let (n, m, n_outputs) = effects.dim();
    let mut sum = Array3::<f64>::zeros((n + 1, m + 1, n_outputs));
    sum.slice_mut(s![1.., 1.., ..]).assign(effects);
    sum.accumulate_axis_inplace(Axis(0), |&before, here| *here += before);
    sum.accumulate_axis_inplace(Axis(1), |&before, here| *here += before);
    let first = main_effect(&sum, weights);
    let turned = sum.view().permuted_axes([1, 0, 2]).to_owned();
    let second = main_effect(&turned, &weights.t().to_owned());
    for ((i, j, output), value) in sum.indexed_iter_mut() {
        *value -= first[[i, output]] + second[[j, output]];
    }
    let mut centre = Array1::zeros(n_outputs);
    for ((i, j), &weight) in weights.indexed_iter() {
        let corners: [ArrayView1<'_, f64>; 4] =
            [(i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1)].map(|(i, j)| sum.slice(s![i, j, ..]));
        for corner in &corners {
            centre.scaled_add(weight / 4.0, corner);
        }
    }
    let total = weights.sum();
    if total > 0.0 {
        centre /= total;
    }
    (sum - &centre, centre)
}

/// The accumulated mean over the rows of the steps along the first axis, taking the middle of the
/// steps at both ends of a cell.
fn main_effect(sum: &Array3<f64>, weights: &Array2<f64>) -> Array2<f64> {
    let (n, _, n_outputs) = sum.dim();
    let mut effect = Array2::<f64>::zeros((n, n_outputs));
    for i in 1..n {
        let mut step = Array1::<f64>::zeros(n_outputs);
        let row = weights.row(i - 1);
        for (j, &weight) in row.iter().enumerate() {
            for end in [j, j + 1] {
                step.scaled_add(weight / 2.0, &sum.slice(s![i, end, ..]));
                step.scaled_add(-weight / 2.0, &sum.slice(s![i - 1, end, ..]));
            }
        }
        let before = effect.row(i - 1).to_owned();
        effect.row_mut(i).assign(&(before + step / row.sum()));
    }
    effect
}
