//! linfa models as models of fi.
