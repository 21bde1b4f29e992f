//! The distinct values of every column in order, and how the splits of trees divide them.

use fi_core::Players;
use ndarray::ArrayView2;

use super::compiled::Walk;
use super::split::Precision;

/// The distinct values of the columns, as an ensemble reads them.
#[derive(Debug)]
pub(super) struct Columns(Vec<Column>);

#[derive(Debug)]
struct Column {
    /// Ascending; NaN, if there is a missing value, behind all others.
    values: Vec<f64>,
    /// How many rows have one of the first values: one number more than values.
    counts: Vec<usize>,
    /// Which of the values each row has.
    places: Vec<usize>,
}

impl Columns {
    pub(super) fn new(rows: ArrayView2<'_, f64>, precision: Precision) -> Self {
        let column = |column: ndarray::ArrayView1<'_, f64>| {
            let round = |&x: &f64| match precision {
                Precision::F32 => f64::from(x as f32),
                Precision::F64 => x,
            };
            let all: Vec<f64> = column.iter().map(round).collect();
            // Every NaN is the same, and so are 0 and −0.
            let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
            let before = |a: f64, b: f64| a < b || (b.is_nan() && !a.is_nan());
            let mut values = all.clone();
            values.sort_unstable_by(|&a, &b| before(b, a).cmp(&before(a, b)));
            values.dedup_by(|a, b| same(*a, *b));
            let place = |x: &f64| values.partition_point(|&value| before(value, *x));
            let places: Vec<usize> = all.iter().map(place).collect();
            let mut counts = vec![0; values.len() + 1];
            for &at in &places {
                counts[at + 1] += 1;
            }
            (0..values.len()).for_each(|at| counts[at + 1] += counts[at]);
            Column { values, counts, places }
        };
        Self(rows.columns().into_iter().map(column).collect())
    }

    /// How many distinct values a column has.
    pub(super) fn len(&self, feature: usize) -> usize {
        self.0[feature].values.len()
    }

    /// Which of the distinct values each row has.
    pub(super) fn places(&self, feature: usize) -> &[usize] {
        &self.0[feature].places
    }

    /// How many rows have one of the distinct values `low..high`.
    pub(super) fn count(&self, feature: usize, low: usize, high: usize) -> usize {
        self.0[feature].counts[high] - self.0[feature].counts[low]
    }

    /// For each player, of one feature, a 0 per distinct value and one behind.
    pub(super) fn zeros(&self, players: &Players) -> Vec<Vec<f64>> {
        (0..players.len()).map(|i| vec![0.0; self.len(players.members(i)[0]) + 1]).collect()
    }

    /// Divides the distinct values `low..high` at a split into runs that go the same way, each
    /// with whether it goes right; the last run first.
    pub(super) fn divide(
        &self,
        walk: &Walk<'_>,
        at: u32,
        feature: usize,
        low: usize,
        high: usize,
        mut run: impl FnMut(usize, usize, bool),
    ) {
        let values = &self.0[feature].values[low..high];
        let node = walk.nodes[at as usize];
        let right = |x: f64| walk.goes_right::<true>(node, x);
        let mut end = values.len();
        if !node.is_special() {
            // Missing values stand last, and of the others the smaller ones go left.
            let missing = usize::from(values.last().is_some_and(|x| x.is_nan()));
            if missing == 1 {
                run(low + end - 1, low + end, right(f64::NAN));
                end -= 1;
            }
            let cut = values[..end].partition_point(|&x| !right(x));
            if cut < end {
                run(low + cut, low + end, true);
            }
            if cut > 0 {
                run(low, low + cut, false);
            }
            return;
        }
        while end > 0 {
            let way = right(values[end - 1]);
            let start = values[..end].iter().rposition(|&x| right(x) != way).map_or(0, |at| at + 1);
            run(low + start, low + end, way);
            end = start;
        }
    }
}
