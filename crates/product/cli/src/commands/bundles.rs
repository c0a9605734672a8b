//! `export` and `import`: a run as one file, out and in.

use crate::args::{BundleArgs, ExportArgs};
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{Service, ServiceError};

/// Packs a run.
pub(crate) fn export(
    service: &Service,
    terminal: &mut Terminal,
    args: &ExportArgs,
) -> Result<Exit, ServiceError> {
    let run = service.find(&args.run)?;
    let exported = run.export(&args.out, args.key.as_deref())?;
    if terminal.json {
        terminal.show_json(&exported)?;
        return Ok(Exit::Success);
    }
    terminal.show(&format!(
        "exported {}: {} files, {} bytes unpacked, in {}\n",
        exported.run_id,
        exported.files,
        exported.bytes,
        render::clean(&exported.file.display().to_string())
    ))?;
    for run in &exported.sub_runs {
        terminal.show(&format!(
            "  not in it: sub-run {run}, a run of its own: `rok export {run} -o FILE` packs it\n"
        ))?;
    }
    Ok(Exit::Success)
}

/// Takes a run in.
pub(crate) fn import(
    service: &Service,
    terminal: &mut Terminal,
    args: &BundleArgs,
) -> Result<Exit, ServiceError> {
    let imported = service.import(&args.file, args.max_bytes)?;
    if terminal.json {
        terminal.show_json(&imported)?;
        return Ok(Exit::Success);
    }
    let text = render::verify(&imported.report, terminal.out_look);
    terminal.show(&format!(
        "imported {} to {}\n{text}",
        imported.run_id,
        render::clean(&imported.folder.display().to_string())
    ))?;
    Ok(Exit::Success)
}
