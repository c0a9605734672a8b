//! Secrets are nowhere; values cannot become code.
