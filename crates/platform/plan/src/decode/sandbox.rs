//! `sandbox`: what a step's processes may reach and use.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use super::{Decoder, read, twice};
use crate::fault::{FaultCode, Finding, quoted};
use crate::sandbox::{Network, Sandbox};
use crate::tree::{Entry, Node, Plain};

impl Decoder<'_> {
    /// The `sandbox` of a step or of `defaults`.
    pub(super) fn sandbox(&mut self, owner: &Node) -> Option<Sandbox> {
        let node = owner.get("sandbox")?;
        node.map()?;
        Some(Sandbox {
            read: self.sandbox_paths(node, "read"),
            write: self.sandbox_paths(node, "write"),
            network: self.network(node),
            max_cpu: self.cpu(node),
            max_memory_mib: read::whole(node, "max_memory_mib"),
            max_open_files: read::whole(node, "max_open_files"),
            max_processes: read::whole(node, "max_processes"),
            max_file_mib: read::whole(node, "max_file_mib"),
        })
    }

    /// Paths as they are written: what a sandbox is, is known before the run.
    fn sandbox_paths(&mut self, sandbox: &Node, key: &str) -> Vec<String> {
        let mut paths: Vec<(&str, &Range<usize>)> = Vec::new();
        for node in sandbox.get(key).and_then(Node::list).unwrap_or(&[]) {
            // An empty one is said already.
            let Some(text) = node.text().filter(|text| !text.trim().is_empty()) else {
                continue;
            };
            let before = paths.iter().find(|(path, _)| *path == text);
            if let Some((why, hint)) = flaw(text) {
                let message = format!("{} {why}", quoted(text));
                let finding = Finding::new(FaultCode::WrongValue, node.span.clone(), message);
                self.findings.push(finding.hint(hint));
            } else if let Some((_, first)) = before {
                let list = format!("{} of `sandbox`", quoted(key));
                self.findings.push(twice(text, &list, node, first));
            } else {
                paths.push((text, &node.span));
            }
        }
        let texts = paths.into_iter().map(|(path, _)| path.to_string());
        texts.collect()
    }

    fn network(&mut self, sandbox: &Node) -> Network {
        let ports = |key: &str| -> Vec<u16> {
            let items = sandbox.get(key).and_then(Node::list).unwrap_or(&[]);
            let mut ports: Vec<u16> = items.iter().filter_map(|item| port(item)).collect();
            ports.sort_unstable();
            ports.dedup();
            ports
        };
        let (connect, bind) = (ports("connect"), ports("bind"));
        let named = |key: &str| sandbox.entry(key);
        let word = named("network");
        let lists = [named("connect"), named("bind")];
        if let Some(word) = word {
            self.without_effect(lists.into_iter().flatten(), "beside `network`");
            return match word.node.text() {
                Some("any") => Network::Any,
                _ => Network::None,
            };
        }
        for entry in lists.into_iter().flatten() {
            self.refuse_empty(entry);
        }
        if connect.is_empty() && bind.is_empty() {
            Network::None
        } else {
            Network::Ports { connect, bind }
        }
    }

    fn refuse_empty(&mut self, entry: &Entry) {
        if entry.node.list().is_some_and(<[_]>::is_empty) {
            let message = format!("{} of `sandbox` names no port", quoted(&entry.key));
            let finding = Finding::new(FaultCode::WrongValue, entry.span.clone(), message);
            self.findings
                .push(finding.hint("remove it: without it there is no network"));
        }
    }

    /// The kernel counts whole seconds.
    fn cpu(&mut self, sandbox: &Node) -> Option<Duration> {
        let cpu = read::duration(sandbox, "max_cpu")?;
        if cpu.subsec_nanos() == 0 {
            return Some(cpu);
        }
        let span = sandbox.get("max_cpu")?.span.clone();
        let message = "`max_cpu` of `sandbox` is no whole number of seconds";
        let finding = Finding::new(FaultCode::WrongValue, span, message);
        self.findings.push(
            finding
                .hint("the kernel counts processor time in whole seconds: write for example 30s"),
        );
        None
    }
}

fn port(node: &Node) -> Option<u16> {
    match node.plain()? {
        Plain::Integer(number) => u16::try_from(number).ok(),
        _ => None,
    }
}

/// Why a path cannot stand in a sandbox.
fn flaw(path: &str) -> Option<(&'static str, &'static str)> {
    if path.contains("${{") {
        return Some((
            "is an expression, and the paths of a sandbox are fixed",
            "name the folder in which the file is",
        ));
    }
    if path.contains(['*', '?', '[']) {
        return Some((
            "is a pattern, and the paths of a sandbox are files and folders",
            "name the folder: what is in it is meant too",
        ));
    }
    None
}
