//! Scores of the splits against each library's own, by the public functions.

use fi_core::{Importance, Model as _, Result};
use fi_models::tree::{Ensemble, cover, gain, impurity, split_count, total_cover, total_gain};

use super::*;

type Score = fn(&Ensemble, &[String]) -> Result<Importance>;

impl Case {
    fn score(&self, score: Score) -> Result<Importance> {
        let names: Vec<String> = (0..self.trees.n_features()).map(|i| format!("x{i}")).collect();
        score(self.trees.ensemble(), &names)
    }

    fn compare_scores(&self, score: Score, theirs: &Value, tolerance: f64) {
        let ours = self.score(score).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let row = |values: Vec<f64>| Array3::from_shape_vec((1, 1, values.len()), values).unwrap();
        let theirs = row(array(theirs).into_iter().collect());
        self.assert_near(&ours.method.clone(), &row(ours.values), &theirs, tolerance);
    }
}

/// XGBoost's `get_score` by type.
const GET_SCORE: [(&str, Score); 5] = [
    ("weight", split_count),
    ("gain", gain),
    ("total_gain", total_gain),
    ("cover", cover),
    ("total_cover", total_cover),
];

/// XGBoost adds in single precision, and writes numbers of single precision.
#[test]
fn xgboost_get_score() {
    let (mut compared, mut without) = ([0; 5], Vec::new());
    let cases = cases("xgboost", ".golden.json", ".json");
    for case in &cases {
        if !case.has("scores") {
            without.push(case.name.as_str());
            // Leaves of several values had neither covers nor gains before 3.4.
            assert!(case.score(split_count).is_ok(), "{}", case.name);
            continue;
        }
        for (place, (kind, score)) in GET_SCORE.into_iter().enumerate() {
            let theirs = &case.golden["scores"][kind];
            if !theirs.is_null() {
                case.compare_scores(score, theirs, 5e-7);
                compared[place] += 1;
            }
        }
    }
    assert_eq!((cases.len(), compared), (55, [52; 5]));
    assert_eq!(without, ["vector-2.1.4", "vector-3.0.5", "vector-3.2.0"]);
}

/// The order of LightGBM's sums is another one.
#[test]
fn lightgbm_feature_importance() {
    let cases = cases("lightgbm", ".json", ".txt");
    for case in &cases {
        case.compare_scores(split_count, &case.golden["split"], 0.0);
        case.compare_scores(total_gain, &case.golden["gain"], 1e-12);
    }
    assert_eq!(cases.len(), 24);
}

/// Histogram gradient boosting has none.
#[test]
fn scikit_learn_feature_importances() {
    let cases = cases("scikit_learn", ".json", ".model.json");
    let mut without = Vec::new();
    for case in &cases {
        if case.has("feature_importances") {
            case.compare_scores(impurity, &case.golden["feature_importances"], 1e-12);
        } else {
            without.push(case.name.as_str());
            let error = case.score(impurity).unwrap_err().to_string();
            assert!(error.ends_with("take `total_gain`"), "{error}");
        }
    }
    assert_eq!(cases.len(), 16);
    let hist = ["hist_binary", "hist_categories", "hist_multiclass", "hist_poisson"];
    assert_eq!(without, [&hist[..], &["hist_regressor"]].concat());
}
