//! The steps: one line each, as in the list of the `kernels` crate.

/// Where the steps are.
mod list {
    pub use crate::frame::{Frame, frame};
    pub use crate::rows::{Rows, rows};
    pub use crate::window::{Window, window};
}

kernels::operators! {
    Frame => frame,
    Rows => rows,
    Window => window,
}
