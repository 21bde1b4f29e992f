//! fi's side of each piece of work.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use fi_core::{Dataset, Metric, Model as _, Permutation, Players, Run, Target};
use fi_io::{read_npy_1d, read_npy_2d};
use fi_models::Fitted;
use fi_models::import::load;
use fi_models::tree::{
    Background, GradientBoosting, MaxFeatures, OutputScale, Perturbation, Precision, RandomForest,
    TreeExplainer, TreeShap, Trees, permutation,
};
use ndarray::{Array2, s};

/// A piece of work with its data and model loaded: [`Job::run`] is what is timed.
pub struct Job {
    kind: Kind,
    rows: Array2<f64>,
    target: Option<Target>,
    background: Option<Background>,
    model: Option<Trees>,
    names: Vec<String>,
}

enum Kind {
    Attribution,
    Interventional,
    Interactions,
    Predict,
    Permutation(Metric),
    Forest(RandomForest),
    Boosting(GradientBoosting),
}

impl Job {
    /// Loads what `name` ([`Work::name`](super::Work::name)) needs from the folder of models.
    ///
    /// # Errors
    ///
    /// A file that is missing or is not what it should be; an unknown name.
    pub fn load(folder: &Path, name: &str, n_rows: usize) -> Result<Self> {
        let (work, argument) = name.split_once(':').context("a work is `kind:argument`")?;
        let array = |name: &str| read_npy_2d(folder.join(format!("{name}.npy")));
        let vector = |name: &str| read_npy_1d(folder.join(format!("{name}.npy")));
        let (kind, table, model) = match (work, argument) {
            ("contribs", "lightgbm") => (Kind::Attribution, "x8", "lightgbm.txt".to_owned()),
            ("contribs", "catboost") => (Kind::Attribution, "x8", "catboost.json".to_owned()),
            ("contribs" | "path", depth) => {
                (Kind::Attribution, "x50", format!("xgboost_d{depth}.json"))
            }
            ("background", depth) => {
                (Kind::Interventional, "x50", format!("xgboost_d{depth}.json"))
            }
            ("interactions", depth) => {
                (Kind::Interactions, "x50", format!("xgboost_d{depth}.json"))
            }
            ("forest", name) => (Kind::Attribution, "x8", format!("{name}.json")),
            ("predict", "lightgbm") => (Kind::Predict, "x8", "lightgbm.txt".to_owned()),
            ("predict", "catboost") => (Kind::Predict, "x8", "catboost.json".to_owned()),
            ("predict", depth) => (Kind::Predict, "x50", format!("xgboost_d{depth}.json")),
            ("forest_predict", "forest_classes") => {
                (Kind::Predict, "x20", "forest_classes.json".to_owned())
            }
            ("forest_predict", name) => (Kind::Predict, "x8", format!("{name}.json")),
            ("permutation_xgboost", depth) => {
                (Kind::Permutation(Metric::Mse), "x50", format!("xgboost_d{depth}.json"))
            }
            ("permutation_forest", name) => {
                (Kind::Permutation(Metric::Accuracy), "x20", format!("{name}.json"))
            }
            ("forest_training", kind) => (Kind::Forest(forest(kind)), "x20", String::new()),
            ("training", "boosting") => (Kind::Boosting(boosting()), "x20", String::new()),
            _ => bail!("there is no work called `{name}`"),
        };
        let whole = array(table)?;
        let rows = whole.slice(s![..n_rows.min(whole.nrows()), ..]).to_owned();
        let classes = match &kind {
            Kind::Forest(_) => argument == "classes",
            Kind::Permutation(_) => work == "permutation_forest",
            _ => false,
        };
        let target = match table {
            "x50" => Some(vector("y50")?),
            "x20" if classes => Some(vector("classes20")?),
            "x20" => Some(vector("y20")?),
            _ => None,
        };
        let target = target.map(|target| {
            let target = target.slice(s![..rows.nrows()]).to_vec();
            if classes {
                let labels = target.iter().map(|&class| class as usize).collect();
                Target::Classes { labels, names: vec!["0".to_owned(), "1".to_owned()] }
            } else {
                Target::Values(target)
            }
        });
        let background = match &kind {
            Kind::Interventional => {
                Some(Background::new(whole.slice(s![10_000..11_000, ..]).to_owned(), None)?)
            }
            _ => None,
        };
        let model = if model.is_empty() {
            None
        } else {
            match load(&folder.join(&model))?.model {
                Fitted::Trees(trees) => Some(trees),
                _ => bail!("`{model}` is no model of trees"),
            }
        };
        let names = (0..rows.ncols()).map(|i| format!("x{i}")).collect();
        Ok(Self { kind, rows, target, background, model, names })
    }

    /// What is made ready before the clock starts: the explainer of a single row, for which
    /// preparing the trees is the model's load and not the row's cost.
    ///
    /// # Errors
    ///
    /// Those of the method.
    pub fn prepare(&self) -> Result<Option<TreeExplainer<'_>>> {
        let (Kind::Attribution, 1, Some(model)) = (&self.kind, self.rows.nrows(), &self.model)
        else {
            return Ok(None);
        };
        let settings = TreeShap { precision: Precision::F32, ..TreeShap::default() };
        Ok(Some(settings.explainer(&Run::new(0), model)?))
    }

    /// Does the work once, on the threads of the current pool.
    ///
    /// # Errors
    ///
    /// Those of the method.
    pub fn run(&self, prepared: Option<&TreeExplainer<'_>>) -> Result<Option<Trees>> {
        let run = Run::new(0);
        let rows = self.rows.view();
        let players = Players::features(self.names.clone())?;
        let model = || self.model.as_ref().context("this work has a model");
        let data = || -> Result<Dataset> {
            Ok(Dataset::new(self.rows.clone(), self.target.clone().context("a target")?)?)
        };
        let shap = |perturbation| TreeShap {
            perturbation,
            output_scale: OutputScale::Raw,
            precision: Precision::F32,
            ..TreeShap::default()
        };
        match &self.kind {
            Kind::Attribution if prepared.is_some() => {
                let explainer = prepared.context("an explainer")?;
                std::hint::black_box(explainer.attribution(&run, &players, rows)?);
            }
            Kind::Attribution => {
                let explainer = shap(Perturbation::TreePath).explainer(&run, model()?)?;
                std::hint::black_box(explainer.attribution(&run, &players, rows)?);
            }
            Kind::Interventional => {
                let background = self.background.as_ref().context("a background")?;
                let perturbation = Perturbation::Interventional(background);
                let explainer = shap(perturbation).explainer(&run, model()?)?;
                std::hint::black_box(explainer.attribution(&run, &players, rows)?);
            }
            Kind::Interactions => {
                let explainer = shap(Perturbation::TreePath).explainer(&run, model()?)?;
                std::hint::black_box(explainer.interactions(&run, &players, rows)?);
            }
            Kind::Predict => {
                let model = model()?;
                let blocks = run.map(rows.nrows().div_ceil(4096), |block, _| {
                    let end = ((block + 1) * 4096).min(rows.nrows());
                    model.predict(rows.slice(s![block * 4096..end, ..]))
                })?;
                std::hint::black_box(blocks);
            }
            Kind::Permutation(metric) => {
                let settings = Permutation { n_repeats: 5, ..Permutation::default() };
                let metrics = [metric.clone()];
                std::hint::black_box(permutation(
                    &run,
                    &settings,
                    model()?,
                    &data()?,
                    &players,
                    &metrics,
                )?);
            }
            Kind::Forest(settings) => return Ok(Some(settings.fit(&run, &data()?)?)),
            Kind::Boosting(settings) => return Ok(Some(settings.fit(&run, &data()?)?)),
        }
        Ok(None)
    }

    /// What a model trained by [`Job::run`] scores on rows it has not seen: accuracy or R².
    ///
    /// # Errors
    ///
    /// A file that is missing.
    pub fn score(&self, folder: &Path, model: &Trees) -> Result<f64> {
        let rows = read_npy_2d(folder.join("x20_test.npy"))?;
        let (metric, target) = if let Some(Target::Classes { names, .. }) = &self.target {
            let labels = read_npy_1d(folder.join("classes20_test.npy"))?;
            let labels = labels.iter().map(|&class| class as usize).collect();
            (Metric::Accuracy, Target::Classes { labels, names: names.clone() })
        } else {
            let values = read_npy_1d(folder.join("y20_test.npy"))?;
            (Metric::R2, Target::Values(values.to_vec()))
        };
        let predictions = model.predict(rows.view())?;
        Ok(metric.score(predictions.view(), model.output(), &target, None)?)
    }
}

fn forest(kind: &str) -> RandomForest {
    if kind == "classes" {
        return RandomForest::default();
    }
    let mut forest = RandomForest::regression();
    forest.tree.max_features = MaxFeatures::Share(1.0 / 3.0);
    forest
}

fn boosting() -> GradientBoosting {
    GradientBoosting { n_estimators: 500, ..GradientBoosting::regression() }
}
