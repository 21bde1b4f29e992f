//! Cells by hand, and the conditional importances they lead to.

use super::*;
use fi_core::{
    ConditionalPermutation, Conditioning, Function, Importance, Metric, Permutation, Players, Rng,
};
use ndarray::{Array2, ArrayView2, array};

const RHO: f64 = 0.9;

/// Two standard normal features of correlation 0.9 and one of their own; the target is their sum.
fn correlated(seed: u64, n_rows: usize) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let mut rows = Array2::zeros((n_rows, 3));
    for mut row in rows.outer_iter_mut() {
        row[0] = rng.normal();
        row[1] = RHO * row[0] + (1.0 - RHO * RHO).sqrt() * rng.normal();
        row[2] = rng.normal();
    }
    let target = rows.rows().into_iter().map(|row| row.sum()).collect();
    Dataset::new(rows, Target::Values(target)).unwrap()
}

fn sum(n_features: usize) -> impl fi_core::Model {
    Function::new(n_features, 1, |rows: ArrayView2<'_, f64>| {
        rows.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1))
    })
}

fn conditional(data: &Dataset, players: &Players, subgroups: &TreeSubgroups<'_>) -> Importance {
    let settings = ConditionalPermutation { n_repeats: 4, ..Default::default() };
    let (run, model) = (Run::new(1), sum(data.n_features()));
    let given = Conditioning::Subgroups(subgroups);
    let found = settings.importance(&run, &model, data, players, &[Metric::Mse], given);
    found.unwrap().remove(0)
}

#[test]
fn importances_come_near_what_the_others_leave() {
    let data = correlated(1, 3_000);
    let groups = [("a", vec![0]), ("b", vec![1]), ("c", vec![2]), ("ab", vec![0, 1])];
    let players = Players::groups(3, groups).unwrap();
    let found = conditional(&data, &players, &TreeSubgroups::default());
    let marginal = Permutation { n_repeats: 4, ..Default::default() };
    let marginal = marginal.importance(&Run::new(1), &sum(3), &data, &players, &[Metric::Mse]);
    let marginal = marginal.unwrap().remove(0);
    // 2 Var(x | others) = 0.38 where 2 Var(x) = 2; a leaf of 100 rows is not quite a point.
    for player in 0..2 {
        let value = found.values[player];
        assert!((0.35..0.50).contains(&value), "{:?}", found.values);
        assert!((marginal.values[player] - 2.0).abs() < 0.2);
    }
    // What does not depend on the others is exchanged among as good as all.
    assert!((found.values[2] - 2.0).abs() < 0.2 && (found.values[3] - 7.6).abs() < 0.8);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    // Shallower trees leave more of what is shared to be exchanged.
    let shallow = TreeSubgroups { max_depth: Some(1), ..Default::default() };
    let shallow = conditional(&data, &players, &shallow);
    assert!(shallow.values[0] > 1.2 * found.values[0], "{:?}", shallow.values);
}

/// A category that decides both a number and another category.
fn decided(n_rows: usize) -> Dataset {
    let mut rng = Rng::new(7, 0);
    let rows = Array2::from_shape_fn((n_rows, 4), |(i, j)| {
        let kind = i % 4;
        match j {
            0 => kind as f64,
            1 => [0.0, 5.0, 0.0, 5.0][kind] + 0.1 * rng.normal(),
            2 => [0.0, 0.0, 3.0, 3.0][kind],
            _ => rng.normal(),
        }
    });
    let target = Target::Values(vec![0.0; n_rows]);
    Dataset::new(rows, target).unwrap().with_categorical([0, 2]).unwrap()
}

#[test]
fn columns_of_numbers_and_categories_are_divided_together() {
    let data = decided(200);
    let subgroups = TreeSubgroups { max_depth: Some(2), ..Default::default() };
    let of = |members: &[usize]| subgroups.cells(&Run::new(0), &data, members).unwrap();
    let same = |cells: &[usize], by: &dyn Fn(usize) -> usize| {
        (0..200).all(|i| (0..200).all(|j| (cells[i] == cells[j]) == (by(i % 4) == by(j % 4))))
    };
    // Together, the number and the category tell all four kinds apart, in two splits.
    assert!(same(&of(&[1, 2]), &|kind| kind));
    // A category alone: its two classes, and then nothing that a split could gain.
    let one = TreeSubgroups { max_depth: Some(1), ..subgroups.clone() };
    let cells = one.cells(&Run::new(0), &data, &[2]).unwrap();
    assert!(same(&cells, &|kind| kind / 2));
    // Grown on rows of which the last kind has no weight, and then asked about all.
    let weights = (0..200).map(|i| f64::from(i % 4 != 3)).collect();
    let weighted = data.clone().with_weights(weights).unwrap();
    let grown = TreeSubgroups { grown_on: Some(&weighted), ..subgroups.clone() };
    let cells = grown.cells(&Run::new(0), &data, &[1, 2]).unwrap();
    assert!((0..3).all(|a| (0..a).all(|b| cells[a] != cells[b])), "{:?}", &cells[..4]);
    // All features: one cell.
    assert_eq!(of(&[0, 1, 2, 3]), vec![0; 200]);
}

#[test]
fn missing_values_and_constants_do_not_stop_it() {
    let mut rows = correlated(2, 300).rows().to_owned();
    rows.slice_mut(ndarray::s![..40, 0]).fill(f64::NAN);
    rows.slice_mut(ndarray::s![20..60, 1]).fill(f64::NAN);
    let data = Dataset::new(rows.clone(), Target::Values(vec![0.0; 300])).unwrap();
    let run = Run::new(0);
    let subgroups = TreeSubgroups { min_samples_leaf: 20, ..Default::default() };
    for members in [vec![0], vec![0, 1], vec![2]] {
        let cells = subgroups.cells(&run, &data, &members).unwrap();
        let mut names = cells.clone();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() > 1, "{members:?}");
        let smallest = names.iter().map(|name| cells.iter().filter(|c| *c == name).count()).min();
        assert!(smallest.unwrap() >= 20, "{members:?}");
    }
    // What is constant, or missing everywhere, is not predicted.
    rows.column_mut(0).fill(1.0);
    rows.column_mut(1).fill(f64::NAN);
    let data = Dataset::new(rows, Target::Values(vec![0.0; 300])).unwrap();
    for members in [vec![0], vec![1], vec![0, 1]] {
        assert_eq!(subgroups.cells(&run, &data, &members).unwrap(), vec![0; 300]);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let data = decided(120);
    let players = Players::groups(4, [("b", vec![1]), ("bc", vec![1, 2]), ("d", vec![3])]).unwrap();
    let of = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| conditional(&data, &players, &TreeSubgroups::default()))
    };
    assert!([2, 3].into_iter().all(|n| of(n) == of(1)));
}

#[test]
fn each_bad_setting_gets_its_own_sentence() {
    let data = decided(40);
    let text = |subgroups: TreeSubgroups<'_>, members: &[usize]| {
        subgroups.cells(&Run::new(0), &data, members).unwrap_err().to_string()
    };
    for members in [&[1][..], &[1, 2], &[0, 1, 2, 3]] {
        let subgroups = TreeSubgroups { max_depth: Some(0), ..Default::default() };
        assert_eq!(text(subgroups, members), "`max_depth` is `0`, it must be at least 1");
        let subgroups = TreeSubgroups { min_samples_leaf: 0, ..Default::default() };
        assert_eq!(text(subgroups, members), "`min_samples_leaf` is `0`, it must be at least 1");
    }
    let other = Dataset::new(array![[1.0]], Target::Values(vec![1.0])).unwrap();
    assert_eq!(
        text(TreeSubgroups { grown_on: Some(&other), ..Default::default() }, &[1]),
        "a row to grow subgroups on has shape [1], expected [4]"
    );
}
