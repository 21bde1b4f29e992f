//! Standardising features on the training rows.
