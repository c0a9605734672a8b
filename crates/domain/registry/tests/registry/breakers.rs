//! Breakers last, and are seen.

use crate::bench::{Bench, query, refusal, tool};
use rok_component::{Admission, BreakerRules, Component, Outcome};
use rok_facades::registry::{Asker, RegistryEngine as _};
use rok_log::{Cells, MemoryCells};
use rok_registry::Registry;
use rok_vocabulary::{ErrorClass, RunId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const RULES: BreakerRules = BreakerRules {
    threshold: 3,
    cool_down: Duration::from_secs(10),
    max_cool_down: Duration::from_secs(60),
    trial: Duration::from_secs(100),
};

struct Clocked {
    bench: Bench,
    cells: Arc<MemoryCells>,
    now: Arc<AtomicI64>,
}

impl Clocked {
    fn new() -> Self {
        Self {
            bench: Bench::with(&[("a", "1.0.0", "")]),
            cells: Arc::new(MemoryCells::new()),
            now: Arc::new(AtomicI64::new(0)),
        }
    }

    /// As another process has it.
    fn registry(&self) -> Registry {
        let now = Arc::clone(&self.now);
        self.bench
            .registry()
            .state(self.cells.clone())
            .rules(RULES)
            .clock(move || Timestamp::from_millis(now.load(Ordering::Relaxed)))
    }

    fn component(&self) -> Arc<Component> {
        let found = self
            .registry()
            .find(&query("name=a"))
            .expect("no test breaks it");
        Arc::clone(&found.components[0].component)
    }

    fn fail(&self) {
        let component = self.component();
        self.registry()
            .record(&component, Outcome::Failed(ErrorClass::Timeout))
            .expect("no test breaks it");
    }

    fn state(&self) -> String {
        self.registry()
            .inspect(&"a".parse().expect("no test breaks it"))
            .expect("no test breaks it")
            .breaker
            .state
    }

    fn admit(&self) -> Admission {
        self.admit_where(&|_, _| false)
    }

    fn admit_where(&self, is_gone: &dyn Fn(&RunId, Timestamp) -> bool) -> Admission {
        let (component, run) = (self.component(), run());
        let who = Asker { run: &run, is_gone };
        let admitted = self.registry().admit(&component, &who);
        admitted.expect("no test breaks it")
    }
}

fn run() -> RunId {
    "r-1".parse().expect("a run's id")
}

#[test]
fn a_breaker_outlives_whoever_opened_it() {
    let clocked = Clocked::new();
    for _ in 0..3 {
        assert_eq!(clocked.admit(), Admission::Go);
        clocked.fail();
    }
    assert_eq!(clocked.state(), "open");
    let until = Timestamp::from_millis(10_000);
    assert_eq!(clocked.admit(), Admission::Refused { until });
    clocked.now.store(10_000, Ordering::Relaxed);
    assert_eq!(clocked.admit(), Admission::Trial);
    assert_eq!(clocked.state(), "half_open");
    assert!(
        matches!(clocked.admit(), Admission::OnTrial { by: Some(by), .. } if by == "r-1"),
        "who tries it out is known"
    );
    let since = Timestamp::from_millis(10_000);
    let gone = |run: &RunId, at| run.as_str() == "r-1" && at == since;
    assert_eq!(clocked.admit_where(&gone), Admission::Trial);
    let component = clocked.component();
    clocked
        .registry()
        .record(&component, Outcome::Succeeded)
        .unwrap();
    assert_eq!(clocked.state(), "closed");
    assert!(clocked.cells.cells("breakers").unwrap().is_empty());
}

#[test]
fn changed_content_has_a_breaker_of_its_own_and_a_person_may_close_it() {
    let clocked = Clocked::new();
    for _ in 0..3 {
        clocked.fail();
    }
    let before = tool("a", "1.0.0", "");
    clocked.bench.put(
        "a@1.0.0.component.yaml",
        &tool("a", "1.0.0", "description: mended"),
    );
    assert_eq!(clocked.state(), "closed");
    clocked.bench.put("a@1.0.0.component.yaml", &before);
    assert_eq!(clocked.state(), "open");
    let view = clocked.registry().reset(&"a".parse().unwrap()).unwrap();
    assert_eq!(
        (view.state.as_str(), clocked.state().as_str()),
        ("closed", "closed")
    );
    assert_eq!(
        refusal(clocked.registry().reset(&"b".parse().unwrap())).0,
        "ROK0230"
    );
}

#[test]
fn a_state_that_nobody_can_read_lets_nothing_in() {
    let clocked = Clocked::new();
    let component = clocked.component();
    let key = component.fingerprint.to_hex();
    assert!(
        clocked
            .cells
            .swap("breakers", &key, None, Some(b"{}"))
            .unwrap()
    );
    let (code, told) = refusal(clocked.registry().admit(
        &component,
        &Asker {
            run: &run(),
            is_gone: &|_, _| false,
        },
    ));
    assert_eq!(code, "ROK0235");
    assert!(
        told.starts_with("component a: its breaker cannot be read"),
        "{told}"
    );
    assert_eq!(clocked.state(), "unreadable");
    clocked.registry().reset(&"a".parse().unwrap()).unwrap();
    assert_eq!(clocked.admit(), Admission::Go);
}

#[test]
fn of_many_at_once_one_alone_tries_it_out() {
    let clocked = Clocked::new();
    for _ in 0..3 {
        clocked.fail();
    }
    clocked.now.store(10_000, Ordering::Relaxed);
    let (registry, component) = (clocked.registry(), clocked.component());
    let trials = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let who = Asker {
                        run: &run(),
                        is_gone: &|_, _| false,
                    };
                    registry.admit(&component, &who).unwrap() == Admission::Trial
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .filter(|t| *t)
            .count()
    });
    assert_eq!(trials, 1);
}
