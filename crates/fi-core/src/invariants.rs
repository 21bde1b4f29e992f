//! Strategies and checks for property tests.
