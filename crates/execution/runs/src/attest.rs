//! Attesting: the two statements of a sealed and intact run, signed and laid
//! beside its log.

use crate::engine::Runs;
use crate::fault;
use crate::home::Home;
use crate::load::plan_of;
use crate::proof::{ATTESTATION, PROVENANCE_FILE};
use crate::record::Record;
use crate::vouched::Vouched;
use rok_attest::{Envelope, SigningKey};
use rok_chain::LogState;
use rok_facades::runs::{
    AttestOptions, Attested, CommandAnswer, ErrorKind, RunsError, VerifyVerdict,
};
use rok_vocabulary::RunId;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

/// Where a key is.
#[derive(Clone)]
pub enum KeySource {
    /// The key itself, PEM.
    Pem(Zeroizing<String>),
    /// A file, mode 0600.
    File(PathBuf),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(_) => f.write_str("Pem(***)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl KeySource {
    fn read(&self) -> Result<SigningKey, RunsError> {
        let refused = |message: String| {
            RunsError::new(ErrorKind::Usage, "ROK0140", message)
                .help("`rok key new --out FILE` makes a key; ROK_SIGNING_KEY_FILE names it")
        };
        match self {
            Self::Pem(pem) => SigningKey::from_pem(pem)
                .map_err(|why| refused(format!("the key in ROK_SIGNING_KEY {why}"))),
            Self::File(path) => {
                SigningKey::read(path).map_err(|error| refused(fault::chain(&error)))
            }
        }
    }
}

/// The key that attests each sealed run. It is read once: all engines that have
/// a clone of this hold it from then on, wherever its file goes.
#[derive(Debug, Clone)]
pub struct Signing {
    source: KeySource,
    key: Arc<OnceLock<Arc<SigningKey>>>,
}

impl From<KeySource> for Signing {
    fn from(source: KeySource) -> Self {
        Self {
            source,
            key: Arc::default(),
        }
    }
}

impl Signing {
    fn key(&self) -> Result<Arc<SigningKey>, RunsError> {
        if let Some(key) = self.key.get() {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(self.source.read()?);
        Ok(Arc::clone(self.key.get_or_init(|| key)))
    }
}

impl Runs {
    /// Reads the key that attests each sealed run, where one is configured, and
    /// holds it for all that is sealed here.
    pub fn hold_key(&self) -> Result<(), RunsError> {
        self.signing_key().map(drop)
    }

    /// The configured key; `None`: none is configured.
    pub(crate) fn signing_key(&self) -> Result<Option<Arc<SigningKey>>, RunsError> {
        self.setup.signing.as_ref().map(Signing::key).transpose()
    }

    /// The key that is to sign.
    pub(crate) fn key_of(&self, options: &AttestOptions) -> Result<Arc<SigningKey>, RunsError> {
        if let Some(key) = &options.key {
            return Ok(Arc::clone(key));
        }
        self.signing_key()?.ok_or_else(|| {
            RunsError::new(ErrorKind::Usage, "ROK0140", "there is no key to sign by").help(
                "name one by --key FILE or ROK_SIGNING_KEY_FILE; `rok key new --out FILE` makes one",
            )
        })
    }

    pub(crate) fn attest_run(
        &self,
        run: &RunId,
        options: &AttestOptions,
    ) -> Result<Attested, RunsError> {
        let key = self.key_of(options)?;
        let store = self.store_of(run);
        let vouched = Vouched::read(&store, run);
        let replaced = vouched.lines();
        refuse_unfit(&store, run, &vouched)?;
        let log = store.read(run).map_err(|error| fault::store(&error))?;
        // What a signature says once is not unsaid.
        vouched.hold(run, &log.bytes)?;
        vouched.may_be_replaced(run, &key.public())?;
        let (plan, _) = plan_of(&store, run, &log)?;
        let mut record = Record::new(plan, run.clone(), crate::submit::results(&store));
        for line in log.lines() {
            record
                .line(line)
                .map_err(|error| unfit(run, &fault::chain(&error)))?;
        }
        let said = record.statements(&log.bytes);
        let said = said.ok_or_else(|| unsealed(run))?;
        // The provenance first: the record's envelope is the one that is asked for.
        for (file, statement) in [
            (PROVENANCE_FILE, &said.provenance),
            (ATTESTATION, &said.audit),
        ] {
            let envelope = Envelope::seal(&statement.to_json(), &key);
            store
                .lay_beside(run, file, &envelope.to_json())
                .map_err(|error| fault::store(&error))?;
        }
        Ok(Attested {
            run_id: run.clone(),
            files: vec![ATTESTATION.into(), PROVENANCE_FILE.into()],
            key_id: key.public().id().to_string(),
            lines: record.replay().count(),
            head: record.replay().head().to_hex(),
            replaced,
        })
    }

    /// Attests what a command closed while nobody drove the run. The command is
    /// recorded whatever comes of it.
    pub(crate) fn attest_after(
        &self,
        run: &RunId,
        answer: &CommandAnswer,
    ) -> Result<(), RunsError> {
        let here = *answer == (CommandAnswer::Done { by_owner: false });
        if !here || self.setup.signing.is_none() || !self.load(run)?.state().is_sealed() {
            return Ok(());
        }
        match self.attest_closed(run) {
            Some(Err(mut error)) => {
                let message = error.message;
                error.message = format!("the decision is recorded and closed the run: {message}");
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Attests a run that was just closed, where a key is configured.
    pub(crate) fn attest_closed(&self, run: &RunId) -> Option<Result<Attested, RunsError>> {
        self.setup.signing.as_ref()?;
        Some(self.attest_run(run, &AttestOptions::default()))
    }
}

fn unsealed(run: &RunId) -> RunsError {
    let message = format!("run {run} is not sealed: there is nothing final to attest");
    RunsError::new(ErrorKind::State, "ROK0141", message)
        .help("`rok explain` says what it waits for, `rok resume` goes on with it")
}

fn unfit(run: &RunId, what: &str) -> RunsError {
    let message = format!("run {run} is not what was recorded, and is not attested: {what}");
    RunsError::new(ErrorKind::Protocol, "ROK0141", message)
        .help("`rok verify` names everything that is wrong")
}

/// Only what verifies is signed. The envelopes that lie there are about to be
/// replaced, and not asked.
fn refuse_unfit(store: &Home, run: &RunId, vouched: &Vouched) -> Result<(), RunsError> {
    let chain = store.verify(run).map_err(|error| fault::store(&error))?;
    if matches!(chain.state, LogState::Open | LogState::Empty) {
        // One that was signed was sealed once: more than that is wrong with it.
        let log = store.read_raw(run).map_err(|error| fault::store(&error))?;
        vouched.hold(run, &log)?;
        return Err(unsealed(run));
    }
    let report = crate::verify::without_envelopes(store, run)?;
    match (report.verdict, report.faults.first()) {
        (VerifyVerdict::Intact, _) => Ok(()),
        (VerifyVerdict::Collected, None) => {
            let run = run.clone();
            Err(fault::store(&rok_log::StoreError::Collected { run }))
        }
        (_, Some(first)) => Err(unfit(run, &format!("{}: {}", first.file, first.what))),
        (_, None) => Err(unsealed(run)),
    }
}
