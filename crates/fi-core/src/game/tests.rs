//! Prediction games by hand, and bad input.

use std::sync::Arc;

use super::*;
use crate::conditional::Conditional;
use crate::model::Function;
use ndarray::{Axis, array};

/// `f(a, b, c) = a + 10 b + 100 c`, and its square.
fn digits() -> impl Model {
    Function::new(3, 2, |rows: ArrayView2<'_, f64>| {
        let sum = rows.dot(&array![1.0, 10.0, 100.0]);
        let square = &sum * &sum;
        ndarray::stack(Axis(1), &[sum.view(), square.view()]).unwrap()
    })
}

#[test]
fn a_value_is_the_weighted_mean_over_the_background() {
    let players = Players::features(["a", "b", "c"]).unwrap();
    let rows = array![[0.0, 0.0, 0.0], [4.0, 4.0, 4.0]];
    let row = array![1.0, 2.0, 3.0];
    let coalitions = array![[false, false, false], [true, false, true], [true, true, true]];
    let model = digits();
    let values = |removal: &Removal| {
        let game = PredictionGame::new(&model, &players, row.view(), removal).unwrap();
        game.values(coalitions.view()).unwrap()
    };
    let even = values(&Removal::marginal(rows.clone()).unwrap());
    assert_eq!(even.column(0), array![222.0, 321.0, 321.0]);
    assert_eq!(even[[1, 1]], f64::midpoint(301.0 * 301.0, 341.0 * 341.0));
    let uneven = values(&Removal::weighted_marginal(rows, vec![3.0, 1.0]).unwrap());
    assert_eq!(uneven.column(0), array![111.0, 311.0, 321.0]);
    let baseline = values(&Removal::baseline(vec![7.0, 8.0, 9.0]).unwrap());
    assert_eq!(baseline.column(0), array![987.0, 381.0, 321.0]);
}

#[test]
fn a_background_of_several_blocks_keeps_its_weights() {
    const BLOCK: usize = 4096;
    let n = BLOCK + 100;
    let rows = Array2::from_shape_fn((n, 1), |(b, _)| f64::from(u8::from(b >= BLOCK)));
    let weights = (0..n).map(|b| if b >= BLOCK { 3.0 } else { 1.0 }).collect();
    let removal = Removal::weighted_marginal(rows, weights).unwrap();
    let same = Function::new(1, 1, |rows: ArrayView2<'_, f64>| rows.to_owned());
    let players = Players::features(["a"]).unwrap();
    let row = array![7.0];
    let game = PredictionGame::new(&same, &players, row.view(), &removal).unwrap();
    let values = game.values(array![[false], [true]].view()).unwrap();
    assert_eq!(values, array![[300.0 / (BLOCK as f64 + 300.0)], [7.0]]);
}

#[test]
fn a_feature_is_present_with_any_of_its_players_or_without_one() {
    let players = Players::groups(3, [("a", vec![0]), ("ab", vec![0, 1])]).unwrap();
    let removal = Removal::baseline(vec![0.0; 3]).unwrap();
    let (model, row) = (digits(), array![1.0, 1.0, 1.0]);
    let game = PredictionGame::new(&model, &players, row.view(), &removal).unwrap();
    let coalitions = array![[false, false], [true, false], [false, true], [true, true]];
    let values = game.values(coalitions.view()).unwrap();
    assert_eq!(values.column(0), array![100.0, 101.0, 111.0, 111.0]);
}

#[test]
fn blocks_give_the_values_of_single_coalitions() {
    // More coalitions, and more background rows, than fit into one block.
    let (model, row) = (digits(), array![1.0, 2.0, 3.0]);
    let players = Players::features(["a", "b", "c"]).unwrap();
    for (n_background, n_coalitions) in [(7, 5000), (20_000, 5)] {
        let rows = Array2::from_shape_fn((n_background, 3), |(i, j)| ((i * 7 + j) % 11) as f64);
        let removal = Removal::marginal(rows).unwrap();
        let game = PredictionGame::new(&model, &players, row.view(), &removal).unwrap();
        let coalitions =
            Array2::from_shape_fn((n_coalitions, 3), |(k, i)| (k * 5 + k / 8) >> i & 1 == 1);
        let together = game.values(coalitions.view()).unwrap();
        for k in (0..n_coalitions).step_by(n_coalitions / 5) {
            let alone = game.values(coalitions.slice(s![k..=k, ..])).unwrap();
            assert_eq!(together.row(k), alone.row(0), "coalition {k}");
        }
    }
}

#[test]
fn completions_average_to_the_value() {
    let (model, row) = (digits(), array![1.0, 2.0, 3.0]);
    let players = Players::features(["a", "b", "c"]).unwrap();
    let rows = array![[5.0, 6.0, 7.0], [0.0, 1.0, 0.0], [2.0, 0.0, 0.0]];
    let removal = Removal::weighted_marginal(rows, vec![1.0, 0.0, 3.0]).unwrap();
    let game = PredictionGame::new(&model, &players, row.view(), &removal).unwrap();
    let coalition = array![[false, true, false], [false, true, false], [false, true, false]];
    let whole = game.values(coalition.view()).unwrap();
    let each = game.complete(coalition.view(), &[0, 1, 2]).unwrap();
    assert_eq!(each.column(0), array![725.0, 20.0, 22.0]);
    assert_eq!(whole[[0, 0]], (725.0 + 3.0 * 22.0) / 4.0);
    let mut rng = Rng::new(0, 0);
    let mut counts = [0_usize; 3];
    (0..4000).for_each(|_| counts[game.draw_completion(&mut rng)] += 1);
    assert!(counts[0].abs_diff(1000) < 130 && counts[1] == 0, "{counts:?}");
    let text = game.complete(coalition.view(), &[0, 3, 0]).unwrap_err().to_string();
    assert_eq!(text, "completion 3 does not exist, there are only 3 background rows");
    let text = game.complete(coalition.view(), &[0]).unwrap_err().to_string();
    assert_eq!(text, "the list of completions has shape [1], expected [3]");
}

#[test]
fn each_bad_removal_gets_its_own_sentence() {
    let text = |removal: Result<Removal>| removal.unwrap_err().to_string();
    let weighted =
        |weights: Vec<f64>| text(Removal::weighted_marginal(array![[0.0], [1.0]], weights));
    assert_eq!(
        text(Removal::marginal(Array2::zeros((0, 2)))),
        "the background needs at least 1 rows, got 0"
    );
    assert_eq!(
        text(Removal::baseline(vec![])),
        "the baseline has no features, give at least one column"
    );
    assert_eq!(
        text(Removal::marginal(array![[0.0, f64::INFINITY]])),
        "the background is `inf` in row 0, column `1`, only finite numbers have a meaning there"
    );
    assert_eq!(weighted(vec![1.0]), "the list of background weights has shape [1], expected [2]");
    assert_eq!(
        weighted(vec![1.0, f64::NAN]),
        "the background weight is `NaN` in row 1, only finite numbers have a meaning there"
    );
    assert_eq!(
        weighted(vec![-1.0, 2.0]),
        "the background weight is `-1` in row 0, weights must not be negative"
    );
    assert_eq!(
        weighted(vec![0.0, 0.0]),
        "all background weights are 0, give at least one row a weight"
    );
}

#[test]
fn each_bad_game_gets_its_own_sentence() {
    let model = digits();
    let players = Players::features(["a", "b", "c"]).unwrap();
    let removal = Removal::baseline(vec![0.0; 3]).unwrap();
    let row = array![1.0, 2.0, 3.0];
    let text = |players: &Players, row: ArrayView1<'_, f64>, removal: &Removal| {
        PredictionGame::new(&model, players, row, removal).err().unwrap().to_string()
    };
    let two = Players::features(["a", "b"]).unwrap();
    assert_eq!(
        text(&two, row.view(), &removal),
        "the list of players' features has shape [2], expected [3]"
    );
    assert_eq!(text(&players, array![1.0].view(), &removal), "the row has shape [1], expected [3]");
    assert_eq!(
        text(&players, row.view(), &Removal::Baseline(vec![0.0])),
        "the baseline row has shape [1], expected [3]"
    );
    assert_eq!(
        text(&players, array![0.0, f64::NEG_INFINITY, 0.0].view(), &removal),
        "the row to explain is `-inf` in row 0, column `1`, only finite numbers have a meaning there"
    );
    // The fields are public: what the constructors refuse is refused here too.
    let unchecked = Removal::Marginal { rows: Array2::zeros((0, 3)), weights: None };
    assert_eq!(
        text(&players, row.view(), &unchecked),
        "the background needs at least 1 rows, got 0"
    );
    let game = PredictionGame::new(&model, &players, row.view(), &removal).unwrap();
    let text = game.values(array![[true]].view()).unwrap_err().to_string();
    assert_eq!(text, "the table of coalitions has shape [1, 1], expected [1, 3]");
}

/// Two features with correlation `r` and variance 1.
fn correlated(r: f64) -> Arc<dyn Conditional> {
    let covariance = array![[1.0, r], [r, 1.0]];
    Arc::new(crate::conditional::Gaussian::new(vec![0.0; 2], covariance.view()).unwrap())
}

#[test]
fn a_conditional_game_is_worth_the_conditional_expectation() {
    let model = Function::new(2, 1, |rows: ArrayView2<'_, f64>| rows.dot(&array![[3.0], [10.0]]));
    let players = Players::features(["a", "b"]).unwrap();
    let removal = Removal::conditional(correlated(0.5), 20_000, 7).unwrap();
    let row = array![2.0, -1.0];
    let game = PredictionGame::new(&model, &players, row.view(), &removal).unwrap();
    let coalitions = array![[false, false], [true, false], [false, true], [true, true]];
    let values = game.values(coalitions.view()).unwrap();
    // 3 a + 10 b with E[b | a] = a/2 and E[a | b] = b/2.
    for (value, expected) in values.iter().zip([0.0, 16.0, -11.5, -4.0]) {
        assert!((value - expected).abs() < 0.4, "{values}");
    }
    assert_eq!(values[[3, 0]], -4.0);
    // Pure: alone, together and again; another seed draws anew.
    assert_eq!(game.values(coalitions.slice(s![1..2, ..])).unwrap().row(0), values.row(1));
    assert_eq!(game.cost(), 20_000);
    let other = Removal::conditional(correlated(0.5), 20_000, 8).unwrap();
    let other = PredictionGame::new(&model, &players, row.view(), &other).unwrap();
    assert_ne!(other.values(coalitions.view()).unwrap().row(1), values.row(1));
    assert_ne!(removal, Removal::conditional(correlated(0.5), 20_000, 7).unwrap());
    assert_eq!(removal, removal.clone());
}

/// A present value that is missing stays missing for the model, and tells the sampler nothing.
#[test]
fn a_missing_value_is_not_filled_in_for_the_model() {
    let model = Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), |row| if row[0].is_nan() { row[1] } else { 100.0 })
            .insert_axis(Axis(1))
    });
    let players = Players::features(["a", "b"]).unwrap();
    let removal = Removal::conditional(correlated(0.9), 4_000, 1).unwrap();
    let row = array![f64::NAN, 2.0];
    let game = PredictionGame::new(&model, &players, row.view(), &removal).unwrap();
    let coalitions = array![[true, false], [true, true], [false, true]];
    let values = game.values(coalitions.view()).unwrap();
    assert!(values[[0, 0]].abs() < 0.06, "{values}");
    assert_eq!((values[[1, 0]], values[[2, 0]]), (2.0, 100.0));
}

#[test]
fn conditional_completions_average_to_the_value() {
    let model = Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
        rows.map_axis(Axis(1), |row| row[0] * row[1].exp()).insert_axis(Axis(1))
    });
    let players = Players::features(["a", "b"]).unwrap();
    let removal = Removal::conditional(correlated(-0.9), 5, 1).unwrap();
    let row = array![1.0, 2.0];
    let game = PredictionGame::new(&model, &players, row.view(), &removal).unwrap();
    for coalition in [array![false, true], array![false, false], array![true, true]] {
        let coalitions = Array2::from_shape_fn((5, 2), |(_, player)| coalition[player]);
        let whole = game.values(coalitions.view()).unwrap();
        let each = game.complete(coalitions.view(), &[0, 1, 2, 3, 4]).unwrap();
        assert!((each.mean().unwrap() - whole[[0, 0]]).abs() < 1e-12);
    }
    let mut rng = Rng::new(0, 0);
    let mut counts = [0_usize; 5];
    (0..5000).for_each(|_| counts[game.draw_completion(&mut rng)] += 1);
    assert!(counts.iter().all(|count| count.abs_diff(1000) < 150), "{counts:?}");
    let text = game.complete(array![[true, false]].view(), &[5]).unwrap_err().to_string();
    assert_eq!(text, "completion 5 does not exist, there are only 5 draws");
}

/// Breaks its word.
#[derive(Debug)]
struct Bad;
impl Conditional for Bad {
    fn n_features(&self) -> usize {
        3
    }
    fn sample(
        &self,
        row: ArrayView1<'_, f64>,
        _: &[bool],
        n: usize,
        _: &mut Rng,
    ) -> Result<Array2<f64>> {
        let n = if row[0] > 0.0 { n } else { n + 1 };
        Ok(Array2::from_elem((n, 3), f64::INFINITY))
    }
}

#[test]
fn each_bad_conditional_removal_gets_its_own_sentence() {
    let text = |n| Removal::conditional(correlated(0.0), n, 0).unwrap_err().to_string();
    assert_eq!(text(0), "`n_samples` is `0`, it must be from 1 to 1048576");
    assert_eq!(
        text(usize::MAX),
        format!("`n_samples` is `{}`, it must be from 1 to 1048576", usize::MAX)
    );
    let (model, players) = (digits(), Players::features(["a", "b", "c"]).unwrap());
    let removal = Removal::conditional(correlated(0.0), 1, 0).unwrap();
    let row = array![1.0, 2.0, 3.0];
    let error = PredictionGame::new(&model, &players, row.view(), &removal).err().unwrap();
    assert_eq!(error.to_string(), "the sampler's row has shape [2], expected [3]");

    let removal = Removal::conditional(Arc::new(Bad), 2, 0).unwrap();
    let text = |first: f64| {
        let row = array![first, 2.0, 3.0];
        let game = PredictionGame::new(&model, &players, row.view(), &removal).unwrap();
        game.values(array![[true, false, true]].view()).unwrap_err().to_string()
    };
    assert_eq!(text(-1.0), "the table of drawn rows has shape [3, 3], expected [2, 3]");
    assert_eq!(
        text(1.0),
        "the drawn row is `inf` in row 0, column `1`, only finite numbers have a meaning there"
    );
}
