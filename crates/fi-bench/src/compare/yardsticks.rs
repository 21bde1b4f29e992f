//! Scores that need no model: what a method must beat to be worth its training.

use fi_core::{Dataset, Target};
use ndarray::{ArrayView1, ArrayView2};

/// The F statistic of each feature alone: of one-way ANOVA between the classes, or of the simple
/// linear regression on the feature. 0 for a constant feature, the largest double where a feature
/// separates the classes without any spread.
pub(crate) fn anova_f(data: &Dataset) -> Vec<f64> {
    data.rows()
        .columns()
        .into_iter()
        .map(|column| match data.target() {
            Target::Classes { labels, names } => between_classes(column, labels, names.len()),
            Target::Values(target) => of_regression(column, target),
        })
        .map(|f| if f.is_nan() { 0.0 } else { f.min(f64::MAX) })
        .collect()
}

fn between_classes(x: ArrayView1<'_, f64>, labels: &[usize], n_classes: usize) -> f64 {
    let n = x.len() as f64;
    let mean = x.sum() / n;
    let (mut between, mut within, mut present) = (0.0, 0.0, 0.0);
    for class in 0..n_classes {
        let members: Vec<f64> =
            x.iter().zip(labels).filter(|(_, label)| **label == class).map(|(x, _)| *x).collect();
        if members.is_empty() {
            continue;
        }
        present += 1.0;
        let size = members.len() as f64;
        let centre = members.iter().sum::<f64>() / size;
        between += size * (centre - mean).powi(2);
        within += members.iter().map(|x| (x - centre).powi(2)).sum::<f64>();
    }
    (between / (present - 1.0)) / (within / (n - present))
}

fn of_regression(x: ArrayView1<'_, f64>, y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let r2 = super::correlation(x, ArrayView1::from(y)).powi(2);
    r2 / (1.0 - r2) * (n - 2.0)
}

/// The variance of each column (ddof 0).
pub(super) fn variance(rows: ArrayView2<'_, f64>) -> Vec<f64> {
    rows.columns().into_iter().map(|column| column.var(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_sets::load;
    use ndarray::array;

    #[test]
    fn anova_f_equals_scikit_learns_on_iris() {
        // sklearn.feature_selection.f_classif(*load_iris(return_X_y=True))[0], scikit-learn 1.9.1.
        let expected = [
            119.264_502_184_498_71,
            49.160_040_089_610_98,
            1_180.161_182_252_977_6,
            960.007_146_801_802_5,
        ];
        let iris = load("iris").unwrap();
        for (ours, theirs) in anova_f(&iris.data).into_iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-9 * theirs, "{ours} {theirs}");
        }
    }

    #[test]
    fn anova_f_of_a_regression_equals_scikit_learns() {
        // sklearn.feature_selection.f_regression on bmi of the diabetes data, scikit-learn 1.9.1.
        let diabetes = load("diabetes").unwrap();
        let f = anova_f(&diabetes.data)[2];
        assert!((f - 230.653_764_494_137).abs() < 1e-6, "{f}");
    }

    #[test]
    fn a_constant_feature_scores_zero() {
        let rows = array![[1.0, 0.0], [1.0, 0.0], [1.0, 4.0], [1.0, 4.0]];
        let names = vec!["a".to_owned(), "b".to_owned()];
        let target = Target::Classes { labels: vec![0, 0, 1, 1], names };
        let data = Dataset::new(rows, target).unwrap();
        assert_eq!(anova_f(&data), [0.0, f64::MAX]);
        assert_eq!(variance(data.rows()), [0.0, 4.0]);
    }
}
