//! What changes between two texts, line by line and short: for people who decide, not for programs.

use std::fmt::Write as _;

/// Most changed lines that are shown.
const SHOWN: usize = 12;
/// Most lines between equal beginnings and ends that are compared one by one.
const COMPARED: usize = 1500;

/// One step from the old text to the new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Keep,
    Remove,
    Add,
}

/// Lines `N - …` and `N + …` with their numbers in the old and the new text, each behind a newline.
pub(super) fn difference(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let begin = old.iter().zip(&new).take_while(same).count();
    let end = old[begin..].iter().rev().zip(new[begin..].iter().rev()).take_while(same).count();
    let (middle_old, middle_new) = (&old[begin..old.len() - end], &new[begin..new.len() - end]);
    let mut out = String::new();
    let (mut at, mut shown, mut hidden) = ((begin, begin), 0, 0);
    for step in steps(middle_old, middle_new) {
        let line = match step {
            Step::Keep => None,
            Step::Remove => Some((at.0, '-', old[at.0])),
            Step::Add => Some((at.1, '+', new[at.1])),
        };
        if let Some((number, sign, text)) = line {
            if shown < SHOWN {
                let _ = write!(out, "\n{:>6} {sign} {}", number + 1, text.trim_end_matches('\r'));
                shown += 1;
            } else {
                hidden += 1;
            }
        }
        at.0 += usize::from(step != Step::Add);
        at.1 += usize::from(step != Step::Remove);
    }
    if hidden > 0 {
        let _ = write!(out, "\n       … and {hidden} more lines");
    }
    out
}

/// The shortest way from the old lines to the new; where they are very many, all out and all in.
fn steps(old: &[&str], new: &[&str]) -> Vec<Step> {
    if old.len().max(new.len()) > COMPARED {
        return [vec![Step::Remove; old.len()], vec![Step::Add; new.len()]].concat();
    }
    let width = new.len() + 1;
    // Length of the longest common subsequence of what is left of both, from each pair of places.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut steps) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        let step = if i < old.len() && j < new.len() && old[i] == new[j] {
            Step::Keep
        } else if j == new.len() || i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1] {
            Step::Remove
        } else {
            Step::Add
        };
        i += usize::from(step != Step::Add);
        j += usize::from(step != Step::Remove);
        steps.push(step);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_have_their_numbers() {
        assert_eq!(difference("a\nb\nc\nd\n", "a\nB\nc\nd\n"), "\n     2 - b\n     2 + B");
        assert_eq!(difference("a\n\n\nb\nc", "a\n\nb\nc\n"), "\n     3 - \n     5 + ");
        assert_eq!(difference("a\n", "a\n"), "");
    }

    #[test]
    fn long_differences_are_cut() {
        let old = (0..40).map(|line| line.to_string()).collect::<Vec<_>>().join("\n") + "\n";
        let shown = difference(&old, &old.replace('\n', " \n"));
        assert_eq!(shown.lines().count(), 1 + SHOWN + 1);
        assert!(shown.ends_with("… and 68 more lines"), "{shown}");
        assert!(difference(&"a\n".repeat(4000), &"b\n".repeat(4000)).ends_with("… and 7988 more lines"));
    }
}
