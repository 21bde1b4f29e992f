//! The samples of a neighbourhood: drawn once for all rows, seen by each from where it stands.

use ndarray::{Array2, ArrayView1, s};

use super::columns::{Around, Column};
use super::local::Moments;
use crate::error::{Result, require};
use crate::model::{Model, predict_checked};
use crate::players::Players;
use crate::run::Run;

/// Samples drawn, predicted and summed at once.
const BLOCK_ROWS: usize = 1024;
/// The most numbers kept of the samples: 2 GiB.
const MOST_CELLS: usize = 1 << 28;

/// One block of samples.
struct Block {
    /// `(n_samples, n_features)`: see [`super::columns::Draw::state`].
    states: Array2<f64>,
    /// What the model gets, kept only where it depends on the instance.
    values: Array2<f64>,
    /// `(n_samples, n_outputs)`, where they do not.
    predictions: Array2<f64>,
}

/// The neighbourhoods of all repeats.
pub(super) struct Neighbourhoods<'a> {
    model: &'a dyn Model,
    columns: &'a [Column],
    players: &'a Players,
    around: Around,
    /// The features of no player, which stay as they are in the instance.
    held: Vec<usize>,
    /// Whether all rows share the predictions.
    shared: bool,
    blocks: Vec<Block>,
    blocks_per_repeat: usize,
}

impl<'a> Neighbourhoods<'a> {
    /// Draws `n_repeats` times `n_samples` samples, one of which is the instance itself, and
    /// predicts those that do not depend on it.
    pub(super) fn draw(
        run: &Run<'_>,
        model: &'a dyn Model,
        columns: &'a [Column],
        players: &'a Players,
        around: Around,
        n_samples: usize,
        n_repeats: usize,
    ) -> Result<Self> {
        let n_features = columns.len();
        let most = MOST_CELLS / (n_features + model.n_outputs()) / n_repeats.max(1);
        let bound = format!("at most {most} for {n_features} features and {n_repeats} repeats");
        require(n_samples <= most, "n_samples", n_samples, bound)?;
        let n_drawn = n_samples - 1;
        let mut held: Vec<usize> = (0..n_features).collect();
        held.retain(|feature| !(0..players.len()).any(|i| players.members(i).contains(feature)));
        let numbers = columns.iter().any(Column::is_number);
        let shared = held.is_empty() && !(numbers && around == Around::Instance);
        let blocks_per_repeat = n_drawn.div_ceil(BLOCK_ROWS);
        let blocks = run.map(n_repeats * blocks_per_repeat, |task, rng| {
            let first = task % blocks_per_repeat * BLOCK_ROWS;
            let len = BLOCK_ROWS.min(n_drawn - first);
            let mut states = Array2::zeros((len, n_features));
            let mut values = Array2::zeros((len, n_features));
            for sample in 0..len {
                for (feature, column) in columns.iter().enumerate() {
                    let draw = column.draw(around, rng);
                    values[[sample, feature]] = draw.value;
                    states[[sample, feature]] = draw.state;
                }
            }
            if !shared {
                return Ok(Block { states, values, predictions: Array2::zeros((0, 0)) });
            }
            let predictions = predict_checked(model, values.view())?;
            Ok(Block { states, values: Array2::zeros((0, 0)), predictions })
        })?;
        Ok(Self { model, columns, players, around, held, shared, blocks, blocks_per_repeat })
    }

    /// How many rows the model predicts for all neighbourhoods of `n_rows` instances.
    pub(super) fn n_evaluations(&self, n_rows: usize) -> usize {
        let drawn: usize = self.blocks.iter().map(|block| block.states.nrows()).sum();
        if self.shared { drawn } else { drawn * n_rows }
    }

    /// The weighted moments of one repeat, seen from an instance.
    pub(super) fn moments(&self, repeat: usize, instance: &Instance<'_>) -> Result<Moments> {
        let (n_players, n_outputs) = (self.players.len(), self.model.n_outputs());
        let mut moments = Moments::new(n_players, n_outputs, instance.kernel_width);
        let blocks = repeat * self.blocks_per_repeat..(repeat + 1) * self.blocks_per_repeat;
        for block in &self.blocks[blocks] {
            let own;
            let predictions = if self.shared {
                &block.predictions
            } else {
                own = predict_checked(self.model, self.placed(block, instance).view())?;
                &own
            };
            let mut samples = Array2::ones((block.states.nrows(), 1 + n_players + n_outputs));
            for (mut sample, state) in samples.outer_iter_mut().zip(block.states.outer_iter()) {
                for (player, place) in instance.places.iter().enumerate() {
                    sample[1 + player] = place.relative(state);
                }
            }
            samples
                .slice_mut(s![.., 1 + n_players..])
                .assign(&(predictions - &instance.prediction));
            moments.add(&mut samples);
        }
        Ok(moments)
    }

    /// The samples as the model gets them for this instance.
    fn placed(&self, block: &Block, instance: &Instance<'_>) -> Array2<f64> {
        let mut values = block.values.clone();
        if self.around == Around::Instance {
            for (feature, column) in self.columns.iter().enumerate() {
                if let Column::Normal { mean, .. } = column {
                    let own = instance.row[feature];
                    let centre = if own.is_nan() { *mean } else { own };
                    values.column_mut(feature).mapv_inplace(|offset| centre + offset);
                }
            }
        }
        for &feature in &self.held {
            values.column_mut(feature).fill(instance.row[feature]);
        }
        values
    }
}

/// A row to explain, and how samples look from it.
pub(super) struct Instance<'a> {
    row: ArrayView1<'a, f64>,
    prediction: ArrayView1<'a, f64>,
    kernel_width: f64,
    places: Vec<Place>,
}

/// Where an instance stands at one player.
enum Place {
    /// At these states of these features; a sample is there or not.
    Same(Vec<(usize, f64)>),
    /// At this number of a feature; `centre` is added to the samples' states.
    Number { feature: usize, state: f64, centre: f64 },
}

impl Place {
    /// The sample's coordinate minus the instance's.
    fn relative(&self, states: ArrayView1<'_, f64>) -> f64 {
        match self {
            Self::Same(members) => {
                let same = |&(feature, state): &(usize, f64)| {
                    states[feature] == state || states[feature].is_nan() && state.is_nan()
                };
                if members.iter().all(same) { 0.0 } else { -1.0 }
            }
            // A missing number counts as the mean, 0.
            Self::Number { feature, state, centre } => {
                let sample = states[*feature];
                if sample.is_nan() { -state } else { sample + centre - state }
            }
        }
    }

    /// The instance's own coordinate: 1 is *the same as itself*.
    fn own(&self) -> f64 {
        match self {
            Self::Same(_) => 1.0,
            Self::Number { state, .. } => *state,
        }
    }
}

impl<'a> Instance<'a> {
    pub(super) fn new(
        row: ArrayView1<'a, f64>,
        prediction: ArrayView1<'a, f64>,
        columns: &[Column],
        players: &Players,
        around: Around,
        kernel_width: f64,
    ) -> Self {
        let place = |player: usize| {
            let members = players.members(player);
            let states =
                members.iter().map(|&feature| (feature, columns[feature].state(row[feature])));
            match members {
                [feature] if columns[*feature].is_number() && !row[*feature].is_nan() => {
                    let (feature, state) = (*feature, columns[*feature].state(row[*feature]));
                    let centre = if around == Around::Instance { state } else { 0.0 };
                    Place::Number { feature, state, centre }
                }
                _ => Place::Same(states.collect()),
            }
        };
        let places = (0..players.len()).map(place).collect();
        Self { row, prediction, kernel_width, places }
    }

    /// Where the instance stands in the players' coordinates.
    pub(super) fn coordinates(&self) -> Vec<f64> {
        self.places.iter().map(Place::own).collect()
    }
}
