//! fi-viz
