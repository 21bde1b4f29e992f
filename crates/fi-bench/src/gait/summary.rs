//! How often each way to score finds the pairs and the sensors that were planted.

use serde::{Deserialize, Serialize};

use super::cell::{Line, WAYS};
use super::phase_slope::Phase;
use super::recipe::{PLANTED, SENSORS, pairs};

/// One line of `recovery.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// `wrapped` or `unwrapped`.
    pub phase: String,
    /// The way to score.
    pub way: String,
    /// `pair` or `sensor`.
    pub level: String,
    /// The share of seeds in which the planted ones have the highest scores.
    pub found: f64,
    /// The chance that a planted one scores above another; mean over seeds.
    pub auc: f64,
    /// The mean score of the planted ones.
    pub planted: f64,
    /// The mean score of the others.
    pub others: f64,
    /// The share of folds and planted ones whose interval is above 0, where there are intervals.
    pub planted_above: Option<f64>,
    /// The same of the others: they say nothing of the class.
    pub others_above: Option<f64>,
}

/// The names of what was planted at a level.
pub(super) fn planted(level: &str) -> Vec<String> {
    let of_classes = PLANTED.into_iter().flatten();
    if level == "pair" {
        return of_classes.map(|[a, b]| format!("{} × {}", SENSORS[a], SENSORS[b])).collect();
    }
    let of_classes: Vec<usize> = of_classes.flatten().collect();
    let chosen = (0..SENSORS.len()).filter(|sensor| of_classes.contains(sensor));
    chosen.map(|sensor| SENSORS[sensor].to_owned()).collect()
}

/// The players of a level, in the order of the files.
pub(super) fn players(level: &str) -> Vec<String> {
    if level == "pair" {
        return pairs().map(|[a, b]| format!("{} × {}", SENSORS[a], SENSORS[b])).collect();
    }
    SENSORS.map(String::from).to_vec()
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A player's lines of one way.
pub(super) fn of<'a>(
    lines: &'a [Line],
    phase: Phase,
    way: &'a str,
    level: &'a str,
) -> impl Iterator<Item = &'a Line> {
    lines
        .iter()
        .filter(move |line| line.phase == phase.name() && line.way == way && line.level == level)
}

/// Every way, phase and level.
pub(super) fn recovery(lines: &[Line]) -> Vec<Recovery> {
    let mut all = Vec::new();
    for phase in Phase::ALL {
        for level in ["pair", "sensor"] {
            for (way, _) in WAYS {
                let chosen: Vec<&Line> = of(lines, phase, way, level).collect();
                if !chosen.is_empty() {
                    all.push(one(&chosen, phase, way, level));
                }
            }
        }
    }
    all
}

fn one(lines: &[&Line], phase: Phase, way: &str, level: &str) -> Recovery {
    let (names, planted) = (players(level), planted(level));
    let mut seeds: Vec<u64> = lines.iter().map(|line| line.seed).collect();
    seeds.dedup();
    let (mut found, mut auc) = (Vec::new(), Vec::new());
    for &seed in &seeds {
        // Each player's mean over the folds of the seed.
        let score = |name: &String| {
            let own = lines.iter().filter(|line| line.seed == seed && line.player == *name);
            mean(&own.map(|line| line.value).collect::<Vec<_>>())
        };
        let of = |is_planted: bool| -> Vec<f64> {
            names.iter().filter(|name| planted.contains(name) == is_planted).map(score).collect()
        };
        let (ours, others) = (of(true), of(false));
        let least = ours.iter().copied().fold(f64::INFINITY, f64::min);
        let most = others.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        found.push(f64::from(u8::from(least > most)));
        let above = |a: &f64, b: &f64| {
            if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            }
        };
        let pairs = ours.iter().flat_map(|a| others.iter().map(move |b| above(a, b)));
        auc.push(mean(&pairs.collect::<Vec<_>>()));
    }
    let values = |is_planted: bool| -> Vec<f64> {
        let own = lines.iter().filter(|line| planted.contains(&line.player) == is_planted);
        own.map(|line| line.value).collect()
    };
    let above = |is_planted: bool| -> Option<f64> {
        let own = lines.iter().filter(|line| planted.contains(&line.player) == is_planted);
        let signs: Option<Vec<f64>> =
            own.map(|line| line.low.map(|low| f64::from(u8::from(low > 0.0)))).collect();
        signs.map(|signs| mean(&signs))
    };
    Recovery {
        phase: phase.name().to_owned(),
        way: way.to_owned(),
        level: level.to_owned(),
        found: mean(&found),
        auc: mean(&auc),
        planted: mean(&values(true)),
        others: mean(&values(false)),
        planted_above: above(true),
        others_above: above(false),
    }
}
