//! A product in tiles: which tiles there are, and what is copied together for them.
//!
//! Small matrices are read where they stand. Large ones are taken in blocks of rows and terms, and
//! a chain waits in `c` for the next block, which changes none of its bits. Where the rows of `b`
//! are pages apart, the columns of a panel are first copied together, and the same with `a`.
#![expect(unsafe_code, reason = "calls of tiles, which take pointers")]

use super::super::real::Real;
use super::tile::{Tile, Tiles};
use super::{Operand, Product, Write};

/// From this number of bytes of `b` on, a product is taken in blocks.
const LARGE: usize = 1 << 18;
/// Below this number of rows, copying `b` would cost more than it saves.
const FEW_ROWS: usize = 16;
/// Rows of so many bytes are copied together.
const FAR: usize = 1 << 12;
/// Terms of a block of a large product.
const BLOCK_TERMS: usize = 256;
/// Rows of a block of a large product: its part of `a` stays in the second cache.
const BLOCK_ROWS: usize = 256;
/// Registers that a panel of a large product is wide: the best ratio of sums to loads.
const LARGE_WIDE: usize = 3;

/// Where a range starts, and its length.
type Span = (usize, usize);

/// Columns that are worked on together.
#[derive(Debug, Clone, Copy)]
struct Panel {
    first: usize,
    columns: usize,
    /// Registers.
    wide: usize,
}

/// The numbers of an operand as a tile takes them.
#[derive(Debug, Clone, Copy)]
enum Rows<'a, T> {
    /// Where they stand, from the first row on.
    There(&'a [T], (usize, usize)),
    /// Copied together by [`pack_rows`].
    Packed(&'a [T]),
}

impl<T: Copy> Operand<'_, T> {
    /// Whether its rows are pages apart.
    fn is_far(self) -> bool {
        self.n_columns * size_of::<T>() >= FAR
    }
}

/// Computes a product with the tiles of this processor.
pub(super) fn multiply<T: Real>(tiles: &'static Tiles<T>, product: &mut Product<'_, T>) {
    let (m, k, n) = product.sizes;
    if product.write == Write::Set && k == 0 {
        product.c.fill(T::ZERO);
    }
    if m == 0 || k == 0 || n == 0 {
        return;
    }
    if size_of_val(product.b.numbers) >= LARGE && m >= FEW_ROWS {
        return large(tiles, product);
    }
    let a = Rows::There(product.a.numbers, product.a.strides());
    let add = product.write == Write::Add;
    let mut copy = Vec::new();
    for panel in panels(n, tiles.lanes, tiles.compute.len()) {
        let b = if product.b.transposed {
            gather(tiles, product.b, (0, k), panel, &mut copy)
        } else {
            (&product.b.numbers[panel.first..], n)
        };
        let c = &mut product.c[panel.first..];
        column(tiles, panel, (m, k), a, b, (c, n), add);
    }
}

/// In blocks of terms and rows, whose numbers are copied together where they are far apart.
fn large<T: Real>(tiles: &'static Tiles<T>, product: &mut Product<'_, T>) {
    let (m, k, n) = product.sizes;
    let (a, b) = (product.a, product.b);
    let (a_row, a_step) = a.strides();
    let (far_a, far_b) = (a.is_far(), b.is_far());
    let wide = tiles.compute.len().min(LARGE_WIDE);
    let mut packed = vec![T::ZERO; if far_a { BLOCK_ROWS.min(m) * BLOCK_TERMS.min(k) } else { 0 }];
    let mut copy = Vec::new();
    for (first_term, terms) in steps(k, BLOCK_TERMS) {
        let add = first_term > 0 || product.write == Write::Add;
        for (first_row, rows) in steps(m, BLOCK_ROWS) {
            let mut packed_for = 0;
            for panel in panels(n, tiles.lanes, wide) {
                let most_rows = tiles.compute[panel.wide - 1].len();
                if far_a && packed_for != most_rows {
                    pack_rows(a, (first_row, rows), (first_term, terms), most_rows, &mut packed);
                    packed_for = most_rows;
                }
                let a = if far_a {
                    Rows::Packed(&packed)
                } else {
                    let first = first_row * a_row + first_term * a_step;
                    Rows::There(&a.numbers[first..], (a_row, a_step))
                };
                let b = if far_b || b.transposed {
                    gather(tiles, b, (first_term, terms), panel, &mut copy)
                } else {
                    (&b.numbers[first_term * n + panel.first..], n)
                };
                let c = &mut product.c[first_row * n + panel.first..];
                column(tiles, panel, (rows, terms), a, b, (c, n), add);
            }
        }
    }
}

/// Computes all rows of a panel.
#[inline]
fn column<T: Real>(
    tiles: &'static Tiles<T>,
    panel: Panel,
    (rows, terms): (usize, usize),
    a: Rows<'_, T>,
    (b, b_step): (&[T], usize),
    (c, c_row): (&mut [T], usize),
    add: bool,
) {
    let Panel { columns, wide, .. } = panel;
    let compute = tiles.compute[wide - 1];
    let last = columns - (wide - 1) * tiles.lanes;
    assert!((terms - 1) * b_step + columns <= b.len(), "the columns are there");
    for (row, height) in parts(rows, compute.len()) {
        let (a, (a_row, a_step)) = match a {
            Rows::There(a, strides) => (&a[row * strides.0..], strides),
            Rows::Packed(a) => (&a[row * terms..(row + height) * terms], (1, height)),
        };
        assert!((height - 1) * a_row + (terms - 1) * a_step < a.len(), "the rows are there");
        let c = &mut c[row * c_row..];
        assert!((height - 1) * c_row + columns <= c.len(), "the output is there");
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        let tile = Tile { k: terms, a, a_row, a_step, b, b_step, c, c_row, last, add };
        // SAFETY: `Tiles` are only given out on a processor that has them, and the three
        // assertions are what `Tile` says is behind its pointers.
        unsafe { compute[height - 1](&tile) }
    }
}

/// The columns of a product in panels of at most so many registers.
fn panels(n: usize, lanes: usize, most_wide: usize) -> impl Iterator<Item = Panel> {
    parts(n.div_ceil(lanes), most_wide).map(move |(register, wide)| {
        let first = register * lanes;
        Panel { first, columns: (wide * lanes).min(n - first), wide }
    })
}

/// Starts and lengths of pieces of `size`, the last one shorter.
fn steps(all: usize, size: usize) -> impl Iterator<Item = Span> {
    (0..all).step_by(size.max(1)).map(move |first| (first, size.min(all - first)))
}

/// Starts and lengths of as few pieces of at most `most` as there can be, as equal as they can be.
fn parts(all: usize, most: usize) -> impl Iterator<Item = Span> {
    let n_parts = all.div_ceil(most);
    let (size, longer) = (all / n_parts.max(1), all % n_parts.max(1));
    (0..n_parts)
        .map(move |part| (part * size + part.min(longer), size + usize::from(part < longer)))
}

/// Copies the columns of a panel together, one row per term; gives them and a row's length.
fn gather<'c, T: Real>(
    tiles: &Tiles<T>,
    b: Operand<'_, T>,
    (first_term, terms): Span,
    Panel { first, columns, wide }: Panel,
    copy: &'c mut Vec<T>,
) -> (&'c [T], usize) {
    let step = wide * tiles.lanes;
    if copy.len() < step * terms {
        copy.resize(step * terms, T::ZERO);
    }
    if b.transposed {
        let from = &b.numbers[first * b.n_columns + first_term..];
        transpose(tiles, (from, b.n_columns), (copy, step), columns, terms);
    } else {
        let rows = b.numbers.chunks_exact(b.n_columns).skip(first_term);
        for (to, from) in copy.chunks_exact_mut(step).zip(rows).take(terms) {
            to[..columns].copy_from_slice(&from[first..first + columns]);
        }
    }
    (copy, step)
}

/// Writes rows as columns; with each matrix, how far it is from one row to the next.
pub(super) fn transpose<T: Real>(
    tiles: &Tiles<T>,
    (from, from_row): (&[T], usize),
    (to, to_row): (&mut [T], usize),
    rows: usize,
    columns: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * from_row + columns <= from.len(), "the rows are there");
    assert!((columns - 1) * to_row + rows <= to.len(), "there is room for the columns");
    let (from, to) = ((from.as_ptr(), from_row), (to.as_mut_ptr(), to_row));
    // SAFETY: `Tiles` are only given out on a processor that has AVX2, and the two assertions
    // are what is read and written.
    unsafe { (tiles.transpose)(from, rows, columns, to) }
}

/// Copies rows of `a` together, as the tiles take them: by tile, by term, by row.
fn pack_rows<T: Real>(
    a: Operand<'_, T>,
    (first_row, rows): Span,
    (first_term, terms): Span,
    most_rows: usize,
    into: &mut [T],
) {
    let (a_row, a_step) = a.strides();
    for (row, height) in parts(rows, most_rows) {
        let into = &mut into[row * terms..(row + height) * terms];
        for (i, row) in (first_row + row..).take(height).enumerate() {
            let from = a.numbers[row * a_row + first_term * a_step..].iter().step_by(a_step);
            for (to, x) in into.iter_mut().skip(i).step_by(height).zip(from.take(terms)) {
                *to = *x;
            }
        }
    }
}
