//! How weights start: Keras's initialisers, by their Keras names. Biases always start at 0.

use fi_core::{Result, Rng, require};
use serde::{Deserialize, Serialize};

/// The distribution from which the weights of a layer are drawn before training.
///
/// `n_in` and `n_out` are the layer's numbers of inputs and units. As in Keras, the `…Normal`
/// kinds with a fan draw from a normal cut off at two standard deviations, widened so that the
/// standard deviation *after* the cut is the one stated.
///
/// # References
///
/// - Glorot, Bengio (2010). *Understanding the difficulty of training deep feedforward neural
///   networks.* AISTATS, PMLR 9:249–256. <https://proceedings.mlr.press/v9/glorot10a.html>
/// - He, Zhang, Ren, Sun (2015). *Delving deep into rectifiers.* ICCV.
///   <https://doi.org/10.1109/ICCV.2015.123>
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Initializer {
    /// Uniform within `±√(6 / (n_in + n_out))`: Keras's default.
    GlorotUniform,
    /// Truncated normal, standard deviation `√(2 / (n_in + n_out))`.
    GlorotNormal,
    /// Uniform within `±√(6 / n_in)`.
    HeUniform,
    /// Truncated normal, standard deviation `√(2 / n_in)`.
    HeNormal,
    /// Uniform within `±√(3 / n_in)`.
    LecunUniform,
    /// Truncated normal, standard deviation `√(1 / n_in)`.
    LecunNormal,
    /// Normal around 0, not truncated; Keras's `"normal"` has `std` 0.05.
    RandomNormal {
        /// The standard deviation; positive.
        std: f64,
    },
    /// Uniform within `±limit`; Keras's `"uniform"` has `limit` 0.05.
    RandomUniform {
        /// The largest absolute weight; positive.
        limit: f64,
    },
    /// Normal around 0 cut off at `±2 std`; the standard deviation after the cut is `0.88 std`.
    TruncatedNormal {
        /// The standard deviation before the cut; positive. Keras's default is 0.05.
        std: f64,
    },
    /// A random matrix whose rows (or, if there are fewer, columns) are orthogonal and of length 1:
    /// Keras's default for what a recurrent layer's state is multiplied with.
    Orthogonal,
    /// All weights 0: the units of a layer stay copies of each other, and with ReLU nothing ever
    /// moves. For networks without hidden layers only.
    Zeros,
}

/// The standard deviation of a standard normal cut off at ±2.
const TRUNCATED_STD: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    pub(super) fn check(self) -> Result<()> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        match self {
            Self::RandomNormal { std } | Self::TruncatedNormal { std } => {
                require(positive(std), "std", std, "positive and finite")
            }
            Self::RandomUniform { limit } => {
                require(positive(limit), "limit", limit, "positive and finite")
            }
            _ => Ok(()),
        }
    }

    /// Fills a matrix of weights with so many columns, in row order; `fans` are the inputs and
    /// outputs of a unit.
    pub(super) fn fill(
        self,
        rng: &mut Rng,
        fans: (usize, usize),
        n_columns: usize,
        weights: &mut [f64],
    ) {
        let (n_in, both) = (fans.0 as f64, (fans.0 + fans.1) as f64);
        let mut draw: Box<dyn FnMut() -> f64 + '_> = match self {
            Self::GlorotUniform => Box::new(move || uniform(rng, (6.0 / both).sqrt())),
            Self::HeUniform => Box::new(move || uniform(rng, (6.0 / n_in).sqrt())),
            Self::LecunUniform => Box::new(move || uniform(rng, (3.0 / n_in).sqrt())),
            Self::RandomUniform { limit } => Box::new(move || uniform(rng, limit)),
            Self::GlorotNormal => Box::new(move || widened(rng, (2.0 / both).sqrt())),
            Self::HeNormal => Box::new(move || widened(rng, (2.0 / n_in).sqrt())),
            Self::LecunNormal => Box::new(move || widened(rng, (1.0 / n_in).sqrt())),
            Self::TruncatedNormal { std } => Box::new(move || std * truncated(rng)),
            Self::RandomNormal { std } => Box::new(move || std * rng.normal()),
            Self::Orthogonal => return orthogonal(rng, n_columns, weights),
            Self::Zeros => Box::new(|| 0.0),
        };
        for weight in weights {
            *weight = draw();
        }
    }
}

/// Makes each of the short side's vectors orthogonal to those before it (Gram–Schmidt, twice, as
/// once loses digits), which leaves each direction as likely as any other.
fn orthogonal(rng: &mut Rng, n_columns: usize, weights: &mut [f64]) {
    let n_rows = weights.len() / n_columns;
    let (n_vectors, length) = (n_rows.min(n_columns), n_rows.max(n_columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(n_vectors);
    while vectors.len() < n_vectors {
        let mut vector: Vec<f64> = (0..length).map(|_| rng.normal()).collect();
        for other in vectors.iter().chain(&vectors) {
            let product: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(other).for_each(|(a, b)| *a -= product * b);
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        for a in &mut vector {
            *a /= norm;
        }
        vectors.push(vector);
    }
    for (place, weight) in weights.iter_mut().enumerate() {
        let (row, column) = (place / n_columns, place % n_columns);
        *weight = if n_rows <= n_columns { vectors[row][column] } else { vectors[column][row] };
    }
}

fn uniform(rng: &mut Rng, limit: f64) -> f64 {
    (2.0 * rng.uniform() - 1.0) * limit
}

fn widened(rng: &mut Rng, std: f64) -> f64 {
    std / TRUNCATED_STD * truncated(rng)
}

/// A standard normal cut off at ±2, by rejection (about 1 draw in 22 is thrown away).
fn truncated(rng: &mut Rng) -> f64 {
    loop {
        let drawn = rng.normal();
        if drawn.abs() <= 2.0 {
            return drawn;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn each_kind_has_its_standard_deviation_and_its_limits() {
        let (n_in, n_out) = (300, 100);
        let kinds = [
            (Initializer::GlorotUniform, (2.0_f64 / 400.0).sqrt(), (6.0_f64 / 400.0).sqrt()),
            (Initializer::GlorotNormal, (2.0_f64 / 400.0).sqrt(), 0.1608),
            (Initializer::HeUniform, (2.0_f64 / 300.0).sqrt(), (6.0_f64 / 300.0).sqrt()),
            (Initializer::HeNormal, (2.0_f64 / 300.0).sqrt(), 0.1857),
            (Initializer::LecunUniform, (1.0_f64 / 300.0).sqrt(), 0.1),
            (Initializer::LecunNormal, (1.0_f64 / 300.0).sqrt(), 0.1313),
            (Initializer::RandomNormal { std: 0.05 }, 0.05, 0.3),
            (Initializer::RandomUniform { limit: 0.3 }, 0.3 / 3.0_f64.sqrt(), 0.3),
            (Initializer::TruncatedNormal { std: 0.05 }, 0.05 * TRUNCATED_STD, 0.1),
            (Initializer::Zeros, 0.0, 0.0),
        ];
        for (kind, std, limit) in kinds {
            let mut weights = vec![f64::NAN; n_in * n_out];
            kind.fill(&mut Rng::new(3, 0), (n_in, n_out), n_out, &mut weights);
            let square = weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64;
            let mean = weights.iter().sum::<f64>() / weights.len() as f64;
            assert!((square.sqrt() - std).abs() <= 0.02 * std, "{kind:?}: {}", square.sqrt());
            assert!(mean.abs() <= 0.03 * std, "{kind:?}: {mean}");
            assert!(weights.iter().all(|w| w.abs() <= limit), "{kind:?}");
        }
    }

    #[test]
    fn an_orthogonal_matrix_is_one() {
        for (n_rows, n_columns) in [(5, 20), (7, 7), (9, 4)] {
            let mut weights = vec![f64::NAN; n_rows * n_columns];
            let rng = &mut Rng::new(3, 0);
            Initializer::Orthogonal.fill(rng, (n_rows, n_columns), n_columns, &mut weights);
            let matrix = Array2::from_shape_vec((n_rows, n_columns), weights).unwrap();
            let product =
                if n_rows <= n_columns { matrix.dot(&matrix.t()) } else { matrix.t().dot(&matrix) };
            let error = (product - Array2::<f64>::eye(n_rows.min(n_columns))).mapv(f64::abs);
            assert!(error.iter().all(|e| *e < 1e-14), "{error}");
        }
    }

    #[test]
    fn a_width_that_is_not_positive_is_refused() {
        let text = |kind: Initializer| kind.check().unwrap_err().to_string();
        let bad = Initializer::RandomNormal { std: 0.0 };
        assert_eq!(text(bad), "`std` is `0`, it must be positive and finite");
        let bad = Initializer::RandomUniform { limit: f64::NAN };
        assert_eq!(text(bad), "`limit` is `NaN`, it must be positive and finite");
    }
}
