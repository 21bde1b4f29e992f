//! Arrays by name, from the bytes of a `.safetensors` file.

use std::collections::BTreeSet;

use ::safetensors::{Dtype, SafeTensorError, SafeTensors};
use ndarray::{Array, ArrayD, Dimension};

use crate::import::{Problem, shown};

/// One axis that a layer needs.
#[derive(Clone, Copy)]
pub(super) enum Size {
    /// Of this length.
    Is(usize),
    /// Of any length, called so.
    Any(&'static str),
}

/// The tensors of a file, and which of them were read.
pub(super) struct Tensors<'a> {
    file: SafeTensors<'a>,
    read: BTreeSet<String>,
    /// How many numbers may still be handed out: layers may share tensors, but a small file is
    /// no large network.
    left: usize,
}

/// So many numbers are always fine, beside twice as many as the file has bytes.
const FEW: usize = 1 << 20;

impl<'a> Tensors<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| {
            Problem::Damaged(match error {
                SafeTensorError::HeaderTooSmall
                | SafeTensorError::HeaderTooLarge
                | SafeTensorError::InvalidHeaderLength => {
                    "its header is cut off, or claims more bytes than there are".into()
                }
                SafeTensorError::MetadataIncompleteBuffer => {
                    "the numbers of its tensors are cut off, or something follows them".into()
                }
                SafeTensorError::InvalidOffset(name) => format!(
                    "the numbers of the tensor `{}` overlap others or leave a gap",
                    shown(&name)
                ),
                SafeTensorError::TensorInvalidInfo | SafeTensorError::ValidationOverflow => {
                    "a tensor has not as many numbers as its shape says".into()
                }
                _ => "its header is no JSON of tensors".into(),
            })
        })?;
        let left = 2 * bytes.len() + FEW;
        Ok(Self { file, read: BTreeSet::new(), left })
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        self.file.tensor(name).is_ok()
    }

    /// A tensor, which must have such a shape and finite numbers.
    pub(super) fn array<D: Dimension>(
        &mut self,
        name: &str,
        sizes: &[Size],
    ) -> Result<Array<f64, D>, Problem> {
        let Ok(tensor) = self.file.tensor(name) else {
            return Err(Problem::Unsupported(format!(
                "there is no tensor `{}`, the file holds {}",
                shown(name),
                listed(self.file.names())
            )));
        };
        let shape = tensor.shape();
        let fits = shape.len() == sizes.len()
            && shape.iter().zip(sizes).all(|(&found, size)| match size {
                Size::Is(n) => found == *n,
                Size::Any(_) => found > 0,
            });
        if !fits {
            let sizes: Vec<String> = sizes
                .iter()
                .map(|size| match size {
                    Size::Is(n) => n.to_string(),
                    Size::Any(name) => (*name).to_owned(),
                })
                .collect();
            return Err(Problem::Damaged(format!(
                "the tensor `{}` has shape {shape:?}, expected [{}]",
                shown(name),
                sizes.join(", ")
            )));
        }
        let n_numbers = shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side));
        let left = n_numbers.and_then(|n| self.left.checked_sub(n));
        self.left = left.ok_or_else(|| {
            Problem::Damaged(format!(
                "its layers name the tensor `{}` and others so often that they hold far more \
                 numbers than the file",
                shown(name)
            ))
        })?;
        let Some(numbers) = numbers(tensor.dtype(), tensor.data()) else {
            return Err(Problem::Unsupported(format!(
                "the tensor `{}` holds {:?}, fi reads F16, BF16, F32 and F64",
                shown(name),
                tensor.dtype()
            )));
        };
        if let Some(place) = numbers.iter().position(|x| !x.is_finite()) {
            return Err(Problem::Damaged(format!(
                "the tensor `{}` holds `{}` at place {place}, every weight must be finite",
                shown(name),
                numbers[place]
            )));
        }
        let array = ArrayD::from_shape_vec(shape, numbers)
            .and_then(ndarray::ArrayBase::into_dimensionality::<D>)
            .map_err(|error| Problem::Damaged(error.to_string()))?;
        self.read.insert(name.to_owned());
        Ok(array)
    }

    /// A tensor of any shape without axes of length 0.
    pub(super) fn any(&mut self, name: &str) -> Result<ArrayD<f64>, Problem> {
        let n_axes = self.file.tensor(name).map_or(1, |tensor| tensor.shape().len());
        self.array(name, &vec![Size::Any("any"); n_axes])
    }

    /// Whether every number was read; counters and the state of generators need not be.
    pub(super) fn finish(&self) -> Result<(), Problem> {
        let floats = |dtype| matches!(dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64);
        let left: Vec<&str> = self
            .file
            .iter()
            .filter(|(name, tensor)| floats(tensor.dtype()) && !self.read.contains(*name))
            .map(|(name, _)| name)
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Problem::Unsupported(format!(
            "no layer reads {}: describe the layer that does, or save the file without it",
            listed(left)
        )))
    }
}

/// Names for a sentence.
fn listed(mut names: Vec<&str>) -> String {
    const MOST: usize = 8;
    names.sort_unstable();
    let n = names.len();
    let quoted = names.into_iter().take(MOST).map(|name| format!("`{}`", shown(name)));
    let quoted: Vec<String> = quoted.collect();
    match n {
        0 => "none".into(),
        _ if n > MOST => format!("{}, … ({n} in all)", quoted.join(", ")),
        _ => quoted.join(", "),
    }
}

/// Little-endian floats of any width; `None` for other numbers.
fn numbers(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f64>> {
    Some(match dtype {
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        Dtype::F32 => each(bytes, |four| f64::from(f32::from_le_bytes(four))),
        Dtype::F16 => each(bytes, |two| half(u16::from_le_bytes(two))),
        // The upper half of an `f32`.
        Dtype::BF16 => each(bytes, |[low, high]| f64::from(f32::from_le_bytes([0, 0, low, high]))),
        _ => return None,
    })
}

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|chunk| number(*chunk)).collect()
}

/// A number of IEEE 754's binary16: a sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (bits >> 10 & 0x1F, f64::from(bits & 0x3FF));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1F if fraction == 0.0 => f64::INFINITY,
        0x1F => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_the_standard_says() {
        for (bits, number) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x3555, 0.333_251_953_125),
            (0x7BFF, 65504.0),
            (0x0400, 2_f64.powi(-14)),
            (0x0001, 2_f64.powi(-24)),
            (0x8000, 0.0),
            (0x7C00, f64::INFINITY),
            (0xFC00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), number, "{bits:x}");
        }
        assert!(half(0x7E00).is_nan());
        assert_eq!(numbers(Dtype::BF16, &[0x80, 0x3F, 0x20, 0xC0]), Some(vec![1.0, -2.5]));
        assert_eq!(numbers(Dtype::I32, &[0; 4]), None);
    }
}
