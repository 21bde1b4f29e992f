//! Problems of sequences: noise in which the mean of one channel over a few steps sets the target.

use fi_core::{Rng, Sequence};

use super::problem::{Problem, Response, normals, table};
use super::quadrature::{Marginal, effects};

/// The shape of all sequences here.
const N_STEPS: usize = 10;
const N_CHANNELS: usize = 4;
/// The shortest of the sequences with padding.
const SHORTEST: usize = 6;
/// How steeply the probability of class 1 rises with the mean.
const SLOPE: f64 = 4.0;

/// All problems of sequences.
pub(super) fn all() -> Vec<Problem> {
    let early = column_effects(&[(1, 3..6, 1.0)]);
    let classes = class_effect(3);
    vec![
        sequences(
            "moment-classes",
            "normal noise of ten steps and four channels; the log odds of class 1 are four times the \
             scaled mean of channel c1 over the steps 3 to 5",
            early.iter().map(|e| if *e > 0.0 { classes } else { 0.0 }).collect(),
            noise,
            |x| 1.0 / (1.0 + (-SLOPE * moment(x, 1, 3..6)).exp()),
            Response::Classes,
        ),
        sequences(
            "moment-values",
            "the same noise; the scaled mean of channel c1 over the steps 3 to 5, and half that of \
             c2 over steps 7 and 8, noise of standard deviation 0.3",
            column_effects(&[(1, 3..6, 1.0), (2, 7..9, 0.5)]),
            noise,
            |x| moment(x, 1, 3..6) + 0.5 * moment(x, 2, 7..9),
            Response::Values { noise: 0.3 },
        ),
        sequences(
            "padded",
            "the same noise in sequences of six to ten steps, padded with missing values; the scaled \
             mean of channel c2 over the steps 2 to 4, noise of standard deviation 0.3",
            column_effects(&[(2, 2..5, 1.0)]),
            |rng| {
                let mut row = noise(rng);
                let length = SHORTEST + rng.below(N_STEPS - SHORTEST + 1);
                row[length * N_CHANNELS..].fill(f64::NAN);
                row
            },
            |x| moment(x, 2, 2..5),
            Response::Values { noise: 0.3 },
        ),
    ]
}

/// Channels `c0` to `c3`; columns are called `c0[0]`, `c1[0]` and so on.
fn sequence() -> Sequence {
    let channels = (0..N_CHANNELS).map(|channel| format!("c{channel}"));
    Sequence::new(N_STEPS, channels).expect("there are steps, and channels of different names")
}

fn noise(rng: &mut Rng) -> Vec<f64> {
    normals(rng, N_STEPS * N_CHANNELS)
}

/// The mean over a few steps of one channel, scaled to variance 1.
fn moment(row: &[f64], channel: usize, steps: std::ops::Range<usize>) -> f64 {
    let n = steps.len() as f64;
    steps.map(|step| row[step * N_CHANNELS + channel]).sum::<f64>() / n.sqrt()
}

/// The effects in a sum of scaled means, each given as channel, steps and factor.
fn column_effects(parts: &[(usize, std::ops::Range<usize>, f64)]) -> Vec<f64> {
    let total: f64 = parts.iter().map(|(_, _, factor)| factor * factor).sum();
    let mut effects = vec![0.0; N_STEPS * N_CHANNELS];
    for (channel, steps, factor) in parts {
        for step in steps.clone() {
            effects[step * N_CHANNELS + channel] = factor * factor / steps.len() as f64 / total;
        }
    }
    effects
}

/// The effect on the probability of class 1 of one of `n` steps: the scaled mean is that step's
/// part, of variance 1/n, and the rest.
fn class_effect(n: usize) -> f64 {
    let share = 1.0 / n as f64;
    let parts = [share, 1.0 - share].map(|variance| Marginal::Normal { std: variance.sqrt() });
    let found = effects(&parts, 64, |part| 1.0 / (1.0 + (-SLOPE * (part[0] + part[1])).exp()));
    found.total[0] / found.variance
}

/// A problem of sequences with these effects of its columns.
fn sequences(
    name: &'static str,
    about: &'static str,
    shares: Vec<f64>,
    inputs: fn(&mut Rng) -> Vec<f64>,
    signal: fn(&[f64]) -> f64,
    response: Response,
) -> Problem {
    let sequence = sequence();
    let features = sequence.column_names();
    let plain = table(name, about, features.len(), inputs, signal, response);
    Problem { features, sequence: Some(sequence), ..plain }.with_shares(shares)
}
