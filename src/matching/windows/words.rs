//! The names of products, as people write them.

use crate::model::ProductKey;

/// `windows server 2019 (server core installation)` is `Windows Server 2019 (Server Core installation)`.
pub(super) fn display(key: &ProductKey) -> String {
    const LOWER: &[&str] = &[
        "for",
        "on",
        "and",
        "in",
        "installation)",
        "installation",
        "systems",
        "installed",
    ];
    let words = key.as_str().split(' ').map(|word| {
        let bare = word.trim_start_matches('(');
        let digits = bare
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit());
        if LOWER.contains(&bare) || bare.ends_with("-based") || bare.ends_with("-bit") {
            let arm = bare.starts_with("arm") || bare.starts_with("itanium");
            return if arm { capital(word) } else { word.to_owned() };
        }
        // 22h2, r2
        if digits || bare == "r2" || bare == "xp" || bare == "hd" {
            return word.to_uppercase();
        }
        capital(word)
    });
    let words: Vec<String> = words.collect();
    words.join(" ").replace("Arm64", "ARM64")
}

fn capital(word: &str) -> String {
    let start = word
        .find(|first: char| first.is_alphanumeric())
        .unwrap_or(0);
    let (before, rest) = word.split_at_checked(start).unwrap_or(("", word));
    let mut chars = rest.chars();
    let Some(first) = chars.next() else {
        return word.to_owned();
    };
    format!("{before}{}{}", first.to_uppercase(), chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_written_as_people_do() {
        let names = [
            "Windows Server 2019 (Server Core installation)",
            "Windows Server 2012 R2",
            "Windows 11 Version 24H2 for ARM64-based systems",
            "Windows 7 for x64-based systems Service Pack 1",
            "Windows Server, Version 20H2 (Server Core installation)",
            "Windows XP Service Pack 3",
        ];
        for name in names {
            assert_eq!(display(&ProductKey::of(name)), name);
        }
    }
}
