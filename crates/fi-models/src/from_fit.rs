//! Importances that are read from a fresh fit, for selection and for p-values by shuffled targets.

use fi_core::{Dataset, Error, Importance, LearnerImportance, Players, Result, Run};

use crate::linear::{LinearModel, coefficients, standardized_coefficients};
use crate::tree::{Trees, impurity};

/// Fits trees on what it is given, and reads their impurity ([`impurity`], MDI).
///
/// A player's score is the sum over its columns. The learner of the caller is not asked: the
/// trees may judge the features of another learner, or be the same settings.
///
/// # Units
///
/// Shares of the whole, summing to 1 over all columns.
///
/// # Cost
///
/// One fit.
///
/// # When it misleads
///
/// As [`impurity`]: it counts splits on noise and favours features with many values.
/// [`Boruta`](fi_core::selection::Boruta) compares with shadows of the same values, and
/// [`TargetPermutation`](fi_core::TargetPermutation) with what the same feature gets by chance.
///
/// # Example
///
/// ```
/// use fi_core::selection::{Boruta, Selector};
/// use fi_core::{Dataset, Players, Run, Target};
/// use fi_models::impurity_of;
/// use fi_models::tree::RandomForest;
/// use ndarray::Array2;
///
/// let run = Run::new(2);
/// let mut rng = run.rng(0);
/// let rows = Array2::from_shape_simple_fn((80, 4), || rng.normal());
/// let target = rows.rows().into_iter().map(|row| row[0] - 2.0 * row[2]).collect();
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let forest = RandomForest { n_estimators: 30, ..RandomForest::regression() };
/// let mdi = impurity_of(|run, data| forest.fit(run, data));
/// let players = Players::features(["a", "b", "c", "d"])?;
/// let boruta = Boruta { n_rounds: 20, ..Default::default() };
/// let found = boruta.select(&run, &forest, &mdi, &data, &players)?;
/// assert_eq!(found.names(), ["a", "c"]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn impurity_of<F>(fit: F) -> impl LearnerImportance
where
    F: Fn(&Run<'_>, &Dataset) -> Result<Trees> + Sync,
{
    move |run: &Run<'_>, _: &dyn fi_core::Learner, data: &Dataset, players: &Players| {
        let trees = fit(run, data)?;
        per_player(&impurity(trees.ensemble(), data.feature_names())?, players)
    }
}

/// Fits a linear model on what it is given, and reads the sizes of its coefficients
/// ([`coefficients`]).
///
/// A player's score is the sum over its columns, and the caller's learner is not asked.
///
/// # Units
///
/// Those of the score per unit of the feature.
///
/// # Cost
///
/// One fit.
///
/// # When it misleads
///
/// The sizes depend on the features' units: scale the columns, or take
/// [`standardized_coefficients_of`].
///
/// # Example
///
/// See [`standardized_coefficients_of`].
pub fn coefficients_of<F>(fit: F) -> impl LearnerImportance
where
    F: Fn(&Run<'_>, &Dataset) -> Result<LinearModel> + Sync,
{
    move |run: &Run<'_>, _: &dyn fi_core::Learner, data: &Dataset, players: &Players| {
        per_player(&coefficients(&fit(run, data)?, data.feature_names())?, players)
    }
}

/// Fits a linear model on what it is given, and reads the sizes of its coefficients times the
/// standard deviations of the features ([`standardized_coefficients`]).
///
/// A player's score is the sum over its columns, and the caller's learner is not asked.
///
/// # Units
///
/// Those of the score.
///
/// # Cost
///
/// One fit.
///
/// # When it misleads
///
/// Correlated features share their effect, and each looks small.
///
/// # Errors
///
/// The way fails with [`Error::Data`] for a model that does not know the standard deviations.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Target};
/// use fi_core::selection::{Rfe, Selector};
/// use fi_core::{Players, Run};
/// use fi_models::standardized_coefficients_of;
/// use ndarray::Array2;
///
/// // b is in another unit, and matters less.
/// let run = Run::new(1);
/// let mut rng = run.rng(0);
/// let mut rows = Array2::from_shape_simple_fn((30, 2), || rng.normal());
/// let target = rows.rows().into_iter().map(|row| 2.0 * row[0] + row[1]).collect();
/// rows.column_mut(1).mapv_inplace(|x| x / 1000.0);
/// let data = Dataset::new(rows, Target::Values(target))?;
/// let learner = fi_models::linfa::linear(linfa_linear::LinearRegression::new());
/// let sizes = standardized_coefficients_of(|run, data| learner.fit(run, data));
/// let players = Players::features(["a", "b"])?;
/// let found = Rfe::default().select(&run, &learner, &sizes, &data, &players)?;
/// assert_eq!(found.names(), ["a"]);
/// # Ok::<(), fi_core::Error>(())
/// ```
pub fn standardized_coefficients_of<F>(fit: F) -> impl LearnerImportance
where
    F: Fn(&Run<'_>, &Dataset) -> Result<LinearModel> + Sync,
{
    move |run: &Run<'_>, _: &dyn fi_core::Learner, data: &Dataset, players: &Players| {
        let model = fit(run, data)?;
        let feature_std = model.feature_std().ok_or_else(|| {
            Error::Data(
                "this linear model does not know the standard deviations of its features: give \
                 them `with_feature_std`, or take `coefficients_of`"
                    .into(),
            )
        })?;
        per_player(&standardized_coefficients(&model, feature_std, data.feature_names())?, players)
    }
}

/// The sum over each player's columns.
fn per_player(of_columns: &Importance, players: &Players) -> Result<Importance> {
    let sum = |i: usize| players.members(i).iter().map(|&column| of_columns.values[column]).sum();
    let values = (0..players.len()).map(sum).collect();
    Importance::new(of_columns.method.clone(), players.names(), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::Scores;
    use crate::tree::RandomForest;
    use fi_core::selection::{HonestScore, RfeCv, Selector, Step, Top};
    use fi_core::{Metric, Target, TargetPermutation};
    use ndarray::{Array2, array};

    /// Five standard normal columns, the target of the first two.
    fn data(n_rows: usize) -> Dataset {
        let mut rng = fi_core::Rng::new(3, 0);
        let rows = Array2::from_shape_simple_fn((n_rows, 5), || rng.normal());
        let target = rows.rows().into_iter().map(|row| 2.0 * row[0] + row[1]).collect();
        Dataset::new(rows, Target::Values(target)).unwrap()
    }

    fn players() -> Players {
        Players::groups(5, [("ac", vec![0, 2]), ("b", vec![1]), ("de", vec![3, 4])]).unwrap()
    }

    #[test]
    fn a_players_score_is_the_sum_over_its_columns() {
        let (data, run) = (data(40), Run::new(5));
        let forest = RandomForest { n_estimators: 10, ..RandomForest::regression() };
        let trees = forest.fit(&run, &data).unwrap();
        let columns = impurity(trees.ensemble(), data.feature_names()).unwrap().values;
        let mdi = impurity_of(|run, data| forest.fit(run, data));
        let found = mdi.importance(&run, &forest, &data, &players()).unwrap();
        assert_eq!(found.values, [columns[0] + columns[2], columns[1], columns[3] + columns[4]]);
        assert_eq!((found.method.as_str(), found.order()[0]), ("impurity", 0));
        let beta = array![[1.0], [-2.0], [3.0], [-4.0], [5.0]];
        let fixed =
            |_: &Run<'_>, _: &Dataset| LinearModel::new(beta.clone(), array![0.0], Scores::Values);
        let found = coefficients_of(fixed).importance(&run, &forest, &data, &players()).unwrap();
        assert_eq!(found.values, [4.0, 2.0, 9.0]);
        let scaled = |run: &Run<'_>, data: &Dataset| {
            fixed(run, data)?.with_feature_std(vec![1.0, 10.0, 1.0, 1.0, 0.5])
        };
        let found = standardized_coefficients_of(scaled)
            .importance(&run, &forest, &data, &players())
            .unwrap();
        assert_eq!(found.values, [4.0, 20.0, 6.5]);
        let unknown =
            standardized_coefficients_of(fixed).importance(&run, &forest, &data, &players());
        assert_eq!(
            unknown.unwrap_err().to_string(),
            "this linear model does not know the standard deviations of its features: give them \
             `with_feature_std`, or take `coefficients_of`"
        );
    }

    #[test]
    fn forests_select_by_impurity_and_are_scored_honestly() {
        let (data, run) = (data(60), Run::new(1));
        let forest = RandomForest { n_estimators: 12, ..RandomForest::regression() };
        let mdi = impurity_of(|run, data| forest.fit(run, data));
        let players = Players::features(["a", "b", "c", "d", "e"]).unwrap();
        let rfecv = RfeCv { step: Step::Number(2), ..Default::default() };
        let found = rfecv.select(&run, &forest, &mdi, &data, &players).unwrap();
        assert!(found.names().starts_with(&["a"]), "{:?}", found.names());
        let honest = HonestScore { metric: Some(Metric::R2), ..Default::default() };
        let scored = honest.score(&run, &Top { k: 2 }, &forest, &mdi, &data, &players).unwrap();
        assert_eq!(scored.selection.names(), ["a", "b"]);
        assert!(scored.score > 0.6 && scored.score <= scored.naive_score + 1e-12);
    }

    #[test]
    fn shares_of_a_whole_hide_the_weaker_signal_from_a_shuffled_target() {
        let (data, run) = (data(60), Run::new(1));
        let forest = RandomForest { n_estimators: 12, ..RandomForest::regression() };
        let players = Players::features(["a", "b", "c", "d", "e"]).unwrap();
        let p_values = |importance: &dyn LearnerImportance| {
            let pimp = TargetPermutation { n_permutations: 39, ..Default::default() };
            let tested = pimp.importance(&run, &forest, importance, &data, &players).unwrap();
            tested.importance.p_values.unwrap()
        };
        // `b` carries a fifth of the variance, as every column does when there is nothing.
        let p = p_values(&impurity_of(|run, data| forest.fit(run, data)));
        assert!(p[0] == 1.0 / 40.0 && p[1..].iter().all(|&p| p > 0.5), "{p:?}");
        // A loss on held-out rows is no share.
        let p = p_values(&fi_core::HeldOut::default());
        assert!(p[..2] == [1.0 / 40.0; 2] && p[2..].iter().all(|&p| p > 0.05), "{p:?}");
    }
}
