//! The columns of a one-hot encoded category as one player.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use super::Players;
use crate::dataset::Dataset;
use crate::error::{Result, require};

/// What [`Players::one_hot`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OneHot {
    /// A player per block, called by its prefix, and one per other feature; each where its first
    /// column stands.
    pub players: Players,
    /// The blocks, in the order of the players.
    pub blocks: Vec<OneHotBlock>,
    /// Columns that share a prefix but are no block: the prefix and why, in one sentence each. A
    /// prefix of several that are blocks, or of columns that are found in a block, is not among
    /// them.
    pub rejected: Vec<String>,
}

/// Columns that are one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneHotBlock {
    /// Its player.
    pub player: usize,
    /// What follows the separator in the names of its columns, in column order.
    pub levels: Vec<String>,
    /// Whether some row has no 1: a level was dropped when the columns were made, or the category
    /// is missing there.
    pub dropped_level: bool,
}

impl Players {
    /// The columns of each one-hot encoded category as one player, and the other features alone.
    ///
    /// Names propose and the data decide. Columns `prefix separator level` with a common prefix,
    /// such as `colour_red` and `colour_blue` with `_`, are a block if there are at least two of
    /// them, every value is 0 or 1, some value is 1, and every row has one 1, or at most one (a
    /// dropped level). Where the separator stands in a name several times, the shortest prefix
    /// whose columns are a block wins: `hair_colour_red` belongs to `hair` if that is one category
    /// and else to `hair_colour`.
    ///
    /// # Cost
    ///
    /// `O(n_rows × n_features)` for each separator in a name.
    ///
    /// # When it misleads
    ///
    /// With a dropped level the data cannot tell a category from flags that happen never to be 1
    /// together (`is_new` and `is_sold`): look at [`OneHot::blocks`]. Rows that were not seen may
    /// break a block.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) for an empty separator;
    /// [`Error::Data`](crate::Error::Data) if a block's prefix is the name of another feature.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Dataset, Players, Target};
    /// use ndarray::array;
    ///
    /// let rows = array![[1.0, 7.0, 0.0], [0.0, 8.0, 1.0], [1.0, 9.0, 0.0]];
    /// let data = Dataset::new(rows, Target::Values(vec![0.0; 3]))?
    ///     .with_feature_names(["colour_red", "size", "colour_blue"])?;
    /// let found = Players::one_hot(&data, "_")?;
    /// assert_eq!(found.players.names(), ["colour", "size"]);
    /// assert_eq!(found.players.members(0), [0, 2]);
    /// assert_eq!(found.blocks[0].levels, ["red", "blue"]);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn one_hot(data: &Dataset, separator: &str) -> Result<OneHot> {
        require(!separator.is_empty(), "separator", "", "at least one character, such as `_`")?;
        let names = data.feature_names();
        // Every prefix that two columns share, shortest first.
        let mut proposed: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
        for (feature, name) in names.iter().enumerate() {
            for (end, _) in name.match_indices(separator).filter(|&(end, _)| end > 0) {
                proposed.entry((end, &name[..end])).or_default().push(feature);
            }
        }
        proposed.retain(|_, members| members.len() > 1);
        let mut block_of: Vec<Option<&str>> = vec![None; names.len()];
        let mut dropped: BTreeMap<&str, bool> = BTreeMap::new();
        let mut reasons: Vec<(&str, &Vec<usize>, String)> = Vec::new();
        for (&(_, prefix), members) in &proposed {
            // A longer prefix's columns are all in the block of a shorter one, or none is.
            if block_of[members[0]].is_some() {
                continue;
            }
            match looks_encoded(data.rows(), names, members) {
                Ok(some_row_without) => {
                    for &feature in members {
                        block_of[feature] = Some(prefix);
                    }
                    dropped.insert(prefix, some_row_without);
                }
                Err(reason) => reasons.push((prefix, members, reason)),
            }
        }
        let rejected = reasons
            .into_iter()
            .filter(|(_, members, _)| members.iter().all(|&feature| block_of[feature].is_none()))
            .map(|(prefix, _, reason)| format!("`{prefix}` is no block: {reason}"))
            .collect();
        let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut blocks = Vec::new();
        for (feature, name) in names.iter().enumerate() {
            let Some(prefix) = block_of[feature] else {
                groups.push((name, vec![feature]));
                continue;
            };
            let members: Vec<usize> =
                (0..names.len()).filter(|&i| block_of[i] == Some(prefix)).collect();
            if members[0] == feature {
                let level = |&member: &usize| {
                    let level = &names[member][prefix.len() + separator.len()..];
                    level.to_owned()
                };
                blocks.push(OneHotBlock {
                    player: groups.len(),
                    levels: members.iter().map(level).collect(),
                    dropped_level: dropped[prefix],
                });
                groups.push((prefix, members));
            }
        }
        Ok(OneHot { players: Self::groups(names.len(), groups)?, blocks, rejected })
    }
}

/// Whether some row has no 1 in these columns; why they are no block, if they are none.
fn looks_encoded(
    rows: ArrayView2<'_, f64>,
    names: &[String],
    members: &[usize],
) -> std::result::Result<bool, String> {
    let (mut some_one, mut some_without) = (false, false);
    for (number, row) in rows.outer_iter().enumerate() {
        let mut one = None;
        for &member in members {
            let value = row[member];
            if value == 1.0 {
                if let Some(other) = one {
                    let (a, b): (&String, &String) = (&names[other], &names[member]);
                    return Err(format!("`{a}` and `{b}` are both 1 in row {number}"));
                }
                one = Some(member);
            } else if value != 0.0 {
                let name = &names[member];
                return Err(format!("`{name}` is `{value}` in row {number}, not 0 or 1"));
            }
        }
        some_one |= one.is_some();
        some_without |= one.is_none();
    }
    if some_one { Ok(some_without) } else { Err("none of its columns is ever 1".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Target;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn found(names: &[&str], rows: Array2<f64>) -> OneHot {
        let n = rows.nrows();
        let data = Dataset::new(rows, Target::Values(vec![0.0; n])).unwrap();
        Players::one_hot(&data.with_feature_names(names.to_vec()).unwrap(), "_").unwrap()
    }

    #[test]
    fn the_shortest_prefix_that_is_one_category_wins() {
        // Two categories of a common prefix, each exactly one 1 a row.
        let names = ["hair_colour_red", "hair_colour_grey", "hair_kind_curly", "hair_kind_flat"];
        let rows = array![[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]];
        let two = found(&names, rows);
        assert_eq!(two.players.names(), ["hair_colour", "hair_kind"]);
        assert!(two.rejected.is_empty() && two.blocks.iter().all(|block| !block.dropped_level));
        // One category whose levels hold the separator.
        let one = found(&["x_dark_red", "x_dark_blue", "x_red"], Array2::eye(3));
        assert_eq!(one.players.names(), ["x"]);
        assert_eq!(one.blocks[0].levels, ["dark_red", "dark_blue", "red"]);
    }

    #[test]
    fn a_dropped_level_is_said() {
        let dropped = found(&["c_b", "c_c"], array![[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]);
        assert_eq!(dropped.players.names(), ["c"]);
        assert!(dropped.blocks[0].dropped_level);
    }

    #[test]
    fn what_only_looks_like_a_block_is_named_with_its_reason() {
        let names = ["lag_1", "lag_2", "is_a", "is_b", "z_0", "z_1", "only_one", "_x", "_y"];
        let mut rows = Array2::zeros((2, 9));
        rows[[1, 0]] = 0.5;
        rows[[1, 2]] = 1.0;
        rows[[1, 3]] = 1.0;
        let found = found(&names, rows);
        assert_eq!(found.players.len(), 9);
        assert_eq!(
            found.rejected,
            [
                "`z` is no block: none of its columns is ever 1",
                "`is` is no block: `is_a` and `is_b` are both 1 in row 1",
                "`lag` is no block: `lag_1` is `0.5` in row 1, not 0 or 1",
            ]
        );
        let gap = array![[1.0, f64::NAN], [0.0, 1.0]];
        let reason = &super::tests::found(&["a_x", "a_y"], gap).rejected[0];
        assert_eq!(reason, "`a` is no block: `a_y` is `NaN` in row 0, not 0 or 1");
    }

    #[test]
    fn a_prefix_that_is_a_feature_and_no_separator_are_refused() {
        let data =
            Dataset::new(array![[1.0, 0.0, 3.0], [0.0, 1.0, 3.0]], Target::Values(vec![0.0; 2]));
        let data = data.unwrap().with_feature_names(["c_a", "c_b", "c"]).unwrap();
        let text = |separator| Players::one_hot(&data, separator).unwrap_err().to_string();
        assert_eq!(text("_"), "two players are called `c`, give every player its own name");
        assert_eq!(text(""), "`separator` is ``, it must be at least one character, such as `_`");
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_found(
            codes in proptest::collection::vec((0_usize..4, 0_usize..3), 8..30),
        ) {
            // Levels 0 and 1 of both occur, so that no block is constant or alone.
            let codes: Vec<_> = [(0, 1), (1, 0)].into_iter().chain(codes).collect();
            let rows = Array2::from_shape_fn((codes.len(), 8), |(row, column)| {
                let (a, b) = codes[row];
                match column {
                    0..4 => f64::from(u8::from(a == column)),
                    4..7 => f64::from(u8::from(b == column - 4)),
                    _ => row as f64,
                }
            });
            let names = ["a_0", "a_1", "a_2", "a_3", "b_0", "b_1", "b_2", "c"];
            let found = found(&names, rows);
            prop_assert_eq!(found.players.names(), ["a", "b", "c"]);
            prop_assert_eq!(found.players.members(1), [4, 5, 6]);
            prop_assert!(found.rejected.is_empty());
        }
    }
}
