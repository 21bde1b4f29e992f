//! p-values under the null and under signal, fitted distributions, groups, bad input.

use super::*;
use crate::dataset::Target;
use crate::importance::Importance;
use crate::model::Model;
use crate::multiple_testing::bonferroni;
use crate::rng::Rng;

/// An importance that needs no learner, and a learner that is never asked.
struct NotAsked;
impl Learner for NotAsked {
    fn train(&self, _: &Run<'_>, _: &Dataset) -> Result<Box<dyn Model>> {
        Err(Error::Data("not asked".into()))
    }
}

/// The size of the mean product with the centred target: large for columns of a large scale.
fn covariance(
    _: &Run<'_>,
    _: &dyn Learner,
    data: &Dataset,
    players: &Players,
) -> Result<Importance> {
    let target = data.target().values().unwrap();
    let centre = mean(target.iter());
    let score = |column: usize| {
        let column = data.rows().column(column).to_vec();
        column.iter().zip(target).map(|(x, y)| x * (y - centre)).sum::<f64>().abs()
    };
    let scores = (0..players.len()).map(|i| players.members(i).iter().map(|&c| score(c)).sum());
    Importance::new("covariance", players.names(), scores.collect())
}

fn players(n: usize) -> Players {
    Players::features((0..n).map(|i| format!("x{i}"))).unwrap()
}

/// Standard normal columns, each ten thousand times as large as the last; the target is noise, plus
/// `slope` times the first.
fn scaled(seed: u64, n_rows: usize, n: usize, slope: f64) -> Dataset {
    let mut rng = Rng::new(seed, 0);
    let mut rows = Array2::from_shape_simple_fn((n_rows, n), || rng.normal());
    let target = (0..n_rows).map(|i| slope * rows[[i, 0]] + rng.normal()).collect();
    for (j, mut column) in rows.columns_mut().into_iter().enumerate() {
        column *= 1e4_f64.powi(j as i32);
    }
    Dataset::new(rows, Target::Values(target)).unwrap()
}

#[test]
fn p_values_are_uniform_under_the_null_whatever_the_scale() {
    let settings = TargetPermutation { n_permutations: 39, ..Default::default() };
    let mut seen = Vec::new();
    for seed in 0..120 {
        let data = scaled(seed, 25, 3, 0.0);
        let found = settings
            .importance(&Run::new(seed), &NotAsked, &covariance, &data, &players(3))
            .unwrap();
        // The raw importance ranks by scale, which says nothing.
        assert_eq!(found.importance.order()[0], 2);
        assert_eq!(found.null.dim(), (3, 39));
        let p_values = found.importance.p_values.unwrap();
        for (player, p) in p_values.iter().enumerate() {
            let value = found.importance.values[player];
            let as_high = found.null.row(player).iter().filter(|&&null| null >= value).count();
            assert_eq!(*p, (1 + as_high) as f64 / 40.0);
        }
        seen.extend(p_values);
    }
    // Uniform on 1/40, 2/40, …, 1: shifted to the middles of the steps for a continuous test.
    let mut sorted: Vec<f64> = seen.iter().map(|p| p - 0.5 / 40.0).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().fold(0.0_f64, |largest, (i, p)| {
        largest.max((p - i as f64 / n).abs()).max(((i + 1) as f64 / n - p).abs())
    });
    // The step adds at most 1/80 to the distance.
    assert!(kolmogorov_tail(distance - 1.0 / 80.0, n) > 0.01, "{distance}");
    let false_positives = seen.iter().filter(|&&p| p <= 0.05).count() as f64 / n;
    assert!((0.02..=0.085).contains(&false_positives), "{false_positives}");
}

#[test]
fn signal_is_found_behind_columns_of_a_larger_scale() {
    let settings = TargetPermutation { n_permutations: 99, ..Default::default() };
    let mut found = 0;
    for seed in 0..10 {
        let data = scaled(seed, 40, 3, 1.5);
        let tested = settings
            .importance(&Run::new(seed), &NotAsked, &covariance, &data, &players(3))
            .unwrap()
            .importance;
        // The smallest scale has the smallest score.
        assert_eq!(tested.ranks()[0], 3);
        let p = tested.adjusted_p_values(bonferroni).unwrap().unwrap();
        found += usize::from(p[0] <= 0.05 && p[1] > 0.05 && p[2] > 0.05);
    }
    assert!(found >= 8, "{found}");
}

#[test]
fn groups_that_move_whole_keep_the_level() {
    // A target and a feature that are each a person's own: 12 persons of 5 rows.
    let level = |exchange: Exchange| {
        let settings = TargetPermutation { n_permutations: 39, exchange, ..Default::default() };
        let low = (0..60).filter(|&seed| {
            let mut rng = Rng::new(seed, 0);
            let persons: Vec<(f64, f64)> = (0..12).map(|_| (rng.normal(), rng.normal())).collect();
            let rows = Array2::from_shape_fn((60, 1), |(i, _)| persons[i % 12].0);
            let target = (0..60).map(|i| persons[i % 12].1).collect();
            let data = Dataset::new(rows, Target::Values(target)).unwrap();
            let data = data.with_groups((0..60).map(|i| i % 12).collect()).unwrap();
            let found = settings
                .importance(&Run::new(seed), &NotAsked, &covariance, &data, &players(1))
                .unwrap();
            found.importance.p_values.unwrap()[0] <= 0.05
        });
        low.count() as f64 / 60.0
    };
    let (whole, rows) = (level(Exchange::WholeGroups), level(Exchange::Rows));
    assert!(whole <= 0.13 && rows >= 0.3, "{whole} {rows}");
}

#[test]
fn weights_move_with_the_target() {
    let data = scaled(1, 6, 1, 0.0).with_weights(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let shuffled = with_donors(&data, &[3, 0, 1, 2, 5, 4]).unwrap();
    let target = data.target().values().unwrap();
    assert_eq!(shuffled.target().values().unwrap()[0], target[3]);
    assert_eq!(shuffled.weights().unwrap(), [4.0, 1.0, 2.0, 3.0, 6.0, 5.0]);
    assert_eq!(shuffled.rows(), data.rows());
}

#[test]
fn fitted_distributions_are_those_of_scipy() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/golden/selection.json")).unwrap();
    let cases = golden["nulls"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let null: Vec<f64> =
            case["values"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        let kind = match case["null"].as_str().unwrap() {
            "normal" => NullDistribution::Normal,
            "log-normal" => NullDistribution::LogNormal,
            _ => NullDistribution::Gamma,
        };
        let settings = TargetPermutation { null: kind, ..Default::default() };
        let number = |name: &str| case[name].as_f64().unwrap();
        let (p, fit) = settings.test(&null, number("value")).unwrap();
        // A tail magnifies the error of the fit.
        assert!((p / number("p") - 1.0).abs() < 2e-4, "{kind:?} {p} {}", number("p"));
        // The limit with a correction against SciPy's exact distribution.
        assert!((fit - number("fit")).abs() < 0.03, "{kind:?} {fit} {}", number("fit"));
    }
}

#[test]
fn a_poor_fit_and_a_null_that_does_not_vary_are_told() {
    let flip = |_: &Run<'_>, _: &dyn Learner, data: &Dataset, players: &Players| {
        let first = data.target().values().unwrap()[0];
        // Two values only: no normal distribution. And a constant.
        let two = if first > 0.0 { 1.0 } else { 3.0 };
        Importance::new("two values", players.names(), vec![two, 1.0])
    };
    let data = scaled(2, 30, 2, 0.0);
    let run = |null| {
        let settings = TargetPermutation { null, n_permutations: 60, ..Default::default() };
        settings.importance(&Run::new(0), &NotAsked, &flip, &data, &players(2)).unwrap()
    };
    let found = run(NullDistribution::Normal);
    assert_eq!(
        found.importance.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["2 of 2 players have a null that the fitted distribution does not describe: take the \
          empirical one for them"]
    );
    let fits = found.fit_p_values.unwrap();
    assert!(fits[0] < 0.01 && fits[1] == 0.0);
    assert_eq!(found.importance.p_values.unwrap()[1], 1.0);
    let plain = run(NullDistribution::Empirical);
    assert!(plain.fit_p_values.is_none() && plain.importance.warnings.is_empty());
    assert_eq!(
        serde_json::from_str::<TargetPermuted>(&serde_json::to_string(&plain).unwrap()).unwrap(),
        plain
    );
}

#[test]
fn threads_do_not_change_a_bit() {
    let data = scaled(3, 20, 2, 0.5);
    let settings = TargetPermutation { n_permutations: 19, ..Default::default() };
    crate::invariants::thread_count_invariance(&Run::new(4), |run| {
        settings.importance(run, &NotAsked, &covariance, &data, &players(2))
    })
    .unwrap();
}

#[test]
fn bad_input_is_named() {
    let data = scaled(0, 10, 2, 0.0);
    let text = |settings: TargetPermutation, n: usize, data: &Dataset| {
        let zero = |_: &Run<'_>, _: &dyn Learner, _: &Dataset, players: &Players| {
            Importance::new("zero", players.names(), vec![0.0; players.len()])
        };
        let found = settings.importance(&Run::new(0), &NotAsked, &zero, data, &players(n));
        found.unwrap_err().to_string()
    };
    let with = TargetPermutation::default;
    assert_eq!(
        text(TargetPermutation { n_permutations: 0, ..with() }, 2, &data),
        "`n_permutations` is `0`, it must be at least 1"
    );
    let null = NullDistribution::Normal;
    assert_eq!(
        text(TargetPermutation { n_permutations: 1, null, ..with() }, 2, &data),
        "`n_permutations` is `1`, it must be at least 2"
    );
    assert_eq!(text(with(), 3, &data), "the players' list of features has shape [3], expected [2]");
    let null = NullDistribution::Gamma;
    assert_eq!(
        text(TargetPermutation { null, ..with() }, 2, &data),
        "`x0`: an importance is `0`, a gamma distribution needs numbers above 0, take another \
         `null`"
    );
    let one = Dataset::new(Array2::zeros((1, 2)), Target::Values(vec![0.0])).unwrap();
    assert!(text(with(), 2, &one).starts_with("no two rows may trade places"));
    let failing = |_: &Run<'_>, _: &dyn Learner, data: &Dataset, players: &Players| {
        let value = if data.target().values().unwrap()[0] > 0.0 { f64::NAN } else { 0.0 };
        Importance::new("fails", players.names(), vec![0.0, value])
    };
    let found = with().importance(&Run::new(0), &NotAsked, &failing, &data, &players(2));
    let text = found.unwrap_err().to_string();
    assert!(
        text.ends_with("the importance of `x1` is `NaN`, only finite numbers can be compared"),
        "{text}"
    );
}
