//! What a module's own words stand for: its imports, renames and child modules.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::visit::Visit;
use syn::{Item, ItemMod, ItemUse, UseTree};

/// How many renames of renames are followed; a cycle does not compile anyway.
const DEPTH: usize = 8;

/// The names of one module.
#[derive(Clone, Default)]
pub(super) struct Scope(BTreeMap<String, Vec<String>>);

/// One name that a `use` brings in.
pub(super) struct Leaf {
    pub(super) path: Vec<String>,
    /// What it is called here; none for a glob.
    name: Option<String>,
    pub(super) span: Span,
}

impl Scope {
    /// The names of a module with these items. `use super::*` brings those of
    /// the module around it.
    pub(super) fn of(items: &[Item], around: Option<&Self>) -> Self {
        let mut collector = Collector {
            names: BTreeMap::new(),
            takes_super: false,
        };
        for item in items {
            if let Item::Mod(module) = item {
                let name = module.ident.to_string();
                collector
                    .names
                    .insert(name.clone(), vec!["self".into(), name]);
            }
            collector.visit_item(item);
        }
        let mut names = collector.names;
        if let Some(around) = around.filter(|_| collector.takes_super) {
            for (name, path) in &around.0 {
                names.entry(name.clone()).or_insert_with(|| path.clone());
            }
        }
        Self(names)
    }

    /// The path with imports and renames undone; none where they go round.
    pub(super) fn resolve(&self, is_absolute: bool, words: &[String]) -> Option<Vec<String>> {
        let mut path = words.to_vec();
        if is_absolute {
            return Some(path);
        }
        for _ in 0..DEPTH {
            match self.0.get(path.first()?) {
                Some(target) if target.first() != path.first() => {
                    path.splice(..1, target.iter().cloned());
                }
                _ => return Some(path),
            }
        }
        None
    }
}

/// Every name that a `use` tree brings in.
pub(super) fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(tree, &mut Vec::new(), &mut found);
    found
}

fn collect(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<Leaf>) {
    let with = |before: &[String], last: &syn::Ident| {
        let mut path = before.to_vec();
        if last != "self" || path.is_empty() {
            path.push(last.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(step) => {
            before.push(step.ident.to_string());
            collect(&step.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) => {
            let path = with(before, &name.ident);
            found.push(Leaf {
                name: path.last().cloned(),
                path,
                span: name.ident.span(),
            });
        }
        UseTree::Rename(name) => found.push(Leaf {
            path: with(before, &name.ident),
            name: Some(name.rename.to_string()),
            span: name.ident.span(),
        }),
        UseTree::Glob(glob) => {
            found.push(Leaf {
                path: before.clone(),
                name: None,
                span: glob.star_token.spans[0],
            });
        }
        UseTree::Group(group) => {
            for inner in &group.items {
                collect(inner, before, found);
            }
        }
    }
}

struct Collector {
    names: BTreeMap<String, Vec<String>>,
    takes_super: bool,
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for leaf in leaves(&item.tree) {
            match leaf.name {
                Some(name) => {
                    self.names.insert(name, leaf.path);
                }
                None => self.takes_super |= leaf.path == ["super"],
            }
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        if let Some((_, name)) = &item.rename {
            self.names
                .insert(name.to_string(), vec![item.ident.to_string()]);
        }
    }

    /// A module inside has names of its own.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}
}
