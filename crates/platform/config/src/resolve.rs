//! Resolving: layer over layer, then what cannot both hold.

use crate::error::{ConfigErrors, ConfigFault};
use crate::file::{self, Layer};
use crate::inputs::Inputs;
use crate::keys::{KEYS, KeySpec, Kind, OTHER_VARIABLES};
use crate::nearest::nearest;
use crate::settings::{
    Entry, MailSettings, PasswordSource, RegistryRoot, RegistrySettings, Resolved, Settings,
    SigningKeySource, Source,
};
use crate::user::os_user;
use crate::value::{Value, is_address};
use rok_vocabulary::Profile;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

impl Inputs {
    /// The settings in force, or everything that is wrong with them.
    pub fn resolve(&self) -> Result<Resolved, ConfigErrors> {
        let mut faults = Vec::new();
        let mut layer = self.files(&mut faults);
        layer.extend(self.variables(&mut faults));
        layer.extend(self.given(&mut faults));
        let entries: Vec<Entry> = KEYS
            .iter()
            .map(|spec| match layer.remove(spec.key) {
                Some((value, source)) => Entry::new(spec, Some(value), source),
                None => Entry::new(spec, self.default(spec, &mut faults), Source::Default),
            })
            .collect();
        contradictions(&entries, &mut faults);
        if faults.is_empty() {
            Ok(Resolved {
                settings: settings(&entries, &self.cwd, self.project_file().1),
                entries,
            })
        } else {
            Err(ConfigErrors { faults })
        }
    }

    fn files(&self, faults: &mut Vec<ConfigFault>) -> Layer {
        let folder = |name: &str| self.var(name).filter(|path| !path.is_empty());
        let user = folder("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".config")));
        let mut layer = match user {
            Some(folder) => file::read(&folder.join("rok/config.toml"), false, faults),
            None => Layer::new(),
        };
        let (named, project) = self.project_file();
        layer.extend(file::read(&project, named, faults));
        layer
    }

    /// The project's settings file, and whether somebody named it.
    fn project_file(&self) -> (bool, PathBuf) {
        let named = self.config.clone();
        let named = named.or_else(|| self.env.get("ROK_CONFIG").map(PathBuf::from));
        let file = named.as_deref().unwrap_or(Path::new("rok.toml"));
        (named.is_some(), self.cwd.join(file))
    }

    fn variables(&self, faults: &mut Vec<ConfigFault>) -> Layer {
        let mut layer = Layer::new();
        for spec in KEYS {
            let Some(value) = self.env.get(spec.env) else {
                continue;
            };
            let parsed = match value.to_str() {
                Some(text) => Value::parse(spec.kind, text, &self.cwd),
                None => Err("the value is not UTF-8".to_owned()),
            };
            match parsed {
                Ok(value) => {
                    layer.insert(spec.key, (value, Source::Env(spec.env)));
                }
                Err(what) => faults.push(ConfigFault::BadValue {
                    place: spec.env.to_owned(),
                    key: spec.key,
                    what,
                }),
            }
        }
        self.misspelt(faults);
        layer
    }

    /// A misspelt variable would leave a default in force, silently.
    fn misspelt(&self, faults: &mut Vec<ConfigFault>) {
        for name in self.env.keys() {
            let ours = name.starts_with("ROK_") || name.starts_with("RAC_");
            let known = KEYS.iter().any(|spec| spec.env == name);
            if !ours || known || OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            if let Some(nearest) = nearest(name, KEYS.iter().map(|spec| spec.env)) {
                faults.push(ConfigFault::UnknownVariable {
                    name: name.clone(),
                    nearest,
                });
            }
        }
    }

    fn given(&self, faults: &mut Vec<ConfigFault>) -> Layer {
        let mut layer = Layer::new();
        for given in &self.flags {
            let Some(spec) = KeySpec::of(&given.key) else {
                faults.push(ConfigFault::UnknownKey {
                    place: given.flag.clone(),
                    key: given.key.clone(),
                    nearest: nearest(&given.key, KEYS.iter().map(|spec| spec.key)),
                });
                continue;
            };
            let parsed = match spec.kind {
                Kind::Secret => Err(format!("is a secret: hand it in by {} alone", spec.env)),
                kind => Value::parse(kind, &given.value, &self.cwd),
            };
            let value = match parsed {
                Ok(value) => value,
                Err(what) => {
                    faults.push(ConfigFault::BadValue {
                        place: given.flag.clone(),
                        key: spec.key,
                        what,
                    });
                    continue;
                }
            };
            match (layer.get_mut(spec.key), value) {
                (Some((Value::Paths(before), _)), Value::Paths(more)) => before.extend(more),
                (Some((Value::Words(before), _)), Value::Words(more)) => before.extend(more),
                (Some(_), _) => faults.push(ConfigFault::Twice {
                    place: given.flag.clone(),
                    key: spec.key,
                }),
                (None, value) => {
                    layer.insert(spec.key, (value, Source::Flag(given.flag.clone())));
                }
            }
        }
        layer
    }

    fn default(&self, spec: &KeySpec, faults: &mut Vec<ConfigFault>) -> Option<Value> {
        match (spec.default, spec.kind) {
            (Some(text), kind) => {
                Some(Value::parse(kind, text, &self.cwd).expect("a test reads every default"))
            }
            (None, Kind::User) => {
                let user = self
                    .os_user
                    .then(|| os_user(|name| self.var(name)))
                    .flatten();
                let told = |fault: &ConfigFault| matches!(fault, ConfigFault::BadValue { key, .. } if *key == spec.key);
                if user.is_none() && !faults.iter().any(told) {
                    faults.push(ConfigFault::NoUser);
                }
                user.map(Value::Name)
            }
            (None, _) => None,
        }
    }
}

fn find<'e>(entries: &'e [Entry], key: &str) -> &'e Entry {
    entries
        .iter()
        .find(|entry| entry.key == key)
        .expect("entries are made from the key table")
}

/// Every pair that cannot both hold, and times that are none.
fn contradictions(entries: &[Entry], faults: &mut Vec<ConfigFault>) {
    let off = |key| find(entries, key).value == Some(Value::Bool(false));
    let said = |key| {
        let entry = find(entries, key);
        let value = entry.value.as_ref().map(ToString::to_string);
        format!("{key} = {} ({})", value.unwrap_or_default(), entry.source)
    };
    let profile = find(entries, "profile");
    let strict = profile.value == Some(Value::Profile(Profile::Strict));
    let mut tell = |what| faults.push(ConfigFault::Contradiction { what });
    if strict && profile.source.is_explicit() {
        for key in ["enabled", "rac_enabled"] {
            if off(key) {
                tell(format!(
                    "{} contradicts {}: STRICT cannot hold with the audit contract off",
                    said(key),
                    said("profile"),
                ));
            }
        }
    }
    let rac = find(entries, "rac_enabled");
    if off("enabled") && !off("rac_enabled") && rac.source.is_explicit() {
        tell(format!(
            "{} contradicts {}: there is no audit contract without lifecycle governance",
            said("enabled"),
            said("rac_enabled"),
        ));
    }
    if find(entries, "signing_key").value.is_some()
        && find(entries, "signing_key_file").value.is_some()
    {
        tell(format!(
            "{} contradicts {}: which key signs?",
            said("signing_key"),
            said("signing_key_file"),
        ));
    }
    if find(entries, "store").value.is_some() && find(entries, "server").value.is_some() {
        tell(format!(
            "{} contradicts {}: whose runs are meant?",
            said("store"),
            said("server"),
        ));
    }
    mail_contradictions(entries, &mut tell);
    for entry in entries {
        match entry.value {
            Some(Value::Millis(ms)) if ms <= 0 => {
                tell(format!("{}: a time must be positive", said(entry.key)));
            }
            Some(Value::Millis(ms)) if entry.key == "lease_ms" && ms < LEAST_LEASE_MS => {
                let said = said(entry.key);
                tell(format!("{said}: a lease is {LEAST_LEASE_MS} ms at least"));
            }
            Some(Value::Count(count)) if entry.key == "shards" && count > MOST_SHARDS => {
                let said = said(entry.key);
                tell(format!("{said}: {MOST_SHARDS} threads at most"));
            }
            _ => {}
        }
    }
}

/// A claim is renewed after a third of its lease: below this, a slow disk is
/// enough for leases to run out, and no run goes on.
const LEAST_LEASE_MS: i64 = 1000;
/// Each is a thread with connections of its own to the database.
const MOST_SHARDS: NonZeroU32 = NonZeroU32::new(1024).expect("it is not zero");

/// Mail that nobody could send.
fn mail_contradictions(entries: &[Entry], tell: &mut dyn FnMut(String)) {
    let given = |key: &&&str| find(entries, key).value.is_some();
    let places = |keys: &[&str]| keys.join(", ");
    let has = |key: &str| find(entries, key).value.is_some();
    if has("smtp") != has("smtp_from") {
        tell("`smtp` and `smtp_from` belong together: set both, or neither".to_owned());
    }
    let passwords: Vec<&str> = PASSWORDS.iter().filter(given).copied().collect();
    if passwords.len() > 1 {
        let places = places(&passwords);
        tell(format!("{places}: give one of them: which password is it?"));
    }
    if has("smtp_user") == passwords.is_empty() {
        tell(format!(
            "`smtp_user` and a password ({}) belong together: set both, or neither",
            places(&PASSWORDS)
        ));
    } else if has("smtp_user") && !has("smtp") {
        tell("`smtp_user` is set without `smtp`: at which server?".to_owned());
    }
}

/// The ways to hand in the password of mail.
const PASSWORDS: [&str; 3] = [
    "smtp_password",
    "smtp_password_file",
    "smtp_password_command",
];

/// What sends mail; contradictions were told before.
fn mail(entries: &[Entry]) -> Option<MailSettings> {
    let value = |key| find(entries, key).value.clone();
    let name = |key| match value(key) {
        Some(Value::Name(name)) => Some(name),
        _ => None,
    };
    let password = PASSWORDS.iter().find_map(|key| match value(key)? {
        Value::Secret(text) => Some(PasswordSource::Text(text)),
        Value::Path(file) => Some(PasswordSource::File(file)),
        Value::Command(words) => Some(PasswordSource::Command(words)),
        _ => None,
    });
    Some(MailSettings {
        server: name("smtp")?,
        from: name("smtp_from")?,
        login: name("smtp_user").zip(password),
    })
}

fn settings(entries: &[Entry], cwd: &Path, project_file: PathBuf) -> Settings {
    let value = |key| find(entries, key).value.clone();
    let millis = |key| value(key).map(|value| value.millis()).unwrap_or_default();
    let flag = |key| value(key) == Some(Value::Bool(true));
    macro_rules! get {
        ($kind:ident, $key:literal) => {
            match value($key) {
                Some(Value::$kind(value)) => value,
                other => unreachable!("`{}` has its kind, not {other:?}", $key),
            }
        };
    }
    Settings {
        project_file,
        profile: get!(Profile, "profile"),
        enabled: flag("enabled"),
        rac_enabled: flag("rac_enabled"),
        governance_timeout: millis("governance_timeout_ms"),
        default_run_timeout: millis("default_run_timeout_ms"),
        grace_period: millis("grace_period_ms"),
        dir: get!(Path, "dir"),
        durability: get!(Durability, "durability"),
        policies: get!(Paths, "policies"),
        execution_policies: get!(Paths, "execution_policies"),
        sandbox: get!(Sandbox, "sandbox"),
        max_processes: match value("max_processes") {
            Some(Value::Count(count)) => Some(count),
            _ => None,
        },
        user: get!(Name, "user"),
        roles: get!(Words, "roles"),
        store: match value("store") {
            Some(Value::Path(file)) => Some(file),
            _ => None,
        },
        shards: match value("shards") {
            Some(Value::Count(count)) => Some(count),
            _ => None,
        },
        in_flight: get!(Count, "in_flight"),
        lease: millis("lease_ms"),
        server_timeout: millis("server_timeout_ms"),
        server: match value("server") {
            Some(Value::Name(url)) => Some(url),
            _ => None,
        },
        token: match value("token") {
            Some(Value::Secret(token)) => Some(token),
            _ => None,
        },
        access_policies: get!(Paths, "access_policies"),
        tokens: match value("tokens") {
            Some(Value::Path(file)) => Some(file),
            _ => None,
        },
        egress_allow: get!(Words, "egress_allow"),
        egress_deny: get!(Words, "egress_deny"),
        services: match value("services") {
            Some(Value::Path(file)) => Some(file),
            _ => None,
        },
        agents: match value("agents") {
            Some(Value::Path(file)) => Some(file),
            _ => None,
        },
        synthesis_rules: match value("synthesis_rules") {
            Some(Value::Path(file)) => Some(file),
            _ => None,
        },
        signing_key: match (value("signing_key"), value("signing_key_file")) {
            (Some(Value::Secret(pem)), _) => Some(SigningKeySource::Pem(pem)),
            (_, Some(Value::Path(file))) => Some(SigningKeySource::File(file)),
            _ => None,
        },
        webhook_secret: match value("webhook_secret") {
            Some(Value::Secret(key)) => Some(key),
            _ => None,
        },
        mail: mail(entries),
        capabilities: get!(Words, "capabilities"),
        registry: RegistrySettings {
            roots: get!(Words, "registry_roots")
                .into_iter()
                .map(|root| {
                    if is_address(&root) {
                        RegistryRoot::Server(root)
                    } else {
                        RegistryRoot::Folder(root.into())
                    }
                })
                .collect(),
            roots_named: find(entries, "registry_roots").source.is_explicit(),
            token: match value("registry_token") {
                Some(Value::Secret(token)) => Some(token),
                _ => None,
            },
            seen_from: cwd.to_owned(),
            lock: get!(Path, "registry_lock"),
            lock_named: find(entries, "registry_lock").source.is_explicit(),
            breaker_failures: get!(Count, "breaker_failures"),
            breaker_cool_down: millis("breaker_cool_down_ms"),
        },
    }
}
