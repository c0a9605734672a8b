//! The components of a server, as a root of a registry.

use crate::connection::{Connection, Query};
use rok_chain::Digest;
use rok_component::{ManifestSource, Offer, SourceError};
use rok_http::ComponentPage;
use rok_service::views::RunsError;
use std::time::Duration;

/// Components on a page: as many as the server gives at once.
const PAGE: usize = 500;

/// More than a registry takes.
const MAX_OFFERS: usize = 10_000;

/// The components of a server.
pub struct RemoteComponents {
    connection: Connection,
    address: String,
}

impl RemoteComponents {
    /// The components of the server at this address, which has so long for each
    /// answer: whoever commits waits for it. Nothing is asked yet.
    pub fn at(server: &str, token: Option<&str>, patience: Duration) -> Result<Self, RunsError> {
        Ok(Self {
            connection: Connection::to(server, token, patience)?.at_once(),
            address: server.to_owned(),
        })
    }

    fn page(&self, cursor: Option<String>) -> Result<ComponentPage, RunsError> {
        let mut query: Query = vec![("limit", PAGE.to_string())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        self.connection.get(&["api", "v1", "registry"], &query)
    }
}

impl ManifestSource for RemoteComponents {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn offers(&self) -> Result<Vec<Offer>, SourceError> {
        let mut offers = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.page(cursor).map_err(refused)?;
            for view in page.components {
                let fingerprint = view.fingerprint.parse();
                let fingerprint = fingerprint.map_err(|_| SourceError {
                    why: "a component has no fingerprint that is one".to_owned(),
                    help: None,
                })?;
                offers.push(Offer {
                    fingerprint,
                    file: view.file,
                });
            }
            // A server that never comes to an end is none.
            match page.next_cursor {
                Some(next) if offers.len() < MAX_OFFERS => cursor = Some(next),
                Some(_) => {
                    return Err(SourceError {
                        why: format!("it has more than {MAX_OFFERS} components"),
                        help: None,
                    });
                }
                None => return Ok(offers),
            }
        }
    }

    fn manifest(&self, fingerprint: Digest) -> Result<Vec<u8>, SourceError> {
        let path = ["api", "v1", "registry", "manifests", &fingerprint.to_hex()];
        self.connection.bytes(&path).map_err(refused)
    }
}

fn refused(error: RunsError) -> SourceError {
    SourceError {
        why: error.message,
        help: error.help,
    }
}

impl std::fmt::Debug for RemoteComponents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteComponents").finish_non_exhaustive()
    }
}
