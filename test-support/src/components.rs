//! Components for tests: a registry in memory, and fixtures of every kind that
//! something has to be done about.

use rok_chain::Digest;
use rok_component::{Component, ManifestSource, Offer, SourceError, parse};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The address that a registry in memory tells.
pub const ADDRESS: &str = "https://registry.example";

/// Manifests in memory, as a root of a registry. Clones share them. It may be
/// told to lie.
#[derive(Clone, Default)]
pub struct MemoryRegistry {
    held: Arc<Mutex<Vec<Held>>>,
    asked: Arc<AtomicUsize>,
}

struct Held {
    offer: Offer,
    bytes: Vec<u8>,
}

impl MemoryRegistry {
    /// Without manifests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these fixtures.
    #[must_use]
    pub fn of<'f>(fixtures: impl IntoIterator<Item = &'f Fixture>) -> Self {
        let registry = Self::new();
        for fixture in fixtures {
            registry.put(fixture.file, fixture.text);
        }
        registry
    }

    /// Adds a manifest.
    pub fn put(&self, file: &str, text: &str) {
        self.lie(file, text, text);
    }

    /// Offers a manifest, and gives another one.
    pub fn lie(&self, file: &str, offered: &str, given: &str) {
        let offer = Offer {
            fingerprint: Digest::of(offered.as_bytes()),
            file: file.to_owned(),
        };
        let bytes = given.as_bytes().to_vec();
        self.held.lock().unwrap().push(Held { offer, bytes });
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.held.lock().unwrap().clear();
    }

    /// How often a manifest was asked for.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ManifestSource for MemoryRegistry {
    fn address(&self) -> String {
        ADDRESS.to_owned()
    }

    fn offers(&self) -> Result<Vec<Offer>, SourceError> {
        let held = self.held.lock().unwrap();
        Ok(held.iter().map(|held| held.offer.clone()).collect())
    }

    fn manifest(&self, fingerprint: Digest) -> Result<Vec<u8>, SourceError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let held = self.held.lock().unwrap();
        let found = held
            .iter()
            .find(|held| held.offer.fingerprint == fingerprint);
        found
            .map(|held| held.bytes.clone())
            .ok_or_else(|| SourceError {
                why: "no such manifest".to_owned(),
                help: None,
            })
    }
}

/// A component for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixture {
    /// Its file's name.
    pub file: &'static str,
    /// Its manifest.
    pub text: &'static str,
}

impl Fixture {
    /// The component.
    #[must_use]
    pub fn component(&self) -> Arc<Component> {
        Arc::new(parse(self.text.as_bytes(), self.file).unwrap())
    }

    /// Writes its manifest into a folder.
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(self.file), self.text).unwrap();
    }
}

/// A validator of the stage `pre-commit` that passes, about Rust sources.
pub const PASSES: Fixture = Fixture {
    file: "passes.component.yaml",
    text: "name: passes\nversion: 1.0.0\ntype: validator\nstatus: active\nchannel: canary\n\
           tags: [pre-commit, ci]\nidempotent: true\nfiles: ['**/*.rs']\nentrypoint: { run: ['true'] }\n",
};

/// A validator of the stage `ci` that finds something.
pub const FINDS: Fixture = Fixture {
    file: "finds.component.yaml",
    text: "name: finds\nversion: 1.0.0\ntype: validator\nstatus: active\ntags: [ci]\n\
           entrypoint:\n  run: |\n    echo '{\"class\":\"validation_failed\",\"reason\":\"a.rs:3: too long\"}' > \"$ROK_ERROR\"\n    exit 1\n",
};

/// A test that fails for a reason that may pass, and may be repeated.
pub const FLAKY: Fixture = Fixture {
    file: "flaky.component.yaml",
    text: "name: flaky\nversion: 1.0.0\ntype: test\nstatus: active\nidempotent: true\n\
           retry: { max: 1, base: 0s }\n\
           entrypoint:\n  run: |\n    echo '{\"class\":\"transient_io\",\"reason\":\"no route\"}' > \"$ROK_ERROR\"\n    exit 1\n",
};

/// A test that never ends by itself.
pub const HANGS: Fixture = Fixture {
    file: "hangs.component.yaml",
    text: "name: hangs\nversion: 1.0.0\ntype: test\nstatus: active\ntimeout: 100ms\n\
           entrypoint: { run: [sleep, '600'], kill_grace: 0s }\n",
};

/// A tool whose output is a list of words.
pub const WORDS: Fixture = Fixture {
    file: "words.component.yaml",
    text: "name: words\nversion: 1.3.0\ntype: tool\nstatus: active\nidempotent: true\n\
           outputs: { words: { type: array } }\n\
           entrypoint: { run: 'echo ''{\"words\":[\"a\",\"b\"]}'' > \"$ROK_OUTPUT\"' }\n",
};

/// A tool that requires [`WORDS`].
pub const COUNTS: Fixture = Fixture {
    file: "counts.component.yaml",
    text: "name: counts\nversion: 0.2.0\ntype: tool\nstatus: active\nrequires: { words: ^1.2 }\n\
           entrypoint: { run: ['true'] }\n",
};

/// A tool that is being written.
pub const DRAFT: Fixture = Fixture {
    file: "draft.component.yaml",
    text: "name: draft\nversion: 0.0.1\ntype: tool\nstatus: draft\nentrypoint: { run: ['true'] }\n",
};

/// A tool that is on its way out.
pub const DEPRECATED: Fixture = Fixture {
    file: "old.component.yaml",
    text: "name: old\nversion: 1.0.0\ntype: tool\nstatus: deprecated\ndeprecated_by: words\n\
           entrypoint: { run: ['true'] }\n",
};

/// A tool that is kept for the record.
pub const ARCHIVED: Fixture = Fixture {
    file: "gone.component.yaml",
    text: "name: gone\nversion: 1.0.0\ntype: tool\nstatus: archived\nentrypoint: { run: ['true'] }\n",
};

/// All of them: together they are a registry without a fault.
pub const ALL: &[Fixture] = &[
    PASSES, FINDS, FLAKY, HANGS, WORDS, COUNTS, DRAFT, DEPRECATED, ARCHIVED,
];

#[cfg(test)]
mod tests {
    use super::*;
    use rok_component::{Selector, resolve};

    #[test]
    fn the_fixtures_are_valid_and_meet_each_others_requirements() {
        let all: Vec<_> = ALL.iter().map(Fixture::component).collect();
        let selection = Selector::default().select(&all, false);
        let names: Vec<_> = selection.taken.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(
            names,
            ["counts", "finds", "flaky", "hangs", "passes", "words"]
        );
        assert!(resolve(&all, &selection.taken, false).is_ok());
    }

    #[test]
    fn a_registry_in_memory_gives_what_it_offers_unless_it_is_to_lie() {
        let registry = MemoryRegistry::of(ALL);
        for offer in registry.offers().unwrap() {
            let bytes = registry.manifest(offer.fingerprint).unwrap();
            assert_eq!(Digest::of(&bytes), offer.fingerprint);
        }
        assert_eq!(registry.asked(), ALL.len());
        registry.clear();
        registry.lie("a.component.yaml", "one", "two");
        let offer = registry.offers().unwrap().remove(0);
        assert_eq!(registry.manifest(offer.fingerprint).unwrap(), b"two");
        assert!(registry.manifest(Digest::of(b"none")).is_err());
    }
}
