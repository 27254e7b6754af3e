//! A typed view of KDL nodes. Every accessor that finds something wrong adds a problem to the report and returns nothing, so
//! that one pass over a document finds all mistakes.
//!
//! Knows arguments, properties, children and how to complain about them; does not know which nodes exist.

use std::cell::RefCell;
use std::ops::Range;

use kdl::{KdlEntry, KdlNode};

use super::error::{Errors, Problem, Text, is_misspelt, suggest};
use super::value::{Place, Value};

/// Mistakes found so far in one file.
#[derive(Debug)]
pub(super) struct Report {
    text: Text,
    problems: RefCell<Vec<Problem>>,
}

impl Report {
    pub(super) fn new(text: Text) -> Self {
        Self { text, problems: RefCell::new(Vec::new()) }
    }

    pub(super) fn text(&self) -> &str {
        self.text.inner()
    }

    pub(super) fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem.in_text(&self.text));
    }

    /// The value, unless something was wrong; then all that was, in the order of the text.
    pub(super) fn finish<T>(self, shown: &str, value: Option<T>) -> Result<T, Errors> {
        let mut problems = self.problems.into_inner();
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => {
                if problems.is_empty() {
                    problems.push(Problem::new("a value is missing").help("compare with `deployctl init`'s manifest"));
                }
                problems.sort_by_key(|problem| problem.span().map_or(usize::MAX, |span| span.start));
                Err(Errors::new(shown, problems))
            }
        }
    }
}

/// How often a child may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Once,
    Often,
}

/// What a node may hold. Whatever else it holds is refused by name.
pub(super) struct Grammar {
    /// Most arguments.
    pub(super) arguments: usize,
    /// Properties.
    pub(super) properties: &'static [&'static str],
    /// Children.
    pub(super) children: &'static [(&'static str, Times)],
    /// Words that DESIGN knows and this version does not.
    pub(super) later: &'static [&'static str],
}

impl Grammar {
    pub(super) const NOTHING: Self = Self { arguments: 0, properties: &[], children: &[], later: &[] };

    fn child_names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.children.iter().map(|(name, _)| *name)
    }
}

/// Checks the children of `parent` against its grammar.
pub(super) fn check_children(nodes: &[KdlNode], parent: &str, grammar: &Grammar, report: &Report) {
    for (index, node) in nodes.iter().enumerate() {
        let (name, span) = (node.name().value(), range(node.name().span()));
        if grammar.later.contains(&name) {
            refuse_later(name, span, report);
        } else if let Some((_, times)) = grammar.children.iter().find(|(known, _)| *known == name) {
            let earlier = nodes[..index].iter().any(|other| other.name().value() == name);
            if earlier && *times == Times::Once {
                let problem = Problem::at(span, format!("`{name}` stands twice in {parent}"));
                report.add(problem.label("second one").help("keep one of them"));
            }
        } else if grammar.properties.contains(&name) {
            let help = format!("write it behind the node's name, as `{name}=…`, and not in the braces");
            report.add(Problem::at(span, format!("`{name}` is a property of {parent}")).label("a node").help(help));
        } else {
            let problem = Problem::at(span, format!("{parent} has no node `{name}`")).label("not known");
            report.add(problem.help(suggest(name, grammar.child_names())));
        }
    }
}

/// Refuses what a later version will take.
pub(super) fn refuse_later(name: &str, span: Range<usize>, report: &Report) {
    let problem = Problem::at(span, format!("`{name}` is not supported yet by this version"));
    report.add(problem.label("not supported yet").help("remove it, or use a version of deployctl that supports it"));
}

/// A node, and where to complain.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    kdl: &'a KdlNode,
    pub(super) report: &'a Report,
}

impl<'a> Node<'a> {
    /// The node, once what it holds has been compared with its grammar.
    pub(super) fn new(kdl: &'a KdlNode, grammar: &Grammar, report: &'a Report) -> Self {
        let node = Self { kdl, report };
        if let Some(ty) = kdl.ty() {
            node.refuse_type(range(ty.span()));
        }
        node.check_entries(grammar);
        let children = kdl.children().map_or(&[][..], kdl::KdlDocument::nodes);
        check_children(children, &format!("`{}`", node.name()), grammar, report);
        node
    }

    /// The first node of that name, if there is one.
    pub(super) fn find(nodes: &'a [KdlNode], name: &str, grammar: &Grammar, report: &'a Report) -> Option<Self> {
        Self::find_all(nodes, name, grammar, report).into_iter().next()
    }

    /// All nodes of that name.
    pub(super) fn find_all(nodes: &'a [KdlNode], name: &str, grammar: &Grammar, report: &'a Report) -> Vec<Self> {
        nodes.iter().filter(|node| node.name().value() == name).map(|node| Self::new(node, grammar, report)).collect()
    }

    /// The first child of that name, if there is one.
    pub(super) fn child(&self, name: &str, grammar: &Grammar) -> Option<Self> {
        Self::find(self.kdl.children()?.nodes(), name, grammar, self.report)
    }

    /// The first child of that name; a problem if there is none.
    pub(super) fn need_child(&self, name: &str, grammar: &Grammar, example: &str) -> Option<Self> {
        let child = self.child(name, grammar);
        if child.is_none() {
            self.missing(name, example);
        }
        child
    }

    /// All children of that name.
    pub(super) fn children(&self, name: &str, grammar: &Grammar) -> Vec<Self> {
        let nodes = self.kdl.children().map_or(&[][..], kdl::KdlDocument::nodes);
        Self::find_all(nodes, name, grammar, self.report)
    }

    /// All children, in order, not yet compared with a grammar.
    pub(super) fn every_child(&self) -> impl Iterator<Item = Self> + use<'a> {
        let report = self.report;
        self.kdl.children().map_or(&[][..], kdl::KdlDocument::nodes).iter().map(move |kdl| Self { kdl, report })
    }

    /// The node, once what it holds has been compared with its grammar.
    pub(super) fn with(&self, grammar: &Grammar) -> Self {
        Self::new(self.kdl, grammar, self.report)
    }

    /// All children of that name, as places to complain at.
    pub(super) fn children_of(&self, name: &str) -> Vec<Self> {
        let nodes = self.kdl.children().map_or(&[][..], kdl::KdlDocument::nodes).iter();
        let report = self.report;
        nodes.filter(|node| node.name().value() == name).map(|kdl| Self { kdl, report }).collect()
    }

    pub(super) fn name(&self) -> &'a str {
        self.kdl.name().value()
    }

    /// Where the node's name stands.
    pub(super) fn span(&self) -> Range<usize> {
        range(self.kdl.name().span())
    }

    /// Adds a problem at the node's name.
    pub(super) fn refuse(&self, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.report.add(Problem::at(self.span(), message).label(label).help(help));
    }

    /// Adds the problem that a property or child is not there, unless it stands there misspelt or as the other of the two:
    /// that is a problem already.
    pub(super) fn missing(&self, what: &str, example: &str) {
        let keys = self.kdl.entries().iter().filter_map(|entry| Some(entry.name()?.value()));
        let children = self.kdl.children().map_or(&[][..], kdl::KdlDocument::nodes).iter();
        if keys.chain(children.map(|node| node.name().value())).any(|written| is_misspelt(written, what)) {
            return;
        }
        self.refuse(format!("`{}` needs `{what}`", self.name()), "incomplete", format!("write `{example}`"));
    }

    /// All arguments.
    pub(super) fn arguments(&self) -> Vec<Value<'a>> {
        let values = self.kdl.entries().iter().filter(|entry| entry.name().is_none()).enumerate();
        values.map(|(index, entry)| self.value(entry, Place::Argument(index))).collect()
    }

    /// The argument at `index`; a problem if there is none.
    pub(super) fn need_argument(&self, index: usize, what: &str, example: &str) -> Option<Value<'a>> {
        let value = self.arguments().into_iter().nth(index);
        if value.is_none() {
            self.refuse(format!("`{}` needs {what}", self.name()), "incomplete", format!("write `{example}`"));
        }
        value
    }

    /// The property `key`, if there is one.
    pub(super) fn property(&self, key: &'static str) -> Option<Value<'a>> {
        let entry = self.kdl.entries().iter().find(|entry| entry.name().is_some_and(|name| name.value() == key))?;
        Some(self.value(entry, Place::Property(key)))
    }

    /// The property `key`; a problem if there is none.
    pub(super) fn need_property(&self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.property(key);
        if value.is_none() {
            self.missing(key, example);
        }
        value
    }

    fn value(&self, entry: &'a KdlEntry, place: Place) -> Value<'a> {
        Value { entry, node: *self, place }
    }

    fn check_entries(&self, grammar: &Grammar) {
        let mut arguments = 0;
        let mut seen: Vec<&str> = Vec::new();
        for entry in self.kdl.entries() {
            let span = range(entry.span());
            if let Some(ty) = entry.ty() {
                self.refuse_type(range(ty.span()));
            }
            let Some(key) = entry.name().map(kdl::KdlIdentifier::value) else {
                arguments += 1;
                if arguments > grammar.arguments {
                    self.surplus(span, grammar);
                }
                continue;
            };
            if seen.contains(&key) {
                let problem = Problem::at(span, format!("`{key}` stands twice on `{}`", self.name()));
                self.report.add(problem.label("second one").help("keep one of them"));
            } else if grammar.properties.contains(&key) {
                seen.push(key);
            } else if grammar.later.contains(&key) {
                refuse_later(key, span, self.report);
            } else {
                self.unknown_property(key, span, grammar);
            }
        }
    }

    fn surplus(&self, span: Range<usize>, grammar: &Grammar) {
        let (name, most) = (self.name(), grammar.arguments);
        let message = match most {
            0 => format!("`{name}` takes no value directly behind its name"),
            1 => format!("`{name}` takes one value"),
            _ => format!("`{name}` takes at most {most} values"),
        };
        let help = match (grammar.properties, grammar.children) {
            ([], []) => "remove it".to_owned(),
            (properties, []) => format!("remove it, or write it as `{}=…`", properties.join("=…`, `")),
            (_, [(child, _), ..]) => format!("remove it; what belongs to `{name}` stands in braces: `{{ {child} … }}`"),
        };
        self.report.add(Problem::at(span, message).label("one too many").help(help));
    }

    fn unknown_property(&self, key: &str, span: Range<usize>, grammar: &Grammar) {
        let name = self.name();
        let problem = Problem::at(span, format!("`{name}` has no property `{key}`")).label("not known");
        self.report.add(if grammar.child_names().any(|child| child == key) {
            problem.help(format!("`{key}` is a node: write `{name} … {{ {key} … }}`"))
        } else {
            problem.help(suggest(key, grammar.properties.iter().copied()))
        });
    }

    fn refuse_type(&self, span: Range<usize>) {
        let problem = Problem::at(span, "type annotations have no meaning here").label("annotation");
        self.report.add(problem.help("remove the parentheses and what is in them"));
    }
}

/// A span as a range.
pub(super) fn range(span: miette::SourceSpan) -> Range<usize> {
    span.offset()..span.offset() + span.len()
}
