//! Where the values of a TOML file belong: tables by header, by dotted key and
//! inline, and the rules by which they may be added to.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::fault::{FaultCode, Finding, quoted};
use crate::tree::bounds::{MAX_DEPTH, Weight, too_deep};
use crate::tree::{Entry, Node, Style, Value};

/// A part of a dotted key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// How a table came about, which decides what may be added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// By its own header: whole, but for tables within it.
    Header,
    /// By the header of a table within it: its own may come.
    Parent,
    /// By a dotted key: dotted keys add to it, a header does not.
    Dotted,
    /// `{ … }`: whole.
    Inline,
}

/// A value that may not be complete.
#[derive(Debug)]
pub(super) enum Content {
    Scalar(String, Style),
    List {
        items: Vec<usize>,
        /// An array of tables, which `[[…]]` adds to.
        tables: bool,
    },
    Map {
        entries: Vec<(Key, usize)>,
        index: BTreeMap<String, usize>,
        made: Made,
    },
}

impl Content {
    pub(super) fn map(made: Made) -> Self {
        Self::Map {
            entries: Vec::new(),
            index: BTreeMap::new(),
            made,
        }
    }

    pub(super) fn list(tables: bool) -> Self {
        Self::List {
            items: Vec::new(),
            tables,
        }
    }
}

#[derive(Debug)]
struct Slot {
    span: Range<usize>,
    /// Containers around it, itself included if it is one.
    depth: usize,
    content: Content,
}

/// All values; what holds another comes before it. The first is the plan.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    total: Weight,
}

impl Slots {
    /// The plan of a file of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let plan = Slot {
            span: 0..bytes,
            depth: 1,
            content: Content::map(Made::Header),
        };
        Self {
            slots: alloc::vec![plan],
            total: Weight::CONTAINER,
        }
    }

    pub(super) fn is_list(&self, slot: usize) -> bool {
        matches!(self.slots[slot].content, Content::List { .. })
    }

    /// A table that belongs nowhere.
    pub(super) fn detached(&mut self, span: Range<usize>) -> Result<usize, Finding> {
        self.push(0, span, Content::map(Made::Header))
    }

    /// The end of an array or an inline table.
    pub(super) fn close(&mut self, slot: usize, end: usize) {
        self.slots[slot].span.end = end;
    }

    /// `[path]`
    pub(super) fn table(&mut self, path: &[Key], span: &Range<usize>) -> Result<usize, Finding> {
        let (last, parents) = split(path, span)?;
        let parent = self.descend(0, parents, Made::Parent)?;
        match self.find(parent, &last.text) {
            None => self.insert(parent, last, span.clone(), Content::map(Made::Header)),
            Some(slot) => match &mut self.slots[slot].content {
                Content::Map { made, .. } if *made == Made::Parent => {
                    *made = Made::Header;
                    Ok(slot)
                }
                _ => Err(self.twice(parent, last)),
            },
        }
    }

    /// `[[path]]`
    pub(super) fn array_table(
        &mut self,
        path: &[Key],
        span: &Range<usize>,
    ) -> Result<usize, Finding> {
        let (last, parents) = split(path, span)?;
        let parent = self.descend(0, parents, Made::Parent)?;
        let list = match self.find(parent, &last.text) {
            None => self.insert(parent, last, span.clone(), Content::list(true))?,
            Some(slot) => match self.slots[slot].content {
                Content::List { tables: true, .. } => slot,
                _ => return Err(self.twice(parent, last)),
            },
        };
        self.item(list, span.clone(), Content::map(Made::Header))
    }

    /// `path = content`, within a table.
    pub(super) fn entry(
        &mut self,
        table: usize,
        path: &[Key],
        span: Range<usize>,
        content: Content,
    ) -> Result<usize, Finding> {
        let (last, parents) = split(path, &span)?;
        let parent = self.descend(table, parents, Made::Dotted)?;
        match self.find(parent, &last.text) {
            None => self.insert(parent, last, span, content),
            Some(_) => Err(self.twice(parent, last)),
        }
    }

    /// The next item of an array.
    pub(super) fn item(
        &mut self,
        list: usize,
        span: Range<usize>,
        content: Content,
    ) -> Result<usize, Finding> {
        let slot = self.push(list, span, content)?;
        if let Content::List { items, .. } = &mut self.slots[list].content {
            items.push(slot);
        }
        Ok(slot)
    }

    /// Goes down a path and makes what is missing.
    fn descend(&mut self, from: usize, path: &[Key], by: Made) -> Result<usize, Finding> {
        let mut at = from;
        for key in path {
            let Some(slot) = self.find(at, &key.text) else {
                at = self.insert(at, key, key.span.clone(), Content::map(by))?;
                continue;
            };
            let next = match &mut self.slots[slot].content {
                Content::Map { made, .. } => match (by, *made) {
                    (Made::Dotted, Made::Parent | Made::Dotted) => {
                        *made = Made::Dotted;
                        Some(slot)
                    }
                    (Made::Dotted, _) | (_, Made::Inline) => None,
                    _ => Some(slot),
                },
                Content::List {
                    items,
                    tables: true,
                } if by == Made::Parent => items.last().copied(),
                Content::List { .. } | Content::Scalar(..) => None,
            };
            at = match next {
                Some(next) => next,
                None => return Err(self.twice(at, key)),
            };
        }
        Ok(at)
    }

    fn find(&self, map: usize, key: &str) -> Option<usize> {
        match &self.slots[map].content {
            Content::Map { entries, index, .. } => index.get(key).map(|at| entries[*at].1),
            _ => None,
        }
    }

    fn insert(
        &mut self,
        map: usize,
        key: &Key,
        span: Range<usize>,
        content: Content,
    ) -> Result<usize, Finding> {
        self.total.count(Weight::text(&key.text), &key.span)?;
        let slot = self.push(map, span, content)?;
        if let Content::Map { entries, index, .. } = &mut self.slots[map].content {
            index.insert(key.text.clone(), entries.len());
            entries.push((key.clone(), slot));
        }
        Ok(slot)
    }

    fn push(
        &mut self,
        parent: usize,
        span: Range<usize>,
        content: Content,
    ) -> Result<usize, Finding> {
        let weight = match &content {
            Content::Scalar(text, _) => Weight::text(text),
            Content::List { .. } | Content::Map { .. } => Weight::CONTAINER,
        };
        self.total.count(weight, &span)?;
        let depth = self.slots[parent].depth + weight.height;
        if depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.slots.push(Slot {
            span,
            depth,
            content,
        });
        Ok(self.slots.len() - 1)
    }

    /// The key is there already, and nothing can be added to it in this way.
    fn twice(&self, map: usize, key: &Key) -> Finding {
        let message = alloc::format!("{} is given twice", quoted(&key.text));
        let finding = Finding::new(FaultCode::DuplicateKey, key.span.clone(), message);
        let Content::Map { entries, index, .. } = &self.slots[map].content else {
            return finding;
        };
        let Some((first, slot)) = index.get(&key.text).map(|at| &entries[*at]) else {
            return finding;
        };
        let hint = match &self.slots[*slot].content {
            Content::Map {
                made: Made::Inline, ..
            } => "a table in `{ }` is whole: write all of it there, or none",
            Content::Map {
                made: Made::Dotted, ..
            } => "dotted keys have made this table: go on with them, or write it under its header",
            Content::Map { .. } => "write all keys of a table under its one header",
            Content::List { tables: false, .. } => {
                "a list in `[ ]` is whole: write all of it there, or use `[[ ]]` alone"
            }
            Content::List { tables: true, .. } | Content::Scalar(..) => {
                "rename or remove one of the two"
            }
        };
        finding
            .hint(hint)
            .related(first.span.clone(), "first given here")
    }

    /// The plan as a tree, unless there is nothing. What holds another comes before it, so that going
    /// backwards each value finds its parts done.
    pub(super) fn into_tree(self) -> Option<Rc<Node>> {
        if self.slots.len() == 1 {
            return None;
        }
        let mut done: Vec<Option<Rc<Node>>> = self.slots.iter().map(|_| None).collect();
        for (at, slot) in self.slots.into_iter().enumerate().rev() {
            let value = match slot.content {
                Content::Scalar(text, style) => Value::Scalar { text, style },
                Content::List { items, .. } => Value::List(
                    items
                        .into_iter()
                        .filter_map(|item| done[item].take())
                        .collect(),
                ),
                Content::Map { entries, .. } => Value::Map(
                    entries
                        .into_iter()
                        .filter_map(|(key, slot)| {
                            Some(Entry {
                                key: key.text,
                                span: key.span,
                                node: done[slot].take()?,
                            })
                        })
                        .collect(),
                ),
            };
            done[at] = Some(Rc::new(Node {
                span: slot.span,
                value,
            }));
        }
        done.into_iter().next().flatten()
    }
}

/// A path as its last key and those before it.
fn split<'p>(path: &'p [Key], span: &Range<usize>) -> Result<(&'p Key, &'p [Key]), Finding> {
    path.split_last()
        .ok_or_else(|| Finding::new(FaultCode::Syntax, span.clone(), "a key is missing here"))
}
