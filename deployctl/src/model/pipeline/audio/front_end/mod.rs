//! LiteRT Micro's audio front end, made of the kernels that are its signal operators: each is an operator of its own.

use kernels::signal::{PCAN_TABLE, Smoothing, is_fft_length, twiddle_count, twiddles};
use kernels::{
    Dequantize, Element, Energy, FftAutoScale, FilterBank, FilterBankLog, FilterBankSquareRoot, Op as Kernel, RealFft,
    SpectralSubtraction, Window,
};
use preprocess::{Feature, Op};

use super::super::StepOp;
use super::super::builder::{Builder, Value};
use super::super::sound::{FrontEnd, FrontEndOutput, FrontEndTables, Pcan};
use super::super::spec::{Form, Spec, Wrong};
use super::mel::check_range;
use super::words;
use crate::model::TensorId;
use crate::model::TensorType::{self, Float32, Int8, Int16, Int32, Uint32, Uint64};

mod tables;

/// Fractional bits of window and filter weights.
const WEIGHT_BITS: u32 = 12;
/// Fractional bits of noise estimates, and of the factors of the noise's subtraction.
const SMOOTHING_BITS: u32 = 10;
const SUBTRACTION_BITS: u32 = 14;
/// Fractional bits of the gain, and of the ratio of signal to noise.
const GAIN_BITS: u32 = 21;
const RATIO_BITS: u32 = 12;
/// The output's logarithms are in units of 2^-6.
const OUTPUT_BITS: u32 = 6;
/// What features are divided by for training: 10/256 exactly.
const FEATURE_SCALE: f32 = 10.0 / 256.0;

/// Cuts a stream and computes features.
pub(in super::super) fn front_end(
    builder: &mut Builder,
    value: &Value,
    p: &FrontEnd,
    spec: &Spec,
) -> Result<Value, Wrong> {
    let points = check(builder, p, spec)?;
    let frame = builder.cut(value, p.size, p.stride)?;
    if frame.form.dtype != Int16 || frame.form.shape.len() != 1 {
        return Err(Wrong::new("the front end takes one channel of int16 samples", "take one channel of sound"));
    }
    let mut chain = Chain { builder, p };
    let (sums, bits) = chain.sums(&frame, points, spec.source.rate())?;
    let kernel = Kernel::FilterBankSquareRoot(FilterBankSquareRoot { channels: p.channels });
    let roots = chain.append("square-root", kernel, vec![sums, bits], Uint32, vec![]);
    let (mut level, noise) = chain.subtraction(roots);
    // Beside the bits of the filters' square roots, what the FFT divides by.
    let correction = points.ilog2() - WEIGHT_BITS / 2;
    if let Some(pcan) = &p.pcan {
        level = chain.gain(level, noise, pcan, correction)?;
    }
    let log = FilterBankLog { channels: p.channels, output_scale: 1 << OUTPUT_BITS, input_correction_bits: correction };
    Ok(chain.output(level, log))
}

/// Refuses parameters that the front end does not take; gives the points of its FFT.
fn check(builder: &Builder, p: &FrontEnd, spec: &Spec) -> Result<usize, Wrong> {
    let points = p.size.next_power_of_two();
    if !(64..=4096).contains(&points) || !is_fft_length(points) {
        let reason = format!("the front end does not take frames of {} samples", p.size);
        return Err(Wrong::new(reason, "take 33 to 4096 samples"));
    }
    check_range(p.low.into(), p.high.into(), f64::from(spec.source.rate()) / 2.0)?;
    let shares = [p.even_smoothing, p.odd_smoothing, p.min_signal_remaining];
    if let Some(share) = shares.into_iter().find(|share| !(0.0..=1.0).contains(share)) {
        return Err(Wrong::new(format!("{share} is no share of a signal"), "take a number from 0 to 1"));
    }
    let port = builder.port();
    if let (FrontEndOutput::Int8, Int8, Some(quantization)) = (p.output, port.dtype, &port.quantization) {
        let (scale, zero_point) = (quantization.scales.first().copied().unwrap_or_default(), &quantization.zero_points);
        let wanted = 26.0 / 256.0;
        if (scale / wanted - 1.0).abs() > 0.01 || zero_point.first() != Some(&-128) {
            let reason = format!(
                "as int8, features have the scale {wanted} and the zero point -128, and the model's input has {scale} and \
                 {zero_point:?}"
            );
            let advice = "write `output=\"float32\"`: features are then quantized as the model's input is";
            return Err(Wrong::new(reason, advice));
        }
    }
    Ok(points)
}

/// Where operators are appended.
struct Chain<'a> {
    builder: &'a mut Builder,
    p: &'a FrontEnd,
}

impl Chain<'_> {
    /// Appends an operator that gives a number for each channel.
    fn append(
        &mut self,
        name: &str,
        kernel: Kernel,
        inputs: Vec<TensorId>,
        dtype: TensorType,
        more: Vec<TensorId>,
    ) -> TensorId {
        let form = Form::plain(dtype, vec![self.p.channels]);
        self.builder.append(&format!("frontend-{name}"), StepOp::Kernel(kernel), inputs, form, more).id
    }

    /// Window, FFT and filter bank: sums of energies, and the bits by which samples were shifted up.
    fn sums(&mut self, frame: &Value, points: usize, rate: u32) -> Result<(TensorId, TensorId), Wrong> {
        let (p, len, bins) = (self.p, self.p.size, points / 2 + 1);
        let channels = tables::channels(p, rate, points)?;
        let builder = &mut *self.builder;
        let append = |builder: &mut Builder, name: &str, kernel, inputs, dtype, shape, more| {
            let name = format!("frontend-{name}");
            builder.append(&name, StepOp::Kernel(kernel), inputs, Form::plain(dtype, shape), more).id
        };
        let weights =
            builder.constant("frontend-window/weights", Int16, vec![len], &words(tables::window(p.tables, len)));
        let kernel = Kernel::Window(Window { rows: 1, len, shift: WEIGHT_BITS });
        let weighed = append(builder, "window", kernel, vec![frame.id, weights], Int16, vec![len], vec![]);

        let shift = builder.memory("frontend-scale/bits", Int32, 1);
        let kernel = Kernel::FftAutoScale(FftAutoScale { len });
        let scaled = append(builder, "scale", kernel, vec![weighed], Int16, vec![len], vec![shift]);

        let mut factors = vec![0_i16; twiddle_count(points)];
        twiddles(points, false, &mut factors);
        let table = builder.constant("frontend-fft/twiddles", Int16, vec![factors.len()], &words(factors));
        let kernel = Kernel::RealFft(RealFft { element: Element::I16, rows: 1, len, points });
        let spectrum = append(builder, "fft", kernel, vec![scaled, table], Int16, vec![bins, 2], vec![]);

        let kernel = Kernel::Energy(Energy { start: channels.start, end: channels.end });
        let energies = append(builder, "energy", kernel, vec![spectrum], Uint32, vec![bins], vec![]);

        let mut inputs = vec![energies];
        inputs.extend(channels.tables().map(|(name, table)| {
            let name = format!("frontend-filter-bank/{name}");
            builder.constant(&name, Int16, vec![table.len()], &words(table.iter().copied()))
        }));
        let kernel = Kernel::FilterBank(FilterBank { channels: p.channels });
        Ok((append(builder, "filter-bank", kernel, inputs, Uint64, vec![p.channels], vec![]), shift))
    }

    /// Noise reduction: channels, and noise estimates.
    fn subtraction(&mut self, roots: TensorId) -> (TensorId, TensorId) {
        let p = self.p;
        let one = 1_u32 << SUBTRACTION_BITS;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "shares are from 0 to 1; cut off as LiteRT \
            Micro does"
        )]
        let fixed = |share: f32| (f64::from(share) * f64::from(one)) as u32;
        let smoothing = |share| Smoothing { new: fixed(share), old: one - fixed(share) };
        // To LiteRT Micro's tool, 0 says that odd channels are like even ones.
        let alike = p.odd_smoothing == 0.0 && p.tables == FrontEndTables::LitertMicro;
        let step = SpectralSubtraction {
            channels: p.channels,
            even: smoothing(p.even_smoothing),
            odd: smoothing(if alike { p.even_smoothing } else { p.odd_smoothing }),
            min_signal_remaining: fixed(p.min_signal_remaining),
            smoothing_bits: SMOOTHING_BITS,
            bits: SUBTRACTION_BITS,
            clamping: false,
        };
        let noise = self.builder.memory("frontend-noise/estimates", Uint32, p.channels);
        let state = self.builder.state("frontend-noise/state", step.state_bytes());
        (self.append("noise", Kernel::SpectralSubtraction(step), vec![roots], Uint32, vec![noise, state]), noise)
    }

    /// Gain control.
    fn gain(&mut self, level: TensorId, noise: TensorId, pcan: &Pcan, correction: u32) -> Result<TensorId, Wrong> {
        if !(pcan.strength >= 0.0 && pcan.strength.is_finite() && pcan.offset > 0.0 && pcan.offset.is_finite()) {
            let reason = format!("a gain of strength {} and offset {} is none", pcan.strength, pcan.offset);
            return Err(Wrong::new(reason, "take `pcan-strength` of 0 or more and `pcan-offset` above 0"));
        }
        let gains = tables::gains(pcan, SMOOTHING_BITS - correction);
        let table = self.builder.constant("frontend-pcan/gains", Int16, vec![PCAN_TABLE], &words(gains));
        let snr_shift = match self.p.tables {
            // Its tool computes the shift, and then takes 6, which is right for FFTs of 512 points.
            FrontEndTables::LitertMicro => 6,
            FrontEndTables::Microfrontend => GAIN_BITS - correction - RATIO_BITS,
        };
        let step = kernels::Pcan { channels: self.p.channels, snr_shift };
        Ok(self.append("pcan", Kernel::Pcan(step), vec![level, noise, table], Uint32, vec![]))
    }

    /// Logarithms, and features in the type that was asked for.
    fn output(&mut self, level: TensorId, log: FilterBankLog) -> Value {
        let len = self.p.channels;
        let kernel = StepOp::Kernel(Kernel::FilterBankLog(log));
        if self.p.output == FrontEndOutput::Int16 {
            return self.builder.append("frontend", kernel, vec![level], Form::plain(Int16, vec![len]), vec![]);
        }
        let log = self.builder.append("frontend-log", kernel, vec![level], Form::plain(Int16, vec![len]), vec![]).id;
        if self.p.output == FrontEndOutput::Int8 {
            let form = Form { shape: vec![len], ..self.builder.port().clone() };
            let op = StepOp::Step(Op::Feature(Feature { len }));
            return self.builder.append("frontend", op, vec![log], Form { dtype: Int8, ..form }, vec![]);
        }
        let p = Dequantize { len, from: Element::I16, scale: FEATURE_SCALE, zero_point: 0 };
        let op = StepOp::Kernel(Kernel::Dequantize(p));
        self.builder.append("frontend", op, vec![log], Form::plain(Float32, vec![len]), vec![])
    }
}
