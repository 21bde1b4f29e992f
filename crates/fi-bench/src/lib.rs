//! fi-bench
