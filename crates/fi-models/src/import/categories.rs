//! How much memory the sets of categories of a file may take.
//!
//! A set is bits up to its largest category, so a few bytes of a file can name one that takes two
//! megabytes. Files of honest libraries stay far below this budget: they number categories from 0.

use super::Problem;

/// So many words of 64 categories any file may have (64 MB), and so many more for each byte.
const WORDS: usize = 1 << 23;
const WORDS_PER_BYTE: usize = 8;

/// What is left of the memory for sets.
pub(super) struct Budget {
    words: usize,
}

impl Budget {
    /// Of a file of so many bytes.
    pub(super) fn new(n_bytes: usize) -> Self {
        Self { words: WORDS.saturating_add(n_bytes.saturating_mul(WORDS_PER_BYTE)) }
    }

    /// Takes off a set that is to be made for a `node` of a tree.
    pub(super) fn take(
        &mut self,
        tree: usize,
        node: usize,
        categories: &[u32],
    ) -> Result<(), Problem> {
        let needed = categories.iter().max().map_or(0, |&largest| largest as usize / 64 + 1);
        let Some(left) = self.words.checked_sub(needed) else {
            return Err(Problem::Unsupported(format!(
                "tree {tree}, node {node}: the numbers of its categories are too large for the \
                 size of the file, encode the categories as 0, 1, 2 and so on"
            )));
        };
        self.words = left;
        Ok(())
    }
}
