//! The one table of settings: files, environment, flags, `config show` and the
//! docs all read it.

/// What a setting's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// STRICT, STANDARD or `OBSERVE_ONLY`.
    Profile,
    /// `true` or `false`.
    Bool,
    /// A positive number of milliseconds.
    Millis,
    /// A number of at least 1.
    Count,
    /// `fsync` or `flush`.
    Durability,
    /// `off`, `asked` or `required`.
    Sandbox,
    /// A path; relative to the file that holds it, else to the current folder.
    Path,
    /// Paths, as [`Kind::Path`]; separated by `:` outside files.
    Paths,
    /// A name.
    Name,
    /// A person's name, alone or as events have it: `user:NAME`.
    User,
    /// A store: `sqlite:PATH`, the path as [`Kind::Path`].
    Store,
    /// The address of a server: `https://host:port`.
    Url,
    /// Folders, as [`Kind::Path`], and addresses of servers; separated by commas
    /// outside files.
    Roots,
    /// Words, separated by commas outside files.
    Words,
    /// Capabilities of a host, separated by commas outside files.
    Capabilities,
    /// Names of hosts, addresses and networks, separated by commas outside files.
    Hosts,
    /// The address of a mail server: `smtps://host:port`.
    Mail,
    /// A program and its arguments, parted by blanks; arguments are not shown.
    Command,
    /// A text that is shown nowhere; from the environment only, because files
    /// are read by others and flags stand in lists of processes.
    Secret,
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// Its name in files, in `--set` and in `config show`.
    pub key: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Its own flag, where it has one; `--set KEY=VALUE` sets any.
    pub flag: Option<&'static str>,
    /// What its value is.
    pub kind: Kind,
    /// Its default as text; `None`: taken from the machine.
    pub default: Option<&'static str>,
    /// What it does.
    pub doc: &'static str,
}

impl KeySpec {
    /// The setting of this name.
    #[must_use]
    pub fn of(key: &str) -> Option<&'static Self> {
        KEYS.iter().find(|spec| spec.key == key)
    }
}

const fn key(
    key: &'static str,
    env: &'static str,
    flag: Option<&'static str>,
    kind: Kind,
    default: Option<&'static str>,
    doc: &'static str,
) -> KeySpec {
    KeySpec {
        key,
        env,
        flag,
        kind,
        default,
        doc,
    }
}

/// Every setting.
pub const KEYS: &[KeySpec] = &[
    key(
        "profile",
        "ROK_PROFILE",
        Some("--profile"),
        Kind::Profile,
        Some("STRICT"),
        "How strictly the audit contract is enforced; a plan can only be stricter.",
    ),
    key(
        "enabled",
        "ROK_ENABLED",
        None,
        Kind::Bool,
        Some("true"),
        "Lifecycle governance: authorization, policies, expectations. Off, a run says so.",
    ),
    key(
        "rac_enabled",
        "RAC_ENABLED",
        None,
        Kind::Bool,
        Some("true"),
        "The audit contract: expectations and reconciliation. Off, a run says so.",
    ),
    key(
        "governance_timeout_ms",
        "ROK_GOVERNANCE_TIMEOUT_MS",
        None,
        Kind::Millis,
        Some("5000"),
        "How long the governance check waits for acknowledgements.",
    ),
    key(
        "default_run_timeout_ms",
        "ROK_DEFAULT_RUN_TIMEOUT_MS",
        None,
        Kind::Millis,
        Some("30000"),
        "The deadline of finalize_run for a plan without max_duration; stops nothing.",
    ),
    key(
        "grace_period_ms",
        "ROK_GRACE_PERIOD_MS",
        None,
        Kind::Millis,
        Some("5000"),
        "Added to the run's time for the deadline of finalize_run.",
    ),
    key(
        "dir",
        "ROK_DIR",
        Some("--dir"),
        Kind::Path,
        Some("runs"),
        "The folder of run folders.",
    ),
    key(
        "durability",
        "ROK_DURABILITY",
        Some("--durability"),
        Kind::Durability,
        Some("fsync"),
        "What is durable before a step starts: fsync survives the loss of power, flush the process.",
    ),
    key(
        "policies",
        "ROK_POLICIES",
        Some("--policies"),
        Kind::Paths,
        Some(""),
        "Cedar policy files, or folders of them; none: rok's own policies alone.",
    ),
    key(
        "execution_policies",
        "ROK_EXECUTION_POLICIES",
        Some("--policy"),
        Kind::Paths,
        Some(""),
        "Files of policies that are injected into new runs: what they require, deny and limit; each run records those that it was created with.",
    ),
    key(
        "sandbox",
        "ROK_SANDBOX",
        None,
        Kind::Sandbox,
        Some("asked"),
        "Which processes run in a sandbox: those of steps that ask for one; all (required); none (off), and the run says so.",
    ),
    key(
        "max_processes",
        "ROK_MAX_PROCESSES",
        None,
        Kind::Count,
        None,
        "Processes at once where the plan has no max_parallel; default: the CPUs.",
    ),
    key(
        "user",
        "ROK_USER",
        None,
        Kind::User,
        None,
        "Who acts, as events name it; default: the user of the operating system.",
    ),
    key(
        "roles",
        "ROK_ROLES",
        None,
        Kind::Words,
        Some(""),
        "The roles of that user, for policies.",
    ),
    key(
        "store",
        "ROK_STORE",
        Some("--store"),
        Kind::Store,
        None,
        "The database that holds the runs, sqlite:PATH; `rok serve` drives them by a pool; what they write is in PATH.files. None: run folders in `dir`.",
    ),
    key(
        "shards",
        "ROK_SHARDS",
        None,
        Kind::Count,
        None,
        "Threads that a server drives the runs of a database on, 1024 at most; default: two a CPU.",
    ),
    key(
        "in_flight",
        "ROK_IN_FLIGHT",
        None,
        Kind::Count,
        Some("256"),
        "Runs of a database that a server has in memory at once; the others wait in the database.",
    ),
    key(
        "lease_ms",
        "ROK_LEASE_MS",
        None,
        Kind::Millis,
        Some("30000"),
        "How long a run of a database stays with a server that says nothing more, 1000 at least; then the next one goes on with it.",
    ),
    key(
        "server",
        "ROK_SERVER",
        Some("--server"),
        Kind::Url,
        None,
        "The server whose runs are meant, such as https://rok.example:5000; none: those in `dir`.",
    ),
    key(
        "token",
        "ROK_TOKEN",
        None,
        Kind::Secret,
        None,
        "The token that is shown to that server, in the environment only.",
    ),
    key(
        "server_timeout_ms",
        "ROK_SERVER_TIMEOUT_MS",
        None,
        Kind::Millis,
        Some("10000"),
        "How long that server may take to answer at all, and a server of `registry_roots` for each answer; then the command is refused.",
    ),
    key(
        "access_policies",
        "ROK_ACCESS_POLICIES",
        None,
        Kind::Paths,
        Some(""),
        "Cedar policies of access to a server; none: what the roles viewer, operator, approver and admin may.",
    ),
    key(
        "tokens",
        "ROK_TOKENS",
        None,
        Kind::Path,
        None,
        "The file of a server's tokens, as `rok token create` makes it; default: .tokens.json in `dir`; with `store` they are in the database.",
    ),
    key(
        "egress_allow",
        "ROK_EGRESS_ALLOW",
        None,
        Kind::Hosts,
        Some("*"),
        "Hosts that http steps may reach: names, *.example.com, addresses, networks; * is every public address. A private one must be named.",
    ),
    key(
        "egress_deny",
        "ROK_EGRESS_DENY",
        None,
        Kind::Hosts,
        Some(""),
        "Hosts that http steps may never reach, whatever egress_allow says.",
    ),
    key(
        "services",
        "ROK_SERVICES",
        None,
        Kind::Path,
        None,
        "The service map (TOML): which worker stands behind a slug; it adds to the five built-in services.",
    ),
    key(
        "agents",
        "ROK_AGENTS",
        None,
        Kind::Path,
        None,
        "The agents' file (TOML): which agents `agent` steps may be given to, and how far each is trusted.",
    ),
    key(
        "synthesis_rules",
        "ROK_SYNTHESIS_RULES",
        None,
        Kind::Path,
        None,
        "The rules (TOML, CEL) by which runs of services are diagnosed, instead of the built-in ones.",
    ),
    key(
        "signing_key",
        "ROK_SIGNING_KEY",
        None,
        Kind::Secret,
        None,
        "The Ed25519 key that attests each sealed run: PKCS#8 PEM, in the environment only.",
    ),
    key(
        "signing_key_file",
        "ROK_SIGNING_KEY_FILE",
        None,
        Kind::Path,
        None,
        "The file of that key, mode 0600, as `rok key new` makes it.",
    ),
    key(
        "registry_roots",
        "ROK_REGISTRY_ROOTS",
        None,
        Kind::Roots,
        Some(".rok/components"),
        "Where components are: folders, and servers (https://host:port) whose components run only where they are locked.",
    ),
    key(
        "registry_token",
        "ROK_REGISTRY_TOKEN",
        None,
        Kind::Secret,
        None,
        "The token that is shown to the servers of `registry_roots`: in the environment only.",
    ),
    key(
        "registry_lock",
        "ROK_REGISTRY_LOCK",
        None,
        Kind::Path,
        Some(".rok/components.lock"),
        "The lock of components, which `rok registry lock` writes: what differs from it does not run.",
    ),
    key(
        "capabilities",
        "ROK_CAPABILITIES",
        None,
        Kind::Capabilities,
        Some(""),
        "What this host offers to components besides what rok tells of it itself (`os:…`, `arch:…`, `sandbox`): words such as gpu or cuda:12.",
    ),
    key(
        "breaker_failures",
        "ROK_BREAKER_FAILURES",
        None,
        Kind::Count,
        Some("5"),
        "So many transient failures of a component in a row open its breaker: it is not started for a while.",
    ),
    key(
        "breaker_cool_down_ms",
        "ROK_BREAKER_COOL_DOWN_MS",
        None,
        Kind::Millis,
        Some("60000"),
        "How long a breaker is open at first; each failed trial doubles it, up to an hour.",
    ),
    key(
        "webhook_secret",
        "ROK_WEBHOOK_SECRET",
        None,
        Kind::Secret,
        None,
        "The key that signs webhooks of a plan's `notify` (HMAC-SHA256), 16 bytes or more: in the environment only.",
    ),
    key(
        "smtp",
        "ROK_SMTP",
        None,
        Kind::Mail,
        None,
        "The server that sends the mail of a plan's `notify`: smtps://host[:465], smtp://host[:587] (STARTTLS, without which nothing is sent), or smtp+plain:// and a host on loopback.",
    ),
    key(
        "smtp_from",
        "ROK_SMTP_FROM",
        None,
        Kind::Name,
        None,
        "The sender of that mail: rok <rok@example.com>.",
    ),
    key(
        "smtp_user",
        "ROK_SMTP_USER",
        None,
        Kind::Name,
        None,
        "The user at that server; none: nobody logs in.",
    ),
    key(
        "smtp_password",
        "ROK_SMTP_PASSWORD",
        None,
        Kind::Secret,
        None,
        "That user's password, in the environment only.",
    ),
    key(
        "smtp_password_file",
        "ROK_SMTP_PASSWORD_FILE",
        None,
        Kind::Path,
        None,
        "The file of that password; it is read for each mail.",
    ),
    key(
        "smtp_password_command",
        "ROK_SMTP_PASSWORD_COMMAND",
        None,
        Kind::Command,
        None,
        "The command that prints that password, such as `bw get password smtp`: words, no shell; it is run for each mail.",
    ),
];

/// Variables that begin like settings and are something else: where settings
/// are, and what a step of a run is told.
pub(crate) const OTHER_VARIABLES: &[&str] = &[
    "ROK_CONFIG",
    "ROK_SERVER",
    "ROK_TOKEN",
    "ROK_LISTEN",
    "ROK_RUN_ID",
    "ROK_STEP_ID",
    "ROK_ATTEMPT",
    "ROK_IDEMPOTENCY_KEY",
    "ROK_INPUTS",
    "ROK_OUTPUT",
    "ROK_ERROR",
    "ROK_USAGE",
    "ROK_ARTIFACTS",
];
