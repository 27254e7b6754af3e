//! The steps: one line each, as in the list of the `kernels` crate.

/// Where the steps are.
mod list {
    pub use crate::affine::{Affine, NormalizeChannels, affine, normalize_channels};
    pub use crate::dct::{Dct, dct};
    pub use crate::decision::{Suppress, Threshold, Top, suppress, threshold, top};
    pub use crate::detrend::{Detrend, detrend};
    pub use crate::feature::{Feature, feature};
    pub use crate::frame::{Frame, frame};
    pub use crate::logarithm::{Log, log};
    pub use crate::lookup_channels::{LookupChannels, lookup_channels};
    pub use crate::mel::{Mel, mel};
    pub use crate::normalize::{Normalize, normalize};
    pub use crate::pcen::{Pcen, pcen};
    pub use crate::picture::{
        BlueFirst, Crop, Grayscale, PictureBilinear, PictureNearest, blue_first, crop, grayscale, picture_bilinear,
        picture_nearest,
    };
    pub use crate::pre_emphasis::{PreEmphasis, pre_emphasis};
    pub use crate::rows::{Rows, rows};
    pub use crate::smoothing::{ExponentialAverage, MovingAverage, exponential_average, moving_average};
    pub use crate::spectrum::{Magnitude, Power, magnitude, power};
    pub use crate::standardize::{Standardize, standardize};
    pub use crate::statistics::{Statistics, statistics};
    pub use crate::window::{Window, window};
}

kernels::operators! {
    Affine => affine,
    BlueFirst => blue_first,
    Crop => crop,
    Dct => dct,
    Detrend => detrend,
    ExponentialAverage => exponential_average,
    Feature => feature,
    Frame => frame,
    Grayscale => grayscale,
    Log => log,
    LookupChannels => lookup_channels,
    Magnitude => magnitude,
    Mel => mel,
    MovingAverage => moving_average,
    Normalize => normalize,
    NormalizeChannels => normalize_channels,
    Pcen => pcen,
    PictureBilinear => picture_bilinear,
    PictureNearest => picture_nearest,
    Power => power,
    PreEmphasis => pre_emphasis,
    Rows => rows,
    Standardize => standardize,
    Statistics => statistics,
    Suppress => suppress,
    Threshold => threshold,
    Top => top,
    Window => window,
}
