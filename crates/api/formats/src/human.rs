//! The report for people: a line for each component, what went wrong below it,
//! and how it ended. No line is wider than 100 columns; what is wrong is told
//! whole, on as many as it takes.

mod paint;
mod sections;

use crate::look::Look;
use crate::registry::FormatError;
use alloc::format;
use alloc::string::{String, ToString};
use paint::Paint;
use rok_orchestration::{ComponentResult, ReportStatus, ResultStatus, RunReport};

/// So many findings of a component are shown; all of them are in the others.
const SHOWN_FINDINGS: usize = 10;

/// So many lines of one text are shown, for the same reason.
const SHOWN_LINES: usize = 60;

/// What goes on below its beginning stands so much further in.
const FURTHER: usize = 2;

/// The name of a component takes no more than this.
const NAME: usize = 32;

/// What stands beside a name when all of the line is given to it: sign, time,
/// and the gaps between.
const BESIDE: usize = 24;

#[expect(clippy::unnecessary_wraps, reason = "the signature of formatters")]
pub(crate) fn write(report: &RunReport, look: Look) -> Result<String, FormatError> {
    let mut page = Page {
        paint: Paint(look),
        look,
        out: String::new(),
    };
    page.head(report);
    let names = report
        .results
        .iter()
        .map(|r| rok_pictures::columns(&r.component));
    let name = names
        .max()
        .unwrap_or(0)
        .clamp(8, NAME.max(look.columns().saturating_sub(BESIDE)));
    for result in &report.results {
        page.result(result, name);
    }
    page.error(report);
    if let Some(dry) = &report.dry_run {
        page.dry_run(dry);
    }
    if let Some(replay) = &report.replay {
        page.replay(replay);
    }
    if let Some(profile) = &report.profile {
        page.profile(profile);
    }
    for message in &report.messages {
        page.text(2, message);
    }
    page.foot(report);
    Ok(page.out)
}

/// The page as it grows.
struct Page {
    paint: Paint,
    look: Look,
    out: String,
}

impl Page {
    /// A text from elsewhere, whole: what does not fit goes on below it.
    fn text(&mut self, indent: usize, text: &str) {
        let room = self.look.columns().saturating_sub(indent + FURTHER);
        let mut lines = self.paint.lines(text, room);
        let more = lines.len().saturating_sub(SHOWN_LINES);
        lines.truncate(SHOWN_LINES);
        for (at, line) in lines.iter().enumerate() {
            let further = if at == 0 { 0 } else { FURTHER };
            self.put(indent + further, line);
        }
        if more > 0 {
            self.put(indent + FURTHER, &format!("and {more} more lines"));
        }
    }

    /// A line that is known to fit.
    fn put(&mut self, indent: usize, text: &str) {
        let line = format!("{:indent$}{text}", "");
        self.out += line.trim_end();
        self.out.push('\n');
    }

    fn head(&mut self, report: &RunReport) {
        let dot = self.paint.dot();
        let mut parts = alloc::vec![report.stage.clone()];
        if !report.orchestrator.is_empty() {
            parts.push(report.orchestrator.clone());
        }
        parts.push(report.mode.to_string());
        // What was refused before it began is no run.
        if let Some(run) = &report.run_id {
            parts.push(format!("run {run}"));
        }
        let text = parts.join(&format!(" {dot} "));
        let text = self.paint.fit(&text, self.look.columns());
        let text = self.paint.strong(&text);
        self.put(0, &text);
        if let Some(judged) = &report.judged {
            self.text(2, &format!("judged: {judged}"));
        }
    }

    fn result(&mut self, result: &ComponentResult, name: usize) {
        let shown = self.paint.fit(&result.component, name);
        let pad = name - rok_pictures::columns(&shown);
        let took = match result.attempts {
            0 => String::new(),
            _ => seconds(result.duration_ms),
        };
        let retries = match result.attempts {
            0 | 1 => String::new(),
            attempts => format!("  {attempts} attempts"),
        };
        let head = format!("{shown}{:pad$}  {took:>8}{retries}", "");
        let before = 2 + self.paint.sign_columns() + 1;
        let room = self.look.columns() - before;
        let wide = rok_pictures::columns(&head).min(room);
        let mut head = self.paint.fit(&head, room);
        head += &" ".repeat(wide.saturating_sub(rok_pictures::columns(&head)));
        let used = before + rok_pictures::columns(&head) + 2;
        let room = self.look.columns().saturating_sub(used);
        let class = result.error_class.as_deref().unwrap_or_default();
        let note = match result.status {
            ResultStatus::Skip | ResultStatus::Warn => {
                result.messages.first().map_or("", String::as_str)
            }
            ResultStatus::Pass => "",
            ResultStatus::Fail => class,
        };
        // What does not fit beside it is told below, whole.
        let beside = self.paint.lines(note, room);
        let note = match &beside[..] {
            [line] if room > 0 => line.as_str(),
            _ => "",
        };
        let told = usize::from(!note.is_empty());
        let sign = self.paint.sign(result);
        let note = self.paint.faint(note);
        self.put(2, &format!("{sign} {head}  {note}"));
        self.details(result, told);
    }

    /// What there is to say of a component, but for so many messages that stand
    /// on its line.
    fn details(&mut self, result: &ComponentResult, told: usize) {
        for finding in result.errors.iter().take(SHOWN_FINDINGS) {
            let text = match finding.place() {
                Some(place) => format!("{place}: {}", finding.message),
                None => finding.message.clone(),
            };
            self.text(7, &text);
        }
        let more = result.errors.len().saturating_sub(SHOWN_FINDINGS);
        if more > 0 {
            self.text(7, &format!("and {more} more"));
        }
        let told = match result.status {
            ResultStatus::Skip | ResultStatus::Warn => told,
            ResultStatus::Pass | ResultStatus::Fail => 0,
        };
        for message in result.messages.iter().skip(told) {
            self.text(7, message);
        }
    }

    fn error(&mut self, report: &RunReport) {
        let Some(error) = &report.error else { return };
        self.text(2, &format!("error[{}]: {}", error.code, error.message));
        if let Some(help) = &error.help {
            self.text(2, &format!("help: {help}"));
        }
    }

    fn foot(&mut self, report: &RunReport) {
        let sum = &report.summary;
        let counts = [
            (sum.passed, "passed"),
            (sum.warned, "with warnings"),
            (sum.failed, "failed"),
            (sum.skipped, "skipped"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: alloc::vec::Vec<String> = counts
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let counts = match (counts.is_empty(), report.dry_run.is_some()) {
            (true, true) => "nothing was changed".to_string(),
            (true, false) => "nothing ran".to_string(),
            (false, _) => counts.join(", "),
        };
        let word = report.status.as_str().to_uppercase();
        let text = format!(
            "{word}: {counts}; {}, exit {}",
            seconds(report.execution_time_ms),
            report.exit_code
        );
        let text = self.paint.fit(&text, self.look.columns());
        let text = match report.status {
            ReportStatus::Success => self.paint.good(&text),
            ReportStatus::Partial | ReportStatus::Blocked => self.paint.warn(&text),
            _ => self.paint.bad(&text),
        };
        self.put(0, &text);
    }
}

/// Seconds with two digits.
fn seconds(ms: u64) -> String {
    format!("{}.{:02}s", ms / 1000, ms % 1000 / 10)
}

#[cfg(test)]
mod tests;
