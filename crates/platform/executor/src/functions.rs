//! `call` steps: functions that an embedder registers by name.
