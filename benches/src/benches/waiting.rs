//! Runs that wait under `rok serve`: for a person, for a time, for a retry.

use crate::args::Args;
use crate::command;
use crate::load::Failed;
use crate::measure::{Goal, Measure, Spent, Unit};
use crate::place::Place;
use crate::report::Table;
use crate::server::{Client, Server};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WAITING: usize = 100_000;
/// Clients that submit at once.
const CLIENTS: usize = 32;
/// How long the server is watched doing nothing.
const WATCHED: Duration = Duration::from_secs(15);
/// How long all of them may take to come to where they wait.
const PATIENCE: Duration = Duration::from_secs(600);
const GLANCE: Duration = Duration::from_millis(100);

/// A plan each for what is waited for: for ever, for a time, for a retry.
const PLANS: [(&str, &str); 3] = [
    ("person", "s: { gate: manual, run: [/bin/true] }"),
    (
        "time",
        "s: { gate: manual, expires: 48h, run: [/bin/true] }",
    ),
    (
        "retry",
        "s: { run: exit 75, retry: { max: 1, base: 24h, max_delay: 24h } }",
    ),
];

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let rok = command::rok(args)?;
    let runs = if args.quick { WAITING / 10 } else { WAITING };
    let folder = place.folder()?;
    for (id, step) in PLANS {
        let text = format!("plan: {id}\nsteps:\n  {step}\n");
        fs::write(folder.join(format!("{id}.yaml")), text)?;
    }
    let server = Server::start(&rok, false, &folder)?;
    let empty = server.footprint()?;
    let began = Instant::now();
    submit(&server, runs)?;
    let submitted = began.elapsed();
    settle(&server, runs)?;
    let settled = began.elapsed();
    table.setting(format!(
        "{runs} runs, a third each: at a manual gate, at one that expires in 48 h, before a retry in \
         24 h; submitted over HTTP by {CLIENTS} clients in {:.0} s, all waiting after {:.0} s; \
         `rok serve --store sqlite:FILE`, fsync",
        submitted.as_secs_f64(),
        settled.as_secs_f64()
    ));
    table.setting(format!(
        "memory: VmRSS of the server's process; the database is {:.2} GB; watched idle for {} s",
        fs::metadata(folder.join("rok.db"))?.len() as f64 / 1e9,
        WATCHED.as_secs()
    ));
    let idle = idle(&server)?;
    // Threads that answered the submissions have gone by now.
    let full = server.footprint()?;
    server.stop()?;
    let goal = Goal::AtMost(300.0);
    let of = |name: &str, unit, value| Measure::of(name, unit, vec![value]);
    table.add(of("memory before any run", Unit::Mb, empty.memory));
    table.add(of("memory with all of them", Unit::Mb, full.memory).goal(goal));
    table.add(of("the most there ever was", Unit::Mb, full.peak).goal(goal));
    table.add(of("threads before", Unit::Count, empty.threads));
    table.add(of("threads with all of them", Unit::Count, full.threads));
    table.add(of("processor time in a second of waiting", Unit::Ms, idle));
    again(&rok, &folder, runs, table)
}

/// A server that finds them all waiting.
fn again(rok: &Path, folder: &Path, runs: usize, table: &mut Table) -> Result<(), Failed> {
    let server = Server::start(rok, false, folder)?;
    settle(&server, runs)?;
    let ready = [Spent {
        wall: server.ready,
        cpu: Duration::ZERO,
    }];
    table.add(Measure::took("ready, with all of them", Unit::Ms, &ready).without_cpu());
    let memory = vec![server.footprint()?.memory];
    table.add(Measure::of(
        "memory, started with all of them",
        Unit::Mb,
        memory,
    ));
    server.stop()
}

fn submit(server: &Server, runs: usize) -> Result<(), Failed> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), Failed> {
        let mut client = server.connect()?;
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= runs {
                return Ok(());
            }
            let body = format!(r#"{{"plan":"{}"}}"#, PLANS[n % PLANS.len()].0);
            client.ask("POST", "/api/v1/runs", &body)?.is(201)?;
        }
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        clients.into_iter().try_for_each(|client| {
            let ended = client.join();
            ended.unwrap_or_else(|_| Err(Failed("a client panicked".into())))
        })
    })
}

/// Waits until all of them wait, and none is in memory.
fn settle(server: &Server, runs: usize) -> Result<(), Failed> {
    let until = Instant::now() + PATIENCE;
    let mut client = server.connect()?;
    // Those that wait for a person alone are due to nobody.
    let timed = (0..runs).filter(|n| n % PLANS.len() > 0).count() as u64;
    loop {
        let metrics = metrics(&mut client)?;
        let of = |name: &str| value(&metrics, name);
        let awake = of("rok_queue_due")? + of("rok_queue_claimed")? + of("rok_pool_in_flight")?;
        let later = of("rok_queue_later")?;
        if awake == 0 && later >= timed {
            return if later == timed {
                Ok(())
            } else {
                Err(Failed(format!("{later} runs wait for a time, not {timed}")))
            };
        }
        if Instant::now() > until {
            return Err(Failed(format!("not all runs come to wait:\n{metrics}")));
        }
        std::thread::sleep(GLANCE);
    }
}

fn metrics(client: &mut Client) -> Result<String, Failed> {
    Ok(client.ask("GET", "/metrics", "")?.is(200)?.body)
}

fn value(metrics: &str, name: &str) -> Result<u64, Failed> {
    let lines = metrics.lines().filter_map(|line| line.split_once(' '));
    let mut found = lines.filter(|(known, _)| *known == name);
    let found = found.find_map(|(_, value)| value.parse().ok());
    found.ok_or_else(|| Failed(format!("/metrics does not tell {name}")))
}

/// Milliseconds of processor time in a second in which nothing happens.
fn idle(server: &Server) -> Result<f64, Failed> {
    let (began, cpu) = (Instant::now(), server.cpu()?);
    std::thread::sleep(WATCHED);
    let cpu = server.cpu()?.saturating_sub(cpu);
    Ok(cpu.as_secs_f64() * 1e3 / began.elapsed().as_secs_f64())
}
