//! Laid out; see the README.
