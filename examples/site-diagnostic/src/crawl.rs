//! A crawl: from a site's first page along its links, within limits.

use crate::fetch::{FetchError, get};
use crate::page::Page;
use crate::robots::Robots;
use crate::web::Origin;
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};
use url::Url;

/// How far a crawl goes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests, robots.txt not counted.
    pub requests: usize,
    /// Time.
    pub time: Duration,
}

/// One answer of the site.
#[derive(Debug, Clone)]
pub struct Visit {
    /// What was asked for.
    pub url: Url,
    /// The page that led there; the first page has none.
    pub from: Option<Url>,
    /// The status.
    pub status: u16,
    /// The body's size.
    pub bytes: usize,
    /// Until the answer's head.
    pub first_byte: Duration,
    /// What it says, if it is HTML and was found; of a redirect, where it leads.
    pub page: Option<Page>,
}

/// What a crawl found.
#[derive(Debug, Clone)]
pub struct Crawl {
    /// All answers, in order.
    pub visits: Vec<Visit>,
    /// robots.txt; `None` where the site has none.
    pub robots: Option<Robots>,
    /// Addresses that robots.txt keeps away.
    pub kept_away: usize,
    /// Addresses of other sites: not visited.
    pub elsewhere: Vec<Url>,
    /// Whether a limit ended it.
    pub cut: bool,
}

impl Crawl {
    /// The pages that were found.
    pub fn pages(&self) -> impl Iterator<Item = (&Visit, &Page)> {
        let found = self.visits.iter().filter(|visit| visit.status == 200);
        found.filter_map(|visit| Some((visit, visit.page.as_ref()?)))
    }
}

/// Crawls a site. That its first page does not answer is an error; that
/// another does not is a finding, with status 0.
pub async fn crawl(site: &Origin, limits: Limits) -> Result<Crawl, FetchError> {
    let began = Instant::now();
    let robots = get(site.at, &site.domain, "/robots.txt").await?;
    let robots =
        (robots.status == 200).then(|| Robots::read(&String::from_utf8_lossy(&robots.body)));
    let allowed = robots.clone().unwrap_or_default();
    let mut found = Crawl {
        visits: Vec::new(),
        robots,
        kept_away: 0,
        elsewhere: Vec::new(),
        cut: false,
    };
    let mut seen: HashSet<Url> = HashSet::new();
    let mut queue: VecDeque<(Option<Url>, Url)> = VecDeque::new();
    queue.extend(site.first().map(|first| (None, first)));
    seen.extend(site.first());
    while let Some((from, url)) = queue.pop_front() {
        if !allowed.allows(url.path()) {
            found.kept_away += 1;
            continue;
        }
        if found.visits.len() >= limits.requests || began.elapsed() >= limits.time {
            found.cut = true;
            break;
        }
        let visit = visit(site, from, url).await?;
        for target in leads(&visit) {
            if !seen.insert(target.clone()) {
                continue;
            }
            if site.has(&target) {
                queue.push_back((Some(visit.url.clone()), target));
            } else {
                found.elsewhere.push(target);
            }
        }
        found.visits.push(visit);
    }
    Ok(found)
}

async fn visit(site: &Origin, from: Option<Url>, url: Url) -> Result<Visit, FetchError> {
    let fetched = match get(site.at, &site.domain, &asked(&url)).await {
        Ok(fetched) => fetched,
        Err(error) if from.is_none() => return Err(error),
        Err(_) => {
            return Ok(Visit {
                url,
                from,
                status: 0,
                bytes: 0,
                first_byte: Duration::ZERO,
                page: None,
            });
        }
    };
    let page = match fetched.location {
        // A redirect leads on like a link, from a page that says nothing.
        Some(_) if !(300..400).contains(&fetched.status) => None,
        Some(location) => Some(Page {
            links: vec![location],
            ..Page::default()
        }),
        None if fetched.html && fetched.status == 200 => Some(Page::read(&fetched.body)),
        None => None,
    };
    Ok(Visit {
        url,
        from,
        status: fetched.status,
        bytes: fetched.body.len(),
        first_byte: fetched.first_byte,
        page,
    })
}

/// What is asked of the site for an address.
pub(crate) fn asked(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// Where a page leads: absolute, over HTTP, without fragments.
pub(crate) fn leads(visit: &Visit) -> Vec<Url> {
    let links = visit.page.iter().flat_map(|page| &page.links);
    links
        .filter_map(|link| absolute(&visit.url, link))
        .collect()
}

/// An address as a page writes it, made absolute.
pub(crate) fn absolute(base: &Url, link: &str) -> Option<Url> {
    let mut url = base.join(link).ok()?;
    url.set_fragment(None);
    matches!(url.scheme(), "http" | "https").then_some(url)
}
