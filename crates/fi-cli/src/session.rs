//! What lasts for one call of the command: threads, progress, Ctrl-C, a budget of time.
#![expect(clippy::disallowed_types, reason = "a budget of time needs a clock")]

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use fi_core::{Progress, Run};
use indicatif::{ProgressBar, ProgressStyle};

use crate::Everywhere;
use crate::dry_run::Rehearsal;
use crate::failure::Done;
use crate::shelf::Shelf;

/// The threads, the progress bar and the switch that Ctrl-C turns.
pub(crate) struct Session {
    pub(crate) quiet: bool,
    pub(crate) seed: u64,
    pub(crate) shelf: Shelf,
    pub(crate) rehearsal: Rehearsal,
    pool: rayon::ThreadPool,
    bar: ProgressBar,
    stopped: Arc<AtomicBool>,
    begun: Instant,
    budget: OnceLock<Duration>,
}

impl Session {
    pub(crate) fn new(everywhere: &Everywhere) -> Done<Self> {
        let threads = everywhere.threads.unwrap_or(0) as usize;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&stopped);
        ctrlc::set_handler(move || {
            // The second time without waiting for a good moment.
            if switch.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        })?;
        let visible = !everywhere.quiet && std::io::stderr().is_terminal();
        let bar = if visible { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {eta} left") {
            bar.set_style(style);
        }
        let (quiet, seed) = (everywhere.quiet, everywhere.seed);
        let (begun, budget) = (Instant::now(), OnceLock::new());
        let (shelf, rehearsal) = (Shelf::default(), Rehearsal::default());
        Ok(Self { quiet, seed, shelf, rehearsal, pool, bar, stopped, begun, budget })
    }

    /// Does the work on this session's threads.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let answer = self.pool.install(work);
        self.bar.finish_and_clear();
        answer
    }

    /// A run with this session's seed, heard by its bar.
    pub(crate) fn run(&self) -> Run<'_> {
        Run::new(self.seed).with_progress(self)
    }

    /// How many threads work.
    pub(crate) fn n_threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Stops the work so long after the call began; the first budget counts.
    pub(crate) fn stop_after(&self, budget: Duration) {
        self.budget.get_or_init(|| budget);
    }

    /// Whether somebody pressed Ctrl-C.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Whether the work is to stop: Ctrl-C, or the time is over.
    pub(crate) fn is_stopped(&self) -> bool {
        let over = self.budget.get().is_some_and(|&budget| self.begun.elapsed() >= budget);
        self.is_interrupted() || over
    }

    /// Says something on stderr, unless the session is quiet.
    pub(crate) fn note(&self, sentence: impl std::fmt::Display) {
        if !self.quiet && !self.rehearsal.is_on() {
            self.bar.suspend(|| eprintln!("{sentence}"));
        }
    }
}

impl Progress for Session {
    fn advance(&self, done: usize, total: usize) -> ControlFlow<()> {
        if self.is_stopped() {
            return ControlFlow::Break(());
        }
        if self.rehearsal.is_on() {
            let stop = self.rehearsal.advance(done, total);
            return if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        }
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        ControlFlow::Continue(())
    }
}
