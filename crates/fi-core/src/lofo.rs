//! Leave one feature out.
