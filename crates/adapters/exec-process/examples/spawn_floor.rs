//! What a step costs beyond its process: 1,000 `/bin/true`, two in flight.
//!
//! `cargo run --release -p rok-exec-process --example spawn_floor [STEPS [IN_FLIGHT [ROUNDS]]]`
#![expect(clippy::print_stdout, reason = "a measurement is for the terminal")]

use rok_exec_process::ProcessExecutor;
use rok_executor::{
    AttemptRef, Executor, ProcessWork, Program, StepReport, StepRequest, Work, Workspace,
};
use rok_secrets::Secrets;
use rok_vocabulary::{Attempt, Epoch, IdempotencyKey, RunId, StepId, StepRef};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<usize>());
    let steps = numbers.next().unwrap_or(Ok(1000))?;
    let in_flight = numbers.next().unwrap_or(Ok(2))?;
    let rounds = numbers.next().unwrap_or(Ok(5))?;
    let executor = ProcessExecutor::builder()
        .max_in_flight(in_flight)
        .subreaper()
        .build()?;
    // Removed at the end: ext4 makes files slowly after many were deleted.
    let mut dirs = Vec::new();
    for round in 0..rounds {
        let dir = tempfile::tempdir()?;
        let workspace = Arc::new(Workspace {
            logs: dir.path().join("logs"),
            artifacts: dir.path().join("artifacts"),
            procs: dir.path().join("procs"),
            scratch: dir.path().join("scratch"),
        });
        let run: RunId = format!("floor-{round}").parse()?;
        let (sender, reports) = mpsc::channel();
        let sink = Arc::new(move |report: StepReport| sender.send(report).unwrap_or_default());
        let inputs = Arc::new(serde_json::json!({}));
        let began = Instant::now();
        for number in 0..steps {
            let step: StepId = format!("s{number}").parse()?;
            executor.start(
                StepRequest {
                    key: IdempotencyKey::new(&run, Epoch(0), &step),
                    attempt: AttemptRef {
                        run: run.clone(),
                        step: StepRef {
                            epoch: Epoch(0),
                            step,
                            attempt: Attempt(0),
                            compensates: false,
                        },
                    },
                    work: Work::Process(ProcessWork {
                        program: Program::Argv(vec!["/bin/true".into()]),
                        env: Vec::new(),
                        cwd: dir.path().into(),
                        sandbox: None,
                    }),
                    inputs: inputs.clone(),
                    secrets: Secrets::none(),
                    timeout: Some(Duration::from_secs(60)),
                    kill_grace: Duration::from_secs(5),
                    traceparent: None,
                    artifacts: Vec::new(),
                    workspace: Some(workspace.clone()),
                },
                sink.clone(),
            );
        }
        let failed = reports
            .iter()
            .take(steps)
            .filter(|report| report.result.end.is_err())
            .count();
        let took = began.elapsed();
        println!("{steps} steps, {in_flight} in flight: {took:.3?}, {failed} failed");
        dirs.push(dir);
    }
    Ok(())
}
