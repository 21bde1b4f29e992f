//! A product in loops that every processor can run: the definition of the tiles.

use super::super::real::Real;
use super::{Product, Write};

/// Computes a product, each element as one chain in ascending order of the terms.
pub(super) fn multiply<T: Real>(product: &mut Product<'_, T>) {
    let (_, k, n) = product.sizes;
    if product.write == Write::Set {
        product.c.fill(T::ZERO);
    }
    if k == 0 || n == 0 {
        return;
    }
    let (a, b) = (product.a.numbers, product.b.numbers);
    let (a_row, a_step) = product.a.strides();
    for (i, c) in product.c.chunks_exact_mut(n).enumerate() {
        let factors = a[i * a_row..].iter().step_by(a_step);
        if product.b.transposed {
            for (c, b) in c.iter_mut().zip(b.chunks_exact(k)) {
                for (factor, b) in factors.clone().zip(b) {
                    *c += *factor * *b;
                }
            }
        } else {
            for (factor, b) in factors.zip(b.chunks_exact(n)) {
                for (c, b) in c.iter_mut().zip(b) {
                    *c += *factor * *b;
                }
            }
        }
    }
}
