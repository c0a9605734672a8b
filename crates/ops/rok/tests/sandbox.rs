//! Steps in sandboxes, as real processes: what they may not reach, what they
//! may not use, and what rok says where it cannot keep them in.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

#[path = "sandbox/boxed.rs"]
mod boxed;
#[path = "sandbox/ending.rs"]
mod ending;
#[path = "sandbox/files.rs"]
mod files;
#[path = "sandbox/howto.rs"]
mod howto;
#[path = "sandbox/limits.rs"]
mod limits;
#[path = "sandbox/network.rs"]
mod network;
#[path = "sandbox/privileges.rs"]
mod privileges;
#[path = "sandbox/refused.rs"]
mod refused;
