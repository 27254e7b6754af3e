//! The rules: what is said of which operator. One function a question, in the order in which they are asked.

use kernels::{ConvolveI16, Extent, Layer, Op};

use super::Level::{High, Low, Medium};
use super::{Finding, Level, Site, Standing, Way, WayKind, rank};
use crate::library::{self, Features, InstructionPath};
use crate::model::lower::{Call, Refusal, Step, UNKNOWN_CUSTOM, suggested_use};
use crate::model::{Operator, TensorType, builtin, short_name};

/// What is to be said of an operator; nothing where it stands well.
///
/// An operator without multiply-accumulates on a reference kernel stands well unless the library could run its like: it
/// moves bytes, and takes a small share of the time.
pub fn find(site: &Site) -> Option<Finding> {
    let (standing, why, mut ways) = match site.lowered {
        Err(refusal) => (Standing::Unsupported, refusal.reason.clone(), unsupported(site, refusal)),
        Ok(_) if site.defect.is_some() => defective(site)?,
        Ok(step) => {
            let (why, ways) = slow(site, step)?;
            (Standing::Slow, why, ways)
        }
    };
    rank(&mut ways);
    Some(Finding { standing, why, ways })
}

/// What is to be said of a core for a model with arithmetic on the library.
pub fn core(features: Features) -> Option<Finding> {
    if features.dsp || features.mve {
        return None;
    }
    let why = "the core has neither the DSP nor the vector extension (MVE): every kernel runs on plain instructions, one \
               multiply-accumulate at a time";
    let board =
        "where the time does not suffice, choose a core with DSP (Cortex-M4, M7, M33 with it) or MVE (Cortex-M55, M85)";
    let smaller = "fewer channels or a smaller input: MACs are the time here";
    let mut ways =
        vec![way(WayKind::Setting, board, [High, Low, Low]), way(WayKind::Architecture, smaller, [High, Medium, Low])];
    rank(&mut ways);
    Some(Finding { standing: Standing::Slow, why: why.to_owned(), ways })
}

fn way(kind: WayKind, what: impl Into<String>, [effort, risk, upkeep]: [Level; 3]) -> Way {
    Way { kind, what: what.into(), effort, risk, upkeep }
}

/// The layer as the exporting side knows it.
fn layer(site: &Site) -> String {
    let operator = &site.graph.operators[site.operator.0];
    let output = operator.outputs.first().map(|id| short_name(&site.graph.tensor(*id).name)).unwrap_or_default();
    format!("the layer that writes `{output}`")
}

fn type_of(site: &Site) -> Option<TensorType> {
    let operator = &site.graph.operators[site.operator.0];
    let input = operator.inputs.iter().flatten().find(|id| site.graph.tensor(**id).constant.is_none());
    input.map(|id| site.graph.tensor(*id).dtype)
}

fn has_weights_of(site: &Site, dtype: TensorType) -> bool {
    let operator = &site.graph.operators[site.operator.0];
    operator.inputs.iter().flatten().any(|id| {
        let tensor = site.graph.tensor(*id);
        tensor.constant.is_some() && tensor.dtype == dtype
    })
}

fn own_kernel(site: &Site) -> Way {
    let name = &site.graph.operators[site.operator.0].name;
    if let Some(line) = suggested_use(site.graph, site.operator) {
        let what = format!(
            "write a kernel for it, a small crate in Rust beside the manifest, and name it in the manifest's `kernels`: `{line}`; the \
             section \"Your own kernel\" of reference/operators has a complete example; it is yours to keep up with the \
             exporting code"
        );
        return way(WayKind::Kernel, what, [High, Medium, High]);
    }
    let what = format!(
        "write a kernel for `{name}` in Rust and contribute it: the page \"Operators\" of the reference says how, and the \
         conformance run proves it against LiteRT Micro; without a release that has it, it is a fork that you keep up"
    );
    way(WayKind::Kernel, what, [High, Medium, High])
}

// ---- operators that nothing runs

fn unsupported(site: &Site, refusal: &Refusal) -> Vec<Way> {
    let operator = &site.graph.operators[site.operator.0];
    let mut ways = if operator.code == builtin::CUSTOM {
        let own = (refusal.reason != UNKNOWN_CUSTOM).then(|| changed(site, refusal));
        own.into_iter().chain([custom(site, operator)]).collect()
    } else if let Some(found) = by_type(site) {
        found
    } else {
        vec![changed(site, refusal)]
    };
    if !ways.iter().any(|way| way.kind == WayKind::Architecture) {
        ways.push(way(WayKind::Architecture, replacement(&operator.name), [High, Medium, Low]));
    }
    ways.push(own_kernel(site));
    ways
}

/// The layer as the kernel that there is takes it.
fn changed(site: &Site, refusal: &Refusal) -> Way {
    way(WayKind::Export, format!("{}: {}", layer(site), refusal.advice), [Medium, Low, Low])
}

fn custom(site: &Site, operator: &Operator) -> Way {
    let what = format!(
        "in the exporting code, build {} of builtin layers instead of the custom operator `{}`, and convert without \
         `allow_custom_ops`; pre- and post-processing of a detector or an audio front end can stay outside the model",
        layer(site),
        operator.name
    );
    way(WayKind::Export, what, [Medium, Low, Low])
}

/// Types that have no kernel, or none in the library: the converter's settings, not the model.
fn by_type(site: &Site) -> Option<Vec<Way>> {
    if has_weights_of(site, TensorType::Int4) {
        let what = "export with int8 weights: leave out the 4-bit setting of the quantizer (in AI Edge Quantizer, \
                    `num_bits=8`); weights take twice the flash";
        return Some(vec![way(WayKind::Export, what, [Low, Low, Low])]);
    }
    match type_of(site)? {
        TensorType::Float32 | TensorType::Float16 => Some(vec![quantize()]),
        TensorType::Int16 => {
            let what = "convert with int8 activations: `supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]` instead of \
                        the 16x8 one; compare the accuracy on recorded vectors, since activations lose 8 bits";
            Some(vec![way(WayKind::Export, what, [Low, Medium, Low])])
        }
        TensorType::Uint8 => {
            let what = "convert with the current converter, which quantizes to int8; a uint8 model comes from the \
                        converter of TensorFlow 1 or from `inference_input_type=tf.uint8`";
            Some(vec![way(WayKind::Export, what, [Low, Low, Low])])
        }
        _ => None,
    }
}

fn quantize() -> Way {
    let what = "quantize the whole model to int8 when converting: `optimizations=[tf.lite.Optimize.DEFAULT]`, a \
                `representative_dataset` of a few hundred recorded inputs, `supported_ops = \
                [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]`, `inference_input_type` and `inference_output_type` `tf.int8`";
    way(WayKind::Export, what, [Low, Medium, Low])
}

/// What other layers do the work of one that has no kernel.
fn replacement(name: &str) -> String {
    let instead = match name {
        "TRANSPOSE_CONV" => "`UpSampling2D` (nearest) and `Conv2D`",
        "IF" | "WHILE" => "a graph without branches: both sides computed and one selected, or the loop unrolled",
        "TFLite_Detection_PostProcess" => "a head without it: decode boxes and suppress overlaps in the application",
        "UNIDIRECTIONAL_SEQUENCE_RNN"
        | "BIDIRECTIONAL_SEQUENCE_LSTM"
        | "BIDIRECTIONAL_SEQUENCE_RNN"
        | "RNN"
        | "LSTM" => "a plain `LSTM` layer, or convolutions over a window of time",
        _ => "layers of the operators that the page \"Operators\" of the reference lists",
    };
    format!("design the model with {instead}, and train again")
}

// ---- operators whose kernel has a published defect

fn defective(site: &Site) -> Option<(Standing, String, Vec<Way>)> {
    let (defect, kernel) = (site.defect?, site.kernel?);
    let why = format!(
        "`{}` has the published defect `{}` ({}): {}; see {}",
        kernel.symbol,
        defect.name,
        defect.effect.name(),
        defect.summary,
        defect.source
    );
    let reference = format!(
        "until then give this operator the reference kernel: `use \"op:{}\" kernel=\"reference\" reason=\"{}\"` in the \
         manifest's `kernels`; it is slower",
        site.graph.label(site.operator),
        defect.name
    );
    let ways = vec![
        way(WayKind::Setting, defect.remedy.clone(), [Medium, Low, Low]),
        way(WayKind::Setting, reference, [Low, Low, Medium]),
    ];
    Some((Standing::KnownBad, why, ways))
}

// ---- operators that run, but slowly

fn slow(site: &Site, step: &Step) -> Option<(String, Vec<Way>)> {
    let kernel = site.kernel?;
    match kernel.library.as_str() {
        "none" | library::OWN => None,
        "reference" => on_reference(site, step),
        _ => on_scalar(site, step),
    }
}

/// On a reference kernel, with arithmetic to do or of a kind that the library has a function for.
fn on_reference(site: &Site, step: &Step) -> Option<(String, Vec<Way>)> {
    let of_common_form = matches!(step.call, Call::Op(_));
    if site.macs == 0 && of_common_form {
        return None;
    }
    let why = site.reason.unwrap_or("runs the reference kernel").to_owned();
    let mut ways = match &step.call {
        Call::Conv2d(p) if p.filter.c != p.input.c => grouped(site, p.input.c / p.filter.c.max(1), p.input.c),
        Call::Add(p) if p.a.dims != p.output || p.b.dims != p.output => broadcast(site, step),
        Call::FullyConnected(p) if p.filter_offset != 0 => {
            let what = format!(
                "quantize the weights of {} with zero point 0, as the current converter does by itself (in a \
                 quantization-aware training, symmetric weights)",
                layer(site)
            );
            vec![way(WayKind::Export, what, [Low, Medium, Low])]
        }
        Call::Op(Op::BatchMatMul(_)) => matrix_product(site),
        Call::Op(Op::TransposeConv(_)) => {
            vec![way(WayKind::Architecture, replacement("TRANSPOSE_CONV"), [High, Medium, Low])]
        }
        _ => by_type(site).unwrap_or_else(|| {
            let what = format!("make {} smaller or of another shape, so that the reason above falls away", layer(site));
            vec![way(WayKind::Architecture, what, [Medium, Medium, Low])]
        }),
    };
    ways.push(accept(site));
    Some((why, ways))
}

/// For what runs on a reference kernel.
fn accept(site: &Site) -> Way {
    let what = if site.macs == 0 {
        "accept it: there are no multiply-accumulates in it, so its share of the time is small; measure it".to_owned()
    } else {
        format!(
            "accept it where the time suffices: allow the share in the manifest, `fallback \"reference\" max-mac-share=…`; \
             {} multiply-accumulates are meant",
            thousands(site.macs)
        )
    };
    way(WayKind::Setting, what, [Low, Low, Medium])
}

/// For what runs on plain instructions of the library.
fn measure(site: &Site) -> Way {
    let what = format!(
        "accept it where the time suffices: no policy stands against it; {} multiply-accumulates are meant",
        thousands(site.macs)
    );
    way(WayKind::Setting, what, [Low, Low, Medium])
}

/// Digits in groups of three.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A rewrite that deployctl applies: [`crate::model::optimize()`].
fn optimized(other: &str, since: &str) -> Way {
    let what = format!(
        "write `optimize #true` into `model` of the manifest: deployctl runs it as `{other}` with its filter transposed; \
         {since} every output is the same sum with the same rounding, and every build compares each operator's bytes \
         with those of the model as it is"
    );
    way(WayKind::Rewrite, what, [Low, Low, Low])
}

fn grouped(site: &Site, groups: usize, channels: usize) -> Vec<Way> {
    if groups == channels {
        let export =
            format!("write {} as `DepthwiseConv2D` in the exporting code: it is the same operation", layer(site));
        let ways = [optimized("DEPTHWISE_CONV_2D", "with a group for each input channel")];
        return ways.into_iter().chain([way(WayKind::Export, export, [Low, Low, Low])]).collect();
    }
    let rewrite = format!(
        "replace it in the `.tflite` by `SPLIT`, {groups} `CONV_2D` with their slices of the filter, and `CONCATENATION`, all \
         with the quantization that is there: every output is the same sum with the same rounding, so the bytes are equal, \
         and gate `reference` with vectors recorded before shows it; deployctl does not apply it for you, and the next \
         export needs it again"
    );
    let export = format!(
        "in the exporting code, write {} as {groups} separate `Conv2D` on slices of the channels, joined by `Concatenate`, \
         instead of `groups={groups}`",
        layer(site)
    );
    let other = "use a depthwise and a 1×1 convolution instead of a grouped one, and train again";
    vec![
        way(WayKind::Export, export, [Medium, Low, Low]),
        way(WayKind::Rewrite, rewrite, [Medium, Low, Medium]),
        way(WayKind::Architecture, other, [High, Medium, Low]),
    ]
}

fn broadcast(site: &Site, step: &Step) -> Vec<Way> {
    let constant = step.inputs.iter().any(|id| site.graph.tensor(*id).constant.is_some());
    if constant {
        let rewrite = "write the constant operand out at the full shape in the `.tflite`: the same numbers are added, so the \
                       bytes are equal; it costs the output's size in flash, and the next export needs it again";
        let export = format!(
            "add the constant of {} as a bias of the layer before it; the converter then folds it, and the operator is gone",
            layer(site)
        );
        return vec![
            way(WayKind::Export, export, [Medium, Low, Low]),
            way(WayKind::Rewrite, rewrite, [Low, Low, Medium]),
        ];
    }
    let export = format!(
        "give both operands of {} one shape in the exporting code, for example by pooling the larger one before the addition",
        layer(site)
    );
    vec![way(WayKind::Export, export, [Medium, Medium, Low])]
}

fn matrix_product(site: &Site) -> Vec<Way> {
    let operator = &site.graph.operators[site.operator.0];
    let constant = operator.inputs.iter().flatten().any(|id| site.graph.tensor(*id).constant.is_some());
    if constant {
        let what = format!(
            "write {} as a `Dense` layer, which converts to `FULLY_CONNECTED`, instead of `tf.matmul` with constant weights",
            layer(site)
        );
        return vec![way(WayKind::Export, what, [Low, Low, Low])];
    }
    let what = "a product of two activations (attention) has no function in this version of the library: use convolutions \
                instead of attention, or a smaller sequence, and train again";
    vec![way(WayKind::Architecture, what, [High, Medium, Low])]
}

/// An int16 layer for which only the general function fits.
fn wide_on_scalar(site: &Site, p: &ConvolveI16) -> (String, Vec<Way>) {
    let mut ways = by_type(site).unwrap_or_default();
    let cause = if p.at.layer == Layer::Conv2d && site.features.mve {
        "the library's int16 convolution has no code for the vector extension".to_owned()
    } else {
        if p.bias.is_none() {
            let export = format!("export {} with `use_bias=True`; a bias of zeros changes no output", layer(site));
            ways.push(way(WayKind::Export, export, [Low, Low, Low]));
        }
        "the library's fast int16 functions want no dilation, no depth multiplier, less than 512 weights a window, on DSP a \
         bias, and on MVE channels in fours"
            .to_owned()
    };
    ways.push(measure(site));
    (cause, ways)
}

/// On a function of the library without code for the instructions that the core has.
fn on_scalar(site: &Site, step: &Step) -> Option<(String, Vec<Way>)> {
    let scalar = site.kernel.is_some_and(|kernel| kernel.path == InstructionPath::Scalar);
    if !scalar || site.macs == 0 || !(site.features.dsp || site.features.mve) {
        return None;
    }
    if let Call::Op(Op::ConvolveI16(p)) = &step.call {
        return Some(wide_on_scalar(site, p));
    }
    let Call::DepthwiseConv2d(p) = &step.call else {
        let why = "the library's function uses plain instructions only, also on cores that have DSP or MVE";
        return Some((why.to_owned(), vec![measure(site)]));
    };
    let dilated = p.dilation != Extent { h: 1, w: 1 };
    let mut ways = Vec::new();
    let cause = if p.depth_multiplier != 1 && p.input.c == 1 {
        let export = format!(
            "try {} as `Conv2D({}, …)` instead of `DepthwiseConv2D(depth_multiplier={})` and measure: with one input channel \
             it is the same operation; its function uses the DSP or vector extension, but gathers its input first, which \
             few output channels do not repay",
            layer(site),
            p.output.c,
            p.depth_multiplier
        );
        ways.push(way(WayKind::Export, export, [Low, Medium, Low]));
        format!("a depth multiplier of {}", p.depth_multiplier)
    } else if p.depth_multiplier != 1 {
        let other = format!(
            "give {} depth multiplier 1 and widen the 1×1 convolution that follows it, and train again",
            layer(site)
        );
        ways.push(way(WayKind::Architecture, other, [High, Medium, Low]));
        format!("a depth multiplier of {}", p.depth_multiplier)
    } else if dilated {
        let other = format!("give {} a larger or strided filter instead of dilation, and train again", layer(site));
        ways.push(way(WayKind::Architecture, other, [High, Medium, Low]));
        format!("dilation {}×{}", p.dilation.h, p.dilation.w)
    } else if p.input.n != 1 {
        let export = "export with batch size 1 and run the model several times";
        ways.push(way(WayKind::Export, export, [Low, Low, Low]));
        format!("batch size {}", p.input.n)
    } else if step.weights.as_ref().is_some_and(|weights| weights.bias.is_none()) {
        let export = format!("export {} with `use_bias=True`; a bias of zeros changes no output", layer(site));
        ways.push(way(WayKind::Export, export, [Low, Low, Low]));
        "no bias and many channels".to_owned()
    } else {
        "this shape".to_owned()
    };
    ways.push(measure(site));
    Some((format!("the library's depthwise functions for the DSP and vector extensions do not take {cause}"), ways))
}
