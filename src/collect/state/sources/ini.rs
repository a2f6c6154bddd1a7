//! The format that yum, dnf, zypper and pacman share: `[section]`, `key = value`, and lines that go on.

/// A section and its keys, as often as they come.
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    keys: Vec<(&'a str, String)>,
}

/// The sections of a file. Keys before the first are nobody's.
pub(super) fn sections<'a>(lines: &[&'a str]) -> Vec<Section<'a>> {
    let mut all: Vec<Section<'a>> = Vec::new();
    for line in lines {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[') {
            let name = name.split(']').next().unwrap_or(name).trim();
            let keys = Vec::new();
            all.push(Section { name, keys });
            continue;
        }
        let Some(section) = all.last_mut() else {
            continue;
        };
        let goes_on = line.starts_with([' ', '\t']);
        match (trimmed.split_once('='), section.keys.last_mut()) {
            // An address may hold an equals sign, a key no colon.
            (pair, Some((_, value))) if goes_on && pair.is_none_or(|pair| pair.0.contains(':')) => {
                value.push(' ');
                value.push_str(trimmed);
            }
            (Some((key, value)), _) => {
                section.keys.push((key.trim(), value.trim().to_owned()));
            }
            (None, _) => {}
        }
    }
    all
}

impl Section<'_> {
    /// The value that counts: the last one.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.values(key).last()
    }

    /// Every value of a key.
    pub(super) fn values<'b>(&'b self, key: &str) -> impl Iterator<Item = &'b str> {
        let keys = self.keys.iter();
        keys.filter(move |pair| pair.0 == key)
            .map(|pair| pair.1.as_str())
    }
}
