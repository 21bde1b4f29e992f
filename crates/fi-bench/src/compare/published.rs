//! The cells of the VIANN paper's table that a comparison can stand beside: the Pearson correlation
//! of one network's VIANN scores with one forest's MDI.

use crate::viann::published;

/// One published cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// The paper's network: `NN1`, `NN2` or `DeepNN`.
    pub(super) network: &'static str,
    /// The published correlation of VIANN with the forest, two digits.
    pub(super) pearson: f64,
}

/// The published cells of a data set.
pub(super) fn cells(data: &str) -> impl Iterator<Item = Cell> {
    published::rows(data)
        .filter_map(|row| row.of("VIANN–RF").map(|pearson| Cell { network: row.network, pearson }))
}
