//! What predictions are made of an ensemble, once, and kept beside it.

use std::sync::OnceLock;

use super::super::compiled::Layout;
use super::super::ensemble::Ensemble;
use super::coded::Coded;

/// From so many rows on, trees are turned into questions about codes.
const CODED_FROM: usize = 512;
/// With fewer rows a block of codes would be mostly empty.
const CODED_AT_ALL: usize = 32;

/// Trees laid out for prediction: made when they are first worth it, from the ensemble alone.
///
/// It is no property of the ensemble: a copy starts without, any two are equal, nothing is stored.
#[derive(Debug, Default)]
pub(in super::super) struct Kept {
    layout: OnceLock<Option<Layout>>,
    coded: OnceLock<Option<Coded>>,
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Kept {
    /// The trees laid out for walking; `None` if a node has no room for so many features.
    pub(in super::super) fn layout(&self, ensemble: &Ensemble) -> Option<&Layout> {
        self.layout.get_or_init(|| Layout::new(ensemble)).as_ref()
    }

    /// Whether the trees are laid out already.
    pub(super) fn has_layout(&self) -> bool {
        self.layout.get().is_some()
    }

    /// The trees as questions about codes, if so many rows are answered faster that way.
    pub(in super::super) fn coded(&self, ensemble: &Ensemble, n_rows: usize) -> Option<&Coded> {
        if n_rows < CODED_AT_ALL {
            return None;
        }
        if n_rows < CODED_FROM {
            return self.coded.get()?.as_ref();
        }
        let make = || Coded::new(ensemble).filter(Coded::is_worth_it);
        self.coded.get_or_init(make).as_ref()
    }
}
