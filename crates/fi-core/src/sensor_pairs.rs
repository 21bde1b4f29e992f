//! Features that belong to two sensors at once, such as the phase between a channel of one and a
//! channel of another: whom to score, and the published sum beside a joint importance.

use ndarray::Array2;

use crate::error::{Error, Result, require_shape};
use crate::players::Players;

/// What one feature is made of: a channel of each of two sensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairFeature {
    /// The two sensors; they may be the same.
    pub sensors: [String; 2],
    /// The channel of each.
    pub channels: [String; 2],
}

impl PairFeature {
    /// Reads a feature from the text of two tuples, first the sensors and then the channels:
    /// `('Left_Ankle', 'Right_Wrist') ('x_acc', 'z_gyro')`.
    ///
    /// The text is read and never evaluated. Names stand in single or double quotes and contain
    /// neither these nor a backslash; spaces, and a comma between the tuples, may be there or not.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] that shows the text if it is anything else.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::PairFeature;
    ///
    /// let feature = PairFeature::parse("('Left_Ankle', 'Sacrum') ('x_acc', 'z_gyro')")?;
    /// assert_eq!(feature.sensors, ["Left_Ankle", "Sacrum"]);
    /// assert_eq!(feature.channels, ["x_acc", "z_gyro"]);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let read = || -> Option<Self> {
            let (sensors, rest) = tuple(text)?;
            let rest = rest.trim_start();
            let (channels, rest) = tuple(rest.strip_prefix(',').unwrap_or(rest))?;
            rest.trim().is_empty().then_some(Self { sensors, channels })
        };
        read().ok_or_else(|| {
            Error::Data(format!(
                "`{}` is no pair feature, write it as `('sensor', 'sensor') ('channel', 'channel')`",
                text.chars().take(80).collect::<String>()
            ))
        })
    }

    /// The text that [`PairFeature::parse`] reads.
    pub fn name(&self) -> String {
        let tuple = |[a, b]: &[String; 2]| format!("('{a}', '{b}')");
        format!("{} {}", tuple(&self.sensors), tuple(&self.channels))
    }
}

/// Two quoted names in parentheses, and what follows.
fn tuple(text: &str) -> Option<([String; 2], &str)> {
    let (first, rest) = quoted(text.trim_start().strip_prefix('(')?)?;
    let (second, rest) = quoted(rest.trim_start().strip_prefix(',')?)?;
    Some(([first, second], rest.trim_start().strip_prefix(')')?))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (name, rest) = text[1..].split_once(quote)?;
    let plain = !name.is_empty() && !name.contains(['\'', '"', '\\']);
    plain.then(|| (name.to_owned(), rest))
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
/// use fi_core::{PairFeature, SensorPairs};
///
/// let names = ["('ankle', 'wrist') ('x', 'x')", "('ankle', 'wrist') ('x', 'y')",
///              "('wrist', 'sacrum') ('x', 'x')"];
/// let features = names.iter().map(|name| PairFeature::parse(name)).collect::<Result<Vec<_>, _>>()?;
/// let pairs = SensorPairs::new(&features)?;
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
    /// The pairs of these features, in column order. Sensors are numbered as they first occur.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] without features or for an empty name of a sensor.
    pub fn new(features: &[PairFeature]) -> Result<Self> {
        if features.is_empty() {
            return Err(Error::Data("there is no pair feature, give at least one".into()));
        }
        let mut sensors: Vec<String> = Vec::new();
        let mut of_feature = Vec::with_capacity(features.len());
        for (column, feature) in features.iter().enumerate() {
            let mut pair = [0; 2];
            for (place, name) in pair.iter_mut().zip(&feature.sensors) {
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

    fn feature(a: &str, b: &str) -> PairFeature {
        PairFeature::parse(&format!("('{a}', '{b}') ('x', 'y')")).unwrap()
    }

    #[test]
    fn tuples_are_read_and_nothing_is_evaluated() {
        let read = PairFeature::parse(" ( \"Left Ankle\",'Sacrum' ),('x_acc','é') ").unwrap();
        assert_eq!(read.name(), "('Left Ankle', 'Sacrum') ('x_acc', 'é')");
        assert_eq!(PairFeature::parse(&read.name()).unwrap(), read);
        for bad in [
            "",
            "('a', 'b')",
            "('a', 'b') ('c')",
            "('a', 'b') ('c', 'd') e",
            "('a', '') ('c', 'd')",
            "('a', \"b'\") ('c', 'd')",
            "('a' + 'b', 'c') ('c', 'd')",
            "('a\\', 'b') ('c', 'd')",
            "(é, 'b') ('c', 'd')",
        ] {
            let text = PairFeature::parse(bad).unwrap_err().to_string();
            assert!(text.ends_with("write it as `('sensor', 'sensor') ('channel', 'channel')`"));
            assert!(text.starts_with(&format!("`{bad}` is no pair feature")), "{text}");
        }
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
        nameless.sensors[1].clear();
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
