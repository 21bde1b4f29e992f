//! Games whose removed features are drawn given those that stay.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use super::PredictionGame;
use crate::conditional::Conditional;
use crate::error::{Error, Result, require_shape};
use crate::model::predict_checked;
use crate::rng::{Rng, mix};

/// Where the removed features of [`Removal::Conditional`](super::Removal) come from.
pub(super) struct Drawn<'a> {
    pub(super) sampler: &'a dyn Conditional,
    pub(super) n_samples: usize,
    pub(super) seed: u64,
}

impl Drawn<'_> {
    /// All rows that stand for these present features: the same ones every time they are asked
    /// for. Where everything is present it is the row itself, once.
    fn rows(&self, row: &[f64], present: &[bool]) -> Result<Array2<f64>> {
        let row = ArrayView1::from(row);
        if present.iter().all(|&present| present) {
            return Ok(row.insert_axis(Axis(0)).to_owned());
        }
        let word =
            |bits: &[bool]| bits.iter().rev().fold(0, |word, &bit| word << 1 | u64::from(bit));
        let key = present.chunks(64).fold(self.seed, |key, bits| mix(key, word(bits)));
        let mut drawn = self.sampler.sample(row, present, self.n_samples, &mut Rng::new(key, 0))?;
        require_shape("the table of drawn rows", &[self.n_samples, row.len()], drawn.shape())?;
        // A present value stays the row's own even where it is missing: the whole coalition is
        // worth the prediction that is explained.
        for feature in (0..row.len()).filter(|&feature| present[feature]) {
            drawn.column_mut(feature).fill(row[feature]);
        }
        match drawn.indexed_iter().find(|(_, value)| value.is_infinite()) {
            None => Ok(drawn),
            Some(((row, column), &value)) => {
                let (what, column) = ("the drawn row".to_owned(), Some(column.to_string()));
                Err(Error::NotFinite { what, row, column, value })
            }
        }
    }

    /// The mean prediction over each coalition's rows.
    pub(super) fn values(
        &self,
        game: &PredictionGame<'_>,
        coalitions: ArrayView2<'_, bool>,
    ) -> Result<Array2<f64>> {
        let mut values = Array2::zeros((coalitions.nrows(), game.model.n_outputs()));
        let mut n_drawn = vec![0.0; coalitions.nrows()];
        let block_len = game.block().min(coalitions.nrows().saturating_mul(self.n_samples)).max(1);
        let mut block = Array2::zeros((block_len, game.row.len()));
        let mut coalition_of = Vec::with_capacity(block_len);
        for (k, coalition) in coalitions.outer_iter().enumerate() {
            let drawn = self.rows(&game.row, &game.present(coalition))?;
            n_drawn[k] = drawn.nrows() as f64;
            for (i, row) in drawn.outer_iter().enumerate() {
                block.row_mut(coalition_of.len()).assign(&row);
                coalition_of.push(k);
                let last = k + 1 == coalitions.nrows() && i + 1 == drawn.nrows();
                if !last && coalition_of.len() < block_len {
                    continue;
                }
                let filled = block.slice(s![..coalition_of.len(), ..]);
                let predictions = predict_checked(game.model, filled)?;
                for (&k, prediction) in coalition_of.iter().zip(predictions.outer_iter()) {
                    values.row_mut(k).scaled_add(1.0, &prediction);
                }
                coalition_of.clear();
            }
        }
        for (mut value, n_drawn) in values.outer_iter_mut().zip(n_drawn) {
            value /= n_drawn;
        }
        Ok(values)
    }

    /// The row that completes a coalition: number `completion` of those that stand for it.
    pub(super) fn completion(
        &self,
        row: &[f64],
        present: &[bool],
        completion: usize,
    ) -> Result<Array1<f64>> {
        let rows = self.rows(row, present)?;
        Ok(rows.row(completion.min(rows.nrows() - 1)).to_owned())
    }
}
