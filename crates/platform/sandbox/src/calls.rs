//! seccomp: system calls that no step needs, and sockets.

use crate::confinement::{Confinement, Reach, Refusal};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// What programs for another word size add to a number; they would slip by.
#[cfg(target_arch = "x86_64")]
const OTHER_NUMBERS: i64 = 0x4000_0000;

/// Calls that change the machine, look into the kernel, or make a namespace in
/// which a process has rights that it has not.
const DENIED: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    // They do what other calls do, past this filter.
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
];

/// What changes the owner, the mode or an attribute of a file. Landlock does not
/// know these, and a filter cannot tell one path from another.
const ATTRIBUTES: &[libc::c_long] = &[
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_setxattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
];

/// Since Linux 6.13, by the same numbers on every processor.
const SETXATTRAT: libc::c_long = 463;
const REMOVEXATTRAT: libc::c_long = 466;

/// Whether system calls can be filtered here.
pub(crate) fn is_offered() -> bool {
    let actions = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
    arch().is_some()
        && actions.is_ok_and(|actions| actions.split(' ').any(|one| one.trim() == "errno"))
}

fn arch() -> Option<TargetArch> {
    std::env::consts::ARCH.try_into().ok()
}

/// Filters, ready to be laid on.
#[derive(Debug)]
pub(crate) struct Ready([BpfProgram; 2]);

/// Makes the filters that go with a confinement.
pub(crate) fn prepare(order: &Confinement) -> Result<Ready, Refusal> {
    let refused = |what: &dyn std::fmt::Display| {
        Refusal::machine(format!("system calls cannot be filtered here: {what}"))
    };
    let arch = arch().ok_or_else(|| refused(&"this processor is not known"))?;
    let make = |rules: Rules, errno: i32| -> Result<BpfProgram, Refusal> {
        let denied = SeccompAction::Errno(errno.cast_unsigned());
        let filter = SeccompFilter::new(rules.0, SeccompAction::Allow, denied, arch);
        let program = filter.and_then(BpfProgram::try_from);
        program.map_err(|error| refused(&error))
    };
    let mut denied = Rules::default();
    for number in DENIED {
        denied.always(*number);
    }
    for number in ATTRIBUTES {
        denied.always(*number);
    }
    // By a descriptor, of what it could open, the times may be set.
    denied.unless_null(libc::SYS_utimensat, 1)?;
    // And the mode, but by root: it owns what it may only read.
    if rustix::process::geteuid().is_root() {
        denied.always(libc::SYS_fchmod);
    }
    namespaces(&mut denied)?;
    // Limits of other processes of this user, rok's own among them.
    denied.when(libc::SYS_prlimit64, &[(0, SeccompCmpOp::Ne, 0)])?;
    if order.limits.processes == Some(1) {
        alone(&mut denied)?;
    }
    match &order.reach {
        Reach::Nobody => denied.always(libc::SYS_socket),
        Reach::Ports { bind, .. } => tcp_alone(&mut denied, bind.is_empty())?,
        Reach::Anybody => {}
    }
    // Its flags cannot be looked at; whoever is told that it is not there takes
    // `clone`, whose flags can.
    let mut absent = Rules::default();
    absent.always(libc::SYS_clone3);
    Ok(Ready([
        make(denied, libc::EPERM)?,
        make(absent, libc::ENOSYS)?,
    ]))
}

impl Ready {
    /// Filters this thread's calls, for ever.
    pub(crate) fn lay_on(&self) -> Result<(), Refusal> {
        for program in &self.0 {
            apply_filter(program).map_err(|error| {
                Refusal::machine(format!("cannot filter system calls: {error}"))
            })?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Rules(BTreeMap<i64, Vec<SeccompRule>>);

type Test = (u8, SeccompCmpOp, u64);

impl Rules {
    /// A call that is denied, however it is called.
    fn always(&mut self, number: i64) {
        for number in numbers(number) {
            self.0.insert(number, Vec::new());
        }
    }

    /// A call that is denied where all of these hold of its arguments.
    fn when(&mut self, number: i64, tests: &[Test]) -> Result<(), Refusal> {
        let conditions = tests.iter().map(|(at, op, value)| {
            SeccompCondition::new(*at, SeccompCmpArgLen::Dword, op.clone(), *value)
        });
        self.rule(number, conditions)
    }

    /// A call that is denied unless that argument, a pointer, is null.
    fn unless_null(&mut self, number: i64, at: u8) -> Result<(), Refusal> {
        let condition = SeccompCondition::new(at, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0);
        self.rule(number, std::iter::once(condition))
    }

    fn rule(
        &mut self,
        number: i64,
        conditions: impl Iterator<Item = Result<SeccompCondition, seccompiler::BackendError>>,
    ) -> Result<(), Refusal> {
        let rule = conditions
            .collect::<Result<Vec<_>, _>>()
            .and_then(SeccompRule::new);
        let rule = rule.map_err(|error| {
            Refusal::machine(format!("system calls cannot be filtered here: {error}"))
        })?;
        for number in numbers(number) {
            self.0.entry(number).or_default().push(rule.clone());
        }
        Ok(())
    }
}

#[cfg(target_arch = "x86_64")]
fn numbers(number: i64) -> impl Iterator<Item = i64> {
    [number, number | OTHER_NUMBERS].into_iter()
}

#[cfg(not(target_arch = "x86_64"))]
fn numbers(number: i64) -> impl Iterator<Item = i64> {
    std::iter::once(number)
}

fn bits(flags: i32) -> u64 {
    u64::from(flags.cast_unsigned())
}

/// No namespace is made along with a process.
fn namespaces(denied: &mut Rules) -> Result<(), Refusal> {
    let flags = [
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWUTS,
    ];
    for flag in flags.map(bits) {
        denied.when(libc::SYS_clone, &[(0, SeccompCmpOp::MaskedEq(flag), flag)])?;
    }
    Ok(())
}

/// Threads, and no process besides.
fn alone(denied: &mut Rules) -> Result<(), Refusal> {
    #[cfg(target_arch = "x86_64")]
    for number in [libc::SYS_fork, libc::SYS_vfork] {
        denied.always(number);
    }
    let thread = bits(libc::CLONE_THREAD);
    denied.when(libc::SYS_clone, &[(0, SeccompCmpOp::MaskedEq(thread), 0)])
}

/// TCP and nothing else: Landlock knows the ports of no other protocol.
fn tcp_alone(denied: &mut Rules, nobody_listens: bool) -> Result<(), Refusal> {
    const KINDS: u64 = 0xf;
    let stream = bits(libc::SOCK_STREAM);
    let ne = SeccompCmpOp::Ne;
    let families = [
        (0, ne.clone(), bits(libc::AF_INET)),
        (0, ne.clone(), bits(libc::AF_INET6)),
    ];
    denied.when(libc::SYS_socket, &families)?;
    for kind in (0..=KINDS).filter(|kind| *kind != stream) {
        denied.when(
            libc::SYS_socket,
            &[(1, SeccompCmpOp::MaskedEq(KINDS), kind)],
        )?;
    }
    let protocols = [(2, ne.clone(), 0), (2, ne, bits(libc::IPPROTO_TCP))];
    denied.when(libc::SYS_socket, &protocols)?;
    // It connects without saying so to Landlock.
    let fast = bits(libc::MSG_FASTOPEN);
    for (number, at) in [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ] {
        denied.when(number, &[(at, SeccompCmpOp::MaskedEq(fast), fast)])?;
    }
    if nobody_listens {
        // It would take a port by itself.
        denied.always(libc::SYS_listen);
    }
    Ok(())
}
