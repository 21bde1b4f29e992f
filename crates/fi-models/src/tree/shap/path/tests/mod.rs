//! The engine against the definition, on trees and rows of every kind.

mod agreement;
mod oracle;
mod random;
#[cfg(test)]
mod speed;
