//! The doors that a runner needs, in one value.

use crate::governance::{GovernanceEngine, GovernanceFacade};
use crate::incidents::{IncidentEngine, IncidentFacade};
use crate::synthesis::{SynthesisEngine, SynthesisFacade};
use crate::traces::{TraceEngine, TraceFacade};
use std::sync::Arc;

/// All facades that a runner calls; cheap to clone.
#[derive(Clone)]
pub struct Facades {
    /// The door to the incident domain.
    pub incidents: IncidentFacade,
    /// The door to the governance domain.
    pub governance: GovernanceFacade,
    /// The door to the trace domain.
    pub traces: TraceFacade,
    /// The door to the synthesis domain, where runs of services are diagnosed.
    pub synthesis: Option<SynthesisFacade>,
}

impl Facades {
    /// The facades over these engines.
    #[must_use]
    pub fn new(
        incidents: Arc<dyn IncidentEngine>,
        governance: Arc<dyn GovernanceEngine>,
        traces: Arc<dyn TraceEngine>,
    ) -> Self {
        Self {
            incidents: IncidentFacade::new(incidents),
            governance: GovernanceFacade::new(governance),
            traces: TraceFacade::new(traces),
            synthesis: None,
        }
    }

    /// Diagnoses runs of services by this engine.
    #[must_use]
    pub fn synthesis(mut self, engine: Arc<dyn SynthesisEngine>) -> Self {
        self.synthesis = Some(SynthesisFacade::new(engine));
        self
    }
}
