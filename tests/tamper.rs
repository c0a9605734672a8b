//! `verify` on logs that were changed.
