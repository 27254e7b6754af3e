//! A whole manifest: its top-level nodes to a checked [`Manifest`].
//!
//! Knows which nodes there are; what stands in the larger ones is read by their own modules.

use camino::{Utf8Path, Utf8PathBuf};

use super::catalog::Catalog;
use super::decode::{Grammar, Node, Report, Times, check_children};
use super::error::Errors;
use super::gates::{self, Gates};
use super::types::{Manifest, Runbook, Spanned, Target};
use super::value::Value;
use super::{
    board, convert, header, interface, limits, parse, postprocess, preprocess, regression, resolve, services, target,
};

const FILE: Grammar = Grammar {
    arguments: 0,
    properties: &[],
    children: &[
        ("manifest", Times::Once),
        ("deployment", Times::Once),
        ("model", Times::Once),
        ("convert", Times::Once),
        ("preprocess", Times::Once),
        ("postprocess", Times::Often),
        ("target", Times::Often),
        ("runtime", Times::Once),
        ("arena", Times::Once),
        ("kernels", Times::Once),
        ("services", Times::Once),
        ("regression", Times::Once),
        ("gates", Times::Once),
        ("runbook", Times::Once),
    ],
    later: &["emit"],
};
const DEPLOYMENT: Grammar =
    Grammar { arguments: 1, properties: &["version", "owner"], children: &[("summary", Times::Once)], later: &[] };
const TEXT: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const RUNBOOK: Grammar =
    Grammar { children: &[("escalate", Times::Once), ("review-every", Times::Once)], ..Grammar::NOTHING };
const DEPLOYMENT_EXAMPLE: &str = "deployment \"kws\" version=\"1.0.0\" owner=\"audio-team@example.com\"";

/// Reads and checks the manifest at `path`, with the boards and kernel libraries of `catalog`.
pub fn load(path: &Utf8Path, catalog: &Catalog) -> Result<Manifest, Errors> {
    let root = resolve::project_root(path);
    let bytes = parse::read(path, &resolve::shown(path, &root))?;
    from_bytes(&bytes, path, root, catalog)
}

/// As [`load`], of a text that need not be in the file.
pub(super) fn from_bytes(
    bytes: &[u8],
    path: &Utf8Path,
    root: Utf8PathBuf,
    catalog: &Catalog,
) -> Result<Manifest, Errors> {
    let shown = resolve::shown(path, &root);
    let parsed = parse::parse(bytes, &shown, catalog.syntax())?;
    let report = Report::new(parsed.text);
    let nodes = parsed.document.nodes();
    if !header::check(nodes, "manifest", &report) {
        return report.finish(&shown, None);
    }
    check_children(nodes, "a manifest", &FILE, &report);
    let manifest = File { nodes, report: &report, path, catalog }.manifest(root);
    report.finish(&shown, manifest)
}

struct File<'a> {
    nodes: &'a [kdl::KdlNode],
    report: &'a Report,
    path: &'a Utf8Path,
    catalog: &'a Catalog,
}

impl<'a> File<'a> {
    fn manifest(&self, root: Utf8PathBuf) -> Option<Manifest> {
        let deployment = self.need("deployment", &DEPLOYMENT, DEPLOYMENT_EXAMPLE);
        let deployment = deployment.and_then(|node| deployment_of(&node));
        let model = self.need("model", &interface::MODEL, "model \"models/NAME.tflite\" { … }");
        let convert = self.find("convert", &convert::CONVERT);
        let model = model.and_then(|node| interface::model(&node, self.path, convert.is_some()));
        let convert = match convert {
            Some(node) => convert::convert(&node, self.path, &root).map(Some),
            None => Some(None),
        };
        let steps = self.find("preprocess", preprocess::grammar(self.nodes));
        let has_steps = steps.is_some();
        let preprocess = match steps {
            Some(node) => preprocess::preprocess(&node, model.as_ref(), self.path).map(Some),
            None => Some(None),
        };
        let postprocess = Node::find_all(self.nodes, "postprocess", &postprocess::POSTPROCESS, self.report);
        let postprocess = postprocess::postprocess(&postprocess, model.as_ref());
        let nodes = Node::find_all(self.nodes, "target", &target::TARGET, self.report);
        if nodes.is_empty() {
            header::missing(self.nodes, "this manifest", "target", target::EXAMPLE, self.report);
        }
        let targets = target::targets(&nodes, self.catalog, self.report);
        let runtime = self.find("runtime", &TEXT).map_or(Some(()), |node| {
            node.need_argument(0, "a name", "runtime \"aot\"")?.choice(&[("aot", ())], &["litert-micro"])
        });
        let arena = self.need("arena", &limits::ARENA, "arena budget=\"24KiB\" headroom=\"10%\" owner=\"…\"");
        let arena = arena.and_then(|node| limits::arena(&node));
        let kernels = self.need("kernels", &limits::KERNELS, limits::KERNELS_EXAMPLE);
        let kernels = kernels.and_then(|node| limits::kernels(&node, self.path, self.catalog, self.report));
        let regression = self.need("regression", &regression::REGRESSION, regression::EXAMPLE);
        let regression = regression.and_then(|node| regression::regression(&node, self.path, has_steps));
        let owner = deployment.as_ref().map(|deployment| deployment.owner.as_str());
        let services = match self.find("services", &services::SERVICES) {
            Some(node) => services::services(&node, owner, targets.as_deref().unwrap_or_default()).map(Some),
            None => Some(None),
        };
        let gates = match self.find("gates", &gates::GATES) {
            Some(node) => gates::gates(&node, owner),
            None => owner.map(|owner| Gates { owner: owner.to_owned(), ..Gates::default() }),
        };
        if let (Some(gates), Some(model)) = (&gates, &model) {
            gates::check_output(gates, model, self.report);
        }
        let own: Vec<_> =
            nodes.iter().map(|node| target::own_limits(node, arena.as_ref(), gates.as_ref(), model.as_ref())).collect();
        let targets = targets.zip(own.into_iter().collect::<Option<Vec<_>>>()).map(|(targets, own)| {
            targets.into_iter().zip(own).map(|(target, own)| Target { own, ..target }).collect::<Vec<_>>()
        });
        let runbook = self.find("runbook", &RUNBOOK).map_or(Some(Runbook::default()), |node| runbook(&node));
        let Deployment { name, version, owner, summary } = deployment?;
        runtime?;
        Some(Manifest {
            path: self.path.to_owned(),
            text: self.report.text().to_owned(),
            root,
            name,
            version,
            owner,
            summary,
            model: model?,
            convert: convert?,
            preprocess: preprocess?,
            postprocess: postprocess?,
            targets: targets?,
            arena: arena?,
            kernels: kernels?,
            regression: regression?,
            services: services?,
            gates: gates?,
            runbook: runbook?,
        })
    }

    fn find(&self, name: &str, grammar: &Grammar) -> Option<Node<'a>> {
        Node::find(self.nodes, name, grammar, self.report)
    }

    fn need(&self, name: &str, grammar: &Grammar, example: &str) -> Option<Node<'a>> {
        let node = self.find(name, grammar);
        if node.is_none() {
            header::missing(self.nodes, "this manifest", name, example, self.report);
        }
        node
    }
}

struct Deployment {
    name: Spanned<String>,
    version: String,
    owner: String,
    summary: Option<String>,
}

fn deployment_of(node: &Node<'_>) -> Option<Deployment> {
    let name = node.need_argument(0, "a name", DEPLOYMENT_EXAMPLE).and_then(|value| file_name(&value));
    let version = node.need_property("version", "version=\"1.0.0\"").and_then(|value| value.text());
    let owner = limits::owner(node);
    let summary = node.child("summary", &TEXT).map_or(Some(None), |node| board::one_text(node).map(Some));
    Some(Deployment { name: name?, version: version?, owner: owner?, summary: summary? })
}

/// A name under which outputs can be filed.
fn file_name(value: &Value<'_>) -> Option<Spanned<String>> {
    let name = value.text()?;
    if is_deployment_name(&name) {
        return Some(Spanned { value: name, span: value.span() });
    }
    value.refuse(format!("`{name}` is no name for a deployment"), "here", DEPLOYMENT_NAMES);
    None
}

/// What [`is_deployment_name`] asks for, for people.
pub const DEPLOYMENT_NAMES: &str =
    "use up to 64 letters, digits, `-`, `_` and `.`, the first a letter or digit: outputs are filed under it";

/// Whether a deployment may have this name.
pub fn is_deployment_name(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    plain && name.len() <= 64 && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn runbook(node: &Node<'_>) -> Option<Runbook> {
    let text = |name| node.child(name, &TEXT).map_or(Some(None), |node| board::one_text(node).map(Some));
    let (escalate, review_every) = (text("escalate"), text("review-every"));
    Some(Runbook { escalate: escalate?, review_every: review_every? })
}
