//! What is left of Shapley values when rows are averaged away, or small values left out.
//!
//! Everything here streams over blocks of rows: the values of all rows never exist at once.

use fi_core::{
    Estimand, Importance, Interaction, Interactions, Interval, Players, Replicate, Result,
    RowBlocks, Run, require,
};
use ndarray::{Array2, Array3, ArrayView2};

use super::blocks::{Grouping, zeros};
use super::explainer::TreeExplainer;

/// What of a row's values is averaged over rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Summary {
    /// Their sizes: how much the player moves predictions, either way.
    #[default]
    MeanAbsolute,
    /// The values with their signs: which way the player moves the rows' mean prediction.
    Mean,
}

/// The largest values of each row.
#[derive(Debug, Clone, PartialEq)]
pub struct TopFeatures {
    /// `(n_rows, n_outputs, k)`: the places of the players, the largest size first, ties in
    /// player order.
    pub players: Array3<usize>,
    /// `(n_rows, n_outputs, k)`: their values.
    pub values: Array3<f64>,
}

/// Count, means and sums of squared deviations of several variables at once.
struct Moments {
    n: usize,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn new(n_variables: usize) -> Self {
        Self { n: 0, mean: vec![0.0; n_variables], squares: vec![0.0; n_variables] }
    }

    /// Takes in one observation (Welford 1962).
    fn push(&mut self, values: impl Iterator<Item = f64>) {
        self.n += 1;
        let n = self.n as f64;
        for ((mean, squares), value) in self.mean.iter_mut().zip(&mut self.squares).zip(values) {
            let delta = value - *mean;
            *mean += delta / n;
            *squares += delta * (value - *mean);
        }
    }

    /// Takes in all observations of another (Chan, Golub, LeVeque 1983).
    fn merge(&mut self, other: &Self) {
        let (n, m) = (self.n as f64, other.n as f64);
        self.n += other.n;
        if other.n == 0 {
            return;
        }
        let mine = self.mean.iter_mut().zip(&mut self.squares);
        for ((mean, squares), (theirs, more)) in mine.zip(other.mean.iter().zip(&other.squares)) {
            let delta = theirs - *mean;
            *mean += delta * m / (n + m);
            *squares += more + delta * delta * n * m / (n + m);
        }
    }

    fn std(&self) -> Option<Vec<f64>> {
        let n = self.n as f64;
        (self.n > 1).then(|| self.squares.iter().map(|sum| (sum / (n - 1.0)).sqrt()).collect())
    }
}

impl TreeExplainer<'_> {
    /// Global importance: the mean over rows and outputs of the players' values or their sizes.
    ///
    /// The numbers are those of [`Attribution::mean_abs`](fi_core::Attribution::mean_abs), but the values of all rows are never
    /// held at once: there are no replicates. The interval is Student's t over rows
    /// ([`Estimand::ModelOnPopulation`]); a single row has none.
    ///
    /// # When it misleads
    ///
    /// Rows count as independent and alike. A mean of signed values near 0 may hide large values
    /// that cancel.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`](fi_core::Error::TooFewRows) without rows;
    /// [`Error::Parameter`](fi_core::Error::Parameter) unless `confidence` is inside (0, 1);
    /// [`Error::Shape`](fi_core::Error::Shape) for another number of columns than the model's.
    pub fn importance(
        &self,
        run: &Run<'_>,
        players: &Players,
        rows: ArrayView2<'_, f64>,
        summary: Summary,
        confidence: f64,
    ) -> Result<Importance> {
        self.importance_of_blocks(run, players, &rows, summary, confidence)
    }

    /// As [`TreeExplainer::importance`], of rows that are read in blocks: the same bits, in the
    /// memory of the blocks that are worked on.
    ///
    /// # Errors
    ///
    /// As for [`TreeExplainer::importance`], and those of reading rows.
    pub fn importance_of_blocks(
        &self,
        run: &Run<'_>,
        players: &Players,
        rows: &dyn RowBlocks,
        summary: Summary,
        confidence: f64,
    ) -> Result<Importance> {
        let inside = 0.0 < confidence && confidence < 1.0;
        require(inside, "confidence", confidence, "inside (0, 1)")?;
        some_rows(rows.n_rows())?;
        let grouping = Grouping::new(players, self.n_features())?;
        let (n_outputs, n_players) = (self.n_outputs(), players.len());
        let work = |rows: ArrayView2<'_, f64>| {
            let mut values = vec![0.0; rows.nrows() * n_outputs * n_players];
            self.attribute(&grouping, rows, &mut values);
            moments(&values, n_outputs, n_players, summary)
        };
        let mut all = Moments::new(n_players);
        self.fold(run, rows, self.block_rows(), work, |_, _, block| {
            all.merge(&block);
            Ok(())
        })?;
        let method = name(summary, self.method());
        let mut found = Importance::new(method, players.names(), all.mean.clone())?;
        found.std = all.std();
        found.replicate_kind = Some(Replicate::Row);
        found.n_evaluations = rows.n_rows();
        if let Some(std) = &found.std {
            let estimand = Estimand::ModelOnPopulation;
            found.interval = Some(Interval::of_means(estimand, confidence, &all.mean, std, all.n)?);
        }
        Ok(found)
    }

    /// Global interactions: the mean over rows and outputs of the matrices' entries or their
    /// sizes; see [`Interactions`] for what an entry is.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewRows`](fi_core::Error::TooFewRows) without rows;
    /// [`Error::Shape`](fi_core::Error::Shape) for another number of columns than the model's;
    /// [`Error::Data`](fi_core::Error::Data) if one row's pairs do not fit into memory.
    pub fn mean_interactions(
        &self,
        run: &Run<'_>,
        players: &Players,
        rows: ArrayView2<'_, f64>,
        summary: Summary,
    ) -> Result<Interaction> {
        some_rows(rows.nrows())?;
        let grouping = Grouping::new(players, self.n_features())?;
        let (n_outputs, n) = (self.n_outputs(), players.len());
        let n_pairs = Interactions::n_pairs(n)?;
        let work = |rows: ArrayView2<'_, f64>| {
            let shape = [rows.nrows(), n_outputs, n_pairs];
            let mut values = zeros("interactions", "score groups of features", &shape)?;
            self.interact(&grouping, rows, &mut values)?;
            Ok(moments(&values, n_outputs, n_pairs, summary))
        };
        let mut all = Moments::new(n_pairs);
        self.fold(run, &rows, self.pair_block_rows()?, work, |_, _, block: Result<Moments>| {
            all.merge(&block?);
            Ok(())
        })?;
        let square = |pairs: &[f64]| {
            Array2::from_shape_fn((n, n), |(a, b)| pairs[Interactions::pair(n, a, b)])
        };
        let method = name(summary, &format!("{} interactions", self.method()));
        let mut found = Interaction::new(method, players.names(), square(&all.mean), all.n)?;
        found.std = all.std().map(|std| square(&std));
        found.n_evaluations = rows.nrows();
        Ok(found)
    }

    /// The `k` players with the largest values of each row and output.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](fi_core::Error::Parameter) unless `k` is between 1 and the number of
    /// players; [`Error::Shape`](fi_core::Error::Shape) for another number of columns than the
    /// model's.
    pub fn top(
        &self,
        run: &Run<'_>,
        players: &Players,
        rows: ArrayView2<'_, f64>,
        k: usize,
    ) -> Result<TopFeatures> {
        let n_players = players.len();
        let requirement = format!("between 1 and the number of players, {n_players}");
        require(k >= 1 && k <= n_players, "k", k, requirement)?;
        let shape = (rows.nrows(), self.n_outputs(), k);
        let instead = "ask for fewer rows at a time";
        let values = zeros("values", instead, &[shape.0, shape.1, shape.2])?;
        let mut top = TopFeatures {
            players: Array3::zeros(shape),
            values: Array3::from_shape_vec(shape, values).map_err(fi_core::Error::model)?,
        };
        let mut order: Vec<usize> = Vec::with_capacity(n_players);
        self.for_each_block(run, players, rows, |block| {
            for ((row, output), values) in ndarray::indices((block.values.dim().0, shape.1))
                .into_iter()
                .zip(block.values.rows())
            {
                order.clear();
                order.extend(0..n_players);
                let size = |player: usize| values[player].abs();
                let by_size = |a: &usize, b: &usize| size(*b).total_cmp(&size(*a)).then(a.cmp(b));
                if k < n_players {
                    order.select_nth_unstable_by(k - 1, by_size);
                }
                order[..k].sort_unstable_by(by_size);
                for (place, &player) in order[..k].iter().enumerate() {
                    let at = [block.first_row + row, output, place];
                    (top.players[at], top.values[at]) = (player, values[player]);
                }
            }
            Ok(())
        })?;
        Ok(top)
    }
}

/// The moments over rows of the means over outputs.
fn moments(values: &[f64], n_outputs: usize, n: usize, summary: Summary) -> Moments {
    let mut moments = Moments::new(n);
    let mut row = vec![0.0; n];
    for values in values.chunks_exact((n_outputs * n).max(1)) {
        row.fill(0.0);
        for values in values.chunks_exact(n) {
            for (sum, &value) in row.iter_mut().zip(values) {
                *sum += match summary {
                    Summary::MeanAbsolute => value.abs(),
                    Summary::Mean => value,
                };
            }
        }
        moments.push(row.iter().map(|sum| sum / n_outputs as f64));
    }
    moments
}

fn name(summary: Summary, method: &str) -> String {
    match summary {
        Summary::MeanAbsolute => format!("mean |{method}|"),
        Summary::Mean => format!("mean {method}"),
    }
}

fn some_rows(n_rows: usize) -> Result<()> {
    if n_rows > 0 {
        return Ok(());
    }
    let what = "a mean of attributions".to_owned();
    Err(fi_core::Error::TooFewRows { what, needed: 1, got: 0 })
}
