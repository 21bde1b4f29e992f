//! The cells of the VIANN paper's table: the Pearson correlation of one network's VIANN scores
//! with one forest's MDI, per data set and network.
//!
//! C. R. de Sá (2019), *Variance-Based Feature Importance in Neural Networks*, Discovery Science,
//! LNCS 11828, pp. 306–315, <https://doi.org/10.1007/978-3-030-33778-0_24>.

/// One published cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// The data set.
    pub(super) data: &'static str,
    /// The paper's network: `NN1`, `NN2` or `DeepNN`.
    pub(super) network: &'static str,
    /// The published correlation of VIANN with the forest, two digits.
    pub(super) pearson: f64,
}

const fn cell(data: &'static str, network: &'static str, pearson: f64) -> Cell {
    Cell { data, network, pearson }
}

const CELLS: &[Cell] = &[
    cell("breast-cancer", "NN1", 0.85),
    cell("breast-cancer", "NN2", 0.76),
    cell("breast-cancer", "DeepNN", 0.45),
    cell("diabetes", "NN1", 0.68),
    cell("diabetes", "NN2", 0.90),
    cell("diabetes", "DeepNN", 0.88),
    cell("digits", "NN1", 0.66),
    cell("digits", "NN2", 0.76),
    cell("digits", "DeepNN", 0.80),
    cell("iris", "NN1", 0.88),
    cell("iris", "NN2", 0.87),
    cell("iris", "DeepNN", 0.98),
    cell("wine", "NN1", 0.64),
    cell("wine", "NN2", 0.50),
    cell("wine", "DeepNN", 0.43),
];

/// The published cells of a data set.
pub(super) fn cells(data: &str) -> impl Iterator<Item = &'static Cell> {
    CELLS.iter().filter(move |cell| cell.data == data)
}
