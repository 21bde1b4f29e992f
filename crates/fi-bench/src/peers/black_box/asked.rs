//! A model that remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use fi_core::{Model, Output};
use ndarray::{Array2, ArrayView2};

/// A model that remembers, of the first work, what it was asked.
pub(super) struct Asked {
    model: Box<dyn Model>,
    listens: AtomicBool,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    sizes: Vec<usize>,
    /// Some batches of each size.
    batches: BTreeMap<usize, Vec<Array2<f64>>>,
}

/// So many batches of a size are kept.
const KEPT: usize = 4;

impl Asked {
    pub(super) fn new(model: Box<dyn Model>) -> Self {
        Self { model, listens: AtomicBool::new(true), heard: Mutex::default() }
    }

    /// The model, which does not listen.
    pub(super) fn alone(&self) -> &dyn Model {
        &*self.model
    }

    /// Asks what the first work asked, and answers how many rows that were.
    pub(super) fn again(&self) -> Result<usize> {
        self.listens.store(false, Ordering::Relaxed);
        let heard = self.heard.lock().map_err(|_| anyhow::anyhow!("a work has panicked"))?;
        for (i, size) in heard.sizes.iter().enumerate() {
            let kept = &heard.batches[size];
            std::hint::black_box(self.model.predict(kept[i % kept.len()].view())?);
        }
        Ok(heard.sizes.iter().sum())
    }
}

impl Model for Asked {
    fn n_features(&self) -> usize {
        self.model.n_features()
    }

    fn n_outputs(&self) -> usize {
        self.model.n_outputs()
    }

    fn output(&self) -> Output {
        self.model.output()
    }

    fn predict(&self, rows: ArrayView2<'_, f64>) -> fi_core::Result<Array2<f64>> {
        if self.listens.load(Ordering::Relaxed)
            && let Ok(mut heard) = self.heard.lock()
        {
            heard.sizes.push(rows.nrows());
            let kept = heard.batches.entry(rows.nrows()).or_default();
            if kept.len() < KEPT {
                kept.push(rows.to_owned());
            }
        }
        self.model.predict(rows)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    #[test]
    fn what_the_first_work_asked_is_asked_again() {
        let model = fi_core::Function::new(2, 1, |rows: ArrayView2<'_, f64>| {
            rows.slice(s![.., ..1]).to_owned()
        });
        let asked = Asked::new(Box::new(model));
        for n_rows in [3, 5, 3] {
            asked.predict(Array2::zeros((n_rows, 2)).view()).unwrap();
        }
        assert_eq!(asked.again().unwrap(), 11);
        asked.predict(Array2::zeros((7, 2)).view()).unwrap();
        assert_eq!(asked.again().unwrap(), 11);
    }
}
