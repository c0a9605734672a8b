//! A batch: a line for each of its runs, and what they come to.

use super::paint::clean;
use super::tables::{table, text};
use crate::terminal::Look;
use rok_service::views::{BatchItem, BatchResult, BatchStatus};
use std::fmt::Write as _;

/// A batch.
pub(crate) fn batch(batch: &BatchResult, look: Look) -> String {
    let status = match batch.status {
        BatchStatus::Running => "running",
        BatchStatus::Interrupted => "interrupted",
        BatchStatus::Queued => "queued",
        BatchStatus::Held => "waits for decisions",
        BatchStatus::Success => "success",
        BatchStatus::Partial => "partial",
        BatchStatus::Failure => "failure",
    };
    let ended = batch.results.iter().filter(|item| item.has_ended()).count();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "batch {}: {status}, {ended} of {} ended ({})",
        batch.batch_id,
        batch.results.len(),
        batch.plan
    );
    let mut rows = table(look, &["item", "run", "status", "outcome", "why"]);
    for item in &batch.results {
        let BatchItem {
            index,
            run_id,
            status,
            outcome,
            error,
            ..
        } = item;
        let why = error.as_ref().map(|error| clean(&error.reason));
        rows.add_row([
            (index + 1).to_string(),
            run_id.to_string(),
            match (item.interrupted, item.queued) {
                (true, _) => format!("{status}, interrupted"),
                (_, true) => format!("{status}, queued"),
                _ => status.clone(),
            },
            outcome
                .map(|outcome| outcome.to_string())
                .unwrap_or_default(),
            why.unwrap_or_default(),
        ]);
    }
    out.push_str(&text(&rows));
    out.push_str(match batch.status {
        BatchStatus::Interrupted => {
            "no process drives what is left: the same `rok run … --batch … --batch-id` goes on with it\n"
        }
        BatchStatus::Queued => {
            "no server drives what is left now: one over the database takes it up (`rok serve`)\n"
        }
        _ => "",
    });
    out
}
