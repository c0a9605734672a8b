//! Claiming a run: lock, check all of the log, mend what a crash leaves, and
//! nothing else.

use crate::disk::Disk;
use crate::folder::{EVENTS, Folder, SEAL};
use crate::lock::Lock;
use rok_chain::{ChainHash, LogReport, LogState, Seal, SealCheck, verify_log};
use rok_log::{Claim, ClaimError, Owner, Repair, StoreError};
use rok_vocabulary::Seq;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// A run that this process drives.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) folder: Folder,
    pub(crate) lock: Lock,
    pub(crate) log: File,
    pub(crate) log_path: PathBuf,
    pub(crate) len: u64,
    pub(crate) next_seq: Seq,
    pub(crate) head: ChainHash,
}

/// Claims a run.
pub(crate) fn claim(
    folder: Folder,
    owner: &Owner,
    disk: &Disk,
) -> Result<(Owned, Claim), ClaimError> {
    let lock = Lock::take(&folder, owner, disk)?;
    let log_path = folder.file(EVENTS);
    let bytes = folder.raw()?;
    let seal = folder.seal()?;
    let report = verify_log(&folder.run, &bytes, seal.as_ref());
    sound(&folder, &report)?;
    let log = Disk::open(&log_path, OpenOptions::new().append(true))
        .map_err(|error| StoreError::from_io("open", &log_path, error))?;
    let repaired = cut(&log, &log_path, &report, disk)?;
    // What was read may never have reached the disk. It must be there before
    // anyone acts on it.
    disk.sync_all(&log, &log_path)?;
    let resealed = reseal(&folder, &bytes, &report, disk)?;
    let claim = Claim {
        fence: lock.fence,
        next_seq: Seq(report.events),
        head: report.head,
        repaired,
        resealed,
    };
    let owned = Owned {
        folder,
        lock,
        log,
        log_path,
        len: report.bytes,
        next_seq: claim.next_seq,
        head: claim.head,
    };
    Ok((owned, claim))
}

/// Refuses a log that is not what was written.
fn sound(folder: &Folder, report: &LogReport) -> Result<(), StoreError> {
    if let Some(fault) = &report.fault {
        return Err(StoreError::corrupt(folder.file(EVENTS), fault));
    }
    if report.state == LogState::Empty {
        return Err(StoreError::Corrupt {
            path: folder.file(EVENTS),
            line: 1,
            byte: 0,
            what: "is missing: the log holds no whole decision, so there is no run to drive".into(),
        });
    }
    Ok(())
}

fn cut(
    log: &File,
    path: &Path,
    report: &LogReport,
    disk: &Disk,
) -> Result<Option<Repair>, StoreError> {
    let Some(tail) = report.torn_tail else {
        return Ok(None);
    };
    disk.change("truncate", path, || log.set_len(report.bytes))?;
    Ok(Some(Repair {
        dropped_bytes: tail.bytes as u64,
        dropped_lines: tail.lines as u64,
        at_seq: Seq(report.events),
    }))
}

/// Writes the seal that a crash kept from being written.
fn reseal(
    folder: &Folder,
    log: &[u8],
    report: &LogReport,
    disk: &Disk,
) -> Result<bool, StoreError> {
    let (SealCheck::Missing | SealCheck::Behind { .. }, Some(last)) =
        (report.seal, report.last_seal)
    else {
        return Ok(false);
    };
    let seal = Seal::from_log(log, last.seq, last.head).map_err(|error| StoreError::Corrupt {
        path: folder.file(EVENTS),
        line: last.seq.0 + 1,
        byte: 0,
        what: format!("cannot be sealed again: {error}"),
    })?;
    disk.replace(&folder.path, SEAL, seal.to_json().as_bytes())?;
    Ok(true)
}

/// The same for a run that is about to be collected, where its log is what was
/// written: nobody claims it any more.
pub(crate) fn reseal_before_collecting(folder: &Folder, disk: &Disk) -> Result<(), StoreError> {
    let (log, seal) = (folder.raw()?, folder.seal()?);
    let report = verify_log(&folder.run, &log, seal.as_ref());
    if report.fault.is_none() {
        reseal(folder, &log, &report, disk)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
