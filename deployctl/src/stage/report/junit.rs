//! The gates as `JUnit` XML: a suite for the target, a test for each gate, so that any continuous integration shows them.
//!
//! What passes has passed, a failure's type says whether it is `fail` or `thin`, what was not measured is an error, what does
//! not apply is skipped with its reason, and what is waived has passed with the waiver in its output. No times: there are none.

use std::fmt::Write as _;

use super::super::dossier::{Dossier, Row};
use super::Report;
use crate::gate::Verdict;
use crate::svg::escape;

/// The whole file.
pub(super) fn suite(report: &Report, dossier: &Dossier) -> String {
    let count = |wanted: &[Verdict]| dossier.gates.iter().filter(|row| wanted.contains(&row.check.verdict)).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        dossier.gates.len(),
        count(&[Verdict::Fail, Verdict::Thin]),
        count(&[Verdict::Unknown]),
        count(&[Verdict::NotApplicable]),
    );
    let (deployment, target) = (&dossier.subject.deployment, &dossier.subject.target);
    let name = attribute(&format!("{} on {}", deployment.name, target.board));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"deployctl\" {counts}>\n  <testsuite name=\"{name}\" {counts}>\n"
    );
    xml.push_str("    <properties>\n");
    for (name, value) in [("version", &deployment.version), ("evidence", &target.evidence), ("core", &target.core)] {
        let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{}\"/>", attribute(value));
    }
    xml.push_str("    </properties>\n");
    let class = attribute(&format!("{}.{}", deployment.name, target.board));
    for row in &dossier.gates {
        case(&mut xml, report, row, &class);
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

fn case(xml: &mut String, report: &Report, row: &Row, class: &str) {
    let check = &row.check;
    let (name, file) = (attribute(&check.name), attribute(&report.manifest));
    let line = report.line(check.manifest.as_deref());
    let _ = write!(xml, "    <testcase classname=\"{class}\" name=\"{name}\" file=\"{file}\" line=\"{line}\"");
    let (title, detail) = (&check.title, &check.detail);
    let message = attribute(&format!("{title}: {detail}"));
    let problem = |element: &str, kind: &str| {
        let text = escape(&format!("{}:{line}: {title}: {detail}", report.manifest));
        format!("      <{element} type=\"{kind}\" message=\"{message}\">{text}</{element}>\n")
    };
    let within = match check.verdict {
        Verdict::Pass => return xml.push_str("/>\n"),
        Verdict::Waived => format!("      <system-out>{}</system-out>\n", escape(&format!("waived: {detail}"))),
        Verdict::NotApplicable => format!("      <skipped message=\"{message}\"/>\n"),
        Verdict::Thin => problem("failure", "thin"),
        Verdict::Fail => problem("failure", "fail"),
        Verdict::Unknown => problem("error", "unknown"),
    };
    let _ = write!(xml, ">\n{within}    </testcase>\n");
}

/// Text as an attribute's value: a parser would make spaces of line breaks.
fn attribute(text: &str) -> String {
    escape(text).replace('\n', "&#10;")
}

#[cfg(test)]
mod tests {
    use crate::gate::Verdict;
    use crate::stage::report::tests::rendered;
    use crate::stage::sample;

    #[test]
    fn each_verdict_has_its_element() {
        let mut papers = sample::papers("x");
        let model = papers.judgement.checks[0].clone();
        let verdicts =
            [Verdict::Pass, Verdict::Waived, Verdict::NotApplicable, Verdict::Thin, Verdict::Fail, Verdict::Unknown];
        let check = |verdict: Verdict| {
            let mut check = model.clone();
            (check.name, check.verdict) = (verdict.name().replace(' ', "_"), verdict);
            check.detail = "a \"b\"\n<c> & \u{1}".into();
            check
        };
        papers.judgement.checks = verdicts.map(check).into();
        let xml = rendered(&papers).junit;
        let message = "arena headroom: a &quot;b&quot;&#10;&lt;c&gt; &amp; \u{fffd}";
        for words in [
            "<testsuite name=\"sample on mps2-an386\" tests=\"6\" failures=\"2\" errors=\"1\" skipped=\"1\">",
            "classname=\"sample.mps2-an386\" name=\"pass\" file=\"manifests/sample.kdl\" line=\"24\"/>",
            "<system-out>waived: a &quot;b&quot;\n&lt;c&gt; &amp; \u{fffd}</system-out>",
            &format!("<skipped message=\"{message}\"/>"),
            &format!("<failure type=\"thin\" message=\"{message}\">manifests/sample.kdl:24: "),
            &format!("<failure type=\"fail\" message=\"{message}\">"),
            &format!("<error type=\"unknown\" message=\"{message}\">"),
        ] {
            assert!(xml.contains(words), "`{words}` is not in\n{xml}");
        }
    }
}
