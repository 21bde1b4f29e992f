//! The only door to threads and randomness: seed, progress and cancellation of one call.
//!
//! Tasks run on the current rayon pool, task `i` draws from the stream `(seed, i)`, and answers,
//! like the first error, come back in task order. A caller who wants another number of threads
//! wraps the call in a pool's `install`; the answer stays the same to the bit.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::error::{Error, Result};
use crate::rng::{Rng, mix};

/// Hears how far a call has come, and may stop it.
///
/// Called from worker threads, so that steps may be heard out of order. A library never draws bars: the program that calls it does.
pub trait Progress: Sync {
    /// `done` of `total` steps are finished; `Break` stops the call with [`Error::Cancelled`].
    fn advance(&self, done: usize, total: usize) -> ControlFlow<()>;
}

/// The seed, progress and cancellation of one call.
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
#[derive(Clone, Copy)]
pub struct Run<'a> {
    seed: u64,
    progress: Option<&'a dyn Progress>,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Run<'static> {
    /// A silent run with this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, progress: None }
    }
}

impl Run<'_> {
    /// The same run, heard by `progress`.
    pub fn with_progress(self, progress: &dyn Progress) -> Run<'_> {
        Run { seed: self.seed, progress: Some(progress) }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A nested run with streams of its own, silent because its caller counts the steps.
    pub fn split(&self, label: u64) -> Run<'static> {
        Run { seed: mix(self.seed, label), progress: None }
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
        let steps = Steps::new(self.progress, output.len().div_ceil(chunk_len));
        let answers: Vec<Result<()>> = output
            .par_chunks_mut(chunk_len)
            .enumerate()
            .map(|(i, chunk)| steps.take(i, || task(i, &mut Rng::new(self.seed, i as u64), chunk)))
            .collect();
        in_order(answers).map(|_: Vec<()>| ())
    }

    /// Folds the answers of `n_tasks` tasks into `state`, in task order, `batch` tasks at a time,
    /// so that no more than one batch of answers is alive.
    ///
    /// `merge` may stop early, between batches only, by answering `Break` for the last task of
    /// a batch; the number of tasks folded comes back.
    ///
    /// # Errors
    ///
    /// As for [`Run::map`].
    pub fn fold<T: Send>(
        &self,
        n_tasks: usize,
        batch: usize,
        task: impl Fn(usize, &mut Rng) -> Result<T> + Sync,
        mut merge: impl FnMut(usize, T) -> ControlFlow<()>,
    ) -> Result<usize> {
        crate::error::require(batch > 0, "batch", batch, "at least 1")?;
        let steps = Steps::new(self.progress, n_tasks);
        let mut done = 0;
        while done < n_tasks {
            let end = (done + batch).min(n_tasks);
            let answers: Vec<Result<T>> = (done..end)
                .into_par_iter()
                .map(|i| steps.take(i, || task(i, &mut Rng::new(self.seed, i as u64))))
                .collect();
            let mut flow = ControlFlow::Continue(());
            for (i, answer) in (done..end).zip(in_order(answers)?) {
                flow = merge(i, answer);
            }
            done = end;
            if flow.is_break() {
                break;
            }
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
    fn a_fold_merges_in_order_and_stops_between_batches() {
        let mut seen = Vec::new();
        let done = Run::new(0)
            .fold(
                10,
                4,
                |i, _| Ok(i),
                |i, answer| {
                    assert_eq!(i, answer);
                    seen.push(i);
                    if i >= 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            )
            .unwrap();
        assert_eq!((done, seen), (8, (0..8).collect()));
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
