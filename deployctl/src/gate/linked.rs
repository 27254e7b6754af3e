//! Whether the kernels in the image are those that the audit promised.
//!
//! The image's symbols say which functions of the library were linked. Each promised one must be there, and no other
//! function that is a kernel by itself, unless a promised one calls it.

use std::collections::BTreeSet;

use super::evidence::{Audit, Footprint};
use crate::library;

/// Promise and image apart: a clause, with a next step. Nothing where they agree, or where there is no image.
pub(super) fn broken_promise(audit: &Audit, footprint: &Footprint) -> Option<String> {
    if footprint.blocked.is_some() || footprint.flash_bytes.is_none() {
        return None;
    }
    let kernels = audit.rows.iter().filter_map(|row| row.kernel.as_ref()).filter(|kernel| library::is_linked(kernel));
    let promised: BTreeSet<&str> = kernels.clone().map(|kernel| kernel.symbol.as_str()).collect();
    let called: BTreeSet<&str> = kernels.filter_map(library::may_call).collect();
    let linked: BTreeSet<&str> = footprint.kernel_code.keys().map(String::as_str).collect();
    let missing: Vec<&str> = promised.difference(&linked).copied().collect();
    let surplus = |symbol: &&str| library::is_kernel_function(symbol) && !promised.contains(symbol);
    let surplus: Vec<&str> = linked.into_iter().filter(surplus).filter(|symbol| !called.contains(symbol)).collect();
    let list = |symbols: &[&str]| symbols.iter().map(|symbol| format!("`{symbol}`")).collect::<Vec<_>>().join(", ");
    let apart = match (missing.is_empty(), surplus.is_empty()) {
        (true, true) => return None,
        (false, true) => format!("the audit promised {}, which the image has not", list(&missing)),
        (true, false) => format!("the image has {}, which the audit did not promise", list(&surplus)),
        (false, false) => {
            format!("the audit promised {}, and the image has {} instead", list(&missing), list(&surplus))
        }
    };
    Some(format!("{apart}; what was measured is not what was audited: please report this with `audit.json`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::evidence::AuditRow;
    use crate::library::{InstructionPath, Kernel};
    use crate::model::OperatorId;

    fn audit(kernels: &[(&str, &str)]) -> Audit {
        let row = |(symbol, entry): &(&str, &str)| AuditRow {
            operator: OperatorId(0),
            label: "0".to_owned(),
            name: "CONV_2D".into(),
            output: String::new(),
            shape: vec![],
            macs: 1,
            kernel: Some(Kernel {
                library: "cmsis-nn".into(),
                symbol: (*symbol).into(),
                entry: (*entry).into(),
                path: InstructionPath::Mve,
            }),
            reason: None,
            advice: None,
            finding: None,
        };
        Audit { library: "cmsis-nn".into(), rows: kernels.iter().map(row).collect() }
    }

    fn image(symbols: &[&str]) -> Footprint {
        let kernel_code = symbols.iter().map(|symbol| ((*symbol).to_owned(), 100)).collect();
        Footprint { flash_bytes: Some(1), kernel_code, ..Footprint::default() }
    }

    const CONV: (&str, &str) = ("arm_convolve_s8", "cmsis_nn::conv_2d");
    const ROW: (&str, &str) = ("arm_convolve_1_x_n_s8", "cmsis_nn::conv_2d_1_x_n");

    #[test]
    fn what_was_promised_and_its_parts_are_in_order() {
        let parts = image(&["arm_convolve_s8", "arm_nn_mat_mult_kernel_s8_s16", "arm_convolve_s8_get_buffer_size"]);
        assert_eq!(broken_promise(&audit(&[CONV]), &parts), None);
        assert_eq!(broken_promise(&audit(&[ROW]), &image(&["arm_convolve_1_x_n_s8", "arm_convolve_s8"])), None);
        let host = Footprint { flash_bytes: None, ..image(&[]) };
        assert_eq!(broken_promise(&audit(&[CONV]), &host), None);
        let blocked = Footprint { blocked: Some("no".into()), ..image(&[]) };
        assert_eq!(broken_promise(&audit(&[CONV]), &blocked), None);
    }

    #[test]
    fn another_kernel_is_named() {
        let missing = broken_promise(&audit(&[CONV]), &image(&["arm_vector_sum_s8"])).unwrap();
        assert!(missing.contains("promised `arm_convolve_s8`, which the image has not"), "{missing}");
        let surplus = broken_promise(&audit(&[CONV]), &image(&["arm_convolve_s8", "arm_convolve_1x1_s8"])).unwrap();
        assert!(surplus.contains("has `arm_convolve_1x1_s8`, which the audit did not promise"), "{surplus}");
        let other = broken_promise(&audit(&[CONV]), &image(&["arm_depthwise_conv_s8"])).unwrap();
        assert!(other.contains("promised `arm_convolve_s8`, and the image has `arm_depthwise_conv_s8`"), "{other}");
    }
}
