//! What the headers of exports mean, and which export has them: `columns.tsv`.

use super::Field;
use crate::model::ListKind;
pub(super) use crate::tabular::folded;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

const COLUMNS: &str = include_str!("columns.tsv");
const STATES: &str = include_str!("states.tsv");

/// What a header means to somebody.
#[derive(Clone, Copy, Debug)]
struct Meaning {
    /// Who writes it; nobody in particular where there is none.
    kind: Option<ListKind>,
    /// What it is; known and not used where there is none.
    field: Option<Field>,
    /// Its line: of several columns for one field the first counts.
    rank: usize,
    /// Whether it tells the kind.
    is_mark: bool,
}

static MEANINGS: LazyLock<HashMap<String, Vec<Meaning>>> = LazyLock::new(|| {
    let mut meanings: HashMap<String, Vec<Meaning>> = HashMap::new();
    for (rank, line) in COLUMNS.lines().enumerate() {
        if let Some((header, meaning)) = parse(line, rank) {
            meanings.entry(header).or_default().push(meaning);
        }
    }
    meanings
});

fn parse(line: &str, rank: usize) -> Option<(String, Meaning)> {
    let mut cells = line.split('\t');
    let (kind, field, header) = (cells.next()?, cells.next()?, cells.next()?);
    if kind.starts_with('#') {
        return None;
    }
    let meaning = Meaning {
        kind: ListKind::parse(kind),
        field: Field::parse(field),
        rank,
        is_mark: cells.next() == Some("+"),
    };
    Some((folded(header), meaning))
}

static OFF: LazyLock<Vec<(Option<ListKind>, String)>> = LazyLock::new(|| {
    let lines = STATES.lines().filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| line.split_once('\t'));
    words
        .map(|(kind, word)| (ListKind::parse(kind), folded(word)))
        .collect()
});

/// The ways in which a header may be meant, the fullest first: without what stands in brackets behind it (a unit,
/// a zone), without what stands before a point (a table's name).
fn spellings(header: &str) -> impl Iterator<Item = String> {
    let without_brackets = header.split(['(', '[']).next().unwrap_or_default();
    let last = header.rsplit('.').next().unwrap_or_default();
    let all = [header, without_brackets, last];
    all.into_iter()
        .map(folded)
        .filter(|spelling| !spelling.is_empty())
}

fn meanings(header: &str) -> Option<&'static Vec<Meaning>> {
    spellings(header).find_map(|spelling| MEANINGS.get(&spelling))
}

/// Whether anybody writes such a header.
pub(super) fn is_known(header: &str) -> bool {
    meanings(header).is_some()
}

/// What a header means in a list of a kind, and its rank: what that kind means by it, else what anybody does, else
/// what all others mean who write it. `Some(None)` where it is known and not used.
pub(super) fn field(kind: ListKind, header: &str) -> Option<(Option<Field>, usize)> {
    let meanings = meanings(header)?;
    let of = |kind: Option<ListKind>| meanings.iter().find(|one| one.kind == kind);
    if let Some(own) = of(Some(kind)).or_else(|| of(None)) {
        return Some((own.field, own.rank));
    }
    let first = meanings.first()?;
    let agree = meanings.iter().all(|one| one.field == first.field);
    agree.then_some((first.field, first.rank))
}

/// The kind whose marks a table has the most of, with these marks; of equal ones the kind that knows more of its
/// headers.
pub(super) fn kind(headers: &[String]) -> Option<(ListKind, Vec<&str>)> {
    let mut scores: BTreeMap<ListKind, (Vec<&str>, usize)> = BTreeMap::new();
    for header in headers {
        for meaning in meanings(header).into_iter().flatten() {
            let Some(kind) = meaning.kind else { continue };
            let (marks, known) = scores.entry(kind).or_default();
            *known += 1;
            if meaning.is_mark {
                marks.push(header);
            }
        }
    }
    // The last of equal ones would win: the order of kinds is turned round, so that it is the first.
    let best = scores
        .into_iter()
        .rev()
        .filter(|(_, (marks, _))| !marks.is_empty())
        .max_by_key(|(_, (marks, known))| (marks.len(), *known));
    best.map(|(kind, (marks, _))| (kind, marks))
}

/// Whether a word of a state column says that the list does not vouch for the machine.
pub(super) fn is_off(kind: ListKind, word: &str) -> bool {
    let word = folded(word);
    let mut off = OFF.iter();
    off.any(|(of, one)| of.is_none_or(|of| of == kind) && *one == word)
}

/// Whether a word says yes.
pub(super) fn is_yes(word: &str) -> bool {
    const YES: &[&str] = &["true", "yes", "1", "y", "x", "ja", "wahr", "oui", "vrai"];
    YES.contains(&folded(word).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_tables_reads() {
        for line in COLUMNS.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<_> = line.split('\t').collect();
            let kind = cells[0] == "*" || ListKind::parse(cells[0]).is_some();
            let field = cells[1] == "-" || Field::parse(cells[1]).is_some();
            assert!(kind && field && !folded(cells[2]).is_empty(), "{line}");
            assert!(
                cells.len() == 3 || (cells.len() == 4 && cells[3] == "+"),
                "{line}"
            );
        }
        for line in STATES.lines().filter(|line| !line.starts_with('#')) {
            let (kind, _) = line.split_once('\t').unwrap();
            assert!(kind == "*" || ListKind::parse(kind).is_some(), "{line}");
        }
    }

    #[test]
    fn a_header_is_found_however_it_is_spelt() {
        let find = |header: &str| field(ListKind::Plain, header).and_then(|(field, _)| field);
        for header in [
            "IP Address",
            "ip_address",
            "IPADDRESS",
            "IP-Address (primary)",
            "cmdb.ip_address",
        ] {
            assert_eq!(find(header), Some(Field::Address), "{header}");
        }
        assert_eq!(find("Gerätename"), Some(Field::Name));
        assert_eq!(find("colour"), None);
    }

    #[test]
    fn a_header_means_what_its_list_means() {
        let find = |kind, header| field(kind, header).and_then(|(field, _)| field);
        assert_eq!(find(ListKind::Edr, "Managed By"), None);
        assert_eq!(find(ListKind::Cmdb, "Managed by"), Some(Field::Owner));
        assert_eq!(find(ListKind::Switch, "Device"), Some(Field::Switch));
    }

    #[test]
    fn the_kind_is_told_by_its_marks() {
        let tell = |headers: &[&str]| {
            let headers: Vec<_> = headers.iter().map(|one| (*one).to_owned()).collect();
            kind(&headers).map(|(kind, _)| kind)
        };
        assert_eq!(tell(&["Name", "IP Address", "MAC"]), None);
        assert_eq!(
            tell(&["IPAddress", "ScopeId", "ClientId", "HostName"]),
            Some(ListKind::Dhcp)
        );
        assert_eq!(
            tell(&["Name", "ResourceID", "SMBIOSGUID"]),
            Some(ListKind::ConfigMgr)
        );
        assert_eq!(
            tell(&["mac", "device", "interface", "vlan"]),
            Some(ListKind::Switch)
        );
    }

    #[test]
    fn words_switch_a_record_off() {
        assert!(is_off(ListKind::Cmdb, "In Stock"));
        assert!(is_off(ListKind::Edr, "CanBeOnboarded"));
        assert!(!is_off(ListKind::Edr, "Onboarded"));
        assert!(!is_off(ListKind::Plain, "7"));
        assert!(is_off(ListKind::Cmdb, "7"));
    }
}
