//! The local fit: weighted moments of a neighbourhood, and the ridge regressions read off them.
//!
//! Everything LIME computes from a neighbourhood (selections, coefficients, R²) is a function of
//! its weighted first and second moments. They are summed once, for all outputs together, about
//! the instance: a model that is constant there has moments of exactly 0.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, s};

use super::select::Selection;
use crate::error::Error;
use crate::players::Players;

/// Where what a feature adds to the others is less than this share of its variance, it counts as
/// a combination of them.
pub(super) const DEPENDENT: f64 = 1e-12;

/// The first player that, without a penalty, is a combination of those before it.
#[derive(Debug)]
pub(super) struct Dependent(usize);

impl Dependent {
    pub(super) fn error(&self, players: &Players) -> Error {
        Error::Data(format!(
            "`{}` is a combination of other players in the neighbourhood, so that many fits are \
             equally good: take a `penalty` above 0",
            players.names()[self.0]
        ))
    }
}

/// `√exp(−d² / width²)` of a squared distance.
pub(super) fn kernel(square: f64, width: f64) -> f64 {
    (-square / (2.0 * width * width)).exp()
}

/// Weighted second moments of `(1, players, outputs)`, each minus its value at the instance.
pub(super) struct Moments {
    n_players: usize,
    kernel_width: f64,
    sums: Array2<f64>,
    /// The sum of the squared weights.
    squares: f64,
    n_samples: usize,
}

impl Moments {
    /// Those of the instance alone, whose weight is 1.
    pub(super) fn new(n_players: usize, n_outputs: usize, kernel_width: f64) -> Self {
        let size = 1 + n_players + n_outputs;
        let mut sums = Array2::zeros((size, size));
        sums[[0, 0]] = 1.0;
        Self { n_players, kernel_width, sums, squares: 1.0, n_samples: 1 }
    }

    /// Adds samples `(n_samples, 1 + n_players + n_outputs)`, whose first column is 1; they are
    /// multiplied by the roots of their weights.
    pub(super) fn add(&mut self, samples: &mut Array2<f64>) {
        let players = 1..=self.n_players;
        for mut sample in samples.outer_iter_mut() {
            let distance: f64 = players.clone().map(|player| sample[player].powi(2)).sum();
            let weight = kernel(distance, self.kernel_width);
            self.squares += weight * weight;
            sample *= weight.sqrt();
        }
        self.n_samples += samples.nrows();
        general_mat_mul(1.0, &samples.t(), samples, 1.0, &mut self.sums);
    }

    /// How many samples of equal weight would say as much: `(Σ w)² / Σ w²`.
    pub(super) fn effective_samples(&self) -> f64 {
        self.sums[[0, 0]].powi(2) / self.squares
    }

    /// The weighted least squares problem with its intercept taken out.
    pub(super) fn centred(&self) -> Centred {
        let total = self.sums[[0, 0]];
        let means = self.sums.slice(s![0, 1..]).to_vec();
        let mut products = self.sums.slice(s![1.., 1..]).to_owned();
        for ((i, j), product) in products.indexed_iter_mut() {
            *product -= means[i] * means[j] / total;
        }
        // Squares about a mean are not negative but by rounding.
        products.diag_mut().mapv_inplace(|square| square.max(0.0));
        let means = means.into_iter().map(|sum| sum / total).collect();
        Centred { n_players: self.n_players, n_samples: self.n_samples, means, products }
    }
}

/// Weighted means of `(players, outputs)` about the instance, and sums of products about the
/// means.
pub(super) struct Centred {
    n_players: usize,
    n_samples: usize,
    means: Vec<f64>,
    products: Array2<f64>,
}

impl Centred {
    pub(super) fn n_players(&self) -> usize {
        self.n_players
    }

    fn n_outputs(&self) -> usize {
        self.means.len() - self.n_players
    }

    /// `(n_players, n_players)`: the players' products with each other.
    pub(super) fn gram(&self) -> ArrayView2<'_, f64> {
        self.products.slice(s![..self.n_players, ..self.n_players])
    }

    /// The players' products with an output.
    pub(super) fn with_output(&self, output: usize) -> Vec<f64> {
        self.products.slice(s![..self.n_players, self.n_players + output]).to_vec()
    }

    fn variation(&self, output: usize) -> f64 {
        self.products[[self.n_players + output, self.n_players + output]]
    }

    /// Ridge regressions of every output on the players that are selected for it. `instance` is
    /// where the instance stands in the players' own coordinates; outputs that select the same
    /// players share the factorisation.
    pub(super) fn fit(
        &self,
        selection: Selection,
        n_features: usize,
        penalty: f64,
        instance: &[f64],
    ) -> Result<Vec<LocalFit>, Dependent> {
        let mut fits: Vec<LocalFit> = Vec::with_capacity(self.n_outputs());
        let mut shared: Option<Ridge> = None;
        for output in 0..self.n_outputs() {
            let chosen = selection.choose(self, output, n_features, instance)?;
            let ridge = match shared.take() {
                Some(ridge) if ridge.players == chosen => ridge,
                _ => Ridge::new(self.gram(), &chosen, penalty)?,
            };
            fits.push(self.fit_one(output, &ridge));
            shared = Some(ridge);
        }
        Ok(fits)
    }

    fn fit_one(&self, output: usize, ridge: &Ridge) -> LocalFit {
        let products = self.with_output(output);
        let coefficients = ridge.coefficients(&products);
        let gram = self.gram();
        // The sum of squared residuals, and that about the mean.
        let total = self.variation(output);
        let mut residual = total;
        for &i in &ridge.players {
            let fitted: f64 = ridge.players.iter().map(|&j| gram[[i, j]] * coefficients[j]).sum();
            residual += coefficients[i] * (fitted - 2.0 * products[i]);
        }
        let at_mean: f64 = coefficients.iter().zip(&self.means).map(|(c, mean)| c * mean).sum();
        let freedom = self.n_samples.saturating_sub(ridge.players.len() + 1).max(1);
        let variance = residual.max(0.0) / freedom as f64;
        let mut std_error = vec![0.0; self.n_players];
        for (&player, unscaled) in ridge.players.iter().zip(ridge.variances()) {
            std_error[player] = (variance * unscaled).sqrt();
        }
        LocalFit {
            chosen: ridge.players.clone(),
            at_instance: self.means[self.n_players + output] - at_mean,
            // Of nothing to fit nothing is missed.
            r2: if total > 0.0 { 1.0 - residual / total } else { 1.0 },
            coefficients,
            std_error,
        }
    }
}

/// The fit of one output.
pub(super) struct LocalFit {
    /// The players selected, ascending.
    pub(super) chosen: Vec<usize>,
    /// One per player, 0 for those not selected.
    pub(super) coefficients: Vec<f64>,
    /// Of the coefficients, as if the weights were precisions.
    pub(super) std_error: Vec<f64>,
    /// The fit at the instance, minus the model's prediction there.
    pub(super) at_instance: f64,
    /// The weighted coefficient of determination.
    pub(super) r2: f64,
}

/// A ridge regression on some players, factored for any number of outputs.
pub(super) struct Ridge {
    /// The players, ascending.
    players: Vec<usize>,
    n_players: usize,
    penalty: f64,
    /// Those that vary; the coefficient of a constant is 0.
    varying: Vec<usize>,
    factor: Cholesky,
}

impl Ridge {
    pub(super) fn new(
        gram: ArrayView2<'_, f64>,
        players: &[usize],
        penalty: f64,
    ) -> Result<Self, Dependent> {
        let mut factor = Cholesky::default();
        let varying: Vec<usize> =
            players.iter().copied().filter(|&player| gram[[player, player]] > 0.0).collect();
        for (place, &player) in varying.iter().enumerate() {
            let cross: Vec<f64> = varying[..place].iter().map(|&j| gram[[player, j]]).collect();
            if !factor.push(&cross, gram[[player, player]] + penalty) {
                return Err(Dependent(player));
            }
        }
        Ok(Self { players: players.to_vec(), n_players: gram.nrows(), penalty, varying, factor })
    }

    /// One coefficient per player from the products with an output.
    pub(super) fn coefficients(&self, products: &[f64]) -> Vec<f64> {
        let mut solution: Vec<f64> = self.varying.iter().map(|&player| products[player]).collect();
        self.factor.solve(&mut solution);
        let mut coefficients = vec![0.0; self.n_players];
        for (&player, value) in self.varying.iter().zip(solution) {
            coefficients[player] = value;
        }
        coefficients
    }

    /// The diagonal of `(C + λ)⁻¹ C (C + λ)⁻¹`, one per player of the regression.
    fn variances(&self) -> Vec<f64> {
        let mut by_player = vec![0.0; self.n_players];
        for (place, &player) in self.varying.iter().enumerate() {
            let mut column = vec![0.0; self.varying.len()];
            column[place] = 1.0;
            self.factor.solve(&mut column);
            let square: f64 = column.iter().map(|x| x * x).sum();
            by_player[player] = (column[place] - self.penalty * square).max(0.0);
        }
        self.players.iter().map(|&player| by_player[player]).collect()
    }
}

/// The lower factor of a positive definite matrix that grows by a row at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Cholesky {
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// Adds a variable by its products with those before and with itself; `false`, and nothing is
    /// added, if it is a combination of them.
    pub(super) fn push(&mut self, cross: &[f64], square: f64) -> bool {
        let mut row = cross.to_vec();
        self.forward(&mut row);
        let rest = square - row.iter().map(|x| x * x).sum::<f64>();
        // Not `rest <= …`, which NaN would pass.
        let independent = rest > DEPENDENT * square;
        if independent {
            row.push(rest.sqrt());
            self.rows.push(row);
        }
        independent
    }

    pub(super) fn solve(&self, right: &mut [f64]) {
        self.forward(right);
        for i in (0..self.rows.len()).rev() {
            right[i] /= self.rows[i][i];
            let solved = right[i];
            for (value, factor) in right[..i].iter_mut().zip(&self.rows[i]) {
                *value -= factor * solved;
            }
        }
    }

    fn forward(&self, right: &mut [f64]) {
        for (i, row) in self.rows.iter().enumerate() {
            let known: f64 = row[..i].iter().zip(&right[..i]).map(|(a, b)| a * b).sum();
            right[i] = (right[i] - known) / row[i];
        }
    }
}
