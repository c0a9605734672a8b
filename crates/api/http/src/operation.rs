//! What an operation is: one row of the table that router, checks and OpenAPI
//! document are made from.

use crate::app::App;
use crate::call::Call;
use crate::problem::Problem;
use axum::response::Response;
use rok_service::views::AccessAction;
use schemars::{Schema, SchemaGenerator};
use std::pin::Pin;
use std::sync::Arc;

/// The media type of files.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// The answer that is being made.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// Makes the answer.
pub(crate) type Handler = fn(Arc<App>, Call) -> Answering;

/// The methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody, without a token.
    Open,
    /// Whoever may look at the server.
    Server,
    /// Whoever may do this to the server; asked before a body is read.
    ServerTo(AccessAction),
    /// Whoever may do this to the run in the path.
    Run(AccessAction),
    /// The operation asks itself, once it knows what about.
    Asked,
}

/// What a value in a path, a query or a header must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    RunId,
    BatchId,
    PlanId,
    StepId,
    ErrorCode,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text of at most so many bytes.
    Text(usize),
    /// An artifact's path: relative, with no way out.
    Path,
    /// `name=value`.
    Label,
    /// A number in a range.
    Count(u64, u64),
    Bool,
    Instant,
    /// `30s`, at most so many seconds.
    Wait(u64),
    /// Visible ASCII, at most 255 bytes.
    Key,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    /// A query parameter that may stand more than once.
    Repeated,
    Header,
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) doc: &'static str,
}

impl Param {
    /// A part of the path.
    pub(crate) const fn path(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            place: Place::Path,
            kind,
            doc,
        }
    }

    /// A value of the query.
    pub(crate) const fn query(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            place: Place::Query,
            kind,
            doc,
        }
    }

    /// Values of the query.
    pub(crate) const fn repeated(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            place: Place::Repeated,
            kind,
            doc,
        }
    }

    /// A header.
    pub(crate) const fn header(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            place: Place::Header,
            kind,
            doc,
        }
    }
}

/// A schema, made where it is asked for.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What an answer holds.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// JSON of this schema.
    Json(SchemaOf),
    /// JSON of this schema, or the events of a stream.
    JsonOrStream(SchemaOf),
    /// Another media type.
    Of(&'static str),
    /// Nothing.
    Nothing,
}

/// An answer that is no problem.
#[derive(Clone, Copy)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) doc: &'static str,
    pub(crate) content: Content,
}

impl Reply {
    /// JSON, with 200.
    pub(crate) const fn json(doc: &'static str, schema: SchemaOf) -> Self {
        Self {
            status: 200,
            doc,
            content: Content::Json(schema),
        }
    }

    /// Another media type, with 200.
    pub(crate) const fn of(doc: &'static str, kind: &'static str) -> Self {
        Self {
            status: 200,
            doc,
            content: Content::Of(kind),
        }
    }

    /// The same with another status.
    pub(crate) const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// A body that is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// JSON of this schema.
    Json { schema: SchemaOf, required: bool },
    /// A file, which is taken in part by part.
    File,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) verb: Verb,
    /// `{name}` is a segment, `{*name}` the rest.
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) access: Access,
    pub(crate) params: &'static [Param],
    pub(crate) body: Option<Body>,
    pub(crate) replies: &'static [Reply],
    /// May take as long as it takes: it waits, follows or streams.
    pub(crate) patient: bool,
    pub(crate) handler: Handler,
}

impl Operation {
    /// Something to look at, for whoever may look at the server.
    pub(crate) const fn get(path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self {
            verb: Verb::Get,
            path,
            id,
            tag: "server",
            doc: "",
            access: Access::Server,
            params: &[],
            body: None,
            replies: &[],
            patient: false,
            handler,
        }
    }

    /// Something to do.
    pub(crate) const fn post(path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self {
            verb: Verb::Post,
            ..Self::get(path, id, handler)
        }
    }

    /// Something to take away.
    pub(crate) const fn delete(path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self {
            verb: Verb::Delete,
            ..Self::get(path, id, handler)
        }
    }

    /// What it does.
    pub(crate) const fn doc(mut self, tag: &'static str, doc: &'static str) -> Self {
        self.tag = tag;
        self.doc = doc;
        self
    }

    /// Who may ask.
    pub(crate) const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// What path, query and headers may hold.
    pub(crate) const fn params(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self
    }

    /// What the body holds.
    pub(crate) const fn body(mut self, required: bool, schema: SchemaOf) -> Self {
        self.body = Some(Body::Json { schema, required });
        self
    }

    /// The body is a file.
    pub(crate) const fn file(mut self) -> Self {
        self.body = Some(Body::File);
        self
    }

    /// What it answers.
    pub(crate) const fn replies(mut self, replies: &'static [Reply]) -> Self {
        self.replies = replies;
        self
    }

    /// It may take as long as it takes.
    pub(crate) const fn patient(mut self) -> Self {
        self.patient = true;
        self
    }
}
