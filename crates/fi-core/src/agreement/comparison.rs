//! Several results side by side: how far every two of them agree.

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::Agreement;
use crate::error::{Error, Result};
use crate::importance::Importance;
use crate::statistics::mean_ranks;

/// Importances of the same features by several methods or models, side by side.
///
/// # When it misleads
///
/// Methods that agree may share a mistake, and methods that ask different questions should not
/// agree: permutation importance and SHAP of correlated features, for one. A mean rank is no truth.
///
/// # Example
///
/// ```
/// use fi_core::Importance;
/// use fi_core::agreement::{Agreement, Comparison};
///
/// let names = ["a", "b", "c"].map(String::from);
/// let one = Importance::new("one", &names, vec![3.0, 2.0, 1.0])?;
/// let other = Importance::new("other", &names, vec![30.0, 10.0, 20.0])?;
/// let results = [("one".to_owned(), &one), ("other".to_owned(), &other)];
/// let comparison = Comparison::new(Agreement::Spearman, &results)?;
/// assert_eq!(comparison.agreement[[0, 1]], 0.5);
/// assert_eq!(comparison.mean_ranks, [1.0, 2.5, 2.5]);
/// # Ok::<(), fi_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How agreement is measured.
    pub measure: Agreement,
    /// What each result is called.
    pub names: Vec<String>,
    /// The features, in the order of the first result.
    pub features: Vec<String>,
    /// `(n_results, n_features)`: the importances.
    pub values: Array2<f64>,
    /// `(n_results, n_features)`: 1 for the most important; equal importances share their mean
    /// rank.
    pub ranks: Array2<f64>,
    /// The mean of a feature's ranks over the results.
    pub mean_ranks: Vec<f64>,
    /// `(n_results, n_results)`, symmetric: NaN where one of the two is constant, so that
    /// agreement has no meaning.
    pub agreement: Array2<f64>,
}

impl Comparison {
    /// Compares results, each under a name of its own. Features are found by their names, so
    /// that models may have them in different orders.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for fewer than two results, a name that is there twice, or results of
    /// different features; those of [`Agreement::between`].
    pub fn new(measure: Agreement, results: &[(String, &Importance)]) -> Result<Self> {
        let [(first_name, first), _, ..] = results else {
            let n = results.len();
            return Err(Error::Data(format!(
                "agreement is between at least 2 results, there is {n}: give more methods or models"
            )));
        };
        let names: Vec<String> = results.iter().map(|(name, _)| name.clone()).collect();
        if let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            return Err(Error::Data(format!(
                "two results are called `{}`, give every result its own name",
                names[i]
            )));
        }
        let (n_results, n_features) = (results.len(), first.len());
        let mut values = Array2::zeros((n_results, n_features));
        for ((name, result), mut row) in results.iter().zip(values.outer_iter_mut()) {
            if let Some(stranger) = result.features.iter().find(|f| !first.features.contains(f)) {
                return Err(only_in(stranger, name, first_name));
            }
            for (feature, to) in first.features.iter().zip(&mut row) {
                let place = result.features.iter().position(|other| other == feature);
                *to = result.values[place.ok_or_else(|| only_in(feature, first_name, name))?];
            }
        }
        let mut agreement = Array2::from_elem((n_results, n_results), f64::NAN);
        for a in 0..n_results {
            for b in a..n_results {
                let (of_a, of_b) = (values.row(a).to_vec(), values.row(b).to_vec());
                let found = measure.between(&of_a, &of_b).map_err(|error| {
                    error.in_task(format!("`{}` beside `{}`", names[a], names[b]))
                })?;
                agreement[[a, b]] = found.unwrap_or(f64::NAN);
                agreement[[b, a]] = agreement[[a, b]];
            }
        }
        // 1 is the largest.
        let mut ranks = values.mapv(|value| -value);
        for mut row in ranks.outer_iter_mut() {
            row.assign(&Array1::from(mean_ranks(&row.to_vec())));
        }
        let mean = |feature: usize| ranks.column(feature).sum() / n_results as f64;
        Ok(Self {
            measure,
            names,
            features: first.features.clone(),
            mean_ranks: (0..n_features).map(mean).collect(),
            values,
            ranks,
            agreement,
        })
    }

    /// The features from the best mean rank to the worst, ties in feature order.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.features.len()).collect();
        order.sort_by(|&a, &b| self.mean_ranks[a].total_cmp(&self.mean_ranks[b]));
        order
    }
}

fn only_in(feature: &str, there: &str, missing: &str) -> Error {
    Error::Data(format!(
        "`{there}` scores `{feature}` and `{missing}` does not, compare results of the same \
         features"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(names: &[&str], values: &[f64]) -> Importance {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Importance::new("m", &names, values.to_vec()).unwrap()
    }

    #[test]
    fn features_are_found_by_name_and_a_constant_result_agrees_with_nothing() {
        let a = result(&["x", "y", "z"], &[3.0, 2.0, 1.0]);
        let b = result(&["z", "y", "x"], &[1.0, 2.0, 3.0]);
        let flat = result(&["x", "y", "z"], &[1.0, 1.0, 1.0]);
        let named = |name: &str| name.to_owned();
        let results = [(named("a"), &a), (named("b"), &b), (named("flat"), &flat)];
        let found = Comparison::new(Agreement::Kendall, &results).unwrap();
        assert_eq!(found.values.row(1), found.values.row(0));
        assert_eq!(found.agreement[[0, 1]], 1.0);
        assert!(found.agreement[[2, 0]].is_nan() && found.agreement[[2, 2]].is_nan());
        assert_eq!(found.ranks.row(2).to_vec(), [2.0; 3]);
        assert_eq!(found.mean_ranks, [4.0 / 3.0, 2.0, 8.0 / 3.0]);
        assert_eq!(found.order(), [0, 1, 2]);
    }

    #[test]
    fn measures_are_read_from_texts() {
        assert_eq!("weighted-tau".parse::<Agreement>().unwrap(), Agreement::WeightedTau);
        let rbo = Agreement::RankBiasedOverlap { p: 0.9 };
        assert_eq!("rbo:0.9".parse::<Agreement>().unwrap(), rbo);
        assert_eq!("top:5".parse::<Agreement>().unwrap(), Agreement::TopK { k: 5 });
        let error = "cosine".parse::<Agreement>().unwrap_err().to_string();
        let domain = "it must be pearson, spearman, kendall, weighted-tau, rbo:0.9 or top:5";
        assert_eq!(error, format!("`measure` is `cosine`, {domain}"));
    }

    #[test]
    fn results_that_cannot_be_compared_are_named() {
        let a = result(&["x", "y"], &[2.0, 1.0]);
        let b = result(&["x", "w"], &[2.0, 1.0]);
        let short = result(&["x"], &[2.0]);
        let nan = result(&["x", "y"], &[f64::NAN, 1.0]);
        let error = |results: &[(&str, &Importance)]| {
            let named: Vec<_> = results.iter().map(|(n, r)| ((*n).to_owned(), *r)).collect();
            Comparison::new(Agreement::Spearman, &named).unwrap_err().to_string()
        };
        let alone = "agreement is between at least 2 results, there is 1: give more methods or \
                     models";
        assert_eq!(error(&[("a", &a)]), alone);
        let twice = "two results are called `a`, give every result its own name";
        assert_eq!(error(&[("a", &a), ("a", &a)]), twice);
        let other = "`b` scores `w` and `a` does not, compare results of the same features";
        assert_eq!(error(&[("a", &a), ("b", &b)]), other);
        let less = "`a` scores `y` and `short` does not, compare results of the same features";
        assert_eq!(error(&[("a", &a), ("short", &short)]), less);
        let text = error(&[("a", &a), ("nan", &nan)]);
        assert!(
            text.starts_with("`a` beside `nan`: the second importance vector is `NaN`"),
            "{text}"
        );
    }
}
