//! The lags of a time series as one player.

use std::collections::BTreeMap;

use super::Players;
use crate::error::{Error, Result};

/// The ways to write a lag, in the words of an error.
const PATTERNS: &str = "`load_lag1`, `load_lag_1`, `load_lag-1`, `load.lag1`, `load(t-1)`, \
                        `load.L1` or `L1.load`";

impl Players {
    /// The lags of each series as one player, and the other features alone.
    ///
    /// | a lag is written | as by |
    /// |---|---|
    /// | `load_lag1`, `load_lag_1`, `load__lag_1`, `load.lag1`, `load_lag-1` | pandas users, sktime, darts |
    /// | `load(t-1)`, `load(t)` | supervised tables of series |
    /// | `load.L1`, `L1.load` | statsmodels |
    ///
    /// with any whole number for 1; `lag` may have capitals. All are lags of the series `load`, and
    /// so is a column `load` (lag 0) if there are any. A player is called by its series and stands
    /// where its first column does. Leads (`load(t+1)`), windows (`load_mean7`) and everything else
    /// are features of their own.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if no name is a lag, if one can be read in two ways (`load_lag1.L2`), if two
    /// columns are the same lag of a series, or for empty or double names.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::Players;
    ///
    /// let players = Players::lags(["load_lag1", "hour", "load_lag24", "wind(t-1)", "load"])?;
    /// assert_eq!(players.names(), ["load", "hour", "wind"]);
    /// assert_eq!(players.members(0), [0, 2, 4]);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn lags<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let read = names.iter().map(|name| read(name)).collect::<Result<Vec<_>>>()?;
        let mut columns: BTreeMap<&str, BTreeMap<u64, usize>> = BTreeMap::new();
        for &(series, _) in read.iter().flatten() {
            columns.entry(series).or_default();
        }
        if columns.is_empty() {
            return Err(Error::Data(format!(
                "no feature's name is that of a lag, write it as {PATTERNS}"
            )));
        }
        // The series of each column; a column called as a series is its lag 0.
        let mut series_of: Vec<Option<&str>> = Vec::with_capacity(names.len());
        for (column, name) in names.iter().enumerate() {
            let plain = || columns.contains_key(name.as_str()).then_some((name.as_str(), 0));
            let found = read[column].or_else(plain);
            if let Some((series, lag)) = found
                && let Some(other) = columns.entry(series).or_default().insert(lag, column)
            {
                return Err(Error::Data(format!(
                    "`{}` and `{name}` are both lag {lag} of `{series}`, leave one of them out",
                    names[other]
                )));
            }
            series_of.push(found.map(|(series, _)| series));
        }
        let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
        for (column, name) in names.iter().enumerate() {
            let Some(series) = series_of[column] else {
                groups.push((name, vec![column]));
                continue;
            };
            let mut members: Vec<usize> = columns[series].values().copied().collect();
            members.sort_unstable();
            if members[0] == column {
                groups.push((series, members));
            }
        }
        Self::groups(names.len(), groups)
    }
}

/// The series and the lag that a name says; `None` if it is no lag.
fn read(name: &str) -> Result<Option<(&str, u64)>> {
    let found = [suffix(name), shifted(name), statsmodels(name), statsmodels_var(name)];
    let mut ways = found.into_iter().flatten();
    let Some((series, lag)) = ways.next() else { return Ok(None) };
    let again = [suffix(series), shifted(series), statsmodels(series), statsmodels_var(series)];
    if ways.next().is_some() || again.into_iter().any(|way| way.is_some()) {
        return Err(Error::Data(format!(
            "`{name}` can be read as a lag in two ways, rename it or give the groups by hand"
        )));
    }
    Ok(Some((series, lag)))
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn named(series: &str, lag: Option<u64>) -> Option<(&str, u64)> {
    (!series.is_empty()).then_some(series).zip(lag)
}

/// `load_lag1`, `load_lag_1`, `load__lag_1`, `load_lag-1`, `load.lag1`.
fn suffix(name: &str) -> Option<(&str, u64)> {
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (rest, lag) = name.split_at(name.len() - digits);
    let rest = rest.strip_suffix(['_', '-']).unwrap_or(rest);
    // Three ASCII bytes, if they are any; others may be inside a character.
    let at = rest.len().checked_sub(3).filter(|&at| rest.is_char_boundary(at))?;
    let (series, word) = rest.split_at(at);
    if !word.eq_ignore_ascii_case("lag") {
        return None;
    }
    let series = series.strip_suffix("__").or_else(|| series.strip_suffix(['_', '.']))?;
    named(series, number(lag))
}

/// `load(t-1)`, `load(t)`.
fn shifted(name: &str) -> Option<(&str, u64)> {
    let (series, lag) = name.strip_suffix(')')?.rsplit_once("(t")?;
    let lag = if lag.is_empty() { Some(0) } else { number(lag.strip_prefix('-')?) };
    named(series, lag)
}

/// `load.L1`.
fn statsmodels(name: &str) -> Option<(&str, u64)> {
    let (series, lag) = name.rsplit_once(".L")?;
    named(series, number(lag))
}

/// `L1.load`.
fn statsmodels_var(name: &str) -> Option<(&str, u64)> {
    let (lag, series) = name.strip_prefix('L')?.split_once('.')?;
    named(series, number(lag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_way_to_write_a_lag_is_read() {
        let ways = [
            ("load_lag1", 1),
            ("load_lag_24", 24),
            ("load__lag_2", 2),
            ("load_lag-3", 3),
            ("load.lag7", 7),
            ("load_LAG12", 12),
            ("load_Lag4", 4),
            ("load(t-168)", 168),
            ("load(t)", 0),
            ("load.L5", 5),
            ("L6.load", 6),
        ];
        for (name, lag) in ways {
            assert_eq!(read(name).unwrap(), Some(("load", lag)), "{name}");
        }
        let players = Players::lags(ways.map(|(name, _)| name)).unwrap();
        assert_eq!((players.names(), players.len()), (&["load".to_owned()][..], 1));
        for other in [
            "load",
            "lag1",
            "_lag1",
            "loadlag1",
            "load_lag",
            "load(t+1)",
            "L.load",
            "Löß1",
            "load_mean7",
            "load.L",
            "L1.",
            ".L1",
            "(t-1)",
            "flag_1",
            "ä1",
            "load_lag99999999999999999999",
        ] {
            assert_eq!(read(other).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn each_ambiguous_name_gets_its_own_sentence() {
        let text = |names: &[&str]| Players::lags(names.to_vec()).unwrap_err().to_string();
        assert_eq!(
            text(&["load_lag1", "load.L1"]),
            "`load_lag1` and `load.L1` are both lag 1 of `load`, leave one of them out"
        );
        assert_eq!(
            text(&["load", "load(t)"]),
            "`load` and `load(t)` are both lag 0 of `load`, leave one of them out"
        );
        for twice in ["load_lag1.L2", "L1.load_lag2", "L1.load.L2", "load_lag1_lag2"] {
            assert_eq!(
                text(&[twice]),
                format!(
                    "`{twice}` can be read as a lag in two ways, rename it or give the groups by hand"
                )
            );
        }
        assert_eq!(
            text(&["a", "b"]),
            "no feature's name is that of a lag, write it as `load_lag1`, `load_lag_1`, \
             `load_lag-1`, `load.lag1`, `load(t-1)`, `load.L1` or `L1.load`"
        );
        assert_eq!(text(&["x_lag1", ""]), "player 1 has an empty name, give every player a name");
    }

    proptest! {
        #[test]
        fn any_name_is_read_or_refused_and_every_column_has_one_player(
            names in proptest::collection::btree_set("[ab](_lag|\\.L|\\(t-|L)?[0-9]?\\)?\\PC?", 1..8),
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let Ok(players) = Players::lags(names.clone()) else { return Ok(()) };
            let mut members: Vec<usize> =
                (0..players.len()).flat_map(|player| players.members(player).to_vec()).collect();
            members.sort_unstable();
            prop_assert_eq!(members, (0..names.len()).collect::<Vec<_>>());
        }
    }
}
