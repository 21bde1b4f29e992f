//! The models of a comparison: what each is, how it is trained, what its inside says.

use anyhow::Result;
use fi_core::{Dataset, Importance, Learner, Metric, Model, Players, Run, Target};
use fi_models::linear::{LinearModel, standardized_coefficients};
use fi_models::linfa;
use fi_models::network::{
    Activation, EarlyStopping, GarsonForm, Initializer, Mlp, Network, Optimizer, Precision, Scale,
    StopRule, Validation, Viann, first_layer, garson, olden, probe,
};
use fi_models::tree::{RandomForest, Trees, impurity, oob_permutation, split_count};

use super::methods;

/// What needs no model.
pub(super) const DATA: &str = "data";
/// The network of the published script.
pub(super) const PUBLISHED: &str = "network (published)";
/// The paper's network without activation functions.
pub(super) const NN1: &str = "network (NN1)";
/// The paper's network with ReLU.
pub(super) const NN2: &str = "network (NN2)";
/// A network trained until it is as good as the forest.
pub(super) const TUNED: &str = "network (tuned)";
/// Our random forest.
pub(super) const FOREST: &str = "forest";
/// linfa's decision tree.
pub(super) const LINFA_TREE: &str = "linfa-trees";
/// linfa's logistic regression.
pub(super) const LINFA_LOGISTIC: &str = "linfa-logistic";
/// linfa's linear regression.
pub(super) const LINFA_LINEAR: &str = "linfa-linear";

/// Whether a model of this name is a network.
pub(super) fn is_network(model: &str) -> bool {
    model.starts_with("network")
}

/// A model of the comparison, before it is trained.
pub(super) struct Arm {
    pub(super) name: &'static str,
    pub(super) about: String,
    spec: Spec,
}

enum Spec {
    Network(Mlp),
    Forest(RandomForest),
    LinfaTree(linfa::DecisionTree<usize>),
    LinfaLogistic(linfa::MultiLogistic),
    LinfaLinear(linfa::Linear),
}

/// A model of the comparison, trained.
pub(super) enum Learned {
    Network(Network),
    Forest(Trees),
    Tree(linfa::FittedTree),
    Linear(LinearModel),
}

/// All models for these data, in the order of the report.
pub(super) fn arms(data: &Dataset) -> Vec<Arm> {
    let classes = data.target().n_classes().is_some();
    let network = |name, about: String, mlp| Arm { name, about, spec: Spec::Network(mlp) };
    let mut arms = vec![
        network(
            PUBLISHED,
            "one hidden layer of 16 ReLU units, Adam (0.001), 50 epochs, batch 16, as the published \
             script trains it, but on scaled features"
                .to_owned(),
            published(),
        ),
        network(NN1, paper_text("without activation functions", classes), paper(data, Activation::Linear)),
        network(NN2, paper_text("with ReLU", classes), paper(data, Activation::Relu)),
        network(TUNED, tuned_text(&tuned(classes)), tuned(classes)),
        Arm {
            name: FOREST,
            about: "our random forest of 100 trees with scikit-learn's defaults".to_owned(),
            spec: Spec::Forest(if classes {
                RandomForest::default()
            } else {
                RandomForest::regression()
            }),
        },
        Arm {
            name: LINFA_TREE,
            about: "linfa's decision tree with its defaults; MDI computed from the tree, because its \
                    own importance is another quantity"
                .to_owned(),
            spec: Spec::LinfaTree(linfa::decision_tree(linfa_trees::DecisionTree::params())),
        },
    ];
    if classes {
        arms.push(Arm {
            name: LINFA_LOGISTIC,
            about: "linfa's multinomial logistic regression with its defaults".to_owned(),
            spec: Spec::LinfaLogistic(linfa::multi_logistic(
                linfa_logistic::MultiLogisticRegression::new(),
            )),
        });
    } else {
        arms.retain(|arm| arm.name != LINFA_TREE);
        arms.push(Arm {
            name: LINFA_LINEAR,
            about: "linfa's ordinary least squares".to_owned(),
            spec: Spec::LinfaLinear(linfa::linear(linfa_linear::LinearRegression::new())),
        });
    }
    arms
}

fn published() -> Mlp {
    Mlp {
        hidden: vec![16],
        activation: Activation::Relu,
        initializer: Initializer::GlorotUniform,
        optimizer: Optimizer::adam(0.001),
        epochs: 50,
        batch_size: 16,
        precision: Precision::Double,
        ..Mlp::default()
    }
}

fn paper_text(activation: &str, classes: bool) -> String {
    let stop = if classes {
        "at most 1,000 epochs, stopped when 5 % validation rows (drawn at random; the paper took the \
         last rows of the sorted table) reach an accuracy of 0.95, not before epoch 7"
    } else {
        "100 epochs"
    };
    format!(
        "the paper's 50-100-50 units {activation}, weights drawn from N(0, 0.05), L2 0.01, SGD \
         (0.01), batches of a seventh of the rows, {stop}"
    )
}

fn paper(data: &Dataset, activation: Activation) -> Mlp {
    let classes = data.target().n_classes().is_some();
    Mlp {
        hidden: vec![50, 100, 50],
        activation,
        initializer: Initializer::RandomNormal { std: 0.05 },
        l2: 0.01,
        optimizer: Optimizer::sgd(0.01),
        epochs: if classes { 1000 } else { 100 },
        batch_size: (data.n_rows() as f64 * 0.8 / 7.0).round() as usize,
        early_stopping: classes.then_some(EarlyStopping {
            rule: StopRule::Threshold { accuracy: 0.95, first_epoch: 7 },
            validation: Validation::Drawn { share: 0.05 },
        }),
        precision: Precision::Double,
        ..Mlp::default()
    }
}

/// Good enough to be compared with the forest on every data set that ships; a regression's noise
/// asks for a shorter and more shrunken training.
fn tuned(classes: bool) -> Mlp {
    Mlp {
        hidden: vec![16],
        activation: Activation::Tanh,
        initializer: Initializer::GlorotUniform,
        l2: if classes { 0.001 } else { 0.01 },
        optimizer: Optimizer::adam(if classes { 0.01 } else { 0.003 }),
        epochs: if classes { 100 } else { 50 },
        batch_size: 16,
        precision: Precision::Double,
        ..Mlp::default()
    }
}

fn tuned_text(mlp: &Mlp) -> String {
    let rate = mlp.optimizer.learning_rate();
    format!(
        "one hidden layer of {} tanh units, Adam ({rate}), L2 {}, {} epochs, batch {}: tuned by \
         hand to reach the forest's skill",
        mlp.hidden[0], mlp.l2, mlp.epochs, mlp.batch_size
    )
}

impl Arm {
    /// Trains on scaled rows.
    pub(super) fn fit(&self, run: &Run<'_>, train: &Dataset) -> Result<Learned> {
        Ok(match &self.spec {
            Spec::Network(mlp) => Learned::Network(mlp.fit(run, train)?),
            Spec::Forest(forest) => Learned::Forest(forest.fit(run, train)?),
            Spec::LinfaTree(tree) => Learned::Tree(tree.fit(run, train)?),
            Spec::LinfaLogistic(logistic) => Learned::Linear(logistic.fit(run, train)?),
            Spec::LinfaLinear(linear) => Learned::Linear(linear.fit(run, train)?),
        })
    }

    /// The settings as a learner, for methods that retrain.
    pub(super) fn learner(&self) -> &dyn Learner {
        match &self.spec {
            Spec::Network(mlp) => mlp,
            Spec::Forest(forest) => forest,
            Spec::LinfaTree(tree) => tree,
            Spec::LinfaLogistic(logistic) => logistic,
            Spec::LinfaLinear(linear) => linear,
        }
    }

    /// Whether another training seed makes another model.
    pub(super) fn is_random(&self) -> bool {
        matches!(self.spec, Spec::Network(_) | Spec::Forest(_))
    }
}

impl Learned {
    pub(super) fn model(&self) -> &dyn Model {
        match self {
            Self::Network(network) => network,
            Self::Forest(forest) => forest,
            Self::Tree(tree) => tree,
            Self::Linear(linear) => linear,
        }
    }

    /// Every score that reads the model's inside, under the method's name.
    pub(super) fn inside(
        &self,
        run: &Run<'_>,
        train: &Dataset,
    ) -> Result<Vec<(&'static str, Importance)>> {
        let names = train.feature_names();
        Ok(match self {
            Self::Network(network) => {
                let raw = Viann { scale: Scale::Raw, ..Viann::default() };
                vec![
                    (methods::VIANN, Viann::default().of_network(network, names)?),
                    (methods::VIANN_RAW, raw.of_network(network, names)?),
                    (methods::FIRST_LAYER, first_layer(network, names)?),
                    (methods::PROBE, probe(network, names)?.mean_abs(0.95)?),
                    (methods::GARSON, garson(network, names, GarsonForm::Garson)?),
                    (methods::GARSON_CANCELLING, garson(network, names, GarsonForm::Cancelling)?),
                    (methods::OLDEN, olden(network, names)?),
                ]
            }
            Self::Forest(forest) => vec![
                (methods::MDI, impurity(forest.ensemble(), names)?),
                (methods::SPLIT_COUNT, split_count(forest.ensemble(), names)?),
                (methods::OOB_PERMUTATION, oob(run, forest, train)?),
            ],
            Self::Tree(tree) => vec![(methods::MDI, impurity(&tree.ensemble, names)?)],
            Self::Linear(linear) => {
                let std = vec![1.0; names.len()];
                vec![(methods::COEFFICIENTS, standardized_coefficients(linear, &std, names)?)]
            }
        })
    }
}

/// Of classes the accuracy, as Breiman defines it: a single tree's log loss would be ruled by its
/// probabilities of 0.
pub(super) fn oob_metric(target: &Target) -> Metric {
    match target {
        Target::Classes { .. } => Metric::Accuracy,
        Target::Values(_) => Metric::Mse,
    }
}

fn oob(run: &Run<'_>, forest: &Trees, train: &Dataset) -> Result<Importance> {
    let players = Players::features(train.feature_names().iter().cloned())?;
    let metrics = [oob_metric(train.target())];
    let mut found = oob_permutation(run, forest, train, &players, &metrics, 1)?;
    Ok(found.remove(0))
}
