//! Trees too deep for tables: one walk per row, with the background in cohorts.
//!
//! All background rows that agree on which features of a path must come from the row, and which
//! from them, walk together as a *cohort*: a sparse set of bits. A cohort and the row part where
//! they decide differently on a feature on which they had not parted before: one part of the
//! walk goes on with the feature from the row, the other with the feature from the cohort.
//! At a leaf reached with `e` features from the row and `r` from the cohort, a feature of the
//! row gets `value · mass · β(e − 1, r)` and one of the cohort `−value · mass · β(e, r − 1)`;
//! these are summed on the way back to where the feature was parted on.

use super::beta::Beta;
use crate::tree::shap::engine::{n_pairs, pair};
use crate::tree::tree::Tree;

/// What cohorts weigh.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mass<'a> {
    /// The same for every background row.
    Even(f64),
    /// A weight for each.
    Rows(&'a [f64]),
}

/// One tree and the background's decisions in it.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) tree: Tree<'a>,
    /// The one value of the leaves that is asked for; `None` for all.
    pub(super) value: Option<usize>,
    /// Which background rows go left, `n_words` words for each node.
    pub(super) bits: &'a [u64],
    pub(super) n_words: usize,
    pub(super) n_background: usize,
    pub(super) mass: Mass<'a>,
    /// Leaves count so many times.
    pub(super) scale: f64,
    pub(super) beta: &'a Beta,
}

impl<'a> Task<'a> {
    fn values(&self, node: usize) -> &'a [f64] {
        let values = self.tree.value(node);
        match self.value {
            Some(value) => &values[value..=value],
            None => values,
        }
    }
}

/// 64 background rows, some of them in the cohort.
#[derive(Debug, Clone, Copy)]
struct Part {
    word: usize,
    bits: u64,
}

/// Where a feature comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Origin {
    /// The row and the cohort have not parted on it.
    #[default]
    Either,
    Row,
    Cohort,
}

#[derive(Debug, Clone, Copy)]
enum Command {
    /// Walk from a node with the cohort `begin..end` of the arena.
    Visit { node: usize, begin: usize, end: usize },
    /// As `Visit`, with a feature that comes from one side below here.
    Open { feature: usize, origin: Origin, node: usize, begin: usize, end: usize },
    /// The walk that `Open` began is over.
    Close { feature: usize },
    /// Forget the cohorts from here on.
    Truncate(usize),
}

/// Walks, in memory that is used again; no recursion, however deep the tree.
#[derive(Debug, Default)]
pub(super) struct Cohorts {
    arena: Vec<Part>,
    commands: Vec<Command>,
    origins: Vec<Origin>,
    from_row: Vec<usize>,
    from_cohort: Vec<usize>,
    /// Sums for the open features: for each output what a feature of the row and what one of
    /// the cohort gets.
    sums: Vec<f64>,
}

/// Whom the walk tells about leaves.
trait Sink {
    /// A leaf of these values, reached by so much mass.
    fn leaf(&mut self, walk: &mut Cohorts, task: &Task<'_>, value: &[f64], mass: f64);
    /// The sums of a feature, once the walk below its parting is over.
    fn feature(&mut self, feature: usize, origin: Origin, sums: &[f64]);
}

struct Values<'a> {
    n_features: usize,
    values: &'a mut [f64],
}

struct Pairs<'a> {
    n_features: usize,
    values: &'a mut [f64],
}

impl Cohorts {
    /// Adds `values[output][feature]` of one row, for the outputs of the tree's leaf values.
    pub(super) fn attribute(&mut self, task: &Task<'_>, row: &[f64], values: &mut [f64]) {
        self.walk(task, row, &mut Values { n_features: row.len(), values });
    }

    /// Adds `values[output][pair]` of one row.
    ///
    /// In addition to the walk this costs the square of the features that row and cohort parted
    /// on, at every leaf.
    pub(super) fn interact(&mut self, task: &Task<'_>, row: &[f64], values: &mut [f64]) {
        self.walk(task, row, &mut Pairs { n_features: row.len(), values });
    }

    fn walk(&mut self, task: &Task<'_>, row: &[f64], sink: &mut impl Sink) {
        let n_values = task.values(0).len();
        self.arena.clear();
        let full = (0..task.n_background.div_ceil(64)).map(|word| {
            let n = (task.n_background - 64 * word).min(64);
            Part { word, bits: u64::MAX >> (64 - n) }
        });
        self.arena.extend(full);
        self.origins.clear();
        self.origins.resize(row.len(), Origin::Either);
        self.sums.clear();
        self.sums.resize(2 * n_values, 0.0);
        self.commands.clear();
        self.commands.push(Command::Visit { node: 0, begin: 0, end: self.arena.len() });
        while let Some(command) = self.commands.pop() {
            match command {
                Command::Visit { node, begin, end } => {
                    self.visit(task, row, node, begin..end, sink);
                }
                Command::Open { feature, origin, node, begin, end } => {
                    self.origins[feature] = origin;
                    match origin {
                        Origin::Row => self.from_row.push(feature),
                        Origin::Cohort | Origin::Either => self.from_cohort.push(feature),
                    }
                    self.sums.resize(self.sums.len() + 2 * n_values, 0.0);
                    self.commands.push(Command::Close { feature });
                    self.visit(task, row, node, begin..end, sink);
                }
                Command::Close { feature } => self.close(n_values, feature, sink),
                Command::Truncate(len) => self.arena.truncate(len),
            }
        }
    }

    fn close(&mut self, n_values: usize, feature: usize, sink: &mut impl Sink) {
        let origin = std::mem::replace(&mut self.origins[feature], Origin::Either);
        match origin {
            Origin::Row => self.from_row.pop(),
            Origin::Cohort | Origin::Either => self.from_cohort.pop(),
        };
        let at = self.sums.len() - 2 * n_values;
        let (before, sums) = self.sums.split_at_mut(at);
        sink.feature(feature, origin, sums);
        let parent = &mut before[at - 2 * n_values..];
        parent.iter_mut().zip(sums).for_each(|(parent, sum)| *parent += *sum);
        self.sums.truncate(at);
    }

    /// Goes down as long as row and cohort go the same way.
    fn visit(
        &mut self,
        task: &Task<'_>,
        row: &[f64],
        mut node: usize,
        mut cohort: std::ops::Range<usize>,
        sink: &mut impl Sink,
    ) {
        let tree = task.tree;
        while let Some((left, right)) = tree.children(node) {
            let feature = tree.feature(node);
            let origin = self.origins[feature];
            let row_left = origin != Origin::Cohort && tree.goes_left(node, row[feature]);
            let (with_row, other) = if row_left { (left, right) } else { (right, left) };
            if origin == Origin::Row {
                node = with_row;
                continue;
            }
            // Where the feature comes from the cohort, `with_row` is the right child.
            let len = self.arena.len();
            let flip = if row_left { 0 } else { u64::MAX };
            let decisions = &task.bits[node * task.n_words..(node + 1) * task.n_words];
            self.part(cohort.clone(), decisions, flip);
            let middle = self.arena.len();
            if middle == len {
                self.part_all(cohort.clone());
            } else {
                self.part(cohort.clone(), decisions, !flip);
            }
            let end = self.arena.len();
            if middle == end {
                // Nobody parts: walk on with the cohort as it was.
                self.arena.truncate(len);
                node = with_row;
                continue;
            }
            if origin == Origin::Cohort && len == middle {
                self.arena.truncate(len);
                node = other;
                continue;
            }
            self.commands.push(Command::Truncate(len));
            if origin == Origin::Cohort {
                self.commands.push(Command::Visit { node: other, begin: middle, end });
                self.commands.push(Command::Visit { node: with_row, begin: len, end: middle });
                return;
            }
            let (begin, row_side, cohort_side) = (middle, Origin::Row, Origin::Cohort);
            self.commands.push(Command::Open {
                feature,
                origin: cohort_side,
                node: other,
                begin,
                end,
            });
            self.commands.push(Command::Open {
                feature,
                origin: row_side,
                node: with_row,
                begin,
                end,
            });
            if len == middle {
                return;
            }
            node = with_row;
            cohort = len..middle;
        }
        let mass = self.mass(task, cohort);
        sink.leaf(self, task, task.values(node), task.scale * mass);
    }

    /// Adds to the arena those of a cohort that decide this way.
    fn part(&mut self, cohort: std::ops::Range<usize>, decisions: &[u64], flip: u64) {
        for at in cohort {
            let Part { word, bits } = self.arena[at];
            let bits = bits & (decisions[word] ^ flip);
            if bits != 0 {
                self.arena.push(Part { word, bits });
            }
        }
    }

    fn part_all(&mut self, cohort: std::ops::Range<usize>) {
        self.arena.extend_from_within(cohort);
    }

    fn mass(&self, task: &Task<'_>, cohort: std::ops::Range<usize>) -> f64 {
        let parts = &self.arena[cohort];
        match task.mass {
            Mass::Even(weight) => {
                let n: u64 = parts.iter().map(|part| u64::from(part.bits.count_ones())).sum();
                n as f64 * weight
            }
            Mass::Rows(weights) => {
                let mut mass = 0.0;
                for &Part { word, mut bits } in parts {
                    while bits != 0 {
                        mass += weights[64 * word + bits.trailing_zeros() as usize];
                        bits &= bits - 1;
                    }
                }
                mass
            }
        }
    }
}

impl Sink for Values<'_> {
    fn leaf(&mut self, walk: &mut Cohorts, task: &Task<'_>, value: &[f64], mass: f64) {
        let (e, r) = (walk.from_row.len(), walk.from_cohort.len());
        let row = e.checked_sub(1).map_or(0.0, |e| mass * task.beta.get(e, r));
        let cohort = r.checked_sub(1).map_or(0.0, |r| mass * task.beta.get(e, r));
        let at = walk.sums.len() - 2 * value.len();
        for (sums, value) in walk.sums[at..].chunks_exact_mut(2).zip(value) {
            sums[0] += value * row;
            sums[1] -= value * cohort;
        }
    }

    fn feature(&mut self, feature: usize, origin: Origin, sums: &[f64]) {
        let side = usize::from(origin != Origin::Row);
        let outputs = self.values.chunks_exact_mut(self.n_features);
        for (values, sums) in outputs.zip(sums.chunks_exact(2)) {
            values[feature] += sums[side];
        }
    }
}

impl Sink for Pairs<'_> {
    fn leaf(&mut self, walk: &mut Cohorts, task: &Task<'_>, value: &[f64], mass: f64) {
        let (e, r) = (walk.from_row.len(), walk.from_cohort.len());
        let beta =
            |e: usize, i: usize, r: usize, k: usize| match (e.checked_sub(i), r.checked_sub(k)) {
                (Some(a), Some(b)) => task.beta.get(a, b),
                _ => 0.0,
            };
        let both = 0.5 * beta(e, 2, r, 0);
        let mixed = -0.5 * beta(e, 1, r, 1);
        let neither = 0.5 * beta(e, 0, r, 2);
        let main_row = beta(e, 1, r, 0) - e.saturating_sub(1) as f64 * both - r as f64 * mixed;
        let main_cohort =
            -beta(e, 0, r, 1) - r.saturating_sub(1) as f64 * neither - e as f64 * mixed;
        let n = self.n_features;
        for (values, value) in self.values.chunks_exact_mut(n_pairs(n)).zip(value) {
            let scale = value * mass;
            let mut add = |a: usize, b: usize, weight: f64| {
                values[pair(a.min(b), a.max(b), n)] += scale * weight;
            };
            for (i, &a) in walk.from_row.iter().enumerate() {
                add(a, a, main_row);
                walk.from_row[i + 1..].iter().for_each(|&b| add(a, b, both));
                walk.from_cohort.iter().for_each(|&b| add(a, b, mixed));
            }
            for (i, &a) in walk.from_cohort.iter().enumerate() {
                add(a, a, main_cohort);
                walk.from_cohort[i + 1..].iter().for_each(|&b| add(a, b, neither));
            }
        }
    }

    fn feature(&mut self, _feature: usize, _origin: Origin, _sums: &[f64]) {}
}
