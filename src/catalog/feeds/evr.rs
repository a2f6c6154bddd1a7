//! The shape of an rpm package's version.

/// Whether this is a version with a release: `[epoch:]version-release`. Publishers have been seen to put the
/// name of a module or a release in its place.
pub(super) fn is_evr(text: &str) -> bool {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let is_word = |part: &str| {
        let allowed = |char: char| char.is_ascii_alphanumeric() || "._+~^".contains(char);
        !part.is_empty() && part.chars().all(allowed)
    };
    let is_number = !epoch.is_empty() && epoch.chars().all(|char| char.is_ascii_digit());
    let parts = rest.rsplit_once('-');
    is_number && parts.is_some_and(|(version, release)| is_word(version) && is_word(release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_a_release_and_may_have_an_epoch() {
        for text in [
            "30:9.3.3-8.el5",
            "1.1.1k-9.el8_7",
            "1^git2-0~rc1",
            "5.0-1.module+el8.7.0+1",
        ] {
            assert!(is_evr(text), "{text}");
        }
        for text in [
            "",
            "1.0",
            "virt-devel:rhel",
            ":1-2",
            "1--",
            "1-2 3",
            "a-b:1-2",
            "1-2-",
        ] {
            assert!(!is_evr(text), "{text}");
        }
    }
}
