use std::sync::Mutex;

use ndarray::{Array2, ArrayView2, Axis, array, s};
use proptest::prelude::*;

use super::*;
use crate::{Folds, Function, Lofo, Metric, Permutation, Run, Target};

const NAN: f64 = f64::NAN;

fn two() -> Sequence {
    Sequence::new(3, ["a", "b"]).unwrap()
}

/// The sum of channel `a` over the steps that are there, and how many there are.
fn sum_of_a() -> impl Model {
    Function::new(6, 1, |rows: ArrayView2<'_, f64>| {
        let sum = |row: ndarray::ArrayView1<'_, f64>| {
            row.iter().step_by(2).filter(|value| !value.is_nan()).sum::<f64>()
        };
        rows.map_axis(Axis(1), sum).insert_axis(Axis(1))
    })
}

#[test]
fn players_are_channels_steps_columns_and_blocks() {
    let sequence = two();
    assert_eq!(sequence.column_names(), ["a[0]", "b[0]", "a[1]", "b[1]", "a[2]", "b[2]"]);
    let steps = sequence.players(Over::Step).unwrap();
    assert_eq!((steps.names()[2].as_str(), steps.members(2)), ("step 2", &[4, 5][..]));
    assert_eq!(sequence.players(Over::Both).unwrap().names(), sequence.column_names());
    let blocks = sequence.blocks(2).unwrap();
    assert_eq!(blocks.names(), ["a[0..2]", "a[2..3]", "b[0..2]", "b[2..3]"]);
    assert_eq!((blocks.members(0), blocks.members(3)), (&[0, 2][..], &[5][..]));
    assert_eq!(
        sequence.blocks(4).unwrap_err().to_string(),
        "`block` is `4`, it must be from 1 to the 3 steps"
    );
    assert!(Sequence::new(0, ["a"]).is_err() && Sequence::new(2, ["a", "a"]).is_err());
}

#[test]
fn a_step_is_there_or_not_as_a_whole() {
    let rows = array![[1.0, 2.0, 3.0, 4.0, NAN, NAN], [NAN, NAN, 1.0, 1.0, 1.0, 1.0]];
    let present = two().present(rows.view()).unwrap();
    assert_eq!(present, array![[true, true, false], [false, true, true]]);
    let torn = array![[1.0, 2.0, 3.0, NAN, NAN, NAN]];
    assert_eq!(
        two().present(torn.view()).unwrap_err().to_string(),
        "a step of which other channels are there is `NaN` in row 0, column `b[1]`, \
         only finite numbers have a meaning there"
    );
}

#[test]
fn pooling_leaves_absent_steps_out() {
    let rows = array![[1.0, 2.0, 3.0, 4.0, NAN, NAN]];
    let values = array![[[1.0, 10.0, -3.0, 20.0, 99.0, 99.0]]];
    let columns = Attribution::new("g", &two().column_names(), values, array![[0.5]]).unwrap();
    let pool = |over, pooling| {
        let pooled = two().pool(&columns, rows.view(), over, pooling).unwrap();
        assert_eq!(pooled.base_values, array![[0.5]]);
        pooled.values.into_raw_vec_and_offset().0
    };
    assert_eq!(pool(Over::Channel, Pooling::Mean), [-1.0, 15.0]);
    assert_eq!(pool(Over::Channel, Pooling::AbsoluteMean), [2.0, 15.0]);
    assert_eq!(pool(Over::Channel, Pooling::Sum), [-2.0, 30.0]);
    assert_eq!(pool(Over::Channel, Pooling::AbsoluteSum), [4.0, 30.0]);
    assert_eq!(pool(Over::Step, Pooling::Sum), [11.0, 17.0, 0.0]);
    assert_eq!(pool(Over::Both, Pooling::AbsoluteSum), [1.0, 10.0, 3.0, 20.0, 0.0, 0.0]);
    let error = two().pool(&columns, rows.slice(s![.., ..4]), Over::Step, Pooling::Sum);
    assert!(error.is_err());
}

#[test]
fn filling_repeats_a_row_s_own_steps() {
    let rows = array![[1.0, 2.0, NAN, NAN, NAN, NAN], [NAN, NAN, 3.0, 4.0, 5.0, 6.0]];
    let filled = two().fill(rows.view()).unwrap();
    assert_eq!(
        filled,
        array![
            [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 0.0, 0.0],
            [3.0, 4.0, 3.0, 4.0, 5.0, 6.0, 0.0, 1.0, 1.0]
        ]
    );
    let empty = array![[NAN, NAN, NAN, NAN, NAN, NAN]];
    assert_eq!(
        two().fill(empty.view()).unwrap_err().to_string(),
        "row 0 has no step at all, every sequence needs one"
    );
}

fn ragged() -> impl Strategy<Value = Array2<f64>> {
    let row = (1..=3_usize, prop::bool::ANY, prop::collection::vec(-5.0..5.0, 6));
    prop::collection::vec(row, 1..8).prop_map(|rows| {
        Array2::from_shape_fn((rows.len(), 6), |(i, column)| {
            let (length, at_end, values) = &rows[i];
            let step = column / 2;
            let there = if *at_end { step >= 3 - length } else { step < *length };
            if there { values[column] } else { NAN }
        })
    })
}

proptest! {
    #[test]
    fn a_masked_model_of_filled_rows_is_the_model(rows in ragged()) {
        let (sequence, model) = (two(), sum_of_a());
        let masked = sequence.masked(&model).unwrap();
        let filled = sequence.fill(rows.view()).unwrap();
        prop_assert!(filled.iter().all(|value| value.is_finite()));
        prop_assert_eq!(
            masked.predict(filled.view()).unwrap(),
            model.predict(rows.view()).unwrap()
        );
    }
}

#[test]
fn permuting_a_channel_never_moves_the_padding() {
    // Rows of 1 to 3 steps whose channels are all 1: nothing but the length can matter, so
    // shuffling channels must change nothing.
    let rows =
        Array2::from_shape_fn((12, 6), |(i, column)| if column / 2 <= i % 3 { 1.0 } else { NAN });
    let target = Target::Values((0..12).map(|i| f64::from(i % 3 + 1)).collect());
    let sequence = two();
    let data = Dataset::new(rows, target).unwrap();
    let data = data.with_feature_names(sequence.column_names()).unwrap();
    let filled = sequence.fill_data(&data).unwrap();
    let model = sum_of_a();
    let masked = sequence.masked(&model).unwrap();
    let players = sequence.fill_players(&sequence.players(Over::Channel).unwrap()).unwrap();
    let found = Permutation { n_repeats: 5, ..Permutation::default() }
        .importance(&Run::new(0), &masked, &filled, &players, &[Metric::Mse])
        .unwrap();
    assert_eq!((found[0].score, found[0].values.clone()), (Some(0.0), vec![0.0, 0.0]));
}

/// Remembers what it was given and predicts the sum of channel `a`.
struct Spy(Mutex<Vec<Array2<f64>>>);

impl Learner for Spy {
    fn train(&self, _run: &Run<'_>, data: &Dataset) -> Result<Box<dyn Model>> {
        self.0.lock().unwrap().push(data.rows().to_owned());
        Ok(Box::new(sum_of_a()))
    }
}

#[test]
fn lofo_retrains_with_the_channel_at_zero_and_the_padding_in_place() {
    let rows =
        Array2::from_shape_fn(
            (6, 6),
            |(i, column)| {
                if column / 2 <= i % 3 { (i + column) as f64 } else { NAN }
            },
        );
    let target = Target::Values(sum_of_a().predict(rows.view()).unwrap().column(0).to_vec());
    let sequence = two();
    let data = Dataset::new(rows, target).unwrap();
    let data = data.with_feature_names(sequence.column_names()).unwrap();
    let spy = Spy(Mutex::new(Vec::new()));
    let learner = sequence.learner(&spy);
    let players = sequence.fill_players(&sequence.players(Over::Channel).unwrap()).unwrap();
    let lofo = Lofo { folds: Folds::KFold { n_splits: 2, shuffle: false }, ..Lofo::default() };
    let filled = sequence.fill_data(&data).unwrap();
    let run = Run::new(0);
    let found = lofo.importance(&run, &learner, &filled, &players, &[Metric::Mse]).unwrap();
    assert!(found[0].values[0] > 1.0);
    assert_eq!(found[0].values[1], 0.0);
    for rows in spy.0.into_inner().unwrap() {
        let present = sequence.present(rows.view()).unwrap();
        assert!(present.iter().any(|there| !there));
        assert!(present.column(0).iter().all(|there| *there));
    }
    let error = sequence.learner(&Spy(Mutex::new(Vec::new()))).train(&run, &data).map(|_| ());
    assert_eq!(
        error.unwrap_err().to_string(),
        "the column `present[0]` is missing, give the learner data that were filled"
    );
}
