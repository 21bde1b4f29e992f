//! At which values of a feature a curve is computed, and how many rows are near each.

use ndarray::Array2;

use crate::error::{Error, Result, require};
use crate::statistics::quantile;

/// A curve of more points shows no more, and a surface has the product.
const MOST_POINTS: usize = 10_000;
/// A surface of more points is no picture.
pub(super) const MOST_CELLS: usize = 250_000;

/// At which values of a numerical feature a curve is computed.
///
/// A categorical feature ([`Dataset::with_categorical`](crate::Dataset::with_categorical)) has
/// its categories that occur, whatever the grid.
#[derive(Debug, Clone, PartialEq)]
pub enum Grid {
    /// So many quantiles of the rows, from the smallest value to the largest, equal ones
    /// collapsed; if there are at most so many different values, those. At least 2.
    Quantiles(usize),
    /// So many values at equal distances from the smallest to the largest. At least 2.
    Uniform(usize),
    /// These values, at least one; they are sorted, and equal ones collapsed.
    Values(Vec<f64>),
}

impl Grid {
    /// Domains that do not depend on the data.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Quantiles(n) | Self::Uniform(n) => {
                require((2..=MOST_POINTS).contains(n), "grid", n, "2 to 10000 points")
            }
            Self::Values(values) => {
                let n = values.len();
                require((1..=MOST_POINTS).contains(&n), "grid", n, "1 to 10000 values")?;
                let bad = values.iter().find(|value| !value.is_finite());
                require(bad.is_none(), "grid", bad.unwrap_or(&0.0), "made of finite values")
            }
        }
    }

    /// The points for these values, of which there is at least one, ascending without gaps.
    pub(super) fn points(&self, sorted: &[f64]) -> Vec<f64> {
        let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
        let part = |i: usize, n: usize| i as f64 / (n - 1) as f64;
        let mut points = match self {
            Self::Quantiles(n) => {
                let mut distinct = sorted.to_vec();
                distinct.dedup();
                if distinct.len() <= *n {
                    distinct
                } else {
                    (0..*n).filter_map(|i| quantile(sorted, part(i, *n))).collect()
                }
            }
            Self::Uniform(n) => {
                (0..*n).map(|i| low * (1.0 - part(i, *n)) + high * part(i, *n)).collect()
            }
            Self::Values(values) => {
                let mut values = values.clone();
                values.sort_by(f64::total_cmp);
                values
            }
        };
        // −0 and 0 are one value.
        points.dedup();
        points
    }
}

/// The categories that occur, ascending.
pub(super) fn categories(feature: &str, sorted: &[f64]) -> Result<Vec<f64>> {
    let mut found = sorted.to_vec();
    found.dedup();
    if found.len() > MOST_POINTS {
        return Err(Error::Data(format!(
            "`{feature}` has {} categories, a curve shows at most {MOST_POINTS}: merge the rare \
             ones",
            found.len()
        )));
    }
    Ok(found)
}

/// The point that is nearest to a value; of two equally near ones the smaller.
pub(super) fn nearest(points: &[f64], value: f64) -> usize {
    let above = points.partition_point(|&point| point < value);
    match above {
        0 => 0,
        above if above == points.len() => above - 1,
        above if value - points[above - 1] <= points[above] - value => above - 1,
        above => above,
    }
}

/// The share of the weight that is nearest to each point of two ascending grids.
pub(super) fn shares<'a>(
    grids: [&[f64]; 2],
    values: impl Iterator<Item = ([f64; 2], &'a f64)>,
) -> Array2<f64> {
    let mut shares = Array2::zeros((grids[0].len(), grids[1].len()));
    let mut total = 0.0;
    for ([first, second], weight) in values {
        shares[[nearest(grids[0], first), nearest(grids[1], second)]] += weight;
        total += weight;
    }
    shares / total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_quantiles_are_one_point() {
        let sorted = [1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0];
        assert_eq!(Grid::Quantiles(3).points(&sorted), [1.0, 4.0]);
        assert_eq!(Grid::Quantiles(4).points(&sorted), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Grid::Uniform(4).points(&sorted), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Grid::Uniform(9).points(&[7.0]), [7.0]);
        assert_eq!(Grid::Values(vec![3.0, 0.0, -0.0, 3.0]).points(&sorted), [0.0, 3.0]);
        let wide = Grid::Uniform(3).points(&[-f64::MAX, f64::MAX]);
        assert_eq!(wide, [-f64::MAX, 0.0, f64::MAX]);
    }

    #[test]
    fn the_nearest_point_is_that_below_where_two_are_near() {
        let points = [0.0, 1.0, 3.0];
        let found = [-9.0, 0.5, 0.6, 1.0, 2.0, 2.1, 9.0].map(|value| nearest(&points, value));
        assert_eq!(found, [0, 0, 1, 1, 1, 2, 2]);
    }

    #[test]
    fn each_bad_grid_gets_its_own_sentence() {
        let text = |grid: Grid| grid.check().unwrap_err().to_string();
        assert_eq!(text(Grid::Quantiles(1)), "`grid` is `1`, it must be 2 to 10000 points");
        assert_eq!(text(Grid::Uniform(10_001)), "`grid` is `10001`, it must be 2 to 10000 points");
        assert_eq!(text(Grid::Values(vec![])), "`grid` is `0`, it must be 1 to 10000 values");
        let nan = text(Grid::Values(vec![1.0, f64::NAN]));
        assert_eq!(nan, "`grid` is `NaN`, it must be made of finite values");
    }
}
