//! Products of matrices in row order: where a network spends its time.
//!
//! `c` is `(m, n)` and each of its elements is a sum over `k` terms. That sum is one chain in
//! ascending order, which starts at 0 ([`Write::Set`]) or at what stood in `c` ([`Write::Add`]), so
//! that an element's bits depend on its own row of `a` and column of `b` and on nothing else:
//! not on `m`, `n`, tiles or threads. A prediction then depends on its own row alone.

use super::real::Real;

/// What happens to what stood in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// It is replaced.
    Set,
    /// The product is added to it, in the same chain.
    Add,
}

/// `c = a b` (`+ c`): `a` is `(m, k)`, `b` is `(k, n)`.
pub(super) fn product<T: Real>(
    c: &mut [T],
    a: &[T],
    b: &[T],
    (m, k, n): (usize, usize, usize),
    write: Write,
) {
    check(c, a, b, (m, k, n));
    prepare(c, write);
    for i in 0..m {
        let row = &mut c[i * n..(i + 1) * n];
        for l in 0..k {
            let factor = a[i * k + l];
            for (c, b) in row.iter_mut().zip(&b[l * n..(l + 1) * n]) {
                *c += factor * *b;
            }
        }
    }
}

/// `c = a bᵀ` (`+ c`): `a` is `(m, k)`, `b` is `(n, k)`.
pub(super) fn product_transposed_b<T: Real>(
    c: &mut [T],
    a: &[T],
    b: &[T],
    (m, k, n): (usize, usize, usize),
    write: Write,
) {
    check(c, a, b, (m, k, n));
    prepare(c, write);
    for i in 0..m {
        for j in 0..n {
            let mut sum = c[i * n + j];
            for (a, b) in a[i * k..(i + 1) * k].iter().zip(&b[j * k..(j + 1) * k]) {
                sum += *a * *b;
            }
            c[i * n + j] = sum;
        }
    }
}

/// `c = aᵀ b` (`+ c`): `a` is `(k, m)`, `b` is `(k, n)`.
pub(super) fn product_transposed_a<T: Real>(
    c: &mut [T],
    a: &[T],
    b: &[T],
    (m, k, n): (usize, usize, usize),
    write: Write,
) {
    check(c, a, b, (m, k, n));
    prepare(c, write);
    for l in 0..k {
        let b = &b[l * n..(l + 1) * n];
        for i in 0..m {
            let factor = a[l * m + i];
            for (c, b) in c[i * n..(i + 1) * n].iter_mut().zip(b) {
                *c += factor * *b;
            }
        }
    }
}

fn check<T>(c: &[T], a: &[T], b: &[T], (m, k, n): (usize, usize, usize)) {
    assert_eq!((c.len(), a.len(), b.len()), (m * n, m * k, k * n), "the matrices' sizes");
}

fn prepare<T: Real>(c: &mut [T], write: Write) {
    if write == Write::Set {
        c.fill(T::ZERO);
    }
}
