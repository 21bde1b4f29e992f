//! Do trees of ours predict as well as those of other libraries? The same rows, equal settings.
//!
//! [`split`] cuts a table in two by a seed, [`Split::save`] writes it for the peers, and
//! `benches/peers/accuracy.{py,R}` hand back what they predict for the rows held out. Everybody's
//! predictions are scored here, by the same code, into lines of [`Scores`](super::Scores).

use std::path::Path;

use anyhow::{Result, ensure};
use fi_core::{Dataset, Model as _, Rng, Run, Target};
use fi_io::write_npy;
use fi_models::tree::{GradientBoosting, MaxFeatures, RandomForest};
use ndarray::{Array1, Array2};

use super::works::{HISTGB, LIGHTGBM, Peer, RANGER, SKLEARN};
use crate::data_sets;

/// What is trained on: the project's data sets, and two drawn tables of 50,000 training rows.
pub const TABLES: &[&str] = &[
    "iris",
    "wine",
    "breast-cancer",
    "diabetes",
    "digits",
    "synthetic-classes",
    "synthetic-values",
];

const N_TRAIN: usize = 50_000;
const N_TEST: usize = 20_000;
const N_FEATURES: usize = 20;

/// A kind of trees that several libraries train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeLearner {
    /// 100 fully grown trees on bootstrap samples; splits from √n features for classes and from a
    /// third of them for values.
    Forest,
    /// 100 fully grown extremely randomized trees; splits from √n features for classes and from
    /// all of them for values.
    ExtraTrees,
    /// 100 rounds of 31 leaves with 20 rows or more, learning rate 0.1, 255 bins.
    Boosting,
}

impl TreeLearner {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 3] = [Self::Forest, Self::ExtraTrees, Self::Boosting];

    /// What the peers' scripts call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forest => "forest",
            Self::ExtraTrees => "extra-trees",
            Self::Boosting => "boosting",
        }
    }

    /// Who trains it, too.
    pub fn peers(self) -> &'static [Peer] {
        match self {
            Self::Forest => &[SKLEARN, RANGER],
            Self::ExtraTrees => &[SKLEARN],
            Self::Boosting => &[HISTGB, LIGHTGBM],
        }
    }

    /// Trains ours, and predicts the rows held out: `(n_rows, n_classes)` or `(n_rows, 1)`.
    ///
    /// # Errors
    ///
    /// Those of the learner.
    pub fn predictions(self, split: &Split, seed: u64) -> Result<Array2<f64>> {
        let classes = split.train.target().n_classes().is_some();
        let run = Run::new(seed);
        let forest = |forest: RandomForest| forest.fit(&run, &split.train);
        let trees = match (self, classes) {
            (Self::Forest, true) => forest(RandomForest::default()),
            (Self::Forest, false) => {
                let mut regression = RandomForest::regression();
                regression.tree.max_features = MaxFeatures::Share(1.0 / 3.0);
                forest(regression)
            }
            (Self::ExtraTrees, true) => forest(RandomForest::extra_trees()),
            (Self::ExtraTrees, false) => forest(RandomForest::extra_trees_regression()),
            (Self::Boosting, true) => GradientBoosting::classification().fit(&run, &split.train),
            (Self::Boosting, false) => GradientBoosting::regression().fit(&run, &split.train),
        }?;
        Ok(trees.predict(split.test.rows())?)
    }
}

/// Rows to train on, and rows held out.
#[derive(Debug, Clone)]
pub struct Split {
    /// Four fifths of a data set, or 50,000 drawn rows.
    pub train: Dataset,
    /// The other fifth, or 20,000 rows more.
    pub test: Dataset,
}

/// Cuts one of [`TABLES`] in two: class by class for a data set; a drawn table is another one for
/// each seed.
///
/// # Errors
///
/// An unknown name.
pub fn split(table: &str, seed: u64) -> Result<Split> {
    let mut rng = Rng::new(seed, 0);
    let (data, test): (Dataset, Vec<usize>) = match table {
        "synthetic-classes" | "synthetic-values" => {
            (drawn(table == "synthetic-classes", &mut rng)?, (N_TRAIN..N_TRAIN + N_TEST).collect())
        }
        _ => {
            let data = data_sets::load(table)?.data;
            let mut order: Vec<usize> = (0..data.n_rows()).collect();
            rng.shuffle(&mut order);
            // Stable, so each class stays shuffled; every fifth row then has its share of each.
            order.sort_by_key(|&row| data.target().labels().map_or(0, |labels| labels[row]));
            let mut test: Vec<usize> = order.into_iter().skip(2).step_by(5).collect();
            test.sort_unstable();
            (data, test)
        }
    };
    let train: Vec<usize> =
        (0..data.n_rows()).filter(|row| test.binary_search(row).is_err()).collect();
    Ok(Split { train: data.select_rows(&train)?, test: data.select_rows(&test)? })
}

/// Normal features in single precision, and a target that all of them matter to.
fn drawn(classes: bool, rng: &mut Rng) -> Result<Dataset> {
    let weights: Array1<f64> =
        (0..N_FEATURES).map(|j| rng.normal() / (j as f64 + 1.0).sqrt()).collect();
    let shape = (N_TRAIN + N_TEST, N_FEATURES);
    let rows = Array2::from_shape_simple_fn(shape, || f64::from(rng.normal() as f32));
    let values: Vec<f64> = rows
        .rows()
        .into_iter()
        .map(|x| {
            let bend = if x[3] > 0.0 { x[2].abs() } else { 0.0 };
            x.dot(&weights) + (3.0 * x[0]).sin() * x[1] + bend + 0.3 * rng.normal()
        })
        .collect();
    let target = if classes {
        let labels = values.iter().map(|&y| usize::from(y > 0.0)).collect();
        Target::Classes { labels, names: vec!["low".to_owned(), "high".to_owned()] }
    } else {
        Target::Values(values)
    };
    Ok(Dataset::new(rows, target)?)
}

impl Split {
    /// How many classes there are, 0 for values.
    pub fn n_classes(&self) -> usize {
        self.train.target().n_classes().unwrap_or(0)
    }

    /// Writes `{x,y}_{train,test}.npy`; classes are numbers from 0.
    ///
    /// # Errors
    ///
    /// A folder that cannot be written to.
    pub fn save(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        for (part, data) in [("train", &self.train), ("test", &self.test)] {
            let target: Array1<f64> = match data.target() {
                Target::Classes { labels, .. } => labels.iter().map(|&l| l as f64).collect(),
                Target::Values(values) => values.iter().copied().collect(),
            };
            write_npy(folder.join(format!("x_{part}.npy")), &data.rows())?;
            write_npy(folder.join(format!("y_{part}.npy")), &target)?;
        }
        Ok(())
    }

    /// Reads a peer's predictions: numbers of eight bytes, lowest first, row by row.
    ///
    /// # Errors
    ///
    /// A file that is missing or of another size.
    pub fn read_predictions(&self, path: &Path) -> Result<Array2<f64>> {
        let shape = (self.test.n_rows(), self.n_classes().max(1));
        let bytes = std::fs::read(path)?;
        ensure!(
            bytes.len() == shape.0 * shape.1 * 8,
            "{} has {} bytes, but {} × {} predictions have {}",
            path.display(),
            bytes.len(),
            shape.0,
            shape.1,
            shape.0 * shape.1 * 8
        );
        let number = |chunk: &[u8]| {
            let mut eight = [0; 8];
            eight.copy_from_slice(chunk);
            f64::from_le_bytes(eight)
        };
        Ok(Array2::from_shape_vec(shape, bytes.chunks_exact(8).map(number).collect())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_has_a_fifth_of_each_class_and_every_row_once() {
        for seed in [1, 2] {
            let split = split("digits", seed).unwrap();
            assert_eq!(split.train.n_rows() + split.test.n_rows(), 1797);
            let count = |data: &Dataset, class: usize| {
                data.target().labels().unwrap().iter().filter(|&&label| label == class).count()
            };
            for class in 0..10 {
                let (train, test) = (count(&split.train, class), count(&split.test, class));
                assert!(test.abs_diff((train + test) / 5) <= 1, "{class}: {train} {test}");
            }
        }
        let (one, two) = (split("wine", 1).unwrap(), split("wine", 2).unwrap());
        assert_ne!(one.test.rows(), two.test.rows());
        assert_eq!(one.test.rows(), split("wine", 1).unwrap().test.rows());
        assert!(split("flowers", 1).is_err());
    }

    #[test]
    fn the_peers_get_the_same_rows_and_their_predictions_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let split = split("iris", 3).unwrap();
        split.save(folder.path()).unwrap();
        let rows = fi_io::read_npy_2d(folder.path().join("x_test.npy")).unwrap();
        assert_eq!(rows, split.test.rows());
        let path = folder.path().join("predictions.bin");
        let ours = TreeLearner::Forest.predictions(&split, 1).unwrap();
        let bytes: Vec<u8> = ours.iter().flat_map(|p| p.to_le_bytes()).collect();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(split.read_predictions(&path).unwrap(), ours);
        std::fs::write(&path, &bytes[8..]).unwrap();
        let error = split.read_predictions(&path).unwrap_err().to_string();
        assert!(error.contains("has 712 bytes, but 30 × 3 predictions have 720"), "{error}");
    }

    #[test]
    fn every_learner_predicts_classes_and_values() {
        for (table, columns) in [("wine", 3), ("diabetes", 1)] {
            let split = split(table, 0).unwrap();
            for learner in TreeLearner::ALL {
                let predictions = learner.predictions(&split, 0).unwrap();
                assert_eq!(predictions.dim(), (split.test.n_rows(), columns));
            }
        }
    }
}
