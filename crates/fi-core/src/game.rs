//! A cooperative game: what a coalition of players is worth.

use ndarray::{Array2, ArrayView2};

use crate::error::Result;

/// A pure function from coalitions to values.
///
/// Randomness belongs into the construction of a game or into an estimator, so that the same
/// coalition always has the same value, axioms hold exactly and caching is legal.
pub trait Game: Sync {
    /// How many players there are.
    fn n_players(&self) -> usize;

    /// How many numbers a coalition is worth.
    fn n_outputs(&self) -> usize;

    /// The values `(n_coalitions, n_outputs)` of `(n_coalitions, n_players)` coalitions;
    /// `true` for a player that is present.
    ///
    /// # Errors
    ///
    /// The model's.
    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>>;

    /// What one coalition costs, in rows the model predicts; for the result's account.
    fn cost(&self) -> usize {
        1
    }
}
