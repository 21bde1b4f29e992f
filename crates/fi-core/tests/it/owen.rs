//! Owen values against their definition, the axioms, the quotient game, and at their edges.

use fi_core::invariants::{self, TableGame};
use fi_core::shapley::{Estimate, Estimator, Exact, Owen, Permutation, Structure};
use fi_core::{Game, Hierarchy, Linkage, Result, Run};
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;

fn exact(structure: &Structure, game: &dyn Game) -> Estimate {
    Owen { structure: structure.clone(), sampling: None }.estimate(&Run::new(0), game).unwrap()
}

fn sampled(structure: &Structure, n_permutations: usize) -> Owen {
    let sampling = Some(Permutation { n_permutations, tolerance: None });
    Owen { structure: structure.clone(), sampling }
}

/// All orders of `0..n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![vec![]] };
    let insert = |order: Vec<usize>| {
        (0..n).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, last);
            longer
        })
    };
    orders(last).into_iter().flat_map(insert).collect()
}

/// The definition: the mean over all orders in which every union is in one piece.
fn by_definition(levels: &[Vec<Vec<usize>>], game: &TableGame) -> Array2<f64> {
    let n = game.n_players();
    let in_one_piece = |order: &Vec<usize>| {
        levels.iter().flatten().all(|union| {
            let places = || (0..n).filter(|&place| union.contains(&order[place]));
            places().max().unwrap() - places().min().unwrap() + 1 == union.len()
        })
    };
    let mut sum = Array2::zeros((game.n_outputs(), n));
    let mut count = 0.0;
    for order in orders(n).into_iter().filter(in_one_piece) {
        let mut before = 0;
        for player in order {
            let added = &game.worth().row(before | 1 << player) - &game.worth().row(before);
            let mut value = sum.column_mut(player);
            value += &added;
            before |= 1 << player;
        }
        count += 1.0;
    }
    sum / count
}

/// Two nested levels over up to `n` players: labels of the fine level, and of its unions.
fn levels(fine: &[usize], coarse: &[usize]) -> Vec<Vec<Vec<usize>>> {
    let by = |label: &dyn Fn(usize) -> usize| {
        let unions = (0..4).map(|of| (0..fine.len()).filter(|&i| label(i) == of).collect());
        unions.filter(|union: &Vec<usize>| !union.is_empty()).collect()
    };
    vec![by(&|i| fine[i]), by(&|i| coarse[fine[i]])]
}

fn labels(n: usize) -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (proptest::collection::vec(0_usize..4, n), proptest::collection::vec(0_usize..3, 4))
}

fn games_with_levels(most: usize) -> impl Strategy<Value = (TableGame, Vec<Vec<Vec<usize>>>)> {
    (1..=most).prop_flat_map(|n| {
        (invariants::games(n..=n, 1..=2), labels(n))
            .prop_map(|(game, (fine, coarse))| (game, levels(&fine, &coarse)))
    })
}

fn apart(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).fold(0.0, |most: f64, x| most.max(x.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn exact_values_are_those_of_the_definition((game, levels) in games_with_levels(6)) {
        let n = game.n_players();
        let structure = Structure::levels(n, &levels).unwrap();
        let found = exact(&structure, &game);
        prop_assert!(apart(&found.values, &by_definition(&levels, &game)) < 1e-12);
        let flat = Structure::unions(n, &levels[0]).unwrap();
        let found = exact(&flat, &game);
        prop_assert!(apart(&found.values, &by_definition(&levels[..1], &game)) < 1e-12);
        prop_assert!(found.n_coalitions <= 1 << n);
    }

    #[test]
    fn axioms((game, levels) in games_with_levels(8), seed: u64) {
        let structure = Structure::levels(game.n_players(), &levels).unwrap();
        let run = Run::new(seed);
        let exact = Owen { structure: structure.clone(), sampling: None };
        for owen in [exact, sampled(&structure, 4)] {
            invariants::efficiency(&run, &owen, &game, 1e-11)?;
            let twice = (2.0, &game as &dyn Game);
            invariants::linearity(&run, &owen, twice, (-0.5, &game), 1e-11)?;
        }
    }

    #[test]
    fn a_null_player_gets_nothing_to_the_bit(
        (game, player) in invariants::games_with_null_player(1..=7, 1..=2),
        (fine, coarse) in labels(7), seed: u64,
    ) {
        let levels = levels(&fine[..game.n_players()], &coarse);
        let structure = Structure::levels(game.n_players(), &levels).unwrap();
        let run = Run::new(seed);
        let exact = Owen { structure: structure.clone(), sampling: None };
        invariants::null_player(&run, &exact, &game, player, 0.0)?;
        invariants::null_player(&run, &sampled(&structure, 4), &game, player, 0.0)?;
    }

    #[test]
    fn players_alike_in_one_union_get_the_same(
        (game, (a, b)) in invariants::games_with_symmetric_players(2..=7, 1..=2),
        (mut fine, coarse) in labels(7),
    ) {
        fine[b] = fine[a];
        let levels = levels(&fine[..game.n_players()], &coarse);
        let structure = Structure::levels(game.n_players(), &levels).unwrap();
        let owen = Owen { structure, sampling: None };
        invariants::symmetry(&Run::new(0), &owen, &game, (a, b), 1e-11)?;
    }

    /// So unions that are alike get the same, too: Shapley values of the quotient are symmetric.
    #[test]
    fn a_unions_values_add_up_to_its_shapley_value_in_the_quotient_game(
        (game, levels) in games_with_levels(8),
    ) {
        let n = game.n_players();
        let found = exact(&Structure::levels(n, &levels).unwrap(), &game);
        let unions = &levels[1];
        let quotient = Array2::from_shape_fn((1 << unions.len(), game.n_outputs()), |(k, output)| {
            let present = unions.iter().enumerate().filter(|(union, _)| k >> union & 1 == 1);
            let coalition: usize = present.flat_map(|(_, union)| union).map(|i| 1 << i).sum();
            game.worth()[[coalition, output]]
        });
        let quotient = TableGame::new(unions.len(), quotient).unwrap();
        let shapley = Exact.estimate(&Run::new(0), &quotient).unwrap().values;
        for ((output, union), &expected) in shapley.indexed_iter() {
            let sum: f64 = unions[union].iter().map(|&i| found.values[[output, i]]).sum();
            prop_assert!((sum - expected).abs() < 1e-11);
        }
    }

    #[test]
    fn single_players_and_one_union_of_all_give_shapley_values(
        game in invariants::games(1..=7, 1..=2),
    ) {
        let n = game.n_players();
        let shapley = Exact.estimate(&Run::new(0), &game).unwrap();
        let alone: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
        for unions in [vec![], alone, vec![(0..n).collect()]] {
            let structure = Structure::unions(n, &unions).unwrap();
            let found = exact(&structure, &game);
            prop_assert_eq!((structure.n_unions(), found.n_coalitions), (0, 1 << n));
            prop_assert!(apart(&found.values, &shapley.values) < 1e-11);
            prop_assert_eq!(&found.base_values, &shapley.base_values);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn threads_do_not_change_a_bit((game, levels) in games_with_levels(6), seed: u64) {
        let structure = Structure::levels(game.n_players(), &levels).unwrap();
        let exact = Owen { structure: structure.clone(), sampling: None };
        for owen in [exact, sampled(&structure, 70)] {
            invariants::thread_count_invariance(&Run::new(seed), |run| {
                let found = owen.estimate(run, &game)?;
                let bits = |values: &Array2<f64>| values.mapv(f64::to_bits);
                Ok((bits(&found.values), found.std_error.as_ref().map(bits)))
            })?;
        }
    }
}

/// A random game whose worths are drawn and have nothing to do with each other.
fn wild(n: usize, seed: u64) -> TableGame {
    let mut rng = fi_core::Rng::new(seed, 0);
    TableGame::new(n, Array2::from_shape_simple_fn((1 << n, 1), || rng.normal())).unwrap()
}

#[test]
fn sampled_values_are_near_the_exact_ones_and_say_how_near() {
    let levels =
        [vec![vec![0, 3], vec![1, 4, 6], vec![2]], vec![vec![0, 1, 3, 4, 6], vec![2, 5, 7]]];
    let structure = Structure::levels(8, &levels).unwrap();
    assert_eq!(structure.n_unions(), 4);
    let game = wild(8, 3);
    let exact = exact(&structure, &game).values;
    let (mut squares, mut said, mut bias) = (0.0, 0.0, exact.clone() * 0.0);
    for seed in 0..200 {
        let found = sampled(&structure, 100).estimate(&Run::new(seed), &game).unwrap();
        let error = &found.values - &exact;
        squares += error.mapv(|x| x * x).sum();
        said += found.std_error.unwrap().mapv(|x| x * x).sum();
        bias += &error;
    }
    let ratio = (squares / said).sqrt();
    assert!((0.9..1.1).contains(&ratio), "{ratio}");
    // 8 values' mean errors over 200 seeds.
    let mean = (bias.mapv(|x| x * x).sum() / 200.0 / squares).sqrt();
    assert!(mean < 1.8, "{mean}");
}

/// The square of how many are present.
struct Square(usize);
impl Game for Square {
    fn n_players(&self) -> usize {
        self.0
    }
    fn n_outputs(&self) -> usize {
        1
    }
    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        let worth = |s: ndarray::ArrayView1<'_, bool>| {
            (s.iter().filter(|&&present| present).count() as f64).powi(2)
        };
        let axis = ndarray::Axis(1);
        Ok(coalitions.map_axis(axis, worth).insert_axis(axis))
    }
}

#[test]
fn a_tree_of_pairs_is_cheap_for_many_players() {
    // Features on a line, at distances that pair them up again and again.
    let height = |i: usize, j: usize| f64::from((i ^ j).checked_ilog2().map_or(0, |bit| bit + 1));
    let distances = Array2::from_shape_fn((64, 64), |(i, j)| height(i, j));
    let names: Vec<String> = (0..64).map(|i| format!("x{i}")).collect();
    let tree = Hierarchy::of_distances(&names, distances.view(), Linkage::Complete).unwrap();
    let structure = tree.structure(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(structure.n_unions(), 62);
    let found = exact(&structure, &Square(64));
    assert!(found.n_coalitions <= 2 * 64 * 64, "{}", found.n_coalitions);
    assert!(found.values.iter().all(|value| (value - 64.0).abs() < 1e-9));
    assert_eq!(tree.structure(&[]).unwrap().n_unions(), 0);
}

#[test]
fn each_bad_structure_gets_its_own_sentence() {
    let text = |levels: &[Vec<Vec<usize>>]| Structure::levels(3, levels).unwrap_err().to_string();
    assert_eq!(
        text(&[vec![vec![0], vec![]]]),
        "a union of level 0 has no players, give it at least one"
    );
    assert_eq!(
        text(&[vec![vec![0, 3]]]),
        "a union of level 0 names player 3, but there are only 3 players"
    );
    assert_eq!(
        text(&[vec![], vec![vec![0, 1], vec![1, 2]]]),
        "player 1 is in the unions of level 1 twice, name it once"
    );
    assert_eq!(
        text(&[vec![vec![0, 1]], vec![vec![1, 2]]]),
        "a union of level 1 parts one of the level before, a level must be made of whole unions \
         of the one before"
    );
    for n_players in [0, usize::MAX] {
        assert_eq!(
            Structure::unions(n_players, &[]).unwrap_err().to_string(),
            format!("`n_players` is `{n_players}`, it must be from 1 to 1048576")
        );
    }
    let of =
        |owen: Owen, n: usize| owen.estimate(&Run::new(0), &wild(n, 0)).unwrap_err().to_string();
    let three = Structure::unions(3, &[vec![0, 1]]).unwrap();
    assert_eq!(
        of(Owen { structure: three.clone(), sampling: None }, 4),
        "the game's list of players has shape [4], expected [3]"
    );
    assert_eq!(
        of(sampled(&three, 3), 3),
        "`n_permutations` is `3`, it must be even and at least 2, because each is walked in both \
         directions"
    );
    let too_many = |n: usize| {
        let structure = Structure::unions(n, &[]).unwrap();
        let owen = Owen { structure, sampling: None };
        owen.estimate(&Run::new(0), &Square(n)).unwrap_err().to_string()
    };
    assert_eq!(
        too_many(21),
        "`structure` is `2097152 coalitions`, it must be one of at most 1048576 for exact Owen \
         values; make smaller unions, or set `sampling`"
    );
    assert_eq!(
        too_many(129),
        "`n_players` is `129`, it must be at most 128 for exact Owen values; score groups, or set \
         `sampling`"
    );
}
