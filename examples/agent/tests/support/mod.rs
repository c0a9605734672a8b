//! Programs that tests of this example start.

use std::env;
use std::path::PathBuf;

/// The `rok` that was built beside the agent.
pub(crate) fn rok() -> PathBuf {
    let agent = PathBuf::from(env!("CARGO_BIN_EXE_rok-agent"));
    // `cargo test` builds the one, `cargo test --workspace --test '*'` the other.
    let built = agent.parent().expect("it is in a folder");
    let mut roks = ["examples/agents-rok", "rok"]
        .iter()
        .map(|rok| built.join(rok));
    let rok = roks.find(|rok| rok.exists());
    rok.expect("`cargo build -p rok-agent --example agents-rok` makes one")
}
