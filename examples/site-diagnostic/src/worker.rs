//! [`Worker`]: the five, and what rok calls them.

use clap::ValueEnum;

/// A worker of the built-in plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Worker {
    /// Where the site's pages stand among those of both sites.
    SerpIntelligence,
    /// Crawls: statuses, titles, canonicals, broken links, robots.txt.
    TechnicalSeo,
    /// Who links to the site.
    DomainAuthority,
    /// Compares with the second site.
    CompetitiveIntelligence,
    /// Time to first byte, transfer size, requests.
    VitalsMonitor,
}

impl Worker {
    /// All five, in the order of their ports.
    pub const ALL: [Self; 5] = [
        Self::SerpIntelligence,
        Self::TechnicalSeo,
        Self::DomainAuthority,
        Self::CompetitiveIntelligence,
        Self::VitalsMonitor,
    ];

    /// What plans call it.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::SerpIntelligence => "serp-intelligence",
            Self::TechnicalSeo => "technical-seo",
            Self::DomainAuthority => "domain-authority",
            Self::CompetitiveIntelligence => "competitive-intelligence",
            Self::VitalsMonitor => "vitals-monitor",
        }
    }

    /// The variable that holds its key: the one that rok's map names.
    #[must_use]
    pub const fn key_env(self) -> &'static str {
        match self {
            Self::SerpIntelligence => "SERP_INTEL_API_KEY",
            Self::TechnicalSeo => "CRAWL_RENDER_API_KEY",
            Self::DomainAuthority => "BACKLINK_AUTHORITY_API_KEY",
            Self::CompetitiveIntelligence => "COMPETITIVE_SNAPSHOT_API_KEY",
            Self::VitalsMonitor => "CORE_WEB_VITALS_API_KEY",
        }
    }
}
