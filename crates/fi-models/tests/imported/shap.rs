//! TreeSHAP against the libraries' own contributions and interactions.

use fi_core::{Attribution, Model as _, Players, Run};
use fi_models::tree::{Precision, TreeExplainer, TreeShap};
use ndarray::s;

use super::*;

impl Case {
    pub(super) fn players(&self) -> Players {
        Players::features((0..self.trees.n_features()).map(|i| format!("x{i}"))).unwrap()
    }

    pub(super) fn attribution(
        &self,
        explainer: &TreeExplainer<'_>,
        rows: &Array2<f64>,
    ) -> Attribution {
        let found = explainer.attribution(&Run::new(0), &self.players(), rows.view()).unwrap();
        assert!(found.additivity_error.is_some(), "{}", self.name);
        found
    }

    /// Compares contributions, the base value behind them, of every `contribs_step`-th row or
    /// of the first ones.
    fn compare_contributions(&self, factor: f64, tolerance: f64) {
        let rows = self.rows();
        let step = self.golden["contribs_step"].as_i64().unwrap_or(1);
        let n_features = rows.ncols();
        let theirs = self.numbers("contribs", n_features + 1) * factor;
        let rows = rows.slice(s![..;step, ..]).slice(s![..theirs.dim().0, ..]).to_owned();
        for precision in [Precision::F64, Precision::F32] {
            let single = precision == Precision::F32;
            let shap = TreeShap { precision, ..TreeShap::default() };
            let explainer = shap.explainer(&Run::new(0), &self.trees).unwrap();
            let found = self.attribution(&explainer, &rows);
            let bound = if single { 2e-6 } else { 1e-12 };
            let largest = theirs.iter().fold(1.0_f64, |largest, x| largest.max(x.abs()));
            let error = found.additivity_error.unwrap();
            assert!(error < bound * largest, "{}: {error:e}", self.name);
            let tolerance = if single { tolerance.max(2e-6) } else { tolerance };
            let values = theirs.slice(s![.., .., ..n_features]);
            self.assert_near("values", &found.values, &values.to_owned(), tolerance);
            let base = theirs.slice(s![.., .., n_features..]);
            let ours = found.base_values.insert_axis(Axis(2));
            self.assert_near("base", &ours, &base.to_owned(), tolerance);
        }
    }

    /// Compares matrices of interactions, of the first rows.
    fn compare_interactions(&self, tolerance: f64) {
        let n_features = self.trees.n_features();
        let side = n_features + 1;
        let theirs = self.numbers("interactions", side * side);
        let rows = self.rows();
        let rows = rows.slice(s![..theirs.dim().0, ..]);
        let explainer = TreeShap::default().explainer(&Run::new(0), &self.trees).unwrap();
        let found = explainer.interactions(&Run::new(0), &self.players(), rows).unwrap();
        for ((row, output), _) in theirs.slice(s![.., .., 0]).indexed_iter() {
            let theirs = theirs.slice(s![row, output, ..]).to_owned();
            let theirs = theirs.into_shape_with_order((1, side, side)).unwrap();
            // The last row and column are the base value, and CatBoost's own numbers beside it.
            let theirs = theirs.slice(s![.., ..n_features, ..n_features]).to_owned();
            let ours = found.dense(row, output).insert_axis(Axis(0));
            let ours = ours.slice(s![.., ..n_features, ..n_features]).to_owned();
            self.assert_near("interactions", &ours, &theirs, tolerance);
        }
    }
}

/// How many contributions and interactions were compared, and who has none.
fn compare(cases: &[Case], tolerance: f64, factor: fn(&Case) -> f64) -> (usize, usize, Vec<&str>) {
    let (mut contributions, mut interactions, mut without) = (0, 0, Vec::new());
    for case in cases {
        if case.has("contribs") {
            case.compare_contributions(factor(case), tolerance);
            contributions += 1;
        } else {
            without.push(case.name.as_str());
        }
        if case.has("interactions") {
            case.compare_interactions(tolerance);
            interactions += 1;
        }
    }
    (contributions, interactions, without)
}

/// LightGBM has no interactions, and sums the contributions of forests whose predictions it
/// averages.
#[test]
fn lightgbm_says_the_same() {
    let cases = cases("lightgbm", ".json", ".txt");
    let scale = |case: &Case| case.trees.ensemble().scale();
    assert_eq!(compare(&cases, 1e-12, scale), (24, 0, vec![]));
    assert_eq!(cases.iter().filter(|case| scale(case) < 1.0).count(), 3);
}

/// CatBoost's contributions of trees that are not symmetric do not add up to its own answers,
/// and it refuses to explain a model with a scale.
#[test]
fn catboost_says_the_same() {
    let mut cases = cases("catboost", ".json", "-model.json");
    let adds_up = |case: &Case| {
        let (rows, raw) = (case.rows(), array(&case.golden["raw"]));
        let contribs = case.numbers("contribs", rows.ncols() + 1).sum_axis(Axis(2));
        let step = case.golden["contribs_step"].as_u64().unwrap() as usize;
        let errors = contribs
            .indexed_iter()
            .map(|((row, output), sum)| (sum - raw[[row * step, output]]).abs());
        errors.fold(0.0, f64::max) < 1e-12
    };
    let n_cases = cases.len();
    cases.retain(|case| !case.has("contribs") || adds_up(case));
    assert_eq!((n_cases, cases.len()), (18, 16), "without `depthwise` and `lossguide`");
    assert_eq!(compare(&cases, 1e-12, |_| 1.0), (15, 4, vec!["scaled"]));
}

/// XGBoost adds in single precision, since 3.3 at the eight points of a quadrature that is exact
/// for up to 16 features: four units in the last place of the largest number.
#[test]
fn xgboost_says_the_same() {
    let cases = cases("xgboost", ".golden.json", ".json");
    let old = ["vector-2.1.4", "vector-3.0.5", "vector-3.2.0"];
    assert_eq!(compare(&cases, 5e-7, |_| 1.0), (52, 52, old.to_vec()));
    assert_eq!(cases.len(), 55);
}
