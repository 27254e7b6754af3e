//! `CIRCULAR_BUFFER`: the last inputs of a sequence as one tensor, for networks that run on a stream.

use crate::bytes::{view_mut, wrong_operands};

/// `CIRCULAR_BUFFER`. Operands: input; output, which keeps what is in it, and, where the input comes in cycles, whether one is
/// complete (bool) and how much of it there is (int32, state).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CircularBuffer {
    /// Inputs in a cycle.
    pub cycle: i32,
}

/// Moves the output's contents towards its start by one input, and puts the input at its end.
#[inline]
pub fn circular_buffer(p: &CircularBuffer, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let [input] = inputs else { wrong_operands() };
    let kept = match outputs {
        [kept] => kept,
        [kept, complete, count] => {
            let count = &mut view_mut::<i32>(count)[0];
            *count = if *count + 1 < p.cycle { *count + 1 } else { 0 };
            complete[0] = i8::from(*count == 0);
            kept
        }
        _ => wrong_operands(),
    };
    kept.copy_within(input.len().., 0);
    let end = kept.len() - input.len();
    kept[end..].copy_from_slice(input);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::words_as_i8_mut;

    #[test]
    fn the_oldest_goes_and_the_newest_comes() {
        let p = CircularBuffer { cycle: 1 };
        let mut kept = [1, 2, 3, 4, 5, 6];
        circular_buffer(&p, &[&[7, 8]], &mut [&mut kept]);
        assert_eq!(kept, [3, 4, 5, 6, 7, 8]);
        let mut all = [0, 0];
        circular_buffer(&p, &[&[1, 2]], &mut [&mut all]);
        assert_eq!(all, [1, 2]);
    }

    #[test]
    fn cycles_are_counted() {
        for cycle in 1..4 {
            let p = CircularBuffer { cycle };
            let (mut kept, mut complete, mut count) = ([0; 4], [7], [0_u64]);
            for time in 1..10 {
                let count = &mut words_as_i8_mut(&mut count)[..4];
                circular_buffer(&p, &[&[time as i8]], &mut [&mut kept, &mut complete, count]);
                assert_eq!(complete[0], i8::from(time % cycle == 0));
                assert_eq!(kept[3], time as i8);
            }
        }
    }
}
