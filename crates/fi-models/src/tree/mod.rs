//! Decision trees and forests.
