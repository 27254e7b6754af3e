//! The latest rows of features, oldest first: what one inference looks at.

use kernels::{view_mut, wrong_operands};

/// Keeps rows. Operands: a row; whether an inference is due (bool), the rows, how many have come (u32). Rows and count are
/// state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rows {
    /// Bytes of a row.
    pub row: usize,
    /// Rows that are kept, at least 1.
    pub count: usize,
    /// New rows from one inference to the next, at least 1.
    pub advance: usize,
}

impl Rows {
    /// Bytes of all rows.
    pub fn bytes(&self) -> usize {
        self.row * self.count
    }

    /// Takes a row; returns whether all rows are there and enough of them new. `come` counts the rows that have come since the
    /// last time, or since the beginning.
    #[inline]
    pub fn apply(&self, row: &[i8], rows: &mut [i8], come: &mut u32, begun: bool) -> bool {
        rows.copy_within(self.row.., 0);
        let last = rows.len() - self.row;
        rows[last..].copy_from_slice(row);
        *come += 1;
        let wanted = if begun { self.advance } else { self.count };
        let due = *come as usize >= wanted;
        if due {
            *come = 0;
        }
        due
    }
}

/// [`Rows::apply`]. The state behind the rows: rows since the last inference, and whether there was one.
#[inline]
pub fn rows(p: &Rows, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([row], [due, rows, come]) = (inputs, outputs) else { wrong_operands() };
    let [come, begun] = view_mut::<u32>(come) else { wrong_operands() };
    let is_due = p.apply(row, rows, come, *begun != 0);
    if is_due {
        *begun = 1;
    }
    due[0] = i8::from(is_due);
}

#[cfg(test)]
mod tests {
    use kernels::words_as_i8_mut;

    use super::{Rows, rows};

    #[test]
    fn rows_move_up_and_an_inference_comes_when_enough_are_new() {
        let p = Rows { row: 1, count: 3, advance: 2 };
        let (mut kept, mut state, mut due) = ([0; 3], [0; 1], [0; 1]);
        let mut seen = [(false, [0; 3]); 7];
        for (index, seen) in (1..).zip(&mut seen) {
            rows(&p, &[&[index]], &mut [&mut due, &mut kept, words_as_i8_mut(&mut state)]);
            *seen = (due[0] != 0, kept);
        }
        assert_eq!(seen[2..6], [(true, [1, 2, 3]), (false, [2, 3, 4]), (true, [3, 4, 5]), (false, [4, 5, 6])]);
        assert!(!seen[0].0 && !seen[1].0 && seen[6].0);
    }
}
