//! 1,000 processes that do nothing, beside GNU make and ninja.

use crate::args::Args;
use crate::command;
use crate::load::Failed;
use crate::machine;
use crate::measure::{Goal, Measure, Spent, Unit};
use crate::place::Place;
use crate::report::Table;
use crate::world::{Shape, plan_text};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

const STEPS: usize = 1_000;
const LENGTH: usize = 10;

/// Who runs the 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Rok,
    /// Without waiting for the disk: what is left is the engine and the
    /// processes.
    RokFlush,
    Make,
    Ninja,
}

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    table.setting(
        "the whole process from its start to its end; rok: `rok run`, fsync, audit contract in \
         full, stdout and stderr of each step in a file of its own",
    );
    table.setting(
        "wide: no step needs another; 100 × 10: 100 chains of 10; peers: `make -j2`, `ninja -j2` \
         on the same graph, keeping no record; all in turn, round by round",
    );
    let rok = command::rok(args)?;
    let mut peers = vec![Who::Rok, Who::RokFlush];
    for (who, program, package) in [
        (Who::Make, "make", "make"),
        (Who::Ninja, "ninja", "ninja-build"),
    ] {
        if machine::version(program).is_some() {
            peers.push(who);
        } else {
            table.skip(format!(
                "{program} is not installed, so rok is not compared with it; get it by \
                 `apt-get install {package}` and run this again"
            ));
        }
    }
    for (shape, of) in [(Shape::Wide, "wide"), (Shape::Chains(LENGTH), "100 × 10")] {
        let spent = rounds(args, place, &rok, &peers, shape)?;
        for (who, spent) in peers.iter().zip(&spent) {
            table.add(Measure::took(
                format!("{}, {of}", who.name()),
                Unit::Ms,
                spent,
            ));
        }
        for (who, theirs) in peers.iter().zip(&spent).skip(1) {
            let pairs = spent[0].iter().zip(theirs);
            let times = |of: fn(&Spent) -> std::time::Duration| {
                let pairs = pairs.clone();
                pairs
                    .map(|(ours, theirs)| of(ours).as_secs_f64() / of(theirs).as_secs_f64())
                    .collect()
            };
            let time = Measure::times(
                format!("rok / {}, {of}, time", who.name()),
                times(|s| s.wall),
            );
            let cpu = Measure::times(
                format!("rok / {}, {of}, processor time", who.name()),
                times(|s| s.cpu),
            );
            table.add(if *who == Who::Make {
                time.goal(Goal::AtMost(1.0))
            } else {
                time
            });
            table.add(cpu);
        }
    }
    Ok(())
}

impl Who {
    const fn name(self) -> &'static str {
        match self {
            Self::Rok => "rok",
            Self::RokFlush => "rok, flush",
            Self::Make => "make",
            Self::Ninja => "ninja",
        }
    }

    /// Lays out what it needs in a new folder; the command that runs it.
    fn lay_out(self, dir: &Path, rok: &Path, shape: Shape) -> Result<Command, Failed> {
        let mut command = match self {
            Self::Rok | Self::RokFlush => {
                let plan = plan_text(STEPS, shape, "run: [/bin/true]", "max_parallel: 2\n");
                fs::write(dir.join("plan.yaml"), plan)?;
                let mut command = Command::new(rok);
                command.args(["run", "plan.yaml", "--quiet", "--dir", "runs"]);
                if self == Self::RokFlush {
                    command.args(["--durability", "flush"]);
                }
                command
            }
            Self::Make => {
                fs::write(dir.join("Makefile"), makefile(shape))?;
                let mut command = Command::new("make");
                command.args(["-s", "-j2"]);
                command
            }
            Self::Ninja => {
                fs::write(dir.join("build.ninja"), ninja_file(shape))?;
                let mut command = Command::new("ninja");
                command.args(["--quiet", "-j2"]);
                command
            }
        };
        command.current_dir(dir);
        Ok(command)
    }
}

fn rounds(
    args: &Args,
    place: &Place,
    rok: &Path,
    peers: &[Who],
    shape: Shape,
) -> Result<Vec<Vec<Spent>>, Failed> {
    let mut spent = vec![Vec::new(); peers.len()];
    // The first round warms up.
    for round in 0..=args.repeat {
        for (who, spent) in peers.iter().zip(&mut spent) {
            let dir = place.folder()?;
            let took = command::run(&mut who.lay_out(&dir, rok, shape)?)?;
            if round > 0 {
                spent.push(took);
            }
        }
    }
    Ok(spent)
}

/// What a step needs, if anything.
const fn before(step: usize, shape: Shape) -> Option<usize> {
    match shape {
        Shape::Chains(length) if !step.is_multiple_of(length) => Some(step - 1),
        _ => None,
    }
}

fn makefile(shape: Shape) -> String {
    let mut text = String::from("all:");
    for step in 0..STEPS {
        let _ = write!(text, " s{step}");
    }
    text.push('\n');
    for step in 0..STEPS {
        let needs = before(step, shape).map(|needs| format!(" s{needs}"));
        let _ = writeln!(
            text,
            ".PHONY: s{step}\ns{step}:{}\n\t/bin/true",
            needs.unwrap_or_default()
        );
    }
    text
}

fn ninja_file(shape: Shape) -> String {
    let mut text = String::from("rule nothing\n  command = /bin/true\n");
    for step in 0..STEPS {
        let needs = before(step, shape).map(|needs| format!(" s{needs}"));
        let _ = writeln!(text, "build s{step}: nothing{}", needs.unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{LENGTH, STEPS, Shape, makefile, ninja_file, plan_text};
    use rstest::rstest;

    #[rstest]
    #[case(Shape::Wide, 0)]
    #[case(Shape::Chains(LENGTH), STEPS - STEPS / LENGTH)]
    fn all_three_run_the_same_graph(#[case] shape: Shape, #[case] edges: usize) {
        let plan = plan_text(STEPS, shape, "run: [/bin/true]", "max_parallel: 2\n");
        let plan = rok_plan::parse(plan.as_bytes(), "plan.yaml").expect("the plan is valid");
        assert_eq!(plan.steps.len(), STEPS);
        assert_eq!(
            plan.steps.iter().map(|s| s.needs.len()).sum::<usize>(),
            edges
        );
        let (make, ninja) = (makefile(shape), ninja_file(shape));
        assert_eq!(make.matches("\t/bin/true").count(), STEPS);
        assert_eq!(
            make.lines()
                .filter(|l| l.starts_with('s') && l.contains(": s"))
                .count(),
            edges
        );
        assert_eq!(ninja.matches(": nothing").count(), STEPS);
        assert_eq!(ninja.matches(": nothing s").count(), edges);
    }
}
