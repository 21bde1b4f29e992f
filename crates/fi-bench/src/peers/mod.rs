//! fi beside its peers: the same work, on the same machine, in the same run.
//!
//! [`WORKS`] says what is compared, [`Job`] does fi's side of it, `benches/peers` the peers'.
//! [`Records`] keeps every measured second as CSV, and everything in the table is computed from
//! them: [`Records::table`] gives the same table from the same file, which is how a recorded run
//! is verified.

mod growth;
mod job;
mod records;
mod works;

pub use growth::growth;
pub use job::Job;
pub use records::{Measured, Record, Records};
pub use works::{Environment, Peer, WORKS, Work};
