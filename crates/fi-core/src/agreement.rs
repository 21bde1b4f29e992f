//! How far two rankings agree.
