//! Codes decide as the tree does, and the loops for AVX2 as the plain ones.

use proptest::prelude::*;

use super::super::codes::{Block, Codes, PAD};
use super::super::kernel::{Cell, Slots, Source, Tile, edge, pack, patterns, side};
use super::*;

proptest! {
    #[test]
    fn coded_decisions_are_those_of_the_tree(seed in 0_u64..10_000) {
        let trees = ensemble(seed, &Forest { depth: 6, ..Forest::default() });
        let mut rows = rows(seed + 1, 100, 5);
        rows[[0, 0]] = f64::INFINITY;
        rows[[1, 0]] = f64::NEG_INFINITY;
        rows[[2, 0]] = -0.0;
        rows[[3, 0]] = 1e-36;
        let codes = Codes::new(&trees);
        let mut block = Block::default();
        codes.encode(rows.view(), &mut block);
        let (mut scratch, mut words) = (vec![0; 2 * PAD], vec![0; 2]);
        for tree in trees.trees() {
            for node in (0..tree.n_nodes()).filter(|&node| !tree.is_leaf(node)) {
                for level in [Level::detect(), Level::plain()] {
                    codes.bits(level, (tree, node), &block, &mut scratch, &mut words);
                    for (row, x) in rows.column(tree.feature(node)).iter().enumerate() {
                        let left = words[row / 64] >> (row % 64) & 1 == 1;
                        prop_assert_eq!(left, tree.goes_left(node, *x), "{} {}", node, x);
                    }
                }
            }
        }
    }

    #[test]
    fn both_kinds_of_loops_do_the_same(seed in 0_u64..10_000, last: u16, n in 1_usize..9) {
        let mut rng = fi_core::Rng::new(seed, 0);
        let mut bits = |n: usize| (0..n).map(|_| rng.bits() as u16).collect::<Vec<u16>>();
        let (codes, mask, table_rows) = (bits(128), bits(128), bits(128));
        let levels = [Level::detect(), Level::plain()];
        for left in [true, false] {
            for and in [None, Some(&mask[..])] {
                let [a, b] = levels.map(|level| {
                    let (mut out, mut turned) = (vec![0; 128], mask.clone());
                    edge(level, &codes, last, left, and, &mut out);
                    side(level, left, and, &mut turned);
                    (out, turned)
                });
                prop_assert_eq!(a, b);
            }
        }
        let sources = [Source::Code(&codes, last), Source::Mask(&mask), Source::Code(&mask, last)];
        let [a, b] = levels.map(|level| {
            let (mut out, mut words) = (vec![0; 128], vec![0; 2]);
            patterns(level, &sources, &mut out);
            pack(level, &codes, last, &mut words);
            (out, words)
        });
        prop_assert!(a.0.iter().zip(&codes).all(|(p, &c)| (p & 1 == 1) == (c <= last)));
        prop_assert_eq!(a, b);
        let patterns: Vec<u16> = table_rows.iter().map(|row| row % 4).collect();
        let columns: Vec<u32> = (0..n as u32).map(|i| (i * 3) % 8).collect();
        accumulate::<f32>(&patterns, &columns, seed)?;
        accumulate::<f64>(&patterns, &columns, seed)?;
    }
}

fn accumulate<T: Cell>(patterns: &[u16], columns: &[u32], seed: u64) -> Result<(), TestCaseError> {
    let mut rng = fi_core::Rng::new(seed, 7);
    let table: Vec<[T; 8]> =
        (0..8).map(|_| std::array::from_fn(|_| T::from_f64(rng.uniform()))).collect();
    let columns = &columns[..columns.len().min(8)];
    for chunk in 0..2 {
        let [a, b] = [Level::detect(), Level::plain()].map(|level| {
            let mut cells = vec![T::from_f64(0.1); 8 * 128];
            let mut tile = Tile { cells: &mut cells, stride: 128 };
            let slots = Slots { n_chunks: 2, chunk, columns };
            T::accumulate(level, &table, slots, patterns, &mut tile);
            cells.into_iter().map(T::to_f64).collect::<Vec<f64>>()
        });
        prop_assert_eq!(a, b);
    }
    Ok(())
}
