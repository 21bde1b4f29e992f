//! Strategies and checks with which users property-test their own models, games and explainers
//! (feature `proptest`).
//!
//! Strategies make what a method is given: [`models`], [`games`] (and games with a
//! [null player](games_with_null_player) or [two that are alike](games_with_symmetric_players)),
//! [`regression`] and [`classification`] data and [`players`]. Checks say what must hold for
//! every one of them; each returns a [`TestCaseError`] that tells what did not hold.
//!
//! ```
//! use fi_core::{Run, invariants, shapley::Kernel};
//! use proptest::{prop_assert, proptest};
//!
//! proptest! {
//!     #![proptest_config(proptest::test_runner::Config::with_cases(16))]
//!     # fn unused(_ in 0..1) {}
//!     // In a test module, put #[test] here.
//!     fn kernel_shap_is_efficient(game in invariants::games(1..=6, 1..=3), seed in 0_u64..100) {
//!         let kernel = Kernel::new(40);
//!         invariants::efficiency(&Run::new(seed), &kernel, &game, 1e-9)?;
//!     }
//! }
//! kernel_shap_is_efficient();
//! ```

mod checks;
mod data;
mod games;
mod models;

pub use checks::{
    column_permutation, efficiency, linearity, null_player, symmetry, thread_count_invariance,
};
pub use data::{classification, players, regression};
pub use games::{TableGame, games, games_with_null_player, games_with_symmetric_players};
pub use models::{RandomModel, Term, models};
pub use proptest::test_runner::TestCaseError;
