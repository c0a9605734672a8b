//! Which domains there are, and where each is: a worker reaches no other.

use std::net::SocketAddr;
use url::Url;

/// A site: its domain, where it is served, and the page that it begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What it is called.
    pub domain: String,
    /// Where it is served.
    pub at: SocketAddr,
    /// The path of its first page.
    pub start: String,
}

impl Origin {
    /// Its first page; `None` where domain and path make no address.
    #[must_use]
    pub fn first(&self) -> Option<Url> {
        let root = Url::parse(&format!("http://{}/", self.domain)).ok()?;
        root.join(&self.start).ok()
    }

    /// Whether an address is of this site.
    #[must_use]
    pub fn has(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        matches!(url.scheme(), "http" | "https") && host == self.domain
    }
}

/// The sites that the workers know.
#[derive(Debug, Clone, Default)]
pub struct Web {
    /// The site, and the second one if there is one.
    pub sites: Vec<Origin>,
}

impl Web {
    /// The site of a domain, or why there is none.
    pub fn site(&self, domain: &str) -> Result<&Origin, String> {
        let found = self.sites.iter().find(|site| site.domain == domain);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.sites.iter().map(|s| s.domain.as_str()).collect();
            let known = known.join(", ");
            format!("these workers do not reach `{domain}`; they know {known}")
        })
    }

    /// A site to compare a domain with, or why there is none.
    pub fn other(&self, domain: &str) -> Result<&Origin, String> {
        let found = self.sites.iter().find(|site| site.domain != domain);
        found.ok_or_else(|| "there is no second site; start the workers with `--second`".to_owned())
    }
}
