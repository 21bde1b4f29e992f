//! TreeSHAP.

mod background;
mod engine;
mod interventional;

pub use background::Background;
