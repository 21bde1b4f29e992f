//! ONNX graphs, read: what is damaged and what is not supported.
