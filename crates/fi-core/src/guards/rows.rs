//! Rows by their fingerprints: was the model trained on these?

use std::cmp::Ordering;

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result, require_shape};
use crate::importance::Warning;

/// Beyond so many standard errors, rows that are alike by chance are no explanation.
const STANDARD_ERRORS: f64 = 3.0;

/// The rows of a table as sorted 64-bit numbers: enough to recognise a row, not to read it.
///
/// The number of a row is FNV-1a of 64 bits over the bytes of its values, each as the 8 bytes of
/// an IEEE 754 double, little endian, in column order; −0 counts as 0, and every NaN as the one of
/// `f64::NAN` with the bits `7ff8 0000 0000 0000`. It never changes: files hold it.
///
/// Two different rows among `n` have the same number with a chance below `n² / 2⁶⁵`.
///
/// **Privacy**: whoever has a row can tell whether it is among them, and rows of few possible
/// values can be found by trying all. Leave the fingerprints out of what is given away if that
/// must not be known.
///
/// # Example
///
/// ```
/// use fi_core::guards::RowHashes;
/// use ndarray::array;
///
/// let trained = RowHashes::new(array![[1.0, 2.0], [3.0, f64::NAN]].view());
/// assert!(trained.contains(array![3.0, f64::NAN].view()));
/// assert!(!trained.contains(array![2.0, 1.0].view()));
/// ```
///
/// # References
///
/// - Noll, Vo, Eastlake, Hansen (2026). *The FNV non-cryptographic hash algorithm.* RFC 9923.
///   <https://doi.org/10.17487/RFC9923>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowHashes {
    n_features: usize,
    /// Ascending; a row that occurs twice is in it twice.
    sorted: Vec<u64>,
}

impl RowHashes {
    /// Those of all rows of a table.
    pub fn new(rows: ArrayView2<'_, f64>) -> Self {
        let mut sorted: Vec<u64> = rows.rows().into_iter().map(hash).collect();
        sorted.sort_unstable();
        Self { n_features: rows.ncols(), sorted }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Of how many values a row is.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Whether a row with these values is among them.
    pub fn contains(&self, row: ArrayView1<'_, f64>) -> bool {
        row.len() == self.n_features && self.sorted.binary_search(&hash(row)).is_ok()
    }

    /// Whether they are in order, as those of a file may not be.
    ///
    /// # Errors
    ///
    /// [`Error::Data`].
    pub fn validate(&self) -> Result<()> {
        if self.sorted.is_sorted() {
            return Ok(());
        }
        Err(Error::Data(
            "the fingerprints of the training rows are not in ascending order, make them anew"
                .to_owned(),
        ))
    }

    /// The share of rows that have a twin among the others.
    fn share_of_twins(&self) -> f64 {
        let twins = self.sorted.chunk_by(|a, b| a == b).map(<[u64]>::len).filter(|&n| n > 1);
        twins.sum::<usize>() as f64 / self.sorted.len().max(1) as f64
    }
}

fn hash(row: ArrayView1<'_, f64>) -> u64 {
    const NAN: u64 = 0x7ff8_0000_0000_0000;
    let bits = |&value: &f64| if value.is_nan() { NAN } else { (value + 0.0).to_bits() };
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    row.iter().map(bits).flat_map(u64::to_le_bytes).fold(0xcbf2_9ce4_8422_2325, step)
}

/// How many of the rows are rows that the model was trained on, if they are more than chance
/// explains.
///
/// Where values are few, new rows have twins among the training rows, too. The training rows say
/// how often: with `t` the share of them that have a twin among the others, the guard is silent
/// up to `t + 3 √(t (1 − t) / n)` of `n` rows. Without twins among the training rows a single seen
/// row is reported.
///
/// # Cost
///
/// `n_rows × (8 n_features + log₂ n_training_rows)` steps.
///
/// # When it misleads
///
/// It knows equal rows only: a training row that was rounded, scaled or read with other columns is
/// a new one to it. In a table where all rows have twins it never speaks.
///
/// # Errors
///
/// [`Error::Shape`] if the training rows had other features.
///
/// # Example
///
/// ```
/// use fi_core::guards::{RowHashes, seen_rows};
/// use fi_core::{Dataset, Target, Warning};
/// use ndarray::array;
///
/// let trained = RowHashes::new(array![[1.0], [2.0], [3.0]].view());
/// let test = Dataset::new(array![[3.0], [4.0]], Target::Values(vec![0.0, 1.0]))?;
/// let warning = seen_rows(&test, &trained)?;
/// assert_eq!(warning, Some(Warning::SeenRows { n_seen: 1, n_rows: 2 }));
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn seen_rows(data: &Dataset, trained: &RowHashes) -> Result<Option<Warning>> {
    require_shape("a training row", &[data.n_features()], &[trained.n_features])?;
    let rows = data.rows();
    let n_seen = rows.rows().into_iter().filter(|row| trained.contains(*row)).count();
    let n_rows = data.n_rows();
    let (n, twins) = (n_rows as f64, trained.share_of_twins());
    let by_chance = twins * n + STANDARD_ERRORS * (twins * (1.0 - twins) * n).sqrt();
    let more = (n_seen as f64).total_cmp(&by_chance) == Ordering::Greater;
    Ok(more.then_some(Warning::SeenRows { n_seen, n_rows }))
}
