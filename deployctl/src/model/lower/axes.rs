//! Shapes seen along some of their axes: which axis is meant, what lies before and behind it, which are folded.

use super::Fault;
use super::operand::Operand;
use super::site::{EXPORT, Site, agree};

/// A shape seen from one of its axes.
#[derive(Clone, Copy)]
pub(super) struct Around {
    /// Product of the dimensions before the axis.
    pub(super) outer: usize,
    /// Length of the axis.
    pub(super) length: usize,
    /// Product of the dimensions behind the axis.
    pub(super) inner: usize,
}

impl Around {
    pub(super) fn new(shape: &[usize], axis: usize) -> Self {
        Self { outer: shape[..axis].iter().product(), length: shape[axis], inner: shape[axis + 1..].iter().product() }
    }
}

impl Operand<'_> {
    /// The axis that a number stands for in a shape of `rank` dimensions; negative ones count from the end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Fault> {
        let from_start = if axis < 0 { axis.saturating_add_unsigned(rank as u64) } else { axis };
        match usize::try_from(from_start) {
            Ok(found) if found < rank => Ok(found),
            _ => Err(Fault::at(self.id, format!("has axis {axis} in a tensor of {rank} dimensions"), EXPORT)),
        }
    }

    /// Elements from one to the next along each dimension.
    pub(super) fn strides(&self) -> Vec<i64> {
        let shape = self.shape();
        (0..shape.len()).map(|axis| count(shape[axis + 1..].iter().product())).collect()
    }

    /// Size of an element in bytes.
    pub(super) fn width(&self) -> Result<usize, Fault> {
        Ok(self.element()?.bytes())
    }

    /// Refuses a shape that is not the one that follows from the others.
    pub(super) fn expect_shape(&self, expected: &[usize]) -> Result<(), Fault> {
        agree(self.shape() == expected, self.id, || {
            format!("has an output of shape {:?}, but {expected:?} follows from its inputs", self.shape())
        })
    }

    /// Refuses a number of elements that is not the one that follows from the others: LiteRT Micro does not look at the
    /// dimensions here.
    pub(super) fn expect_elements(&self, expected: usize) -> Result<(), Fault> {
        agree(self.elements() == expected, self.id, || {
            format!("has an output of shape {:?}, but {expected} elements follow from its inputs", self.shape())
        })
    }

    /// Refuses more dimensions than LiteRT Micro takes.
    pub(super) fn rank_up_to(&self, most: usize) -> Result<(), Fault> {
        if self.shape().len() <= most {
            return Ok(());
        }
        let reason = format!("has a tensor of {} dimensions, more than {most}", self.shape().len());
        Err(Fault::at(self.id, reason, "join dimensions with a reshape before this layer and part them after it"))
    }

    /// Refuses a change of quantization, for an operator that keeps values as they are.
    pub(super) fn same_quantization(&self, other: &Operand) -> Result<(), Fault> {
        let parts = |operand: &Operand| operand.scale_and_zero_point();
        agree(parts(self) == parts(other), self.id, || {
            let ((scale, zero_point), (other_scale, other_zero_point)) = (parts(self), parts(other));
            format!("changes scale {other_scale}, zero point {other_zero_point} to {scale}, {zero_point}")
        })
    }
}

impl Site<'_> {
    /// Refuses another number of inputs or outputs.
    pub(super) fn counts(&self, inputs: std::ops::RangeInclusive<usize>, outputs: usize) -> Result<(), Fault> {
        let (found, written) = (self.operator.inputs.len(), self.operator.outputs.len());
        if inputs.contains(&found) && outputs == written {
            return Ok(());
        }
        Err(Fault::new(format!("has {found} inputs and {written} outputs"), EXPORT))
    }

    /// The constant at input `position` as one number.
    pub(super) fn setting(&self, position: usize, what: &str) -> Result<i64, Fault> {
        match self.settings(position, what)?.as_slice() {
            &[value] => Ok(value),
            values => {
                let id = self.operand(position)?.id;
                Err(Fault::at(id, format!("has {} values for its {what}, not one", values.len()), EXPORT))
            }
        }
    }

    /// The int32 constant at input `position`, `expected` numbers.
    pub(super) fn settings_i32(&self, position: usize, what: &str, expected: usize) -> Result<Vec<i64>, Fault> {
        let operand = self.operand(position)?;
        operand.one_of(&[crate::model::TensorType::Int32])?;
        let values = self.settings(position, what)?;
        agree(values.len() == expected, operand.id, || {
            format!("has {} values for its {what}, not {expected}", values.len())
        })?;
        Ok(values)
    }
}

/// Options of another operator than the one that is lowered: the reader gives each its own.
pub(super) fn no_options() -> Fault {
    Fault::new("has no options".to_owned(), EXPORT)
}

/// A size for signed arithmetic; the reader keeps tensors below 2 GiB.
pub(super) fn count(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
