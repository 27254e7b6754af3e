//! Projects with one mistake each, to learn how it shows on the target. Pure.
//!
//! What the emitter writes is written from steps or weights with a mistake in them; where the mistake is in no number of the model, one
//! place of the text is changed, and it must be the only one like it. Nothing here looks at how a mistake shows.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{Files, Model, function_name, project};
use crate::model::lower::{Call, Step};
use crate::model::{OperatorId, TensorId};

/// A mistake in firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The arena ends too early.
    ArenaShort,
    /// The stack has fewer bytes than it needs.
    StackSmall {
        /// What it needs.
        needs: u64,
        /// How its end is guarded, where memory does that.
        guard: Option<StackGuard>,
    },
    /// A bit of a filter is another. Which filter weight it is depends on the attempt, from 0, since not every one matters for every input.
    WeightBit {
        /// The attempt.
        attempt: usize,
    },
    /// The scale of an operator's input is another.
    InputScale,
    /// Two dimensions of an operator's input or filter change places.
    ShapeTransposed,
    /// An operator's place in the tables has another operator's function.
    KernelReplaced,
    /// An interrupt of other firmware writes beyond its memory.
    ServicesOverrun,
}

/// The memory at a stack's end that nothing may reach, as the harness has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackGuard {
    /// So many bytes; a power of two, to which they are aligned.
    pub bytes: u64,
    /// They are not the first of a page of this many.
    pub page: u64,
}

/// A mistake that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What was done, for people; continues a sentence.
    pub what: String,
    /// The files that differ.
    pub files: Files,
}

/// Bytes that a short arena lacks.
const SHORT: usize = 64;

/// Makes a mistake in the firmware project `files`, which is that of `model`; or says why it cannot be made in it.
pub fn mistaken(mistake: Mistake, model: &Model<'_>, files: &Files) -> Result<Made, String> {
    match mistake {
        Mistake::ArenaShort => arena_short(model, files),
        Mistake::StackSmall { needs, guard } => stack_small(needs, guard, files),
        Mistake::WeightBit { attempt } => weight_bit(attempt, model, files),
        Mistake::InputScale => input_scale(model, files),
        Mistake::ShapeTransposed => shape_transposed(model, files),
        Mistake::KernelReplaced => kernel_replaced(model, files),
        Mistake::ServicesOverrun => services_overrun(files),
    }
}

const LIBRARY: &str = "model/src/lib.rs";

fn arena_short(model: &Model<'_>, files: &Files) -> Result<Made, String> {
    let short = SHORT.min(model.arena.saturating_sub(16));
    if short == 0 {
        return Err(format!("an arena of {} bytes cannot be shorter", model.arena));
    }
    let (from, to) = (arena(model.arena), arena(model.arena - short));
    let file = replaced(files, LIBRARY, &[(&from, &to)])?;
    Ok(Made { what: format!("the arena ends {short} bytes before the memory plan's"), files: file })
}

fn arena(bytes: usize) -> String {
    format!("pub const ARENA_BYTES: usize = {bytes};\n")
}

fn stack_small(needs: u64, guard: Option<StackGuard>, files: &Files) -> Result<Made, String> {
    let path = Utf8Path::new("memory.x");
    let map = files.get(path).ok_or("the stack of a process is its system's")?;
    // Little less than what is needed, so that most of a run goes well; a guard lies within the stack's memory, aligned.
    let (left, taken, mask) = if let Some(StackGuard { bytes, page }) = guard {
        let left = needs.saturating_sub(1) / bytes * bytes;
        let first_of_page = (left + bytes).is_multiple_of(page);
        (left.saturating_sub(if first_of_page { bytes } else { 0 }), bytes, bytes - 1)
    } else {
        (needs.saturating_sub(64) / 8 * 8, 0, 7)
    };
    let mut map = map.clone();
    map.extend(format!("\n_stack_end = (ORIGIN(RAM) + LENGTH(RAM) - {}) & ~{mask};\n", left + taken).bytes());
    let what = format!("the stack has {left} of the {needs} bytes that it needs");
    Ok(Made { what, files: [(path.to_owned(), map)].into() })
}

/// Where a filter is flipped: in eighths of its length.
const EIGHTHS: [usize; 4] = [5, 3, 7, 1];

fn weight_bit(attempt: usize, model: &Model<'_>, files: &Files) -> Result<Made, String> {
    let (position, filter) = weighted(model, |_| true).ok_or("no operator of the model has weights")?;
    let eighths = EIGHTHS.get(attempt).ok_or("no other weight is tried")?;
    let place = model.graph.tensor(filter).constant.ok_or("the filter is no constant")?;
    let at = place.len * eighths / 8;
    let mut weights = model.weights.to_vec();
    let byte = weights.get_mut(place.offset + at).ok_or("the filter lies outside the weights")?;
    *byte ^= 0x40;
    let changed = written(&Model { weights: &weights, ..*model }, files)?;
    Ok(Made {
        what: format!("bit 6 of byte {at} of the filter of {} is flipped", called(model, position)),
        files: changed,
    })
}

fn input_scale(model: &Model<'_>, files: &Files) -> Result<Made, String> {
    let factors =
        |step: &Step| step.weights.as_ref().is_some_and(|weights| weights.multipliers.iter().any(|&m| m != 0));
    let (position, _) = weighted(model, factors).ok_or("no operator of the model requantizes sums of weights")?;
    let mut steps = model.steps.to_vec();
    if let Some(weights) = &mut steps[position].weights {
        weights.multipliers.iter_mut().for_each(|multiplier| *multiplier /= 2);
    }
    let changed = written(&Model { steps: &steps, ..*model }, files)?;
    let what = format!("the input of {} is taken to have half its scale", called(model, position));
    Ok(Made { what, files: changed })
}

fn shape_transposed(model: &Model<'_>, files: &Files) -> Result<Made, String> {
    let mut steps = model.steps.to_vec();
    let swapped = order(model).find(|&position| swap(&mut steps[position].call));
    if let Some(position) = swapped {
        let changed = written(&Model { steps: &steps, ..*model }, files)?;
        let what = format!("height and width of the input of {} change places", called(model, position));
        return Ok(Made { what, files: changed });
    }
    let rows = |filter: TensorId| match model.graph.tensor(filter).shape.as_slice() {
        [rows, columns] if *rows > 1 && *columns > 1 => Some((*rows, *columns)),
        _ => None,
    };
    let matrix = |step: &Step| step.weights.as_ref().is_some_and(|weights| rows(weights.filter).is_some());
    let none = "no operator of the model has an input or a filter with two dimensions that can change places";
    let (position, filter) = weighted(model, matrix).ok_or(none)?;
    let ((rows, columns), place) = rows(filter).zip(model.graph.tensor(filter).constant).ok_or(none)?;
    let mut weights = model.weights.to_vec();
    let bytes = weights.get_mut(place.offset..place.offset + place.len).ok_or("the filter lies outside the weights")?;
    let size = place.len / (rows * columns).max(1);
    let before = bytes.to_vec();
    let moved = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    for (to, from) in bytes.chunks_exact_mut(size.max(1)).zip(moved) {
        to.copy_from_slice(&before[from * size..(from + 1) * size]);
    }
    let changed = written(&Model { weights: &weights, ..*model }, files)?;
    let what = format!("rows and columns of the filter of {} change places", called(model, position));
    Ok(Made { what, files: changed })
}

/// Swaps height and width of an input, where they differ.
fn swap(call: &mut Call) -> bool {
    let input = match call {
        Call::Conv2d(parameters) => &mut parameters.input,
        Call::DepthwiseConv2d(parameters) => &mut parameters.input,
        Call::AveragePool2d(parameters) | Call::MaxPool2d(parameters) => &mut parameters.input,
        _ => return false,
    };
    std::mem::swap(&mut input.h, &mut input.w);
    input.h != input.w
}

fn kernel_replaced(model: &Model<'_>, files: &Files) -> Result<Made, String> {
    let idle = |position: usize| matches!(model.steps[position].call, Call::Reshape);
    let main: Vec<usize> = model.graph.main().operators().map(|id| id.0).filter(|&at| !idle(at)).collect();
    let [other, replaced_one, ..] = main[..] else { return Err("the model has one operator".to_owned()) };
    let (other_name, name) = (function_name(model, other), function_name(model, replaced_one));
    let library =
        files.get(Utf8Path::new(LIBRARY)).map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes).into_owned());
    // A short table entry is one line.
    let entry = |name: &str, end: &str| format!("run: {name}{end}");
    let end = if library.contains(&entry(&name, ",\n")) { ",\n" } else { " }" };
    let call = |name: &str| format!("\n    {name}(arena);\n    CURRENT");
    let pairs = [(entry(&name, end), entry(&other_name, end)), (call(&name), call(&other_name))];
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let what =
        format!("in place of {} the function of {} is called", called(model, replaced_one), called(model, other));
    Ok(Made { what, files: replaced(files, LIBRARY, &pairs)? })
}

/// Bytes that an interrupt writes beyond its own memory.
const OVERRUN: &str = "
/// Where the arena and its guards are.
pub(super) static AIM: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

/// Writes what it should write elsewhere.
fn overrun() {
    let end = AIM.load(Ordering::Relaxed) + size_of::<harness::GuardedArena>();
    for word in (end - 32..end).step_by(4) {
        // SAFETY: the memory is there; that it is another's is the mistake.
        unsafe { (word as *mut u32).write_volatile(0xdead_beef) };
    }
}
";

fn services_overrun(files: &Files) -> Result<Made, String> {
    let call = "    services::look_after_a_piece();\n";
    let start = "    let mut port = port::Semihosting::open();\n";
    let aim =
        format!("{start}    load::AIM.store((&raw const *ARENA).addr(), core::sync::atomic::Ordering::Relaxed);\n");
    let path = "harness/src/bare/load.rs";
    let mut changed = replaced(files, path, &[(call, &format!("{call}    overrun();\n"))])?;
    for text in changed.values_mut() {
        text.extend_from_slice(OVERRUN.as_bytes());
    }
    changed.extend(replaced(files, "harness/src/bare/mod.rs", &[(start, &aim)])?);
    Ok(Made {
        what: "an interrupt writes 32 bytes beyond its memory: the arena's last 16, and those behind it".to_owned(),
        files: changed,
    })
}

/// Positions of the operators in the order in which they run.
fn order(model: &Model<'_>) -> impl Iterator<Item = usize> {
    let count = model.steps.len();
    model.graph.main().operators().map(|id: OperatorId| id.0).filter(move |&position| position < count)
}

/// The first operator with weights of which `fits` is true, and its filter.
fn weighted(model: &Model<'_>, fits: impl Fn(&Step) -> bool) -> Option<(usize, TensorId)> {
    let step = |position: usize| &model.steps[position];
    let position = order(model).find(|&position| step(position).weights.is_some() && fits(step(position)))?;
    Some((position, step(position).weights.as_ref()?.filter))
}

fn called(model: &Model<'_>, position: usize) -> String {
    super::called(model, position)
}

/// The `model` crate of `model`, as far as it differs from the one in `files`.
fn written(model: &Model<'_>, files: &Files) -> Result<Files, String> {
    let crate_files = project::model_crate(model).map_err(|error| error.to_string())?;
    let differs =
        |path: &Utf8Path, bytes: &Vec<u8>| path.file_name() != Some("Cargo.toml") && files.get(path) != Some(bytes);
    let changed: BTreeMap<_, _> = crate_files.into_iter().filter(|(path, bytes)| differs(path, bytes)).collect();
    if changed.is_empty() { Err("the mistake changes nothing in this model".to_owned()) } else { Ok(changed) }
}

/// A file in which each text occurs once, and is another now.
fn replaced(files: &Files, path: &str, pairs: &[(&str, &str)]) -> Result<Files, String> {
    let bytes = files.get(Utf8Path::new(path)).ok_or_else(|| format!("the project has no `{path}`"))?;
    let mut text = String::from_utf8(bytes.clone()).map_err(|_| format!("`{path}` is no text"))?;
    for (from, to) in pairs {
        let count = text.matches(from).count();
        if count != 1 {
            return Err(format!("`{}` is {count} times in `{path}`, not once", from.trim()));
        }
        text = text.replacen(from, to, 1);
    }
    Ok([(path.into(), text.into_bytes())].into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    fn template() -> Files {
        let file =
            |path: &str| (path.into(), builtin::get(&format!("firmware-template/{path}")).unwrap().bytes.to_vec());
        ["harness/src/bare/load.rs", "harness/src/bare/mod.rs", "memory.x"].map(file).into()
    }

    #[test]
    fn the_harness_has_one_place_for_an_overrun() {
        let made = services_overrun(&template()).unwrap();
        assert_eq!(made.files.len(), 2);
        let text = |path: &str| String::from_utf8(made.files[Utf8Path::new(path)].clone()).unwrap();
        assert!(text("harness/src/bare/load.rs").contains("    services::look_after_a_piece();\n    overrun();\n"));
        assert!(text("harness/src/bare/mod.rs").contains("load::AIM.store("));
    }

    #[test]
    fn a_small_stack_is_in_the_memory_map() {
        let guard = Some(StackGuard { bytes: 256, page: 1024 });
        let made = stack_small(1000, guard, &template()).unwrap();
        assert_eq!(made.what, "the stack has 512 of the 1000 bytes that it needs");
        let map = String::from_utf8(made.files[Utf8Path::new("memory.x")].clone()).unwrap();
        assert!(map.ends_with("_stack_end = (ORIGIN(RAM) + LENGTH(RAM) - 768) & ~255;\n"), "{map}");
        assert!(stack_small(1000, guard, &Files::new()).is_err());
    }

    #[test]
    fn what_is_there_twice_is_not_replaced() {
        let files: Files = [("a".into(), b"x x y".to_vec())].into();
        assert_eq!(replaced(&files, "a", &[("x", "z")]).unwrap_err(), "`x` is 2 times in `a`, not once");
        assert_eq!(replaced(&files, "a", &[("y", "z")]).unwrap()[Utf8Path::new("a")], b"x x z");
        assert!(replaced(&files, "b", &[]).is_err());
    }
}
