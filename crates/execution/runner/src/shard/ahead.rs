//! What a turn does before its commit: inputs are taken until nothing is left
//! that needs no commit of its own.

use super::{Shard, Turn};
use rok_vocabulary::RunId;

impl Shard {
    /// Lets a run begin in the turn in which it is authorized. Without this,
    /// whoever drives it says when.
    pub fn begin_when_authorized(&mut self, run: &RunId) {
        if let Some(runner) = self.runs.get_mut(run) {
            runner.begin_when_authorized();
        }
    }

    /// Lets the runs decide until there is nothing more to say to them.
    pub(super) fn take_inputs(&mut self, turn: &mut Turn) {
        while let Some((run, input)) = self.inputs.pop_front() {
            turn.inputs += 1;
            // A refused input changes nothing; whoever sent it is not there.
            self.tell(&run, input, self.services.now());
            self.go_on_with(&run);
        }
    }

    /// Performs what leaves nothing behind but its answer, which is durable in
    /// one commit with the question.
    fn go_on_with(&mut self, run: &RunId) {
        // Where there is nothing to fold, nothing can be closed in order.
        if self.newborn.contains(run) {
            return;
        }
        let Some(runner) = self.runs.get_mut(run) else {
            return;
        };
        let services = runner.services(&self.services);
        let harmless = runner.take_harmless(&services);
        if let Some(input) = runner.beginning() {
            self.inputs.push_back((run.clone(), input));
        }
        self.perform(run, harmless);
    }
}
