//! The actual impurity reduction: impurity importance without its bias, and p-values from it.

use fi_core::{Dataset, Donors, Importance, Replicate, Result, Run};
use ndarray::Array2;

use super::builder::TreeBuilder;
use super::ensemble::LEAF;
use super::forest::RandomForest;
use super::table::Table;

/// Keeps the permutation of the rows apart from the draws of a forest trained with the same seed.
const SHADOWS: u64 = 0x7368_6164_6F77_7300;

/// Fewer features that lose say too little about what chance does.
const FEWEST_LOSERS: usize = 100;

/// The *actual impurity reduction* (AIR): impurity importance corrected for what chance gives.
///
/// ```text
/// AIRⱼ = mean over trees of  Δⱼ − Δⱼ₊ₚ
/// Δⱼ   = ∑ over nodes split on j of  (w(node)·I(node) − w(left)·I(left) − w(right)·I(right)) / w(root)
/// ```
///
/// A forest is grown in which a split draws its candidates from `2 p` features: the `p` of the
/// data, and a *shadow* of each, whose values are those of the other rows by one permutation of
/// all rows. A shadow has the values of its feature and nothing to say about the target, so what
/// it gains is what the feature would gain by chance; it is taken off. ranger calls this
/// `importance = "impurity_corrected"`.
///
/// # Units
///
/// Impurity of the target: its variance, Gini's impurity or bits. Not normalised. Features
/// without influence scatter around 0, negative as often as positive.
///
/// # Shapes
///
/// One replicate per tree; `std` is their spread *over trees*, and the interval is empty.
/// p-values are there if at least 100 features have a negative importance: those, mirrored at 0
/// and together with the zeros, are what chance does (Janitza, Celik, Boulesteix 2018), and
/// `p = (1 + how many of them are at least AIRⱼ) / (1 + how many there are)`.
///
/// # Cost
///
/// About that of training the forest, with twice the table. The trees are not kept.
///
/// # When it misleads
///
/// Correlated features still share their importance. The forest is not the one you predict with:
/// half of its candidates are shadows. p-values say that a feature adds something in this forest,
/// not how much, and are not corrected for their number.
///
/// # Errors
///
/// As for [`RandomForest::fit`].
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Rng, Run, Target};
/// use fi_models::tree::{RandomForest, corrected_impurity};
/// use ndarray::Array2;
///
/// let mut rng = Rng::new(1, 0);
/// let rows = Array2::from_shape_simple_fn((200, 3), || rng.normal());
/// let values = rows.column(0).to_vec();
/// let data = Dataset::new(rows, Target::Values(values))?;
/// let air = corrected_impurity(&Run::new(2), &RandomForest::regression(), &data)?;
/// assert!(air.values[0] > 0.5 && air.values[1].abs() < 0.1 && air.values[2].abs() < 0.1);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Nembrini, König, Wright (2018). *The revival of the Gini importance?* Bioinformatics 34.
///   <https://doi.org/10.1093/bioinformatics/bty373>
/// - Janitza, Celik, Boulesteix (2018). *A computationally fast variable importance test for
///   random forests for high-dimensional data.* Advances in Data Analysis and Classification 12.
///   <https://doi.org/10.1007/s11634-016-0276-4>
pub fn corrected_impurity(
    run: &Run<'_>,
    forest: &RandomForest,
    data: &Dataset,
) -> Result<Importance> {
    let n_features = data.n_features();
    let donors = Donors::new(data.n_rows(), run.split(SHADOWS).seed());
    let donors: Vec<usize> = (0..data.n_rows()).map(|row| donors.of(row)).collect();
    let table = Table::new(data, forest.tree.max_bins)?.with_shadows(&donors);
    let mut replicates = Array2::zeros((n_features, forest.n_estimators));
    forest.grow(run, data, &table, |index, tree| {
        for (feature, decrease) in decreases(&tree, table.n_features).into_iter().enumerate() {
            let sign = if feature < n_features { 1.0 } else { -1.0 };
            replicates[[feature % n_features, index]] += sign * decrease;
        }
        Ok(())
    })?;
    let names = data.feature_names();
    let mut importance =
        Importance::from_replicates("corrected_impurity", names, replicates, Replicate::Tree)?;
    importance.seed = Some(run.seed());
    importance.p_values = p_values(&importance.values);
    Ok(importance)
}

/// The decrease of impurity at the splits on each feature, by their share of the weight.
fn decreases(tree: &TreeBuilder, n_features: usize) -> Vec<f64> {
    let nodes = &tree.nodes;
    let weighted = |node: u32| nodes.cover[node as usize] * nodes.impurity[node as usize];
    let mut decreases = vec![0.0; n_features];
    for node in (0..tree.n_nodes()).filter(|&node| nodes.left[node] != LEAF) {
        let below = weighted(nodes.left[node]) + weighted(nodes.right[node]);
        decreases[nodes.feature[node] as usize] += (weighted(node as u32) - below) / nodes.cover[0];
    }
    decreases
}

/// From the negative importances, mirrored; `None` if there are too few.
fn p_values(values: &[f64]) -> Option<Vec<f64>> {
    let losers: Vec<f64> = values.iter().copied().filter(|&value| value < 0.0).collect();
    if losers.len() < FEWEST_LOSERS {
        return None;
    }
    let mut chance: Vec<f64> = values.iter().copied().filter(|&value| value == 0.0).collect();
    chance.extend(losers.iter().flat_map(|&value| [value, -value]));
    chance.sort_by(f64::total_cmp);
    let p_value = |&value: &f64| {
        let smaller = chance.partition_point(|&other| other < value);
        (1 + chance.len() - smaller) as f64 / (1 + chance.len()) as f64
    };
    Some(values.iter().map(p_value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::impurity;
    use fi_core::{Rng, Target};

    /// Noise with 2, 5, 20 and as many values as rows; only the first feature has a say.
    fn drawn(seed: u64) -> Dataset {
        let mut rng = Rng::new(seed, 1);
        let n_values = [0, 2, 5, 20, 0];
        let rows = Array2::from_shape_fn((120, 5), |(_, feature)| match n_values[feature] {
            0 => rng.normal(),
            n => rng.below(n) as f64,
        });
        let signal = rows.column(0).to_vec();
        let labels = signal.iter().map(|x| usize::from(x + rng.normal() > 0.0)).collect();
        let target = Target::Classes { labels, names: vec!["no".into(), "yes".into()] };
        Dataset::new(rows, target).unwrap()
    }

    #[test]
    fn features_without_influence_scatter_around_0() {
        let forest = RandomForest { n_estimators: 40, ..RandomForest::default() };
        let n_seeds = 30;
        let mut all = Array2::zeros((n_seeds, 5));
        let mut plain = [0.0; 5];
        for seed in 0..n_seeds {
            let data = drawn(seed as u64);
            let air = corrected_impurity(&Run::new(seed as u64), &forest, &data).unwrap();
            all.row_mut(seed).iter_mut().zip(&air.values).for_each(|(to, from)| *to = *from);
            let fitted = forest.fit(&Run::new(seed as u64), &data).unwrap();
            let shares = impurity(fitted.ensemble(), data.feature_names()).unwrap().values;
            plain.iter_mut().zip(shares).for_each(|(to, from)| *to += from / n_seeds as f64);
        }
        let (mean, std) =
            (all.mean_axis(ndarray::Axis(0)).unwrap(), all.std_axis(ndarray::Axis(0), 1.0));
        let error = |feature: usize| std[feature] / (n_seeds as f64).sqrt();
        for feature in 1..5 {
            assert!(mean[feature].abs() < 3.5 * error(feature), "{feature}: {mean} {std}");
            assert!(mean[feature].abs() < 0.02, "{feature}: {mean}");
        }
        assert!(mean[0] > 0.05, "{mean}");
        // What is corrected: many values look like much influence.
        assert!(plain[4] > 4.0 * plain[1] && plain[3] > plain[2], "{plain:?}");
    }

    #[test]
    fn p_values_are_small_for_what_matters_and_even_for_the_rest() {
        let mut rng = Rng::new(3, 0);
        let (n_rows, n_features) = (150, 300);
        let rows = Array2::from_shape_simple_fn((n_rows, n_features), || rng.normal());
        let values = rows.rows().into_iter().map(|row| 3.0 * row[0] + rng.normal()).collect();
        let data = Dataset::new(rows, Target::Values(values)).unwrap();
        let tree = crate::tree::DecisionTree {
            max_features: crate::tree::MaxFeatures::Share(1.0 / 3.0),
            min_samples_leaf: 5,
            ..crate::tree::DecisionTree::regression()
        };
        let forest = RandomForest { n_estimators: 60, tree, ..RandomForest::default() };
        let air = corrected_impurity(&Run::new(1), &forest, &data).unwrap();
        assert_eq!(air, corrected_impurity(&Run::new(1), &forest, &data).unwrap());
        let p = air.p_values.clone().unwrap();
        assert!(p[0] < 0.01, "{}", p[0]);
        let small = p[1..].iter().filter(|&&p| p < 0.1).count();
        assert!((10..60).contains(&small), "{small} of 299 below 0.1");
        assert!(p.iter().all(|&p| 0.0 < p && p <= 1.0));
        // A handful of features says nothing about chance.
        let few = corrected_impurity(&Run::new(1), &forest, &data.select_features(&[0, 1, 2]));
        assert!(few.unwrap().p_values.is_none());
    }
}
