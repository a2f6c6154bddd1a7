//! Which hosts a credential may be used on.
//!
//! A scope looks only at what the operator said of a host: its address, the name that it was given
//! as a target by, and its tags. What a host calls itself never chooses a secret.

use crate::model::LiveHost;
use ipnetwork::IpNetwork;
use std::fmt;
use std::net::IpAddr;

/// The hosts that a credential may be used on. Exclusions win, wherever they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Scope {
    /// A scope of items.
    ///
    /// # Errors
    /// When nothing is included: that is a slip, and never means "everywhere".
    pub fn new(items: impl IntoIterator<Item = ScopeItem>) -> Result<Self, ScopeProblem> {
        let (exclude, include): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.excluded);
        let patterns = |items: Vec<ScopeItem>| {
            items
                .into_iter()
                .map(|item| item.pattern)
                .collect::<Vec<_>>()
        };
        let (include, exclude) = (patterns(include), patterns(exclude));
        match (include.is_empty(), exclude.is_empty()) {
            (true, true) => Err(ScopeProblem::Empty),
            (true, false) => Err(ScopeProblem::OnlyExclusions),
            (false, _) => Ok(Self { include, exclude }),
        }
    }

    /// Whether a host is in it.
    pub fn covers(&self, host: &LiveHost) -> bool {
        let hits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(host));
        hits(&self.include) && !hits(&self.exclude)
    }
}

/// What a scope says of a host, and by which of its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeSays {
    /// It is in, by this item.
    In(String),
    /// It is out, by this exclusion.
    Excluded(String),
    /// No item speaks of it.
    Nothing,
}

impl Scope {
    /// What decides whether a host is in it: [`Self::covers`] with the reason.
    pub fn says(&self, host: &LiveHost) -> ScopeSays {
        let hit = |patterns: &[Pattern]| {
            let mut hits = patterns.iter().filter(|pattern| pattern.matches(host));
            hits.next().map(ToString::to_string)
        };
        match (hit(&self.include), hit(&self.exclude)) {
            (Some(_), Some(item)) => ScopeSays::Excluded(format!("!{item}")),
            (Some(item), None) => ScopeSays::In(item),
            (None, _) => ScopeSays::Nothing,
        }
    }

    /// Whether any of its items is a network, so that a name alone does not tell whether a host is in it.
    pub fn has_networks(&self) -> bool {
        let mut all = self.include.iter().chain(&self.exclude);
        all.any(|pattern| matches!(pattern, Pattern::Network(_)))
    }
}

impl fmt::Display for Scope {
    /// As the file writes it, but that exclusions stand last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let include = self.include.iter().map(ToString::to_string);
        let exclude = self.exclude.iter().map(|pattern| format!("!{pattern}"));
        let items: Vec<String> = include.chain(exclude).collect();
        f.write_str(&items.join(", "))
    }
}

/// One item of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeItem {
    excluded: bool,
    pattern: Pattern,
}

impl ScopeItem {
    /// Reads `10.0.0.0/8`, `fd00::1`, `*.corp.example`, `tag:linux`, or one of these after a `!`.
    ///
    /// # Errors
    /// Whatever is not exactly one of these: a slip here sends a secret to the wrong host.
    pub fn parse(text: &str) -> Result<Self, ScopeProblem> {
        let (excluded, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let pattern = Pattern::parse(text)?;
        Ok(Self { excluded, pattern })
    }
}

/// What is wrong with a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeProblem {
    /// No items.
    #[error("an empty scope: no scope, no use; name networks, host names or tags")]
    Empty,
    /// Items, and all of them exclusions.
    #[error("a scope of exclusions only covers nothing; name what it does cover as well")]
    OnlyExclusions,
    /// An item without text.
    #[error("an empty item")]
    Blank,
    /// Neither a network nor an address.
    #[error("expected an address, or a network such as 10.0.0.0/8 or fd00::/8")]
    Network,
    /// A network whose address is not its first.
    #[error(
        "the address has bits beyond its prefix; write the network's first address, or the address alone"
    )]
    HostBits,
    /// Digits and dots with a wildcard or a range.
    #[error("addresses are given as networks, such as 10.0.0.0/8; wildcards are for host names")]
    AddressPattern,
    /// A name with characters that no host name has.
    #[error("expected a host name, in which * and ? are wildcards: letters, digits, - _ and dots")]
    Name,
    /// `tag:` and nothing.
    #[error("expected a tag's name after `tag:`")]
    Tag,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Network(IpNetwork),
    /// Lower case.
    Name(String),
    /// Exactly as the operator writes it in the target file: a word, or `key=value`.
    Tag(String),
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // An address alone is written so.
            Self::Network(network) if is_alone(network) => network.ip().fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Name(name) => f.write_str(name),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
        }
    }
}

fn is_alone(network: &IpNetwork) -> bool {
    let whole = if network.is_ipv4() { 32 } else { 128 };
    network.prefix() == whole
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, ScopeProblem> {
        if text.is_empty() {
            return Err(ScopeProblem::Blank);
        }
        if let Some(tag) = text.strip_prefix("tag:") {
            let good = !tag.is_empty() && !tag.contains(char::is_whitespace);
            return good
                .then(|| Self::Tag(tag.to_owned()))
                .ok_or(ScopeProblem::Tag);
        }
        if text.contains(['/', ':']) || text.parse::<IpAddr>().is_ok() {
            return network(text).map(Self::Network);
        }
        // `10.0.*` and `10.0.0.1-50` would match no name that anybody gives.
        if text
            .chars()
            .all(|c| matches!(c, '0'..='9' | '.' | '-' | '*' | '?'))
            && text.contains(|c: char| c.is_ascii_digit())
        {
            return Err(ScopeProblem::AddressPattern);
        }
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | '?');
        if !text.chars().all(good) {
            return Err(ScopeProblem::Name);
        }
        Ok(Self::Name(plain_name(text)))
    }

    fn matches(&self, host: &LiveHost) -> bool {
        match self {
            Self::Network(network) => network.contains(host.address.to_canonical()),
            Self::Name(glob) => host
                .name
                .as_deref()
                .is_some_and(|name| glob_matches(glob.as_bytes(), plain_name(name).as_bytes())),
            Self::Tag(tag) => host.tags.contains(tag),
        }
    }
}

fn network(text: &str) -> Result<IpNetwork, ScopeProblem> {
    let network: IpNetwork = text.parse().map_err(|_| ScopeProblem::Network)?;
    if network.network() != network.ip() {
        return Err(ScopeProblem::HostBits);
    }
    Ok(network)
}

/// Lower case, and without the root's dot.
fn plain_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether a name is like a pattern, in which `*` is any characters and `?` is one.
pub fn is_like(pattern: &str, name: &str) -> bool {
    glob_matches(pattern.as_bytes(), name.as_bytes())
}

/// Whether a text matches: `*` is any characters, dots too; `?` is one. Time is bounded by the
/// product of the lengths.
pub(super) fn glob_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(want) if want == byte || *want == b'?' => {
                p += 1;
                t += 1;
            }
            _ => {
                // The last star takes one character more.
                let Some((after, from)) = star else {
                    return false;
                };
                star = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
        }
    }
    pattern.iter().skip(p).all(|want| *want == b'*')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A host as the operator gives it.
    pub(crate) fn host(address: &str, name: Option<&str>, tags: &[&str]) -> LiveHost {
        LiveHost {
            address: address.parse().unwrap(),
            name: name.map(Into::into),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            open_ports: vec![22],
            round_trip: None,
        }
    }

    /// A scope of good items.
    pub(crate) fn scope(items: &[&str]) -> Scope {
        Scope::new(items.iter().map(|item| ScopeItem::parse(item).unwrap())).unwrap()
    }

    #[test]
    fn an_exclusion_wins_wherever_it_stands() {
        for items in [["!10.0.0.5", "10.0.0.0/8"], ["10.0.0.0/8", "!10.0.0.5"]] {
            let scope = scope(&items);
            assert!(!scope.covers(&host("10.0.0.5", None, &[])));
            assert!(scope.covers(&host("10.0.0.6", None, &[])));
        }
    }

    #[test]
    fn a_scope_that_includes_nothing_is_refused() {
        assert_eq!(Scope::new([]), Err(ScopeProblem::Empty));
        let only = ScopeItem::parse("!10.0.0.5").unwrap();
        assert_eq!(Scope::new([only]), Err(ScopeProblem::OnlyExclusions));
    }

    #[test]
    fn a_name_matches_only_what_the_operator_gave() {
        let scope = scope(&["*.corp.example"]);
        assert!(scope.covers(&host("10.0.0.1", Some("A.b.CORP.example."), &[])));
        assert!(!scope.covers(&host("10.0.0.1", None, &["a.corp.example"])));
        assert!(!scope.covers(&host("10.0.0.1", Some("corp.example"), &[])));
        assert!(!scope.covers(&host("10.0.0.1", Some("a.corp.example.evil.test"), &[])));
    }

    #[test]
    fn a_tag_matches_as_a_whole() {
        let scope = scope(&["tag:linux", "tag:site=hq", "!tag:fragile"]);
        assert!(scope.covers(&host("10.0.0.1", None, &["linux"])));
        assert!(scope.covers(&host("10.0.0.1", None, &["site=hq"])));
        assert!(!scope.covers(&host("10.0.0.1", None, &["site=hq2", "linuxes"])));
        assert!(!scope.covers(&host("10.0.0.1", None, &["linux", "fragile"])));
    }

    #[test]
    fn an_address_in_ipv6_clothes_is_the_same_address() {
        assert!(scope(&["10.0.0.0/8"]).covers(&host("::ffff:10.1.2.3", None, &[])));
        assert!(scope(&["fd00::/8"]).covers(&host("fd00::1", None, &[])));
        assert!(!scope(&["0.0.0.0/0"]).covers(&host("fd00::1", None, &[])));
    }

    #[test]
    fn slips_are_errors_and_not_names() {
        let cases = [
            ("", ScopeProblem::Blank),
            ("!", ScopeProblem::Blank),
            ("10.0.0.5/8", ScopeProblem::HostBits),
            ("10.0.0.0/33", ScopeProblem::Network),
            ("http://a.example", ScopeProblem::Network),
            ("10.0.*", ScopeProblem::AddressPattern),
            ("10.0.0.1-50", ScopeProblem::AddressPattern),
            ("10.0.0.300", ScopeProblem::AddressPattern),
            ("tag:", ScopeProblem::Tag),
            ("a b", ScopeProblem::Name),
            ("!!10.0.0.1", ScopeProblem::Name),
        ];
        for (text, problem) in cases {
            assert_eq!(ScopeItem::parse(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn many_stars_do_not_hang() {
        let (pattern, text) = ("*a".repeat(200), "a".repeat(199) + "b");
        assert!(!glob_matches(pattern.as_bytes(), text.as_bytes()));
    }

    proptest::proptest! {
        #[test]
        fn a_glob_matches_as_its_naive_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            fn naive(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern.split_first(), text.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), _) => {
                        (0..=text.len()).any(|n| naive(rest, &text[n..]))
                    }
                    (Some((want, rest)), Some((byte, tail))) => {
                        (want == byte || *want == b'?') && naive(rest, tail)
                    }
                    _ => false,
                }
            }
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            proptest::prop_assert_eq!(glob_matches(pattern, text), naive(pattern, text));
        }

        #[test]
        fn no_item_panics(text in ".{0,40}") {
            let _ = ScopeItem::parse(&text);
        }
    }

    #[test]
    fn the_item_that_decides_is_named() {
        let items = ["10.0.0.0/8", "*.corp.example", "!10.0.0.9"];
        let items = items.map(|item| ScopeItem::parse(item).unwrap());
        let scope = Scope::new(items).unwrap();
        let says = |address: &str, name: Option<&str>| {
            let host = host(address, name, &[]);
            let says = scope.says(&host);
            assert_eq!(matches!(says, ScopeSays::In(_)), scope.covers(&host));
            says
        };
        let within = |item: &str| ScopeSays::In(item.to_owned());
        assert_eq!(says("10.0.0.1", None), within("10.0.0.0/8"));
        let named = says("192.0.2.1", Some("web.corp.example"));
        assert_eq!(named, within("*.corp.example"));
        assert_eq!(
            says("10.0.0.9", None),
            ScopeSays::Excluded("!10.0.0.9".to_owned())
        );
        assert_eq!(says("192.0.2.1", None), ScopeSays::Nothing);
        assert!(scope.has_networks());
    }
}
