//! What the grower asks of a criterion: sums of a node, and its best split on one feature.

/// A small whole number in as few bytes as it needs: a row of a block, or a rank.
pub(super) trait Index: Copy + PartialEq {
    fn get(self) -> usize;
}

impl Index for u16 {
    #[inline]
    fn get(self) -> usize {
        usize::from(self)
    }
}

impl Index for u32 {
    #[inline]
    fn get(self) -> usize {
        self as usize
    }
}

/// The least that must be on each side of a split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Least {
    pub(super) samples: usize,
    pub(super) weight: f64,
}

impl Least {
    /// Any split of at least one row each will do.
    pub(super) fn is_nothing(&self) -> bool {
        self.samples <= 1 && self.weight <= 0.0
    }
}

/// The rows of a node, summed.
pub(super) struct Summary<S> {
    pub(super) cover: f64,
    pub(super) impurity: f64,
    /// All rows have the same target: nothing is left to split.
    pub(super) pure: bool,
    pub(super) sums: S,
}

/// One feature as the rows of a node see it.
#[derive(Clone, Copy)]
pub(super) struct Feature<'a, I> {
    /// The rank of each row of the block.
    pub(super) ranks: &'a [I],
    /// How many ranks there are in the block; the rank of a missing value.
    pub(super) n_ranks: usize,
    pub(super) has_missing: bool,
}

/// A split between two ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    pub(super) score: f64,
    /// The last rank that goes left, and the first that goes right (or that of missing values).
    pub(super) low: usize,
    pub(super) high: usize,
    /// Where missing values go; `None` if the node has none.
    pub(super) missing_left: Option<bool>,
}

/// A split into two sets of categories.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parts {
    pub(super) score: f64,
    /// The ranks that go left, missing values not among them.
    pub(super) left: Vec<usize>,
    pub(super) missing_left: Option<bool>,
}

/// The arithmetic of a criterion over the rows of one node at a time.
///
/// Rows come as a list of positions in a block; `rows` holds what is known of each.
pub(super) trait Kernel {
    /// A row's weight and target.
    type Row: Copy;
    /// What a node keeps to make its value.
    type Sums;

    /// Hands over what is known of every row of the table.
    fn take_rows(&mut self) -> Vec<Self::Row>;

    /// Sums the rows of a node.
    fn summarise<I: Index>(&self, rows: &[Self::Row], list: &[I]) -> Summary<Self::Sums>;

    /// The value of a node: its class distribution or mean target.
    fn value(&self, node: &Summary<Self::Sums>, value: &mut [f64]);

    /// Gets ready to split this node. A split with the score that comes back cannot be bettered.
    fn enter<I: Index>(
        &mut self,
        node: &Summary<Self::Sums>,
        rows: &[Self::Row],
        list: &[I],
    ) -> f64;

    /// The best split between two ranks, if it is better than `best`.
    fn cut<I: Index>(
        &mut self,
        feature: Feature<'_, I>,
        list: &[I],
        least: Least,
        best: f64,
    ) -> Option<Cut>;

    /// The best split into two sets of categories, if it is better than `best`.
    fn parts<I: Index>(
        &mut self,
        feature: Feature<'_, I>,
        list: &[I],
        least: Least,
        best: f64,
    ) -> Option<Parts>;

    /// The score of a given split; `None` if a side is too small.
    fn score(&mut self, least: Least, goes_left: impl Iterator<Item = bool>) -> Option<f64>;
}
