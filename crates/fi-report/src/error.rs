//! What can go wrong when a model is looked at from all sides.

/// The result of every fallible call in fi-report.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A method failed.
    #[error("{method} failed: {source}")]
    Method {
        /// The method, as the page calls it.
        method: &'static str,
        /// What it says.
        source: fi_core::Error,
    },
    /// Model, data and players do not fit together.
    #[error(transparent)]
    Input(#[from] fi_core::Error),
    /// A picture could not be drawn.
    #[error(transparent)]
    Picture(#[from] fi_viz::Error),
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] fi_io::Error),
    /// The rows could not be written into the page.
    #[error("the explained rows could not be written into the page: {0}")]
    Rows(#[from] serde_json::Error),
    /// The page is larger than it promises to be.
    #[error(
        "the page would have {bytes} bytes, at most {limit} are written: explain fewer rows, or \
         show fewer features"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// Whether the work was stopped, and did not fail.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Method { source: fi_core::Error::Cancelled { .. }, .. }
                | Self::Input(fi_core::Error::Cancelled { .. })
        )
    }
}
