//! Five workers that measure a site over HTTP, and a server of folders for
//! them to measure. They never reach a host that they were not started with,
//! and never answer a run without a key.
//!
//! ```text
//! rok ──POST /api/run, bearer──► worker ──GET──► the site, the second site
//! ```
//!
//! ```
//! use rok_site_diagnostic::{Page, Worker};
//!
//! let page = Page::read(b"<title>Home</title><a href='/about'>About</a>");
//! assert_eq!(page.title.as_deref(), Some("Home"));
//! assert_eq!(page.links, ["/about"]);
//! assert_eq!(Worker::TechnicalSeo.slug(), "technical-seo");
//! ```

mod crawl;
mod fetch;
mod folder;
mod page;
mod robots;
mod serve;
mod web;
mod worker;
mod workers;

pub use crawl::{Crawl, Limits, Visit, crawl};
pub use fetch::{FetchError, Fetched, get};
pub use folder::folder;
pub use page::Page;
pub use robots::Robots;
pub use serve::station;
pub use web::{Origin, Web};
pub use worker::Worker;
