//! What one draw asks the model, and how: a row, a few background rows, coalitions.
//!
//! Draw `k` is a function of the seed and `k` alone, so that tasks may hold any number of draws.
//!
//! The loss of a mean prediction is not a mean, so the loss `ℓ(f̄ₘ)` of the mean over `m` of the `B`
//! background rows is biased, by `c (1/m − 1/B)` and terms of higher order. Means over halves have
//! the same bias with `m / 2` in the place of `m`, and a loss extrapolated to `B` has lost the
//! first term,
//!
//! ```text
//! ℓ̃ = (1 + a) ℓ(f̄ₘ) − a/2 [ℓ(f̄ of the first half) + ℓ(f̄ of the second)]
//! a = (1/m − 1/B) / (1/m)  =  1 − m/B
//! ```
//!
//! which is all of it for squared errors and Brier scores (Quenouille 1956). For other losses a few
//! *corrections* estimate what is left: there the whole background is predicted, and the draw's
//! loss is `ℓ(f̄)` less the mean of `ℓ̃` over all blocks of `m` of the same predictions.
//!
//! Such losses may have no bound: now and then a model that is sure says 0 of all `m` rows, whose
//! log loss says nothing of the whole background's and is all of the draws' noise. With
//! corrections to take its bias off, nobody's prediction therefore counts as one more row of every
//! few. On breast cancer the tolerance of the recorded benchmark is then reached.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, s};

use super::loss_game::LossGame;
use crate::donor::Donors;
use crate::error::{Error, Result};
use crate::game::{Game, Removal};
use crate::metric::Metric;
use crate::model::{predict_checked, rows_at_once};
use crate::run::Run;

/// As how many more background rows nobody's prediction counts where there are corrections. For log
/// loss, ½ to 2 were about as good.
const NOBODY_COUNTS: f64 = 1.0;

/// Streams of the seed: those of the draws and of the corrections, and within each.
const DRAWS: u64 = 0;
const CORRECTIONS: u64 = 1;
const ROWS: u64 = 0;
const BACKGROUND: u64 = 1;
const ORDERS: u64 = 2;

/// The background rows, or the baseline.
struct Background<'a> {
    rows: ArrayView2<'a, f64>,
    weights: Option<&'a [f64]>,
    /// What the model says of them, if that is what nobody's prediction is made of.
    predictions: Option<Array2<f64>>,
}

/// A share of the positions in a list of background rows, as how many more nobody's prediction
/// counts in their mean, and what its loss counts.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    positions: Range<usize>,
    nobody: f64,
    factor: f64,
}

/// Draws of a game, or its corrections.
pub(super) struct Draws<'a> {
    game: &'a LossGame<'a>,
    run: Run<'static>,
    background: Option<Background<'a>>,
    /// How many of the background rows a draw takes.
    n_taken: usize,
    /// How many there are.
    n_all: usize,
    terms: Vec<Term>,
    /// Whether these are corrections.
    corrects: bool,
    /// The losses `(n_rows, n_metrics)` with all players, which are known, as a draw has them.
    pub(super) all: Array2<f64>,
}

/// What draw `k` is about.
pub(super) struct Draw {
    pub(super) row: usize,
    /// The players in the order in which they join.
    pub(super) order: Vec<usize>,
    /// What the model is asked for, beside nobody.
    pub(super) coalitions: Array2<bool>,
}

impl<'a> Draws<'a> {
    /// The draws, and the corrections if they need any.
    pub(super) fn new(
        run: &Run<'_>,
        game: &'a LossGame<'a>,
        n_taken: usize,
    ) -> Result<(Self, Option<Self>)> {
        let n_all = game.completions();
        let background = || match game.removal {
            Removal::Baseline(values) => {
                let rows = ndarray::ArrayView1::from(values).insert_axis(Axis(0));
                Some(Background { rows, weights: None, predictions: None })
            }
            Removal::Marginal { rows, weights } => {
                let (rows, weights) = (rows.view(), weights.as_deref());
                Some(Background { rows, weights, predictions: None })
            }
            Removal::Conditional { .. } => None,
        };
        let make = |run: Run<'static>, n_taken: usize, terms: Vec<Term>| -> Result<Self> {
            let mut background = background();
            // The whole background says of nobody what is known.
            let asks = game.nobody_is_one() && terms.len() > 1;
            if let Some(background) = background.as_mut().filter(|_| asks) {
                background.predictions = Some(predict_checked(game.model, background.rows)?);
            }
            let (corrects, all) = (terms.len() > 3, game.all.clone());
            Ok(Self { game, run, background, n_taken, n_all, terms, corrects, all })
        };
        let whole = |factor| Term { positions: 0..n_all, nobody: 0.0, factor };
        let weighted = matches!(game.removal, Removal::Marginal { weights: Some(_), .. });
        if n_taken >= n_all || weighted || matches!(game.removal, Removal::Conditional { .. }) {
            return Ok((make(run.split(DRAWS), n_all, vec![whole(1.0)])?, None));
        }
        let quadratic = |metric: &Metric| matches!(metric, Metric::Mse | Metric::Brier);
        let is_exact = game.metrics().iter().all(quadratic);
        let of_block = |block: usize, factor: f64| {
            let nobody = if is_exact { 0.0 } else { NOBODY_COUNTS };
            extrapolated(block * n_taken, n_taken, n_all, nobody, factor)
        };
        let mut draws = make(run.split(DRAWS), n_taken, of_block(0, 1.0))?;
        if is_exact {
            return Ok((draws, None));
        }
        let mut means = Means::default();
        for (row, prediction) in game.predictions.outer_iter().enumerate() {
            means.add(&draws, None, row, &prediction.to_vec().repeat(n_taken));
        }
        draws.all = means.losses(&draws)?;
        let n_blocks = n_all / n_taken;
        let blocks = (0..n_blocks).flat_map(|block| of_block(block, -1.0 / n_blocks as f64));
        let terms = std::iter::once(whole(1.0)).chain(blocks).collect();
        let mut corrections = make(run.split(CORRECTIONS), n_all, terms)?;
        corrections.all -= &draws.all;
        Ok((draws, Some(corrections)))
    }

    /// Whether losses are those of the whole background, and nothing has to be extrapolated.
    fn is_whole(&self) -> bool {
        self.terms.len() == 1
    }

    /// How many model rows a coalition costs.
    pub(super) fn cost(&self) -> usize {
        self.n_taken
    }

    pub(super) fn n_metrics(&self) -> usize {
        self.game.n_outputs()
    }

    /// How many predictions of background rows are kept.
    pub(super) fn n_known(&self) -> usize {
        let known = self.background.as_ref().and_then(|background| background.predictions.as_ref());
        known.map_or(0, Array2::nrows)
    }

    /// The row of draw `k`, and its players in random order: every `n_rows` draws visit each row
    /// once.
    pub(super) fn draw(&self, k: usize) -> (usize, Vec<usize>) {
        let n_rows = self.game.shares.len();
        let key = self.run.split(ROWS).split((k / n_rows) as u64).seed();
        let row = Donors::new(n_rows, key).of(k % n_rows);
        let mut order: Vec<usize> = (0..self.game.players.len()).collect();
        self.run.split(ORDERS).rng(k as u64).shuffle(&mut order);
        (row, order)
    }

    /// Which of two folds draw `k` is in: draws of different folds share no list of background rows
    /// that is short enough to tell of one from the other.
    pub(super) fn fold(&self, k: usize) -> usize {
        let n_blocks = self.n_all / self.n_taken;
        (if n_blocks < 8 { k / n_blocks } else { k }) % 2
    }

    /// A stream of draw `k` for what else it has to choose.
    pub(super) fn rng(&self, k: usize) -> crate::rng::Rng {
        self.run.rng(k as u64)
    }

    /// The background rows of draw `k`: every so many draws take each of them once.
    fn taken(&self, k: usize) -> Vec<usize> {
        if self.is_whole() {
            return (0..self.n_all).collect();
        }
        let n_blocks = self.n_all / self.n_taken;
        let key = self.run.split(BACKGROUND).split((k / n_blocks) as u64).seed();
        let donors = Donors::new(self.n_all, key);
        let first = k % n_blocks * self.n_taken;
        (first..first + self.n_taken).map(|i| donors.of(i)).collect()
    }

    /// The losses `(1 + n_coalitions, n_metrics)` of each draw, first that with no player;
    /// draw number `i` is draw `first + i`.
    pub(super) fn losses(&self, first: usize, draws: &[Draw]) -> Result<Vec<Array2<f64>>> {
        let Some(background) = &self.background else { return self.conditional_losses(draws) };
        let mut block = Block::new(self, background);
        for (i, draw) in draws.iter().enumerate() {
            let taken = self.taken(first + i);
            block.add(draw, &taken)?;
        }
        block.finish(draws)
    }

    fn conditional_losses(&self, draws: &[Draw]) -> Result<Vec<Array2<f64>>> {
        let of_draw = |draw: &Draw| {
            let mut losses = self.game.none.row(draw.row).insert_axis(Axis(0)).to_owned();
            if draw.coalitions.nrows() == 0 {
                return Ok(losses);
            }
            let means = self.game.prediction_game(draw.row)?.values(draw.coalitions.view())?;
            let rows = vec![draw.row; means.nrows()];
            let more = self.game.losses(&rows, means.view())?;
            losses.append(Axis(0), more.view()).map_err(|error| Error::Data(error.to_string()))?;
            Ok(losses)
        };
        let named = |draw: &Draw| of_draw(draw).map_err(|error| self.game.in_row(draw.row, error));
        draws.iter().map(named).collect()
    }
}

/// The loss of `n` of `n_all` background rows from `first` on, extrapolated to all of them.
fn extrapolated(first: usize, n: usize, n_all: usize, nobody: f64, factor: f64) -> Vec<Term> {
    let a = 1.0 - n as f64 / n_all as f64;
    let (middle, end) = (first + n / 2, first + n);
    let term = |positions, share: f64| Term { positions, nobody, factor: factor * share };
    vec![term(first..end, 1.0 + a), term(first..middle, -a / 2.0), term(middle..end, -a / 2.0)]
}

/// Mean predictions, and the row of data that each is about.
#[derive(Default)]
struct Means {
    means: Vec<f64>,
    rows: Vec<usize>,
}

impl Means {
    /// Adds each term's mean of these predictions, `n_outputs` numbers for each synthetic row.
    fn add(&mut self, draws: &Draws<'_>, weights: Option<&[f64]>, row: usize, said: &[f64]) {
        let n_outputs = draws.game.model.n_outputs();
        for term in &draws.terms {
            let from = self.means.len();
            self.means.resize(from + n_outputs, 0.0);
            let mean = &mut self.means[from..];
            let said = &said[term.positions.start * n_outputs..term.positions.end * n_outputs];
            // About the first prediction: the mean of equal ones is that to the bit.
            let first = &said[..n_outputs];
            let total = match weights {
                None => {
                    add_differences(mean, said, first);
                    term.positions.len() as f64
                }
                Some(weights) => {
                    let weights = &weights[term.positions.clone()];
                    for (weight, said) in weights.iter().zip(said.chunks_exact(n_outputs)) {
                        let each = mean.iter_mut().zip(said).zip(first);
                        each.for_each(|((mean, p), first)| *mean += weight * (p - first));
                    }
                    weights.iter().sum()
                }
            };
            mean.iter_mut().zip(first).for_each(|(mean, first)| *mean = first + *mean / total);
            if term.nobody > 0.0 {
                let share = term.nobody / (total + term.nobody);
                let nobody = draws.game.nobody.row(row);
                mean.iter_mut().zip(nobody).for_each(|(mean, p)| *mean += share * (p - *mean));
            }
            self.rows.push(row);
        }
    }

    /// The loss of each coalition `(n_coalitions, n_metrics)`, its terms added up.
    fn losses(&self, draws: &Draws<'_>) -> Result<Array2<f64>> {
        let shape = (self.rows.len(), draws.game.model.n_outputs());
        if self.rows.is_empty() {
            return Ok(Array2::zeros((0, draws.game.n_outputs())));
        }
        let means = ArrayView2::from_shape(shape, &self.means)
            .map_err(|error| Error::Data(error.to_string()))?;
        let losses = draws.game.losses(&self.rows, means)?;
        let n_terms = draws.terms.len();
        // The loss counts once, a correction not at all.
        let factors = if draws.corrects { 0.0 } else { 1.0 };
        let shape = (self.rows.len() / n_terms, losses.ncols());
        Ok(Array2::from_shape_fn(shape, |(coalition, metric)| {
            // About the first, again: terms of equal losses are worth one of them, or nothing.
            let first = losses[[coalition * n_terms, metric]];
            let terms = draws.terms.iter().enumerate().skip(1);
            terms.fold(factors * first, |sum, (i, term)| {
                sum + term.factor * (losses[[coalition * n_terms + i, metric]] - first)
            })
        }))
    }
}

/// Adds how far predictions are from the first.
fn add_differences(mean: &mut [f64], said: &[f64], first: &[f64]) {
    // Two classes are the most usual.
    if let ([a, b], &[first_a, first_b]) = (&mut *mean, first) {
        for said in said.chunks_exact(2) {
            *a += said[0] - first_a;
            *b += said[1] - first_b;
        }
        return;
    }
    for said in said.chunks_exact(mean.len()) {
        let each = mean.iter_mut().zip(said).zip(first);
        each.for_each(|((mean, p), first)| *mean += p - first);
    }
}

/// A coalition whose synthetic rows wait to be predicted.
struct Waiting {
    row: usize,
    n_rows: usize,
    nobody: bool,
}

/// Synthetic rows that wait to be predicted, and the mean predictions of those that were.
struct Block<'b, 'a> {
    draws: &'b Draws<'a>,
    background: &'b Background<'a>,
    n_features: usize,
    cells: Vec<f64>,
    waiting: Vec<Waiting>,
    nobody: Means,
    somebody: Means,
    present: Vec<bool>,
    shown: Vec<bool>,
}

impl<'b, 'a> Block<'b, 'a> {
    fn new(draws: &'b Draws<'a>, background: &'b Background<'a>) -> Self {
        let n_features = draws.game.data.n_features();
        Self {
            draws,
            background,
            n_features,
            cells: Vec::new(),
            waiting: Vec::new(),
            nobody: Means::default(),
            somebody: Means::default(),
            present: vec![false; n_features],
            shown: vec![false; n_features],
        }
    }

    /// Adds nobody and the coalitions of a draw that takes these background rows.
    fn add(&mut self, draw: &Draw, taken: &[usize]) -> Result<()> {
        let nobody = if self.draws.is_whole() {
            None
        } else if let Some(predictions) = &self.background.predictions {
            let said: Vec<f64> = taken.iter().flat_map(|&b| predictions.row(b)).copied().collect();
            self.nobody.add(self.draws, None, draw.row, &said);
            None
        } else {
            Some(None)
        };
        let len = taken.len() * self.n_features;
        let most = rows_at_once(self.n_features) * self.n_features;
        let mut before = None;
        for coalition in nobody.into_iter().chain(draw.coalitions.outer_iter().map(Some)) {
            if self.cells.len() + len > most {
                self.flush()?;
                before = None;
            }
            self.present.copy_from_slice(&self.draws.game.always);
            // Who is there is as good as random: a branch would be mistaken half of the time.
            for (player, &present) in coalition.iter().flatten().enumerate() {
                for &feature in self.draws.game.players.members(player) {
                    self.present[feature] |= present;
                }
            }
            self.write(draw.row, taken, before);
            let waiting =
                Waiting { row: draw.row, n_rows: taken.len(), nobody: coalition.is_none() };
            self.waiting.push(waiting);
            before = Some(self.cells.len() - len);
        }
        Ok(())
    }

    /// Writes the synthetic rows of the features present: the rows before it, in which only the
    /// columns that change are written.
    fn write(&mut self, row: usize, taken: &[usize], before: Option<usize>) {
        let (n_features, start) = (self.n_features, self.cells.len());
        if let Some(before) = before {
            self.cells.extend_from_within(before..before + taken.len() * n_features);
        } else {
            self.shown.fill(false);
            for &b in taken {
                self.cells.extend(self.background.rows.row(b));
            }
        }
        let (data, cells) = (self.draws.game.data.rows(), &mut self.cells[start..]);
        for feature in (0..n_features).filter(|&f| self.present[f] != self.shown[f]) {
            let rows = cells.chunks_exact_mut(n_features);
            if self.present[feature] {
                let value = data[[row, feature]];
                rows.for_each(|row| row[feature] = value);
            } else {
                let removed = self.background.rows.column(feature);
                rows.zip(taken).for_each(|(row, &b)| row[feature] = removed[b]);
            }
        }
        self.shown.copy_from_slice(&self.present);
    }

    /// Predicts what waits.
    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let game = self.draws.game;
        let shape = (self.cells.len() / self.n_features, self.n_features);
        let table = ArrayView2::from_shape(shape, &self.cells)
            .map_err(|error| Error::Data(error.to_string()))?;
        let waiting = std::mem::take(&mut self.waiting);
        let predictions = predict_checked(game.model, table).map_err(|error| {
            let Error::NotFinite { row, .. } = error else { return error };
            let mut end = 0;
            let of = waiting.iter().find(|of| {
                end += of.n_rows;
                row < end
            });
            game.in_row(of.map_or(0, |of| of.row), error)
        })?;
        let n_outputs = predictions.ncols();
        let predictions = predictions.as_standard_layout();
        let predictions = predictions.as_slice().unwrap_or_default();
        let mut first = 0;
        for Waiting { row, n_rows, nobody } in waiting {
            let said = &predictions[first * n_outputs..(first + n_rows) * n_outputs];
            let means = if nobody { &mut self.nobody } else { &mut self.somebody };
            means.add(self.draws, self.background.weights, row, said);
            first += n_rows;
        }
        self.cells.clear();
        Ok(())
    }

    /// The losses of each draw, first that of nobody.
    fn finish(mut self, draws: &[Draw]) -> Result<Vec<Array2<f64>>> {
        self.flush()?;
        let game = self.draws.game;
        let (nobody, somebody) =
            (self.nobody.losses(self.draws)?, self.somebody.losses(self.draws)?);
        let mut first = 0;
        let of_draw = |(i, draw): (usize, &Draw)| {
            let n = draw.coalitions.nrows();
            let mut losses = Array2::zeros((1 + n, game.n_outputs()));
            let whole = self.draws.is_whole();
            let known = if whole { game.none.row(draw.row) } else { nobody.row(i) };
            losses.row_mut(0).assign(&known);
            losses.slice_mut(s![1.., ..]).assign(&somebody.slice(s![first..first + n, ..]));
            first += n;
            losses
        };
        Ok(draws.iter().enumerate().map(of_draw).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over all ways of taking 4 of 7 background rows, the loss extrapolated is that of all 7.
    #[test]
    fn squared_errors_are_extrapolated_without_bias() {
        let said = [0.3, -1.0, 2.5, 0.7, 4.0, -2.0, 0.1];
        let loss = |of: &[f64]| (of.iter().sum::<f64>() / of.len() as f64 - 0.4).powi(2);
        let terms = extrapolated(0, 4, 7, 0.0, 1.0);
        let (mut sum, mut plain, mut n) = (0.0, 0.0, 0.0);
        for code in 0..7_usize.pow(4) {
            let taken: Vec<usize> = (0..4).map(|i| code / 7_usize.pow(i) % 7).collect();
            if (1..4).any(|i| taken[..i].contains(&taken[i])) {
                continue;
            }
            let of: Vec<f64> = taken.iter().map(|&b| said[b]).collect();
            sum += terms.iter().map(|t| t.factor * loss(&of[t.positions.clone()])).sum::<f64>();
            plain += loss(&of);
            n += 1.0;
        }
        assert!((sum / n - loss(&said)).abs() < 1e-12, "{} {}", sum / n, loss(&said));
        assert!(plain / n > loss(&said) + 0.1);
        // Of all rows nothing is left to extrapolate.
        let terms = extrapolated(0, 7, 7, 0.0, 1.0);
        assert_eq!(terms.iter().map(|term| term.factor.abs()).sum::<f64>(), 1.0);
    }
}
