//! Drawn gait: what five body-worn sensors record of a stride, with a delay that says who limps.

use std::f64::consts::TAU;

use fi_core::Rng;
use ndarray::Array2;

/// The sensors, in the published order.
pub(super) const SENSORS: [&str; 5] =
    ["Left_Ankle", "Right_Ankle", "Left_Wrist", "Right_Wrist", "Sacrum"];
/// The channels of each sensor.
pub(super) const CHANNELS: [&str; 6] = ["x_acc", "y_acc", "z_acc", "x_gyro", "y_gyro", "z_gyro"];
/// The injured side.
pub(super) const CLASSES: [&str; 3] = ["Left", "Right", "Healthy"];
/// The pair of sensors whose delay is longer in each class.
pub(super) const PLANTED: [Option<[usize; 2]>; 3] = [Some([0, 4]), Some([1, 4]), None];

/// Samples of a trial, and how many a second.
pub(super) const SAMPLES: usize = 600;
const RATE: f64 = 60.0;
/// Harmonics of the stride.
const HARMONICS: usize = 4;
const STRIDE_HZ: f64 = 0.95;
/// Each sensor's place in the stride, in seconds: the right side is half a stride later.
const DELAYS: [f64; 5] = [0.0, 0.5, 0.5, 0.0, 0.1];
/// Waves of which what one sensor hands on to another is made, one in each of as many equal parts
/// of the frequencies up to this one.
const WAVES: usize = 20;
const HIGHEST_HZ: f64 = 2.0;
/// Seconds from one sensor of a pair to the other, and how much longer when injured.
const HANDED_ON: f64 = 0.03;
pub(super) const LIMP: f64 = 0.25;
/// The size of what an ankle hands on to the sacrum, of what other sensors hand on, and of noise;
/// the stride's first harmonic has 1.
const STRONG: f64 = 3.0;
const WEAK: f64 = 0.5;
const NOISE: f64 = 0.3;
/// Persons differ in these delays, and trials of a person again.
const OF_PERSON: f64 = 0.01;
const OF_TRIAL: f64 = 0.005;

/// The drawn body: every channel's share of each harmonic and of what is handed on.
pub(super) struct Body {
    harmonics: Array2<f64>,
    phases: Array2<f64>,
    gains: Array2<f64>,
}

/// A person: the class, the stride and the delays of sensors and of pairs of them.
pub(super) struct Person {
    pub(super) class: usize,
    stride_hz: f64,
    sensors: [f64; 5],
    pairs: [f64; 10],
}

/// The pairs of sensors in order, the smaller number first.
pub(super) fn pairs() -> impl Iterator<Item = [usize; 2]> {
    (0..SENSORS.len()).flat_map(|a| (a + 1..SENSORS.len()).map(move |b| [a, b]))
}

impl Body {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let n = SENSORS.len() * CHANNELS.len();
        let harmonics = Array2::from_shape_fn((n, HARMONICS), |(_, h)| {
            (0.5 + rng.uniform()) / (1.0 + h as f64)
        });
        let phases = Array2::from_shape_simple_fn((n, HARMONICS), || TAU * rng.uniform());
        // All of one sign within a sensor pair, so that a channel shifts a phase and turns none.
        let gains = Array2::from_shape_simple_fn((n, 10), || 0.5 + rng.uniform());
        Self { harmonics, phases, gains }
    }
}

impl Person {
    pub(super) fn draw(class: usize, rng: &mut Rng) -> Self {
        let mut pairs_delay = [0.0; 10];
        for (delay, pair) in pairs_delay.iter_mut().zip(pairs()) {
            let limp = if PLANTED[class] == Some(pair) { LIMP } else { 0.0 };
            *delay = HANDED_ON + limp + OF_PERSON * rng.normal();
        }
        Self {
            class,
            stride_hz: STRIDE_HZ + 0.05 * rng.normal(),
            sensors: DELAYS.map(|delay| delay + OF_PERSON * rng.normal()),
            pairs: pairs_delay,
        }
    }

    /// One trial: `(30, 600)` signals, sensor after sensor.
    pub(super) fn walk(&self, body: &Body, rng: &mut Rng) -> Array2<f64> {
        let n = SENSORS.len() * CHANNELS.len();
        let stride = TAU * (self.stride_hz + 0.01 * rng.normal());
        let start = rng.uniform();
        let mut signals = Array2::from_shape_simple_fn((n, SAMPLES), || NOISE * rng.normal());
        let delays = self.sensors.map(|delay| delay + OF_TRIAL * rng.normal());
        for (channel, mut signal) in signals.rows_mut().into_iter().enumerate() {
            let late = start - delays[channel / CHANNELS.len()];
            for h in 0..HARMONICS {
                let (size, phase) = (body.harmonics[[channel, h]], body.phases[[channel, h]]);
                let speed = stride * (h + 1) as f64;
                for (i, value) in signal.iter_mut().enumerate() {
                    *value += size * (speed * (i as f64 / RATE + late) + phase).cos();
                }
            }
        }
        // What each sensor hands on to each other one is another movement in every trial.
        for (place, pair) in pairs().enumerate() {
            let delay = self.pairs[place] + OF_TRIAL * rng.normal();
            let waves: Vec<[f64; 2]> = (0..WAVES)
                .map(|wave| {
                    let hertz = HIGHEST_HZ * (wave as f64 + rng.uniform()) / WAVES as f64;
                    [TAU * hertz, TAU * rng.uniform()]
                })
                .collect();
            let strength = if PLANTED.contains(&Some(pair)) { STRONG } else { WEAK };
            for (sensor, late) in pair.into_iter().zip([0.0, delay]) {
                let movement: Vec<f64> = (0..SAMPLES)
                    .map(|i| {
                        let t = i as f64 / RATE - late;
                        let wave = |[speed, phase]: &[f64; 2]| (speed * t + phase).cos();
                        strength * waves.iter().map(wave).sum::<f64>() / (WAVES as f64).sqrt()
                    })
                    .collect();
                for channel in sensor * CHANNELS.len()..(sensor + 1) * CHANNELS.len() {
                    let gain = body.gains[[channel, place]];
                    for (value, moved) in signals.row_mut(channel).iter_mut().zip(&movement) {
                        *value += gain * moved;
                    }
                }
            }
        }
        signals
    }
}
