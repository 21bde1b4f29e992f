//! Rows as a model can read them, and what became of their columns.

use anyhow::Result;
use fi_core::{Dataset, Players, Target};
use fi_models::Scaler;
use ndarray::Array2;

use super::models::Reads;
use super::problem::Level;

/// A category's value has a column of its own if at least so many training rows have it.
const SEEN: usize = 2;

/// Training and test rows as a model reads them.
pub(super) struct Encoded {
    pub(super) train: Dataset,
    pub(super) test: Dataset,
    /// The columns that each column of the problem has become.
    columns: Vec<Vec<usize>>,
    /// The variance by which a target of numbers was divided; 1 if it was not.
    pub(super) unit: f64,
}

impl Encoded {
    pub(super) fn new(reads: Reads, train: &Dataset, test: &Dataset) -> Result<Self> {
        if reads == Reads::Tables {
            let columns = (0..train.n_features()).map(|column| vec![column]).collect();
            return Ok(Self { train: train.clone(), test: test.clone(), columns, unit: 1.0 });
        }
        let plan = Plan::new(train);
        let (train, test) = (plan.apply(train)?, plan.apply(test)?);
        let scaler = Scaler::fit(&train)?;
        let (mean, std) = moments(train.target());
        let scale = |data: &Dataset| -> Result<Dataset> {
            let mut rows = scaler.transform(data.rows())?;
            if reads == Reads::Numbers {
                // A filled value is the column's mean, which scaled is 0.
                rows.mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
            }
            let scaled = data.clone().with_rows(rows)?;
            let Some(values) = data.target().values() else { return Ok(scaled) };
            let target = values.iter().map(|y| (y - mean) / std).collect();
            Ok(scaled.with_target(Target::Values(target))?)
        };
        Ok(Self {
            train: scale(&train)?,
            test: scale(&test)?,
            columns: plan.columns(),
            unit: std * std,
        })
    }

    /// The same players over the columns that the model reads.
    pub(super) fn level(&self, level: &Level) -> Result<Level> {
        let players = &level.players;
        let groups = (0..players.len()).map(|player| {
            let members = players.members(player).iter();
            let columns = members.flat_map(|&column| self.columns[column].iter().copied());
            (players.names()[player].clone(), columns.collect())
        });
        let players = Players::groups(self.train.n_features(), groups)?;
        Ok(Level { players, ..level.clone() })
    }
}

/// Mean and standard deviation of a target of numbers; of classes 0 and 1.
fn moments(target: &Target) -> (f64, f64) {
    let Some(values) = target.values() else { return (0.0, 1.0) };
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// What a column becomes.
enum Column {
    Number,
    /// A column for each of these categories. The most frequent has none: where all are 0.
    Categories(Vec<f64>),
}

struct Plan(Vec<Column>);

impl Plan {
    fn new(train: &Dataset) -> Self {
        let column = |i: usize| {
            if train.categorical().binary_search(&i).is_err() {
                return Column::Number;
            }
            let mut counts: Vec<(usize, f64)> = Vec::new();
            for &value in train.rows().column(i).iter().filter(|x| !x.is_nan()) {
                match counts.iter_mut().find(|(_, known)| *known == value) {
                    Some((count, _)) => *count += 1,
                    None => counts.push((1, value)),
                }
            }
            counts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)));
            let kept = counts.iter().skip(1).filter(|(count, _)| *count >= SEEN);
            Column::Categories(kept.map(|(_, value)| *value).collect())
        };
        Self((0..train.n_features()).map(column).collect())
    }

    fn columns(&self) -> Vec<Vec<usize>> {
        let mut next = 0..;
        let width = |column: &Column| match column {
            Column::Number => 1,
            Column::Categories(values) => values.len(),
        };
        self.0.iter().map(|column| next.by_ref().take(width(column)).collect()).collect()
    }

    fn apply(&self, data: &Dataset) -> Result<Dataset> {
        let (mut columns, mut names) = (Vec::new(), Vec::new());
        for (i, column) in self.0.iter().enumerate() {
            let (values, name) = (data.rows().column(i).to_owned(), &data.feature_names()[i]);
            match column {
                Column::Number => {
                    columns.push(values);
                    names.push(name.clone());
                }
                Column::Categories(categories) => {
                    for category in categories {
                        columns.push(values.mapv(|x| f64::from(u8::from(x == *category))));
                        names.push(format!("{name} = {category}"));
                    }
                }
            }
        }
        let rows = Array2::from_shape_fn((data.n_rows(), columns.len()), |(i, j)| columns[j][i]);
        Ok(Dataset::new(rows, data.target().clone())?.with_feature_names(names)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn data(rows: Array2<f64>) -> Dataset {
        let target = Target::Values((0..rows.nrows()).map(|i| 2.0 * i as f64).collect());
        Dataset::new(rows, target).unwrap().with_categorical([0]).unwrap()
    }

    #[test]
    fn categories_become_columns_and_players_follow() {
        // Category 4 is the most frequent, 7 is seen once.
        let train = data(array![
            [4.0, 1.0],
            [2.0, 2.0],
            [4.0, 3.0],
            [7.0, f64::NAN],
            [2.0, 4.0],
            [4.0, 5.0]
        ]);
        let test = data(array![[2.0, 3.0], [9.0, f64::NAN]]);
        let found = Encoded::new(Reads::Numbers, &train, &test).unwrap();
        assert_eq!(found.train.feature_names(), ["x0 = 2", "x1"]);
        // A third of the rows has category 2: mean 1/3, variance 2/9.
        let scaled = |x: f64| (x - 1.0 / 3.0) / (2.0_f64 / 9.0).sqrt();
        assert!((found.test.rows()[[0, 0]] - scaled(1.0)).abs() < 1e-12);
        assert!((found.test.rows()[[1, 0]] - scaled(0.0)).abs() < 1e-12);
        assert_eq!(found.test.rows()[[1, 1]], 0.0);
        // 0, 2, …, 10 have the variance 35/3.
        assert!((found.unit - 35.0 / 3.0).abs() < 1e-12);
        let level = Level {
            name: "features",
            players: Players::groups(2, [("number", vec![1]), ("category", vec![0])]).unwrap(),
            relevant: vec![true, false],
            effects: None,
            worth: None,
        };
        let level = found.level(&level).unwrap();
        assert_eq!((level.players.members(0), level.players.members(1)), (&[1][..], &[0][..]));
    }

    #[test]
    fn tables_stay_as_they_are() {
        let train = data(array![[4.0, 1.0], [2.0, f64::NAN]]);
        let found = Encoded::new(Reads::Tables, &train, &train).unwrap();
        assert_eq!(found.train.categorical(), [0]);
        assert!(found.test.rows()[[1, 1]].is_nan());
        assert_eq!(found.unit, 1.0);
    }
}
