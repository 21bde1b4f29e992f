//! Models and learners of filled sequences: they see the absent steps as NaN again.

use ndarray::{Array2, ArrayView2, s};

use super::Sequence;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::model::{Learner, Model, Output, check_columns};
use crate::run::Run;

/// See [`Sequence::masked`].
pub struct Masked<'a> {
    model: &'a dyn Model,
    n_steps: usize,
    n_channels: usize,
}

impl<'a> Masked<'a> {
    pub(super) fn new(sequence: &Sequence, model: &'a dyn Model) -> Self {
        Self { model, n_steps: sequence.n_steps, n_channels: sequence.channels.len() }
    }
}

impl Model for Masked<'_> {
    fn n_features(&self) -> usize {
        self.n_steps * (self.n_channels + 1)
    }

    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }

    fn output(&self) -> Output {
        self.model.output()
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features(), rows)?;
        self.model.predict(unfill(rows, self.n_steps, self.n_channels).view())
    }
}

/// The rows with NaN where a step is absent.
fn unfill(rows: ArrayView2<'_, f64>, n_steps: usize, n_channels: usize) -> Array2<f64> {
    let mut bare = rows.slice(s![.., ..n_steps * n_channels]).to_owned();
    for (mut bare, row) in bare.rows_mut().into_iter().zip(rows.rows()) {
        for step in (0..n_steps).filter(|step| row[n_steps * n_channels + step] == 0.0) {
            bare.slice_mut(s![step * n_channels..(step + 1) * n_channels]).fill(f64::NAN);
        }
    }
    bare
}

/// See [`Sequence::learner`].
pub struct MaskedLearner<'a> {
    sequence: &'a Sequence,
    learner: &'a dyn Learner,
}

impl<'a> MaskedLearner<'a> {
    pub(super) fn new(sequence: &'a Sequence, learner: &'a dyn Learner) -> Self {
        Self { sequence, learner }
    }
}

impl Learner for MaskedLearner<'_> {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        let (n_steps, n_channels) = (self.sequence.n_steps, self.sequence.channels.len());
        let names = self.sequence.column_names();
        let masks = (0..n_steps).map(|step| format!("present[{step}]"));
        let place = |name: &String| data.feature_names().iter().position(|other| other == name);
        let places: Vec<Option<usize>> =
            names.iter().cloned().chain(masks).map(|name| place(&name)).collect();
        if let Some(step) = places[names.len()..].iter().position(Option::is_none) {
            return Err(Error::Data(format!(
                "the column `present[{step}]` is missing, give the learner data that were filled"
            )));
        }
        let whole = spread(data.rows(), &places);
        let mut bare =
            Dataset::new(unfill(whole.view(), n_steps, n_channels), data.target().clone())?
                .with_feature_names(names)?;
        if let Some(weights) = data.weights() {
            bare = bare.with_weights(weights.to_vec())?;
        }
        if let Some(groups) = data.groups() {
            bare = bare.with_groups(groups.to_vec())?;
        }
        let model = self.learner.train(run, &bare)?;
        Ok(Box::new(Spread { model, n_steps, n_channels, places, n_features: data.n_features() }))
    }
}

/// Columns brought to their places; those without one are 0.
fn spread(rows: ArrayView2<'_, f64>, places: &[Option<usize>]) -> Array2<f64> {
    let value =
        |(row, column): (usize, usize)| places[column].map_or(0.0, |from| rows[[row, from]]);
    Array2::from_shape_fn((rows.nrows(), places.len()), value)
}

/// A model that was trained with columns left out.
struct Spread {
    model: Box<dyn Model>,
    n_steps: usize,
    n_channels: usize,
    places: Vec<Option<usize>>,
    n_features: usize,
}

impl Model for Spread {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }

    fn output(&self) -> Output {
        self.model.output()
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features, rows)?;
        let whole = spread(rows, &self.places);
        self.model.predict(unfill(whole.view(), self.n_steps, self.n_channels).view())
    }
}
