//! The model on its test bench: inputs go in, operators run, and what they leave in the arena is reported.
//!
//! Knows the model and the order of a run; does not know how bytes travel or how a platform measures.

use core::sync::atomic::Ordering;

use kernels::model::{OperatorInfo, TensorInfo};
use model::{Arena, CURRENT, HOP, INPUTS, OPERATORS, OUTPUTS};

use crate::arena::{Fill, GuardedArena};
use crate::digest;
use crate::load::Load;
use crate::protocol::{CHUNK_BYTES, Failure, Hex, OrNone, decode};
use crate::stream::{Hops, How};
use crate::transport::{Port, Replies};

/// What a piece of work cost; `None` where the platform cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Ticks of the platform's counter.
    pub ticks: Option<u64>,
    /// Bytes of stack below the caller.
    pub stack: Option<usize>,
    /// Interrupts that came meanwhile; `None` where no load is on.
    pub interrupts: Option<u32>,
}

/// What a start took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Startup {
    /// Ticks from reset to where the first inference could begin.
    pub ticks: u64,
    /// Of these the model's own: its state is put to its beginning.
    pub model: u64,
}

/// What the bench needs of the machine under it.
pub trait Platform {
    /// Does `work`, the model's part of a start, and tells what the start took. Comes once, before everything else.
    fn start(&mut self, work: &mut dyn FnMut()) -> Option<Startup>;

    /// Gives other firmware its turn between two inferences, where a load is on.
    fn serve_others(&mut self);

    /// Bytes of memory that belong to other firmware, and are looked after.
    fn services_bytes(&self) -> usize;

    /// Does `work` and measures it, under the load that is on.
    fn measure(&mut self, work: &mut dyn FnMut()) -> Cost;

    /// Does `work` and counts its ticks, without waiting for a phase of the load.
    fn count(&mut self, work: &mut dyn FnMut()) -> Option<u64>;

    /// Has a timer interrupt from now on; `false` where there is no such timer.
    fn load(&mut self, load: Load) -> bool;

    /// Whether memory that belongs to other firmware was overwritten while a load was on.
    fn services_damaged(&self) -> bool;

    /// Most bytes of stack in use at any time since reset.
    fn stack_total(&mut self) -> Option<usize>;

    /// Whether the stack reached its end.
    fn stack_overflowed(&self) -> bool;

    /// Provokes the failure `kind`; `false` where it is unknown.
    #[cfg(feature = "faults")]
    fn provoke(&mut self, kind: &str) -> bool;
}

/// A run whose inputs are arriving.
struct Run {
    known: Known,
    /// The input that is being filled; all inputs are complete when it is past the last.
    input: usize,
    /// Bytes of that input that are in place.
    filled: usize,
}

/// What a sequence of runs began with.
#[derive(Clone, Copy)]
struct Known {
    /// What the host knows it by.
    seed: u32,
    fill: Fill,
}

/// Index of the operator that is running, where one is.
pub fn current() -> Option<usize> {
    let index = usize::try_from(CURRENT.load(Ordering::Relaxed)).ok()?;
    operator(index).map(|_| index)
}

/// The operator with this index, which may be one of a hop's.
fn operator(index: usize) -> Option<&'static OperatorInfo<Arena>> {
    let of_hop = || HOP.and_then(|hop| hop.operators.get(index.checked_sub(hop.first)?));
    OPERATORS.get(index).or_else(of_hop)
}

/// The model, its arena and the machine.
pub struct Bench<'a, L> {
    arena: &'a mut GuardedArena,
    platform: &'a mut L,
    run: Option<Run>,
    /// What the run has had of a stream.
    hops: &'a mut Hops,
    /// The sequence whose last inference is complete, so that another may follow.
    sequence: Option<Known>,
    /// Whether no run has begun since reset.
    fresh: bool,
}

impl<'a, L: Platform> Bench<'a, L> {
    /// A bench without a run.
    pub(crate) fn new(arena: &'a mut GuardedArena, platform: &'a mut L, hops: &'a mut Hops) -> Self {
        Self { arena, platform, run: None, hops, sequence: None, fresh: true }
    }

    /// Starts the model, as an app does after reset, and tells what that took.
    pub(crate) fn start(&mut self) -> Option<Startup> {
        self.arena.arm();
        let arena = self.arena.arena();
        self.platform.start(&mut || model::reset(arena))
    }

    /// Bytes of memory that belong to other firmware.
    pub(crate) fn services_bytes(&self) -> usize {
        self.platform.services_bytes()
    }

    /// Begins the first run after reset: the arena is as the start left it.
    pub fn cold(&mut self) -> Result<(), Failure<'static>> {
        if !self.fresh {
            return Err(Failure::Protocol("`cold` is for the first run after reset"));
        }
        self.begin(Known { seed: 0, fill: Fill::Zeros });
        Ok(())
    }

    /// Begins a run: fills the arena, but for the model's state, which is at its beginning.
    pub fn poison(&mut self, seed: u32, fill: Fill) {
        self.arena.poison(fill);
        model::reset(self.arena.arena());
        self.begin(Known { seed, fill });
        self.sequence = None;
    }

    /// Begins a run that follows the last one in time: the arena stays as that one left it, and with it the state.
    pub fn proceed(&mut self) -> Result<(), Failure<'static>> {
        let known = self.sequence.take().ok_or(Failure::Protocol("`continue` without a whole run before it"))?;
        self.begin(known);
        Ok(())
    }

    fn begin(&mut self, known: Known) {
        self.fresh = false;
        self.platform.serve_others();
        self.hops.renew();
        self.run = Some(Run { known, input: 0, filled: 0 });
    }

    /// Refuses what needs a run where there is none.
    fn has_run(&self) -> Result<(), Failure<'static>> {
        if self.run.is_some() { Ok(()) } else { Err(Failure::Protocol("a run begins with `poison`")) }
    }

    /// Places a part of the samples of the next hop.
    pub fn samples(&mut self, offset: usize, hex: &[u8]) -> Result<(), Failure<'static>> {
        self.has_run()?;
        self.hops.place(self.arena, offset, hex)
    }

    /// Runs a hop operator by operator, and digests what each writes.
    pub fn step_hop(&mut self) -> Result<(), Failure<'static>> {
        self.has_run()?;
        let (_, hop) = self.hops.begin(How::Stepped)?;
        for index in 0..hop.operators.len() {
            let (outputs, ticks) = self.run_operator(hop.first + index)?;
            self.hops.took(index, ticks);
            self.hops.wrote(index, outputs.iter().map(|output| self.arena.bytes(output.offset, output.len)));
            if index == 0 && !self.holds(hop.ready) {
                break;
            }
        }
        Ok(())
    }

    /// Runs a hop as an app does, and measures that.
    pub fn hop(&mut self, replies: &mut Replies<'_, impl Port>) -> Result<(), Failure<'static>> {
        self.has_run()?;
        let (number, _) = self.hops.begin(How::Whole)?;
        let (arena, mut due) = (self.arena.arena(), false);
        let cost = self.platform.measure(&mut || due = model::hop(arena));
        self.check(None)?;
        let (due, ticks, stack) = (u8::from(due), OrNone(cost.ticks), OrNone(cost.stack));
        let interrupts = OrNone(cost.interrupts);
        replies.send(format_args!("hop {number} due={due} ticks={ticks} stack={stack} interrupts={interrupts}"));
        Ok(())
    }

    /// Sends what the operators of hops have written so far.
    pub fn digests(&mut self, replies: &mut Replies<'_, impl Port>) -> Result<(), Failure<'static>> {
        self.has_run()?;
        self.report_digests(replies);
        replies.send(format_args!("done"));
        Ok(())
    }

    /// Places a part of an input, which must continue where the last one ended.
    pub fn place(&mut self, index: usize, offset: usize, hex: &[u8]) -> Result<(), Failure<'static>> {
        let run = self.run.as_mut().ok_or(Failure::Protocol("`input` before `poison`"))?;
        let tensor = INPUTS.get(index).ok_or(Failure::Protocol("the model has no such input"))?;
        if !self.hops.complete() {
            return Err(Failure::Protocol("inputs come behind all hops of the run"));
        }
        if (index, offset) != (run.input, run.filled) {
            return Err(Failure::Protocol("inputs must come in order and without gaps"));
        }
        let len = hex.len() / 2;
        if len == 0 || !hex.len().is_multiple_of(2) || len > tensor.len - offset {
            return Err(Failure::Protocol("`input` with no bytes, half a byte, or more bytes than the tensor has"));
        }
        decode(hex, self.arena.bytes_mut(tensor.offset + offset, len))?;
        run.filled += len;
        if run.filled == tensor.len {
            (run.input, run.filled) = (run.input + 1, 0);
        }
        Ok(())
    }

    /// Runs operator by operator and digests its output tensors before the next operator can reuse their memory.
    pub fn step(&mut self, vector: Option<u32>, replies: &mut Replies<'_, impl Port>) -> Result<(), Failure<'static>> {
        let known = self.complete(How::Stepped)?;
        replies.send(format_args!("step {} {}", known.seed, OrNone(vector)));
        self.report_digests(replies);
        for index in 0..OPERATORS.len() {
            let (outputs, ticks) = self.run_operator(index)?;
            let digest = digest::tensors(outputs.iter().map(|output| self.arena.bytes(output.offset, output.len)));
            replies.send(format_args!("op {index} {digest:016x} {}", OrNone(ticks)));
        }
        self.report_outputs(replies);
        self.report_end(known.fill, replies);
        Ok(())
    }

    /// Runs the model as an app does, and measures that.
    pub fn invoke(
        &mut self,
        vector: Option<u32>,
        replies: &mut Replies<'_, impl Port>,
    ) -> Result<(), Failure<'static>> {
        let known = self.complete(How::Whole)?;
        replies.send(format_args!("invoke {} {}", known.seed, OrNone(vector)));
        let arena = self.arena.arena();
        let cost = self.platform.measure(&mut || model::invoke(arena));
        self.check(None)?;
        self.report_outputs(replies);
        replies.send(format_args!("ticks {}", OrNone(cost.ticks)));
        replies.send(format_args!("stack {}", OrNone(cost.stack)));
        replies.send(format_args!("interrupts {}", OrNone(cost.interrupts)));
        self.report_end(known.fill, replies);
        Ok(())
    }

    /// Runs up to and including operator `index` and sends its output tensors, one behind the other. Of a hop, what runs is the
    /// hop whose samples are there.
    pub fn dump(&mut self, index: usize, replies: &mut Replies<'_, impl Port>) -> Result<(), Failure<'static>> {
        let tensors = operator(index).ok_or(Failure::Protocol("the model has no such operator"))?.outputs;
        let hop = HOP.filter(|hop| index >= hop.first);
        if hop.is_some() {
            self.has_run()?;
            self.hops.dumped()?;
            self.run = None;
        } else {
            self.complete(How::Whole)?;
        }
        self.sequence = None;
        replies.send(format_args!("dump {index}"));
        let first = hop.as_ref().map_or(0, |hop| hop.first);
        self.run_operator(first)?;
        let ran = index == first || hop.is_none_or(|hop| self.holds(hop.ready));
        let mut rest = if ran { first + 1..index + 1 } else { 0..0 };
        rest.try_for_each(|index| self.run_operator(index).map(drop))?;
        let mut before = 0;
        for tensor in tensors.iter().filter(|_| ran) {
            for (offset, bytes) in self.chunks(tensor) {
                replies.send(format_args!("tensor {} {}", before + offset, Hex(bytes)));
            }
            before += tensor.len;
        }
        replies.send(format_args!("done"));
        Ok(())
    }

    /// Sends the stack's high-water mark since reset.
    pub fn report_stack(&mut self, replies: &mut Replies<'_, impl Port>) {
        replies.send(format_args!("stack-total {}", OrNone(self.platform.stack_total())));
    }

    /// Has a timer interrupt from now on.
    pub fn load(&mut self, load: Load) -> Result<(), Failure<'static>> {
        if self.platform.load(load) { Ok(()) } else { Err(Failure::Protocol("the board has no such timer")) }
    }

    /// Provokes a failure.
    #[cfg(feature = "faults")]
    pub fn fault(&mut self, kind: &str) -> Result<(), Failure<'static>> {
        match kind {
            "guard-low" => self.arena.break_guard(crate::arena::Damage::Low),
            "guard-high" => self.arena.break_guard(crate::arena::Damage::High),
            "panic" => panic!("provoked"),
            "hang" => loop {
                core::hint::spin_loop();
            },
            kind if self.platform.provoke(kind) => {}
            _ => return Err(Failure::Protocol("unknown kind of fault")),
        }
        Ok(())
    }

    /// Ends the run's preparation: all inputs must be in place, and hops have run in this way.
    fn complete(&mut self, how: How) -> Result<Known, Failure<'static>> {
        self.has_run()?;
        match self.run.take() {
            Some(run) if run.input == INPUTS.len() && self.hops.complete() => {
                if !self.hops.ran(how) {
                    return Err(Failure::Protocol("`step` follows stepped hops, `invoke` and `dump` others"));
                }
                self.sequence = Some(run.known);
                Ok(run.known)
            }
            _ => Err(Failure::Protocol("the inputs are not complete")),
        }
    }

    /// Runs an operator; gives its outputs and its ticks.
    fn run_operator(&mut self, index: usize) -> Result<(&'static [TensorInfo], Option<u64>), Failure<'static>> {
        let operator = operator(index).ok_or(Failure::Protocol("the model has no such operator"))?;
        CURRENT.store(u32::try_from(index).unwrap_or(u32::MAX), Ordering::Relaxed);
        let arena = self.arena.arena();
        let ticks = self.platform.count(&mut || (operator.run)(arena));
        CURRENT.store(u32::MAX, Ordering::Relaxed);
        self.check(Some(index))?;
        Ok((operator.outputs, ticks))
    }

    /// Whether the byte at `offset` says yes.
    fn holds(&self, offset: usize) -> bool {
        self.arena.bytes(offset, 1)[0] != 0
    }

    /// Looks for damage that `operator` may have done.
    fn check(&self, operator: Option<usize>) -> Result<(), Failure<'static>> {
        if self.platform.stack_overflowed() {
            return Err(Failure::StackOverflow { operator });
        }
        if self.platform.services_damaged() {
            return Err(Failure::Services { operator });
        }
        self.arena.damage().map_or(Ok(()), |damage| Err(Failure::Guard { damage, operator }))
    }

    /// What the operators of hops have written in the run.
    fn report_digests(&self, replies: &mut Replies<'_, impl Port>) {
        self.hops.operators().for_each(|(index, digest, ticks)| {
            replies.send(format_args!("op {index} {digest:016x} {}", OrNone(ticks)))
        });
    }

    fn report_outputs(&self, replies: &mut Replies<'_, impl Port>) {
        for (index, tensor) in OUTPUTS.iter().enumerate() {
            for (offset, bytes) in self.chunks(tensor) {
                replies.send(format_args!("output {index} {offset} {}", Hex(bytes)));
            }
        }
    }

    fn report_end(&self, fill: Fill, replies: &mut Replies<'_, impl Port>) {
        replies.send(format_args!("arena {}", self.arena.high_water(fill)));
        replies.send(format_args!("done"));
    }

    /// A tensor in pieces that fit a line, each with its offset.
    fn chunks(&self, tensor: &TensorInfo) -> impl Iterator<Item = (usize, &[i8])> {
        let bytes = self.arena.bytes(tensor.offset, tensor.len);
        bytes.chunks(CHUNK_BYTES).enumerate().map(|(index, chunk)| (index * CHUNK_BYTES, chunk))
    }
}
