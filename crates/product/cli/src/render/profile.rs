//! A profile for people.

use super::paint::{Paint, clean, seconds};
use super::tables::{table, text};
use crate::terminal::Look;
use rok_service::Profile;
use std::fmt::Write as _;
use std::time::Duration;

fn span(ms: u64) -> String {
    seconds(Duration::from_millis(ms))
}

/// Mebibytes; what is nothing stays empty.
fn memory(kib: u64) -> String {
    if kib == 0 {
        String::new()
    } else {
        format!("{:.1} MiB", kib as f64 / 1024.0)
    }
}

/// What each step took and used, and the critical path.
pub(crate) fn profile(profile: &Profile, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    let so_far = if profile.open { " so far" } else { "" };
    let _ = writeln!(
        out,
        "{}",
        paint.strong(&format!("Profile: {}", profile.run_id))
    );
    let _ = writeln!(
        out,
        "{} of wall time{so_far}, {} of processor time, peak {}\n",
        span(profile.wall_ms),
        span(profile.cpu_ms),
        match memory(profile.max_rss_kib) {
            empty if empty.is_empty() => "unknown".to_owned(),
            known => known,
        }
    );
    let mut rows = table(
        look,
        &[
            "step", "n", "p50", "p90", "p99", "max", "cpu", "peak", "queue", "retry", "decision",
            "path",
        ],
    );
    for step in &profile.steps {
        let wall = |pick: fn(&rok_service::WallTimes) -> u64| {
            step.wall
                .as_ref()
                .map(|wall| span(pick(wall)))
                .unwrap_or_default()
        };
        let waited = |ms: u64| if ms == 0 { String::new() } else { span(ms) };
        rows.add_row([
            clean(&step.id),
            step.attempts.to_string(),
            wall(|wall| wall.p50_ms),
            wall(|wall| wall.p90_ms),
            wall(|wall| wall.p99_ms),
            wall(|wall| wall.max_ms),
            span(step.cpu_ms),
            memory(step.max_rss_kib),
            waited(step.queue_ms),
            waited(step.retry_ms),
            waited(step.decision_ms),
            if step.critical_share > 0.0 {
                format!("{:.0} %", step.critical_share * 100.0)
            } else {
                String::new()
            },
        ]);
    }
    out.push_str(&text(&rows));
    if !profile.critical_path.is_empty() {
        let arrow = if look.ascii { " > " } else { " → " };
        let parts: Vec<String> = profile
            .critical_path
            .iter()
            .map(|part| format!("{} {}", clean(&part.step), span(part.wall_ms)))
            .collect();
        let _ = writeln!(out, "\nCritical path: {}", parts.join(arrow));
    }
    out
}
