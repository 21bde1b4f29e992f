//! The only door to threads and randomness: seed, progress, cancellation and kept work of one call.
//!
//! Tasks run on the current rayon pool, task `i` draws from the stream `(seed, i)`, and answers,
//! like the first error, come back in task order. A caller who wants another number of threads
//! wraps the call in a pool's `install`; the answer stays the same to the bit.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::checkpoint::{Keeper, Shard};
use crate::error::{Error, Result};
use crate::rng::{Rng, mix};

/// Hears how far a call has come, and may stop it.
///
/// Called from worker threads, so that steps may be heard out of order. A library never draws bars: the program that calls it does.
pub trait Progress: Sync {
    /// `done` of the `total` steps that this call has to do are finished. `Break` stops it: a method
    /// that can answers with what is finished ([`Warning::Unfinished`](crate::Warning::Unfinished)),
    /// any other, and any with nothing finished, with [`Error::Cancelled`].
    ///
    /// So a budget of time is an `advance` that looks at a clock.
    fn advance(&self, done: usize, total: usize) -> ControlFlow<()>;
}

/// The seed, progress and cancellation of one call, and where its finished work is kept.
///
/// # Example
///
/// ```
/// use fi_core::Run;
///
/// let draws = Run::new(42).map(4, |_task, rng| Ok(rng.uniform()))?;
/// assert_eq!(draws, Run::new(42).map(4, |_task, rng| Ok(rng.uniform()))?);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// A call that stops early, and one that goes on from there:
///
/// ```
/// use fi_core::{Dataset, Function, Metric, Permutation, Players, Progress, Run, Target, Warning};
/// use ndarray::{Array2, ArrayView2, Axis};
/// use std::ops::ControlFlow;
/// use std::sync::Mutex;
///
/// /// Stops after so many steps; a program would look at a clock.
/// struct Budget(usize);
/// impl Progress for Budget {
///     fn advance(&self, done: usize, _total: usize) -> ControlFlow<()> {
///         if done >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
///
/// let rows = Array2::from_shape_fn((120, 2), |(i, j)| ((i * (3 + j)) % 11) as f64);
/// let model = Function::new(2, 1, |x: ArrayView2<f64>| x.sum_axis(Axis(1)).insert_axis(Axis(1)));
/// let target = Target::Values(rows.sum_axis(Axis(1)).to_vec());
/// let data = Dataset::new(rows, target)?;
/// let players = Players::features(["a", "b"])?;
/// let method = Permutation { batch_rows: 100, ..Permutation::default() };
/// let importance = |run: &Run| method.importance(run, &model, &data, &players, &[Metric::Mse]);
///
/// let kept = Mutex::new(None);
/// let run = Run::new(7).with_keeper(&kept);
/// // 20 of 60 shuffles: what threads have begun beyond a gap is lost, the first 16 are not.
/// let part = importance(&run.with_progress(&Budget(20)))?;
/// assert!(matches!(part[0].warnings[..], [Warning::Unfinished { total: 30, .. }]));
/// // The rest, and the same bits as without a stop.
/// assert_eq!(importance(&run)?, importance(&Run::new(7))?);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Run<'a> {
    seed: u64,
    progress: Option<&'a dyn Progress>,
    keeper: Option<&'a dyn Keeper>,
    shard: Option<Shard>,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Run<'static> {
    /// A silent run with this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, progress: None, keeper: None, shard: None }
    }
}

impl<'a> Run<'a> {
    /// The same run, heard by `progress`.
    pub fn with_progress<'b>(self, progress: &'b dyn Progress) -> Run<'b>
    where
        'a: 'b,
    {
        Run { progress: Some(progress), ..self }
    }

    /// The same run, which goes on from what `keeper` holds and keeps there what it finishes.
    ///
    /// A method that cannot says so.
    pub fn with_keeper<'b>(self, keeper: &'b dyn Keeper) -> Run<'b>
    where
        'a: 'b,
    {
        Run { keeper: Some(keeper), ..self }
    }

    /// The same run, which does part `index` of `count` nearly equal parts of the call's tasks, in
    /// their order, for other calls or machines to do the rest. The tasks are a method's repeats,
    /// pairs of fold and player, or rows.
    ///
    /// Give it a keeper: [`Checkpoint::merge`](crate::Checkpoint::merge) puts the parts together,
    /// and a whole run that goes on from the merged checkpoint has nothing left to do. The parts
    /// fit only where the model's predictions are the same to the bit on all machines.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] unless `index < count`.
    pub fn with_shard(self, index: usize, count: usize) -> Result<Self> {
        Ok(Self { shard: Some(Shard::new(index, count)?), ..self })
    }

    pub(crate) fn keeper(&self) -> Option<&'a dyn Keeper> {
        self.keeper
    }

    pub(crate) fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// The same run without keeper and shard.
    pub(crate) fn alone(&self) -> Self {
        Self { keeper: None, shard: None, ..*self }
    }

    /// A method that keeps finished work asks for tasks through a run that does not.
    fn refuse_to_keep(&self) -> Result<()> {
        if self.keeper.is_none() && self.shard.is_none() {
            return Ok(());
        }
        Err(Error::Data(
            "this method cannot keep finished work or do a part of it, run it whole and without a \
             checkpoint"
                .to_owned(),
        ))
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A nested run with streams of its own, silent because its caller counts the steps.
    pub fn split(&self, label: u64) -> Run<'static> {
        Run::new(mix(self.seed, label))
    }

    /// The stream `stream` of this run, for work that is not split into tasks.
    pub fn rng(&self, stream: u64) -> Rng {
        Rng::new(self.seed, stream)
    }

    /// Runs `n_tasks` tasks in parallel and returns their answers in task order.
    ///
    /// # Errors
    ///
    /// The error of the first task, in task order, that failed, whichever failed first in time;
    /// later tasks that have not begun by then are left out. [`Error::Cancelled`].
    pub fn map<T: Send>(
        &self,
        n_tasks: usize,
        task: impl Fn(usize, &mut Rng) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        self.refuse_to_keep()?;
        let steps = Steps::new(self.progress, n_tasks);
        let answers: Vec<Result<T>> = (0..n_tasks)
            .into_par_iter()
            .map(|i| steps.take(i, || task(i, &mut Rng::new(self.seed, i as u64))))
            .collect();
        in_order(answers)
    }

    /// Fills `output` in parallel, `chunk_len` elements at a time, in place.
    ///
    /// # Errors
    ///
    /// As for [`Run::map`]; [`Error::Parameter`] if `chunk_len` is 0.
    pub fn for_chunks<T: Send>(
        &self,
        output: &mut [T],
        chunk_len: usize,
        task: impl Fn(usize, &mut Rng, &mut [T]) -> Result<()> + Sync,
    ) -> Result<()> {
        use rayon::iter::IndexedParallelIterator;
        use rayon::slice::ParallelSliceMut;
        crate::error::require(chunk_len > 0, "chunk_len", chunk_len, "at least 1")?;
        self.refuse_to_keep()?;
        let steps = Steps::new(self.progress, output.len().div_ceil(chunk_len));
        let answers: Vec<Result<()>> = output
            .par_chunks_mut(chunk_len)
            .enumerate()
            .map(|(i, chunk)| steps.take(i, || task(i, &mut Rng::new(self.seed, i as u64), chunk)))
            .collect();
        in_order(answers).map(|_: Vec<()>| ())
    }

    /// Works on chains in parallel, on each step by step until its last one or `Break`: chain `c`
    /// begins with `begin(c)` and has `lens[c]` steps.
    ///
    /// # Errors
    ///
    /// As for [`Run::map`].
    pub(crate) fn in_turn<S>(
        &self,
        lens: &[usize],
        begin: impl Fn(usize) -> Result<S> + Sync,
        step: impl Fn(usize, &mut S) -> Result<ControlFlow<()>> + Sync,
    ) -> Result<()> {
        self.refuse_to_keep()?;
        let steps = Steps::new(self.progress, lens.iter().sum());
        let work = |chain: usize| {
            let first: usize = lens[..chain].iter().sum();
            let mut state = begin(chain)?;
            for i in first..first + lens[chain] {
                if steps.take(i, || step(chain, &mut state))?.is_break() {
                    break;
                }
            }
            Ok(())
        };
        let answers: Vec<Result<()>> = (0..lens.len()).into_par_iter().map(work).collect();
        in_order(answers).map(|_: Vec<()>| ())
    }

    /// Folds the answers of `n_tasks` tasks into `state`, in task order, `batch` tasks at a time,
    /// so that no more than one batch of answers is alive.
    ///
    /// `merge` may stop early by answering `Break`; the number of tasks folded comes back, and what
    /// else the batch answered is dropped. So where to stop may depend on the tasks and must not on
    /// the batches.
    ///
    /// # Errors
    ///
    /// As for [`Run::map`]; the answers before the first one that is missing are folded.
    pub fn fold<T: Send>(
        &self,
        n_tasks: usize,
        batch: usize,
        task: impl Fn(usize, &mut Rng) -> Result<T> + Sync,
        merge: impl FnMut(usize, T) -> ControlFlow<()>,
    ) -> Result<usize> {
        self.fold_with(n_tasks, batch, |_| Ok(()), |(), i, rng| task(i, rng), merge)
    }

    /// As [`Run::fold`], where `prepare` makes what the tasks of a batch share.
    pub(crate) fn fold_with<S: Sync, T: Send>(
        &self,
        n_tasks: usize,
        batch: usize,
        prepare: impl Fn(std::ops::Range<usize>) -> Result<S>,
        task: impl Fn(&S, usize, &mut Rng) -> Result<T> + Sync,
        mut merge: impl FnMut(usize, T) -> ControlFlow<()>,
    ) -> Result<usize> {
        crate::error::require(batch > 0, "batch", batch, "at least 1")?;
        self.refuse_to_keep()?;
        let steps = Steps::new(self.progress, n_tasks);
        let mut done = 0;
        while done < n_tasks {
            let end = (done + batch).min(n_tasks);
            let shared = prepare(done..end)?;
            let mut answers: Vec<Result<T>> = (done..end)
                .into_par_iter()
                .map(|i| steps.take(i, || task(&shared, i, &mut Rng::new(self.seed, i as u64))))
                .collect();
            let ready = answers.iter().position(Result::is_err).unwrap_or(answers.len());
            let rest = answers.split_off(ready);
            for answer in answers.into_iter().flatten() {
                let flow = merge(done, answer);
                done += 1;
                if flow.is_break() {
                    return Ok(done);
                }
            }
            in_order(rest)?;
        }
        Ok(done)
    }
}

/// Counts finished tasks, and remembers what failed and that the caller wants to stop.
struct Steps<'a> {
    progress: Option<&'a dyn Progress>,
    total: usize,
    done: AtomicUsize,
    stopped: AtomicBool,
    /// The first task, in task order, that has failed so far.
    failed: AtomicUsize,
}

impl<'a> Steps<'a> {
    fn new(progress: Option<&'a dyn Progress>, total: usize) -> Self {
        Self {
            progress,
            total,
            done: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            failed: AtomicUsize::new(usize::MAX),
        }
    }

    /// Does task `i`, unless its answer is not wanted any more. Only what comes after a failed
    /// task is left out, so that the first error in task order is always found.
    fn take<T>(&self, i: usize, task: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.stopped.load(Ordering::Relaxed) || i > self.failed.load(Ordering::Relaxed) {
            let done = self.done.load(Ordering::Relaxed);
            return Err(Error::Cancelled { done, total: self.total });
        }
        let answer = task();
        match answer {
            Ok(_) => self.advance(),
            Err(_) => {
                self.failed.fetch_min(i, Ordering::Relaxed);
            }
        }
        answer
    }

    fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(progress) = self.progress else { return };
        if progress.advance(done, self.total).is_break() {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// The answers, or the first error; a real error wins over a cancellation.
fn in_order<T>(answers: Vec<Result<T>>) -> Result<Vec<T>> {
    let mut cancelled = None;
    let mut values = Vec::with_capacity(answers.len());
    for answer in answers {
        match answer {
            Ok(value) => values.push(value),
            Err(Error::Cancelled { done, total }) => {
                // The last task to notice has seen the most steps.
                let before: usize = cancelled.map_or(0, |(done, _)| done);
                cancelled = Some((done.max(before), total));
            }
            Err(error) => return Err(error),
        }
    }
    match cancelled {
        Some((done, total)) => Err(Error::Cancelled { done, total }),
        None => Ok(values),
    }
}

/// Does `work` on a pool of this many threads; for tests that the answer does not depend on it.
#[cfg(any(test, feature = "proptest"))]
pub(crate) fn on_threads<T: Send>(
    n_threads: usize,
    work: impl FnOnce() -> T + Send,
) -> std::result::Result<T, rayon::ThreadPoolBuildError> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(n_threads).build()?.install(work))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_do_not_depend_on_the_threads() {
        let draw = || Run::new(9).map(100, |i, rng| Ok(rng.uniform() + i as f64)).unwrap();
        let one = on_threads(1, draw).unwrap();
        assert!([2, 3, 8].into_iter().all(|n| on_threads(n, draw).unwrap() == one));
        assert_ne!(one, Run::new(10).map(100, |i, rng| Ok(rng.uniform() + i as f64)).unwrap());
    }

    #[test]
    fn the_first_error_in_task_order_comes_back() {
        let failing = |i: usize, _: &mut Rng| {
            if i % 7 == 6 { Err(Error::Data(format!("task {i}"))) } else { Ok(i) }
        };
        assert_eq!(Run::new(0).map(50, failing).unwrap_err().to_string(), "task 6");
    }

    #[test]
    fn an_earlier_task_that_fails_later_in_time_wins() {
        let later_failed = AtomicBool::new(false);
        let failing = |i: usize, _: &mut Rng| {
            if i == 0 {
                // Holds its thread, and with it task 1, until the other thread has failed; the
                // bound keeps a broken pool from hanging.
                for _ in 0..10_000_000 {
                    if later_failed.load(Ordering::SeqCst) {
                        break;
                    }
                    std::thread::yield_now();
                }
                Ok(())
            } else {
                later_failed.fetch_or(i >= 2, Ordering::SeqCst);
                Err(Error::Data(format!("task {i}")))
            }
        };
        let error = on_threads(2, || Run::new(0).map(4, failing).unwrap_err()).unwrap();
        assert_eq!(error.to_string(), "task 1");
    }

    #[test]
    fn nothing_is_begun_after_a_failure() {
        let begun = AtomicUsize::new(0);
        let failing = |i: usize, _: &mut Rng| {
            begun.fetch_add(1, Ordering::Relaxed);
            if i == 3 { Err(Error::Data("stop".to_owned())) } else { Ok(()) }
        };
        on_threads(1, || Run::new(0).map(1000, failing).unwrap_err()).unwrap();
        assert_eq!(begun.into_inner(), 4);
    }

    #[test]
    fn a_failure_wins_over_a_cancellation() {
        let cancelled = Error::Cancelled { done: 4, total: 9 };
        let real = Error::Data("real".to_owned());
        let error = in_order::<()>(vec![Err(cancelled.clone()), Err(real)]).unwrap_err();
        assert_eq!(error.to_string(), "real");
        // What noticed the cancellation last has seen the most steps.
        let earlier = Error::Cancelled { done: 2, total: 9 };
        let error = in_order::<()>(vec![Err(cancelled), Err(earlier)]).unwrap_err();
        assert_eq!(error.to_string(), "cancelled after 4 of 9 steps");
    }

    #[test]
    fn a_break_cancels_and_says_how_far_it_came() {
        struct After(usize);
        impl Progress for After {
            fn advance(&self, done: usize, _total: usize) -> ControlFlow<()> {
                if done >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }
        let stopped = on_threads(1, || {
            Run::new(0).with_progress(&After(3)).map(10, |i, _| Ok(i)).unwrap_err()
        })
        .unwrap();
        assert_eq!(stopped.to_string(), "cancelled after 3 of 10 steps");
        // Everything was done before the caller wanted to stop.
        assert!(Run::new(0).with_progress(&After(10)).map(10, |i, _| Ok(i)).is_ok());
    }

    #[test]
    fn a_fold_merges_in_order_and_stops_where_it_is_told() {
        let fold = |fails_at: usize| {
            let mut seen = Vec::new();
            let task = |i: usize, _: &mut Rng| {
                if i == fails_at { Err(Error::Data("stop".to_owned())) } else { Ok(i) }
            };
            let done = Run::new(0).fold(10, 4, task, |i, answer| {
                assert_eq!(i, answer);
                seen.push(i);
                if i >= 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            (done.map_err(|error| error.to_string()), seen)
        };
        assert_eq!(fold(10), (Ok(6), (0..6).collect()));
        // What comes after the stop is not missed, and what comes before a failure is not lost.
        assert_eq!(fold(6), (Ok(6), (0..6).collect()));
        assert_eq!(fold(2), (Err("stop".to_owned()), vec![0, 1]));
    }

    #[test]
    fn what_cannot_be_kept_is_not_begun() {
        let kept = std::sync::Mutex::new(None);
        let shard = Run::new(0).with_shard(1, 2).unwrap();
        for run in [Run::new(0).with_keeper(&kept), shard] {
            let map = run.map(1, |_, _| Ok(())).unwrap_err();
            let fold = run.fold(1, 1, |_, _| Ok(()), |_, ()| ControlFlow::Continue(()));
            let chunks = run.for_chunks(&mut [0], 1, |_, _, _| Ok(())).unwrap_err();
            for error in [map, fold.unwrap_err(), chunks] {
                assert_eq!(
                    error.to_string(),
                    "this method cannot keep finished work or do a part of it, run it whole and \
                     without a checkpoint"
                );
            }
            assert!(run.split(1).map(1, |_, _| Ok(())).is_ok());
        }
        let error = Run::new(0).with_shard(2, 2).unwrap_err().to_string();
        assert_eq!(
            error,
            "`index` is `2`, it must be below the number of shards, 2: the first is 0"
        );
        let error = Run::new(0).with_shard(0, 0).unwrap_err().to_string();
        assert_eq!(error, "`count` is `0`, it must be at least 1 shard");
    }

    #[test]
    fn chunks_are_filled_in_place() {
        let mut output = vec![0; 7];
        Run::new(0)
            .for_chunks(&mut output, 3, |i, _, chunk| {
                chunk.fill(i);
                Ok(())
            })
            .unwrap();
        assert_eq!(output, [0, 0, 0, 1, 1, 1, 2]);
        assert!(Run::new(0).for_chunks(&mut output, 0, |_, _, _| Ok(())).is_err());
    }
}
