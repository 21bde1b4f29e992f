//! Options that say what the data are, and reading them for a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use fi_core::{Dataset, Model as _, Output, Players, SensorPairs, Sequence, Target};
use fi_io::{
    DataOptions, PairSum, SpooledData, TargetSource, Task, read_data, read_rows, spool_data,
};
use fi_models::store::Stored;
use ndarray::Array2;

use crate::failure::{Done, Failure};
use crate::large::parse_memory;
use crate::output::name_of;
use crate::session::Session;

/// A table, and what its columns are.
#[derive(Args, Clone)]
pub(crate) struct DataArgs {
    /// The table: .csv with a header, .parquet, or .npy (columns x0, x1, … unless --names says otherwise);
    /// .npy of three dimensions (row, step, channel) for sequences, padded with NaN
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The target: a column's name, or a .npy file of one number per row
    #[arg(long, value_name = "COLUMN|FILE.npy")]
    pub(crate) target: Option<String>,
    /// What the target is [default: found out, and said]
    #[arg(long, value_enum)]
    pub(crate) task: Option<TaskArg>,
    /// The names of an array's columns, or of its channels, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) names: Option<PathBuf>,
    /// The column of sample weights
    #[arg(long, value_name = "COLUMN")]
    pub(crate) weights: Option<String>,
    /// The column that says which rows belong together
    #[arg(long, value_name = "COLUMN")]
    pub(crate) rows_group: Option<String>,
    /// Columns to leave out
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) drop: Vec<String>,
    /// Features that are categories, to train on: of numbers 0, 1, 2, …, or of text, which is so
    /// anyway; of a .csv also those that hold numbers and text
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) categorical: Vec<String>,
    /// Read .csv, .parquet or 2-D .npy in blocks, and keep the work within about this much memory, such as
    /// 1GiB: for permutation importance, SHAP of trees and predictions
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub(crate) memory: Option<u64>,
}

/// What a model is to predict.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskArg {
    /// Classes
    Classification,
    /// Numbers
    Regression,
}

impl From<TaskArg> for Task {
    fn from(task: TaskArg) -> Self {
        match task {
            TaskArg::Classification => Self::Classification,
            TaskArg::Regression => Self::Regression,
        }
    }
}

impl DataArgs {
    /// For a model's features, if there are any.
    fn options_of(&self, model: &Stored) -> DataOptions {
        DataOptions {
            features: Some(model.feature_names.clone()),
            categories: model.categories.clone(),
            ..self.options()
        }
    }

    fn options(&self) -> DataOptions {
        let is_file =
            |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "npy");
        let target = self.target.as_ref().map(|name| {
            if is_file(name) {
                TargetSource::File(PathBuf::from(name))
            } else {
                TargetSource::Column(name.clone())
            }
        });
        DataOptions {
            target,
            task: self.task.map(Task::from),
            names: self.names.clone(),
            weights: self.weights.clone(),
            groups: self.rows_group.clone(),
            drop: self.drop.clone(),
            categorical: self.categorical.clone(),
            categories: Vec::new(),
            features: None,
        }
    }

    /// Whether there is a table.
    pub(crate) fn is_given(&self) -> bool {
        self.data.is_some()
    }

    /// The table's file.
    fn file(&self) -> Done<&Path> {
        match &self.data {
            Some(file) => Ok(file),
            None => Failure::call("this needs rows: give --data"),
        }
    }

    /// Refuses `--memory`, for what takes all rows at once.
    fn whole(&self) -> Done {
        match self.memory {
            Some(_) => Failure::call("this needs all rows in memory: leave --memory out"),
            None => Ok(()),
        }
    }

    /// The files that the data come from.
    pub(crate) fn files(&self) -> Vec<&Path> {
        let target = self.target.as_deref().map(Path::new);
        let target = target.filter(|name| name.extension().is_some_and(|e| e == "npy"));
        let files = [self.data.as_deref(), target, self.names.as_deref()];
        files.into_iter().flatten().collect()
    }

    /// The data to train on; says which task was found.
    pub(crate) fn to_train(&self, session: &Session) -> Done<Dataset> {
        self.file()?;
        if self.target.is_none() {
            return Failure::call("say what to predict with --target");
        }
        self.whole()?;
        let path = self.file()?;
        let data = table(session, path, &self.options())?;
        let at_path = |error| anyhow::anyhow!("`{}`: {error}", path.display());
        data.target().require_variety().map_err(at_path)?;
        let data = session.rehearsal.some_of(data)?;
        if self.task.is_none() {
            session.note(match data.target() {
                Target::Values(_) => "The target is taken as numbers: regression.".to_owned(),
                Target::Classes { names, .. } => format!(
                    "The target is taken as {} classes ({}): classification.",
                    names.len(),
                    shortened(names)
                ),
            });
        }
        let features = data.feature_names().iter().enumerate();
        let text = features.filter_map(|(feature, name)| {
            Some(format!("{name} ({})", data.category_names(feature)?.len()))
        });
        let text: Vec<String> = text.collect();
        if !text.is_empty() {
            session.note(format!("Text is taken as categories: {}.", shortened(&text)));
        }
        Ok(data)
    }

    /// The data to score a model on: its features in its order, its classes.
    pub(crate) fn to_score(&self, session: &Session, model: &Stored) -> Done<Dataset> {
        self.file()?;
        if self.target.is_none() {
            return Failure::call(
                "this method compares predictions with the target: give --target",
            );
        }
        self.whole()?;
        self.labelled(session, None, model)
    }

    /// The rows of a model's features with their target, in this table or in --data.
    pub(crate) fn labelled(
        &self,
        session: &Session,
        path: Option<&Path>,
        model: &Stored,
    ) -> Done<Dataset> {
        let path = path.map_or_else(|| self.file(), Ok)?;
        let data = table(session, path, &self.options_to_score(model))?;
        let data = session.rehearsal.some_of(data)?;
        let (Target::Classes { .. }, Some(classes)) = (data.target(), classes_of(model)) else {
            return Ok(data);
        };
        let target = data.target().in_classes(&classes)?;
        Ok(data.with_target(target)?)
    }

    /// The data to score a model on, on disk.
    pub(crate) fn spooled_to_score(&self, model: &Stored) -> Done<SpooledData> {
        self.file()?;
        if self.target.is_none() {
            return Failure::call(
                "this method compares predictions with the target: give --target",
            );
        }
        not_a_sequence(model)?;
        let mut data = spool_data(self.file()?, &self.options_to_score(model), true)?;
        if let Some(classes) = classes_of(model)
            && let Some(target) = data.target.take()
        {
            let is_class = target.n_classes().is_some();
            data.target = Some(if is_class { target.in_classes(&classes)? } else { target });
        }
        Ok(data)
    }

    /// The rows of a model's features, on disk.
    pub(crate) fn spooled(&self, model: &Stored) -> Done<SpooledData> {
        not_a_sequence(model)?;
        let options = self.options_of(model);
        Ok(spool_data(self.file()?, &options, false)?)
    }

    fn options_to_score(&self, model: &Stored) -> DataOptions {
        let mut options = self.options_of(model);
        options.task = options.task.or(Some(match model.output() {
            Output::Values => Task::Regression,
            Output::Probabilities | Output::Margins | Output::Labels => Task::Classification,
        }));
        options
    }

    /// A model to use on this table, which names the features of one that has no names for them.
    pub(crate) fn model(
        &self,
        session: &Session,
        layers: &LayersArg,
        file: &Path,
    ) -> Done<Arc<Stored>> {
        layers.read(session, file, |mut model| {
            if let Some(table) = &self.data
                && let Some(names) =
                    fi_io::names_by_place(table, &self.options(), &model.feature_names)?
            {
                model.feature_names = names;
            }
            Ok(model)
        })
    }

    /// The rows of a model's features, for methods that need no target.
    pub(crate) fn rows(&self, session: &Session, model: &Stored) -> Done<Array2<f64>> {
        self.whole()?;
        Ok(session.rehearsal.some_rows_of(self.read_rows(session, self.file()?, model)?))
    }

    /// The table's features, if a table was given: those of these names, or all; and its rows.
    pub(crate) fn features(
        &self,
        names: Option<&[String]>,
    ) -> Done<Option<(Vec<String>, Array2<f64>)>> {
        let Some(path) = &self.data else { return Ok(None) };
        self.whole()?;
        let features = names.map(<[String]>::to_vec);
        Ok(Some(read_rows(path, &DataOptions { features, ..self.options() })?))
    }

    /// The rows of a model's features in another table with the same columns.
    pub(crate) fn rows_of(
        &self,
        session: &Session,
        path: &Path,
        model: &Stored,
    ) -> Done<Array2<f64>> {
        self.read_rows(session, path, model).map(Arc::unwrap_or_clone)
    }

    fn read_rows(&self, session: &Session, path: &Path, model: &Stored) -> Done<Arc<Array2<f64>>> {
        let options = self.options_of(model);
        let read = || session.rehearsal.reading(|| Ok(read_rows(path, &options)?.1));
        session.shelf.rows(path, &options, read)
    }
}

/// A table with its target; some of its rows in a rehearsal.
fn table(session: &Session, path: &Path, options: &DataOptions) -> Done<Arc<Dataset>> {
    let read = || session.rehearsal.reading(|| Ok(read_data(path, options)?));
    session.shelf.table(path, options, read)
}

/// The names of a model's classes; without names they are the numbers from 0.
fn classes_of(model: &Stored) -> Option<Vec<String>> {
    let numbered = || (0..model.n_outputs()).map(|class| class.to_string()).collect();
    model.class_names.clone().or_else(|| (model.n_outputs() > 1).then(numbered))
}

fn not_a_sequence(model: &Stored) -> Done {
    match Sequence::of_columns(&model.feature_names) {
        Some(_) => Failure::call("sequences are not read in blocks: leave --memory out"),
        None => Ok(()),
    }
}

/// A model file.
#[derive(Args)]
pub(crate) struct ModelArg {
    /// The model, told apart by its content
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    layers: LayersArg,
}

impl ModelArg {
    /// The files that the model comes from.
    pub(crate) fn files(&self) -> Vec<&Path> {
        std::iter::once(self.model.as_path()).chain(self.layers.layers.as_deref()).collect()
    }

    /// The model, to use on this table.
    pub(crate) fn load(&self, session: &Session, data: &DataArgs) -> Done<Arc<Stored>> {
        data.model(session, &self.layers, &self.model)
    }
}

/// What a file of tensors does not say.
#[derive(Args, Clone, Default)]
pub(crate) struct LayersArg {
    /// The layers of a network in .safetensors, described as docs/import.md says
    #[arg(long, value_name = "FILE.json")]
    pub(crate) layers: Option<PathBuf>,
}

impl LayersArg {
    /// A model, with its layers if they are described.
    pub(crate) fn load(&self, session: &Session, model: &Path) -> Done<Arc<Stored>> {
        self.read(session, model, Ok)
    }

    /// The same, completed before anybody sees it.
    fn read(
        &self,
        session: &Session,
        model: &Path,
        complete: impl FnOnce(Stored) -> Done<Stored>,
    ) -> Done<Arc<Stored>> {
        let read = || {
            complete(match &self.layers {
                Some(layers) => fi_models::import::load_with_layers(model, layers)?,
                None => fi_models::import::load(model)?,
            })
        };
        let read = || session.rehearsal.reading(read);
        session.shelf.model(model, self.layers.as_deref(), read)
    }
}

/// Groups of features, from a TOML file or from the features' names.
#[derive(Args, Clone, Default)]
#[command(group = clap::ArgGroup::new("paired").multiple(true))]
pub(crate) struct GroupsArg {
    /// Groups of features to score as one: lines of `name = ["column", "column"]`
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) groups: Option<PathBuf>,
    /// Features of pairs of sensors, such as `Left_Ankle.x_acc|Sacrum.z_gyro`: score as one
    #[arg(long, value_enum, group = "paired", conflicts_with = "groups")]
    group_by: Option<GroupBy>,
    /// Finds the two sensors in a feature's name, by groups called a and b
    #[arg(long, value_name = "REGEX", requires = "paired")]
    pair_pattern: Option<String>,
}

/// What features of pairs of sensors are scored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GroupBy {
    /// All features that a sensor takes part in
    Sensor,
    /// All features between two sensors
    SensorPair,
}

impl GroupsArg {
    /// The first of the options that make groups that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let by_name = self.group_by.map(|_| "group-by");
        self.groups.as_ref().map(|_| "groups").or(by_name)
    }

    /// The options that are no files.
    pub(crate) fn settings(&self) -> Vec<(String, fi_io::Cell)> {
        let pattern = self.pair_pattern.as_ref().filter(|_| self.group_by.is_some());
        let given = [
            ("group_by", name_of(self.group_by).map(Into::into)),
            ("pair_pattern", pattern.map(|pattern| pattern.as_str().into())),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// How a picture finds the pairs in what is scored, and which scores of a pair it sums.
    pub(crate) fn drawn(&self) -> (Option<&str>, PairSum) {
        match self.group_by {
            // A pair has one score, and is called as `SensorPairs` does.
            Some(_) => (Some("^(?<a>.+) × (?<b>.+)$"), PairSum::All),
            None => (self.pair_pattern.as_deref(), PairSum::Positive),
        }
    }

    /// The groups, or each feature for itself.
    pub(crate) fn players(&self, features: &[String]) -> Done<Players> {
        if let Some(by) = self.group_by {
            let pairs = SensorPairs::of_names(features, self.pair_pattern.as_deref())
                .map_err(|error| Failure::Call(error.to_string()))?;
            return Ok(match by {
                GroupBy::Sensor => pairs.sensor_players()?,
                GroupBy::SensorPair => pairs.pair_players()?,
            });
        }
        let Some(path) = &self.groups else { return Ok(Players::features(features.to_vec())?) };
        let file = path.display();
        let fail = |problem: String| Failure::Work(anyhow::anyhow!("`{file}`: {problem}"));
        let text = std::fs::read_to_string(path)
            .map_err(|error| fail(format!("it cannot be read: {error}")))?;
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| fail(error.message().to_owned()))?;
        let mut groups = Vec::new();
        for (name, members) in table {
            let names = members.as_array().and_then(|members| {
                members.iter().map(toml::Value::as_str).collect::<Option<Vec<&str>>>()
            });
            let Some(names) = names else {
                return Err(fail(format!(
                    "`{name}` is no list of columns, write {name} = [\"column\", \"column\"]"
                )));
            };
            let place = |column: &&str| {
                features.iter().position(|feature| feature == column).ok_or_else(|| {
                    fail(format!(
                        "group `{name}` names `{column}`, the features are {}",
                        shortened(features)
                    ))
                })
            };
            groups.push((name.clone(), names.iter().map(place).collect::<Done<Vec<usize>>>()?));
        }
        Players::groups(features.len(), groups).map_err(|error| fail(error.to_string()))
    }
}

/// Names for a sentence, which must not be gigantic.
pub(crate) fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, … ({} in all)", names.len()) } else { shown }
}

/// The place of a feature that an option names.
pub(crate) fn place(option: &str, name: &str, features: &[String]) -> Done<usize> {
    match features.iter().position(|feature| feature == name) {
        Some(place) => Ok(place),
        None => Failure::call(format!(
            "--{option} `{name}` is no feature here: they are {}",
            shortened(features)
        )),
    }
}
