//! Control flow: the graphs that IF and WHILE run become blocks of operators of the one graph ([`Block`]).
//!
//! A graph is laid out once for every operator that runs it. Where the operator's tensor and the graph's input are alike, they
//! become one tensor, so that nothing is copied on the way in; `COPY` operators bring results out, as LiteRT Micro does.
//! A value that a loop hands on unchanged is the operand itself, inside of the loop; where nobody reads it behind the loop, it is
//! not copied at all.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::ReadError;
use super::source::{Data, File, Source};
use crate::model::{Block, Operator, Options, Tensor, TensorId, TensorType};

/// Tensors and operators of blocks, all together. A file of a few kilobytes could ask for as many as it likes.
const MOST: usize = 1 << 16;
/// Graphs inside of graphs.
const DEEPEST: usize = 8;
const FEWER: &str = "run each graph from one operator";

/// All tensors and operators of a model: the main graph's, then those of blocks.
pub(super) struct Unfolded<'a> {
    pub(super) tensors: Vec<Tensor>,
    pub(super) operators: Vec<Operator>,
    /// Of each tensor the buffer with its data, where it is a constant.
    pub(super) data: Vec<Data<'a>>,
    /// Of each tensor subgraph and index in the file.
    pub(super) origins: Vec<(usize, usize)>,
    /// Handles of variables that a loop hands on: its output, and its input.
    pub(super) handles: Vec<(TensorId, TensorId)>,
    /// The subgraphs that are run by IF and WHILE.
    pub(super) reached: BTreeSet<usize>,
}

/// Lays out the main graph and everything that it runs.
pub(super) fn unfold<'a>(file: &File<'a>, main: Source<'a>) -> Result<Unfolded<'a>, ReadError> {
    let count = main.graph.operators.len();
    let mut read = vec![false; main.graph.tensors.len()];
    let inputs = main.graph.operators.iter().flat_map(|operator| operator.inputs.iter().flatten());
    inputs.chain(&main.graph.outputs).for_each(|id| read[id.0] = true);
    let found = Unfolded {
        origins: (0..main.graph.tensors.len()).map(|index| (0, index)).collect(),
        tensors: main.graph.tensors,
        operators: main.graph.operators,
        data: main.data,
        handles: Vec::new(),
        reached: BTreeSet::new(),
    };
    let (sources, variables) = (BTreeMap::new(), BTreeMap::new());
    let mut work = Work { file, found, read, sources, variables, running: vec![0], room: MOST };
    for index in 0..count {
        work.enter(&Site { at: index, subgraph: 0, index })?;
    }
    Ok(work.found)
}

struct Work<'f, 'a> {
    file: &'f File<'a>,
    found: Unfolded<'a>,
    /// Of each tensor whether an operator reads it, or the model returns it.
    read: Vec<bool>,
    sources: BTreeMap<usize, Rc<Source<'a>>>,
    /// A graph's own variables exist once, whoever runs it.
    variables: BTreeMap<(usize, usize), TensorId>,
    /// The subgraphs that are being laid out, each inside of the one before.
    running: Vec<usize>,
    /// Tensors and operators that may still come.
    room: usize,
}

/// An operator: its position among all, and where it stands in the file.
struct Site {
    at: usize,
    subgraph: usize,
    index: usize,
}

impl Site {
    fn field(&self, name: &str) -> String {
        format!("model.subgraphs[{}].operators[{}].{name}", self.subgraph, self.index)
    }
}

impl<'a> Work<'_, 'a> {
    /// Lays out the blocks of an operator that has any.
    fn enter(&mut self, site: &Site) -> Result<(), ReadError> {
        let Operator { inputs, outputs, options, .. } = self.found.operators[site.at].clone();
        let options = match options {
            Options::If { graphs, .. } => self.branches(site, graphs, &inputs, &outputs)?,
            Options::While { graphs, .. } => self.rounds(site, graphs, &inputs, &outputs)?,
            Options::CallOnce { .. } if site.subgraph != 0 => {
                let what = format!("is in subgraph {}, which another operator runs", site.subgraph);
                let advice = "give variables their first values in the main graph";
                return Err(ReadError::unsupported(site.field("opcode_index"), what, advice));
            }
            _ => return Ok(()),
        };
        self.found.operators[site.at].options = options;
        Ok(())
    }

    fn branches(
        &mut self,
        site: &Site,
        graphs: [i32; 2],
        inputs: &[Option<TensorId>],
        outputs: &[TensorId],
    ) -> Result<Options, ReadError> {
        let Some((_, operands)) = inputs.split_first() else {
            return Err(ReadError::inconsistent(site.field("inputs"), "is empty, but the first is the condition"));
        };
        let operands = present(site, operands, 1)?;
        let mut blocks = [Block::default(); 2];
        for (block, graph) in blocks.iter_mut().zip(graphs) {
            let source = self.source(site, graph)?;
            self.alike(site, ("inputs", 1), &operands, &source, true)?;
            self.alike(site, ("outputs", 0), outputs, &source, true)?;
            let ids = self.instantiate(&source, &operands)?;
            let results: Vec<TensorId> = source.graph.outputs.iter().map(|id| ids[id.0]).collect();
            let copies = self.copies(results.into_iter().zip(outputs.iter().copied()));
            *block = self.block(&source, &ids, &copies)?;
        }
        Ok(Options::If { graphs, then: blocks[0], otherwise: blocks[1] })
    }

    fn rounds(
        &mut self,
        site: &Site,
        graphs: [i32; 2],
        inputs: &[Option<TensorId>],
        outputs: &[TensorId],
    ) -> Result<Options, ReadError> {
        let inputs = present(site, inputs, 0)?;
        let (condition, body) = (self.source(site, graphs[0])?, self.source(site, graphs[1])?);
        self.alike(site, ("inputs", 0), &inputs, &condition, false)?;
        self.alike(site, ("inputs", 0), &inputs, &body, false)?;
        self.alike(site, ("outputs", 0), outputs, &body, true)?;
        let &[said] = condition.graph.outputs.as_slice() else {
            let problem =
                format!("runs subgraph {}, a condition of {} outputs", graphs[0], condition.graph.outputs.len());
            return Err(ReadError::inconsistent(site.field("builtin_options"), problem));
        };
        // What the body hands on as it is can be read where it was before; everything else lives in the operator's outputs.
        let kept: Vec<bool> = body.graph.inputs.iter().zip(&body.graph.outputs).map(|(a, b)| a == b).collect();
        if kept.len() != outputs.len() || inputs.len() != outputs.len() {
            let problem = format!("has {} values for the {} inputs of a loop", outputs.len(), inputs.len());
            return Err(ReadError::inconsistent(site.field("outputs"), problem));
        }
        let values: Vec<TensorId> = kept
            .iter()
            .zip(inputs.iter().zip(outputs))
            .map(|(&kept, (&from, &to))| if kept { from } else { to })
            .collect();
        for source in [&condition, &body] {
            self.alike(site, ("inputs", 0), &values, source, true)?;
        }
        let handles = kept.iter().zip(outputs.iter().zip(&inputs)).filter(|(kept, _)| **kept);
        self.found.handles.extend(handles.map(|(_, (&to, &from))| (to, from)));
        let copies = kept.iter().zip(inputs.iter().zip(outputs)).filter(|(kept, (_, to))| !**kept || self.read[to.0]);
        let copies = self.copies(copies.map(|(_, (&from, &to))| (from, to)));
        let start = self.copied(&copies)?;
        let ids = self.instantiate(&condition, &values)?;
        self.read[ids[said.0].0] = true;
        let (proceeds, condition) = (ids[said.0], self.block(&condition, &ids, &[])?);
        let ids = self.instantiate(&body, &values)?;
        let results = body.graph.outputs.iter().map(|id| ids[id.0]).zip(outputs.iter().copied());
        let results: Vec<_> = results.zip(&kept).filter(|(_, kept)| !**kept).map(|(pair, _)| pair).collect();
        let copies = self.copies(results.into_iter());
        let copies = self.apart(copies)?;
        let body = self.block(&body, &ids, &copies)?;
        Ok(Options::While { graphs, start, condition, body, proceeds })
    }

    /// A subgraph of the file that `site` runs.
    fn source(&mut self, site: &Site, graph: i32) -> Result<Rc<Source<'a>>, ReadError> {
        let field = || site.field("builtin_options");
        let count = self.file.subgraphs.len();
        let Some(index) = usize::try_from(graph).ok().filter(|&index| index < count) else {
            let problem = format!("is subgraph {graph}, but the model has {count} subgraphs");
            return Err(ReadError::inconsistent(field(), problem));
        };
        if self.running.contains(&index) {
            let problem = format!("is subgraph {index}, which runs this operator: a cycle");
            return Err(ReadError::inconsistent(field(), problem));
        }
        if self.running.len() > DEEPEST {
            let what = format!("is subgraph {index}, inside of {DEEPEST} others");
            return Err(ReadError::unsupported(field(), what, "nest loops and conditions less deeply"));
        }
        self.found.reached.insert(index);
        if let Some(known) = self.sources.get(&index) {
            return Ok(known.clone());
        }
        let source = Rc::new(Source::read(self.file, index).map_err(|error| error.of_subgraph(index))?);
        self.sources.insert(index, source.clone());
        Ok(source)
    }

    /// Compares tensors of an operator with the inputs or outputs of a graph: as many, of the same types and shapes, and,
    /// where both become one tensor, of the same quantization.
    fn alike(
        &self,
        site: &Site,
        (list, skip): (&str, usize),
        tensors: &[TensorId],
        source: &Source,
        one: bool,
    ) -> Result<(), ReadError> {
        let own = if list == "inputs" { &source.graph.inputs } else { &source.graph.outputs };
        if own.len() != tensors.len() {
            let problem = format!("has {} for the {} of subgraph {}", tensors.len(), own.len(), source.subgraph);
            return Err(ReadError::inconsistent(site.field(list), problem));
        }
        for (position, (&outer, &inner)) in tensors.iter().zip(own).enumerate() {
            let (outer, inner) = (&self.found.tensors[outer.0], source.graph.tensor(inner));
            let field = || site.field(&format!("{list}[{}]", position + skip));
            if (outer.dtype, &outer.shape) != (inner.dtype, &inner.shape) {
                let is = |tensor: &Tensor| format!("`{}`, {:?} of {}", tensor.name, tensor.shape, tensor.dtype.name());
                let problem = format!("is {}, but in subgraph {} it is {}", is(outer), source.subgraph, is(inner));
                return Err(ReadError::inconsistent(field(), problem));
            }
            if one && list == "inputs" && outer.quantization != inner.quantization {
                let (outer, inner) = (&outer.name, &inner.name);
                let what = format!(
                    "is `{outer}`, which has another quantization than `{inner}` of subgraph {}",
                    source.subgraph
                );
                return Err(ReadError::unsupported(field(), what, "quantize both alike"));
            }
        }
        Ok(())
    }

    /// Adds the graph's tensors, `bound` being its inputs. Gives each one's place among all.
    fn instantiate(&mut self, source: &Source<'a>, bound: &[TensorId]) -> Result<Vec<TensorId>, ReadError> {
        let inputs: BTreeMap<TensorId, TensorId> =
            source.graph.inputs.iter().copied().zip(bound.iter().copied()).collect();
        let mut ids = Vec::with_capacity(source.graph.tensors.len());
        for (index, tensor) in source.graph.tensors.iter().enumerate() {
            let origin = (source.subgraph, index);
            let known = inputs.get(&TensorId(index)).or_else(|| self.variables.get(&origin)).copied();
            let id = match known {
                Some(id) => id,
                None => self.tensor(tensor.clone(), source.data[index], origin)?,
            };
            if tensor.variable {
                self.variables.insert(origin, id);
            }
            ids.push(id);
        }
        Ok(ids)
    }

    fn tensor(&mut self, tensor: Tensor, data: Data<'a>, origin: (usize, usize)) -> Result<TensorId, ReadError> {
        self.take_room()?;
        self.found.tensors.push(tensor);
        self.read.push(false);
        self.found.data.push(data);
        self.found.origins.push(origin);
        Ok(TensorId(self.found.tensors.len() - 1))
    }

    fn operator(&mut self, operator: Operator) -> Result<(), ReadError> {
        self.take_room()?;
        operator.inputs.iter().flatten().for_each(|id| self.read[id.0] = true);
        self.found.operators.push(operator);
        Ok(())
    }

    fn take_room(&mut self) -> Result<(), ReadError> {
        let what = || format!("are more than {MOST} tensors and operators, each graph laid out where it is run");
        let room = self.room.checked_sub(1);
        self.room = room.ok_or_else(|| ReadError::unsupported("model.subgraphs", what(), FEWER))?;
        Ok(())
    }

    /// Adds a graph's operators and copies behind them, then the blocks of those that have any.
    fn block(
        &mut self,
        source: &Source<'a>,
        ids: &[TensorId],
        copies: &[(TensorId, TensorId)],
    ) -> Result<Block, ReadError> {
        let first = self.found.operators.len();
        for operator in &source.graph.operators {
            let mut operator = operator.clone();
            operator.inputs.iter_mut().flatten().chain(&mut operator.outputs).for_each(|id| *id = ids[id.0]);
            self.operator(operator)?;
        }
        let Block { end, .. } = self.copied(copies)?;
        self.running.push(source.subgraph);
        for index in 0..source.graph.operators.len() {
            self.enter(&Site { at: first + index, subgraph: source.subgraph, index })?;
        }
        self.running.pop();
        Ok(Block { first, end })
    }

    /// Adds copies from one tensor to another.
    fn copied(&mut self, copies: &[(TensorId, TensorId)]) -> Result<Block, ReadError> {
        let first = self.found.operators.len();
        for &(from, to) in copies {
            let (inputs, outputs, name) = (vec![Some(from)], vec![to], "COPY".to_owned());
            self.operator(Operator { code: -1, name, version: 1, inputs, outputs, options: Options::Copy })?;
        }
        Ok(Block { first, end: self.found.operators.len() })
    }

    /// Without handles, which are no values at run time.
    fn copies(&self, pairs: impl Iterator<Item = (TensorId, TensorId)>) -> Vec<(TensorId, TensorId)> {
        pairs.filter(|(from, _)| self.found.tensors[from.0].dtype != TensorType::Resource).collect()
    }

    /// The same copies in an order in which none overwrites what another still has to read: a loop may hand on its values
    /// in other places. What would be overwritten is put aside first.
    fn apart(&mut self, copies: Vec<(TensorId, TensorId)>) -> Result<Vec<(TensorId, TensorId)>, ReadError> {
        let written: BTreeSet<TensorId> = copies.iter().map(|&(_, to)| to).collect();
        let mut aside = BTreeMap::new();
        for &(from, _) in copies.iter().filter(|(from, _)| written.contains(from)) {
            if let std::collections::btree_map::Entry::Vacant(entry) = aside.entry(from) {
                let tensor = self.found.tensors[from.0].clone();
                let tensor = Tensor { name: format!("{} (before)", tensor.name), constant: None, ..tensor };
                let origin = self.found.origins[from.0];
                entry.insert(self.tensor(tensor, None, origin)?);
            }
        }
        let first: Vec<_> = aside.iter().map(|(&from, &to)| (from, to)).collect();
        let then = copies.into_iter().map(|(from, to)| (aside.get(&from).copied().unwrap_or(from), to));
        Ok(first.into_iter().chain(then).collect())
    }
}

/// Operands, none of which may be left out; `skip` are before them.
fn present(site: &Site, inputs: &[Option<TensorId>], skip: usize) -> Result<Vec<TensorId>, ReadError> {
    let absent = |position: usize| site.field(&format!("inputs[{}]", position + skip));
    let one = |(position, id): (usize, &Option<TensorId>)| {
        id.ok_or_else(|| ReadError::inconsistent(absent(position), "is left out, but the graph has it as an input"))
    };
    inputs.iter().enumerate().map(one).collect()
}
