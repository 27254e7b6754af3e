//! The text of a new manifest for a model: what `deployctl init` puts on disk.
//!
//! Knows graphs and how people read KDL; does not touch the file system.

use std::fmt::Write as _;

use super::types::{Bytes, Policy, Ratio};
use super::units::{write_bytes, write_percent};
use crate::model::{Graph, Quantization, Tensor};

/// What a new manifest says beside the model's interface.
#[derive(Clone, Copy, Debug)]
pub struct Init<'a> {
    /// Deployment name.
    pub name: &'a str,
    /// Path of the `.tflite` file, relative to the manifest's folder.
    pub model: &'a str,
    /// Board name.
    pub board: &'a str,
    /// Who answers for everything, for now.
    pub owner: &'a str,
    /// Arena budget; see [`budget_for`].
    pub budget: Bytes,
    /// Least margin of the peak under the budget.
    pub headroom: Ratio,
    /// Kernel library.
    pub library: &'a str,
    /// Kernel policy.
    pub policy: Policy,
    /// Most share of MACs on reference kernels; written under `require` and where it is not zero.
    pub max_mac_share: Ratio,
    /// Lines that would give operators without a kernel one of the deployment's own; written as comments.
    pub uses: &'a [String],
}

/// The smallest multiple of 16 bytes under which `peak` bytes keep a margin of `headroom`, which is below 1.
pub fn budget_for(peak: u64, headroom: Ratio) -> Bytes {
    let fits = |budget: u64| {
        #[expect(clippy::cast_precision_loss, reason = "arenas are far below 2^53 bytes")]
        let margin = (budget - peak) as f64 / budget as f64;
        margin >= headroom.0
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "as above"
    )]
    let about = (peak as f64 / (1.0 - headroom.0.clamp(0.0, 0.99))) as u64;
    let mut budget = about.max(peak).max(1).next_multiple_of(16);
    // The estimate is off by a rounding at most.
    if !fits(budget) {
        budget += 16;
    }
    Bytes(budget)
}

/// The text of a manifest that reads back as these values.
pub fn init(graph: &Graph, options: &Init<'_>) -> String {
    let mut text = String::new();
    write_into(&mut text, graph, options).map_or_else(|_| String::new(), |()| text)
}

fn write_into(out: &mut String, graph: &Graph, options: &Init<'_>) -> std::fmt::Result {
    let (name, owner) = (quoted(options.name), quoted(options.owner));
    writeln!(out, "// How this model becomes firmware: what goes in, what it may cost, who answers for it.")?;
    writeln!(out, "manifest version=1\n")?;
    writeln!(out, "deployment {name} version=\"0.1.0\" owner={owner} {{")?;
    writeln!(out, "    // summary \"What it does, in one line\"\n}}\n")?;
    writeln!(out, "// The interface that firmware relies on. A model that differs from it fails the build.")?;
    writeln!(out, "model {} {{", quoted(options.model))?;
    for (kind, ids) in [("input", &graph.inputs), ("output", &graph.outputs)] {
        for id in ids {
            port(out, kind, graph.tensor(*id))?;
        }
    }
    writeln!(out, "}}\n")?;
    writeln!(out, "// Boards to build for; several `target` lines make a matrix.")?;
    writeln!(out, "target {}\n", quoted(options.board))?;
    writeln!(out, "runtime \"aot\" // compiled ahead of time: no interpreter on the device\n")?;
    writeln!(out, "// Limits have owners. The planned peak must stay under the budget by the headroom.")?;
    let (budget, headroom) = (write_bytes(options.budget), write_percent(options.headroom));
    writeln!(out, "arena budget=\"{budget}\" headroom=\"{headroom}\" owner={owner}\n")?;
    kernels(out, options, &owner)?;
    writeln!(out, "// Seeded inputs until there are recorded ones: vectors \"vectors/NAME.npz\"")?;
    writeln!(out, "regression {{\n    random count=16 seed=1")?;
    if graph.tensors.iter().any(|tensor| tensor.variable) {
        writeln!(out, "    steps 4 // the model keeps state, which is reset before every four vectors")?;
    }
    writeln!(out, "    runs 3\n}}\n")?;
    writeln!(out, "// Add limits once the first report shows what is usual:")?;
    writeln!(out, "// gates {{\n//     flash max=\"256KiB\" margin=\"10%\"\n//     stack max=\"4KiB\" margin=\"25%\"")?;
    writeln!(out, "//     latency max=\"9.5M instructions\" margin=\"20%\"\n// }}\n")?;
    writeln!(out, "runbook {{\n    escalate {owner}\n    review-every \"release\"\n}}")
}

fn port(out: &mut String, kind: &str, tensor: &Tensor) -> std::fmt::Result {
    writeln!(out, "    {kind} {} type=\"{}\" {{", quoted(&tensor.name), tensor.dtype.name())?;
    let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
    writeln!(out, "        {}", ["shape".to_owned()].into_iter().chain(shape).collect::<Vec<_>>().join(" "))?;
    if let Some(Quantization { scales, zero_points, .. }) = &tensor.quantization
        && let ([scale], [zero_point]) = (scales.as_slice(), zero_points.as_slice())
    {
        writeln!(out, "        quantization scale={} zero-point={zero_point}", decimal(*scale))?;
    }
    writeln!(out, "    }}")
}

fn kernels(out: &mut String, options: &Init<'_>, owner: &str) -> std::fmt::Result {
    let policy = match options.policy {
        Policy::Require => "require",
        Policy::Prefer => "prefer",
        Policy::Forbid => "forbid",
    };
    writeln!(out, "// require: no work off this library, except within the fallback's share; or prefer, or forbid.")?;
    write!(out, "kernels {} policy=\"{policy}\" owner={owner}", quoted(options.library))?;
    let shares = options.policy == Policy::Require && options.max_mac_share.0 > 0.0;
    if shares || !options.uses.is_empty() {
        writeln!(out, " {{")?;
        if shares {
            writeln!(out, "    fallback \"reference\" max-mac-share=\"{}\"", write_percent(options.max_mac_share))?;
        }
        if !options.uses.is_empty() {
            writeln!(
                out,
                "    // Operators without a kernel here. Yours can be one: see \"Your own kernel\" in reference/operators."
            )?;
        }
        for line in options.uses {
            writeln!(out, "    // {}", line.replace(|c: char| c.is_control() || is_format(c), " "))?;
        }
        write!(out, "}}")?;
    }
    writeln!(out, "\n")
}

/// The shortest decimal that reads back as the same `f32`. Very large and small ones get an exponent: they would be long,
/// and KDL's parser takes no more digits than an integer has.
fn decimal(value: f32) -> String {
    let plain = if (1e-6..1e9).contains(&value) { value.to_string() } else { return format!("{value:e}") };
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

/// A KDL string with everything escaped that cannot stand in one as it is.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_format(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Line separators, directional marks and the byte order mark: KDL wants them escaped, and so do readers.
fn is_format(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
