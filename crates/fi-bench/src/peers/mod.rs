//! fi beside its peers: the same work, on the same machine, in the same run.
//!
//! [`WORKS`] says what is compared, [`Job`] does fi's side of it, `benches/peers` the peers'.
//! [`Records`] keeps every measured second as CSV, and everything in the table is computed from
//! them: [`Records::table`] gives the same table from the same file, which is how a recorded run
//! is verified. [`Scores`] does the same for how well trained trees predict, [`Curves`] for how near
//! estimates of Shapley values come to the truth, [`LargeRuns`] for tables larger than memory.

mod accuracy;
mod black_box;
mod curves;
mod growth;
mod job;
mod large;
mod lines;
mod network;
mod records;
mod scores;
mod verify;
mod works;

pub use accuracy::{Split, TABLES, TreeLearner, split};
pub use black_box::{BLACK_BOX, BlackBoxJob, MOST_BEYOND};
pub use curves::{Curve, Curves};
pub use growth::growth;
pub use job::Job;
pub use large::{LargeRun, LargeRuns};
pub use network::{NetworkJob, save_network_data};
pub use records::{Measured, Record, Records};
pub use scores::{Scored, Scores};
pub use verify::{records_in, verify};
pub use works::{Environment, Peer, WORKS, Work};
