//! Options of the operators that move, fold or multiply whole tensors. One that is absent has every field at its default,
//! as in LiteRT Micro.

use tflite_flatbuffers as format;

use super::operator::{Site, activation, padding};
use super::{ReadError, elements};
use crate::model::{Options, builtin};

/// Options of the operator with this code; `Other` where nothing needs them.
pub(super) fn options(site: &Site<'_>, code: i32) -> Result<Options, ReadError> {
    match builtin::name(code).unwrap_or_default() {
        "CONCATENATION" | "PACK" | "UNPACK" | "GATHER" | "SQUEEZE" | "CUMSUM" => along_axes(site, code),
        "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" | "MIRROR_PAD" | "SPACE_TO_DEPTH" | "DEPTH_TO_SPACE" => {
            images(site, code)
        }
        "STRIDED_SLICE" => {
            let table = site.present(site.operator.builtin_options_as_strided_slice_options(), code)?;
            let masks = table.map(|table| (table.begin_mask(), table.end_mask(), table.shrink_axis_mask()));
            let (begin_mask, end_mask, shrink_axis_mask) = masks.unwrap_or_default();
            Ok(Options::StridedSlice { begin_mask, end_mask, shrink_axis_mask })
        }
        "BATCH_MATMUL" => {
            let table = site.present(site.operator.builtin_options_as_batch_mat_mul_options(), code)?;
            Ok(Options::BatchMatMul {
                adj_x: table.is_some_and(|table| table.adj_x()),
                adj_y: table.is_some_and(|table| table.adj_y()),
            })
        }
        "TRANSPOSE_CONV" => {
            let options = site.operator.builtin_options_as_transpose_conv_options();
            let options = options.ok_or_else(|| site.other_options(code))?;
            Ok(Options::TransposeConv {
                padding: padding(site, options.padding())?,
                stride: [options.stride_h(), options.stride_w()],
                activation: activation(site, options.fused_activation_function())?,
            })
        }
        "CALL_ONCE" => {
            let table = site.operator.builtin_options_as_call_once_options().ok_or_else(|| site.other_options(code))?;
            Ok(Options::CallOnce { function: table.init_subgraph_index(), values: Vec::new() })
        }
        "VAR_HANDLE" => {
            let table =
                site.operator.builtin_options_as_var_handle_options().ok_or_else(|| site.other_options(code))?;
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            Ok(Options::VarHandle { container: text(table.container()), shared_name: text(table.shared_name()) })
        }
        "SVDF" => {
            let options = site.operator.builtin_options_as_svdfoptions().ok_or_else(|| site.other_options(code))?;
            let activation = activation(site, options.fused_activation_function())?;
            Ok(Options::Svdf { rank: options.rank(), activation })
        }
        "UNIDIRECTIONAL_SEQUENCE_LSTM" => {
            let options = site.operator.builtin_options_as_unidirectional_sequence_lstmoptions();
            let options = options.ok_or_else(|| site.other_options(code))?;
            let cell_clip = options.cell_clip();
            if !cell_clip.is_finite() {
                return Err(ReadError::inconsistent(
                    site.field("builtin_options.cell_clip"),
                    format!("is {cell_clip}"),
                ));
            }
            let activation = activation(site, options.fused_activation_function())?;
            Ok(Options::Lstm { activation, cell_clip, time_major: options.time_major() })
        }
        _ => Ok(Options::Other),
    }
}

fn along_axes(site: &Site<'_>, code: i32) -> Result<Options, ReadError> {
    let operator = &site.operator;
    Ok(match builtin::name(code).unwrap_or_default() {
        "CONCATENATION" => {
            let table = site.present(operator.builtin_options_as_concatenation_options(), code)?;
            let function =
                table.map_or(format::ActivationFunctionType::NONE, |table| table.fused_activation_function());
            Options::Concatenation {
                axis: table.map_or(0, |table| table.axis()),
                activation: activation(site, function)?,
            }
        }
        "PACK" => {
            let table = site.present(operator.builtin_options_as_pack_options(), code)?;
            let (axis, values_count) = table.map_or((0, 0), |table| (table.axis(), table.values_count()));
            Options::Pack { axis, values_count }
        }
        "UNPACK" => {
            let table = site.present(operator.builtin_options_as_unpack_options(), code)?;
            let (axis, num) = table.map_or((0, 0), |table| (table.axis(), table.num()));
            Options::Unpack { axis, num }
        }
        "GATHER" => {
            let table = site.present(operator.builtin_options_as_gather_options(), code)?;
            let (axis, batch_dims) = table.map_or((0, 0), |table| (table.axis(), table.batch_dims()));
            Options::Gather { axis, batch_dims }
        }
        "SQUEEZE" => {
            let table = site.present(operator.builtin_options_as_squeeze_options(), code)?;
            let dims = table.map(|table| elements(table.squeeze_dims()).collect());
            Options::Squeeze { squeeze_dims: dims.unwrap_or_default() }
        }
        "CUMSUM" => {
            let table = site.present(operator.builtin_options_as_cumsum_options(), code)?;
            let (exclusive, reverse) = table.map_or((false, false), |table| (table.exclusive(), table.reverse()));
            Options::Cumsum { exclusive, reverse }
        }
        _ => Options::Other,
    })
}

fn images(site: &Site<'_>, code: i32) -> Result<Options, ReadError> {
    let operator = &site.operator;
    Ok(match builtin::name(code).unwrap_or_default() {
        "RESIZE_BILINEAR" => {
            let table = site.present(operator.builtin_options_as_resize_bilinear_options(), code)?;
            let (align_corners, half_pixel_centers) =
                table.map_or((false, false), |table| (table.align_corners(), table.half_pixel_centers()));
            Options::Resize { align_corners, half_pixel_centers }
        }
        "RESIZE_NEAREST_NEIGHBOR" => {
            let table = site.present(operator.builtin_options_as_resize_nearest_neighbor_options(), code)?;
            let (align_corners, half_pixel_centers) =
                table.map_or((false, false), |table| (table.align_corners(), table.half_pixel_centers()));
            Options::Resize { align_corners, half_pixel_centers }
        }
        "MIRROR_PAD" => {
            let table = site.present(operator.builtin_options_as_mirror_pad_options(), code)?;
            let mode = table.map_or(format::MirrorPadMode::REFLECT, |table| table.mode());
            match mode {
                format::MirrorPadMode::REFLECT => Options::MirrorPad { symmetric: false },
                format::MirrorPadMode::SYMMETRIC => Options::MirrorPad { symmetric: true },
                _ => {
                    let field = site.field("builtin_options.mode");
                    return Err(ReadError::inconsistent(field, format!("is {}", mode.0)));
                }
            }
        }
        "SPACE_TO_DEPTH" => {
            let table = site.present(operator.builtin_options_as_space_to_depth_options(), code)?;
            Options::Blocks { block_size: table.map_or(0, |table| table.block_size()) }
        }
        "DEPTH_TO_SPACE" => {
            let table = site.present(operator.builtin_options_as_depth_to_space_options(), code)?;
            Options::Blocks { block_size: table.map_or(0, |table| table.block_size()) }
        }
        _ => Options::Other,
    })
}
