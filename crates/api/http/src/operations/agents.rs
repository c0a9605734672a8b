//! Agents: which there are, and how each stands.

use crate::app::App;
use crate::call::Call;
use crate::operation::{Answering, Operation, Reply};
use crate::respond;
use axum::http::StatusCode;
use rok_service::Service;
use rok_service::views::AgentList;
use schemars::SchemaGenerator;
use std::sync::Arc;

pub(super) const OPERATIONS: &[Operation] =
    &[Operation::get("/api/v1/agents", "list_agents", list)
        .doc(
            "agents",
            "The agents that steps may be given to; each remote one is asked how it stands.",
        )
        .replies(&[Reply::json(
            "The agents.",
            SchemaGenerator::subschema_for::<AgentList>,
        )])];

fn list(app: Arc<App>, _: Call) -> Answering {
    Box::pin(async move {
        let agents = app.blocking(Service::agents).await?;
        respond::json(StatusCode::OK, &agents)
    })
}
