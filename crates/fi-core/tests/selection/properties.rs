//! What must hold for every selection.

use fi_core::invariants::thread_count_invariance;
use fi_core::selection::{
    Boruta, HonestScore, Knockoffs, Rfe, RfeCv, Selection, Selector, StabilitySelection, Step,
    Threshold, Top, stability,
};
use fi_core::{Dataset, HeldOut, Lofo, Players, Run};
use ndarray::Array2;
use proptest::prelude::*;

use crate::{Ridge, features, gaussian, sizes};

/// Every selector joins here.
fn selectors() -> Vec<(&'static str, Box<dyn Selector>)> {
    vec![
        ("top", Box::new(Top { k: 3 })),
        ("threshold", Box::new(Threshold::default())),
        ("rfe", Box::new(Rfe::default())),
        ("rfecv", Box::new(RfeCv { step: Step::Number(2), ..Default::default() })),
        ("stability", Box::new(StabilitySelection { n_pairs: 6, ..Default::default() })),
        ("boruta", Box::new(Boruta { n_rounds: 12, ..Default::default() })),
        ("knockoffs", Box::new(Knockoffs { fdr: 0.9, n_draws: 3, ..Default::default() })),
    ]
}

/// Whether the choice depends on the order of columns: only shadows and knockoffs are drawn by place.
fn by_place(name: &str) -> bool {
    ["boruta", "knockoffs"].contains(&name)
}

#[test]
fn threads_do_not_change_a_bit() {
    let data = gaussian(1, 36, &[1.0, 0.7, 0.0, 0.0, 0.3], 1.0);
    let held_out = HeldOut::default();
    for (name, selector) in selectors() {
        thread_count_invariance(&Run::new(3), |run| {
            let own = selector.select(run, &Ridge(1.0), &held_out, &data, &features(5))?;
            // Rust compares −0 and 0 as equal, text does not.
            Ok(serde_json::to_string(&own).unwrap())
        })
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let honest = HonestScore::default();
    thread_count_invariance(&Run::new(3), |run| {
        honest.score(run, &Top { k: 2 }, &Ridge(1.0), &Lofo::default(), &data, &features(5))
    })
    .unwrap();
}

fn names(found: &Selection) -> Vec<String> {
    let mut names: Vec<String> = found.names().into_iter().map(String::from).collect();
    names.sort_unstable();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_order_of_columns_changes_no_choice(
        seed in 0_u64..1000, order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let data = gaussian(seed, 30, &[1.0, 0.6, 0.3, 0.0, 0.0, 0.1], 0.7);
        let moved: Dataset = data.select_features(&order);
        let players = features(6);
        let moved_players =
            Players::features(order.iter().map(|&i| players.names()[i].clone())).unwrap();
        for (name, selector) in selectors().iter().filter(|(name, _)| !by_place(name)) {
            let select = |data: &Dataset, players: &Players| {
                selector.select(&Run::new(seed), &Ridge(1.5), &sizes, data, players).unwrap()
            };
            let (before, after) = (select(&data, &players), select(&moved, &moved_players));
            prop_assert_eq!(names(&before), names(&after), "{}", name);
        }
    }

    #[test]
    fn every_result_holds_together(seed in 0_u64..1000) {
        let data = gaussian(seed, 30, &[1.0, 0.6, 0.3, 0.0, 0.0, 0.1], 0.7);
        for (name, selector) in selectors() {
            let players = features(6);
            let found =
                selector.select(&Run::new(seed), &Ridge(1.5), &sizes, &data, &players).unwrap();
            prop_assert!(found.chosen.is_sorted() && found.chosen.iter().all(|&i| i < 6));
            prop_assert_eq!(found.seed, seed);
            let rows: Vec<_> = found.path.iter().filter(|row| row.chosen).collect();
            prop_assert_eq!(rows.len(), 1, "{}", name);
            prop_assert_eq!(&rows[0].features, &found.names());
            // Paths are nested, and each size's players are among the last one's.
            for pair in found.path.windows(2) {
                prop_assert!(pair[1].n_features < pair[0].n_features);
                prop_assert!(pair[1].features.iter().all(|f| pair[0].features.contains(f)));
            }
            if let Some(ranking) = &found.ranking {
                let first: Vec<usize> = (0..6).filter(|&i| ranking[i] == 1).collect();
                prop_assert_eq!(&first, &found.chosen);
            }
            let text = serde_json::to_string(&found).unwrap();
            prop_assert_eq!(serde_json::from_str::<Selection>(&text).unwrap(), found);
        }
    }

    #[test]
    fn stability_has_its_bounds(
        bits in prop::collection::vec(any::<bool>(), 2..60), n_sets in 2_usize..6,
    ) {
        let n_features = bits.len() / n_sets;
        prop_assume!(n_features > 0);
        let bits = bits[..n_sets * n_features].to_vec();
        let sets = Array2::from_shape_vec((n_sets, n_features), bits).unwrap();
        let Some(found) = stability(sets.view(), 0.95).unwrap() else { return Ok(()) };
        let lowest = -1.0 / (n_sets as f64 - 1.0);
        prop_assert!(lowest - 1e-12 <= found.value && found.value <= 1.0 + 1e-12, "{found:?}");
        prop_assert!(found.low <= found.value && found.value <= found.high);
        let same = sets.rows().into_iter().all(|row| row == sets.row(0));
        prop_assert_eq!(same, (found.value - 1.0).abs() < 1e-12);
    }
}
