//! What dry runs, profiles and replays tell besides.

use super::{Page, seconds};
use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;
use rok_orchestration::{DryRunReport, PlannedComponent, ProfileReport, ReplayReport};
use rok_pictures::columns;

/// The bars of a profile are so wide where there is room.
const BAR: usize = 40;

impl Page {
    pub(super) fn dry_run(&mut self, dry: &DryRunReport) {
        let total = dry.components.len();
        self.put(0, &format!("would run, in order ({total}):"));
        for component in &dry.components {
            self.planned(component);
        }
        if !dry.left_out.is_empty() {
            self.put(0, &format!("would not ({}):", dry.left_out.len()));
            for component in &dry.left_out {
                self.planned(component);
            }
        }
        if let Some(refused) = &dry.refused {
            self.text(0, &format!("refused: {refused}"));
        }
        for finding in &dry.findings {
            self.text(0, &format!("finding: {finding}"));
        }
        self.text(0, &format!("plan sha-256 {}:", dry.plan_sha256));
        // Never shortened: it is the exact plan. Long texts go on below.
        let plan = rok_yaml::document(&dry.plan);
        for line in plan.lines() {
            self.whole(2, line);
        }
    }

    fn planned(&mut self, component: &PlannedComponent) {
        let mut text = format!("{} {}", component.component, component.version);
        if !component.needs.is_empty() {
            let _ = write!(text, " after {}", component.needs.join(", "));
        }
        if component.retries > 0 {
            let _ = write!(text, ", {} retries", component.retries);
        }
        self.text(2, &format!("{text}: {}", component.why));
        if !component.does.is_empty() {
            self.text(6, &component.does);
        }
    }

    /// A line of which nothing is left out: it goes on below, marked.
    fn whole(&mut self, indent: usize, line: &str) {
        let room = self.look.columns().saturating_sub(indent + 2);
        let shown = self.paint.shown(line);
        let mut part = String::new();
        for c in shown.chars() {
            part.push(c);
            if columns(&part) > room {
                part.pop();
                self.put(indent, &format!("{part} \\"));
                part = c.into();
            }
        }
        self.put(indent, &part);
    }

    pub(super) fn replay(&mut self, replay: &ReplayReport) {
        let verdict = if replay.diverged {
            "diverged"
        } else {
            "came out alike"
        };
        let from = match &replay.from {
            Some(from) => format!(" from {from}"),
            None => String::new(),
        };
        self.text(0, &format!("replay of {}{from}: {verdict}", replay.replays));
        for divergence in &replay.divergences {
            self.text(2, divergence);
        }
    }

    /// A table, and bars on one scale: when each ran.
    pub(super) fn profile(&mut self, profile: &ProfileReport) {
        let memory = match profile.max_rss_kib {
            0 => String::new(),
            kib => format!(", peak memory {kib} KiB"),
        };
        self.text(
            0,
            &format!(
                "profile: wall {}, cpu {}{memory}; latency p50 {}, p90 {}, p99 {}",
                seconds(profile.wall_ms),
                seconds(profile.cpu_ms),
                seconds(profile.p50_ms),
                seconds(profile.p90_ms),
                seconds(profile.p99_ms),
            ),
        );
        let bar = BAR.min(self.look.columns().saturating_sub(58));
        for part in &profile.components {
            let name = self.paint.fit(&part.component, 20);
            let pad = 20 - columns(&name);
            // A process below our own peak has none that could be told.
            let memory = match part.max_rss_kib {
                0 => String::new(),
                kib => format!("{kib} KiB"),
            };
            let text = format!(
                "{name}{:pad$} {:>9} cpu {:>9} {memory:>12}",
                "",
                seconds(part.wall_ms),
                seconds(part.cpu_ms),
            );
            let flame = self.flame(part.from_ms, part.wall_ms, profile.wall_ms, bar);
            let text = format!("{text} {flame}");
            let room = self.look.columns().saturating_sub(2);
            let text = self.paint.fit(&text, room);
            self.put(2, &text);
        }
        if !profile.critical_path.is_empty() {
            let path = profile.critical_path.join(" > ");
            self.text(2, &format!("critical path: {path}"));
        }
    }

    /// A bar from when it began to when it ended, at least one sign wide.
    fn flame(&self, from: u64, wall: u64, total: u64, room: usize) -> String {
        let (full, empty) = if self.look.ascii {
            ('#', '.')
        } else {
            ('█', '·')
        };
        let cells = room as u64;
        let at = |ms: u64| (ms.min(total) * cells).checked_div(total).unwrap_or(0);
        let begin = at(from).min(cells.saturating_sub(1));
        let end = at(from.saturating_add(wall)).clamp(begin + 1, cells.max(1));
        let sign = |cell: u64| {
            if (begin..end).contains(&cell) {
                full
            } else {
                empty
            }
        };
        (0..cells).map(sign).collect()
    }
}
