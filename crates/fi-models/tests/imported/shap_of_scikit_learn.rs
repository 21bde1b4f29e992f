//! shap's values of scikit-learn's models, of both perturbations and both scales.

use fi_core::Run;
use fi_models::tree::{Background, Link, OutputScale, Perturbation, TreeShap};
use ndarray::s;

use super::*;

/// shap explains no boosting of several classes, and reads categories as thresholds.
const WITHOUT: [&str; 2] = ["boosting_multiclass", "hist_categories"];

/// shap adds interventional values in single precision.
const SINGLE: f64 = 1e-7;

/// Lists of features, and of outputs in each if there are several, with outputs first; of the
/// last outputs if shap explains fewer, as of two classes.
fn outputs_first(value: &Value) -> Array3<f64> {
    let array = array(value);
    let array = if array.ndim() == 2 { array.insert_axis(Axis(2)) } else { array };
    let array = array.into_dimensionality::<ndarray::Ix3>().unwrap();
    array.permuted_axes([0, 2, 1]).as_standard_layout().into_owned()
}

fn base(golden: &Value, n_rows: usize) -> Array3<f64> {
    let base = array(golden).into_dimensionality::<ndarray::Ix1>().unwrap();
    base.broadcast((n_rows, 1, base.len())).unwrap().permuted_axes([0, 2, 1]).to_owned()
}

impl Case {
    /// Compares values and base values.
    fn compare_values(&self, shap: &TreeShap<'_>, field: &str, expected: &str, tolerance: f64) {
        let theirs = outputs_first(&self.golden[field]);
        let n_rows = theirs.dim().0;
        let rows = self.rows().slice(s![..n_rows, ..]).to_owned();
        let explainer = shap.explainer(&Run::new(0), &self.trees).unwrap();
        let found = self.attribution(&explainer, &rows);
        assert!(found.additivity_error.unwrap() < 1e-12, "{}", self.name);
        let skip = found.values.dim().1 - theirs.dim().1;
        // Of two probabilities shap explains the second.
        assert!(skip == 0 || (skip, theirs.dim().1) == (1, 1), "{}", self.name);
        let ours = found.values.slice(s![.., skip.., ..]).to_owned();
        self.assert_near(field, &ours, &theirs, tolerance);
        let ours = found.base_values.slice(s![.., skip..]).to_owned().insert_axis(Axis(2));
        let theirs_base = base(&self.golden[expected], n_rows);
        if self.name == "boosting_exponential" {
            // shap starts from the log-odds, of which this loss takes half: it does not add up.
            let decisions = array(&self.golden["decision_function"]);
            let sum = theirs_base[[0, 0, 0]] + theirs.slice(s![0, 0, ..]).sum();
            assert!((sum - decisions[[0]]).abs() > 1e-3, "shap is right now, compare");
            return;
        }
        self.assert_near(expected, &ours, &theirs_base, tolerance);
    }

    fn compare_pairs(&self, tolerance: f64) {
        let theirs = array(&self.golden["interactions"]);
        let several = theirs.ndim() == 4;
        let rows = self.rows().slice(s![..theirs.len_of(Axis(0)), ..]).to_owned();
        let explainer = TreeShap::default().explainer(&Run::new(0), &self.trees).unwrap();
        let found = explainer.interactions(&Run::new(0), &self.players(), rows.view()).unwrap();
        let n_outputs = if several { theirs.len_of(Axis(3)) } else { 1 };
        assert_eq!(explainer.n_outputs(), n_outputs, "{}", self.name);
        for row in 0..rows.nrows() {
            for output in 0..n_outputs {
                let matrix = theirs.index_axis(Axis(0), row);
                let matrix = if several { matrix.index_axis(Axis(2), output) } else { matrix };
                let theirs = matrix.to_owned().into_dimensionality::<ndarray::Ix2>().unwrap();
                let n = theirs.nrows();
                let ours = found.dense(row, output).slice_move(s![..n, ..n]).insert_axis(Axis(0));
                self.assert_near("interactions", &ours, &theirs.insert_axis(Axis(0)), tolerance);
            }
        }
    }
}

#[test]
fn shap_says_the_same() {
    let cases = cases("scikit_learn", ".json", ".model.json");
    let mut compared = [0; 5];
    for case in &cases {
        let name = case.name.as_str();
        let all = ["contribs", "interactions", "interventional"].map(|field| case.has(field));
        assert_eq!(all, [!WITHOUT.contains(&name); 3], "{name}");
        if WITHOUT.contains(&name) {
            continue;
        }
        case.compare_values(&TreeShap::default(), "contribs", "expected_value", 1e-12);
        case.compare_pairs(1e-12);
        let rows = array(&case.golden["background"]).into_dimensionality().unwrap();
        let background = Background::new(rows, None).unwrap();
        let perturbation = Perturbation::Interventional(&background);
        let raw = TreeShap { perturbation, ..TreeShap::default() };
        let (field, expected) = ("interventional", "interventional_expected_value");
        case.compare_values(&raw, field, expected, SINGLE);
        compared[0] += 1;
        let probability = TreeShap { output_scale: OutputScale::Probability, ..raw };
        let same = matches!(case.trees.link(), Link::Identity | Link::Probabilities);
        if same {
            case.compare_values(&probability, field, expected, SINGLE);
            compared[1] += 1;
        } else if case.has("interventional_probability") {
            let field = "interventional_probability";
            case.compare_values(&probability, field, &format!("{field}_expected_value"), SINGLE);
            compared[2] += 1;
        } else if case.trees.link() == Link::Softmax {
            let error = probability.explainer(&Run::new(0), &case.trees).unwrap_err().to_string();
            assert!(error.starts_with("softmax mixes the raw answers of all classes"), "{error}");
            compared[3] += 1;
        } else {
            // shap does not have this link, so nobody is left to compare with but the model.
            let explainer = probability.explainer(&Run::new(0), &case.trees).unwrap();
            let found = case.attribution(&explainer, &case.rows());
            assert!(found.additivity_error.unwrap() < 1e-12, "{name}");
            compared[4] += 1;
        }
    }
    assert_eq!((cases.len(), compared), (16, [14, 9, 2, 1, 2]));
}
