//! Synthetic rows of a task's coalitions, made in a block that a processor's cache holds.
//!
//! Coalitions stand in the block as they come: along a walk the rows of one are those of the one
//! before in which a column changes, and rows that are alike one after another are what trees
//! predict fastest.

use ndarray::{ArrayView1, ArrayView2, CowArray, Ix2};

use super::draws::Draw;
use super::loss_game::LossGame;
use crate::error::{Error, Result};
use crate::game::write_changes;
use crate::model::{predict_checked, rows_at_once};

/// A coalition of a draw, `None` for nobody, and its place among coalitions, or among nobodies.
pub(super) struct Asked<'a> {
    pub(super) draw: usize,
    pub(super) coalition: Option<ArrayView1<'a, bool>>,
    pub(super) place: usize,
}

/// The background rows that draws take.
pub(super) struct Block<'b> {
    game: &'b LossGame<'b>,
    rows: CowArray<'b, f64, Ix2>,
    n_taken: usize,
    /// Which of the rows, `n_taken` for each draw.
    taken: &'b [usize],
}

impl<'b> Block<'b> {
    pub(super) fn new(
        game: &'b LossGame<'b>,
        rows: &'b ArrayView2<'_, f64>,
        n_taken: usize,
        taken: &'b [usize],
    ) -> Self {
        Self { game, rows: rows.as_standard_layout(), n_taken, taken }
    }

    /// Predicts what is asked for, and hands over what the model says of the rows of each.
    pub(super) fn predict(
        &self,
        draws: &[Draw],
        asked: &[Asked<'_>],
        mut take: impl FnMut(&Asked<'_>, &[f64]),
    ) -> Result<()> {
        let n_features = self.rows.ncols();
        let at_once = (rows_at_once(n_features) / self.n_taken).max(1);
        let n_rows = at_once.min(asked.len()) * self.n_taken;
        let mut cells = Vec::with_capacity(n_rows * n_features);
        let mut present = vec![0; self.game.shown.n_words()];
        let mut shown = present.clone();
        let data = self.game.data.rows();
        for asked in asked.chunks(at_once) {
            cells.clear();
            let mut before = None;
            for of in asked {
                match of.coalition {
                    Some(coalition) => self.game.shown.by(coalition, &mut present),
                    None => self.game.shown.by_nobody(&mut present),
                }
                self.begin(before == Some(of.draw), of.draw, &present, &mut shown, &mut cells);
                let start = cells.len() - self.n_taken * n_features;
                let (own, removed) = (data.row(draws[of.draw].row), || self.removed(of.draw));
                write_changes(&mut shown, &present, |f| own[f], removed, &mut cells[start..]);
                before = Some(of.draw);
            }
            let made = ArrayView2::from_shape((asked.len() * self.n_taken, n_features), &cells)
                .map_err(|error| Error::Data(error.to_string()))?;
            let said = predict_checked(self.game.model, made).map_err(|error| {
                let Error::NotFinite { row, .. } = error else { return error };
                self.game.in_row(draws[asked[row / self.n_taken].draw].row, error)
            })?;
            let (said, n_outputs) = (said.as_standard_layout(), said.ncols());
            let said = said.as_slice().unwrap_or_default().chunks_exact(self.n_taken * n_outputs);
            asked.iter().zip(said).for_each(|(of, said)| take(of, said));
        }
        Ok(())
    }

    /// Appends the rows to begin with: those of the coalition before, if it is of the same draw and
    /// there is less to write in them, else background rows.
    fn begin(
        &self,
        same_draw: bool,
        draw: usize,
        present: &[u64],
        shown: &mut [u64],
        cells: &mut Vec<f64>,
    ) {
        let n_changed: u32 = shown.iter().zip(present).map(|(a, b)| (a ^ b).count_ones()).sum();
        let n_present: u32 = present.iter().map(|word| word.count_ones()).sum();
        if same_draw && n_changed <= n_present {
            let start = cells.len() - self.n_taken * self.rows.ncols();
            return cells.extend_from_within(start..);
        }
        shown.fill(0);
        self.removed(draw).for_each(|row| cells.extend_from_slice(row));
    }

    /// The background rows that a draw takes.
    fn removed(&self, draw: usize) -> impl Iterator<Item = &[f64]> {
        let (cells, n_features) = (self.rows.as_slice().unwrap_or_default(), self.rows.ncols());
        let taken = &self.taken[draw * self.n_taken..(draw + 1) * self.n_taken];
        taken.iter().map(move |&b| &cells[b * n_features..(b + 1) * n_features])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ndarray::Array2;

    use super::*;
    use crate::dataset::{Dataset, Target};
    use crate::game::Removal;
    use crate::metric::Metric;
    use crate::model::Function;
    use crate::players::Players;
    use crate::rng::Rng;

    /// Whatever follows whatever, the model is asked for each coalition's rows.
    #[test]
    fn each_coalition_is_asked_for_with_its_rows() {
        // One feature has no player; 70 are more than a word.
        for (n_features, n_taken, n_draws) in [(3, 2, 5), (7, 300, 3), (70, 8, 9)] {
            let mut rng = Rng::new(1, n_features as u64);
            let data = Array2::from_shape_simple_fn((4, n_features), || rng.normal());
            let background =
                Array2::from_shape_simple_fn((n_taken + 3, n_features), || rng.normal());
            let target = Target::Values(vec![0.0; 4]);
            let data = Dataset::new(data, target).unwrap();
            let groups = (1..n_features)
                .step_by(2)
                .map(|f| (format!("p{f}"), (f..(f + 2).min(n_features)).collect::<Vec<_>>()));
            let players = Players::groups(n_features, groups).unwrap();
            let made = Mutex::new(Vec::new());
            let model = Function::new(n_features, 1, |rows: ArrayView2<'_, f64>| {
                let mut made = made.lock().unwrap();
                let first = made.len();
                made.extend(rows.outer_iter().map(|row| row.to_vec()));
                Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| (first + i) as f64)
            });
            let removal = Removal::marginal(background.clone()).unwrap();
            let metrics = [Metric::Mse];
            let game = LossGame::new(&model, &data, &players, &removal, &metrics).unwrap();
            let draws: Vec<Draw> = (0..n_draws)
                .map(|_| {
                    let shape = (rng.below(40), players.len());
                    let coalitions = Array2::from_shape_simple_fn(shape, || rng.below(3) > 0);
                    Draw { row: rng.below(4), order: Vec::new(), coalitions }
                })
                .collect();
            let taken: Vec<usize> =
                (0..n_draws * n_taken).map(|_| rng.below(background.nrows())).collect();
            let asked: Vec<Asked<'_>> = draws
                .iter()
                .enumerate()
                .flat_map(|(draw, of)| {
                    let all = std::iter::once(None).chain(of.coalitions.outer_iter().map(Some));
                    all.map(move |coalition| Asked { draw, coalition, place: 0 })
                })
                .collect();
            made.lock().unwrap().clear();
            let rows = background.view();
            let block = Block::new(&game, &rows, n_taken, &taken);
            let mut n_handed = 0;
            block
                .predict(&draws, &asked, |of, said| {
                    n_handed += 1;
                    assert_eq!(said.len(), n_taken);
                    for (i, &said) in said.iter().enumerate() {
                        let b = taken[of.draw * n_taken + i];
                        let expected: Vec<f64> = (0..n_features)
                            .map(|feature| {
                                let mut of_player = (0..players.len())
                                    .filter(|&player| players.members(player).contains(&feature));
                                let shown = of_player.next().is_none_or(|player| {
                                    of.coalition.is_some_and(|coalition| coalition[player])
                                });
                                if shown {
                                    data.rows()[[draws[of.draw].row, feature]]
                                } else {
                                    background[[b, feature]]
                                }
                            })
                            .collect();
                        assert_eq!(made.lock().unwrap()[said as usize], expected, "{n_features}");
                    }
                })
                .unwrap();
            assert_eq!(n_handed, asked.len());
            let n_made = made.lock().unwrap().len();
            assert_eq!(n_made, asked.len() * n_taken);
        }
    }
}
