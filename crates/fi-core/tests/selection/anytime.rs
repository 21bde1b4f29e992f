//! A long choice that stops goes on to the same bits, and its parts merge to them.

use std::ops::ControlFlow;
use std::sync::Mutex;

use fi_core::selection::{
    Boruta, Choice, Construction, Decision, Knockoffs, Rfe, RfeCv, Selection, Selector,
    StabilitySelection, Step,
};
use fi_core::{
    Checkpoint, Error, Importance, Learner, LearnerImportance, Metric, Players, Progress, Result,
    Run, Warning,
};

use crate::{Ridge, features, gaussian, sizes};

const BETA: [f64; 5] = [1.0, 0.0, 0.6, 0.2, 0.0];
const SEED: u64 = 5;

/// Breaks when so many steps are done.
struct After(usize);

impl Progress for After {
    fn advance(&self, done: usize, _total: usize) -> ControlFlow<()> {
        if done >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn boruta() -> Boruta {
    Boruta { n_rounds: 25, alpha: 0.6, ..Boruta::default() }
}

fn halves() -> StabilitySelection {
    StabilitySelection { n_pairs: 6, n_chosen: Some(2), ..StabilitySelection::default() }
}

fn rfecv() -> RfeCv {
    RfeCv { step: Step::Number(2), ..RfeCv::default() }
}

fn knockoffs() -> Knockoffs {
    Knockoffs { fdr: 0.8, n_draws: 6, ..Knockoffs::default() }
}

fn selectors() -> [Box<dyn Selector>; 5] {
    let rfe = Rfe { n_features: Some(1), ..Rfe::default() };
    let folds = Box::new(rfecv());
    [Box::new(rfe), folds, Box::new(boruta()), Box::new(halves()), Box::new(knockoffs())]
}

/// The sizes of coefficients with noise of the run's, so that a step with another seed is found out.
fn noisy(
    run: &Run<'_>,
    learner: &dyn Learner,
    data: &fi_core::Dataset,
    players: &Players,
) -> Result<Importance> {
    let mut found = sizes(run, learner, data, players)?;
    let mut rng = run.rng(0);
    found.values.iter_mut().for_each(|value| *value += 0.2 * (rng.uniform() - 0.4));
    Ok(found)
}

fn select_by(
    selector: &dyn Selector,
    importance: &dyn LearnerImportance,
    run: &Run<'_>,
) -> Result<Selection> {
    let data = gaussian(1, 40, &BETA, 0.8);
    selector.select(run, &Ridge(1.0), importance, &data, &features(5))
}

fn select(selector: &dyn Selector, run: &Run<'_>) -> Result<Selection> {
    select_by(selector, &noisy, run)
}

fn on_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(work)
}

#[test]
fn after_any_stop_a_choice_goes_on_to_the_same_bits_on_any_number_of_threads() {
    for selector in selectors() {
        let selector = &*selector;
        let whole = select(selector, &Run::new(SEED)).unwrap();
        let mut answers = 0;
        for (n_threads, stops) in [(1, 1..26), (2, 1..9), (3, 1..9)] {
            for stop in stops {
                let kept = Mutex::new(None);
                let run = Run::new(SEED).with_keeper(&kept);
                let after = After(stop);
                let stopped = run.with_progress(&after);
                match on_threads(n_threads, || select(selector, &stopped)) {
                    Ok(_) => answers += 1,
                    Err(error) => assert!(matches!(error, Error::Cancelled { .. }), "{error}"),
                }
                let two = After(2);
                let again = run.with_progress(&two);
                let _ = on_threads(n_threads % 3 + 1, || select(selector, &again));
                let rest = on_threads(n_threads, || select(selector, &run)).unwrap();
                assert_eq!(rest, whole, "{n_threads} threads, stopped after {stop}");
                // Nothing is left to do.
                let idle = select(selector, &run.with_progress(&After(0))).unwrap();
                assert_eq!(idle, whole);
            }
        }
        assert!(answers > 0, "{}", whole.method);
    }
}

/// The choice without the mark of a part, and the mark.
fn marked(mut found: Selection) -> (Selection, Option<(usize, usize)>) {
    let mut mark = None;
    found.warnings.retain(|warning| match warning {
        Warning::Unfinished { done, total } => {
            mark = Some((*done, *total));
            false
        }
        _ => true,
    });
    (found, mark)
}

#[test]
fn a_part_is_the_choice_of_a_smaller_call() {
    let part = |selector: &dyn Selector, stop| {
        on_threads(1, || select(selector, &Run::new(SEED).with_progress(&After(stop))))
    };
    let all = select(&boruta(), &Run::new(SEED)).unwrap().n_importances;
    assert!((4..25).contains(&all), "{all}");
    for stop in 1..all {
        let (part, mark) = marked(part(&boruta(), stop).unwrap());
        assert_eq!(mark, Some((stop, 25)));
        assert!(part.decisions.as_ref().unwrap().contains(&Decision::Tentative));
        let smaller = Boruta { n_rounds: stop, ..boruta() };
        assert_eq!(part, select(&smaller, &Run::new(SEED)).unwrap());
    }
    for stop in 2..12 {
        let (part, mark) = marked(part(&halves(), stop).unwrap());
        assert_eq!(mark, Some((stop / 2, 6)));
        let smaller = StabilitySelection { n_pairs: stop / 2, ..halves() };
        assert_eq!(part, select(&smaller, &Run::new(SEED)).unwrap());
    }
    for stop in 1..6 {
        let (part, mark) = marked(part(&knockoffs(), stop).unwrap());
        assert_eq!(mark, Some((stop, 6)));
        let smaller = Knockoffs { n_draws: stop, ..knockoffs() };
        assert_eq!(part, select(&smaller, &Run::new(SEED)).unwrap());
    }
    // Half a pair is nothing, nor is an elimination on the way.
    let error = part(&halves(), 1).unwrap_err().to_string();
    assert_eq!(error, "cancelled after 1 of 12 steps");
    let rfe = Rfe { n_features: Some(1), ..Rfe::default() };
    assert_eq!(part(&rfe, 3).unwrap_err().to_string(), "cancelled after 3 of 4 steps");
    // 5, 3 and 1 players on all rows and in each of 5 folds, of which the last is not begun.
    let (found, mark) = marked(part(&rfecv(), 15).unwrap());
    assert_eq!(mark, Some((4, 5)));
    let whole = select(&rfecv(), &Run::new(SEED)).unwrap();
    assert_eq!((found.n_fits, whole.n_fits), (12, 15));
    let mut first_four = whole.history.clone();
    first_four.retain(|round| round.fold != Some(4));
    assert_eq!(found.history, first_four);
    assert_eq!(part(&rfecv(), 5).unwrap_err().to_string(), "cancelled after 5 of 18 steps");
    let rule = RfeCv { choice: Choice::OneStandardError, ..rfecv() };
    assert!(part(&rfecv(), 6).is_ok() && part(&rule, 9).is_ok());
    assert_eq!(part(&rule, 8).unwrap_err().to_string(), "cancelled after 8 of 18 steps");
}

/// The checkpoint of a call, whole or of a shard.
fn kept(selector: &dyn Selector, run: &Run<'_>) -> Checkpoint {
    let kept = Mutex::new(None);
    let _ = select(selector, &run.with_keeper(&kept));
    kept.into_inner().unwrap().unwrap()
}

#[test]
fn shards_of_folds_halves_and_draws_merge_to_the_same_bits() {
    for selector in [&rfecv() as &dyn Selector, &halves(), &knockoffs()] {
        let whole = select(selector, &Run::new(SEED)).unwrap();
        for count in [1, 2, 3, 7] {
            let shard = |index| kept(selector, &Run::new(SEED).with_shard(index, count).unwrap());
            let merged = (0..count).rev().map(shard).reduce(|a, b| a.merge(b).unwrap()).unwrap();
            let kept = Mutex::new(Some(merged));
            // Nothing is left to do.
            let none = After(0);
            let run = Run::new(SEED).with_keeper(&kept).with_progress(&none);
            assert_eq!(select(selector, &run).unwrap(), whole, "{count} shards");
        }
    }
    for selector in [&boruta() as &dyn Selector, &Rfe::default()] {
        let error = select(selector, &Run::new(SEED).with_shard(0, 2).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this method has no parts for other machines, because each of its steps follows from \
             the one before: run it without a shard"
        );
    }
}

#[test]
fn what_a_choice_depends_on_tells_calls_apart_and_the_rest_may_change() {
    let go_on = |from: &dyn Selector, to: &dyn Selector, importance: &dyn LearnerImportance| {
        let kept = Mutex::new(Some(kept(from, &Run::new(SEED))));
        select_by(to, importance, &Run::new(SEED).with_keeper(&kept))
    };
    let differ = |found: Result<Selection>| {
        let text = found.unwrap_err().to_string();
        let start = text.strip_prefix("the checkpoint and this call differ in ").unwrap();
        start.split(", give what").next().unwrap().to_owned()
    };
    let boruta = boruta();
    let other = Boruta { alpha: 0.1, ..boruta };
    assert_eq!(differ(go_on(&boruta, &other, &noisy)), "alpha");
    let other = Boruta { perc: 90.0, ..boruta };
    let what = differ(go_on(&boruta, &other, &noisy));
    assert_eq!(what, "perc and what the learner learns");
    assert_eq!(differ(go_on(&boruta, &boruta, &sizes)), "what the learner learns");
    assert_eq!(differ(go_on(&halves(), &halves(), &sizes)), "what the learner learns");
    let rfe = |n| Rfe { n_features: Some(n), ..Rfe::default() };
    assert_eq!(differ(go_on(&rfe(1), &rfe(2), &noisy)), "numbers of players");
    let other = RfeCv { metric: Some(Metric::Mae), ..rfecv() };
    let what = differ(go_on(&rfecv(), &other, &noisy));
    assert_eq!(what, "metrics and what the learner learns");

    let other = Knockoffs { construction: Construction::Equicorrelated, ..knockoffs() };
    let what = differ(go_on(&knockoffs(), &other, &noisy));
    assert_eq!(what, "construction and what the learner learns");
    let other = Knockoffs { copula: true, ..knockoffs() };
    let what = differ(go_on(&knockoffs(), &other, &noisy));
    assert_eq!(what, "copula and what the learner learns");

    // More rounds, more halves, and another choice from them.
    for (from, to) in [
        (Boruta { n_rounds: 2, ..boruta }, Boruta { rough_fix: true, ..boruta }),
        (boruta, Boruta { n_rounds: 50, ..boruta }),
    ] {
        assert_eq!(go_on(&from, &to, &noisy).unwrap(), select(&to, &Run::new(SEED)).unwrap());
    }
    let to = StabilitySelection { n_pairs: 9, n_chosen: Some(1), threshold: 0.9, ..halves() };
    assert_eq!(go_on(&halves(), &to, &noisy).unwrap(), select(&to, &Run::new(SEED)).unwrap());
    let to = Knockoffs { n_draws: 9, fdr: 0.5, ..knockoffs() };
    assert_eq!(go_on(&knockoffs(), &to, &noisy).unwrap(), select(&to, &Run::new(SEED)).unwrap());
    let fewer = StabilitySelection { n_pairs: 2, ..halves() };
    let text = go_on(&halves(), &fewer, &noisy).unwrap_err().to_string();
    assert!(text.starts_with("the checkpoint went further than this call asks"), "{text}");
}

#[test]
fn steps_that_no_call_skips_are_refused() {
    for (selector, step) in [(&rfecv() as &dyn Selector, 4), (&boruta(), 1)] {
        let mut damaged = kept(selector, &Run::new(SEED));
        damaged.answers.remove(&step);
        let kept = Mutex::new(Some(damaged));
        let error = select(selector, &Run::new(SEED).with_keeper(&kept)).unwrap_err().to_string();
        assert_eq!(error, "the checkpoint's parts do not fit together, begin without it");
    }
}
