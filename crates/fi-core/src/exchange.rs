//! Which rows may trade places when something is shuffled to show what chance can do.

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::rng::Rng;

/// Which rows may trade places under a null hypothesis, where rows belong to
/// [groups](Dataset::with_groups).
///
/// A permutation test holds if the rows that trade places are exchangeable under its null
/// hypothesis. Rows of one person are not exchangeable with those of another when persons differ.
///
/// # References
///
/// - Winkler, Ridgway, Webster, Smith, Nichols (2014). *Permutation inference for the general
///   linear model.* NeuroImage 92. <https://doi.org/10.1016/j.neuroimage.2014.01.060>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exchange {
    /// Whole groups of the same size trade places, and the order of the rows in a group stays.
    /// Without groups every row is a group of its own. A group whose size no other group has
    /// keeps its place.
    #[default]
    WholeGroups,
    /// Rows trade places within their group: for what differs inside groups.
    WithinGroups,
    /// Any two rows, whatever their groups.
    Rows,
}

impl Exchange {
    /// The rows that trade places, in lists that are shuffled each on its own: of units, each a
    /// list of rows of one length.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if nothing can move.
    pub(crate) fn blocks(self, data: &Dataset) -> Result<Blocks> {
        let n_rows = data.n_rows();
        let rows = || (0..n_rows).map(|row| vec![row]).collect::<Vec<_>>();
        let lists = match (self, data.groups()) {
            (Self::Rows, _) | (Self::WholeGroups, None) => vec![rows()],
            (Self::WithinGroups, None) => {
                return Err(Error::Data(
                    "shuffling within groups needs the rows' groups, give the data set \
                     `with_groups`"
                        .into(),
                ));
            }
            (Self::WithinGroups, Some(groups)) => {
                let units = members(groups);
                units
                    .into_iter()
                    .map(|unit| unit.into_iter().map(|row| vec![row]).collect())
                    .collect()
            }
            (Self::WholeGroups, Some(groups)) => {
                let mut units = members(groups);
                units.sort_by_key(Vec::len);
                units.chunk_by(|a, b| a.len() == b.len()).map(<[_]>::to_vec).collect()
            }
        };
        let moves = |list: &&Vec<Vec<usize>>| list.len() > 1;
        if lists.iter().filter(moves).count() == 0 {
            return Err(Error::Data(
                "no two rows may trade places: all groups have different sizes, or one row each; \
                 shuffle by another `exchange`"
                    .into(),
            ));
        }
        let n_fixed = lists.iter().filter(|list| list.len() == 1).flatten().map(Vec::len).sum();
        Ok(Blocks { lists, n_rows, n_fixed })
    }
}

/// The rows of each group, groups ascending.
pub(crate) fn members(groups: &[usize]) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..groups.len()).collect();
    rows.sort_by_key(|&row| groups[row]);
    rows.chunk_by(|&a, &b| groups[a] == groups[b]).map(<[_]>::to_vec).collect()
}

/// Lists of units that trade places with those of their list.
pub(crate) struct Blocks {
    lists: Vec<Vec<Vec<usize>>>,
    n_rows: usize,
    /// Rows that keep their place.
    pub(crate) n_fixed: usize,
}

impl Blocks {
    /// The row whose value each row takes: a uniform draw of what may happen.
    pub(crate) fn draw(&self, rng: &mut Rng) -> Vec<usize> {
        let mut donors: Vec<usize> = (0..self.n_rows).collect();
        for list in &self.lists {
            let mut order: Vec<usize> = (0..list.len()).collect();
            rng.shuffle(&mut order);
            for (unit, donor) in list.iter().zip(order) {
                unit.iter().zip(&list[donor]).for_each(|(&row, &from)| donors[row] = from);
            }
        }
        donors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Target;
    use ndarray::Array2;

    fn grouped(groups: &[usize]) -> Dataset {
        let n = groups.len();
        let data = Dataset::new(Array2::zeros((n, 1)), Target::Values(vec![0.0; n])).unwrap();
        data.with_groups(groups.to_vec()).unwrap()
    }

    #[test]
    fn groups_move_whole_or_rows_within_them() {
        let groups = [4, 4, 7, 1, 7, 1, 9];
        let data = grouped(&groups);
        let whole = Exchange::WholeGroups.blocks(&data).unwrap();
        assert_eq!(whole.n_fixed, 1);
        let mut seen = [false; 7];
        for stream in 0..50 {
            let donors = whole.draw(&mut Rng::new(0, stream));
            // The first and second rows of the pairs, by place in the group.
            for (first, second) in [(0, 1), (2, 4), (3, 5)] {
                assert_eq!(groups[donors[first]], groups[donors[second]]);
                assert!(donors[first] < donors[second]);
                seen[donors[first]] |= first == 0;
            }
            assert_eq!(donors[6], 6);
            let within = Exchange::WithinGroups.blocks(&data).unwrap();
            let donors = within.draw(&mut Rng::new(0, stream));
            assert!((0..7).all(|row| groups[donors[row]] == groups[row]));
        }
        assert!(seen[0] && seen[2] && seen[3]);
        let rows = Exchange::Rows.blocks(&data).unwrap();
        let mut donors = rows.draw(&mut Rng::new(0, 0));
        donors.sort_unstable();
        assert_eq!(donors, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_cannot_move_is_named() {
        let text = |exchange: Exchange, data: &Dataset| {
            exchange.blocks(data).err().map(|error| error.to_string()).unwrap()
        };
        let fixed = "no two rows may trade places: all groups have different sizes, or one row \
                     each; shuffle by another `exchange`";
        assert_eq!(text(Exchange::WholeGroups, &grouped(&[1, 2, 2])), fixed);
        assert_eq!(text(Exchange::WithinGroups, &grouped(&[1, 2, 3])), fixed);
        assert_eq!(text(Exchange::Rows, &grouped(&[1])), fixed);
        let plain = Dataset::new(Array2::zeros((2, 1)), Target::Values(vec![0.0; 2])).unwrap();
        assert_eq!(
            text(Exchange::WithinGroups, &plain),
            "shuffling within groups needs the rows' groups, give the data set `with_groups`"
        );
    }
}
