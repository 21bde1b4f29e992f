//! Features that belong to two sensors at once, such as the phase between a channel of one and a
//! channel of another: whom to score, and the published sum beside a joint importance.

use ndarray::Array2;
use regex::Regex;

use crate::error::{Error, Result, require_shape};
use crate::players::Players;

/// Finds the two sensors in names such as `Left_Ankle.x_acc|Right_Wrist.z_gyro`: what stands
/// before the first of `. : /` on both sides of `|`, `~`, `×` or `--`.
pub const PAIR_PATTERN: &str =
    r"^\s*(?<a>[^.:/|~×]+)(?:[.:/][^|~×]*?)?\s*(?:\||~|×|--)\s*(?<b>[^.:/|~×]+)(?:[.:/].*)?$";

/// The two members in each feature's name, such as the sensors whose phase it is.
///
/// They are found by `pattern`, a [regular expression](https://docs.rs/regex/#syntax) with two
/// groups, called `a` and `b` or the first two. Without a pattern, by [`PAIR_PATTERN`], or as the
/// first tuple in a name as Python prints it: `('Left_Ankle', 'Sacrum') ('x_acc', 'z_gyro')`, which is
/// read and never evaluated.
///
/// # Errors
///
/// [`Error::Data`] for a pattern that is no regular expression or has fewer than two groups, or that
/// shows the first name in which it finds no two members.
///
/// # Example
///
/// ```
/// use fi_core::pair_names;
///
/// let names = ["psi_ankle_L_wrist_R_x", "psi_ankle_L_sacrum_M_x"].map(String::from);
/// let found = pair_names(&names, Some("psi_([a-z]+_[LRM])_([a-z]+_[LRM])"))?;
/// assert_eq!(found[1], ["ankle_L", "sacrum_M"]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn pair_names(names: &[String], pattern: Option<&str>) -> Result<Vec<[String; 2]>> {
    let text = pattern.unwrap_or(PAIR_PATTERN);
    let regex = Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Error::Data(format!("the pattern `{text}` is no regular expression: {last}"))
    })?;
    if regex.captures_len() < 3 {
        let problem = format!("the pattern `{text}` needs two groups, one for each member");
        return Err(Error::Data(problem));
    }
    let members = |name: &String| -> Option<[String; 2]> {
        if pattern.is_none()
            && let Some((pair, _)) = tuple(name)
        {
            return Some(pair);
        }
        let found = regex.captures(name)?;
        let group = |key, index| found.name(key).or_else(|| found.get(index));
        let text = |key, index| Some(group(key, index)?.as_str().trim().to_owned());
        Some([text("a", 1)?, text("b", 2)?])
    };
    let missing = |name: &str| {
        let name: String = name.chars().take(80).collect();
        Error::Data(format!(
            "the pattern `{text}` finds no pair in `{name}`: give a pattern with two groups, one \
             for each member"
        ))
    };
    names.iter().map(|name| members(name).ok_or_else(|| missing(name))).collect()
}

/// The first two texts of a tuple as Python prints it, and what follows:
/// `('Left_Ankle', 'Right_Wrist')`.
fn tuple(text: &str) -> Option<([String; 2], &str)> {
    let (a, rest) = quoted(text.trim_start().strip_prefix('(')?.trim_start())?;
    let (b, rest) = quoted(rest.trim_start().strip_prefix(',')?.trim_start())?;
    let rest = rest.trim_start().trim_start_matches(',').trim_start();
    Some(([a, b], rest.strip_prefix(')')?))
}

/// A text in quotes of either kind, with `\` before a quote or itself; and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut content = String::new();
    let mut characters = text[1..].char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => content.push(characters.next()?.1),
            c if c == quote => return Some((content, &text[1 + at + 1..])),
            c => content.push(c),
        }
    }
    None
}

/// Features of pairs of sensors: the players they make, and matrices of sensor by sensor.
///
/// # When it misleads
///
/// The published way to score a pair of sensors is [`SensorPairs::sums_of_positives`]. It is no
/// importance of the pair: dozens of features of noise, clipped at 0, cannot cancel, and features
/// that say the same make each other look useless. Permute the features of a pair together
/// instead ([`SensorPairs::pair_players`]), as one player of
/// [`Permutation`](crate::Permutation).
///
/// # Example
///
/// ```
/// use fi_core::SensorPairs;
///
/// let names = ["ankle.x|wrist.x", "ankle.x|wrist.y", "wrist.x|sacrum.x"].map(String::from);
/// let pairs = SensorPairs::of_names(&names, None)?;
/// assert_eq!(pairs.pair_players()?.names(), ["ankle × wrist", "wrist × sacrum"]);
/// assert_eq!(pairs.sensor_players()?.members(1), [0, 1, 2]);
/// assert_eq!(pairs.sums_of_positives(&[0.5, -0.25, 0.125])?[[1, 0]], 0.5);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorPairs {
    sensors: Vec<String>,
    /// The sensors of each feature, the smaller number first.
    of_feature: Vec<[usize; 2]>,
}

impl SensorPairs {
    /// The pairs that the features' names hold, found as by [`pair_names`].
    ///
    /// # Errors
    ///
    /// Those of [`pair_names`] and [`SensorPairs::new`].
    pub fn of_names(names: &[String], pattern: Option<&str>) -> Result<Self> {
        Self::new(&pair_names(names, pattern)?)
    }

    /// The two sensors of each feature, which may be the same, in column order. Sensors are numbered
    /// as they first occur.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] without features or for an empty name of a sensor.
    pub fn new(features: &[[String; 2]]) -> Result<Self> {
        if features.is_empty() {
            return Err(Error::Data("there is no pair feature, give at least one".into()));
        }
        let mut sensors: Vec<String> = Vec::new();
        let mut of_feature = Vec::with_capacity(features.len());
        for (column, names) in features.iter().enumerate() {
            let mut pair = [0; 2];
            for (place, name) in pair.iter_mut().zip(names) {
                if name.is_empty() {
                    return Err(Error::Data(format!(
                        "feature {column} has a sensor without a name, give every sensor a name"
                    )));
                }
                *place = sensors.iter().position(|known| known == name).unwrap_or_else(|| {
                    sensors.push(name.clone());
                    sensors.len() - 1
                });
            }
            pair.sort_unstable();
            of_feature.push(pair);
        }
        Ok(Self { sensors, of_feature })
    }

    /// The sensors' names.
    pub fn sensors(&self) -> &[String] {
        &self.sensors
    }

    /// The pairs of different sensors that have features, and these features.
    fn pairs(&self) -> Vec<([usize; 2], Vec<usize>)> {
        let mut order: Vec<usize> = (0..self.of_feature.len()).collect();
        order.sort_by_key(|&column| self.of_feature[column]);
        let same = |a: &usize, b: &usize| self.of_feature[*a] == self.of_feature[*b];
        let pairs = order.chunk_by(same).map(|same| (self.of_feature[same[0]], same.to_vec()));
        pairs.filter(|([a, b], _)| a != b).collect()
    }

    /// The two sensors, by their numbers, of each player of [`SensorPairs::pair_players`].
    pub fn pair_sensors(&self) -> Vec<[usize; 2]> {
        self.pairs().into_iter().map(|(pair, _)| pair).collect()
    }

    /// A player for each pair of different sensors: all features between the two.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if there is no such pair.
    pub fn pair_players(&self) -> Result<Players> {
        let named = self.pairs().into_iter().map(|([a, b], members)| {
            (format!("{} × {}", self.sensors[a], self.sensors[b]), members)
        });
        Players::groups(self.of_feature.len(), named)
    }

    /// A player for each sensor: all features that it takes part in. They overlap: a feature of two
    /// sensors belongs to both.
    ///
    /// # Errors
    ///
    /// Those of [`Players::groups`].
    pub fn sensor_players(&self) -> Result<Players> {
        let named = self.sensors.iter().enumerate().map(|(sensor, name)| {
            let columns = 0..self.of_feature.len();
            let members = columns.filter(|&column| self.of_feature[column].contains(&sensor));
            (name.clone(), members.collect())
        });
        Players::groups(self.of_feature.len(), named)
    }

    /// The published aggregate: for each pair of sensors the sum of the positive importances of
    /// its features, each scored alone; symmetric, 0 where there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there is one importance per feature.
    pub fn sums_of_positives(&self, importances: &[f64]) -> Result<Array2<f64>> {
        let n = self.of_feature.len();
        require_shape("the list of importances", &[n], &[importances.len()])?;
        let mut sums = Array2::zeros((self.sensors.len(), self.sensors.len()));
        for (&[a, b], &importance) in self.of_feature.iter().zip(importances) {
            if importance > 0.0 {
                sums[[a, b]] += importance;
                if a != b {
                    sums[[b, a]] += importance;
                }
            }
        }
        Ok(sums)
    }

    /// Scores of the players of [`SensorPairs::pair_players`] as a symmetric matrix, NaN where
    /// there is no player.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there is one score per player.
    pub fn matrix(&self, scores: &[f64]) -> Result<Array2<f64>> {
        let pairs = self.pair_sensors();
        require_shape("the list of scores of pairs", &[pairs.len()], &[scores.len()])?;
        let mut matrix = Array2::from_elem((self.sensors.len(), self.sensors.len()), f64::NAN);
        for ([a, b], &score) in pairs.into_iter().zip(scores) {
            matrix[[a, b]] = score;
            matrix[[b, a]] = score;
        }
        Ok(matrix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(a: &str, b: &str) -> [String; 2] {
        [a.to_owned(), b.to_owned()]
    }

    fn found(name: &str, pattern: Option<&str>) -> std::result::Result<[String; 2], String> {
        let found = pair_names(&[name.to_owned()], pattern).map_err(|error| error.to_string());
        found.map(|mut found| found.remove(0))
    }

    #[test]
    fn members_are_found_in_names_and_nothing_is_evaluated() {
        for (name, pattern, a, b) in [
            ("ankle.x|wrist.z", None, "ankle", "wrist"),
            (" L:x -- R ", None, "L", "R"),
            ("('Left Ankle', \"O'Brien\") ('x', 'é')", None, "Left Ankle", "O'Brien"),
            ("( 'a' ,'b\\'c', )", None, "a", "b'c"),
            ("psi7_a-to-b", Some("_(.)-to-(.)"), "a", "b"),
            ("b<-a", Some("(?<b>.)<-(?<a>.)"), "a", "b"),
        ] {
            assert_eq!(found(name, pattern).unwrap(), [a, b], "{name}");
        }
        for name in ["", "ankle", "('a' + 'b', 'c')", "(é, 'b')", "__import__('os')"] {
            assert_eq!(
                found(name, None).unwrap_err(),
                format!(
                    "the pattern `{PAIR_PATTERN}` finds no pair in `{name}`: give a pattern with \
                     two groups, one for each member"
                )
            );
        }
        let problem = |pattern| found("a-b", Some(pattern)).unwrap_err();
        assert_eq!(problem(r"(\w+)"), r"the pattern `(\w+)` needs two groups, one for each member");
        assert_eq!(problem("(("), "the pattern `((` is no regular expression: unclosed group");
        assert!(problem("(c)|(d)").starts_with("the pattern `(c)|(d)` finds no pair in `a-b`"));
        // One of the groups may have no part in a match.
        assert!(problem("(a)|(d)").starts_with("the pattern `(a)|(d)` finds no pair in `a-b`"));
    }

    #[test]
    fn pairs_sensors_and_sums_by_hand() {
        // Within a sensor, between two in both orders, and a third sensor.
        let features = [("a", "a"), ("b", "a"), ("a", "b"), ("c", "b")].map(|(x, y)| feature(x, y));
        let pairs = SensorPairs::new(&features).unwrap();
        assert_eq!(pairs.sensors(), ["a", "b", "c"]);
        let players = pairs.pair_players().unwrap();
        assert_eq!(players.names(), ["a × b", "b × c"]);
        assert_eq!((players.members(0), players.members(1)), (&[1, 2][..], &[3][..]));
        let players = pairs.sensor_players().unwrap();
        assert_eq!((players.members(0), players.members(2)), (&[0, 1, 2][..], &[3][..]));
        let sums = pairs.sums_of_positives(&[4.0, 0.5, 0.25, -1.0]).unwrap();
        assert_eq!(sums, ndarray::array![[4.0, 0.75, 0.0], [0.75, 0.0, 0.0], [0.0, 0.0, 0.0]]);
        let matrix = pairs.matrix(&[1.0, -2.0]).unwrap();
        assert_eq!((matrix[[1, 0]], matrix[[1, 2]]), (1.0, -2.0));
        assert!(matrix[[0, 0]].is_nan() && matrix[[0, 2]].is_nan());
    }

    #[test]
    fn each_bad_input_gets_its_own_sentence() {
        let text = SensorPairs::new(&[]).unwrap_err().to_string();
        assert_eq!(text, "there is no pair feature, give at least one");
        let mut nameless = feature("a", "b");
        nameless[1].clear();
        let text = SensorPairs::new(&[nameless]).unwrap_err().to_string();
        assert_eq!(text, "feature 0 has a sensor without a name, give every sensor a name");
        let pairs = SensorPairs::new(&[feature("a", "a")]).unwrap();
        let text = pairs.sums_of_positives(&[]).unwrap_err().to_string();
        assert_eq!(text, "the list of importances has shape [0], expected [1]");
        let text = pairs.matrix(&[1.0]).unwrap_err().to_string();
        assert_eq!(text, "the list of scores of pairs has shape [1], expected [0]");
        assert!(pairs.pair_players().is_err());
    }
}
