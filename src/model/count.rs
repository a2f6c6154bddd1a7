//! Counts as people say them.

/// `1 machine`, `2 machines`, `1,234 entries`: a count with the word for what is counted, which is given in the
/// singular.
pub fn plural(count: impl TryInto<u128>, word: &str) -> String {
    let count = count.try_into().unwrap_or(u128::MAX);
    format!("{} {}", number(count), plural_word(count, word))
}

/// The word alone, as that count asks for it.
pub fn plural_word(count: impl TryInto<u128>, word: &str) -> String {
    const SIBILANTS: [&str; 4] = ["s", "x", "ch", "sh"];
    if count.try_into().is_ok_and(|count| count == 1) {
        return word.to_owned();
    }
    // `day` is no `city`.
    let is_vowel = |stem: &&str| stem.ends_with(['a', 'e', 'o', 'u']);
    match word.strip_suffix('y').filter(|stem| !is_vowel(stem)) {
        Some(stem) => format!("{stem}ies"),
        None if SIBILANTS.iter().any(|end| word.ends_with(end)) => format!("{word}es"),
        None => format!("{word}s"),
    }
}

/// With a comma between thousands.
pub fn number(count: impl TryInto<u128>) -> String {
    let digits = count.try_into().unwrap_or(u128::MAX).to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_said_as_people_say_them() {
        let said = [
            (plural(1, "day"), "1 day"),
            (plural(8, "day"), "8 days"),
            (plural(1, "address"), "1 address"),
            (plural(0, "address"), "0 addresses"),
            (plural(2, "search"), "2 searches"),
            (plural(1_234_567, "entry"), "1,234,567 entries"),
            (plural(2, "business day"), "2 business days"),
            (plural_word(1, "flaw"), "flaw"),
            (number(999_u64), "999"),
            (number(1_000_usize), "1,000"),
        ];
        for (said, expected) in said {
            assert_eq!(said, expected);
        }
    }
}
