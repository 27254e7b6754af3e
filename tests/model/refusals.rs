//! What is wrong with a model is said by name: the reader's errors and the refusals of single operators.

use deployctl::model::{Tensor, TensorType, lower, read};

use crate::sample::{Flaw, model};

#[test]
fn the_sample_is_sound() {
    let sound = read(&model(Flaw::None)).unwrap();
    let refusals: Vec<_> = lower(&sound.graph, &sound.weights).into_iter().filter_map(Result::err).collect();
    assert_eq!(refusals, []);
    assert_eq!(read(&model(Flaw::OffsetBuffer)).unwrap(), sound, "constants behind the FlatBuffer are the same ones");
}

/// Two tensors share the sample's first filter and two its bias; each is in the blob once, and nothing unused is.
#[test]
fn constants_are_copied_once_and_aligned() {
    let sound = read(&model(Flaw::None)).unwrap();
    let places: Vec<_> = sound.graph.tensors.iter().map(|tensor| tensor.constant.map(|c| (c.offset, c.len))).collect();
    assert_eq!(places[1], places[4]);
    assert_eq!((places[1], places[2], places[13]), (Some((0, 72)), Some((80, 32)), Some((80, 12))));
    assert_eq!(places[0], None);
    assert_eq!(sound.weights.len(), 80 + 32 + 32 + 16);
}

/// The first filter as int4, in the bytes that the second has as int8: each gets a copy, and steps are those for int8.
#[test]
fn packed_weights_are_unpacked() {
    let packed = read(&model(Flaw::Int4Filter)).unwrap();
    let (first, second) = (&packed.graph.tensors[1], &packed.graph.tensors[4]);
    assert_eq!((first.dtype, first.unpacked_from), (TensorType::Int8, Some(TensorType::Int4)));
    assert_eq!((second.dtype, second.unpacked_from), (TensorType::Int8, None));
    let bytes = |tensor: &Tensor| {
        let place = tensor.constant.unwrap();
        assert_eq!((place.offset % 16, place.len), (0, 72));
        packed.weights[place.offset..][..place.len].to_vec()
    };
    let stored = bytes(second);
    let expected = stored[..36].iter().flat_map(|byte| [byte << 4, byte & 0xf0].map(|high| high.cast_signed() >> 4));
    assert!(bytes(first).into_iter().map(u8::cast_signed).eq(expected));
    assert!(lower(&packed.graph, &packed.weights).iter().all(Result::is_ok));
}

#[test]
fn unreadable_models_are_errors_that_name_the_field() {
    let cases = [
        (Flaw::Version, "`model.version` is 2, which is not supported"),
        (Flaw::TwoSubgraphs, "`model.subgraphs` has 2 subgraphs"),
        (Flaw::NegativeDimension, "`model.subgraphs[0].tensors[3].shape[1]` is -6: a dynamic shape"),
        (
            Flaw::HugeShape,
            "`model.subgraphs[0].tensors[3].shape` ([65536, 65536, 65536, 65536] of int8) is more than 2 GiB",
        ),
        (Flaw::UnknownType, "`model.subgraphs[0].tensors[3].type` is type 99"),
        (Flaw::ShortBuffer, "`model.subgraphs[0].tensors[1].buffer` has 71 bytes, but `conv/filter` needs 72"),
        (Flaw::BufferIndex, "`model.subgraphs[0].tensors[1].buffer` is 77, but the model has 5 buffers"),
        (Flaw::BufferOffset, "`model.buffers[1].offset` is 81985529216486895 with size 72, beyond the file"),
        (Flaw::ExternalBuffer, "`model.subgraphs[0].tensors[3].external_buffer` is 1: weights in another file"),
        (Flaw::Opcode, "`model.subgraphs[0].operators[2].opcode_index` is 50, but the model has 8 operator codes"),
        (Flaw::InputIndex, "`model.subgraphs[0].operators[0].inputs[2]` is tensor 400"),
        (Flaw::Order, "`model.subgraphs[0].operators[0].inputs[0]` is tensor 5 (`depthwise`), which nothing before it"),
        (Flaw::WrittenTwice, "`model.subgraphs[0].operators[1].outputs[0]` writes tensor 3 (`conv`) a second time"),
        (Flaw::ConstantOutput, "`model.subgraphs[0].outputs[0]` is the constant `conv/filter`"),
        (Flaw::NoOutputs, "`model.subgraphs[0].outputs` is empty"),
        (Flaw::WrongOptions, "`model.subgraphs[0].operators[0].builtin_options_type` is 9, not the options of CONV_2D"),
        (Flaw::Padding, "`model.subgraphs[0].operators[0].builtin_options.padding` is 9"),
        (Flaw::Scale, "`model.subgraphs[0].tensors[3].quantization.scale[0]` is NaN"),
        (Flaw::ZeroPoints, "`model.subgraphs[0].tensors[3].quantization.zero_point` has 2 values for 1 scales"),
        (
            Flaw::QuantizedDimension,
            "`model.subgraphs[0].tensors[1].quantization.quantized_dimension` is 1, but 8 scales",
        ),
        (Flaw::Blockwise, "`model.subgraphs[0].tensors[3].quantization.details_type` is 2"),
    ];
    for (flaw, expected) in cases {
        let error = read(&model(flaw)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{flaw:?}: {error}");
        assert!(error.contains("; "), "no next step: {error}");
    }
}

#[test]
fn operators_without_kernels_are_refused_by_name() {
    let cases = [
        (Flaw::Custom, "operator 7 `Mystery` (tensor `softmax`) is a custom operator without a kernel"),
        (Flaw::UnknownCode, "operator 7 `UNKNOWN(999)` (tensor `softmax`) has no kernel"),
        (Flaw::DynamicShape, "operator 0 `CONV_2D` (tensor `conv`) has a tensor of dynamic shape [-1, -1, 5, 8]"),
        (Flaw::Float, "operator 0 `CONV_2D` (tensor `conv`) has a tensor of type float32"),
        (Flaw::Unquantized, "operator 0 `CONV_2D` (tensor `conv`) has an activation without quantization"),
        (Flaw::ZeroStride, "operator 0 `CONV_2D` (tensor `conv`) has a window of 3 rows with stride 0"),
        (
            Flaw::HugeDilation,
            "operator 0 `CONV_2D` (tensor `conv`) has a window of 3 rows with stride 1 and dilation 21",
        ),
        (Flaw::WrongOutputShape, "operator 0 `CONV_2D` (tensor `conv`) has an output of shape [1, 6, 6, 8]"),
        (Flaw::Tanh, "operator 0 `CONV_2D` (tensor `conv`) has the fused activation Tanh"),
        (Flaw::SoftmaxScale, "operator 7 `SOFTMAX` (tensor `softmax`) has output scale 0.004 and zero point -128"),
        (Flaw::BiasScale, "operator 6 `FULLY_CONNECTED` (tensor `dense/bias`) has a bias of scale 0.5"),
        (Flaw::EmptyTensor, "operator 0 `CONV_2D` (tensor `conv`) has a tensor of shape [1, 6, 0, 8], which is empty"),
        (Flaw::AsymmetricFilter, "operator 0 `CONV_2D` (tensor `conv/filter`) has a filter with zero point 1"),
        (
            Flaw::Hybrid,
            "operator 0 `CONV_2D` (tensor `conv/filter`) has weights of type int8 with activations of type float32; convert",
        ),
        (Flaw::Int4Channels, "operator 6 `FULLY_CONNECTED` (tensor `dense/filter`) has int4 weights with 3 scales"),
    ];
    for (flaw, expected) in cases {
        let flawed = read(&model(flaw)).unwrap();
        let refusal = lower(&flawed.graph, &flawed.weights).into_iter().find_map(Result::err).unwrap().to_string();
        assert!(refusal.starts_with(expected), "{flaw:?}: {refusal}");
        assert!(refusal.contains("; "), "no next step: {refusal}");
    }
}
