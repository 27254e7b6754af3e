//! A typed view of KDL nodes. Every accessor that finds something wrong adds a problem to the report and returns nothing, so
//! that one pass over a document finds all mistakes.
//!
//! Knows arguments, properties, children and how to complain about them; does not know which nodes exist.

use std::cell::RefCell;
use std::ops::Range;

use kdl::{KdlEntry, KdlNode, KdlValue};

use super::error::{Errors, Problem, Text, is_misspelt, suggest};
use super::units::UnitError;

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

fn refuse_later(name: &str, span: Range<usize>, report: &Report) {
    let problem = Problem::at(span, format!("`{name}` is not supported yet by this version"));
    report.add(problem.label("not supported yet").help("remove it, or use a version of deployctl that supports it"));
}

/// A node, and where to complain.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    kdl: &'a KdlNode,
    report: &'a Report,
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

#[derive(Clone, Copy)]
enum Place {
    Argument(usize),
    Property(&'static str),
}

/// An argument or the value of a property.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    entry: &'a KdlEntry,
    node: Node<'a>,
    place: Place,
}

impl Value<'_> {
    /// Where the value stands, without its key.
    pub(super) fn span(&self) -> Range<usize> {
        let whole = range(self.entry.span());
        let written = self.written().map_or(whole.len(), str::len);
        whole.end.saturating_sub(written).max(whole.start)..whole.end
    }

    /// The value as the file writes it.
    fn written(&self) -> Option<&str> {
        self.entry.format().map(|format| format.value_repr.as_str())
    }

    /// Adds a problem at the value.
    pub(super) fn refuse(&self, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.node.report.add(Problem::at(self.span(), message).label(label).help(help));
    }

    /// Text that is not empty and stands on one line.
    pub(super) fn text(&self) -> Option<String> {
        let KdlValue::String(text) = self.entry.value() else {
            return self.wrong("text", "put it in double quotes");
        };
        if text.trim().is_empty() {
            self.refuse(format!("{} is empty", self.what()), "empty", "write something in the quotes");
            return None;
        }
        if text.chars().any(char::is_control) {
            let help = "write it on one line";
            self.refuse(format!("{} has a line break or control character", self.what()), "here", help);
            return None;
        }
        Some(text.clone())
    }

    /// A name that a model gave: any text, even an empty one.
    pub(super) fn name(&self) -> Option<String> {
        match self.entry.value() {
            KdlValue::String(text) => Some(text.clone()),
            _ => self.text(),
        }
    }

    /// A whole number in `range`.
    pub(super) fn integer(&self, range: std::ops::RangeInclusive<i128>) -> Option<i128> {
        let KdlValue::Integer(number) = *self.entry.value() else {
            return self.wrong("a whole number", "write digits without quotes");
        };
        if range.contains(&number) {
            return Some(number);
        }
        let help = format!("write a whole number from {} to {}", range.start(), range.end());
        self.refuse(format!("{} is out of range", self.what()), "out of range", help);
        None
    }

    /// A real number, as the `f32` that is nearest to the decimal digits in the file.
    pub(super) fn float32(&self) -> Option<f32> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "rounding to f32 is what is asked"
        )]
        let value = match *self.entry.value() {
            KdlValue::Integer(number) => number as f32,
            // Not by way of f64: rounding twice can give the neighbour of the nearest f32.
            KdlValue::Float(number) => {
                let digits = self.written().map(|written| written.replace('_', ""));
                digits.and_then(|digits| digits.parse().ok()).unwrap_or(number as f32)
            }
            _ => return self.wrong("a number", "write digits without quotes, such as `0.5847029`"),
        };
        if value.is_finite() {
            return Some(value);
        }
        self.refuse(format!("{} is not a finite number", self.what()), "not finite", "write a number such as `0.5`");
        None
    }

    /// A number with up to three decimal places, in thousandths.
    pub(super) fn thousandths(&self, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let (KdlValue::Integer(_) | KdlValue::Float(_)) = *self.entry.value() else {
            return self.wrong("a number", "write digits without quotes, such as `31.25`");
        };
        let digits = self.written().map(|written| written.replace('_', "")).unwrap_or_default();
        let (whole, rest) = digits.split_once('.').unwrap_or((&digits, ""));
        let scaled: Option<u64> = if rest.len() > 3 { None } else { format!("{whole}{rest:0<3}").parse().ok() };
        let (low, high) = (range.start().saturating_mul(1000), range.end().saturating_mul(1000));
        if let Some(scaled) = scaled.filter(|scaled| (low..=high).contains(scaled)) {
            return Some(scaled);
        }
        let help = format!("write a number from {} to {}, with up to three decimal places", range.start(), range.end());
        self.refuse(format!("{} is out of range", self.what()), "out of range", help);
        None
    }

    /// `#true` or `#false`.
    pub(super) fn flag(&self) -> Option<bool> {
        let KdlValue::Bool(flag) = *self.entry.value() else {
            return self.wrong("`#true` or `#false`", "write `#true` or `#false`, with the hash and without quotes");
        };
        Some(flag)
    }

    /// A quantity with a unit, in quotes; a bare whole number is taken where `bare` is true.
    pub(super) fn quantity<T>(
        &self,
        bare: bool,
        example: &str,
        read: impl Fn(&str) -> Result<T, UnitError>,
    ) -> Option<T> {
        let text = match self.entry.value() {
            KdlValue::String(text) => text.clone(),
            KdlValue::Integer(number) if bare => number.to_string(),
            _ => {
                return self.wrong("a quantity with its unit", &format!("write it in quotes, such as `\"{example}\"`"));
            }
        };
        match read(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(format!("{}: {}", self.what(), error.message), "not a quantity", error.help);
                None
            }
        }
    }

    /// One of `choices`; one of `later` is refused as not supported yet.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)], later: &[&str]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        if later.contains(&text.as_str()) {
            refuse_later(&text, self.span(), self.node.report);
            return None;
        }
        let help = suggest(&text, choices.iter().map(|(name, _)| *name));
        self.refuse(format!("{} cannot be `{text}`", self.what()), "not known", help);
        None
    }

    /// What this value is, for messages: `` `budget` of `arena` ``.
    pub(super) fn what(&self) -> String {
        match self.place {
            Place::Property(key) => format!("`{key}` of `{}`", self.node.name()),
            Place::Argument(0) => format!("the value of `{}`", self.node.name()),
            Place::Argument(index) => format!("value {} of `{}`", index + 1, self.node.name()),
        }
    }

    fn wrong<T>(&self, wanted: &str, help: &str) -> Option<T> {
        let label = match self.entry.value() {
            KdlValue::String(_) => "text",
            KdlValue::Integer(_) => "a whole number",
            KdlValue::Float(_) => "a number with decimals",
            KdlValue::Bool(_) => "true or false",
            KdlValue::Null => "nothing",
        };
        self.refuse(format!("{} must be {wanted}", self.what()), label, help);
        None
    }
}

fn range(span: miette::SourceSpan) -> Range<usize> {
    span.offset()..span.offset() + span.len()
}
