//! Groups of features that say the same: what to score together when single scores split or hide.

use crate::dataset::Dataset;
use crate::error::{Result, require};
use crate::players::Players;
use crate::statistics::{mean_ranks, pearson};

/// Fewer common rows say nothing about a correlation.
const MIN_ROWS: usize = 3;

impl Players {
    /// Features in groups whose members are linked by `|Spearman's ρ| > threshold`.
    ///
    /// Groups are the connected components of that graph: in a chain `a – b – c` all three are one
    /// group although `a` and `c` may be less dependent. A group is called `a & b`, its members
    /// and the groups stand in column order. With a threshold of 1 every feature stays alone.
    ///
    /// `ρ` of two columns uses the rows where neither is missing, with mean ranks for ties; it
    /// counts as 0 with fewer than 3 such rows or if a column is constant there. (lofo-importance
    /// puts the column's mean in the gaps instead, which pulls the correlation towards 0.)
    ///
    /// # Cost
    ///
    /// `O(n_features² × n_rows)`, and a sort per pair if one of its columns has gaps.
    ///
    /// # When it misleads
    ///
    /// Rank correlation sees monotone dependence of pairs only, and the groups depend on the rows.
    /// It is single linkage: [`Hierarchy`](crate::Hierarchy) has others, and every cut at once.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) unless `threshold` is in [0, 1];
    /// [`Error::Data`](crate::Error::Data) if a group's name is the name of a feature.
    ///
    /// # Example
    ///
    /// ```
    /// use fi_core::{Dataset, Players, Target};
    /// use ndarray::array;
    ///
    /// let rows = array![[1.0, 3.0, 1.0], [2.0, 1.0, 4.0], [3.0, 4.0, 9.0], [4.0, 2.0, 16.0]];
    /// let data = Dataset::new(rows, Target::Values(vec![0.0; 4]))?
    ///     .with_feature_names(["width", "age", "area"])?;
    /// assert_eq!(Players::correlated(&data, 0.9)?.names(), ["width & area", "age"]);
    /// # Ok::<(), fi_core::Error>(())
    /// ```
    pub fn correlated(data: &Dataset, threshold: f64) -> Result<Self> {
        require((0.0..=1.0).contains(&threshold), "threshold", threshold, "in [0, 1]")?;
        let component = Ranks::new(data).linked(threshold);
        Self::groups(data.n_features(), components(data.feature_names(), &component))
    }
}

/// The members of each component, named `a & b`, where `component` says every feature's smallest
/// companion.
pub(crate) fn components(names: &[String], component: &[usize]) -> Vec<(String, Vec<usize>)> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
    for (feature, &root) in component.iter().enumerate() {
        members[root].push(feature);
    }
    members.retain(|members| !members.is_empty());
    let name = |members: &[usize]| {
        members.iter().map(|&i| names[i].as_str()).collect::<Vec<_>>().join(" & ")
    };
    members.into_iter().map(|members| (name(&members), members)).collect()
}

/// The columns of a table, ranked once where nothing is missing.
pub(crate) struct Ranks {
    columns: Vec<Vec<f64>>,
    ranked: Vec<Option<Vec<f64>>>,
}

impl Ranks {
    pub(crate) fn new(data: &Dataset) -> Self {
        let columns: Vec<Vec<f64>> =
            data.rows().columns().into_iter().map(|column| column.to_vec()).collect();
        let ranked = columns
            .iter()
            .map(|column| (!column.iter().any(|x| x.is_nan())).then(|| mean_ranks(column)))
            .collect();
        Self { columns, ranked }
    }

    /// The smallest feature of each feature's component, of the graph of all `|ρ| > threshold`.
    pub(crate) fn linked(&self, threshold: f64) -> Vec<usize> {
        let n = self.columns.len();
        let mut component: Vec<usize> = (0..n).collect();
        for i in 0..n {
            for j in i + 1..n {
                if component[i] == component[j] {
                    continue;
                }
                if self.spearman(i, j).abs() > threshold {
                    let (keep, merge) =
                        (component[i].min(component[j]), component[i].max(component[j]));
                    component.iter_mut().filter(|c| **c == merge).for_each(|c| *c = keep);
                }
            }
        }
        component
    }

    /// Spearman's ρ of two columns, as [`Players::correlated`] defines it.
    pub(crate) fn spearman(&self, i: usize, j: usize) -> f64 {
        match (&self.ranked[i], &self.ranked[j]) {
            (Some(a), Some(b)) => correlation(a, b),
            _ => spearman_of_common(&self.columns[i], &self.columns[j]),
        }
    }
}

pub(crate) fn spearman_of_common(a: &[f64], b: &[f64]) -> f64 {
    let both = a.iter().zip(b).filter(|(x, y)| !x.is_nan() && !y.is_nan());
    let (a, b): (Vec<f64>, Vec<f64>) = both.unzip();
    correlation(&mean_ranks(&a), &mean_ranks(&b))
}

/// Pearson's correlation; 0 where it is not defined.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let constant = |values: &[f64]| values.iter().all(|&value| value == values[0]);
    if a.len() < MIN_ROWS || constant(a) || constant(b) {
        return 0.0;
    }
    pearson(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Target;
    use ndarray::{Array2, array};

    fn data(rows: Array2<f64>) -> Dataset {
        let n = rows.nrows();
        Dataset::new(rows, Target::Values(vec![0.0; n])).unwrap()
    }

    #[test]
    fn chains_are_one_group_and_constants_stay_alone() {
        // Spearman's ρ of x0 with x1 is −1, of x1 with x3 is 0.9, x2 is constant.
        let rows = array![
            [1.0, 5.0, 7.0, 5.0],
            [2.0, 4.0, 7.0, 4.0],
            [3.0, 3.0, 7.0, 3.0],
            [4.0, 2.0, 7.0, 1.0],
            [5.0, 1.0, 7.0, 2.0]
        ];
        let names = |threshold| {
            Players::correlated(&data(rows.clone()), threshold).unwrap().names().to_vec()
        };
        assert_eq!(names(0.89), ["x0 & x1 & x3", "x2"]);
        assert_eq!(names(0.9), ["x0 & x1", "x2", "x3"]);
        assert_eq!(names(1.0), ["x0", "x1", "x2", "x3"]);
    }

    #[test]
    fn gaps_leave_their_rows_out() {
        let gap = f64::NAN;
        let rows = array![[1.0, 2.0], [gap, -50.0], [3.0, 4.0], [4.0, gap], [5.0, 6.0]];
        assert_eq!(Players::correlated(&data(rows), 0.99).unwrap().names(), ["x0 & x1"]);
        let few = array![[1.0, 2.0], [gap, -50.0], [3.0, 4.0]];
        assert_eq!(Players::correlated(&data(few), 0.0).unwrap().names(), ["x0", "x1"]);
    }

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(mean_ranks(&[7.0, 1.0, 7.0, 9.0, -0.0, 0.0]), [4.5, 3.0, 4.5, 6.0, 1.5, 1.5]);
    }

    #[test]
    fn a_threshold_outside_its_domain_is_refused() {
        let text = |threshold| {
            Players::correlated(&data(array![[1.0]]), threshold).unwrap_err().to_string()
        };
        assert_eq!(text(1.5), "`threshold` is `1.5`, it must be in [0, 1]");
        assert_eq!(text(f64::NAN), "`threshold` is `NaN`, it must be in [0, 1]");
    }
}
