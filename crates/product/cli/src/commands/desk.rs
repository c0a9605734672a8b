//! `incidents` and `lessons`: what runs leave for people to handle.

use crate::args::{
    DecideLessonArgs, HandleArgs, IncidentCommand, IncidentFilterArgs, IncidentsArgs,
    LessonCommand, LessonFilterArgs, LessonsArgs,
};
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::views::{Incident, Lesson, LessonDecision};
use rok_service::{DeskBook, IncidentAsk, LessonAsk, Service, ServiceError};
use serde::Serialize;

/// Lists incidents, or handles one.
pub(crate) fn incidents(
    service: &Service,
    terminal: &mut Terminal,
    args: IncidentsArgs,
) -> Result<Exit, ServiceError> {
    service.refuse_absent_folder()?;
    let desk = service.desk()?;
    match args.command {
        None => list_incidents(&desk, terminal, args.filter),
        Some(IncidentCommand::List(filter)) => list_incidents(&desk, terminal, filter),
        Some(IncidentCommand::Show { incident }) => {
            let history = desk.incident(&incident)?;
            let text = render::incident(&history, terminal.out_look);
            terminal.tell(&history, &text)
        }
        Some(IncidentCommand::Acknowledge(HandleArgs { incident, reason })) => {
            let incident = desk.acknowledge(&incident, &reason)?;
            let text = format!("acknowledged {}\n", render::clean(&incident.id));
            terminal.tell(&incident, &text)
        }
        Some(IncidentCommand::Resolve(HandleArgs { incident, reason })) => {
            let incident = desk.resolve(&incident, &reason)?;
            let text = format!("resolved {}\n", render::clean(&incident.id));
            terminal.tell(&incident, &text)
        }
    }
}

/// Lists lessons, or decides on one.
pub(crate) fn lessons(
    service: &Service,
    terminal: &mut Terminal,
    args: LessonsArgs,
) -> Result<Exit, ServiceError> {
    service.refuse_absent_folder()?;
    let desk = service.desk()?;
    match args.command {
        None => list_lessons(&desk, terminal, args.filter),
        Some(LessonCommand::List(filter)) => list_lessons(&desk, terminal, filter),
        Some(LessonCommand::Show { lesson }) => {
            let lesson = desk.lesson(&lesson)?;
            let text = render::lesson(&lesson, terminal.out_look);
            terminal.tell(&lesson, &text)
        }
        Some(LessonCommand::Defer(DecideLessonArgs { lesson, reason })) => {
            let lesson = desk.decide(&lesson, LessonDecision::Defer, &reason)?;
            decided(terminal, &lesson)
        }
        Some(LessonCommand::Dismiss(DecideLessonArgs { lesson, reason })) => {
            let lesson = desk.decide(&lesson, LessonDecision::Dismiss, &reason)?;
            decided(terminal, &lesson)
        }
        Some(LessonCommand::Convert { decide, out }) => {
            let lesson = desk.convert(&decide.lesson, &decide.reason, out.as_deref())?;
            if terminal.json {
                terminal.show_json(&lesson)?;
            } else if let Some(out) = out {
                let file = render::clean(&out.display().to_string());
                terminal.show(&format!("drafted {file}\n"))?;
            } else {
                terminal.show(&render::lines(lesson.draft.as_deref().unwrap_or_default()))?;
            }
            terminal.note("it is a draft: it is in force once it lies among your policies\n");
            Ok(Exit::Success)
        }
    }
}

fn list_incidents(
    desk: &DeskBook,
    terminal: &mut Terminal,
    filter: IncidentFilterArgs,
) -> Result<Exit, ServiceError> {
    let found: Vec<Incident> = desk.incidents(&IncidentAsk {
        status: filter.status,
        severity: filter.severity,
        plan: filter.plan,
        run: filter.run,
    })?;
    let text = render::incidents(&found, terminal.out_look);
    listed(desk, terminal, &found, &text, "incidents")
}

fn list_lessons(
    desk: &DeskBook,
    terminal: &mut Terminal,
    filter: LessonFilterArgs,
) -> Result<Exit, ServiceError> {
    let found: Vec<Lesson> = desk.lessons(&LessonAsk {
        state: filter.state,
        kind: filter.kind,
        plan: filter.plan,
        run: filter.run,
    })?;
    let text = render::lessons(&found, terminal.out_look);
    listed(desk, terminal, &found, &text, "lessons")
}

/// A list; what is missing from it is said, and is no success.
fn listed<T: Serialize>(
    desk: &DeskBook,
    terminal: &mut Terminal,
    found: &Vec<T>,
    text: &str,
    what: &str,
) -> Result<Exit, ServiceError> {
    if found.is_empty() && !terminal.json {
        terminal.note(&format!("no {what}\n"));
    } else {
        terminal.tell(found, text)?;
    }
    let unread = desk.unread();
    if unread.is_empty() {
        return Ok(Exit::Success);
    }
    let names: Vec<String> = unread.iter().map(|name| render::clean(name)).collect();
    let names = names.join(", ");
    terminal.complain(&format!(
        "warning: what these runs hold is missing, as they cannot be read: {names}; `rok verify` tells more\n"
    ));
    Ok(Exit::Failed)
}

fn decided(terminal: &mut Terminal, lesson: &Lesson) -> Result<Exit, ServiceError> {
    let text = format!("{} {}\n", lesson.state, render::clean(&lesson.id));
    terminal.tell(lesson, &text)
}
