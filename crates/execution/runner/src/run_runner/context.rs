//! What a run needs besides its log.

use crate::cache::StepCache;
use crate::recorded::Recorded;
use crate::services::Services;
use crate::stage::Files;
use rok_executor::Workspace;
use rok_secrets::Secrets;
use rok_vocabulary::Actor;
use std::sync::Arc;

/// What a run needs besides its log: it is handed in anew by each owner.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// Who drives.
    pub owner: String,
    /// Who submitted the run.
    pub submitter: Actor,
    /// The submitter's roles.
    pub roles: Vec<String>,
    /// Who uses the process that drives.
    pub user: Actor,
    /// That user's roles.
    pub user_roles: Vec<String>,
    /// The values of the secrets that the plan names, or why there are none.
    pub secrets: Result<Secrets, String>,
    /// Where executors may write; `None` for a run without a folder.
    pub workspace: Option<Arc<Workspace>>,
    /// Where artifacts are stored and put aside; `None` for a run without a
    /// folder.
    pub files: Option<Arc<Files>>,
    /// Results of earlier runs; `None`: steps are always run.
    pub cache: Option<Arc<dyn StepCache>>,
    /// Results that stand for those of some steps: the run is a replay.
    pub recorded: Option<Arc<Recorded>>,
    /// Domains and executors of its own; `None`: those of its shard.
    pub services: Option<Arc<Services>>,
}

impl RunContext {
    /// The roles of an actor, as far as they are known here.
    #[must_use]
    pub fn roles_of(&self, actor: &Actor) -> &[String] {
        if *actor == self.user {
            &self.user_roles
        } else if *actor == self.submitter {
            &self.roles
        } else {
            &[]
        }
    }
}
