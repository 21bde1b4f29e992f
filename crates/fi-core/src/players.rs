//! The units being scored: single features, named groups, pairs.
//!
//! Every method takes them, so grouped importance costs no concept of its own.

mod lags;
mod one_hot;
mod shown;

pub use one_hot::{OneHot, OneHotBlock};
pub(crate) use shown::{Shown, shows};

use serde::{Deserialize, Serialize};

use crate::dataset::check_names;
use crate::error::{Error, Result};

/// Named sets of features. Sets may overlap and nest, and need not cover every feature:
/// a feature of no set is never removed.
///
/// # Example
///
/// ```
/// use fi_core::Players;
///
/// let players = Players::groups(4, [("sepal", vec![0, 1]), ("petal", vec![2, 3])])?;
/// assert_eq!(players.names(), ["sepal", "petal"]);
/// assert_eq!(players.members(1), [2, 3]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Players {
    names: Vec<String>,
    members: Vec<Vec<usize>>,
    n_features: usize,
}

impl Players {
    /// Each feature on its own, with these names.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for an empty list, or an empty or double name.
    pub fn features<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let n_features = names.len();
        Self::groups(n_features, names.into_iter().zip((0..n_features).map(|i| vec![i])))
    }

    /// Named groups of features, each a list of column indices.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] without groups, for an empty group, a double member, a feature out of
    /// range, or an empty or double name.
    pub fn groups<S: Into<String>>(
        n_features: usize,
        groups: impl IntoIterator<Item = (S, Vec<usize>)>,
    ) -> Result<Self> {
        let (names, mut members): (Vec<String>, Vec<Vec<usize>>) =
            groups.into_iter().map(|(name, members)| (name.into(), members)).unzip();
        if names.is_empty() {
            return Err(Error::Data("there is nothing to score, give at least one feature".into()));
        }
        check_names("player", &names)?;
        for (name, members) in names.iter().zip(&mut members) {
            members.sort_unstable();
            let problem = if members.is_empty() {
                Some("has no features, give it at least one".to_owned())
            } else if let Some((twice, _)) = members.iter().zip(&members[1..]).find(|(a, b)| a == b)
            {
                Some(format!("names feature {twice} twice, name it once"))
            } else {
                let last = members[members.len() - 1];
                (last >= n_features).then(|| {
                    format!("names feature {last}, but there are only {n_features} features")
                })
            };
            if let Some(problem) = problem {
                return Err(Error::Data(format!("group `{name}` {problem}")));
            }
        }
        Ok(Self { names, members, n_features })
    }

    /// All pairs of these players, each the union of two, called `a × b`; pairs of overlapping
    /// players are left out.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if there is no such pair.
    pub fn pairs(&self) -> Result<Self> {
        let mut pairs = Vec::new();
        for a in 0..self.len() {
            for b in a + 1..self.len() {
                let (first, second) = (&self.members[a], &self.members[b]);
                if first.iter().all(|feature| !second.contains(feature)) {
                    let name = format!("{} × {}", self.names[a], self.names[b]);
                    pairs.push((name, [first.as_slice(), second].concat()));
                }
            }
        }
        Self::groups(self.n_features, pairs)
    }

    /// How many players there are; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a player")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// How many features the table has.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// The players' names, all different.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The features of one player, ascending.
    ///
    /// # Panics
    ///
    /// If `player` is out of range.
    pub fn members(&self, player: usize) -> &[usize] {
        &self.members[player]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_group_gets_its_own_sentence() {
        let text =
            |members: Vec<usize>| Players::groups(3, [("all", members)]).unwrap_err().to_string();
        assert_eq!(text(vec![]), "group `all` has no features, give it at least one");
        assert_eq!(text(vec![1, 0, 1]), "group `all` names feature 1 twice, name it once");
        assert_eq!(text(vec![3]), "group `all` names feature 3, but there are only 3 features");
        assert_eq!(
            Players::features(["a", "b", "a"]).unwrap_err().to_string(),
            "two players are called `a`, give every player its own name"
        );
        assert!(Players::features(Vec::<String>::new()).is_err());
    }

    #[test]
    fn pairs_are_unions_of_players_that_do_not_overlap() {
        let nested = [("a", vec![0]), ("b", vec![1, 2]), ("ab", vec![0, 1])];
        let pairs = Players::groups(3, nested).unwrap().pairs().unwrap();
        assert_eq!(pairs.names(), ["a × b"]);
        assert_eq!(pairs.members(0), [0, 1, 2]);
    }
}
