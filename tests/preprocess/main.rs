//! Steps of sound against librosa, TensorFlow and LiteRT Micro's audio front end, stage by stage, on half a second of sound with
//! silence and clipping in it. `golden.py` made the recorded arrays; `--nocapture` prints the errors that the reference page has.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, and one prints a table"
)]

mod chain;
mod front_end;
mod refusals;
mod sound;
mod spectrum;
