//! What a registry holds, in the Prometheus text format.

use prometheus::{Encoder as _, Registry, TextEncoder};

pub(crate) fn text(registry: &Registry) -> String {
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&registry.gather(), &mut text)
        .expect("memory takes everything");
    String::from_utf8(text).expect("the format is UTF-8")
}
