//! How well a ranking finds what is true: by order, by separation, by its top.

use anyhow::Result;
use fi_core::agreement::Agreement;

/// A number that says how well importances rank the players of a known problem.
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
}

impl Score {
    /// All scores, in the order of the tables.
    pub(super) const ALL: [Self; 4] = [Self::Auc, Self::Recall, Self::Spearman, Self::Kendall];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auc => "AUC",
            Self::Recall => "top-k recall",
            Self::Spearman => "Spearman",
            Self::Kendall => "Kendall τ-b",
        }
    }

    /// The score of importances, or nothing where it is not defined: without a null or a relevant
    /// player, without true effects, or if either ranking holds one number only.
    pub(super) fn of(
        self,
        values: &[f64],
        relevant: &[bool],
        effects: Option<&[f64]>,
    ) -> Result<Option<f64>> {
        Ok(match (self, effects) {
            (Self::Auc, _) => auc(values, relevant),
            (Self::Recall, _) => recall(values, relevant),
            (Self::Spearman, Some(effects)) => Agreement::Spearman.between(values, effects)?,
            (Self::Kendall, Some(effects)) => Agreement::Kendall.between(values, effects)?,
            (Self::Spearman | Self::Kendall, None) => None,
        })
    }
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
    use super::*;

    const RELEVANT: [bool; 4] = [true, true, false, false];

    fn scores(values: [f64; 4]) -> [Option<f64>; 4] {
        let effects = [0.9, 0.1, 0.0, 0.0];
        Score::ALL.map(|score| score.of(&values, &RELEVANT, Some(&effects)).unwrap())
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
    fn ties_count_half_and_share_the_places() {
        let [auc, recall, spearman, _] = scores([0.0; 4]);
        assert_eq!((auc, recall, spearman), (Some(0.5), Some(0.5), None));
        // One relevant player leads, three share one place.
        let [auc, recall, ..] = scores([1.0, 0.0, 0.0, 0.0]);
        assert_eq!(auc, Some(0.75));
        assert!((recall.unwrap() - (1.0 + 1.0 / 3.0) / 2.0).abs() < 1e-15);
    }

    #[test]
    fn without_nulls_or_effects_there_is_nothing_to_say() {
        let of = |score: Score| score.of(&[1.0, 2.0], &[true, true], None).unwrap();
        assert_eq!(Score::ALL.map(of), [None; 4]);
    }
}
