//! Values by background rows: synthetic rows, made in a block that a processor's cache holds.
//!
//! The block has room for several coalitions, each with a copy of the background. From one
//! coalition to the next in its place only the columns that change are written. Coalitions that show
//! the same features are predicted once; so is a background row that two coalitions make the same
//! row of, because it agrees with the explained row where they differ.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};

use super::PredictionGame;
use super::removal::Background;
use crate::error::Result;
use crate::model::predict_checked;
use crate::players::shows;

/// Equal rows are left out from this share of rows that would be predicted again: one of so many.
const WORTH_LEAVING_OUT: usize = 8;
/// They are looked for from this share of cells in which a background row agrees: one of so many.
const WORTH_LOOKING: usize = 32;

/// Sets of features, as bits.
struct Sets {
    n_words: usize,
    words: Vec<u64>,
}

impl Sets {
    fn new(n_words: usize) -> Self {
        Self { n_words, words: Vec::new() }
    }

    /// One more set, to be written.
    fn push(&mut self) -> &mut [u64] {
        let from = self.words.len();
        self.words.resize(from + self.n_words, 0);
        &mut self.words[from..]
    }

    fn len(&self) -> usize {
        self.words.len() / self.n_words
    }

    fn get(&self, set: usize) -> &[u64] {
        &self.words[set * self.n_words..(set + 1) * self.n_words]
    }

    fn n_members(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The first sets of their kind, ascending, and for each set which of these it is like, where
    /// the features of `beside` make no difference.
    fn distinct(&self, beside: &[u64]) -> (Vec<usize>, Vec<usize>) {
        let key = |set: usize| self.get(set).iter().zip(beside).map(|(word, beside)| word | beside);
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by(|&a, &b| key(a).cmp(key(b)).then(a.cmp(&b)));
        let mut like: Vec<usize> = (0..self.len()).collect();
        for pair in order.windows(2) {
            if key(pair[0]).eq(key(pair[1])) {
                like[pair[1]] = like[pair[0]];
            }
        }
        let mut firsts = Vec::new();
        for set in 0..self.len() {
            if like[set] == set {
                like[set] = firsts.len();
                firsts.push(set);
            } else {
                like[set] = like[like[set]];
            }
        }
        (firsts, like)
    }

    /// All sets in an order in which neighbours differ in few members: as they come, such as along
    /// a walk, or sorted.
    fn in_short_steps(&self) -> Vec<usize> {
        let between = |pair: &[usize]| -> u32 {
            let words = self.get(pair[0]).iter().zip(self.get(pair[1]));
            words.map(|(a, b)| (a ^ b).count_ones()).sum()
        };
        let n_steps = |order: &[usize]| order.windows(2).map(between).sum::<u32>();
        let as_they_come: Vec<usize> = (0..self.len()).collect();
        let mut sorted = as_they_come.clone();
        sorted.sort_unstable_by(|&a, &b| self.get(a).cmp(self.get(b)));
        if n_steps(&sorted) < n_steps(&as_they_come) { sorted } else { as_they_come }
    }
}

/// The values `(n_coalitions, n_outputs)`.
pub(super) fn values(
    game: &PredictionGame<'_>,
    background: &Background<'_>,
    coalitions: ArrayView2<'_, bool>,
) -> Result<Array2<f64>> {
    let mut asked = Sets::new(game.shown.n_words());
    for coalition in coalitions.outer_iter() {
        game.shown.by(coalition, asked.push());
    }
    let (firsts, like) = asked.distinct(&vec![0; asked.n_words]);
    let mut shown = Sets::new(asked.n_words);
    for &first in &firsts {
        shown.words.extend(asked.get(first));
    }
    let rows = background.rows.as_standard_layout();
    let table = Table { game, background, rows: rows.view(), shown };
    let values = match table.once()? {
        Some(values) => values,
        None => table.all()?,
    };
    let values = values / background.cumulative[background.cumulative.len() - 1];
    Ok(if firsts.len() == like.len() { values } else { values.select(Axis(0), &like) })
}

/// Coalitions that show different features, and the rows that complete them.
struct Table<'t, 'a, 'b> {
    game: &'t PredictionGame<'a>,
    background: &'t Background<'b>,
    /// Those of the background, row after row.
    rows: ArrayView2<'t, f64>,
    shown: Sets,
}

impl Table<'_, '_, '_> {
    /// How many background rows are in a block, at most.
    fn chunk_len(&self) -> usize {
        self.rows.nrows().min(self.game.block()).max(1)
    }

    /// Sums over the background of what the model says of each synthetic row.
    fn all(&self) -> Result<Array2<f64>> {
        let (n_sets, n_features) = (self.shown.len(), self.game.row.len());
        let mut values = Array2::zeros((n_sets, self.game.model.n_outputs()));
        let chunk_len = self.chunk_len();
        let n_slots = (self.game.block() / chunk_len).clamp(1, n_sets.max(1));
        // A slot takes coalitions in a row, of which the next writes what changes.
        let order = self.shown.in_short_steps();
        let per_slot = n_sets.div_ceil(n_slots);
        let mut block = Array2::zeros((n_slots * chunk_len, n_features));
        let mut in_slot = vec![0_u64; n_slots * self.shown.n_words];
        for (chunk, first) in
            self.rows.axis_chunks_iter(Axis(0), chunk_len).zip((0..).step_by(chunk_len))
        {
            let len = chunk.nrows();
            for slot in 0..n_slots {
                block.slice_mut(s![slot * len..(slot + 1) * len, ..]).assign(&chunk);
            }
            in_slot.fill(0);
            let weights = self.background.weights.slice(s![first..first + len]);
            for step in 0..per_slot {
                let sets = order[step..].iter().step_by(per_slot).take(n_slots);
                let sets: Vec<usize> = sets.copied().collect();
                let Some(cells) = block.as_slice_mut() else { break };
                let slots = cells.chunks_exact_mut(len * n_features);
                let before = in_slot.chunks_exact_mut(self.shown.n_words);
                for ((&set, cells), before) in sets.iter().zip(slots).zip(before) {
                    self.write(set, chunk, cells, before);
                }
                let made = block.slice(s![..sets.len() * len, ..]);
                let said = predict_checked(self.game.model, made)?;
                for (&set, said) in sets.iter().zip(said.axis_chunks_iter(Axis(0), len)) {
                    add_weighted(values.row_mut(set), weights, said);
                }
            }
        }
        Ok(values)
    }

    /// Writes what changes from the features that a slot shows to those of a coalition.
    fn write(&self, set: usize, chunk: ArrayView2<'_, f64>, cells: &mut [f64], before: &mut [u64]) {
        let n_features = self.game.row.len();
        let removed = chunk.as_slice().unwrap_or_default();
        let removed = || removed.chunks_exact(n_features);
        write_changes(
            before,
            self.shown.get(set),
            |feature| self.game.row[feature],
            removed,
            cells,
        );
    }

    /// As [`Table::all`], to the bit, where each different synthetic row is predicted once; `None`
    /// if that would save little.
    fn once(&self) -> Result<Option<Array2<f64>>> {
        let (n_sets, n_features) = (self.shown.len(), self.game.row.len());
        // Of one coalition no row is made twice.
        if n_sets < 2 {
            return Ok(None);
        }
        let row = &self.game.row;
        let mut agree = Sets::new(self.shown.n_words);
        for other in self.rows.outer_iter() {
            let words = agree.push();
            for (feature, (a, b)) in other.iter().zip(row).enumerate() {
                words[feature / 64] |= u64::from(a.to_bits() == b.to_bits()) << (feature % 64);
            }
        }
        if agree.n_members() * WORTH_LOOKING < self.rows.len() {
            return Ok(None);
        }
        let kinds: Vec<(Vec<usize>, Vec<usize>)> =
            (0..agree.len()).map(|b| self.shown.distinct(agree.get(b))).collect();
        let n_asked: usize = kinds.iter().map(|(firsts, _)| firsts.len()).sum();
        let n_all = n_sets * self.rows.nrows();
        if (n_all - n_asked) * WORTH_LEAVING_OUT < n_all {
            return Ok(None);
        }
        let n_outputs = self.game.model.n_outputs();
        let mut said = Array2::zeros((n_asked, n_outputs));
        let mut block = Array2::zeros((self.game.block().min(n_asked).max(1), n_features));
        let (mut waiting, mut done) = (0, 0);
        for (b, (firsts, _)) in kinds.iter().enumerate() {
            for &set in firsts {
                let shown = self.shown.get(set);
                for (feature, cell) in block.row_mut(waiting).iter_mut().enumerate() {
                    let present = shows(shown, feature);
                    *cell = if present { row[feature] } else { self.rows[[b, feature]] };
                }
                waiting += 1;
                if waiting == block.nrows() || done + waiting == n_asked {
                    let made = block.slice(s![..waiting, ..]);
                    let answer = predict_checked(self.game.model, made)?;
                    said.slice_mut(s![done..done + waiting, ..]).assign(&answer);
                    (waiting, done) = (0, done + waiting);
                }
            }
        }
        // Where the answers of each background row begin.
        let mut begins = Vec::with_capacity(kinds.len());
        let mut begin = 0;
        for (firsts, _) in &kinds {
            begins.push(begin);
            begin += firsts.len();
        }
        let mut values = Array2::zeros((n_sets, n_outputs));
        let chunk_len = self.chunk_len();
        for first in (0..kinds.len()).step_by(chunk_len) {
            let rows = first..(first + chunk_len).min(kinds.len());
            let weights = self.background.weights.slice(s![rows.clone()]);
            for set in 0..n_sets {
                let of: Vec<usize> = rows.clone().map(|b| begins[b] + kinds[b].1[set]).collect();
                let answers = said.select(Axis(0), &of);
                add_weighted(values.row_mut(set), weights, answers.view());
            }
        }
        Ok(Some(values))
    }
}

/// Adds the weighted sum of some rows' predictions.
fn add_weighted(
    mut to: ndarray::ArrayViewMut1<'_, f64>,
    weights: ArrayView1<'_, f64>,
    said: ArrayView2<'_, f64>,
) {
    // Two classes are the most usual, and two sums side by side are faster than one by one.
    if let (2, Some(said)) = (to.len(), said.as_slice()) {
        let (mut a, mut b) = (0.0, 0.0);
        for (weight, said) in weights.iter().zip(said.chunks_exact(2)) {
            a += said[0] * weight;
            b += said[1] * weight;
        }
        to[0] += a;
        to[1] += b;
    } else {
        to += &weights.dot(&said);
    }
}

/// Writes the columns of synthetic rows, one for each background row, that change from the features
/// that they show to those that are present, and remembers these.
pub(crate) fn write_changes<'r, R: Iterator<Item = &'r [f64]>>(
    shown: &mut [u64],
    present: &[u64],
    own: impl Fn(usize) -> f64,
    removed: impl Fn() -> R,
    cells: &mut [f64],
) {
    let Some(n_features) = removed().next().map(<[f64]>::len) else { return };
    for (word, (shown, &present)) in shown.iter_mut().zip(present).enumerate() {
        let mut changed = *shown ^ present;
        while changed != 0 {
            let bit = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            let feature = 64 * word + bit;
            let rows = cells.chunks_exact_mut(n_features);
            if present >> bit & 1 == 1 {
                let value = own(feature);
                rows.for_each(|row| row[feature] = value);
            } else {
                rows.zip(removed()).for_each(|(row, removed)| row[feature] = removed[feature]);
            }
        }
        *shown = present;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::game::{Game, Removal};
    use crate::model::{Function, Model};
    use crate::players::Players;
    use crate::rng::Rng;

    /// The definition, a synthetic row at a time.
    fn by_definition(
        model: &dyn Model,
        row: &[f64],
        (rows, weights): (&Array2<f64>, &[f64]),
        coalitions: &Array2<bool>,
    ) -> Array2<f64> {
        let mut values = Array2::zeros((coalitions.nrows(), model.n_outputs()));
        for (k, coalition) in coalitions.outer_iter().enumerate() {
            for (other, weight) in rows.outer_iter().zip(weights) {
                let made = Array2::from_shape_fn((1, row.len()), |(_, f)| {
                    if coalition[f] { row[f] } else { other[f] }
                });
                values.row_mut(k).scaled_add(*weight, &model.predict(made.view()).unwrap().row(0));
            }
        }
        values / weights.iter().sum::<f64>()
    }

    /// Whatever agrees, whatever comes twice, and however many blocks there are.
    #[test]
    fn they_are_the_definition_and_equal_rows_are_asked_for_once() {
        for (n_features, n_background, n_values, n_outputs) in
            [(3, 1, 2, 1), (5, 7, 2, 2), (6, 40, 1000, 3), (70, 30, 2, 2), (70, 6000, 1000, 1)]
        {
            let mut rng = Rng::new(1, n_features as u64);
            let mut draw = || rng.below(n_values) as f64;
            let row: Vec<f64> = (0..n_features).map(|_| draw()).collect();
            let rows = Array2::from_shape_simple_fn((n_background, n_features), draw);
            let weights: Vec<f64> = (0..n_background).map(|b| 1.0 + (b % 3) as f64).collect();
            let mut coalitions =
                Array2::from_shape_simple_fn((23, n_features), || rng.below(2) == 1);
            let again = coalitions.row(4).to_owned();
            coalitions.row_mut(11).assign(&again);
            let asked = AtomicUsize::new(0);
            let model = Function::new(n_features, n_outputs, |rows: ArrayView2<'_, f64>| {
                asked.fetch_add(rows.nrows(), Ordering::Relaxed);
                let last = rows.ncols() - 1;
                Array2::from_shape_fn((rows.nrows(), n_outputs), |(i, output)| {
                    (rows[[i, 0]] + rows[[i, 1]] * rows[[i, last]]).sin() + output as f64
                })
            });
            let expected = by_definition(&model, &row, (&rows, &weights), &coalitions);
            let players = Players::features((0..n_features).map(|i| format!("x{i}"))).unwrap();
            let removal = Removal::weighted_marginal(rows, weights).unwrap();
            let game =
                PredictionGame::new(&model, &players, ArrayView1::from(&row), &removal).unwrap();
            asked.store(0, Ordering::Relaxed);
            let values = game.values(coalitions.view()).unwrap();
            assert!((&values - &expected).iter().all(|gap| gap.abs() < 1e-12), "{n_features}");
            assert_eq!(values.row(4), values.row(11));
            let asked = asked.load(Ordering::Relaxed);
            match (n_features, n_values) {
                // Of 3 features there are 8 coalitions, and less where the only row agrees.
                (3, _) => assert!(asked <= 8, "{asked}"),
                (5, _) => assert!(asked <= 7 * 16, "{asked}"),
                _ => assert!(asked <= 22 * n_background, "{asked}"),
            }
        }
    }

    #[test]
    fn rows_that_agree_leave_no_trace_in_the_bits() {
        let mut rng = Rng::new(2, 0);
        let row: Vec<f64> = (0..6).map(|_| rng.below(2) as f64).collect();
        let rows = Array2::from_shape_simple_fn((50, 6), || rng.below(2) as f64);
        let coalitions = Array2::from_shape_simple_fn((40, 6), || rng.below(2) == 1);
        let asked = AtomicUsize::new(0);
        let model = Function::new(6, 2, |rows: ArrayView2<'_, f64>| {
            asked.fetch_add(rows.nrows(), Ordering::Relaxed);
            Array2::from_shape_fn((rows.nrows(), 2), |(i, k)| {
                (rows.row(i).sum() / 7.0).cos() + k as f64
            })
        });
        let players = Players::features((0..6).map(|i| format!("x{i}"))).unwrap();
        let removal = Removal::marginal(rows).unwrap();
        let game = PredictionGame::new(&model, &players, ArrayView1::from(&row), &removal).unwrap();
        let together = game.values(coalitions.view()).unwrap();
        // About half of the cells agree: some 2³ rows of each background row.
        let n_together = asked.swap(0, Ordering::Relaxed);
        assert!(n_together <= 50 * 18, "{n_together}");
        // A single coalition has nothing to share.
        for (k, coalition) in coalitions.axis_chunks_iter(Axis(0), 1).enumerate() {
            assert_eq!(game.values(coalition).unwrap().row(0), together.row(k));
        }
        assert_eq!(asked.into_inner(), 50 * 40);
    }

    #[test]
    fn steps_between_sets_are_short() {
        let sets_of = |all: &[&[usize]]| {
            let mut sets = Sets::new(2);
            for set in all {
                let words = sets.push();
                set.iter().for_each(|&i| words[i / 64] |= 1 << (i % 64));
            }
            sets
        };
        // A walk stays one, although its sets are not sorted.
        let walk = sets_of(&[&[], &[69], &[69, 3], &[69, 3, 1], &[69, 3, 1, 68]]);
        assert_eq!(walk.in_short_steps(), [0, 1, 2, 3, 4]);
        // Of pairs of complements, each takes its side.
        let most: Vec<usize> = (5..70).collect();
        let more: Vec<usize> = (6..70).collect();
        let pairs = sets_of(&[&most, &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4, 5], &more]);
        assert_eq!(pairs.in_short_steps(), [1, 2, 3, 0]);
    }

    #[test]
    fn sets_are_alike_beside_what_makes_no_difference() {
        let mut sets = Sets::new(2);
        for members in
            [[1 << 1, 1 << 5], [1 << 2, 0], [1 << 1 | 1 << 3, 1 << 5], [1 << 2, 0], [0; 2]]
        {
            sets.push().copy_from_slice(&members);
        }
        assert_eq!(sets.distinct(&[0, 0]), (vec![0, 1, 2, 4], vec![0, 1, 2, 1, 3]));
        assert_eq!(sets.distinct(&[1 << 3, 0]), (vec![0, 1, 4], vec![0, 1, 0, 1, 2]));
    }
}
