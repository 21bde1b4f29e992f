//! Friedman's H statistic: how much of a pair's partial dependence is not the sum of its parts.

use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::importance::Warning;
use crate::model::Model;
use crate::run::Run;

use super::partial_dependence::{PartialDependence, means};
use super::question::Question;
use super::sweep::Sweep;

/// The cost grows with the square of the rows.
const MOST_ROWS: usize = 10_000;

/// How much two features interact, by their partial dependence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FriedmanH {
    /// The features' names.
    pub features: [String; 2],
    /// `(n_outputs)`: `H`, from 0 for a sum of the parts; 0 where the joint dependence is flat.
    pub values: Vec<f64>,
    /// `(n_outputs)`: the root of `H²`'s numerator per unit of weight, in the unit of the
    /// prediction: large only where the interaction moves predictions.
    pub unnormalized: Vec<f64>,
    /// The seed, where rows were drawn.
    pub seed: Option<u64>,
    /// How many rows the model predicted.
    pub n_evaluations: usize,
    /// What a reader must know before trusting the numbers.
    pub warnings: Vec<Warning>,
}

impl PartialDependence {
    /// Friedman's H statistic of two features, for each output.
    ///
    /// ```text
    /// H² = Σᵢ wᵢ (PDⱼₖ(xᵢⱼ, xᵢₖ) − PDⱼ(xᵢⱼ) − PDₖ(xᵢₖ))² / Σᵢ wᵢ PDⱼₖ(xᵢⱼ, xᵢₖ)²
    /// ```
    ///
    /// with the partial dependences of features `j` and `k`, alone and together, each at the rows'
    /// own values and shifted to mean 0 there. `grid`, `lines` and `centred` play no part.
    ///
    /// # Cost
    ///
    /// Up to `3 n_rows²` predicted rows, less where values repeat: set `max_rows` to a few hundred.
    ///
    /// # When it misleads
    ///
    /// - `H` is a share: two features without any effect can have a large one, so read
    ///   `unnormalized` beside it.
    /// - With dependent features it counts what the model says of rows that cannot occur, and may
    ///   exceed 1.
    /// - It has no interval here: run it on several seeds with `max_rows` to see it move.
    ///
    /// # Errors
    ///
    /// As for [`PartialDependence::surface`]; [`Error::Data`] for more than 10 000 rows.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Dataset, Function, PartialDependence, Run, Target};
    /// use ndarray::{array, ArrayView2, Axis};
    ///
    /// let rows = array![[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]];
    /// let data = Dataset::new(rows, Target::Values(vec![0.0; 4]))?;
    /// let product = Function::new(2, 1, |x: ArrayView2<f64>| {
    ///     (&x.column(0) * &x.column(1)).insert_axis(Axis(1))
    /// });
    /// let h = PartialDependence::default().friedman_h(&Run::new(0), &product, &data, [0, 1])?;
    /// assert_eq!((h.values[0], h.unnormalized[0]), (1.0, 1.0));
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// - Friedman, Popescu (2008). *Predictive learning via rule ensembles.* Annals of Applied
    ///   Statistics 2(3). <https://doi.org/10.1214/07-AOAS148>
    pub fn friedman_h(
        &self,
        run: &Run<'_>,
        model: &dyn Model,
        data: &Dataset,
        features: [usize; 2],
    ) -> Result<FriedmanH> {
        let question = &self.question(run, model, data, &features)?;
        let n_rows = question.rows.len();
        if n_rows > MOST_ROWS {
            return Err(Error::Data(format!(
                "Friedman's H of {n_rows} rows asks for up to {} predictions: set `max_rows` to at \
                 most {MOST_ROWS}, a few hundred are enough",
                3 * n_rows as u128 * n_rows as u128
            )));
        }
        let mut n_evaluations = 0;
        // Both, the first alone, the second alone; the rows are the same each time.
        let mut dependence = |which: &[usize]| -> Result<Array2<f64>> {
            let alone = Question {
                data,
                columns: which.iter().map(|&k| features[k]).collect(),
                rows: question.rows.clone(),
                weights: question.weights.clone(),
                units: question.units.clone(),
                missing_share: question.missing_share,
                seed: question.seed,
            };
            let (points, of_row) = distinct(&alone);
            let sweep = Sweep {
                question: &alone,
                model,
                n_points: points.len(),
                batch_rows: self.batch_rows,
                method: "Friedman's H",
            };
            n_evaluations += sweep.n_evaluations();
            let setting = |point: usize, _: usize, k: usize| alone.value(k, points[point]);
            let at_points = means(run, &sweep, setting)?;
            let mut at_rows = at_points.select(Axis(0), &of_row);
            let centre = mean_of(&at_rows, &question.weights);
            at_rows -= &centre;
            Ok(at_rows)
        };
        let both = dependence(&[0, 1])?;
        let rest = &both - &dependence(&[0])? - &dependence(&[1])?;
        let squares = |values: &Array2<f64>| mean_of(&(values * values), &question.weights);
        let (numerator, denominator) = (squares(&rest), squares(&both));
        // What rounding leaves of a flat dependence is no interaction.
        let ratio = numerator
            .iter()
            .zip(&denominator)
            .map(|(&above, &below)| if below > 1e-24 { (above / below).sqrt() } else { 0.0 });
        let mut warnings: Vec<Warning> = question.missing_warning().into_iter().collect();
        warnings.extend(question.extrapolation_warning());
        Ok(FriedmanH {
            features: [question.name(0).to_owned(), question.name(1).to_owned()],
            values: ratio.collect(),
            unnormalized: numerator.mapv(f64::sqrt).to_vec(),
            seed: question.seed,
            n_evaluations,
            warnings,
        })
    }
}

/// The places of rows with different values, and which of them each row has.
fn distinct(question: &Question<'_>) -> (Vec<usize>, Vec<usize>) {
    let n_columns = question.columns.len();
    let key = |place: usize| (0..n_columns).map(move |k| question.value(k, place) + 0.0);
    let order_of = |a: usize, b: usize| {
        let pairs = key(a).zip(key(b)).map(|(a, b)| a.total_cmp(&b));
        pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    };
    let mut order: Vec<usize> = (0..question.rows.len()).collect();
    order.sort_by(|&a, &b| order_of(a, b));
    let (mut points, mut of_row) = (Vec::new(), vec![0; order.len()]);
    for same in order.chunk_by(|&a, &b| order_of(a, b).is_eq()) {
        for &place in same {
            of_row[place] = points.len();
        }
        points.push(same[0]);
    }
    (points, of_row)
}

/// The weighted mean over rows of each output.
fn mean_of(values: &Array2<f64>, weights: &[f64]) -> Array1<f64> {
    let mut sum = Array1::zeros(values.ncols());
    for (row, &weight) in values.rows().into_iter().zip(weights) {
        sum.scaled_add(weight, &row);
    }
    sum / weights.iter().sum::<f64>()
}
