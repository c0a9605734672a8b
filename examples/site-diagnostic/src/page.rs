//! [`Page`]: what a page of HTML says of itself and names.

use html5gum::emitters::default::{DefaultEmitter, StartTag};
use html5gum::{Token, Tokenizer};

/// What of a page is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Its title, if it has one that says something.
    pub title: Option<String>,
    /// The address that it wants to be known by.
    pub canonical: Option<String>,
    /// Where it leads, as written.
    pub links: Vec<String>,
    /// What a browser loads for it, as written.
    pub resources: Vec<String>,
    /// Its words, in lower case.
    pub words: Vec<String>,
}

impl Page {
    /// Reads HTML as a browser's tokenizer does; nothing is refused.
    #[must_use]
    pub fn read(html: &[u8]) -> Self {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut page = Self::default();
        let (mut title, mut within) = (String::new(), Vec::new());
        for token in Tokenizer::new_with_emitter(html, emitter) {
            let token = match token {
                Ok(token) => token,
                Err(never) => match never {},
            };
            match token {
                Token::StartTag(tag) => {
                    page.start(&tag);
                    within.clone_from(&tag.name.0);
                }
                Token::EndTag(_) => within.clear(),
                Token::String(text) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    match within.as_slice() {
                        b"title" => title.push_str(&text),
                        b"script" | b"style" => {}
                        _ => page.words.extend(words(&text)),
                    }
                }
                _ => {}
            }
        }
        page.title = Some(title.trim().to_owned()).filter(|title| !title.is_empty());
        page
    }

    fn start(&mut self, tag: &StartTag<()>) {
        let attribute = |name: &[u8]| {
            let mut all = tag.attributes.iter();
            let found = all.find(|(known, _)| known.0 == name);
            found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
        };
        match tag.name.0.as_slice() {
            b"a" => self.links.extend(attribute(b"href")),
            b"script" | b"img" => self.resources.extend(attribute(b"src")),
            b"link" => {
                let rel = attribute(b"rel").unwrap_or_default().to_ascii_lowercase();
                let mut rels = rel.split_ascii_whitespace();
                match rels.find(|rel| matches!(*rel, "canonical" | "stylesheet" | "icon")) {
                    Some("canonical") => self.canonical = attribute(b"href"),
                    Some(_) => self.resources.extend(attribute(b"href")),
                    None => {}
                }
            }
            _ => {}
        }
    }
}

/// The words of a text, in lower case.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|w| w.len() > 2).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_names_is_read_as_a_browser_reads_it() {
        let html = b"<!doctype html><TITLE> A &amp; B </TITLE>
            <link rel='shortcut ICON' href=/i.png><link rel=canonical href='http://x/'>
            <script src=a.js>document.write('<a href=/no>')</script>
            <!-- <a href=/neither> --><a HREF=\"/yes\">Go On</a><img src=p.png><a>none</a>";
        let page = Page::read(html);
        assert_eq!(page.title.as_deref(), Some("A & B"));
        assert_eq!(page.canonical.as_deref(), Some("http://x/"));
        assert_eq!(page.links, ["/yes"]);
        assert_eq!(page.resources, ["/i.png", "a.js", "p.png"]);
        assert_eq!(page.words, ["none"]);
        assert_eq!(Page::read(b"<title> </title>").title, None);
    }
}
