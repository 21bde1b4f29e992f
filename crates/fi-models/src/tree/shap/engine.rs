//! What a TreeSHAP engine answers for a block of rows.

use ndarray::ArrayView2;

/// Exact Shapley values of one ensemble, prepared once and asked for block after block.
///
/// All values are on the ensemble's raw scale and complete: divided by the number of trees where
/// the ensemble is a mean. Calls share nothing but the engine, so blocks may be asked for from
/// many threads, and a row's values do not depend on the other rows of its block.
pub(super) trait Engine: Send + Sync {
    /// The expected raw answer per output, base scores included: what the values of a row add up
    /// to its raw answer from.
    fn base_values(&self) -> &[f64];

    /// The largest block of rows that is worth asking for at once.
    fn block_rows(&self) -> usize;

    /// Writes `values[row][output][feature]` for these checked rows.
    fn attribute(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]);

    /// Writes `values[row][output][pair]`, the pairs `a ≤ b` of features row by row of the upper
    /// triangle: the main effect of a feature where `a = b`, elsewhere *half* of the interaction
    /// of two features, as it stands twice in the symmetric matrix whose sum is the raw answer.
    fn interact(&self, rows: ArrayView2<'_, f64>, values: &mut [f64]);
}

/// How many pairs `a ≤ b` of `n` features there are.
pub(super) fn n_pairs(n: usize) -> usize {
    n * (n + 1) / 2
}

/// Where the pair `a ≤ b` of `n` features stands in the upper triangle.
pub(super) fn pair(a: usize, b: usize, n: usize) -> usize {
    a * n - a * (a + 1) / 2 + b
}
