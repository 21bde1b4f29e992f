//! Trees of features against scipy's, against the definition, and at their edges.

use super::*;
use crate::dataset::Target;
use ndarray::{Array2, array};
use proptest::prelude::*;
use serde_json::Value;

const ALL: [(Linkage, &str); 4] = [
    (Linkage::Single, "single"),
    (Linkage::Complete, "complete"),
    (Linkage::Average, "average"),
    (Linkage::Ward, "ward"),
];

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("x{i}")).collect()
}

fn data(rows: Array2<f64>) -> Dataset {
    let n = rows.nrows();
    Dataset::new(rows, Target::Values(vec![0.0; n])).unwrap()
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn trees_leaves_and_cuts_are_scipys() {
    let golden: Value =
        serde_json::from_str(include_str!("../../tests/golden/clusters.json")).unwrap();
    let rows: Vec<Vec<f64>> = numbers(&golden["rows"]);
    let rows = Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap();
    let n = rows.ncols();
    let data = data(rows);
    for (linkage, name) in ALL {
        let golden = &golden["linkages"][name];
        let tree = Hierarchy::of_features(&data, linkage).unwrap();
        let expected: Vec<[f64; 4]> = numbers(&golden["linkage"]);
        assert_eq!(tree.merges().len(), expected.len());
        for (merge, expected) in tree.merges().iter().zip(&expected) {
            let clusters = (merge.clusters.0 as f64, merge.clusters.1 as f64);
            assert_eq!(clusters, (expected[0], expected[1]), "{name}");
            assert!((merge.distance - expected[2]).abs() < 1e-13, "{name}");
            assert_eq!(merge.n_features as f64, expected[3], "{name}");
        }
        assert_eq!(tree.leaves(), numbers::<Vec<usize>>(&golden["leaves"]), "{name}");
        let same = |players: &Players, labels: &[usize]| {
            let of = |feature: usize| {
                (0..players.len()).position(|p| players.members(p).contains(&feature)).unwrap()
            };
            (0..n).all(|i| (0..n).all(|j| (of(i) == of(j)) == (labels[i] == labels[j])))
        };
        for cut in golden["by_distance"].as_array().unwrap() {
            let players = tree.cut(numbers(&cut["distance"])).unwrap();
            assert!(same(&players, &numbers::<Vec<usize>>(&cut["labels"])), "{name}");
        }
        for cut in golden["by_number"].as_array().unwrap() {
            let players = tree.cut_into(numbers(&cut["n"])).unwrap();
            assert!(same(&players, &numbers::<Vec<usize>>(&cut["labels"])), "{name}");
        }
    }
}

/// The definition: looks at all pairs of clusters, and at all pairs of their members.
fn slow(distances: &Array2<f64>, linkage: Linkage) -> Vec<f64> {
    let mut clusters: Vec<Vec<usize>> = (0..distances.nrows()).map(|i| vec![i]).collect();
    let apart = |a: &[usize], b: &[usize]| {
        let all = a.iter().flat_map(|&i| b.iter().map(move |&j| distances[[i, j]]));
        match linkage {
            Linkage::Single => all.fold(f64::INFINITY, f64::min),
            Linkage::Complete => all.fold(0.0, f64::max),
            Linkage::Average => all.sum::<f64>() / (a.len() * b.len()) as f64,
            Linkage::Ward => unreachable!("its definition needs points"),
        }
    };
    let mut heights = Vec::new();
    while clusters.len() > 1 {
        let pairs = (0..clusters.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let (i, j) = pairs
            .min_by(|&(i, j), &(k, l)| {
                let at = |i: usize, j: usize| apart(&clusters[i], &clusters[j]);
                at(i, j).total_cmp(&at(k, l))
            })
            .unwrap();
        heights.push(apart(&clusters[i], &clusters[j]));
        let gone = clusters.remove(i);
        clusters[j].extend(gone);
    }
    heights
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn heights_are_those_of_the_definition_and_rise(
        (n, values) in (1_usize..9).prop_flat_map(|n| {
            (Just(n), proptest::collection::vec(0.01..1.0_f64, n * n))
        }),
    ) {
        let distances = Array2::from_shape_fn((n, n), |(i, j)| {
            if i == j { 0.0 } else { values[i.min(j) * n + i.max(j)] }
        });
        for (linkage, name) in ALL {
            let tree = Hierarchy::of_distances(&names(n), distances.view(), linkage).unwrap();
            let heights: Vec<f64> = tree.merges().iter().map(|merge| merge.distance).collect();
            prop_assert!(heights.is_sorted(), "{name} {heights:?}");
            let mut leaves = tree.leaves();
            leaves.sort_unstable();
            prop_assert_eq!(leaves, (0..n).collect::<Vec<_>>());
            for n_clusters in 1..=n {
                prop_assert_eq!(tree.cut_into(n_clusters).unwrap().len(), n_clusters);
            }
            if linkage != Linkage::Ward {
                let slow = slow(&distances, linkage);
                let near = heights.iter().zip(&slow).all(|(a, b)| (a - b).abs() < 1e-12);
                prop_assert!(near, "{name} {heights:?} {slow:?}");
            }
        }
    }

    /// Between Euclidean points, Ward's height is √(2 |a| |b| / (|a| + |b|)) times the distance of
    /// the centres.
    #[test]
    fn ward_is_that_of_points(points in proptest::collection::vec(-1.0..1.0_f64, 2..9)) {
        let n = points.len();
        let distances = Array2::from_shape_fn((n, n), |(i, j)| (points[i] - points[j]).abs());
        let tree = Hierarchy::of_distances(&names(n), distances.view(), Linkage::Ward).unwrap();
        let mut clusters: Vec<Vec<f64>> = points.iter().map(|&x| vec![x]).collect();
        for merge in tree.merges() {
            let (a, b) = (&clusters[merge.clusters.0], &clusters[merge.clusters.1]);
            let centre = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
            let (na, nb) = (a.len() as f64, b.len() as f64);
            let expected = (2.0 * na * nb / (na + nb)).sqrt() * (centre(a) - centre(b)).abs();
            prop_assert!((merge.distance - expected).abs() < 1e-7);
            clusters.push([a.as_slice(), b].concat());
        }
    }

    #[test]
    fn single_linkage_has_the_groups_of_correlated(
        values in proptest::collection::vec(0..6_i32, 40), threshold in 0.0..1.0_f64,
    ) {
        let rows = Array2::from_shape_fn((8, 5), |(i, j)| f64::from(values[5 * i + j]));
        let data = data(rows);
        let tree = Hierarchy::of_features(&data, Linkage::Single).unwrap();
        let groups = Players::correlated(&data, threshold).unwrap();
        // `>` the threshold there is `<` the distance here; no ρ is the threshold itself.
        prop_assert_eq!(tree.cut(1.0 - threshold).unwrap(), groups);
    }
}

#[test]
fn several_cuts_are_nested_players() {
    let d = array![
        [0.0, 0.1, 0.5, 0.9],
        [0.1, 0.0, 0.6, 0.9],
        [0.5, 0.6, 0.0, 0.9],
        [0.9, 0.9, 0.9, 0.0]
    ];
    let tree = Hierarchy::of_distances(&names(4), d.view(), Linkage::Complete).unwrap();
    let players = tree.nested(&[0.7, 0.0, 0.1]).unwrap();
    assert_eq!(players.names(), ["x0", "x1", "x2", "x3", "x0 & x1", "x0 & x1 & x2"]);
    let json = serde_json::to_string(&tree).unwrap();
    assert_eq!(serde_json::from_str::<Hierarchy>(&json).unwrap(), tree);
}

#[test]
fn ties_and_a_single_feature_are_no_trouble() {
    let alone = Hierarchy::of_features(&data(array![[1.0], [2.0]]), Linkage::Ward).unwrap();
    assert_eq!((alone.merges().len(), alone.leaves()), (0, vec![0]));
    assert_eq!(alone.cut(0.0).unwrap().len(), 1);
    // Constant columns are at distance 1 of everything.
    let tree = Hierarchy::of_features(&data(Array2::zeros((5, 4))), Linkage::Average).unwrap();
    assert!(tree.merges().iter().all(|merge| merge.distance == 1.0));
    assert_eq!(tree.cut(0.99).unwrap().len(), 4);
    assert_eq!(tree.cut(1.0).unwrap().len(), 1);
}

#[test]
fn each_bad_input_gets_its_own_sentence() {
    let text = |names: &[String], distances: Array2<f64>| {
        let tree = Hierarchy::of_distances(names, distances.view(), Linkage::Average);
        tree.unwrap_err().to_string()
    };
    let two = names(2);
    let both = "distances must be symmetric, not negative, and 0 to themselves";
    assert_eq!(
        text(&two, array![[0.0, 1.0], [2.0, 0.0]]),
        format!("the distance of `x0` and `x1` is `1` and in the other direction `2`, {both}")
    );
    assert_eq!(
        text(&two, array![[0.0, -1.0], [-1.0, 0.0]]),
        format!("the distance of `x0` and `x1` is `-1` and in the other direction `-1`, {both}")
    );
    assert_eq!(
        text(&two, array![[0.5, 1.0], [1.0, 0.0]]),
        format!("the distance of `x0` and `x0` is `0.5` and in the other direction `0.5`, {both}")
    );
    assert_eq!(
        text(&two, array![[0.0, f64::NAN], [1.0, 0.0]]),
        "a distance is `NaN` in row 0, column `x1`, only finite numbers have a meaning there"
    );
    assert_eq!(
        text(&two, Array2::zeros((1, 2))),
        "the table of distances has shape [1, 2], expected [2, 2]"
    );
    assert_eq!(
        text(&[], Array2::zeros((0, 0))),
        "there is nothing to cluster, give at least one feature"
    );
    assert_eq!(
        text(&names(10_001), Array2::zeros((0, 0))),
        "10001 features are too many to cluster, at most 10000 are possible; choose some with \
         `Dataset::select_features`"
    );
    let tree =
        Hierarchy::of_distances(&two, Array2::zeros((2, 2)).view(), Linkage::Single).unwrap();
    for n_clusters in [0, 3] {
        assert_eq!(
            tree.cut_into(n_clusters).unwrap_err().to_string(),
            format!(
                "`n_clusters` is `{n_clusters}`, it must be between 1 and the number of features, 2"
            )
        );
    }
    for distance in [-0.1, f64::NAN] {
        assert_eq!(
            tree.cut(distance).unwrap_err().to_string(),
            format!("`distance` is `{distance}`, it must be a number that is not negative")
        );
    }
    let none = "there is nothing to score, give at least one feature";
    assert_eq!(tree.nested(&[]).unwrap_err().to_string(), none);
}
