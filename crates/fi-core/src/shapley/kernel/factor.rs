//! The lower factor `L` of a positive definite matrix `K = L Lᵀ`, and what is solved with it: by
//! halves, so that nearly all of the work is products of matrices.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};

/// Blocks of this size are done one number after another.
const SMALL: usize = 32;
/// So few columns are solved row by row.
const FEW: usize = 4;
/// So many numbers stand side by side.
const LANES: usize = 4;

/// Puts the factor into the lower triangle; what is above is left as it is. `false` if the matrix
/// is not positive definite.
#[must_use]
pub(super) fn factorise(matrix: ArrayViewMut2<'_, f64>) -> bool {
    let n = matrix.nrows();
    if n <= SMALL {
        return factorise_small(matrix);
    }
    let (upper, mut lower) = matrix.split_at(Axis(0), n / 2);
    let (mut first, _) = upper.split_at(Axis(1), n / 2);
    let (mut across, mut rest) = lower.view_mut().split_at(Axis(1), n / 2);
    if !factorise(first.view_mut()) {
        return false;
    }
    solve_right(first.view(), across.view_mut());
    subtract_square(across.view(), rest.view_mut());
    factorise(rest)
}

fn factorise_small(mut matrix: ArrayViewMut2<'_, f64>) -> bool {
    let n = matrix.nrows();
    let mut rows: Vec<f64> = matrix.iter().copied().collect();
    for i in 0..n {
        let (done, rest) = rows.split_at_mut(i * n);
        let row = &mut rest[..n];
        for (j, other) in done.chunks_exact(n).enumerate() {
            let known: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - known) / other[j];
        }
        let left = row[i] - row[..i].iter().map(|a| a * a).sum::<f64>();
        if !(left > 0.0 && left.is_finite()) {
            return false;
        }
        row[i] = left.sqrt();
    }
    matrix.iter_mut().zip(rows).for_each(|(to, value)| *to = value);
    true
}

/// `A ← A − B Bᵀ`, in the lower triangle.
fn subtract_square(b: ArrayView2<'_, f64>, mut a: ArrayViewMut2<'_, f64>) {
    let n = a.nrows();
    if n <= SMALL {
        general_mat_mul(-1.0, &b, &b.t(), 1.0, &mut a);
        return;
    }
    let (b_first, b_second) = b.split_at(Axis(0), n / 2);
    let (first, second) = a.split_at(Axis(0), n / 2);
    subtract_square(b_first, first.split_at(Axis(1), n / 2).0);
    let (mut across, rest) = second.split_at(Axis(1), n / 2);
    general_mat_mul(-1.0, &b_second, &b_first.t(), 1.0, &mut across);
    subtract_square(b_second, rest);
}

/// `B ← B L⁻ᵀ`.
fn solve_right(factor: ArrayView2<'_, f64>, mut b: ArrayViewMut2<'_, f64>) {
    let n = factor.nrows();
    if n <= SMALL {
        let solved = b.dot(&inverse(factor).t());
        b.assign(&solved);
        return;
    }
    let half = n / 2;
    let (mut first, mut second) = b.split_at(Axis(1), half);
    solve_right(factor.slice(s![..half, ..half]), first.view_mut());
    general_mat_mul(-1.0, &first, &factor.slice(s![half.., ..half]).t(), 1.0, &mut second);
    solve_right(factor.slice(s![half.., half..]), second);
}

/// `B ← L⁻¹ B`.
pub(super) fn forward(factor: ArrayView2<'_, f64>, mut b: ArrayViewMut2<'_, f64>) {
    let n = factor.nrows();
    if b.ncols() <= FEW {
        // A product of matrices would copy the factor first; whole ones are in order as they are.
        let factor = factor.as_standard_layout();
        let factor = factor.view();
        b.columns_mut().into_iter().for_each(|column| forward_one(factor, column));
        return;
    }
    if n <= SMALL {
        let solved = inverse(factor).dot(&b);
        b.assign(&solved);
        return;
    }
    let half = n / 2;
    let (mut first, mut second) = b.split_at(Axis(0), half);
    forward(factor.slice(s![..half, ..half]), first.view_mut());
    general_mat_mul(-1.0, &factor.slice(s![half.., ..half]), &first, 1.0, &mut second);
    forward(factor.slice(s![half.., half..]), second);
}

/// `b ← L⁻¹ b`. The factor comes from memory, so several of its rows are read side by side.
fn forward_one(factor: ArrayView2<'_, f64>, mut b: ArrayViewMut1<'_, f64>) {
    let n = b.len();
    let mut done = vec![0.0; n];
    for first in (0..n).step_by(LANES) {
        // Beyond the end the last row stands in, for nobody.
        let rows: [_; LANES] = std::array::from_fn(|k| factor.row((first + k).min(n - 1)));
        let of_rows = rows.each_ref().map(|row| row.as_slice().unwrap_or_default());
        let known = dots(of_rows, &done[..first]);
        for (i, (row, known)) in (first..n).zip(rows.iter().zip(known)) {
            let near: f64 = (first..i).map(|j| row[j] * done[j]).sum();
            b[i] = (b[i] - known - near) / row[i];
            done[i] = b[i];
        }
    }
}

/// The products of the beginnings of some rows with numbers, a multiple of [`LANES`] of them.
fn dots(rows: [&[f64]; LANES], with: &[f64]) -> [f64; LANES] {
    let rows = rows.map(|row| row.as_chunks::<LANES>().0);
    let mut sums = [[0.0; LANES]; LANES];
    for (i, with) in with.as_chunks::<LANES>().0.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(rows) {
            sums.iter_mut().zip(&row[i]).zip(with).for_each(|((sum, a), b)| *sum += a * b);
        }
    }
    sums.map(|sums| sums.iter().sum())
}

/// `L⁻¹`, 0 above the diagonal.
pub(super) fn inverse(factor: ArrayView2<'_, f64>) -> Array2<f64> {
    let n = factor.nrows();
    let mut inverse = Array2::zeros((n, n));
    invert(factor, inverse.view_mut());
    inverse
}

fn invert(factor: ArrayView2<'_, f64>, mut inverse: ArrayViewMut2<'_, f64>) {
    let n = factor.nrows();
    if n <= SMALL {
        let mut rows = vec![0.0; n * n];
        for i in 0..n {
            let (done, rest) = rows.split_at_mut(i * n);
            let own = 1.0 / factor[[i, i]];
            for (k, other) in done.chunks_exact(n).enumerate() {
                let share = -own * factor[[i, k]];
                rest.iter_mut().zip(&other[..=k]).for_each(|(to, value)| *to += share * value);
            }
            rest[i] = own;
        }
        inverse.iter_mut().zip(rows).for_each(|(to, value)| *to = value);
        return;
    }
    let half = n / 2;
    let (upper, lower) = inverse.split_at(Axis(0), half);
    let mut first = upper.split_at(Axis(1), half).0;
    let (mut across, mut second) = lower.split_at(Axis(1), half);
    invert(factor.slice(s![..half, ..half]), first.view_mut());
    invert(factor.slice(s![half.., half..]), second.view_mut());
    let carried = factor.slice(s![half.., ..half]).dot(&first);
    general_mat_mul(-1.0, &second, &carried, 0.0, &mut across);
}

/// `A = BᵀB` of a matrix `B` that is 0 above the diagonal.
pub(super) fn square(b: ArrayView2<'_, f64>, mut a: ArrayViewMut2<'_, f64>) {
    let n = b.nrows();
    if n <= SMALL {
        general_mat_mul(1.0, &b.t(), &b, 0.0, &mut a);
        return;
    }
    let half = n / 2;
    let (across, second) = b.slice(s![half.., ..]).split_at(Axis(1), half);
    let (upper, lower) = a.split_at(Axis(0), half);
    let (mut first, mut above) = upper.split_at(Axis(1), half);
    let (mut below, rest) = lower.split_at(Axis(1), half);
    square(b.slice(s![..half, ..half]), first.view_mut());
    general_mat_mul(1.0, &across.t(), &across, 1.0, &mut first);
    general_mat_mul(1.0, &across.t(), &second, 0.0, &mut above);
    below.assign(&above.t());
    square(second, rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A positive definite matrix; sizes at, above and far from the small blocks'.
    fn matrix(n: usize) -> Array2<f64> {
        let mut rng = Rng::new(5, n as u64);
        let root = Array2::from_shape_simple_fn((n, n), || rng.normal());
        root.dot(&root.t()) / n as f64 + Array2::<f64>::eye(n)
    }

    fn lower(matrix: &Array2<f64>) -> Array2<f64> {
        Array2::from_shape_fn(matrix.dim(), |at| if at.0 < at.1 { 0.0 } else { matrix[at] })
    }

    fn assert_near(a: &Array2<f64>, b: &Array2<f64>) {
        assert_eq!(a.dim(), b.dim());
        assert!((a - b).iter().all(|gap| gap.abs() < 1e-11), "{}", a - b);
    }

    #[test]
    fn it_is_the_factor_and_what_is_solved_with_it() {
        for n in [1, 2, 31, 32, 33, 64, 65, 150] {
            let matrix = matrix(n);
            let mut factor = matrix.clone();
            assert!(factorise(factor.view_mut()));
            let l = lower(&factor);
            assert_near(&l.dot(&l.t()), &matrix);
            let inverse = inverse(factor.view());
            assert_near(&inverse.dot(&l), &Array2::eye(n));
            let mut squared = Array2::from_elem((n, n), f64::NAN);
            square(inverse.view(), squared.view_mut());
            assert_near(&squared, &inverse.t().dot(&inverse));
            let mut rng = Rng::new(6, 0);
            for n_columns in [1, FEW, FEW + 1] {
                let right = Array2::from_shape_simple_fn((n, n_columns), || rng.normal());
                let mut solved = right.clone();
                forward(factor.view(), solved.view_mut());
                assert_near(&l.dot(&solved), &right);
                // In the other order of memory it is the same factor.
                let turned = factor.t().as_standard_layout().into_owned().reversed_axes();
                let mut again = right.clone();
                forward(turned.view(), again.view_mut());
                assert_near(&again, &solved);
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_none() {
        for (n, at) in [(3, 2), (70, 5), (70, 60)] {
            let mut matrix = matrix(n);
            matrix[[at, at]] = -1.0;
            assert!(!factorise(matrix.view_mut()), "{n} {at}");
            let mut matrix = self::matrix(n);
            matrix[[at, 0]] = f64::NAN;
            assert!(!factorise(matrix.view_mut()), "{n} {at}");
        }
    }
}
