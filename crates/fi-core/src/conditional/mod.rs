//! Conditional samplers: what a feature could be, given the others.
//!
//! Removing a feature *marginally* asks the model about rows that cannot occur where features
//! depend on each other. A [`Conditional`] sampler draws the removed features given those that
//! stay, so that the rows stay plausible; in exchange somebody must know that distribution.
//!
//! | sampler | assumes | suits |
//! |---|---|---|
//! | [`Gaussian`] | a joint normal distribution | numbers whose dependence is linear |
//! | [`GaussianCopula`] | a joint normal distribution of the normal scores | numbers of any marginal distribution with monotone dependence |
//!
//! Neither knows a dependence that bends back (`x₂ = x₁²`): there the removed feature is drawn
//! almost as if it were independent, and the answer is close to the marginal one.

mod copula;
mod factor;
mod gaussian;
#[cfg(test)]
mod tests;

pub use copula::GaussianCopula;
pub use gaussian::Gaussian;

pub(crate) use factor::{DETERMINED, semidefinite};
pub(crate) use gaussian::moments;

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::error::{Error, Result, require_shape};
use crate::rng::Rng;

/// A joint distribution of the features from which some can be drawn given the others.
///
/// What is drawn may depend on the arguments and the state of `rng` alone, so that games stay
/// pure and the same seed gives the same bits.
///
/// # Example
///
/// ```
/// use fi_core::conditional::{Conditional, Gaussian};
/// use fi_core::Rng;
/// use ndarray::{array, Axis};
///
/// // Two standard normal features with correlation 0.8: the second is 0.8 · x₁ on average.
/// let gaussian = Gaussian::new(vec![0.0, 0.0], array![[1.0, 0.8], [0.8, 1.0]].view())?;
/// let row = array![2.0, f64::NAN];
/// let drawn = gaussian.sample(row.view(), &[true, false], 10_000, &mut Rng::new(0, 0))?;
/// assert!(drawn.column(0).iter().all(|&x| x == 2.0));
/// let mean = drawn.column(1).mean().unwrap_or_default();
/// assert!((mean - 1.6).abs() < 0.03, "{mean}");
/// # Ok::<(), fi_core::Error>(())
/// ```
pub trait Conditional: std::fmt::Debug + Send + Sync {
    /// How many features a row has.
    fn n_features(&self) -> usize;

    /// Draws `n` whole rows `(n, n_features)`: `present` features are the row's, the others are
    /// drawn given them.
    ///
    /// A present feature that is NaN, which means missing, tells nothing: it is drawn as if it
    /// were not present. What the row holds where it is not present is not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another number of features; [`Error::NotFinite`] for an infinite value
    /// that is present; [`Error::Parameter`] for more rows than fit into memory.
    fn sample(
        &self,
        row: ArrayView1<'_, f64>,
        present: &[bool],
        n: usize,
        rng: &mut Rng,
    ) -> Result<Array2<f64>>;

    /// Draws one row `(n_rows, n_features)` for each of these rows, each by a generator of its own,
    /// with the bits of [`Conditional::sample`].
    ///
    /// # Errors
    ///
    /// As for [`Conditional::sample`], of the first row that has any.
    fn sample_each(
        &self,
        rows: ArrayView2<'_, f64>,
        present: &[bool],
        rng: &dyn Fn(usize) -> Rng,
    ) -> Result<Array2<f64>> {
        let mut drawn = Array2::zeros(rows.dim());
        for (i, (row, mut into)) in rows.outer_iter().zip(drawn.outer_iter_mut()).enumerate() {
            let one = self.sample(row, present, 1, &mut rng(i));
            let one = one.map_err(|error| error.with_row(|_| i))?;
            require_shape("the table of drawn rows", &[1, rows.ncols()], one.shape())?;
            into.assign(&one.row(0));
        }
        Ok(drawn)
    }
}

/// Whether the tables of [`Conditional::sample_each`] fit a sampler of `n_features` features.
fn require_rows(n_features: usize, rows: ArrayView2<'_, f64>, present: &[bool]) -> Result<()> {
    require_shape("the table of rows", &[rows.nrows(), n_features], rows.shape())?;
    require_shape("the list of present features", &[n_features], &[present.len()])
}

/// A gibibyte of numbers: no honest call needs more at once.
const MAX_CELLS: usize = 1 << 27;

/// The features that are present and not missing, and rows to fill, if the arguments of
/// [`Conditional::sample`] fit a sampler of `n_features` features.
fn checked(
    n_features: usize,
    row: ArrayView1<'_, f64>,
    present: &[bool],
    n: usize,
) -> Result<(Vec<bool>, Array2<f64>)> {
    require_shape("the row", &[n_features], row.shape())?;
    require_shape("the list of present features", &[n_features], &[present.len()])?;
    let most = MAX_CELLS / n_features.max(1);
    if n > most {
        let requirement = format!("at most {most} rows of {n_features} features");
        return Err(Error::Parameter { name: "n", value: n.to_string(), requirement });
    }
    let mut known = present.to_vec();
    for (column, (&value, known)) in row.iter().zip(&mut known).enumerate() {
        if *known && value.is_infinite() {
            let (what, column) = ("the row to condition on".to_owned(), Some(column.to_string()));
            return Err(Error::NotFinite { what, row: 0, column, value });
        }
        *known &= !value.is_nan();
    }
    Ok((known, Array2::zeros((n, n_features))))
}
