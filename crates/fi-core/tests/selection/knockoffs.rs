//! Knockoffs on data whose answer is known: their promise, and what they cannot do.

use fi_core::selection::{Construction, Knockoffs, Selection, Selector};
use fi_core::{Dataset, HeldOut, Importance, Learner, Players, Result, Rng, Run, Target};
use ndarray::{Array2, Axis};

use crate::{Ridge, features, gaussian, sizes};

/// Correlated normal rows (0.5 between neighbours) of which `n_useful` columns, here and there, are
/// worth `size` each, and the useful columns.
fn correlated(
    seed: u64,
    shape: (usize, usize),
    n_useful: usize,
    size: f64,
) -> (Dataset, Vec<usize>) {
    let mut rng = Rng::new(seed, 1);
    let mut rows = Array2::from_shape_simple_fn(shape, || rng.normal());
    for column in 1..shape.1 {
        let before = rows.column(column - 1).to_owned();
        rows.column_mut(column).zip_mut_with(&before, |x, b| *x = 0.75_f64.sqrt() * *x + 0.5 * b);
    }
    let mut useful = rng.sample(shape.1, n_useful);
    useful.sort_unstable();
    let signs: Vec<f64> = useful.iter().map(|_| (rng.uniform() - 0.5).signum()).collect();
    let target = rows.rows().into_iter().map(|row| {
        let sum: f64 = useful.iter().zip(&signs).map(|(&j, sign)| sign * size * row[j]).sum();
        sum + rng.normal()
    });
    let target = Target::Values(target.collect());
    (Dataset::new(rows, target).unwrap(), useful)
}

/// The share of useless features among the chosen, and of the chosen among the useful.
fn shares(found: &Selection, useful: &[usize]) -> (f64, f64) {
    let hits = found.chosen.iter().filter(|i| useful.contains(i)).count() as f64;
    let n = found.chosen.len() as f64;
    ((n - hits) / n.max(1.0), hits / useful.len().max(1) as f64)
}

/// The mean false discovery rate with its standard error, and the mean power, over data sets.
fn promise(
    knockoffs: &Knockoffs,
    n_sets: u64,
    draw: impl Fn(u64) -> (Dataset, Vec<usize>),
) -> (f64, f64, f64) {
    let all: Vec<(f64, f64)> = (0..n_sets)
        .map(|seed| {
            let (data, useful) = draw(seed);
            let players = features(data.n_features());
            let found = knockoffs.select(&Run::new(seed), &Ridge(1.5), &sizes, &data, &players);
            shares(&found.unwrap(), &useful)
        })
        .collect();
    let n = n_sets as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / n;
    let (fdr, power) = (mean(|one| one.0), mean(|one| one.1));
    let squares: f64 = all.iter().map(|one| (one.0 - fdr).powi(2)).sum();
    (fdr, (squares / (n - 1.0) / n).sqrt(), power)
}

const Q: f64 = 0.2;

fn one_draw() -> Knockoffs {
    Knockoffs { fdr: Q, n_draws: 1, ..Knockoffs::default() }
}

fn five_draws() -> Knockoffs {
    Knockoffs { n_draws: 5, ..one_draw() }
}

#[test]
fn the_false_discovery_rate_keeps_its_promise_and_signals_are_found() {
    let draw = |seed| correlated(seed, (150, 30), 12, 0.5);
    let skewed = |seed| {
        // The target is of the normal columns, the learner sees their exponentials.
        let (data, useful) = draw(seed);
        let rows = data.rows().mapv(f64::exp);
        (data.with_rows(rows).unwrap(), useful)
    };
    let equal = Construction::Equicorrelated;
    for (name, knockoffs, least) in [
        ("one draw", one_draw(), 0.5),
        ("five draws", five_draws(), 0.5),
        ("equicorrelated", Knockoffs { construction: equal, ..one_draw() }, 0.4),
    ] {
        let (fdr, error, power) = promise(&knockoffs, 200, draw);
        assert!(fdr <= Q + 3.0 * error && power >= least, "{name}: {fdr} ± {error}, {power}");
    }
    let copula = Knockoffs { copula: true, ..one_draw() };
    let (fdr, error, power) = promise(&copula, 200, skewed);
    assert!(fdr <= Q + 3.0 * error && power >= 0.2, "copula: {fdr} ± {error}, {power}");
}

#[test]
fn noise_alone_is_rarely_chosen() {
    // Every choice is false, so that a share of at most Q of the data sets may choose.
    let noise = |seed| correlated(seed, (60, 20), 0, 0.0);
    for knockoffs in [one_draw(), five_draws()] {
        let (fdr, error, _) = promise(&knockoffs, 200, noise);
        assert!(fdr <= Q + 3.0 * error, "{fdr}");
    }
}

#[test]
fn a_result_says_what_every_draw_said() {
    let (data, useful) = correlated(3, (300, 30), 14, 1.0);
    let knockoffs = Knockoffs { n_draws: 4, ..Knockoffs::default() };
    let found = knockoffs.select(&Run::new(1), &Ridge(1.5), &sizes, &data, &features(30)).unwrap();
    assert_eq!((found.method.as_str(), found.fdr, found.n_importances), ("knockoffs", Some(Q), 4));
    assert!(useful.iter().all(|i| found.chosen.contains(i)), "{:?} {useful:?}", found.chosen);
    let (scores, spreads) = (found.scores.unwrap(), found.spreads.unwrap());
    let (hits, e_values) = (found.hits.unwrap(), found.e_values.unwrap());
    for player in 0..30 {
        let values: Vec<f64> =
            found.history.iter().map(|round| round.importances[player]).collect();
        let mean = values.iter().sum::<f64>() / 4.0;
        let variance = values.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / 3.0;
        assert!((scores[player] - mean).abs() < 1e-12);
        assert!((spreads[player] - variance.sqrt()).abs() < 1e-12);
        let kept = |round: &&fi_core::selection::Round| round.players.contains(&player);
        assert_eq!(hits[player], found.history.iter().filter(kept).count());
        assert!(e_values[player] <= 30.0 + 1e-9 && (e_values[player] > 0.0) == (hits[player] > 0));
    }
    // Each draw's copies and order of columns are its own.
    assert!(found.history.windows(2).all(|pair| pair[0].importances != pair[1].importances));
    for round in &found.history {
        let bar = round.threshold.unwrap();
        assert!(round.players.iter().all(|&player| round.importances[player] >= bar));
    }
}

#[test]
fn any_importance_of_a_learner_is_a_statistic() {
    let (data, useful) = correlated(4, (300, 12), 6, 1.0);
    let found = one_draw()
        .select(&Run::new(2), &Ridge(0.1), &HeldOut::default(), &data, &features(12))
        .unwrap();
    let (fdp, power) = shares(&found, &useful);
    assert!(fdp <= 0.3 && power == 1.0, "{:?} {useful:?}", found.chosen);
}

fn notes(found: &Selection) -> Vec<String> {
    found.warnings.iter().map(ToString::to_string).collect()
}

fn chosen_of(data: &Dataset, knockoffs: &Knockoffs) -> Selection {
    let players = features(data.n_features());
    knockoffs.select(&Run::new(0), &Ridge(1.0), &sizes, data, &players).unwrap()
}

#[test]
fn too_few_features_are_told_that_nothing_can_be_chosen() {
    let data = gaussian(1, 60, &[3.0, 3.0, 3.0, 3.0, 3.0, 3.0], 0.5);
    let found = chosen_of(&data, &Knockoffs::default());
    assert!(found.chosen.is_empty());
    assert_eq!(
        notes(&found)[1],
        "nothing can be chosen: at a false discovery rate of 0.2 a draw chooses at least 10 \
         features or none, and 6 have a knockoff; take a single draw or a higher rate"
    );
    // A single draw needs half as many.
    let found = chosen_of(&data, &one_draw());
    assert_eq!(found.chosen, [0, 1, 2, 3, 4, 5]);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let strict = Knockoffs { fdr: 0.1, ..one_draw() };
    assert_eq!(
        notes(&chosen_of(&data, &strict))[1],
        "nothing can be chosen: at a false discovery rate of 0.1 a draw chooses at least 10 \
         features or none, and 6 have a knockoff; take a higher rate"
    );
    // Without the 1 of knockoff+ there is no least number, and no bound of the rate.
    let found = chosen_of(&data, &Knockoffs { offset: 0, ..strict });
    assert_eq!((found.chosen.len(), found.fdr, found.e_values), (6, None, None));
    // Enough features, of which too few matter.
    let mut beta = [0.0; 14];
    beta[3] = 2.0;
    let found = chosen_of(&gaussian(2, 60, &beta, 0.5), &Knockoffs::default());
    assert_eq!(
        notes(&found)[1],
        "at a false discovery rate of 0.2 a draw chooses at least 10 features or none: to find \
         fewer, take a single draw or a higher rate"
    );
}

#[test]
fn features_without_a_knockoff_are_named_and_not_chosen() {
    let (data, _) = correlated(5, (200, 16), 14, 1.0);
    let mut rows = data.rows().to_owned();
    rows.column_mut(2).fill(7.0);
    let double = rows.column(4).mapv(|x| 3.0 - 2.0 * x);
    rows.column_mut(9).assign(&double);
    let data = data.with_rows(rows).unwrap();
    // A ridge that knows the double, and an importance that likes it.
    let liking = |run: &Run<'_>, learner: &dyn Learner, data: &Dataset, players: &Players| {
        // Once each, without players of their own.
        assert_eq!((data.n_features(), players.len()), (16 + 13, 26));
        sizes(run, learner, data, players)
    };
    let found =
        Knockoffs::default().select(&Run::new(0), &Ridge(1.0), &liking, &data, &features(16));
    let found = found.unwrap();
    assert_eq!(
        notes(&found),
        ["no knockoff differs from features that are constant or follow exactly from others, so \
          that these cannot be chosen: `x2`, `x4`, `x9`"]
    );
    assert!(found.chosen.len() >= 10 && [2, 4, 9].iter().all(|i| !found.chosen.contains(i)));
    let scores = found.scores.unwrap();
    assert_eq!([scores[2], scores[4], scores[9]], [0.0; 3]);
    // Nothing else is there.
    let flat = Dataset::new(Array2::ones((9, 2)), Target::Values(vec![1.0; 9])).unwrap();
    let found = chosen_of(&flat, &Knockoffs::default());
    assert_eq!((found.chosen.len(), found.scores), (0, Some(vec![0.0; 2])));
}

#[test]
fn features_of_no_player_are_in_the_model_and_have_no_knockoff() {
    let data = gaussian(6, 80, &[1.0, 1.0, 0.0, 0.0], 0.5);
    let players = Players::groups(4, [("late", vec![3]), ("early", vec![0])]).unwrap();
    let seen = |run: &Run<'_>, learner: &dyn Learner, wide: &Dataset, all: &Players| {
        assert_eq!((wide.n_features(), all.len()), (6, 4));
        for (name, column) in [("late", "x3"), ("early", "x0")] {
            for prefix in ["", "knockoff of "] {
                let player =
                    all.names().iter().position(|other| *other == format!("{prefix}{name}"));
                let place = all.members(player.unwrap())[0];
                assert_eq!(wide.feature_names()[place], format!("{prefix}{column}"));
            }
        }
        sizes(run, learner, wide, all)
    };
    let found = one_draw().select(&Run::new(0), &Ridge(1.0), &seen, &data, &players).unwrap();
    let scores = found.scores.unwrap();
    assert!(scores[1] > 0.5 && scores[0].abs() < 0.3, "{scores:?}");
}

#[test]
fn what_has_no_knockoffs_is_refused_in_one_sentence() {
    let data = gaussian(0, 12, &[1.0, 1.0, 1.0], 0.1);
    let error = |data: &Dataset, players: &Players| {
        let found = Knockoffs::default().select(&Run::new(0), &Ridge(1.0), &sizes, data, players);
        found.unwrap_err().to_string()
    };
    let groups = Players::groups(3, [("one", vec![1]), ("both", vec![0, 2])]).unwrap();
    assert_eq!(
        error(&data, &groups),
        "`both` holds 2 features, and a knockoff is of one: give players of single features or take \
         another selector"
    );
    let mut rows = data.rows().to_owned();
    rows.column_mut(1).mapv_inplace(|x| f64::from(u8::from(x > 0.0)));
    let classes = data.clone().with_rows(rows.clone()).unwrap().with_categorical([1]).unwrap();
    assert_eq!(
        error(&classes, &features(3)),
        "column `x1` is categorical, and knockoffs are of numbers: leave it out, give it as columns \
         of 0 and 1 for all of its categories but one, or take another selector"
    );
    rows[[7, 2]] = f64::NAN;
    let missing = data.clone().with_rows(rows).unwrap();
    assert_eq!(
        error(&missing, &features(3)),
        "column `x2` is missing in row 7, and knockoffs are of whole rows: fill it in, or leave the \
         row or the column out"
    );
    let light = data.clone().with_weights([vec![1.0; 2], vec![0.0; 10]].concat()).unwrap();
    assert_eq!(
        error(&light, &features(3)),
        "the covariance of features with knockoffs needs at least 3 rows, got 2"
    );
    let huge = data.clone().with_rows(data.rows().mapv(|x| 1e200 * x)).unwrap();
    assert_eq!(
        error(&huge, &features(3)),
        "the covariance of features 0 and 0 overflows, scale them"
    );
}

#[test]
fn more_features_than_rows_are_shrunk_and_said() {
    let (data, _) = correlated(7, (20, 40), 12, 1.0);
    let found = chosen_of(&data, &Knockoffs { n_draws: 3, ..Knockoffs::default() });
    let notes = notes(&found);
    let text = notes.last().unwrap();
    let rest = text.strip_prefix("the correlation of 40 features is that of 20 rows, moved by ");
    let (share, rest) = rest.unwrap().split_once(' ').unwrap();
    assert!((20..=100).contains(&share.parse::<u32>().unwrap()), "{text}");
    assert_eq!(
        rest,
        "% towards independence: the false discovery rate may be higher than 0.2, take more rows \
         or fewer features"
    );
    assert!(found.scores.unwrap().iter().all(|w| w.is_finite() && *w != 0.0));
    // A copy is known for one even so.
    let mut rows = data.rows().to_owned();
    let copy = rows.column(3).to_owned();
    rows.column_mut(35).assign(&copy);
    let found = chosen_of(&data.with_rows(rows).unwrap(), &Knockoffs::default());
    let scores = found.scores.unwrap();
    let zeros: Vec<usize> = (0..40).filter(|&i| scores[i] == 0.0).collect();
    assert_eq!(zeros, [3, 35]);
}

#[test]
fn rows_of_no_weight_and_units_do_not_matter() {
    let (data, _) = correlated(8, (60, 12), 6, 1.0);
    let blind =
        |_: &Run<'_>, _: &dyn Learner, wide: &Dataset, all: &Players| -> Result<Importance> {
            let sums = wide.rows().mapv(|x| x * x).sum_axis(Axis(0)).to_vec();
            Importance::new("sums", all.names(), sums)
        };
    let draw = |data: &Dataset| {
        one_draw().select(&Run::new(3), &Ridge(1.0), &blind, data, &features(12)).unwrap()
    };
    let before = draw(&data).scores.unwrap();
    // Columns in other units: the same knockoffs in those.
    let scale = |j: usize| [1000.0, 0.01, 3.0][j % 3];
    let rows = Array2::from_shape_fn((60, 12), |(i, j)| data.rows()[[i, j]] * scale(j));
    let after = draw(&data.clone().with_rows(rows).unwrap()).scores.unwrap();
    for (j, (before, after)) in before.iter().zip(&after).enumerate() {
        let expected = before * scale(j).powi(2);
        assert!((after - expected).abs() <= 1e-6 * scale(j).powi(2) * 60.0, "{after} {expected}");
    }
    // Wild rows without weight do not move the covariance: the other rows' copies are the same.
    let mut rows = data.rows().to_owned();
    rows.row_mut(59).fill(1e6);
    rows.row_mut(59)[3] = -1e6;
    let weights = (0..60).map(|i| f64::from(u8::from(i < 59))).collect();
    let wild = data.clone().with_rows(rows).unwrap().with_weights(weights).unwrap();
    let calm = data.clone().with_weights(wild.weights().unwrap().to_vec()).unwrap();
    let copies = |data: &Dataset| {
        let kept = std::sync::Mutex::new(Vec::new());
        let keep = |_: &Run<'_>, _: &dyn Learner, wide: &Dataset, all: &Players| {
            let rows = wide.rows().slice(ndarray::s![..59, ..]).to_owned();
            kept.lock().unwrap().push(rows);
            Importance::new("keep", all.names(), vec![0.0; all.len()])
        };
        one_draw().select(&Run::new(3), &Ridge(1.0), &keep, data, &features(12)).unwrap();
        kept.into_inner().unwrap().remove(0)
    };
    assert_eq!(copies(&wild), copies(&calm));
}
