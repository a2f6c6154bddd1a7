//! What the program is built of, for `--version`: what somebody who reports a fault is asked first.

use crate::{catalog, store};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// The version, and below it a line for each fact.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut text = env!("CARGO_PKG_VERSION").to_owned();
    for (name, value) in facts() {
        let _ = write!(text, "\n{name:<10} {value}");
    }
    text
});

fn facts() -> [(&'static str, String); 7] {
    let known = |value: &'static str| match value {
        "" => "not known".to_owned(),
        value => value.to_owned(),
    };
    [
        ("commit", known(env!("UNDERDESK_BUILD_COMMIT"))),
        ("target", known(env!("UNDERDESK_BUILD_TARGET"))),
        ("profile", known(env!("UNDERDESK_BUILD_PROFILE"))),
        ("engines", ENGINES.to_owned()),
        ("store", format!("schema {}", store::SCHEMA)),
        ("catalogue", format!("format {}", catalog::FORMAT)),
        ("licence", env!("CARGO_PKG_LICENSE").to_owned()),
    ]
}

/// How this build can sweep; whether it may is for the machine to say.
const ENGINES: &str = if cfg!(target_os = "linux") {
    "connect (ordinary connections), raw (packets of its own)"
} else {
    "connect (ordinary connections)"
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_version_says_what_a_report_of_a_fault_needs() {
        let lines: Vec<&str> = VERSION.lines().collect();
        assert_eq!(lines.first(), Some(&env!("CARGO_PKG_VERSION")));
        let names = ["commit", "target", "profile", "engines", "store"];
        for name in names.iter().chain(&["catalogue", "licence"]) {
            let line = lines.iter().find(|line| line.starts_with(name));
            let value = line.unwrap().strip_prefix(name).unwrap().trim();
            assert!(!value.is_empty(), "{name}");
        }
        assert!(VERSION.contains("schema ") && VERSION.contains(" MIT OR Apache-2.0"));
    }
}
