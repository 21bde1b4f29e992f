//! The engine against the definition, on trees and rows of every kind.

mod agreement;
mod invariants;
mod oracle;
mod random;
