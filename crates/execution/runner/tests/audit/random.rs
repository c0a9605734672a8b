//! Random plans, results and crashes, on the whole shard: a run that crashed
//! anywhere ends as it would have ended undisturbed. A failure prints its seed;
//! `disturbed(seed)` runs it again.

use crate::house::{House, Order, facades, house, house_with, id, order, seconds};
use crate::stores::faulty;
use rok_events::Contract;
use rok_facades::Facades;
use rok_facades::testing::TestEngine;
use rok_log::{CommandKind, Fault, RunIndex};
use rok_runner::RunnerError;
use rok_vocabulary::{HoldReason, Outcome, Profile, RunPhase, StepState};
use rstest::rstest;
use std::fmt::Write as _;
use std::sync::Arc;

struct Choices(u64);

impl Choices {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A plan whose end depends on nothing but its results, and these on nothing
/// but the plan: no limits of time.
fn random_plan(choices: &mut Choices) -> String {
    let sequential = choices.one_in(4);
    let any = choices.one_in(4);
    let mut yaml = String::from("steps:\n");
    for step in 0..=choices.below(7) {
        let function = ["ok", "ok", "ok", "ok", "bad", "io", "io1"][choices.below(7) as usize];
        let _ = writeln!(yaml, "  s{step}:\n    call: {function}");
        for key in ["needs", "after"] {
            let from: Vec<String> = (0..step)
                .filter(|_| choices.one_in(6))
                .map(|from| format!("s{from}"))
                .collect();
            let doubled = key == "after" && yaml.ends_with("]\n");
            if !from.is_empty() && !doubled {
                let _ = writeln!(yaml, "    {key}: [{}]", from.join(", "));
            }
        }
        match choices.below(9) {
            0 if function != "io1" => yaml += "    gate: hard\n",
            1 => yaml += "    gate: manual\n",
            2 => yaml += "    required: false\n",
            3 if !function.starts_with("io") => yaml += "    idempotent: false\n",
            4 => yaml += "    if: \"false\"\n",
            _ => {}
        }
        if function.starts_with("io") {
            yaml += "    retry: { max: 3, base: 1s }\n";
        }
    }
    // A failed hard gate stops what runs beside it: what that is depends on time
    // unless all is in one line.
    if sequential || yaml.contains("gate: hard") {
        yaml += "order: sequential\n";
    }
    if any {
        yaml += "success: any\n";
    }
    yaml
}

fn random_order(choices: &mut Choices) -> Order {
    let plan = random_plan(choices);
    let profile = Profile::ALL[choices.below(3) as usize];
    let contract = match choices.below(8) {
        0 => Contract::WithoutRac,
        1 => Contract::Off,
        _ => Contract::Full,
    };
    let mut order = order(&plan).profile(profile).contract(contract);
    order.settings.max_parallel = 1 + choices.below(4) as u32;
    order
}

/// Decides what a person must decide: by the step's number alone. A person who
/// is asked whether an interrupted step may run again says yes.
fn decide(house: &mut House, run: &str) -> bool {
    let Some(hold) = house.state(run).hold() else {
        return false;
    };
    let step = hold.step.clone().unwrap();
    let odd = step.as_str().ends_with(['1', '3', '5']);
    let rejects = hold.reason == HoldReason::ManualGate && odd;
    let kind = if rejects {
        CommandKind::Reject
    } else {
        CommandKind::Approve
    };
    house.post(run, kind, Some(step.as_str()));
    true
}

fn go_on(house: &mut House, turns: usize) -> Result<bool, RunnerError> {
    for _ in 0..turns {
        let inputs = house.try_turn()?;
        if house.shard.run(&id("r")).is_none() {
            return Ok(false);
        }
        if house.state("r").is_sealed() {
            return Ok(true);
        }
        if house.state("r").phase() == RunPhase::Authorized && house.state("r").closing().is_none()
        {
            house.claim("r");
        } else if inputs == 0
            && !house.shard.is_busy()
            && !decide(house, "r")
            && let Some(due) = house.shard.wake_at()
        {
            house.clock.advance_to(due);
        }
    }
    Ok(false)
}

type End = (RunPhase, Outcome, Vec<StepState>);

fn undisturbed(seed: u64) -> End {
    let mut house = house();
    house.create("r", random_order(&mut Choices(seed)));
    assert!(go_on(&mut house, 5_000).unwrap(), "it does not end");
    house.result("r")
}

/// Domains that leave nothing behind are asked ahead of a commit.
fn domains(pure: bool) -> Facades {
    let engine = TestEngine::ok();
    facades(&Arc::new(if pure { engine.pure() } else { engine }))
}

/// The same run, with crashes between turns and with commits that fail; every
/// other one with domains that leave nothing behind.
fn disturbed(seed: u64) {
    let expected = undisturbed(seed);
    let facades = || domains(seed % 2 == 1);
    let mut choices = Choices(seed);
    let mut house = house_with(facades());
    house.create("r", random_order(&mut choices));
    for _ in 0..choices.below(6) {
        let turns = 1 + choices.below(12) as usize;
        if let Ok(true) = go_on(&mut house, turns) {
            break;
        }
        house.pass_quietly(seconds(choices.below(30)));
        let fault = match choices.below(3) {
            0 => Fault::Lost,
            1 => Fault::Unacknowledged,
            _ => Fault::Torn {
                keep: choices.below(3_000) as usize,
            },
        };
        let n = 1 + choices.below(20);
        let store = faulty(&house.store, n, fault);
        house.crash(store, facades());
        if house.store.get(&id("r")).unwrap().is_none() {
            house.create("r", random_order(&mut Choices(seed)));
        }
    }
    let store = Box::new(house.store.clone());
    house.crash(store, facades());
    if house.store.get(&id("r")).unwrap().is_none() {
        house.create("r", random_order(&mut Choices(seed)));
    }
    house.shard.read_inbox(&id("r"));
    assert!(
        go_on(&mut house, 5_000).unwrap(),
        "it does not end: {:?}",
        house.state("r")
    );
    assert_eq!(house.result("r"), expected);
}

#[rstest]
#[case(0)]
#[case(500)]
#[case(1_000)]
#[case(1_500)]
fn a_crash_changes_no_end(#[case] first: u64) {
    for seed in first..first + 500 {
        let result = std::panic::catch_unwind(|| disturbed(seed));
        if let Err(panic) = result {
            eprintln!("rerun: disturbed({seed})");
            std::panic::resume_unwind(panic);
        }
    }
}
