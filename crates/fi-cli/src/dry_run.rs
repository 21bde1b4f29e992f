//! `--dry-run`: what a call would cost, rehearsed on few rows. Nothing is written.
//!
//! The counts are the library's ([`Cost`], [`Counter`]); the seconds are those of the call itself on
//! a few rows and on some more, extrapolated to all of them.
#![expect(clippy::disallowed_types, reason = "seconds need a clock")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use fi_core::{Cost, Counter, Dataset, Error, extrapolate};
use ndarray::Array2;

use crate::failure::{Done, Failure};
use crate::session::Session;
use crate::table::say;

/// Rows of the first rehearsal.
const FIRST: usize = 64;
/// How many times more the next one has.
const GROWTH: usize = 4;
/// A rehearsal is stopped after so long, if its method can be.
const LONGEST: Duration = Duration::from_secs(5);
/// No further rehearsal begins that would end after this.
const TOGETHER: Duration = Duration::from_secs(6);

/// Whether to work, or to say what it would cost.
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct DryRunArg {
    /// Say what the call would cost (rows predicted, trainings, memory, seconds, from a rehearsal on
    /// few rows) and write nothing
    #[arg(long, conflicts_with = "memory")]
    pub(crate) dry_run: bool,
}

/// What a session remembers of a rehearsal.
#[derive(Default)]
pub(crate) struct Rehearsal {
    is_on: AtomicBool,
    /// At most so many rows of the table are taken.
    most_rows: AtomicUsize,
    /// Rows and features of the table.
    n_rows: AtomicUsize,
    n_features: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counter: Counter,
    begun: Option<Instant>,
    /// How long files were read.
    reading: Duration,
    /// The last step that was heard, and of how many.
    steps: (usize, usize),
}

impl Rehearsal {
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what learners do.
    pub(crate) fn counter(&self) -> Counter {
        self.state().counter.clone()
    }

    /// Hears a step; whether the rehearsal is to stop.
    pub(crate) fn advance(&self, done: usize, total: usize) -> bool {
        let mut state = self.state();
        state.steps = (done, total);
        state.begun.is_some_and(|begun| begun.elapsed() > LONGEST)
    }

    /// Reads a file, whose time is not that of the work.
    pub(crate) fn reading<T>(&self, read: impl FnOnce() -> Done<T>) -> Done<T> {
        let begun = Instant::now();
        let answer = read();
        self.state().reading += begun.elapsed();
        answer
    }

    /// Some of so many rows, at equal distances; `None` for all.
    fn rows(&self, n_rows: usize, n_features: usize) -> Option<Vec<usize>> {
        if !self.is_on() {
            return None;
        }
        self.n_rows.store(n_rows, Ordering::Relaxed);
        self.n_features.store(n_features, Ordering::Relaxed);
        let n = self.most_rows.load(Ordering::Relaxed);
        (n < n_rows).then(|| (0..n).map(|i| i * n_rows / n).collect())
    }

    pub(crate) fn some_of(&self, data: Arc<Dataset>) -> Done<Dataset> {
        Ok(match self.rows(data.n_rows(), data.n_features()) {
            Some(rows) => data.select_rows(&rows)?,
            None => Arc::unwrap_or_clone(data),
        })
    }

    pub(crate) fn some_rows_of(&self, rows: Arc<Array2<f64>>) -> Array2<f64> {
        match self.rows(rows.nrows(), rows.ncols()) {
            Some(some) => rows.select(ndarray::Axis(0), &some),
            None => Arc::unwrap_or_clone(rows),
        }
    }
}

/// One rehearsal: its rows, seconds, and what was asked of models and learners.
struct Measured {
    n_rows: usize,
    seconds: f64,
    n_evaluations: Option<f64>,
    n_trainings: f64,
    is_whole: bool,
}

/// Rehearses `work` and prints what it would cost. `work` answers how many rows a model predicted,
/// as far as it knows; `cost` is the library's account for so many rows and features.
pub(crate) fn dry_run(
    session: &Session,
    cost: impl Fn(usize, usize) -> Done<Option<Cost>>,
    work: impl Fn() -> Done<Option<usize>>,
) -> Done {
    let rehearsal = &session.rehearsal;
    rehearsal.is_on.store(true, Ordering::Relaxed);
    session.shelf.keep();
    let begun = Instant::now();
    // The first time files are read, memory is claimed and threads wake up.
    let mut measured = vec![measure(session, FIRST, &work)?];
    if measured[0].seconds < 0.2 {
        measured = vec![measure(session, FIRST, &work)?];
    }
    let n_rows = rehearsal.n_rows.load(Ordering::Relaxed);
    let n_features = rehearsal.n_features.load(Ordering::Relaxed);
    // A rehearsal of all rows is no estimate any more.
    while let Some(last) = measured.last()
        && last.n_rows < n_rows
    {
        let next = if last.is_whole { last.n_rows * GROWTH } else { last.n_rows / GROWTH };
        let seconds = last.seconds * GROWTH as f64;
        let over = begun.elapsed().as_secs_f64() + seconds > TOGETHER.as_secs_f64();
        if measured.len() > 1 && (over || !last.is_whole) || next == 0 {
            break;
        }
        measured.push(measure(session, next.min(n_rows), &work)?);
    }
    measured.sort_by_key(|measured| measured.n_rows);
    let planned = cost(n_rows, n_features)?;
    let reading = rehearsal.state().reading;
    let n_threads = session.n_threads();
    for (what, is) in plan(&measured, (n_rows, n_features), planned, reading, n_threads) {
        say(format_args!("{what:<13}{is}"))?;
    }
    Ok(())
}

/// One rehearsal of at most so many rows.
fn measure(
    session: &Session,
    most_rows: usize,
    work: &impl Fn() -> Done<Option<usize>>,
) -> Done<Measured> {
    let rehearsal = &session.rehearsal;
    let mut most = most_rows;
    loop {
        rehearsal.most_rows.store(most, Ordering::Relaxed);
        let before = {
            let mut state = rehearsal.state();
            (state.counter, state.begun, state.steps) =
                (Counter::default(), Some(Instant::now()), (0, 0));
            state.reading
        };
        let begun = Instant::now();
        let answer = work();
        let elapsed = begun.elapsed();
        let n_all = rehearsal.n_rows.load(Ordering::Relaxed);
        let state = rehearsal.state();
        let busy = elapsed.saturating_sub(state.reading.saturating_sub(before)).as_secs_f64();
        let (done, total) = state.steps;
        let is_stopped = busy > LONGEST.as_secs_f64() && done < total && done > 0;
        let n_evaluations = match answer {
            Ok(n) => n,
            Err(Failure::Work(error)) if is_cancelled(&error) && !session.is_interrupted() => None,
            // Too few rows to see every class, say.
            Err(Failure::Work(_)) if most < n_all && !session.is_interrupted() => {
                drop(state);
                most = (most * GROWTH).min(n_all);
                continue;
            }
            Err(error) => return Err(error),
        };
        let share = if is_stopped { total as f64 / done as f64 } else { 1.0 };
        let n_trainings = state.counter.n_trainings() as f64 * share;
        let of_learners = state.counter.n_evaluations() as f64;
        // What learners' models predict, no method answers for.
        let counted = n_evaluations.map(|n| n as f64).unwrap_or_default() + of_learners;
        let known = n_evaluations.is_some() || of_learners > 0.0;
        return Ok(Measured {
            n_rows: most.min(n_all),
            seconds: busy * share,
            n_evaluations: known.then_some(counted * share),
            n_trainings,
            is_whole: !is_stopped,
        });
    }
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Cancelled { .. }))
        || error.downcast_ref().is_some_and(fi_report::Error::is_cancelled)
}

/// What rehearsals, of few and of more rows, say of all rows.
fn plan(
    measured: &[Measured],
    (n_rows, n_features): (usize, usize),
    planned: Option<Cost>,
    reading: Duration,
    n_threads: usize,
) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let (Some(few), Some(more)) =
        (measured.iter().rev().nth(1).or(measured.last()), measured.last())
    else {
        return lines;
    };
    let at = |of: fn(&Measured) -> f64| {
        extrapolate((few.n_rows, of(few)), (more.n_rows, of(more)), n_rows)
    };
    let n_evaluations = match planned {
        Some(cost) if cost.n_evaluations > 0 => Some(cost.n_evaluations as f64),
        _ => few
            .n_evaluations
            .and(more.n_evaluations)
            .map(|_| at(|measured| measured.n_evaluations.unwrap_or_default())),
    };
    let seconds = reading.as_secs_f64() + at(|measured| measured.seconds);
    // The table as it is read, and once more as a method takes it.
    let table = 2 * 8 * n_rows as u64 * n_features as u64;
    let bytes = table.saturating_add(planned.unwrap_or_default().bytes(n_threads));
    if n_rows > 0 {
        lines.push(("rows", format!("{n_rows} with {n_features} features")));
    }
    lines.push((
        "evaluations",
        n_evaluations.map_or_else(
            || "not counted".to_owned(),
            |n| format!("{} rows predicted by models", grouped(n)),
        ),
    ));
    lines.push(("trainings", grouped(more.n_trainings)));
    lines.push(("memory", format!("about {} beside the model", size(bytes))));
    let threads =
        if n_threads == 1 { "1 thread".to_owned() } else { format!("{n_threads} threads") };
    let how = if more.n_rows < n_rows {
        format!("rehearsed on {} and {} rows", few.n_rows, more.n_rows)
    } else {
        "rehearsed on all rows".to_owned()
    };
    lines.push(("time", format!("about {} on {threads}, {how}", duration(seconds))));
    lines
}

/// A whole number with commas.
fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0));
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in units {
        if bytes >= 1 << shift {
            return format!("{:.1} {unit}", bytes as f64 / (1_u64 << shift) as f64);
        }
    }
    format!("{bytes} bytes")
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.095 => format!("{s:.2} s"),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{} days", grouped(s / 86_400.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_say_what_all_cost() {
        // Seconds grow with the square of the rows, predictions with the rows.
        let of = |n_rows: usize| Measured {
            n_rows,
            seconds: 1e-4 * (n_rows as f64 / 64.0).powi(2),
            n_evaluations: Some(10.0 * n_rows as f64),
            n_trainings: 7.0,
            is_whole: true,
        };
        let reading = Duration::from_secs(1);
        let lines = plan(&[of(64), of(256)], (1024, 3), None, reading, 2);
        let expected = [
            ("rows", "1024 with 3 features"),
            ("evaluations", "10,240 rows predicted by models"),
            ("trainings", "7"),
            ("memory", "about 48.0 KiB beside the model"),
            ("time", "about 1.0 s on 2 threads, rehearsed on 64 and 256 rows"),
        ];
        let lines: Vec<_> = lines.iter().map(|(what, is)| (*what, is.as_str())).collect();
        assert_eq!(lines, expected);
        // The library's own count is better than a rehearsal's.
        let known = Cost { n_evaluations: 5, ..Cost::default() };
        let lines = plan(&[of(64)], (64, 3), Some(known), Duration::ZERO, 1);
        assert_eq!(lines[1].1, "5 rows predicted by models");
        assert_eq!(lines[4].1, "about 0.00 s on 1 thread, rehearsed on all rows");
    }

    #[test]
    fn numbers_are_said_in_units_that_people_read() {
        assert_eq!(
            [0.0, 999.0, 1000.0, 1_234_567.4].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [5, 2048, 3 << 20, 5 << 30].map(size),
            ["5 bytes", "2.0 KiB", "3.0 MiB", "5.0 GiB"]
        );
        assert_eq!(
            [0.004, 0.5, 42.4, 600.0, 9000.0, 8.64e6].map(duration),
            ["0.00 s", "0.5 s", "42 s", "10 min", "2.5 h", "100 days"]
        );
    }
}
