//! Every line of the format, wrong in every way that is known: what is said,
//! and where.

mod expressions;
mod inputs;
mod plan;
mod shown;
mod steps;
mod supported;

/// The faults of a plan, a line each, without the file's name.
fn faults(text: &str) -> Vec<String> {
    match rok_plan::parse(text.as_bytes(), "p") {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .to_string()
            .lines()
            .map(|line| line.trim_start_matches("p:").to_owned())
            .collect(),
    }
}
