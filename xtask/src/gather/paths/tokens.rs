//! Paths in the tokens of a macro call, whose grammar nobody knows.

use proc_macro2::{Span, TokenStream, TokenTree};

/// Words that are joined by `::`.
pub(super) struct TokenPath {
    pub(super) is_absolute: bool,
    pub(super) words: Vec<String>,
    pub(super) span: Span,
}

/// Every run of two or more joined words, at any depth.
pub(super) fn paths(stream: &TokenStream) -> Vec<TokenPath> {
    let mut found = Vec::new();
    scan(stream.clone(), &mut found);
    found
}

fn scan(stream: TokenStream, found: &mut Vec<TokenPath>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Group(group) => scan(group.stream(), found),
            TokenTree::Ident(first) => {
                let (words, end) = run(&trees, at);
                // `$crate::…` and what follows a `.` or another path is no path of its own.
                let follows = at.checked_sub(1).and_then(|before| match &trees[before] {
                    TokenTree::Punct(p) => Some(p.as_char()),
                    _ => None,
                });
                if words.len() > 1 && !matches!(follows, Some('$' | '.')) {
                    let is_absolute = follows == Some(':') && at > 1 && joins(&trees, at - 2);
                    found.push(TokenPath {
                        is_absolute,
                        words,
                        span: first.span(),
                    });
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

/// The joined words from `at` on, and where they end.
fn run(trees: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let mut words = Vec::new();
    while let Some(TokenTree::Ident(word)) = trees.get(at) {
        words.push(word.to_string());
        at += 1;
        if !joins(trees, at) {
            break;
        }
        // `::{…}` and `::*` close the run; what is in a group has been named by its front.
        if !matches!(trees.get(at + 2), Some(TokenTree::Ident(_))) {
            words.push("_".to_owned());
            at += 2;
            break;
        }
        at += 2;
    }
    (words, at)
}

/// Whether `::` stands at `at`.
fn joins(trees: &[TokenTree], at: usize) -> bool {
    let is_colon =
        |i: usize| matches!(trees.get(i), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    is_colon(at) && is_colon(at + 1)
}
