//! Splits into training and test rows.
