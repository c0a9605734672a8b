//! Where tokens are kept: in a file, or in the database that holds the runs.

use super::file::TokenFile;
use super::{TokenError, TokenView};
use rok_log::{Cells, StoreError};
use rok_vocabulary::Timestamp;
use serde::{Deserialize, Serialize};
use std::error::Error as _;
use std::sync::Arc;

/// The table of tokens, a cell each.
const TABLE: &str = "tokens";

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) roles: Vec<String>,
    pub(super) sha256: String,
    pub(super) created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revoked_at: Option<Timestamp>,
}

impl Kept {
    pub(super) fn view(&self) -> TokenView {
        TokenView {
            id: self.id.clone(),
            user: self.user.clone(),
            roles: self.roles.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// All tokens of a file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tokens {
    pub(super) version: u32,
    pub(super) tokens: Vec<Kept>,
}

/// Where they are kept.
pub(super) enum Keep {
    File(TokenFile),
    Database(Arc<dyn Cells>),
}

impl std::fmt::Debug for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            Self::Database(_) => f.write_str("Database"),
        }
    }
}

impl Keep {
    /// Every token, the oldest first.
    pub(super) fn all(&self) -> Result<Vec<Kept>, TokenError> {
        let cells = match self {
            Self::File(file) => return file.all(),
            Self::Database(cells) => cells.cells(TABLE).map_err(|error| store(&error))?,
        };
        let read = cells.iter().map(|(id, bytes)| kept(id, bytes));
        let mut tokens = read.collect::<Result<Vec<_>, _>>()?;
        tokens.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(tokens)
    }

    /// The token of an id.
    pub(super) fn one(&self, id: &str) -> Result<Option<Kept>, TokenError> {
        match self {
            Self::File(file) => file.one(id),
            Self::Database(cells) => {
                let cell = cells.cell(TABLE, id).map_err(|error| store(&error))?;
                cell.map(|bytes| kept(id, &bytes)).transpose()
            }
        }
    }

    /// Adds a token; one of its id that is there already stays as it is.
    pub(super) fn add(&self, new: Kept) -> Result<(), TokenError> {
        match self {
            Self::File(file) => file.add(new),
            Self::Database(cells) => {
                let added = cells.swap(TABLE, &new.id, None, Some(&bytes(&new)));
                added.map(drop).map_err(|error| store(&error))
            }
        }
    }

    /// Changes a token; `None`: there is none of this id.
    pub(super) fn update(
        &self,
        id: &str,
        change: impl Fn(&mut Kept),
    ) -> Result<Option<Kept>, TokenError> {
        let cells = match self {
            Self::File(file) => return file.update(id, change),
            Self::Database(cells) => cells,
        };
        loop {
            let seen = cells.cell(TABLE, id).map_err(|error| store(&error))?;
            let Some(seen) = seen else {
                return Ok(None);
            };
            let mut token = kept(id, &seen)?;
            change(&mut token);
            let swapped = cells.swap(TABLE, id, Some(&seen), Some(&bytes(&token)));
            // Where somebody was faster, their change is the one to begin from.
            if swapped.map_err(|error| store(&error))? {
                return Ok(Some(token));
            }
        }
    }
}

fn kept(id: &str, bytes: &[u8]) -> Result<Kept, TokenError> {
    let unreadable = |why: String| TokenError::Store(format!("token {id} cannot be read: {why}"));
    let token: Kept =
        serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
    if token.id == id {
        Ok(token)
    } else {
        Err(unreadable("it is another one".to_owned()))
    }
}

fn bytes(token: &Kept) -> Vec<u8> {
    serde_json::to_vec(token).expect("words and lists")
}

fn store(error: &StoreError) -> TokenError {
    let cause = error.source().map(|cause| format!(": {cause}"));
    TokenError::Store(format!("{error}{}", cause.unwrap_or_default()))
}
