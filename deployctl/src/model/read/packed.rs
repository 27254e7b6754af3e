//! Weights of four bits, which become int8 when the model is read: two of them are a byte in the file.
//!
//! LiteRT Micro unpacks them before every inference into memory of their own; here they are unpacked once, on the host, and
//! flash holds them so. What uses them then are kernels for int8.

use crate::model::{Operator, Tensor, TensorId, TensorType, builtin};

/// For every tensor whether it is int4 and nothing but the filter of operators that LiteRT Micro unpacks it for.
pub(super) fn filters(operators: &[Operator], outputs: &[TensorId], tensors: &[Tensor]) -> Vec<bool> {
    const UNPACKING: [i32; 3] = [builtin::CONV_2D, builtin::DEPTHWISE_CONV_2D, builtin::FULLY_CONNECTED];
    let mut filters = vec![false; tensors.len()];
    let mut others = vec![false; tensors.len()];
    for operator in operators {
        for (position, id) in operator.inputs.iter().enumerate() {
            let Some(id) = id else { continue };
            let is_filter = position == 1 && UNPACKING.contains(&operator.code);
            let found = if is_filter { &mut filters } else { &mut others };
            found[id.0] = true;
        }
    }
    for id in outputs {
        others[id.0] = true;
    }
    let is_int4 = |tensor: &Tensor| tensor.dtype == TensorType::Int4;
    tensors
        .iter()
        .zip(filters.into_iter().zip(others))
        .map(|(tensor, (filter, other))| is_int4(tensor) && filter && !other)
        .collect()
}

/// The first `elements` of packed values, the lower half of each byte first.
pub(super) fn unpack(packed: &[u8], elements: usize) -> impl Iterator<Item = u8> {
    let extended = |half: u8| (half << 4).cast_signed() >> 4;
    let halves = packed.iter().flat_map(move |&byte| [extended(byte & 15), extended(byte >> 4)]);
    halves.map(i8::cast_unsigned).take(elements)
}

#[cfg(test)]
mod tests {
    use super::unpack;

    #[test]
    fn halves_keep_their_sign() {
        let values: Vec<i8> = unpack(&[0x71, 0x8f, 0x0a], 5).map(u8::cast_signed).collect();
        assert_eq!(values, [1, 7, -1, -8, -6]);
    }
}
