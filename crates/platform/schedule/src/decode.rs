//! File to schedule.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;
use rok_expr::{Declarations, Kind, Reference, Site, StepDecl, Target, Template};
use rok_plan::{CheckedFile, FaultCode, Faults, Item as Node, PlanErrors};
use rok_vocabulary::{InputName, ScheduleId, Timestamp};
use serde_json::Value;

use crate::cron::{Cron, CronError, Zone};
use crate::item;
use crate::keys::NAMES;
use crate::model::{CatchUp, ForEach, Input, Overlap, Schedule};

/// Due times that are made up for, where a schedule does not say.
const CATCH_UP: usize = 100;

/// More would be a second life of a system, not a catching up.
const CATCH_UP_MOST: usize = 1000;

/// A firing that is later than this is missed, where a schedule does not say.
const GRACE: Duration = Duration::from_secs(60);

/// Every due time within it is looked at, so it is not long.
const GRACE_MOST: Duration = Duration::from_secs(3600);

/// A longer jitter is another cron expression.
const JITTER_MOST: Duration = Duration::from_secs(86_400);

/// The labels that a firing's run has anyway.
const OWN_LABELS: &[&str] = &["schedule", "due", "due_date", "item"];

/// Reads a schedule file: TOML where its name ends in `.toml`, else YAML or
/// JSON. `name` is for messages; nothing is opened. Either the schedule is
/// valid as a whole, or every fault that could be found comes back at once.
pub fn parse(bytes: &[u8], name: &str) -> Result<Schedule, PlanErrors> {
    CheckedFile::new(bytes, name)?.decode(schedule)
}

fn schedule(root: Node<'_>, faults: &mut Faults) -> Option<Schedule> {
    if !faults.check_keys(root, "a schedule file", "a schedule", NAMES) {
        return None;
    }
    let id = faults.present(root, "schedule");
    let plan = faults.present(root, "plan");
    let expression = faults.present(root, "cron");
    let zone = root.get("timezone");
    let for_each = root.get("for_each").map(|node| for_each(node, faults));
    let with_item = for_each.is_some();
    let (overlap, catch_up) = policies(root, faults);
    let (from, until) = span(root, faults);
    let schedule = (
        id.and_then(|node| id_of(node, faults)),
        plan.and_then(|node| path(node, "`plan`", faults)),
        expression.and_then(|node| cron(node, faults)),
        zone.map_or(Some(Zone::utc()), |node| zone_of(node, faults)),
    );
    let description = root.get("description");
    let description = description.and_then(|node| faults.text(node, "`description`"));
    let jitter = bounded(root, "jitter", Duration::ZERO, JITTER_MOST, faults);
    let grace = bounded(root, "grace", GRACE, GRACE_MOST, faults);
    let catch_up_max = catch_up_max(root, catch_up, faults);
    let paused = root
        .get("paused")
        .and_then(|node| faults.boolean(node, "`paused`"));
    let inputs = inputs(root, with_item, faults);
    let labels = labels(root, with_item, faults);
    let (Some(id), Some(plan), Some(cron), Some(zone)) = schedule else {
        return None;
    };
    Some(Schedule {
        id,
        description,
        plan,
        cron,
        zone,
        overlap,
        catch_up,
        catch_up_max,
        grace,
        jitter,
        paused: paused.unwrap_or(false),
        from,
        until,
        for_each: match for_each {
            None => None,
            Some(found) => Some(found?),
        },
        inputs,
        labels,
    })
}

fn id_of(node: Node<'_>, faults: &mut Faults) -> Option<ScheduleId> {
    let text = faults.text(node, "`schedule`")?;
    match text.parse::<ScheduleId>() {
        Ok(id) => Some(id),
        Err(error) => {
            faults.tell(FaultCode::BadName, node.span(), error.to_string());
            None
        }
    }
}

fn path(node: Node<'_>, label: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, label)?;
    if text.trim().is_empty() || text.contains('\0') {
        let message = format!("{label} is no path");
        faults.tell(FaultCode::WrongValue, node.span(), message);
        return None;
    }
    Some(text)
}

fn cron(node: Node<'_>, faults: &mut Faults) -> Option<Cron> {
    let text = faults.text(node, "`cron`")?;
    let error = match Cron::parse(&text) {
        Ok(cron) => return Some(cron),
        Err(error) => error,
    };
    let hint = match &error {
        CronError::Fields { fields: 7 } => {
            "a year is no field here: use `from` and `until`".to_string()
        }
        CronError::Never => "look at its day and month".to_string(),
        _ => "write five fields: minute, hour, day of the month, month, day of the week, \
              such as `30 7 * * MON-FRI`; or six, with seconds first"
            .to_string(),
    };
    let message = format!("`cron`: {error}");
    faults.tell_with_hint(FaultCode::WrongValue, node.span(), message, hint);
    None
}

fn zone_of(node: Node<'_>, faults: &mut Faults) -> Option<Zone> {
    let text = faults.text(node, "`timezone`")?;
    match Zone::named(&text) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let names = Zone::names();
            let names = names.iter().map(String::as_str);
            faults.unknown(
                FaultCode::WrongValue,
                node.span(),
                "time zone",
                &text,
                names,
            );
            None
        }
    }
}

fn policies(root: Node<'_>, faults: &mut Faults) -> (Overlap, CatchUp) {
    let overlap = root.get("overlap");
    let overlap = overlap.and_then(|node| faults.word(node, "overlap", Overlap::WORDS));
    let overlap = overlap.unwrap_or(Overlap::Skip);
    let node = root.get("catch_up");
    let catch_up = node.and_then(|node| faults.word(node, "catch_up", CatchUp::WORDS));
    let catch_up = catch_up.unwrap_or(CatchUp::Latest);
    if let (Some(node), CatchUp::All, Overlap::CancelPrevious) = (node, catch_up, overlap) {
        let message = "`catch_up: all` and `overlap: cancel_previous` contradict each other";
        let hint = "each firing would cancel the one before it: use `latest`, or `overlap: queue`";
        faults.tell_with_hint(FaultCode::Conflict, node.span(), message, hint);
    }
    (overlap, catch_up)
}

fn catch_up_max(root: Node<'_>, catch_up: CatchUp, faults: &mut Faults) -> usize {
    let Some(node) = root.get("catch_up_max") else {
        return CATCH_UP;
    };
    if catch_up != CatchUp::All {
        let message = "`catch_up_max` means nothing here";
        let hint = "remove it, or say `catch_up: all`";
        faults.tell_with_hint(FaultCode::Conflict, node.span(), message, hint);
    }
    match faults.whole::<usize>(node, "`catch_up_max`") {
        Some(most) if (1..=CATCH_UP_MOST).contains(&most) => most,
        Some(_) => {
            let message = format!("`catch_up_max` must be from 1 to {CATCH_UP_MOST}");
            faults.tell(FaultCode::WrongValue, node.span(), message);
            CATCH_UP
        }
        None => CATCH_UP,
    }
}

fn bounded(
    root: Node<'_>,
    key: &str,
    default: Duration,
    most: Duration,
    faults: &mut Faults,
) -> Duration {
    let Some(node) = root.get(key) else {
        return default;
    };
    let label = format!("`{key}`");
    let found = faults.duration(node, &label).unwrap_or(default);
    if found > most {
        let most = rok_vocabulary::format_duration(most);
        let message = format!("{label} is longer than {most}");
        faults.tell(FaultCode::WrongValue, node.span(), message);
    }
    found
}

fn span(root: Node<'_>, faults: &mut Faults) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut instant = |key: &str| {
        let node = root.get(key)?;
        let text = faults.text(node, &format!("`{key}`"))?;
        let found = Timestamp::parse_rfc3339(&text).ok();
        if found.is_none() {
            let message = format!("`{key}` is no instant");
            let hint = "write it in universal time, such as 2026-02-16T00:00:00Z";
            faults.tell_with_hint(FaultCode::WrongValue, node.span(), message, hint);
        }
        found
    };
    let (from, until) = (instant("from"), instant("until"));
    if let (Some(first), Some(last), Some(node)) = (from, until, root.get("until"))
        && first >= last
    {
        let message = "`until` is not after `from`: nothing is due between them";
        faults.tell(FaultCode::Conflict, node.span(), message);
    }
    (from, until)
}

fn for_each(node: Node<'_>, faults: &mut Faults) -> Option<ForEach> {
    if node.text().is_some() {
        return path(node, "`for_each`", faults).map(ForEach::File);
    }
    if node.list().is_none() {
        faults.mistyped(
            node,
            "`for_each`",
            "a list of items, or the path of a file with one",
        );
        return None;
    }
    let items = item::items(node, "`for_each`", faults)?;
    if items.is_empty() {
        let message = "`for_each` is empty: the schedule would never run anything";
        faults.tell(FaultCode::WrongValue, node.span(), message);
        return None;
    }
    Some(ForEach::Items(items))
}

fn inputs(root: Node<'_>, with_item: bool, faults: &mut Faults) -> BTreeMap<String, Input> {
    let mut inputs = BTreeMap::new();
    let Some(node) = root.get("inputs") else {
        return inputs;
    };
    let Some(entries) = node.map() else {
        faults.mistyped(node, "`inputs`", "a mapping from names to values");
        return inputs;
    };
    for (key, node) in entries {
        if let Err(error) = key.text.parse::<InputName>() {
            faults.tell(FaultCode::BadName, key.span, error.to_string());
            continue;
        }
        let input = if let Some(text) = node.text() {
            check_text(text, node.span(), with_item, faults);
            Input::Text(text.to_string())
        } else {
            match node.json() {
                Ok(value @ (Value::Array(_) | Value::Object(_))) => {
                    check_texts(&value, node.span(), with_item, faults);
                    Input::Json(value)
                }
                // A number or a boolean: its text is read by the plan's type.
                Ok(Value::Null) => {
                    let message = format!("`{}` says nothing", key.text);
                    let hint = "give it a value, or remove the key";
                    faults.tell_with_hint(FaultCode::WrongType, key.span, message, hint);
                    continue;
                }
                Ok(scalar) => Input::Text(scalar.to_string()),
                Err(fault) => {
                    let message = format!("`{}` {fault}", key.text);
                    faults.tell(FaultCode::WrongValue, node.span(), message);
                    continue;
                }
            }
        };
        inputs.insert(key.text.to_string(), input);
    }
    inputs
}

fn labels(root: Node<'_>, with_item: bool, faults: &mut Faults) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(node) = root.get("labels") else {
        return labels;
    };
    let Some(entries) = node.map() else {
        faults.mistyped(node, "`labels`", "a mapping of texts");
        return labels;
    };
    for (key, node) in entries {
        if OWN_LABELS.contains(&key.text) {
            let message = format!("the label `{}` is set for each run anyway", key.text);
            faults.tell_with_hint(
                FaultCode::Conflict,
                key.span,
                message,
                "choose another name",
            );
            continue;
        }
        let Some(text) = faults.text(node, &format!("label `{}`", key.text)) else {
            continue;
        };
        check_text(&text, node.span(), with_item, faults);
        labels.insert(key.text.to_string(), text);
    }
    labels
}

fn check_texts(value: &Value, span: Range<usize>, with_item: bool, faults: &mut Faults) {
    match value {
        Value::String(text) => check_text(text, span, with_item, faults),
        Value::Array(items) => {
            for item in items {
                check_texts(item, span.clone(), with_item, faults);
            }
        }
        Value::Object(object) => {
            for value in object.values() {
                check_texts(value, span.clone(), with_item, faults);
            }
        }
        _ => {}
    }
}

/// A text whose expressions read only what a schedule knows.
fn check_text(text: &str, span: Range<usize>, with_item: bool, faults: &mut Faults) {
    let found = match Template::parse(text, Site::Plain) {
        Err(found) => found,
        Ok(template) => {
            for read in template.references() {
                if let Some(what) = unknown(&read) {
                    let message = format!("{what} are not known to a schedule");
                    let hint = "it knows `item` and `run.labels`, such as `run.labels.due`";
                    faults.tell_with_hint(FaultCode::Expression, span.clone(), message, hint);
                    return;
                }
            }
            template.check(&Known(with_item))
        }
    };
    for fault in found {
        match fault.hint {
            Some(hint) => {
                faults.tell_with_hint(FaultCode::Expression, span.clone(), fault.message, hint);
            }
            None => faults.tell(FaultCode::Expression, span.clone(), fault.message),
        }
    }
}

fn unknown(read: &Reference) -> Option<&'static str> {
    match &read.target {
        Target::Input(_) => Some("inputs"),
        Target::Secret(_) => Some("secrets"),
        Target::Step { .. } => Some("steps"),
        Target::Run(field) if field != "labels" => Some("other fields of the run than `labels`"),
        // An item is known by its value, not by its place.
        Target::ItemIndex => Some("places of items"),
        Target::Run(_) | Target::Item => None,
    }
}

/// What is declared in a schedule: an item, if there is one.
struct Known(bool);

impl Declarations for Known {
    fn input(&self, _: &str) -> Option<Kind> {
        None
    }

    fn input_names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn step(&self, _: &str) -> Option<StepDecl> {
        None
    }

    fn step_names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn secret(&self, _: &str) -> bool {
        false
    }

    fn secret_names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn item(&self) -> bool {
        self.0
    }
}

#[cfg(test)]
mod tests;
