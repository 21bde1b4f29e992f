//! Runs a tree's steps over a block of rows.

use super::codes::{Block, Codes};
use super::kernel::{self, Level, Source};
use super::program::{Group, MOST_BITS, Program, Step};
use crate::tree::tree::Tree;

/// The masks of one block of rows on its way through a tree, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Walk {
    masks: Vec<u16>,
    /// The decisions of a group's splits that have no codes.
    direct: Vec<u16>,
    patterns: Vec<u16>,
}

/// Where a walk goes: rows through a tree.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) level: Level,
    pub(super) tree: Tree<'a>,
    pub(super) program: &'a Program,
    pub(super) codes: &'a Codes,
    pub(super) block: &'a Block,
}

impl Walk {
    /// Does one step of a program, of which the steps before are done, and answers the rows'
    /// patterns if it is a group.
    pub(super) fn advance<'w>(&'w mut self, way: Way<'_>, step: Step) -> &'w [u16] {
        let n = way.block.padded;
        match step {
            Step::Edge { node, left, and, out } => {
                if self.masks.len() < way.program.n_masks * n {
                    self.masks.resize(way.program.n_masks * n, 0);
                }
                // The mask of an earlier split lies before the one that is written.
                let (before, out) = self.masks.split_at_mut(usize::from(out) * n);
                let out = &mut out[..n];
                let and = and.map(|mask| &before[usize::from(mask) * n..][..n]);
                let node = node as usize;
                if let Some((codes, last)) = way.codes.code(way.tree, node, way.block) {
                    kernel::edge(way.level, codes, last, left, and, out);
                } else {
                    way.codes.direct(way.tree, node, way.block, out);
                    kernel::side(way.level, left, and, out);
                }
                &[]
            }
            Step::Group(index) => {
                self.find_patterns(way, &way.program.groups[index as usize]);
                &self.patterns
            }
        }
    }

    fn find_patterns(&mut self, way: Way<'_>, group: &Group) {
        let n = way.block.padded;
        self.patterns.resize(n, 0);
        self.direct.resize(MOST_BITS * n, 0);
        let code = |node: u32| way.codes.code(way.tree, node as usize, way.block);
        for (&node, mask) in group.splits.iter().zip(self.direct.chunks_exact_mut(n)) {
            if code(node).is_none() {
                way.codes.direct(way.tree, node as usize, way.block, mask);
            }
        }
        let mut sources = [Source::Mask(&[]); MOST_BITS];
        for (source, &mask) in sources.iter_mut().zip(&group.above) {
            *source = Source::Mask(&self.masks[usize::from(mask) * n..][..n]);
        }
        let splits = group.splits.iter().zip(self.direct.chunks_exact(n));
        for (source, (&node, direct)) in sources[group.above.len()..].iter_mut().zip(splits) {
            *source = match code(node) {
                Some((codes, last)) => Source::Code(codes, last),
                None => Source::Mask(direct),
            };
        }
        kernel::patterns(way.level, &sources[..group.n_bits()], &mut self.patterns);
    }
}
