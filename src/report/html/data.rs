//! The rows of the page for its script: columns of numbers, and every text once.
//!
//! Rows are taken in the order of their rank until no more fit, each with what it needs that is not there yet: its
//! machine, what it is about, their texts. A row that does not fit is taken back whole. Machines without a finding
//! (those that nobody could read among them) have a quarter of the room for themselves.

use super::super::links;
use super::kept::{Exploited, Figure, Gathered, Late, Machine, Row, Subject};
use crate::model::FindingState;
use std::fmt::Write as _;

/// What is not a number yet.
const NONE: u32 = u32::MAX;

/// The block of data, and what is in it.
pub(super) struct Data {
    /// JSON that may stand in a `<script>`.
    pub(super) json: String,
    pub(super) findings: usize,
    pub(super) machines: usize,
}

/// Writes as much of a run as fits into so many bytes. `head` are members of the object that say what the run is.
pub(super) fn fit(gathered: &Gathered, head: &str, room: usize) -> Data {
    let mut block = Block::new(gathered, room.saturating_sub(head.len() + FRAME));
    let (rows, all) = (&gathered.findings, block.room);
    let mut taken = block.findings(rows, block.room - block.room / 4);
    let mut rest: Vec<usize> = (0..gathered.machines.len()).collect();
    rest.sort_by_key(|at| {
        gathered
            .machines
            .get(*at)
            .map_or(u64::MAX, |machine| machine.best)
    });
    for at in rest {
        let number = u32::try_from(at).unwrap_or(NONE);
        if !block.attempt(all, |block| {
            block.machine(number);
        }) {
            break;
        }
    }
    taken += block.findings(rows.get(taken..).unwrap_or_default(), block.room);
    Data {
        findings: taken,
        machines: block.machine_count,
        json: block.finish(head),
    }
}

/// What the names of the columns and the brackets around them take at most.
const FRAME: usize = 1024;

/// The columns, each as it will stand between its brackets or quotes, with a comma behind every number.
const COLUMNS: [(&str, bool); 33] = [
    ("texts", true),
    ("links", true),
    // What findings are about.
    ("s_bulletin", true),
    ("s_link", true),
    ("s_title", true),
    ("s_product", true),
    ("s_fix", true),
    ("s_fixed", true),
    ("s_cvss", true),
    ("s_epss", true),
    ("s_cves", true),
    // Machines.
    ("m_name", true),
    ("m_ip", true),
    ("m_os", true),
    ("m_owner", true),
    ("m_outcome", true),
    ("m_managed", true),
    ("m_eol", true),
    ("m_reboot", true),
    ("m_tags", true),
    ("m_worst", false),
    ("m_missing", true),
    ("m_unknown", true),
    ("m_kev", true),
    ("m_overdue", true),
    // Findings.
    ("f_rank", true),
    ("f_machine", true),
    ("f_subject", true),
    ("f_installed", true),
    ("f_due", true),
    ("f_owner", true),
    ("f_status", true),
    ("f_marks", false),
];

const TEXTS: usize = 0;
const LINKS: usize = 1;
const SUBJECT: usize = 2;
const MACHINE: usize = 11;
const WORST: usize = 20;
const FINDING: usize = 25;
const MARKS: usize = 32;

/// The columns while they grow.
struct Block<'g> {
    from: &'g Gathered,
    room: usize,
    columns: [String; COLUMNS.len()],
    /// The number that each has here.
    texts: Vec<u32>,
    subjects: Vec<u32>,
    machines: Vec<u32>,
    text_count: usize,
    subject_count: usize,
    machine_count: usize,
    /// The patterns of addresses, in the order of their numbers.
    links: Vec<String>,
    /// What the attempt that goes on has numbered.
    fresh: Vec<Fresh>,
}

/// Something that has just got a number.
enum Fresh {
    Text(u32),
    Subject(u32),
    Machine(u32),
}

impl<'g> Block<'g> {
    fn new(from: &'g Gathered, room: usize) -> Self {
        let mut block = Self {
            from,
            room,
            columns: std::array::from_fn(|_| String::new()),
            texts: vec![NONE; from.texts.len()],
            subjects: vec![NONE; from.subjects.len()],
            machines: vec![NONE; from.machines.len()],
            text_count: 0,
            subject_count: 0,
            machine_count: 0,
            links: Vec::new(),
            fresh: Vec::new(),
        };
        // The empty text is 0 here as well.
        block.text(0);
        block.fresh.clear();
        block
    }

    /// Takes rows in order until one does not fit, and says how many.
    fn findings(&mut self, rows: &[Row], room: usize) -> usize {
        let fits = |row: &&Row| self.attempt(room, |block| block.finding(row));
        rows.iter().take_while(fits).count()
    }

    /// Writes something, and takes it back where it is more than there is room for.
    fn attempt(&mut self, room: usize, write: impl FnOnce(&mut Self)) -> bool {
        let lengths = self.columns.each_ref().map(String::len);
        let counts = (
            self.text_count,
            self.subject_count,
            self.machine_count,
            self.links.len(),
        );
        write(self);
        if self.columns.iter().map(String::len).sum::<usize>() <= room {
            self.fresh.clear();
            return true;
        }
        for (column, length) in self.columns.iter_mut().zip(lengths) {
            column.truncate(length);
        }
        (self.text_count, self.subject_count, self.machine_count) = (counts.0, counts.1, counts.2);
        self.links.truncate(counts.3);
        for fresh in std::mem::take(&mut self.fresh) {
            let (all, at) = match fresh {
                Fresh::Text(at) => (&mut self.texts, at),
                Fresh::Subject(at) => (&mut self.subjects, at),
                Fresh::Machine(at) => (&mut self.machines, at),
            };
            if let Some(number) = all.get_mut(index(at)) {
                *number = NONE;
            }
        }
        false
    }

    fn push(&mut self, column: usize, value: impl std::fmt::Display) {
        if let Some(column) = self.columns.get_mut(column) {
            let _ = write!(column, "{value},");
        }
    }

    fn mark(&mut self, column: usize, mark: char) {
        if let Some(column) = self.columns.get_mut(column) {
            column.push(mark);
        }
    }

    /// The number of a text here.
    fn text(&mut self, at: u32) -> u32 {
        let text = self.from.texts.text(at);
        match self.texts.get_mut(index(at)) {
            Some(number) if *number == NONE => {
                *number = short(self.text_count);
                self.text_count += 1;
                self.fresh.push(Fresh::Text(at));
            }
            Some(number) => return *number,
            None => return 0,
        }
        self.push(TEXTS, quoted(text));
        short(self.text_count - 1)
    }

    fn texts(&mut self, first: usize, all: &[u32]) {
        for (column, at) in all.iter().enumerate() {
            let number = self.text(*at);
            self.push(first + column, number);
        }
    }

    fn list(&mut self, column: usize, all: &[u32]) {
        let numbers: Vec<String> = all.iter().map(|at| self.text(*at).to_string()).collect();
        self.push(column, format_args!("[{}]", numbers.join(",")));
    }

    fn subject(&mut self, at: u32) -> u32 {
        let Some(subject) = self.from.subjects.get(index(at)) else {
            return 0;
        };
        match self.subjects.get_mut(index(at)) {
            Some(number) if *number == NONE => {
                *number = short(self.subject_count);
                self.subject_count += 1;
                self.fresh.push(Fresh::Subject(at));
            }
            Some(number) => return *number,
            None => return 0,
        }
        let Subject {
            bulletin,
            title,
            product,
            fix,
            fixed,
            cvss,
            epss,
            cves,
        } = subject.as_ref();
        let link = self.link(*bulletin);
        self.texts(SUBJECT, &[*bulletin]);
        self.push(SUBJECT + 1, link);
        self.texts(SUBJECT + 2, &[*title, *product, *fix, *fixed, *cvss, *epss]);
        self.list(SUBJECT + 8, cves);
        short(self.subject_count - 1)
    }

    /// The number of the pattern of a bulletin's address from 1; 0 where it has none.
    fn link(&mut self, bulletin: u32) -> usize {
        let Some(pattern) = pattern(self.from.texts.text(bulletin)) else {
            return 0;
        };
        if let Some(at) = self.links.iter().position(|known| *known == pattern) {
            return at + 1;
        }
        self.push(LINKS, quoted(&pattern));
        self.links.push(pattern);
        self.links.len()
    }

    fn machine(&mut self, at: u32) -> u32 {
        let Some(machine) = self.from.machines.get(index(at)) else {
            return 0;
        };
        match self.machines.get_mut(index(at)) {
            Some(number) if *number == NONE => {
                *number = short(self.machine_count);
                self.machine_count += 1;
                self.fresh.push(Fresh::Machine(at));
            }
            Some(number) => return *number,
            None => return 0,
        }
        let Machine {
            name,
            ip,
            os,
            owner,
            outcome,
            managed,
            end_of_life,
            reboot,
            ..
        } = machine;
        self.texts(
            MACHINE,
            &[
                *name,
                *ip,
                *os,
                *owner,
                *outcome,
                *managed,
                *end_of_life,
                *reboot,
            ],
        );
        self.list(MACHINE + 8, &machine.tags);
        self.mark(WORST, digit(machine.worst));
        let figures = [
            machine.missing,
            machine.unknown,
            machine.exploited,
            machine.overdue,
        ];
        for (column, figure) in figures.into_iter().enumerate() {
            match figure {
                Figure::Unknown => self.push(WORST + 1 + column, -1),
                Figure::None => self.push(WORST + 1 + column, -2),
                Figure::Count(count) => self.push(WORST + 1 + column, count),
            }
        }
        short(self.machine_count - 1)
    }

    fn finding(&mut self, row: &Row) {
        let (machine, subject) = (self.machine(row.machine), self.subject(row.subject));
        for (column, number) in [row.rank, machine, subject].into_iter().enumerate() {
            self.push(FINDING + column, number);
        }
        self.texts(
            FINDING + 3,
            &[row.installed, row.due, row.owner, row.status],
        );
        for mark in marks(row) {
            self.mark(MARKS, mark);
        }
    }

    fn finish(self, head: &str) -> String {
        let mut json = format!("{{{head}");
        for ((name, is_list), column) in COLUMNS.iter().zip(&self.columns) {
            let column = column.strip_suffix(',').unwrap_or(column);
            let _ = match is_list {
                true => write!(json, ",\"{name}\":[{column}]"),
                false => write!(json, ",\"{name}\":\"{column}\""),
            };
        }
        json.push('}');
        json
    }
}

/// A finding's state, severity, exploitation and lateness: a character each.
fn marks(row: &Row) -> [char; 4] {
    let exploited = match row.exploited {
        Exploited::Yes => 'y',
        Exploited::No => 'n',
        Exploited::Unknown => 'u',
        Exploited::None => '-',
    };
    let late = match row.late {
        Late::Overdue => 'o',
        Late::Excepted => 'x',
        Late::No => '-',
    };
    let state = usize::from(row.state).min(FindingState::ALL.len());
    let state = u8::try_from(state).ok().and_then(|at| b'a'.checked_add(at));
    [
        state.map_or('z', char::from),
        digit(row.severity),
        exploited,
        late,
    ]
}

fn digit(number: u8) -> char {
    char::from_digit(u32::from(number), 10).unwrap_or('5')
}

/// The address of a bulletin with the part of its id that is in it as `{n}`: from which character on.
fn pattern(id: &str) -> Option<String> {
    let url = links::bulletin(id)?;
    let parts = id
        .char_indices()
        .filter_map(|(at, _)| Some((at, id.get(at..)?)));
    let mut parts = parts.filter(|(_, part)| part.len() >= 4 && url.contains(part));
    let Some((at, part)) = parts.next() else {
        return Some(url);
    };
    Some(url.replacen(part, &format!("{{{at}}}"), 1))
}

/// A text as JSON that may stand in a `<script>`: nothing in it ends or opens an element or a comment.
pub(super) fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn short(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_of_an_address_gives_the_address_back() {
        for id in [
            "CVE-2024-6387",
            "KB5094123",
            "MS17-010",
            "UBUNTU-CVE-2024-6387",
            "ELSA-2024-4312",
            "SUSE-SU-2024:123-1",
        ] {
            let pattern = pattern(id).unwrap();
            let from: usize = pattern
                .split_once('{')
                .and_then(|(_, rest)| rest.split_once('}'))
                .map_or(0, |(at, _)| at.parse().unwrap());
            let url = pattern.replace(&format!("{{{from}}}"), id.get(from..).unwrap());
            assert_eq!(Some(url), links::bulletin(id));
        }
    }

    #[test]
    fn no_text_ends_the_block_that_it_stands_in() {
        let json = quoted("</script><!--<script>&\u{2028}\"");
        assert!(!json.contains(['<', '>', '&']));
        assert_eq!(
            serde_json::from_str::<String>(&json).unwrap(),
            "</script><!--<script>&\u{2028}\""
        );
    }
}
