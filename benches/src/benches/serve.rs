//! `rok serve`, a process of its own: its start, and one-step runs over HTTP.

use super::in_turn;
use crate::args::Args;
use crate::command;
use crate::load::Failed;
use crate::measure::{Goal, Measure, Spent, Unit, time};
use crate::place::Place;
use crate::report::Table;
use crate::server::{Client, Server};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs one after another.
const RUNS: usize = 2_000;
/// Clients at once, where many ask.
const CLIENTS: usize = 64;
/// Runs of all of them in a repetition.
const CROWD: usize = 5_120;
/// Idle for so long before its memory is looked at.
const IDLE: Duration = Duration::from_millis(300);

const SUBMIT: &str = "/api/v1/runs?wait=30s";
const CALL: &str = r#"{"plan":"call"}"#;
const PROCESS: &str = r#"{"plan":"process"}"#;

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let rok = command::rok(args)?;
    let tenth = if args.quick { 10 } else { 1 };
    table.setting(
        "the server: `rok serve --store sqlite:FILE`, a process of its own, SQLite, fsync, loopback, \
         no TLS; ready: from its start until GET /readyz is answered",
    );
    starts(args, place, &rok, table)?;
    let runs = RUNS / tenth;
    table.setting(format!(
        "one by one: {runs} runs of one step, POST {SUBMIT} on one connection that is kept, answered \
         once the run is sealed; `call` is an in-process step of an embedder's server (the same \
         program with one function), `process` spawns /bin/true under `rok` itself; turn by turn \
         with their floors"
    ));
    one_by_one(place, &rok, runs, table)?;
    let crowd = CROWD / tenth;
    table.setting(format!(
        "{CLIENTS} clients: a connection each, {crowd} such runs in all, a repetition"
    ));
    many(args, place, crowd, table)
}

fn starts(args: &Args, place: &Place, rok: &Path, table: &mut Table) -> Result<(), Failed> {
    let (mut memory, mut threads) = (Vec::new(), Vec::new());
    let mut start = || -> Result<Spent, Failed> {
        let server = Server::start(rok, false, &place.folder()?)?;
        std::thread::sleep(IDLE);
        let footprint = server.footprint()?;
        memory.push(footprint.memory);
        threads.push(footprint.threads);
        let (wall, cpu) = (server.ready, server.cpu()?);
        server.stop()?;
        Ok(Spent { wall, cpu })
    };
    let [ready] = in_turn(args.repeat, [&mut start])?;
    let ready = Measure::took("ready, new database", Unit::Ms, &ready).without_cpu();
    table.add(ready.goal(Goal::AtMost(150.0)));
    table.add(Measure::of("idle memory", Unit::Mb, memory).goal(Goal::AtMost(30.0)));
    table.add(Measure::of("idle threads", Unit::Count, threads));
    Ok(())
}

/// A folder with the plans that are submitted.
fn folder(place: &Place) -> Result<std::path::PathBuf, Failed> {
    let folder = place.folder()?;
    let plans = [
        ("call.yaml", "plan: call\nsteps:\n  s: { call: nothing }\n"),
        (
            "process.yaml",
            "plan: process\nsteps:\n  s: { run: [/bin/true] }\n",
        ),
    ];
    for (name, text) in plans {
        fs::write(folder.join(name), text)?;
    }
    Ok(folder)
}

fn submit(client: &mut Client, body: &str) -> Result<(), Failed> {
    let answer = client.ask("POST", SUBMIT, body)?.is(201)?;
    let standing: serde_json::Value = serde_json::from_str(&answer.body)?;
    match standing["status"].as_str() {
        Some("succeeded") => Ok(()),
        _ => Err(Failed(format!("a run did not succeed: {}", answer.body))),
    }
}

fn one_by_one(place: &Place, rok: &Path, runs: usize, table: &mut Table) -> Result<(), Failed> {
    let (with_function, plain) = (folder(place)?, folder(place)?);
    let calls = Server::start(&std::env::current_exe()?, true, &with_function)?;
    let processes = Server::start(rok, false, &plain)?;
    let (mut caller, mut spawner) = (calls.connect()?, processes.connect()?);
    let mut probe = fs::File::create(plain.join("probe"))?;
    let mut spent = [const { Vec::new() }; 5];
    let warm = runs / 10;
    let mut cpu = [Duration::ZERO; 2];
    for round in 0..warm + runs {
        if round == warm {
            cpu = [calls.cpu()?, processes.cpu()?];
        }
        let took = [
            time(|| caller.ask("GET", "/livez", "")?.is(200).map(drop)),
            time(|| append(&mut probe)),
            time(|| submit(&mut caller, CALL)),
            time(spawn),
            time(|| submit(&mut spawner, PROCESS)),
        ];
        for (spent, (result, took)) in spent.iter_mut().zip(took) {
            result?;
            if round >= warm {
                spent.push(took);
            }
        }
    }
    let each =
        |now: Duration, then| vec![now.saturating_sub(then).as_secs_f64() * 1e6 / runs as f64];
    let cpu = [each(calls.cpu()?, cpu[0]), each(processes.cpu()?, cpu[1])];
    let [ask, append, call, spawn, process] = spent;
    let goals = [Goal::AtMost(1.5), Goal::AtMost(5.0)];
    table.add(Measure::took("GET /livez", Unit::Ms, &ask).without_cpu());
    table.add(Measure::took("durable append of 200 bytes", Unit::Ms, &append).without_cpu());
    table.add(Measure::slowest("durable append, p99", Unit::Ms, &append));
    table.add(
        Measure::took("submit to done, call", Unit::Ms, &call)
            .without_cpu()
            .goal(goals[0]),
    );
    table.add(Measure::slowest("submit to done, call, p99", Unit::Ms, &call).goal(goals[1]));
    table.add(Measure::took("/bin/true", Unit::Ms, &spawn).without_cpu());
    let median = Measure::took("submit to done, process", Unit::Ms, &process).without_cpu();
    table.add(median.goal(goals[0]));
    table.add(Measure::slowest("submit to done, process, p99", Unit::Ms, &process).goal(goals[1]));
    let [call, process] = cpu;
    table.add(Measure::of(
        "processor time of the server, a run, call",
        Unit::Us,
        call,
    ));
    table.add(Measure::of(
        "the same, process and what it spawns",
        Unit::Us,
        process,
    ));
    calls.stop()?;
    processes.stop()
}

fn append(file: &mut fs::File) -> Result<(), Failed> {
    file.write_all(&[b'x'; 200])?;
    Ok(file.sync_data()?)
}

fn spawn() -> Result<(), Failed> {
    let ended = Command::new("/bin/true").stdin(Stdio::null()).status()?;
    if ended.success() {
        return Ok(());
    }
    Err(Failed(format!("/bin/true ended with {ended}")))
}

/// Runs a second where many ask at once.
fn many(args: &Args, place: &Place, crowd: usize, table: &mut Table) -> Result<(), Failed> {
    let with_function = folder(place)?;
    let server = Server::start(&std::env::current_exe()?, true, &with_function)?;
    let mut repetition = || -> Result<Spent, Failed> {
        let (began, cpu) = (Instant::now(), server.cpu()?);
        ask_at_once(&server, crowd)?;
        Ok(Spent {
            wall: began.elapsed(),
            cpu: server.cpu()?.saturating_sub(cpu),
        })
    };
    let [took] = in_turn(args.repeat, [&mut repetition])?;
    let name = format!("one-step runs over HTTP, {CLIENTS} clients, call");
    table.add(Measure::rate(name, crowd as u32, &took));
    server.stop()
}

fn ask_at_once(server: &Server, runs: usize) -> Result<(), Failed> {
    let each = runs / CLIENTS;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect()?;
                    (0..each).try_for_each(|_| submit(&mut client, CALL))
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| {
            let ended = client.join();
            ended.unwrap_or_else(|_| Err(Failed("a client panicked".into())))
        })
    })
}
