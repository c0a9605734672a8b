//! rok embedded in ten lines: `cargo run --example embed`.

use rok::Rok;
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("rok-embed-{}", std::process::id()));
    let rok = Rok::in_folder(dir.join("runs"))
        .function("greet", |call| Ok(json!({ "text": format!("hello {}", call.input("who").and_then(|v| v.as_str()).unwrap_or("?")) })))
        .open()?;
    let plan =
        "plan: hello\ninputs: { who: { type: string } }\nsteps: { greet: { call: greet } }\n";
    let run = rok.run(plan, &json!({ "who": "world" }))?;
    assert_eq!(
        run.steps[0].outputs.as_deref(),
        Some(&json!({ "text": "hello world" }))
    );
    assert!(rok.verify(&run.run_id)?.faults.is_empty());
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
