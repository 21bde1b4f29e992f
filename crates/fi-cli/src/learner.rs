//! Options that name a learner and the rows it is trained and tested on.

use std::path::Path;

use clap::Args;
use fi_core::{Dataset, Folds};
use fi_models::AnyLearner;

use crate::failure::{Done, Failure};

/// What is trained, and on which rows.
#[derive(Args, Clone, Default)]
pub(crate) struct LearnerArgs {
    /// lofo, loco, leave-one-in: what is trained: forest, extra-trees, boosting, tree, linear,
    /// ridge, logistic or mlp, with settings such as forest:n_estimators=200,max_depth=5
    /// [default: forest]
    #[arg(long, value_name = "NAME[:key=value,…]", value_parser = parse_learner)]
    learner: Option<(String, AnyLearner)>,
    /// Training and test rows: 5, stratified:5, group:5, stratified-group:5, time:5,
    /// leave-one-group-out, repeated:5x10, first:5 (one split), or a file of each row's test fold
    /// (.csv with a column fold, .npy). A bare number keeps each class's share and the groups of
    /// --rows-group together [default: 5; first:2 for loco]
    #[arg(long, value_name = "FOLDS|FILE")]
    folds: Option<String>,
}

fn parse_learner(text: &str) -> Result<(String, AnyLearner), String> {
    let learner = text.parse().map_err(|error: fi_core::Error| error.to_string())?;
    Ok((text.to_owned(), learner))
}

impl LearnerArgs {
    /// The first of the options that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        if self.learner.is_some() {
            return Some("learner");
        }
        self.folds.is_some().then_some("folds")
    }

    pub(crate) fn is_learner_given(&self) -> bool {
        self.learner.is_some()
    }

    /// The learner, a random forest if none is named.
    pub(crate) fn learner(&self) -> Done<AnyLearner> {
        match &self.learner {
            Some((_, learner)) => Ok(learner.clone()),
            None => Ok("forest".parse()?),
        }
    }

    pub(crate) fn learner_text(&self) -> &str {
        self.learner.as_ref().map_or("forest", |(text, _)| text)
    }

    /// The folds' file, where they come from one.
    pub(crate) fn file(&self) -> Option<&Path> {
        let path = Path::new(self.folds.as_deref()?);
        path.extension().is_some_and(|e| e == "csv" || e == "npy").then_some(path)
    }

    pub(crate) fn folds_text<'a>(&'a self, default: &'a str) -> &'a str {
        self.folds.as_deref().unwrap_or(default)
    }

    /// The folds of these data.
    pub(crate) fn folds(&self, data: &Dataset, default: &str) -> Done<Folds> {
        match self.file() {
            Some(path) => Ok(fi_io::read_folds(path, data.n_rows())?),
            None => Folds::parse(self.folds_text(default), data)
                .map_err(|error| Failure::Call(error.to_string())),
        }
    }
}
