//! What everybody's trees scored on rows held out, and the table of differences that follows.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use fi_core::{Metric, Output, Target};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::accuracy::{TABLES, TreeLearner};
use super::lines;

/// One library's learner, trained once: a line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// One of [`TABLES`].
    pub data: String,
    /// [`TreeLearner::name`].
    pub learner: String,
    /// Who trained it: `fi`, or a [`Peer`](super::Peer)'s name.
    pub library: String,
    /// Its version.
    pub version: String,
    /// Which split, and which draws.
    pub seed: u64,
    /// Share of held-out rows whose class is predicted.
    pub accuracy: Option<f64>,
    /// Mean squared error of the probabilities, halved for two classes.
    pub brier: Option<f64>,
    /// Mean negative logarithm of the true class's probability.
    pub log_loss: Option<f64>,
    /// R² of predicted values.
    pub r2: Option<f64>,
}

impl Scored {
    /// Scores predictions of the rows held out.
    ///
    /// # Errors
    ///
    /// Predictions that are no probabilities, or no numbers.
    pub fn new(
        (data, learner, library): (&str, TreeLearner, &str),
        version: &str,
        seed: u64,
        predictions: ArrayView2<'_, f64>,
        target: &Target,
    ) -> Result<Self> {
        let classes = target.n_classes().is_some();
        let output = if classes { Output::Probabilities } else { Output::Values };
        let score = |metric: Metric, wanted: bool| {
            wanted.then(|| metric.score(predictions, output, target, None)).transpose()
        };
        Ok(Self {
            data: data.to_owned(),
            learner: learner.name().to_owned(),
            library: library.to_owned(),
            version: version.to_owned(),
            seed,
            accuracy: score(Metric::Accuracy, classes)?,
            brier: score(Metric::Brier, classes)?,
            log_loss: score(Metric::LogLoss, classes)?,
            r2: score(Metric::R2, !classes)?,
        })
    }
}

/// All lines of a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores(pub Vec<Scored>);

/// A score, how it is read from a line, and whether more is better.
type Column = (&'static str, fn(&Scored) -> Option<f64>, bool);

const COLUMNS: [Column; 4] = [
    ("accuracy", |line| line.accuracy, true),
    ("Brier", |line| line.brier, false),
    ("log loss", |line| line.log_loss, false),
    ("R²", |line| line.r2, true),
];

impl Scores {
    /// Reads `raw.csv`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is no such record.
    pub fn read(path: &Path) -> Result<Self> {
        lines::read(path).map(Self)
    }

    /// As CSV.
    ///
    /// # Errors
    ///
    /// None that can happen in memory.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        lines::to_csv(&self.0)
    }

    /// Whether a line is there.
    pub fn has(&self, data: &str, learner: TreeLearner, library: &str, seed: u64) -> bool {
        self.lines(data, learner, library).any(|line| line.seed == seed)
    }

    fn lines<'a>(
        &'a self,
        data: &'a str,
        learner: TreeLearner,
        library: &'a str,
    ) -> impl Iterator<Item = &'a Scored> {
        self.0.iter().filter(move |line| {
            line.data == data && line.learner == learner.name() && line.library == library
        })
    }

    /// The table in Markdown: means of both sides over their common seeds, and the mean of their
    /// differences with its standard error. The logarithmic loss is left out for forests, whose
    /// probabilities of 0 make it a count of them.
    ///
    /// # Errors
    ///
    /// A score that is no finite number, or two lines of one seed.
    pub fn table(&self) -> Result<String> {
        let mut text = String::from(
            "| data | learner | peer | score | seeds | fi | peer's | mean difference, fi − peer | \
             standard error | within two standard errors |\n|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for table in TABLES {
            for learner in TreeLearner::ALL {
                for peer in learner.peers() {
                    for column in COLUMNS {
                        if column.0 == "log loss" && learner != TreeLearner::Boosting {
                            continue;
                        }
                        let Some(pair) = self.pair(table, learner, peer.name, column)? else {
                            continue;
                        };
                        writeln!(
                            text,
                            "| {table} | {} | {} | {} | {} |",
                            learner.name(),
                            pair.version,
                            column.0,
                            pair.line(column.2)
                        )?;
                    }
                }
            }
        }
        Ok(text)
    }

    fn pair(
        &self,
        table: &str,
        learner: TreeLearner,
        library: &str,
        (name, score, _): Column,
    ) -> Result<Option<Pair>> {
        let mut pair = Pair { version: String::new(), ours: Vec::new(), theirs: Vec::new() };
        for theirs in self.lines(table, learner, library) {
            let mut same = self.lines(table, learner, "fi").filter(|o| o.seed == theirs.seed);
            let twice = self.lines(table, learner, library).filter(|o| o.seed == theirs.seed);
            let (Some(ours), None, 1) = (same.next(), same.next(), twice.count()) else {
                bail!("{table}, {}: seed {} is not there once", learner.name(), theirs.seed);
            };
            let (Some(ours), Some(score)) = (score(ours), score(theirs)) else { continue };
            if !(ours + score).is_finite() {
                bail!("{table}, {}: a {name} is not finite", learner.name());
            }
            pair.version.clone_from(&theirs.version);
            pair.ours.push(ours);
            pair.theirs.push(score);
        }
        Ok((pair.ours.len() > 1).then_some(pair))
    }
}

/// Scores of two sides, seed by seed.
struct Pair {
    version: String,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Pair {
    fn line(&self, more_is_better: bool) -> String {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let differences: Vec<f64> =
            self.ours.iter().zip(&self.theirs).map(|(a, b)| a - b).collect();
        let (n, center) = (differences.len() as f64, mean(&differences));
        let squares: f64 = differences.iter().map(|d| (d - center).powi(2)).sum();
        let error = (squares / (n - 1.0) / n).sqrt();
        let verdict = if center.abs() <= 2.0 * error {
            "yes"
        } else if (center > 0.0) == more_is_better {
            "no, fi is better"
        } else {
            "**no, the peer is better**"
        };
        format!(
            "{n} | {:.5} | {:.5} | {center:+.5} | {error:.5} | {verdict}",
            mean(&self.ours),
            mean(&self.theirs)
        )
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn lines(library: &str, losses: &[f64]) -> impl Iterator<Item = Scored> {
        losses.iter().enumerate().map(move |(seed, &loss)| Scored {
            data: "iris".to_owned(),
            learner: "boosting".to_owned(),
            library: library.to_owned(),
            version: "x 1.0".to_owned(),
            seed: seed as u64,
            accuracy: None,
            brier: None,
            log_loss: Some(loss),
            r2: None,
        })
    }

    #[test]
    fn the_table_holds_paired_differences_and_says_who_is_better() {
        let ours = [0.3, 0.1, 0.2];
        // Differences −0.01, −0.02, −0.03: mean −0.02, standard error 0.01 / √3.
        let mut scores =
            Scores(lines("fi", &ours).chain(lines("lightgbm", &[0.31, 0.12, 0.23])).collect());
        let table = scores.table().unwrap();
        let row = "| iris | boosting | x 1.0 | log loss | 3 | 0.20000 | 0.22000 | -0.02000 | 0.00577 | \
                   no, fi is better |";
        assert_eq!(table.lines().nth(2).unwrap(), row);
        scores.0.extend(lines("histgb", &[0.29, 0.12, 0.19]));
        let table = scores.table().unwrap();
        assert!(table.lines().nth(2).unwrap().ends_with("+0.00000 | 0.01000 | yes |"), "{table}");
        // The same spread around −0.01 is 1.7 standard errors, around −0.013 it is 2.3.
        for (shift, verdict) in [(0.0, "| yes |"), (0.003, "| no, fi is better |")] {
            for (line, loss) in scores.0[6..].iter_mut().zip([0.30, 0.11, 0.22]) {
                line.log_loss = Some(loss + shift);
            }
            let table = scores.table().unwrap();
            assert!(table.lines().nth(2).unwrap().ends_with(verdict), "{table}");
        }
        for line in &mut scores.0[6..] {
            line.log_loss = Some(0.05);
        }
        assert!(scores.table().unwrap().contains("**no, the peer is better**"));
        let twice = scores.0[6].clone();
        scores.0.push(twice);
        let error = scores.table().unwrap_err().to_string();
        assert_eq!(error, "iris, boosting: seed 0 is not there once");
        scores.0.pop();
        scores.0.remove(0);
        let error = scores.table().unwrap_err().to_string();
        assert_eq!(error, "iris, boosting: seed 0 is not there once");
    }

    #[test]
    fn predictions_are_scored_by_what_they_are() {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let target = Target::Classes { labels: vec![0, 1], names };
        let who = ("iris", TreeLearner::Forest, "fi");
        let scored = |p: ArrayView2<'_, f64>, t: &Target| Scored::new(who, "0", 1, p, t);
        // Halved squares of 0.2 and 0.6, twice each: 0.04 and 0.36.
        let line = scored(array![[0.8, 0.2], [0.6, 0.4]].view(), &target).unwrap();
        assert_eq!((line.accuracy, line.r2), (Some(0.5), None));
        assert!((line.brier.unwrap() - 0.2).abs() < 1e-12);
        let values = Target::Values(vec![1.0, 3.0]);
        let line = scored(array![[1.0], [2.0]].view(), &values).unwrap();
        assert_eq!((line.accuracy, line.r2), (None, Some(0.5)));
        let nan = scored(array![[f64::NAN], [2.0]].view(), &values);
        assert!(nan.is_err() || !nan.unwrap().r2.unwrap().is_finite());
    }

    #[test]
    fn scores_survive_their_file() {
        let scores = Scores(lines("fi", &[1.0 / 3.0, 0.1]).collect());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.csv");
        std::fs::write(&path, scores.to_csv().unwrap()).unwrap();
        assert_eq!(Scores::read(&path).unwrap(), scores);
        assert!(scores.has("iris", TreeLearner::Boosting, "fi", 1));
        assert!(!scores.has("iris", TreeLearner::Boosting, "fi", 2));
    }
}
