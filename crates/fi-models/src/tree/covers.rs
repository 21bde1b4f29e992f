//! Covers for trees whose library did not write them: counted on rows that stand in for the
//! training rows.

use fi_core::{Error, Result, check_columns, require, require_shape};
use ndarray::ArrayView2;

use super::ensemble::{Ensemble, Statistics};

impl Ensemble {
    /// The same trees with the covers that these rows give them.
    ///
    /// ```text
    /// cover(node)  =  ∑ weight of the rows that reach the node
    /// ```
    ///
    /// A node's cover is the sum of its children's, exactly. Path-dependent SHAP asks for covers,
    /// and ONNX carries none. The impurities belong to other rows, so they are no longer known.
    ///
    /// # Cost
    ///
    /// One walk from root to leaf per row and tree.
    ///
    /// # When it misleads
    ///
    /// Rows other than those the trees were trained on give other covers, and the nodes they do
    /// not reach have cover 0.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns or weights; [`Error::Parameter`] for a
    /// weight that is negative or not finite; [`Error::TooFewRows`] without a row of positive
    /// weight.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_models::tree::{Comparison, Ensemble, NodeStats, TreeBuilder};
    /// use ndarray::array;
    ///
    /// let stats = |value| NodeStats { cover: 0.0, impurity: 0.0, value };
    /// let mut tree = TreeBuilder::new(1);
    /// let root = tree.push_split(0, 0.5, &stats(&[0.0]));
    /// let low = tree.push_leaf(&stats(&[1.0]));
    /// let high = tree.push_leaf(&stats(&[2.0]));
    /// tree.connect(root, low, high);
    /// let mut builder = Ensemble::builder(1, 1, Comparison::LessEqual);
    /// builder.push_tree(tree)?;
    ///
    /// let ensemble = builder.build()?.with_covers_of(array![[0.1], [0.7], [0.9]].view(), None)?;
    /// let tree = ensemble.tree(0);
    /// assert_eq!([tree.cover(root), tree.cover(low), tree.cover(high)], [3.0, 1.0, 2.0]);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn with_covers_of(
        mut self,
        rows: ArrayView2<'_, f64>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        check_columns(self.n_features, rows)?;
        if let Some(weights) = weights {
            require_shape("the list of weights", &[rows.nrows()], &[weights.len()])?;
            for &weight in weights {
                let fits = weight >= 0.0 && weight.is_finite();
                require(fits, "weights", weight, "finite and at least 0")?;
            }
        }
        let weight_of = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        if !(0..rows.nrows()).any(|row| weight_of(row) > 0.0) {
            let what = "counting the covers of trees".to_owned();
            return Err(Error::TooFewRows { what, needed: 1, got: 0 });
        }
        let rows = rows.as_standard_layout();
        let mut covers = vec![0.0; self.n_nodes()];
        for tree in self.trees() {
            let covers = &mut covers[tree.start..tree.start + tree.n_nodes()];
            for (index, row) in rows.rows().into_iter().enumerate() {
                covers[tree.leaf(row.to_slice().unwrap_or(&[]))] += weight_of(index);
            }
            // Children come after their parent.
            for node in (0..tree.n_nodes()).rev() {
                if let Some((left, right)) = tree.children(node) {
                    covers[node] = covers[left] + covers[right];
                }
            }
        }
        if covers.iter().any(|cover| !cover.is_finite()) {
            let problem = "the weights sum to infinity, divide them by their largest";
            return Err(Error::Data(problem.into()));
        }
        self.nodes.cover = covers;
        self.nodes.impurity.fill(0.0);
        self.statistics = Statistics { cover: true, impurity: false, ..self.statistics };
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
