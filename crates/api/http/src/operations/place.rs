//! Where something stands in the order of pages: by time, then by name.

use super::submit::MOST;
use crate::operation::{Kind, Param};
use crate::problem::Problem;

/// How long a page is.
pub(super) const LIMIT: Param = Param::query(
    "limit",
    Kind::Count(1, MOST),
    "How many on a page; 50 where none is named.",
);
/// Where a page begins.
pub(super) const CURSOR: Param = Param::query(
    "cursor",
    Kind::Text(256),
    "The `next_cursor` of the page before, for the same question.",
);

/// A place; as a cursor, `TIME.NAME`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) i64, pub(super) String);

impl Place {
    pub(super) fn written(&self) -> String {
        format!("{}.{}", self.0, self.1)
    }

    pub(super) fn read(cursor: &str) -> Result<Self, Problem> {
        let parts = cursor.split_once('.');
        let place = parts.and_then(|(at, name)| Some(Self(at.parse().ok()?, name.to_owned())));
        place.ok_or_else(|| {
            Problem::bad("`cursor` is not one that this server gave")
                .help("take `next_cursor` of a page, or leave it out for the first one")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let place = Place(-5, "inc-1".to_owned());
        assert_eq!(Place::read(&place.written()).unwrap(), place);
        for cursor in ["", "x", ".", "5", "a.b"] {
            assert!(Place::read(cursor).is_err(), "{cursor}");
        }
    }
}
