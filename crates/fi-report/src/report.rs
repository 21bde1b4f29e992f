//! Which methods are run on a model, and on which rows.

use fi_core::agreement::Agreement;
use fi_core::{
    Attribution, Curve, Dataset, Importance, Metric, Model as _, Players, Run, Target, Warning,
    require,
};
use fi_models::store::Stored;
use ndarray::{Array2, ArrayView2};

use crate::correlation::{self, Correlation};
use crate::error::Result;
use crate::model::{ModelFacts, View};
use crate::{curves, methods, shap};

/// Streams of draws, which must not be those of a method.
const SCORED: u64 = 0x7265_706f_7274_0001;
const EXPLAINED: u64 = 0x7265_706f_7274_0002;

/// Looks at a model from all sides: what is run, and on how many rows.
///
/// | method | where |
/// |---|---|
/// | permutation importance | the rows have a target |
/// | SHAP | always: of trees from their structure, of other models from predictions |
/// | impurity (MDI), else total gain, else split counts | trees, features scored one by one |
/// | standardized coefficients, or coefficients | linear models, features scored one by one |
/// | VIANN | networks of fi, features scored one by one |
/// | partial dependence | the features that matter most |
///
/// What is left out, and every sample of rows, is said in [`Findings::notes`] and on the page.
///
/// # Cost
///
/// Permutation importance predicts `n_repeats × n_players` times the scored rows, trees in one
/// pass; SHAP of a model that is not made of trees predicts, for each of `max_predicted_rows`
/// rows, up to `40 × n_players` coalitions over 32 background rows.
///
/// # When it misleads
///
/// Several methods that agree may all be wrong in the same way: most of them share what
/// correlated features have in common. The warnings on the page say so where it is seen.
///
/// # Errors
///
/// Of [`Report::findings`]: [`Error::Method`](crate::Error::Method) names the method that failed,
/// also when it was stopped.
#[derive(Debug, Clone)]
pub struct Report {
    /// The metric of permutation importance; default `None`: log loss for classes, MSE for numbers.
    pub metric: Option<Metric>,
    /// How often each player is shuffled, at least 1; default 10.
    pub n_repeats: usize,
    /// The coverage of intervals, inside (0, 1); default 0.95.
    pub confidence: f64,
    /// At most this many rows are scored by permutation importance, at least 2; default 100 000.
    pub max_scored_rows: usize,
    /// At most this many rows are explained by SHAP of trees, at least 1; default 1000.
    pub max_explained_rows: usize,
    /// The same of models that are explained by their predictions; default 200.
    pub max_predicted_rows: usize,
    /// For so many of the most important features the prediction is drawn over the feature;
    /// default 4.
    pub n_curves: usize,
    /// Partial dependence averages over at most this many rows, at least 1; default 500.
    pub max_curve_rows: usize,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            metric: None,
            n_repeats: 10,
            confidence: 0.95,
            max_scored_rows: 100_000,
            max_explained_rows: 1000,
            max_predicted_rows: 200,
            n_curves: 4,
            max_curve_rows: 500,
        }
    }
}

/// The rows that a model is looked at with.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// Rows whose answers are known.
    Scored(&'a Dataset),
    /// Rows alone: no method can ask how good the model is.
    Alone(ArrayView2<'a, f64>),
}

impl Rows<'_> {
    pub(crate) fn view(&self) -> ArrayView2<'_, f64> {
        match self {
            Self::Scored(data) => data.rows(),
            Self::Alone(rows) => rows.view(),
        }
    }
}

/// What was found: everything that a page shows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Findings {
    /// What the model is.
    pub model: ModelFacts,
    /// How many rows there were.
    pub n_rows: usize,
    /// How many of them were scored by methods that need a target; 0 without one.
    pub n_scored: usize,
    /// The global scores of each method, over the same players. The first one decides what is
    /// called most important.
    pub importances: Vec<Importance>,
    /// Spearman's ρ between the methods' scores; NaN where a method prefers nothing.
    pub agreement: Array2<f64>,
    /// The SHAP values of the explained rows.
    pub attribution: Attribution,
    /// What the SHAP values add up to: the name of their scale.
    pub scale: String,
    /// The names of the outputs that SHAP values explain.
    pub outputs: Vec<String>,
    /// The explained rows' numbers in the table, from 0, ascending.
    pub explained: Vec<usize>,
    /// `(n_explained, n_features)`: their values.
    pub values: Array2<f64>,
    /// The players' members, as places of features.
    pub members: Vec<Vec<usize>>,
    /// The names of the features.
    pub features: Vec<String>,
    /// Of each feature that was read from text: its categories' names by their numbers.
    pub categories: Vec<Option<Vec<String>>>,
    /// Their answers, printed, where there is a target.
    pub answers: Option<Vec<String>>,
    /// The names of the model's outputs, where they have names.
    pub answer_names: Vec<String>,
    /// Partial dependence of the most important features.
    pub curves: Vec<Curve>,
    /// The places of their features.
    pub curved: Vec<usize>,
    /// Which features go together.
    pub correlation: Option<Correlation>,
    /// What was left out, and which rows were drawn, one sentence each.
    pub notes: Vec<String>,
    /// The seed of everything that was drawn.
    pub seed: u64,
}

impl Report {
    /// Runs every method that fits the model.
    ///
    /// The answer depends on the run's seed, and not on the number of threads.
    ///
    /// # Errors
    ///
    /// As [`Report`] says; a parameter outside its domain; rows or players of other features than
    /// the model's.
    pub fn findings(
        &self,
        run: &Run<'_>,
        model: &Stored,
        rows: Rows<'_>,
        players: &Players,
    ) -> Result<Findings> {
        self.check()?;
        let n_rows = rows.view().nrows();
        require(n_rows > 0, "rows", n_rows, "at least one row")?;
        fi_core::check_columns(model.feature_names.len(), rows.view())?;
        let view = View::new(model, players, rows)?;
        let mut notes = Vec::new();
        let scored = view.data.as_ref().map(|data| self.scored(run, data, &mut notes));
        let scored = scored.transpose()?;
        let correlated = methods::correlated(&view)?;
        let mut importances = Vec::new();
        if let Some(data) = &scored {
            let mut found = methods::permutation(self, run, model, &view, data)?;
            found.warnings.extend(methods::seen(model, &view, data)?);
            found.warnings.extend(correlated.clone());
            // A page of half the work would look like a whole one.
            if let Some(Warning::Unfinished { done, total }) =
                found.warnings.iter().find(|warning| matches!(warning, Warning::Unfinished { .. }))
            {
                return Err(fi_core::Error::Cancelled { done: *done, total: *total }.into());
            }
            importances.push(found);
        } else {
            notes.push(
                "Without a target nothing says how good the model is, and permutation importance \
                 is left out."
                    .to_owned(),
            );
        }
        let explained = self.explained(run, model, &view, &mut notes);
        let values = view.rows.select(ndarray::Axis(0), &explained);
        let shap = shap::explain(run, model, &view, values.view(), &mut notes)?;
        if let Some(rows) = &shap.attribution.finished_rows {
            let (done, total) = (rows.len(), explained.len());
            return Err(fi_core::Error::Cancelled { done, total }.into());
        }
        let mut mean = shap.attribution.mean_abs(self.confidence)?;
        // What is read from trees asks about no row that cannot occur.
        if View::trees(model).is_none() {
            mean.warnings.extend(correlated);
        }
        importances.push(mean);
        importances.extend(methods::of_inside(model, &view, &mut notes)?);
        let first = &importances[0];
        let top = view.features_by(first);
        let (curved, curves) = curves::curves(self, run, &view, &top, &mut notes)?;
        let correlation = correlation::correlation(run, &view, &top, &mut notes)?;
        let agreement = agreement(&importances)?;
        Ok(Findings {
            model: ModelFacts::new(model, players),
            n_rows,
            n_scored: scored.as_ref().map_or(0, Dataset::n_rows),
            agreement,
            outputs: shap.outputs,
            scale: shap.scale,
            attribution: shap.attribution,
            values: rows.view().select(ndarray::Axis(0), &explained),
            members: (0..players.len()).map(|i| players.members(i).to_vec()).collect(),
            features: model.feature_names.clone(),
            categories: model.category_names(),
            answers: answers(rows, &explained),
            explained,
            answer_names: answer_names(model),
            curves,
            curved,
            correlation,
            notes,
            importances,
            seed: run.seed(),
        })
    }

    fn check(&self) -> fi_core::Result<()> {
        require(self.n_repeats > 0, "n_repeats", self.n_repeats, "at least 1")?;
        let inside = self.confidence > 0.0 && self.confidence < 1.0;
        require(inside, "confidence", self.confidence, "inside (0, 1)")?;
        let scored = self.max_scored_rows;
        require(scored >= 2, "max_scored_rows", scored, "at least 2")?;
        let counts = [
            ("max_explained_rows", self.max_explained_rows),
            ("max_predicted_rows", self.max_predicted_rows),
            ("max_curve_rows", self.max_curve_rows),
        ];
        counts.into_iter().try_for_each(|(name, n)| require(n > 0, name, n, "at least 1"))
    }

    fn scored(
        &self,
        run: &Run<'_>,
        data: &Dataset,
        notes: &mut Vec<String>,
    ) -> fi_core::Result<Dataset> {
        let n = data.n_rows();
        if n <= self.max_scored_rows {
            return Ok(data.clone());
        }
        notes.push(format!(
            "Permutation importance is of {} rows, drawn from {n}.",
            self.max_scored_rows
        ));
        data.select_rows(&drawn(run, SCORED, n, self.max_scored_rows))
    }

    fn explained(
        &self,
        run: &Run<'_>,
        model: &Stored,
        view: &View<'_, '_>,
        notes: &mut Vec<String>,
    ) -> Vec<usize> {
        let most = match View::trees(model) {
            Some(_) => self.max_explained_rows,
            None => self.max_predicted_rows,
        };
        let n = view.rows.nrows();
        if n > most {
            notes.push(format!("SHAP values are of {most} rows, drawn from {n}."));
        }
        drawn(run, EXPLAINED, n, most)
    }
}

/// At most so many rows, ascending.
pub(crate) fn drawn(run: &Run<'_>, stream: u64, n_rows: usize, most: usize) -> Vec<usize> {
    if n_rows <= most {
        return (0..n_rows).collect();
    }
    let mut rows = run.split(stream).rng(0).sample(n_rows, most);
    rows.sort_unstable();
    rows
}

fn answers(rows: Rows<'_>, explained: &[usize]) -> Option<Vec<String>> {
    let Rows::Scored(data) = rows else { return None };
    Some(match data.target() {
        Target::Values(values) => {
            explained.iter().map(|&row| fi_viz::number(values[row])).collect()
        }
        Target::Classes { labels, names } => {
            explained.iter().map(|&row| names[labels[row]].clone()).collect()
        }
    })
}

fn answer_names(model: &Stored) -> Vec<String> {
    let n_outputs = model.n_outputs();
    model.class_names.clone().filter(|names| names.len() == n_outputs).unwrap_or_default()
}

fn agreement(importances: &[Importance]) -> fi_core::Result<Array2<f64>> {
    let n = importances.len();
    let mut table = Array2::from_elem((n, n), f64::NAN);
    for (i, a) in importances.iter().enumerate() {
        for (j, b) in importances.iter().enumerate() {
            let rho = Agreement::Spearman.between(&a.values, &b.values)?;
            table[[i, j]] = rho.unwrap_or(f64::NAN);
        }
    }
    Ok(table)
}
