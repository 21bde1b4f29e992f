//! Round trips to the bit, and files that are cut, flipped, absurd or hostile.

use std::path::Path;

use fi_core::{Function, Model, Run, Target};
use ndarray::{Array1, ArrayView2, array, s};
use proptest::prelude::*;

use super::*;
use crate::linear::{LinearModel, Scores, StandardErrors};
use crate::network::Mlp;
use crate::tree::{Comparison, Ensemble, Link, NodeStats, RandomForest, TreeBuilder, Trees};

fn linear() -> Stored {
    let model =
        LinearModel::new(array![[1.5], [-0.0]], array![f64::MIN_POSITIVE / 4.0], Scores::Values)
            .unwrap()
            .with_standard_errors(StandardErrors {
                coefficients: array![[0.25], [1.0]],
                degrees_of_freedom: 7,
            })
            .unwrap();
    let scaler = Scaler { mean: vec![1.0, 2.0], scale: vec![0.5, 4.0] };
    let feature_names = vec!["width".to_owned(), "height".to_owned()];
    Stored {
        model: model.into(),
        feature_names,
        class_names: None,
        scaler: Some(scaler),
        training_rows: None,
        categories: Vec::new(),
    }
}

fn data() -> Dataset {
    let rows = Array2::from_shape_fn((40, 3), |(i, j)| ((i * (7 + j)) % 11) as f64);
    let labels = (0..40).map(|i| usize::from((i * 7) % 11 > 5)).collect();
    let names = vec!["no".to_owned(), "yes".to_owned()];
    Dataset::new(rows, Target::Classes { labels, names }).unwrap()
}

/// Saves and loads; the file's bytes come back too.
fn round_trip(stored: &Stored) -> (Stored, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fi");
    save(&path, stored).unwrap();
    (load(&path).unwrap(), std::fs::read(&path).unwrap())
}

/// What `load` says of a file of these bytes, with the path cut out.
fn complaint(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fi");
    std::fs::write(&path, bytes).unwrap();
    let sentence = load(&path).err().map_or_else(String::new, |error| error.to_string());
    let name = format!("`{}`", path.display());
    assert!(sentence.is_empty() || sentence.starts_with(&name), "{sentence}");
    sentence.replace(&name, "it")
}

#[test]
fn every_kind_of_model_comes_back_to_the_bit() {
    let (data, run) = (data(), Run::new(3));
    let forest =
        RandomForest { n_estimators: 5, ..RandomForest::default() }.fit(&run, &data).unwrap();
    let network = Mlp { epochs: 3, ..Mlp::default() }.fit(&run, &data).unwrap();
    let scaler = Scaler::fit(&data).unwrap();
    for stored in [
        Stored::new(forest, &data, None).unwrap(),
        Stored::new(network, &data, Some(scaler)).unwrap(),
    ] {
        let (loaded, bytes) = round_trip(&stored);
        assert_eq!(loaded.feature_names, data.feature_names());
        assert_eq!(loaded.class_names, Some(vec!["no".to_owned(), "yes".to_owned()]));
        assert_eq!(loaded.predict(data.rows()).unwrap(), stored.predict(data.rows()).unwrap());
        assert_eq!(loaded.output(), stored.output());
        assert_eq!(loaded.training_rows, Some(RowHashes::new(data.rows())));
        // The same bytes again: nothing was lost and nothing depends on the run.
        assert_eq!(round_trip(&loaded).1, bytes);
    }
}

#[test]
fn a_scaler_stands_before_the_model() {
    let (loaded, _) = round_trip(&linear());
    // z = ((3 − 1) / 0.5, …) and 1.5 z₀.
    assert_eq!(loaded.predict(array![[3.0, 9.0]].view()).unwrap(), array![[6.0]]);
}

#[test]
fn a_file_cut_at_any_byte_is_damaged_and_a_flipped_bit_is_found() {
    let bytes = codec::encode(&linear()).unwrap();
    for length in 0..bytes.len() {
        let sentence = complaint(&bytes[..length]);
        assert!(sentence.starts_with("it is damaged: it"), "{length}: {sentence}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let sentence = complaint(&flipped);
        let expected = match bit / 8 {
            ..8 => "it is not a model of fi: it does not start with `fi\\0model`",
            // Another version that is known, which the checksum covers.
            8 if (1..=5).contains(&flipped[8]) => "it is damaged: its checksum does not fit",
            8..12 => "it has format version",
            12..20 => "it is damaged: its header says that",
            _ => "it is damaged: its checksum does not fit its content",
        };
        assert!(sentence.starts_with(expected), "{bit}: {sentence}");
    }
}

#[test]
fn a_valid_checksum_does_not_make_a_hostile_file_harmless() {
    let good = codec::encode(&linear()).unwrap();
    // Versions before 4 end before the fingerprints of rows and the names of categories, of which
    // there are none: one byte each.
    let payload = &good[codec::HEADER..good.len() - 2];
    // Every flipped bit, resealed: a model that holds together or one sentence, never a crash.
    for bit in 0..payload.len() * 8 {
        let mut flipped = payload.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let _: String = complaint(&codec::seal(1, &flipped));
    }
    // The same with today's version and fingerprints of rows, whose order may be lost.
    let mut hashed = linear();
    hashed.training_rows = Some(RowHashes::new(data().rows().slice(s![..4, ..2])));
    let hashed = codec::encode(&hashed).unwrap();
    let mut sentences = Vec::new();
    for bit in 0..(hashed.len() - codec::HEADER) * 8 {
        let mut flipped = hashed[codec::HEADER..].to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        sentences.push(complaint(&codec::seal(codec::VERSION, &flipped)));
    }
    assert!(sentences.iter().any(|sentence| sentence.contains("not in ascending order")));
    let trailing = [payload, &[0]].concat();
    assert!(complaint(&codec::seal(1, &trailing)).contains("1 bytes follow the model"));
    assert!(complaint(&codec::seal(6, payload)).starts_with("it has format version 6"));
    // A linear model (variant 1) whose sequence claims 2⁶⁴ − 1 numbers.
    let absurd = [&[1_u8, 1, 253][..], &[255; 8]].concat();
    assert!(complaint(&codec::seal(1, &absurd)).starts_with("it is damaged: "));
    assert!(complaint(b"PK\x03\x04 something else").starts_with("it is not a model of fi"));
}

#[test]
fn a_decoded_model_is_checked_like_one_that_is_made() {
    let mut bad = linear();
    bad.scaler = Some(Scaler { mean: vec![1.0], scale: vec![1.0] });
    let bytes = codec::encode(&bad).unwrap();
    assert_eq!(
        complaint(&bytes),
        "it holds no usable model: the scaler has shape [1], expected [2]"
    );
    bad.scaler = None;
    bad.training_rows = Some(RowHashes::new(array![[1.0]].view()));
    assert_eq!(
        complaint(&codec::encode(&bad).unwrap()),
        "it holds no usable model: a training row has shape [1], expected [2]"
    );
    bad.training_rows = None;
    let colours = |names: [&str; 2]| ("width".to_owned(), names.map(str::to_owned).to_vec());
    bad.categories = vec![colours(["red", "red"])];
    assert_eq!(
        complaint(&codec::encode(&bad).unwrap()),
        "it holds no usable model: two categories of `width` are called `red`, give every one its \
         own name"
    );
    bad.categories = vec![colours(["red", "blue"]), colours(["red", "blue"])];
    assert_eq!(
        complaint(&codec::encode(&bad).unwrap()),
        "it holds no usable model: categories are named for `width`, which is no feature of the \
         model, or named twice"
    );
    bad.categories.clear();
    bad.feature_names[1] = "width".to_owned();
    let error = save(Path::new("never.fi"), &bad).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model cannot be stored: the feature name `width` is empty or double, give every \
         feature its own name"
    );
}

#[test]
fn stored_class_shares_must_be_shares() {
    let forest = RandomForest { n_estimators: 2, ..RandomForest::default() };
    let forest = forest.fit(&Run::new(3), &data()).unwrap();
    let trees = |link: Link, value: &[f64]| {
        let mut leaf = TreeBuilder::new(value.len());
        leaf.push_leaf(&NodeStats { cover: 1.0, impurity: 0.0, value });
        let mut builder = Ensemble::builder(3, value.len(), Comparison::LessEqual);
        builder.push_tree(leaf).unwrap();
        let mut stored = Stored::new(forest.clone(), &data(), None).unwrap();
        stored.model = Trees { ensemble: builder.build().unwrap(), link, bootstrap: None }.into();
        complaint(&codec::encode(&stored).unwrap())
    };
    assert_eq!(trees(Link::Probabilities, &[0.25, 0.75]), "");
    for no_shares in [[0.25, 0.5], [-0.25, 1.25]] {
        assert_eq!(
            trees(Link::Probabilities, &no_shares),
            "it holds no usable model: the trees do not hold class shares that sum to 1 in every \
             leaf"
        );
    }
    assert_eq!(
        trees(Link::Logistic { slope: 1.0 }, &[0.25, 0.75]),
        "it holds no usable model: the trees have 2 outputs, too few or many for Logistic { slope: \
         1.0 }"
    );
}

#[test]
fn what_cannot_be_written_or_read_is_said() {
    let black: Box<dyn Model> =
        Box::new(Function::new(1, 1, |rows: ArrayView2<'_, f64>| rows.to_owned()));
    let feature_names = vec!["x".to_owned()];
    let stored = Stored {
        model: black.into(),
        feature_names,
        class_names: None,
        scaler: None,
        training_rows: None,
        categories: Vec::new(),
    };
    let error = save(Path::new("never.fi"), &stored).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a black box cannot be stored: only trees, linear models and networks can"
    );
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no folder").join("model.fi");
    let sentence = save(&nowhere, &linear()).unwrap_err().to_string();
    assert!(sentence.contains("cannot be written"), "{sentence}");
    assert!(load(&nowhere).unwrap_err().to_string().contains("cannot be read"));
    assert!(load(folder.path()).unwrap_err().to_string().ends_with("it is not a file"));
    // A failed save leaves nothing behind, a second one replaces the first.
    let path = folder.path().join("model.fi");
    save(&path, &linear()).unwrap();
    save(&path, &linear()).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest! {
    /// Any finite bits, subnormals and −0 among them, come back as they went.
    #[test]
    fn floats_keep_their_bits(
        numbers in prop::collection::vec(prop::num::f64::ANY, 1..20)
    ) {
        let numbers: Vec<f64> =
            numbers.into_iter().map(|x| if x.is_finite() { x } else { -0.0 }).collect();
        let n = numbers.len();
        let coefficients = Array2::from_shape_vec((n, 1), numbers.clone()).unwrap();
        let model = LinearModel::new(coefficients, Array1::zeros(1), Scores::Values).unwrap();
        let feature_names = (0..n).map(|i| format!("x{i}")).collect();
        let stored = Stored { model: model.into(), feature_names, class_names: None, scaler: None, training_rows: None, categories: Vec::new() };
        let bytes = codec::encode(&stored).unwrap();
        let Ok(Stored { model: Fitted::Linear(loaded), .. }) = codec::decode(&bytes) else {
            return Err(TestCaseError::fail("not decoded"));
        };
        let bits = |x: &f64| x.to_bits();
        prop_assert!(loaded.coefficients().iter().map(bits).eq(numbers.iter().map(bits)));
    }
}
