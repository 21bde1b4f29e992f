//! Shuffled rows of any model: made in a block that a cache holds, and predicted.
//!
//! The block holds rows of the table. A shuffle overwrites its player's columns and is predicted, and
//! the next shuffle puts them back: the other columns are never copied. Rows that a shuffle leaves as they
//! are have the prediction that is known of them. And of rows that several shuffles of a call make
//! alike, which a column of few values does, one is predicted.

use std::collections::BTreeMap;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

use super::shuffles::{Shuffle, Shuffled, TASKS_AT_ONCE};
use crate::error::{Error, Result};
use crate::model::{Model, predict_checked, rows_at_once};
use crate::run::Run;

/// Rows are left out of a block from this share of rows that stay as they are: one of so many.
const WORTH_LEAVING_OUT: usize = 8;
/// Rows that shuffles make alike are looked for if a column has at most so many values for each
/// shuffle of it in a call.
const VALUES_PER_SHUFFLE: usize = 2;
/// No row has been made yet.
const NONE: u32 = u32::MAX;

/// The plain way, for any model: makes the rows and predicts them.
pub(crate) struct PredictAgain<'a> {
    pub(crate) model: &'a dyn Model,
    pub(crate) batch_rows: usize,
    /// Where other values of the player's columns come from.
    pub(crate) replace: Replace<'a>,
}

/// What takes the place of a shuffled player's values.
pub(crate) enum Replace<'a> {
    /// Those of the row's donor.
    FromDonor,
    /// What this writes for some rows of the table: the shuffle, the table, the number of the first
    /// row, and a copy of the rows.
    By(&'a Write<'a>),
}

/// See [`Replace::By`].
pub(crate) type Write<'a> = dyn Fn(&Shuffle<'_>, ArrayView2<'_, f64>, usize, ArrayViewMut2<'_, f64>) -> Result<()>
    + Sync
    + 'a;

impl Shuffled for PredictAgain<'_> {
    fn name(&self) -> &'static str {
        "predicting again"
    }

    /// A stop then loses the least.
    fn repeats_together(&self) -> usize {
        1
    }

    /// Copies of a small table are predicted together.
    fn at_once(&self, n_rows: usize) -> usize {
        (self.batch_rows / n_rows).max(1)
    }

    fn calls_at_once(&self) -> usize {
        TASKS_AT_ONCE
    }

    fn predict(
        &self,
        _run: &Run<'_>,
        table: ArrayView2<'_, f64>,
        part: Range<usize>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        self.answers(&Asked { table, part, untouched: None }, shuffles)
    }

    fn predict_beside(
        &self,
        _run: &Run<'_>,
        table: ArrayView2<'_, f64>,
        part: Range<usize>,
        untouched: ArrayView2<'_, f64>,
        shuffles: &[Shuffle<'_>],
    ) -> Result<Array2<f64>> {
        let (table, untouched) = (table.reborrow(), Some(untouched.reborrow()));
        self.answers(&Asked { table, part, untouched }, shuffles)
    }
}

/// Some rows of a table, and what is known of them.
struct Asked<'a> {
    table: ArrayView2<'a, f64>,
    part: Range<usize>,
    untouched: Option<ArrayView2<'a, f64>>,
}

impl Asked<'_> {
    fn rows(&self) -> ArrayView2<'_, f64> {
        self.table.slice(s![self.part.clone(), ..])
    }
}

impl PredictAgain<'_> {
    fn answers(&self, asked: &Asked<'_>, shuffles: &[Shuffle<'_>]) -> Result<Array2<f64>> {
        let n_rows = asked.part.len();
        let mut answers = Array2::zeros((shuffles.len() * n_rows, self.model.n_outputs()));
        let mut rest: Vec<usize> = (0..shuffles.len()).collect();
        if let (Some(untouched), Replace::FromDonor) = (asked.untouched, &self.replace) {
            // Places of the shuffles of single columns.
            let mut of_column: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (place, shuffle) in shuffles.iter().enumerate() {
                if let &[column] = shuffle.members {
                    of_column.entry(column).or_default().push(place);
                }
            }
            for (column, places) in of_column.into_iter().filter(|(_, places)| places.len() > 1) {
                let few = Values::new(asked.table, column, VALUES_PER_SHUFFLE * places.len());
                if let Some(values) = few {
                    let of: Vec<(usize, &Shuffle<'_>)> =
                        places.iter().map(|&place| (place, &shuffles[place])).collect();
                    self.each_once(asked, untouched, column, &values, &of, &mut answers)?;
                    rest.retain(|place| places.binary_search(place).is_err());
                }
            }
        }
        let of: Vec<(usize, &Shuffle<'_>)> =
            rest.iter().map(|&place| (place, &shuffles[place])).collect();
        self.swap(asked, &of, &mut answers)?;
        Ok(answers)
    }

    /// Predicts shuffles, each with its place among the answers, by overwriting their columns.
    fn swap(
        &self,
        asked: &Asked<'_>,
        shuffles: &[(usize, &Shuffle<'_>)],
        answers: &mut Array2<f64>,
    ) -> Result<()> {
        let rows = asked.rows();
        let (n_rows, n_features) = rows.dim();
        if shuffles.is_empty() || n_rows == 0 {
            return Ok(());
        }
        let n_batch = self.batch_rows.min(rows_at_once(n_features));
        // A block holds a part of a large table, or a small one several times.
        let part = n_rows.div_ceil(n_rows.div_ceil(n_batch));
        let copies = (n_batch / part).clamp(1, shuffles.len());
        let mut block = Vec::with_capacity(copies * part * n_features);
        for first in (0..n_rows).step_by(part) {
            let part = rows.slice(s![first..(first + part).min(n_rows), ..]);
            let (len, cells) = (part.nrows(), part.len());
            fill(&mut block, part, copies);
            let mut overwritten = vec![Overwritten::default(); copies];
            for shuffles in shuffles.chunks(copies) {
                let mut kept = 0;
                let of_copies = block.chunks_exact_mut(cells).zip(&mut overwritten);
                for ((_, shuffle), (into, before)) in shuffles.iter().zip(of_copies) {
                    kept += self
                        .write(shuffle, asked, first, before, into)
                        .map_err(|error| error.in_task(shuffle.task()))?;
                }
                let n_made = shuffles.len() * len;
                let stacked = |made: usize| shuffles[made / len].0 * n_rows + first + made % len;
                let beside = asked.untouched.filter(|_| kept * WORTH_LEAVING_OUT >= n_made);
                let changed = beside.map(|_| to_the_front(&mut block, part, shuffles));
                let n_asked = changed.as_ref().map_or(n_made, Vec::len);
                let made = &block[..n_asked * n_features];
                let said = self.ask(made, n_features, shuffles[0].1, |at| {
                    stacked(changed.as_ref().map_or(at, |changed| changed[at]))
                })?;
                let of_copies = |copy: usize| {
                    let from = stacked(copy * len);
                    s![from..from + len, ..]
                };
                if let (Some(untouched), Some(changed)) = (beside, changed) {
                    let known = untouched.slice(s![first..first + len, ..]);
                    for copy in 0..shuffles.len() {
                        answers.slice_mut(of_copies(copy)).assign(&known);
                    }
                    for (&made, said) in changed.iter().zip(said.outer_iter()) {
                        answers.row_mut(stacked(made)).assign(&said);
                    }
                    fill(&mut block, part, copies);
                    for copy in &mut overwritten {
                        copy.members = &[];
                    }
                } else {
                    for (copy, said) in said.axis_chunks_iter(Axis(0), len).enumerate() {
                        answers.slice_mut(of_copies(copy)).assign(&said);
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts back the columns that the shuffle before has overwritten in a copy of the asked rows
    /// from `first` on, and writes a shuffle's values; answers how many rows stay as they are.
    fn write<'s>(
        &self,
        shuffle: &Shuffle<'s>,
        asked: &Asked<'_>,
        first: usize,
        before: &mut Overwritten<'s>,
        into: &mut [f64],
    ) -> Result<usize> {
        let n_features = asked.table.ncols();
        let part = asked.rows().slice_move(s![first..first + into.len() / n_features, ..]);
        let back = std::mem::replace(&mut before.members, shuffle.members);
        if let (Replace::FromDonor, &[column]) = (&self.replace, shuffle.members) {
            // What most shuffles are: columns are read before any is written.
            let Overwritten { own, of_back, given, .. } = before;
            std::mem::swap(own, of_back);
            own.clear();
            own.extend(part.column(column));
            let donors = &shuffle.donors[first..first + own.len()];
            given.clear();
            if own.len() == asked.table.nrows() {
                given.extend(donors.iter().map(|&donor| own[donor]));
            } else {
                given.extend(donors.iter().map(|&donor| asked.table[[donor, column]]));
            }
            if let &[back] = back {
                let rows = into.chunks_exact_mut(n_features).zip(of_back).zip(&*given);
                for ((row, own), given) in rows {
                    row[back] = *own;
                    row[column] = *given;
                }
            } else {
                put_back(into, part, back);
                put(into, n_features, column, given.iter().copied());
            }
            let same = own.iter().zip(given).map(|(a, b)| a.to_bits() == b.to_bits());
            return Ok(same.filter(|same| *same).count());
        }
        put_back(into, part, back);
        match self.replace {
            Replace::By(write) => {
                let into = ArrayViewMut2::from_shape(part.dim(), &mut *into)
                    .map_err(|error| Error::Data(error.to_string()))?;
                write(shuffle, asked.table, asked.part.start + first, into)?;
            }
            Replace::FromDonor => {
                for &column in shuffle.members {
                    let values = asked.table.column(column);
                    let given = shuffle.donors[first..].iter().map(|&donor| values[donor]);
                    put(into, n_features, column, given);
                }
            }
        }
        // Rows that are not in order are not looked into.
        Ok(part.as_slice().map_or(0, |own| {
            let rows = into.chunks_exact(n_features).zip(own.chunks_exact(n_features));
            rows.filter(|(a, b)| !differ(a, b, shuffle.members)).count()
        }))
    }

    /// Predicts shuffles of one column of few values: each row with each other value at most once.
    fn each_once(
        &self,
        of: &Asked<'_>,
        untouched: ArrayView2<'_, f64>,
        column: usize,
        values: &Values,
        shuffles: &[(usize, &Shuffle<'_>)],
        answers: &mut Array2<f64>,
    ) -> Result<()> {
        let (rows, start) = (of.rows(), of.part.start);
        let (n_rows, n_features) = rows.dim();
        // The number of what is asked about a row and a value, and both of what is asked.
        let mut numbers = vec![NONE; n_rows * values.n];
        let mut asked: Vec<(usize, usize, usize)> = Vec::new();
        let place_of = |row: usize, donor: usize| row * values.n + values.of_row[donor];
        for &(place, shuffle) in shuffles {
            for (row, &donor) in shuffle.donors.iter().enumerate() {
                if values.of_row[start + row] == values.of_row[donor] {
                    continue;
                }
                let number = &mut numbers[place_of(row, donor)];
                if *number == NONE {
                    *number = asked.len() as u32;
                    asked.push((row, donor, place * n_rows + row));
                }
            }
        }
        let mut said = Array2::zeros((asked.len(), answers.ncols()));
        let n_batch = self.batch_rows.min(rows_at_once(n_features)).min(asked.len()).max(1);
        let mut block = vec![0.0; n_batch * n_features];
        for (asked, mut said) in
            asked.chunks(n_batch).zip(said.axis_chunks_iter_mut(Axis(0), n_batch))
        {
            for (&(row, donor, _), into) in asked.iter().zip(block.chunks_exact_mut(n_features)) {
                into.iter_mut().zip(rows.row(row)).for_each(|(to, &x)| *to = x);
                into[column] = of.table[[donor, column]];
            }
            let block = &block[..asked.len() * n_features];
            said.assign(&self.ask(block, n_features, shuffles[0].1, |row| asked[row].2)?);
        }
        for &(place, shuffle) in shuffles {
            for (row, &donor) in shuffle.donors.iter().enumerate() {
                let known = if values.of_row[start + row] == values.of_row[donor] {
                    untouched.row(row)
                } else {
                    said.row(numbers[place_of(row, donor)] as usize)
                };
                answers.row_mut(place * n_rows + row).assign(&known);
            }
        }
        Ok(())
    }

    /// Asks the model about rows; `stacked` says which row of the answer one of them is.
    fn ask(
        &self,
        rows: &[f64],
        n_features: usize,
        first: &Shuffle<'_>,
        stacked: impl Fn(usize) -> usize,
    ) -> Result<Array2<f64>> {
        if rows.is_empty() {
            return Ok(Array2::zeros((0, self.model.n_outputs())));
        }
        let rows = ArrayView2::from_shape((rows.len() / n_features, n_features), rows)
            .map_err(|error| Error::Data(error.to_string()))?;
        predict_checked(self.model, rows).map_err(|error| match error {
            Error::NotFinite { .. } => error.with_row(stacked),
            error => error.in_task(first.task()),
        })
    }
}

/// The columns of a copy that a shuffle has overwritten.
#[derive(Clone, Default)]
struct Overwritten<'s> {
    members: &'s [usize],
    /// Of a single column that was shuffled by donors, what stood in it; of the one before; and
    /// what was written.
    own: Vec<f64>,
    of_back: Vec<f64>,
    given: Vec<f64>,
}

/// Makes a block of copies of some rows.
fn fill(block: &mut Vec<f64>, rows: ArrayView2<'_, f64>, copies: usize) {
    block.clear();
    for _ in 0..copies {
        match rows.as_slice() {
            Some(cells) => block.extend_from_slice(cells),
            None => block.extend(&rows),
        }
    }
}

/// Writes a column of rows.
fn put(rows: &mut [f64], n_features: usize, column: usize, values: impl Iterator<Item = f64>) {
    rows.chunks_exact_mut(n_features).zip(values).for_each(|(row, value)| row[column] = value);
}

/// Writes these columns as they are.
fn put_back(into: &mut [f64], part: ArrayView2<'_, f64>, columns: &[usize]) {
    for &column in columns {
        put(into, part.ncols(), column, part.column(column).iter().copied());
    }
}

/// Whether two rows differ in these columns: also where one missing value has other bits than
/// another, or one 0 is negative.
fn differ(a: &[f64], b: &[f64], columns: &[usize]) -> bool {
    columns.iter().any(|&column| a[column].to_bits() != b[column].to_bits())
}

/// Moves the rows that shuffles have changed to the front, and says which they were.
fn to_the_front(
    made: &mut [f64],
    part: ArrayView2<'_, f64>,
    shuffles: &[(usize, &Shuffle<'_>)],
) -> Vec<usize> {
    let (len, n_features) = part.dim();
    let Some(part) = part.as_slice() else { return (0..shuffles.len() * len).collect() };
    let mut changed = Vec::new();
    for (copy, (_, shuffle)) in shuffles.iter().enumerate() {
        for (row, own) in part.chunks_exact(n_features).enumerate() {
            let at = copy * len + row;
            let from = at * n_features..(at + 1) * n_features;
            if differ(&made[from.clone()], own, shuffle.members) {
                made.copy_within(from, changed.len() * n_features);
                changed.push(at);
            }
        }
    }
    changed
}

/// The values of a column, numbered.
struct Values {
    of_row: Vec<usize>,
    n: usize,
}

impl Values {
    /// `None` for more than `most`.
    fn new(rows: ArrayView2<'_, f64>, column: usize, most: usize) -> Option<Self> {
        let mut seen: Vec<u64> = Vec::new();
        let mut of_row = Vec::with_capacity(rows.nrows());
        // Few are found in no time, and many end the search.
        for value in rows.column(column) {
            let bits = value.to_bits();
            let number = seen.iter().position(|&other| other == bits).unwrap_or(seen.len());
            if number == seen.len() {
                if seen.len() == most {
                    return None;
                }
                seen.push(bits);
            }
            of_row.push(number);
        }
        Some(Self { of_row, n: seen.len() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::donor::Donors;
    use crate::model::Function;
    use crate::rng::Rng;
    use ndarray::Axis;

    /// The definition: each shuffle's rows made whole, and predicted one by one.
    fn by_definition(
        model: &dyn Model,
        rows: &Array2<f64>,
        shuffles: &[Shuffle<'_>],
    ) -> Array2<f64> {
        let mut answers = Array2::zeros((shuffles.len() * rows.nrows(), model.n_outputs()));
        for (place, shuffle) in shuffles.iter().enumerate() {
            for row in 0..rows.nrows() {
                let mut made = rows.row(row).to_owned();
                for &column in shuffle.members {
                    made[column] = rows[[shuffle.donors[row], column]];
                }
                let said = model.predict(made.view().insert_axis(Axis(0))).unwrap();
                answers.row_mut(place * rows.nrows() + row).assign(&said.row(0));
            }
        }
        answers
    }

    /// Columns: continuous, of two values (and missing), of five, constant.
    fn table(n_rows: usize) -> Array2<f64> {
        let mut rng = Rng::new(3, n_rows as u64);
        Array2::from_shape_fn((n_rows, 4), |(_, column)| match column {
            0 => rng.normal(),
            1 => [0.0, 1.0, f64::NAN][rng.below(3)],
            2 => rng.below(5) as f64,
            _ => 7.0,
        })
    }

    #[test]
    fn it_is_the_definition_and_no_row_is_asked_twice() {
        let players: [&[usize]; 5] = [&[0], &[1], &[2], &[3], &[1, 2]];
        for (n_rows, batch_rows, n_repeats) in
            [(1, 10, 1), (7, 3, 2), (40, 1000, 1), (60, 16_384, 9), (900, 100, 3), (5000, 9999, 2)]
        {
            let rows = table(n_rows);
            let asked = AtomicUsize::new(0);
            let largest = AtomicUsize::new(0);
            let model = Function::new(4, 2, |rows: ArrayView2<'_, f64>| {
                asked.fetch_add(rows.nrows(), Ordering::Relaxed);
                largest.fetch_max(rows.nrows(), Ordering::Relaxed);
                let said = |row: ndarray::ArrayView1<'_, f64>| {
                    let x = row.mapv(|x| if x.is_nan() { -3.0 } else { x });
                    [x[0] * x[1] + x[3], x[2] - x[0] * x[2] * x[1]]
                };
                let said: Vec<f64> = rows.outer_iter().flat_map(said).collect();
                Array2::from_shape_vec((rows.nrows(), 2), said).unwrap()
            });
            let untouched = model.predict(rows.view()).unwrap();
            let donors: Vec<Vec<usize>> =
                (0..n_repeats).map(|repeat| Donors::new(n_rows, repeat).all()).collect();
            let shuffles: Vec<Shuffle<'_>> = donors
                .iter()
                .enumerate()
                .flat_map(|(repeat, donors)| {
                    let of = |&members| Shuffle { name: "a", members, repeat, donors };
                    players.iter().map(of).collect::<Vec<_>>()
                })
                .collect();
            let expected = by_definition(&model, &rows, &shuffles);
            let again = PredictAgain { model: &model, batch_rows, replace: Replace::FromDonor };
            let run = Run::new(0);
            assert_eq!(again.predict(&run, rows.view(), 0..n_rows, &shuffles).unwrap(), expected);
            asked.store(0, Ordering::Relaxed);
            largest.store(0, Ordering::Relaxed);
            let beside =
                again.predict_beside(&run, rows.view(), 0..n_rows, untouched.view(), &shuffles);
            assert_eq!(beside.unwrap(), expected, "{n_rows}");
            let (asked, largest) = (asked.into_inner(), largest.into_inner());
            assert!(largest <= batch_rows.min(n_rows.max(rows_at_once(4))), "{largest}");
            // Never the constant; of two (five) values and many repeats, each row with each other.
            let bound = if n_repeats == 9 {
                n_rows * (9 + 2 + 4 + 9)
            } else {
                n_rows * n_repeats as usize * 4
            };
            assert!(asked <= bound, "{n_rows}: {asked} of {bound}");
        }
    }

    #[test]
    fn what_writes_values_of_its_own_writes_them_into_every_part() {
        let rows = table(700);
        let model = Function::new(4, 1, |rows: ArrayView2<'_, f64>| {
            rows.column(0).to_owned().insert_axis(Axis(1))
        });
        let untouched = model.predict(rows.view()).unwrap();
        let write = |shuffle: &Shuffle<'_>,
                     _: ArrayView2<'_, f64>,
                     first: usize,
                     mut into: ArrayViewMut2<'_, f64>| {
            for row in 0..into.nrows() {
                into[[row, 0]] = (first + row + 1000 * shuffle.repeat) as f64;
            }
            Ok(())
        };
        let donors = vec![0; 700];
        let of = |repeat| Shuffle { name: "a", members: &[0], repeat, donors: &donors };
        let again = PredictAgain { model: &model, batch_rows: 300, replace: Replace::By(&write) };
        let shuffles = [of(0), of(1)];
        let said = again
            .predict_beside(&Run::new(0), rows.view(), 0..700, untouched.view(), &shuffles)
            .unwrap();
        let expected = (0..1400).map(|row| f64::from(row % 700 + 1000 * (row / 700)));
        assert!(said.iter().copied().eq(expected));
    }
}
