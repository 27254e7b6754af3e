//! The laws of the engine (DESIGN section 5) as tests, by name, over synthetic stages.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod bench;
mod faults;
mod kills;
mod law_1_hermetic;
mod law_2_minimal;
mod law_3_reproducible;
mod law_4_crash_safe;
mod law_5_contained;
mod law_6_foretold;
mod law_8_nothing_hidden;
mod out_folder;
mod space;
mod sweep;
