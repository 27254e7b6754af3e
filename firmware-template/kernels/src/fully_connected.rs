//! FULLY_CONNECTED.

use crate::requant::dot;
use crate::{FullyConnected, Weights};

/// Multiplies each row of `input` (batches × depth) with the transposed `w.filter` (units × depth) into `output`
/// (batches × units). Per tensor where `w` has one multiplier, per channel where it has one a unit.
pub fn fully_connected(p: &FullyConnected, w: &Weights, input: &[i8], output: &mut [i8]) {
    let rows = input[..p.batches * p.depth].chunks_exact(p.depth);
    for (row, out_row) in rows.zip(output[..p.batches * p.units].chunks_exact_mut(p.units)) {
        for (unit, out) in out_row.iter_mut().enumerate() {
            let filter = &w.filter[unit * p.depth..][..p.depth];
            let sum = dot(w.bias(unit), row, p.input_offset, filter, p.filter_offset);
            *out = p.activation.clamp(w.requant(unit).apply(sum).wrapping_add(p.output_offset));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fully_connected;
    use crate::testing::{Random, requantized};
    use crate::{Activation, FullyConnected, Weights};

    #[test]
    fn by_hand_per_tensor_and_per_channel() {
        let p = FullyConnected {
            batches: 1,
            depth: 2,
            units: 2,
            input_offset: 1,
            filter_offset: -1,
            output_offset: 3,
            activation: Activation { min: -128, max: 127 },
        };
        let per_tensor =
            Weights { filter: &[2, 3, 4, 5], bias: Some(&[10, 20]), multipliers: &[1 << 30], shifts: &[1] };
        let mut output = [0; 2];
        fully_connected(&p, &per_tensor, &[4, 5], &mut output);
        // Real inputs 5 6, real filters 1 2 and 3 4.
        assert_eq!(output, [17 + 10 + 3, 39 + 20 + 3]);
        let per_channel = Weights { multipliers: &[1 << 30, 1 << 30], shifts: &[1, 0], ..per_tensor };
        fully_connected(&p, &per_channel, &[4, 5], &mut output);
        assert_eq!(output, [30, 30 + 3], "59 halved rounds to 30");
    }

    #[test]
    fn random_shapes_agree_with_the_definition() {
        let mut random = Random::new(4);
        for round in 0..300 {
            let (p, data) = random.fully_connected();
            let mut output = data.output();
            fully_connected(&p, &data.weights(), &data.input, &mut output);
            for (index, &out) in output.iter().enumerate() {
                let (row, unit) = (index / p.units, index % p.units);
                let mut sum = i64::from(data.bias[unit]);
                for d in 0..p.depth {
                    let x = i64::from(data.input[row * p.depth + d]) + i64::from(p.input_offset);
                    sum += x * (i64::from(data.filter[unit * p.depth + d]) + i64::from(p.filter_offset));
                }
                let expected = requantized(sum, data.requant(unit), p.output_offset, p.activation);
                assert_eq!(out, expected, "round {round}, {p:?}, element {index}");
            }
        }
    }
}
