//! NumPy's `.npy` arrays, in and out.
//!
//! Written by ndarray-npy; read here, because a hostile header must not make us allocate more
//! than the file holds, and because targets often are `int64` or `float32`. Format:
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

mod rows;

use std::path::Path;

use fi_core::{Attribution, Interactions};
use ndarray::{
    Array, Array1, Array2, Array3, ArrayBase, ArrayD, Axis, Data, Dimension, IxDyn, concatenate,
};
use ndarray_npy::WriteNpyExt;

pub(crate) use self::rows::NpyRows;
use crate::atomic::write_atomic;
use crate::error::{Error, Result};

/// Writes an array of any dimension as float64 in C order.
///
/// # Errors
///
/// [`Error::System`] if the file cannot be written.
pub fn write_npy<S, D>(path: impl AsRef<Path>, array: &ArrayBase<S, D>) -> Result<()>
where
    S: Data<Elem = f64>,
    D: Dimension,
{
    let array = array.as_standard_layout();
    write_atomic(path, |file| array.write_npy(file).map_err(std::io::Error::other))
}

/// Writes local importance as XGBoost lays it out: `(n_rows, n_players + 1)`, the last column
/// the base value; for `k > 1` outputs `(n_rows, k, n_players + 1)`.
///
/// # Errors
///
/// [`Error::System`] if the file cannot be written.
pub fn write_attribution_npy(path: impl AsRef<Path>, attribution: &Attribution) -> Result<()> {
    let path = path.as_ref();
    let base = attribution.base_values.view().insert_axis(Axis(2));
    let whole: Array3<f64> =
        concatenate(Axis(2), &[attribution.values.view(), base]).map_err(|error| {
            Error::Unwritable {
                file: path.display().to_string(),
                problem: format!("values and base values do not fit together: {error}"),
            }
        })?;
    if whole.len_of(Axis(1)) == 1 {
        write_npy(path, &whole.index_axis(Axis(1), 0))
    } else {
        write_npy(path, &whole)
    }
}

/// Writes local interactions as XGBoost lays them out: `(n_rows, n_players + 1, n_players + 1)`,
/// the base value in the last place of each matrix; for `k > 1` outputs `(n_rows, k, …)`.
///
/// # Errors
///
/// [`Error::Unwritable`] for more numbers than memory can hold; [`Error::System`] if the file
/// cannot be written.
pub fn write_interactions_npy(path: impl AsRef<Path>, interactions: &Interactions) -> Result<()> {
    let path = path.as_ref();
    let (n_rows, n_outputs, _) = interactions.values.dim();
    let side = interactions.features.len() + 1;
    let shape =
        if n_outputs == 1 { vec![n_rows, side, side] } else { vec![n_rows, n_outputs, side, side] };
    let too_many = || Error::Unwritable {
        file: path.display().to_string(),
        problem: format!("an array of shape {shape:?} does not fit into memory, take fewer rows"),
    };
    let length = shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side));
    let length = length.ok_or_else(too_many)?;
    let mut values: Vec<f64> = Vec::new();
    values.try_reserve_exact(length).map_err(|_| too_many())?;
    for row in 0..n_rows {
        for output in 0..n_outputs {
            values.extend(interactions.dense(row, output));
        }
    }
    let array = Array::from_shape_vec(IxDyn(&shape), values).map_err(|_| too_many())?;
    write_npy(path, &array)
}

/// Reads a 1-D array of numbers as float64.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] for what is no such array, or holds whole numbers that
/// float64 cannot.
pub fn read_npy_1d(path: impl AsRef<Path>) -> Result<Array1<f64>> {
    read(path.as_ref(), 1)
}

/// Reads a 2-D array of numbers as float64.
///
/// # Errors
///
/// As for [`read_npy_1d`].
pub fn read_npy_2d(path: impl AsRef<Path>) -> Result<Array2<f64>> {
    read(path.as_ref(), 2)
}

/// Reads a 3-D array of numbers as float64.
///
/// # Errors
///
/// As for [`read_npy_1d`].
pub fn read_npy_3d(path: impl AsRef<Path>) -> Result<Array3<f64>> {
    read(path.as_ref(), 3)
}

/// Reads an array of numbers of any dimension as float64.
///
/// # Errors
///
/// As for [`read_npy_1d`].
pub fn read_npy(path: impl AsRef<Path>) -> Result<ArrayD<f64>> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|source| Error::read(path, source))?;
    parse(&bytes).map_err(|problem| Error::content(&path.display().to_string(), problem))
}

/// Reads a two-dimensional array of numbers from the bytes of a file; `name` is the file in error
/// messages.
///
/// # Errors
///
/// [`Error::Content`] as for [`read_npy_1d`].
pub fn read_npy_2d_from(bytes: &[u8], name: &str) -> Result<Array2<f64>> {
    read_from(bytes, name, 2)
}

fn read<D: Dimension>(path: &Path, dimensions: usize) -> Result<Array<f64, D>> {
    let bytes = std::fs::read(path).map_err(|source| Error::read(path, source))?;
    read_from(&bytes, &path.display().to_string(), dimensions)
}

fn read_from<D: Dimension>(bytes: &[u8], name: &str, dimensions: usize) -> Result<Array<f64, D>> {
    let fail = |problem: String| Error::content(name, problem);
    let array = parse(bytes).map_err(fail)?;
    if array.ndim() != dimensions {
        return Err(fail(format!(
            "the array has shape {:?}, expected {dimensions} dimensions",
            array.shape()
        )));
    }
    array.into_dimensionality().map_err(|error| fail(error.to_string()))
}

/// The whole file as an array; the message says what is wrong.
pub(crate) fn parse(bytes: &[u8]) -> Result<ArrayD<f64>, String> {
    let (header, data) = split(bytes)?;
    let header = Header::parse(header)?;
    let width = header.number.width();
    let n = header.shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side));
    let length = n.and_then(|n| n.checked_mul(width));
    if length != Some(data.len()) {
        return Err(format!(
            "the header promises shape {:?} of {width}-byte numbers, but {} bytes follow; the file \
             is damaged or cut off",
            header.shape,
            data.len()
        ));
    }
    // At most one number for each byte of the file.
    let values: Vec<f64> =
        data.chunks_exact(width).map(|chunk| header.value(chunk)).collect::<Result<_, _>>()?;
    let problem = |error: ndarray::ShapeError| error.to_string();
    if header.fortran_order {
        let mut reversed = header.shape.clone();
        reversed.reverse();
        let array = Array::from_shape_vec(IxDyn(&reversed), values).map_err(problem)?;
        Ok(array.reversed_axes().as_standard_layout().into_owned())
    } else {
        Array::from_shape_vec(IxDyn(&header.shape), values).map_err(problem)
    }
}

/// The text of the header, and the bytes after it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    const MAGIC: &[u8] = b"\x93NUMPY";
    let cut = || "the file is cut off inside its header".to_owned();
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| "this is no .npy file, write it with `numpy.save`".to_owned())?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        other => return Err(format!("the format's version is {other}, versions 1 to 3 are read")),
    };
    if length > rest.len() {
        return Err(cut());
    }
    let (header, data) = rest.split_at(length);
    let header = std::str::from_utf8(header).map_err(|_| "the header is not text".to_owned())?;
    Ok((header, data))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Float(usize),
    Signed(usize),
    Unsigned(usize),
    Bool,
}

impl Number {
    fn width(self) -> usize {
        match self {
            Self::Float(width) | Self::Signed(width) | Self::Unsigned(width) => width,
            Self::Bool => 1,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Header {
    number: Number,
    big_endian: bool,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Parses `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str) -> Result<Self, String> {
        let malformed = || "the header is malformed".to_owned();
        let text = text.trim();
        let text =
            text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or_else(malformed)?;
        let (mut kind, mut fortran_order, mut shape) = (None, None, None);
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (key, after) = quoted(rest).ok_or_else(malformed)?;
            let after = after.trim_start().strip_prefix(':').ok_or_else(malformed)?.trim_start();
            rest = match key {
                "descr" => {
                    // Records are written as a list.
                    let (value, after) = quoted(after).ok_or_else(|| {
                        "the array holds records, only plain numbers are read".to_owned()
                    })?;
                    kind = Some(number(value)?);
                    after
                }
                "fortran_order" => {
                    let (value, after) = ["True", "False"]
                        .into_iter()
                        .find_map(|word| Some((word == "True", after.strip_prefix(word)?)))
                        .ok_or_else(malformed)?;
                    fortran_order = Some(value);
                    after
                }
                "shape" => {
                    let inner = after.strip_prefix('(').ok_or_else(malformed)?;
                    let (inner, after) = inner.split_once(')').ok_or_else(malformed)?;
                    let sides = inner.split(',').map(str::trim).filter(|side| !side.is_empty());
                    let sides: Result<Vec<usize>, _> = sides.map(str::parse).collect();
                    shape = Some(sides.map_err(|_| malformed())?);
                    after
                }
                _ => return Err(malformed()),
            };
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        let ((number, big_endian), Some(fortran_order), Some(shape)) =
            (kind.ok_or_else(malformed)?, fortran_order, shape)
        else {
            return Err(malformed());
        };
        // ndarray counts the dimensions of empty arrays, too.
        if shape.len() > 32 {
            return Err(format!("the array has {} dimensions, at most 32 are read", shape.len()));
        }
        Ok(Self { number, big_endian, fortran_order, shape })
    }

    fn value(&self, bytes: &[u8]) -> Result<f64, String> {
        let mut little = [0; 8];
        let width = bytes.len();
        little[..width].copy_from_slice(bytes);
        if self.big_endian {
            little[..width].reverse();
        }
        let bits = u64::from_le_bytes(little);
        let exact = |value: f64, same: bool, whole: String| {
            let problem = || format!("{whole} is too large a whole number for float64");
            if same { Ok(value) } else { Err(problem()) }
        };
        match self.number {
            Number::Float(4) => Ok(f64::from(f32::from_bits(bits as u32))),
            Number::Float(_) => Ok(f64::from_bits(bits)),
            Number::Bool => Ok(f64::from(u8::from(bits != 0))),
            Number::Unsigned(_) => {
                let value = bits as f64;
                exact(value, value as u128 == u128::from(bits), bits.to_string())
            }
            Number::Signed(_) => {
                // Shifting up and down again copies the sign.
                let shift = 64 - 8 * width as u32;
                let whole = ((bits << shift) as i64) >> shift;
                let value = whole as f64;
                exact(value, value as i128 == i128::from(whole), whole.to_string())
            }
        }
    }
}

/// The text between quotes at the start, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// What a type description such as `<f8` means, and whether it is big-endian.
fn number(description: &str) -> Result<(Number, bool), String> {
    let unknown = || {
        format!(
            "the array's type is `{description}`, only float32, float64, integers and bool are \
             read; convert it with `.astype('float64')`"
        )
    };
    let mut letters = description.chars();
    let big_endian = match letters.next() {
        Some('>') => true,
        Some('<' | '|' | '=') => false,
        _ => return Err(unknown()),
    };
    let number = match letters.as_str() {
        "f4" => Number::Float(4),
        "f8" => Number::Float(8),
        "b1" => Number::Bool,
        "i1" => Number::Signed(1),
        "i2" => Number::Signed(2),
        "i4" => Number::Signed(4),
        "i8" => Number::Signed(8),
        "u1" => Number::Unsigned(1),
        "u2" => Number::Unsigned(2),
        "u4" => Number::Unsigned(4),
        "u8" => Number::Unsigned(8),
        _ => return Err(unknown()),
    };
    Ok((number, big_endian))
}

#[cfg(test)]
mod tests;
