//! Manifest to component.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_chain::Digest;
use rok_plan::{
    CheckedFile, FaultCode, Faults, Item as Node, Plan, PlanErrors, StepParts, ValueKind,
};
use rok_vocabulary::{Capability, Channel, ComponentName, ComponentStatus, ComponentType};
use semver::{Version, VersionReq};

use crate::keys::{ENTRYPOINT, NAMES, OF_PLAN, OF_STEP};
use crate::model::{Component, compile};

/// The output that is read as what to look at, though the component succeeded.
pub const WARNINGS: &str = "warnings";

/// Reads a manifest: TOML where its name ends in `.toml`, else YAML or JSON.
/// `name` is for messages; nothing is opened. Either the component is valid as
/// a whole, or every fault that could be found comes back at once.
pub fn parse(bytes: &[u8], name: &str) -> Result<Component, PlanErrors> {
    let fingerprint = Digest::of(bytes);
    CheckedFile::new(bytes, name)?.decode(|root, faults| component(root, fingerprint, faults))
}

fn component(root: Node<'_>, fingerprint: Digest, faults: &mut Faults<'_>) -> Option<Component> {
    if !faults.check_keys(root, "a manifest", "a manifest", NAMES) {
        return None;
    }
    let name = faults.present(root, "name");
    let name = name.and_then(|node| name_of(node, "`name`", faults));
    let version = faults.present(root, "version");
    let version = version.and_then(|node| version_of(node, faults));
    let kind = faults.present(root, "type");
    let kind = kind.and_then(|node| faults.word(node, "type", ComponentType::WORDS));
    let status = faults.present(root, "status");
    let status = status.and_then(|node| faults.word(node, "status", ComponentStatus::WORDS));
    let channel = root.get("channel");
    let channel = channel.and_then(|node| faults.word(node, "channel", Channel::WORDS));
    let channel = channel.unwrap_or(Channel::Stable);
    let deprecated_by = deprecated_by(root, status, channel, name.as_ref(), faults);
    let mut text = |key: &str| {
        let node = root.get(key)?;
        faults.text(node, &format!("`{key}`"))
    };
    let (description, owner) = (text("description"), text("owner"));
    let tags = words(root, "tags", is_tag, "`[a-z0-9][a-z0-9._-]{0,63}`", faults);
    let able = |text: &str| text.parse::<Capability>().is_ok();
    let like = "`[a-z0-9][a-z0-9._:-]{0,63}`";
    let capabilities = words(root, "capabilities", able, like, faults);
    let files = files(root, faults);
    let requires = requires(root, name.as_ref(), faults);
    let plan = plan(root, name.as_ref(), faults);
    warnings(root, plan.as_ref(), faults);
    Some(Component {
        name: name?,
        version: version?,
        kind: kind?,
        status: status?,
        channel,
        deprecated_by,
        description,
        owner,
        tags: tags.into_iter().collect(),
        capabilities,
        files,
        requires,
        fingerprint,
        plan: plan?,
    })
}

fn name_of(node: Node<'_>, label: &str, faults: &mut Faults<'_>) -> Option<ComponentName> {
    let text = faults.text(node, label)?;
    match text.parse::<ComponentName>() {
        Ok(name) => Some(name),
        Err(error) => {
            faults.tell(FaultCode::BadName, node.span(), error.to_string());
            None
        }
    }
}

fn version_of(node: Node<'_>, faults: &mut Faults<'_>) -> Option<Version> {
    let text = faults.text(node, "`version`")?;
    match Version::parse(&text) {
        Ok(version) => Some(version),
        Err(error) => {
            let message = format!("`version` is no semantic version: {error}");
            let hint = "write major, minor and patch, such as `1.2.0`";
            faults.tell_with_hint(FaultCode::WrongValue, node.span(), message, hint);
            None
        }
    }
}

fn deprecated_by(
    root: Node<'_>,
    status: Option<ComponentStatus>,
    channel: Channel,
    own: Option<&ComponentName>,
    faults: &mut Faults<'_>,
) -> Option<ComponentName> {
    let node = root.get("deprecated_by")?;
    let name = name_of(node, "`deprecated_by`", faults)?;
    let alive = matches!(
        status,
        Some(ComponentStatus::Draft | ComponentStatus::Active)
    );
    if alive && channel != Channel::Deprecated {
        let message = "`deprecated_by` means nothing on a component that is not deprecated";
        let hint = "remove it, or say `status: deprecated`";
        faults.tell_with_hint(FaultCode::Conflict, node.span(), message, hint);
    }
    if own == Some(&name) {
        let message = "a component is not deprecated by itself";
        let hint = "a newer version of it is chosen anyway: remove `deprecated_by`";
        faults.tell_with_hint(FaultCode::Conflict, node.span(), message, hint);
    }
    Some(name)
}

/// A list of words, each once.
fn words(
    root: Node<'_>,
    key: &str,
    valid: fn(&str) -> bool,
    like: &str,
    faults: &mut Faults<'_>,
) -> Vec<String> {
    let Some(node) = root.get(key) else {
        return Vec::new();
    };
    let label = format!("`{key}`");
    let Some(items) = node.list() else {
        faults.mistyped(node, &label, "a list");
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for item in items {
        let Some(text) = faults.text(item, &format!("an item of {label}")) else {
            continue;
        };
        if !valid(&text) {
            let message = format!("an item of {label} does not match {like}");
            faults.tell(FaultCode::BadName, item.span(), message);
        } else if !seen.insert(text.clone()) {
            let message = format!("`{text}` is named twice in {label}");
            faults.tell_with_hint(
                FaultCode::Conflict,
                item.span(),
                message,
                "remove one of the two",
            );
        } else {
            found.push(text);
        }
    }
    found
}

/// Whether a text may be a tag.
pub(crate) fn is_tag(text: &str) -> bool {
    let bytes = text.as_bytes();
    let small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&bytes.len())
        && small(bytes[0])
        && bytes.iter().all(|b| small(*b) || b"._-".contains(b))
}

fn files(root: Node<'_>, faults: &mut Faults<'_>) -> Vec<String> {
    let Some(node) = root.get("files") else {
        return Vec::new();
    };
    let Some(items) = node.list() else {
        faults.mistyped(node, "`files`", "a list");
        return Vec::new();
    };
    if items.len() == 0 {
        let message = "`files` is empty: the component would be about no file";
        let hint = "remove it where it is about all files";
        faults.tell_with_hint(FaultCode::WrongValue, node.span(), message, hint);
    }
    let mut globs = Vec::new();
    for item in items {
        let Some(glob) = faults.text(item, "an item of `files`") else {
            continue;
        };
        let outside = glob.starts_with('/') || glob.split('/').any(|part| part == "..");
        if outside || glob.trim().is_empty() {
            let message = "an item of `files` can match no file";
            let hint =
                "write a path or a glob below the folder that it is run in, such as `src/**/*.rs`";
            faults.tell_with_hint(FaultCode::WrongValue, item.span(), message, hint);
        } else if let Err(why) = compile(&glob) {
            let message = format!("an item of `files` is no glob: {why}");
            faults.tell(FaultCode::WrongValue, item.span(), message);
        } else {
            globs.push(glob);
        }
    }
    globs
}

fn requires(
    root: Node<'_>,
    own: Option<&ComponentName>,
    faults: &mut Faults<'_>,
) -> BTreeMap<ComponentName, VersionReq> {
    let mut requires = BTreeMap::new();
    let Some(node) = root.get("requires") else {
        return requires;
    };
    let Some(entries) = node.map() else {
        let expected = "a mapping from components to versions, such as `{ schema-tool: ^1.2 }`";
        faults.mistyped(node, "`requires`", expected);
        return requires;
    };
    for (key, node) in entries {
        let name = match key.text.parse::<ComponentName>() {
            Ok(name) => name,
            Err(error) => {
                faults.tell(FaultCode::BadName, key.span, error.to_string());
                continue;
            }
        };
        if own == Some(&name) {
            let message = "a component does not require itself";
            faults.tell(FaultCode::Cycle, key.span, message);
            continue;
        }
        if node.is_null() {
            let message = format!("`{name}` of `requires` says nothing");
            let hint = "give it a requirement, such as `^1.2`, or `*` for any version";
            faults.tell_with_hint(FaultCode::WrongType, key.span, message, hint);
            continue;
        }
        let Some(text) = faults.text(node, &format!("`{name}` of `requires`")) else {
            continue;
        };
        match VersionReq::parse(&text) {
            Ok(requirement) => {
                requires.insert(name, requirement);
            }
            Err(error) => {
                let message = format!("`{name}` of `requires` is no requirement: {error}");
                let hint = "write it as Cargo does: `^1.2`, `~1.2.3`, `>=1.2, <2`, `=1.2.3`, `*`";
                faults.tell_with_hint(FaultCode::WrongValue, node.span(), message, hint);
            }
        }
    }
    requires
}

/// The plan whose only step the component is.
fn plan(root: Node<'_>, name: Option<&ComponentName>, faults: &mut Faults<'_>) -> Option<Plan> {
    let action = faults.present(root, "entrypoint")?;
    if !faults.check_keys(action, "`entrypoint`", "`entrypoint`", ENTRYPOINT) {
        return None;
    }
    let mut entries = root.map()?;
    let (key, _) = entries.find(|(key, _)| key.text == "entrypoint")?;
    let pick = |keys: &[&'static str]| -> Vec<(&'static str, Node<'_>)> {
        let found = keys.iter().filter_map(|key| Some((*key, root.get(key)?)));
        found.collect()
    };
    let mut of_step = pick(OF_STEP);
    if action.get("agent").is_some() {
        of_step.extend(pick(&["capabilities"]));
    }
    let retry = root.get("retry");
    let idempotent = root
        .get("idempotent")
        .and_then(|node| node.json().ok())
        .and_then(|value| value.as_bool());
    match (retry, idempotent) {
        (Some(retry), Some(true)) => of_step.push(("retry", retry)),
        (Some(retry), _) if !retry.is_null() => {
            let message = "`retry` means nothing without `idempotent: true`";
            let hint = "say `idempotent: true` if it may be repeated, else remove `retry`";
            faults.tell_with_hint(FaultCode::Conflict, retry.span(), message, hint);
        }
        _ => {}
    }
    faults.step(&StepParts {
        id: name.map_or("component", ComponentName::as_str),
        named: &key.span,
        action,
        idempotent: false,
        keys: &of_step,
        of_plan: &pick(OF_PLAN),
    })
}

/// What a component hands on as `warnings` is read as the list of them: declared
/// as anything else, its every success would end as a warning.
fn warnings(root: Node<'_>, plan: Option<&Plan>, faults: &mut Faults<'_>) {
    let declared = plan.and_then(|plan| plan.steps[0].outputs.get(WARNINGS));
    let Some(node) = root.get("outputs").and_then(|node| node.get(WARNINGS)) else {
        return;
    };
    if declared.is_some_and(|declared| declared.kind != ValueKind::Array) {
        let message =
            "the output `warnings` is no list, and is read as the list of what to look at";
        let hint = "say `type: array`, of texts or of `{ message, file, line, column, rule }`, or call it otherwise";
        faults.tell_with_hint(FaultCode::Conflict, node.span(), message, hint);
    }
}

#[cfg(test)]
mod tests;
