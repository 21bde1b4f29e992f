//! Problems as tables are: heavy tails, categories with many values, values that are missing.

use super::problem::{Problem, Response, normals, student, table};

/// The effects of the categories that matter, in order of no size.
const LEVELS: [f64; 10] = [1.5, -0.5, 0.8, -1.6, 0.2, 1.1, -1.2, -0.3, 0.6, -0.6];
/// How many values the category has that does nothing.
const MANY: usize = 50;
/// How steeply large values are lost.
const LOSS: f64 = 2.0;

/// All problems of this file, in the order of the report.
pub(super) fn all() -> Vec<Problem> {
    vec![heavy_tails(), categories(), missing()]
}

fn heavy_tails() -> Problem {
    table(
        "heavy-tails",
        "2 x0 + x1 + x2 of ten independent inputs with Student's t distribution of three degrees of \
         freedom, and noise of the same of twice the scale",
        10,
        |rng| (0..10).map(|_| student(rng)).collect(),
        |x| 2.0 * x[0] + x[1] + x[2],
        Response::HeavyTailed { noise: 2.0 },
    )
    .with_shares([4.0, 1.0, 1.0].map(|square| square / 6.0).to_vec())
}

/// Trees can split a category of many values, or a number, in more ways than a coin.
fn categories() -> Problem {
    let features =
        ["category of 10", "number", "coin", "category of 50", "null number", "null coin"];
    let mean = LEVELS.iter().sum::<f64>() / LEVELS.len() as f64;
    let variance = LEVELS.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / LEVELS.len() as f64;
    // The number has variance 1, the coin (of 0 and 1) a quarter.
    let parts = [variance, 0.25, 0.25];
    let all: f64 = parts.iter().sum();
    let plain = table(
        "categories",
        "a category of ten values with an effect each, half a normal number and a coin of 0 and 1; \
         a category of fifty values, a number and a coin do nothing; noise of standard deviation 1",
        features.len(),
        |rng| {
            vec![
                rng.below(LEVELS.len()) as f64,
                rng.normal(),
                rng.below(2) as f64,
                rng.below(MANY) as f64,
                rng.normal(),
                rng.below(2) as f64,
            ]
        },
        |x| LEVELS[x[0] as usize] + 0.5 * x[1] + x[2],
        Response::Values { noise: 1.0 },
    );
    Problem { features: features.map(String::from).to_vec(), categorical: vec![0, 3], ..plain }
        .with_shares(parts.iter().map(|part| part / all).collect())
}

/// What is left of a column says less than the column, so there are no effects here.
fn missing() -> Problem {
    let plain = table(
        "missing",
        "2 x0 + x1 + x2 of eight independent normal inputs, noise of standard deviation 1; values of \
         x0 are lost more often the larger they are, of x1 at random, and those of x3, which does \
         nothing, as those of x0",
        8,
        |rng| normals(rng, 8),
        |x| 2.0 * x[0] + x[1] + x[2],
        Response::Values { noise: 1.0 },
    );
    Problem {
        relevant: (0..8).map(|i| i < 3).collect(),
        hide: |rng, row| {
            for column in [0, 3] {
                if rng.uniform() < 1.0 / (1.0 + (1.0 - LOSS * row[column]).exp()) {
                    row[column] = f64::NAN;
                }
            }
            if rng.uniform() < 0.3 {
                row[1] = f64::NAN;
            }
        },
        ..plain
    }
}
