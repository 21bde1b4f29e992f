//! Importances that ask a model only for predictions, or its trees for faster ones.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use fi_core::conditional::{Conditional, Gaussian, GaussianCopula};
use fi_core::{
    ConditionalPermutation, Conditioning, Dataset, Importance, Metric, Occlusion, Permutation,
    Players, Removal, Run, Sage, SageEstimator, Target, Warning, guards,
};
use fi_io::SpooledData;
use fi_models::Fitted;
use fi_models::store::Stored;
use fi_models::tree::{self, TreeSubgroups};
use ndarray::Array2;

use super::method::Method;
use super::{Command, metrics};
use crate::failure::{Done, Failure, known};
use crate::large;
use crate::sequence::Swappable;
use crate::session::Session;

/// How SAGE draws coalitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EstimatorArg {
    /// Random orders, forwards and backwards
    Permutation,
    /// Random coalitions, in one regression
    Kernel,
}

/// What stands in for a feature that SAGE takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RemovalArg {
    /// The values of background rows, whatever the other features are
    Marginal,
    /// The means of the background rows
    Baseline,
    /// Draws given the other features, from a joint normal distribution
    Gaussian,
    /// The same of normal scores, for any marginal distribution
    Copula,
}

/// How a feature is drawn given the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConditionalArg {
    /// Among rows of the same leaf of a tree grown on the other features
    Trees,
    /// From a joint normal distribution
    Gaussian,
    /// The same of normal scores, for any marginal distribution
    Copula,
}

/// Options of what stands in for a feature.
#[derive(Args, Default)]
pub(crate) struct RemovalArgs {
    /// sage: what a draw asks for [default: permutation]
    #[arg(long, value_enum)]
    estimator: Option<EstimatorArg>,
    /// sage: what stands in for a feature [default: marginal]
    #[arg(long, value_enum)]
    pub(crate) removal: Option<RemovalArg>,
    /// sage: the most draws [default: 65536]
    #[arg(long, value_name = "N")]
    draws: Option<usize>,
    /// sage with --removal gaussian or copula: how many rows stand for a coalition [default: 32]
    #[arg(long, value_name = "N")]
    conditional_samples: Option<usize>,
    /// conditional-permutation: how a feature is replaced given the others [default: trees]
    #[arg(long, value_enum)]
    conditional: Option<ConditionalArg>,
}

impl RemovalArgs {
    /// Options that this method does not know are no options.
    pub(super) fn check(&self, method: Method) -> Done {
        let sage = method == Method::Sage;
        known(self.estimator.is_some(), "estimator", sage)?;
        known(self.removal.is_some(), "removal", sage)?;
        known(self.draws.is_some(), "draws", sage)?;
        let conditional = sage && self.is_conditional();
        known(self.conditional_samples.is_some(), "conditional-samples", conditional)?;
        let permutation = method == Method::ConditionalPermutation;
        known(self.conditional.is_some(), "conditional", permutation)
    }

    fn is_conditional(&self) -> bool {
        matches!(self.removal, Some(RemovalArg::Gaussian | RemovalArg::Copula))
    }

    /// What was chosen, in words.
    pub(super) fn settings(&self, method: Method) -> Vec<(String, fi_io::Cell)> {
        let name = |value: Option<clap::builder::PossibleValue>| {
            value.map_or_else(String::new, |value| value.get_name().to_owned()).into()
        };
        if method == Method::ConditionalPermutation {
            let conditional = self.conditional.unwrap_or(ConditionalArg::Trees);
            return vec![("conditional".to_owned(), name(conditional.to_possible_value()))];
        }
        let estimator = self.estimator.unwrap_or(EstimatorArg::Permutation);
        let removal = self.removal.unwrap_or(RemovalArg::Marginal);
        let mut settings = vec![
            ("estimator".to_owned(), name(estimator.to_possible_value())),
            ("removal".to_owned(), name(removal.to_possible_value())),
            ("draws".to_owned(), self.draws.unwrap_or(Sage::default().n_draws).into()),
        ];
        if self.is_conditional() {
            settings.push(("conditional_samples".to_owned(), self.conditional_samples().into()));
        }
        settings
    }

    fn conditional_samples(&self) -> usize {
        self.conditional_samples.unwrap_or(32)
    }
}

impl Command {
    pub(super) fn shap(
        &self,
        session: &Session,
        model: &Stored,
        players: &Players,
    ) -> Done<Vec<Importance>> {
        let shap = &self.shap;
        if self.data.memory.is_some() {
            let data = self.data.spooled(model)?;
            if shap.is_background_given() {
                session.note("Note: with --memory nobody looks whether features are correlated.");
            }
            let importance = shap.with_only_trees(session, model, &self.data, |explainer| {
                large::shap_importance(session, explainer, &data, players, self.confidence())
            })?;
            return Ok(vec![importance]);
        }
        let rows = self.data.rows(session, model)?;
        // By the path of a tree nothing is replaced by other rows' values.
        let marginal = shap.is_background_given() || !matches!(model.model, Fitted::Trees(_));
        let warning = if marginal { shap_guard(model, &rows, players)? } else { None };
        let mut importance =
            shap.importance(session, model, &self.data, players, rows, self.confidence())?;
        importance.warnings.extend(warning);
        Ok(vec![importance])
    }

    pub(super) fn oob_permutation(
        &self,
        session: &Session,
        model: &Stored,
        players: &Players,
    ) -> Done<Vec<Importance>> {
        let data = self.data.to_score(session, model)?;
        let metrics = self.metrics(&data, &Metric::Accuracy)?;
        let trees = self.trees(model)?;
        let (run, repeats) = (session.run(), self.repeats());
        let found = tree::oob_permutation(&run, trees, &data, players, &metrics, repeats)?;
        // It is asked with the training rows, and scores each tree on others.
        let warning = guards::correlated(&data, players, guards::THRESHOLD)?;
        Ok(warned(found, warning.as_slice()))
    }

    pub(super) fn occlusion(
        &self,
        session: &Session,
        model: &Stored,
        players: Players,
    ) -> Done<Vec<Importance>> {
        let data = self.data.to_score(session, model)?;
        let warnings = of_scored_rows(model, &data, &players, true)?;
        let view = Swappable::new(model, &model.feature_names, players, &[data.rows()])?;
        let metrics = self.metrics(&data, &Metric::LogLoss)?;
        let data = view.data(data)?;
        let occlusion = Occlusion::at_means(data.rows());
        let (run, model) = (session.run(), view.model.as_ref());
        let found = occlusion.importance(&run, model, &data, &view.players, &metrics)?;
        Ok(warned(found, &warnings))
    }

    pub(super) fn permutation(
        &self,
        run: &Run<'_>,
        model: &Stored,
        data: Dataset,
        players: Players,
    ) -> Done<Vec<Importance>> {
        let metrics = self.metrics(&data, &Metric::LogLoss)?;
        let settings = self.permutation_settings();
        let warnings = of_scored_rows(model, &data, &players, true)?;
        let view = Swappable::new(model, &model.feature_names, players, &[data.rows()])?;
        if let (Fitted::Trees(trees), None, false) = (&model.model, &model.scaler, view.is_filled())
        {
            let found = tree::permutation(run, &settings, trees, &data, &view.players, &metrics)?;
            return Ok(warned(found, &warnings));
        }
        let data = view.data(data)?;
        let found =
            settings.importance(run, view.model.as_ref(), &data, &view.players, &metrics)?;
        Ok(warned(found, &warnings))
    }

    pub(super) fn permutation_of_blocks(
        &self,
        run: &Run<'_>,
        model: &Stored,
        data: SpooledData,
        players: &Players,
        memory: u64,
    ) -> Done<Vec<Importance>> {
        let Some(target) = &data.target else { return Failure::call("give --target") };
        let metrics = metrics(&self.metric, target, &Metric::LogLoss)?;
        large::permutation(
            run,
            &self.permutation_settings(),
            model,
            data,
            players,
            &metrics,
            memory,
        )
    }

    pub(super) fn permutation_settings(&self) -> Permutation {
        Permutation {
            n_repeats: self.repeats(),
            confidence: self.confidence(),
            tolerance: self.tolerance,
            ..Permutation::default()
        }
    }

    pub(super) fn conditional_permutation(
        &self,
        session: &Session,
        run: &Run<'_>,
        model: &Stored,
        data: &Dataset,
        players: &Players,
    ) -> Done<Vec<Importance>> {
        let metrics = self.metrics(data, &Metric::LogLoss)?;
        let settings = ConditionalPermutation {
            n_repeats: self.repeats(),
            confidence: self.confidence(),
            ..ConditionalPermutation::default()
        };
        let others = match self.shap.background(session, model, &self.data)? {
            Some(rows) => Some(table_of(model, rows)?),
            None => None,
        };
        let learnt_on = others.as_ref().unwrap_or(data);
        let warnings = of_scored_rows(model, data, players, false)?;
        let subgroups = TreeSubgroups { grown_on: others.as_ref(), ..TreeSubgroups::default() };
        let sampler: Box<dyn Conditional>;
        let given = match self.removal.conditional {
            None | Some(ConditionalArg::Trees) => Conditioning::Subgroups(&subgroups),
            Some(ConditionalArg::Gaussian) => {
                sampler = Box::new(Gaussian::fit(learnt_on)?);
                Conditioning::Sampler(sampler.as_ref())
            }
            Some(ConditionalArg::Copula) => {
                sampler = Box::new(GaussianCopula::fit(learnt_on)?);
                Conditioning::Sampler(sampler.as_ref())
            }
        };
        let found = settings.importance(run, model, data, players, &metrics, given)?;
        Ok(warned(found, &warnings))
    }

    pub(super) fn sage(
        &self,
        session: &Session,
        run: &Run<'_>,
        model: &Stored,
        players: Players,
    ) -> Done<Vec<Importance>> {
        let data = self.data.to_score(session, model)?;
        let metrics = self.metrics(&data, &Metric::LogLoss)?;
        let args = &self.removal;
        let warnings = of_scored_rows(model, &data, &players, !args.is_conditional())?;
        let background = if let Some(rows) = self.shap.background(session, model, &self.data)? {
            rows
        } else {
            session.note("The rows of --data are the background; --background names others.");
            data.rows().to_owned()
        };
        let view = Swappable::new(
            model,
            &model.feature_names,
            players,
            &[data.rows(), background.view()],
        )?;
        let (data, background) = (view.data(data)?, view.rows(background)?);
        let draw = |sampler: Arc<dyn Conditional>| {
            Removal::conditional(sampler, args.conditional_samples(), session.seed)
        };
        let removal = match args.removal.unwrap_or(RemovalArg::Marginal) {
            RemovalArg::Marginal => Removal::marginal(background)?,
            RemovalArg::Baseline => {
                Removal::baseline(Occlusion::at_means(background.view()).baseline)?
            }
            RemovalArg::Gaussian | RemovalArg::Copula if view.is_filled() => {
                return Failure::call(
                    "--removal gaussian and copula know no padding: take marginal for these \
                     sequences",
                );
            }
            RemovalArg::Gaussian => draw(Arc::new(Gaussian::fit(&table_of(model, background)?)?))?,
            RemovalArg::Copula => {
                draw(Arc::new(GaussianCopula::fit(&table_of(model, background)?)?))?
            }
        };
        let base = Sage::default();
        let sage = Sage {
            estimator: match args.estimator {
                None | Some(EstimatorArg::Permutation) => SageEstimator::Permutation,
                Some(EstimatorArg::Kernel) => SageEstimator::Kernel,
            },
            n_draws: args.draws.unwrap_or(base.n_draws),
            // A shard draws all that it is asked for: it cannot know when that is enough.
            tolerance: self.tolerance.or(base.tolerance.filter(|_| !self.anytime.is_shard())),
            confidence: self.confidence(),
            ..base
        };
        let model = view.model.as_ref();
        let found = sage.importance(run, model, &data, &view.players, &removal, &metrics)?;
        Ok(warned(found, &warnings))
    }
}

/// What speaks against scoring a model's features on these rows; `marginal` if values are
/// replaced whatever the others are.
pub(crate) fn of_scored_rows(
    model: &Stored,
    data: &Dataset,
    players: &Players,
    marginal: bool,
) -> Done<Vec<Warning>> {
    let seen = match &model.training_rows {
        Some(trained) => guards::seen_rows(data, trained)?,
        None => None,
    };
    let correlated =
        if marginal { guards::correlated(data, players, guards::THRESHOLD)? } else { None };
    Ok(seen.into_iter().chain(correlated).collect())
}

/// Rows without a target as a data set.
pub(crate) fn table_of(model: &Stored, rows: Array2<f64>) -> Done<Dataset> {
    let target = Target::Values(vec![0.0; rows.nrows()]);
    let names = model.feature_names.iter().cloned();
    let data = Dataset::new(rows, target)?.with_feature_names(names)?;
    Ok(data.with_category_names(model.category_names())?)
}

/// The same of dependence alone, where rows have no target.
fn shap_guard(model: &Stored, rows: &Array2<f64>, players: &Players) -> Done<Option<Warning>> {
    let data = table_of(model, rows.clone())?;
    Ok(guards::correlated(&data, players, guards::THRESHOLD)?)
}

/// The results with these warnings behind their own.
fn warned(mut importances: Vec<Importance>, warnings: &[Warning]) -> Vec<Importance> {
    for importance in &mut importances {
        importance.warnings.extend_from_slice(warnings);
    }
    importances
}
