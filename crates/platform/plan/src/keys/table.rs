//! The table itself.

use rok_vocabulary::{Federation, PlanMode, Profile, TrustLevel};

use crate::http::Redirects;

use super::{KeySpec, Names, Place, Support, Ty};

const POSITIVE: Ty = Ty::Duration { zero: false };
const DURATION: Ty = Ty::Duration { zero: true };
const ENV: Ty = Ty::Map(Names::Env, &Ty::Template);
const STEP_IDS: Ty = Ty::List(&Ty::StepId);
const TYPES: Ty = Ty::Words(
    &["string", "integer", "number", "boolean", "array", "object"],
    &[],
);
/// More attempts than this are a loop, and a loop wants a condition.
const MAX_RETRIES: i64 = 100;
/// What a step may hand on is no larger than this.
const MAX_ANSWER: i64 = 32 * 1024 * 1024;
/// More at once than this is more than a machine can hold open.
const MAX_PARALLEL: i64 = 10_000;

/// What 64 bits can count in bytes, and far more than a machine has.
const MAX_MIB: i64 = 1 << 40;
/// A port; 0 is none.
const PORT: Ty = Ty::Whole {
    min: 1,
    max: 65_535,
};

const fn key(place: Place, key: &'static str, ty: Ty, doc: &'static str) -> KeySpec {
    KeySpec {
        place,
        key,
        doc,
        required: false,
        default: None,
        support: Support::Now,
        ty,
    }
}

impl KeySpec {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }
}

use Place::{
    Approvers, Artifact, Budget, Compensate, Concurrency, Defaults, Expect, Http, Input, Notify,
    Output, Overrides, Plan, Retry, Sandbox, Step,
};

/// Every key of the format.
pub const KEYS: &[KeySpec] = &[
    key(Plan, "plan", Ty::PlanId, "The plan's id.").required(),
    key(Plan, "version", Ty::Whole { min: 0, max: i64::MAX }, "The author's version number.").or("1"),
    key(Plan, "name", Ty::Text, "Shown to people."),
    key(Plan, "description", Ty::Text, "Shown to people."),
    key(Plan, "labels", Ty::Map(Names::Any, &Ty::Text), "Labels of every run of the plan."),
    key(Plan, "profile", Ty::Words(Profile::WORDS, &[]), "The least strict audit profile that the plan accepts; a plan can only be stricter than its server."),
    key(Plan, "order", Ty::Words(&["dag", "sequential"], &[]), "How steps follow each other besides their edges: `sequential` makes each wait for the one before it.").or("`dag`"),
    key(Plan, "success", Ty::Words(&["required", "any"], &[]), "Which steps must succeed for the run not to fail: every required one, or any one at all. Where others failed it is `partial`.").or("`required`"),
    key(Plan, "max_duration", POSITIVE, "Active time that a run may take; time under a hold does not count.").or("no limit"),
    key(Plan, "max_parallel", Ty::Whole { min: 1, max: MAX_PARALLEL }, "Steps at once within a run.").or("CPUs for processes, 64 for the rest"),
    key(Plan, "on_failure", Ty::Words(&["stop", "rollback"], &[]), "What a run does whose execution failed, timed out or was cancelled: `rollback` runs the compensations of the steps that succeeded, before the governance check.").or("`stop`"),
    key(Plan, "default_mode", Ty::Words(PlanMode::WORDS, &[]), "Where steps are done that do not say it with `mode`.").or("`local`"),
    key(Plan, "inputs", Ty::Map(Names::Input, &Ty::Object(Input)), "Declared inputs, checked before the run exists."),
    key(Plan, "env", ENV, "Environment of every process step. Names that begin with `ROK_` are ours."),
    key(Plan, "secrets", Ty::List(&Ty::SecretName), "Names of the secrets that steps may use; values come from the environment or a secrets file and are never logged."),
    key(Plan, "overrides", Ty::Object(Overrides), "How often a failed hard gate may be overridden, and for how long; without it, never.").or("no override is permitted"),
    key(Plan, "defaults", Ty::Object(Defaults), "What holds for every step that does not say otherwise."),
    key(Plan, "steps", Ty::Map(Names::Step, &Ty::Object(Step)), "The steps, by id. Within what is ready, their order decides.").required(),
    key(Plan, "priority", Ty::Whole { min: -100, max: 100 }, "Rank among the runs that wait, under `rok serve`.").or("0"),
    key(Plan, "concurrency", Ty::Object(Concurrency), "How many runs with the same key go on at once, among those of one folder of runs."),
    key(Plan, "budget", Ty::Object(Budget), "What a run may use up, over all its epochs. Steps report cost, tokens and energy by `ROK_USAGE`."),
    key(Plan, "notify", Ty::List(&Ty::Object(Notify)), "Who is told how a run ended, of runs in a database (`rok serve --store sqlite:PATH`, with the setting `webhook_secret` or `smtp`); the plan of a `plan` step has none."),
    key(Plan, "expect", Ty::List(&Ty::Object(Expect)), "Obligations on top of the standard ones of the audit contract: `artifacts/emit` with the path of an artifact, `steps/succeed` with a step. Without them the run does not complete."),
    key(Plan, "policies", Ty::List(&Ty::Text), "Policy files that the run is checked against besides the configured ones: absolute, or relative to the plan file's folder."),

    key(Step, "run", Ty::Command, "A process: a text is a shell line, a list is an argument vector that no shell sees."),
    key(Step, "call", Ty::Text, "An in-process function, by the name that the embedder registered."),
    key(Step, "http", Ty::Object(Http), "An HTTP request. Its outputs are `status`, `headers` and `body`."),
    key(Step, "service", Ty::Text, "A service of the service map, by its slug: it is called for the site that the inputs `website_id` and `domain` name, which the plan declares. Its answer is the outputs."),
    key(Step, "agent", Ty::Text, "Work of an agent, by the capability that does it: in this process, or one that the setting `agents` names. It is told its `with`, and its answer is the outputs."),
    key(Step, "plan", Ty::PlanId, "A run of another plan, with a record of its own: `ID.yaml` (`.yml`, `.toml`, `.json`) beside this plan's file, or in `plans/` beside it, or a built-in plan. Found once, when the run is created."),
    key(Step, "with", Ty::Map(Names::Input, &Ty::Template), "The inputs of its `plan`, or what its `agent` works on."),
    key(Step, "name", Ty::Text, "Shown to people."),
    key(Step, "description", Ty::Text, "Shown to people."),
    key(Step, "needs", STEP_IDS, "Runs only if these steps succeeded; if one failed or was skipped, this step is skipped."),
    key(Step, "after", STEP_IDS, "Order only: runs once these steps are finished, however they finished."),
    key(Step, "if", Ty::Condition, "Runs only if this holds; otherwise it is skipped, which is no failure."),
    key(Step, "skip_reason", Ty::Text, "Why it is skipped where its `if` does not hold: the record says so.").or("`its condition is false`"),
    key(Step, "gate", Ty::Words(&["hard", "manual"], &[]), "What it guards: the failure of a `hard` gate stops whatever has not started; a `manual` gate waits for a person before it runs."),
    key(Step, "approvers", Ty::Object(Approvers), "Who may approve a manual gate, and how many must.").or("anybody, one person"),
    key(Step, "expires", POSITIVE, "How long a manual gate waits, in wall time, before it fails.").or("for ever"),
    key(Step, "required", Ty::Bool, "Whether its failure fails the run.").or("`true`"),
    key(Step, "timeout", POSITIVE, "How long an attempt may take.").or("no limit but the run's"),
    key(Step, "kill_grace", DURATION, "From SIGTERM to SIGKILL.").or("`5s`"),
    key(Step, "retry", Ty::Object(Retry), "When and how often it is tried again.").or("never"),
    key(Step, "idempotent", Ty::Bool, "Whether it may be repeated at all; `false` forbids retries and makes an interrupted attempt a failure that asks for a decision.").or("`true`"),
    key(Step, "deprecated", Ty::Text, "What it runs is deprecated: why, and what to use instead. The record warns of it when the step starts."),
    key(Step, "shell", Ty::Words(&["sh", "bash"], &[]), "The shell of a shell line: `/bin/sh -e -c` or `bash -eo pipefail -c`.").or("`sh`"),
    key(Step, "env", ENV, "Its environment on top of the plan's."),
    key(Step, "cwd", Ty::Template, "Its working directory.").or("the plan file's folder"),
    key(Step, "outputs", Ty::Map(Names::Input, &Ty::Object(Output)), "What it hands on; what it writes to `ROK_OUTPUT` is checked against this."),
    key(Step, "artifacts", Ty::List(&Ty::Object(Artifact)), "Files that it makes."),
    key(Step, "mode", Ty::Words(PlanMode::WORDS, &[]), "Where its process is done: here, by an agent that can `run`, or by such an agent and here where none does it.").or("the plan's `default_mode`"),
    key(Step, "for_each", Ty::Items, "Fan-out over a CEL list of at most 10,000 items: one child for each, `id[0]`, `id[1]` and so on, with `${{ item }}` and `${{ item_index }}`. Its outputs are the list of theirs."),
    key(Step, "max_parallel", Ty::Whole { min: 1, max: MAX_PARALLEL }, "Children of its `for_each` at once.").or("the run's"),
    key(Step, "compensate", Ty::Object(Compensate), "What undoes it, when the run is rolled back; of a `for_each`, each child that succeeded."),
    key(Step, "reads", Ty::List(&Ty::Template), "Files that it reads: paths or patterns, relative to its working directory. A path that is absent fails the step before it starts."),
    key(Step, "cache", Ty::Bool, "Takes its result from an earlier run of the same inputs: command, environment, files that it `reads`, and what the steps before it made.").or("`false`"),
    key(Step, "sandbox", Ty::Object(Sandbox), "What its processes may reach and use, and those of its compensation; the kernel refuses all else. Where it cannot, the step does not start. `{}` is the strictest.").or("whatever this user may"),
    key(Step, "fallback", Ty::StepId, "The step to run instead when this one finally fails, retries included. It runs only then; its success and its outputs stand for this one's, and the run's outcome is `partial`."),
    key(Step, "capabilities", Ty::List(&Ty::Text), "What else the agent that does it must be able to do."),
    key(Step, "region", Ty::Text, "Where the agent that does it should be; one elsewhere is asked only after those."),
    key(Step, "min_trust", Ty::Words(TrustLevel::WORDS, &[]), "The least trust that the agent that does it must have.").or("`UNVERIFIED`"),
    key(Step, "federation", Ty::Words(Federation::WORDS, &[]), "Which agents are preferred, local or remote ones, and whether local ones take over where a remote one is too slow, answers with a wrong signature, or too few can be reached; under `quarantine` the step is refused instead.").or("as the agents' file says"),
    key(Step, "max_latency", POSITIVE, "How long a remote agent may take before the step is taken away from it.").or("as the agents' file says"),

    key(Input, "type", TYPES, "Its type.").required(),
    key(Input, "default", Ty::Json, "The value when none is given; without one the input must be given."),
    key(Input, "description", Ty::Text, "Shown to people."),
    key(Input, "enum", Ty::List(&Ty::Json), "The values that are allowed."),
    key(Input, "minimum", Ty::Number, "The least number allowed."),
    key(Input, "maximum", Ty::Number, "The greatest number allowed."),
    key(Input, "minLength", Ty::Whole { min: 0, max: i64::MAX }, "The fewest characters allowed."),
    key(Input, "maxLength", Ty::Whole { min: 0, max: i64::MAX }, "The most characters allowed."),

    key(Output, "type", TYPES, "Its type.").required(),
    key(Output, "description", Ty::Text, "Shown to people."),
    key(Output, "enum", Ty::List(&Ty::Json), "The values that are allowed."),
    key(Output, "minimum", Ty::Number, "The least number allowed."),
    key(Output, "maximum", Ty::Number, "The greatest number allowed."),
    key(Output, "minLength", Ty::Whole { min: 0, max: i64::MAX }, "The fewest characters allowed."),
    key(Output, "maxLength", Ty::Whole { min: 0, max: i64::MAX }, "The most characters allowed."),

    key(Retry, "max", Ty::Whole { min: 0, max: MAX_RETRIES }, "Attempts after the first.").or("0"),
    key(Retry, "classes", Ty::List(&Ty::RetryClass), "The error classes that are tried again: `transient_io`, `timeout`, `worker_lost`; of a hard gate, `transient_io` alone.").or("`[transient_io]`"),
    key(Retry, "base", DURATION, "Delay before the first retry; doubles each time, plus up to a tenth.").or("`2s`"),
    key(Retry, "max_delay", DURATION, "The longest delay.").or("`60s`"),

    key(Defaults, "timeout", POSITIVE, "How long an attempt may take."),
    key(Defaults, "kill_grace", DURATION, "From SIGTERM to SIGKILL."),
    key(Defaults, "retry", Ty::Object(Retry), "When and how often a step is tried again; a step's own `retry` overrides it key by key."),
    key(Defaults, "idempotent", Ty::Bool, "Whether steps may be repeated at all."),
    key(Defaults, "shell", Ty::Words(&["sh", "bash"], &[]), "The shell of shell lines."),
    key(Defaults, "cwd", Ty::Template, "The working directory of process steps."),
    key(Defaults, "sandbox", Ty::Object(Sandbox), "What the processes of steps may reach and use; a step's own `sandbox` stands in its place, as a whole."),

    key(Artifact, "path", Ty::Template, "Its path, or a pattern (`*`, `**`, `?`, `[a-z]`, `{a,b}`), absolute or relative to the step's working directory.").required(),
    key(Artifact, "required", Ty::Bool, "Whether the step fails when there is none.").or("`false`"),

    key(Http, "method", Ty::Words(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], &[]), "The method.").or("`GET`"),
    key(Http, "url", Ty::Template, "The address.").required(),
    key(Http, "headers", Ty::Map(Names::Any, &Ty::Template), "Headers."),
    key(Http, "body", Ty::Json, "The body: text as it is, anything else as JSON."),
    key(Http, "expect", Ty::List(&Ty::Whole { min: 200, max: 599 }), "The statuses that are a success.").or("2xx"),
    key(Http, "redirects", Ty::Words(Redirects::WORDS, &[]), "Where redirects may lead: to the same scheme, host and port; anywhere, without the plan's own headers; nowhere, then a redirect is the answer.").or("`same_host`"),
    key(Http, "max_bytes", Ty::Whole { min: 1, max: MAX_ANSWER }, "The most of an answer's body that is read; a longer one fails the step.").or("8388608"),

    key(Compensate, "run", Ty::Command, "A process, as in a step."),
    key(Compensate, "call", Ty::Text, "A registered function, as in a step."),
    key(Compensate, "shell", Ty::Words(&["sh", "bash"], &[]), "The shell of a shell line.").or("the step's"),
    key(Compensate, "timeout", POSITIVE, "How long it may take.").or("the step's"),

    key(Approvers, "any_of", Ty::List(&Ty::Text), "Who may approve: `user:NAME` or `role:NAME`.").or("anybody"),
    key(Approvers, "count", Ty::Whole { min: 1, max: 100 }, "How many must; the same person counts once.").or("1"),
    key(Approvers, "not_submitter", Ty::Bool, "Whether it must be another person than the one who submitted the run.").or("`false`"),

    key(Concurrency, "key", Ty::Template, "Runs with the same key count together.").required(),
    key(Concurrency, "limit", Ty::Whole { min: 1, max: MAX_PARALLEL }, "How many go on at once.").or("1"),
    key(Concurrency, "on_limit", Ty::Words(&["queue", "reject", "cancel_oldest"], &[]), "What the next one does: waits until a place is free, first come, first served; is not created; or has the oldest cancelled, and takes its place.").or("`queue`"),

    key(Budget, "max_cost_usd", Ty::Number, "Cost in US dollars, as reported."),
    key(Budget, "max_energy_kwh", Ty::Number, "Energy in kilowatt hours, as reported."),
    key(Budget, "max_steps", Ty::Whole { min: 1, max: i64::MAX }, "Attempts at steps, retries and children included."),
    key(Budget, "max_tokens", Ty::Whole { min: 1, max: i64::MAX }, "Tokens of language models, as reported."),
    key(Budget, "max_time", POSITIVE, "Time of the attempts, summed."),
    key(Budget, "on_exceeded", Ty::Words(&["fail", "hold"], &[]), "What then happens: the run is stopped and fails, or it is held until `rok unpause`.").or("`fail`"),

    key(Overrides, "max", Ty::Whole { min: 0, max: 100 }, "How many a run may have.").or("1"),
    key(Overrides, "expires", POSITIVE, "How long one is good for: after that, `resume` refuses it.").or("`24h`"),
    key(Overrides, "any_of", Ty::List(&Ty::Text), "Who may override: `user:NAME` or `role:NAME`.").or("anybody"),
    key(Overrides, "not_submitter", Ty::Bool, "Whether it must be another person than the one who submitted the run.").or("`false`"),

    key(Notify, "email", Ty::Text, "An address that a mail is sent to, as often as it takes; an entry has either this or `webhook`."),
    key(Notify, "webhook", Ty::Text, "An `http` or `https` address that a signed CloudEvent is posted to, as often as it takes."),

    key(Sandbox, "read", Ty::List(&Ty::Text), "Files and folders that may be read and executed, besides the system's programs and libraries and the step's working directory: absolute, or relative to that. No expressions, no patterns, no symbolic links."),
    key(Sandbox, "write", Ty::List(&Ty::Text), "Files and folders that may be changed too, besides `ROK_ARTIFACTS` and a `TMPDIR` of the attempt's own."),
    key(Sandbox, "network", Ty::Words(&["none", "any"], &["loopback"]), "Whom processes may talk to: nobody, not even sockets of this machine; or anybody. This machine alone is nothing that the kernel can hold them to: name ports by `connect` and `bind`.").or("`none`"),
    key(Sandbox, "connect", Ty::List(&PORT), "TCP ports that they may connect to, of any machine. There is no other network then, no look-up of names over UDP either."),
    key(Sandbox, "bind", Ty::List(&PORT), "TCP ports that they may listen on, besides one that the kernel chooses for whoever names none. Without it they listen on none."),
    key(Sandbox, "max_cpu", POSITIVE, "Processor time of each process, in whole seconds.").or("no limit"),
    key(Sandbox, "max_memory_mib", Ty::Whole { min: 1, max: MAX_MIB }, "Address space of each process, in MiB.").or("no limit"),
    key(Sandbox, "max_open_files", Ty::Whole { min: 3, max: 1_048_576 }, "Open files of each process, its standard streams included.").or("no limit"),
    key(Sandbox, "max_processes", Ty::Whole { min: 1, max: 4_194_304 }, "Processes and threads at once; 1: it can start none. More than one cannot be bounded for the user root.").or("no limit"),
    key(Sandbox, "max_file_mib", Ty::Whole { min: 1, max: MAX_MIB }, "The size of each file that is written, in MiB.").or("no limit"),

    key(Expect, "domain", Ty::Text, "The domain that owes it.").required(),
    key(Expect, "action", Ty::Text, "What it owes.").required(),
    key(Expect, "key", Ty::Text, "Which artifact, which step."),
];
