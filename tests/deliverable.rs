//! The example deliverable, from its plan file to a verified record.
