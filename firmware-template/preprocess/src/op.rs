//! The steps: one line each, as in the list of the `kernels` crate.

/// Where the steps are.
mod list {
    pub use crate::dct::{Dct, dct};
    pub use crate::feature::{Feature, feature};
    pub use crate::frame::{Frame, frame};
    pub use crate::logarithm::{Log, log};
    pub use crate::mel::{Mel, mel};
    pub use crate::normalize::{Normalize, normalize};
    pub use crate::pcen::{Pcen, pcen};
    pub use crate::pre_emphasis::{PreEmphasis, pre_emphasis};
    pub use crate::rows::{Rows, rows};
    pub use crate::spectrum::{Magnitude, Power, magnitude, power};
    pub use crate::window::{Window, window};
}

kernels::operators! {
    Dct => dct,
    Feature => feature,
    Frame => frame,
    Log => log,
    Magnitude => magnitude,
    Mel => mel,
    Normalize => normalize,
    Pcen => pcen,
    Power => power,
    PreEmphasis => pre_emphasis,
    Rows => rows,
    Window => window,
}
