//! A column of noise beside the features: what scores no higher is not to be trusted.

use ndarray::Array2;

use crate::dataset::Dataset;
use crate::error::{Error, Result, require_shape};
use crate::importance::{Importance, Warning};
use crate::players::Players;
use crate::run::Run;

/// The name of the column of noise, and of its player.
pub const PROBE: &str = "noise probe";

/// The same data and players with a column of noise behind the others: standard normal numbers,
/// drawn by `run`, in a column and a player called [`PROBE`].
///
/// Give both to a method that trains, such as any [`LearnerImportance`](crate::LearnerImportance),
/// and the result to [`below_probe`]. A model that is already fitted cannot take another column.
/// Where rows belong to groups, all rows of a group have one number: like what belongs to a person
/// it can stand for the group's name, so a probe that scores tells of folds that leak.
///
/// # When it misleads
///
/// One column of noise is one draw: by chance it scores high or low, so ask with several seeds
/// where it matters. [`Boruta`](crate::selection::Boruta) makes a test of it. For a method that
/// reads the training rows, such as impurity, noise of many values is a hard yardstick for a
/// feature of two.
///
/// # Errors
///
/// [`Error::Shape`] if data and players have different features; [`Error::Data`] if a feature or
/// player already has the name.
///
/// # Example
///
/// ```
/// use fi_core::guards::{PROBE, below_probe, with_probe};
/// use fi_core::{
///     Dataset, Function, Learner, LearnerImportance, Lofo, Model, Players, Run, Target, Warning,
/// };
/// use ndarray::{Array2, ArrayView2, s};
///
/// /// Predicts by the first feature.
/// struct First;
/// impl Learner for First {
///     fn train(&self, _run: &Run, data: &Dataset) -> fi_core::Result<Box<dyn Model>> {
///         let first = |rows: ArrayView2<f64>| rows.slice(s![.., ..1]).to_owned();
///         Ok(Box::new(Function::new(data.n_features(), 1, first)))
///     }
/// }
///
/// let rows = Array2::from_shape_fn((40, 2), |(i, j)| ((i * (3 + 4 * j)) % 20) as f64);
/// let target = Target::Values(rows.column(0).to_vec());
/// let data = Dataset::new(rows, target)?.with_feature_names(["a", "b"])?;
/// let players = Players::features(["a", "b"])?;
///
/// let run = Run::new(1);
/// let (wide, all) = with_probe(&run, &data, &players)?;
/// let mut found = LearnerImportance::importance(&Lofo::default(), &run, &First, &wide, &all)?;
/// found.warnings.extend(below_probe(&found));
/// assert_eq!(
///     found.warnings[0].to_string(),
///     "1 of 2 features score no higher than a column of noise with its 0.0000: do not read b as \
///      important"
/// );
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Stoppiglia, Dreyfus, Dubois, Oussar (2003). *Ranking a random feature for variable and
///   feature selection.* JMLR 3. <https://www.jmlr.org/papers/v3/stoppiglia03a.html>
pub fn with_probe(run: &Run<'_>, data: &Dataset, players: &Players) -> Result<(Dataset, Players)> {
    let n = data.n_features();
    require_shape("the players' list of features", &[n], &[players.n_features()])?;
    if data.feature_names().iter().chain(players.names()).any(|name| name == PROBE) {
        return Err(Error::Data(format!(
            "a feature or player is already called `{PROBE}`, give it another name"
        )));
    }
    let drawn = |row: usize| match data.groups() {
        Some(groups) => run.rng(groups[row] as u64).normal(),
        None => run.rng(row as u64).normal(),
    };
    let noise = Array2::from_shape_fn((data.n_rows(), 1), |(row, _)| drawn(row));
    let wide = data.with_columns(&[noise.view()], vec![PROBE.to_owned()], &[])?;
    let own = players.names().iter().enumerate();
    let own = own.map(|(i, name)| (name.clone(), players.members(i).to_vec()));
    let all = Players::groups(n + 1, own.chain([(PROBE.to_owned(), vec![n])]))?;
    Ok((wide, all))
}

/// Which players score no higher than the [`PROBE`] of [`with_probe`]; `None` without a probe
/// that has a finite score, or if none does.
///
/// Compares the values, as they are ranked: where importances have a sign, a player below 0 is
/// below a probe at 0.
pub fn below_probe(importance: &Importance) -> Option<Warning> {
    let place = importance.features.iter().position(|name| name == PROBE)?;
    let probe = Some(importance.values[place]).filter(|value| value.is_finite())?;
    let others = importance.features.iter().zip(&importance.values);
    let below = others.filter(|(name, value)| *name != PROBE && **value <= probe);
    let features: Vec<String> = below.map(|(name, _)| name.clone()).collect();
    let n_features = importance.len() - 1;
    let found = !features.is_empty();
    found.then_some(Warning::NoHigherThanProbe { probe, features, n_features })
}
