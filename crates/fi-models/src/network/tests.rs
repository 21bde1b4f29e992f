//! Tests of the networks; filled below.
