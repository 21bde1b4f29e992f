//! A class label that makes linfa-trees deterministic.
//!
//! linfa-trees counts classes in a `std` hash map and adds single-precision shares in the map's
//! order. The map's random keys make that order another one in every run, so with three or more
//! classes a near-tie between two splits falls one way or the other: the same data give different
//! trees. [`Class`] steers its own hash: it feeds the hasher until the low bits of the result are
//! those it wants. The map picks a class's place by the low bits, so its order no longer depends
//! on its keys. Were the map to choose places in another way, trees would be random again and
//! nothing worse; the tests would say so.

use std::hash::{Hash, Hasher};

/// A class by its index, with as many bits of its hash under control as the classes need.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) index: usize,
    mask: u64,
}

impl Class {
    /// Class `index` of `n_classes`.
    pub(super) fn new(index: usize, n_classes: usize) -> Self {
        // A map of n keys has the power of two places above 8/7 n, and at least 4.
        let places = (n_classes * 8).div_ceil(7).max(4).next_power_of_two();
        Self { index, mask: places as u64 - 1 }
    }
}

impl linfa::Label for Class {}

impl Hash for Class {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The last of the classes that tie wins in linfa-trees: place the lowest class last.
        let place = self.mask.wrapping_sub(self.index as u64) & self.mask;
        // A random hash has the wanted bits once in `mask + 1` tries. The bound keeps a hasher
        // with a constant answer from looping for ever.
        for _ in 0..64 * (self.mask + 1) {
            state.write_u8(0);
            if state.finish() & self.mask == place {
                return;
            }
        }
        state.write_u64(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_types, reason = "the map that linfa-trees uses")]
    #[expect(clippy::iter_over_hash_type, reason = "its order is what is tested")]
    fn a_hash_map_lists_classes_from_the_highest_to_the_lowest() {
        for n_classes in [1, 2, 3, 7, 10, 14, 100] {
            for _ in 0..20 {
                let mut map = std::collections::HashMap::with_capacity(n_classes);
                (0..n_classes).for_each(|index| {
                    map.insert(Class::new(index, n_classes), index);
                });
                let mut order = Vec::new();
                for &index in map.values() {
                    order.push(index);
                }
                assert_eq!(order, (0..n_classes).rev().collect::<Vec<_>>());
            }
        }
    }
}
