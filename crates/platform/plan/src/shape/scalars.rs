//! Scalars and names against their types.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_vocabulary::{ErrorClass, InputName, PlanId, StepId, parse_duration};

use super::Spot;
use crate::fault::{FaultCode, Finding, is_harmful, quoted};
use crate::keys::{Names, RETRYABLE, Ty};
use crate::nearest::Nearest;
use crate::tree::{Node, Plain, resolve};
use crate::values::meant_bool;

/// The prefix of the variables that a step gets from us.
pub(crate) const OURS: &str = "ROK_";

pub(super) fn check(spot: &Spot<'_>, ty: Ty, nearest: &Nearest) -> Result<(), Finding> {
    match ty {
        Ty::Bool => boolean(spot),
        Ty::Whole { min, max } => whole(spot, min, max),
        Ty::Number => number(spot),
        Ty::Duration { zero } => duration(spot, zero),
        Ty::Words(words, refused) => word(spot, words, refused, nearest),
        Ty::RetryClass => retry_class(spot, nearest),
        Ty::PlanId => id(spot, |text| {
            text.parse::<PlanId>()
                .map(|_| ())
                .map_err(|e| (e.what, e.pattern))
        }),
        Ty::StepId => id(spot, |text| {
            step_id(text).map_err(|pattern| ("step id", pattern))
        }),
        Ty::SecretName => secret(spot),
        Ty::Text => label(spot),
        Ty::Items => text(spot)
            .map_err(|finding| match written_list(spot.node) {
                Some(hint) => finding.hint(hint),
                None => finding,
            })
            .and_then(|text| without_nul(spot, text)),
        Ty::Condition | Ty::Template => text(spot).and_then(|text| without_nul(spot, text)),
        Ty::Command | Ty::Json | Ty::List(_) | Ty::Map(..) | Ty::Object(_) => Ok(()),
    }
}

/// How a list that is written out is said to CEL, if it is short.
fn written_list(node: &Node) -> Option<String> {
    let items: Vec<String> = node
        .list()?
        .iter()
        .map(|item| match (item.plain(), item.scalar()) {
            (Some(Plain::Integer(_) | Plain::Float(_) | Plain::Bool(_)), Some((text, _))) => {
                Some(text.to_string())
            }
            _ => item
                .text()
                .filter(|text| !text.contains(['"', '\'', '\\', '$', '\n']))
                .map(|text| format!("\"{text}\"")),
        })
        .collect::<Option<_>>()?;
    let list = items.join(", ");
    Some(if list.chars().count() > 60 {
        "a list is an expression: '[\"a\", \"b\"]' in quotes, or let an input be the list"
            .to_string()
    } else {
        format!("a list is an expression: put it in quotes, '[{list}]'")
    })
}

/// A step id in a plan: a fan-out's children have theirs from us.
fn step_id(text: &str) -> Result<(), &'static str> {
    match text.parse::<StepId>() {
        Ok(_) if !text.contains('[') => Ok(()),
        _ => Err("[A-Za-z_][A-Za-z0-9_-]{0,127}"),
    }
}

/// A name among the keys of a free mapping.
pub(super) fn name(text: &str, names: Names) -> Result<(), (FaultCode, &'static str, String)> {
    let bad =
        |why, pattern: &str| Err((FaultCode::BadName, why, format!("it must match {pattern}")));
    match names {
        Names::Any if text.trim().is_empty() || text.chars().any(is_harmful) => {
            bad("is no name", "printable text")
        }
        Names::Any => Ok(()),
        Names::Step => match step_id(text) {
            Ok(()) => Ok(()),
            Err(pattern) => bad("is no step id", pattern),
        },
        Names::Env if text.starts_with(OURS) => Err((
            FaultCode::BadName,
            "is a name of ours",
            "choose one that does not begin with `ROK_`".to_string(),
        )),
        Names::Env | Names::Input => match text.parse::<InputName>() {
            Ok(_) => Ok(()),
            Err(error) if names == Names::Env => bad("is no variable name", error.pattern),
            Err(error) => bad("is no name", error.pattern),
        },
    }
}

fn text<'n>(spot: &Spot<'n>) -> Result<&'n str, Finding> {
    spot.node.text().ok_or_else(|| {
        let finding = spot.mistyped("text");
        match spot.node.scalar() {
            Some((written, _)) if !written.is_empty() => finding.hint(format!(
                "put it in quotes if you mean the text {}",
                quoted(written)
            )),
            _ => finding,
        }
    })
}

/// No argument, variable or path can hold a NUL.
pub(super) fn without_nul(spot: &Spot<'_>, text: &str) -> Result<(), Finding> {
    if text.contains('\0') {
        return Err(spot
            .fault(FaultCode::WrongValue, "holds a NUL")
            .hint("remove it"));
    }
    Ok(())
}

/// Text for people, which must not steer their terminals.
fn label(spot: &Spot<'_>) -> Result<(), Finding> {
    let text = text(spot)?;
    if text.trim().is_empty() {
        return Err(spot
            .fault(FaultCode::WrongValue, "is empty")
            .hint("give it a value, or remove the key"));
    }
    match text
        .chars()
        .find(|c| is_harmful(*c) && !matches!(c, '\n' | '\t'))
    {
        Some(c) => {
            let what = format!("holds the control character U+{:04X}", u32::from(c));
            Err(spot.fault(FaultCode::WrongValue, &what).hint("remove it"))
        }
        None => Ok(()),
    }
}

fn boolean(spot: &Spot<'_>) -> Result<(), Finding> {
    if let Some(Plain::Bool(_)) = spot.node.plain() {
        return Ok(());
    }
    let hint = match spot.node.scalar() {
        Some(("true" | "false", _)) => Some("remove the quotes".to_string()),
        Some((text, _)) => meant_bool(text).map(|value| format!("write `{value}`")),
        None => None,
    };
    Err(match hint {
        Some(hint) => spot
            .fault(FaultCode::WrongType, "must be `true` or `false`")
            .hint(hint),
        None => spot.mistyped("`true` or `false`"),
    })
}

fn whole(spot: &Spot<'_>, min: i64, max: i64) -> Result<(), Finding> {
    let bounds = if max == i64::MAX {
        format!("from {min} up")
    } else {
        format!("from {min} to {max}")
    };
    let hint = format!("it is a whole number {bounds}");
    match (spot.node.plain(), spot.node.scalar()) {
        (Some(Plain::Integer(number)), _)
            if (i128::from(min)..=i128::from(max)).contains(&number) =>
        {
            Ok(())
        }
        (Some(Plain::Integer(_) | Plain::NoNumber), _) => Err(spot
            .fault(FaultCode::WrongValue, "is out of bounds")
            .hint(hint)),
        (None, Some((text, _))) if matches!(resolve(text), Plain::Integer(_)) => {
            Err(spot.mistyped("a whole number").hint("remove the quotes"))
        }
        _ => Err(spot.mistyped("a whole number").hint(hint)),
    }
}

fn number(spot: &Spot<'_>) -> Result<(), Finding> {
    match spot.node.plain() {
        Some(Plain::Integer(_) | Plain::Float(_)) => Ok(()),
        _ => Err(spot.mistyped("a number")),
    }
}

fn duration(spot: &Spot<'_>, zero: bool) -> Result<(), Finding> {
    const HINT: &str = "write for example 500ms, 60s, 10m, 2h, 7d or 1h30m";
    let Some(text) = spot.node.text() else {
        let hint = match (spot.node.plain(), spot.node.scalar()) {
            (Some(Plain::Integer(1..)), Some((number, _))) => {
                format!("write `\"{number}s\"` for seconds")
            }
            _ => HINT.to_string(),
        };
        return Err(spot.mistyped("a duration").hint(hint));
    };
    match parse_duration(text) {
        Ok(duration) if duration.is_zero() && !zero => Err(spot
            .fault(FaultCode::WrongValue, "must be longer than nothing")
            .hint(HINT)),
        Ok(_) => Ok(()),
        Err(error) => {
            let bare =
                !text.is_empty() && text.len() < 12 && text.bytes().all(|b| b.is_ascii_digit());
            let hint = if bare {
                format!("write `{text}s` for seconds")
            } else {
                HINT.to_string()
            };
            let what = format!("is no duration: {}", error.why);
            Err(spot.fault(FaultCode::WrongValue, &what).hint(hint))
        }
    }
}

fn word(
    spot: &Spot<'_>,
    words: &[&'static str],
    refused: &[&'static str],
    nearest: &Nearest,
) -> Result<(), Finding> {
    let list = || {
        words
            .iter()
            .map(|word| quoted(word))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let Some(text) = spot.node.text() else {
        return Err(spot.mistyped(&format!("one of {}", list())));
    };
    if words.contains(&text) {
        return Ok(());
    }
    if refused.contains(&text) {
        let what = format!("{} as {}", quoted(text), (spot.label)());
        let what = format!("{what} is not supported: the kernel can hold no process to it");
        let finding = Finding::new(FaultCode::NotSupported, spot.span.clone(), what);
        return Err(finding.hint("name the ports that it needs by `connect` and `bind`"));
    }
    let hint = match nearest.of(text, words.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => format!("use {}", list()),
    };
    Err(spot
        .fault(
            FaultCode::WrongValue,
            &format!("cannot be {}", quoted(text)),
        )
        .hint(hint))
}

fn retry_class(spot: &Spot<'_>, nearest: &Nearest) -> Result<(), Finding> {
    let text = text(spot)?;
    if RETRYABLE.contains(&text) {
        return Ok(());
    }
    let list = RETRYABLE
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(", ");
    if ErrorClass::WORDS.contains(&text) {
        let what = format!("cannot be {}, which is never tried again", quoted(text));
        return Err(spot
            .fault(FaultCode::WrongValue, &what)
            .hint(format!("use {list}")));
    }
    let hint = match nearest.of(text, RETRYABLE.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => format!("use {list}"),
    };
    Err(spot
        .fault(
            FaultCode::WrongValue,
            &format!("names no error class: {}", quoted(text)),
        )
        .hint(hint))
}

fn id(
    spot: &Spot<'_>,
    parse: impl Fn(&str) -> Result<(), (&'static str, &'static str)>,
) -> Result<(), Finding> {
    let text = text(spot)?;
    parse(text).map_err(|(what, pattern)| {
        spot.fault(
            FaultCode::BadName,
            &format!("is no {what}: {}", quoted(text)),
        )
        .hint(format!("it must match {pattern}"))
    })
}

fn secret(spot: &Spot<'_>) -> Result<(), Finding> {
    let text = text(spot)?;
    name(text, Names::Env).map_err(|(code, why, hint)| {
        Finding::new(code, spot.span.clone(), format!("{} {why}", quoted(text))).hint(hint)
    })
}
