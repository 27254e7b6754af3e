//! End-to-end tests: the program in a project of its own, and the laws of the engine (DESIGN section 5) by name; and whatever
//! else compiles firmware or starts processes, so that it fills the cores together and shares what was built.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]
#![expect(clippy::print_stderr, reason = "what is skipped is said aloud")]

mod around;
mod boards;
mod bringup;
mod c_library;
mod control;
mod convert;
#[path = "../emit/mod.rs"]
mod emit;
mod fmt;
mod front_end;
mod governed;
#[path = "../image/mod.rs"]
mod image;
mod injected;
#[path = "../kill/mod.rs"]
mod kill;
mod law_1_hermetic;
mod law_2_minimal;
mod law_3_reproducible;
mod law_4_crash_safe;
mod law_5_contained;
mod law_6_foretold;
mod law_7_honest;
mod law_8_nothing_hidden;
mod lent;
mod locked;
mod own;
mod parity;
mod probe;
#[path = "../product/mod.rs"]
mod product;
mod release;
mod rerun;
mod space;
mod state;
mod stream;
mod wide;
mod wrong_kernel;
