//! Deletion and insertion curves: is what a ranking puts first what the model cannot do without?
//!
//! The best players are taken away one after the other, and how fast the loss rises is watched;
//! then all but the best are taken away. No new machinery: the first `k` players of a ranking are
//! a group, and taking a group away is [`Permutation`].

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result, require, require_shape};
use crate::metric::Metric;
use crate::model::Model;
use crate::permutation::Permutation;
use crate::players::Players;
use crate::run::Run;

/// Takes players away in the order of a ranking, by shuffling them together.
///
/// ```text
/// deletion(k)   = worse( score of f, score of f with the first k players shuffled )
/// insertion(k)  = worse( score of f, score of f with all but the first k players shuffled )
/// area          = trapezoids over k / n of deletion(k) / deletion(n), and of 1 − insertion(k) / insertion(0)
/// ```
///
/// for `k` from 0 to the number `n` of players; shuffled players keep their values together, and a
/// repeat has the same permutation of the rows for every `k`. Areas are shares of the way from
/// the whole model to one that is told nothing: high is good for both, a ranking drawn at random
/// has about one half if every player matters alike.
///
/// # Units
///
/// Curves: those of the metric. Areas: none.
///
/// # Cost
///
/// `n_rows × (1 + 2 n_steps × n_repeats)` predicted rows.
///
/// # When it misleads
///
/// - It is about this model: a ranking that is true of the world and not of the model loses.
/// - Shuffling breaks the dependence of what is taken away on what stays, so the model is asked
///   about rows that need not occur. A ranking by the same kind of removal has a home advantage.
/// - Where the model is hardly better than knowing nothing, areas are quotients of noise; they are
///   `None` if it is not better at all.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Deletion, Function, Metric, Players, Run, Target};
/// use ndarray::{Array2, ArrayView2, Axis};
///
/// // y = 3 a + b, and c does nothing.
/// let rows = Array2::from_shape_fn((300, 3), |(i, j)| ((i * [7, 11, 13][j]) % 31) as f64);
/// let model = Function::new(3, 1, |x: ArrayView2<f64>| {
///     (3.0 * &x.column(0) + &x.column(1)).insert_axis(Axis(1))
/// });
/// let target = rows.rows().into_iter().map(|x| 3.0 * x[0] + x[1]).collect();
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let players = Players::features(["a", "b", "c"])?;
/// let curves = |order: &[usize]| {
///     Deletion::default().curves(&Run::new(0), &model, &data, &players, order, &Metric::Mse)
/// };
/// let (good, bad) = (curves(&[0, 1, 2])?, curves(&[2, 1, 0])?);
/// assert!(good.deletion_area > bad.deletion_area && good.insertion_area > bad.insertion_area);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Samek, Binder, Montavon, Lapuschkin, Müller (2017). *Evaluating the visualization of what a
///   deep neural network has learned.* IEEE Transactions on Neural Networks and Learning Systems
///   28(11). <https://doi.org/10.1109/TNNLS.2016.2599820>
/// - Petsiuk, Das, Saenko (2018). *RISE: randomized input sampling for explanation of black-box
///   models.* BMVC. <https://arxiv.org/abs/1806.07421>
///
/// # See also
///
/// [`agreement`](crate::agreement), which compares rankings without a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Deletion {
    /// How often each group is shuffled, at least 1; default 5.
    pub n_repeats: usize,
    /// Between the ends at most so many places are looked at, at least 1, spread evenly over the
    /// ranking; default 20.
    pub max_steps: usize,
}

impl Default for Deletion {
    fn default() -> Self {
        Self { n_repeats: 5, max_steps: 20 }
    }
}

/// What taking players away in an order does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeletionCurves {
    /// The metric.
    pub metric: String,
    /// How many of the first players are taken away, or are all that is left: from 0 to all.
    pub n_players: Vec<usize>,
    /// How much worse the score is without the first players.
    pub deletion: Vec<f64>,
    /// How much worse it is with the first players alone.
    pub insertion: Vec<f64>,
    /// The share of the area under the deletion curve; `None` if taking all away harms nothing.
    pub deletion_area: Option<f64>,
    /// The share of the area over the insertion curve; `None` as for deletion.
    pub insertion_area: Option<f64>,
    /// How many rows the model predicted.
    pub n_evaluations: usize,
}

impl Deletion {
    /// The curves of `order`, the players from the most to the least important.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] outside a domain; [`Error::Data`] unless `order` names each player
    /// once; those of [`Permutation::importance`].
    pub fn curves(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        players: &Players,
        order: &[usize],
        metric: &Metric,
    ) -> Result<DeletionCurves> {
        require(self.max_steps >= 1, "max_steps", self.max_steps, "at least 1")?;
        check_order(order, players)?;
        let n = order.len();
        let steps = (n - 1).min(self.max_steps);
        // The places strictly between the ends.
        let between: Vec<usize> = (1..=steps).map(|i| (i * n).div_ceil(steps + 1)).collect();
        let union = |chosen: &[usize]| {
            let mut features: Vec<usize> =
                chosen.iter().flat_map(|&player| players.members(player)).copied().collect();
            features.sort_unstable();
            features.dedup();
            features
        };
        let first = between.iter().map(|&k| (format!("first {k}"), union(&order[..k])));
        let rest = between.iter().map(|&k| (format!("all but the first {k}"), union(&order[k..])));
        let all = std::iter::once(("all".to_owned(), union(order)));
        let groups = Players::groups(players.n_features(), first.chain(rest).chain(all))?;
        let shuffle = Permutation { n_repeats: self.n_repeats, ..Permutation::default() };
        let found = shuffle.importance(run, model, data, &groups, std::slice::from_ref(metric))?;
        let losses = &found[0].values;
        let everything = losses[2 * steps];
        let curve = |ends: [f64; 2], middle: &[f64]| [&ends[..1], middle, &ends[1..]].concat();
        let deletion = curve([0.0, everything], &losses[..steps]);
        let insertion = curve([everything, 0.0], &losses[steps..2 * steps]);
        let n_players = [&[0], &between[..], &[n]].concat();
        let area = |curve: &[f64]| {
            let part = |i: usize| {
                let width = (n_players[i + 1] - n_players[i]) as f64 / n as f64;
                width * f64::midpoint(curve[i], curve[i + 1]) / everything
            };
            (everything > 0.0).then(|| (0..=steps).map(part).sum::<f64>())
        };
        Ok(DeletionCurves {
            metric: metric.name(),
            deletion_area: area(&deletion),
            insertion_area: area(&insertion).map(|area| 1.0 - area),
            n_players,
            deletion,
            insertion,
            n_evaluations: found[0].n_evaluations,
        })
    }
}

/// Each player once.
fn check_order(order: &[usize], players: &Players) -> Result<()> {
    require_shape("the order of the players", &[players.len()], &[order.len()])?;
    let mut seen = vec![false; players.len()];
    for &player in order {
        let Some(seen) = seen.get_mut(player) else {
            return Err(Error::Data(format!(
                "the order names player {player}, but there are only {} players",
                players.len()
            )));
        };
        if std::mem::replace(seen, true) {
            return Err(Error::Data(format!(
                "the order names player {player} twice, name each player once"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Target;
    use crate::model::Function;
    use ndarray::{Array2, ArrayView2, Axis};

    const BETA: [f64; 4] = [3.0, 2.0, 1.0, 0.0];

    fn linear() -> impl Model {
        Function::new(4, 1, |x: ArrayView2<f64>| {
            let sum =
                |row: ndarray::ArrayView1<f64>| row.iter().zip(BETA).map(|(x, b)| x * b).sum();
            x.map_axis(Axis(1), sum).insert_axis(Axis(1))
        })
    }

    fn data(n_rows: usize) -> Dataset {
        let mut rng = Run::new(3).rng(0);
        let rows = Array2::from_shape_fn((n_rows, 4), |_| rng.normal());
        let target = linear().predict(rows.view()).unwrap().into_raw_vec_and_offset().0;
        Dataset::new(rows, Target::Values(target)).unwrap()
    }

    fn players() -> Players {
        Players::features(["a", "b", "c", "d"]).unwrap()
    }

    fn curves(deletion: &Deletion, order: &[usize]) -> Result<DeletionCurves> {
        let (run, model, data) = (Run::new(1), linear(), data(400));
        deletion.curves(&run, &model, &data, &players(), order, &Metric::Mse)
    }

    #[test]
    fn a_linear_model_has_the_curves_of_its_coefficients() {
        let found = curves(&Deletion { n_repeats: 200, max_steps: 20 }, &[0, 1, 2, 3]).unwrap();
        assert_eq!(found.n_players, [0, 1, 2, 3, 4]);
        // Independent columns of variance 1: shuffling a set costs 2 Σ β².
        for (k, (deletion, insertion)) in found.deletion.iter().zip(&found.insertion).enumerate() {
            let taken: f64 = BETA[..k].iter().map(|b| 2.0 * b * b).sum();
            let left: f64 = BETA[k..].iter().map(|b| 2.0 * b * b).sum();
            // 400 rows: the sample's variances and correlations are off by some 10 %.
            assert!((deletion - taken).abs() < 3.0, "{found:?}");
            assert!((insertion - left).abs() < 3.0, "{found:?}");
        }
        // Shares 0, 9/14, 13/14, 1, 1 by trapezoids of width 1/4; both curves alike.
        let area = (9.0 + 13.0 + 14.0 + 7.0) / 56.0;
        assert!((found.deletion_area.unwrap() - area).abs() < 0.02, "{found:?}");
        assert!((found.insertion_area.unwrap() - area).abs() < 0.02, "{found:?}");
        assert_eq!(found.n_evaluations, 400 * (1 + 7 * 200));
    }

    #[test]
    fn the_ends_meet_and_a_reversed_order_mirrors_the_curves() {
        let deletion = Deletion::default();
        let (forward, backward) =
            (curves(&deletion, &[0, 1, 2, 3]).unwrap(), curves(&deletion, &[3, 2, 1, 0]).unwrap());
        let mirrored: Vec<f64> = backward.insertion.iter().rev().copied().collect();
        // What is left last from behind is what is taken first.
        assert_eq!(forward.deletion, mirrored);
        assert_eq!((forward.deletion[0], forward.insertion[4]), (0.0, 0.0));
        assert_eq!(forward.deletion[4], forward.insertion[0]);
        let areas = forward.deletion_area.unwrap() + backward.insertion_area.unwrap();
        assert!((areas - 1.0).abs() < 1e-12, "{areas}");
    }

    #[test]
    fn few_steps_are_spread_and_one_player_needs_none() {
        let found = curves(&Deletion { max_steps: 1, n_repeats: 2 }, &[0, 1, 2, 3]).unwrap();
        assert_eq!(found.n_players, [0, 2, 4]);
        let one = Players::groups(4, [("all", vec![0, 1, 2, 3])]).unwrap();
        let (run, model, data) = (Run::new(1), linear(), data(40));
        let found = Deletion::default().curves(&run, &model, &data, &one, &[0], &Metric::Mse);
        let found = found.unwrap();
        assert_eq!((found.n_players, found.deletion_area), (vec![0, 1], Some(0.5)));
    }

    #[test]
    fn a_model_that_ignores_all_has_no_areas() {
        let constant = Function::new(4, 1, |x: ArrayView2<f64>| Array2::zeros((x.nrows(), 1)));
        let order = [0, 1, 2, 3];
        let found = Deletion::default().curves(
            &Run::new(1),
            &constant,
            &data(40),
            &players(),
            &order,
            &Metric::Mse,
        );
        let found = found.unwrap();
        assert_eq!((found.deletion_area, found.insertion_area), (None, None));
        assert!(found.deletion.iter().all(|loss| *loss == 0.0));
    }

    #[test]
    fn a_bad_order_or_setting_gets_its_own_sentence() {
        let text =
            |deletion: &Deletion, order: &[usize]| curves(deletion, order).unwrap_err().to_string();
        let plain = Deletion::default();
        assert_eq!(text(&plain, &[0, 1]), "the order of the players has shape [2], expected [4]");
        assert_eq!(
            text(&plain, &[0, 1, 2, 4]),
            "the order names player 4, but there are only 4 players"
        );
        assert_eq!(
            text(&plain, &[0, 1, 2, 2]),
            "the order names player 2 twice, name each player once"
        );
        let none = Deletion { max_steps: 0, ..plain.clone() };
        assert_eq!(text(&none, &[0, 1, 2, 3]), "`max_steps` is `0`, it must be at least 1");
        let none = Deletion { n_repeats: 0, ..plain };
        assert_eq!(text(&none, &[0, 1, 2, 3]), "`n_repeats` is `0`, it must be at least 1");
    }
}
