//! The results that an explainer makes.
