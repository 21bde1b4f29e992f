//! What the numbers say about each network method, in plain words and by a stated rule.

use super::methods::{ANOVA_F, MDI};
use super::models::{DATA, FOREST, is_network};
use super::records::{Records, variant};
use super::summary::{CENTRAL, paired, quantile, sorted};

/// How one method of one network fares against the forest's MDI, by Pearson correlation over
/// single fits, as the published experiment measures it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The network.
    pub model: String,
    /// The method.
    pub method: String,
    /// Median agreement with the forest's MDI, and the central 95 % of single fits.
    pub agreement: [f64; 3],
    /// Share of fits in which the method agrees with MDI better than ANOVA F does.
    pub beats_anova: f64,
    /// Share of fits in which it agrees better than on a network trained on shuffled targets.
    pub beats_shuffled: Option<f64>,
    /// How many fits were compared.
    pub n_fits: usize,
    /// The rule's answer.
    pub answer: Answer,
}

/// The rule's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Agreement is positive in the central 95 % of fits, beats shuffled targets in 95 % of fits,
    /// and beats ANOVA F in at least half.
    Supported,
    /// As above, but ANOVA F, which needs no model, agrees better in most fits.
    NothingGained,
    /// The central 95 % of single fits includes no agreement at all.
    Unstable,
    /// A network that learned nothing agrees about as well.
    NotLearned,
}

impl Verdict {
    /// The answer in words.
    pub fn text(&self) -> &'static str {
        match self.answer {
            Answer::Supported if self.beats_shuffled.is_none() => {
                "supported, shuffled targets not run"
            }
            Answer::Supported => "supported",
            Answer::NothingGained => "agrees, but no better than ANOVA F",
            Answer::Unstable => "not supported: single fits span zero agreement",
            Answer::NotLearned => {
                "not supported: a network trained on shuffled targets agrees as well"
            }
        }
    }
}

/// A verdict for every method of every network, in the order of the replicates.
pub fn verdicts(records: &Records) -> Vec<Verdict> {
    records
        .keys(variant::MAIN)
        .filter(|(model, _)| is_network(model))
        .filter_map(|(model, method)| verdict(records, model, method))
        .collect()
}

fn verdict(records: &Records, model: &str, method: &str) -> Option<Verdict> {
    let mdi = (variant::MAIN, FOREST, MDI);
    let with = paired(records, "Pearson", (variant::MAIN, model, method), mdi);
    let anova = paired(records, "Pearson", (variant::MAIN, DATA, ANOVA_F), mdi);
    let shuffled = paired(records, "Pearson", (variant::SHUFFLED_LABELS, model, method), mdi);
    if with.is_empty() {
        return None;
    }
    let values = sorted(with.iter().map(|(_, value)| *value).collect());
    let tail = f64::midpoint(0.0, 1.0 - CENTRAL);
    let agreement = [0.5, tail, 1.0 - tail].map(|q| quantile(&values, q));
    let beats_anova = share_above(&with, &anova)?;
    let beats_shuffled = share_above(&with, &shuffled);
    let answer = if agreement[1] <= 0.0 {
        Answer::Unstable
    } else if beats_shuffled.is_some_and(|share| share < CENTRAL) {
        Answer::NotLearned
    } else if beats_anova < 0.5 {
        Answer::NothingGained
    } else {
        Answer::Supported
    };
    let (model, method, n_fits) = (model.to_owned(), method.to_owned(), values.len());
    Some(Verdict { model, method, agreement, beats_anova, beats_shuffled, n_fits, answer })
}

/// The share of fits that both have in which the first is higher.
fn share_above(a: &[((u64, usize), f64)], b: &[((u64, usize), f64)]) -> Option<f64> {
    let pairs: Vec<bool> = a
        .iter()
        .filter_map(|(fit, x)| b.iter().find(|(other, _)| other == fit).map(|(_, y)| x > y))
        .collect();
    (!pairs.is_empty())
        .then(|| pairs.iter().filter(|above| **above).count() as f64 / pairs.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::methods::VIANN;
    use crate::compare::models::TUNED;
    use crate::compare::records::Record;

    /// Twenty fits of three features; the forest says 1, 2, 3.
    fn records(viann: impl Fn(u64) -> [f64; 3], anova: [f64; 3], shuffled: [f64; 3]) -> Records {
        let mut lines = Vec::new();
        let mut push = |kind: &str, model: &str, method: &str, values: &dyn Fn(u64) -> [f64; 3]| {
            for seed in 0..20 {
                for (i, value) in values(seed).into_iter().enumerate() {
                    lines.push(Record {
                        model: model.to_owned(),
                        method: method.to_owned(),
                        seed,
                        fold: 0,
                        variant: kind.to_owned(),
                        feature: format!("x{i}"),
                        value,
                    });
                }
            }
        };
        push(variant::MAIN, TUNED, VIANN, &viann);
        push(variant::MAIN, FOREST, MDI, &|_| [1.0, 2.0, 3.0]);
        push(variant::MAIN, DATA, ANOVA_F, &|_| anova);
        push(variant::SHUFFLED_LABELS, TUNED, VIANN, &|_| shuffled);
        Records::new(&lines).unwrap()
    }

    fn answer(viann: impl Fn(u64) -> [f64; 3], anova: [f64; 3], shuffled: [f64; 3]) -> Answer {
        let verdicts = verdicts(&records(viann, anova, shuffled));
        assert_eq!(verdicts.len(), 1);
        verdicts[0].answer
    }

    #[test]
    fn the_rule_reaches_each_of_its_answers() {
        let (good, poor, bad) = ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0]);
        assert_eq!(answer(|_| good, poor, bad), Answer::Supported);
        assert_eq!(answer(|_| poor, good, bad), Answer::NothingGained);
        assert_eq!(answer(|_| good, poor, good), Answer::NotLearned);
        assert_eq!(answer(|seed| if seed < 2 { bad } else { good }, poor, bad), Answer::Unstable);
    }
}
