//! [`Robots`]: what a site's robots.txt keeps from crawlers.

/// The rules for every crawler. Where a rule has a wildcard, `Disallow` keeps
/// more away than it says and `Allow` lets nothing through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Robots {
    rules: Vec<(bool, String)>,
}

impl Robots {
    /// Reads the groups of `User-agent: *`; other lines are passed over.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let (mut rules, mut ours, mut heading) = (Vec::new(), false, false);
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if name == "user-agent" {
                // Agents that follow one another share a group.
                ours = (heading && ours) || value == "*";
                heading = true;
                continue;
            }
            heading = false;
            let allow = match name.as_str() {
                "allow" if !value.contains(['*', '$']) => true,
                "disallow" => false,
                _ => continue,
            };
            let prefix = value.split(['*', '$']).next().unwrap_or_default();
            if ours && !value.is_empty() {
                rules.push((allow, prefix.to_owned()));
            }
        }
        Self { rules }
    }

    /// Whether a path may be crawled: the longest rule that fits decides, and
    /// of two the one that allows (RFC 9309).
    #[must_use]
    pub fn allows(&self, path: &str) -> bool {
        let fitting = self
            .rules
            .iter()
            .filter(|(_, prefix)| path.starts_with(prefix));
        let longest = fitting.max_by_key(|(allow, prefix)| (prefix.len(), *allow));
        longest.is_none_or(|(allow, _)| *allow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_for_every_crawler_decides() {
        let text = "User-agent: other\nDisallow: /\n\nuser-agent: one\nUser-Agent: *\n\
            Disallow: /private # all of it\nAllow: /private/open\nDisallow: /*.pdf\nDisallow:\n";
        let robots = Robots::read(&text.replace("Disallow: /*.pdf\n", ""));
        assert!(robots.allows("/") && robots.allows("/private/open/x"));
        assert!(!robots.allows("/private") && !robots.allows("/private/x"));
        // A wildcard is taken for all that it may keep away.
        assert!(!Robots::read(text).allows("/x.html"));
        assert!(Robots::read("").allows("/"));
    }
}
