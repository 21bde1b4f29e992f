//! How well importances find what is true: by order, by separation, by their top, by their size, and
//! by what the model loses without the players that they put first.

use anyhow::Result;
use fi_core::agreement::Agreement;

use super::problem::Level;
use super::worth::Quantity;

/// A number that says how well a method found what matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Score {
    /// The probability that a relevant player scores above a null one, ties counting half.
    Auc,
    /// The share of the `k` relevant players among the `k` highest scores; players tied across
    /// the edge share the places that are left.
    Recall,
    /// Spearman's correlation with the total effects.
    Spearman,
    /// Kendall's τ-b with the total effects.
    Kendall,
    /// How far the importances are from what the method estimates, as a share of its size:
    /// `‖found − true‖ / ‖true‖`. Lower is better.
    Error,
    /// The area under the deletion curve: how fast the model's loss rises without the first.
    Deletion,
    /// The area over the insertion curve: how soon the first are enough.
    Insertion,
}

/// What a method found in a level.
pub(super) struct Ranking<'a> {
    pub(super) values: &'a [f64],
    pub(super) level: &'a Level,
    /// What the method estimates.
    pub(super) quantity: Option<Quantity>,
    pub(super) deletion: Option<f64>,
    pub(super) insertion: Option<f64>,
}

impl Score {
    /// All scores, in the order of the tables.
    pub(super) const ALL: [Self; 7] = [
        Self::Auc,
        Self::Recall,
        Self::Spearman,
        Self::Kendall,
        Self::Error,
        Self::Deletion,
        Self::Insertion,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auc => "AUC",
            Self::Recall => "top-k recall",
            Self::Spearman => "Spearman",
            Self::Kendall => "Kendall τ-b",
            Self::Error => "relative error",
            Self::Deletion => "deletion",
            Self::Insertion => "insertion",
        }
    }

    /// The score, or nothing where it is not defined: without a null or a relevant player, without
    /// true effects, or if either ranking holds one number only.
    pub(super) fn of(self, found: &Ranking<'_>) -> Result<Option<f64>> {
        let Ranking { values, level, quantity, deletion, insertion } = *found;
        let correlated = |agreement: Agreement| match &level.effects {
            Some(effects) => agreement.between(values, effects),
            None => Ok(None),
        };
        Ok(match self {
            Self::Auc => auc(values, &level.relevant),
            Self::Recall => recall(values, &level.relevant),
            Self::Spearman => correlated(Agreement::Spearman)?,
            Self::Kendall => correlated(Agreement::Kendall)?,
            Self::Error => level
                .worth
                .as_ref()
                .zip(quantity)
                .and_then(|(worth, quantity)| relative_error(values, &worth.of(quantity))),
            Self::Deletion => deletion,
            Self::Insertion => insertion,
        })
    }
}

/// Where all true values are 0 there is nothing to be a share of.
fn relative_error(values: &[f64], truth: &[f64]) -> Option<f64> {
    let size = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let whole = size(&mut truth.iter().copied());
    (whole > 0.0).then(|| size(&mut values.iter().zip(truth).map(|(a, b)| a - b)) / whole)
}

fn auc(values: &[f64], relevant: &[bool]) -> Option<f64> {
    let of = |kind: bool| {
        let chosen = values.iter().zip(relevant).filter(move |(_, r)| **r == kind);
        chosen.map(|(value, _)| *value)
    };
    let (mut won, mut pairs) = (0.0, 0.0);
    for high in of(true) {
        for low in of(false) {
            pairs += 1.0;
            won += if high > low {
                1.0
            } else if high == low {
                0.5
            } else {
                0.0
            };
        }
    }
    (pairs > 0.0).then(|| won / pairs)
}

fn recall(values: &[f64], relevant: &[bool]) -> Option<f64> {
    let k = relevant.iter().filter(|relevant| **relevant).count();
    if k == 0 || k == relevant.len() {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let edge = sorted[k - 1];
    let count = |keep: &dyn Fn(f64) -> bool| values.iter().filter(|value| keep(**value)).count();
    let (above, tied) = (count(&|value| value > edge), count(&|value| value == edge));
    let share = (k - above) as f64 / tied as f64;
    let found: f64 = values
        .iter()
        .zip(relevant)
        .filter(|(_, relevant)| **relevant)
        .map(|(value, _)| if *value > edge { 1.0 } else { f64::from(*value == edge) * share })
        .sum();
    Some(found / k as f64)
}

#[cfg(test)]
mod tests {
    use super::super::worth::Worth;
    use super::*;
    use fi_core::Players;

    const RELEVANT: [bool; 4] = [true, true, false, false];

    fn level(effects: Option<Vec<f64>>) -> Level {
        let players = Players::features(["a", "b", "c", "d"]).unwrap();
        Level { name: "features", players, relevant: RELEVANT.to_vec(), effects, worth: None }
    }

    fn scores(values: [f64; 4]) -> [Option<f64>; 4] {
        let level = level(Some(vec![0.9, 0.1, 0.0, 0.0]));
        let found = Ranking {
            values: &values,
            level: &level,
            quantity: Some(Quantity::Without),
            deletion: None,
            insertion: None,
        };
        [Score::Auc, Score::Recall, Score::Spearman, Score::Kendall]
            .map(|score| score.of(&found).unwrap())
    }

    #[test]
    fn hand_made_rankings_score_as_counted_by_hand() {
        let [auc, recall, spearman, kendall] = scores([4.0, 3.0, 1.0, 1.0]);
        assert_eq!((auc, recall), (Some(1.0), Some(1.0)));
        assert_eq!((spearman, kendall), (Some(1.0), Some(1.0)));
        // The second relevant one loses to one null: 3 of 4 pairs, 1 of 2 in the top.
        let [auc, recall, _, kendall] = scores([4.0, 2.0, 3.0, 1.0]);
        assert_eq!((auc, recall), (Some(0.75), Some(0.5)));
        // 5 pairs are not tied in truth, 4 agree: (4 − 1) / √(5 · 6).
        assert!((kendall.unwrap() - 3.0 / 30.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!(scores([1.0, 2.0, 3.0, 4.0])[0], Some(0.0));
    }

    #[test]
    fn numbers_are_held_against_what_the_method_estimates() {
        let worth = Worth::of_normals(&[2.0, 1.0, 0.0, 0.0], |i, j| f64::from(u8::from(i == j)));
        let level = Level { worth: Some(worth), ..level(None) };
        let error = |values: [f64; 4], quantity| {
            let (deletion, insertion) = (Some(0.7), None);
            let found = Ranking { values: &values, level: &level, quantity, deletion, insertion };
            assert_eq!(Score::Deletion.of(&found).unwrap(), Some(0.7));
            assert_eq!(Score::Insertion.of(&found).unwrap(), None);
            Score::Error.of(&found).unwrap()
        };
        assert_eq!(error([4.0, 1.0, 0.0, 0.0], Some(Quantity::Without)), Some(0.0));
        assert_eq!(error([8.0, 2.0, 0.0, 0.0], Some(Quantity::Shuffled)), Some(0.0));
        assert_eq!(error([0.0; 4], Some(Quantity::Alone)), Some(1.0));
        let found = error([4.0, 1.0, 3.0, 0.0], Some(Quantity::Without)).unwrap();
        assert!((found - 3.0 / 17.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!(error([4.0, 1.0, 0.0, 0.0], None), None);
        let level =
            Level { worth: Some(Worth::of_normals(&[0.0; 4], |_, _| 1.0)), ..level.clone() };
        let found = Ranking {
            values: &[0.0; 4],
            level: &level,
            quantity: Some(Quantity::Alone),
            deletion: None,
            insertion: None,
        };
        assert_eq!(Score::Error.of(&found).unwrap(), None);
    }

    #[test]
    fn ties_count_half_and_share_the_places() {
        let [auc, recall, spearman, _] = scores([0.0; 4]);
        assert_eq!((auc, recall, spearman), (Some(0.5), Some(0.5), None));
        // One relevant player leads, three share one place.
        let [auc, recall, ..] = scores([1.0, 0.0, 0.0, 0.0]);
        assert_eq!(auc, Some(0.75));
        assert!((recall.unwrap() - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn without_nulls_or_effects_there_is_nothing_to_say() {
        let level = Level { relevant: vec![true; 4], ..level(None) };
        let found = Ranking {
            values: &[1.0, 2.0, 3.0, 4.0],
            level: &level,
            quantity: Some(Quantity::Without),
            deletion: None,
            insertion: None,
        };
        assert_eq!(Score::ALL.map(|score| score.of(&found).unwrap()), [None; 7]);
    }
}
