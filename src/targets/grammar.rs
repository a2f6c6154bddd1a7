//! How a target is written: one line, one target, and what the operator says of it.
//!
//! ```text
//! 10.0.0.5            2001:db8::5          one address
//! 10.0.0.0/24         2001:db8::/120       a block
//! 10.0.0.1-50         192.168.1-3.1-20     a range in any octet
//! 10.0.0.1-10.0.0.50  ::5-::9              from one address to another
//! web.example.com                          a name, resolved when the run begins
//! @servers.txt        -                    a file of targets; standard input
//! !10.0.0.7                                any of these, but excluded
//! 10.0.0.5 tags=db,prod criticality=high owner=ops exposure=internal   # a comment
//! ```

use super::spans::{IPV4, Span, key};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest line that is read, in bytes.
const LINE_LIMIT: usize = 4096;
/// The most spans that one octet range may fall into.
const PIECES_LIMIT: usize = 65_536;

/// A target as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Whether it is taken out rather than put in.
    pub(super) excluded: bool,
    /// Where it begins, in characters from 1.
    pub(super) column: usize,
    /// The target as written, without what is said of it.
    pub(super) text: String,
    /// What it means.
    pub(super) what: What,
    /// What the operator says of it: bare words of `tags=`, and `key=value`.
    pub(super) tags: Vec<String>,
}

/// What a target means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// These addresses.
    Addresses {
        /// All of them.
        spans: Vec<Span>,
        /// The network and broadcast address of an IPv4 block that has them.
        ends: Option<[u128; 2]>,
    },
    /// The addresses of this name, lower case, without a final dot.
    Name(String),
    /// The lines of this file.
    File(String),
    /// The lines of standard input.
    Input,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where, in characters from 1.
    pub(super) column: usize,
    /// What stands there.
    pub(super) found: String,
    /// What should stand there.
    pub(super) expected: &'static str,
}

impl Fault {
    fn new(column: usize, found: &str, expected: &'static str) -> Self {
        // Whoever reads the message needs the beginning, not a megabyte.
        Self {
            column,
            found: found.chars().take(80).collect(),
            expected,
        }
    }

    fn shifted(mut self, columns: usize) -> Self {
        self.column += columns;
        self
    }
}

/// Reads a command-line value. A path after `@` may have blanks in it.
pub(super) fn argument(text: &str) -> Result<Option<Entry>, Fault> {
    let plain = text.strip_prefix('!').unwrap_or(text);
    if !plain.starts_with('@') {
        return line(text);
    }
    target(text, 1).map(Some)
}

/// Reads a line of a target file; `None` for a blank one.
pub(super) fn line(text: &str) -> Result<Option<Entry>, Fault> {
    if text.len() > LINE_LIMIT {
        return Err(Fault::new(1, text, "a line of at most 4096 bytes"));
    }
    let mut words = words(text).take_while(|(_, word)| !word.starts_with('#'));
    let Some((column, word)) = words.next() else {
        return Ok(None);
    };
    let mut entry = target(word, column)?;
    for (column, word) in words {
        let listed = matches!(entry.what, What::File(_) | What::Input);
        if entry.excluded || listed {
            return Err(Fault::new(column, word, "the end of the line"));
        }
        entry.tags.extend(tags(column, word)?);
    }
    Ok(Some(entry))
}

/// The words of a line with their columns.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut column = 1;
    text.split(char::is_whitespace).filter_map(move |word| {
        let here = column;
        column += word.chars().count() + 1;
        (!word.is_empty()).then_some((here, word))
    })
}

/// Reads what the operator says of a target.
fn tags(column: usize, word: &str) -> Result<Vec<String>, Fault> {
    const KEYS: &[&str] = &["criticality", "owner", "exposure"];
    const EXPECTED: &str =
        "tags=, criticality=, owner= or exposure= with a value that has no blanks";
    let fault = || Fault::new(column, word, EXPECTED);
    let (name, value) = word.split_once('=').ok_or_else(fault)?;
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(fault());
    }
    if KEYS.contains(&name) {
        return Ok(vec![word.to_owned()]);
    }
    let tags: Vec<String> = value.split(',').map(str::to_owned).collect();
    if name != "tags" || tags.iter().any(String::is_empty) {
        return Err(fault());
    }
    Ok(tags)
}

fn target(word: &str, column: usize) -> Result<Entry, Fault> {
    let plain = word.strip_prefix('!');
    let (excluded, text) = plain.map_or((false, word), |text| (true, text));
    let column = column + usize::from(excluded);
    let what = what(text).map_err(|fault| fault.shifted(column - 1))?;
    Ok(Entry {
        excluded,
        column,
        text: text.to_owned(),
        what,
        tags: Vec::new(),
    })
}

fn what(text: &str) -> Result<What, Fault> {
    const EXPECTED: &str = "an address, a block, a range, a host name, @file or -";
    if text == "-" {
        return Ok(What::Input);
    }
    if let Some(path) = text.strip_prefix('@') {
        return match path {
            "" => Err(Fault::new(2, "", "the name of a file after @")),
            path => Ok(What::File(path.to_owned())),
        };
    }
    if text.is_empty() || text.starts_with('!') {
        return Err(Fault::new(1, text, EXPECTED));
    }
    if let Some((network, prefix)) = text.split_once('/') {
        return block(network, prefix);
    }
    if text.contains(':') {
        return ipv6(text);
    }
    if text.chars().all(|c| matches!(c, '0'..='9' | '.' | '-')) {
        return ipv4(text);
    }
    name(text)
}

fn block(network: &str, prefix: &str) -> Result<What, Fault> {
    const EXPECTED: &str = "a network address before /, such as 10.0.0.0/24 or 2001:db8::/120";
    if network.contains('%') || prefix.contains('%') {
        return Err(Fault::new(1, network, WITHOUT_ZONE));
    }
    let address: IpAddr = network
        .parse()
        .map_err(|_| Fault::new(1, network, EXPECTED))?;
    let (bits, expected) = match address {
        IpAddr::V4(_) => (32, "a prefix length from 0 to 32"),
        IpAddr::V6(_) => (128, "a prefix length from 0 to 128"),
    };
    let length = number(prefix).filter(|length| *length <= bits);
    let column = network.chars().count() + 2;
    let length = length.ok_or_else(|| Fault::new(column, prefix, expected))?;
    let free_bits = bits - length;
    let span = Span::block(key(address), free_bits);
    let whole_ipv4 = IPV4.contains(span.first) && IPV4.contains(span.last);
    let ends = (whole_ipv4 && free_bits >= 2).then_some([span.first, span.last]);
    let spans = if whole_ipv4 {
        vec![span]
    } else {
        without_ipv4(span)
    };
    Ok(What::Addresses { spans, ends })
}

/// An IPv6 span, without the block where IPv4 stands.
fn without_ipv4(span: Span) -> Vec<Span> {
    if span.last < IPV4.first || span.first > IPV4.last {
        return vec![span];
    }
    let mut pieces = Vec::new();
    if span.first < IPV4.first {
        pieces.push(Span {
            first: span.first,
            last: IPV4.first - 1,
        });
    }
    if span.last > IPV4.last {
        pieces.push(Span {
            first: IPV4.last + 1,
            last: span.last,
        });
    }
    pieces
}

/// Nothing is sent to an address that needs an interface.
const WITHOUT_ZONE: &str = "an IPv6 address without a zone: what is reached by its link-local address only (fe80::1%eth0) is not swept";

fn ipv6(text: &str) -> Result<What, Fault> {
    const EXPECTED: &str = "an IPv6 address without brackets, port or zone";
    let parse = |column: usize, text: &str| {
        let address: Result<Ipv6Addr, _> = text.parse();
        let expected = if text.contains('%') {
            WITHOUT_ZONE
        } else {
            EXPECTED
        };
        address.map_err(|_| Fault::new(column, text, expected))
    };
    let Some((first, last)) = text.split_once('-') else {
        let address = parse(1, text)?;
        return Ok(addresses(vec![Span::one(address.to_bits())]));
    };
    let column = first.chars().count() + 2;
    let (first, end) = (parse(1, first)?.to_bits(), parse(column, last)?.to_bits());
    if IPV4.contains(first) != IPV4.contains(end) {
        let expected = "an end of the same family as the start";
        return Err(Fault::new(column, last, expected));
    }
    if end < first {
        let expected = "an end that is not below the start";
        return Err(Fault::new(column, last, expected));
    }
    let span = Span { first, last: end };
    let mapped = IPV4.contains(first);
    Ok(addresses(if mapped {
        vec![span]
    } else {
        without_ipv4(span)
    }))
}

fn ipv4(text: &str) -> Result<What, Fault> {
    let ends = text.split_once('-').and_then(|(first, last)| {
        let (first, end): (Ipv4Addr, Ipv4Addr) = (first.parse().ok()?, last.parse().ok()?);
        Some((key(first.into()), key(end.into()), last))
    });
    if let Some((first, end, last)) = ends {
        let column = text.chars().count() - last.chars().count() + 1;
        let expected = "an end that is not below the start";
        return if end < first {
            Err(Fault::new(column, last, expected))
        } else {
            Ok(addresses(vec![Span { first, last: end }]))
        };
    }
    let octets = octets(text)?;
    let pieces = pieces(octets).ok_or_else(|| {
        let expected = "a range of at most 65536 pieces: put the wide octets last, or use blocks";
        Fault::new(1, text, expected)
    })?;
    Ok(addresses(pieces))
}

fn addresses(spans: Vec<Span>) -> What {
    What::Addresses { spans, ends: None }
}

/// Four octets, each a number or a range of numbers.
fn octets(text: &str) -> Result<[(u8, u8); 4], Fault> {
    const EXPECTED: &str = "a number from 0 to 255 without leading zeros, or a range such as 1-50";
    const FOUR: &str = "four octets, such as 10.0.0.1, 10.0.0.1-50 or 192.168.1-3.1-20";
    let mut octets = Vec::with_capacity(4);
    let mut column = 1;
    for part in text.split('.') {
        let fault = || Fault::new(column, part, EXPECTED);
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first = octet(first).ok_or_else(fault)?;
        let last = octet(last).ok_or_else(fault)?;
        if last < first {
            let expected = "a range whose end is not below its start";
            return Err(Fault::new(column, part, expected));
        }
        octets.push((first, last));
        column += part.chars().count() + 1;
    }
    octets.try_into().map_err(|_| Fault::new(1, text, FOUR))
}

fn octet(text: &str) -> Option<u8> {
    // Some programs read 010 as 8: we do not guess.
    let plain = text == "0" || !text.starts_with('0');
    u8::try_from(number(text)?).ok().filter(|_| plain)
}

/// A number of at most three digits, without a sign.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 3;
    text.parse().ok().filter(|_| digits)
}

/// The spans of an octet range; `None` when there are too many.
fn pieces(octets: [(u8, u8); 4]) -> Option<Vec<Span>> {
    let mut spans = vec![IPV4];
    for (at, (first, last)) in octets.into_iter().enumerate() {
        if octets.iter().skip(at).all(|octet| *octet == (0, 255)) {
            break;
        }
        let free_bits = 24 - 8 * at;
        // As long as the rest is whole, this octet's range is one span in each piece.
        let rest_is_whole = octets.iter().skip(at + 1).all(|octet| *octet == (0, 255));
        let place = |base: &Span, octet: u8| base.first | (u128::from(octet) << free_bits);
        let free = (1_u128 << free_bits) - 1;
        let width = usize::from(last - first) + 1;
        let count = spans.len() * if rest_is_whole { 1 } else { width };
        if count > PIECES_LIMIT {
            return None;
        }
        let split = |base: &Span| -> Vec<Span> {
            let span = |first: u8, last: u8| Span {
                first: place(base, first),
                last: place(base, last) | free,
            };
            if rest_is_whole {
                return vec![span(first, last)];
            }
            (first..=last).map(|octet| span(octet, octet)).collect()
        };
        spans = spans.iter().flat_map(split).collect();
    }
    Some(spans)
}

/// RFC 1123 section 2.1, and underscores, which Windows allows.
fn name(text: &str) -> Result<What, Fault> {
    const EXPECTED: &str = "a host name of letters, digits, hyphens and dots";
    const ASCII: &str = "a host name in its ASCII form (xn--…)";
    let plain = text.strip_suffix('.').unwrap_or(text);
    if !text.is_ascii() {
        return Err(Fault::new(1, text, ASCII));
    }
    let label = |label: &str| {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len())
            && label.chars().all(letters)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name whose last label is a number is a mistyped address.
    let last = plain.rsplit('.').next().unwrap_or_default();
    let numeric = last.chars().all(|c| c.is_ascii_digit());
    if plain.len() > 253 || !plain.split('.').all(label) || numeric {
        return Err(Fault::new(1, text, EXPECTED));
    }
    Ok(What::Name(plain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::super::spans::{Spans, address};
    use super::*;
    use proptest::prelude::*;

    fn entry(text: &str) -> Entry {
        line(text).unwrap().unwrap()
    }

    fn first_last_count(text: &str) -> (String, String, u128) {
        let What::Addresses { spans, .. } = entry(text).what else {
            panic!("{text} has no addresses")
        };
        let spans = Spans::new(spans);
        let all: Vec<Span> = spans.iter().collect();
        let (first, last) = (all[0].first, all[all.len() - 1].last);
        let text = |key| address(key).to_string();
        (text(first), text(last), spans.count())
    }

    #[test]
    fn every_way_to_write_addresses_is_read() {
        let cases = [
            ("10.0.0.5", "10.0.0.5", "10.0.0.5", 1),
            ("10.0.0.77/24", "10.0.0.0", "10.0.0.255", 256),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", 1 << 32),
            ("10.0.0.1-50", "10.0.0.1", "10.0.0.50", 50),
            ("10.0.0.1-10.0.1.50", "10.0.0.1", "10.0.1.50", 306),
            ("192.168.1-3.1-20", "192.168.1.1", "192.168.3.20", 60),
            (
                "10-11.0-255.0-255.0-255",
                "10.0.0.0",
                "11.255.255.255",
                1 << 25,
            ),
            ("2001:db8::5", "2001:db8::5", "2001:db8::5", 1),
            ("2001:db8::/120", "2001:db8::", "2001:db8::ff", 256),
            ("::5-::9", "::5", "::9", 5),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1", 1),
            ("::ffff:10.0.0.0/120", "10.0.0.0", "10.0.0.255", 256),
        ];
        for (text, first, last, count) in cases {
            let expected = (first.to_owned(), last.to_owned(), count);
            assert_eq!(first_last_count(text), expected, "{text}");
        }
    }

    #[test]
    fn an_ipv6_block_never_covers_ipv4() {
        let What::Addresses { spans, .. } = entry("::/0").what else {
            panic!("not addresses")
        };
        assert_eq!(Spans::new(spans).count_in(IPV4), 0);
    }

    #[test]
    fn names_files_and_standard_input_are_told_apart() {
        let what = |text| entry(text).what;
        assert_eq!(
            what("Web-1.Example.com."),
            What::Name("web-1.example.com".into())
        );
        assert_eq!(what("@a.txt"), What::File("a.txt".into()));
        assert_eq!(what("-"), What::Input);
        assert!(entry("!web").excluded);
        let path = argument("@my targets.txt").unwrap().unwrap();
        assert_eq!(path.what, What::File("my targets.txt".into()));
    }

    #[test]
    fn a_line_says_what_the_operator_knows() {
        let entry = entry("  10.0.0.5\ttags=db,prod criticality=high owner=ops # the old one");
        assert_eq!(entry.tags, ["db", "prod", "criticality=high", "owner=ops"]);
        assert_eq!((entry.column, entry.text.as_str()), (3, "10.0.0.5"));
        assert_eq!(line("   # nothing").unwrap(), None);
        assert_eq!(line("").unwrap(), None);
    }

    #[test]
    fn a_mistake_is_pointed_at() {
        let cases = [
            ("10.0.0.256", 8, "a number from 0 to 255"),
            ("10.0.0.010", 8, "without leading zeros"),
            ("10.0.0", 1, "four octets"),
            ("10.0.0.9-3", 8, "not below its start"),
            ("10.0.0.9-10.0.0.3", 10, "not below the start"),
            ("10.0.0.0/33", 10, "from 0 to 32"),
            ("10.0.0.0/+8", 10, "from 0 to 32"),
            ("2001:db8::/129", 12, "from 0 to 128"),
            ("fe80::1%eth0", 1, "zone"),
            ("web.example.com/24", 1, "a network address before /"),
            ("web:22", 1, "without brackets, port"),
            ("!!10.0.0.1", 2, "an address"),
            ("@", 2, "the name of a file"),
            ("bücher.example", 1, "ASCII"),
            ("a..b", 1, "a host name"),
            ("10.0.0.5x.1", 1, "a host name"),
            ("10.0.0.5 prod", 10, "tags="),
            ("10.0.0.5 tags=a,,b", 10, "tags="),
            ("  !10.0.0.5 tags=a", 13, "the end of the line"),
            ("1-255.1-255.1-255.1-20", 1, "65536 pieces"),
        ];
        for (text, column, expected) in cases {
            let fault = line(text).unwrap_err();
            assert_eq!(fault.column, column, "{text}: {fault:?}");
            assert!(fault.expected.contains(expected), "{text}: {fault:?}");
        }
    }

    #[test]
    fn the_ends_of_a_block_are_kept_apart() {
        let ends = |text| match entry(text).what {
            What::Addresses { ends, .. } => ends.is_some(),
            _ => false,
        };
        assert!(ends("10.0.0.0/24") && ends("10.0.0.0/30"));
        assert!(!ends("10.0.0.0/31") && !ends("10.0.0.0/32") && !ends("2001:db8::/64"));
        assert!(!ends("10.0.0.0-255"));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(text in "\\PC*") {
            let _ = line(&text);
        }

        #[test]
        fn no_line_of_our_own_letters_makes_the_reader_panic(text in "[0-9a-f.:/!@ =#-]{0,40}") {
            let _ = line(&text);
        }

        #[test]
        fn octet_ranges_hold_what_the_octets_say(octets in prop::array::uniform4((0_u8..=255, 0_u8..8)), at in prop::array::uniform4(0_u8..=255)) {
            let octets = octets.map(|(first, more)| (first, first.saturating_add(more)));
            let text: Vec<String> = octets.iter().map(|(a, b)| format!("{a}-{b}")).collect();
            let What::Addresses { spans, .. } = entry(&text.join(".")).what else { panic!("no addresses") };
            let spans = Spans::new(spans);
            let expected: u128 = octets.iter().map(|(a, b)| u128::from(b - a) + 1).product();
            prop_assert_eq!(spans.count(), expected);
            let within = octets.iter().zip(at).all(|((a, b), o)| (*a..=*b).contains(&o));
            prop_assert_eq!(spans.contains(key(Ipv4Addr::from(at).into())), within);
        }
    }
}
