//! Slopes of a network's answers by what it reads.

use fi_core::{Error, Model as _, Output, Result, require_shape};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

use super::fitted::{Computes, Network, softmax};
use super::input::Input;
use super::layers::{Embedding, Layer};
use super::program::{Reach, Workspace};
use super::real::{Precision, Real};

/// Which answers of a network a slope is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerScale {
    /// [`Network::margins`].
    Margins,
    /// What `predict` returns: probabilities after the softmax; for values the same as margins.
    Predictions,
}

impl Network {
    /// The slope of a weighted sum of outputs by every column, row by row.
    ///
    /// ```text
    /// out[n, c] = ∂ Σₖ seeds[n, k] · fₖ(xₙ) / ∂ xₙ꜀
    /// ```
    ///
    /// `f` are the margins or the predictions. Dropout does nothing and batch normalisation uses
    /// its stored mean and variance, as in a prediction. Columns of masked steps get 0.
    ///
    /// # Units
    ///
    /// Those of the answer per unit of the column.
    ///
    /// # Cost
    ///
    /// About three predictions of the same rows.
    ///
    /// # When it misleads
    ///
    /// A slope is local: where the network is flat, such as where a unit is saturated, it is 0
    /// although the column matters. At a kink the slope is that of its left side for ReLU.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for other numbers of columns or seeds; those of [`Input`];
    /// [`Error::Data`] for tokens, which have no slope ([`Network::embedding_gradients`]).
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::Output;
    /// use fi_models::network::{Activation, AnswerScale, Dense, Network};
    /// use ndarray::array;
    ///
    /// let layer = Dense {
    ///     weights: array![[2.0], [-1.0]],
    ///     bias: array![0.5],
    ///     activation: Activation::Linear,
    /// };
    /// let network = Network::dense(vec![layer], Output::Values)?;
    /// let rows = array![[3.0, 4.0]];
    /// let slopes = network.input_gradients(rows.view(), &array![[1.0]], AnswerScale::Margins)?;
    /// assert_eq!(slopes, array![[2.0, -1.0]]);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn input_gradients(
        &self,
        rows: ArrayView2<'_, f64>,
        seeds: &Array2<f64>,
        scale: AnswerScale,
    ) -> Result<Array2<f64>> {
        if let Input::Tokens { .. } = self.input() {
            return Err(Error::Data(
                "tokens are integers and have no slope: ask for that of their vectors".into(),
            ));
        }
        let slopes = self.gradients_at(rows, seeds, scale, 0)?;
        let shape = (rows.nrows(), self.n_features());
        // A row of slopes holds all its steps.
        slopes.into_shape_with_order(shape).map_err(Error::model)
    }

    /// The slopes of every output by every column, `(n_rows, n_outputs, n_features)`.
    ///
    /// The same as [`Network::input_gradients`] with one output after the other as the seed, but
    /// rows are predicted once.
    ///
    /// # Errors
    ///
    /// As for [`Network::input_gradients`].
    pub fn jacobian(&self, rows: ArrayView2<'_, f64>, scale: AnswerScale) -> Result<Array3<f64>> {
        if let Input::Tokens { .. } = self.input() {
            return Err(Error::Data(
                "tokens are integers and have no slope: ask for that of their vectors".into(),
            ));
        }
        match self.precision() {
            Precision::Single => self.jacobian_in::<f32>(rows, scale),
            Precision::Double => self.jacobian_in::<f64>(rows, scale),
        }
    }

    fn jacobian_in<T: Computes>(
        &self,
        rows: ArrayView2<'_, f64>,
        scale: AnswerScale,
    ) -> Result<Array3<f64>> {
        let (n_outputs, shape) = (self.n_outputs(), self.shapes()[0]);
        let program = T::program(self);
        let mut slopes = Array3::zeros((rows.nrows(), n_outputs, shape.len()));
        self.in_blocks(rows, |work: &mut Workspace<T>, range| {
            let margins: Vec<f64> = program.margins(work).iter().map(|z| z.wide()).collect();
            for output in 0..n_outputs {
                let mut seeds = Array2::zeros((range.len(), n_outputs));
                seeds.column_mut(output).fill(1.0);
                self.seed(&mut seeds, &margins, scale);
                let delta = program.margins_and_seeds(work).1.iter_mut();
                delta.zip(&seeds).for_each(|(to, seed)| *to = T::of(*seed));
                program.backward(work, Reach::Level(0), false);
                let mut found = Array3::zeros((range.len(), shape.n_steps(), shape.width));
                unfold(work.delta(), found.view_mut());
                let flat = found.into_shape_with_order((range.len(), shape.len()));
                let flat = flat.expect("a row holds all its steps");
                slopes.slice_mut(s![range.clone(), output, ..]).assign(&flat);
            }
            Ok(())
        })?;
        Ok(slopes)
    }

    /// Turns weights of answers into weights of margins.
    fn seed(&self, seeds: &mut Array2<f64>, margins: &[f64], scale: AnswerScale) {
        if scale == AnswerScale::Margins || self.output() != Output::Probabilities {
            return;
        }
        let margins = margins.chunks_exact(seeds.ncols());
        for (mut seeds, margins) in seeds.rows_mut().into_iter().zip(margins) {
            let mut shares = margins.to_vec();
            softmax(&mut shares);
            let mean: f64 = shares.iter().zip(&seeds).map(|(p, seed)| p * seed).sum();
            seeds.iter_mut().zip(shares).for_each(|(seed, p)| *seed = p * (*seed - mean));
        }
    }

    /// The slope of a weighted sum of outputs by the vector of every token,
    /// `(n_rows, steps, width)`; 0 where there is no token.
    ///
    /// # Errors
    ///
    /// As for [`Network::input_gradients`], but [`Error::Data`] unless the network reads tokens.
    pub fn embedding_gradients(
        &self,
        rows: ArrayView2<'_, f64>,
        seeds: &Array2<f64>,
        scale: AnswerScale,
    ) -> Result<Array3<f64>> {
        if !matches!(self.input(), Input::Tokens { .. }) {
            return Err(Error::Data("the network reads no tokens, it has no embedding".into()));
        }
        self.gradients_at(rows, seeds, scale, 1)
    }

    /// The embedding and the network behind it, which reads a row of vectors as a sequence; `None`
    /// for a network that reads no tokens. Together with [`Embedding::rows`] this lets every
    /// method for sequences work on text.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if nothing follows the embedding.
    pub fn behind_embedding(&self) -> Result<Option<(&Embedding, Self)>> {
        let (Input::Tokens { steps, .. }, [Layer::Embedding(embedding), rest @ ..]) =
            (self.input(), self.layers())
        else {
            return Ok(None);
        };
        let input = Input::Sequence { steps, channels: embedding.weights.ncols() };
        let network = Self::new(input, rest.to_vec(), self.output())?;
        Ok(Some((embedding, network.with_precision(self.precision()))))
    }

    /// The slopes by the values at a level, `(n_rows, steps, width)`.
    pub(crate) fn gradients_at(
        &self,
        rows: ArrayView2<'_, f64>,
        seeds: &Array2<f64>,
        scale: AnswerScale,
        level: usize,
    ) -> Result<Array3<f64>> {
        match self.precision() {
            Precision::Single => self.gradients_in::<f32>(rows, seeds, scale, level),
            Precision::Double => self.gradients_in::<f64>(rows, seeds, scale, level),
        }
    }

    fn gradients_in<T: Computes>(
        &self,
        rows: ArrayView2<'_, f64>,
        seeds: &Array2<f64>,
        scale: AnswerScale,
        level: usize,
    ) -> Result<Array3<f64>> {
        let n_outputs = self.n_outputs();
        require_shape("the array of seeds", &[rows.nrows(), n_outputs], seeds.shape())?;
        let (program, shape) = (T::program(self), self.shapes()[level]);
        let mut slopes = Array3::zeros((rows.nrows(), shape.n_steps(), shape.width));
        self.in_blocks(rows, |work: &mut Workspace<T>, range| {
            let mut wanted = seeds.slice(s![range.clone(), ..]).to_owned();
            let margins: Vec<f64> = program.margins(work).iter().map(|z| z.wide()).collect();
            self.seed(&mut wanted, &margins, scale);
            let delta = program.margins_and_seeds(work).1.iter_mut();
            delta.zip(&wanted).for_each(|(to, seed)| *to = T::of(*seed));
            program.backward(work, Reach::Level(level), false);
            unfold(work.delta(), slopes.slice_mut(s![range, .., ..]));
            Ok(())
        })?;
        Ok(slopes)
    }
}

/// Copies `(steps, n_rows, width)` values to `(n_rows, steps, width)`.
pub(super) fn unfold<T: Real>(values: &[T], mut to: ndarray::ArrayViewMut3<'_, f64>) {
    to.swap_axes(0, 1);
    to.iter_mut().zip(values).for_each(|(to, x)| *to = x.wide());
}

impl Embedding {
    /// The vectors of these rows of tokens side by side, `(n_rows, steps · width)`, with NaN where
    /// there is no token: rows for [`Network::behind_embedding`].
    ///
    /// # Errors
    ///
    /// Those of [`Input`].
    pub fn rows(&self, tokens: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let ((vocabulary, width), steps) = (self.weights.dim(), tokens.ncols());
        Input::Tokens { steps, vocabulary }.check_rows(tokens)?;
        let mut rows = Array2::from_elem((tokens.nrows(), steps * width), f64::NAN);
        for ((row, step), token) in tokens.indexed_iter().filter(|(_, token)| !token.is_nan()) {
            let vector = self.weights.index_axis(Axis(0), *token as usize);
            rows.slice_mut(s![row, step * width..(step + 1) * width]).assign(&vector);
        }
        Ok(rows)
    }
}
