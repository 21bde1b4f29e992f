//! Shapley estimators at their edges: one player, many players, bad settings, bad games.

use std::ops::ControlFlow;

use fi_core::shapley::{Estimator, Exact, Kernel, Permutation, Rates, Sampling, explain};
use fi_core::{Function, Game, Players, Progress, Removal, Result, Run};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, array};

fn estimators() -> [Box<dyn Estimator>; 4] {
    [
        Box::new(Exact),
        Box::new(Permutation::default()),
        Box::new(Kernel::default()),
        Box::new(Sampling { n_samples: 3 }),
    ]
}

/// The number of players present, to a power.
struct Count {
    n_players: usize,
    power: i32,
}

impl Game for Count {
    fn n_players(&self) -> usize {
        self.n_players
    }
    fn n_outputs(&self) -> usize {
        1
    }
    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        let worth = |s: ArrayView1<'_, bool>| {
            (s.iter().filter(|&&present| present).count() as f64 / 10.0).powi(self.power)
        };
        Ok(coalitions.map_axis(Axis(1), worth).insert_axis(Axis(1)))
    }
}

/// A game that answers with this table, whatever it is asked.
struct Answers(Array2<f64>);

impl Game for Answers {
    fn n_players(&self) -> usize {
        3
    }
    fn n_outputs(&self) -> usize {
        1
    }
    fn values(&self, _coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        Ok(self.0.clone())
    }
}

#[test]
fn a_single_player_gets_everything() {
    for estimator in estimators() {
        let game = Count { n_players: 1, power: 2 };
        let estimate = estimator.estimate(&Run::new(0), &game).unwrap();
        assert!((estimate.values[[0, 0]] - 0.01).abs() < 1e-15, "{}", estimator.name());
        assert_eq!(estimate.std_error.unwrap()[[0, 0]], 0.0, "{}", estimator.name());
    }
}

#[test]
fn hundreds_of_players_share_alike() {
    // The game is symmetric and cubic: each of 300 gets 30³ / 300 = 90.
    let game = Count { n_players: 300, power: 3 };
    let learned = Kernel::new(3000);
    let equal = Kernel { rates: Rates::Equal, ..learned };
    let permutation = Permutation { n_permutations: 100, tolerance: None };
    let sampling = Sampling { n_samples: 50 };
    // How far values are off by the standard errors, and how large these are.
    let check = |estimator: &dyn Estimator| {
        let estimate = estimator.estimate(&Run::new(1), &game).unwrap();
        let std_error = estimate.std_error.unwrap();
        if estimator.name() != sampling.name() {
            assert!((estimate.values.sum() - 27_000.0).abs() < 1e-6, "{}", estimator.name());
        }
        let size = |table: &Array2<f64>| table.mapv(|x| x * x).mean().unwrap().sqrt();
        let spread = size(&((&estimate.values - 90.0) / &std_error));
        assert!(spread < 1.5, "{} {spread}", estimator.name());
        (spread, size(&std_error))
    };
    let of_equal = check(&equal);
    for (spread, _) in [of_equal, check(&permutation), check(&sampling)] {
        assert!(spread > 0.6, "{spread}");
    }
    // That players are alike is learned: values are nearer than the unit of standard errors knows,
    // which coalitions of one player make large in this game.
    let of_learned = check(&learned);
    assert!(of_learned.1 < of_equal.1, "{of_learned:?} {of_equal:?}");
}

#[test]
fn a_tolerance_stops_early_and_says_whether_it_was_reached() {
    let game = Function::new(6, 1, |rows: ArrayView2<'_, f64>| {
        let f = |x: ArrayView1<'_, f64>| x[0] * x[1] * x[2] + x[3] * x[4] * x[5] + 3.0 * x[0];
        rows.map_axis(Axis(1), f).insert_axis(Axis(1))
    });
    let players = Players::features(["a", "b", "c", "d", "e", "f"]).unwrap();
    let removal = Removal::baseline(vec![0.0; 6]).unwrap();
    let row = array![1.0, 2.0, 1.0, 1.0, 0.5, 1.0];
    let game = fi_core::PredictionGame::new(&game, &players, row.view(), &removal).unwrap();
    let estimate = |n_permutations, tolerance| {
        Permutation { n_permutations, tolerance }.estimate(&Run::new(7), &game).unwrap()
    };
    let reached = estimate(100_000, Some(0.01));
    assert_eq!(reached.converged, Some(true));
    let n_permutations = (reached.n_coalitions - 2) / 5;
    assert!(n_permutations < 10_000 && n_permutations % 32 == 0, "{n_permutations}");
    let range = reached.values.fold(f64::MIN, |m, x| m.max(*x))
        - reached.values.fold(f64::MAX, |m, x| m.min(*x));
    let largest = reached.std_error.as_ref().unwrap().fold(0.0, |m: f64, x| m.max(*x));
    assert!(largest <= 0.01 * range && largest > 0.0);
    // A run of that many permutations is the same run.
    assert_eq!(estimate(n_permutations, None).values, reached.values);
    let missed = estimate(32, Some(1e-4));
    assert_eq!((missed.converged, missed.n_coalitions), (Some(false), 2 + 32 * 5));
    assert_eq!(estimate(2, None).std_error, None);
}

#[test]
fn standard_errors_shrink_with_the_draws_and_vanish_with_none() {
    let game = Count { n_players: 9, power: 5 };
    let kernel = |n_coalitions| Kernel::new(n_coalitions).estimate(&Run::new(0), &game).unwrap();
    // 20 coalitions are those of one player; with 22, one pair is drawn.
    assert_eq!(kernel(20).std_error.unwrap().sum(), 0.0);
    assert_eq!(kernel(22).std_error, None);
    let few = kernel(100).std_error.unwrap().sum();
    let more = kernel(400).std_error.unwrap().sum();
    assert!(few > 2.0 * more && more > 0.0, "{few} {more}");
    assert_eq!(kernel(100_000).n_coalitions, 512);
    assert_eq!(kernel(101).n_coalitions, 100);
}

#[test]
fn each_bad_setting_gets_its_own_sentence() {
    let text = |estimator: &dyn Estimator, n_players| {
        let game = Count { n_players, power: 1 };
        estimator.estimate(&Run::new(0), &game).unwrap_err().to_string()
    };
    assert_eq!(
        text(&Exact, 21),
        "`n_players` is `21`, it must be at most 20 for exact Shapley values; score groups, or \
         use `Permutation` or `Kernel`"
    );
    for estimator in estimators() {
        assert_eq!(text(&*estimator, 0), "`n_players` is `0`, it must be at least 1");
    }
    for n_permutations in [0, 1, 7] {
        assert_eq!(
            text(&Permutation { n_permutations, tolerance: None }, 3),
            format!(
                "`n_permutations` is `{n_permutations}`, it must be even and at least 2, because \
                 each is walked in both directions"
            )
        );
    }
    for tolerance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            text(&Permutation { n_permutations: 4, tolerance: Some(tolerance) }, 3),
            format!("`tolerance` is `{tolerance}`, it must be positive and finite")
        );
    }
    assert_eq!(
        text(&Permutation { n_permutations: 2, tolerance: Some(0.1) }, 3),
        "`n_permutations` is `2`, it must be at least 4 with a tolerance, to have standard errors"
    );
    assert_eq!(
        text(&Kernel::new(201), 100),
        "`n_coalitions` is `201`, it must be at least 202 with 100 players, to ask for each of \
         them and its complement"
    );
    assert_eq!(
        text(&Kernel::new(3), 2),
        "`n_coalitions` is `3`, it must be at least 4 with 2 players, to ask for each of them \
         and its complement"
    );
    assert_eq!(text(&Sampling { n_samples: 1 }, 3), "`n_samples` is `1`, it must be at least 2");
}

#[test]
fn a_game_that_breaks_its_word_is_named() {
    for estimator in estimators() {
        let text = |answers| estimator.estimate(&Run::new(0), &Answers(answers)).unwrap_err();
        let shape = text(array![[1.0]]).to_string();
        assert!(
            shape.starts_with("the coalitions' values has shape [1, 1], expected ["),
            "{shape}"
        );
        let nan = text(Array2::from_elem(
            (if estimator.name() == "exact Shapley values" { 8 } else { 2 }, 1),
            f64::NAN,
        ));
        assert_eq!(
            nan.to_string(),
            "a coalition's value is `NaN` in row 0, only finite numbers have a meaning there"
        );
    }
    let kernel = Kernel::default();
    let prepared = kernel.prepare(&Run::new(0), 4).unwrap();
    let error = prepared(&Run::new(0), &Count { n_players: 3, power: 1 }).unwrap_err();
    assert_eq!(error.to_string(), "the game's list of players has shape [3], expected [4]");
}

#[test]
fn an_explanation_says_what_is_wrong_and_where() {
    let model = Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
        rows.column(0).mapv(f64::ln).insert_axis(Axis(1))
    });
    let players = Players::features(["a", "b"]).unwrap();
    let removal = Removal::baseline(vec![1.0, 1.0]).unwrap();
    let text = |rows: Array2<f64>, removal: &Removal| {
        explain(&Run::new(0), &Exact, &model, rows.view(), &players, removal)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(text(array![[1.0]], &removal), "the table has shape [1, 1], expected [1, 2]");
    assert_eq!(
        text(Array2::zeros((0, 2)), &removal),
        "an explanation needs at least 1 rows, got 0"
    );
    assert_eq!(
        text(array![[1.0, 1.0], [-1.0, 1.0]], &removal),
        "row 1: the model's prediction is `NaN` in row 1, only finite numbers have a meaning there"
    );
    assert_eq!(
        text(array![[1.0, f64::INFINITY]], &removal),
        "row 0: the row to explain is `inf` in row 0, column `1`, only finite numbers have a \
         meaning there"
    );
    let narrow = Removal::baseline(vec![1.0]).unwrap();
    assert_eq!(text(array![[1.0, 1.0]], &narrow), "the baseline row has shape [1], expected [2]");
}

#[test]
fn an_explanation_can_be_cancelled() {
    struct Stop;
    impl Progress for Stop {
        fn advance(&self, _done: usize, _total: usize) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    let model = Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
        rows.sum_axis(Axis(1)).insert_axis(Axis(1))
    });
    let players = Players::features(["a", "b"]).unwrap();
    let removal = Removal::baseline(vec![1.0, 1.0]).unwrap();
    let rows = Array2::zeros((1000, 2));
    let run = Run::new(0).with_progress(&Stop);
    let part = explain(&run, &Exact, &model, rows.view(), &players, &removal).unwrap();
    // A row for each thread at most, which had begun it before it heard.
    let finished = part.finished_rows.unwrap();
    assert!(!finished.is_empty() && finished.len() < 1000, "{finished:?}");
    assert_eq!(part.values.shape(), [finished.len(), 1, 2]);
}
