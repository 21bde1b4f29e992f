//! A fitted model whose inside can be read.

use fi_core::{Model, Output, Result};
use ndarray::{Array2, ArrayView2};

#[cfg(feature = "onnx")]
use crate::import::OnnxGraph;
use crate::linear::LinearModel;
use crate::network::Network;
use crate::tree::Trees;

/// A fitted model by its kind: what importers and the [store](crate::store) return.
///
/// Methods that read a model's inside match on it; everything else uses it as a
/// [`Model`].
///
/// # Example
///
/// ```
/// use fi_core::Model;
/// use fi_models::Fitted;
/// use fi_models::linear::{LinearModel, Scores, coefficients};
/// use ndarray::array;
///
/// let model = LinearModel::new(array![[2.0]], array![1.0], Scores::Values)?;
/// let fitted = Fitted::from(model);
/// assert_eq!(fitted.predict(array![[3.0]].view())?, array![[7.0]]);
/// if let Fitted::Linear(model) = &fitted {
///     assert_eq!(coefficients(model, &["x".into()])?.values, [2.0]);
/// }
/// # Ok::<(), fi_core::Error>(())
/// ```
#[non_exhaustive]
pub enum Fitted {
    /// One tree or many.
    Trees(Trees),
    /// A linear model with any link.
    Linear(LinearModel),
    /// A neural network.
    Network(Network),
    /// A graph of operators of which only predictions are known.
    #[cfg(feature = "onnx")]
    Graph(OnnxGraph),
    /// A model of which only predictions are known.
    BlackBox(Box<dyn Model>),
}

impl Fitted {
    /// Whether the model holds together; called for every model read from a file.
    ///
    /// # Errors
    ///
    /// Those of the model's own check; trees whose nodes do not hold what their output says, such
    /// as class shares that do not sum to 1, are [`Error::Data`](fi_core::Error::Data). A black
    /// box has nothing to check.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Trees(trees) => trees.validate(),
            Self::Linear(model) => model.validate(),
            Self::Network(network) => network.validate(),
            #[cfg(feature = "onnx")]
            Self::Graph(_) => Ok(()),
            Self::BlackBox(_) => Ok(()),
        }
    }

    fn model(&self) -> &dyn Model {
        match self {
            Self::Trees(trees) => trees,
            Self::Linear(model) => model,
            Self::Network(network) => network,
            #[cfg(feature = "onnx")]
            Self::Graph(graph) => graph,
            Self::BlackBox(model) => model,
        }
    }
}

impl Model for Fitted {
    fn n_features(&self) -> usize {
        self.model().n_features()
    }
    fn n_outputs(&self) -> usize {
        self.model().n_outputs()
    }
    fn output(&self) -> Output {
        self.model().output()
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.model().predict(rows)
    }
}

impl std::fmt::Debug for Fitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Trees(trees) => f.debug_tuple("Trees").field(trees).finish(),
            Self::Linear(model) => f.debug_tuple("Linear").field(model).finish(),
            Self::Network(network) => f.debug_tuple("Network").field(network).finish(),
            #[cfg(feature = "onnx")]
            Self::Graph(graph) => f.debug_tuple("Graph").field(graph).finish(),
            Self::BlackBox(_) => f.debug_tuple("BlackBox").finish_non_exhaustive(),
        }
    }
}

impl From<Trees> for Fitted {
    fn from(trees: Trees) -> Self {
        Self::Trees(trees)
    }
}

impl From<LinearModel> for Fitted {
    fn from(model: LinearModel) -> Self {
        Self::Linear(model)
    }
}

impl From<Network> for Fitted {
    fn from(network: Network) -> Self {
        Self::Network(network)
    }
}

#[cfg(feature = "onnx")]
impl From<OnnxGraph> for Fitted {
    fn from(graph: OnnxGraph) -> Self {
        Self::Graph(graph)
    }
}

impl From<Box<dyn Model>> for Fitted {
    fn from(model: Box<dyn Model>) -> Self {
        Self::BlackBox(model)
    }
}
