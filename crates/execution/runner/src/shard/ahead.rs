//! What a turn does before its commit: inputs are taken until nothing is left
//! that needs no commit of its own.

use super::{Shard, Turn};
use rok_vocabulary::RunId;

impl Shard {
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
        self.perform(run, harmless);
    }
}
