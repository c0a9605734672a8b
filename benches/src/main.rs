//! Benchmarks of rok that anyone can run.

fn main() {}
