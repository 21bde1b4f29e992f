//! Whenever a call stops, what it has finished is the result of a smaller call, and what goes on
//! from there, or is merged from shards, is the result of an uninterrupted one: to the bit.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fi_core::{
    Attribution, Checkpoint, Dataset, Error, Folds, Importance, Keeper, Lofo, Metric, Permutation,
    Players, Progress, Removal, Result, Run, Sage, SageEstimator, Warning, shapley,
};
use proptest::prelude::*;

use crate::{Ols, gaussian, linear, on_threads};

const BETA: [f64; 3] = [1.0, -0.5, 0.2];
const SEED: u64 = 11;

/// Breaks when so many steps are done.
struct After(usize);

impl Progress for After {
    fn advance(&self, done: usize, _total: usize) -> ControlFlow<()> {
        if done >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Counts steps.
struct Count<'a>(&'a AtomicUsize);

impl Progress for Count<'_> {
    fn advance(&self, _done: usize, _total: usize) -> ControlFlow<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    }
}

/// A call of one of the methods, small enough to be made often. What it prints tells all bits.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// One repeat of the three players is one call of the model.
    Permutation,
    /// Several players' predictions are made in one call of the model, and a metric is a jackknife.
    PermutationInBatches,
    Lofo,
    Rows,
    Pairs,
    /// With corrections; a block of draws is one task.
    Sage,
    /// A block is 16 tasks, and the draws are one regression.
    SageByKernel,
}

const CALLS: [Call; 7] = [
    Call::Permutation,
    Call::PermutationInBatches,
    Call::Lofo,
    Call::Rows,
    Call::Pairs,
    Call::Sage,
    Call::SageByKernel,
];

fn players() -> Players {
    Players::features(["a", "b", "c"]).unwrap()
}

fn permutation(run: &Run<'_>, n_repeats: usize, batch_rows: usize) -> Result<Vec<Importance>> {
    let data = gaussian(1, 30, &BETA, 0.5);
    let method = Permutation { n_repeats, batch_rows, ..Permutation::default() };
    method.importance(run, &linear(&BETA, 0.0), &data, &players(), &[Metric::Mse, Metric::R2])
}

fn lofo(run: &Run<'_>, n_splits: usize) -> Result<Vec<Importance>> {
    let data = gaussian(2, 24, &BETA, 0.5);
    let folds = Folds::KFold { n_splits, shuffle: false };
    let metrics = [Metric::Mse, Metric::Mae];
    Lofo { folds, confidence: 0.9 }.importance(run, &Ols, &data, &players(), &metrics)
}

fn rows(run: &Run<'_>, beta: &[f64; 3], background: u64) -> Result<Attribution> {
    let removal = Removal::marginal(gaussian(background, 5, &BETA, 0.0).rows().to_owned())?;
    let estimator = shapley::Sampling { n_samples: 4 };
    let asked = gaussian(5, 7, &BETA, 0.0);
    shapley::explain(run, &estimator, &linear(beta, 0.5), asked.rows(), &players(), &removal)
}

fn pairs(run: &Run<'_>) -> Result<shapley::Estimate> {
    use shapley::Estimator as _;
    let removal = Removal::marginal(gaussian(4, 5, &BETA, 0.0).rows().to_owned())?;
    let (row, model, players) = (gaussian(6, 1, &BETA, 0.0), linear(&BETA, 0.5), players());
    let game = fi_core::PredictionGame::new(&model, &players, row.rows().row(0), &removal)?;
    shapley::Permutation { n_permutations: 42, tolerance: None }.estimate(run, &game)
}

fn sage(run: &Run<'_>, method: &Sage) -> Result<Vec<Importance>> {
    let n_background = if method.estimator == SageEstimator::Kernel { 300 } else { 24 };
    let removal = Removal::marginal(gaussian(3, n_background, &BETA, 0.0).rows().to_owned())?;
    let (data, model) = (gaussian(1, 30, &BETA, 0.5), linear(&BETA, 0.0));
    method.importance(run, &model, &data, &players(), &removal, &[Metric::Mse, Metric::Mae])
}

fn by_walks(n_draws: usize) -> Sage {
    Sage { n_draws, tolerance: None, background_rows: 4, ..Sage::default() }
}

fn by_kernel(n_draws: usize) -> Sage {
    Sage { estimator: SageEstimator::Kernel, background_rows: 300, ..by_walks(n_draws) }
}

impl Call {
    fn text(self, run: &Run<'_>) -> Result<String> {
        match self {
            Self::Permutation => permutation(run, 11, 30).map(|found| format!("{found:?}")),
            Self::PermutationInBatches => {
                permutation(run, 11, 70).map(|found| format!("{found:?}"))
            }
            Self::Lofo => lofo(run, 4).map(|found| format!("{found:?}")),
            Self::Rows => rows(run, &BETA, 3).map(|found| format!("{found:?}")),
            Self::Pairs => pairs(run).map(|found| format!("{found:?}")),
            Self::Sage => sage(run, &by_walks(256)).map(|found| format!("{found:?}")),
            Self::SageByKernel => sage(run, &by_kernel(192)).map(|found| format!("{found:?}")),
        }
    }
}

#[test]
fn after_any_stop_a_call_goes_on_to_the_same_bits_on_any_number_of_threads() {
    for call in CALLS {
        let whole = call.text(&Run::new(SEED)).unwrap();
        for (n_threads, stops) in [(1, 1..40), (2, 1..9), (3, 1..9)] {
            for stop in stops {
                let kept = Mutex::new(None);
                let run = Run::new(SEED).with_keeper(&kept);
                let part = on_threads(n_threads, || call.text(&run.with_progress(&After(stop))));
                if let Err(error) = &part {
                    assert!(matches!(error, Error::Cancelled { .. }), "{call:?}: {error}");
                }
                // A second stop on the way, on one thread more.
                let again =
                    on_threads(n_threads % 3 + 1, || call.text(&run.with_progress(&After(2))));
                assert!(again.is_ok() || part.is_err(), "{call:?} {stop}: {again:?}");
                let rest = on_threads(n_threads, || call.text(&run)).unwrap();
                assert_eq!(rest, whole, "{call:?}, {n_threads} threads, stopped after {stop}");
            }
        }
    }
}

/// Without the mark of a part, whose numbers are told.
fn marked(found: Vec<Importance>) -> (Vec<Importance>, usize, usize) {
    let mut mark = (0, 0);
    let found = found.into_iter().map(|mut importance| {
        importance.warnings.retain(|warning| match warning {
            Warning::Unfinished { done, total } => {
                mark = (*done, *total);
                false
            }
            _ => true,
        });
        importance
    });
    let found: Vec<Importance> = found.collect();
    (found, mark.0, mark.1)
}

#[test]
fn a_part_is_the_result_of_a_smaller_call() {
    let mut parts = std::collections::BTreeSet::new();
    for stop in 3..33 {
        let after = After(stop);
        let run = Run::new(SEED).with_progress(&after);
        let part = on_threads(1, || permutation(&run, 11, 30)).unwrap();
        let (part, done, total) = marked(part);
        // A step is a player's repeat.
        assert_eq!((done, total), (stop / 3, 11));
        let smaller = permutation(&Run::new(SEED), done, 30).unwrap();
        assert_eq!(format!("{part:?}"), format!("{smaller:?}"), "{done} repeats");
        parts.insert(done);
    }
    assert_eq!(parts.into_iter().collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    // Folds without shuffling are given folds, of which the first are done first.
    let data = gaussian(2, 24, &BETA, 0.5);
    let folds = Folds::KFold { n_splits: 4, shuffle: false }.split(&Run::new(0), &data).unwrap();
    for stop in 4..16 {
        let part = on_threads(1, || lofo(&Run::new(SEED).with_progress(&After(stop)), 4)).unwrap();
        let (part, done, total) = marked(part);
        assert_eq!((done, total), (stop / 4, 4));
        let given = Lofo { folds: Folds::Given(folds[..done].to_vec()), confidence: 0.9 };
        let metrics = [Metric::Mse, Metric::Mae];
        let smaller = given.importance(&Run::new(SEED), &Ols, &data, &players(), &metrics).unwrap();
        assert_eq!(format!("{part:?}"), format!("{smaller:?}"), "{done} folds");
    }
    // A step is a block of 64 draws by walks, and of 4 by the kernel.
    for (method, stop, n) in [(by_walks(200), 2, 128), (by_kernel(200), 35, 128)] {
        let part = on_threads(1, || sage(&Run::new(SEED).with_progress(&After(stop)), &method));
        let (part, done, total) = marked(part.unwrap());
        assert_eq!((done, total), (n, 200));
        let smaller = sage(&Run::new(SEED), &Sage { n_draws: n, ..method }).unwrap();
        assert_eq!(format!("{part:?}"), format!("{smaller:?}"), "{n} draws");
    }
    let none = sage(&Run::new(SEED).with_progress(&After(3)), &by_kernel(200)).unwrap_err();
    assert_eq!(none.to_string(), "cancelled after 0 of 200 steps");
    let whole = rows(&Run::new(SEED), &BETA, 3).unwrap();
    assert_eq!(whole.finished_rows, None);
    for (n_threads, stop) in [(1, 1), (1, 5), (2, 3), (3, 2)] {
        let after = After(stop);
        let run = Run::new(SEED).with_progress(&after);
        let part = on_threads(n_threads, || rows(&run, &BETA, 3)).unwrap();
        let finished = part.finished_rows.unwrap();
        assert!(finished.len() >= stop && finished.is_sorted(), "{finished:?}");
        for (place, &row) in finished.iter().enumerate() {
            let all = whole.values.index_axis(ndarray::Axis(0), row);
            assert_eq!(part.values.index_axis(ndarray::Axis(0), place), all);
        }
    }
    let part = on_threads(1, || pairs(&Run::new(SEED).with_progress(&After(1))));
    assert!(part.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn shards_merge_to_the_same_bits_in_any_order(
        call in 0..CALLS.len(),
        count in 1_usize..7,
        order: u64,
        stopped in 0_usize..7,
    ) {
        let call = CALLS[call];
        let shard = |index: usize| {
            let kept = Mutex::new(None);
            let run = Run::new(SEED).with_keeper(&kept).with_shard(index, count).unwrap();
            // One of them is stopped and goes on. A shard without a whole fold has no result.
            if index == stopped {
                let _ = call.text(&run.with_progress(&After(1)));
            }
            let _ = call.text(&run);
            kept.into_inner().unwrap().unwrap()
        };
        let mut shards: Vec<Checkpoint> = (0..count).map(shard).collect();
        fi_core::Rng::new(order, 0).shuffle(&mut shards);
        let merged = shards.into_iter().reduce(|a, b| a.merge(b).unwrap()).unwrap();
        let kept = Mutex::new(Some(merged));
        let begun = AtomicUsize::new(0);
        let progress = Count(&begun);
        let run = Run::new(SEED).with_keeper(&kept).with_progress(&progress);
        prop_assert_eq!(call.text(&run).unwrap(), call.text(&Run::new(SEED)).unwrap());
        prop_assert_eq!(begun.into_inner(), 0);
    }
}

#[test]
fn the_tolerance_stops_at_the_same_repeat_however_the_work_is_cut() {
    let data = gaussian(1, 30, &BETA, 0.5);
    let find = |run: &Run<'_>, batch_rows, tolerance| {
        let method =
            Permutation { n_repeats: 200, batch_rows, tolerance, ..Permutation::default() };
        method.importance(run, &linear(&BETA, 0.0), &data, &players(), &[Metric::Mse])
    };
    let run = Run::new(SEED);
    let found = find(&run, 16_384, Some(0.02)).unwrap();
    let n = found[0].replicates.ncols();
    assert!(n.is_multiple_of(8) && (16..200).contains(&n), "{n}");
    assert_eq!(
        found,
        permutation(&run, n, 30)
            .map(|mut found| {
                found.truncate(1);
                found
            })
            .unwrap()
    );
    let noise = |n: usize| {
        let found = &permutation(&run, n, 30).unwrap()[0];
        let most = found.std.as_ref().unwrap().iter().fold(0.0, |a: f64, &b| a.max(b));
        let values = || found.values.iter().copied();
        let range = values().fold(0.0, f64::max) - values().fold(0.0, f64::min);
        most / (n as f64).sqrt() / range
    };
    assert!(noise(n) <= 0.02 && (8..n).step_by(8).all(|n| noise(n) > 0.02));
    for n_threads in [1, 2, 3] {
        for batch_rows in [7, 30, 1000] {
            assert_eq!(
                on_threads(n_threads, || find(&run, batch_rows, Some(0.02))).unwrap(),
                found
            );
        }
    }
    // Stopped on the way, and looked at again when it is all there.
    let kept = Mutex::new(None);
    let keeping = run.with_keeper(&kept);
    find(&keeping.with_progress(&After(31)), 30, Some(0.02)).unwrap();
    assert_eq!(find(&keeping, 30, Some(0.02)).unwrap(), found);
    assert_eq!(find(&keeping, 30, Some(0.02)).unwrap(), found);
    // A smaller one goes on from there.
    let finer = find(&keeping, 30, Some(0.01)).unwrap();
    assert_eq!(finer, find(&run, 30, Some(0.01)).unwrap());
    let missed = find(&run, 30, Some(1e-9)).unwrap().remove(0);
    assert_eq!(missed.replicates.ncols(), 200);
    let texts: Vec<String> = missed.warnings.iter().map(ToString::to_string).collect();
    let few = "the intervals are of 30 independent rows or groups of rows, and with fewer than 100 \
               they cover less often than they say: take more rows";
    assert_eq!(texts, [few, "the tolerance of 0.000000001 was not reached in 200 repeats"]);
    let text = |tolerance, run: &Run<'_>| find(run, 30, Some(tolerance)).unwrap_err().to_string();
    assert_eq!(text(0.0, &run), "`tolerance` is `0`, it must be positive and finite");
    assert_eq!(
        text(0.1, &run.with_shard(0, 2).unwrap()),
        "`tolerance` is `0.1`, it must be None in a shard, which does not know the other shards' \
         repeats"
    );
}

#[test]
fn sage_stops_at_the_same_draw_and_goes_on_to_more() {
    let run = Run::new(SEED);
    // The last block is not whole.
    for method in [by_walks(1000), by_kernel(1000)] {
        let method = Sage { tolerance: Some(0.025), ..method };
        let found = sage(&run, &method).unwrap();
        let n = found[0].n_evaluations;
        let of = |n_draws| Sage { n_draws, tolerance: None, ..method.clone() };
        assert!(n > sage(&run, &of(64)).unwrap()[0].n_evaluations, "{n}");
        assert!(n < sage(&run, &of(1000)).unwrap()[0].n_evaluations, "{n}");
        let kept = Mutex::new(None);
        let keeping = run.with_keeper(&kept);
        let stopped = After(1);
        let _ = sage(&keeping.with_progress(&stopped), &Sage { tolerance: None, ..method.clone() });
        assert_eq!(sage(&keeping, &method).unwrap(), found);
        // Without a model to ask: all is kept.
        assert_eq!(sage(&keeping.with_progress(&After(0)), &method).unwrap(), found);
        for finer in [Some(0.002), None] {
            let more = Sage { tolerance: finer, ..method.clone() };
            assert_eq!(sage(&keeping, &more).unwrap(), sage(&run, &more).unwrap());
        }
        // What went further is looked at from the beginning.
        assert_eq!(sage(&keeping, &method).unwrap(), found);
        let text = |run: &Run<'_>, method: &Sage| sage(run, method).unwrap_err().to_string();
        assert_eq!(
            text(&run.with_shard(0, 2).unwrap(), &method),
            "`tolerance` is `0.025`, it must be None in a shard, which does not know the other \
             shards' draws"
        );
        let other = Sage { background_rows: 2, ..method.clone() };
        let error = text(&keeping, &other);
        let differ = "the checkpoint and this call differ in background rows of a draw, ";
        assert!(error.starts_with(differ), "{error}");
        kept.lock().unwrap().as_mut().unwrap().answers.entry(0).and_modify(|a| a.truncate(9));
        let damaged = "the checkpoint's parts do not fit together, begin without it";
        assert_eq!(text(&keeping, &method), damaged);
    }
}

/// The checkpoint of a call.
fn of(call: impl Fn(&Run<'_>) -> Result<()>, run: Run<'_>) -> Checkpoint {
    let kept = Mutex::new(None);
    call(&run.with_keeper(&kept)).unwrap();
    kept.into_inner().unwrap().unwrap()
}

#[test]
fn a_checkpoint_of_another_call_is_refused_by_what_differs() {
    let base = || gaussian(1, 30, &BETA, 0.5);
    let call = |data: &Dataset, beta: &[f64], names: [&str; 3], metric: Metric, run: &Run<'_>| {
        let players = Players::features(names).unwrap();
        let method = Permutation { n_repeats: 3, ..Permutation::default() };
        method.importance(run, &linear(beta, 0.0), data, &players, &[metric]).map(|_| ())
    };
    let names = ["a", "b", "c"];
    let checkpoint = of(|run| call(&base(), &BETA, names, Metric::Mse, run), Run::new(SEED));
    let text = |data: &Dataset, beta: &[f64], names, metric, seed| {
        let kept = Mutex::new(Some(checkpoint.clone()));
        let run = Run::new(seed).with_keeper(&kept);
        call(data, beta, names, metric, &run).unwrap_err().to_string()
    };
    let others = |what: &str| {
        format!(
            "the checkpoint and this call differ in {what}, give what it was begun with or begin \
             without it"
        )
    };
    let mse = Metric::Mse;
    assert_eq!(text(&base(), &BETA, names, mse.clone(), 12), others("seed"));
    let weighted = base().with_weights(vec![2.0; 30]).unwrap();
    assert_eq!(text(&weighted, &BETA, names, mse.clone(), SEED), others("weights"));
    let grouped = base().with_groups((0..30).map(|row| row / 2).collect()).unwrap();
    assert_eq!(text(&grouped, &BETA, names, mse.clone(), SEED), others("groups of rows"));
    assert_eq!(text(&base(), &BETA, ["a", "b", "d"], mse.clone(), SEED), others("players"));
    assert_eq!(text(&base(), &BETA, names, Metric::Mae, SEED), others("metrics"));
    let other = [1.0, -0.5, 0.2 + 1e-15];
    assert_eq!(text(&base(), &other, names, mse.clone(), SEED), others("model"));
    let target = fi_core::Target::Values(vec![0.5; 30]);
    let retargeted = Dataset::new(base().rows().to_owned(), target).unwrap();
    assert_eq!(text(&retargeted, &BETA, names, mse.clone(), SEED), others("target"));
    let fewer = base().select_rows(&(0..29).collect::<Vec<_>>()).unwrap();
    let text_of_fewer = text(&fewer, &BETA, names, mse, SEED);
    assert_eq!(text_of_fewer, others("target and rows and model"));

    let kept = Mutex::new(Some(checkpoint.clone()));
    let error = lofo(&Run::new(SEED).with_keeper(&kept), 4).unwrap_err().to_string();
    assert_eq!(
        error,
        "the checkpoint is of `permutation by predicting again` and this call of `LOFO`, give the \
         same method or begin without it"
    );
    let fewer = Permutation { n_repeats: 2, ..Permutation::default() };
    let run = Run::new(SEED).with_keeper(&kept);
    let error = fewer
        .importance(&run, &linear(&BETA, 0.0), &base(), &players(), &[Metric::Mse])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the checkpoint went further than this call asks: it holds task 2 of 0 to 1, ask for at \
         least as much"
    );
    // What does not change the answers of repeats may change: the coverage, the size of batches.
    let wider = Permutation {
        n_repeats: 4,
        confidence: 0.5,
        batch_rows: 9,
        max_rows: Some(30),
        tolerance: None,
    };
    let more = |run: &Run<'_>| {
        wider.importance(run, &linear(&BETA, 0.0), &base(), &players(), &[Metric::Mse]).unwrap()
    };
    assert_eq!(more(&run), more(&Run::new(SEED)));
}

#[test]
fn what_else_the_answers_depend_on_tells_calls_apart() {
    let text = |kept: Checkpoint, call: &dyn Fn(&Run<'_>) -> Result<()>| {
        let kept = Mutex::new(Some(kept));
        call(&Run::new(SEED).with_keeper(&kept)).unwrap_err().to_string()
    };
    let run = Run::new(SEED);
    let shap = of(|run| rows(run, &BETA, 3).map(|_| ()), run);
    let differ = |what| format!("the checkpoint and this call differ in {what}");
    let other = [1.0, -0.5, 0.3];
    let error = text(shap.clone(), &|run| rows(run, &other, 3).map(|_| ()));
    assert!(error.starts_with(&differ("model, ")), "{error}");
    let error = text(shap.clone(), &|run| rows(run, &BETA, 4).map(|_| ()));
    assert!(error.starts_with(&differ("background, ")), "{error}");
    let error = text(shap, &|run| {
        let removal = Removal::marginal(gaussian(3, 5, &BETA, 0.0).rows().to_owned())?;
        let (asked, model) = (gaussian(5, 7, &BETA, 0.0), linear(&BETA, 0.5));
        let estimator = shapley::Sampling { n_samples: 5 };
        shapley::explain(run, &estimator, &model, asked.rows(), &players(), &removal).map(|_| ())
    });
    assert!(error.starts_with(&differ("estimator, ")), "{error}");
    let four = of(|run| lofo(run, 4).map(|_| ()), run);
    let error = text(four.clone(), &|run| lofo(run, 3).map(|_| ()));
    assert!(error.starts_with(&differ("folds and what the learner learns, ")), "{error}");

    // Parts that no call wrote.
    let damaged = "the checkpoint's parts do not fit together, begin without it";
    let mut short = four.clone();
    short.answers.insert(3, vec![1.0]);
    assert_eq!(text(short, &|run| lofo(run, 4).map(|_| ())), damaged);
    let mut three = of(|run| permutation(run, 3, 30).map(|_| ()), run);
    three.answers.remove(&1);
    assert_eq!(text(three.clone(), &|run| permutation(run, 3, 30).map(|_| ())), damaged);
    three.moments.pop();
    assert_eq!(text(three, &|run| permutation(run, 3, 30).map(|_| ())), damaged);

    // Merging asks for the same things.
    let error = four.clone().merge(four.clone()).unwrap_err().to_string();
    assert_eq!(error, "both checkpoints hold task 0, merge shards that have none in common");
    let shard = |seed: u64, index| {
        let kept = Mutex::new(None);
        let _ = lofo(&Run::new(seed).with_keeper(&kept).with_shard(index, 2).unwrap(), 4);
        kept.into_inner().unwrap().unwrap()
    };
    let error = shard(1, 0).merge(shard(2, 1)).unwrap_err().to_string();
    assert!(error.starts_with("the checkpoint and the other differ in seed"), "{error}");
    let permuted = of(|run| permutation(run, 3, 30).map(|_| ()), run);
    let error = four.merge(permuted).unwrap_err().to_string();
    assert!(error.starts_with("the checkpoint is of `LOFO` and the other of `permu"), "{error}");
}

/// Fails to keep anything from the second time on.
struct Full(AtomicUsize);

impl Keeper for Full {
    fn begin(&self) -> Result<Option<Checkpoint>> {
        Ok(None)
    }

    fn keep(&self, _finished: &Checkpoint, _over: bool) -> Result<()> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            return Ok(());
        }
        Err(Error::Data("the disk is full".to_owned()))
    }
}

#[test]
fn work_that_cannot_be_kept_ends_the_call() {
    for call in CALLS {
        let full = Full(AtomicUsize::new(0));
        let error = call.text(&Run::new(SEED).with_keeper(&full)).unwrap_err().to_string();
        assert_eq!(error, "the disk is full", "{call:?}");
    }
}

#[test]
fn a_shard_is_refused_by_a_method_that_has_no_parts() {
    let data = gaussian(1, 30, &BETA, 0.5);
    let run = Run::new(0).with_shard(0, 2).unwrap();
    let error = fi_core::Occlusion::at_means(data.rows())
        .importance(&run, &linear(&BETA, 0.0), &data, &players(), &[Metric::Mse])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "this method cannot keep finished work or do a part of it, run it whole and without a \
         checkpoint"
    );
}
