//! `keys.json`: each stage of a target with the fields of its key, its inputs and its outputs, as the engine's records have them.
//!
//! The records hang together: what a stage was given is what an earlier one made. So a measurement in a bundle is one of the
//! firmware in it, and a difference between two releases can be followed to the field that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use deployctl_cache::{Digest, Graph, Outcome, Output, PrintedField, Record, Section, StageId};
use serde::{Deserialize, Serialize};

use super::CheckError;
use super::archive::Files;

/// Version of the schema.
pub const SCHEMA: &str = "deployctl/keys/1";

/// All stages of a target, in the order of the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// [`SCHEMA`].
    pub schema: String,
    /// The stages.
    pub stages: Vec<Stage>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Where it stands in the plan: `kws/mps2-an386/audit`.
    pub node: String,
    /// Its name: `audit`.
    pub stage: String,
    /// What it was given.
    pub inputs: Vec<Given>,
    /// Fields of its key and its outputs.
    pub record: Record,
}

/// An output of an earlier stage that a stage was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Its name in the key.
    pub name: String,
    /// The node that made it.
    pub from: String,
    /// Its path there; a folder if it ends in `/`.
    pub path: String,
}

impl Keys {
    /// The stages that `ends` are made from, with themselves.
    pub fn of(graph: &Graph, outcome: &Outcome, ends: &[StageId]) -> Result<Self, deployctl_cache::Error> {
        let mut wanted: BTreeSet<StageId> = BTreeSet::new();
        let mut open = ends.to_vec();
        while let Some(id) = open.pop() {
            if wanted.insert(id) {
                open.extend(graph.inputs(id).iter().map(|input| input.from));
            }
        }
        let mut stages = Vec::new();
        for id in wanted {
            let Some(record) = outcome.record(id)? else { continue };
            let given = |input: &deployctl_cache::Input| Given {
                name: input.name.to_owned(),
                from: graph.node_name(input.from).to_owned(),
                path: input.path.clone(),
            };
            let (node, stage) = (graph.node_name(id).to_owned(), graph.stage_name(id).to_owned());
            stages.push(Stage { node, stage, inputs: graph.inputs(id).iter().map(given).collect(), record });
        }
        Ok(Self { schema: SCHEMA.to_owned(), stages })
    }

    /// The only stage of a name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.stage == name)
    }

    /// That every stage was given what the others made.
    pub fn check(&self, place: &str) -> Result<(), CheckError> {
        let refuse = |what: String| Err(CheckError::Evidence { place: place.to_owned(), what });
        let mut earlier: BTreeMap<&str, &Record> = BTreeMap::new();
        for Stage { node, inputs, record, .. } in &self.stages {
            let known = record.fields.iter().filter(|field| field.section == Section::Input).count();
            if known != inputs.len() {
                return refuse(format!("stage `{node}` has other inputs in its key than it was given"));
            }
            for Given { name, from, path } in inputs {
                let Some(maker) = earlier.get(from.as_str()) else {
                    return refuse(format!("stage `{node}` comes before `{from}`, which makes its input `{name}`"));
                };
                let made = maker.content(path).map(Digest::to_hex);
                let field = record.fields.iter().find(|field| field.section == Section::Input && field.name == *name);
                if made.is_none() || field.map(|field| &field.value) != made.as_ref() {
                    return refuse(format!("stage `{node}` was given another `{name}` than `{from}` made"));
                }
            }
            if earlier.insert(node, record).is_some() {
                return refuse(format!("stage `{node}` is there twice"));
            }
        }
        Ok(())
    }

    /// That these files, by their path in the target's folder, are what the stages made.
    pub fn check_files(&self, folder: &str, files: &Files) -> Result<(), CheckError> {
        let made: BTreeMap<&str, Vec<(&Stage, &Output)>> =
            self.stages.iter().fold(BTreeMap::new(), |mut all, stage| {
                for output in &stage.record.outputs {
                    all.entry(output.path.as_str()).or_insert_with(Vec::new).push((stage, output));
                }
                all
            });
        for (path, bytes) in files {
            let refuse = |what| Err(CheckError::Evidence { place: format!("{folder}{path}"), what });
            let Some(makers) = made.get(path.as_str()) else {
                return refuse("no stage of this target made it".to_owned());
            };
            let found = Digest::of(bytes);
            if !makers.iter().any(|(_, output)| output.digest == found) {
                return refuse(format!("it is not what stage `{}` made", makers[0].0.node));
            }
        }
        Ok(())
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        super::json(self)
    }
}

impl Stage {
    /// A field of the stage's own.
    pub fn field(&self, name: &str) -> Option<&PrintedField> {
        self.record.fields.iter().find(|field| field.section == Section::Own && field.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(path: &str, bytes: &[u8]) -> Output {
        Output { path: path.into(), digest: Digest::of(bytes), size: bytes.len() as u64, executable: false }
    }

    fn keys() -> Keys {
        let compile =
            Record { fields: vec![], outputs: vec![output("app.elf", b"elf"), output("footprint.json", b"{}")] };
        let input = PrintedField {
            section: Section::Input,
            name: "firmware".into(),
            kind: "content".into(),
            value: compile.content("/").unwrap().to_hex(),
        };
        let measure = Record { fields: vec![input], outputs: vec![output("measurement.json", b"1")] };
        let given = Given { name: "firmware".into(), from: "a/compile".into(), path: "/".into() };
        let stage =
            |name: &str, inputs, record| Stage { node: format!("a/{name}"), stage: name.into(), inputs, record };
        Keys {
            schema: SCHEMA.into(),
            stages: vec![stage("compile", vec![], compile), stage("measure", vec![given], measure)],
        }
    }

    fn refused(change: impl FnOnce(&mut Keys)) -> String {
        let mut keys = keys();
        change(&mut keys);
        keys.check("keys.json").unwrap_err().to_string()
    }

    #[test]
    fn stages_hang_together() {
        keys().check("keys.json").unwrap();
        let other = refused(|keys| keys.stages[0].record.outputs[0].digest = Digest::of(b"other"));
        assert!(other.contains("`a/measure` was given another `firmware` than `a/compile` made"), "{other}");
        let order = refused(|keys| keys.stages.reverse());
        assert!(order.contains("`a/measure` comes before `a/compile`"), "{order}");
        let less = refused(|keys| keys.stages[1].inputs.clear());
        assert!(less.contains("has other inputs in its key"), "{less}");
    }

    #[test]
    fn files_are_what_stages_made() {
        let files = |path: &str, bytes: &[u8]| Files::from([(path.to_owned(), bytes.to_vec())]);
        let check = |files: &Files| keys().check_files("targets/b/", files).map_err(|error| error.to_string());
        check(&files("app.elf", b"elf")).unwrap();
        let other = check(&files("app.elf", b"another")).unwrap_err();
        assert!(other.starts_with("`targets/b/app.elf`: it is not what stage `a/compile` made"), "{other}");
        assert!(check(&files("x.json", b"")).unwrap_err().contains("no stage of this target made it"));
    }
}
