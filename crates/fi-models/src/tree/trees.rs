//! A fitted model of trees, of any library.

use fi_core::{Error, Model, Output, Result};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::bootstrap::Bootstrap;
use super::ensemble::{Aggregate, Ensemble};
use super::link::Link;
use super::tree::Tree;

/// A fitted model of trees: an ensemble, and how predictions follow from it.
///
/// What [`DecisionTree`](super::DecisionTree) and [`RandomForest`](super::RandomForest) are
/// trained to, and what importers make of other libraries' files.
///
/// # Example
///
/// ```
/// use fi_core::{Model, Output};
/// use fi_models::tree::{Comparison, Ensemble, Link, NodeStats, TreeBuilder, Trees};
/// use ndarray::array;
///
/// let mut stump = TreeBuilder::new(1);
/// stump.push_leaf(&NodeStats { cover: 1.0, impurity: 0.0, value: &[4.0] });
/// let mut builder = Ensemble::builder(2, 1, Comparison::LessEqual);
/// builder.push_tree(stump)?;
/// let trees = Trees::new(builder.build()?, Link::Identity)?;
/// assert_eq!(trees.predict(array![[0.0, 0.0]].view())?, array![[4.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trees {
    pub(crate) ensemble: Ensemble,
    pub(crate) link: Link,
    pub(crate) bootstrap: Option<Bootstrap>,
}

impl Trees {
    /// Trees whose answers become predictions by `link`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if the link does not fit the number of outputs, or if
    /// [`Link::Probabilities`] are not shares that sum to 1 in every leaf;
    /// [`Error::Parameter`] for a slope that is not positive.
    pub fn new(ensemble: Ensemble, link: Link) -> Result<Self> {
        let trees = Self { ensemble, link, bootstrap: None };
        trees.validate()?;
        Ok(trees)
    }

    /// The trees.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// How predictions follow from the trees' answers.
    pub fn link(&self) -> Link {
        self.link
    }

    /// The raw answers `(n_rows, n_outputs of the ensemble)`, before the link.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns.
    pub fn predict_raw(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.ensemble.predict(rows)
    }

    /// Checks everything the methods rely on: for trees that came from a file.
    ///
    /// # Errors
    ///
    /// As for [`Trees::new`], and those of [`Ensemble::validate`].
    pub fn validate(&self) -> Result<()> {
        self.ensemble.validate()?;
        self.link.check(self.ensemble.n_outputs())?;
        if self.link != Link::Probabilities {
            return Ok(());
        }
        let share = |value: &f64| *value >= 0.0;
        let sums_to_1 = |value: &[f64]| (value.iter().sum::<f64>() - 1.0).abs() < 1e-4;
        let shares = |tree: Tree<'_>| {
            (0..tree.n_nodes()).filter(|&node| tree.is_leaf(node)).all(|leaf| {
                let value = tree.value(leaf);
                value.iter().all(share) && sums_to_1(value)
            })
        };
        let ensemble = &self.ensemble;
        let mean = ensemble.aggregate() == Aggregate::Mean
            && ensemble.base().iter().all(|&base| base == 0.0)
            && ensemble.n_values() == ensemble.n_outputs();
        if mean && ensemble.trees().all(shares) {
            return Ok(());
        }
        Err(Error::Data("the trees do not hold class shares that sum to 1 in every leaf".into()))
    }
}

impl Model for Trees {
    fn n_features(&self) -> usize {
        self.ensemble.n_features()
    }

    fn n_outputs(&self) -> usize {
        self.link.n_outputs(self.ensemble.n_outputs())
    }

    fn output(&self) -> Output {
        self.link.output()
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Ok(self.link.apply(self.predict_raw(rows)?))
    }
}
