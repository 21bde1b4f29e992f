//! The export of scikit-learn's trees, read: what is damaged and what is not supported.
