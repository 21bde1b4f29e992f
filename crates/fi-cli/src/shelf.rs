//! Files that a call needs more than once, read once.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fi_core::Dataset;
use fi_io::DataOptions;
use fi_models::store::Stored;
use ndarray::Array2;

use crate::failure::Done;

/// What was read, by what was asked for.
type Shelved<K, T> = Mutex<Vec<(K, Arc<T>)>>;

/// Models, and tables where the session says so.
#[derive(Default)]
pub(crate) struct Shelf {
    keeps: AtomicBool,
    models: Shelved<(PathBuf, Option<PathBuf>), Stored>,
    tables: Shelved<(PathBuf, DataOptions), Dataset>,
    rows: Shelved<(PathBuf, DataOptions), Array2<f64>>,
}

impl Shelf {
    /// From now on everything that is read is kept.
    pub(crate) fn keep(&self) {
        self.keeps.store(true, Ordering::Relaxed);
    }

    fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    pub(crate) fn model(
        &self,
        path: &Path,
        layers: Option<&Path>,
        read: impl FnOnce() -> Done<Stored>,
    ) -> Done<Arc<Stored>> {
        let key = (path.to_owned(), layers.map(Path::to_owned));
        if self.keeps() { kept(&self.models, key, read) } else { read().map(Arc::new) }
    }

    pub(crate) fn table(
        &self,
        path: &Path,
        options: &DataOptions,
        read: impl FnOnce() -> Done<Dataset>,
    ) -> Done<Arc<Dataset>> {
        let key = (path.to_owned(), options.clone());
        if self.keeps() { kept(&self.tables, key, read) } else { read().map(Arc::new) }
    }

    pub(crate) fn rows(
        &self,
        path: &Path,
        options: &DataOptions,
        read: impl FnOnce() -> Done<Array2<f64>>,
    ) -> Done<Arc<Array2<f64>>> {
        let key = (path.to_owned(), options.clone());
        if self.keeps() { kept(&self.rows, key, read) } else { read().map(Arc::new) }
    }
}

fn kept<K: PartialEq, T>(
    shelf: &Shelved<K, T>,
    key: K,
    read: impl FnOnce() -> Done<T>,
) -> Done<Arc<T>> {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = shelf.iter().find(|(known, _)| *known == key) {
        return Ok(Arc::clone(found));
    }
    let read = Arc::new(read()?);
    shelf.push((key, Arc::clone(&read)));
    Ok(read)
}
