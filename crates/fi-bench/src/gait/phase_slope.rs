//! Phase slopes: how much one channel lags another, from the phase of their cross spectrum.
//!
//! For the Fourier transforms `X`, `Y` of two channels the phase at bin `k` is
//! `φ(k) = arg(X(k) Y*(k))`. If `y` is `x`, `d` samples later, `φ(k) = 2π k d / n`, a straight line: the
//! slope of the line fitted to the first bins is the lag. A phase is known up to whole turns only.
//! The published recipe takes it as it comes, between −π and π, so a long lag or a noisy bin
//! breaks the line; unwrapping joins neighbouring bins by the shorter way first.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlannerScalar};

/// How many bins, from 0, a line is fitted to.
pub(super) const BINS: usize = 16;

/// Whether neighbouring phases are joined by the shorter way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// As they come, as published.
    Wrapped,
    /// Joined.
    Unwrapped,
}

impl Phase {
    pub(super) const ALL: [Self; 2] = [Self::Wrapped, Self::Unwrapped];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wrapped => "wrapped",
            Self::Unwrapped => "unwrapped",
        }
    }
}

/// Fourier transforms of signals of one length; scalar, so that every processor gives the same
/// bits.
pub(super) struct Spectra(Arc<dyn Fft<f64>>);

impl Spectra {
    pub(super) fn new(n_samples: usize) -> Self {
        Self(FftPlannerScalar::new().plan_fft_forward(n_samples))
    }

    /// The first bins of each signal: `(n_signals, BINS)`.
    pub(super) fn of(&self, signals: ArrayView2<'_, f64>) -> Array2<Complex64> {
        let mut spectra = Array2::zeros((signals.nrows(), BINS));
        for (signal, mut bins) in signals.rows().into_iter().zip(spectra.rows_mut()) {
            let mut buffer: Vec<Complex64> =
                signal.iter().map(|&value| Complex64::new(value, 0.0)).collect();
            self.0.process(&mut buffer);
            bins.iter_mut().zip(buffer).for_each(|(bin, value)| *bin = value);
        }
        spectra
    }
}

/// The slope, in radians a bin, of the line fitted to the phase between two spectra.
pub(super) fn phase_slope(x: &[Complex64], y: &[Complex64], phase: Phase) -> f64 {
    let mut phases: Vec<f64> = x.iter().zip(y).map(|(x, y)| (x * y.conj()).arg()).collect();
    if phase == Phase::Unwrapped {
        for k in 1..phases.len() {
            let step = phases[k] - phases[k - 1];
            phases[k] -= TAU * ((step + PI) / TAU).floor();
        }
    }
    let centre = (phases.len() - 1) as f64 / 2.0;
    let along = |k: usize| k as f64 - centre;
    let products = phases.iter().enumerate().map(|(k, phase)| along(k) * phase);
    products.sum::<f64>() / (0..phases.len()).map(|k| along(k).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fi_core::Rng;

    /// `x` and `x` some samples later, circularly.
    fn slope(lag: usize, phase: Phase) -> f64 {
        let mut rng = Rng::new(1, 0);
        let x: Vec<f64> = (0..600).map(|_| rng.normal()).collect();
        let signals = Array2::from_shape_fn((2, 600), |(channel, i)| {
            x[(i + 600 - if channel == 0 { 0 } else { lag }) % 600]
        });
        let spectra = Spectra::new(600).of(signals.view());
        let rows: Vec<Vec<Complex64>> =
            spectra.rows().into_iter().map(|row| row.to_vec()).collect();
        phase_slope(&rows[0], &rows[1], phase)
    }

    #[test]
    fn the_slope_is_the_lag() {
        for phase in Phase::ALL {
            assert!((slope(7, phase) - TAU * 7.0 / 600.0).abs() < 1e-12);
        }
        // A phase of more than half a turn within 16 bins breaks the line as it comes.
        let long = TAU * 60.0 / 600.0;
        assert!((slope(60, Phase::Unwrapped) - long).abs() < 1e-12);
        assert!((slope(60, Phase::Wrapped) - long).abs() > 0.1);
    }
}
