//! What is said of imported trees against what their libraries say of them: every golden file
//! that has a library's contributions, interactions or scores is compared, and the files without
//! them are named. They come from `xtask/golden/trees_*.py` and `scikit_learn.py`.

#![expect(clippy::unwrap_used, reason = "what does not fit fails the test")]

mod importances;
mod shap;
mod shap_of_scikit_learn;

use std::path::{Path, PathBuf};

use fi_models::Fitted;
use fi_models::import::load;
use fi_models::tree::Trees;
use ndarray::{Array2, Array3, ArrayD, Axis, IxDyn};
use serde_json::Value;

/// A model and what its library says of it.
struct Case {
    name: String,
    golden: Value,
    trees: Trees,
}

/// All models of a library's folder, by name: a golden file without its model fails.
fn cases(library: &str, golden: &str, model: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(library);
    let files = std::fs::read_dir(&folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| model == ".json" || !name.ends_with(model))
        .filter_map(|name| name.strip_suffix(golden).map(String::from))
        .collect();
    names.sort();
    let case = |name: String| {
        let file = |ending: &str| -> PathBuf { folder.join(format!("{name}{ending}")) };
        let golden = serde_json::from_slice(&std::fs::read(file(golden)).unwrap()).unwrap();
        let stored = load(&file(model)).unwrap_or_else(|error| panic!("{error}"));
        let Fitted::Trees(trees) = stored.model else { panic!("{name} is no model of trees") };
        Case { name, golden, trees }
    };
    names.into_iter().map(case).collect()
}

/// Nested lists as an array; texts are the names of numbers that JSON does not have.
fn array(value: &Value) -> ArrayD<f64> {
    let Value::Array(items) = value else {
        let number = match value {
            Value::Null => f64::NAN,
            Value::String(name) => name.parse().unwrap(),
            other => other.as_f64().unwrap(),
        };
        return ArrayD::from_elem(IxDyn(&[]), number);
    };
    let items: Vec<ArrayD<f64>> = items.iter().map(array).collect();
    let views: Vec<_> = items.iter().map(ArrayD::view).collect();
    ndarray::stack(Axis(0), &views).unwrap()
}

impl Case {
    fn rows(&self) -> Array2<f64> {
        array(&self.golden["rows"]).into_dimensionality().unwrap()
    }

    fn has(&self, field: &str) -> bool {
        self.golden.get(field).is_some_and(|value| !value.is_null())
    }

    /// The library's numbers of some rows, with as many columns after each output's.
    fn numbers(&self, field: &str, columns: usize) -> Array3<f64> {
        let numbers = array(&self.golden[field]);
        let n_outputs = self.trees.ensemble().n_outputs();
        let n_rows = numbers.len() / (n_outputs * columns);
        Array3::from_shape_vec((n_rows, n_outputs, columns), numbers.into_iter().collect()).unwrap()
    }

    fn assert_near(&self, what: &str, ours: &Array3<f64>, theirs: &Array3<f64>, tolerance: f64) {
        assert_eq!(ours.dim(), theirs.dim(), "{}: {what}", self.name);
        let largest = theirs.iter().fold(1.0_f64, |largest, x| largest.max(x.abs()));
        for (place, theirs) in theirs.indexed_iter() {
            let ours = ours[place];
            let same = (ours - theirs).abs() <= tolerance * largest;
            assert!(same, "{}, {what} {place:?}: {ours} instead of {theirs}", self.name);
        }
    }
}
