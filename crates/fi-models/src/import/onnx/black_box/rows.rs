//! What scikit-learn's operators of `ai.onnx.ml` make of rows: each is a function of one row, of
//! which tract knows few, and those not as onnxruntime computes them.

use ndarray::{ArrayView2, ArrayViewMut1};

use super::svm::Svm;
use crate::tree::{Trees, sigmoid, softmax};
use fi_core::Model as _;

/// A function from rows to rows.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a graph has a handful of them")]
pub(super) enum Rows {
    /// `(x - offset) * scale`, in single precision as onnxruntime does: trees may compare it.
    Scaler { offset: Vec<f32>, scale: Vec<f32> },
    /// Values in place of one that stands for a missing one.
    Imputer { values: Vec<f32>, missing: f32 },
    /// Each row by its norm.
    Normalizer(Norm),
    /// 1 above the threshold, else 0.
    Binarizer { threshold: f32 },
    /// Products with weights `(n_scores, n_columns)`.
    Linear { weights: Vec<f64>, intercepts: Vec<f64>, post: Post },
    /// Support vectors.
    Svm(Svm),
    /// Trees; they look at their first columns alone.
    Trees(Trees),
}

/// What a row is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Norm {
    Max,
    L1,
    L2,
}

/// What becomes of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    None,
    Softmax,
    Logistic,
    /// The score of the second of two classes, as `1 - s` and `s`.
    Complement,
    /// The same as probabilities.
    LogisticOfTwo,
}

impl Post {
    fn width(self, n_scores: usize) -> usize {
        if matches!(self, Self::Complement | Self::LogisticOfTwo) { 2 } else { n_scores }
    }

    fn apply(self, scores: &mut Vec<f64>) {
        match self {
            Self::None => {}
            Self::Softmax => softmax(ArrayViewMut1::from(&mut scores[..])),
            Self::Logistic => scores.iter_mut().for_each(|score| *score = sigmoid(*score)),
            Self::Complement => scores.insert(0, 1.0 - scores[0]),
            Self::LogisticOfTwo => {
                let score = scores[0];
                *scores = vec![sigmoid(-score), sigmoid(score)];
            }
        }
    }
}

impl Rows {
    /// The operator's name, which tract shows.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Scaler { .. } => "Scaler",
            Self::Imputer { .. } => "Imputer",
            Self::Normalizer(_) => "Normalizer",
            Self::Binarizer { .. } => "Binarizer",
            Self::Linear { .. } => "Linear",
            Self::Svm(_) => "SVM",
            Self::Trees(_) => "TreeEnsemble",
        }
    }

    /// How many columns it needs, if it does not take any number.
    pub(super) fn n_columns(&self) -> Option<usize> {
        match self {
            // One number is for every column.
            Self::Scaler { offset, scale } => {
                Some(offset.len().max(scale.len())).filter(|&n| n > 1)
            }
            Self::Imputer { values, .. } => Some(values.len()).filter(|&n| n > 1),
            Self::Linear { weights, intercepts, .. } => Some(weights.len() / intercepts.len()),
            Self::Svm(svm) => Some(svm.n_columns()),
            // Trees do not say how many there are besides those that they look at.
            Self::Normalizer(_) | Self::Binarizer { .. } | Self::Trees(_) => None,
        }
    }

    /// How many columns it makes of so many.
    pub(super) fn n_outputs(&self, n_columns: usize) -> usize {
        match self {
            Self::Scaler { .. }
            | Self::Imputer { .. }
            | Self::Normalizer(_)
            | Self::Binarizer { .. } => n_columns,
            Self::Linear { intercepts, post, .. } => post.width(intercepts.len()),
            Self::Svm(svm) => svm.n_outputs(),
            Self::Trees(trees) => trees.n_outputs(),
        }
    }

    /// Whether the number of outputs is known without that of columns.
    pub(super) fn is_wide(&self) -> bool {
        matches!(self, Self::Linear { .. } | Self::Svm(_) | Self::Trees(_))
    }

    /// Whether numbers stay in double precision.
    pub(super) fn keeps_double(&self) -> bool {
        matches!(self, Self::Imputer { .. } | Self::Binarizer { .. })
    }

    /// The rows `(n, n_columns)`, row after row, as rows of outputs.
    ///
    /// # Errors
    ///
    /// Those of trees.
    pub(super) fn apply(&self, rows: &[f64], n_columns: usize) -> fi_core::Result<Vec<f64>> {
        if let Self::Trees(trees) = self {
            let n_rows = rows.len() / n_columns.max(1);
            let view = ArrayView2::from_shape((n_rows, n_columns), rows);
            let view = view.map_err(fi_core::Error::model)?;
            fi_core::require(
                n_columns >= trees.n_features(),
                "the trees' columns",
                n_columns,
                "as many as their splits ask for",
            )?;
            let view = view.slice_move(ndarray::s![.., ..trees.n_features()]);
            return Ok(trees.predict(view)?.into_iter().collect());
        }
        let mut made = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(n_columns.max(1)) {
            self.row(row, &mut made);
        }
        Ok(made)
    }

    fn row(&self, row: &[f64], made: &mut Vec<f64>) {
        let of = |list: &[f32], column: usize| list[if list.len() == 1 { 0 } else { column }];
        match self {
            Self::Scaler { offset, scale } => {
                made.extend(row.iter().enumerate().map(|(column, &x)| {
                    f64::from((x as f32 - of(offset, column)) * of(scale, column))
                }));
            }
            Self::Imputer { values, missing } => {
                made.extend(row.iter().enumerate().map(|(column, &x)| {
                    let is_missing =
                        if missing.is_nan() { x.is_nan() } else { x == f64::from(*missing) };
                    if is_missing { f64::from(of(values, column)) } else { x }
                }));
            }
            Self::Normalizer(norm) => {
                let size = match norm {
                    // Not of sizes: as onnxruntime and the standard have it.
                    Norm::Max => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    Norm::L1 => row.iter().map(|x| x.abs()).sum(),
                    Norm::L2 => row.iter().map(|x| x * x).sum::<f64>().sqrt(),
                };
                let size = if size == 0.0 { 1.0 } else { size };
                made.extend(row.iter().map(|x| x / size));
            }
            Self::Binarizer { threshold } => {
                made.extend(row.iter().map(|&x| f64::from(u8::from(x > f64::from(*threshold)))));
            }
            Self::Linear { weights, intercepts, post } => {
                let lines = weights.chunks_exact(row.len());
                let dot = |line: &[f64]| line.iter().zip(row).map(|(w, x)| w * x).sum::<f64>();
                let mut scores =
                    intercepts.iter().zip(lines).map(|(b, line)| b + dot(line)).collect();
                post.apply(&mut scores);
                made.extend(scores);
            }
            Self::Svm(svm) => svm.row(row, made),
            // As a whole.
            Self::Trees(_) => {}
        }
    }
}
