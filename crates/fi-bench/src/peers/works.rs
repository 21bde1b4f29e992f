//! The pieces of work that fi and its peers are timed on, and who the peers are.

/// A piece of work, a peer that does it too, and what is claimed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// What is done, as both sides understand it: `kind` or `kind:argument`.
    pub name: &'static str,
    /// The same for people.
    pub title: &'static str,
    /// How many rows fi is given.
    pub rows: usize,
    /// Whose time it is compared with.
    pub peer: Peer,
    /// How many rows the peer is given: fewer where it would take hours. Times are compared per
    /// row.
    pub peer_rows: usize,
    /// How often each side does the work.
    pub repetitions: usize,
    /// How many times faster fi is to be.
    pub at_least: f64,
}

/// Another library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The prefix of its functions in `benches/peers/works.py`.
    pub name: &'static str,
    /// Its name and version.
    pub title: &'static str,
    /// The environment that it runs in.
    pub environment: Environment,
}

/// An environment with pinned packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Python 3.12 with `benches/peers/requirements.txt`.
    Python,
    /// Python 3.9 with `benches/peers/requirements-fasttreeshap.txt`, for its old NumPy.
    OldPython,
    /// R with ranger.
    R,
    /// Python 3.12 with `benches/peers/requirements-networks.txt`.
    Networks,
    /// Python 3.12 with `benches/peers/requirements-black-box.txt`.
    BlackBox,
}

const fn python(name: &'static str, title: &'static str) -> Peer {
    Peer { name, title, environment: Environment::Python }
}

const XGBOOST: Peer = python("xgboost", "xgboost-cpu 3.4.1");
const WOODELF: Peer = python("woodelf", "WOODELF 0.4.8");
const SHAP: Peer = python("shap", "shap 0.54.1");
pub(super) const SKLEARN: Peer = python("sklearn", "scikit-learn 1.9.1");
pub(super) const HISTGB: Peer = python("histgb", "scikit-learn 1.9.1 HistGradientBoosting");
pub(super) const LIGHTGBM: Peer = python("lightgbm", "lightgbm 4.7.0");
const CATBOOST: Peer = python("catboost", "catboost 1.2.10");
const FASTTREESHAP: Peer = Peer {
    name: "fasttreeshap",
    title: "fasttreeshap 0.1.6 v2",
    environment: Environment::OldPython,
};
pub(super) const RANGER: Peer =
    Peer { name: "ranger", title: "ranger", environment: Environment::R };

const fn networks(name: &'static str, title: &'static str) -> Peer {
    Peer { name, title, environment: Environment::Networks }
}

const MLP_SKLEARN: Peer = networks("sklearn", "scikit-learn 1.9.1 MLPClassifier");
const TORCH: Peer = networks("torch", "PyTorch 2.15.0");
const KERAS: Peer = networks("keras", "Keras 3.15.1 on PyTorch");

/// The kinds of work, or whole works, that both sides spread over threads.
const ON_TWO_THREADS: &[&str] = &[
    "contribs:4",
    "contribs:6",
    "contribs:8",
    "contribs:10",
    "contribs:lightgbm",
    "contribs:catboost",
    "forest:old_forest_d10",
    "interactions:6",
    "forest_training:classes",
    "forest_training:values",
    "training:boosting",
    "predict:6",
    "predict:lightgbm",
];

/// Path-dependent SHAP values and the like, of as many rows on both sides.
const fn work(
    name: &'static str,
    title: &'static str,
    rows: usize,
    peer: Peer,
    at_least: f64,
) -> Work {
    Work { name, title, rows, peer, peer_rows: rows, repetitions: 7, at_least }
}

impl Work {
    const fn on(self, peer_rows: usize) -> Self {
        Self { peer_rows, ..self }
    }

    const fn times(self, repetitions: usize) -> Self {
        Self { repetitions, ..self }
    }

    /// Whether it is worth timing on two threads: cheap, and parallel on both sides.
    pub fn on_two_threads(&self) -> bool {
        ON_TWO_THREADS.contains(&self.name)
    }
}

/// Every piece of work that is compared, in the order of the table.
pub const WORKS: &[Work] = &[
    work("contribs:4", "path-dependent SHAP, XGBoost 200 trees, depth 4", 5_000, XGBOOST, 30.0),
    work("contribs:6", "path-dependent SHAP, XGBoost 200 trees, depth 6", 5_000, XGBOOST, 30.0),
    work("contribs:8", "path-dependent SHAP, XGBoost 200 trees, depth 8", 2_000, XGBOOST, 30.0),
    work("contribs:10", "path-dependent SHAP, XGBoost 200 trees, depth 10", 1_000, XGBOOST, 30.0),
    work("path:4", "the same, depth 4", 20_000, WOODELF, 10.0),
    work("path:6", "the same, depth 6", 20_000, WOODELF, 10.0),
    work("path:8", "the same, depth 8", 20_000, WOODELF, 10.0).times(3),
    work("path:10", "the same, depth 10", 20_000, WOODELF, 10.0).times(1),
    work("contribs:16", "one row, XGBoost 20 trees, depth 16, explainer ready", 1, XGBOOST, 2.0)
        .times(15),
    work(
        "contribs:lightgbm",
        "path-dependent SHAP, LightGBM 500 trees, 64 leaves",
        10_000,
        LIGHTGBM,
        50.0,
    )
    .on(2_000)
    .times(3),
    work(
        "contribs:catboost",
        "path-dependent SHAP, CatBoost 500 oblivious trees, depth 6",
        10_000,
        CATBOOST,
        2.0,
    ),
    work(
        "forest:forest_d10",
        "path-dependent SHAP, forest of 100 trees, depth 10",
        1_000,
        SHAP,
        50.0,
    )
    .on(200)
    .times(3),
    work(
        "forest:forest_deep",
        "path-dependent SHAP, forest of 100 trees, unlimited",
        1_000,
        SHAP,
        50.0,
    )
    .on(50)
    .times(3),
    work(
        "forest:old_forest_d10",
        "the same, depth 10, trained by scikit-learn 1.2.2",
        1_000,
        FASTTREESHAP,
        20.0,
    )
    .times(3),
    work(
        "forest:old_forest_deep",
        "the same, unlimited: for want of memory, v2 itself takes v1",
        1_000,
        FASTTREESHAP,
        20.0,
    )
    .on(100)
    .times(3),
    work(
        "background:6",
        "interventional SHAP, 1,000 background rows, depth 6, build included",
        10_000,
        SHAP,
        500.0,
    )
    .on(100)
    .times(3),
    work("background:6", "the same", 10_000, WOODELF, 10.0),
    work("interactions:6", "SHAP interactions 50 × 50, depth 6", 2_000, XGBOOST, 30.0),
    work(
        "permutation_xgboost:6",
        "permutation importance, 50 features, 5 repeats, depth 6",
        20_000,
        SKLEARN,
        10.0,
    )
    .times(3),
    work(
        "permutation_forest:forest_classes",
        "permutation importance, forest of 100 deep trees, 20 features, 5 repeats",
        10_000,
        SKLEARN,
        20.0,
    )
    .times(3),
    work(
        "forest_training:classes",
        "forest training, 100 trees, 20 features, classification",
        50_000,
        SKLEARN,
        4.0,
    )
    .times(3),
    work(
        "forest_training:values",
        "forest training, 100 trees, 20 features, regression",
        50_000,
        SKLEARN,
        4.0,
    )
    .times(3),
    work("forest_training:classes", "the same, classification", 50_000, RANGER, 4.0).times(3),
    work("forest_training:values", "the same, regression", 50_000, RANGER, 4.0).times(3),
    work(
        "training:boosting",
        "gradient boosting, 500 trees, 20 features, 255 bins",
        50_000,
        HISTGB,
        1.5,
    )
    .times(3),
    work("training:boosting", "the same", 50_000, LIGHTGBM, 0.7).times(3),
    work("predict:6", "prediction, XGBoost 200 trees, depth 6", 20_000, XGBOOST, 1.0),
    work("predict:10", "prediction, XGBoost 200 trees, depth 10", 20_000, XGBOOST, 1.0),
    work("predict:lightgbm", "prediction, LightGBM 500 trees", 10_000, LIGHTGBM, 1.0),
    work("predict:catboost", "prediction, CatBoost 500 trees", 10_000, CATBOOST, 1.0),
    work(
        "forest_predict:forest_deep",
        "prediction, forest of 100 deep trees",
        10_000,
        SKLEARN,
        1.0,
    ),
    work(
        "forest_predict:forest_classes",
        "prediction, forest of 100 deep trees, classes",
        50_000,
        SKLEARN,
        1.0,
    ),
    work("network:mlp-digits", MLP, 1_438, MLP_SKLEARN, 2.0),
    work("network:mlp-digits", "the same", 1_438, TORCH, 2.0),
    work("network:mlp-digits", "the same", 1_438, KERAS, 5.0),
    work("network:lstm-50", LSTM, 1_000, TORCH, 1.0),
];

const MLP: &str =
    "network training, 50-100-50 ReLU units on digits, 30 epochs of batches of 64, Adam";
const LSTM: &str = "network training, LSTM of 64 units over 50 steps of 8 channels, 5 epochs of batches of 32, Adam";
