//! Gradient boosting: trees one after the other, each grown to lower the loss that the ones
//! before it left.
//!
//! A round looks at the loss of every row as a parabola (its gradient and Hessian), puts the rows
//! of each tree into leaves, and moves each leaf to the bottom of its parabola, or a share of the
//! way there. Features are put into at most 255 bins first, so that finding splits is adding up
//! histograms.
//!
//! [`loss`] holds the losses, [`bins`] the bins, [`histogram`] the sums, [`split`] finds the best
//! split of a node, [`grow`] grows a tree and [`train`] goes through the rounds.

mod bins;
mod grow;
mod histogram;
#[cfg(feature = "linfa")]
mod linfa;
mod loss;
mod quantile;
mod rounds;
mod settings;
mod split;
mod train;

pub use loss::Loss;
pub use settings::{EarlyStopping, GradientBoosting};

#[cfg(test)]
mod tests;
