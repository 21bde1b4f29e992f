//! Interactions of games against shapiq, their Möbius forms and axioms; estimates against them.

use fi_core::invariants::{self, TableGame};
use fi_core::shapley::{
    Estimator, Exact, ExactInteractions, Index, InteractionEstimate, InteractionEstimator,
    KernelInteractions, interactions,
};
use fi_core::{Function, Game, Interactions, Players, Removal, Result, Run};
use ndarray::{Array2, ArrayView2, Axis, array};
use proptest::prelude::*;
use serde_json::Value;

const ALL: [Index; 3] = [Index::Shapley, Index::Taylor, Index::Faithful];

fn exact(index: Index, game: &dyn Game) -> InteractionEstimate {
    ExactInteractions { index }.estimate(&Run::new(0), game).unwrap()
}

fn kernel(index: Index, n_coalitions: usize, seed: u64, game: &dyn Game) -> InteractionEstimate {
    KernelInteractions { index, n_coalitions }.estimate(&Run::new(seed), game).unwrap()
}

/// Whole pairs `a < b`, or a player's own effect.
fn effect(found: &InteractionEstimate, n: usize, output: usize, (a, b): (usize, usize)) -> f64 {
    let value = found.values[[output, Interactions::pair(n, a, b)]];
    if a == b { value } else { 2.0 * value }
}

fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |a| (a..n).map(move |b| (a, b)))
}

#[test]
fn exact_interactions_are_those_of_shapiq() {
    let golden: Value = serde_json::from_str(include_str!("../golden/interactions.json")).unwrap();
    let numbers = |value: &Value| serde_json::from_value::<Vec<f64>>(value.clone()).unwrap();
    let worth = numbers(&golden["worth"]);
    let game = TableGame::new(6, Array2::from_shape_vec((64, 1), worth).unwrap()).unwrap();
    let shapley = Exact.estimate(&Run::new(0), &game).unwrap().values;
    let singles = numbers(&golden["SII"]["single"]);
    assert!(shapley.iter().zip(&singles).all(|(a, b)| (a - b).abs() < 1e-12));
    // shapiq finds FSII by least squares in which the ends weigh 10⁶ or so.
    let indices = [
        (Index::Shapley, "SII", 1e-12),
        (Index::Shapley, "k-SII", 1e-12),
        (Index::Taylor, "STII", 1e-12),
        (Index::Faithful, "FSII", 2e-5),
    ];
    for (index, name, tolerance) in indices {
        let found = exact(index, &game);
        for (a, b) in pairs(6) {
            let expected = match (a == b, name) {
                (true, "SII") => continue,
                (true, _) => numbers(&golden[name]["single"])[a],
                (false, _) => numbers(&golden[name]["pairs"][a])[b - a - 1],
            };
            let value = effect(&found, 6, 0, (a, b));
            assert!((value - expected).abs() < tolerance, "{name} {a} {b} {value} {expected}");
        }
    }
}

/// The index as its papers write it, from the Möbius transform of the game.
fn by_moebius(index: Index, game: &TableGame, output: usize, (a, b): (usize, usize)) -> f64 {
    let n = game.n_players();
    let size = |coalition: usize| coalition.count_ones() as i32;
    let sign = |exponent: i32| if exponent % 2 == 0 { 1.0 } else { -1.0 };
    let moebius = |whole: usize| -> f64 {
        let parts = (0..=whole).filter(|part| part & !whole == 0);
        parts.map(|part| sign(size(whole) - size(part)) * game.worth()[[part, output]]).sum()
    };
    let choose = |n: i32, k: i32| (0..k).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
    let (players, s) = (1 << a | 1 << b, if a == b { 1 } else { 2 });
    let above = |of: &dyn Fn(i32) -> f64| -> f64 {
        let larger = (1..1_usize << n).filter(|larger| larger & players == players);
        larger.map(|larger| of(size(larger)) * moebius(larger)).sum()
    };
    match (index, a == b) {
        (Index::Shapley, false) => above(&|t| 1.0 / f64::from(t - 1)),
        // B₁ = −½ of each pair is added to the Shapley value.
        (Index::Shapley, true) => {
            let others = (0..n).filter(|&other| other != a);
            let pairs: f64 = others.map(|other| by_moebius(index, game, output, (a, other))).sum();
            above(&|t| 1.0 / f64::from(t)) - 0.5 * pairs
        }
        (Index::Taylor, false) => above(&|t| 1.0 / choose(t, 2)),
        (Index::Taylor, true) => moebius(players),
        // Tsai, Yeh, Ravikumar, theorem 19, for ℓ = 2.
        (Index::Faithful, _) => {
            let ratio = |t: i32| choose(t - 1, 2) / choose(t + 1, 2 + s);
            let factor = sign(2 - s) * f64::from(s) / f64::from(2 + s) * choose(2, s);
            moebius(players) + factor * above(&|t| if t > 2 { ratio(t) } else { 0.0 })
        }
    }
}

/// Games in which no three players interact.
fn games_of_pairs(n: usize) -> impl Strategy<Value = (TableGame, Vec<f64>)> {
    proptest::collection::vec(-5.0..5.0_f64, n * (n + 1) / 2).prop_map(move |effects| {
        let worth = |coalition: usize| -> f64 {
            let present = |player: usize| coalition >> player & 1 == 1;
            let inside = pairs(n).filter(|&(a, b)| present(a) && present(b));
            0.5 + inside.map(|(a, b)| effects[Interactions::pair(n, a, b)]).sum::<f64>()
        };
        let worth = Array2::from_shape_fn((1 << n, 1), |(coalition, _)| worth(coalition));
        (TableGame::new(n, worth).unwrap(), effects)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn exact_interactions_are_those_of_the_moebius_transform(
        game in invariants::games(1..=6, 1..=2),
    ) {
        let n = game.n_players();
        for index in ALL {
            let found = exact(index, &game);
            for (output, pair) in (0..game.n_outputs()).flat_map(|o| pairs(n).map(move |p| (o, p))) {
                let expected = by_moebius(index, &game, output, pair);
                prop_assert!((effect(&found, n, output, pair) - expected).abs() < 1e-10);
            }
        }
    }

    /// Each row of the matrix adds up to the Shapley value, as [`Interactions`] says.
    #[test]
    fn shapley_interactions_add_up_to_shapley_values(game in invariants::games(1..=7, 1..=2)) {
        let n = game.n_players();
        let (found, shapley) =
            (exact(Index::Shapley, &game), Exact.estimate(&Run::new(0), &game).unwrap());
        for ((output, a), value) in shapley.values.indexed_iter() {
            let row: f64 =
                (0..n).map(|b| found.values[[output, Interactions::pair(n, a, b)]]).sum();
            prop_assert!((row - value).abs() < 1e-11);
        }
    }

    #[test]
    fn all_effects_add_up_whatever_is_drawn(game in invariants::games(1..=6, 1..=2), seed: u64) {
        let n = game.n_players();
        let least = (1 << n).min(2 * n * n);
        for index in ALL {
            for found in [exact(index, &game), kernel(index, least, seed, &game)] {
                for output in 0..game.n_outputs() {
                    let sum: f64 = pairs(n).map(|pair| effect(&found, n, output, pair)).sum();
                    let worth = game.worth();
                    let total = worth[[(1 << n) - 1, output]] - worth[[0, output]];
                    prop_assert!((sum - total).abs() < 1e-9, "{index:?} {sum} {total}");
                }
            }
        }
    }

    #[test]
    fn a_null_player_interacts_with_nobody_to_the_bit(
        (game, player) in invariants::games_with_null_player(1..=7, 1..=2),
    ) {
        let n = game.n_players();
        for index in ALL {
            let found = exact(index, &game);
            for other in 0..n {
                let pair = Interactions::pair(n, player, other);
                prop_assert!(found.values.column(pair).iter().all(|&value| value == 0.0));
            }
        }
    }

    #[test]
    fn players_alike_interact_alike(
        (game, (a, b)) in invariants::games_with_symmetric_players(2..=6, 1..=1),
    ) {
        let n = game.n_players();
        for index in ALL {
            let found = exact(index, &game);
            let of = |x, y| effect(&found, n, 0, (x, y));
            prop_assert!((of(a, a) - of(b, b)).abs() < 1e-11);
            for other in (0..n).filter(|&other| other != a && other != b) {
                prop_assert!((of(a, other) - of(b, other)).abs() < 1e-11);
            }
        }
    }

    #[test]
    fn games_of_pairs_are_found_by_everything(
        (game, effects) in (1_usize..=8).prop_flat_map(games_of_pairs), seed: u64,
    ) {
        let n = game.n_players();
        let least = (1 << n).min(2 * n * n);
        for index in ALL {
            for found in [exact(index, &game), kernel(index, least, seed, &game)] {
                for pair in pairs(n) {
                    let expected = effects[Interactions::pair(n, pair.0, pair.1)];
                    prop_assert!((effect(&found, n, 0, pair) - expected).abs() < 1e-8);
                }
            }
        }
    }

    #[test]
    fn all_coalitions_are_exact(game in invariants::games(1..=7, 1..=2), seed: u64) {
        for index in ALL {
            let (exact, kernel) = (exact(index, &game), kernel(index, 1 << 7, seed, &game));
            let apart = (&exact.values - &kernel.values).mapv(f64::abs);
            prop_assert!(apart.iter().all(|&apart| apart < 1e-9), "{index:?} {apart}");
            prop_assert_eq!(kernel.std_error, exact.std_error);
            prop_assert_eq!(kernel.n_coalitions, 1 << game.n_players());
        }
    }
}

/// A smooth game of many orders.
fn smooth(n: usize) -> TableGame {
    let mut rng = fi_core::Rng::new(3, 0);
    let slopes = Array2::from_shape_simple_fn((n, 4), || rng.normal());
    let worth = Array2::from_shape_fn((1 << n, 1), |(coalition, _)| {
        let unit = |of: usize| {
            let inside = (0..n).filter(|player| coalition >> player & 1 == 1);
            inside.map(|player| slopes[[player, of]]).sum::<f64>().tanh()
        };
        unit(0) + unit(1) * unit(2) - unit(3)
    });
    TableGame::new(n, worth).unwrap()
}

#[test]
fn estimates_are_near_and_say_how_near() {
    let game = smooth(9);
    for (index, n_coalitions) in
        [(Index::Shapley, 162), (Index::Shapley, 240), (Index::Taylor, 240), (Index::Faithful, 240)]
    {
        let exact = exact(index, &game).values;
        let (mut squares, mut said, mut off, mut count) = (0.0, 0.0, 0.0, 0.0);
        let mut bias = exact.clone() * 0.0;
        for seed in 0..60 {
            let found = kernel(index, n_coalitions, seed, &game);
            let std_error = found.std_error.unwrap();
            let error = &found.values - &exact;
            for (a, b) in pairs(9) {
                // Taylor's own effects are exact.
                if a != b || index != Index::Taylor {
                    let place = [0, Interactions::pair(9, a, b)];
                    squares += error[place].powi(2);
                    said += std_error[place].powi(2);
                    off += f64::from(u8::from(error[place].abs() > 2.0 * std_error[place]));
                    count += 1.0;
                } else {
                    assert!(error[[0, Interactions::pair(9, a, b)]].abs() < 1e-9);
                }
            }
            bias += &error;
        }
        let (ratio, off) = ((squares / said).sqrt(), off / count);
        assert!((0.85..1.2).contains(&ratio), "{index:?} {n_coalitions} {ratio}");
        // A normal deviate is beyond 2 with 0.0455; few degrees of freedom are left by 162.
        assert!((0.02..0.12).contains(&off), "{index:?} {n_coalitions} {off}");
        // The mean over seeds is nearer by about √60 of them.
        let mean = (bias.mapv(|x| x * x).sum() / 60.0 / squares).sqrt();
        assert!(mean < 2.0, "{index:?} {n_coalitions} {mean}");
    }
    // A larger budget is nearer.
    let error = |n_coalitions| {
        let exact = exact(Index::Shapley, &game).values;
        let apart = |seed| &kernel(Index::Shapley, n_coalitions, seed, &game).values - &exact;
        (0..10).map(|seed| apart(seed).mapv(|x| x * x).sum()).sum::<f64>()
    };
    assert!(error(162) > 3.0 * error(400));
}

#[test]
fn threads_do_not_change_a_bit() {
    let model = Function::new(5, 2, |rows: ArrayView2<'_, f64>| {
        let product = rows.map_axis(Axis(1), |x| x[0] * x[1] * x[2] + x[3].tanh());
        let sum = rows.map_axis(Axis(1), |x| (x[3] * x[4]).max(x[0]));
        ndarray::stack![Axis(1), product, sum]
    });
    let players = Players::features(["a", "b", "c", "d", "e"]).unwrap();
    let mut rng = fi_core::Rng::new(1, 0);
    let rows = Array2::from_shape_simple_fn((6, 5), || rng.normal());
    let removal = Removal::marginal(rows.clone()).unwrap();
    let estimators: [Box<dyn InteractionEstimator>; 2] = [
        Box::new(ExactInteractions::default()),
        Box::new(KernelInteractions { index: Index::Taylor, n_coalitions: 32 }),
    ];
    for estimator in estimators {
        invariants::thread_count_invariance(&Run::new(4), |run| {
            let found = interactions(run, &*estimator, &model, rows.view(), &players, &removal)?;
            assert_eq!(found.values.dim(), (6, 2, 15));
            assert_eq!(found.n_evaluations, 6 * 6 * 32);
            Ok(found.values.mapv(f64::to_bits))
        })
        .unwrap();
    }
}

#[test]
fn each_bad_setting_gets_its_own_sentence() {
    struct Nothing(usize);
    impl Game for Nothing {
        fn n_players(&self) -> usize {
            self.0
        }
        fn n_outputs(&self) -> usize {
            1
        }
        fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
            Ok(Array2::from_elem((coalitions.nrows(), 1), f64::NAN))
        }
    }
    let text = |estimator: &dyn InteractionEstimator, n: usize| {
        estimator.estimate(&Run::new(0), &Nothing(n)).unwrap_err().to_string()
    };
    let exact = ExactInteractions::default();
    let kernel = |n_coalitions| KernelInteractions { n_coalitions, ..Default::default() };
    assert_eq!(
        text(&exact, 17),
        "`n_players` is `17`, it must be at most 16 for exact interactions; score groups, or use \
         `KernelInteractions`"
    );
    for estimator in [&exact as &dyn InteractionEstimator, &kernel(100)] {
        assert_eq!(text(estimator, 0), "`n_players` is `0`, it must be at least 1");
        let nan = text(estimator, 3);
        assert!(nan.starts_with("a coalition's value is `NaN` in row 0"), "{nan}");
    }
    assert_eq!(
        text(&kernel(199), 10),
        "`n_coalitions` is `199`, it must be at least 200 with 10 players, to tell all pairs apart"
    );
    assert_eq!(
        text(&kernel(usize::MAX), 30),
        format!(
            "`n_coalitions` is `{}`, it must be at most 144320 with 30 players, to fit into \
             memory; score groups",
            usize::MAX
        )
    );
    let many = text(&kernel(usize::MAX - 1), usize::MAX);
    assert!(many.starts_with("`n_coalitions` is `18446744073709551614`"), "{many}");
    let prepared = exact.prepare(&Run::new(0), 3).unwrap();
    let other = prepared(&Run::new(0), &Nothing(2)).unwrap_err().to_string();
    assert_eq!(other, "the game's list of players has shape [2], expected [3]");
    // Nothing is drawn, and then too little to say how sure it is.
    let game = smooth(7);
    let budget = |n_coalitions| kernel(n_coalitions).estimate(&Run::new(0), &game).unwrap();
    assert_eq!(budget(129).n_coalitions, 128);
    assert!(budget(98).std_error.is_some());
    let model = Function::new(1, 1, |rows: ArrayView2<'_, f64>| rows.to_owned());
    let players = Players::features(["a"]).unwrap();
    let removal = Removal::baseline(vec![0.0]).unwrap();
    let explain = |rows: Array2<f64>| {
        interactions(&Run::new(0), &kernel(64), &model, rows.view(), &players, &removal)
    };
    assert_eq!(
        explain(Array2::zeros((0, 1))).unwrap_err().to_string(),
        "an explanation needs at least 1 rows, got 0"
    );
    assert_eq!(
        explain(Array2::zeros((1, 2))).unwrap_err().to_string(),
        "the table has shape [1, 2], expected [1, 1]"
    );
    let alone = explain(array![[3.0]]).unwrap();
    assert_eq!((alone.value(0, 0, 0, 0), alone.base_values[[0, 0]]), (3.0, 0.0));
}
