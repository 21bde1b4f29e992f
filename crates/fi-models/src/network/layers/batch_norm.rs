//! Batch normalisation: each channel by the mean and variance of a batch, or of all so far.

use fi_core::{Error, Result, require_shape};
use ndarray::{Array1, ArrayViewMutD};
use serde::{Deserialize, Serialize};

use super::{Backward, Block, Forward, Memory, Part, Shape, is_present, room};
use crate::network::real::Real;

/// Batch normalisation of each channel.
///
/// ```text
/// out = gamma · (in − mean) / √(variance + epsilon) + beta
/// ```
///
/// In training, mean and variance (divided by n) are those of the batch over rows and steps that
/// are not masked, and the stored ones follow: `mean ← m · mean + (1 − m) · batch mean` with the
/// momentum `m`, as in Keras (PyTorch's momentum is `1 − m`, and its stored variance is divided
/// by n − 1). A prediction uses the stored ones.
///
/// # References
///
/// - Ioffe, Szegedy (2015). *Batch normalization: accelerating deep network training by reducing
///   internal covariate shift.* ICML, PMLR 37:448–456.
///   <https://proceedings.mlr.press/v37/ioffe15.html>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// `(width,)`: the learned factor.
    pub gamma: Array1<f64>,
    /// `(width,)`: the learned offset.
    pub beta: Array1<f64>,
    /// `(width,)`: the mean that predictions subtract.
    pub mean: Array1<f64>,
    /// `(width,)`: the variance that predictions divide by; not negative.
    pub variance: Array1<f64>,
    /// What keeps the divisor from 0, positive; Keras's default is 0.001, PyTorch's 1e-5.
    pub epsilon: f64,
    /// How slowly `mean` and `variance` follow the batches, in [0, 1); Keras's default is 0.99.
    pub momentum: f64,
}

impl Block for BatchNorm {
    fn shape(&self, place: usize, input: Shape) -> Result<Shape> {
        for (name, array) in [
            ("gamma", &self.gamma),
            ("beta", &self.beta),
            ("mean", &self.mean),
            ("variance", &self.variance),
        ] {
            require_shape(&format!("the {name} of layer {place}"), &[input.width], array.shape())?;
        }
        let positive = self.epsilon.is_finite() && self.epsilon > 0.0;
        if !positive || !(0.0..1.0).contains(&self.momentum) {
            return Err(Error::Data(format!(
                "layer {place} has epsilon {} and momentum {}: the first must be positive and \
                 finite, the second in [0, 1)",
                self.epsilon, self.momentum
            )));
        }
        if let Some(variance) = self.variance.iter().find(|variance| **variance < 0.0) {
            return Err(Error::Data(format!(
                "the variance of layer {place} holds `{variance}`, it must not be negative"
            )));
        }
        Ok(input)
    }

    fn parameters(&self) -> Vec<Part<'_>> {
        vec![("gamma", self.gamma.view().into_dyn()), ("beta", self.beta.view().into_dyn())]
    }

    fn parameters_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        vec![self.gamma.view_mut().into_dyn(), self.beta.view_mut().into_dyn()]
    }

    fn state(&self) -> Vec<Part<'_>> {
        vec![("mean", self.mean.view().into_dyn()), ("variance", self.variance.view().into_dyn())]
    }

    fn state_mut(&mut self) -> Vec<ArrayViewMutD<'_, f64>> {
        vec![self.mean.view_mut().into_dyn(), self.variance.view_mut().into_dyn()]
    }
}

impl BatchNorm {
    pub(super) fn op(&self) -> Op {
        Op { width: self.gamma.len(), epsilon: self.epsilon, momentum: self.momentum }
    }
}

#[derive(Debug)]
pub(super) struct Op {
    width: usize,
    epsilon: f64,
    momentum: f64,
}

/// The rows of a matrix that are there.
fn there<'a, T>(
    values: &'a [T],
    width: usize,
    present: &'a [bool],
) -> impl Iterator<Item = &'a [T]> + Clone {
    let rows = values.chunks_exact(width).enumerate();
    rows.filter(|(place, _)| is_present(present, *place)).map(|(_, row)| row)
}

/// Mean and variance of each channel, in `f64`, or `None` without rows.
fn moments<'a, T: Real>(
    rows: impl Iterator<Item = &'a [T]> + Clone,
    width: usize,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let n = rows.clone().count() as f64;
    let (mut mean, mut variance) = (vec![0.0; width], vec![0.0; width]);
    for row in rows.clone() {
        mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.wide());
    }
    for sum in &mut mean {
        *sum /= n;
    }
    for row in rows {
        for ((sum, x), mean) in variance.iter_mut().zip(row).zip(&mean) {
            *sum += (x.wide() - mean).powi(2);
        }
    }
    for sum in &mut variance {
        *sum /= n;
    }
    (n > 0.0).then_some((mean, variance))
}

impl<T: Real> super::Op<T> for Op {
    /// Keeps mean, variance and inverse standard deviation of the batch.
    fn forward(&self, pass: Forward<'_, T>) {
        let width = self.width;
        let (gamma, beta) = pass.parameters.split_at(width);
        let kept = room(&mut pass.memory.kept, 3 * width);
        let (mean, rest) = kept.split_at_mut(width);
        let (variance, inverse) = rest.split_at_mut(width);
        mean.copy_from_slice(&pass.state[..width]);
        variance.copy_from_slice(&pass.state[width..]);
        if pass.training.is_some()
            && let Some(batch) = moments(there(pass.input, width, pass.present), width)
        {
            mean.iter_mut().zip(&batch.0).for_each(|(to, x)| *to = T::of(*x));
            variance.iter_mut().zip(&batch.1).for_each(|(to, x)| *to = T::of(*x));
        }
        for (inverse, variance) in inverse.iter_mut().zip(&*variance) {
            *inverse = T::of(1.0 / (variance.wide() + self.epsilon).sqrt());
        }
        for (to, from) in pass.output.chunks_exact_mut(width).zip(pass.input.chunks_exact(width)) {
            for c in 0..width {
                to[c] = (from[c] - mean[c]) * inverse[c] * gamma[c] + beta[c];
            }
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let width = self.width;
        let gamma = &pass.parameters[..width];
        let kept = &pass.memory.kept[..3 * width];
        let (mean, inverse) = (&kept[..width], &kept[2 * width..]);
        // Σ delta · normalised and Σ delta, over the rows that are there.
        let mut sums = vec![0.0; 2 * width];
        let (by_gamma, by_beta) = sums.split_at_mut(width);
        let inputs = there(pass.input, width, pass.present);
        let mut n = 0.0;
        for (from, delta) in inputs.zip(there(pass.delta, width, pass.present)) {
            n += 1.0;
            for c in 0..width {
                let normalised = (from[c] - mean[c]) * inverse[c];
                by_gamma[c] += delta[c].wide() * normalised.wide();
                by_beta[c] += delta[c].wide();
            }
        }
        if let Some(gradient) = pass.gradient {
            gradient.iter_mut().zip(&sums).for_each(|(to, sum)| *to = T::of(*sum));
        }
        let Some(previous) = pass.previous else { return };
        let mean_of = |sum: f64| T::of(if n > 0.0 { sum / n } else { 0.0 });
        let rows = previous.chunks_exact_mut(width).zip(pass.input.chunks_exact(width));
        for ((to, from), delta) in rows.zip(pass.delta.chunks_exact(width)) {
            for c in 0..width {
                let mut slope = delta[c];
                if pass.training {
                    let normalised = (from[c] - mean[c]) * inverse[c];
                    slope -= mean_of(sums[width + c]) + normalised * mean_of(sums[c]);
                }
                to[c] = slope * inverse[c] * gamma[c];
            }
        }
    }

    fn settle(&self, memory: &Memory<T>, state: &mut [T]) {
        for (state, batch) in state.iter_mut().zip(&memory.kept) {
            let follow = self.momentum * state.wide() + (1.0 - self.momentum) * batch.wide();
            *state = T::of(follow);
        }
    }
}
