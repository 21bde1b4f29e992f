//! `fi select METHOD`: which features to keep, and what the choice is worth.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fi_core::selection::{
    Boruta, Bound, Choice, Construction, Correction, Cutoff, Honest, HonestScore, Knockoffs, Rfe,
    RfeCv, Selection, Selector, StabilitySelection, Step, Threshold, Top,
};
use fi_core::{Counter, Dataset, Folds, HeldOut, LearnerImportance, Lofo, Metric, Run, Warning};
use fi_models::store::{Stored, save};
use fi_models::{AnyLearner, impurity_of, standardized_coefficients_of};

use crate::anytime::AnytimeArgs;
use crate::data::{DataArgs, GroupsArg};
use crate::dry_run::{DryRunArg, dry_run};
use crate::failure::{Done, Failure, known};
use crate::importance::{metric, of_learner};
use crate::learner::LearnerArgs;
use crate::output::{Sink, shown};
use crate::session::Session;
use crate::table::Lines;

/// How to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// The features that score highest
    Top,
    /// Those that score at least a number, or a multiple of the mean or median
    Threshold,
    /// What is left when the weakest go, again and again
    Rfe,
    /// The same, as many as score best on held-out folds
    Rfecv,
    /// All that beat shuffled copies of the features
    Boruta,
    /// Those that are chosen again on most halves of the rows
    Stability,
    /// Those that beat knockoffs of themselves, with a bound of the share of useless ones
    Knockoffs,
}

/// How features are scored for a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Permutation importance on held-out folds
    HeldOut,
    /// Training again without each
    Lofo,
    /// Mean decrease in impurity, of learners that grow trees
    Impurity,
    /// The size of each coefficient per standard deviation, of linear learners
    Coefficients,
}

/// The options of `fi select`.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command")]
pub(crate) struct Select {
    /// How to choose
    #[arg(value_enum)]
    method: Method,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    #[command(flatten)]
    learner: LearnerArgs,
    /// How features are scored
    #[arg(long, value_enum, default_value = "held-out")]
    importance: By,
    /// The metric, by scikit-learn's name [default: log loss for classes, MSE for numbers]
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// top: how many are kept; rfe: the same [default: half]; rfecv: the fewest that are tried
    /// [default: 1]; stability: how many each half chooses [default: what an expected single
    /// mistake allows]
    #[arg(long, value_name = "N")]
    n_features: Option<usize>,
    /// threshold: the bar, such as 0.01, mean or 1.25*median [default: mean]
    #[arg(long, value_name = "BAR", value_parser = parse_cutoff)]
    at: Option<Cutoff>,
    /// threshold: at most so many
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// rfe, rfecv: how many go at a time, or a share such as 0.1 [default: 1]
    #[arg(long, value_name = "N|SHARE", value_parser = parse_step)]
    step: Option<Step>,
    /// rfecv: the fewest features whose score is within a standard error of the best
    #[arg(long)]
    one_standard_error: bool,
    /// rfecv: the folds that compare numbers of features [default: 5]
    #[arg(long, value_name = "FOLDS")]
    inner_folds: Option<String>,
    /// boruta: at most so many rounds [default: 100]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// boruta: the level of its tests [default: 0.01]
    #[arg(long, value_name = "LEVEL")]
    alpha: Option<f64>,
    /// boruta: the percentile of the shuffled copies that must be beaten [default: 100]
    #[arg(long, value_name = "PERCENT")]
    perc: Option<f64>,
    /// boruta: correct tests as boruta_py does
    #[arg(long)]
    two_step: bool,
    /// boruta: settle what stays tentative by medians
    #[arg(long)]
    rough_fix: bool,
    /// stability: the share of halves that must choose a feature [default: 0.75]
    #[arg(long, value_name = "SHARE")]
    threshold: Option<f64>,
    /// stability: how many pairs of halves [default: 50]
    #[arg(long, value_name = "N")]
    n_pairs: Option<usize>,
    /// stability: the sharper error bound, which assumes unimodal shares
    #[arg(long)]
    unimodal: bool,
    /// knockoffs: the expected share of useless features among the chosen, at most [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    fdr: Option<f64>,
    /// knockoffs: how many times they are drawn; a single draw finds fewer features, too
    /// [default: 20]
    #[arg(long, value_name = "N")]
    draws: Option<usize>,
    /// knockoffs: the same distance from all features, and not that which makes them hardest to
    /// guess
    #[arg(long)]
    equicorrelated: bool,
    /// knockoffs: of features that are normal after a transformation of each, such as skewed ones
    #[arg(long)]
    copula: bool,
    /// knockoffs: 0 for fewer features of a single draw, and a weaker promise [default: 1]
    #[arg(long, value_name = "0|1")]
    offset: Option<usize>,
    /// The intervals' coverage
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    confidence: f64,
    /// Do not choose again inside each fold of --folds to score the choice honestly: that costs as
    /// many choices as there are folds
    #[arg(long)]
    no_honest: bool,
    #[command(flatten)]
    anytime: AnytimeArgs,
    /// Train the learner on the chosen features and write the model
    #[arg(long, value_name = "FILE.fi")]
    refit: Option<PathBuf>,
    /// What is known of each feature: its rank, score and decision
    #[arg(long, value_name = "FILE.csv")]
    features: Option<PathBuf>,
    /// The sets that were tried [default: a table on stdout]
    #[arg(long, value_name = "FILE.csv")]
    output: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRunArg,
}

fn parse_cutoff(text: &str) -> Result<Cutoff, String> {
    text.parse().map_err(|error: fi_core::Error| error.to_string())
}

fn parse_step(text: &str) -> Result<Step, String> {
    text.parse().map_err(|error: fi_core::Error| error.to_string())
}

impl Select {
    pub(crate) fn run(&self, session: &Session) -> Done {
        let sink = Sink::new(self.output.as_deref(), &["csv"])?;
        Sink::new(self.features.as_deref(), &["csv"])?;
        Sink::new(self.refit.as_deref(), &["fi"])?;
        self.check()?;
        if self.dry_run.dry_run {
            let cost = |n_rows, n_features| Ok(Some(of_learner(n_rows, n_features)));
            return dry_run(session, cost, || self.selected(session).map(|_| None));
        }
        let Some((data, selection, honest)) = self.selected(session)? else { return Ok(()) };
        let learner = self.learner.learner()?;
        for warning in &selection.warnings {
            if !matches!(warning, Warning::Unfinished { .. }) {
                session.note(format!("Note: {warning}."));
            }
        }
        Self::say(session, &selection, honest.as_ref());
        // The model first: without it the call has failed, and leaves no table.
        if let Some(path) = &self.refit {
            let stored = refit(&session.run(), &learner, &selection, &data)?;
            save(path, &stored)?;
        }
        if let Some(path) = &self.features {
            let table = fi_io::selected_features_table(&selection, honest.as_ref());
            fi_io::write_table_csv(path, &table)?;
        }
        match sink {
            Sink::File { path, .. } => {
                let table = fi_io::selection_table(&selection, honest.as_ref());
                fi_io::write_table_csv(path, &table)?;
            }
            Sink::Table => print(&selection, honest.as_ref())?,
        }
        self.anytime.finish(session, &selection.warnings)
    }

    /// The choice, and what it is worth; `None`: this was a shard.
    fn selected(&self, session: &Session) -> Done<Option<(Dataset, Selection, Option<Honest>)>> {
        let counter = session.rehearsal.counter();
        let data = self.data.to_train(session)?;
        let players = self.groups.players(data.feature_names())?;
        let learner = self.learner.learner()?;
        let metric = self.metric.as_deref().map(metric).transpose()?;
        let selector = self.selector(&data, metric.clone())?;
        let importance = self.importance(&counter, &learner, &data, metric.clone());
        let learner = counter.learner(learner);
        let (run, selector, importance) = (session.run(), selector.as_ref(), importance.as_ref());
        let (selection, honest) = if self.no_honest {
            let select =
                |run: &Run<'_>| Ok(selector.select(run, &learner, importance, &data, &players)?);
            let Some(selection) = self.anytime.results(session, select)? else { return Ok(None) };
            (selection, None)
        } else {
            let folds = self.learner.folds(&data, "5")?;
            let honest = HonestScore { folds, metric, confidence: self.confidence };
            let honest = honest.score(&run, selector, &learner, importance, &data, &players)?;
            (honest.selection.clone(), Some(honest))
        };
        Ok(Some((data, selection, honest)))
    }

    /// Options that the method does not know are no options.
    fn check(&self) -> Done {
        let method = self.method;
        let known = |given: bool, name: &str, methods: &[Method]| {
            known(given, name, methods.contains(&method))
        };
        let sized = [Method::Top, Method::Rfe, Method::Rfecv, Method::Stability];
        known(self.n_features.is_some(), "n-features", &sized)?;
        known(self.at.is_some(), "at", &[Method::Threshold])?;
        known(self.max.is_some(), "max", &[Method::Threshold])?;
        known(self.step.is_some(), "step", &[Method::Rfe, Method::Rfecv])?;
        known(self.one_standard_error, "one-standard-error", &[Method::Rfecv])?;
        known(self.inner_folds.is_some(), "inner-folds", &[Method::Rfecv])?;
        known(self.rounds.is_some(), "rounds", &[Method::Boruta])?;
        known(self.alpha.is_some(), "alpha", &[Method::Boruta])?;
        known(self.perc.is_some(), "perc", &[Method::Boruta])?;
        known(self.two_step, "two-step", &[Method::Boruta])?;
        known(self.rough_fix, "rough-fix", &[Method::Boruta])?;
        known(self.threshold.is_some(), "threshold", &[Method::Stability])?;
        known(self.n_pairs.is_some(), "n-pairs", &[Method::Stability])?;
        known(self.unimodal, "unimodal", &[Method::Stability])?;
        known(self.fdr.is_some(), "fdr", &[Method::Knockoffs])?;
        known(self.draws.is_some(), "draws", &[Method::Knockoffs])?;
        known(self.equicorrelated, "equicorrelated", &[Method::Knockoffs])?;
        known(self.copula, "copula", &[Method::Knockoffs])?;
        known(self.offset.is_some(), "offset", &[Method::Knockoffs])?;
        if let Some(name) = self.anytime.given() {
            let long =
                [Method::Rfe, Method::Rfecv, Method::Boruta, Method::Stability, Method::Knockoffs];
            known(true, name, &long)?;
            if !self.no_honest {
                return Failure::call(format!(
                    "--{name} keeps one choice and not those of the folds that score it: give \
                     --no-honest, too"
                ));
            }
        }
        self.anytime.check_shard(self.refit.is_some(), "refit")?;
        self.anytime.check_shard(self.features.is_some(), "features")?;
        if method == Method::Top && self.n_features.is_none() {
            return Failure::call("top keeps as many as you say: give --n-features");
        }
        Ok(())
    }

    fn selector(&self, data: &Dataset, metric: Option<Metric>) -> Done<Box<dyn Selector>> {
        let step = self.step.unwrap_or(Step::Number(1));
        Ok(match self.method {
            Method::Top => Box::new(Top { k: self.n_features.unwrap_or(Top::default().k) }),
            Method::Threshold => {
                Box::new(Threshold { at: self.at.unwrap_or(Cutoff::Mean(1.0)), max: self.max })
            }
            Method::Rfe => Box::new(Rfe { n_features: self.n_features, step }),
            Method::Rfecv => {
                let text = self.inner_folds.as_deref().unwrap_or("5");
                let folds =
                    Folds::parse(text, data).map_err(|error| Failure::Call(error.to_string()))?;
                let choice =
                    if self.one_standard_error { Choice::OneStandardError } else { Choice::Best };
                let (least, confidence) = (self.n_features.unwrap_or(1), self.confidence);
                Box::new(RfeCv { least, step, folds, metric, choice, confidence })
            }
            Method::Boruta => {
                let base = Boruta::default();
                Box::new(Boruta {
                    n_rounds: self.rounds.unwrap_or(base.n_rounds),
                    alpha: self.alpha.unwrap_or(base.alpha),
                    perc: self.perc.unwrap_or(base.perc),
                    correction: if self.two_step {
                        Correction::TwoStep
                    } else {
                        Correction::Bonferroni
                    },
                    rough_fix: self.rough_fix,
                    ..base
                })
            }
            Method::Stability => {
                let base = StabilitySelection::default();
                Box::new(StabilitySelection {
                    n_chosen: self.n_features,
                    threshold: self.threshold.unwrap_or(base.threshold),
                    n_pairs: self.n_pairs.unwrap_or(base.n_pairs),
                    bound: if self.unimodal { Bound::Unimodal } else { Bound::WorstCase },
                    confidence: self.confidence,
                })
            }
            Method::Knockoffs => {
                let base = Knockoffs::default();
                Box::new(Knockoffs {
                    fdr: self.fdr.unwrap_or(base.fdr),
                    n_draws: self.draws.unwrap_or(base.n_draws),
                    construction: if self.equicorrelated {
                        Construction::Equicorrelated
                    } else {
                        Construction::Mvr
                    },
                    copula: self.copula,
                    offset: self.offset.unwrap_or(base.offset),
                })
            }
        })
    }

    fn importance(
        &self,
        counter: &Counter,
        learner: &AnyLearner,
        data: &Dataset,
        metric: Option<Metric>,
    ) -> Box<dyn LearnerImportance> {
        let (learner, counter) = (learner.clone(), counter.clone());
        let folds = Folds::for_data(3, data);
        match self.importance {
            By::HeldOut => Box::new(HeldOut { folds, metric, ..HeldOut::default() }),
            By::Lofo => Box::new(Lofo { folds, ..Lofo::default() }),
            By::Impurity => Box::new(impurity_of(move |run: &Run<'_>, data: &Dataset| {
                counter.add_training();
                learner.fit_trees(run, data)
            })),
            By::Coefficients => {
                Box::new(standardized_coefficients_of(move |run: &Run<'_>, data: &Dataset| {
                    counter.add_training();
                    learner.fit_linear(run, data)
                }))
            }
        }
    }

    /// What was chosen, and what it is worth on rows that the choice has not seen.
    fn say(session: &Session, selection: &Selection, honest: Option<&Honest>) {
        let n = selection.players.len();
        let names = selection.names().join(", ");
        let names = if names.is_empty() { names } else { format!(": {names}") };
        session.note(format!("{} of {n} are chosen{names}.", selection.chosen.len()));
        if let Some(bound) = selection.error_bound {
            session.note(format!(
                "At most {} useless ones are expected among them.",
                fi_viz::number(bound)
            ));
        }
        if let Some(fdr) = selection.fdr.filter(|_| !selection.chosen.is_empty()) {
            session.note(format!(
                "At most a share of {} of them is expected to be useless.",
                fi_viz::number(fdr)
            ));
        }
        if let Some(honest) = honest {
            let interval = honest.interval.as_ref().map_or_else(String::new, |interval| {
                format!(
                    " ({} to {})",
                    fi_viz::number(interval.low[0]),
                    fi_viz::number(interval.high[0])
                )
            });
            let stability = honest.stability.as_ref().map_or_else(String::new, |stability| {
                format!("; the folds' choices agree at {} of 1", fi_viz::number(stability.value))
            });
            session.note(format!(
                "Chosen again in each fold, {} on its other rows is {}{interval}; of this choice, \
                 which has seen them, {}{stability}.",
                honest.metric,
                fi_viz::number(honest.score),
                fi_viz::number(honest.naive_score)
            ));
        }
    }
}

/// The learner trained on the chosen columns alone, as a model to keep.
fn refit(
    run: &Run<'_>,
    learner: &AnyLearner,
    selection: &Selection,
    data: &Dataset,
) -> Done<Stored> {
    let columns = selection.columns();
    if columns.is_empty() {
        return Err(anyhow::anyhow!("no feature was chosen, so there is no model to write").into());
    }
    let data = data.select_features(&columns);
    let (model, scaler) = learner.fit(run, &data)?;
    Ok(Stored::new(model, &data, scaler)?)
}

fn print(selection: &Selection, honest: Option<&Honest>) -> Done {
    let table = fi_io::selection_table(selection, honest);
    let columns = ["n_features", "score", "ci_low", "ci_high", "chosen", "features"];
    let mut lines =
        Lines::new(columns, &[columns.len() - 1]).without_room_for(&["ci_high", "ci_low"]);
    for row in &table.rows {
        lines.push(
            columns.map(|name| {
                table.column(name).map_or_else(String::new, |place| shown(&row[place]))
            }),
        );
    }
    lines.print()
}
