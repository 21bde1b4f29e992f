//! The statistics on numbers made by hand.

use fi_core::Rng;

use super::*;

/// 1, 2, … 21: the central 95 % reaches from 1.5 to 20.5.
fn range() -> Range {
    Range::of((1..=21).rev().map(f64::from).collect()).unwrap()
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} {b}");
}

#[test]
fn a_published_value_is_reproduced_inside_the_central_range_alone() {
    let range = range();
    close(range.median, 11.0);
    close(range.low, 1.5);
    close(range.high, 20.5);
    close(range.width(), 19.0);
    let verdicts = [1.499, 1.501, 11.0, 20.499, 20.501].map(|published| range.verdict(published));
    let inside = Verdict::Reproduced;
    let expected = [Verdict::PublishedLower, inside, inside, inside, Verdict::PublishedHigher];
    assert_eq!(verdicts, expected);
    assert_eq!(Range::of(Vec::new()), None);
    let line = Line::new(("iris", "DeepNN", PAIRS[0]), 0.9, Vec::new());
    assert_eq!((line.verdict, line.median, line.n_seeds), (Verdict::NotRun, None, 0));
}

#[test]
fn a_range_of_few_seeds_holds_one_more_seed_as_often_as_it_says() {
    close(range().expected_to_hold(), 1.0 - 3.0 / 22.0);
    for n in [2, 5, 20] {
        let mut rng = Rng::new(7, n);
        let (mut held, mut says, n_draws) = (0.0, 0.0, 20_000);
        for _ in 0..n_draws {
            let range = Range::of((0..n).map(|_| rng.uniform()).collect()).unwrap();
            held += f64::from(u8::from(range.holds(rng.uniform())));
            says = range.expected_to_hold();
        }
        let share = held / f64::from(n_draws);
        // Four standard errors of a share of 20,000.
        assert!((share - says).abs() < 0.0142, "{n} seeds: {share} {says}");
    }
}

fn line(published: f64, range: Option<(f64, f64)>) -> Line {
    let verdict = range.map_or(Verdict::NotRun, |(low, high)| {
        Range { median: low, low, high, n: 5 }.verdict(published)
    });
    Line {
        low: range.map(|(low, _)| low),
        median: range.map(|(low, _)| low),
        high: range.map(|(_, high)| high),
        n_seeds: 5,
        verdict,
        ..Line::new(("iris", "NN1", PAIRS[0]), published, Vec::new())
    }
}

#[test]
fn wide_ranges_hold_the_published_values_of_other_cells() {
    let lines = [line(0.1, Some((0.0, 0.2))), line(0.5, Some((0.6, 1.0))), line(0.9, None)];
    let worth = Worth::of(&lines.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!((worth.n_run, worth.n_reproduced), (2, 1));
    close(worth.width, 0.3);
    // The first holds neither 0.5 nor 0.9, the second 0.9 and not 0.1.
    close(worth.holds_others, 0.25);
    close(worth.expected, 2.0 * (1.0 - 2.0 * 1.1 / 6.0));
    assert_eq!(Worth::of(&[&lines[2]]), None);
}

/// One method's scores of three features.
fn scores(network: &str, arm: &str, seed: u64, method: &str, values: [f64; 3]) -> Vec<Score> {
    let line = |(i, value)| Score {
        dataset: "iris".to_owned(),
        network: network.to_owned(),
        arm: arm.to_owned(),
        seed,
        method: method.to_owned(),
        feature: format!("x{i}"),
        value,
    };
    values.into_iter().enumerate().map(line).collect()
}

#[test]
fn correlations_are_of_the_same_seed_and_land_in_their_cells() {
    let (up, down, flat) = ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 1.0, 1.0]);
    let mut all = Vec::new();
    for (seed, viann) in [(4, up), (5, down), (6, flat)] {
        all.extend(scores("NN1", "published", seed, VIANN, viann));
        all.extend(scores("NN1", "published", seed, GARSON_CANCELLING, up));
        all.extend(scores("NN1", "published", seed, GARSON, down));
        all.extend(scores("NN1", "published", seed, SET_TO_ZERO, up));
        all.extend(scores("NN1", "7 epochs", seed, VIANN, up));
        all.extend(scores("forest", "published", seed, MDI, down));
    }
    let replicates = replicates(&all, &[7]).unwrap();
    let of = |variant: &str, pair: &str| {
        let found = pearsons(&replicates, variant);
        found.get(&("iris", "NN1", pair)).cloned().unwrap_or_default()
    };
    // The flat VIANN of seed 6 has no correlation.
    assert_eq!(of("published", "VIANN–LOFO"), [1.0, -1.0]);
    assert_eq!(of("published", "VIANN–RF"), [-1.0, 1.0]);
    assert_eq!(of("published", "Garson–LOFO"), [1.0, 1.0, 1.0]);
    assert_eq!(of("published", "Garson–VIANN"), [1.0, -1.0]);
    assert_eq!(of("weighted Garson", "Garson–LOFO"), [-1.0, -1.0, -1.0]);
    assert_eq!(of("7 epochs", "VIANN–RF"), [-1.0, -1.0, -1.0]);
    assert!(of("7 epochs", "VIANN–LOFO").is_empty());

    let lines = lines(&replicates, PUBLISHED);
    assert_eq!(lines.len(), 72);
    let run: Vec<&Line> = lines.iter().filter(|line| line.verdict != Verdict::NotRun).collect();
    assert_eq!(run.len(), 4);
    assert!(run.iter().all(|line| line.dataset == "iris" && line.network == "NN1"));
    assert_eq!((run[0].published, run[0].median, run[0].n_seeds), (0.99, Some(0.0), 2));
}
