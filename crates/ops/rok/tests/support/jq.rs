//! A `jq` of our own, for machines without one: the filters that the pages
//! show are run by it. Flags: `-c`, `-r`, `-s`; then a filter and files, or
//! standard input.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};
use std::io::{Read as _, Write as _};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    jq(std::env::args().skip(1))
}

fn jq(arguments: impl Iterator<Item = String>) -> Result<(), Failure> {
    let (flags, rest): (Vec<String>, Vec<String>) =
        arguments.partition(|argument| argument.starts_with('-'));
    if let Some(unknown) = flags
        .iter()
        .find(|flag| !["-c", "-r", "-s"].contains(&flag.as_str()))
    {
        return Err(format!("the flag {unknown} is not known here").into());
    }
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let (filter, files) = rest.split_first().ok_or("a filter is missing")?;
    let mut bytes = Vec::new();
    for file in files {
        bytes.extend(std::fs::read(file)?);
    }
    if files.is_empty() {
        std::io::stdin().read_to_end(&mut bytes)?;
    }
    let mut inputs = read::parse_many(&bytes).collect::<Result<Vec<Val>, _>>()?;
    if has("-s") {
        inputs = vec![inputs.into_iter().collect()];
    }
    let mut out = std::io::stdout().lock();
    for value in run(filter, inputs)? {
        match value {
            Val::TStr(text) if has("-r") => out.write_all(&text)?,
            value => write!(out, "{value}")?,
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn run(code: &str, inputs: Vec<Val>) -> Result<Vec<Val>, Failure> {
    let definitions = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    let functions = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs());
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(&arena, File { code, path: () })
        .map_err(|errors| format!("{errors:?}"))?;
    let filter = jaq_core::Compiler::default()
        .with_funs(functions)
        .compile(modules)
        .map_err(|errors| format!("{errors:?}"))?;
    let mut found = Vec::new();
    for input in inputs {
        let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
        for value in filter.id.run((context, input)).map(unwrap_valr) {
            found.push(value.map_err(|error| error.to_string())?);
        }
    }
    Ok(found)
}
