//! Panics of other crates on hostile input, which become errors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Does work of a crate that may panic where it should return an error; `None` if it did. What the
/// work has half done must not be used again.
///
/// The panic hook is called first, and prints: a program that says errors itself asks
/// [`is_panic_caught`] in a hook of its own.
///
/// # Example
///
/// ```
/// use fi_core::{catch_panic, is_panic_caught};
///
/// let default = std::panic::take_hook();
/// std::panic::set_hook(Box::new(move |info| {
///     if !is_panic_caught() {
///         default(info);
///     }
/// }));
/// let (numbers, place) = ([1, 2], std::env::args().count() + 1);
/// assert_eq!(catch_panic(|| numbers[0]), Some(1));
/// assert_eq!(catch_panic(|| numbers[place]), None);
/// ```
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outer = CAUGHT.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(outer);
    done.ok()
}

/// Whether a panic of this thread becomes an error now, so that a hook has nothing to say.
pub fn is_panic_caught() -> bool {
    CAUGHT.get()
}
