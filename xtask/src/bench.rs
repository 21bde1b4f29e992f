//! `cargo xtask bench`: fi beside its peers, measured in one run, and recorded.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use fi_bench::peers::{
    BLACK_BOX, Curve, Curves, Environment, Measured, Records, WORKS, Work, growth, records_in,
    save_network_data, verify,
};

use crate::accuracy::Accuracy;
use crate::large::Large;
use crate::root;
use crate::side::{Side, cpu_seconds, serve};

/// The options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Bench {
    /// Only compute the table of this record (or of each one in this folder) again, and compare it
    /// with the one beside it
    #[arg(long, value_name = "DIR")]
    verify: Option<PathBuf>,
    /// Only compare how well trees trained by fi and by its peers predict, over seeds
    #[arg(long)]
    accuracy: bool,
    /// How many seeds `--accuracy` and `--curves` compare
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    seeds: u64,
    /// Only draw how fi's own cost grows with rows, trees, depth, features and background, as SVG
    #[arg(long, value_name = "DIR")]
    growth: Option<PathBuf>,
    /// Only have this `fi` explain 5 million rows in 1 GiB, beside xgboost and scikit-learn of
    /// --python, which hold them whole
    #[arg(long, value_name = "FI")]
    large: Option<PathBuf>,
    /// How many rows `--large` draws
    #[arg(long, value_name = "COUNT", default_value_t = 5_000_000)]
    rows: usize,
    /// How often `--large` shuffles each feature
    #[arg(long, value_name = "COUNT", default_value_t = 30)]
    repeats: usize,
    /// Only works whose name or peer contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// A Python 3.12 with benches/peers/requirements.txt
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// A Python 3.9 with benches/peers/requirements-fasttreeshap.txt [default: its works are left out]
    #[arg(long, value_name = "FILE")]
    old_python: Option<PathBuf>,
    /// A Python 3.12 with benches/peers/requirements-networks.txt [default: its works are left out]
    #[arg(long, value_name = "FILE")]
    networks_python: Option<PathBuf>,
    /// A Python 3.12 with benches/peers/requirements-black-box.txt [default: its works are left out]
    #[arg(long, value_name = "FILE")]
    black_box_python: Option<PathBuf>,
    /// Only compare how near estimates of Shapley and SAGE values come to the truth, over --seeds
    #[arg(long, requires = "black_box_python")]
    curves: bool,
    /// The works that are spread over threads on two of them, too, for wall time
    #[arg(long)]
    two_threads: bool,
    /// Where to write the record; an existing one is continued with what it lacks
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Be fi's side of one work: do it once for each line of the input
    #[arg(long, hide = true, value_names = ["WORK", "ROWS", "THREADS"], num_args = 3)]
    one: Option<Vec<String>>,
}

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        if let Some(folder) = &self.verify {
            for record in records_in(folder)? {
                println!("{}{} follows from its raw.csv.", verify(&record)?, record.display());
            }
            return Ok(());
        }
        if self.accuracy {
            let output = self.output.unwrap_or_else(|| root().join("target/accuracy"));
            let accuracy = Accuracy {
                python: &self.python,
                output: &output,
                only: self.only.as_deref(),
                seeds: self.seeds,
            };
            return accuracy.run();
        }
        if self.curves {
            return self.curves();
        }
        if let Some(fi) = &self.large {
            let output = self.output.unwrap_or_else(|| root().join("target/bench-large"));
            let (rows, repeats, python) = (self.rows, self.repeats, self.python.as_path());
            return Large { rows, repeats, fi, python, output: &output }.run();
        }
        if let Some(folder) = &self.growth {
            std::fs::create_dir_all(folder)?;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
            let charts = pool.install(|| growth(cpu_seconds, |what| println!("{what}")))?;
            let mut points = fi_io::Table::new(["axis", "method", "value", "cpu_s"]);
            for (stem, chart) in charts {
                chart.figure()?.save(folder.join(format!("{stem}.svg")))?;
                for (method, line) in &chart.lines {
                    for &(value, cpu) in line {
                        points.push([
                            stem.into(),
                            method.as_str().into(),
                            value.into(),
                            cpu.into(),
                        ]);
                    }
                }
            }
            return Ok(fi_io::write_table_csv(folder.join("growth.csv"), &points)?);
        }
        let models = root().join("target/peers");
        if let Some(one) = &self.one {
            let [work, rows, threads] = &one[..] else { bail!("--one takes three values") };
            return serve(&models, work, rows.parse()?, threads.parse()?);
        }
        let output = self.output.clone().unwrap_or_else(|| root().join("target/bench"));
        std::fs::create_dir_all(&output)?;
        let wanted: Vec<&Work> =
            WORKS.iter().chain(BLACK_BOX).filter(|work| self.wanted(work)).collect();
        self.prepare(&models, &wanted)?;
        let raw = output.join("raw.csv");
        let mut records = if raw.exists() { Records::read(&raw)? } else { Records::default() };
        for work in wanted {
            let two = self.two_threads && work.on_two_threads();
            for threads in if two { vec![1, 2] } else { vec![1] } {
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
                let ours = Side::start(&mut ours(work, threads)?)?;
                let theirs = Side::start(&mut self.theirs(&models, work, threads)?)?;
                let [ours, theirs] = taking_turns(work, ours, theirs)?;
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

    /// How near everybody's estimates of Shapley and SAGE values come to the truth.
    fn curves(&self) -> Result<()> {
        let python = self.black_box_python.as_ref().context("--black-box-python is not given")?;
        let output = self.output.clone().unwrap_or_else(|| root().join("target/bench-curves"));
        std::fs::create_dir_all(&output)?;
        let (games, script) =
            (root().join("target/curves"), root().join("benches/peers/curves.py"));
        // The last of them; those that are there are not made again.
        if !games.join("sage-diabetes-10-truth.npy").exists() {
            done(Command::new(python).arg(&script).arg(&games).arg("games"))?;
        }
        let mut curves = Curves::default();
        curves.add_ours(&games, self.seeds)?;
        let mut command = Command::new(python);
        command.arg(&script).arg(&games).args(["estimates", &self.seeds.to_string()]);
        command.args(&self.only);
        let theirs = command.stderr(std::process::Stdio::inherit()).output()?;
        ensure!(theirs.status.success(), "{command:?} failed");
        for line in String::from_utf8(theirs.stdout)?.lines().filter(|line| line.starts_with('{')) {
            curves.0.push(serde_json::from_str::<Curve>(line)?);
        }
        let write = |name: &str, bytes: &[u8]| {
            fi_io::write_atomic(output.join(name), |file| file.write_all(bytes))
        };
        write("raw.csv", &curves.to_csv()?)?;
        let table = curves.table()?;
        write("table.md", format!("{}\n{table}", processor()).as_bytes())?;
        println!("{table}");
        Ok(())
    }

    fn wanted(&self, work: &Work) -> bool {
        let named = |only: &String| work.name.contains(only) || work.peer.name.contains(only);
        let here = match work.peer.environment {
            Environment::OldPython => self.old_python.is_some(),
            Environment::Networks => self.networks_python.is_some(),
            Environment::BlackBox => self.black_box_python.is_some(),
            Environment::Python | Environment::R => true,
        };
        here && self.only.as_ref().is_none_or(named)
    }

    /// Trains the models that these works need, once.
    fn prepare(&self, models: &Path, wanted: &[&Work]) -> Result<()> {
        let scripts = root().join("benches/peers");
        let uses = |e: Environment| wanted.iter().any(|work| work.peer.environment == e);
        if uses(Environment::Networks) {
            save_network_data(models)?;
        }
        if let Some(python) = &self.black_box_python
            && uses(Environment::BlackBox)
            && !models.join("lofo_y.npy").exists()
        {
            done(Command::new(python).arg(scripts.join("black_box.py")).arg(models).arg("models"))?;
        }
        let trees = wanted.iter().any(|work| {
            !matches!(work.peer.environment, Environment::Networks | Environment::BlackBox)
        });
        if trees && !models.join("forest_classes.json").exists() {
            let mut command = Command::new(&self.python);
            done(command.arg(scripts.join("models.py")).arg(models))?;
        }
        if uses(Environment::R) && !models.join("x20_train.csv").exists() {
            tables_for_r(models)?;
        }
        if let Some(python) = &self.old_python
            && uses(Environment::OldPython)
            && !models.join("old_forest_deep.json").exists()
        {
            done(Command::new(python).arg(scripts.join("old_forests.py")).arg(models))?;
        }
        Ok(())
    }

    /// The peer's side, in a process of its own.
    fn theirs(&self, models: &Path, work: &Work, threads: usize) -> Result<Command> {
        let scripts = root().join("benches/peers");
        let mut command = match work.peer.environment {
            Environment::Python => Command::new(&self.python),
            Environment::OldPython => {
                Command::new(self.old_python.as_ref().context("--old-python is not given")?)
            }
            Environment::Networks => Command::new(
                self.networks_python.as_ref().context("--networks-python is not given")?,
            ),
            Environment::BlackBox => Command::new(
                self.black_box_python.as_ref().context("--black-box-python is not given")?,
            ),
            Environment::R => Command::new("Rscript"),
        };
        let script = match work.peer.environment {
            Environment::Python | Environment::OldPython => "works.py",
            Environment::Networks => "networks.py",
            Environment::BlackBox => "black_box.py",
            Environment::R => "forest.R",
        };
        command.arg(scripts.join(script)).arg(models).arg(work.name);
        if work.peer.environment != Environment::R {
            command.arg(work.peer.name);
        }
        let repetitions = work.repetitions.to_string();
        command.args([threads.to_string(), repetitions, work.peer_rows.to_string()]);
        Ok(command)
    }
}

/// fi's side, in a process of its own.
fn ours(work: &Work, threads: usize) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "--one", work.name]);
    command.args([work.rows, threads].map(|n| n.to_string()));
    Ok(command)
}

/// Both sides in turn; a work that is done more than once is done once more before, to warm up,
/// unless it is so long that it is warm by itself.
fn taking_turns(work: &Work, mut ours: Side, mut theirs: Side) -> Result<[Measured; 2]> {
    let long = ["lofo:", "black_box:sage"].iter().any(|kind| work.name.starts_with(kind));
    let warm_up = work.repetitions > 1 && !long;
    for repetition in usize::from(!warm_up)..=work.repetitions {
        ours.turn(repetition > 0)?;
        theirs.turn(repetition > 0)?;
    }
    Ok([ours.finish()?, theirs.finish()?])
}

fn done(command: &mut Command) -> Result<()> {
    ensure!(command.status()?.success(), "{command:?} failed");
    Ok(())
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

/// What the record was measured on.
fn machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{}; load at the end {}.\n\
         CPU seconds of one thread, medians; each side in a process of its own, taking turns. Ratios \
         are per row where the peer was given fewer.\n",
        processor(),
        load.split_whitespace().next().unwrap_or("?"),
    )
}

pub(crate) fn processor() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("?", |(_, value)| value.trim()).to_owned()
    };
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    format!(
        "{} (family {}, model {}), {cores} cores, AVX2: {}",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        cpuinfo.contains("avx2"),
    )
}
