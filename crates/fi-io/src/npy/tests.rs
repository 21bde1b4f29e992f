//! Arrays of every kind NumPy writes, and hostile headers.

use super::*;
use ndarray::{ShapeBuilder, array};
use ndarray_npy::WriteNpyExt;

/// A version 1 file with this header.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn header(kind: &str, shape: &str) -> String {
    format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

#[test]
fn reads_what_ndarray_npy_writes() {
    let array = array![[1.0, -0.0, f64::MAX], [5e-324, f64::NEG_INFINITY, 6.0]];
    let fortran = Array2::from_shape_fn((2, 3).f(), |at| array[at]);
    for array in [array, fortran] {
        let mut bytes = Vec::new();
        array.write_npy(&mut bytes).unwrap();
        let back: Array2<f64> = parse(&bytes).unwrap().into_dimensionality().unwrap();
        assert_eq!(back, array);
        assert!(back[[0, 1]].is_sign_negative());
    }
    let mut bytes = Vec::new();
    array![true, false].write_npy(&mut bytes).unwrap();
    assert_eq!(parse(&bytes).unwrap().into_raw_vec_and_offset().0, [1.0, 0.0]);
    let mut bytes = Vec::new();
    array![i64::from(i32::MIN), 7].write_npy(&mut bytes).unwrap();
    assert_eq!(parse(&bytes).unwrap().into_raw_vec_and_offset().0, [-2_147_483_648.0, 7.0]);
    let mut bytes = Vec::new();
    array![1.5_f32, -2.0].write_npy(&mut bytes).unwrap();
    assert_eq!(parse(&bytes).unwrap().into_raw_vec_and_offset().0, [1.5, -2.0]);
}

#[test]
fn small_and_big_endian_whole_numbers_keep_their_sign() {
    let read = |kind, data: &[u8]| {
        parse(&file(&header(kind, "(1,)"), data)).unwrap().into_raw_vec_and_offset().0[0]
    };
    assert_eq!(read("|i1", &[0xFF]), -1.0);
    assert_eq!(read("|u1", &[0xFF]), 255.0);
    assert_eq!(read(">i2", &[0xFF, 0xFE]), -2.0);
    assert_eq!(read("<u2", &[1, 2]), 513.0);
    assert_eq!(read(">f8", &1.25_f64.to_be_bytes()), 1.25);
}

#[test]
fn attributions_are_laid_out_as_xgboosts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let names = ["a".to_owned(), "b".to_owned()];
    let values = array![[[1.0, 2.0]], [[3.0, 4.0]]];
    let one = Attribution::new("SHAP", &names, values, array![[9.0], [8.0]]).unwrap();
    write_attribution_npy(&path, &one).unwrap();
    assert_eq!(read_npy_2d(&path).unwrap(), array![[1.0, 2.0, 9.0], [3.0, 4.0, 8.0]]);
    let values = array![[[1.0, 2.0], [3.0, 4.0]]];
    let two = Attribution::new("SHAP", &names, values, array![[9.0, 8.0]]).unwrap();
    write_attribution_npy(&path, &two).unwrap();
    assert_eq!(read_npy_3d(&path).unwrap(), array![[[1.0, 2.0, 9.0], [3.0, 4.0, 8.0]]]);
}

#[test]
fn each_bad_file_gets_its_own_sentence() {
    let problem = |bytes: &[u8]| parse(bytes).unwrap_err();
    assert_eq!(problem(b"a,b\n1,2\n"), "this is no .npy file, write it with `numpy.save`");
    assert_eq!(problem(b"\x93NUMPY\x01"), "the file is cut off inside its header");
    assert_eq!(
        problem(b"\x93NUMPY\x09\x00\x00\x00"),
        "the format's version is 9, versions 1 to 3 are read"
    );
    // A header of 4 GiB that is not there.
    assert_eq!(
        problem(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"),
        "the file is cut off inside its header"
    );
    assert_eq!(
        problem(&file(&header("<f8", "(4000000000, 4000000000)"), &[0; 8])),
        "the header promises shape [4000000000, 4000000000] of 8-byte numbers, but 8 bytes \
         follow; the file is damaged or cut off"
    );
    assert!(parse(&file(&header("<f8", "(0, 9223372036854775807, 9)"), &[])).is_err());
    assert_eq!(
        problem(&file(&header("|O", "(1,)"), &[0; 8])),
        "the array's type is `|O`, only float32, float64, integers and bool are read; convert it \
         with `.astype('float64')`"
    );
    assert_eq!(
        problem(&file("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", &[0; 8])),
        "the array holds records, only plain numbers are read"
    );
    assert_eq!(problem(&file("{'descr': '<f8'}", &[])), "the header is malformed");
    assert_eq!(
        problem(&file(&header("<i8", "(1,)"), &(i64::MAX).to_le_bytes())),
        "9223372036854775807 is too large a whole number for float64"
    );
    let many = "1, ".repeat(40);
    assert_eq!(
        problem(&file(&header("<f8", &format!("({many})")), &[0; 8])),
        "the array has 40 dimensions, at most 32 are read"
    );
}

#[test]
fn a_wrong_number_of_dimensions_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    write_npy(&path, &array![1.0, 2.0]).unwrap();
    let text = read_npy_2d(&path).unwrap_err().to_string();
    assert!(text.ends_with("a.npy`: the array has shape [2], expected 2 dimensions"), "{text}");
}
