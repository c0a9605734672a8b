//! What an attempt comes of, as one digest: its resolved definition, by which
//! two attempts can be told to be the same work. Secrets count by their names.

use crate::compiled::StepIx;
use crate::needs::Needs;
use crate::request::{ResolvedAction, ResolvedArtifact, ResolvedStep};
use crate::state::RunState;
use alloc::string::String;
use alloc::vec::Vec;
use rok_chain::Digest;
use rok_events::InputsHash;
use rok_expr::{Part, SecretText, Template};
use rok_plan::{Action, Plan, ResolvedRequest, Shell, Step};
use serde_json::Map;

/// Begins every digest: what is hashed, and in which form.
const FORM: &str = "rok-inputs-1";

/// Texts one after another, so that no two lists of them look the same.
#[derive(Debug)]
struct Feed(Vec<u8>);

impl Feed {
    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: usize) {
        self.0.extend_from_slice(&(number as u64).to_le_bytes());
    }

    fn secret_text(&mut self, text: &SecretText) {
        self.number(text.parts().len());
        for part in text.parts() {
            match part {
                Part::Text(plain) => {
                    self.text("text");
                    self.text(plain);
                }
                Part::Secret(name) => {
                    self.text("secret");
                    self.text(name.as_str());
                }
            }
        }
    }

    fn request(&mut self, request: &ResolvedRequest) {
        self.text("http");
        self.text(&request.method);
        self.text(&request.url);
        self.pairs(&request.headers);
        self.number(usize::from(request.body.is_some()));
        if let Some(body) = &request.body {
            self.number(usize::from(body.json));
            self.secret_text(&body.text);
        }
    }

    fn pairs(&mut self, pairs: &[(String, SecretText)]) {
        self.number(pairs.len());
        for (name, value) in pairs {
            self.text(name);
            self.secret_text(value);
        }
    }
}

impl ResolvedStep {
    /// The digest of everything that is resolved here.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut feed = Feed(Vec::with_capacity(256));
        feed.text(FORM);
        match &self.action {
            ResolvedAction::Argv(argv) => {
                feed.text("argv");
                feed.number(argv.len());
                for argument in argv {
                    feed.text(argument);
                }
            }
            ResolvedAction::Shell {
                shell,
                script,
                values,
            } => {
                feed.text(if *shell == Shell::Bash { "bash" } else { "sh" });
                feed.text(script);
                feed.pairs(values);
            }
            ResolvedAction::Plan { id, inputs } => {
                feed.text("plan");
                feed.text(id.as_str());
                let values = serde_json::to_string(&(&inputs.values, &inputs.texts));
                feed.text(&values.expect("JSON values are always JSON"));
            }
            ResolvedAction::Agent { ask, with } => {
                feed.text("agent");
                feed.text(ask.capability.as_str());
                feed.number(ask.capabilities.len());
                for also in &ask.capabilities {
                    feed.text(also.as_str());
                }
                feed.text(ask.min_trust.as_str());
                feed.text(ask.region.as_deref().unwrap_or_default());
                let with = serde_json::to_string(with);
                feed.text(&with.expect("JSON values are always JSON"));
            }
            ResolvedAction::Http(request) => feed.request(request),
            ResolvedAction::Service {
                service,
                site,
                domain,
            } => {
                for part in ["service", service, site, domain] {
                    feed.text(part);
                }
            }
            ResolvedAction::Call {
                function,
                needs,
                item,
            } => {
                feed.text("call");
                feed.text(function);
                feed.number(usize::from(item.is_some()));
                if let Some((item, place)) = item {
                    feed.text(&alloc::string::ToString::to_string(item));
                    feed.number(*place as usize);
                }
                // By its digest: children of a fan-out share that, and the text may be long.
                feed.text(&needs.digest().to_hex());
            }
        }
        feed.pairs(&self.env);
        feed.text(self.cwd.as_deref().unwrap_or_default());
        feed.number(self.artifacts.len());
        for artifact in &self.artifacts {
            feed.text(&artifact.path);
            feed.number(usize::from(artifact.required) + 2 * usize::from(artifact.pattern));
        }
        for path in &self.reads {
            feed.text("reads");
            feed.text(&path.path);
            feed.number(usize::from(path.pattern));
        }
        Digest::of(&feed.0)
    }

    /// The label of [`ResolvedStep::digest`].
    #[must_use]
    pub fn label(&self) -> InputsHash {
        label(self.digest())
    }
}

fn label(digest: Digest) -> InputsHash {
    let hex = digest.hex();
    let hex = core::str::from_utf8(&hex).expect("hex digits are ASCII");
    InputsHash::of(hex).expect("a digest has 64 hex digits")
}

impl RunState {
    /// The label of what an attempt of a step would come of now; `None` where
    /// its expressions cannot be evaluated.
    #[must_use]
    pub fn inputs_label(&self, ix: StepIx) -> Option<InputsHash> {
        let step = self.definition(ix);
        if step.cache || !step.reads.is_empty() {
            // It comes of files too: the attempt's end tells of what.
            return None;
        }
        let fixed = self.plan().fixed_inputs(self.origin(ix));
        if let Some(label) = fixed.filter(|_| self.is_given_nothing(step)) {
            return Some(label);
        }
        self.resolve(ix).ok().map(|step| step.label())
    }

    /// Whether no step before left anything that a function would be given.
    fn is_given_nothing(&self, step: &Step) -> bool {
        let mut needs = step.needs.iter();
        !matches!(step.action, Action::Call(_))
            || needs.all(|need| self.outputs(*need as StepIx).is_none())
    }
}

/// The label of a step that reads nothing of its run: of a function, where the
/// steps before it left nothing.
pub(crate) fn fixed(plan: &Plan, step: &Step) -> Option<InputsHash> {
    let literal = |template: &Template| template.as_literal().map(String::from);
    let action = match &step.action {
        Action::Argv(argv) => {
            ResolvedAction::Argv(argv.iter().map(literal).collect::<Option<_>>()?)
        }
        Action::Shell { shell, line } if line.values().is_empty() => ResolvedAction::Shell {
            shell: *shell,
            script: line.script().into(),
            values: Vec::new(),
        },
        Action::Call(function) if step.for_each.is_none() => ResolvedAction::Call {
            function: function.clone(),
            needs: Needs::new(Map::new()),
            item: None,
        },
        Action::Shell { .. }
        | Action::Call(_)
        | Action::Http(_)
        | Action::Service { .. }
        | Action::Agent(_)
        | Action::Plan { .. } => return None,
    };
    let env = plan.env.iter().chain(&step.env);
    let env = env.map(|(name, value)| Some((name.clone(), SecretText::plain(literal(value)?))));
    let artifacts = step.artifacts.iter().map(|artifact| {
        Some(ResolvedArtifact {
            path: literal(&artifact.path)?,
            required: artifact.required,
            pattern: artifact.is_pattern(),
        })
    });
    let step = ResolvedStep {
        action,
        env: env.collect::<Option<_>>()?,
        cwd: match &step.cwd {
            Some(cwd) => Some(literal(cwd)?),
            None => None,
        },
        artifacts: artifacts.collect::<Option<_>>()?,
        reads: Vec::new(),
    };
    Some(step.label())
}
