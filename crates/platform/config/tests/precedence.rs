//! Which layer wins, what is refused, and that everything is told at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use rok_config::{
    ConfigFault, Inputs, KEYS, Kind, PasswordSource, SigningKeySource, Source, Value,
};
use rok_log::Durability;
use rok_vocabulary::{Actor, Profile};
use rstest::rstest;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A project and a user's home.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("home/.config/rok")).unwrap();
        fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn project(self, text: &str) -> Self {
        fs::write(self.path("project/rok.toml"), text).unwrap();
        self
    }

    fn user(self, text: &str) -> Self {
        fs::write(self.path("home/.config/rok/config.toml"), text).unwrap();
        self
    }

    fn inputs(&self) -> Inputs {
        Inputs::empty(self.path("project"))
            .env("HOME", self.path("home"))
            .env("ROK_USER", "ada")
    }
}

/// Faults without the folder that they lie in.
fn told(place: &Place, inputs: &Inputs) -> Vec<String> {
    let errors = inputs.resolve().unwrap_err();
    let folder = format!("{}/", place.folder.path().display());
    let lines = errors.faults.iter().map(ToString::to_string);
    lines.map(|line| line.replace(&folder, "")).collect()
}

#[rstest]
#[case::default(false, false, false, false, Profile::Strict, "default")]
#[case::user(
    true,
    false,
    false,
    false,
    Profile::ObserveOnly,
    "home/.config/rok/config.toml:2"
)]
#[case::project(true, true, false, false, Profile::Standard, "project/rok.toml:1")]
#[case::environment(true, true, true, false, Profile::Strict, "environment, ROK_PROFILE")]
#[case::flag(true, true, true, true, Profile::ObserveOnly, "flag --profile")]
#[case::flag_alone(false, false, false, true, Profile::ObserveOnly, "flag --profile")]
#[case::user_and_environment(true, false, true, false, Profile::Strict, "environment, ROK_PROFILE")]
fn the_nearest_layer_wins(
    #[case] user: bool,
    #[case] project: bool,
    #[case] environment: bool,
    #[case] flag: bool,
    #[case] profile: Profile,
    #[case] source: &str,
) {
    let mut place = Place::new();
    if user {
        place = place.user("# mine\nprofile = \"OBSERVE_ONLY\"\n");
    }
    if project {
        place = place.project("profile = \"STANDARD\"\n");
    }
    let mut inputs = place.inputs();
    if environment {
        inputs = inputs.env("ROK_PROFILE", "STRICT");
    }
    if flag {
        inputs = inputs.flag("profile", "OBSERVE_ONLY", "--profile");
    }
    let resolved = inputs.resolve().unwrap();
    assert_eq!(resolved.settings.profile, profile);
    let told = resolved.entry("profile").unwrap().source.to_string();
    assert!(told.ends_with(source), "{told}");
}

/// What a setting cannot be without.
fn with(inputs: Inputs, key: &str) -> Inputs {
    let mail = [
        ("smtp", "ROK_SMTP", "smtps://y"),
        ("smtp_from", "ROK_SMTP_FROM", "y"),
    ];
    let login = [
        ("smtp_user", "ROK_SMTP_USER", "y"),
        ("smtp_password", "ROK_SMTP_PASSWORD", "y"),
    ];
    let needs = match key {
        "smtp" | "smtp_from" => mail.to_vec(),
        "smtp_user" => [mail, login].concat(),
        "smtp_password" | "smtp_password_file" | "smtp_password_command" => {
            [&mail[..], &login[..1]].concat()
        }
        _ => Vec::new(),
    };
    let needs = needs.into_iter().filter(|(needed, ..)| *needed != key);
    needs.fold(inputs, |inputs, (_, name, value)| inputs.env(name, value))
}

#[test]
fn every_setting_can_be_set_in_every_layer() {
    let in_file = |key: &str| match key {
        "profile" => "\"STANDARD\"",
        "durability" => "\"flush\"",
        "sandbox" => "\"required\"",
        "enabled" | "rac_enabled" => "true",
        "policies" | "execution_policies" | "roles" | "access_policies" | "egress_allow"
        | "egress_deny" | "registry_roots" | "capabilities" => "[\"a\"]",
        "store" => "\"sqlite:x\"",
        "server" => "\"https://x\"",
        "lease_ms" => "7000",
        "smtp" => "\"smtps://x\"",
        "smtp_from"
        | "smtp_user"
        | "smtp_password_file"
        | "smtp_password_command"
        | "dir"
        | "user"
        | "signing_key_file"
        | "tokens"
        | "services"
        | "agents"
        | "synthesis_rules"
        | "registry_lock" => "\"x\"",
        _ => "7",
    };
    // A secret comes by the environment alone; see below.
    for spec in KEYS.iter().filter(|spec| spec.kind != Kind::Secret) {
        let text = in_file(spec.key);
        let place = Place::new().project(&format!("{} = {text}\n", spec.key));
        let from_file = with(place.inputs().env("ROK_USER", "ada"), spec.key);
        let from_file = if spec.key == "user" {
            Inputs::empty(place.path("project"))
        } else {
            from_file
        };
        let entry = from_file
            .resolve()
            .unwrap()
            .entry(spec.key)
            .unwrap()
            .clone();
        assert!(
            matches!(entry.source, Source::File { line: 1, .. }),
            "{entry:?}"
        );

        let bare = text.trim_matches(|c| "[]\"".contains(c));
        let place = Place::new();
        let inputs = with(place.inputs().env(spec.env, bare), spec.key);
        let entry_env = inputs.resolve().unwrap().entry(spec.key).unwrap().clone();
        assert_eq!(entry_env.source, Source::Env(spec.env));
        let inputs = with(place.inputs().flag(spec.key, bare, "--set"), spec.key);
        let entry_flag = inputs.resolve().unwrap().entry(spec.key).unwrap().clone();
        assert_eq!(entry_flag.source, Source::Flag("--set".to_owned()));
        assert_eq!(entry_env.value, entry_flag.value, "{}", spec.key);
    }
}

#[test]
fn a_secret_comes_by_the_environment_alone_and_is_never_shown() {
    const SECRET: &str = "-----BEGIN PRIVATE KEY-----";
    let place = Place::new();
    let inputs = place.inputs().env("ROK_SIGNING_KEY", SECRET);
    let resolved = inputs.resolve().unwrap();
    let entry = resolved.entry("signing_key").unwrap();
    assert_eq!(entry.value.as_ref().unwrap().to_string(), "***");
    for shown in [
        format!("{resolved:?}"),
        format!("{inputs:?}"),
        serde_json::to_string(&resolved.entries).unwrap(),
    ] {
        assert!(!shown.contains("PRIVATE"), "{shown}");
    }
    let Some(SigningKeySource::Pem(pem)) = resolved.settings.signing_key else {
        panic!("the key is handed on")
    };
    assert_eq!(pem.expose(), SECRET);

    let place = Place::new().project(&format!("signing_key = \"{SECRET}\"\n"));
    let flag = Place::new();
    for inputs in [
        place.inputs(),
        flag.inputs()
            .flag("signing_key", SECRET, "--set signing_key"),
    ] {
        let error = inputs.resolve().unwrap_err().to_string();
        assert!(error.contains("is a secret"), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}

#[test]
fn two_keys_are_one_too_many() {
    let inputs = Place::new()
        .inputs()
        .env("ROK_SIGNING_KEY", "secret text")
        .env("ROK_SIGNING_KEY_FILE", "rok.key");
    let error = inputs.resolve().unwrap_err().to_string();
    assert!(error.contains("which key signs?"), "{error}");
    assert!(!error.contains("secret text"), "{error}");
}

#[test]
fn defaults_are_the_contracts() {
    let settings = Inputs::empty("/srv")
        .env("ROK_USER", "ada")
        .resolve()
        .unwrap()
        .settings;
    assert_eq!(settings.profile, Profile::Strict);
    assert!(settings.enabled && settings.rac_enabled);
    assert_eq!(settings.governance_timeout, Duration::from_millis(5000));
    assert_eq!(settings.default_run_timeout, Duration::from_millis(30_000));
    assert_eq!(settings.grace_period, Duration::from_millis(5000));
    assert_eq!(settings.dir, Path::new("/srv/runs"));
    assert_eq!(settings.durability, Durability::Fsync);
    assert_eq!(settings.policies, Vec::<PathBuf>::new());
    assert_eq!(settings.max_processes, None);
    assert_eq!(settings.actor(), Actor::User("ada".into()));
}

#[test]
fn paths_in_a_file_lie_beside_it() {
    let place = Place::new().user("dir = \"my-runs\"\npolicies = [\"p.cedar\", \"/abs\"]\n");
    let settings = place.inputs().resolve().unwrap().settings;
    assert_eq!(settings.dir, place.path("home/.config/rok/my-runs"));
    assert_eq!(
        settings.policies,
        [
            place.path("home/.config/rok/p.cedar"),
            PathBuf::from("/abs")
        ]
    );
    let inputs = place
        .inputs()
        .env("ROK_DIR", "r")
        .env("ROK_POLICIES", "a:b");
    let settings = inputs.resolve().unwrap().settings;
    assert_eq!(settings.dir, place.path("project/r"));
    assert_eq!(
        settings.policies,
        [place.path("project/a"), place.path("project/b")]
    );
}

#[test]
fn lists_by_flags_add_up_and_single_values_do_not() {
    let place = Place::new();
    let inputs =
        place
            .inputs()
            .flag("policies", "a", "--policies")
            .flag("policies", "b", "--policies");
    assert_eq!(
        inputs.resolve().unwrap().settings.policies,
        [place.path("project/a"), place.path("project/b")]
    );
    let inputs = place
        .inputs()
        .flag("dir", "a", "--dir")
        .flag("dir", "b", "--set dir");
    assert_eq!(
        told(&place, &inputs),
        ["--set dir: `dir` is set twice by flags"]
    );
}

#[test]
fn another_project_file_can_be_named_and_must_exist() {
    let place = Place::new().project("profile = \"STANDARD\"\n");
    fs::write(
        place.path("project/ci.toml"),
        "profile = \"OBSERVE_ONLY\"\n",
    )
    .unwrap();
    let by_flag = place.inputs().config("ci.toml").resolve().unwrap();
    assert_eq!(by_flag.settings.profile, Profile::ObserveOnly);
    let by_variable = place
        .inputs()
        .env("ROK_CONFIG", "ci.toml")
        .resolve()
        .unwrap();
    assert_eq!(by_variable.settings.profile, Profile::ObserveOnly);
    let gone = place.inputs().config("gone.toml").resolve().unwrap_err();
    assert!(
        matches!(&gone.faults[..], [ConfigFault::Unreadable { .. }]),
        "{gone}"
    );
}

#[rstest]
#[case(
    "ROK_PROFILE",
    "strict",
    "`strict` is no profile (STRICT, STANDARD or OBSERVE_ONLY)"
)]
#[case("ROK_ENABLED", "yes", "`yes` is neither true nor false")]
#[case("RAC_ENABLED", "", "the value is empty")]
#[case(
    "ROK_GOVERNANCE_TIMEOUT_MS",
    "5s",
    "`5s` is no number of milliseconds (write for example 5000)"
)]
#[case(
    "ROK_GRACE_PERIOD_MS",
    "99999999999",
    "`99999999999` milliseconds are more than a year"
)]
#[case("ROK_DURABILITY", "none", "`none` is neither fsync nor flush")]
#[case("ROK_MAX_PROCESSES", "0", "`0` is no number of at least 1")]
#[case(
    "ROK_USER",
    "a\nb",
    "`a\u{fffd}b` is no name of 1 to 128 printable characters"
)]
#[case("ROK_USER", "user:", "`` is no name of 1 to 128 printable characters")]
#[case(
    "ROK_CAPABILITIES",
    "gpu, GPU",
    "`GPU` is no capability (small letters, digits, `.`, `_`, `:` and `-`, as in cuda:12)"
)]
#[case(
    "ROK_CAPABILITIES",
    "os:linux",
    "`os:linux` is told by rok itself (remove it)"
)]
#[case(
    "ROK_CAPABILITIES",
    "sandbox",
    "`sandbox` is told by rok itself (remove it)"
)]
#[case("ROK_ROLES", "a, b c", "`b c` is no word of [A-Za-z0-9._-]{1,64}")]
fn a_variable_that_does_not_parse_is_an_error(
    #[case] name: &str,
    #[case] value: &str,
    #[case] what: &str,
) {
    let place = Place::new();
    let inputs = place.inputs().env(name, value);
    assert_eq!(told(&place, &inputs), [format!("{name}: {what}")]);
}

#[rstest]
#[case(
    "\nprofil = \"STRICT\"",
    "project/rok.toml:2: unknown setting `profil` (did you mean `profile`?)"
)]
#[case("zebra = 1", "project/rok.toml:1: unknown setting `zebra`")]
#[case(
    "[rok]\nprofile = \"STRICT\"",
    "project/rok.toml:1: unknown setting `rok`"
)]
#[case(
    "enabled = \"true\"",
    "project/rok.toml:1: `enabled`: expected a boolean, found a string"
)]
#[case(
    "grace_period_ms = 1.5",
    "project/rok.toml:1: `grace_period_ms`: expected an integer, found a float"
)]
#[case(
    "policies = \"a\"",
    "project/rok.toml:1: `policies`: expected an array, found a string"
)]
#[case(
    "roles = [\"a,b\"]",
    "project/rok.toml:1: `roles`: an item holds a comma"
)]
#[case(
    "roles = [1]",
    "project/rok.toml:1: `roles`: expected strings, found an integer"
)]
fn a_file_is_read_strictly(#[case] text: &str, #[case] what: &str) {
    let place = Place::new().project(text);
    assert_eq!(told(&place, &place.inputs()), [what]);
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let place = Place::new().project("profile = \"STANDARD\"\ndir = runs\n");
    let faults = told(&place, &place.inputs());
    assert!(faults[0].starts_with("project/rok.toml:2: "), "{faults:?}");
}

#[rstest]
#[case("ROK_GOVERNANCE_TIMOUT_MS", Some("ROK_GOVERNANCE_TIMEOUT_MS"))]
#[case("RAC_ENABLE", Some("RAC_ENABLED"))]
#[case("ROK_PROFIL", Some("ROK_PROFILE"))]
#[case("ROK_RUN_ID", None)]
#[case("ROK_ERROR", None)]
#[case("ROK_E0", None)]
#[case("ROK_MY_OWN_THING", None)]
#[case("PROFILE", None)]
fn a_misspelt_variable_is_not_passed_over(#[case] name: &str, #[case] meant: Option<&str>) {
    let place = Place::new();
    let resolved = place.inputs().env(name, "x").resolve();
    match meant {
        None => assert!(resolved.is_ok(), "{resolved:?}"),
        Some(meant) => assert_eq!(
            resolved.unwrap_err().to_string(),
            format!("environment: unknown variable {name} (did you mean {meant}?)")
        ),
    }
}

#[rstest]
#[case::rok_off(&[("ROK_ENABLED", "false"), ("ROK_PROFILE", "STRICT")], &["enabled = false (environment, ROK_ENABLED) contradicts profile = STRICT (environment, ROK_PROFILE): STRICT cannot hold with the audit contract off"])]
#[case::rac_off(&[("RAC_ENABLED", "false"), ("ROK_PROFILE", "STRICT")], &["rac_enabled = false (environment, RAC_ENABLED) contradicts profile = STRICT (environment, ROK_PROFILE): STRICT cannot hold with the audit contract off"])]
#[case::rac_on(&[("ROK_ENABLED", "false"), ("RAC_ENABLED", "true")], &["enabled = false (environment, ROK_ENABLED) contradicts rac_enabled = true (environment, RAC_ENABLED): there is no audit contract without lifecycle governance"])]
#[case::zero(&[("ROK_GRACE_PERIOD_MS", "0")], &["grace_period_ms = 0 (environment, ROK_GRACE_PERIOD_MS): a time must be positive"])]
#[case::negative(&[("ROK_DEFAULT_RUN_TIMEOUT_MS", "-5")], &["default_run_timeout_ms = -5 (environment, ROK_DEFAULT_RUN_TIMEOUT_MS): a time must be positive"])]
#[case::short(&[("ROK_LEASE_MS", "999")], &["lease_ms = 999 (environment, ROK_LEASE_MS): a lease is 1000 ms at least"])]
#[case::none(&[("ROK_LEASE_MS", "0")], &["lease_ms = 0 (environment, ROK_LEASE_MS): a time must be positive"])]
#[case::threads(&[("ROK_SHARDS", "100000")], &["shards = 100000 (environment, ROK_SHARDS): 1024 threads at most"])]
#[case::fine_pool(&[("ROK_LEASE_MS", "1000"), ("ROK_SHARDS", "1024")], &[])]
#[case::fine_off(&[("ROK_ENABLED", "false")], &[])]
#[case::fine_rac_off(&[("RAC_ENABLED", "false")], &[])]
#[case::fine_both_off(&[("ROK_ENABLED", "false"), ("RAC_ENABLED", "false")], &[])]
#[case::fine_standard(&[("ROK_ENABLED", "false"), ("ROK_PROFILE", "STANDARD")], &[])]
fn contradictions(#[case] variables: &[(&str, &str)], #[case] expected: &[&str]) {
    let place = Place::new();
    let inputs = variables
        .iter()
        .fold(place.inputs(), |inputs, (name, value)| {
            inputs.env(name, *value)
        });
    if expected.is_empty() {
        assert!(inputs.resolve().is_ok());
    } else {
        assert_eq!(told(&place, &inputs), expected);
    }
}

#[test]
fn everything_is_told_at_once() {
    let place = Place::new()
        .user("zebra = 1\n")
        .project("profile = \"STRICT\"\nrac_enabled = false\nenabled = false\n");
    let inputs = place
        .inputs()
        .env("ROK_GRACE_PERIOD_MS", "0")
        .env("ROK_DURABILITY", "often")
        .flag("rac_enabled", "true", "--set rac_enabled");
    let faults = told(&place, &inputs);
    assert_eq!(
        faults,
        [
            "home/.config/rok/config.toml:1: unknown setting `zebra`",
            "ROK_DURABILITY: `often` is neither fsync nor flush",
            "enabled = false (project/rok.toml:3) contradicts profile = STRICT (project/rok.toml:1): \
             STRICT cannot hold with the audit contract off",
            "enabled = false (project/rok.toml:3) contradicts rac_enabled = true (flag --set rac_enabled): \
             there is no audit contract without lifecycle governance",
            "grace_period_ms = 0 (environment, ROK_GRACE_PERIOD_MS): a time must be positive",
        ]
    );
}

#[test]
fn nobody_acts_without_a_name() {
    let errors = Inputs::empty("/").resolve().unwrap_err();
    assert_eq!(errors.faults, [ConfigFault::NoUser]);
    let process = Inputs::of_process().unwrap().env("USER", "grace").resolve();
    if let Ok(resolved) = process
        && !resolved.entry("user").unwrap().source.is_explicit()
    {
        assert_eq!(resolved.settings.user, "grace");
    }
}

#[test]
fn values_are_shown_as_they_are_read() {
    let place = Place::new().project("roles = [\"a\", \"b\"]\ngrace_period_ms = 7\n");
    let resolved = place.inputs().resolve().unwrap();
    let shown = |key: &str| {
        resolved
            .entry(key)
            .unwrap()
            .value
            .as_ref()
            .unwrap()
            .to_string()
    };
    assert_eq!(
        (shown("roles"), shown("grace_period_ms")),
        ("a,b".to_owned(), "7".to_owned())
    );
    let json = serde_json::to_value(resolved.entry("roles").unwrap()).unwrap();
    assert_eq!(json["value"], serde_json::json!(["a", "b"]));
    assert_eq!(
        resolved.entry("enabled").unwrap().value,
        Some(Value::Bool(true))
    );
}

#[rstest]
#[case(&[("ROK_SMTP", "smtps://x")], "`smtp` and `smtp_from` belong together")]
#[case(&[("ROK_SMTP_FROM", "a@b")], "`smtp` and `smtp_from` belong together")]
#[case(&[("ROK_SMTP", "smtps://x"), ("ROK_SMTP_FROM", "a@b"), ("ROK_SMTP_USER", "u")], "a password")]
#[case(&[("ROK_SMTP_PASSWORD", "hunter2")], "`smtp_user` and a password")]
#[case(&[("ROK_SMTP_USER", "u"), ("ROK_SMTP_PASSWORD", "hunter2")], "at which server?")]
#[case(&[("ROK_SMTP_PASSWORD", "hunter2"), ("ROK_SMTP_PASSWORD_FILE", "f")], "which password is it?")]
#[case(&[("ROK_SMTP", "smtps://u:hunter2@x")], "is no address of a mail server")]
#[case(&[("ROK_SMTP", "mail.example.com")], "is no address of a mail server")]
fn mail_that_nobody_could_send_is_refused(#[case] set: &[(&str, &str)], #[case] told: &str) {
    let place = Place::new();
    let inputs = set.iter().fold(place.inputs(), |inputs, (name, value)| {
        inputs.env(name, *value)
    });
    let error = inputs.resolve().unwrap_err().to_string();
    assert!(
        error.contains(told) && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn the_arguments_of_a_command_are_not_shown() {
    let place = Place::new();
    let inputs = with(place.inputs(), "smtp_password_command");
    let inputs = inputs.env("ROK_SMTP_PASSWORD_COMMAND", " bw get  hunter2 ");
    let resolved = inputs.resolve().unwrap();
    let entry = resolved.entry("smtp_password_command").unwrap();
    assert_eq!(entry.value.as_ref().unwrap().to_string(), "bw …");
    let command = PasswordSource::Command(["bw", "get", "hunter2"].map(str::to_owned).to_vec());
    let mail = resolved.settings.mail.unwrap();
    assert_eq!(mail.login, Some(("y".to_owned(), command)));
}

#[test]
fn a_root_of_components_is_a_folder_or_a_server() {
    use rok_config::RegistryRoot;
    let place = Place::new().project("registry_roots = [\"parts\", \"https://rok.example/\"]\n");
    let settings = place.inputs().resolve().unwrap().settings;
    let expected = [
        RegistryRoot::Folder(place.path("project").join("parts")),
        RegistryRoot::Server("https://rok.example".to_owned()),
    ];
    assert_eq!(settings.registry.roots, expected);
    assert!(settings.registry.roots_named);
    let settings = Place::new().inputs().resolve().unwrap().settings;
    assert!(!settings.registry.roots_named);

    let place = Place::new();
    let inputs = place.inputs().env("ROK_REGISTRY_ROOTS", "a,http://x/y");
    assert!(inputs.resolve().is_err());
}

#[test]
fn a_server_s_address_does_not_show_what_may_be_a_password() {
    let inputs = Place::new()
        .inputs()
        .env("ROK_SERVER", "https://u:hunter2@x");
    let error = inputs.resolve().unwrap_err().to_string();
    let told = "the value is no address of a server";
    assert!(
        error.contains(told) && !error.contains("hunter2"),
        "{error}"
    );
}

/// A name may be written as events have it.
#[rstest]
#[case("ada")]
#[case("user:ada")]
fn a_user_is_the_same_with_and_without_the_word(#[case] name: &str) {
    let place = Place::new();
    let resolved = place.inputs().env("ROK_USER", name).resolve().unwrap();
    assert_eq!(resolved.settings.actor().to_string(), "user:ada");
}
