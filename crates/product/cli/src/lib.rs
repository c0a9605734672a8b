//! The terminal of rok.
