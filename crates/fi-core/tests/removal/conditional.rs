//! Conditional permutation: its definition, closed forms, the coverage of its intervals and the
//! level of its test.

use fi_core::conditional::Gaussian;
use fi_core::{
    ConditionalPermutation, Conditioning, Dataset, Direction, Error, Importance, Metric, Model,
    Output, Permutation, Players, Result, Rng, Run, Subgroups, Target,
};
use ndarray::{Array2, array};

use crate::{assert_close, linear, on_threads};

/// The cells that the values of a column name.
struct Column(usize);

impl Subgroups for Column {
    fn cells(&self, _: &Run<'_>, data: &Dataset, _: &[usize]) -> Result<Vec<usize>> {
        Ok(data.rows().column(self.0).iter().map(|x| *x as usize).collect())
    }
}

const BETA: [f64; 3] = [1.0, 0.5, -0.7];
const SLOPES: [f64; 3] = [0.8, 0.6, -0.4];
/// Spread of the second feature in the three cells that the first one names.
const SPREADS: [f64; 3] = [0.3, 1.0, 2.0];

/// A cell, a feature at two points about it that are further apart in some cells, and another.
fn in_cells(seed: u64, n_rows: usize) -> Dataset {
    let mut rng = Rng::new(seed, 1);
    let mut rows = Array2::zeros((n_rows, 3));
    let mut target = Vec::new();
    for mut row in rows.outer_iter_mut() {
        let cell = rng.below(3);
        row[0] = cell as f64;
        row[1] = 2.0 * row[0] + SPREADS[cell] * (2.0 * rng.below(2) as f64 - 1.0);
        row[2] = rng.normal();
        target.push(row.dot(&array![BETA[0], BETA[1], BETA[2]]) + 0.2 * rng.normal());
    }
    Dataset::new(rows, Target::Values(target)).unwrap()
}

/// Correlation of the first two of three standard normal features.
const RHO: f64 = 0.8;

fn covariance() -> Array2<f64> {
    array![[1.0, RHO, 0.0], [RHO, 1.0, 0.0], [0.0, 0.0, 1.0]]
}

fn sampler() -> Gaussian {
    Gaussian::new(vec![0.0; 3], covariance().view()).unwrap()
}

/// Correlated normal features with the target of these slopes.
fn correlated(seed: u64, n_rows: usize, beta: [f64; 3]) -> Dataset {
    let mut rng = Rng::new(seed, 2);
    let mut rows = Array2::zeros((n_rows, 3));
    let mut target = Vec::new();
    for mut row in rows.outer_iter_mut() {
        row[0] = rng.normal();
        row[1] = RHO * row[0] + (1.0 - RHO * RHO).sqrt() * rng.normal();
        row[2] = rng.normal();
        target.push(row.iter().zip(beta).map(|(x, b)| x * b).sum::<f64>() + rng.normal());
    }
    Dataset::new(rows, Target::Values(target)).unwrap()
}

fn players() -> Players {
    let groups = [("a", vec![0]), ("b", vec![1]), ("c", vec![2]), ("ab", vec![0, 1])];
    Players::groups(3, groups).unwrap()
}

fn importance(
    settings: &ConditionalPermutation,
    seed: u64,
    model: &dyn Model,
    data: &Dataset,
    given: Conditioning<'_>,
) -> Importance {
    importance_of(&players(), settings, seed, model, data, given)
}

fn importance_of(
    players: &Players,
    settings: &ConditionalPermutation,
    seed: u64,
    model: &dyn Model,
    data: &Dataset,
    given: Conditioning<'_>,
) -> Importance {
    let (run, metrics) = (Run::new(seed), [Metric::Mse]);
    settings.importance(&run, model, data, players, &metrics, given).unwrap().remove(0)
}

/// The last two features, for simulations.
fn last_two() -> Players {
    Players::groups(3, [("b", vec![1]), ("c", vec![2])]).unwrap()
}

fn repeats(n_repeats: usize) -> ConditionalPermutation {
    ConditionalPermutation { n_repeats, ..Default::default() }
}

/// Squares its features, so that exchanges matter beyond their means.
fn curved() -> impl Model {
    fi_core::Function::new(3, 1, |rows: ndarray::ArrayView2<'_, f64>| {
        Array2::from_shape_fn((rows.nrows(), 1), |(i, _)| {
            rows[[i, 1]] * rows[[i, 1]] - rows[[i, 0]] * rows[[i, 2]]
        })
    })
}

#[test]
fn repeats_converge_to_the_mean_over_all_pairs_of_a_cell() {
    let weights: Vec<f64> = (0..30).map(|row| f64::from(row % 3)).collect();
    let data = in_cells(1, 30).with_weights(weights.clone()).unwrap();
    let (model, n_repeats) = (curved(), 2_000);
    let found =
        importance(&repeats(n_repeats), 0, &model, &data, Conditioning::Subgroups(&Column(0)));
    assert_eq!(found.method, "conditional permutation (subgroups)");
    let (rows, target) = (data.rows(), data.target().values().unwrap());
    let loss = |row: ndarray::ArrayView1<'_, f64>, i: usize| {
        let prediction = model.predict(row.insert_axis(ndarray::Axis(0))).unwrap()[[0, 0]];
        (prediction - target[i]).powi(2)
    };
    let counts: Vec<usize> = (0..30).filter(|&row| weights[row] > 0.0).collect();
    let total: f64 = weights.iter().sum();
    for (player, members) in [vec![0], vec![1], vec![2], vec![0, 1]].iter().enumerate() {
        let mut expected = 0.0;
        for &i in &counts {
            let cell: Vec<usize> =
                counts.iter().copied().filter(|&j| rows[[i, 0]] == rows[[j, 0]]).collect();
            for &j in &cell {
                let mut row = rows.row(i).to_owned();
                for &column in members {
                    row[column] = rows[[j, column]];
                }
                let increase = loss(row.view(), i) - loss(rows.row(i), i);
                expected += weights[i] / total * increase / cell.len() as f64;
            }
        }
        let error = found.std.as_ref().unwrap()[player] / (n_repeats as f64).sqrt();
        let (value, score) = (found.values[player], 4.5 * error + 1e-12);
        assert!((value - expected).abs() < score, "{player}: {value} {expected} {error}");
    }
    // Within its own cells the first feature does not change.
    assert_eq!(found.values[0], 0.0);
}

/// `2 b β Var(x | the others)` for slopes `b` of the model and `β` of the truth.
#[test]
fn a_linear_model_scores_what_the_others_leave_of_the_variance() {
    let (data, model) = (correlated(3, 6_000, SLOPES), linear(&SLOPES, 0.0));
    let sampler = sampler();
    let found = importance(&repeats(5), 1, &model, &data, Conditioning::Sampler(&sampler));
    assert_eq!(found.method, "conditional permutation (sampler)");
    let left = 1.0 - RHO * RHO;
    let [a, b, c] = SLOPES;
    let both = 2.0 * (a * a + b * b + 2.0 * a * b * RHO);
    let expected = [2.0 * a * a * left, 2.0 * b * b * left, 2.0 * c * c, both];
    assert_close(&found.values, &expected, 0.06);
    // Marginally the whole variance counts.
    let marginal = Permutation { n_repeats: 5, ..Default::default() };
    let marginal =
        marginal.importance(&Run::new(1), &model, &data, &players(), &[Metric::Mse]).unwrap();
    assert_close(&marginal[0].values, &[2.0 * a * a, 2.0 * b * b, 2.0 * c * c, both], 0.08);
}

#[test]
fn a_null_feature_and_a_copy_behave_as_theory_says() {
    // The second feature is a copy of the first, and only the copy is used.
    let mut rows = correlated(4, 300, SLOPES).rows().to_owned();
    let first = rows.column(0).to_owned();
    rows.column_mut(1).assign(&first);
    let data = Dataset::new(rows, Target::Values(first.to_vec())).unwrap();
    let model = linear(&[0.0, 1.0, 0.0], 0.0);
    let sampler = Gaussian::fit(&data).unwrap();
    let found = importance(&repeats(20), 0, &model, &data, Conditioning::Sampler(&sampler));
    // Unused: exactly 0. Used, but the other says it: nothing beyond rounding. Both: everything.
    assert_eq!((found.values[0], found.values[2]), (0.0, 0.0));
    assert!(found.values[1].abs() < 1e-20 && found.values[3] > 1.5, "{:?}", found.values);
    // Correlated with a used feature and not used: 0 in every repeat, p = 1.
    let data = correlated(4, 300, [1.0, 0.0, 0.0]);
    let sampler = Gaussian::fit(&data).unwrap();
    let model = linear(&[1.0, 0.0, 0.0], 0.0);
    let found = importance(&repeats(20), 0, &model, &data, Conditioning::Sampler(&sampler));
    assert!(found.replicates.row(1).iter().all(|&value| value == 0.0));
    assert_eq!(found.p_values.as_ref().unwrap()[1], 1.0);
    assert!((found.p_values.unwrap()[0] - 1.0 / 21.0).abs() < 1e-15);
}

fn coverage(results: &[Importance], player: usize, truth: f64) -> f64 {
    let inside = |importance: &&Importance| {
        let interval = importance.interval.as_ref().unwrap();
        (interval.low[player]..=interval.high[player]).contains(&truth)
    };
    results.iter().filter(inside).count() as f64 / results.len() as f64
}

/// Few, for time.
const N_SETS: u64 = 150;
const N_ROWS: usize = 120;

/// `Σ over cells of (n_c − 1) / n · 2 b β σ_c²`: a cell counts for one row less.
#[test]
fn intervals_within_cells_cover() {
    let model = linear(&SLOPES, 0.0);
    let results: Vec<Importance> = (0..N_SETS)
        .map(|seed| {
            let data = in_cells(seed, N_ROWS);
            let given = Conditioning::Subgroups(&Column(0));
            importance_of(&last_two(), &repeats(8), seed, &model, &data, given)
        })
        .collect();
    let share = 1.0 / 3.0 - 1.0 / N_ROWS as f64;
    let variance: f64 = SPREADS.iter().map(|s| s * s * share).sum();
    let covered = coverage(&results, 0, 2.0 * SLOPES[1] * BETA[1] * variance);
    // A donor that counted from the mean of all cells would widen the intervals to 99 %.
    assert!((0.90..=0.98).contains(&covered), "{covered}");
    let covered = coverage(&results, 1, 2.0 * SLOPES[2] * BETA[2] * 3.0 * share);
    assert!((0.90..=0.98).contains(&covered), "{covered}");
}

#[test]
fn intervals_of_a_sampler_cover() {
    let (model, sampler) = (linear(&SLOPES, 0.0), sampler());
    for n_repeats in [1, 6] {
        let results: Vec<Importance> = (0..N_SETS)
            .map(|seed| {
                let data = correlated(seed, N_ROWS, BETA);
                let given = Conditioning::Sampler(&sampler);
                importance_of(&last_two(), &repeats(n_repeats), seed, &model, &data, given)
            })
            .collect();
        for (player, left) in [(0, 1.0 - RHO * RHO), (1, 1.0)] {
            let truth = 2.0 * SLOPES[player + 1] * BETA[player + 1] * left;
            let covered = coverage(&results, player, truth);
            assert!((0.90..=0.985).contains(&covered), "{n_repeats} {player}: {covered}");
        }
    }
}

/// A feature that the model uses and that tells nothing beyond a correlated one: the conditional
/// test keeps its level, the marginal one does not.
#[test]
fn the_conditional_randomisation_test_keeps_its_level() {
    let (model, sampler) = (linear(&[0.5, 0.5, 0.0], 0.0), sampler());
    let (mut conditional, mut marginal) = (0, 0);
    let second = Players::groups(3, [("b", vec![1])]).unwrap();
    for seed in 0..200 {
        let data = correlated(seed, 40, [1.0, 0.0, 0.0]);
        let given = Conditioning::Sampler(&sampler);
        let found = importance_of(&second, &repeats(19), seed, &model, &data, given);
        conditional += usize::from(found.p_values.unwrap()[0] <= 0.05);
        let permutation = Permutation { n_repeats: 19, ..Default::default() };
        let run = Run::new(seed);
        let found = permutation.importance(&run, &model, &data, &second, &[Metric::Mse]);
        marginal += usize::from(found.unwrap()[0].p_values.as_ref().unwrap()[0] <= 0.05);
    }
    // 10 expected of 200, with a standard deviation of 3.1.
    assert!((2..=20).contains(&conditional), "{conditional}");
    assert!(marginal > 100, "{marginal}");
}

#[test]
fn without_losses_of_rows_blocks_say_the_same_within_cells() {
    let squares =
        |predictions: ndarray::ArrayView2<'_, f64>, target: &Target, weights: Option<&[f64]>| {
            Metric::Mse.score(predictions, Output::Values, target, weights)
        };
    let metrics = [Metric::Mse, Metric::custom("squares", Direction::Lower, squares)];
    let model = linear(&SLOPES, 0.0);
    let weights = (0..1_000).map(|row| 1.0 + f64::from(row % 4)).collect();
    let data = in_cells(5, 1_000).with_weights(weights).unwrap();
    let (run, given) = (Run::new(2), Conditioning::Subgroups(&Column(0)));
    let found = repeats(4).importance(&run, &model, &data, &players(), &metrics, given).unwrap();
    let width = |of: &Importance, player: usize| {
        let interval = of.interval.as_ref().unwrap();
        interval.high[player] - interval.low[player]
    };
    for player in 1..4 {
        // 25 blocks know a standard error to 14 %.
        let ratio = width(&found[1], player) / width(&found[0], player);
        assert!((0.6..1.45).contains(&ratio), "{player}: {ratio}");
    }
}

#[test]
fn neither_threads_nor_batches_change_a_bit() {
    let data = in_cells(6, 90);
    let (model, sampler) = (curved(), Gaussian::fit(&data).unwrap());
    for given in [Conditioning::Subgroups(&Column(0)), Conditioning::Sampler(&sampler)] {
        let settings = ConditionalPermutation { max_rows: Some(70), ..repeats(4) };
        let on = |n, batch_rows| {
            let settings = ConditionalPermutation { batch_rows, ..settings.clone() };
            on_threads(n, || importance(&settings, 3, &model, &data, given))
        };
        let one = on(1, 16_384);
        assert!(one.values[1] != 0.0);
        for (n, batch_rows) in [(2, 16_384), (3, 16_384), (2, 7), (1, 100)] {
            assert_eq!(on(n, batch_rows), one, "{n} {batch_rows}");
        }
        assert_ne!(importance(&settings, 4, &model, &data, given).values, one.values);
    }
}

#[test]
fn rows_alone_in_their_cell_are_counted() {
    let rows = array![[0.0, 1.0, 0.0], [0.0, 2.0, 0.0], [1.0, 3.0, 0.0], [2.0, 4.0, 0.0]];
    let data = Dataset::new(rows, Target::Values(vec![1.0, 2.0, 3.0, 4.0])).unwrap();
    let model = linear(&[0.0, 1.0, 0.0], 0.0);
    let found = importance(&repeats(50), 0, &model, &data, Conditioning::Subgroups(&Column(0)));
    let expected = "2 rows are alone in their cell of `b` and keep their values: take larger cells";
    assert!(found.warnings.iter().any(|warning| warning.to_string() == expected));
    // Rows 0 and 1 are exchanged in half of the repeats, for an increase of 2 · 1² over 4 rows.
    assert!((found.values[1] - 0.25).abs() < 0.12, "{:?}", found.values);
}

/// Breaks its word.
struct Short;

impl Subgroups for Short {
    fn cells(&self, _: &Run<'_>, data: &Dataset, members: &[usize]) -> Result<Vec<usize>> {
        match members {
            [0] => Ok(vec![0; data.n_rows()]),
            [1] => Ok(vec![0]),
            _ => Err(Error::Data("no cells".to_owned())),
        }
    }
}

/// Draws infinity for the second feature.
#[derive(Debug)]
struct Infinite;

impl fi_core::Conditional for Infinite {
    fn n_features(&self) -> usize {
        3
    }
    fn sample(
        &self,
        _: ndarray::ArrayView1<'_, f64>,
        _: &[bool],
        n: usize,
        _: &mut Rng,
    ) -> Result<Array2<f64>> {
        Ok(Array2::from_shape_fn(
            (n, 3),
            |(_, column)| if column == 1 { f64::INFINITY } else { 0.0 },
        ))
    }
}

#[test]
fn each_bad_part_gets_its_own_sentence() {
    let (data, model) = (in_cells(7, 12), linear(&SLOPES, 0.0));
    let text = |settings: ConditionalPermutation, given: Conditioning<'_>| {
        let (run, metrics) = (Run::new(0), [Metric::Mse]);
        let found = settings.importance(&run, &model, &data, &players(), &metrics, given);
        found.unwrap_err().to_string()
    };
    assert_eq!(
        text(repeats(2), Conditioning::Subgroups(&Short)),
        "subgroups of `b`: the list of cells has shape [1], expected [12]"
    );
    assert_eq!(
        text(repeats(0), Conditioning::Subgroups(&Column(0))),
        "`n_repeats` is `0`, it must be at least 1"
    );
    let two = Gaussian::new(vec![0.0; 2], Array2::eye(2).view()).unwrap();
    assert_eq!(
        text(repeats(1), Conditioning::Sampler(&two)),
        "the sampler's row has shape [2], expected [3]"
    );
    assert_eq!(
        text(repeats(1), Conditioning::Sampler(&Infinite)),
        "permutation of `b`, repeat 0: the sampler drew `inf` for feature 1, it must draw finite \
         numbers"
    );
}
