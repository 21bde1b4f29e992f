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

use super::block::{Asked, Block};
use super::loss_game::LossGame;
use crate::donor::Donors;
use crate::error::{Error, Result};
use crate::game::{Game, Removal};
use crate::metric::Metric;
use crate::model::predict_checked;
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

/// Some of the positions in a list of background rows, the share of nobody's prediction in their
/// mean, and what its loss counts.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    positions: Range<usize>,
    nobody: f64,
    factor: f64,
}

impl Term {
    /// A mean of which nobody's prediction has its share.
    fn beside(&self, mean: f64, nobody: f64) -> f64 {
        if self.nobody > 0.0 { mean + self.nobody * (nobody - mean) } else { mean }
    }

    /// What [`Means::set`] does, of two outputs.
    fn mean_of_two(&self, said: &[f64], nobody: [f64; 2]) -> [f64; 2] {
        let (first, n) = ([said[0], said[1]], self.positions.len() as f64);
        let mut sum = [0.0; 2];
        for said in said.chunks_exact(2) {
            sum = [sum[0] + (said[0] - first[0]), sum[1] + (said[1] - first[1])];
        }
        [0, 1].map(|i| self.beside(first[i] + sum[i] / n, nobody[i]))
    }
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
        let mut means = Means::new(&draws, (0..game.shares.len()).collect());
        for (row, prediction) in game.predictions.outer_iter().enumerate() {
            means.set(&draws, None, row, &prediction.to_vec().repeat(n_taken));
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
        donors.of_rows(first..first + self.n_taken)
    }

    /// The losses `(1 + n_coalitions, n_metrics)` of each draw, first that with no player;
    /// draw number `i` is draw `first + i`.
    pub(super) fn losses(&self, first: usize, draws: &[Draw]) -> Result<Vec<Array2<f64>>> {
        let Some(background) = &self.background else { return self.conditional_losses(draws) };
        let game = self.game;
        let taken: Vec<usize> = (first..first + draws.len()).flat_map(|k| self.taken(k)).collect();
        let rows = || draws.iter().map(|draw| draw.row);
        let mut nobody =
            Means::new(self, if self.is_whole() { Vec::new() } else { rows().collect() });
        if let (false, Some(predictions)) = (self.is_whole(), &background.predictions) {
            for (i, taken) in taken.chunks_exact(self.n_taken).enumerate() {
                let said: Vec<f64> =
                    taken.iter().flat_map(|&b| predictions.row(b)).copied().collect();
                nobody.set(self, None, i, &said);
            }
        }
        let of_coalitions = draws.iter().flat_map(|draw| vec![draw.row; draw.coalitions.nrows()]);
        let mut somebody = Means::new(self, of_coalitions.collect());
        let asks_nobody = !self.is_whole() && background.predictions.is_none();
        let mut asked: Vec<Asked<'_>> = Vec::with_capacity(somebody.rows.len());
        let mut n_somebody = 0;
        for (draw, of) in draws.iter().enumerate() {
            if asks_nobody {
                asked.push(Asked { draw, coalition: None, place: draw });
            }
            for coalition in of.coalitions.outer_iter().map(Some) {
                asked.push(Asked { draw, coalition, place: n_somebody });
                n_somebody += 1;
            }
        }
        let block = Block::new(game, &background.rows, self.n_taken, &taken);
        block.predict(draws, &asked, |of, said| {
            let means = if of.coalition.is_none() { &mut nobody } else { &mut somebody };
            means.set(self, background.weights, of.place, said);
        })?;
        let (nobody, somebody) = (nobody.losses(self)?, somebody.losses(self)?);
        let mut first = 0;
        let of_draw = |(i, draw): (usize, &Draw)| {
            let n = draw.coalitions.nrows();
            let mut losses = Array2::zeros((1 + n, game.n_outputs()));
            let known = if self.is_whole() { game.none.row(draw.row) } else { nobody.row(i) };
            losses.row_mut(0).assign(&known);
            losses.slice_mut(s![1.., ..]).assign(&somebody.slice(s![first..first + n, ..]));
            first += n;
            losses
        };
        Ok(draws.iter().enumerate().map(of_draw).collect())
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

/// The loss of `n` of `n_all` background rows from `first` on, extrapolated to all of them, where
/// nobody's prediction counts as `nobody` more rows.
fn extrapolated(first: usize, n: usize, n_all: usize, nobody: f64, factor: f64) -> Vec<Term> {
    let a = 1.0 - n as f64 / n_all as f64;
    let (middle, end) = (first + n / 2, first + n);
    let term = |positions: Range<usize>, share: f64| {
        let nobody = nobody / (positions.len() as f64 + nobody);
        Term { positions, nobody, factor: factor * share }
    };
    vec![term(first..end, 1.0 + a), term(first..middle, -a / 2.0), term(middle..end, -a / 2.0)]
}

/// Mean predictions, one of each term, and the row of data that each coalition is about.
struct Means {
    means: Vec<f64>,
    rows: Vec<usize>,
}

impl Means {
    fn new(draws: &Draws<'_>, rows: Vec<usize>) -> Self {
        let n_means = rows.len() * draws.terms.len();
        Self { means: vec![0.0; n_means * draws.game.model.n_outputs()], rows }
    }

    /// Takes the means of these predictions, `n_outputs` numbers for each synthetic row of
    /// coalition `at`.
    fn set(&mut self, draws: &Draws<'_>, weights: Option<&[f64]>, at: usize, said: &[f64]) {
        let (n_outputs, n_terms) = (draws.game.model.n_outputs(), draws.terms.len());
        let nobody = draws.game.nobody.row(self.rows[at]);
        let len = n_terms * n_outputs;
        let means = self.means[at * len..(at + 1) * len].chunks_exact_mut(n_outputs);
        for (term, mean) in draws.terms.iter().zip(means) {
            let said = &said[term.positions.start * n_outputs..term.positions.end * n_outputs];
            // Two classes are the most usual.
            if let (None, [a, b]) = (weights, &mut *mean) {
                [*a, *b] = term.mean_of_two(said, [nobody[0], nobody[1]]);
                continue;
            }
            // About the first prediction: the mean of equal ones is that to the bit.
            let first = &said[..n_outputs];
            let weights = weights.map(|weights| &weights[term.positions.clone()]);
            for (i, said) in said.chunks_exact(n_outputs).enumerate() {
                let weight = weights.map_or(1.0, |weights| weights[i]);
                let each = mean.iter_mut().zip(said).zip(first);
                each.for_each(|((mean, p), first)| *mean += weight * (p - first));
            }
            let n = term.positions.len() as f64;
            let total = weights.map_or(n, |weights| weights.iter().sum());
            for ((mean, first), nobody) in mean.iter_mut().zip(first).zip(nobody) {
                *mean = term.beside(first + *mean / total, *nobody);
            }
        }
    }

    /// The loss of each coalition `(n_coalitions, n_metrics)`, its terms added up.
    fn losses(&self, draws: &Draws<'_>) -> Result<Array2<f64>> {
        let n_terms = draws.terms.len();
        if self.rows.is_empty() {
            return Ok(Array2::zeros((0, draws.game.n_outputs())));
        }
        let rows: Vec<usize> =
            self.rows.iter().flat_map(|&row| std::iter::repeat_n(row, n_terms)).collect();
        let shape = (rows.len(), draws.game.model.n_outputs());
        let means = ArrayView2::from_shape(shape, &self.means)
            .map_err(|error| Error::Data(error.to_string()))?;
        let losses = draws.game.losses(&rows, means)?;
        // The loss counts once, a correction not at all.
        let factors = if draws.corrects { 0.0 } else { 1.0 };
        let shape = (self.rows.len(), losses.ncols());
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
