//! Problems of sums of normal inputs: independent, correlated, in blocks, few of many, copied.

use fi_core::Rng;

use super::problem::{Problem, Response, normals, table};
use super::worth::Worth;

const LINEAR: [f64; 10] = [3.0, 2.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
/// The correlation of neighbours in the correlated problem, where every second coefficient is 0.
const RHO: f64 = 0.7;
const CORRELATED: [f64; 10] = [3.0, 0.0, 2.5, 0.0, 2.0, 0.0, 1.5, 0.0, 1.0, 0.0];
/// The correlation inside a block, and how many columns a block has.
const BLOCK_RHO: f64 = 0.8;
const BLOCK: usize = 4;
const BLOCKS: [f64; 12] = [2.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
/// The only coefficients of the sparse problem that are not 0.
const SPARSE: [f64; 5] = [5.0, 4.0, 3.0, 2.0, 1.0];
const SPARSE_COLUMNS: usize = 100;

/// All problems of this file, in the order of the report.
pub(super) fn all() -> Vec<Problem> {
    vec![linear(), correlated(), blocks(), sparse(), copies()]
}

/// What normal inputs of this covariance are worth in the sum of `beta · x`.
fn normal_sum(problem: Problem, beta: &[f64], covariance: fn(usize, usize) -> f64) -> Problem {
    let n = beta.len();
    let row = |i: usize| (0..n).map(|j| beta[i] * covariance(i, j) * beta[j]).sum::<f64>();
    let variance = (0..n).map(row).sum();
    problem.with_worth(Worth::of_normals(beta, covariance), variance)
}

fn sum(x: &[f64], beta: &[f64]) -> f64 {
    x.iter().zip(beta).map(|(x, beta)| x * beta).sum()
}

fn linear() -> Problem {
    let problem = table(
        "linear",
        "3 x0 + 2 x1 + x2 + ½ x3 of ten independent normal inputs, noise of standard deviation 1",
        LINEAR.len(),
        |rng| normals(rng, LINEAR.len()),
        |x| sum(x, &LINEAR),
        Response::Values { noise: 1.0 },
    );
    normal_sum(problem, &LINEAR, |i, j| f64::from(u8::from(i == j)))
}

fn correlated() -> Problem {
    let problem = table(
        "correlated",
        "3 x0 + 2.5 x2 + 2 x4 + 1.5 x6 + x8 of ten normal inputs that correlate at 0.7 to the power \
         of their distance, so that every input that does nothing lies beside one that does; noise \
         of standard deviation 2",
        CORRELATED.len(),
        |rng| {
            let mut row = normals(rng, CORRELATED.len());
            for i in 1..row.len() {
                row[i] = RHO * row[i - 1] + (1.0 - RHO * RHO).sqrt() * row[i];
            }
            row
        },
        |x| sum(x, &CORRELATED),
        Response::Values { noise: 2.0 },
    );
    normal_sum(problem, &CORRELATED, |i, j| RHO.powi(i.abs_diff(j) as i32))
}

fn blocks() -> Problem {
    let problem = table(
        "blocks",
        "2 x0 + x1 + 2 x4 of twelve normal inputs in three blocks of four that correlate at 0.8 \
         inside a block; noise of standard deviation 2. The third block does nothing",
        BLOCKS.len(),
        |rng: &mut Rng| {
            let mut row = normals(rng, BLOCKS.len());
            for block in row.chunks_mut(BLOCK) {
                let shared = BLOCK_RHO.sqrt() * rng.normal();
                for x in block {
                    *x = shared + (1.0 - BLOCK_RHO).sqrt() * *x;
                }
            }
            row
        },
        |x| sum(x, &BLOCKS),
        Response::Values { noise: 2.0 },
    );
    normal_sum(problem, &BLOCKS, |i, j| {
        if i == j {
            1.0
        } else if i / BLOCK == j / BLOCK {
            BLOCK_RHO
        } else {
            0.0
        }
    })
}

fn sparse() -> Problem {
    let variance: f64 = SPARSE.iter().map(|beta| beta * beta).sum();
    table(
        "sparse",
        "5 x0 + 4 x1 + 3 x2 + 2 x3 + x4 of a hundred independent normal inputs, noise of standard \
         deviation 2",
        SPARSE_COLUMNS,
        |rng| normals(rng, SPARSE_COLUMNS),
        |x| sum(x, &SPARSE),
        Response::Values { noise: 2.0 },
    )
    .with_shares(SPARSE.iter().map(|beta| beta * beta / variance).collect())
}

/// Who counts when several columns say the same is a convention, so there are no effects here.
fn copies() -> Problem {
    let names = ["signal", "copy 1", "copy 2", "other"].map(String::from);
    let nulls = (1..=6).map(|i| format!("null {i}"));
    let plain = table(
        "copies",
        "2 signal + other, noise of standard deviation 1; the two copies are the signal and normal \
         noise of standard deviation 0.1, six inputs do nothing. A copy counts as relevant: it \
         tells of the target. No one of the three is needed, so LOFO should find none, and no true \
         ranking is defined",
        10,
        |rng| {
            let mut row = normals(rng, 10);
            row[1] = row[0] + 0.1 * row[1];
            row[2] = row[0] + 0.1 * row[2];
            row
        },
        |x| 2.0 * x[0] + x[3],
        Response::Values { noise: 1.0 },
    );
    let relevant = (0..10).map(|i| i < 4).collect();
    Problem { features: names.into_iter().chain(nulls).collect(), relevant, ..plain }
}
