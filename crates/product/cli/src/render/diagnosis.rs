//! What the services of a run found: the part of a summary that is about a site.

use super::paint::{Paint, clean};
use rok_service::views::DiagnosisView;
use serde_json::Value;
use std::fmt::Write as _;

/// The lines of a diagnosis, each with its newline.
pub(super) fn diagnosis(out: &mut String, view: &DiagnosisView, paint: Paint) -> std::fmt::Result {
    writeln!(
        out,
        "Site: {} ({})",
        clean(&view.domain),
        clean(&view.website_id)
    )?;
    let Some(diagnosis) = &view.diagnosis else {
        return match &view.error {
            Some(why) => writeln!(out, "Diagnosis: {}: {}", paint.bad("none"), clean(why)),
            None => Ok(()),
        };
    };
    let text = |value: &Value| clean(value.as_str().unwrap_or("?"));
    writeln!(
        out,
        "Diagnosis: confidence {}, {} of 100 ({})",
        text(&diagnosis["confidence"]),
        diagnosis["confidence_score"],
        clean(view.event_id.as_deref().unwrap_or("?")),
    )?;
    let cause = |value: &Value| {
        format!(
            "{} ({}): {}",
            text(&value["service"]),
            text(&value["severity"]),
            text(&value["headline"])
        )
    };
    match &diagnosis["primary_cause"] {
        Value::Null => writeln!(out, "  Primary cause: nothing was found")?,
        found => writeln!(out, "  Primary cause: {}", paint.warn(&cause(found)))?,
    }
    let list = |key: &str| diagnosis[key].as_array().into_iter().flatten();
    for found in list("supporting_causes") {
        writeln!(out, "  Supporting: {}", cause(found))?;
    }
    for (key, what) in [
        ("missing_services", "Missing"),
        ("timed_out_services", "Timed out"),
        ("degraded_services", "Degraded"),
    ] {
        let services: Vec<String> = list(key).map(text).collect();
        if !services.is_empty() {
            writeln!(out, "  {what}: {}", paint.bad(&services.join(", ")))?;
        }
    }
    for next in list("what_to_do_next") {
        writeln!(out, "  Next: {}", text(next))?;
    }
    Ok(())
}
