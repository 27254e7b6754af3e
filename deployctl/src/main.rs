//! The deployctl command.

fn main() {}
