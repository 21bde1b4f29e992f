//! Support vector machines, as onnxruntime computes them: LIBSVM's decisions and probabilities.

use crate::tree::sigmoid;

/// A kernel, its support vectors, and what is made of their products.
#[derive(Debug)]
pub(super) struct Svm {
    pub(super) kernel: Kernel,
    /// `(n_vectors, n_columns)`.
    pub(super) vectors: Vec<f64>,
    pub(super) n_vectors: usize,
    pub(super) decision: Decision,
}

/// The product of two rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kernel {
    Linear,
    Polynomial { gamma: f64, coef0: f64, degree: f64 },
    Rbf { gamma: f64 },
    Sigmoid { gamma: f64, coef0: f64 },
}

/// What the products with the vectors say.
#[derive(Debug)]
pub(super) enum Decision {
    /// Their weighted sum.
    Value { weights: Vec<f64>, rho: f64 },
    /// Whether that is positive: 1, else -1.
    Inside { weights: Vec<f64>, rho: f64 },
    /// A sum for each pair of classes.
    Classes {
        /// How many vectors each class has.
        counts: Vec<usize>,
        /// `(n_classes - 1, n_vectors)`.
        weights: Vec<f64>,
        rho: Vec<f64>,
        /// Slopes and intercepts of Platt's logistic, one per pair; none for bare decisions.
        platt: Option<(Vec<f64>, Vec<f64>)>,
    },
}

impl Svm {
    pub(super) fn n_columns(&self) -> usize {
        self.vectors.len() / self.n_vectors.max(1)
    }

    pub(super) fn n_outputs(&self) -> usize {
        match &self.decision {
            Decision::Value { .. } | Decision::Inside { .. } => 1,
            Decision::Classes { counts, platt: Some(_), .. } => counts.len(),
            // Two classes have one pair and two columns.
            Decision::Classes { rho, .. } => rho.len().max(2),
        }
    }

    pub(super) fn row(&self, row: &[f64], made: &mut Vec<f64>) {
        let vectors = self.vectors.chunks_exact(row.len());
        let products: Vec<f64> = vectors.map(|vector| self.kernel.of(row, vector)).collect();
        let sum = |weights: &[f64]| dot(weights, &products);
        match &self.decision {
            Decision::Value { weights, rho } => made.push(sum(weights) + rho),
            Decision::Inside { weights, rho } => {
                made.push(if sum(weights) + rho > 0.0 { 1.0 } else { -1.0 });
            }
            Decision::Classes { counts, weights, rho, platt } => {
                let scores = pairs(counts, weights, rho, &products);
                match platt {
                    Some((slopes, intercepts)) => {
                        made.extend(coupled(counts.len(), &scores, slopes, intercepts));
                    }
                    None if scores.len() == 1 => made.extend([-scores[0], scores[0]]),
                    None => made.extend(scores),
                }
            }
        }
    }
}

impl Kernel {
    fn of(self, a: &[f64], b: &[f64]) -> f64 {
        match self {
            Self::Linear => dot(a, b),
            Self::Polynomial { gamma, coef0, degree } => (gamma * dot(a, b) + coef0).powf(degree),
            Self::Rbf { gamma } => {
                let distance: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
                (-gamma * distance).exp()
            }
            Self::Sigmoid { gamma, coef0 } => (gamma * dot(a, b) + coef0).tanh(),
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The decision between each pair of classes, the first against the second, and so on.
fn pairs(counts: &[usize], weights: &[f64], rho: &[f64], products: &[f64]) -> Vec<f64> {
    let n = products.len();
    let starts: Vec<usize> = counts
        .iter()
        .scan(0, |at, count| {
            *at += count;
            Some(*at - count)
        })
        .collect();
    let part = |line: usize, class: usize| {
        let range = starts[class]..starts[class] + counts[class];
        dot(&weights[line * n..][range.clone()], &products[range])
    };
    let mut scores = Vec::with_capacity(rho.len());
    for i in 0..counts.len() {
        for j in i + 1..counts.len() {
            scores.push(part(j - 1, i) + part(i, j) + rho[scores.len()]);
        }
    }
    scores
}

/// Probabilities from those of pairs: Wu, Lin and Weng (2004), as LIBSVM iterates.
fn coupled(k: usize, scores: &[f64], slopes: &[f64], intercepts: &[f64]) -> Vec<f64> {
    const LEAST: f64 = 1e-7;
    let mut of_pair = vec![0.0; k * k];
    let mut pair = 0;
    for i in 0..k {
        for j in i + 1..k {
            let p = sigmoid(-(scores[pair] * slopes[pair] + intercepts[pair]));
            let p = p.clamp(LEAST, 1.0 - LEAST);
            of_pair[i * k + j] = p;
            of_pair[j * k + i] = 1.0 - p;
            pair += 1;
        }
    }
    let mut p = vec![1.0 / k as f64; k];
    let mut q = vec![0.0; k * k];
    for t in 0..k {
        for j in 0..k {
            if j != t {
                let other = of_pair[j * k + t];
                q[t * k + t] += other * other;
                q[t * k + j] = -other * of_pair[t * k + j];
            }
        }
    }
    let tolerance = 0.005 / k as f64;
    for _ in 0..k.max(100) {
        let mut products: Vec<f64> = q.chunks_exact(k).map(|line| dot(line, &p)).collect();
        let mut quadratic = dot(&p, &products);
        let most = products.iter().map(|x| (x - quadratic).abs()).fold(0.0, f64::max);
        if most < tolerance {
            break;
        }
        for t in 0..k {
            let step = (quadratic - products[t]) / q[t * k + t];
            p[t] += step;
            let scale = 1.0 + step;
            quadratic =
                (quadratic + step * (step * q[t * k + t] + 2.0 * products[t])) / scale / scale;
            for j in 0..k {
                products[j] = (products[j] + step * q[t * k + j]) / scale;
                p[j] /= scale;
            }
        }
    }
    p
}
