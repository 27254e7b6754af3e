//! The steps: one line each, as in the list of the `kernels` crate.

/// Where the steps are.
mod list {
    pub use crate::affine::{Affine, NormalizeChannels, affine, normalize_channels};
    pub use crate::decision::{Threshold, Top, threshold, top};
    pub use crate::detrend::{Detrend, detrend};
    pub use crate::frame::{Frame, frame};
    pub use crate::lookup_channels::{LookupChannels, lookup_channels};
    pub use crate::modulus::{Modulus, modulus};
    pub use crate::picture::{
        BlueFirst, Crop, Grayscale, PictureBilinear, PictureNearest, blue_first, crop, grayscale, picture_bilinear,
        picture_nearest,
    };
    pub use crate::rows::{Rows, rows};
    pub use crate::smoothing::{ExponentialAverage, MovingAverage, exponential_average, moving_average};
    pub use crate::standardize::{Standardize, standardize};
    pub use crate::statistics::{Statistics, statistics};
    pub use crate::window::{Window, window};
}

kernels::operators! {
    Affine => affine,
    BlueFirst => blue_first,
    Crop => crop,
    Detrend => detrend,
    ExponentialAverage => exponential_average,
    Frame => frame,
    Grayscale => grayscale,
    LookupChannels => lookup_channels,
    Modulus => modulus,
    MovingAverage => moving_average,
    NormalizeChannels => normalize_channels,
    PictureBilinear => picture_bilinear,
    PictureNearest => picture_nearest,
    Rows => rows,
    Standardize => standardize,
    Statistics => statistics,
    Threshold => threshold,
    Top => top,
    Window => window,
}
