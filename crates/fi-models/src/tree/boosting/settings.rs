//! The settings of gradient boosting, and their checks.

use fi_core::{Dataset, Error, Learner, Model, Result, Run, Target, require, require_shape};
use serde::{Deserialize, Serialize};

use super::super::class_weight::ClassWeight;
use super::super::trees::Trees;
use super::bins::MOST_BINS;
use super::grow::{KEPT_BYTES, Size};
use super::loss::Loss;
use super::split::Limits;
use super::train::{Training, train};

/// Gradient boosting on histograms, for regression and classification.
///
/// Round `t` has a gradient `gᵢ` and a Hessian `hᵢ` of the loss per row, at the sum of the trees
/// before. A tree is grown on them, best split first, and its leaves are added to the sum:
///
/// ```text
/// gain  = G(left)²/(H(left)+λ) + G(right)²/(H(right)+λ) − G²/(H+λ)      G = ∑ gᵢ,  H = ∑ hᵢ
/// leaf  = −learning_rate · G/(H+λ)                                      λ = l2_regularization
/// ```
///
/// The sum starts from the constant with the smallest loss (the [base](crate::tree::Ensemble::base)).
/// Thresholds lie half-way between neighbouring values of the training rows, so predictions need
/// no bins. A missing value goes to the side that gained more in training, and to the side with
/// more rows where the node had none. Categorical columns
/// ([`Dataset::with_categorical`]) are split into sets: the categories are
/// sorted by `G/(H + cat_smooth)` and cut; ones that a node did not see, and those beyond the
/// `max_bins` heaviest, go with the missing values, which are always on the right there.
///
/// The cover of a node is the summed weight, class weights included, of the training rows of its
/// tree (of the drawn ones if `subsample` is below 1) that reached it: their number without
/// weights. The gain is the formula above. Rows without weight are not there. Sums are taken in
/// whole numbers after rounding gradients to 24 bits or more, so that the same seed gives the
/// same bits for any number of threads.
///
/// # Cost
///
/// `O(n_rows · n_features)` additions for each level of each tree at most, mostly half of it;
/// memory for two bytes per value of the table, 56 bytes per row and output, and 4 kB (2 kB
/// without weights for losses that have no Hessian) per feature and waiting leaf, up to 256 MB.
///
/// # When it misleads
///
/// Without early stopping, many rounds repeat the noise of small data sets. Trees that share one
/// learning rate hide how few of them matter; the gain of a feature that is split late is small
/// whatever it explains. A round's trees of different classes are grown apart from each other.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Metric, Model, Run, Target};
/// use fi_models::tree::GradientBoosting;
/// use ndarray::Array2;
///
/// let rows = Array2::from_shape_fn((200, 2), |(i, j)| ((i * (j + 7)) % 199) as f64);
/// let values = rows.rows().into_iter().map(|x| x[0] * x[1] / 100.0).collect();
/// let data = Dataset::new(rows, Target::Values(values))?;
/// let trees = GradientBoosting::regression().fit(&Run::new(7), &data)?;
/// assert_eq!(trees.ensemble().n_trees(), 100);
/// let predicted = trees.predict(data.rows())?;
/// let r2 = Metric::R2.score(predicted.view(), trees.output(), data.target(), None)?;
/// assert!(r2 > 0.95);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Friedman (2001). *Greedy function approximation: a gradient boosting machine.* Annals of
///   Statistics 29(5). <https://doi.org/10.1214/aos/1013203451>
/// - Chen, Guestrin (2016). *XGBoost: a scalable tree boosting system.* KDD.
///   <https://doi.org/10.1145/2939672.2939785>
/// - Ke et al. (2017). *LightGBM: a highly efficient gradient boosting decision tree.* NeurIPS.
///   <https://proceedings.neurips.cc/paper/2017/hash/6449f44a102fde848669bdd9eb6b76fa-Abstract.html>
/// - Fisher (1958). *On grouping for maximum homogeneity.* JASA 53.
///   <https://doi.org/10.1080/01621459.1958.10501479>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradientBoosting {
    /// What is minimized. Default `SquaredError`; `LogLoss` from
    /// [`GradientBoosting::classification`].
    pub loss: Loss,
    /// How many rounds, at least 1; fewer if training stops early, or once no tree can be split.
    /// A round has one tree, or one per class for three and more classes. Default 100.
    pub n_estimators: usize,
    /// What a leaf's value is multiplied with, positive. Default 0.1.
    pub learning_rate: f64,
    /// At most so many leaves per tree, at least 2; `None`: any number. Default 31.
    pub max_leaf_nodes: Option<usize>,
    /// At most so many splits from the root to a leaf, at least 1; `None`: any number, the default.
    pub max_depth: Option<usize>,
    /// At least so many rows on each side of a split, at least 1. Default 20.
    pub min_samples_leaf: usize,
    /// At least so large a sum of Hessians on each side of a split, positive. Default 0.001. A tree
    /// whose root has less takes no step.
    pub min_sum_hessian: f64,
    /// A split must gain more than this, at least 0. Default 0.
    pub min_gain_to_split: f64,
    /// `λ`, at least 0: draws small leaves towards 0. Default 0.
    pub l2_regularization: f64,
    /// At most so many bins per feature, missing values not counted: 2 to 255. Default 255.
    pub max_bins: usize,
    /// The share of rows drawn, without replacement, for each round: inside (0, 1]. Default 1.
    pub subsample: f64,
    /// The share of features drawn for each tree, inside (0, 1]; at least one feature. Default 1.
    pub colsample_bytree: f64,
    /// The share of a tree's features drawn for each node, inside (0, 1]. Default 1.
    pub colsample_bynode: f64,
    /// What is added to a category's sum of Hessians before categories are sorted, at least 0:
    /// draws rare ones towards the middle. Default 10.
    pub cat_smooth: f64,
    /// What a row of each class weighs. Default `None`; `BalancedSubsample` is for forests.
    pub class_weight: ClassWeight,
    /// When to stop before `n_estimators` rounds; `None`: never, the default.
    pub early_stopping: Option<EarlyStopping>,
}

/// When boosting stops before its last round.
///
/// After each round the loss of validation rows is taken. Once it has not fallen by more than
/// `tol` below the lowest before for `n_iter_no_change` rounds, training stops. The rounds after
/// the best one are dropped, whether it stopped or not; at least one round is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// The share of rows held out for validation, inside (0, 1); without meaning if validation
    /// rows are given. Drawn by class for classification, and whole groups where rows have
    /// groups. Default 0.1.
    pub validation_share: f64,
    /// How many rounds without a better one, at least 1. Default 10.
    pub n_iter_no_change: usize,
    /// By how much the loss must fall, at least 0. Default 1e-7.
    pub tol: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { validation_share: 0.1, n_iter_no_change: 10, tol: 1e-7 }
    }
}

impl Default for GradientBoosting {
    fn default() -> Self {
        Self {
            loss: Loss::SquaredError,
            n_estimators: 100,
            learning_rate: 0.1,
            max_leaf_nodes: Some(31),
            max_depth: None,
            min_samples_leaf: 20,
            min_sum_hessian: 1e-3,
            min_gain_to_split: 0.0,
            l2_regularization: 0.0,
            max_bins: MOST_BINS,
            subsample: 1.0,
            colsample_bytree: 1.0,
            colsample_bynode: 1.0,
            cat_smooth: 10.0,
            class_weight: ClassWeight::None,
            early_stopping: None,
        }
    }
}

impl GradientBoosting {
    /// The default settings for regression: squared error.
    pub fn regression() -> Self {
        Self::default()
    }

    /// The default settings for classification: logistic for two classes, softmax for more.
    pub fn classification() -> Self {
        Self { loss: Loss::LogLoss, ..Self::default() }
    }

    /// Trains; the same bits for any number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for a setting outside its domain, or a loss that is not for this kind
    /// of target; [`Error::Data`] for targets outside the loss's range, for one class, or if the
    /// sum of the trees grows beyond all numbers; [`Error::TooFewRows`] if there is one row and
    /// early stopping; [`Error::Cancelled`].
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<Trees> {
        self.check(data)?;
        let Some(stopping) = &self.early_stopping else {
            return train(run, &self.training(data, None)?);
        };
        let (fit, held_out) = stopping.split(run, data)?;
        train(run, &self.training(&fit, Some((&held_out, stopping)))?)
    }

    /// Trains, and stops by the loss of these rows, whether or not
    /// [`early_stopping`](Self::early_stopping) is set (then by its defaults).
    ///
    /// # Errors
    ///
    /// As for [`GradientBoosting::fit`]; [`Error::Shape`] if the validation rows have another
    /// number of columns, [`Error::Data`] if they have other classes.
    pub fn fit_with_validation(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        validation: &Dataset,
    ) -> Result<Trees> {
        self.check(data)?;
        require_shape(
            "the table of validation rows",
            &[validation.n_rows(), data.n_features()],
            validation.rows().shape(),
        )?;
        let same = match (data.target(), validation.target()) {
            (Target::Values(_), Target::Values(_)) => true,
            (Target::Classes { names: a, .. }, Target::Classes { names: b, .. }) => a == b,
            _ => false,
        };
        if !same {
            return Err(Error::Data(
                "the validation rows have another kind of target or other classes than the \
                 training rows, give both the same"
                    .into(),
            ));
        }
        let stopping = self.early_stopping.clone().unwrap_or_default();
        stopping.check()?;
        train(run, &self.training(data, Some((validation, &stopping)))?)
    }

    fn check(&self, data: &Dataset) -> Result<()> {
        let least = |count: usize, least: usize, name: &'static str| {
            require(count >= least, name, count, format!("at least {least}"))
        };
        let positive = |x: f64, name: &'static str| {
            require(x > 0.0 && x.is_finite(), name, x, "positive and finite")
        };
        let not_negative = |x: f64, name: &'static str| {
            require(x >= 0.0 && x.is_finite(), name, x, "at least 0 and finite")
        };
        let share =
            |x: f64, name: &'static str| require(0.0 < x && x <= 1.0, name, x, "inside (0, 1]");
        least(self.n_estimators, 1, "n_estimators")?;
        positive(self.learning_rate, "learning_rate")?;
        least(self.max_leaf_nodes.unwrap_or(2), 2, "max_leaf_nodes")?;
        least(self.max_depth.unwrap_or(1), 1, "max_depth")?;
        least(self.min_samples_leaf, 1, "min_samples_leaf")?;
        positive(self.min_sum_hessian, "min_sum_hessian")?;
        not_negative(self.min_gain_to_split, "min_gain_to_split")?;
        not_negative(self.l2_regularization, "l2_regularization")?;
        let bins = self.max_bins;
        require((2..=MOST_BINS).contains(&bins), "max_bins", bins, "2 to 255")?;
        share(self.subsample, "subsample")?;
        share(self.colsample_bytree, "colsample_bytree")?;
        share(self.colsample_bynode, "colsample_bynode")?;
        not_negative(self.cat_smooth, "cat_smooth")?;
        if let Some(stopping) = &self.early_stopping {
            stopping.check()?;
        }
        self.class_weight.check(data.target())?;
        let for_forests = self.class_weight == ClassWeight::BalancedSubsample;
        let given = format!("{:?}", self.class_weight);
        require(!for_forests, "class_weight", given, "None, Balanced or Weights for boosting")
    }

    pub(super) fn training<'a>(
        &'a self,
        data: &'a Dataset,
        validation: Option<(&'a Dataset, &'a EarlyStopping)>,
    ) -> Result<Training<'a>> {
        if u32::try_from(data.n_rows()).is_err() {
            return Err(Error::Data(format!(
                "the table has {} rows, boosting can be trained on {} at most",
                data.n_rows(),
                u32::MAX
            )));
        }
        let n_features = data.n_features();
        let drawn = |n: usize, share: f64| ((n as f64 * share).round() as usize).clamp(1, n);
        let features_per_tree = drawn(n_features, self.colsample_bytree);
        Ok(Training {
            settings: self,
            data,
            validation,
            limits: Limits {
                min_samples_leaf: self.min_samples_leaf as u64,
                min_sum_hessian: self.min_sum_hessian,
                min_gain_to_split: self.min_gain_to_split,
                l2: self.l2_regularization,
                cat_smooth: self.cat_smooth,
            },
            size: Size {
                max_leaf_nodes: self.max_leaf_nodes.unwrap_or(usize::MAX),
                max_depth: self.max_depth.unwrap_or(usize::MAX),
                features_per_tree,
                features_per_node: drawn(features_per_tree, self.colsample_bynode),
            },
            n_words: None,
            kept_bytes: KEPT_BYTES,
        })
    }
}

impl EarlyStopping {
    fn check(&self) -> Result<()> {
        let share = self.validation_share;
        require(0.0 < share && share < 1.0, "validation_share", share, "inside (0, 1)")?;
        let rounds = self.n_iter_no_change;
        require(rounds >= 1, "n_iter_no_change", rounds, "at least 1")?;
        require(self.tol >= 0.0 && self.tol.is_finite(), "tol", self.tol, "at least 0 and finite")
    }

    /// The rows to train on and those held out.
    pub(super) fn split(&self, run: &Run<'_>, data: &Dataset) -> Result<(Dataset, Dataset)> {
        let n_rows = data.n_rows();
        let too_few = || Error::TooFewRows {
            what: "holding out rows for early stopping".to_owned(),
            needed: 2,
            got: n_rows,
        };
        if n_rows < 2 {
            return Err(too_few());
        }
        let mut rng = run.split(0).rng(0);
        let mut held_out = vec![false; n_rows];
        // Units that are held out whole: groups, or single rows, class by class.
        let key = |row: usize| data.target().labels().map_or(0, |labels| labels[row]);
        let mut units: Vec<Vec<usize>> = match data.groups() {
            Some(groups) => {
                let mut by_group = std::collections::BTreeMap::<usize, Vec<usize>>::new();
                (0..n_rows).for_each(|row| by_group.entry(groups[row]).or_default().push(row));
                by_group.into_values().collect()
            }
            None => (0..n_rows).map(|row| vec![row]).collect(),
        };
        rng.shuffle(&mut units);
        if data.groups().is_none() {
            // Stable, so each class stays shuffled; taken at even distances, all have their share.
            units.sort_by_key(|rows| key(rows[0]));
        }
        let n_units = units.len();
        if n_units < 2 {
            return Err(Error::Data(
                "all rows are of one group, give validation rows of another one".into(),
            ));
        }
        let n_out =
            ((n_units as f64 * self.validation_share).round() as usize).clamp(1, n_units - 1);
        for index in 0..n_out {
            let unit = (2 * index + 1) * n_units / (2 * n_out);
            units[unit].iter().for_each(|&row| held_out[row] = true);
        }
        let rows = |out: bool| (0..n_rows).filter(|&row| held_out[row] == out).collect::<Vec<_>>();
        Ok((data.select_rows(&rows(false))?, data.select_rows(&rows(true))?))
    }
}

impl Learner for GradientBoosting {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.fit(run, data)?))
    }
}
