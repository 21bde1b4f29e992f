//! Long calls: a budget of time, a checkpoint to go on from, and shards for several machines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use fi_core::{Error, Run, Warning};
use fi_io::CheckpointFile;

use crate::failure::{Done, Failure};
use crate::session::Session;

/// How long to work, and what becomes of the work.
#[derive(Args, Default)]
pub(crate) struct AnytimeArgs {
    /// Stop after so many seconds and write the result of what is finished by then
    #[arg(long, value_name = "SECONDS", value_parser = parse_budget)]
    budget: Option<Duration>,
    /// Keep finished work in this file while working, and go on from it if it is there: the answer
    /// is that of a call that was never stopped
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Do only part I of K of the work, from 1/K to K/K, for calls on other machines to do the
    /// rest; writes no result but --checkpoint
    #[arg(long, value_name = "I/K", requires = "checkpoint", value_parser = parse_shard)]
    #[arg(conflicts_with_all = ["output", "merge"])]
    shard: Option<(usize, usize)>,
    /// Begin with the finished work of these checkpoints, such as those of all shards
    #[arg(long, value_name = "FILE[,FILE]", value_delimiter = ',', requires = "checkpoint")]
    merge: Vec<PathBuf>,
}

fn parse_budget(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a positive number of seconds".to_owned())
}

fn parse_shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/');
    parts
        .and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)))
        .filter(|(index, count)| (1..=*count).contains(index))
        .ok_or_else(|| "write two whole numbers such as 1/4, the first not above the second".into())
}

impl AnytimeArgs {
    /// The first of the options that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            (self.budget.is_some(), "budget"),
            (self.checkpoint.is_some(), "checkpoint"),
            (self.shard.is_some(), "shard"),
            (!self.merge.is_empty(), "merge"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }

    pub(crate) fn is_shard(&self) -> bool {
        self.shard.is_some()
    }

    /// A shard writes no result, and so none of what was asked for by this option.
    pub(crate) fn check_shard(&self, given: bool, name: &str) -> Done {
        if self.shard.is_some() && given {
            return Failure::call(format!(
                "--shard writes no result but --checkpoint: leave --{name} out"
            ));
        }
        Ok(())
    }

    /// Does the work, or as much of it as there is time for. `None`: this was a shard, whose result
    /// is the checkpoint.
    pub(crate) fn results<T>(
        &self,
        session: &Session,
        work: impl FnOnce(&Run<'_>) -> Done<T>,
    ) -> Done<Option<T>> {
        if session.rehearsal.is_on() {
            return work(&session.run()).map(Some);
        }
        if let Some(budget) = self.budget {
            session.stop_after(budget);
        }
        let file = self.checkpoint.as_deref().map(CheckpointFile::new);
        if let Some(path) = &self.checkpoint {
            self.merge_into(path)?;
        }
        let mut run = session.run();
        if let Some(file) = &file {
            run = run.with_keeper(file);
        }
        let Some((index, count)) = self.shard else {
            return match (work(&run), &self.checkpoint) {
                (Err(Failure::Work(error)), Some(path)) if is_cancelled(&error) => {
                    Err(Failure::Interrupted(format!(
                        "{error}, too few for a result; the same call goes on from `{}`",
                        path.display()
                    )))
                }
                (result, _) => result.map(Some),
            };
        };
        match work(&run.with_shard(index - 1, count)?) {
            // A shard may be too small for a result, or be stopped on the way.
            Err(Failure::Work(error)) if !is_cancelled(&error) => return Err(error.into()),
            Err(error @ Failure::Call(_)) => return Err(error),
            _ => {}
        }
        if session.is_stopped() {
            let path = self.checkpoint.as_deref().unwrap_or(Path::new(""));
            return Err(Failure::Interrupted(format!(
                "stopped in part {index} of {count}; the same call goes on from `{}`",
                path.display()
            )));
        }
        session.note(format!("Part {index} of {count} is done: merge all parts with --merge."));
        Ok(None)
    }

    /// Puts the checkpoints to begin with into one.
    fn merge_into(&self, path: &Path) -> Done {
        if self.merge.is_empty() {
            return Ok(());
        }
        if path.exists() {
            return Failure::call(format!(
                "`{}` is already there: go on from it without --merge, or merge into another file",
                path.display()
            ));
        }
        let mut merged: Option<fi_core::Checkpoint> = None;
        for file in &self.merge {
            let read = fi_io::read_checkpoint(file)?;
            merged = Some(match merged {
                None => read,
                Some(merged) => merged.merge(read).map_err(|source| fi_io::Error::Core {
                    file: file.display().to_string(),
                    source,
                })?,
            });
        }
        merged.map_or(Ok(()), |merged| Ok(fi_io::write_checkpoint(path, &merged)?))
    }

    /// After the result is written: whether it is all that was asked for.
    pub(crate) fn finish<'w>(
        &self,
        session: &Session,
        warnings: impl IntoIterator<Item = &'w Warning>,
    ) -> Done {
        let unfinished = warnings.into_iter().find_map(|warning| match warning {
            Warning::Unfinished { done, total } => Some((done, total)),
            _ => None,
        });
        let Some((done, total)) = unfinished else { return Ok(()) };
        let next = match &self.checkpoint {
            Some(path) => format!("the same call goes on from `{}`", path.display()),
            None => "with --checkpoint a later call could go on".to_owned(),
        };
        let sentence = format!("stopped after {done} of {total} replicates; {next}");
        if session.is_interrupted() {
            return Err(Failure::Interrupted(sentence));
        }
        session.note(format!("Note: {sentence}."));
        Ok(())
    }
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Cancelled { .. }))
}
