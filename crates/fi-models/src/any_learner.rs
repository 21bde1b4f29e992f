//! Any of the integrated learners, from a short text such as `forest:n_estimators=200`.

use std::str::FromStr;

use fi_core::{Dataset, Error, Learner, Model, Result, Run, Target};

use crate::fitted::Fitted;
use crate::linear::LinearModel;
use crate::linfa::{elastic_net, linear, logistic, multi_logistic};
use crate::network::{Activation, Input, Mlp, Network, Optimizer, fit_standardized};
use crate::standardize::{Scaled, Scaler};
use crate::tree::{DecisionTree, GradientBoosting, MaxFeatures, RandomForest, Trees};

/// Which learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearnerKind {
    /// [`RandomForest`].
    Forest,
    /// [`RandomForest::extra_trees`].
    ExtraTrees,
    /// [`GradientBoosting`].
    Boosting,
    /// [`DecisionTree`].
    Tree,
    /// Least squares of linfa.
    Linear,
    /// Ridge regression of linfa, on standardised features.
    Ridge,
    /// Logistic regression of linfa with an L2 penalty, of two or more classes, on standardised
    /// features.
    Logistic,
    /// [`Mlp`], on standardised features.
    Mlp,
}

impl LearnerKind {
    const ALL: [(&'static str, Self); 8] = [
        ("forest", Self::Forest),
        ("extra-trees", Self::ExtraTrees),
        ("boosting", Self::Boosting),
        ("tree", Self::Tree),
        ("linear", Self::Linear),
        ("ridge", Self::Ridge),
        ("logistic", Self::Logistic),
        ("mlp", Self::Mlp),
    ];

    /// Its name in a text.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// The settings that it knows.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Forest | Self::ExtraTrees => {
                &["n_estimators", "max_depth", "max_leaf_nodes", "min_samples_leaf", "max_features"]
            }
            Self::Boosting => &[
                "n_estimators",
                "max_depth",
                "max_leaf_nodes",
                "min_samples_leaf",
                "learning_rate",
            ],
            Self::Tree => &["max_depth", "max_leaf_nodes", "min_samples_leaf", "max_features"],
            Self::Linear => &[],
            Self::Ridge | Self::Logistic => &["penalty"],
            Self::Mlp => {
                &["hidden", "activation", "epochs", "batch_size", "learning_rate", "dropout", "l2"]
            }
        }
    }
}

/// Any of the integrated learners with its most used settings: a learner that a user names.
///
/// What is `None` is the learner's own default, for classes or for numbers as the target is.
///
/// As a text: `forest`, `boosting:n_estimators=300,learning_rate=0.05`, `mlp:hidden=50x100`. The
/// names are those of the fields.
///
/// # Errors
///
/// Of [`AnyLearner::from_str`]: [`Error::Parameter`] that lists what there is, for an unknown
/// learner or setting, or a value that does not parse. Numbers outside a learner's domain are
/// refused when it trains.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Learner, Model, Run, Target};
/// use fi_models::AnyLearner;
/// use ndarray::Array2;
///
/// let learner: AnyLearner = "forest:n_estimators=20,max_depth=3".parse()?;
/// let rows = Array2::from_shape_fn((30, 2), |(i, j)| ((i * (j + 3)) % 11) as f64);
/// let target = Target::Values(rows.column(0).to_vec());
/// let model = learner.train(&Run::new(1), &Dataset::new(rows, target)?)?;
/// assert_eq!(model.n_outputs(), 1);
///
/// let error = "forest:depth=3".parse::<AnyLearner>().unwrap_err();
/// assert!(error.to_string().ends_with("one of n_estimators, max_depth, max_leaf_nodes, \
///                                      min_samples_leaf, max_features"));
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AnyLearner {
    /// Which learner.
    pub kind: LearnerKind,
    /// How many trees.
    pub n_estimators: Option<usize>,
    /// How deep a tree may be.
    pub max_depth: Option<usize>,
    /// How many leaves a tree may have.
    pub max_leaf_nodes: Option<usize>,
    /// The fewest rows in a leaf.
    pub min_samples_leaf: Option<usize>,
    /// How many features a split may choose from: `all`, `sqrt`, `log2`, a number or a share.
    pub max_features: Option<MaxFeatures>,
    /// The shrinkage of boosting's trees, or Adam's step.
    pub learning_rate: Option<f64>,
    /// The L2 penalty: of ridge regression the λ of [`elastic_net`], default 0.01; of logistic
    /// regression linfa's `alpha`, default 1.
    pub penalty: Option<f64>,
    /// The units of each hidden layer, in a text as `50x100`.
    pub hidden: Option<Vec<usize>>,
    /// What hidden units do: `relu`, `tanh`, `sigmoid` or `linear`.
    pub activation: Option<Activation>,
    /// How often all rows are seen.
    pub epochs: Option<usize>,
    /// How many rows a step averages over.
    pub batch_size: Option<usize>,
    /// The share of hidden units that is dropped in training.
    pub dropout: Option<f64>,
    /// The factor of the sum of squared hidden weights.
    pub l2: Option<f64>,
}

impl AnyLearner {
    /// A learner with its own defaults.
    pub fn new(kind: LearnerKind) -> Self {
        Self {
            kind,
            n_estimators: None,
            max_depth: None,
            max_leaf_nodes: None,
            min_samples_leaf: None,
            max_features: None,
            learning_rate: None,
            penalty: None,
            hidden: None,
            activation: None,
            epochs: None,
            batch_size: None,
            dropout: None,
            l2: None,
        }
    }

    /// Trains, and returns what the [store](crate::store) keeps: the model, and what its input is
    /// scaled with.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a target that the learner cannot learn; those of the learner.
    pub fn fit(&self, run: &Run<'_>, data: &Dataset) -> Result<(Fitted, Option<Scaler>)> {
        match self.kind {
            LearnerKind::Mlp => {
                let (network, scaler) = self.fit_network(run, data)?;
                Ok((network.into(), scaler))
            }
            LearnerKind::Linear => Ok((self.linear_as_they_are(run, data)?.into(), None)),
            LearnerKind::Ridge | LearnerKind::Logistic => {
                let scaler = Scaler::fit(data)?;
                let model = self.linear_as_they_are(run, &scaler.scale(data)?)?;
                Ok((model.into(), Some(scaler)))
            }
            _ => Ok((self.fit_trees(run, data)?.into(), None)),
        }
    }

    /// Trains trees, whose inside can be read: for [`impurity_of`](crate::impurity_of).
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a learner that grows none; those of the learner.
    pub fn fit_trees(&self, run: &Run<'_>, data: &Dataset) -> Result<Trees> {
        let classes = matches!(data.target(), Target::Classes { .. });
        let tree = |base: DecisionTree| DecisionTree {
            max_depth: self.max_depth.or(base.max_depth),
            max_leaf_nodes: self.max_leaf_nodes.or(base.max_leaf_nodes),
            min_samples_leaf: self.min_samples_leaf.unwrap_or(base.min_samples_leaf),
            max_features: self.max_features.unwrap_or(base.max_features),
            ..base
        };
        match self.kind {
            LearnerKind::Tree if classes => tree(DecisionTree::default()).fit(run, data),
            LearnerKind::Tree => tree(DecisionTree::regression()).fit(run, data),
            LearnerKind::Forest | LearnerKind::ExtraTrees => {
                let base = match (self.kind, classes) {
                    (LearnerKind::ExtraTrees, true) => RandomForest::extra_trees(),
                    (LearnerKind::ExtraTrees, false) => RandomForest::extra_trees_regression(),
                    (_, true) => RandomForest::default(),
                    (_, false) => RandomForest::regression(),
                };
                let n_estimators = self.n_estimators.unwrap_or(base.n_estimators);
                RandomForest { n_estimators, tree: tree(base.tree), ..base }.fit(run, data)
            }
            LearnerKind::Boosting => {
                let base = if classes {
                    GradientBoosting::classification()
                } else {
                    GradientBoosting::regression()
                };
                let settings = GradientBoosting {
                    n_estimators: self.n_estimators.unwrap_or(base.n_estimators),
                    max_depth: self.max_depth.or(base.max_depth),
                    max_leaf_nodes: self.max_leaf_nodes.or(base.max_leaf_nodes),
                    min_samples_leaf: self.min_samples_leaf.unwrap_or(base.min_samples_leaf),
                    learning_rate: self.learning_rate.unwrap_or(base.learning_rate),
                    ..base
                };
                settings.fit(run, data)
            }
            kind => Err(Error::Data(format!(
                "the learner `{}` grows no trees to read: take forest, extra-trees, boosting or \
                 tree",
                kind.name()
            ))),
        }
    }

    /// Trains a linear model on standardised columns, whose coefficients can be read: for
    /// [`standardized_coefficients_of`](crate::standardized_coefficients_of).
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a learner that is not linear or cannot learn this target; those of the
    /// learner.
    pub fn fit_linear(&self, run: &Run<'_>, data: &Dataset) -> Result<LinearModel> {
        self.linear_as_they_are(run, &Scaler::fit(data)?.scale(data)?)
    }

    fn linear_as_they_are(&self, run: &Run<'_>, data: &Dataset) -> Result<LinearModel> {
        let n_classes = data.target().n_classes();
        match (self.kind, n_classes) {
            (LearnerKind::Linear, None) => {
                linear(linfa_linear::LinearRegression::new()).fit(run, data)
            }
            (LearnerKind::Ridge, None) => {
                let penalty = self.penalty.unwrap_or(0.01);
                let ridge = linfa_elasticnet::ElasticNet::ridge();
                elastic_net(ridge.penalty(penalty)).fit(run, data)
            }
            (LearnerKind::Linear | LearnerKind::Ridge, Some(_)) => Err(Error::Data(format!(
                "the learner `{}` learns numbers, and the target has classes: take logistic",
                self.kind.name()
            ))),
            (LearnerKind::Logistic, Some(2)) => {
                let params = linfa_logistic::LogisticRegression::default().max_iterations(1000);
                logistic(params.alpha(self.penalty.unwrap_or(1.0))).fit(run, data)
            }
            (LearnerKind::Logistic, Some(_)) => {
                let params = linfa_logistic::MultiLogisticRegression::default();
                let params = params.max_iterations(1000).alpha(self.penalty.unwrap_or(1.0));
                multi_logistic(params).fit(run, data)
            }
            (LearnerKind::Logistic, None) => Err(Error::Data(
                "the learner `logistic` learns classes, and the target has numbers: take linear \
                 or ridge"
                    .to_owned(),
            )),
            (kind, _) => Err(Error::Data(format!(
                "the learner `{}` has no coefficients to read: take linear, ridge or logistic",
                kind.name()
            ))),
        }
    }

    fn fit_network(&self, run: &Run<'_>, data: &Dataset) -> Result<(Network, Option<Scaler>)> {
        let base = Mlp::default();
        let mlp = Mlp {
            hidden: self.hidden.clone().unwrap_or(base.hidden),
            activation: self.activation.unwrap_or(base.activation),
            l2: self.l2.unwrap_or(base.l2),
            dropout: self.dropout.unwrap_or(base.dropout),
            optimizer: self.learning_rate.map_or(base.optimizer, Optimizer::adam),
            epochs: self.epochs.unwrap_or(base.epochs),
            batch_size: self.batch_size.unwrap_or(base.batch_size),
            ..Mlp::default()
        };
        let fit = |run: &Run<'_>, data: &Dataset| mlp.fit(run, data);
        fit_standardized(run, data, Input::Features(data.n_features()), fit)
    }

    /// Sets one of the keys of its kind.
    fn set(&mut self, key: &'static str, value: &str) -> Result<()> {
        let bad = |requirement| Error::unreadable(key, value, requirement);
        let whole = || value.parse::<usize>().map(Some).map_err(|_| bad("a whole number from 0"));
        let number = || {
            let parsed = value.parse::<f64>().ok().filter(|value| value.is_finite());
            parsed.map(Some).ok_or_else(|| bad("a number"))
        };
        match key {
            "n_estimators" => self.n_estimators = whole()?,
            "max_depth" => self.max_depth = whole()?,
            "max_leaf_nodes" => self.max_leaf_nodes = whole()?,
            "min_samples_leaf" => self.min_samples_leaf = whole()?,
            "max_features" => self.max_features = Some(value.parse()?),
            "learning_rate" => self.learning_rate = number()?,
            "penalty" => {
                let penalty = number()?;
                if penalty.is_some_and(|penalty| penalty < 0.0) {
                    return Err(bad("a number from 0"));
                }
                self.penalty = penalty;
            }
            "epochs" => self.epochs = whole()?,
            "batch_size" => self.batch_size = whole()?,
            "dropout" => self.dropout = number()?,
            "l2" => self.l2 = number()?,
            "hidden" => {
                let units: std::result::Result<_, _> = value.split('x').map(str::parse).collect();
                self.hidden = Some(units.map_err(|_| bad("units such as 50x100"))?);
            }
            // All that is left of the keys.
            _ => {
                self.activation = Some(match value {
                    "relu" => Activation::Relu,
                    "tanh" => Activation::Tanh,
                    "sigmoid" => Activation::Sigmoid,
                    "linear" => Activation::Linear,
                    _ => return Err(bad("relu, tanh, sigmoid or linear")),
                });
            }
        }
        Ok(())
    }
}

impl FromStr for AnyLearner {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, settings) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
        let Some((_, kind)) = LearnerKind::ALL.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = LearnerKind::ALL.iter().map(|(name, _)| *name).collect();
            let requirement = format!("one of {}", names.join(", "));
            return Err(Error::unreadable("learner", name, requirement));
        };
        let mut learner = Self::new(*kind);
        for setting in settings.into_iter().flat_map(|settings| settings.split(',')) {
            let Some((key, value)) = setting.split_once('=') else {
                let requirement = "NAME or NAME:key=value,key=value";
                return Err(Error::unreadable("learner", text, requirement));
            };
            let key = key.replace('-', "_");
            let keys = kind.keys();
            let Some(&known) = keys.iter().find(|known| **known == key) else {
                let requirement = if keys.is_empty() {
                    format!("left out: `{name}` has no settings")
                } else {
                    format!("of `{name}` one of {}", keys.join(", "))
                };
                return Err(Error::unreadable("learner's setting", &key, requirement));
            };
            learner.set(known, value)?;
        }
        Ok(learner)
    }
}

impl Learner for AnyLearner {
    fn train(&self, run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        Ok(match self.fit(run, data)? {
            (model, None) => Box::new(model),
            (model, Some(scaler)) => Box::new(Scaled { scaler, model }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fi_core::Rng;
    use ndarray::Array2;

    fn data(classes: bool) -> Dataset {
        let mut rng = Rng::new(4, 0);
        let rows = Array2::from_shape_simple_fn((60, 3), || rng.normal());
        let target: Vec<f64> = rows.outer_iter().map(|row| 2.0 * row[0] - row[1]).collect();
        let target = if classes {
            let labels = target.iter().map(|y| usize::from(*y > 0.0)).collect();
            Target::Classes { labels, names: vec!["low".into(), "high".into()] }
        } else {
            Target::Values(target)
        };
        Dataset::new(rows, target).unwrap()
    }

    #[test]
    fn every_learner_trains_on_the_targets_it_is_for() {
        let texts = [
            "forest:n_estimators=5,max_features=0.5",
            "extra-trees:n_estimators=5,max_leaf_nodes=4",
            "boosting:n_estimators=5,learning_rate=0.3,min-samples-leaf=5",
            "tree:max_depth=3,max_features=all",
            "mlp:hidden=4x3,epochs=3,activation=tanh,batch_size=8,dropout=0.1,l2=0.001",
        ];
        for text in texts {
            for classes in [true, false] {
                let data = data(classes);
                let model = text.parse::<AnyLearner>().unwrap().train(&Run::new(0), &data).unwrap();
                assert_eq!(model.n_outputs(), 1 + usize::from(classes), "{text}");
                assert!(model.predict(data.rows()).unwrap().iter().all(|p| p.is_finite()));
            }
        }
        // What they learn is there: the slopes of the target, per standard deviation or not.
        let run = Run::new(0);
        let (least, _) = "linear".parse::<AnyLearner>().unwrap().fit(&run, &data(false)).unwrap();
        let Fitted::Linear(least) = least else { panic!() };
        for (got, expected) in least.coefficients().iter().zip([2.0, -1.0, 0.0]) {
            assert!((got - expected).abs() < 1e-9, "{got}");
        }
        let per_std = "linear".parse::<AnyLearner>().unwrap().fit_linear(&run, &data(false));
        let std = Scaler::fit(&data(false)).unwrap().scale[0];
        assert!((per_std.unwrap().coefficients()[[0, 0]] - 2.0 * std).abs() < 1e-9);
        for (text, classes) in [("ridge:penalty=0.001", false), ("logistic:penalty=0.1", true)] {
            let (model, scaler) =
                text.parse::<AnyLearner>().unwrap().fit(&run, &data(classes)).unwrap();
            let Fitted::Linear(model) = model else { panic!("{text}") };
            let slopes = model.coefficients();
            assert!(slopes[[0, 0]] > 1.5 && slopes[[1, 0]] < -0.7, "{text}: {slopes}");
            assert!(scaler.is_some());
        }
    }

    #[test]
    fn a_text_is_the_same_as_fields() {
        let text = "boosting:n_estimators=7,max_depth=2,learning_rate=0.5";
        let fields = AnyLearner {
            n_estimators: Some(7),
            max_depth: Some(2),
            learning_rate: Some(0.5),
            ..AnyLearner::new(LearnerKind::Boosting)
        };
        assert_eq!(text.parse::<AnyLearner>().unwrap(), fields);
        let predict = |learner: &AnyLearner| {
            let data = data(false);
            learner.train(&Run::new(0), &data).unwrap().predict(data.rows()).unwrap()
        };
        let plain = GradientBoosting {
            n_estimators: 7,
            max_depth: Some(2),
            learning_rate: 0.5,
            ..GradientBoosting::regression()
        };
        let expected = plain.fit(&Run::new(0), &data(false)).unwrap();
        assert_eq!(predict(&fields), expected.predict(data(false).rows()).unwrap());
    }

    #[test]
    fn every_bad_text_gets_one_sentence() {
        let error = |text: &str| text.parse::<AnyLearner>().unwrap_err().to_string();
        assert_eq!(
            error("svm"),
            "`learner` is `svm`, it must be one of forest, extra-trees, boosting, tree, linear, \
             ridge, logistic, mlp"
        );
        assert_eq!(
            error("tree:n_estimators=3"),
            "`learner's setting` is `n_estimators`, it must be of `tree` one of max_depth, \
             max_leaf_nodes, min_samples_leaf, max_features"
        );
        assert_eq!(
            error("linear:penalty=1"),
            "`learner's setting` is `penalty`, it must be left out: `linear` has no settings"
        );
        assert_eq!(
            error("forest:max_depth"),
            "`learner` is `forest:max_depth`, it must be NAME or NAME:key=value,key=value"
        );
        assert_eq!(
            error("forest:max_depth=-1"),
            "`max_depth` is `-1`, it must be a whole number from 0"
        );
        assert_eq!(error("ridge:penalty=-1"), "`penalty` is `-1`, it must be a number from 0");
        assert_eq!(error("mlp:dropout=inf"), "`dropout` is `inf`, it must be a number");
        assert_eq!(
            error("mlp:hidden=4,5"),
            "`learner` is `mlp:hidden=4,5`, it must be NAME or NAME:key=value,key=value"
        );
        assert_eq!(error("mlp:hidden=4y5"), "`hidden` is `4y5`, it must be units such as 50x100");
        assert_eq!(
            error("forest:max_features=many"),
            "`max_features` is `many`, it must be all, sqrt, log2, a number or a share"
        );
        let fails = |text: &str, classes| {
            let learner: AnyLearner = text.parse().unwrap();
            learner.train(&Run::new(0), &data(classes)).err().unwrap().to_string()
        };
        assert_eq!(
            fails("ridge", true),
            "the learner `ridge` learns numbers, and the target has classes: take logistic"
        );
        assert_eq!(
            fails("logistic", false),
            "the learner `logistic` learns classes, and the target has numbers: take linear or \
             ridge"
        );
        let mlp = AnyLearner::new(LearnerKind::Mlp);
        let run = Run::new(0);
        assert_eq!(
            mlp.fit_trees(&run, &data(true)).unwrap_err().to_string(),
            "the learner `mlp` grows no trees to read: take forest, extra-trees, boosting or tree"
        );
        assert_eq!(
            mlp.fit_linear(&run, &data(true)).unwrap_err().to_string(),
            "the learner `mlp` has no coefficients to read: take linear, ridge or logistic"
        );
    }
}
