//! `token`: who is let into a server.

use crate::args::TokenCommand;
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::views::parse_duration;
use rok_service::{Service, ServiceError, TokenView};
use serde::Serialize;

/// A token, this once.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    view: &'a TokenView,
    token: &'a str,
}

/// Makes, lists and ends tokens.
pub(crate) fn token(
    service: &Service,
    terminal: &mut Terminal,
    command: TokenCommand,
) -> Result<Exit, ServiceError> {
    let book = service.tokens()?;
    match command {
        TokenCommand::Create {
            user,
            roles,
            expires,
        } => {
            let lifetime = expires.as_deref().map(parse_duration).transpose();
            let lifetime = lifetime.map_err(|error| ServiceError::BadName {
                what: format!("--expires: {error}"),
            })?;
            let made = book.create(&user, &roles, lifetime)?;
            if terminal.json {
                terminal.show_json(&Made {
                    view: &made.view,
                    token: &made.token,
                })?;
            } else {
                terminal.show(&format!("{}\n", made.token))?;
                let id = &made.view.id;
                terminal.note(&format!(
                    "token {id}: it is shown this once; `rok token revoke {id}` ends it\n"
                ));
            }
        }
        TokenCommand::Import { file } => {
            let came = service.import_tokens(file.as_deref())?;
            if terminal.json {
                terminal.show_json(&came)?;
            } else if came.is_empty() {
                terminal.note("no token that is not there already\n");
            } else {
                let text = render::tokens(&came, terminal.out_look);
                terminal.show(&text)?;
            }
        }
        TokenCommand::List => {
            let tokens = book.list()?;
            if terminal.json {
                terminal.show_json(&tokens)?;
            } else if tokens.is_empty() {
                terminal.note("no tokens\n");
            } else {
                let text = render::tokens(&tokens, terminal.out_look);
                terminal.show(&text)?;
            }
        }
        TokenCommand::Revoke { id } => {
            let view = book.revoke(&id)?;
            if terminal.json {
                terminal.show_json(&view)?;
            } else {
                terminal.show(&format!("revoked token {} of {}\n", view.id, view.user))?;
            }
        }
    }
    Ok(Exit::Success)
}
