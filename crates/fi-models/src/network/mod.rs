//! Multi-layer perceptrons and what their weights say.
