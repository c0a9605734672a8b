//! A part of a log, found without reading what lies before it: lines are
//! numbered without a gap, so that the place of one is found by halving.

use crate::disk::Disk;
use crate::folder::{EVENTS, Folder};
use rok_chain::LineHeader;
use rok_log::{LogBytes, StoreError};
use rok_vocabulary::Seq;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};

/// So many bytes are read through; a longer way is halved first.
const NEAR: u64 = 64 * 1024;

impl Folder {
    /// At most so many lines of whole decisions, from line `seq` on.
    pub(crate) fn page(&self, seq: Seq, most: usize) -> Result<LogBytes, StoreError> {
        self.has_one()?;
        let log = self.file(EVENTS);
        let sought = || -> io::Result<Option<Vec<u8>>> {
            let mut log = Lines::open(Disk::open(&log, OpenOptions::new().read(true))?)?;
            match log.find(seq)? {
                Found::At(start) => log.decisions(start, seq, most),
                Found::NotYet => Ok(Some(Vec::new())),
                Found::Unclear => Ok(None),
            }
        };
        match sought().map_err(|error| StoreError::from_io("read", &log, error))? {
            Some(bytes) => Ok(LogBytes {
                first_seq: seq,
                bytes,
            }),
            // It is not as it was written: whoever reads all of it says where.
            None => Ok(self.lines_from(seq)?.first_lines(most)),
        }
    }

    /// The seq after the last whole decision.
    pub(crate) fn due(&self) -> Result<Seq, StoreError> {
        self.has_one()?;
        let last = Disk::read_last_line(&self.file(EVENTS))?;
        let last = last.as_deref().and_then(LineHeader::decode);
        match last.filter(|last| !last.more) {
            Some(last) => Ok(Seq(last.seq + 1)),
            None => Ok(Seq(self.lines_from(Seq::FIRST)?.lines().count() as u64)),
        }
    }
}

/// Where a line is.
enum Found {
    At(u64),
    /// The log has not come so far.
    NotYet,
    /// A line on the way is no event.
    Unclear,
}

struct Lines {
    file: BufReader<File>,
    len: u64,
}

impl Lines {
    fn open(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file: BufReader::new(file),
            len,
        })
    }

    /// The first whole line that begins at a byte or behind it, and where.
    fn line_behind(&mut self, byte: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        let mut line = Vec::new();
        let mut start = byte;
        if byte > 0 {
            self.file.seek(SeekFrom::Start(byte - 1))?;
            start = byte - 1 + self.file.read_until(b'\n', &mut line)? as u64;
            line.clear();
        } else {
            self.file.seek(SeekFrom::Start(0))?;
        }
        self.file.read_until(b'\n', &mut line)?;
        Ok((line.pop() == Some(b'\n')).then_some((start, line)))
    }

    fn find(&mut self, seq: Seq) -> io::Result<Found> {
        // The line begins in this range, if there is one.
        let (mut low, mut high) = (0, self.len);
        while high - low > NEAR {
            let middle = low + (high - low) / 2;
            let Some((start, line)) = self.line_behind(middle)?.filter(|(at, _)| *at < high) else {
                high = middle;
                continue;
            };
            match LineHeader::decode(&line) {
                None => return Ok(Found::Unclear),
                Some(header) if header.seq == seq.0 => return Ok(Found::At(start)),
                Some(header) if header.seq < seq.0 => low = start,
                Some(_) => high = middle,
            }
        }
        let Some((mut at, mut line)) = self.line_behind(low)? else {
            return Ok(Found::NotYet);
        };
        let Some(first) = LineHeader::decode(&line).map(|header| header.seq) else {
            return Ok(Found::Unclear);
        };
        if first > seq.0 {
            return Ok(Found::Unclear);
        }
        for _ in first..seq.0 {
            at += line.len() as u64 + 1;
            line.clear();
            self.file.read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                return Ok(Found::NotYet);
            }
        }
        Ok(Found::At(at))
    }

    /// At most so many lines from a place on, as far as their decisions are
    /// whole; `None` where one of them is no event, or another than it must be.
    fn decisions(&mut self, start: u64, seq: Seq, most: usize) -> io::Result<Option<Vec<u8>>> {
        self.file.seek(SeekFrom::Start(start))?;
        let (mut bytes, mut whole) = (Vec::new(), 0);
        let mut line = Vec::new();
        for due in (seq.0..).take_while(|_| most > 0) {
            line.clear();
            self.file.read_until(b'\n', &mut line)?;
            let Some((b'\n', event)) = line.split_last() else {
                break;
            };
            let Some(header) = LineHeader::decode(event).filter(|header| header.seq == due) else {
                return Ok(None);
            };
            let more = header.more;
            let n = due - seq.0 + 1;
            if n <= most as u64 {
                bytes.extend_from_slice(&line);
            }
            // Whether the last of them is of a whole decision is told behind it.
            if !more {
                whole = bytes.len();
                if n >= most as u64 {
                    break;
                }
            }
        }
        bytes.truncate(whole);
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests;
