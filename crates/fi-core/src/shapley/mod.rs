//! Shapley values of a game.
