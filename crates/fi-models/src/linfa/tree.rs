//! linfa's decision tree, made deterministic and given covers.

use fi_core::{
    Dataset, Error, Learner, Model, Output, Result, Run, Warning, check_columns, require,
};
use linfa::traits::Fit;
use linfa::{Label, ParamGuard};
use linfa_trees::{DecisionTreeParams, DecisionTreeValidParams, SplitQuality, TreeNode};
use ndarray::{Array1, Array2, ArrayView2};

use super::class::Class;
use super::data::{labels, no_missing};
use crate::Fitted;
use crate::tree::{Comparison, Ensemble, Link, NodeStats, TreeBuilder, Trees};

/// `linfa_trees::DecisionTreeParams` as a learner; made by [`decision_tree`].
#[derive(Debug, Clone)]
pub struct DecisionTree<L> {
    /// linfa's parameters.
    pub params: DecisionTreeParams<f64, L>,
}

/// A fitted tree of linfa-trees in the project's layout.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedTree {
    /// One tree, whose values are class shares and whose impurities are of the kind it was
    /// grown with.
    pub ensemble: Ensemble,
    /// What a reader must know before trusting it.
    pub warnings: Vec<Warning>,
}

/// A classification tree grown by linfa-trees; `L` is any label type, only the settings count.
///
/// The tree's splits are linfa's. Everything else is recomputed by dropping the training rows
/// down the tree, `x < threshold` to the left as linfa predicts: covers, the shares of the classes
/// (linfa has only a label per leaf), and the impurity of each node. The impurity importance of
/// [`FittedTree::ensemble`] is then Breiman's; linfa's own `feature_importance` is another number,
/// the mean decrease over a feature's nodes without regard to how many rows they hold. A row is
/// predicted as the shares of its leaf, so the label is the most frequent class, the lowest in a
/// tie.
///
/// The same data give the same tree in every run, which linfa alone does not promise.
///
/// # When it misleads
///
/// linfa-trees takes values closer than 10⁻⁵ as equal, whatever the column's scale: a warning
/// names such columns; change their unit. It merges leaves of the same label after growing, so
/// splits that only sharpen probabilities are missing. `min_weight_split` counts rows, not
/// weights.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Model, Run, Target};
/// use linfa_trees::DecisionTree;
/// use ndarray::array;
///
/// let names = vec!["no".to_owned(), "yes".to_owned()];
/// let target = Target::Classes { labels: vec![0, 0, 1, 1], names };
/// let data = Dataset::new(array![[0.0], [1.0], [2.0], [3.0]], target)?;
/// let learner = fi_models::linfa::decision_tree(DecisionTree::<f64, usize>::params());
/// let tree = learner.fit(&Run::new(0), &data)?;
/// assert_eq!(tree.ensemble.tree(0).threshold(0), 1.5);
/// assert_eq!(tree.predict(array![[1.0], [2.0]].view())?, array![[1.0, 0.0], [0.0, 1.0]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Breiman, Friedman, Olshen, Stone (1984). *Classification and Regression Trees.*
///   <https://doi.org/10.1201/9781315139470>
pub fn decision_tree<L>(params: DecisionTreeParams<f64, L>) -> DecisionTree<L> {
    DecisionTree { params }
}

/// linfa-trees takes values closer than this as equal.
const LINFA_TIE: f64 = 1e-5;

/// linfa-trees recurses once per level; deeper trees could overflow a thread's stack.
const DEEPEST: usize = 256;

impl<L: Label> DecisionTree<L> {
    /// Fits the tree.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for values, missing values, or weights that are not whole numbers (linfa
    /// adds them in single precision, which is exact only for these); [`Error::Parameter`] for a
    /// `min_weight_leaf` that is not positive or a `max_depth` above 256; [`Error::Model`] for
    /// parameters that linfa refuses.
    pub fn fit(&self, _run: &Run<'_>, data: &Dataset) -> Result<FittedTree> {
        let settings = self.params.check_ref().map_err(Error::model)?;
        let leaf = settings.min_weight_leaf();
        require(leaf > 0.0, "min_weight_leaf", leaf, "positive")?;
        let depth = settings.max_depth().unwrap_or(DEEPEST);
        require(depth <= DEEPEST, "max_depth", depth, format!("at most {DEEPEST}"))?;
        let (_, n_classes) = labels(data.target())?;
        no_missing("linfa-trees", data)?;
        let weights = whole_weights(data)?;

        // A row of weight 0 has no say; linfa would still count it.
        let kept: Vec<usize> = (0..data.n_rows()).filter(|&row| weights[row] > 0.0).collect();
        let data = data.select_rows(&kept)?;
        let (classes, _) = labels(data.target())?;
        let targets: Array1<Class> =
            classes.iter().map(|&class| Class::new(class, n_classes)).collect();
        let counts: Array1<f32> = kept.iter().map(|&row| weights[row] as f32).collect();
        let theirs = linfa::DatasetBase::new(data.rows().to_owned(), targets).with_weights(counts);
        let fitted = same_settings(settings, depth).fit(&theirs).map_err(Error::model)?;

        let weights: Vec<f64> = kept.iter().map(|&row| weights[row]).collect();
        let shape = Shape::of(fitted.root_node());
        let tree = shape.with_stats(&data, classes, &weights, n_classes, settings.split_quality());
        let mut builder = Ensemble::builder(data.n_features(), n_classes, Comparison::Less);
        builder.push_tree(tree)?;
        Ok(FittedTree { ensemble: builder.build()?, warnings: near_ties(&data) })
    }
}

impl<L: Label + Send + Sync> Learner for DecisionTree<L> {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}

impl Model for FittedTree {
    fn n_features(&self) -> usize {
        self.ensemble.n_features()
    }
    fn n_outputs(&self) -> usize {
        self.ensemble.n_outputs()
    }
    fn output(&self) -> Output {
        Output::Probabilities
    }
    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features(), rows)?;
        self.ensemble.predict(rows)
    }
}

impl From<FittedTree> for Fitted {
    fn from(tree: FittedTree) -> Self {
        let FittedTree { ensemble, .. } = tree;
        Trees { ensemble, link: Link::Probabilities, bootstrap: None }.into()
    }
}

/// The same settings for our own label type.
fn same_settings<L>(
    settings: &DecisionTreeValidParams<f64, L>,
    depth: usize,
) -> DecisionTreeParams<f64, Class> {
    linfa_trees::DecisionTree::params()
        .split_quality(settings.split_quality())
        .max_depth(Some(depth))
        .min_weight_split(settings.min_weight_split())
        .min_weight_leaf(settings.min_weight_leaf())
        .min_impurity_decrease(settings.min_impurity_decrease())
}

/// One whole weight per row, whose sums are exact in single precision.
fn whole_weights(data: &Dataset) -> Result<Vec<f64>> {
    let weights = data.weights().map_or_else(|| vec![1.0; data.n_rows()], <[f64]>::to_vec);
    if let Some(row) = weights.iter().position(|weight| weight.fract() != 0.0) {
        return Err(Error::Data(format!(
            "the weight is `{}` in row {row}, but linfa-trees adds weights in single precision: \
             give whole numbers",
            weights[row]
        )));
    }
    let total: f64 = weights.iter().sum();
    if total > f64::from(1 << f32::MANTISSA_DIGITS) {
        return Err(Error::Data(format!(
            "the rows weigh {total} together, but linfa-trees counts in single precision: at most \
             {} are exact",
            1 << f32::MANTISSA_DIGITS
        )));
    }
    Ok(weights)
}

/// Warns of columns in which linfa-trees confuses different values.
fn near_ties(data: &Dataset) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (column, name) in data.rows().columns().into_iter().zip(data.feature_names()) {
        let mut values = column.to_vec();
        values.sort_by(f64::total_cmp);
        if values.windows(2).any(|pair| pair[0] < pair[1] && pair[1] - pair[0] < LINFA_TIE) {
            warnings.push(Warning::Note(format!(
                "column `{name}` has values closer than {LINFA_TIE}, which linfa-trees takes as \
                 equal: give it a smaller unit"
            )));
        }
    }
    warnings
}

/// linfa's tree as flat arrays, parents before children.
#[derive(Default)]
struct Shape {
    /// Feature, threshold and children of a split; `None` for a leaf.
    splits: Vec<Option<(usize, f64, usize, usize)>>,
    /// linfa's label of a leaf, for one that no training row reaches.
    labels: Vec<usize>,
}

impl Shape {
    fn of(root: &TreeNode<f64, Class>) -> Self {
        let mut shape = Self::default();
        shape.push(root);
        let mut open = vec![(root, 0)];
        while let Some((node, index)) = open.pop() {
            // A node that linfa calls a leaf may still hold one child: it predicts as a leaf.
            let [Some(left), Some(right)] = node.children()[..] else { continue };
            if node.is_leaf() {
                continue;
            }
            let (feature, threshold, _) = node.split();
            let (first, second) = (shape.push(left), shape.push(right));
            shape.splits[index] = Some((feature, threshold, first, second));
            open.push((right, second));
            open.push((left, first));
        }
        shape
    }

    fn push(&mut self, node: &TreeNode<f64, Class>) -> usize {
        self.splits.push(None);
        self.labels.push(node.prediction().map_or(0, |class| class.index));
        self.splits.len() - 1
    }

    /// The tree with the weights of the classes that reach each node.
    fn with_stats(
        &self,
        data: &Dataset,
        classes: &[usize],
        weights: &[f64],
        n_classes: usize,
        quality: SplitQuality,
    ) -> TreeBuilder {
        let mut counts = Array2::<f64>::zeros((self.splits.len(), n_classes));
        for (row, (&class, weight)) in data.rows().outer_iter().zip(classes.iter().zip(weights)) {
            let mut node = 0;
            counts[[0, class]] += weight;
            while let Some((feature, threshold, left, right)) = self.splits[node] {
                node = if row[feature] < threshold { left } else { right };
                counts[[node, class]] += weight;
            }
        }
        let mut tree = TreeBuilder::new(n_classes);
        for (node, counts) in counts.outer_iter().enumerate() {
            let cover = counts.sum();
            let mut value = vec![0.0; n_classes];
            if cover > 0.0 {
                value.iter_mut().zip(counts).for_each(|(share, count)| *share = count / cover);
            } else {
                // linfa grows with `≤` and predicts with `<`: a row on the threshold can leave
                // its leaf empty, which then keeps linfa's label.
                value[self.labels[node]] = 1.0;
            }
            let stats = NodeStats { cover, impurity: impurity(&value, quality), value: &value };
            match self.splits[node] {
                None => tree.push_leaf(&stats),
                Some((feature, threshold, ..)) => tree.push_split(feature, threshold, &stats),
            };
        }
        for (node, split) in self.splits.iter().enumerate() {
            if let Some((_, _, left, right)) = *split {
                tree.connect(node, left, right);
            }
        }
        tree
    }
}

/// Gini impurity, or entropy in bits, of class shares.
fn impurity(shares: &[f64], quality: SplitQuality) -> f64 {
    match quality {
        SplitQuality::Gini => 1.0 - shares.iter().map(|share| share * share).sum::<f64>(),
        SplitQuality::Entropy => {
            let terms = shares.iter().filter(|share| **share > 0.0);
            terms.map(|share| -share * share.log2()).sum()
        }
    }
    .max(0.0)
}
