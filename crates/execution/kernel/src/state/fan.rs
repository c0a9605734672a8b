//! Fan-outs: children of a step are slots of their own, behind those of the
//! plan. All of it is a function of the events.

use super::RunState;
use crate::compiled::StepIx;
use crate::needs::Needs;
use crate::scope::RunScope;
use crate::steps::StepSlot;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_chain::Digest;
use rok_events::{ChildCounts, FanOutData};
use rok_plan::{Action, Step};
use rok_scheduler::{Fan, Finish};
use rok_vocabulary::{StepId, StepState};
use serde_json::Value;

/// A step that is fanned out: its items, and how far its children are.
#[derive(Debug, Clone)]
pub struct FanOut {
    parent: StepIx,
    base: StepIx,
    items: Arc<[Value]>,
    sha256: String,
    /// What its children are given of the steps before it, where that is a
    /// function's: those have ended, so it stays the same.
    needs: Option<Needs>,
    fan: Fan,
    failed: BTreeSet<u32>,
    skipped: u32,
}

impl FanOut {
    /// The step that is fanned out.
    #[must_use]
    pub const fn parent(&self) -> StepIx {
        self.parent
    }

    /// The items, in order.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// What its children share of the steps before it.
    pub(crate) const fn needs(&self) -> Option<&Needs> {
        self.needs.as_ref()
    }

    /// The places of its children.
    #[must_use]
    pub fn children(&self) -> core::ops::Range<StepIx> {
        self.base..self.base + self.fan.len()
    }

    /// The children that failed for good, in order.
    pub(crate) const fn failed(&self) -> &BTreeSet<u32> {
        &self.failed
    }

    /// How its children ended, once they have.
    pub(crate) fn counts(&self) -> ChildCounts {
        ChildCounts {
            total: self.fan.len(),
            failed: self.failed.len() as u32,
            skipped: self.skipped,
        }
    }
}

/// What an earlier epoch leaves of a fan-out that did not succeed.
#[derive(Debug, Clone)]
struct Kept {
    sha256: String,
    children: Vec<(u32, StepSlot)>,
}

/// All fan-outs of a run, in the order they began.
#[derive(Debug, Clone, Default)]
pub(crate) struct FanOuts {
    all: Vec<FanOut>,
    of: BTreeMap<StepIx, usize>,
    /// Fan-outs with children that are not finished.
    open: BTreeSet<StepIx>,
    /// Running fan-outs all of whose children are finished.
    ripe: BTreeSet<StepIx>,
    /// Children that have not been started.
    pub(super) pending: u32,
    pub(super) running: u32,
    kept: BTreeMap<StepIx, Kept>,
}

/// A list of items as it is hashed.
pub(crate) fn digest(items: &[Value]) -> String {
    let json = serde_json::to_vec(items).expect("JSON values are always JSON");
    Digest::of(&json).to_hex()
}

impl RunState {
    /// The step of the plan that a place belongs to: itself, or the parent of a
    /// fan-out's child.
    #[must_use]
    pub fn origin(&self, ix: StepIx) -> StepIx {
        self.child(ix).map_or(ix, |(parent, _)| parent)
    }

    /// What the plan says of a step, or of a child.
    #[must_use]
    pub fn definition(&self, ix: StepIx) -> &Step {
        self.plan.step(self.origin(ix))
    }

    /// The id of a step, `id[i]` for a child.
    #[must_use]
    pub fn step_id(&self, ix: StepIx) -> StepId {
        match self.child(ix) {
            None => self.plan.step(ix).id.clone(),
            Some((parent, index)) => alloc::format!("{}[{index}]", self.plan.step(parent).id)
                .parse()
                .expect("a step's id with an index is a child's id"),
        }
    }

    /// The place of a step or of a child that exists, by its id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<StepIx> {
        let Some((parent, rest)) = id.split_once('[') else {
            return self.plan.find_str(id);
        };
        let index: StepIx = rest.strip_suffix(']')?.parse().ok()?;
        let fan = self.fan_out(self.plan.find_str(parent)?)?;
        (index < fan.fan.len()).then_some(fan.base + index)
    }

    /// The parent and the index of a child; `None` for a step of the plan.
    #[must_use]
    pub fn child(&self, ix: StepIx) -> Option<(StepIx, u32)> {
        if (ix as usize) < self.plan.len() {
            return None;
        }
        let all = &self.fan_outs.all;
        let at = all.partition_point(|fan| fan.base <= ix);
        // An empty fan-out shares its base with the next one.
        let fan = all[..at].iter().rev().find(|fan| !fan.fan.is_empty())?;
        Some((fan.parent, ix - fan.base))
    }

    /// The fan-out of a step, once it has begun.
    #[must_use]
    pub fn fan_out(&self, parent: StepIx) -> Option<&FanOut> {
        let at = *self.fan_outs.of.get(&parent)?;
        Some(&self.fan_outs.all[at])
    }

    /// The item of a child, and its place.
    pub(crate) fn item(&self, ix: StepIx) -> Option<(&Value, u32)> {
        let (parent, index) = self.child(ix)?;
        let fan = self.fan_out(parent)?;
        Some((fan.items.get(index as usize)?, index))
    }

    /// How many children an earlier epoch leaves for the same items.
    pub(crate) fn kept_children(&self, parent: StepIx, sha256: &str) -> u32 {
        let kept = self.fan_outs.kept.get(&parent);
        kept.filter(|kept| kept.sha256 == sha256)
            .map_or(0, |kept| kept.children.len() as u32)
    }

    /// Steps and children, by their places.
    #[must_use]
    pub fn places(&self) -> core::ops::Range<StepIx> {
        0..self.steps.len() as StepIx
    }

    /// Whether its children do a step's work.
    pub(crate) fn is_fanned_out(&self, ix: StepIx) -> bool {
        self.fan_outs.of.contains_key(&ix)
    }

    /// The first child, by declaration order, that may start; with `places`
    /// only one for which its fan-out has a place.
    pub(crate) fn next_child(
        &mut self,
        open: impl Fn(usize) -> bool,
        places: bool,
    ) -> Option<(StepIx, StepIx)> {
        let FanOuts {
            all,
            of,
            open: fans,
            ..
        } = &mut self.fan_outs;
        fans.iter()
            .filter(|parent| open(self.plan.graph().lane(**parent)))
            .find_map(|parent| {
                let fan = &mut all[*of.get(parent)?];
                let child = if places {
                    fan.fan.next_ready()
                } else {
                    fan.fan.first_ready()
                };
                Some((*parent, fan.base + child?))
            })
    }

    /// A fan-out all of whose children are finished, and that is not.
    pub(crate) fn ripe_fan_out(&self) -> Option<StepIx> {
        self.fan_outs.ripe.first().copied()
    }

    /// The list that an event claims, evaluated again: `None` where that gives
    /// another one.
    pub(super) fn claimed_items(&self, parent: StepIx, data: &FanOutData) -> Option<Arc<[Value]>> {
        if self.child(parent).is_some() {
            return None;
        }
        let for_each = self.plan.step(parent).for_each.as_ref()?;
        let items = for_each.eval(&RunScope::new(self)).ok()?;
        let same = items.len() as u64 == u64::from(data.items)
            && digest(&items) == data.sha256
            && self.kept_children(parent, &data.sha256) == data.kept;
        same.then(|| items.into())
    }

    /// Begins a fan-out. Children that succeeded before, for the same items,
    /// stay as they are.
    pub(super) fn begin_fan_out(&mut self, parent: StepIx, items: Arc<[Value]>, sha256: String) {
        let limit = self.plan.step(parent).max_parallel;
        let calls = matches!(self.plan.step(parent).action, Action::Call(_));
        let needs = calls.then(|| Needs::new(self.needs_outputs(parent)).shared());
        let children = items.len() as u32;
        let base = self.steps.len() as StepIx;
        let blank = core::iter::repeat_n(StepSlot::default(), items.len());
        self.steps.extend(blank);
        let mut fan = Fan::new(children, limit);
        let mut pending = children;
        let kept = self.fan_outs.kept.remove(&parent);
        for (child, slot) in kept
            .filter(|kept| kept.sha256 == sha256)
            .into_iter()
            .flat_map(|kept| kept.children)
        {
            fan.finish(child);
            pending -= 1;
            self.steps[(base + child) as usize] = slot;
        }
        let fans = &mut self.fan_outs;
        fans.pending += pending;
        if fan.unfinished() > 0 {
            fans.open.insert(parent);
        } else {
            fans.ripe.insert(parent);
        }
        fans.of.insert(parent, fans.all.len());
        fans.all.push(FanOut {
            parent,
            base,
            items,
            sha256,
            needs,
            fan,
            failed: BTreeSet::new(),
            skipped: 0,
        });
    }

    fn fan_of(&mut self, child: StepIx) -> Option<(&mut Fan, u32)> {
        let (parent, index) = self.child(child)?;
        let at = *self.fan_outs.of.get(&parent)?;
        Some((&mut self.fan_outs.all[at].fan, index))
    }

    /// Makes a step or a child ready again.
    pub(super) fn offer_again(&mut self, ix: StepIx) {
        match self.fan_of(ix) {
            Some((fan, index)) => fan.offer_again(index),
            None => self.schedule.offer_again(self.plan.graph(), ix),
        }
    }

    /// Takes a ready step or child.
    pub(super) fn take_ready(&mut self, ix: StepIx) -> bool {
        match self.fan_of(ix) {
            Some((fan, index)) => fan.take(index),
            None => self.schedule.take(self.plan.graph(), ix),
        }
    }

    /// A child's attempt began or ended.
    pub(super) fn child_runs(&mut self, ix: StepIx, runs: bool) {
        let first = self.steps[ix as usize].started_at.is_none();
        let Some((fan, _)) = self.fan_of(ix) else {
            return;
        };
        if runs {
            self.fan_outs.running += 1;
            self.fan_outs.pending -= u32::from(first);
        } else {
            fan.leave();
            self.fan_outs.running -= 1;
        }
    }

    /// A child is finished. False where it is a step of the plan.
    pub(super) fn settle_child(&mut self, ix: StepIx, how: Finish) -> bool {
        let Some((parent, index)) = self.child(ix) else {
            return false;
        };
        let never_began = self.steps[ix as usize].started_at.is_none();
        let fans = &mut self.fan_outs;
        fans.pending -= u32::from(never_began);
        let fan = &mut fans.all[fans.of[&parent]];
        match how {
            Finish::Succeeded => {}
            Finish::Failed => drop(fan.failed.insert(index)),
            Finish::Skipped(_) => fan.skipped += 1,
        }
        fan.fan.finish(index);
        if fan.fan.unfinished() == 0 {
            fans.open.remove(&parent);
            fans.ripe.insert(parent);
        }
        true
    }

    /// Whether a fan-out may end like this.
    pub(super) fn may_end_fan_out(&self, parent: StepIx, succeeded: bool) -> bool {
        let Some(fan) = self.fan_out(parent) else {
            return !succeeded
                || self.child(parent).is_some()
                || self.plan.step(parent).for_each.is_none();
        };
        let sound = fan.failed.is_empty() && fan.skipped == 0;
        self.fan_outs.ripe.contains(&parent) && sound == succeeded
    }

    /// The fan-out's step is finished; its outputs are the list of its
    /// children's.
    pub(super) fn end_fan_out(&mut self, parent: StepIx) -> Option<Arc<Value>> {
        self.fan_outs.ripe.remove(&parent);
        let children = self.fan_out(parent)?.children();
        let outputs = children.map(|ix| {
            let outputs = self.steps[ix as usize].outputs.as_deref();
            outputs.cloned().unwrap_or(Value::Null)
        });
        Some(Arc::new(Value::Array(outputs.collect())))
    }

    /// How many steps of the plan, and children, neither run nor are finished.
    pub(crate) fn has_unstarted(&self) -> bool {
        let fans = &self.fan_outs;
        let of_plan = self.progress.running() - fans.running;
        let open = fans.open.len() + fans.ripe.len() + self.awaited_fallbacks() as usize;
        fans.pending > 0 || self.schedule.unfinished() > of_plan as usize + open
    }

    /// The next epoch begins: fan-outs that succeeded stay; of the others, the
    /// children that succeeded are kept for the same items.
    pub(super) fn next_epoch_of_fan_outs(&mut self) {
        let old = core::mem::take(&mut self.fan_outs);
        let children = self.steps.split_off(self.plan.len());
        let mut kept_before = old.kept;
        for fan in old.all {
            let from = fan.base as usize - self.plan.len();
            let slots = &children[from..from + fan.items.len()];
            if self.steps[fan.parent as usize].state == StepState::Succeeded {
                let base = self.steps.len() as StepIx;
                self.steps.extend_from_slice(slots);
                let fans = &mut self.fan_outs;
                fans.of.insert(fan.parent, fans.all.len());
                fans.all.push(FanOut { base, ..fan });
                continue;
            }
            let done = slots.iter().zip(0..);
            let done = done.filter(|(slot, _)| slot.state == StepState::Succeeded);
            let kept = Kept {
                sha256: fan.sha256,
                children: done.map(|(slot, index)| (index, slot.clone())).collect(),
            };
            kept_before.insert(fan.parent, kept);
        }
        self.fan_outs.kept = kept_before;
    }
}
