//! Methods that only predict: fi's side, and how much of its time is the model's.

mod asked;
mod works;

pub use works::BLACK_BOX;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use fi_core::conditional::Gaussian;
use fi_core::lime::Lime;
use fi_core::shapley::{Estimator, Kernel, Permutation as Walks, Rates, explain};
use fi_core::{
    ConditionalPermutation, Conditioning, Dataset, Folds, Lofo, Metric, Model, Permutation,
    Players, Removal, Run, Sage, Target,
};
use fi_io::{read_npy_1d, read_npy_2d};
use fi_models::Fitted;
use fi_models::import::{load, load_with_layers};
use fi_models::network::{self, Network};
use fi_models::tree::RandomForest;
use ndarray::{Axis, s};

use self::asked::Asked;

/// Of a method's time, the most that is to be spent on anything but the model.
pub const MOST_BEYOND: f64 = 0.1;

const N_BACKGROUND: usize = 100;
const N_COALITIONS: usize = 2048;
const N_PERMUTATIONS: usize = 20;
const N_REPEATS: usize = 5;
const N_SAMPLES: usize = 5_000;
const TOLERANCE: f64 = 0.025;

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
    Sage,
    /// Whether all rows share the samples, and the explainer of a single row, which is ready.
    Lime(bool, Option<fi_core::lime::Explainer>),
    Conditional,
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
                (Method::Shapley(Box::new(Kernel::new(N_COALITIONS))), model)
            }
            Some(("kernel_equal", model)) => {
                let kernel = Kernel { n_coalitions: N_COALITIONS, rates: Rates::Equal };
                (Method::Shapley(Box::new(kernel)), model)
            }
            Some(("walks", model)) => {
                let walks = Walks { n_permutations: N_PERMUTATIONS, tolerance: None };
                (Method::Shapley(Box::new(walks)), model)
            }
            Some(("sage", model)) => (Method::Sage, model),
            Some(("lime", model)) => (Method::Lime(kind == "lime_shared", None), model),
            Some(("gaussian", model)) => (Method::Conditional, model),
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
        let method = match method {
            // As the peer's.
            Method::Lime(shared, _) if n_rows == 1 => {
                Method::Lime(shared, Some(lime().fit(&data)?))
            }
            method => method,
        };
        let inside = kind == "first_layer";
        Ok(Self { method, inside, model: Asked::new(model), network, data, players, n_rows })
    }

    /// Does the work once, and answers the held-out score of what was trained, if anything was.
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
            Method::Sage => {
                let background = data.rows().slice_move(s![..N_BACKGROUND, ..]).to_owned();
                let removal = Removal::marginal(background)?;
                let sage = Sage { tolerance: Some(TOLERANCE), ..Sage::default() };
                let metrics = [Metric::LogLoss];
                let found =
                    sage.importance(&run, &self.model, data, players, &removal, &metrics)?;
                std::hint::black_box(found);
            }
            Method::Lime(shared, ready) => {
                let made = if ready.is_none() { Some(lime().fit(data)?) } else { None };
                let explainer = ready.as_ref().or(made.as_ref()).context("an explainer")?;
                let rows = data.rows().slice_move(s![..self.n_rows, ..]);
                let at_once = if *shared { self.n_rows } else { 1 };
                for (i, rows) in rows.axis_chunks_iter(Axis(0), at_once).enumerate() {
                    let run = Run::new(i as u64);
                    std::hint::black_box(explainer.explain(&run, &self.model, rows, players)?);
                }
            }
            Method::Conditional => {
                let gaussian = Gaussian::fit(data)?;
                let given = Conditioning::Sampler(&gaussian);
                let settings =
                    ConditionalPermutation { n_repeats: N_REPEATS, ..Default::default() };
                let metrics = [Metric::LogLoss];
                let found =
                    settings.importance(&run, &self.model, data, players, &metrics, given)?;
                std::hint::black_box(found);
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

    /// The model's log loss, by which the record says that both sides ask the same model.
    ///
    /// # Errors
    ///
    /// The model's.
    pub fn log_loss(&self) -> Result<f64> {
        let predictions = self.model.alone().predict(self.data.rows())?;
        let (output, target) = (self.model.output(), self.data.target());
        Ok(Metric::LogLoss.score(predictions.view(), output, target, None)?)
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

/// The peer's settings: quartiles, ten features, one draw.
fn lime() -> Lime {
    Lime { n_samples: N_SAMPLES, n_repeats: 1, ..Lime::default() }
}
