//! Divides the rows of a node by a split.

use super::kernel::{Feature, Index};

/// How to split a node, in the ranks of its block.
pub(super) enum Split {
    Cut {
        low: usize,
        high: usize,
        missing_left: Option<bool>,
    },
    /// A cut at a threshold of its own.
    Drawn {
        last: usize,
        threshold: f64,
        missing_left: Option<bool>,
    },
    Parts {
        left: Vec<usize>,
        missing_left: Option<bool>,
    },
}

/// Whether a rank goes left; `missing` is that of missing values.
pub(super) fn side(missing: usize, split: &Split) -> impl Fn(usize) -> bool {
    let (cut, left, missing_left) = match split {
        Split::Cut { low, missing_left, .. } => (*low, &[][..], *missing_left),
        Split::Drawn { last, missing_left, .. } => (*last, &[][..], *missing_left),
        Split::Parts { left, missing_left } => (0, &left[..], *missing_left),
    };
    let in_parts = matches!(split, Split::Parts { .. }).then(|| {
        let mut sides = vec![false; missing + 1];
        for &rank in left {
            sides[rank] = true;
        }
        sides
    });
    move |rank| {
        if rank == missing {
            return missing_left == Some(true);
        }
        match &in_parts {
            None => rank <= cut,
            Some(sides) => sides[rank],
        }
    }
}

/// Moves the rows that go left to the front, both sides in their order.
pub(super) fn partition<I: Index>(
    list: &mut [I],
    aside: &mut [I],
    feature: Feature<'_, I>,
    split: &Split,
) -> usize {
    match *split {
        Split::Cut { low, missing_left: None, .. } => {
            divide_by(list, aside, feature, |rank| rank <= low)
        }
        _ => divide_by(list, aside, feature, side(feature.n_ranks, split)),
    }
}

#[inline]
fn divide_by<I: Index>(
    list: &mut [I],
    aside: &mut [I],
    feature: Feature<'_, I>,
    goes_left: impl Fn(usize) -> bool,
) -> usize {
    let (mut left, mut right) = (0, 0);
    for i in 0..list.len() {
        let row = list[i];
        let goes_left = goes_left(feature.ranks[row.get()].get());
        // Both are written and one is kept: no branch to guess.
        list[left] = row;
        aside[right] = row;
        left += usize::from(goes_left);
        right += usize::from(!goes_left);
    }
    list[left..].copy_from_slice(&aside[..right]);
    left
}
