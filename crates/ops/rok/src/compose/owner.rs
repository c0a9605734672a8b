//! Who claims the runs of a database: a name that tells the next server whether
//! its owner is gone, so that no lease of a dead one is waited for.
//!
//! Only what is certain counts: a process of another machine, or of another
//! space of process ids, may live, and its leases are waited for.

use rok_log::Owner;
use rok_store_jsonl::Process;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where process ids mean what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    /// The namespace of process ids: containers have one each.
    ids: String,
}

impl Place {
    fn here() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let ids = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let ids = ids.to_string_lossy();
        Self {
            host: host.trim().to_owned(),
            ids: ids.chars().filter(char::is_ascii_digit).collect(),
        }
    }
}

/// Unlike any other on the store: processes come and go with the same number.
pub(super) fn this() -> Owner {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default().as_nanos();
    Owner::new(written(&Place::here(), &Process::this(), since))
}

fn written(place: &Place, process: &Process, since: u128) -> String {
    let (Place { host, ids }, Process { pid, .. }) = (place, process);
    let (boot, start) = (&process.boot_id, process.start);
    format!("serve:{pid}:{since}@{host}/{boot}/{ids}/{start}")
}

/// Whether an owner is gone for certain.
pub(super) fn is_gone(owner: &Owner) -> bool {
    let boot = Process::this().boot_id;
    is_gone_from(owner.as_str(), &Place::here(), &boot, Process::lives)
}

fn is_gone_from(
    owner: &str,
    here: &Place,
    boot: &str,
    lives: impl FnOnce(&Process) -> bool,
) -> bool {
    let Some((place, process)) = read(owner) else {
        return false;
    };
    let known = [&here.host, &place.ids, &process.boot_id];
    if place.host != here.host || boot.is_empty() || known.iter().any(|it| it.is_empty()) {
        return false;
    }
    // Nothing of it outlives the machine's last boot.
    process.boot_id != boot || (place.ids == here.ids && !lives(&process))
}

fn read(owner: &str) -> Option<(Place, Process)> {
    let (numbers, place) = owner.strip_prefix("serve:")?.split_once('@')?;
    let pid = numbers.split(':').next()?.parse().ok()?;
    let mut parts = place.rsplitn(4, '/');
    let start = parts.next()?.parse().ok()?;
    let (ids, boot_id) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let host = parts.next()?.to_owned();
    let process = Process {
        pid,
        boot_id,
        start,
    };
    Some((Place { host, ids }, process))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::dead("serve:7:1@host/b1/42/99", false, true)]
    #[case::alive("serve:7:1@host/b1/42/99", true, false)]
    #[case::before_the_last_boot("serve:7:1@host/b0/42/99", true, true)]
    #[case::of_a_container_before_the_last_boot("serve:7:1@host/b0/43/99", true, true)]
    #[case::of_another_container("serve:7:1@host/b1/43/99", false, false)]
    #[case::of_another_machine("serve:7:1@other/b1/42/99", false, false)]
    #[case::of_another_machine_and_boot("serve:7:1@other/b0/42/99", false, false)]
    #[case::of_nobody_knows_where("serve:7:1@/b1/42/99", false, false)]
    #[case::with_an_older_name("serve:7:1771300000000", false, false)]
    #[case::of_a_command("host:7", false, false)]
    #[case::made_up("serve:x:1@host/b1/42/99", false, false)]
    #[case::empty("", false, false)]
    fn only_who_is_gone_for_certain_is(
        #[case] owner: &str,
        #[case] lives: bool,
        #[case] gone: bool,
    ) {
        let here = Place {
            host: "host".into(),
            ids: "42".into(),
        };
        assert_eq!(is_gone_from(owner, &here, "b1", |_| lives), gone);
    }

    #[test]
    fn this_process_is_not_gone_and_its_name_is_read_back() {
        let owner = this();
        assert!(!is_gone(&owner), "{owner}");
        let (place, process) = read(owner.as_str()).expect("it was written here");
        assert_eq!((place, process), (Place::here(), Process::this()));
        assert_ne!(owner, this());
    }
}
