//! `fi explain` and `fi interactions`: SHAP values of rows, and what pairs add together.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fi_core::shapley::{self, Estimator};
use fi_core::{Attribution, Importance, Model as _, Occlusion, Output, Players, Pooling, Removal};
use fi_models::Fitted;
use fi_models::store::Stored;
use fi_models::tree::{
    Background, OutputScale, Perturbation, Precision, Summary, TreeExplainer, TreeShap, Trees,
};
use ndarray::{Array2, Axis};

use crate::data::{DataArgs, GroupsArg, ModelArg};
use crate::failure::{Done, Failure};
use crate::large;
use crate::network::{Local, NetworkArgs};
use crate::output::{Sink, aligned, print_rows, write_table};
use crate::sequence::{SequenceArgs, Swappable};
use crate::session::Session;

/// How to score rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Shapley values of the prediction
    Shap,
    /// What the prediction loses with a feature at its mean over the rows
    Occlusion,
    /// Networks: the slope of each margin by a feature
    Gradient,
    /// Networks: slope times value
    #[value(name = "gradient-x-input")]
    GradientXInput,
    /// Networks: slopes averaged over noisy copies of a row
    SmoothGrad,
    /// Networks: slopes collected on the way from a baseline of zeros
    IntegratedGradients,
    /// Networks: the same from rows of --background
    ExpectedGradients,
    /// Networks: relevance handed back through the layers, by the epsilon rule
    Lrp,
}

impl Method {
    fn of_network(self) -> Option<Local> {
        match self {
            Self::Shap | Self::Occlusion => None,
            Self::Gradient => Some(Local::Gradient),
            Self::GradientXInput => Some(Local::GradientXInput),
            Self::SmoothGrad => Some(Local::SmoothGrad),
            Self::IntegratedGradients => Some(Local::IntegratedGradients),
            Self::ExpectedGradients => Some(Local::ExpectedGradients),
            Self::Lrp => Some(Local::Lrp),
        }
    }
}

/// How to score pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PairMethod {
    /// Shapley interaction values of the prediction
    Shap,
}

/// How Shapley values are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    /// Tree for models of trees, exact for up to 12 features, else kernel
    Auto,
    /// Exact, from the structure of the trees
    Tree,
    /// Exact, from all coalitions
    Exact,
    /// KernelSHAP
    Kernel,
    /// Antithetic permutations
    Permutation,
    /// Orders and completions drawn one by one
    Sampling,
}

/// What a feature outside a coalition is replaced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PerturbationArg {
    /// Both ways of a split, weighted by the training rows that took them
    TreePath,
    /// The rows of --background
    Interventional,
}

/// The scale that SHAP values add up on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScaleArg {
    /// Before the link: margins, log-odds
    Raw,
    /// Probabilities; needs --background
    Probability,
}

/// The arithmetic of TreeSHAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionArg {
    /// Double precision
    F64,
    /// Single precision, about twice as fast
    F32,
}

/// Options of SHAP.
#[derive(Args)]
pub(crate) struct ShapArgs {
    /// How Shapley values are computed [default: auto]
    #[arg(long, value_enum)]
    algorithm: Option<Algorithm>,
    /// What a missing feature is replaced by [default: interventional if --background is given]
    #[arg(long, value_enum)]
    perturbation: Option<PerturbationArg>,
    /// Background rows: a table like --data
    #[arg(long, value_name = "FILE")]
    background: Option<PathBuf>,
    /// The scale that the values add up on [default: raw for trees, that of predictions for others]
    #[arg(long, value_enum)]
    output_scale: Option<ScaleArg>,
    /// The arithmetic for models of trees [default: f64]
    #[arg(long, value_enum)]
    precision: Option<PrecisionArg>,
}

impl ShapArgs {
    /// An option that only SHAP knows, if one was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            (self.algorithm.is_some(), "algorithm"),
            (self.perturbation.is_some(), "perturbation"),
            (self.output_scale.is_some(), "output-scale"),
            (self.precision.is_some(), "precision"),
        ];
        options.into_iter().find_map(|(given, name)| given.then_some(name))
    }

    fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Auto)
    }

    pub(crate) fn is_background_given(&self) -> bool {
        self.background.is_some()
    }

    pub(crate) fn background(&self, model: &Stored, data: &DataArgs) -> Done<Option<Array2<f64>>> {
        let Some(path) = &self.background else { return Ok(None) };
        Ok(Some(data.rows_of(path, model)?))
    }

    fn is_interventional(&self) -> bool {
        self.perturbation
            .map_or(self.background.is_some(), |p| p == PerturbationArg::Interventional)
    }

    /// The trees, if the tree algorithm is to explain them.
    fn trees<'a>(&self, model: &'a Stored) -> Done<Option<&'a Trees>> {
        match (self.algorithm(), &model.model, &model.scaler) {
            (Algorithm::Auto | Algorithm::Tree, Fitted::Trees(trees), None) => Ok(Some(trees)),
            (Algorithm::Tree, ..) => {
                Failure::call("--algorithm tree is for models of trees: leave it out")
            }
            _ => Ok(None),
        }
    }

    /// Calls `explain` with an explainer of these trees.
    fn with_trees<T>(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
        trees: &Trees,
        explain: impl FnOnce(&TreeExplainer<'_>) -> Done<T>,
    ) -> Done<T> {
        let background = match (self.is_interventional(), self.background(model, data)?) {
            (true, None) => {
                return Failure::call(
                    "--perturbation interventional needs rows: give --background",
                );
            }
            (true, Some(rows)) => Some(Background::new(rows, None)?),
            (false, Some(_)) => {
                return Failure::call(
                    "--perturbation tree-path takes no --background: leave one out",
                );
            }
            (false, None) => None,
        };
        let settings = TreeShap {
            perturbation: background
                .as_ref()
                .map_or(Perturbation::TreePath, Perturbation::Interventional),
            output_scale: match self.output_scale {
                None | Some(ScaleArg::Raw) => OutputScale::Raw,
                Some(ScaleArg::Probability) => OutputScale::Probability,
            },
            precision: match self.precision {
                Some(PrecisionArg::F32) => Precision::F32,
                None | Some(PrecisionArg::F64) => Precision::F64,
            },
            ..TreeShap::default()
        };
        explain(&settings.explainer(&session.run(), trees)?)
    }

    /// As [`ShapArgs::with_trees`], for rows on disk, which only trees are explained on.
    pub(crate) fn with_only_trees<T>(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
        explain: impl FnOnce(&TreeExplainer<'_>) -> Done<T>,
    ) -> Done<T> {
        match self.trees(model)? {
            Some(trees) => self.with_trees(session, model, data, trees, explain),
            None => Failure::call("--memory explains models of trees only: leave it out"),
        }
    }

    /// By an estimator that only predicts.
    fn estimated(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
        players: &Players,
        rows: Array2<f64>,
    ) -> Done<Attribution> {
        if self.perturbation == Some(PerturbationArg::TreePath) {
            return Failure::call("--perturbation tree-path is for models of trees");
        }
        if self.precision.is_some() {
            return Failure::call("--precision is for models of trees");
        }
        let scale = match model.output() {
            Output::Probabilities => ScaleArg::Probability,
            Output::Values | Output::Margins | Output::Labels => ScaleArg::Raw,
        };
        if self.output_scale.is_some_and(|given| given != scale) {
            return Failure::call(
                "this model is explained by what it predicts, on that scale: leave --output-scale out",
            );
        }
        let Some(background) = self.background(model, data)? else {
            return Failure::call(
                "this model is explained by predictions for background rows: give --background",
            );
        };
        let (exact, kernel) = (shapley::Exact, shapley::Kernel::default());
        let (permutation, sampling) =
            (shapley::Permutation::default(), shapley::Sampling::default());
        let estimator: &dyn Estimator = match self.algorithm() {
            Algorithm::Exact => &exact,
            Algorithm::Permutation => &permutation,
            Algorithm::Sampling => &sampling,
            Algorithm::Auto | Algorithm::Tree if players.len() <= 12 => &exact,
            Algorithm::Auto | Algorithm::Tree | Algorithm::Kernel => &kernel,
        };
        let names = &model.feature_names;
        let whole = ndarray::concatenate(Axis(0), &[rows.view(), background.view()])?;
        let view = Swappable::new(model, names, players.clone(), whole.view())?;
        let removal = Removal::marginal(view.rows(background)?)?;
        let (run, rows) = (session.run(), view.rows(rows)?);
        let (model, players) = (view.model.as_ref(), &view.players);
        Ok(shapley::explain(&run, estimator, model, rows.view(), players, &removal)?)
    }

    /// The mean size of the values of these rows.
    pub(crate) fn importance(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
        players: &Players,
        rows: Array2<f64>,
        confidence: f64,
    ) -> Done<Importance> {
        match self.trees(model)? {
            Some(trees) => self.with_trees(session, model, data, trees, |explainer| {
                Ok(explainer.importance(
                    &session.run(),
                    players,
                    rows.view(),
                    Summary::MeanAbsolute,
                    confidence,
                )?)
            }),
            None => {
                Ok(self.estimated(session, model, data, players, rows)?.mean_abs(confidence)?)
            }
        }
    }
}

/// The options of `fi explain`.
#[derive(Args)]
pub(crate) struct Explain {
    /// How to score
    #[arg(value_enum)]
    method: Method,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    #[command(flatten)]
    sequence: SequenceArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    shap: ShapArgs,
    /// Where to write: .npy (n_rows, n_players + 1), the last column the base value; with k > 1
    /// outputs (n_rows, k, n_players + 1); or .csv, .parquet [default: the first rows on stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Explain {
    /// Options that the method does not know are no options.
    fn check(&self) -> Done {
        let network = self.method.of_network();
        self.network.check(network)?;
        let known = |given: bool, name: &str, takes: bool| {
            if given && !takes {
                return Failure::call(format!("--{name} has no meaning for this method"));
            }
            Ok(())
        };
        known(self.groups.groups.is_some(), "groups", network.is_none())?;
        known(self.sequence.is_block_given(), "block", network.is_none())?;
        known(self.sequence.is_pool_given(), "pool", network.is_some())?;
        if let Some(name) = self.shap.given() {
            known(true, name, self.method == Method::Shap)?;
        }
        let background = self.method == Method::Shap || self.method == Method::ExpectedGradients;
        known(self.shap.is_background_given(), "background", background)
    }

    fn attribution(&self, session: &Session, model: &Stored) -> Done<Attribution> {
        let rows = self.data.rows(model)?;
        if let Some(method) = self.method.of_network() {
            let background = self.shap.background(model, &self.data)?;
            let (sequence, default) = (&self.sequence, Pooling::Sum);
            return self
                .network
                .explain(session, method, model, &rows, background, sequence, default);
        }
        let players = self.sequence.players(&self.groups, &model.feature_names)?;
        if self.method == Method::Occlusion {
            let view = Swappable::new(model, &model.feature_names, players, rows.view())?;
            let rows = view.rows(rows)?;
            let (run, model) = (session.run(), view.model.as_ref());
            let occlusion = Occlusion::at_means(rows.view());
            return Ok(occlusion.attribution(&run, model, rows.view(), &view.players)?);
        }
        let Some(trees) = self.shap.trees(model)? else {
            return self.shap.estimated(session, model, &self.data, &players, rows);
        };
        self.shap.with_trees(session, model, &self.data, trees, |explainer| {
            Ok(explainer.attribution(&session.run(), &players, rows.view())?)
        })
    }

    pub(crate) fn run(&self, session: &Session) -> Done {
        let sink = Sink::new(self.output.as_deref(), &["npy", "csv", "parquet"])?;
        self.check()?;
        let model = self.model.load()?;
        if self.data.memory.is_some() {
            let (Sink::File { path, extension }, Method::Shap) = (&sink, self.method) else {
                return Failure::call("--memory is for `fi explain shap` to a file: give --output");
            };
            let data = self.data.spooled(&model)?;
            let players = self.sequence.players(&self.groups, &model.feature_names)?;
            return self.shap.with_only_trees(session, &model, &self.data, |explainer| {
                large::shap_values(session, explainer, &data, &players, (*path, *extension))
            });
        }
        let attribution = self.attribution(session, &model)?;
        if let Some(error) = attribution.additivity_error {
            session.note(format!(
                "The values of each row and the base value add up to the model's answer within {}.",
                fi_viz::number(error)
            ));
        }
        match sink {
            Sink::File { path, extension: "npy" } => {
                fi_io::write_attribution_npy(path, &attribution)?;
            }
            Sink::File { path, extension } => {
                write_table(path, extension, &fi_io::attribution_table(&attribution))?;
            }
            Sink::Table => {
                let mut names = attribution.features.clone();
                names.push("base_value".to_owned());
                let (n_rows, n_outputs, n_players) = attribution.values.dim();
                let mut flat = Array2::zeros((n_rows * n_outputs, n_players + 1));
                for (i, mut line) in flat.rows_mut().into_iter().enumerate() {
                    let (row, output) = (i / n_outputs, i % n_outputs);
                    let values = attribution.values.index_axis(Axis(0), row);
                    line.slice_mut(ndarray::s![..n_players]).assign(&values.row(output));
                    line[n_players] = attribution.base_values[[row, output]];
                }
                print_rows(&names, flat.view());
            }
        }
        Ok(())
    }
}

/// The options of `fi interactions`.
#[derive(Args)]
pub(crate) struct InteractionsCommand {
    /// How to score
    #[arg(value_enum)]
    method: PairMethod,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    groups: GroupsArg,
    #[command(flatten)]
    shap: ShapArgs,
    /// The coverage of the intervals of mean sizes
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    confidence: f64,
    /// Where to write: .csv or .parquet, the mean size of each pair; .npy, (n_rows, n_features + 1,
    /// n_features + 1) as XGBoost lays it out, with k after n_rows for k > 1 outputs [default: the
    /// strongest pairs on stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl InteractionsCommand {
    pub(crate) fn run(&self, session: &Session) -> Done {
        let PairMethod::Shap = self.method;
        if self.data.memory.is_some() {
            return Failure::call("--memory has no meaning for interactions: leave it out");
        }
        let sink = Sink::new(self.output.as_deref(), &["csv", "npy", "parquet"])?;
        let model = self.model.load()?;
        let rows = self.data.rows(&model)?;
        let Some(trees) = self.shap.trees(&model)? else {
            return Failure::call("interactions are computed for models of trees only");
        };
        let players = self.groups.players(&model.feature_names)?;
        self.shap.with_trees(session, &model, &self.data, trees, |explainer| {
            if let Sink::File { path, extension: "npy" } = sink {
                let local = explainer.interactions(&session.run(), &players, rows.view())?;
                return Ok(fi_io::write_interactions_npy(path, &local)?);
            }
            let summary = Summary::MeanAbsolute;
            let pairs =
                explainer.mean_interactions(&session.run(), &players, rows.view(), summary)?;
            if let Sink::File { path, extension } = sink {
                let table = fi_io::interaction_table(&pairs, self.confidence)?;
                return write_table(path, extension, &table);
            }
            let mut table = aligned(&["feature_a", "feature_b", "mean |interaction|"], 1);
            for (a, b) in pairs.order().into_iter().take(20) {
                let value = fi_viz::number(pairs.values[[a, b]]);
                table.add_row([&pairs.features[a], &pairs.features[b], &value]);
            }
            println!("{table}");
            Ok(())
        })
    }
}
