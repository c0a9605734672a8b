//! The proof that a run's duties were reconciled. Minted in one function.

use crate::state::RunState;
use alloc::string::String;
use alloc::vec::Vec;
use rok_events::{ReconciledData, ReconciliationStage};
use rok_rac::{Reconciliation, Scope, Verdict, judge};
use rok_vocabulary::{Epoch, RunId, Seq, Timestamp};

/// Proof that the governance check of one epoch of one run was passed.
///
/// Not `Clone`, and there is no public constructor: it comes from a passed
/// check, or from folding the event that recorded one, which computes the
/// comparison again and refuses a log that claims another result.
#[derive(Debug, PartialEq, Eq)]
pub struct Reconciled {
    run: RunId,
    epoch: Epoch,
    seq: Seq,
    result: Reconciliation,
    degraded: bool,
}

impl Reconciled {
    /// The run.
    #[must_use]
    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The event that recorded it.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// The two sides compared.
    #[must_use]
    pub const fn result(&self) -> &Reconciliation {
        &self.result
    }

    /// A domain was unavailable and the profile went on without it.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.degraded
    }
}

/// What a comparison comes to.
pub(crate) struct Comparison {
    pub(crate) data: ReconciledData,
    pub(crate) reasons: Vec<String>,
}

/// Compares the folded expectations with the folded acks.
pub(crate) fn compare(state: &RunState, stage: ReconciliationStage, now: Timestamp) -> Comparison {
    let settings = state.settings();
    let result = if settings.contract.reconciles() {
        let scope = match stage {
            ReconciliationStage::GovernanceCheck => Scope::GovernanceCheck,
            ReconciliationStage::Final => Scope::Everything,
        };
        state.ledger().reconcile(scope, state.active(now))
    } else {
        Reconciliation::disabled()
    };
    let (acceptable, degraded, reasons) = match judge(settings.profile, &result) {
        Verdict::Acceptable { degraded, .. } => (true, degraded, Vec::new()),
        Verdict::Refused { reasons } => (false, false, reasons),
    };
    let data = ReconciledData {
        stage,
        profile: settings.profile,
        acceptable,
        degraded,
        result,
    };
    Comparison { data, reasons }
}

/// Mints the proof, for live decisions and for folded logs alike: the claim
/// must be what the comparison gives. `Ok(None)`: a true claim of a refusal.
pub(crate) fn mint(
    state: &RunState,
    seq: Seq,
    claim: &ReconciledData,
    at: Timestamp,
) -> Result<Option<Reconciled>, Forged> {
    let Comparison { data, .. } = compare(state, claim.stage, at);
    if data != *claim {
        return Err(Forged);
    }
    let ReconciledData {
        acceptable,
        degraded,
        result,
        ..
    } = data;
    Ok(acceptable.then(|| Reconciled {
        run: state.run_id().clone(),
        epoch: state.epoch(),
        seq,
        result,
        degraded,
    }))
}

/// The log claims a result that its own expectations and acks do not give.
pub(crate) struct Forged;
