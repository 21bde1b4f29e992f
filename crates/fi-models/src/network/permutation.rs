//! Permutation importance of networks, without the first layer's work.

use std::ops::Range;

use fi_core::{
    Dataset, Error, Importance, Metric, Model as _, Permutation, Players, Result, Run, Shuffle,
    Shuffled,
};
use ndarray::{Array2, ArrayView2, s};

use super::fitted::{Computes, Network};
use super::hidden::{Hidden, add_scaled};
use super::real::Precision;

/// So many rows go through the network at once.
const BLOCK_ROWS: usize = 512;
/// Answers that are held at once.
const MOST_PREDICTIONS: usize = 1 << 18;
/// Shuffles that share the first layer's sums of the untouched rows.
const SHARE_SUMS: usize = 16;

/// Permutation importance of a network, whose first layer only adds what a shuffle changes.
///
/// Answers what `settings.importance(run, network, data, players, metrics)` does, to rounding (see
/// [`Permutation`] for the definition, intervals and p-values). Where the first layer is dense its
/// sums are computed once per row, and a shuffled feature adds the difference of its two values
/// times its weights. Other networks are asked again for every row.
///
/// # Cost
///
/// As [`Permutation`], but the first layer costs as much as the features that are shuffled and not
/// as all of them.
///
/// # When it misleads
///
/// As [`Permutation`].
///
/// # Errors
///
/// As for [`Permutation::importance`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Metric, Output, Permutation, Players, Run, Target};
/// use fi_models::network::{Activation, Dense, Network, permutation};
/// use ndarray::{Array2, array};
///
/// let hidden = Dense {
///     weights: array![[1.0, 0.5], [0.0, 0.0]],
///     bias: array![0.0, 1.0],
///     activation: Activation::Relu,
/// };
/// let last = Dense {
///     weights: array![[1.0], [-1.0]],
///     bias: array![0.0],
///     activation: Activation::Linear,
/// };
/// let network = Network::dense(vec![hidden, last], Output::Values)?;
/// let rows = Array2::from_shape_fn((20, 2), |(i, j)| (i * (1 + j)) as f64);
/// let data = Dataset::new(rows, Target::Values((0..20).map(f64::from).collect()))?;
/// let players = Players::features(["used", "unused"])?;
///
/// let (run, settings) = (Run::new(0), Permutation::default());
/// let fast = permutation(&run, &settings, &network, &data, &players, &[Metric::Mse])?;
/// let slow = settings.importance(&run, &network, &data, &players, &[Metric::Mse])?;
/// assert!((fast[0].values[0] - slow[0].values[0]).abs() < 1e-12 * slow[0].values[0]);
/// assert_eq!(fast[0].values[1], 0.0);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman (2001). *Random forests.* Machine Learning 45.
///   <https://doi.org/10.1023/A:1010933404324>
pub fn permutation(
    run: &Run<'_>,
    settings: &Permutation,
    network: &Network,
    data: &Dataset,
    players: &Players,
    metrics: &[Metric],
) -> Result<Vec<Importance>> {
    match network.precision() {
        Precision::Single => by::<f32>(run, settings, network, data, players, metrics),
        Precision::Double => by::<f64>(run, settings, network, data, players, metrics),
    }
}

fn by<T: Computes>(
    run: &Run<'_>,
    settings: &Permutation,
    network: &Network,
    data: &Dataset,
    players: &Players,
    metrics: &[Metric],
) -> Result<Vec<Importance>> {
    // A missing value has no difference to another: the network says what it makes of it.
    let finite = data.rows().iter().all(|x| x.is_finite());
    match Hidden::<T>::of(network).filter(|_| finite) {
        Some(hidden) => {
            let again = FirstLayerOnce { hidden, n_outputs: network.n_outputs() };
            settings.importance_by(run, network, data, players, metrics, &again)
        }
        None => settings.importance(run, network, data, players, metrics),
    }
}

struct FirstLayerOnce<'a, T> {
    hidden: Hidden<'a, T>,
    n_outputs: usize,
}

impl<T: Computes> Shuffled for FirstLayerOnce<'_, T> {
    fn name(&self) -> &'static str {
        "a network's first layer once"
    }

    /// Any order is as good.
    fn repeats_together(&self) -> usize {
        1
    }

    fn at_once(&self, n_rows: usize) -> usize {
        let held = n_rows.saturating_mul(self.n_outputs).max(1);
        (MOST_PREDICTIONS / held).max(SHARE_SUMS)
    }

    fn calls_at_once(&self) -> usize {
        // Threads share the shuffles of a call.
        1
    }

    fn predict(
        &self,
        run: &Run<'_>,
        table: ArrayView2<'_, f64>,
        part: Range<usize>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        let rows = table.slice(s![part, ..]);
        let (n_rows, width) = (rows.nrows(), self.hidden.width());
        let n_blocks = n_rows.div_ceil(BLOCK_ROWS);
        let sums = run.map(n_blocks, |block, _| {
            let end = ((block + 1) * BLOCK_ROWS).min(n_rows);
            Ok(self.hidden.sums(rows.slice(s![block * BLOCK_ROWS..end, ..]).outer_iter()))
        })?;
        let answers = run.map(shuffles.len(), |at, _| {
            let shuffle = &shuffles[at];
            let mut work = self.hidden.workspace();
            let mut answers = Vec::with_capacity(n_rows * self.n_outputs);
            for (block, before) in sums.iter().enumerate() {
                let first = block * BLOCK_ROWS;
                answers.extend(self.hidden.predict(&mut work, before.len() / width, |sums| {
                    sums.copy_from_slice(before);
                    for &column in shuffle.members {
                        let weights = self.hidden.weights_of(column);
                        let (values, all) = (rows.column(column), table.column(column));
                        for (i, sums) in sums.chunks_exact_mut(width).enumerate() {
                            let (old, new) = (values[first + i], all[shuffle.donors[first + i]]);
                            add_scaled(sums, T::of(new) - T::of(old), weights);
                        }
                    }
                }));
            }
            Ok(answers)
        })?;
        let mut predictions = Array2::zeros((shuffles.len() * n_rows, self.n_outputs));
        let all = answers.iter().flatten();
        predictions.iter_mut().zip(all).for_each(|(to, &answer)| *to = answer);
        if let Some(((row, _), &value)) = predictions.indexed_iter().find(|(_, v)| !v.is_finite()) {
            let what = "the model's prediction".to_owned();
            return Err(Error::NotFinite { what, row, column: None, value });
        }
        Ok(predictions)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{data, random_mlp};
    use super::*;

    #[test]
    fn shuffles_are_those_of_the_plain_way() {
        let data = data(1100, 6, Some(3));
        let groups = [("a", vec![0]), ("b", vec![1, 4]), ("all", (0..6).collect())];
        let players = Players::groups(6, groups).unwrap();
        let metrics = [Metric::LogLoss, Metric::Accuracy];
        let settings = Permutation { n_repeats: 3, ..Permutation::default() };
        for (precision, most) in [(Precision::Double, 1e-12), (Precision::Single, 1e-5)] {
            let network = random_mlp(6, 3, precision);
            let run = Run::new(4);
            let fast = permutation(&run, &settings, &network, &data, &players, &metrics).unwrap();
            let slow = settings.importance(&run, &network, &data, &players, &metrics).unwrap();
            let (fast, slow) = (&fast[0], &slow[0]);
            for (fast, slow) in fast.replicates.iter().zip(&slow.replicates) {
                assert!((fast - slow).abs() < most && *slow != 0.0, "{fast} {slow}");
            }
            assert_eq!(fast.n_evaluations, slow.n_evaluations);
        }
    }

    #[test]
    fn a_player_that_the_first_layer_does_not_read_changes_no_bit() {
        let data = data(50, 4, None);
        let network = random_mlp(4, 1, Precision::Double);
        let mut layers = network.layers().to_vec();
        if let super::super::Layer::Dense(dense) = &mut layers[0] {
            dense.weights.row_mut(2).fill(0.0);
        }
        let network = Network::new(network.input(), layers, network.output()).unwrap();
        let players = Players::features(["a", "b", "c", "d"]).unwrap();
        let settings = Permutation { n_repeats: 2, ..Permutation::default() };
        let found = permutation(&Run::new(0), &settings, &network, &data, &players, &[Metric::Mse])
            .unwrap();
        assert_eq!(found[0].values[2], 0.0);
        assert!(found[0].values[0] != 0.0);
    }
}
