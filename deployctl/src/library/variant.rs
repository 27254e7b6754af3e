//! The functions of CMSIS-NN that firmware calls, and what is known of each from its source.

use super::{Features, InstructionPath, Kernel};

/// The library's name in kernels and manifests.
pub(super) const NAME: &str = "cmsis-nn";

/// One function of the library, in the role in which it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variant {
    Conv,
    ConvOneRow,
    ConvOneTap,
    ConvOneTapFast,
    Depthwise,
    DepthwiseThreeByThree,
    DepthwiseOptimized,
    FullyConnected,
    FullyConnectedPerChannel,
    AveragePool,
    MaxPool,
    Add,
    AddInt16,
    Multiply,
    MultiplyInt16,
    Softmax,
    ConvInt16,
    ConvFastInt16,
    DepthwiseInt16,
    DepthwiseFastInt16,
    FullyConnectedInt16,
    AveragePoolInt16,
    MaxPoolInt16,
    SoftmaxInt16,
    Svdf,
    SvdfStateInt16,
}

impl Variant {
    pub(super) const ALL: [Self; 26] = [
        Self::Conv,
        Self::ConvOneRow,
        Self::ConvOneTap,
        Self::ConvOneTapFast,
        Self::Depthwise,
        Self::DepthwiseThreeByThree,
        Self::DepthwiseOptimized,
        Self::FullyConnected,
        Self::FullyConnectedPerChannel,
        Self::AveragePool,
        Self::MaxPool,
        Self::Add,
        Self::AddInt16,
        Self::Multiply,
        Self::MultiplyInt16,
        Self::Softmax,
        Self::ConvInt16,
        Self::ConvFastInt16,
        Self::DepthwiseInt16,
        Self::DepthwiseFastInt16,
        Self::FullyConnectedInt16,
        Self::AveragePoolInt16,
        Self::MaxPoolInt16,
        Self::SoftmaxInt16,
        Self::Svdf,
        Self::SvdfStateInt16,
    ];

    /// The variant behind a kernel of this library.
    pub(super) fn of(kernel: &Kernel) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| kernel.library == NAME && kernel.entry == variant.entry())
    }

    pub(super) fn kernel(self, features: Features) -> Kernel {
        Kernel {
            library: NAME.to_owned(),
            symbol: self.symbol().to_owned(),
            entry: self.entry().to_owned(),
            path: self.path(features),
        }
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Conv => "arm_convolve_s8",
            Self::ConvOneRow => "arm_convolve_1_x_n_s8",
            Self::ConvOneTap => "arm_convolve_1x1_s8",
            Self::ConvOneTapFast | Self::FullyConnectedPerChannel => "arm_convolve_1x1_s8_fast",
            Self::Depthwise => "arm_depthwise_conv_s8",
            Self::DepthwiseThreeByThree => "arm_depthwise_conv_3x3_s8",
            Self::DepthwiseOptimized => "arm_depthwise_conv_s8_opt",
            Self::FullyConnected => "arm_fully_connected_s8",
            Self::AveragePool => "arm_avgpool_s8",
            Self::MaxPool => "arm_max_pool_s8",
            Self::Add => "arm_elementwise_add_s8",
            Self::AddInt16 => "arm_elementwise_add_s16",
            Self::Multiply => "arm_elementwise_mul_s8",
            Self::MultiplyInt16 => "arm_elementwise_mul_s16",
            Self::Softmax => "arm_softmax_s8",
            Self::ConvInt16 => "arm_convolve_s16",
            Self::ConvFastInt16 => "arm_convolve_fast_s16",
            Self::DepthwiseInt16 => "arm_depthwise_conv_s16",
            Self::DepthwiseFastInt16 => "arm_depthwise_conv_fast_s16",
            Self::FullyConnectedInt16 => "arm_fully_connected_s16",
            Self::AveragePoolInt16 => "arm_avgpool_s16",
            Self::MaxPoolInt16 => "arm_max_pool_s16",
            Self::SoftmaxInt16 => "arm_softmax_s16",
            Self::Svdf => "arm_svdf_s8",
            Self::SvdfStateInt16 => "arm_svdf_state_s16_s8",
        }
    }

    fn entry(self) -> &'static str {
        match self {
            Self::Conv => "cmsis_nn::conv_2d",
            Self::ConvOneRow => "cmsis_nn::conv_2d_1_x_n",
            Self::ConvOneTap => "cmsis_nn::conv_2d_1x1",
            Self::ConvOneTapFast => "cmsis_nn::conv_2d_1x1_fast",
            Self::Depthwise => "cmsis_nn::depthwise_conv_2d",
            Self::DepthwiseThreeByThree => "cmsis_nn::depthwise_conv_2d_3x3",
            Self::DepthwiseOptimized => "cmsis_nn::depthwise_conv_2d_opt",
            Self::FullyConnected => "cmsis_nn::fully_connected",
            Self::FullyConnectedPerChannel => "cmsis_nn::fully_connected_per_channel",
            Self::AveragePool => "cmsis_nn::average_pool_2d",
            Self::MaxPool => "cmsis_nn::max_pool_2d",
            Self::Add => "cmsis_nn::add",
            Self::AddInt16 => "cmsis_nn::add_s16",
            Self::Multiply => "cmsis_nn::multiply",
            Self::MultiplyInt16 => "cmsis_nn::multiply_s16",
            Self::Softmax => "cmsis_nn::softmax",
            Self::ConvInt16 => "cmsis_nn::convolve_s16",
            Self::ConvFastInt16 => "cmsis_nn::convolve_fast_s16",
            Self::DepthwiseInt16 => "cmsis_nn::depthwise_conv_s16",
            Self::DepthwiseFastInt16 => "cmsis_nn::depthwise_conv_fast_s16",
            Self::FullyConnectedInt16 => "cmsis_nn::fully_connected_s16",
            Self::AveragePoolInt16 => "cmsis_nn::average_pool_s16",
            Self::MaxPoolInt16 => "cmsis_nn::max_pool_s16",
            Self::SoftmaxInt16 => "cmsis_nn::softmax_s16",
            Self::Svdf => "cmsis_nn::svdf_s8",
            Self::SvdfStateInt16 => "cmsis_nn::svdf_state_s16_s8",
        }
    }

    /// The instructions of the inner loops, from the library's source.
    fn path(self, features: Features) -> InstructionPath {
        match self {
            // Has DSP code only, which a core with MVE runs as well.
            Self::DepthwiseThreeByThree if features.dsp => InstructionPath::Dsp,
            // Elements are compared, and 16-bit sums made, one by one without MVE.
            Self::MaxPool | Self::MaxPoolInt16 | Self::AddInt16 if !features.mve => InstructionPath::Scalar,
            // `Depthwise`: no loop over taps or channels has code for an extension. (A depth multiplier of a multiple of
            // four requantizes four channels at once with MVE, but accumulates one by one.) `Softmax`: the vector code is
            // switched off for GCC up to 12.2, which it crashes, and that is Debian's. Of the others there is only plain C.
            Self::Depthwise
            | Self::DepthwiseThreeByThree
            | Self::Softmax
            | Self::ConvInt16
            | Self::DepthwiseInt16
            | Self::SoftmaxInt16 => InstructionPath::Scalar,
            _ if features.mve => InstructionPath::Mve,
            _ if features.dsp => InstructionPath::Dsp,
            _ => InstructionPath::Scalar,
        }
    }

    /// Bytes of the function itself; see `code`.
    pub(super) fn code_bytes(self) -> u64 {
        match self {
            Self::Conv => 1_030,
            Self::ConvOneRow => 600,
            Self::ConvOneTap => 240,
            Self::ConvOneTapFast | Self::FullyConnectedPerChannel | Self::FullyConnectedInt16 => 130,
            Self::Depthwise => 1_010,
            Self::DepthwiseThreeByThree => 1_330,
            Self::DepthwiseOptimized => 1_500,
            Self::FullyConnected => 120,
            Self::AveragePool => 630,
            Self::MaxPool => 830,
            Self::Add => 1_770,
            Self::Softmax => 30,
            Self::ConvInt16 | Self::DepthwiseInt16 => 920,
            Self::ConvFastInt16 | Self::Svdf | Self::SvdfStateInt16 => 990,
            Self::DepthwiseFastInt16 => 1_910,
            Self::AveragePoolInt16 => 580,
            Self::MaxPoolInt16 => 770,
            Self::SoftmaxInt16 => 470,
            // Not seen in an image yet.
            _ => 1_000,
        }
    }

    pub(super) fn takes_scratch(self) -> bool {
        matches!(
            self,
            Self::Conv
                | Self::ConvOneRow
                | Self::DepthwiseOptimized
                | Self::FullyConnected
                | Self::AveragePool
                | Self::ConvFastInt16
                | Self::DepthwiseFastInt16
                | Self::AveragePoolInt16
                | Self::Svdf
                | Self::SvdfStateInt16
        )
    }
}
