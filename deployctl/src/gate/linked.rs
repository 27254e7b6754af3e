//! Whether the kernels in the image are those that the audit promised, operator by operator.
//!
//! The calls in the image's code say which functions of the library each operator runs. The promised one must be among
//! them, and no other function that is a kernel by itself, unless the promised one calls it.

use std::collections::BTreeSet;

use super::evidence::{Audit, AuditRow, Footprint};
use crate::library;

/// Promise and image apart: a clause, with a next step. Nothing where they agree, or where there is no image.
pub(super) fn broken_promise(audit: &Audit, footprint: &Footprint) -> Option<String> {
    if footprint.blocked.is_some() || footprint.flash_bytes.is_none() {
        return None;
    }
    let apart: Vec<String> = audit.rows.iter().filter_map(|row| difference(row, footprint)).collect();
    let first = apart.first()?;
    let more = match apart.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more operators run others than promised"),
    };
    Some(format!("{first}{more}; what was measured is not what was audited: please report this with `audit.json`"))
}

/// One operator whose kernels in the image are not those of its row.
fn difference(row: &AuditRow, footprint: &Footprint) -> Option<String> {
    let nothing = BTreeSet::new();
    let runs = footprint.operator_kernels.get(&row.operator.0).unwrap_or(&nothing);
    let kernel = row.kernel.as_ref()?;
    let promised = library::is_linked(kernel).then_some(kernel.symbol.as_str());
    let missing = promised.filter(|symbol| !runs.contains(*symbol));
    let expected = |symbol: &str| Some(symbol) == promised || Some(symbol) == library::may_call(kernel);
    let surplus = runs.iter().find(|symbol| library::is_kernel_function(symbol) && !expected(symbol));
    let (index, name) = (row.operator.0, &row.name);
    match (missing, surplus) {
        (None, None) => None,
        (Some(symbol), None) => {
            Some(format!("the audit promised `{symbol}` for op:{index} {name}, which does not call it"))
        }
        (None, Some(other)) => Some(format!("op:{index} {name} calls `{other}`, which the audit did not promise")),
        (Some(symbol), Some(other)) => {
            Some(format!("the audit promised `{symbol}` for op:{index} {name}, which calls `{other}` instead"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::{InstructionPath, Kernel};
    use crate::model::OperatorId;

    /// One row an operator: the library's kernel by symbol and entry, or a reference kernel.
    fn audit(kernels: &[Option<(&str, &str)>]) -> Audit {
        let row = |(operator, kernel): (usize, &Option<(&str, &str)>)| AuditRow {
            operator: OperatorId(operator),
            name: "CONV_2D".into(),
            output: String::new(),
            shape: vec![],
            macs: 1,
            kernel: Some(Kernel {
                library: kernel.map_or("reference", |_| "cmsis-nn").into(),
                symbol: kernel.map_or("conv_2d", |(symbol, _)| symbol).into(),
                entry: kernel.map_or("kernels::conv_2d", |(_, entry)| entry).into(),
                path: InstructionPath::Mve,
            }),
            reason: None,
            advice: None,
            finding: None,
        };
        Audit { library: "cmsis-nn".into(), rows: kernels.iter().enumerate().map(row).collect() }
    }

    fn image(operators: &[&[&str]]) -> Footprint {
        let owned = |symbols: &&[&str]| symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
        let operator_kernels = operators.iter().map(owned).enumerate().collect();
        Footprint { flash_bytes: Some(1), operator_kernels, ..Footprint::default() }
    }

    const CONV: Option<(&str, &str)> = Some(("arm_convolve_s8", "cmsis_nn::conv_2d"));
    const ROW: Option<(&str, &str)> = Some(("arm_convolve_1_x_n_s8", "cmsis_nn::conv_2d_1_x_n"));

    #[test]
    fn what_was_promised_and_its_parts_are_in_order() {
        let parts: &[&str] = &["arm_convolve_s8", "arm_nn_mat_mult_kernel_s8_s16", "arm_convolve_s8_get_buffer_size"];
        assert_eq!(broken_promise(&audit(&[CONV, None]), &image(&[parts, &[]])), None);
        assert_eq!(broken_promise(&audit(&[ROW]), &image(&[&["arm_convolve_1_x_n_s8", "arm_convolve_s8"]])), None);
        let host = Footprint { flash_bytes: None, ..image(&[]) };
        assert_eq!(broken_promise(&audit(&[CONV]), &host), None);
        let blocked = Footprint { blocked: Some("no".into()), ..image(&[]) };
        assert_eq!(broken_promise(&audit(&[CONV]), &blocked), None);
    }

    #[test]
    fn another_kernel_is_named() {
        let apart = |kernels: &[Option<(&str, &str)>], operators: &[&[&str]]| {
            broken_promise(&audit(kernels), &image(operators)).unwrap()
        };
        let missing = apart(&[CONV], &[&["arm_vector_sum_s8"]]);
        assert!(
            missing.starts_with("the audit promised `arm_convolve_s8` for op:0 CONV_2D, which does not"),
            "{missing}"
        );
        // What one operator has does not stand for another.
        let swapped = apart(&[CONV, ROW], &[&["arm_convolve_1_x_n_s8", "arm_convolve_s8"], &["arm_convolve_s8"]]);
        assert!(
            swapped.starts_with("op:0 CONV_2D calls `arm_convolve_1_x_n_s8`, which the audit did not"),
            "{swapped}"
        );
        assert!(swapped.contains(", and 1 more operators run others than promised;"), "{swapped}");
        let surplus = apart(&[None], &[&["arm_convolve_1x1_s8"]]);
        assert!(surplus.contains("calls `arm_convolve_1x1_s8`, which the audit did not promise"), "{surplus}");
        let other = apart(&[CONV], &[&["arm_depthwise_conv_s8"]]);
        assert!(other.contains("op:0 CONV_2D, which calls `arm_depthwise_conv_s8` instead"), "{other}");
    }
}
