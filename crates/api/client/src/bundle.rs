//! A bundle that a server sends, kept as a new file: whole, or not at all.

use crate::fault::unreachable;
use reqwest::blocking::Response;
use rok_service::views::{ErrorKind, Exported, RunsError};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Keeps the bundle in an answer as a new file.
pub(crate) fn keep(mut answer: Response, out: &Path) -> Result<Exported, RunsError> {
    let told = answer.headers().get("rok-exported");
    let told = told.and_then(|told| told.to_str().ok());
    let exported = told.and_then(|told| serde_json::from_str::<Exported>(told).ok());
    let exported = exported.ok_or_else(|| unreachable("the server's answer is no bundle"))?;
    let due = answer.content_length();
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(out);
    let file = file.map_err(|error| unwritable(out, &error))?;
    let kept = fill(file, &mut answer, due);
    if let Err(error) = kept {
        // It was made just now; half of a bundle is none.
        let _ = fs::remove_file(out);
        return Err(unwritable(out, &error));
    }
    Ok(Exported {
        file: out.to_owned(),
        ..exported
    })
}

fn fill(mut file: File, answer: &mut Response, due: Option<u64>) -> io::Result<()> {
    let came = io::copy(answer, &mut file)?;
    if due.is_some_and(|due| due != came) {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the server's answer broke off",
        ));
    }
    file.flush()?;
    file.sync_all()
}

fn unwritable(out: &Path, error: &io::Error) -> RunsError {
    let message = format!("bundle {} cannot be written: {error}", out.display());
    RunsError::new(ErrorKind::Storage, "ROK0143", message)
        .help("an existing file is never overwritten; mend the folder or take another name")
}
