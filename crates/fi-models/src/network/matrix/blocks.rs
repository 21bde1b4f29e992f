//! A product in tiles: which tiles there are, and what is copied together for them.
//!
//! Small matrices are read where they stand. Of a large `b` the columns of one tile are first
//! copied together, as its rows are pages apart, and so are the rows of `a` that meet them
//! there; the terms are then taken in blocks, and a chain waits in `c` for the next block, which
//! changes none of its bits.
#![expect(unsafe_code, reason = "calls of tiles, which take pointers")]

use super::super::real::Real;
use super::tile::{Tile, Tiles};
use super::{Operand, Product, Write};

/// From this number of bytes of `b` on, blocks are copied together.
const LARGE: usize = 1 << 18;
/// Below this number of rows, copying `b` would cost more than it saves.
const FEW_ROWS: usize = 16;
/// Terms of a block of a large product.
const BLOCK_TERMS: usize = 256;
/// Rows of a block of a large product: its part of `a` stays in the second cache.
const BLOCK_ROWS: usize = 256;

/// Computes a product with the tiles of this processor.
pub(super) fn multiply<T: Real>(tiles: &'static Tiles<T>, product: &mut Product<'_, T>) {
    let (m, k, n) = product.sizes;
    if product.write == Write::Set && k == 0 {
        product.c.fill(T::ZERO);
    }
    if m == 0 || k == 0 || n == 0 {
        return;
    }
    let large = size_of_val(product.b.numbers) >= LARGE && m >= FEW_ROWS;
    let (block_rows, block_terms) = if large { (BLOCK_ROWS, BLOCK_TERMS) } else { (m, k) };
    let most_wide = if large { tiles.compute.len().min(3) } else { tiles.compute.len() };
    let mut packed_a =
        vec![T::ZERO; if large { block_rows.min(m) * block_terms.min(k) } else { 0 }];
    let mut packed_b: Vec<T> = Vec::new();
    for (first_term, terms) in steps(k, block_terms) {
        let add = first_term > 0 || product.write == Write::Add;
        for (first_row, rows) in steps(m, block_rows) {
            let mut packed_for = 0;
            for (register, wide) in parts(n.div_ceil(tiles.lanes), most_wide) {
                let first = register * tiles.lanes;
                let columns = (wide * tiles.lanes).min(n - first);
                let compute = tiles.compute[wide - 1];
                let most_rows = compute.len();
                let (b, b_step) = if large || product.b.transposed {
                    let step = wide * tiles.lanes;
                    if packed_b.len() < step * terms {
                        packed_b.resize(step * terms, T::ZERO);
                    }
                    gather(
                        tiles,
                        product.b,
                        (first_term, terms),
                        (first, columns),
                        &mut packed_b,
                        step,
                    );
                    (&packed_b[..], step)
                } else {
                    (&product.b.numbers[first_term * n + first..], n)
                };
                if large && packed_for != most_rows {
                    pack_rows(
                        product.a,
                        (first_row, rows),
                        (first_term, terms),
                        most_rows,
                        &mut packed_a,
                    );
                    packed_for = most_rows;
                }
                assert!((terms - 1) * b_step + columns <= b.len(), "the columns are there");
                for (row, height) in parts(rows, most_rows) {
                    let (a, a_row, a_step) = if large {
                        (&packed_a[row * terms..(row + height) * terms], 1, height)
                    } else {
                        let (a_row, a_step) = product.a.strides();
                        (&product.a.numbers[row * a_row..], a_row, a_step)
                    };
                    assert!(
                        (height - 1) * a_row + (terms - 1) * a_step < a.len(),
                        "the rows are there"
                    );
                    let c = &mut product.c[(first_row + row) * n + first..];
                    assert!((height - 1) * n + columns <= c.len(), "the output is there");
                    let last = columns - (wide - 1) * tiles.lanes;
                    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                    let tile =
                        Tile { k: terms, a, a_row, a_step, b, b_step, c, c_row: n, last, add };
                    // SAFETY: `Tiles` are only given out on a processor that has them, and the
                    // three assertions are what `Tile` says is behind its pointers.
                    unsafe { compute[height - 1](&tile) }
                }
            }
        }
    }
}

/// Starts and lengths of pieces of `size`, the last one shorter.
fn steps(all: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..all).step_by(size.max(1)).map(move |first| (first, size.min(all - first)))
}

/// Starts and lengths of as few pieces of at most `most` as there can be, as equal as they can be.
fn parts(all: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let n_parts = all.div_ceil(most);
    let (size, longer) = (all / n_parts.max(1), all % n_parts.max(1));
    (0..n_parts)
        .map(move |part| (part * size + part.min(longer), size + usize::from(part < longer)))
}

/// Copies columns of `b` to rows of `step` numbers, one per term.
fn gather<T: Real>(
    tiles: &Tiles<T>,
    b: Operand<'_, T>,
    (first_term, terms): (usize, usize),
    (first, columns): (usize, usize),
    into: &mut [T],
    step: usize,
) {
    if !b.transposed {
        let rows = b.numbers.chunks_exact(b.n_columns).skip(first_term);
        for (to, from) in into.chunks_exact_mut(step).zip(rows).take(terms) {
            to[..columns].copy_from_slice(&from[first..first + columns]);
        }
        return;
    }
    let from = &b.numbers[first * b.n_columns + first_term..];
    assert!((columns - 1) * b.n_columns + terms <= from.len(), "the columns are there");
    assert!((terms - 1) * step + columns <= into.len(), "there is room for the columns");
    let (from, into) = ((from.as_ptr(), b.n_columns), (into.as_mut_ptr(), step));
    // SAFETY: `Tiles` are only given out on a processor that has AVX2, and the two assertions are
    // what is read and written.
    unsafe { (tiles.transpose)(from, columns, terms, into) }
}

/// Copies rows of `a` together, as the tiles take them: by tile, by term, by row.
fn pack_rows<T: Real>(
    a: Operand<'_, T>,
    (first_row, rows): (usize, usize),
    (first_term, terms): (usize, usize),
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
