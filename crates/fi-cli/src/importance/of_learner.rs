//! Importances of a learner, which is trained again and again.

use fi_core::{Dataset, Importance, LeaveOneIn, Location, Loco, Lofo, Metric, Run};

use super::Command;
use super::method::Method;
use crate::data::place;
use crate::failure::Done;
use crate::session::Session;

/// What of the rows' differences LOCO estimates and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LocationArg {
    /// Their mean, with Student's t
    Mean,
    /// Their median, with the sign test
    Median,
    /// The median of averages of two (Hodges-Lehmann), with Wilcoxon's signed-rank test
    PseudoMedian,
}

impl Command {
    /// The folds where none are asked for.
    pub(super) fn default_folds(&self) -> &'static str {
        if self.method == Method::Loco { "first:2" } else { "5" }
    }

    pub(super) fn of_learner(
        &self,
        session: &Session,
        run: &Run<'_>,
        data: &Dataset,
    ) -> Done<Vec<Importance>> {
        let learner = session.rehearsal.counter().learner(self.learner.learner()?);
        let folds = self.learner.folds(data, self.default_folds())?;
        let players = self.players(data.feature_names())?;
        let metrics = self.metrics(data, &Metric::LogLoss)?;
        let confidence = self.confidence();
        Ok(match self.method {
            Method::Lofo => {
                Lofo { folds, confidence }.importance(run, &learner, data, &players, &metrics)?
            }
            Method::Loco => {
                let location = match self.location {
                    None | Some(LocationArg::Mean) => Location::Mean,
                    Some(LocationArg::Median) => Location::Median,
                    Some(LocationArg::PseudoMedian) => Location::PseudoMedian,
                };
                let loco = Loco { folds, location, confidence };
                loco.importance(run, &learner, data, &players, &metrics)?
            }
            // The only one that is left.
            _ => {
                let base = self.base.iter().map(|name| place("base", name, data.feature_names()));
                let base = base.collect::<Done<Vec<usize>>>()?;
                let players = if base.is_empty() { players } else { without(&players, &base)? };
                LeaveOneIn { folds, base, confidence }
                    .importance(run, &learner, data, &players, &metrics)?
            }
        })
    }
}

/// The players that a base leaves something to add of.
fn without(players: &fi_core::Players, base: &[usize]) -> Done<fi_core::Players> {
    let rest = (0..players.len())
        .filter(|&i| players.members(i).iter().any(|column| !base.contains(column)))
        .map(|i| (players.names()[i].clone(), players.members(i).to_vec()));
    Ok(fi_core::Players::groups(players.n_features(), rest)?)
}
