//! One side of a comparison: a process that does its work once each time it is told to.
//!
//! Data and model are loaded when the process starts. It then answers each line that it reads with
//! the seconds that the work took, and the end of the input with its peak memory and score. So two
//! sides can take turns, and a machine that is slower for a minute is slower for both.

#![expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use fi_bench::peers::{BlackBoxJob, Job, Measured, NetworkJob};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// A side that waits for its turn.
pub(crate) struct Side {
    name: String,
    child: Child,
    /// Closed to say that there are no more turns.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    measured: Measured,
}

impl Side {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("a pipe")?);
        let measured = Measured {
            cpu: Vec::new(),
            wall: Vec::new(),
            peak_kib: 0,
            score: None,
            forward: Vec::new(),
            model_rows: None,
        };
        Ok(Self { name, child, input, output, measured })
    }

    /// The next line of JSON; libraries print other lines, too.
    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line)? == 0 {
                bail!("{} ended without an answer", self.name);
            }
            if line.starts_with('{') {
                let place = || format!("{} printed `{}`", self.name, line.trim_end());
                return serde_json::from_str(&line).with_context(place);
            }
        }
    }

    /// Has the work done once, and keeps its times unless it is to warm up.
    pub(crate) fn turn(&mut self, keep: bool) -> Result<()> {
        // A process that has ended is found when its answer is read.
        if let Some(input) = &mut self.input {
            drop(input.write_all(b"once\n").and_then(|()| input.flush()));
        }
        let answer = self.answer()?;
        let seconds = |key: &str| {
            let seconds = answer[key].as_f64();
            seconds.with_context(|| format!("{} printed `{answer}` without `{key}`", self.name))
        };
        let (cpu, wall) = (seconds("cpu")?, seconds("wall")?);
        if keep {
            self.measured.cpu.push(cpu);
            self.measured.wall.push(wall);
            self.measured.forward.extend(answer["forward"].as_f64());
            self.measured.model_rows = answer["model_rows"].as_u64();
        }
        Ok(())
    }

    /// All times, and what the process says at its end.
    pub(crate) fn finish(mut self) -> Result<Measured> {
        self.input = None;
        let answer = self.answer()?;
        self.measured.peak_kib = answer["peak_kib"].as_u64().context("no peak memory")?;
        self.measured.score = answer["score"].as_f64();
        ensure!(self.child.wait()?.success(), "{} failed", self.name);
        Ok(self.measured)
    }
}

/// fi's side: does its work for each line of the input.
pub(crate) fn serve(models: &Path, work: &str, rows: usize, threads: usize) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    if work.starts_with("network:") {
        let job = NetworkJob::load(work)?;
        let trained = each_line(|| pool.install(|| job.run()), || Ok(None))?;
        end(peak_kib(), trained.map(|network| job.score(&network)).transpose()?);
        return Ok(());
    }
    if BlackBoxJob::does(work) {
        let job = BlackBoxJob::load(models, work, rows)?;
        let forward = || pool.install(|| job.forward());
        let trained = each_line(|| pool.install(|| job.run()), forward)?.flatten();
        let peak = peak_kib();
        end(peak, Some(trained.map_or_else(|| job.log_loss(), Ok)?));
        return Ok(());
    }
    let job = Job::load(models, work, rows)?;
    let prepared = pool.install(|| job.prepare())?;
    let trained = each_line(|| pool.install(|| job.run(prepared.as_ref())), || Ok(None))?.flatten();
    end(peak_kib(), trained.map(|model| job.score(models, &model)).transpose()?);
    Ok(())
}

/// Works once per line, and keeps what came out last. After each work the model is asked alone for
/// what the work asked of it, which is timed apart and answers the number of rows, if any.
fn each_line<T>(
    mut work: impl FnMut() -> Result<T>,
    mut forward: impl FnMut() -> Result<Option<usize>>,
) -> Result<Option<T>> {
    let mut last = None;
    for line in std::io::stdin().lines() {
        line?;
        let (start, start_cpu) = (Instant::now(), cpu_seconds());
        last = Some(work()?);
        let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - start_cpu);
        let start_cpu = cpu_seconds();
        let model_rows = forward()?;
        let alone = model_rows.map(|_| cpu_seconds() - start_cpu);
        let answer = json!({
            "cpu": cpu, "wall": wall, "forward": alone, "model_rows": model_rows,
        });
        println!("{answer}");
    }
    Ok(last)
}

/// The peak memory so far: asked before the score, which is no part of the work.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn end(peak_kib: u64, score: Option<f64>) {
    println!("{}", json!({ "peak_kib": peak_kib, "score": score }));
}

/// The CPU seconds of this process so far.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Side {
        Side::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_side_works_once_per_turn_and_says_its_peak_at_the_end() {
        let script = r#"n=0; while read line; do n=$((n+1)); echo noise; \
            echo "{\"cpu\": $n, \"wall\": 2.5}"; done; echo '{"peak_kib": 7, "score": 0.5}'"#;
        let mut side = shell(script);
        for keep in [false, true, true] {
            side.turn(keep).unwrap();
        }
        let measured = side.finish().unwrap();
        assert_eq!((measured.cpu, measured.wall), (vec![2.0, 3.0], vec![2.5, 2.5]));
        assert_eq!((measured.peak_kib, measured.score), (7, Some(0.5)));
    }

    #[test]
    fn a_side_that_fails_is_named() {
        let error = shell("exit 3").turn(true).unwrap_err().to_string();
        assert!(error.contains("exit 3") && error.ends_with("ended without an answer"), "{error}");
        let error = shell("read line; echo '{\"cpu\": 1}'").turn(true).unwrap_err().to_string();
        assert!(error.contains("without `wall`"), "{error}");
        let mut side = shell("read line; echo '{'");
        assert!(side.turn(true).unwrap_err().to_string().ends_with("printed `{`"));
        let script = r#"cat > /dev/null; echo '{"peak_kib": 1}'; exit 1"#;
        assert!(shell(script).finish().unwrap_err().to_string().ends_with("failed"));
    }
}
