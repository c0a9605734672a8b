//! The children of one fan-out: which are ready, and how many are under way.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Child {
    Offered,
    Taken,
    Finished,
}

/// The progress of a fan-out: children without edges among them, of which at
/// most so many are under way at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fan {
    children: Vec<Child>,
    /// Children before this one were offered once already.
    fresh: u32,
    /// Children that were offered again.
    again: BTreeSet<u32>,
    under_way: u32,
    limit: u32,
    unfinished: u32,
}

impl Fan {
    /// A fan-out at its start: every child is ready.
    #[must_use]
    pub fn new(children: u32, limit: Option<u32>) -> Self {
        Self {
            children: vec![Child::Offered; children as usize],
            fresh: 0,
            again: BTreeSet::new(),
            under_way: 0,
            limit: limit.unwrap_or(u32::MAX).max(1),
            unfinished: children,
        }
    }

    /// The first child that may start, if there is a free place.
    pub fn next_ready(&mut self) -> Option<u32> {
        (self.under_way < self.limit).then(|| self.first_ready())?
    }

    /// The first child that waits for a place, free or not.
    pub fn first_ready(&mut self) -> Option<u32> {
        while self
            .children
            .get(self.fresh as usize)
            .is_some_and(|child| *child != Child::Offered)
        {
            self.fresh += 1;
        }
        let fresh = (self.fresh < self.len()).then_some(self.fresh);
        let again = self.again.first().copied();
        match (fresh, again) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Takes a ready child: it is under way. False, and nothing changes, where
    /// it is not ready or there is no free place.
    pub fn take(&mut self, child: u32) -> bool {
        let ready = self.children.get(child as usize) == Some(&Child::Offered);
        if !ready || self.under_way >= self.limit {
            return false;
        }
        self.children[child as usize] = Child::Taken;
        self.again.remove(&child);
        self.under_way += 1;
        true
    }

    /// An attempt of a taken child is over: its place is free.
    pub fn leave(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Makes a taken child ready again: a retry is due.
    pub fn offer_again(&mut self, child: u32) {
        if self.children[child as usize] == Child::Taken {
            self.children[child as usize] = Child::Offered;
            if child >= self.fresh {
                return;
            }
            self.again.insert(child);
        }
    }

    /// Nothing more will happen to a child. Finishing it again changes nothing.
    pub fn finish(&mut self, child: u32) {
        if self.children[child as usize] != Child::Finished {
            self.children[child as usize] = Child::Finished;
            self.again.remove(&child);
            self.unfinished -= 1;
        }
    }

    /// How many children there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.children.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are no children.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// How many children are not finished.
    #[must_use]
    pub const fn unfinished(&self) -> u32 {
        self.unfinished
    }

    /// How many children are under way.
    #[must_use]
    pub const fn under_way(&self) -> u32 {
        self.under_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_start_in_order_up_to_the_limit() {
        let mut fan = Fan::new(3, Some(2));
        assert_eq!(fan.next_ready(), Some(0));
        assert!(fan.take(0) && fan.take(1));
        assert_eq!((fan.next_ready(), fan.first_ready()), (None, Some(2)));
        assert!(!fan.take(2), "there is no free place");
        fan.leave();
        fan.finish(0);
        assert_eq!(fan.next_ready(), Some(2));
        assert_eq!(fan.unfinished(), 2);
    }

    #[test]
    fn a_child_that_is_tried_again_comes_before_later_ones() {
        let mut fan = Fan::new(3, Some(1));
        assert!(fan.take(0));
        fan.leave();
        assert!(fan.take(1));
        assert!(!fan.take(1), "a taken child is taken once");
        fan.leave();
        fan.offer_again(0);
        assert_eq!(fan.next_ready(), Some(0));
        assert!(fan.take(0));
        fan.leave();
        for child in 0..3 {
            fan.finish(child);
            fan.finish(child);
        }
        assert_eq!((fan.unfinished(), fan.first_ready()), (0, None));
    }

    #[test]
    fn without_children_nothing_is_left() {
        let mut fan = Fan::new(0, None);
        assert!(fan.is_empty() && fan.unfinished() == 0 && fan.next_ready().is_none());
    }
}
