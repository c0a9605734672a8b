//! The paths in one source file that lead out of its crate.
//!
//! Imports and renames are undone, so that `use rok_kernel as k; k::handle()`
//! counts as what it is. Macro calls are read as tokens: whatever looks like a
//! path in them counts as one.

mod aliases;
mod tokens;

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Token, Visibility};

use self::aliases::{Scope, leaves};
use crate::check_layers::{EdgeKind, Mention, Place};

/// The longest text of a line that a finding shows.
const SHOWN: usize = 100;

/// A file, and what its words stand for.
pub(super) struct Source<'a> {
    pub(super) package: &'a str,
    pub(super) externs: &'a BTreeMap<String, String>,
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

/// What a file holds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) mentions: Vec<Mention>,
    pub(super) modules: Vec<Declared>,
    pub(super) includes: Vec<(String, Place)>,
}

/// `mod name;`
pub(super) struct Declared {
    /// The inline modules around it.
    pub(super) inside: Vec<String>,
    pub(super) name: String,
    /// Its `#[path]`.
    pub(super) path: Option<String>,
    pub(super) kind: EdgeKind,
    pub(super) at: Place,
}

/// Reads a parsed file.
pub(super) fn read_paths(source: &Source<'_>, file: &syn::File, kind: EdgeKind) -> Found {
    let mut reader = Reader {
        source,
        lines: source.text.lines().collect(),
        kind,
        public: false,
        inside: Vec::new(),
        scope: Scope::of(&file.items, None),
        found: Found::default(),
    };
    reader.visit_file(file);
    reader.found
}

struct Reader<'a> {
    source: &'a Source<'a>,
    lines: Vec<&'a str>,
    kind: EdgeKind,
    /// Whether what is named here can be seen by other crates.
    public: bool,
    inside: Vec<String>,
    scope: Scope,
    found: Found,
}

impl Reader<'_> {
    fn place(&self, span: Span) -> Place {
        let line = span.start().line;
        let text = self
            .lines
            .get(line.saturating_sub(1))
            .map_or("", |l| l.trim());
        let short: String = text.chars().take(SHOWN).collect();
        Place::new(self.source.file, line, short)
    }

    /// Notes the path if it leads out of the crate.
    fn name(&mut self, is_absolute: bool, words: &[String], span: Span) {
        let Some(path) = self.scope.resolve(is_absolute, words) else {
            return;
        };
        let Some(package) = path.first().and_then(|word| self.source.externs.get(word)) else {
            return;
        };
        self.found.mentions.push(Mention {
            from: self.source.package.to_owned(),
            to: package.clone(),
            path: path.join("::"),
            kind: self.kind,
            public: self.public,
            at: self.place(span),
        });
    }

    /// Looks at what `attributes` belong to, as test code if they say so.
    fn under(&mut self, attributes: &[Attribute], look: impl FnOnce(&mut Self)) {
        let before = self.kind;
        if attributes.iter().any(is_test_only) {
            self.kind = EdgeKind::Dev;
        }
        look(self);
        self.kind = before;
    }

    fn as_public(&mut self, is_public: bool, look: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.public, is_public);
        look(self);
        self.public = before;
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        self.under(attributes(item), |reader| visit::visit_item(reader, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.under(&item.attrs, |reader| {
            visit::visit_impl_item_fn(reader, item);
        });
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        self.under(&local.attrs, |reader| visit::visit_local(reader, local));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        let Some((_, items)) = &item.content else {
            self.found.modules.push(Declared {
                inside: self.inside.clone(),
                name: name.trim_start_matches("r#").to_owned(),
                path: item.attrs.iter().find_map(path_attribute),
                kind: self.kind,
                at: self.place(item.ident.span()),
            });
            return;
        };
        let inner = Scope::of(items, Some(&self.scope));
        let outer = std::mem::replace(&mut self.scope, inner);
        self.inside.push(name);
        visit::visit_item_mod(self, item);
        self.inside.pop();
        self.scope = outer;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.as_public(matches!(item.vis, Visibility::Public(_)), |reader| {
            for leaf in leaves(&item.tree) {
                reader.name(item.leading_colon.is_some(), &leaf.path, leaf.span);
            }
        });
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.as_public(matches!(item.vis, Visibility::Public(_)), |reader| {
            reader.name(true, &[item.ident.to_string()], item.ident.span());
        });
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.as_public(matches!(item.vis, Visibility::Public(_)), |reader| {
            visit::visit_item_type(reader, item);
        });
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        // One word was imported somewhere, and counted there, unless it now goes public.
        if words.len() > 1 || self.public {
            let span = path
                .segments
                .first()
                .map_or_else(Span::call_site, |s| s.ident.span());
            self.name(path.leading_colon.is_some(), &words, span);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.is_ident("include")
            && let Ok(target) = syn::parse2::<syn::LitStr>(call.tokens.clone())
        {
            let at = self.place(target.span());
            self.found.includes.push((target.value(), at));
        }
        visit::visit_macro(self, call);
    }

    fn visit_token_stream(&mut self, stream: &'ast TokenStream) {
        for path in tokens::paths(stream) {
            self.name(path.is_absolute, &path.words, path.span);
        }
    }
}

/// Whether the attribute keeps its item out of everything but tests.
fn is_test_only(attribute: &Attribute) -> bool {
    let path = attribute.path();
    if path.is_ident("cfg") {
        return attribute
            .parse_args::<Meta>()
            .is_ok_and(|meta| implies_test(&meta));
    }
    path.segments
        .last()
        .is_some_and(|last| last.ident == "test" || last.ident == "rstest")
}

/// Whether a `cfg` can hold only where `test` does.
fn implies_test(meta: &Meta) -> bool {
    let Meta::List(list) = meta else {
        return meta.path().is_ident("test");
    };
    let inner = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let Ok(inner) = inner else { return false };
    if list.path.is_ident("all") {
        inner.iter().any(implies_test)
    } else if list.path.is_ident("any") {
        !inner.is_empty() && inner.iter().all(implies_test)
    } else {
        false
    }
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) if attribute.path().is_ident("path") => Some(text.value()),
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::ExternCrate(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::ForeignMod(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::TraitAlias(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Union(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
