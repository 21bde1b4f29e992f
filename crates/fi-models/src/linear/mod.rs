//! Linear models and their coefficients.
