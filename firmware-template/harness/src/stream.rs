//! The hops that a run has had of a stream, and what their operators have written so far.
//!
//! Knows the order in which samples and hops come; the bench runs them.

use kernels::model::HopInfo;
use model::{Arena, HOP};

use crate::arena::GuardedArena;
use crate::digest;
use crate::protocol::{Failure, decode};

/// Operators of a hop.
const OPERATORS: usize = match HOP {
    Some(hop) => hop.operators.len(),
    None => 0,
};

/// How hops run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Operator by operator.
    Stepped,
    /// As an app does.
    Whole,
}

/// A run's part of a stream. Static in firmware, as all buffers are.
pub(crate) struct Hops {
    /// Bytes of the next hop that are in place.
    filled: usize,
    /// Hops that have run.
    done: usize,
    /// How they ran; `None` where none has.
    how: Option<How>,
    /// For each operator of a hop the digest of all that it has written.
    digests: [u64; OPERATORS],
    /// For each operator of a hop the most ticks that it took.
    ticks: [Option<u64>; OPERATORS],
}

impl Default for Hops {
    fn default() -> Self {
        Self::new()
    }
}

impl Hops {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self { filled: 0, done: 0, how: None, digests: [digest::EMPTY; OPERATORS], ticks: [None; OPERATORS] }
    }

    /// Begins a run.
    pub(crate) fn renew(&mut self) {
        (self.filled, self.done, self.how) = (0, 0, None);
        self.digests.fill(digest::EMPTY);
        self.ticks.fill(None);
    }

    /// Places a part of the next hop's samples.
    pub(crate) fn place(
        &mut self,
        arena: &mut GuardedArena,
        offset: usize,
        hex: &[u8],
    ) -> Result<(), Failure<'static>> {
        let HopInfo { input, total, .. } = stream()?;
        if self.done == total || offset != self.filled {
            return Err(Failure::Protocol(
                "samples must come in order, without gaps, and for as many hops as a run has",
            ));
        }
        let len = hex.len() / 2;
        if len == 0 || !hex.len().is_multiple_of(2) || len > input.len - offset {
            return Err(Failure::Protocol("`samples` with no bytes, half a byte, or more bytes than a hop has"));
        }
        decode(hex, arena.bytes_mut(input.offset + offset, len))?;
        self.filled += len;
        Ok(())
    }

    /// Begins a hop, whose samples must be in place; gives its number in the run.
    pub(crate) fn begin(&mut self, how: How) -> Result<(usize, HopInfo<Arena>), Failure<'static>> {
        let hop = self.dumped()?;
        if self.how.is_some_and(|before| before != how) {
            return Err(Failure::Protocol("the hops of a run are all stepped, or none is"));
        }
        (self.how, self.filled, self.done) = (Some(how), 0, self.done + 1);
        Ok((self.done - 1, hop))
    }

    /// The hop whose samples are in place, for a look into it.
    pub(crate) fn dumped(&self) -> Result<HopInfo<Arena>, Failure<'static>> {
        let hop = stream()?;
        if self.filled == hop.input.len {
            Ok(hop)
        } else {
            Err(Failure::Protocol("the hop's samples are not complete"))
        }
    }

    /// Adds to the digest of operator `index` of a hop what it has written.
    pub(crate) fn wrote<'a>(&mut self, index: usize, tensors: impl Iterator<Item = &'a [i8]>) {
        self.digests[index] = digest::extended(self.digests[index], tensors);
    }

    /// Keeps in mind what operator `index` of a hop took.
    pub(crate) fn took(&mut self, index: usize, ticks: Option<u64>) {
        self.ticks[index] = self.ticks[index].max(ticks);
    }

    /// Digests and most ticks, each with the index that the operator has in the model.
    pub(crate) fn operators(&self) -> impl Iterator<Item = (usize, u64, Option<u64>)> {
        let first = HOP.map_or(0, |hop| hop.first);
        let seen = self.digests.iter().zip(&self.ticks).enumerate();
        seen.map(move |(index, (digest, ticks))| (first + index, *digest, *ticks))
    }

    /// Whether all hops of the run have run.
    pub(crate) fn complete(&self) -> bool {
        self.done == HOP.map_or(0, |hop| hop.total) && self.filled == 0
    }

    /// Whether hops have run in this way, or there are none.
    pub(crate) fn ran(&self, how: How) -> bool {
        self.how.is_none_or(|before| before == how)
    }
}

fn stream() -> Result<HopInfo<Arena>, Failure<'static>> {
    HOP.ok_or(Failure::Protocol("the model has no stream"))
}
