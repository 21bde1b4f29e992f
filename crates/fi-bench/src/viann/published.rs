//! The tables of the VIANN paper: correlations of score vectors, and when training stopped.
//!
//! C. R. de Sá (2019), *Variance-Based Feature Importance in Neural Networks*, Discovery Science,
//! LNCS 11828, pp. 306–315, <https://doi.org/10.1007/978-3-030-33778-0_24>. The epochs are those
//! printed by the authors' notebook of August 2019.

/// The pairs of methods, in the paper's order. LOFO is the paper's: a column set to 0.
pub const PAIRS: [&str; 4] = ["VIANN–LOFO", "VIANN–RF", "Garson–LOFO", "Garson–VIANN"];

/// One row: a network on a data set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    /// The data set.
    pub(crate) data: &'static str,
    /// The paper's network: `NN1`, `NN2` or `DeepNN`.
    pub(crate) network: &'static str,
    /// The published correlations of [`PAIRS`], two digits each.
    pub(crate) pearson: [f64; 4],
    /// The epoch at which the published training stopped.
    pub(crate) epochs: usize,
}

impl Row {
    /// The published correlation of a pair.
    pub(crate) fn of(&self, pair: &str) -> Option<f64> {
        PAIRS.iter().position(|name| *name == pair).map(|i| self.pearson[i])
    }
}

const fn row(data: &'static str, network: &'static str, pearson: [f64; 4], epochs: usize) -> Row {
    Row { data, network, pearson, epochs }
}

/// All rows; regressions are trained for a fixed number of epochs.
pub(crate) const ROWS: [Row; 18] = [
    row("breast-cancer", "NN1", [0.43, 0.85, 0.17, 0.20], 11),
    row("breast-cancer", "NN2", [0.78, 0.76, 0.43, 0.61], 101),
    row("breast-cancer", "DeepNN", [0.60, 0.45, 0.22, 0.37], 7),
    row("digits", "NN1", [0.96, 0.66, 0.90, 0.87], 1000),
    row("digits", "NN2", [0.94, 0.76, 0.92, 0.84], 884),
    row("digits", "DeepNN", [0.83, 0.80, 0.60, 0.46], 9),
    row("iris", "NN1", [0.99, 0.88, 0.73, 0.62], 53),
    row("iris", "NN2", [0.92, 0.87, 0.97, 0.81], 366),
    row("iris", "DeepNN", [0.90, 0.98, 0.73, 0.49], 7),
    row("wine", "NN1", [0.93, 0.64, 0.91, 0.85], 63),
    row("wine", "NN2", [0.88, 0.50, 0.95, 0.93], 259),
    row("wine", "DeepNN", [0.41, 0.43, 0.74, 0.51], 7),
    row("boston", "NN1", [0.95, 0.79, 0.84, 0.80], 100),
    row("boston", "NN2", [0.96, 0.81, 0.76, 0.60], 100),
    row("boston", "DeepNN", [0.76, 0.86, 0.76, 0.79], 100),
    row("diabetes", "NN1", [0.86, 0.68, 0.85, 0.79], 100),
    row("diabetes", "NN2", [0.98, 0.90, 0.64, 0.60], 100),
    row("diabetes", "DeepNN", [0.86, 0.88, 0.64, 0.80], 100),
];

/// The rows of a data set, network by network.
pub(crate) fn rows(data: &str) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.data == data)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of a pair over the six data sets.
    fn mean(network: &str, pair: &str) -> f64 {
        let cells: Vec<f64> = ROWS
            .iter()
            .filter(|row| row.network == network)
            .filter_map(|row| row.of(pair))
            .collect();
        assert_eq!(cells.len(), 6);
        cells.iter().sum::<f64>() / 6.0
    }

    #[test]
    fn the_72_cells_have_the_published_means() {
        assert_eq!(ROWS.len() * PAIRS.len(), 72);
        let expected = [
            ("VIANN–LOFO", [0.853, 0.910, 0.727]),
            ("Garson–LOFO", [0.733, 0.778, 0.615]),
            ("VIANN–RF", [0.750, 0.767, 0.733]),
        ];
        for (pair, means) in expected {
            for (network, expected) in ["NN1", "NN2", "DeepNN"].into_iter().zip(means) {
                let found = mean(network, pair);
                assert!((found - expected).abs() < 6e-4, "{network} {pair}: {found}");
            }
        }
    }

    #[test]
    fn viann_beats_garson_on_lofo_as_often_as_published() {
        let count = |network: &str| {
            let rows = ROWS.iter().filter(|row| row.network == network);
            let wins = rows.map(|row| row.pearson[0].total_cmp(&row.pearson[2]));
            let wins: Vec<_> = wins.collect();
            (
                wins.iter().filter(|order| order.is_gt()).count(),
                wins.iter().filter(|order| order.is_eq()).count(),
            )
        };
        assert_eq!(["NN1", "NN2", "DeepNN"].map(count), [(6, 0), (4, 0), (4, 1)]);
    }
}
