//! Options of sequences: what a score belongs to, and how the scores of steps come together.

use clap::{Args, ValueEnum};
use fi_core::{Dataset, Model, Over, Players, Pooling, Sequence};
use fi_io::Cell;
use ndarray::{Array2, ArrayView2};

use crate::data::GroupsArg;
use crate::failure::{Done, Failure};
use crate::output::name_of;

/// Options of sequences.
#[derive(Args, Clone)]
pub(crate) struct SequenceArgs {
    /// Sequences: what a score belongs to [default: channel]
    #[arg(long, value_enum, conflicts_with_all = ["groups", "group_by"])]
    over: Option<OverArg>,
    /// Sequences: score each channel in blocks of so many steps, which are shuffled as a whole
    #[arg(long, value_name = "STEPS", conflicts_with_all = ["over", "groups", "group_by"])]
    block: Option<usize>,
    /// Sequences, methods of networks: what is made of the steps of a channel or the channels of
    /// a step; means are over the steps that a row has [default: absolute-mean; sum for explain]
    #[arg(long, value_enum)]
    pool: Option<PoolArg>,
}

/// What a score of a sequence belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OverArg {
    /// Each channel, over all steps
    Channel,
    /// Each step, over all channels
    Step,
    /// Each channel at each step
    Both,
}

/// How several scores become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PoolArg {
    /// Their sum
    Sum,
    /// The sum of their sizes
    AbsoluteSum,
    /// Their mean, in which opposite signs cancel
    Mean,
    /// The mean of their sizes
    AbsoluteMean,
}

impl SequenceArgs {
    /// The options that were given.
    pub(crate) fn settings(&self) -> Vec<(String, Cell)> {
        let given: [(&str, Option<Cell>); 3] = [
            ("over", name_of(self.over).map(Cell::from)),
            ("block", self.block.map(Cell::from)),
            ("pool", name_of(self.pool).map(Cell::from)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Whether any of the options was given.
    pub(crate) fn is_given(&self) -> bool {
        self.over.is_some() || self.block.is_some() || self.pool.is_some()
    }

    pub(crate) fn is_block_given(&self) -> bool {
        self.block.is_some()
    }

    pub(crate) fn is_pool_given(&self) -> bool {
        self.pool.is_some()
    }

    /// The sequence that these columns are, if they are one that is longer than a step.
    pub(crate) fn of(&self, names: &[String]) -> Done<Option<Sequence>> {
        let sequence = Sequence::of_columns(names).filter(|sequence| sequence.n_steps() > 1);
        if sequence.is_none() && self.is_given() {
            return Failure::call(
                "--over, --block and --pool are for sequences: data of three dimensions (row, step, \
                 channel), and models trained on such",
            );
        }
        Ok(sequence)
    }

    pub(crate) fn over(&self) -> Over {
        match self.over {
            None | Some(OverArg::Channel) => Over::Channel,
            Some(OverArg::Step) => Over::Step,
            Some(OverArg::Both) => Over::Both,
        }
    }

    pub(crate) fn pooling(&self, default: Pooling) -> Pooling {
        match self.pool {
            None => default,
            Some(PoolArg::Sum) => Pooling::Sum,
            Some(PoolArg::AbsoluteSum) => Pooling::AbsoluteSum,
            Some(PoolArg::Mean) => Pooling::Mean,
            Some(PoolArg::AbsoluteMean) => Pooling::AbsoluteMean,
        }
    }

    /// What is scored: the groups of a file, or the channels, steps or blocks of a sequence, or
    /// each feature.
    pub(crate) fn players(&self, groups: &GroupsArg, names: &[String]) -> Done<Players> {
        let sequence = self.of(names)?;
        match (sequence, groups.given().is_some()) {
            (Some(sequence), false) => Ok(match self.block {
                Some(length) => sequence.blocks(length)?,
                None => sequence.players(self.over())?,
            }),
            _ => groups.players(names),
        }
    }
}

/// A model and its data, filled where sequences are padded, so that values can be swapped between
/// rows: see [`Sequence::fill`].
pub(crate) struct Swappable<'a> {
    pub(crate) model: Box<dyn Model + 'a>,
    pub(crate) players: Players,
    sequence: Option<Sequence>,
}

impl<'a> Swappable<'a> {
    pub(crate) fn new(
        model: &'a dyn Model,
        names: &[String],
        players: Players,
        rows: &[ArrayView2<'_, f64>],
    ) -> Done<Self> {
        let padded = || rows.iter().any(|rows| rows.iter().any(|value| value.is_nan()));
        let sequence = Sequence::of_columns(names).filter(|sequence| sequence.n_steps() > 1);
        let Some(sequence) = sequence.filter(|_| padded()) else {
            return Ok(Self { model: Box::new(model), players, sequence: None });
        };
        let players = sequence.fill_players(&players)?;
        let model = Box::new(sequence.masked(model)?);
        Ok(Self { model, players, sequence: Some(sequence) })
    }

    /// Whether there was padding to keep in place.
    pub(crate) fn is_filled(&self) -> bool {
        self.sequence.is_some()
    }

    pub(crate) fn rows(&self, rows: Array2<f64>) -> Done<Array2<f64>> {
        match &self.sequence {
            Some(sequence) => Ok(sequence.fill(rows.view())?),
            None => Ok(rows),
        }
    }

    pub(crate) fn data(&self, data: Dataset) -> Done<Dataset> {
        match &self.sequence {
            Some(sequence) => Ok(sequence.fill_data(&data)?),
            None => Ok(data),
        }
    }
}
