//! Process steps with real processes. What a test has to wait for it waits for
//! by a pipe or a report; the only times are the deadlines under test.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod contract;
mod ending;
mod exits;
mod logs;
mod port;
mod remains;
mod secrets;
mod starting;
mod support;
