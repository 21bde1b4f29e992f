//! fi-io
