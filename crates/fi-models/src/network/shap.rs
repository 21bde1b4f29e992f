//! Shapley values of a network's predictions, without most of the first layer's work.

use fi_core::shapley::{Estimator, explain, explain_games};
use fi_core::{
    Attribution, Error, Game, Model as _, Players, PredictionGame, Removal, Result, Rng, Run,
};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::fitted::{Computes, Network};
use super::hidden::{Hidden, add_scaled};
use super::matrix::{Write, product};
use super::real::Precision;

/// About so many rows go through the network at once.
const BLOCK_ROWS: usize = 512;

/// Explains a network's prediction for every row, by any estimator of Shapley values.
///
/// Answers what [`explain`] does, to rounding. Where the first layer is dense it makes no
/// synthetic rows: the layer's sums of the row and of the background are computed once, and a
/// coalition adds the differences of the players that are present, or takes away those of the
/// players that are absent, whichever are fewer features. Other networks are asked as [`explain`]
/// asks them.
///
/// # Shapes
///
/// `rows` is `(n_rows, n_features)`; the values are `(n_rows, n_outputs, n_players)`.
///
/// # Cost
///
/// The layers behind the first one for every coalition and background row, and of the first one at
/// most half.
///
/// # When it misleads
///
/// As the estimator, and [`Removal`].
///
/// # Errors
///
/// As for [`explain`].
///
/// # Example
///
/// ```
/// use fi_core::{Output, Players, Removal, Run, shapley};
/// use fi_models::network::{Activation, Dense, Network, shap};
/// use ndarray::array;
///
/// let hidden = Dense {
///     weights: array![[1.0, -1.0], [1.0, 0.0], [0.0, 2.0]],
///     bias: array![0.0, 1.0],
///     activation: Activation::Relu,
/// };
/// let last = Dense {
///     weights: array![[1.0], [3.0]],
///     bias: array![0.5],
///     activation: Activation::Linear,
/// };
/// let network = Network::dense(vec![hidden, last], Output::Values)?;
/// let players = Players::features(["a", "b", "c"])?;
/// let background = Removal::marginal(array![[0.0, 0.0, 0.0], [1.0, -1.0, 2.0]])?;
/// let rows = array![[2.0, 1.0, 1.0]];
///
/// let (run, exact) = (Run::new(0), shapley::Exact);
/// let fast = shap(&run, &exact, &network, rows.view(), &players, &background)?;
/// let slow = shapley::explain(&run, &exact, &network, rows.view(), &players, &background)?;
/// assert!((&fast.values - &slow.values).iter().all(|gap| gap.abs() < 1e-12));
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Lundberg, Lee (2017). *A unified approach to interpreting model predictions.* NeurIPS 30.
///   <https://arxiv.org/abs/1705.07874>
pub fn shap(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    network: &Network,
    rows: ArrayView2<'_, f64>,
    players: &Players,
    removal: &Removal,
) -> Result<Attribution> {
    match network.precision() {
        Precision::Single => by::<f32>(run, estimator, network, rows, players, removal),
        Precision::Double => by::<f64>(run, estimator, network, rows, players, removal),
    }
}

fn by<T: Computes>(
    run: &Run<'_>,
    estimator: &dyn Estimator,
    network: &Network,
    rows: ArrayView2<'_, f64>,
    players: &Players,
    removal: &Removal,
) -> Result<Attribution> {
    let plain = || explain(run, estimator, network, rows, players, removal);
    let (background, weights) = match removal {
        Removal::Baseline(values) => (ArrayView1::from(values).insert_axis(Axis(0)), None),
        Removal::Marginal { rows, weights } => (rows.view(), weights.as_deref()),
        // What is drawn for each coalition has no first layer to keep.
        Removal::Conditional { .. } => return plain(),
    };
    let fits = rows.ncols() == network.n_features() && background.ncols() == rows.ncols();
    // What is wrong with the shapes, or missing in the rows, the plain way says.
    let finite = rows.iter().chain(&background).all(|x| x.is_finite());
    let Some(hidden) = Hidden::<T>::of(network).filter(|_| fits && finite) else {
        return plain();
    };
    // Checks what the games' constructor checks.
    let missing = ndarray::Array1::from_elem(rows.ncols(), f64::NAN);
    PredictionGame::new(network, players, missing.view(), removal)?;
    let weights = shares(weights, background.nrows());
    let shared = Shared {
        sums: hidden.sums(background.outer_iter()),
        numbers: background.iter().map(|&x| T::of(x)).collect(),
        hidden,
        n_features: rows.ncols(),
        always: always(players),
    };
    explain_games(run, estimator, players, rows.nrows(), |i| {
        let plain = PredictionGame::new(network, players, rows.row(i), removal)?;
        Ok(FirstLayerGame {
            shared: &shared,
            players,
            weights: &weights,
            row: rows.row(i).mapv(T::of).to_vec(),
            sums: shared.hidden.sums(std::iter::once(rows.row(i))),
            plain,
        })
    })
}

/// The features of no player.
fn always(players: &Players) -> Vec<bool> {
    let mut always = vec![true; players.n_features()];
    (0..players.len())
        .flat_map(|i| players.members(i))
        .for_each(|&feature| always[feature] = false);
    always
}

/// Weights that add up to 1; all alike if there are none.
fn shares(weights: Option<&[f64]>, n_rows: usize) -> Vec<f64> {
    let weights = weights.map_or_else(|| vec![1.0; n_rows], <[f64]>::to_vec);
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// What all rows' games share.
struct Shared<'a, T> {
    hidden: Hidden<'a, T>,
    n_features: usize,
    /// The background, `(n_background, n_features)`, and its first layer's sums.
    numbers: Vec<T>,
    sums: Vec<T>,
    always: Vec<bool>,
}

/// A row's game, from behind the first layer.
struct FirstLayerGame<'a, T> {
    shared: &'a Shared<'a, T>,
    players: &'a Players,
    weights: &'a [f64],
    row: Vec<T>,
    sums: Vec<T>,
    /// The same game, for what is asked of single completions.
    plain: PredictionGame<'a>,
}

impl<T: Computes> FirstLayerGame<'_, T> {
    /// Which features are present.
    fn present(&self, coalition: ArrayView1<'_, bool>) -> Vec<bool> {
        let mut present = self.shared.always.clone();
        for (player, _) in coalition.iter().enumerate().filter(|(_, there)| **there) {
            self.players.members(player).iter().for_each(|&feature| present[feature] = true);
        }
        present
    }

    /// Writes the sums of a coalition with these background rows.
    fn fill(&self, present: &[bool], rows: std::ops::Range<usize>, sums: &mut [T]) {
        let Shared { hidden, n_features, numbers, .. } = self.shared;
        let width = hidden.width();
        let n_present = present.iter().filter(|&&there| there).count();
        // From the background with what is present, or from the row without what is absent.
        let from_background = 2 * n_present <= *n_features;
        if from_background {
            sums.copy_from_slice(&self.shared.sums[rows.start * width..rows.end * width]);
        } else {
            sums.chunks_exact_mut(width).for_each(|to| to.copy_from_slice(&self.sums));
        }
        let changed: Vec<usize> =
            (0..*n_features).filter(|&f| present[f] == from_background).collect();
        if let [feature] = changed[..] {
            for (row, sums) in rows.zip(sums.chunks_exact_mut(width)) {
                let gap = self.row[feature] - numbers[row * n_features + feature];
                let gap = if from_background { gap } else { -gap };
                add_scaled(sums, gap, hidden.weights_of(feature));
            }
            return;
        }
        if changed.is_empty() {
            return;
        }
        let mut gaps = Vec::with_capacity(rows.len() * changed.len());
        for row in rows.clone() {
            let numbers = &numbers[row * n_features..(row + 1) * n_features];
            gaps.extend(changed.iter().map(|&f| {
                let gap = self.row[f] - numbers[f];
                if from_background { gap } else { -gap }
            }));
        }
        let weights: Vec<T> =
            changed.iter().flat_map(|&f| hidden.weights_of(f).iter().copied()).collect();
        product(sums, &gaps, &weights, (rows.len(), changed.len(), width), Write::Add);
    }
}

impl<T: Computes> Game for FirstLayerGame<'_, T> {
    fn n_players(&self) -> usize {
        self.players.len()
    }

    fn n_outputs(&self) -> usize {
        self.plain.n_outputs()
    }

    fn values(&self, coalitions: ArrayView2<'_, bool>) -> Result<Array2<f64>> {
        let expected = [coalitions.nrows(), self.players.len()];
        fi_core::require_shape("the table of coalitions", &expected, coalitions.shape())?;
        let hidden = &self.shared.hidden;
        let (n_outputs, width) = (self.n_outputs(), hidden.width());
        let mut values = Array2::zeros((coalitions.nrows(), n_outputs));
        let mut work = hidden.workspace();
        let n_background = self.weights.len();
        let len = n_background.min(BLOCK_ROWS);
        let slots = (BLOCK_ROWS / len).max(1);
        for start in (0..n_background).step_by(len) {
            let rows = start..(start + len).min(n_background);
            let n_rows = rows.len();
            for first in (0..coalitions.nrows()).step_by(slots) {
                let here = first..(first + slots).min(coalitions.nrows());
                let answers = hidden.predict(&mut work, here.len() * n_rows, |sums| {
                    for (k, sums) in here.clone().zip(sums.chunks_exact_mut(n_rows * width)) {
                        self.fill(&self.present(coalitions.row(k)), rows.clone(), sums);
                    }
                });
                for (k, answers) in here.zip(answers.chunks_exact(n_rows * n_outputs)) {
                    let mut value = values.row_mut(k);
                    let rows = self.weights[rows.clone()].iter();
                    for (weight, answers) in rows.zip(answers.chunks_exact(n_outputs)) {
                        value.iter_mut().zip(answers).for_each(|(v, a)| *v += weight * a);
                    }
                }
            }
        }
        match values.indexed_iter().find(|(_, value): &(_, &f64)| !value.is_finite()) {
            None => Ok(values),
            Some(((row, _), &value)) => {
                let what = "the model's prediction".to_owned();
                Err(Error::NotFinite { what, row, column: None, value })
            }
        }
    }

    fn cost(&self) -> usize {
        self.plain.cost()
    }

    fn draw_completion(&self, rng: &mut Rng) -> usize {
        self.plain.draw_completion(rng)
    }

    fn complete(
        &self,
        coalitions: ArrayView2<'_, bool>,
        completions: &[usize],
    ) -> Result<Array2<f64>> {
        self.plain.complete(coalitions, completions)
    }
}

#[cfg(test)]
mod tests {
    use fi_core::shapley::{Exact, Kernel, Permutation, Sampling};

    use super::super::tests::{data, random_mlp};
    use super::*;

    #[test]
    fn values_are_those_of_the_plain_way() {
        let (rows, background) = (data(3, 7, None), data(600, 7, None));
        let rows = rows.rows();
        let weights = (0..600).map(|i| f64::from(i % 3)).collect();
        // Feature 6 belongs to nobody, and two players share feature 2.
        let groups = [("a", vec![0]), ("b", vec![1, 2]), ("c", vec![2, 3]), ("d", vec![4, 5])];
        let players = Players::groups(7, groups).unwrap();
        let alone = Players::features((0..7).map(|i| format!("x{i}"))).unwrap();
        let removals = [
            Removal::baseline(vec![0.25; 7]).unwrap(),
            Removal::marginal(background.rows().to_owned()).unwrap(),
            Removal::weighted_marginal(background.rows().to_owned(), weights).unwrap(),
        ];
        let estimators: [&dyn Estimator; 4] = [
            &Exact,
            &Kernel::new(64),
            &Permutation { n_permutations: 4, tolerance: None },
            &Sampling { n_samples: 20 },
        ];
        for (precision, most) in [(Precision::Double, 1e-12), (Precision::Single, 1e-5)] {
            let network = random_mlp(7, 3, precision);
            for removal in &removals {
                for estimator in estimators {
                    for players in [&players, &alone] {
                        let run = Run::new(1);
                        let fast = shap(&run, estimator, &network, rows, players, removal).unwrap();
                        let slow =
                            explain(&run, estimator, &network, rows, players, removal).unwrap();
                        let gaps = &fast.values - &slow.values;
                        let name = estimator.name();
                        assert!(gaps.iter().all(|gap| gap.abs() < most), "{name} {gaps}");
                        assert!(slow.values.iter().any(|value| value.abs() > 0.01));
                        assert_eq!(fast.n_evaluations, slow.n_evaluations);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_as_in_the_plain_way() {
        let network = random_mlp(2, 1, Precision::Double);
        let players = Players::features(["a", "b"]).unwrap();
        let removal = Removal::baseline(vec![0.0, 0.0]).unwrap();
        for rows in [
            Array2::zeros((0, 2)),
            Array2::zeros((1, 3)),
            ndarray::array![[0.0, f64::INFINITY]],
            ndarray::array![[0.0, f64::NAN]],
        ] {
            let run = Run::new(0);
            let fast = shap(&run, &Exact, &network, rows.view(), &players, &removal).unwrap_err();
            let slow =
                explain(&run, &Exact, &network, rows.view(), &players, &removal).unwrap_err();
            assert_eq!(fast.to_string(), slow.to_string());
        }
    }
}
