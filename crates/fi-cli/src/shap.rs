//! SHAP values by the command: options, and which library call each way is.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fi_core::shapley::{
    self, Estimator, ExactInteractions, Index, InteractionEstimator, KernelInteractions, Rates,
    Structure,
};
use fi_core::{
    Attribution, Cost, Hierarchy, Importance, Interactions, Linkage, Model as _, Output, Players,
    Removal,
};
use fi_io::Cell;
use fi_models::Fitted;
use fi_models::linear::{LinearModel, LinearShap};
use fi_models::store::Stored;
use fi_models::tree::{
    Background, OutputScale, Perturbation, Precision, Summary, TreeExplainer, TreeShap, Trees,
};
use ndarray::Array2;

use crate::data::DataArgs;
use crate::failure::{Done, Failure};
use crate::output::name_of;
use crate::sequence::Swappable;
use crate::session::Session;

/// How Shapley values are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    /// Tree or linear for such models, else exact for up to 12 features, else kernel
    Auto,
    /// Exact, from the structure of the trees
    Tree,
    /// Exact, from the coefficients of a linear model
    Linear,
    /// Exact, from all coalitions
    Exact,
    /// KernelSHAP
    Kernel,
    /// Antithetic permutations
    Permutation,
    /// Orders and completions drawn one by one
    Sampling,
    /// Owen values: features that share a group of --groups join together, or those that the
    /// background's correlations bring together
    Owen,
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

/// Which players KernelSHAP thinks interact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RatesArg {
    /// Those that a row's answers speak for: the fewest coalitions for the same error
    Learned,
    /// All alike: the least work beside the model, and linear in it
    Equal,
}

/// Options of SHAP.
#[derive(Args, Default)]
pub(crate) struct ShapArgs {
    /// How Shapley values are computed [default: auto]
    #[arg(long, value_enum)]
    algorithm: Option<Algorithm>,
    /// kernel: how many coalitions [default: 2048]; permutation, owen: how many orders [default:
    /// 32; owen is exact]; sampling: how many draws for each feature
    #[arg(long, value_name = "N")]
    shap_samples: Option<usize>,
    /// kernel: how often players are thought to interact [default: learned]
    #[arg(long, value_enum)]
    rates: Option<RatesArg>,
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
    /// The options that were given, and the algorithm.
    pub(crate) fn settings(&self) -> Vec<(String, Cell)> {
        let texts = [
            ("algorithm", name_of(Some(self.algorithm()))),
            ("rates", name_of(self.rates)),
            ("perturbation", name_of(self.perturbation)),
            ("output_scale", name_of(self.output_scale)),
            ("precision", name_of(self.precision)),
        ];
        let texts = texts.into_iter().filter_map(|(name, value)| Some((name, value?.into())));
        let samples = self.shap_samples.map(|n| ("shap_samples", n.into()));
        texts.chain(samples).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// An option that only SHAP knows, if one was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            (self.algorithm.is_some(), "algorithm"),
            (self.shap_samples.is_some(), "shap-samples"),
            (self.rates.is_some(), "rates"),
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

    /// Only a background.
    pub(crate) fn with_background(background: Option<PathBuf>) -> Self {
        Self { background, ..Self::default() }
    }

    pub(crate) fn background_file(&self) -> Option<&Path> {
        self.background.as_deref()
    }

    /// Whether groups are no players, but say which features join together.
    pub(crate) fn is_owen(&self) -> bool {
        self.algorithm() == Algorithm::Owen
    }

    pub(crate) fn background(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
    ) -> Done<Option<Array2<f64>>> {
        let Some(path) = &self.background else { return Ok(None) };
        Ok(Some(data.rows_of(session, path, model)?))
    }

    fn is_interventional(&self) -> bool {
        self.perturbation
            .map_or(self.background.is_some(), |p| p == PerturbationArg::Interventional)
    }

    /// The trees, if the tree algorithm is to explain them.
    pub(crate) fn trees<'a>(&self, model: &'a Stored) -> Done<Option<&'a Trees>> {
        if self.rates.is_some() && self.algorithm() != Algorithm::Kernel {
            return Failure::call("--rates is for --algorithm kernel: leave it out");
        }
        match (self.algorithm(), &model.model, &model.scaler) {
            (Algorithm::Auto | Algorithm::Tree, Fitted::Trees(trees), None) => Ok(Some(trees)),
            (Algorithm::Tree, ..) => {
                Failure::call("--algorithm tree is for models of trees: leave it out")
            }
            _ => Ok(None),
        }
    }

    /// Calls `explain` with an explainer of these trees.
    pub(crate) fn with_trees<T>(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
        trees: &Trees,
        explain: impl FnOnce(&TreeExplainer<'_>) -> Done<T>,
    ) -> Done<T> {
        let background = match (self.is_interventional(), self.background(session, model, data)?) {
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
            (false, None) if !trees.ensemble().statistics().cover => {
                return Failure::call(
                    "the model's file does not say how many rows took each branch, which SHAP \
                     weighs them with if it has no background: give rows with --background",
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

    /// The linear model, if its coefficients are to explain it.
    fn linear<'a>(&self, model: &'a Stored) -> Done<Option<&'a LinearModel>> {
        let of_margins = self.output_scale != Some(ScaleArg::Probability);
        match (self.algorithm(), &model.model) {
            (Algorithm::Linear, Fitted::Linear(_)) if !of_margins => Failure::call(
                "--algorithm linear explains scores before the link: leave --output-scale out",
            ),
            (Algorithm::Linear, Fitted::Linear(linear)) => Ok(Some(linear)),
            (Algorithm::Auto, Fitted::Linear(linear)) if of_margins => Ok(Some(linear)),
            (Algorithm::Linear, _) => {
                Failure::call("--algorithm linear is for linear models: leave it out")
            }
            _ => Ok(None),
        }
    }

    /// The background, which every way but that of trees needs.
    fn needed_background(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
    ) -> Done<Array2<f64>> {
        if self.perturbation == Some(PerturbationArg::TreePath) {
            return Failure::call("--perturbation tree-path is for models of trees");
        }
        if self.precision.is_some() {
            return Failure::call("--precision is for models of trees");
        }
        match self.background(session, model, data)? {
            Some(background) => Ok(background),
            None => Failure::call(
                "this model is explained by predictions for background rows: give --background",
            ),
        }
    }

    /// Refuses a scale that predictions do not have.
    fn check_scale(&self, model: &Stored) -> Done {
        let scale = match model.output() {
            Output::Probabilities => ScaleArg::Probability,
            Output::Values | Output::Margins | Output::Labels => ScaleArg::Raw,
        };
        if self.output_scale.is_some_and(|given| given != scale) {
            return Failure::call(
                "this model is explained by what it predicts, on that scale: leave --output-scale out",
            );
        }
        Ok(())
    }

    /// By coefficients, or by an estimator that only predicts.
    pub(crate) fn estimated(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
        players: &Players,
        rows: Array2<f64>,
    ) -> Done<Attribution> {
        if let Some(linear) = self.linear(model)? {
            if self.shap_samples.is_some() {
                return Failure::call("--shap-samples has no meaning for this algorithm");
            }
            let mut background = self.needed_background(session, model, data)?;
            let mut rows = rows;
            // The coefficients are those of the scaled columns; the values are the same.
            if let Some(scaler) = &model.scaler {
                background = scaler.transform(background.view())?;
                rows = scaler.transform(rows.view())?;
            }
            let shap = LinearShap::at_means(background.view())?;
            return Ok(shap.attribution(linear, rows.view(), players)?);
        }
        self.check_scale(model)?;
        let background = self.needed_background(session, model, data)?;
        let names = &model.feature_names;
        let view =
            Swappable::new(model, names, players.clone(), &[rows.view(), background.view()])?;
        let estimator = self.estimator(players, &view, model, &background)?;
        let players =
            if self.is_owen() { Players::features(names.clone())? } else { view.players.clone() };
        let removal = Removal::marginal(view.rows(background)?)?;
        let (run, rows) = (session.run(), view.rows(rows)?);
        let model = view.model.as_ref();
        let estimator = estimator.as_ref();
        Ok(shapley::explain(&run, estimator, model, rows.view(), &players, &removal)?)
    }

    /// What predictions will cost; `None` where a model's inside is read.
    pub(crate) fn cost(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
        players: &Players,
        n_rows: usize,
    ) -> Done<Option<Cost>> {
        if self.trees(model)?.is_some() || self.linear(model)?.is_some() {
            return Ok(None);
        }
        let background = self.needed_background(session, model, data)?;
        let names = &model.feature_names;
        let view = Swappable::new(model, names, players.clone(), &[background.view()])?;
        let estimator = self.estimator(players, &view, model, &background)?;
        let players =
            if self.is_owen() { Players::features(names.clone())? } else { view.players.clone() };
        let removal = Removal::marginal(view.rows(background)?)?;
        let model = view.model.as_ref();
        Ok(shapley::cost(estimator.as_ref(), model, n_rows, &players, &removal)?)
    }

    fn estimator(
        &self,
        players: &Players,
        view: &Swappable<'_>,
        model: &Stored,
        background: &Array2<f64>,
    ) -> Done<Box<dyn Estimator>> {
        let n = self.shap_samples;
        let orders = |base: shapley::Permutation| shapley::Permutation {
            n_permutations: n.unwrap_or(base.n_permutations),
            ..base
        };
        let few = players.len() <= 12;
        let exact = match self.algorithm() {
            Algorithm::Exact => true,
            Algorithm::Auto => few && n.is_none(),
            _ => false,
        };
        if exact {
            if n.is_some() {
                return Failure::call("--shap-samples has no meaning for this algorithm");
            }
            return Ok(Box::new(shapley::Exact));
        }
        Ok(match self.algorithm() {
            Algorithm::Permutation => Box::new(orders(shapley::Permutation::default())),
            Algorithm::Sampling => {
                let base = shapley::Sampling::default();
                Box::new(shapley::Sampling { n_samples: n.unwrap_or(base.n_samples) })
            }
            Algorithm::Owen => {
                if view.is_filled() {
                    return Failure::call(
                        "--algorithm owen knows no padding: take another for these sequences",
                    );
                }
                let structure = joining(players, model, background)?;
                let sampling = n.map(|_| orders(shapley::Permutation::default()));
                Box::new(shapley::Owen { structure, sampling })
            }
            _ => {
                let base = shapley::Kernel::default();
                let rates = match self.rates {
                    None | Some(RatesArg::Learned) => Rates::Learned,
                    Some(RatesArg::Equal) => Rates::Equal,
                };
                Box::new(shapley::Kernel { n_coalitions: n.unwrap_or(base.n_coalitions), rates })
            }
        })
    }

    /// Effects of players and of pairs, for any model.
    pub(crate) fn pairs(
        &self,
        session: &Session,
        model: &Stored,
        data: &DataArgs,
        players: &Players,
        rows: Array2<f64>,
        index: Index,
    ) -> Done<Interactions> {
        if self.rates.is_some() {
            return Failure::call("--rates has no meaning for interactions");
        }
        self.check_scale(model)?;
        let background = self.needed_background(session, model, data)?;
        let (exact, kernel);
        let n_coalitions = self.shap_samples;
        let estimator: &dyn InteractionEstimator = match self.algorithm() {
            Algorithm::Exact if n_coalitions.is_some() => {
                return Failure::call("--shap-samples has no meaning for this algorithm");
            }
            algorithm
                if algorithm == Algorithm::Exact
                    || algorithm == Algorithm::Auto
                        && players.len() <= 12
                        && n_coalitions.is_none() =>
            {
                exact = ExactInteractions { index };
                &exact
            }
            Algorithm::Auto | Algorithm::Kernel => {
                let base = KernelInteractions::default();
                let n_coalitions = n_coalitions.unwrap_or(base.n_coalitions);
                kernel = KernelInteractions { index, n_coalitions };
                &kernel
            }
            _ => {
                return Failure::call(
                    "interactions of this model are computed with --algorithm exact or kernel",
                );
            }
        };
        let names = &model.feature_names;
        let view =
            Swappable::new(model, names, players.clone(), &[rows.view(), background.view()])?;
        let removal = Removal::marginal(view.rows(background)?)?;
        let (run, rows) = (session.run(), view.rows(rows)?);
        let (model, players) = (view.model.as_ref(), &view.players);
        Ok(shapley::interactions(&run, estimator, model, rows.view(), players, &removal)?)
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

/// Which features join together: those of a group, or those whose ranks are correlated most.
fn joining(players: &Players, model: &Stored, background: &Array2<f64>) -> Done<Structure> {
    let unions: Vec<Vec<usize>> =
        (0..players.len()).map(|player| players.members(player).to_vec()).collect();
    if unions.iter().any(|union| union.len() > 1) {
        return Ok(Structure::unions(players.n_features(), &unions)?);
    }
    let data = crate::importance::table_of(model, background.clone())?;
    let tree = Hierarchy::of_features(&data, Linkage::default())?;
    let heights: Vec<f64> = tree.merges().iter().map(|merge| merge.distance).collect();
    Ok(tree.structure(&heights)?)
}
