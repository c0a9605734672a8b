//! Hostile plans: a clear error or a run, soon and small.
