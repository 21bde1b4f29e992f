//! CatBoost's JSON models.

use crate::import::Problem;
use crate::store::Stored;

/// Reads a model that CatBoost wrote as JSON.
///
/// # Errors
///
/// [`Problem`].
pub fn catboost(bytes: &[u8]) -> Result<Stored, Problem> {
    let _ = bytes;
    Err(Problem::Damaged("not yet".into()))
}
