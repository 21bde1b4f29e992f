//! NumPy's `.npz` archives: several arrays in one file, as `numpy.savez` writes them.

use std::io::Read as _;
use std::path::Path;

use ndarray::{ArrayD, Axis};
use zip::ZipArchive;

use crate::error::{Error, Result};
use crate::npy::{parse, read_npy};

/// Whatever its size, an archive may unpack to this many bytes.
const ALWAYS_FINE: u64 = 64 << 20;
/// More than so many times its size in all is refused: numbers hardly compress.
const MOST_TIMES: u64 = 10;

/// Reads all arrays of an archive as float64, in the order of their names, where numbers in
/// names count as numbers: `arr_2` comes before `arr_10`.
///
/// # Errors
///
/// [`Error::System`]; [`Error::Content`] for what is no such archive, for one that unpacks to
/// more than ten times its size (and more than 64 MiB), and for what
/// [`read_npy_2d`](crate::read_npy_2d) refuses, naming the array.
pub fn read_npz(path: impl AsRef<Path>) -> Result<Vec<(String, ArrayD<f64>)>> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|source| Error::read(path, source))?;
    unpack(&bytes).map_err(|problem| Error::content(&path.display().to_string(), problem))
}

fn unpack(bytes: &[u8]) -> Result<Vec<(String, ArrayD<f64>)>, String> {
    let broken = |error: zip::result::ZipError| {
        format!("this is no .npz archive that can be read ({error}), write it with `numpy.savez`")
    };
    let mut archive = ZipArchive::new(std::io::Cursor::new(bytes)).map_err(broken)?;
    let most = ALWAYS_FINE.max(MOST_TIMES * bytes.len() as u64);
    let mut left = most;
    let mut arrays = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(broken)?;
        let name = member.name().map_err(broken)?.into_owned();
        let name = name.strip_suffix(".npy").map(str::to_owned).ok_or_else(|| {
            format!("it holds `{name}`, only arrays are read: write it with `numpy.savez`")
        })?;
        let mut content = Vec::new();
        // What a header claims is not believed: reading stops at the limit.
        let n_read = member.take(left + 1).read_to_end(&mut content);
        let n_read = n_read.map_err(|error| format!("array `{name}` is damaged: {error}"))? as u64;
        left = left.checked_sub(n_read).ok_or_else(|| {
            format!("it unpacks to more than {most} bytes, far more than numbers compress")
        })?;
        let array = parse(&content).map_err(|problem| format!("array `{name}`: {problem}"))?;
        arrays.push((name, array));
    }
    arrays.sort_by_cached_key(|(name, _)| natural(name));
    Ok(arrays)
}

/// What to sort names by so that numbers in them count as numbers: `arr_2` before `arr_10`.
///
/// # Example
///
/// ```
/// let mut names = ["c10", "c2", "c1"];
/// names.sort_by_cached_key(|name| fi_io::natural(name));
/// assert_eq!(names, ["c1", "c2", "c10"]);
/// ```
pub fn natural(name: &str) -> Vec<(String, u128)> {
    let mut parts: Vec<(String, u128)> = Vec::new();
    let mut in_number = false;
    for letter in name.chars() {
        let digit = letter.to_digit(10);
        if parts.is_empty() || (in_number && digit.is_none()) {
            parts.push((String::new(), 0));
        }
        let Some((text, number)) = parts.last_mut() else { continue };
        match digit {
            Some(digit) => *number = number.saturating_mul(10).saturating_add(u128::from(digit)),
            None => text.push(letter),
        }
        in_number = digit.is_some();
    }
    parts
}

/// The weights of one layer after each epoch, `(n_in, n_out)` each.
///
/// An `.npz` archive of one array per epoch (`numpy.savez("epochs.npz", *weights)`), or an `.npy`
/// or `.npz` file of one array `(n_epochs, n_in, n_out)`.
///
/// # Errors
///
/// As for [`read_npz`]; [`Error::Content`] unless all arrays are matrices of one shape.
pub fn read_weights_history(path: impl AsRef<Path>) -> Result<Vec<ndarray::Array2<f64>>> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let npz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"));
    let mut arrays =
        if npz { read_npz(path)? } else { vec![("the array".to_owned(), read_npy(path)?)] };
    if let Some((name, array)) = arrays.iter().find(|(_, array)| array.is_empty()) {
        // Nothing bounds the sides of what takes no room.
        let problem = format!("`{name}` of shape {:?} holds no number", array.shape());
        return Err(Error::content(&file, problem));
    }
    if let [(name, array)] = &arrays[..]
        && array.ndim() == 3
    {
        let epoch = |(i, epoch): (usize, ndarray::ArrayViewD<'_, f64>)| {
            (format!("{name}[{i}]"), epoch.to_owned())
        };
        arrays = array.axis_iter(Axis(0)).enumerate().map(epoch).collect();
    }
    let Some((_, first)) = arrays.first() else {
        return Err(Error::content(&file, "it holds no weights, save those of each epoch"));
    };
    let shape = first.shape().to_vec();
    let matrix = |(name, array): &(String, ArrayD<f64>)| {
        let fits = array.ndim() == 2 && array.shape() == shape;
        let matrix = array.clone().into_dimensionality().ok().filter(|_| fits);
        matrix.ok_or_else(|| {
            let problem = format!(
                "`{name}` has shape {:?}, give one matrix (n_inputs, n_units) per epoch, all of \
                 one shape",
                array.shape()
            );
            Error::content(&file, problem)
        })
    };
    arrays.iter().map(matrix).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use ndarray::{Array2, array};
    use ndarray_npy::WriteNpyExt as _;
    use zip::write::SimpleFileOptions;

    fn archive(members: &[(&str, &[u8])], deflate: bool) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let method =
            if deflate { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method);
        for (name, content) in members {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn npy(value: f64) -> Vec<u8> {
        let mut bytes = Vec::new();
        array![[value, 1.0]].write_npy(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn epochs_come_in_the_order_of_their_numbers() {
        let (two, ten) = (npy(2.0), npy(10.0));
        for deflate in [false, true] {
            let bytes = archive(&[("arr_10.npy", &ten), ("arr_2.npy", &two)], deflate);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("epochs.npz");
            std::fs::write(&path, bytes).unwrap();
            let epochs = read_weights_history(&path).unwrap();
            assert_eq!(epochs, [array![[2.0, 1.0]], array![[10.0, 1.0]]]);
        }
    }

    #[test]
    fn one_array_of_all_epochs_is_taken_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("epochs.npy");
        crate::write_npy(&path, &array![[[1.0, 2.0]], [[3.0, 4.0]]]).unwrap();
        let epochs: Vec<Array2<f64>> = read_weights_history(&path).unwrap();
        assert_eq!(epochs, [array![[1.0, 2.0]], array![[3.0, 4.0]]]);
        for shape in [(1 << 40, 0, 4), (2, 1 << 40, 0)] {
            crate::write_npy(&path, &ndarray::Array3::zeros(shape)).unwrap();
            let error = read_weights_history(&path).unwrap_err().to_string();
            assert!(error.ends_with("holds no number"), "{error}");
        }
        crate::write_npy(&path, &array![1.0]).unwrap();
        let error = read_weights_history(&path).unwrap_err().to_string();
        assert!(error.ends_with(
            "`the array` has shape [1], give one matrix (n_inputs, n_units) per epoch, all of one \
             shape"
        ));
    }

    #[test]
    fn each_bad_archive_gets_its_own_sentence() {
        let text = |bytes: &[u8]| unpack(bytes).unwrap_err();
        assert!(text(b"PK").starts_with("this is no .npz archive that can be read"));
        let good = archive(&[("a.npy", &npy(1.0))], true);
        for length in 0..good.len() {
            assert!(unpack(&good[..length]).is_err(), "cut at {length}");
        }
        assert_eq!(
            text(&archive(&[("notes.txt", b"hello")], false)),
            "it holds `notes.txt`, only arrays are read: write it with `numpy.savez`"
        );
        assert_eq!(
            text(&archive(&[("a.npy", b"hello")], false)),
            "array `a`: this is no .npy file, write it with `numpy.save`"
        );
        // 80 MB of zeros in 80 kB.
        let bomb = archive(&[("a.npy", &vec![0; 80 << 20])], true);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(
            text(&bomb),
            "it unpacks to more than 67108864 bytes, far more than numbers compress"
        );
    }
}
