//! Names of tensors, as people read them.

/// The telling part of a converter's name, which joins the names of everything that it fused: the last two components of
/// the first of them, with an ellipsis in the middle where even that is long.
pub fn short_name(name: &str) -> String {
    const ROOM: usize = 32;
    let first = name.split(';').find(|part| !part.is_empty()).unwrap_or(name);
    let parts: Vec<&str> = first.split('/').filter(|part| !part.is_empty()).collect();
    let telling = parts[parts.len().saturating_sub(2)..].join("/");
    let telling = if telling.is_empty() { name.to_owned() } else { telling };
    let letters: Vec<char> = telling.chars().collect();
    if letters.len() <= ROOM {
        return telling;
    }
    let (head, tail) = (ROOM / 2, ROOM / 2 - 1);
    letters[..head].iter().chain(&['…']).chain(&letters[letters.len() - tail..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_to_what_tells_them_apart() {
        assert_eq!(short_name("model/act/Relu;model/bn;model/conv"), "act/Relu");
        assert_eq!(short_name("Identity"), "Identity");
        assert_eq!(short_name(""), "");
        assert_eq!(short_name(";;"), ";;");
        assert_eq!(short_name("//"), "//");
        assert_eq!(
            short_name(&format!("{}/{}", "a".repeat(40), "b".repeat(40))),
            format!("{}…{}", "a".repeat(16), "b".repeat(15))
        );
    }
}
