//! Every Shapley estimator against the axioms, on random games.

use fi_core::invariants::{self, RandomModel};
use fi_core::shapley::{Estimator, Exact, Kernel, Permutation, Rates, Sampling, explain};
use fi_core::{Dataset, Game, Removal, Run};
use ndarray::{Axis, s};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// An estimator, and the axioms that it keeps: to rounding, but null players to the bit.
#[expect(clippy::struct_excessive_bools, reason = "a row of the table of axioms")]
struct Kept {
    estimator: Box<dyn Estimator>,
    efficiency: bool,
    symmetry: bool,
    /// The largest value of a null player.
    null_player: Option<f64>,
    linearity: bool,
    /// Whether the order of the players does not matter.
    column_order: bool,
}

/// Every estimator joins here.
fn estimators() -> Vec<Kept> {
    let kept = |estimator: Box<dyn Estimator>| Kept {
        estimator,
        efficiency: true,
        symmetry: false,
        null_player: Some(0.0),
        linearity: true,
        column_order: false,
    };
    let permutation = Permutation { n_permutations: 6, tolerance: None };
    let kernel = Kernel::new(30);
    vec![
        Kept { symmetry: true, column_order: true, ..kept(Box::new(Exact)) },
        kept(Box::new(permutation)),
        // The regression on all coalitions, and on some.
        Kept {
            symmetry: true,
            column_order: true,
            null_player: Some(1e-11),
            ..kept(Box::new(Kernel::new(256)))
        },
        Kept { null_player: None, ..kept(Box::new(Kernel { rates: Rates::Equal, ..kernel })) },
        Kept { null_player: None, linearity: false, ..kept(Box::new(kernel)) },
        Kept { efficiency: false, ..kept(Box::new(Sampling { n_samples: 20 })) },
    ]
}

const ROUNDING: f64 = 1e-11;

proptest! {
    #[test]
    fn efficiency(game in invariants::games(1..=8, 1..=3), seed in any::<u64>()) {
        for kept in estimators().iter().filter(|kept| kept.efficiency) {
            invariants::efficiency(&Run::new(seed), &*kept.estimator, &game, ROUNDING)?;
        }
    }

    #[test]
    fn symmetry(
        (game, players) in invariants::games_with_symmetric_players(2..=8, 1..=3),
        seed in any::<u64>(),
    ) {
        for kept in estimators().iter().filter(|kept| kept.symmetry) {
            invariants::symmetry(&Run::new(seed), &*kept.estimator, &game, players, ROUNDING)?;
        }
    }

    #[test]
    fn null_player(
        (game, player) in invariants::games_with_null_player(1..=8, 1..=3),
        seed in any::<u64>(),
    ) {
        for kept in estimators() {
            let Some(most) = kept.null_player else { continue };
            invariants::null_player(&Run::new(seed), &*kept.estimator, &game, player, most)?;
        }
    }

    #[test]
    fn linearity(
        (first, second) in (1_usize..=7, 1_usize..=3).prop_flat_map(|(players, outputs)| {
            let game = || invariants::games(players..=players, outputs..=outputs);
            (game(), game())
        }),
        (a, b) in (-3.0..3.0_f64, -3.0..3.0_f64),
        seed in any::<u64>(),
    ) {
        for kept in estimators().iter().filter(|kept| kept.linearity) {
            let run = Run::new(seed);
            invariants::linearity(&run, &*kept.estimator, (a, &first), (b, &second), ROUNDING)?;
        }
    }

    /// Its law of interactions may come from the game, but not from the game's unit.
    #[test]
    fn kernel_shap_keeps_its_law_in_another_unit(
        (game, nothing) in (1_usize..=7, 1_usize..=3).prop_flat_map(|(players, outputs)| {
            let game = || invariants::games(players..=players, outputs..=outputs);
            (game(), game())
        }),
        unit in -3.0..3.0_f64,
        seed in any::<u64>(),
    ) {
        let kernel = Kernel::new(30);
        invariants::linearity(&Run::new(seed), &kernel, (unit, &game), (0.0, &nothing), 1e-8)?;
    }

    #[test]
    fn kernel_shap_on_all_coalitions_is_exact(game in invariants::games(1..=8, 1..=3)) {
        let run = Run::new(0);
        let exact = Exact.estimate(&run, &game).unwrap();
        let kernel = Kernel::new(1 << game.n_players()).estimate(&run, &game).unwrap();
        let apart = (&exact.values - &kernel.values).mapv(f64::abs);
        prop_assert!(apart.iter().all(|&apart| apart < 1e-11), "{apart}");
        prop_assert_eq!(kernel.std_error, exact.std_error);
    }

    #[test]
    fn a_random_models_unused_feature_gets_nothing_and_the_rest_adds_up(
        (model, data) in model_and_rows(),
        seed in any::<u64>(),
    ) {
        for kept in estimators() {
            attributes(&model, &data, &kept, seed)?;
        }
    }

    #[test]
    fn the_order_of_columns_does_not_matter(
        (model, data) in model_and_rows(),
        seed in any::<u64>(),
    ) {
        let mut order: Vec<usize> = (0..data.n_features()).collect();
        order.rotate_left(1);
        order.swap(0, data.n_features() / 2);
        for kept in estimators().iter().filter(|kept| kept.column_order) {
            let scores = |model: &dyn fi_core::Model, rows: ndarray::ArrayView2<'_, f64>| {
                let names: Vec<String> = (0..rows.ncols()).map(|i| format!("x{i}")).collect();
                let players = fi_core::Players::features(names)?;
                let removal = Removal::marginal(rows.slice(s![2.., ..]).to_owned())?;
                let first = rows.slice(s![..2, ..]);
                let run = Run::new(seed);
                explain(&run, &*kept.estimator, model, first, &players, &removal)
                    .map(|shap| shap.values.index_axis(Axis(0), 1).row(0).to_vec())
            };
            invariants::column_permutation(scores, &model, data.rows(), &order, ROUNDING)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn threads_do_not_change_a_bit((model, data) in model_and_rows(), seed in any::<u64>()) {
        let players = fi_core::Players::features(data.feature_names().to_vec()).unwrap();
        let removal = Removal::marginal(data.rows().slice(s![2.., ..]).to_owned()).unwrap();
        let bits = |x: &f64| x.to_bits();
        for kept in estimators() {
            invariants::thread_count_invariance(&Run::new(seed), |run| {
                let rows = data.rows();
                let shap = explain(run, &*kept.estimator, &model, rows, &players, &removal)?;
                let errors = shap.std_error.iter().flatten().map(bits).collect::<Vec<_>>();
                Ok((shap.values.iter().map(bits).collect::<Vec<_>>(), errors))
            })?;
        }
    }
}

fn model_and_rows() -> impl Strategy<Value = (RandomModel, Dataset)> {
    (1_usize..=6).prop_flat_map(|n_features| {
        let model = invariants::models(n_features..=n_features, 1..=3);
        (model, invariants::regression(4..=9, n_features..=n_features))
    })
}

fn attributes(
    model: &RandomModel,
    data: &Dataset,
    kept: &Kept,
    seed: u64,
) -> Result<(), TestCaseError> {
    use fi_core::Model;
    let run = Run::new(seed);
    let players = fi_core::Players::features(data.feature_names().to_vec()).unwrap();
    let removal = Removal::marginal(data.rows().slice(s![2.., ..]).to_owned()).unwrap();
    let rows = data.rows();
    let shap = explain(&run, &*kept.estimator, model, rows, &players, &removal).unwrap();
    let unused = (0..data.n_features()).filter(|&feature| !model.uses(feature));
    for feature in unused.take(if kept.null_player.is_some() { usize::MAX } else { 0 }) {
        let largest =
            shap.values.index_axis(Axis(2), feature).fold(0.0, |m: f64, v| m.max(v.abs()));
        prop_assert!(Some(largest) <= kept.null_player, "{} {largest}", kept.estimator.name());
    }
    if kept.efficiency {
        let total = shap.values.sum_axis(Axis(2)) + &shap.base_values;
        let apart = (total - model.predict(rows).unwrap()).mapv(f64::abs);
        prop_assert!(apart.iter().all(|&apart| apart < 1e-10), "{} {apart}", kept.estimator.name());
    }
    Ok(())
}
