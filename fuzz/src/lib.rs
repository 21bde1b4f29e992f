//! What the targets share: a limit to memory, a place for files, and what is asked of a model that
//! could be read.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use fi_core::Model as _;
use fi_models::import::{Format, parse};
use fi_models::store::Stored;
use ndarray::Array2;

/// A parser may hold ten times the size of the file, and always 64 MiB.
const ALWAYS: usize = 64 << 20;
const TIMES: usize = 10;
/// More cells are not asked of a model: how many features it has is its own affair.
const MOST_CELLS: usize = 1 << 20;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Counts what is held, and ends the process when it is too much.
struct Counting;

impl Counting {
    fn take(n: usize) {
        if HELD.fetch_add(n, Relaxed).saturating_add(n) > MOST.load(Relaxed) {
            // The message allocates, too.
            let most = MOST.swap(usize::MAX, Relaxed);
            eprintln!("{n} bytes are asked for beside others, which is more than {most} in all");
            std::process::abort();
        }
    }
}

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does `work` on a file of so many bytes, within the memory that it is worth.
pub fn within_memory<T>(n_bytes: usize, work: impl FnOnce() -> T) -> T {
    let worth = ALWAYS.max(n_bytes.saturating_mul(TIMES));
    MOST.store(HELD.load(Relaxed).saturating_add(worth), Relaxed);
    let answer = work();
    MOST.store(usize::MAX, Relaxed);
    answer
}

/// For targets whose readers catch panics of other crates: these are no crashes, but the hook of the
/// fuzzer would end at them.
pub fn let_caught_panics_pass() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !fi_core::is_panic_caught() {
            hook(info);
        }
    }));
}

/// Writes the bytes to a file for parsers that read nothing else.
pub fn in_file(bytes: &[u8], suffix: &str, read: impl FnOnce(&Path)) {
    let file = tempfile::Builder::new().suffix(suffix).tempfile().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("the temporary file can be written");
    read(file.path());
}

/// Reads a model of a known format; one that can be read must answer.
pub fn model(format: Format, bytes: &[u8]) {
    if let Ok(stored) = within_memory(bytes.len(), || parse(format, bytes)) {
        ask(&stored);
    }
}

/// Predicts a few rows of ordinary and of absurd values.
pub fn ask(stored: &Stored) {
    let n = stored.n_features();
    let values = [0.0, 1.0, -1e300, f64::NAN, 0.5, 3.0, f64::MIN_POSITIVE];
    let rows = Array2::from_shape_fn((4, n.min(MOST_CELLS)), |(i, j)| values[(2 * i + 3 * j) % 7]);
    if n <= MOST_CELLS && stored.n_outputs() <= MOST_CELLS {
        // An error is an answer.
        let _ = stored.predict(rows.view());
    }
}
