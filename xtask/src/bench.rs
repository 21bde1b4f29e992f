//! `cargo xtask bench`: fi beside its peers, measured in one run, and recorded.

#![expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use fi_bench::peers::{Environment, Job, Measured, Records, WORKS, Work, growth};
use rustix::time::{ClockId, clock_gettime};

use crate::root;

/// The options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Bench {
    /// Only compute the table of this record again, and compare it with the one beside it
    #[arg(long, value_name = "DIR")]
    verify: Option<PathBuf>,
    /// Only draw how fi's own cost grows with rows, trees, depth, features and background, as SVG
    #[arg(long, value_name = "DIR")]
    growth: Option<PathBuf>,
    /// Only works whose name or peer contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// A Python 3.12 with benches/peers/requirements.txt
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// A Python 3.9 with benches/peers/requirements-fasttreeshap.txt [default: its works are left out]
    #[arg(long, value_name = "FILE")]
    old_python: Option<PathBuf>,
    /// Also on two threads, for wall time
    #[arg(long)]
    two_threads: bool,
    /// Where to write the record; an existing one is continued with what it lacks
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Do one work of fi's side and print its times
    #[arg(long, hide = true, value_names = ["WORK", "ROWS", "THREADS", "REPETITIONS"], num_args = 4)]
    one: Option<Vec<String>>,
}

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        if let Some(folder) = &self.verify {
            return verify(folder);
        }
        if let Some(folder) = &self.growth {
            std::fs::create_dir_all(folder)?;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
            let charts = pool.install(|| growth(cpu_seconds, |what| println!("{what}")))?;
            for (stem, chart) in charts {
                chart.figure()?.save(folder.join(format!("{stem}.svg")))?;
            }
            return Ok(());
        }
        let models = root().join("target/peers");
        if let Some(one) = &self.one {
            return one_job(&models, one);
        }
        let output = self.output.clone().unwrap_or_else(|| root().join("target/bench"));
        std::fs::create_dir_all(&output)?;
        self.prepare(&models)?;
        let raw = output.join("raw.csv");
        let mut records = if raw.exists() { Records::read(&raw)? } else { Records::default() };
        for work in WORKS.iter().filter(|work| self.wanted(work)) {
            for threads in if self.two_threads { vec![1, 2] } else { vec![1] } {
                let done = |side: &str| {
                    records.0.iter().any(|r| {
                        r.work == work.name
                            && r.against == work.peer.name
                            && r.side == side
                            && r.threads == threads
                    })
                };
                if done("fi") && done(work.peer.name) {
                    continue;
                }
                println!("{} by {} on {threads}", work.name, work.peer.title);
                let ours = ours(work, threads)?;
                let theirs = self.theirs(&models, work, threads)?;
                records.add(work, "fi", env!("CARGO_PKG_VERSION"), threads, &ours);
                records.add(work, work.peer.name, work.peer.title, threads, &theirs);
                fi_io::write_atomic(&raw, |file| {
                    file.write_all(&records.to_csv().map_err(std::io::Error::other)?)
                })?;
            }
        }
        let text = format!("{}\n{}", machine(), records.table()?);
        fi_io::write_atomic(output.join("table.md"), |file| file.write_all(text.as_bytes()))?;
        println!("{}", records.table()?);
        Ok(())
    }

    fn wanted(&self, work: &Work) -> bool {
        let named = |only: &String| work.name.contains(only) || work.peer.name.contains(only);
        let here = work.peer.environment != Environment::OldPython || self.old_python.is_some();
        here && self.only.as_ref().is_none_or(named)
    }

    /// Trains the models, once.
    fn prepare(&self, models: &Path) -> Result<()> {
        let scripts = root().join("benches/peers");
        if !models.join("forest_classes.json").exists() {
            let mut command = Command::new(&self.python);
            done(command.arg(scripts.join("models.py")).arg(models))?;
        }
        if !models.join("x20_train.csv").exists() {
            tables_for_r(models)?;
        }
        if let Some(python) = &self.old_python
            && !models.join("old_forest_deep.json").exists()
        {
            done(Command::new(python).arg(scripts.join("old_forests.py")).arg(models))?;
        }
        Ok(())
    }

    /// The peer's side, in a process of its own.
    fn theirs(&self, models: &Path, work: &Work, threads: usize) -> Result<Measured> {
        let scripts = root().join("benches/peers");
        let mut command = match work.peer.environment {
            Environment::Python => Command::new(&self.python),
            Environment::OldPython => {
                Command::new(self.old_python.as_ref().context("--old-python is not given")?)
            }
            Environment::R => Command::new("Rscript"),
        };
        let (threads, repetitions) = (threads.to_string(), work.repetitions.to_string());
        if work.peer.environment == Environment::R {
            command.arg(scripts.join("forest.R")).arg(models).arg(work.name);
            command.args([&threads, &repetitions]);
        } else {
            command.arg(scripts.join("works.py")).arg(models).args([work.name, work.peer.name]);
            command.args([threads, repetitions, work.peer_rows.to_string()]);
        }
        measured(&mut command)
    }
}

/// fi's side, in a process of its own.
fn ours(work: &Work, threads: usize) -> Result<Measured> {
    let mut command = Command::new(std::env::current_exe()?);
    let numbers = [work.rows, threads, work.repetitions].map(|n| n.to_string());
    command.args(["bench", "--one", work.name]).args(numbers);
    measured(&mut command)
}

/// What a process prints in its last line.
fn measured(command: &mut Command) -> Result<Measured> {
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?} failed");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("{command:?} printed `{line}`"))
}

fn done(command: &mut Command) -> Result<()> {
    ensure!(command.status()?.success(), "{command:?} failed");
    Ok(())
}

/// Does one work and prints its times, as `works.py` does.
fn one_job(models: &Path, one: &[String]) -> Result<()> {
    let [work, numbers @ ..] = one else { bail!("--one takes four values") };
    let numbers = numbers.iter().map(|n| n.parse()).collect::<Result<Vec<usize>, _>>()?;
    let [rows, threads, repetitions] = numbers[..] else { bail!("--one takes four values") };
    let job = Job::load(models, work, rows)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let prepared = pool.install(|| job.prepare())?;
    let (mut cpu, mut wall, mut trained) = (Vec::new(), Vec::new(), None);
    for repetition in 0..=repetitions {
        // As the peers: one to warm up, unless the work is done only once.
        if repetition == 0 && repetitions == 1 {
            continue;
        }
        let (start, start_cpu) = (Instant::now(), cpu_seconds());
        trained = pool.install(|| job.run(prepared.as_ref()))?;
        if repetition > 0 {
            wall.push(start.elapsed().as_secs_f64());
            cpu.push(cpu_seconds() - start_cpu);
        }
    }
    let peak_kib = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    });
    let score = trained.map(|model| job.score(models, &model)).transpose()?;
    let measured = Measured { cpu, wall, peak_kib: peak_kib.unwrap_or(0), score };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// The CPU seconds of this process so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The training and test tables as CSV, because R reads no `.npy`.
fn tables_for_r(models: &Path) -> Result<()> {
    for (table, rows, values, classes) in [
        ("x20_train", "x20", "y20", "classes20"),
        ("x20_test", "x20_test", "y20_test", "classes20_test"),
    ] {
        let file = |name: &str| models.join(format!("{name}.npy"));
        let rows = fi_io::read_npy_2d(file(rows))?;
        let (values, classes) =
            (fi_io::read_npy_1d(file(values))?, fi_io::read_npy_1d(file(classes))?);
        let columns = (0..rows.ncols()).map(|i| format!("x{i}"));
        let mut csv = fi_io::Table::new(columns.chain(["value".to_owned(), "class".to_owned()]));
        for ((row, value), class) in rows.rows().into_iter().zip(&values).zip(&classes) {
            csv.push(row.iter().chain([value, class]).map(|&x| x.into()));
        }
        fi_io::write_table_csv(models.join(format!("{table}.csv")), &csv)?;
    }
    Ok(())
}

/// Computes a record's table again.
fn verify(folder: &Path) -> Result<()> {
    let table = Records::read(&folder.join("raw.csv"))?.table()?;
    let path = folder.join("table.md");
    let recorded = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(
        recorded.ends_with(&table),
        "{} is not what follows from raw.csv; it should end with\n{table}",
        path.display()
    );
    println!("{table}\nThe table follows from raw.csv.");
    Ok(())
}

/// What the record was measured on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("?", |(_, value)| value.trim()).to_owned()
    };
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let load = read("/proc/loadavg");
    format!(
        "{} (family {}, model {}), {cores} cores, AVX2: {}; load at the end {}.\n\
         CPU seconds of one thread, medians; each side in a process of its own, in turn. Ratios \
         are per row where the peer was given fewer.\n",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        cpuinfo.contains("avx2"),
        load.split_whitespace().next().unwrap_or("?"),
    )
}
