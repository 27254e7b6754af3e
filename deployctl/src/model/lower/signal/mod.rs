//! The signal operators of LiteRT Micro's audio front end, custom operators of LiteRT.

use kernels::Element;

use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered};
use crate::model::{CustomOptions, CustomValue, TensorType};

mod channels;
mod spectrum;
mod stream;

pub(super) use channels::{filter_bank, filter_bank_log, filter_bank_square_root, pcan, spectral_subtraction};
pub(super) use spectrum::{energy, fft_auto_scale, inverse_real_fft, real_fft, window};
pub(super) use stream::{delay, framer, overlap_add, stacker};

/// More samples than any arena has.
const MOST: i64 = 1 << 24;

/// Bytes of the state that a custom operator keeps and that is no tensor of the model file; `None` where it keeps none, or
/// has no kernel.
pub(super) fn state_bytes(site: &Site) -> Option<usize> {
    match site.operator.name.as_str() {
        "SignalDelay" => Some(stream::delayed(site).ok()?.state_bytes()).filter(|&bytes| bytes > 0),
        "SignalFilterBankSpectralSubtraction" => Some(channels::subtracted(site).ok()?.state_bytes()),
        "SignalFramer" => Some(stream::framed(site).ok()?.state_bytes()),
        "SignalOverlapAdd" => Some(stream::added(site).ok()?.state_bytes()),
        "SignalStacker" => Some(stream::stacked(site).ok()?.state_bytes()),
        _ => None,
    }
}

impl Site<'_> {
    /// Refuses other options than these, which are in order: LiteRT Micro reads options by their position in that order,
    /// whatever their names.
    fn options(&self, names: &[&str]) -> Result<(), Fault> {
        let found: Vec<&str> = self.custom()?.names().collect();
        if found == names {
            return Ok(());
        }
        Err(Fault::new(format!("has the options {found:?}, not {names:?}"), EXPORT))
    }

    /// A whole number within bounds. LiteRT Micro reads other values' bits as if they were one.
    fn number(&self, name: &str, bounds: std::ops::RangeInclusive<i64>) -> Result<i64, Fault> {
        self.option(name, |options, name| match options.value(name) {
            Some(&CustomValue::Int(value)) if bounds.contains(&value) => Some(value),
            _ => None,
        })
    }

    /// A number of samples, frames or channels.
    fn count(&self, name: &str, least: i64) -> Result<usize, Fault> {
        Ok(usize::try_from(self.number(name, least..=MOST)?).unwrap_or_default())
    }

    /// A number of bits to shift by, or any number that is not negative.
    fn up_to(&self, name: &str, most: i64) -> Result<u32, Fault> {
        Ok(u32::try_from(self.number(name, 0..=most)?).unwrap_or_default())
    }

    /// A number that LiteRT Micro reads as int32 and uses as uint32.
    fn word(&self, name: &str) -> Result<u32, Fault> {
        let value = self.number(name, i64::from(i32::MIN)..=i64::from(i32::MAX))?;
        Ok(i32::try_from(value).unwrap_or_default().cast_unsigned())
    }

    fn flag(&self, name: &str) -> Result<bool, Fault> {
        self.option(name, |options, name| match options.value(name) {
            Some(CustomValue::Int(_) | CustomValue::Bool(_)) => CustomOptions::bool(options, name),
            _ => None,
        })
    }

    /// Refuses an option `T`, LiteRT's code of a type, that is not the operand's.
    fn typed(&self, operand: &Operand, types: &[TensorType]) -> Result<Element, Fault> {
        operand.one_of(types)?;
        let code = match operand.dtype() {
            TensorType::Int16 => 7,
            TensorType::Int32 => 2,
            _ => 0,
        };
        self.number("T", code..=code)?;
        operand.element()
    }
}

impl Operand<'_> {
    /// Refuses tensors of another type or number of dimensions.
    fn of(&self, dtype: TensorType, rank: usize) -> Result<(), Fault> {
        self.one_of(&[dtype])?;
        agree(self.shape().len() == rank, self.id, || {
            format!("has a tensor of shape {:?}, not of {rank} dimensions", self.shape())
        })
    }

    /// Refuses tensors of another number of elements.
    fn holds(&self, elements: usize) -> Result<(), Fault> {
        agree(self.elements() == elements, self.id, || {
            format!("has a tensor of shape {:?} where {elements} elements are", self.shape())
        })
    }

    /// The last dimension, and how many rows of it there are.
    fn rows(&self) -> Result<(usize, usize), Fault> {
        match self.shape() {
            &[.., len] => Ok((self.elements() / len, len)),
            [] => Err(Fault::at(self.id, "has a scalar where samples are".to_owned(), EXPORT)),
        }
    }
}

/// An operator and its state, behind the other outputs.
fn with_state(mut lowered: Lowered, site: &Site, bytes: usize) -> Result<Lowered, Fault> {
    let state = site.own(0)?;
    state.holds(bytes)?;
    lowered.outputs.push(state.id);
    Ok(lowered)
}

#[cfg(test)]
mod tests;
