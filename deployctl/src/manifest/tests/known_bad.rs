//! Known-bad tables: the built-in one against synthetic library identities, and what a wrong one is told.

use super::super::Catalog;
use super::{GOOD, Project, rendered};
use crate::library::{Defect, Facts, Features, InstructionPath, Kernel, KernelCall, SUPPORTED_REVISIONS};

const M3: Features = Features { dsp: false, mve: false };
const M4: Features = Features { dsp: true, mve: false };
const M55: Features = Features { dsp: true, mve: true };

/// Names of the defects that a call hits.
fn hits(operator: &str, symbol: &str, revision: u32, features: Features, facts: &[(&'static str, i64)]) -> Vec<String> {
    let kernel = Kernel {
        library: "cmsis-nn".into(),
        symbol: symbol.into(),
        entry: String::new(),
        path: InstructionPath::Scalar,
    };
    let facts = Facts(facts.iter().copied().collect());
    let call = KernelCall { operator, kernel: &kernel, facts: &facts, features, revision };
    let defects: Vec<Defect> = Catalog::builtin().defects().unwrap();
    defects.iter().filter(|defect| defect.is_hit(&call)).map(|defect| defect.name.clone()).collect()
}

#[test]
fn transpose_convolution_with_padding_that_is_no_multiple_of_the_stride() {
    let window =
        |padding, stride| [("padding-h", padding), ("stride-h", stride), ("stride-w", stride), ("filter-w", 4)];
    let hit = |revision, padding, stride| {
        hits("TRANSPOSE_CONV", "arm_transpose_conv_s8", revision, M3, &window(padding, stride))
    };
    assert_eq!(hit(180_000, 1, 2), ["transpose-conv-padding"]);
    assert!(hit(180_000, 2, 2).is_empty() && hit(180_000, 0, 2).is_empty());
    assert!(hit(160_000, 1, 2).is_empty(), "older versions have another buffer");
    let reference = hits("TRANSPOSE_CONV", "transpose_conv", 180_000, M3, &window(1, 2));
    assert!(reference.is_empty(), "another function has other defects");
    let wide = [("padding-h", 0), ("stride-h", 1), ("stride-w", 2), ("filter-w", 1)];
    assert_eq!(hits("TRANSPOSE_CONV", "arm_transpose_conv_s8", 180_000, M3, &wide), ["transpose-conv-scratch"]);
}

#[test]
fn transpose_with_vector_code() {
    let hit = |revision, features| hits("TRANSPOSE", "arm_transpose_s8", revision, features, &[]);
    assert_eq!(hit(170_300, M55), ["transpose-mve"]);
    assert!(hit(170_300, M4).is_empty() && hit(190_000, M55).is_empty());
}

#[test]
fn the_slow_versions_of_cmsis_5() {
    let hit = |revision, features| hits("CONV_2D", "arm_convolve_s8", revision, features, &[]);
    assert_eq!(hit(20_000, M4), ["slow-reads"]);
    assert!(hit(10_000, M4).is_empty() && hit(30_000, M4).is_empty() && hit(20_000, M3).is_empty());
}

#[test]
fn supported_revisions_hit_nothing_on_any_parameters() {
    for (operator, symbol) in [("CONV_2D", "arm_convolve_s8"), ("FULLY_CONNECTED", "arm_fully_connected_s8")] {
        for features in [M3, M4, M55] {
            assert!(hits(operator, symbol, SUPPORTED_REVISIONS.start, features, &[]).is_empty());
        }
    }
}

const TABLE: &str = "known-bad version=1\nlibrary \"cmsis-nn\"\ndefect \"mine\" {\n    operator \"ADD\"\n    \
                     versions from=\"V.12.5.0\"\n    effect \"wrong\"\n    summary \"s\"\n    remedy \"r\"\n    \
                     source \"https://example.com\"\n}\n";

#[test]
fn a_project_adds_defects_and_takes_none_away() {
    let project = Project::new();
    project.write("manifests/kernels/known-bad/cmsis-nn.kdl", TABLE);
    let manifest = project.load(GOOD).unwrap();
    let names: Vec<&str> = manifest.kernels.defects.iter().map(|defect| defect.name.as_str()).collect();
    assert!(names.contains(&"mine") && names.contains(&"transpose-mve"), "{names:?}");
    assert!(Catalog::builtin().libraries().eq(["cmsis-nn"]), "a table is no library");
}

#[test]
fn mistakes_in_a_table_are_explained() {
    let told = |from: &str, to: &str, words: &[&str]| {
        let project = Project::new();
        assert!(TABLE.contains(from), "{from}");
        project.write("manifests/kernels/known-bad/mine.kdl", TABLE.replacen(from, to, 1));
        let text = rendered(&project.load(GOOD).unwrap_err());
        for word in words {
            assert!(text.contains(word), "no `{word}` in {text}");
        }
    };
    told("effect \"wrong\"", "effect \"wrongs\"", &["`wrongs`", "did you mean `wrong`?"]);
    told(
        "operator \"ADD\"",
        "operator \"ADD\"\n    where \"pading-h == 1\"",
        &["`pading-h`", "did you mean `padding-h`?"],
    );
    told(
        "operator \"ADD\"",
        "operator \"ADD\"\n    where \"padding-h\"",
        &["is not a comparison", "padding-h % stride-h"],
    );
    told("V.12.5.0", "12.5", &["is no revision", "V.12.5.1"]);
    told("from=\"V.12.5.0\"", "from=\"V.12.5.0\" before=\"V.12.5.0\"", &["no revision lies in this range"]);
    told("    source \"https://example.com\"\n", "", &["`defect` needs `source`"]);
}
