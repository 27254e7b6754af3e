use camino::Utf8Path;
use kdl::KdlDocument;
use proptest::prelude::*;

use super::format;
use crate::builtin;

fn formatted(text: &str) -> String {
    format(text.as_bytes(), "input.kdl").unwrap_or_else(|errors| panic!("{text:?}: {errors}: {:?}", errors.problems()))
}

fn check(text: &str, expected: &str) {
    let once = formatted(text);
    assert_eq!(once, expected);
    assert_eq!(formatted(&once), once, "not stable");
}

#[test]
fn a_node_stands_on_a_line_of_its_own() {
    check("  a   1  x = 2;b{c;d{e}}\n\n\n\nf", "a 1 x=2\nb { c; d { e } }\n\nf\n");
    check("a {\nb\n\n\n  c {\n}  }", "a {\n    b\n\n    c {}\n}\n");
    check("\n\n", "");
    check("\u{feff}a\r\n\r\nb\r\n", "a\n\nb\n");
}

#[test]
fn children_in_one_line_stay_while_they_fit() {
    let short = format!("a \"{}\" {{ b; c /* d */ }}\n", "x".repeat(99));
    assert_eq!(short.trim_end().chars().count(), 120);
    check(&short, &short);
    let long = short.replacen('x', "xx", 1);
    let broken = long.replace("{ b; c /* d */ }", "{\n    b\n    c /* d */\n}");
    check(&long, &broken);
    check("a { b\nc }", "a {\n    b\n    c\n}\n");
}

#[test]
fn comments_stay_where_they_say_something() {
    check("a 1// b\n//c  \n\n\n// d\n\n\ne", "a 1 // b\n//c\n\n// d\n\ne\n");
    check("a { // b\n  c; // d\n\n//e\n}", "a { // b\n    c // d\n\n    //e\n}\n");
    check("a; /* b */ c; /* d */\n /* e */ /* f */", "a\n/* b */ c /* d */\n/* e */ /* f */\n");
    check("a { b; /* c */ d; /* e */ }", "a { b; /* c */ d /* e */ }\n");
    check("a/* b */{/* c */}/* d */// e", "a /* b */ { /* c */ } /* d */ // e\n");
    check(
        "a /* 1 */ k /* 2 */ = /* 3 */ (/* 4 */t/* 5 */)/* 6 */1",
        "a /* 1 */ k /* 2 */ = /* 3 */ ( /* 4 */ t /* 5 */ ) /* 6 */ 1\n",
    );
}

#[test]
fn lines_that_go_on_go_on() {
    check("a \\\n  \\\n 1 \\ // why\n      2 \\\n\nb", "a \\\n    1 \\ // why\n    2\nb\n");
    check("a { b 1 \\\n 2 }", "a {\n    b 1 \\\n        2\n}\n");
    check("a k \\\n = \\\n 1", "a k=1\n");
}

#[test]
fn what_is_commented_out_stays_so() {
    check("/- a   1\nb /-  2  3 /-{ c }", "/-a 1\nb /-2 3 /-{ c }\n");
    check("/- // why\n\n  a", "/- // why\n    a\n");
}

#[test]
fn strings_keep_every_character() {
    let text = "a \"\"\"\n    two\n  lines\n  \"\"\"   #\"\\\"#  \"b\\\n   c\"\n";
    check(text, "a \"\"\"\n    two\n  lines\n  \"\"\" #\"\\\"# \"b\\\n   c\"\n");
}

#[test]
fn types_stay_with_their_values() {
    check("( t ) a ( u8 ) 1 k = (f)2", "(t)a (u8)1 k=(f)2\n");
}

#[test]
fn bad_input_is_the_usual_error_with_its_place() {
    for text in ["a {", "a \"", "a true", "a 1x"] {
        let errors = format(text.as_bytes(), "input.kdl").unwrap_err();
        assert!(errors.problems()[0].span().is_some(), "{text}");
    }
    assert!(format(b"\xff", "input.kdl").is_err());
}

#[test]
fn the_files_of_this_repository_are_laid_out() {
    let mut seen = 0;
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests");
    let own = crate::manifest::discover(root.parent().unwrap());
    let own = own.into_iter().map(|path| (path.to_string(), std::fs::read(path).unwrap()));
    let packed = builtin::files().iter().filter(|file| Utf8Path::new(file.path).extension() == Some("kdl"));
    for (path, bytes) in packed.map(|file| (file.path.to_owned(), file.bytes.to_vec())).chain(own) {
        assert_eq!(formatted(std::str::from_utf8(&bytes).unwrap()).as_bytes(), bytes, "{path}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

/// A document made from random bytes: each asks for one of some choices, and none are left for the first of them.
struct Author<'a> {
    bytes: std::slice::Iter<'a, u8>,
    comments: usize,
    slashdashes: usize,
    text: String,
}

impl Author<'_> {
    fn choose(&mut self, choices: usize) -> usize {
        self.bytes.next().map_or(0, |byte| usize::from(*byte) % choices)
    }

    fn pick(&mut self, choices: &[&str]) {
        let chosen = self.choose(choices.len());
        self.text += choices[chosen];
    }

    fn comment(&mut self) {
        self.comments += 1;
        let (number, kind) = (self.comments, self.choose(3));
        let text = match kind {
            0 => format!("/* c{number}. */"),
            1 => format!("/*c{number}./* inner */ \\ \" */"),
            _ => format!("/* c{number}.\n   {{ */"),
        };
        self.text.push_str(&text);
    }

    fn line_comment(&mut self) {
        self.comments += 1;
        let text = format!("// c{}. \"{{  \n", self.comments);
        self.text.push_str(&text);
    }

    /// White space inside of a node.
    fn space(&mut self) {
        match self.choose(10) {
            0..5 => self.text += " ",
            5 => self.text += " \t  ",
            6 => self.text += " \\\n  ",
            7 => {
                self.text += " \\ ";
                self.line_comment();
            }
            _ => {
                self.text += " ";
                self.comment();
                self.text += " ";
            }
        }
    }

    fn maybe_space(&mut self) {
        if self.choose(4) == 3 {
            self.space();
        }
    }

    fn between(&mut self) {
        for _ in 0..self.choose(4) {
            match self.choose(5) {
                0 => self.text += "\n",
                1 => self.text += "\r\n",
                2 => self.text += "   ",
                3 => self.line_comment(),
                _ => self.comment(),
            }
        }
    }

    fn slashdash(&mut self) {
        if self.choose(6) == 5 && self.slashdashes < 12 {
            self.slashdashes += 1;
            self.text += "/-";
            if self.choose(4) == 3 {
                self.between();
            }
        }
    }

    fn annotation(&mut self) {
        if self.choose(8) == 7 {
            self.text += "(";
            self.maybe_space();
            self.text += "t";
            self.maybe_space();
            self.text += ")";
            self.maybe_space();
        }
    }

    fn value(&mut self) {
        self.annotation();
        self.pick(&[
            "1",
            "-0x1F",
            "1.50",
            "word",
            "\"a b\"",
            "\"\\\"{ // \"",
            "#true",
            "#null",
            "#\"raw \\ \"#",
            "##\"\"#\"##",
            "\"\"",
            "\"\"\"\n    two\n      lines\n    \"\"\"",
            "#\"\"\"\n  \"raw\" \\\n  \"\"\"#",
            "\"a\\\n     b\"",
            "\"\"\"\r\n  x\r\n  \"\"\"",
        ]);
    }

    fn node(&mut self, depth: usize) {
        self.slashdash();
        self.annotation();
        self.pick(&["node", "\"a node\"", "n-1", "#\"n\"#"]);
        for _ in 0..self.choose(4) {
            self.space();
            self.slashdash();
            if self.choose(2) == 1 {
                self.pick(&["key", "\"k k\""]);
                self.maybe_space();
                self.text += "=";
                self.maybe_space();
            }
            self.value();
        }
        if depth < 4 && self.choose(3) == 2 {
            self.space();
            self.slashdash();
            self.text += "{";
            self.nodes(depth + 1);
            self.text += "}";
        }
        self.maybe_space();
    }

    fn nodes(&mut self, depth: usize) {
        self.between();
        for _ in 0..self.choose(4) {
            let slashdashes = self.slashdashes;
            self.node(depth);
            match self.choose(4) {
                // The parser takes no `;` behind a node that is commented out.
                0 => self.text += "\n",
                1 if self.slashdashes > slashdashes => self.text += "\n",
                1 => self.text += ";",
                2 => self.line_comment(),
                _ => self.text += "\r\n",
            }
            self.between();
        }
    }
}

/// The document, and the number of its comments.
fn document(bytes: &[u8]) -> (String, usize) {
    let mut author = Author { bytes: bytes.iter(), comments: 0, slashdashes: 0, text: String::new() };
    while author.bytes.len() > 0 {
        author.nodes(0);
    }
    (author.text, author.comments)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// That values and comments are the same is looked at by `format` itself, which fails where they are not.
    #[test]
    fn every_document_keeps_all_and_stays_as_it_is_laid_out(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (text, comments) = document(&bytes);
        // What the parser refuses, as it does some odd but correct places of `/-`, is refused before it is laid out.
        prop_assume!(KdlDocument::parse(&text).is_ok());
        let once = formatted(&text);
        prop_assert_eq!(&formatted(&once), &once);
        prop_assert!(!once.contains("\n\n\n"));
        for comment in 1..=comments {
            prop_assert_eq!(once.matches(&format!("c{comment}.")).count(), 1);
        }
    }
}
