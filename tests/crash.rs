//! `kill -9` at every event, then resume.
