//! Stage `interface`: the declared inputs and outputs held against the model's. A mismatch is a result; the gate decides.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::artifact;
use crate::gate::evidence::{self, Finding};
use crate::manifest::Port;
use crate::model::{Graph, Tensor, TensorId};

/// What the manifest declares.
#[derive(Debug, Serialize)]
pub struct Interface {
    /// Declared inputs.
    pub inputs: Vec<Port>,
    /// Declared outputs.
    pub outputs: Vec<Port>,
}

impl Stage for Interface {
    fn name(&self) -> &'static str {
        "interface"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let graph: Graph = job.read_json("graph")?;
        job.write_json(artifact::INTERFACE, &self.compare(&graph))?;
        Ok(())
    }
}

impl Interface {
    fn compare(&self, graph: &Graph) -> evidence::Interface {
        let mut findings = Vec::new();
        compare_side("input", &self.inputs, graph, &graph.inputs, &mut findings);
        compare_side("output", &self.outputs, graph, &graph.outputs, &mut findings);
        evidence::Interface { findings }
    }
}

fn compare_side(side: &str, ports: &[Port], graph: &Graph, actual: &[TensorId], findings: &mut Vec<Finding>) {
    let names = |ids: &[TensorId]| -> Vec<String> { ids.iter().map(|id| graph.tensor(*id).name.clone()).collect() };
    let declared: Vec<String> = ports.iter().map(|port| port.name.clone()).collect();
    findings.push(finding(format!("model.{side}"), &list(&declared), &list(&names(actual))));
    for port in ports {
        let Some(id) = actual.iter().find(|id| graph.tensor(**id).name == port.name) else {
            continue; // The list of names above says so already.
        };
        compare_port(&format!("model.{side}.{}", port.name), port, graph.tensor(*id), findings);
    }
}

fn compare_port(path: &str, port: &Port, tensor: &Tensor, findings: &mut Vec<Finding>) {
    findings.push(finding(format!("{path}.type"), port.dtype.name(), tensor.dtype.name()));
    findings.push(finding(format!("{path}.shape"), &format!("{:?}", port.shape), &format!("{:?}", tensor.shape)));
    if let Some(declared) = port.quantization {
        let (scale, zero_point) = tensor.quantization.as_ref().map_or((None, None), |quantization| {
            (quantization.scales.first().copied(), quantization.zero_points.first().copied())
        });
        let text = |scale: Option<f32>| scale.map_or_else(|| "none".to_owned(), |scale| format!("{scale}"));
        findings.push(finding(format!("{path}.quantization.scale"), &text(Some(declared.scale)), &text(scale)));
        let text = |point: Option<i64>| point.map_or_else(|| "none".to_owned(), |point| point.to_string());
        let (declared, actual) = (text(Some(declared.zero_point)), text(zero_point));
        findings.push(finding(format!("{path}.quantization.zero-point"), &declared, &actual));
    }
    if let Some(labels) = &port.labels {
        let classes = tensor.shape.last().copied().unwrap_or(1);
        let (declared, actual) = (format!("{} labels", labels.len()), format!("{classes} labels"));
        findings.push(finding(format!("{path}.labels"), &declared, &actual));
    }
}

fn finding(manifest: String, declared: &str, actual: &str) -> Finding {
    Finding { manifest, declared: declared.to_owned(), actual: actual.to_owned(), agrees: declared == actual }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::PortQuantization;
    use crate::model::{Quantization, TensorType};

    fn graph() -> Graph {
        let tensor = Tensor {
            name: "x".into(),
            dtype: TensorType::Int8,
            shape: vec![1, 4],
            quantization: Some(Quantization { scales: vec![0.1], zero_points: vec![3], dimension: 0 }),
            constant: None,
            signature: vec![],
            variable: false,
            unpacked_from: None,
        };
        Graph {
            tensors: vec![tensor],
            operators: vec![],
            inputs: vec![TensorId(0)],
            outputs: vec![TensorId(0)],
            pipeline: None,
        }
    }

    fn port(scale: f32) -> Port {
        Port {
            name: "x".into(),
            dtype: TensorType::Int8,
            shape: vec![1, 4],
            quantization: Some(PortQuantization { scale, zero_point: 3 }),
            labels: None,
        }
    }

    #[test]
    fn agreement_has_no_offence() {
        let found = Interface { inputs: vec![port(0.1)], outputs: vec![port(0.1)] }.compare(&graph());
        assert!(found.findings.iter().all(|finding| finding.agrees), "{found:?}");
    }

    #[test]
    fn a_wrong_scale_is_named_with_both_values() {
        let found = Interface { inputs: vec![port(0.2)], outputs: vec![port(0.1)] }.compare(&graph());
        let wrong: Vec<_> = found.findings.iter().filter(|finding| !finding.agrees).collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].manifest, "model.input.x.quantization.scale");
        assert_eq!((wrong[0].declared.as_str(), wrong[0].actual.as_str()), ("0.2", "0.1"));
    }

    #[test]
    fn a_missing_port_is_named() {
        let found = Interface { inputs: vec![], outputs: vec![port(0.1)] }.compare(&graph());
        assert!(found.findings.iter().any(|finding| finding.manifest == "model.input" && !finding.agrees));
    }
}
