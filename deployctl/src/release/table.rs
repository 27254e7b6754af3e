//! A difference for people: as lines, and as Markdown tables for a pull request.

use std::fmt::Write as _;

use super::difference::{Change, Difference};

/// Longest value in a line.
const LONGEST: usize = 60;

/// As lines: a heading for each section, a line for each change.
pub fn text(difference: &Difference) -> Vec<String> {
    let mut lines = vec![title(difference)];
    for (section, changes) in &difference.sections {
        lines.push(String::new());
        lines.push((*section).to_owned());
        lines.extend(changes.iter().map(|change| format!("  {}", line(change))));
    }
    if difference.sections.is_empty() {
        lines.push("nothing differs".to_owned());
    }
    lines
}

/// As Markdown: a table for each section; that of stage inputs can be folded.
pub fn markdown(difference: &Difference) -> String {
    let mut text = format!("### {}\n", cell(&title(difference)));
    if difference.sections.is_empty() {
        text.push_str("\nNothing differs.\n");
    }
    for (section, changes) in &difference.sections {
        let folded = *section == "stage inputs";
        // Writing to a string cannot fail.
        let _ = if folded {
            write!(text, "\n<details><summary>{section} ({})</summary>\n", changes.len())
        } else {
            write!(text, "\n**{section}**\n")
        };
        text.push_str("\n| what | old | new | change |\n|---|---|---|---|\n");
        for Change { what, old, new, by } in changes {
            let value =
                |value: &Option<String>| value.as_deref().map_or_else(|| "–".to_owned(), |value| cell(&short(value)));
            let _ = writeln!(text, "| {} | {} | {} | {} |", cell(what), value(old), value(new), cell(by));
        }
        text.push_str(if folded { "\n</details>\n" } else { "" });
    }
    text
}

fn title(difference: &Difference) -> String {
    format!("{} → {}", difference.old, difference.new)
}

fn line(Change { what, old, new, by }: &Change) -> String {
    if old.is_none() && new.is_none() {
        return format!("{what}: {by}");
    }
    let by = if by.is_empty() { String::new() } else { format!(" ({by})") };
    match (old, new) {
        (Some(old), Some(new)) => format!("{what}: {} → {}{by}", short(old), short(new)),
        (Some(old), None) => format!("{what}: was {}, and is gone{by}", short(old)),
        (None, Some(new)) => format!("{what}: new, {}{by}", short(new)),
        (None, None) => format!("{what}:{by}"),
    }
}

/// A value on one line, its middle left out where it is long.
fn short(value: &str) -> String {
    let flat = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= LONGEST {
        return flat;
    }
    let part = |signs: &mut dyn Iterator<Item = char>| signs.take(LONGEST / 2).collect::<Vec<char>>();
    let (head, mut tail) = (part(&mut flat.chars()), part(&mut flat.chars().rev()));
    tail.reverse();
    format!("{}…{}", head.into_iter().collect::<String>(), tail.into_iter().collect::<String>())
}

/// Text in a cell of a table: nothing in it is Markdown.
fn cell(text: &str) -> String {
    text.chars().fold(String::new(), |mut cell, sign| {
        match sign {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' => cell.extend(['\\', sign]),
            '\n' | '\r' => cell.push(' '),
            sign => cell.push(sign),
        }
        cell
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Difference {
        let change = |what: &str, old: Option<&str>, new: Option<&str>, by: &str| Change {
            what: what.into(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
            by: by.into(),
        };
        Difference {
            old: "kws 1.0.0".into(),
            new: "kws 1.1.0".into(),
            sections: vec![
                ("figures", vec![change("flash_bytes", Some("59,060 bytes"), Some("60,060 bytes"), "+1.69 %")]),
                ("operators", vec![change("op:3 A|B", Some("cmsis-nn arm_x"), None, "")]),
                ("stage inputs", vec![change("audit: policy", Some(&"long ".repeat(30)), Some("require"), "")]),
            ],
        }
    }

    #[test]
    fn a_difference_in_lines() {
        let expected = [
            "kws 1.0.0 → kws 1.1.0",
            "",
            "figures",
            "  flash_bytes: 59,060 bytes → 60,060 bytes (+1.69 %)",
            "",
            "operators",
            "  op:3 A|B: was cmsis-nn arm_x, and is gone",
            "",
            "stage inputs",
            "  audit: policy: long long long long long long … long long long long long long → require",
        ];
        assert_eq!(text(&sample()), expected);
    }

    #[test]
    fn a_difference_in_markdown() {
        let text = markdown(&sample());
        let rows: Vec<&str> =
            text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what")).collect();
        let expected = [
            "| flash\\_bytes | 59,060 bytes | 60,060 bytes | +1.69 % |",
            "| op:3 A\\|B | cmsis-nn arm\\_x | – |  |",
            "| audit: policy | long long long long long long … long long long long long long | require |  |",
        ];
        assert_eq!(rows, expected);
        assert!(
            text.starts_with("### kws 1.0.0 → kws 1.1.0\n\n**figures**\n\n| what | old | new | change |\n|---|"),
            "{text}"
        );
        assert!(text.contains("<details><summary>stage inputs (1)</summary>\n\n| what"), "{text}");
    }

    #[test]
    fn nothing_is_said() {
        let none = Difference { sections: vec![], ..sample() };
        assert_eq!(text(&none).last().unwrap(), "nothing differs");
        assert!(markdown(&none).ends_with("Nothing differs.\n"));
    }
}
