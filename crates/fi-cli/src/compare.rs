//! `fi compare`: several methods on one model or several, and how far they agree.

use std::path::{Path, PathBuf};

use clap::Args;
use fi_core::agreement::{Agreement, Comparison};
use fi_core::{Cost, Importance};
use fi_viz::{ColorScale, Heatmap};

use crate::data::{DataArgs, GroupsArg};
use crate::dry_run::{DryRunArg, dry_run};
use crate::failure::{Done, Failure};
use crate::importance::method::Method;
use crate::importance::{Command, Shared};
use crate::learner::LearnerArgs;
use crate::output::{Sink, name_of, shown};
use crate::sequence::SequenceArgs;
use crate::session::Session;
use crate::table::Lines;

/// The options of `fi compare`.
#[derive(Args)]
pub(crate) struct Compare {
    /// The models, told apart by their content
    #[arg(long, visible_alias = "model", value_name = "FILE[,FILE]", value_delimiter = ',')]
    models: Vec<PathBuf>,
    /// The methods of `fi importance`
    #[arg(
        long,
        value_enum,
        value_name = "METHOD[,METHOD]",
        value_delimiter = ',',
        required = true
    )]
    methods: Vec<Method>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    #[command(flatten)]
    sequence: SequenceArgs,
    #[command(flatten)]
    learner: LearnerArgs,
    /// The metric of methods that have one, by scikit-learn's name
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// How often features are shuffled
    #[arg(long, value_name = "N")]
    repeats: Option<usize>,
    /// The intervals' coverage
    #[arg(long, value_name = "SHARE")]
    confidence: Option<f64>,
    /// Background rows of the methods that take some: a table like --data
    #[arg(long, value_name = "FILE")]
    background: Option<PathBuf>,
    /// How agreement is measured: spearman, kendall, pearson, weighted-tau, rbo:0.9 or top:5
    #[arg(long, value_name = "MEASURE", default_value = "spearman", value_parser = parse_measure)]
    measure: Agreement,
    /// Where to write: a .json file, or a folder for importances.csv, agreement.csv,
    /// comparison.json, report.md, ranks.svg and agreement.svg [default: tables on stdout]
    #[arg(long, value_name = "FOLDER|FILE.json")]
    output: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRunArg,
}

fn parse_measure(text: &str) -> Result<Agreement, String> {
    text.parse().map_err(|error: fi_core::Error| error.to_string())
}

impl Compare {
    pub(crate) fn run(&self, session: &Session) -> Done {
        self.check()?;
        let shared = Shared {
            data: &self.data,
            groups: &self.groups,
            sequence: &self.sequence,
            learner: &self.learner,
            metric: self.metric.clone(),
            repeats: self.repeats,
            confidence: self.confidence,
            background: self.background.clone(),
        };
        let mut calls: Vec<(String, Command)> = Vec::new();
        for &method in &self.methods {
            let name = name_of(Some(method)).unwrap_or_default();
            if method.of_learner() {
                calls.push((name, Command::of(method, &shared, None)));
                continue;
            }
            for model in &self.models {
                let of = Command::of(method, &shared, Some(model.clone()));
                let name = if self.models.len() > 1 {
                    format!("{}: {name}", model.display())
                } else {
                    name.clone()
                };
                calls.push((name, of));
            }
        }
        // Before any work: one that does not fit would lose that of the others.
        calls.iter().try_for_each(|(_, call)| call.check())?;
        if self.dry_run.dry_run {
            let cost = |n_rows, n_features| {
                let each = calls.iter().map(|(_, call)| call.cost(session, n_rows, n_features));
                let known = each.collect::<Done<Vec<_>>>()?;
                // They work one after another, and not every one has an account: rows are counted.
                let n_threads = session.n_threads();
                let largest = known.into_iter().flatten().max_by_key(|cost| cost.bytes(n_threads));
                Ok(largest.map(|cost| Cost { n_evaluations: 0, ..cost }))
            };
            let work = || {
                let each = calls.iter().map(|(_, call)| call.n_evaluations(session));
                let known = each.collect::<Done<Vec<_>>>()?;
                let n: usize = known.into_iter().flatten().sum();
                Ok((n > 0).then_some(n))
            };
            return dry_run(session, cost, work);
        }
        // Each method reads what another has read before.
        session.shelf.keep();
        let scored = |(name, call): &(String, Command)| Ok((name.clone(), call.one(session)?));
        let results: Vec<(String, Importance)> = calls.iter().map(scored).collect::<Done<_>>()?;
        for (name, importance) in &results {
            for warning in &importance.warnings {
                session.note(format!("Note on {name}: {warning}."));
            }
        }
        let named: Vec<(String, &Importance)> =
            results.iter().map(|(name, importance)| (name.clone(), importance)).collect();
        let comparison = Comparison::new(self.measure, &named)?;
        let importances: Vec<Importance> =
            results.into_iter().map(|(_, importance)| importance).collect();
        match &self.output {
            None => print(&comparison),
            Some(path) if is_json(path) => self.write_json(path, &comparison, &importances),
            Some(folder) => {
                let made = |source: std::io::Error| {
                    anyhow::anyhow!("`{}` cannot be made: {source}", folder.display())
                };
                std::fs::create_dir_all(folder).map_err(made)?;
                let table = fi_io::comparison_table(&comparison);
                fi_io::write_table_csv(folder.join("importances.csv"), &table)?;
                let table = fi_io::agreement_table(&comparison);
                fi_io::write_table_csv(folder.join("agreement.csv"), &table)?;
                let report = fi_io::comparison_report(&comparison, &importances);
                fi_io::write_atomic(folder.join("report.md"), |file| {
                    file.write_all(report.as_bytes())
                })?;
                pictures(folder, &comparison)?;
                self.write_json(&folder.join("comparison.json"), &comparison, &importances)
            }
        }
    }

    fn check(&self) -> Done {
        let of_models = self.methods.iter().any(|method| !method.of_learner());
        if of_models && self.models.is_empty() {
            return Failure::call("these methods score a model: give --models");
        }
        if !of_models && !self.models.is_empty() {
            return Failure::call("these methods train --learner: leave --models out");
        }
        if let Some(path) = &self.output {
            let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
            if extension.as_deref().is_some_and(|e| e != "json") && !path.is_dir() {
                return Failure::call(format!(
                    "`{}` has no extension that this command writes: .json, or a folder without \
                     one",
                    path.display()
                ));
            }
            if path.is_file() && !is_json(path) {
                return Failure::call(format!(
                    "`{}` is a file, give a folder or a .json file",
                    path.display()
                ));
            }
        }
        if let Some(name) = self.learner.given()
            && !self.methods.iter().any(|method| method.of_learner())
        {
            return Failure::call(format!("--{name} has no meaning for these methods"));
        }
        if let Some(path) = self.output.as_deref().filter(|path| is_json(path)) {
            Sink::new(Some(path), &["json"])?;
        }
        let any = |takes: fn(Method) -> bool| self.methods.iter().any(|&method| takes(method));
        for (given, name, takes) in [
            (self.metric.is_some(), "metric", any(Method::is_scored)),
            (self.repeats.is_some(), "repeats", any(Method::repeats)),
            (self.confidence.is_some(), "confidence", any(Method::has_confidence)),
            (self.background.is_some(), "background", any(Method::takes_background)),
        ] {
            if given && !takes {
                return Failure::call(format!("--{name} has no meaning for these methods"));
            }
        }
        if self.sequence.is_block_given() || self.sequence.is_pool_given() {
            return Failure::call("--block and --pool have no meaning for a comparison");
        }
        Ok(())
    }

    fn write_json(&self, path: &Path, comparison: &Comparison, results: &[Importance]) -> Done {
        let mut inputs: Vec<&Path> = self.models.iter().map(PathBuf::as_path).collect();
        inputs.extend(self.data.files());
        inputs.extend(self.groups.groups.as_deref());
        inputs.extend(self.learner.file());
        inputs.extend(self.background.as_deref());
        let mut settings = vec![("measure".to_owned(), self.measure.name().into())];
        if let Some(repeats) = self.repeats {
            settings.push(("repeats".to_owned(), repeats.into()));
        }
        if let Some(confidence) = self.confidence {
            settings.push(("confidence".to_owned(), confidence.into()));
        }
        if let Some(metric) = &self.metric {
            settings.push(("metric".to_owned(), metric.as_str().into()));
        }
        settings.extend(self.groups.settings());
        if self.methods.iter().any(|method| method.of_learner()) {
            settings.push(("learner".to_owned(), self.learner.learner_text().into()));
        }
        let provenance = fi_io::Provenance::of(&inputs)?.with_settings(settings);
        Ok(fi_io::write_comparison_json(path, comparison, results, &provenance)?)
    }
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn pictures(folder: &Path, comparison: &Comparison) -> Done {
    let order = comparison.order();
    let ranks = comparison.ranks.t().select(ndarray::Axis(0), &order);
    let features: Vec<String> =
        order.iter().map(|&feature| comparison.features[feature].clone()).collect();
    let ranks = Heatmap {
        title: "Ranks, 1 the most important".to_owned(),
        rows: features,
        columns: comparison.names.clone(),
        scale: ColorScale::fitting(&ranks),
        values: ranks,
        ..Heatmap::default()
    };
    ranks.figure()?.save(folder.join("ranks.svg"))?;
    let (names, values) = (comparison.names.clone(), comparison.agreement.clone());
    let title = format!("Agreement: {}", comparison.measure);
    let agreement =
        Heatmap { title, ..Heatmap::agreement(names, values, &comparison.measure.name()) };
    agreement.figure()?.save(folder.join("agreement.svg"))?;
    Ok(())
}

fn print(comparison: &Comparison) -> Done {
    for table in [fi_io::comparison_table(comparison), fi_io::agreement_table(comparison)] {
        let mut lines = Lines::new(table.columns.clone(), &[0]);
        for row in &table.rows {
            lines.push(row.iter().map(shown));
        }
        lines.print()?;
    }
    Ok(())
}
