//! Products of matrices in row order: where a network spends its time.
//!
//! `c` is `(m, n)` and each of its elements is a sum over `k` terms. That sum is one chain in
//! ascending order, which starts at 0 ([`Write::Set`]) or at what stood in `c` ([`Write::Add`]), so
//! that an element's bits depend on its own row of `a` and column of `b` and on nothing else:
//! not on `m`, `n`, tiles or threads. A prediction then depends on its own row alone.
//!
//! The tiles of AVX2 and AVX-512 round each term once and give the same bits; the plain loops
//! round it twice, as one rounding in software costs a hundred times as much.

#[cfg(target_arch = "x86_64")]
mod blocks;
mod plain;
#[cfg(target_arch = "x86_64")]
mod register;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tile;
#[cfg(target_arch = "x86_64")]
mod transpose;

use super::level::Level;
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
    let (a, b) = (Operand::new(a, k), Operand::new(b, n));
    multiply(Level::detect(), Product { c, a, b, sizes: (m, k, n), write });
}

/// `c = a bᵀ` (`+ c`): `a` is `(m, k)`, `b` is `(n, k)`.
pub(super) fn product_transposed_b<T: Real>(
    c: &mut [T],
    a: &[T],
    b: &[T],
    (m, k, n): (usize, usize, usize),
    write: Write,
) {
    let (a, b) = (Operand::new(a, k), Operand::new(b, k).transposed());
    multiply(Level::detect(), Product { c, a, b, sizes: (m, k, n), write });
}

/// `c = aᵀ b` (`+ c`): `a` is `(k, m)`, `b` is `(k, n)`.
pub(super) fn product_transposed_a<T: Real>(
    c: &mut [T],
    a: &[T],
    b: &[T],
    (m, k, n): (usize, usize, usize),
    write: Write,
) {
    let (a, b) = (Operand::new(a, m).transposed(), Operand::new(b, n));
    multiply(Level::detect(), Product { c, a, b, sizes: (m, k, n), write });
}

/// Writes the columns of `from`, which has rows of `n_columns`, as rows.
pub(super) fn transpose<T: Real>(from: &[T], n_columns: usize, to: &mut [T]) {
    let n_rows = from.len() / n_columns.max(1);
    assert_eq!((from.len(), to.len()), (n_rows * n_columns, from.len()), "the matrices' sizes");
    #[cfg(target_arch = "x86_64")]
    if let Some(tiles) = T::tiles(Level::detect()) {
        return blocks::transpose(tiles, (from, n_columns), (to, n_rows), n_rows, n_columns);
    }
    for (i, row) in from.chunks_exact(n_columns.max(1)).enumerate() {
        row.iter().enumerate().for_each(|(j, x)| to[j * n_rows + i] = *x);
    }
}

/// A matrix in row order, and whether its columns are what the product calls rows.
#[derive(Debug, Clone, Copy)]
struct Operand<'a, T> {
    numbers: &'a [T],
    n_columns: usize,
    transposed: bool,
}

impl<'a, T> Operand<'a, T> {
    fn new(numbers: &'a [T], n_columns: usize) -> Self {
        Self { numbers, n_columns, transposed: false }
    }

    fn transposed(self) -> Self {
        Self { transposed: true, ..self }
    }

    /// How far it is from one row, and from one column, to the next.
    fn strides(self) -> (usize, usize) {
        if self.transposed { (1, self.n_columns) } else { (self.n_columns, 1) }
    }
}

/// `c = a b` (`+ c`), of sizes `(m, k, n)`; `a` and `b` are what they are after transposition.
#[derive(Debug)]
struct Product<'a, T> {
    c: &'a mut [T],
    a: Operand<'a, T>,
    b: Operand<'a, T>,
    sizes: (usize, usize, usize),
    write: Write,
}

fn multiply<T: Real>(level: Level, mut product: Product<'_, T>) {
    let (m, k, n) = product.sizes;
    let sizes = (product.c.len(), product.a.numbers.len(), product.b.numbers.len());
    assert_eq!(sizes, (m * n, m * k, k * n), "the matrices' sizes");
    #[cfg(target_arch = "x86_64")]
    if let Some(tiles) = T::tiles(level) {
        return blocks::multiply(tiles, &mut product);
    }
    let _ = level;
    plain::multiply(&mut product);
}

/// The tiles that a type of number has.
#[cfg(target_arch = "x86_64")]
pub(super) trait Tiled: Sized + 'static {
    #[doc(hidden)]
    fn tiles(level: Level) -> Option<&'static tile::Tiles<Self>>;
}

#[cfg(target_arch = "x86_64")]
impl Tiled for f32 {
    fn tiles(level: Level) -> Option<&'static tile::Tiles<Self>> {
        match level {
            Level::Plain => None,
            Level::Avx2(_) => Some(&tile::AVX2_F32),
            Level::Avx512(_) => Some(&tile::AVX512_F32),
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Tiled for f64 {
    fn tiles(level: Level) -> Option<&'static tile::Tiles<Self>> {
        match level {
            Level::Plain => None,
            Level::Avx2(_) => Some(&tile::AVX2_F64),
            Level::Avx512(_) => Some(&tile::AVX512_F64),
        }
    }
}

/// No processor but x86-64 has tiles.
#[cfg(not(target_arch = "x86_64"))]
pub(super) trait Tiled {}
#[cfg(not(target_arch = "x86_64"))]
impl Tiled for f32 {}
#[cfg(not(target_arch = "x86_64"))]
impl Tiled for f64 {}
