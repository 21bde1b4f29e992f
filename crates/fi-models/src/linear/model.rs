//! The fitted linear model.

use fi_core::{Error, Model, Output, Result, check_columns, require_shape};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// What the linear scores `x · coefficients + intercepts` are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scores {
    /// The prediction itself, in the target's unit: regression.
    Values,
    /// Scores before a link function, returned as they are.
    Margins,
    /// Log-odds, turned into one probability per class.
    ///
    /// One column is the log-odds of the second of two `classes` against the first (logistic
    /// link). As many columns as `classes` are scores whose softmax is taken. A class that is
    /// not listed, because no training row had it, gets probability 0.
    Probabilities {
        /// The class of each column, ascending; two classes for a single column.
        classes: Vec<usize>,
        /// How many classes there are, listed or not.
        n_classes: usize,
    },
}

/// How sure the coefficients are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandardErrors {
    /// `(n_features, n_columns)`: the standard error of each coefficient.
    pub coefficients: Array2<f64>,
    /// The degrees of freedom of their t distribution: rows less estimated numbers.
    pub degrees_of_freedom: usize,
}

/// A fitted linear model: `scores = x · coefficients + intercepts`, read as [`Scores`] says.
///
/// # Shapes
///
/// `coefficients` is `(n_features, n_columns)`, `intercepts` is `(n_columns)`.
///
/// # When it misleads
///
/// A missing value (NaN) in a row makes that row's prediction NaN, as in every linear formula.
///
/// # Example
///
/// ```
/// use fi_core::Model;
/// use fi_models::linear::{LinearModel, Scores};
/// use ndarray::array;
///
/// let model = LinearModel::new(array![[2.0], [-1.0]], array![0.5], Scores::Values)?;
/// assert_eq!(model.predict(array![[1.0, 3.0]].view())?, array![[-0.5]]);
///
/// let two = Scores::Probabilities { classes: vec![0, 1], n_classes: 2 };
/// let model = LinearModel::new(array![[1.0], [0.0]], array![0.0], two)?;
/// assert_eq!(model.predict(array![[0.0, 3.0]].view())?, array![[0.5, 0.5]]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearModel {
    coefficients: Array2<f64>,
    intercepts: Array1<f64>,
    scores: Scores,
    standard_errors: Option<StandardErrors>,
    feature_std: Option<Vec<f64>>,
}

impl LinearModel {
    /// A model of these `(n_features, n_columns)` coefficients and `(n_columns)` intercepts.
    ///
    /// # Errors
    ///
    /// As for [`LinearModel::validate`].
    pub fn new(coefficients: Array2<f64>, intercepts: Array1<f64>, scores: Scores) -> Result<Self> {
        let model =
            Self { coefficients, intercepts, scores, standard_errors: None, feature_std: None };
        model.validate()?;
        Ok(model)
    }

    /// The same model, which knows how sure its coefficients are.
    ///
    /// # Errors
    ///
    /// As for [`LinearModel::validate`].
    pub fn with_standard_errors(self, errors: StandardErrors) -> Result<Self> {
        let model = Self { standard_errors: Some(errors), ..self };
        model.validate()?;
        Ok(model)
    }

    /// The same model, which remembers the standard deviation (ddof 0) of each training column.
    ///
    /// # Errors
    ///
    /// As for [`LinearModel::validate`].
    pub fn with_feature_std(self, feature_std: Vec<f64>) -> Result<Self> {
        let model = Self { feature_std: Some(feature_std), ..self };
        model.validate()?;
        Ok(model)
    }

    /// `(n_features, n_columns)`: how much a column's score grows per unit of a feature.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.coefficients.view()
    }

    /// `(n_columns)`: the scores of a row of zeros.
    pub fn intercepts(&self) -> &Array1<f64> {
        &self.intercepts
    }

    /// What the scores are.
    pub fn scores(&self) -> &Scores {
        &self.scores
    }

    /// How sure the coefficients are, where the fit can tell.
    pub fn standard_errors(&self) -> Option<&StandardErrors> {
        self.standard_errors.as_ref()
    }

    /// The standard deviation (ddof 0) of each training column, where it was kept.
    pub fn feature_std(&self) -> Option<&[f64]> {
        self.feature_std.as_deref()
    }

    /// `(n_rows, n_columns)`: the scores before any link.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of columns.
    pub fn margins(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_columns(self.n_features(), rows)?;
        // A fixed order of additions for every row, however many rows come at once: a matrix
        // product picks its kernel by shape, and a row's answer must depend on that row alone.
        let mut scores = Array2::zeros((rows.nrows(), self.intercepts.len()));
        for (row, mut score) in rows.outer_iter().zip(scores.outer_iter_mut()) {
            score.assign(&self.intercepts);
            for (&x, coefficients) in row.iter().zip(self.coefficients.outer_iter()) {
                score.scaled_add(x, &coefficients);
            }
        }
        Ok(scores)
    }

    /// Whether the parts fit together; called for every model made or read from a file.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for parts of different sizes; [`Error::Data`] without features, for
    /// classes that do not fit the columns, or for a standard error or deviation that is
    /// negative; [`Error::NotFinite`] for a number that is not finite.
    pub fn validate(&self) -> Result<()> {
        let (n_features, n_columns) = self.coefficients.dim();
        if n_features == 0 || n_columns == 0 {
            return Err(Error::Data(
                "the linear model has no coefficients, give at least one feature and one output"
                    .into(),
            ));
        }
        require_shape("the list of intercepts", &[n_columns], self.intercepts.shape())?;
        finite("the coefficient", self.coefficients.view())?;
        finite("the intercept", self.intercepts.view().insert_axis(Axis(1)))?;
        if let Scores::Probabilities { classes, n_classes } = &self.scores {
            let expected = if n_columns == 1 { 2 } else { n_columns };
            require_shape("the list of classes", &[expected], &[classes.len()])?;
            let ascending = classes.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending || classes.iter().any(|class| class >= n_classes) {
                return Err(Error::Data(format!(
                    "the classes {classes:?} of the linear model must ascend and be below {n_classes}"
                )));
            }
            // A prediction has a column per class: an absurd number must not be allocated.
            if *n_classes > MOST_CLASSES {
                return Err(Error::Data(format!(
                    "the linear model has {n_classes} classes, at most {MOST_CLASSES} are possible"
                )));
            }
        }
        if let Some(errors) = &self.standard_errors {
            let got = errors.coefficients.shape();
            require_shape("the standard errors", &[n_features, n_columns], got)?;
            not_negative("the standard error", errors.coefficients.view())?;
            fi_core::require(
                errors.degrees_of_freedom > 0,
                "degrees_of_freedom",
                errors.degrees_of_freedom,
                "at least 1",
            )?;
        }
        if let Some(std) = &self.feature_std {
            require_shape("the features' standard deviations", &[n_features], &[std.len()])?;
            let column = ArrayView2::from_shape((n_features, 1), std).map_err(Error::model)?;
            not_negative("the feature's standard deviation", column)?;
        }
        Ok(())
    }
}

const MOST_CLASSES: usize = 1 << 20;

impl Model for LinearModel {
    fn n_features(&self) -> usize {
        self.coefficients.nrows()
    }

    fn n_outputs(&self) -> usize {
        match &self.scores {
            Scores::Values | Scores::Margins => self.intercepts.len(),
            Scores::Probabilities { n_classes, .. } => *n_classes,
        }
    }

    fn output(&self) -> Output {
        match &self.scores {
            Scores::Values => Output::Values,
            Scores::Margins => Output::Margins,
            Scores::Probabilities { .. } => Output::Probabilities,
        }
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let margins = self.margins(rows)?;
        let Scores::Probabilities { classes, n_classes } = &self.scores else {
            return Ok(margins);
        };
        let mut predictions = Array2::zeros((rows.nrows(), *n_classes));
        for (margin, mut row) in margins.outer_iter().zip(predictions.outer_iter_mut()) {
            if margin.len() == 1 {
                // Both tails are computed on their own, so that neither loses its digits.
                row[classes[0]] = logistic(-margin[0]);
                row[classes[1]] = logistic(margin[0]);
                continue;
            }
            let highest = margin.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights = margin.mapv(|score| (score - highest).exp());
            let total: f64 = weights.iter().sum();
            for (&class, weight) in classes.iter().zip(&weights) {
                row[class] = weight / total;
            }
        }
        Ok(predictions)
    }
}

fn logistic(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

fn finite(what: &str, values: ArrayView2<'_, f64>) -> Result<()> {
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, _), &value)) => {
            Err(Error::NotFinite { what: what.to_owned(), row, column: None, value })
        }
    }
}

fn not_negative(what: &str, values: ArrayView2<'_, f64>) -> Result<()> {
    finite(what, values)?;
    match values.indexed_iter().find(|(_, value)| **value < 0.0) {
        None => Ok(()),
        Some(((row, _), value)) => Err(Error::Data(format!(
            "{what} of feature {row} is `{value}`, it must not be negative"
        ))),
    }
}
