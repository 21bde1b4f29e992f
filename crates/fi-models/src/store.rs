//! Fitted models in files.
