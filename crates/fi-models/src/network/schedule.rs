//! How the learning rate changes while a network is trained.

use fi_core::{Result, require};
use serde::{Deserialize, Serialize};

/// By what the optimiser's learning rate is multiplied, epoch by epoch.
///
/// ```text
/// Step         factor^⌊e / every⌋
/// Exponential  factor^e
/// Cosine       floor + (1 − floor) (1 + cos(π min(e / epochs, 1))) / 2
/// Plateau      times factor after `patience` epochs in a row without improvement
/// ```
///
/// `e` is the number of epochs before this one. What must improve for `Plateau` is the validation
/// loss, or without validation rows the training loss.
///
/// # References
///
/// - Loshchilov, Hutter (2017). *SGDR: stochastic gradient descent with warm restarts.* ICLR.
///   <https://arxiv.org/abs/1608.03983>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Schedule {
    /// Always 1.
    Constant,
    /// Down by a factor from time to time.
    Step {
        /// How many epochs between two changes; at least 1.
        every: usize,
        /// In (0, 1].
        factor: f64,
    },
    /// Down by a factor every epoch.
    Exponential {
        /// In (0, 1].
        factor: f64,
    },
    /// Half a period of a cosine.
    Cosine {
        /// How many epochs the way down takes; at least 1.
        epochs: usize,
        /// Where it ends, in [0, 1].
        floor: f64,
    },
    /// Down whenever training does not get any further: Keras's `ReduceLROnPlateau`.
    Plateau {
        /// In (0, 1]; Keras's default is 0.1.
        factor: f64,
        /// After how many epochs without improvement; at least 1. Keras's default is 10.
        patience: usize,
        /// A change must be larger than this to be an improvement, not negative; Keras's default
        /// is 1e-4.
        min_delta: f64,
        /// The smallest factor in all, in [0, 1].
        floor: f64,
    },
}

impl Schedule {
    pub(super) fn check(self) -> Result<()> {
        let share = |x: f64| (0.0..=1.0).contains(&x);
        let factor = |x: f64| require(share(x) && x > 0.0, "factor", x, "in (0, 1]");
        let floor = |x: f64| require(share(x), "floor", x, "in [0, 1]");
        match self {
            Self::Constant => Ok(()),
            Self::Step { every, factor: f } => {
                require(every >= 1, "every", every, "at least 1")?;
                factor(f)
            }
            Self::Exponential { factor: f } => factor(f),
            Self::Cosine { epochs, floor: f } => {
                require(epochs >= 1, "epochs", epochs, "at least 1")?;
                floor(f)
            }
            Self::Plateau { factor: f, patience, min_delta, floor: lowest } => {
                factor(f)?;
                require(patience >= 1, "patience", patience, "at least 1")?;
                let fits = min_delta.is_finite() && min_delta >= 0.0;
                require(fits, "min_delta", min_delta, "finite and not negative")?;
                floor(lowest)
            }
        }
    }
}

/// A schedule with what it has seen.
pub(super) struct Clock {
    schedule: Schedule,
    /// How many steps the way up takes.
    warm_up: usize,
    steps: usize,
    best: f64,
    since_best: usize,
    reduced: f64,
}

impl Clock {
    pub(super) fn new(schedule: Schedule, warm_up: usize) -> Self {
        Self { schedule, warm_up, steps: 0, best: f64::INFINITY, since_best: 0, reduced: 1.0 }
    }

    /// The factor of the next step, in epoch `epoch` from 0.
    pub(super) fn step(&mut self, epoch: usize) -> f64 {
        self.steps += 1;
        let e = epoch as f64;
        let factor = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => factor.powf((epoch / every) as f64),
            Schedule::Exponential { factor } => factor.powf(e),
            Schedule::Cosine { epochs, floor } => {
                let angle = std::f64::consts::PI * (e / epochs as f64).min(1.0);
                floor + (1.0 - floor) * f64::midpoint(1.0, angle.cos())
            }
            Schedule::Plateau { .. } => self.reduced,
        };
        if self.steps < self.warm_up {
            return factor * self.steps as f64 / self.warm_up as f64;
        }
        factor
    }

    /// Hears what an epoch came to.
    pub(super) fn hear(&mut self, loss: f64) {
        let Schedule::Plateau { factor, patience, min_delta, floor } = self.schedule else {
            return;
        };
        if loss < self.best - min_delta {
            (self.best, self.since_best) = (loss, 0);
            return;
        }
        self.since_best += 1;
        if self.since_best >= patience {
            (self.reduced, self.since_best) = ((self.reduced * factor).max(floor), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: Schedule, warm_up: usize, losses: &[f64]) -> Vec<f64> {
        let mut clock = Clock::new(schedule, warm_up);
        let epochs = losses.iter().enumerate();
        epochs
            .map(|(epoch, loss)| {
                let factor = clock.step(epoch);
                clock.hear(*loss);
                factor
            })
            .collect()
    }

    fn assert_close(a: &[f64], b: &[f64]) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} {b:?}");
    }

    #[test]
    fn factors_are_those_computed_by_hand() {
        let flat = [1.0; 5];
        let step = Schedule::Step { every: 2, factor: 0.5 };
        assert_close(&factors(step, 0, &flat), &[1.0, 1.0, 0.5, 0.5, 0.25]);
        let exponential = Schedule::Exponential { factor: 0.5 };
        assert_close(&factors(exponential, 0, &flat), &[1.0, 0.5, 0.25, 0.125, 0.0625]);
        let cosine = Schedule::Cosine { epochs: 2, floor: 0.2 };
        assert_close(&factors(cosine, 0, &flat), &[1.0, 0.6, 0.2, 0.2, 0.2]);
        assert_close(&factors(Schedule::Constant, 4, &flat), &[0.25, 0.5, 0.75, 1.0, 1.0]);
        let plateau = |floor| Schedule::Plateau { factor: 0.5, patience: 2, min_delta: 0.1, floor };
        // 0.95 is no improvement on 1, 0.85 is.
        let losses = [1.0, 0.95, 0.85, 0.85, 0.85, 0.85, 0.85, 0.0];
        let expected = [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25];
        assert_close(&factors(plateau(0.0), 0, &losses), &expected);
        assert_close(&factors(plateau(0.4), 0, &losses)[7..], &[0.4]);
    }

    #[test]
    fn a_setting_outside_its_domain_is_refused() {
        let text = |schedule: Schedule| schedule.check().unwrap_err().to_string();
        let factor = "it must be in (0, 1]";
        let step = |every, factor| text(Schedule::Step { every, factor });
        assert_eq!(step(0, 0.5), "`every` is `0`, it must be at least 1");
        assert_eq!(step(1, 0.0), format!("`factor` is `0`, {factor}"));
        assert_eq!(
            text(Schedule::Exponential { factor: 2.0 }),
            format!("`factor` is `2`, {factor}")
        );
        let cosine = |epochs, floor| text(Schedule::Cosine { epochs, floor });
        assert_eq!(cosine(0, 0.0), "`epochs` is `0`, it must be at least 1");
        assert_eq!(cosine(1, -0.5), "`floor` is `-0.5`, it must be in [0, 1]");
        let plateau = |patience, min_delta| {
            text(Schedule::Plateau { factor: 0.5, patience, min_delta, floor: 0.0 })
        };
        assert_eq!(plateau(0, 0.0), "`patience` is `0`, it must be at least 1");
        assert_eq!(
            plateau(1, f64::NAN),
            "`min_delta` is `NaN`, it must be finite and not negative"
        );
    }
}
