//! Scores of pairs, read from any of the tables that hold them.

use std::collections::BTreeMap;
use std::path::Path;

use fi_core::pair_names;
use ndarray::Array2;

use crate::error::{Error, Result};
use crate::table::{Cell, Table, read_table};

/// Which scores of a pair are summed where a table has several, one per pair of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PairSum {
    /// All of them.
    #[default]
    All,
    /// Those above 0, as LEAP's heatmap of sensor pairs does. It biases pairs of many channels
    /// upwards: noise around 0 cannot cancel.
    Positive,
}

/// One score for each pair of named members.
#[derive(Debug, Clone, PartialEq)]
pub struct PairScores {
    /// The members, sorted by name.
    pub members: Vec<String>,
    /// `(n_members, n_members)`, symmetric; NaN for a pair that the table does not have.
    pub values: Array2<f64>,
    /// How many scores were summed.
    pub n_summed: usize,
    /// How many were left out because they were not above 0.
    pub n_left_out: usize,
}

impl PairScores {
    /// Sums single scores by pair; the order within a pair does not matter.
    pub fn new<'a>(
        scores: impl IntoIterator<Item = (&'a str, &'a str, f64)>,
        sum: PairSum,
    ) -> Self {
        let mut sums: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        let (mut n_summed, mut n_left_out) = (0, 0);
        for (a, b, score) in scores {
            let total = sums.entry(if a <= b { (a, b) } else { (b, a) }).or_insert(0.0);
            // NaN is not above 0 either.
            if sum == PairSum::All || score > 0.0 {
                *total += score;
                n_summed += 1;
            } else {
                n_left_out += 1;
            }
        }
        let mut members: Vec<&str> = sums.keys().flat_map(|&(a, b)| [a, b]).collect();
        members.sort_unstable();
        members.dedup();
        let place = |name: &str| members.partition_point(|member| *member < name);
        let mut values = Array2::from_elem((members.len(), members.len()), f64::NAN);
        for ((a, b), total) in &sums {
            values[[place(a), place(b)]] = *total;
            values[[place(b), place(a)]] = *total;
        }
        let members = members.into_iter().map(str::to_owned).collect();
        Self { members, values, n_summed, n_left_out }
    }
}

/// Reads pair scores from a CSV or Parquet file of one of three kinds:
///
/// ```text
/// feature_a,feature_b,importance    one score per pair
/// Pair,Dimensions,Importance        LEAP's: ('Left_Ankle', 'Right_Wrist') in the first column
/// feature,importance,…              a global result whose names hold two members each
/// ```
///
/// The members of the last kind are found by `pattern`, as [`pair_names`] does. Nothing in the file
/// is evaluated.
///
/// # Errors
///
/// [`Error::Content`] for another table, a pattern that is none, a name it does not match, or a
/// cell that holds no pair or number; [`Error::System`].
pub fn read_pairs(
    path: impl AsRef<Path>,
    pattern: Option<&str>,
    sum: PairSum,
) -> Result<PairScores> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let table = read_table(path)?;
    if let (Some(a), Some(b), Some(score)) =
        (table.column("feature_a"), table.column("feature_b"), table.column("importance"))
    {
        let rows = scores(&table, &file, score)?;
        let names: Vec<[String; 2]> =
            table.rows.iter().map(|row| [row[a].text(), row[b].text()]).collect();
        return Ok(summed(&names, &rows, sum));
    }
    if let (Some(pair), Some(score)) = (table.column("Pair"), table.column("Importance")) {
        let rows = scores(&table, &file, score)?;
        let names = table.rows.iter().zip(2..).map(|(row, line)| {
            let text = row[pair].text();
            pair_names(std::slice::from_ref(&text), None).map_err(|_| {
                let problem = format!("`{text}` is no pair, write ('first', 'second')");
                Error::at(&file, line, Some("Pair"), problem)
            })
        });
        let names: Vec<Vec<[String; 2]>> = names.collect::<Result<_>>()?;
        return Ok(summed(&names.concat(), &rows, sum));
    }
    let (Some(feature), Some(score)) = (table.column("feature"), table.column("importance")) else {
        let problem = "there are no columns `feature_a,feature_b,importance`, \
                       `Pair,Dimensions,Importance` or `feature,importance`: this is no table of \
                       pairs";
        return Err(Error::content(&file, problem));
    };
    let rows = scores(&table, &file, score)?;
    let features: Vec<String> = table.rows.iter().map(|row| row[feature].text()).collect();
    let names =
        pair_names(&features, pattern).map_err(|error| Error::content(&file, error.to_string()))?;
    Ok(summed(&names, &rows, sum))
}

fn summed(names: &[[String; 2]], scores: &[f64], sum: PairSum) -> PairScores {
    let all = names.iter().zip(scores).map(|([a, b], &score)| (a.as_str(), b.as_str(), score));
    PairScores::new(all, sum)
}

fn scores(table: &Table, file: &str, column: usize) -> Result<Vec<f64>> {
    if table.rows.is_empty() {
        return Err(Error::content(file, "there is only a header, there must be a pair"));
    }
    let score = |(row, line): (&Vec<Cell>, u64)| match &row[column] {
        Cell::Number(value) => Ok(*value),
        Cell::Integer(value) => Ok(*value as f64),
        other => {
            let problem = format!("`{}` is not a number", other.text());
            Err(Error::at(file, line, Some(&table.columns[column]), problem))
        }
    };
    table.rows.iter().zip(2..).map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        text: &str,
        pattern: Option<&str>,
        sum: PairSum,
    ) -> std::result::Result<PairScores, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        std::fs::write(&path, text).unwrap();
        let folder = format!("{}/", folder.path().display());
        read_pairs(&path, pattern, sum).map_err(|error| error.to_string().replace(&folder, ""))
    }

    #[test]
    fn leaps_table_is_parsed_and_its_positive_scores_are_summed() {
        let text = "Pair,Dimensions,Importance\n\
                    \"('Left_Ankle', 'Sacrum')\",\"('x_acc', 'z_gyro')\",0.25\n\
                    \"('Sacrum', 'Left_Ankle')\",\"('y_acc', 'z_gyro')\",0.5\n\
                    \"('Left_Ankle', \"\"O'Brien\"\")\",\"('x_acc', 'x_acc')\",-0.125\n";
        let pairs = read(text, None, PairSum::Positive).unwrap();
        assert_eq!(pairs.members, ["Left_Ankle", "O'Brien", "Sacrum"]);
        assert_eq!((pairs.values[[0, 2]], pairs.values[[2, 0]]), (0.75, 0.75));
        assert_eq!((pairs.values[[0, 1]], pairs.n_summed, pairs.n_left_out), (0.0, 2, 1));
        assert!(pairs.values[[1, 2]].is_nan() && pairs.values[[0, 0]].is_nan());
        let all = read(text, None, PairSum::All).unwrap();
        assert_eq!((all.values[[0, 1]], all.n_left_out), (-0.125, 0));
        let evil = "Pair,Dimensions,Importance\n\"__import__('os')\",x,1\n";
        assert_eq!(
            read(evil, None, PairSum::All).unwrap_err(),
            "`p.csv`, line 2, column `Pair`: `__import__('os')` is no pair, write ('first', \
             'second')"
        );
    }

    #[test]
    fn members_are_found_in_the_names_of_a_global_result() {
        let text = "feature,importance\nankle.x|wrist.z,1\nwrist.y|ankle.x,2\n";
        let pairs = read(text, None, PairSum::All).unwrap();
        assert_eq!((pairs.members.len(), pairs.values[[0, 1]]), (2, 3.0));
        let text = "feature,importance\nankle-wrist-7,1\n";
        let pairs = read(text, Some(r"^(\w+)-(\w+)-"), PairSum::All).unwrap();
        assert_eq!(pairs.members, ["ankle", "wrist"]);
        let error = read(text, Some(r"(\w+)"), PairSum::All).unwrap_err();
        assert_eq!(error, "`p.csv`: the pattern `(\\w+)` needs two groups, one for each member");
        let error = read(text, Some("(("), PairSum::All).unwrap_err();
        assert_eq!(error, "`p.csv`: the pattern `((` is no regular expression: unclosed group");
        let error = read(text, Some("(a),(b)"), PairSum::All).unwrap_err();
        assert_eq!(
            error,
            "`p.csv`: the pattern `(a),(b)` finds no pair in `ankle-wrist-7`: give a pattern with \
             two groups, one for each member"
        );
    }

    #[test]
    fn each_bad_table_gets_its_own_sentence() {
        let error = |text| read(text, None, PairSum::All).unwrap_err();
        assert_eq!(
            error("a,b\n1,2\n"),
            "`p.csv`: there are no columns `feature_a,feature_b,importance`, \
             `Pair,Dimensions,Importance` or `feature,importance`: this is no table of pairs"
        );
        assert_eq!(
            error("feature_a,feature_b,importance\na,b,much\n"),
            "`p.csv`, line 2, column `importance`: `much` is not a number"
        );
        assert_eq!(
            error("feature_a,feature_b,importance\n"),
            "`p.csv`: there is only a header, there must be a pair"
        );
    }
}
