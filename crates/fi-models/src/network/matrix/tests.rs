//! Products against their definition, to the bit.

use fi_core::Rng;
use proptest::prelude::*;

use super::super::level::Level;
use super::super::real::Real;
use super::{Operand, Product, Write, multiply, transpose};

fn fill<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut rng = Rng::new(seed, 0);
    (0..len).map(|_| T::of(rng.normal())).collect()
}

/// Which of the operands are transposed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Plain,
    TransposedA,
    TransposedB,
}

const FORMS: [Form; 3] = [Form::Plain, Form::TransposedA, Form::TransposedB];

fn operands<'a, T>(
    form: Form,
    a: &'a [T],
    b: &'a [T],
    (m, k, n): (usize, usize, usize),
) -> (Operand<'a, T>, Operand<'a, T>) {
    match form {
        Form::Plain => (Operand::new(a, k), Operand::new(b, n)),
        Form::TransposedA => (Operand::new(a, m).transposed(), Operand::new(b, n)),
        Form::TransposedB => (Operand::new(a, k), Operand::new(b, k).transposed()),
    }
}

/// The element `(i, j)` as one chain, with `step(sum, a, b)` for each term.
fn chain<T: Real>(
    (a, b): (Operand<'_, T>, Operand<'_, T>),
    k: usize,
    (i, j): (usize, usize),
    start: T,
    step: impl Fn(T, T, T) -> T,
) -> T {
    let ((a_row, a_step), (b_step, b_column)) = (a.strides(), b.strides());
    (0..k).fold(start, |sum, l| {
        step(sum, a.numbers[i * a_row + l * a_step], b.numbers[l * b_step + j * b_column])
    })
}

/// Holds a product to its definition: its bits to the chain of the level's own roundings, and
/// its value to the sum in double precision.
fn agrees<T: Rounded>(level: Level, form: Form, sizes: (usize, usize, usize), write: Write) {
    let (m, k, n) = sizes;
    let (a, b) = (fill::<T>(m * k, 1), fill::<T>(k * n, 2));
    let before = fill::<T>(m * n, 3);
    let (a, b) = operands(form, &a, &b, sizes);
    let mut c = before.clone();
    multiply(level, Product { c: &mut c, a, b, sizes, write });
    for i in 0..m {
        for j in 0..n {
            let (at, start) =
                ((i, j), if write == Write::Add { before[i * n + j] } else { T::ZERO });
            let found = c[i * n + j];
            let expected = chain((a, b), k, at, start, |sum, a, b| match level {
                Level::Plain => sum + a * b,
                _ => a.mul_add(b, sum),
            });
            assert_eq!(found, expected, "{level:?} {form:?} {sizes:?} {write:?} at {at:?}");
            // Each term is rounded at most twice, so the error is below k + 1 roundings of the
            // sum of magnitudes (Higham 2002, (3.5)); in double precision, so is the oracle's.
            let exact = std::cell::Cell::new((start.wide(), start.wide().abs()));
            chain((a, b), k, at, T::ZERO, |_, a, b| {
                let ((sum, size), term) = (exact.get(), a.wide() * b.wide());
                exact.set((sum + term, size + term.abs()));
                T::ZERO
            });
            let (exact, size) = exact.get();
            let bound = 2.0 * (k + 1) as f64 * T::UNIT * size;
            assert!((found.wide() - exact).abs() <= bound, "{level:?} {form:?} {sizes:?} {at:?}");
        }
    }
}

/// A type of number whose roundings are known.
trait Rounded: Real {
    /// Half the distance from 1 to the next number.
    const UNIT: f64;
}

impl Rounded for f32 {
    const UNIT: f64 = f32::EPSILON as f64 / 2.0;
}

impl Rounded for f64 {
    const UNIT: f64 = f64::EPSILON / 2.0;
}

fn agrees_everywhere(sizes: (usize, usize, usize)) {
    for level in Level::all() {
        for form in FORMS {
            for write in [Write::Set, Write::Add] {
                agrees::<f32>(level, form, sizes, write);
                agrees::<f64>(level, form, sizes, write);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_are_chains_of_their_terms(m in 0..=40_usize, k in 0..=40_usize, n in 0..=40_usize) {
        agrees_everywhere((m, k, n));
    }
}

#[test]
fn every_width_and_height_of_a_tile_is_right() {
    for size in 1..=9 {
        agrees_everywhere((size, 3, 70));
        agrees_everywhere((9, 5, 8 * size));
        agrees_everywhere((3, 2, 8 * size + 1));
    }
}

#[test]
fn blocks_change_no_bit() {
    // More terms and rows than one block, with a rest in every direction.
    for level in Level::all() {
        for form in FORMS {
            agrees::<f32>(level, form, (17, 523, 141), Write::Set);
            agrees::<f32>(level, form, (263, 130, 505), Write::Add);
            agrees::<f64>(level, form, (19, 261, 127), Write::Add);
            // Rows of `b`, and then of `a`, that are pages apart, and so are copied together.
            agrees::<f32>(level, form, (17, 270, 1030), Write::Set);
            agrees::<f64>(level, form, (17, 523, 70), Write::Set);
        }
        agrees::<f64>(level, Form::TransposedA, (515, 66, 500), Write::Set);
    }
}

/// A row alone, in a small and in a large batch.
fn rows_stand_alone<T: Real>(level: Level, form: Form, (m, k, n): (usize, usize, usize)) {
    let (rows, b) = (fill::<T>(m * k, 4), fill::<T>(k * n, 5));
    let product = |rows: &[T]| {
        let m = rows.len() / k;
        let mut columns = vec![T::ZERO; rows.len()];
        for (i, row) in rows.chunks_exact(k).enumerate() {
            row.iter().enumerate().for_each(|(l, x)| columns[l * m + i] = *x);
        }
        let a = if form == Form::TransposedA { &columns } else { rows };
        let (a, b) = operands(form, a, &b, (m, k, n));
        let mut c = vec![T::ZERO; m * n];
        multiply(level, Product { c: &mut c, a, b, sizes: (m, k, n), write: Write::Set });
        c
    };
    let all = product(&rows);
    for size in [1, 2, 7] {
        let parts: Vec<T> = rows.chunks(size * k).flat_map(product).collect();
        assert!(parts == all, "{level:?} {form:?} {size} of {m} rows");
    }
}

#[test]
fn a_row_has_the_same_bits_in_every_batch() {
    for level in Level::all() {
        for form in FORMS {
            rows_stand_alone::<f32>(level, form, (33, 50, 100));
            rows_stand_alone::<f64>(level, form, (33, 50, 100));
            // Large enough for blocks, which single rows are not.
            rows_stand_alone::<f32>(level, form, (33, 300, 230));
            rows_stand_alone::<f32>(level, form, (33, 70, 1030));
            rows_stand_alone::<f64>(level, form, (33, 300, 120));
        }
    }
}

#[test]
fn transposed_columns_are_rows() {
    for (n_rows, n_columns) in [(0, 3), (3, 0), (1, 1), (8, 8), (13, 21), (64, 50)] {
        let from = fill::<f32>(n_rows * n_columns, 6);
        let mut to = vec![0.0; from.len()];
        transpose(&from, n_columns, &mut to);
        let same = |at: usize| to[at % n_columns * n_rows + at / n_columns] == from[at];
        assert!((0..from.len()).all(same), "{n_rows} {n_columns}");
    }
}

#[test]
fn what_is_not_finite_goes_where_it_belongs() {
    let (m, k, n) = (9, 5, 37);
    for level in Level::all() {
        for form in FORMS {
            for bad in [f32::NAN, f32::INFINITY] {
                // A zero times infinity is NaN: no term is skipped.
                let mut a = vec![0.0_f32; m * k];
                let mut b = vec![1.0_f32; k * n];
                let (row, term, column) = (4, 2, 36);
                a[if form == Form::TransposedA { term * m + row } else { row * k + term }] = bad;
                b[if form == Form::TransposedB { column * k + term } else { term * n + column }] =
                    bad;
                let mut c = vec![0.0; m * n];
                let (a, b) = operands(form, &a, &b, (m, k, n));
                multiply(level, Product { c: &mut c, a, b, sizes: (m, k, n), write: Write::Set });
                for (at, x) in c.iter().enumerate() {
                    let (i, j) = (at / n, at % n);
                    let expected = match (i == row, j == column) {
                        (false, false) => 0.0,
                        (true, _) => bad,
                        (false, true) => f32::NAN,
                    };
                    assert_eq!(
                        x.to_bits() & i32::MAX as u32,
                        expected.to_bits(),
                        "{level:?} {form:?} {i} {j}"
                    );
                }
            }
        }
    }
}
