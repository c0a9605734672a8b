//! The answer to "why".

use super::gate::Caller;
use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::views::Explanation;
use std::fmt::Write as _;

/// Headline, what led to it, what comes next, what can be done.
pub(crate) fn explanation(found: &Explanation, caller: &Caller, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    let _ = writeln!(out, "{}", paint.strong(&clean(&found.headline)));
    list(&mut out, "Because:", &found.because, paint);
    list(&mut out, "Next, by itself:", &found.next, paint);
    if !found.remedies.is_empty() {
        let _ = writeln!(out, "\n{}", paint.hint("What can be done:"));
        for remedy in &found.remedies {
            let _ = writeln!(out, "  {} {}", paint.dot(), clean(&remedy.does));
            if let Some(command) = &remedy.command {
                let command = caller.of_id(found.run_id.as_str(), command);
                let _ = writeln!(out, "      {}", clean(&command));
            }
        }
    }
    out
}

fn list(out: &mut String, title: &str, lines: &[String], paint: Paint) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", paint.hint(title));
    for line in lines {
        let _ = writeln!(out, "  {} {}", paint.dot(), clean(line));
    }
}
