//! Methods that only predict: fi's side, and how much of its time is the model's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};
use fi_core::shapley::{Estimator, Kernel, Permutation as Walks, explain};
use fi_core::{
    Dataset, Folds, Lofo, Metric, Model, Output, Permutation, Players, Removal, Run, Target,
};
use fi_io::{read_npy_1d, read_npy_2d};
use fi_models::Fitted;
use fi_models::import::{load, load_with_layers};
use fi_models::network::{self, Network};
use fi_models::tree::RandomForest;
use ndarray::{Array2, ArrayView2, s};

use super::works::{Environment, Peer, Work};

/// Of a method's time, the most that is to be spent on anything but the model.
pub const MOST_BEYOND: f64 = 0.1;

const N_BACKGROUND: usize = 100;
const N_COALITIONS: usize = 2048;
const N_PERMUTATIONS: usize = 20;
const N_REPEATS: usize = 5;

const fn peer(name: &'static str, title: &'static str) -> Peer {
    Peer { name, title, environment: Environment::BlackBox }
}

const SKLEARN: Peer = peer("sklearn", "scikit-learn 1.9.1");
const SHAP: Peer = peer("shap", "shap 0.54.1");
const LOFO: Peer = peer("lofo", "lofo-importance 0.3.5 on scikit-learn 1.9.1");

const fn work(
    name: &'static str,
    title: &'static str,
    rows: usize,
    peer: Peer,
    at_least: f64,
) -> Work {
    Work { name, title, rows, peer, peer_rows: rows, repetitions: 5, at_least }
}

/// The pieces of work, in the order of their table. `black_box` only predicts, and the model's part
/// is timed apart; `first_layer` is the same from inside the network.
pub const BLACK_BOX: &[Work] = &[
    work(
        "black_box:permutation-network",
        "permutation importance, 30-64-64 network",
        569,
        SKLEARN,
        1.0,
    ),
    work("black_box:permutation-forest", "permutation importance, forest", 569, SKLEARN, 1.0),
    work(
        "black_box:kernel-network",
        "KernelSHAP, 2,048 coalitions × 100 rows, network",
        10,
        SHAP,
        1.0,
    ),
    work("black_box:kernel-forest", "KernelSHAP, forest", 2, SHAP, 1.0),
    work(
        "black_box:walks-network",
        "permutation SHAP, 20 permutations × 100 rows, network",
        10,
        SHAP,
        1.0,
    ),
    work("black_box:walks-forest", "permutation SHAP, forest", 2, SHAP, 1.0),
    work(
        "first_layer:permutation-network",
        "permutation importance, first layer once",
        569,
        SKLEARN,
        1.0,
    ),
    work("first_layer:kernel-network", "KernelSHAP, first layer once", 10, SHAP, 1.0),
    work("first_layer:walks-network", "permutation SHAP, first layer once", 10, SHAP, 1.0),
    work("lofo:forest", "LOFO, forest of 100 trees, 4,000 × 20, 5 folds", 4_000, LOFO, 4.0),
];

/// A piece of work with its data and model loaded.
pub struct BlackBoxJob {
    method: Method,
    inside: bool,
    model: Asked,
    /// The model itself, for those who look inside.
    network: Option<Network>,
    data: Dataset,
    players: Players,
    n_rows: usize,
}

enum Method {
    Permutation,
    Shapley(Box<dyn Estimator + Send>),
    Lofo,
}

impl BlackBoxJob {
    /// Whether a work of this name is done here.
    pub fn does(name: &str) -> bool {
        BLACK_BOX.iter().any(|work| work.name == name)
    }

    /// Loads what the work needs from the folder of models.
    ///
    /// # Errors
    ///
    /// A file that is missing or is not what it should be; an unknown name.
    pub fn load(folder: &Path, name: &str, n_rows: usize) -> Result<Self> {
        let (kind, argument) = name.split_once(':').context("a work is `kind:argument`")?;
        let (method, model) = match argument.split_once('-') {
            Some(("permutation", model)) => (Method::Permutation, model),
            Some(("kernel", model)) => {
                (Method::Shapley(Box::new(Kernel { n_coalitions: N_COALITIONS })), model)
            }
            Some(("walks", model)) => {
                let walks = Walks { n_permutations: N_PERMUTATIONS, tolerance: None };
                (Method::Shapley(Box::new(walks)), model)
            }
            None if kind == "lofo" => (Method::Lofo, "forest"),
            _ => bail!("there is no work called `{name}`"),
        };
        let file = |end: &str| folder.join(format!("black_box_{model}.{end}"));
        let fitted = match model {
            "network" => load_with_layers(&file("safetensors"), &file("json"))?.model,
            _ => load(&file("json"))?.model,
        };
        let (model, network): (Box<dyn Model>, _) = match fitted {
            Fitted::Network(network) => (Box::new(network.clone()), Some(network)),
            Fitted::Trees(trees) => (Box::new(trees), None),
            _ => bail!("`{model}` is neither network nor trees"),
        };
        let table = if kind == "lofo" { "lofo" } else { "black_box" };
        let x = read_npy_2d(folder.join(format!("{table}_x.npy")))?;
        let y = read_npy_1d(folder.join(format!("{table}_y.npy")))?;
        let labels = y.iter().map(|&class| class as usize).collect();
        let names = vec!["0".to_owned(), "1".to_owned()];
        let players = Players::features((0..x.ncols()).map(|i| format!("x{i}")))?;
        let data = Dataset::new(x, Target::Classes { labels, names })?;
        let inside = kind == "first_layer";
        Ok(Self { method, inside, model: Asked::new(model), network, data, players, n_rows })
    }

    /// Does the work once, and answers the held-out score of what was trained.
    ///
    /// # Errors
    ///
    /// Those of the method.
    pub fn run(&self) -> Result<Option<f64>> {
        let run = Run::new(0);
        let Self { data, players, .. } = self;
        let network = || -> Result<&Network> {
            self.network.as_ref().context("this work is done inside a network")
        };
        match &self.method {
            Method::Permutation => {
                let settings = Permutation { n_repeats: N_REPEATS, ..Permutation::default() };
                let metrics = [Metric::LogLoss];
                std::hint::black_box(if self.inside {
                    network::permutation(&run, &settings, network()?, data, players, &metrics)?
                } else {
                    settings.importance(&run, &self.model, data, players, &metrics)?
                });
            }
            Method::Shapley(estimator) => {
                let x = data.rows();
                let background = Removal::marginal(x.slice(s![..N_BACKGROUND, ..]).to_owned())?;
                let rows = x.slice(s![N_BACKGROUND..N_BACKGROUND + self.n_rows, ..]);
                std::hint::black_box(if self.inside {
                    network::shap(&run, &**estimator, network()?, rows, players, &background)?
                } else {
                    explain(&run, &**estimator, &self.model, rows, players, &background)?
                });
            }
            Method::Lofo => {
                let lofo = Lofo { folds: Folds::default(), ..Lofo::default() };
                let forest = RandomForest::default();
                let found =
                    lofo.importance(&run, &forest, data, players, &[Metric::Accuracy])?.remove(0);
                return Ok(found.score);
            }
        }
        Ok(None)
    }

    /// Asks the model alone, in batches of the same sizes, for what the first work asked of it, and
    /// answers how many rows that were; `None` for a work that asks it no rows.
    ///
    /// # Errors
    ///
    /// The model's.
    pub fn forward(&self) -> Result<Option<usize>> {
        if self.inside || matches!(self.method, Method::Lofo) {
            return Ok(None);
        }
        self.model.again().map(Some)
    }
}

/// A model that remembers, of the first work, what it was asked.
struct Asked {
    model: Box<dyn Model>,
    listens: AtomicBool,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    sizes: Vec<usize>,
    /// Some batches of each size.
    batches: BTreeMap<usize, Vec<Array2<f64>>>,
}

/// So many batches of a size are kept.
const KEPT: usize = 4;

impl Asked {
    fn new(model: Box<dyn Model>) -> Self {
        Self { model, listens: AtomicBool::new(true), heard: Mutex::default() }
    }

    fn again(&self) -> Result<usize> {
        self.listens.store(false, Ordering::Relaxed);
        let heard = self.heard.lock().map_err(|_| anyhow::anyhow!("a work has panicked"))?;
        for (i, size) in heard.sizes.iter().enumerate() {
            let kept = &heard.batches[size];
            std::hint::black_box(self.model.predict(kept[i % kept.len()].view())?);
        }
        Ok(heard.sizes.iter().sum())
    }
}

impl Model for Asked {
    fn n_features(&self) -> usize {
        self.model.n_features()
    }

    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }

    fn output(&self) -> Output {
        self.model.output()
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> fi_core::Result<Array2<f64>> {
        if self.listens.load(Ordering::Relaxed)
            && let Ok(mut heard) = self.heard.lock()
        {
            heard.sizes.push(rows.nrows());
            let kept = heard.batches.entry(rows.nrows()).or_default();
            if kept.len() < KEPT {
                kept.push(rows.to_owned());
            }
        }
        self.model.predict(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_first_work_asked_is_asked_again() {
        let model = fi_core::Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
            rows.slice(s![.., ..1]).to_owned()
        });
        let asked = Asked::new(Box::new(model));
        for n_rows in [3, 5, 3] {
            asked.predict(Array2::zeros((n_rows, 2)).view()).unwrap();
        }
        assert_eq!(asked.again().unwrap(), 11);
        asked.predict(Array2::zeros((7, 2)).view()).unwrap();
        assert_eq!(asked.again().unwrap(), 11);
    }
}
