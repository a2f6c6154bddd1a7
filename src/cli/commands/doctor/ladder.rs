//! The ladder of one host: what each rung came to, from the notes of the run. Pure.

use super::super::examine::Examination;
use super::next;
use super::questions;
use super::way::Way;
use crate::collect::Account;
use crate::model::{
    AccessRecord, Answer, Clue, CredentialId, Fact, HostTrust, ProbeKind, Protocol, ResultCode,
};
use crate::scan::{Examined, Meeting, Step};
use crate::store::SightingRow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// What a ladder is made from.
pub(super) struct View<'a> {
    /// The host as the operator named it.
    pub(super) target: &'a str,
    /// What that name leads to, where it is one.
    pub(super) named: Option<&'a Result<Vec<IpAddr>, String>>,
    pub(super) address: IpAddr,
    pub(super) way: &'a Way,
    pub(super) seen: &'a Examination,
    pub(super) no_users: bool,
    /// The flags of this command.
    pub(super) typed: &'a next::Typed,
}

/// How far one got on a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    /// In, but not everything was answered.
    Gaps,
    Stops,
    NotReached,
    /// Nothing went on here that could be judged.
    NotJudged,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Gaps => "gaps",
            Self::Stops => "stops here",
            Self::NotReached => "not reached",
            Self::NotJudged => "not judged",
        }
    }
}

/// One rung.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    pub(super) name: &'static str,
    pub(super) state: State,
    /// In a few words. Hostile in part.
    pub(super) text: String,
    /// What is to be said besides, a line each.
    pub(super) lines: Vec<String>,
    /// What is to be said with `-v`.
    pub(super) in_full: Vec<String>,
    /// What to do where it stops.
    pub(super) next: String,
}

/// All rungs, in order.
pub(super) struct Ladder {
    pub(super) rungs: Vec<Rung>,
    /// Every code that came up.
    pub(super) codes: Vec<ResultCode>,
}

const NAMES: [&str; 8] = [
    "name",
    "route",
    "port",
    "protocol",
    "trust",
    "login",
    "privilege",
    "questions",
];

/// The ladder of a name that leads nowhere; `None` where it leads somewhere, or is an address.
pub(super) fn of_name(target: &str, named: Option<&Result<Vec<IpAddr>, String>>) -> Option<Ladder> {
    let why = match named? {
        Ok(addresses) if addresses.is_empty() => "it has no address",
        Ok(_) => return None,
        Err(why) => why.as_str(),
    };
    let mut rungs = vec![Rung {
        next: format!("getent ahosts {}", next::quoted(target)),
        ..rung(
            "name",
            State::Stops,
            format!("{target} is not known: {why}"),
        )
    }];
    fill(&mut rungs);
    Some(Ladder {
        rungs,
        codes: Vec::new(),
    })
}

impl Ladder {
    pub(super) fn of(view: &View<'_>) -> Self {
        let host = view
            .seen
            .hosts
            .iter()
            .find(|host| host.address == view.address);
        let facts = Facts::of(view, host);
        let all = [
            facts.name(),
            facts.route(),
            facts.port(),
            facts.protocol(),
            facts.trust(),
            facts.login(),
            facts.privilege(),
            facts.questions(),
        ];
        let stop = all.iter().position(|rung| rung.state == State::Stops);
        let reached = stop.map_or(all.len(), |stop| stop + 1);
        let mut rungs: Vec<Rung> = all.into_iter().take(reached).collect();
        fill(&mut rungs);
        let codes = facts.ended.iter().map(|row| row.code).collect();
        Self { rungs, codes }
    }

    /// The rung at which it stops.
    pub(super) fn stop(&self) -> Option<&Rung> {
        self.rungs.iter().find(|rung| rung.state == State::Stops)
    }

    /// Where it stops and what to do, in lines.
    pub(super) fn conclusion(&self) -> Vec<String> {
        if let Some(stop) = self.stop() {
            return vec![
                format!("It stops at {}: {}", stop.name, stop.text),
                format!("Next: {}", stop.next),
            ];
        }
        let gaps = self.rungs.iter().find(|rung| rung.state == State::Gaps);
        match gaps {
            Some(gaps) => vec![
                format!("The way is clear, with gaps: {}", gaps.text),
                format!("Next: {}", gaps.next),
            ],
            None => vec!["The whole way is clear: a scan reads this host.".to_owned()],
        }
    }
}

/// Those rungs that nobody came to.
fn fill(rungs: &mut Vec<Rung>) {
    for name in NAMES.into_iter().skip(rungs.len()) {
        rungs.push(rung(name, State::NotReached, String::new()));
    }
}

fn rung(name: &'static str, state: State, text: impl Into<String>) -> Rung {
    Rung {
        name,
        state,
        text: text.into(),
        lines: Vec::new(),
        in_full: Vec::new(),
        next: String::new(),
    }
}

/// What the notes of a host amount to.
struct Facts<'a> {
    view: &'a View<'a>,
    host: Option<&'a Examined>,
    probes: Vec<&'a SightingRow>,
    met: Vec<&'a Meeting>,
    not_met: Vec<(Protocol, u16, ResultCode, &'a str)>,
    ended: Vec<&'a AccessRecord>,
    let_in: Option<&'static str>,
    account: Option<&'a Account>,
}

impl<'a> Facts<'a> {
    fn of(view: &'a View<'a>, host: Option<&'a Examined>) -> Self {
        let probes = view.seen.probes.iter();
        let probes = probes.filter(|row| row.address == view.address);
        let mut facts = Self {
            view,
            host,
            probes: probes.collect(),
            met: Vec::new(),
            not_met: Vec::new(),
            ended: Vec::new(),
            let_in: None,
            account: None,
        };
        let mut at = (Protocol::Ssh, 0);
        for note in host.map(|host| host.notes.as_slice()).unwrap_or_default() {
            match &note.step {
                Step::Connects(protocol, port) => at = (*protocol, *port),
                Step::Met(meeting) => facts.met.push(meeting),
                Step::NotMet { code, detail, .. } => {
                    facts.not_met.push((at.0, at.1, *code, detail.as_str()));
                }
                Step::Ended(row) => facts.ended.push(row),
                Step::LoggedIn(method) => facts.let_in = Some(*method),
                Step::Account(account) => facts.account = Some(account),
                _ => {}
            }
        }
        if let Some(outcome) = host.and_then(|host| host.outcome.as_ref())
            && facts.ended.is_empty()
        {
            // What was ruled out without a step towards it.
            facts.ended.extend(&outcome.access);
        }
        facts
    }

    fn name(&self) -> Rung {
        let target = self.view.target;
        let mut text = match self.view.named {
            Some(Ok(addresses)) => {
                let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                format!("{target} is {}", all.join(", "))
            }
            _ => "an address was given, and no name".to_owned(),
        };
        if let Some(said) = self.reverse() {
            text.push_str(&said);
        }
        rung("name", State::Ok, text)
    }

    /// What DNS calls the address.
    fn reverse(&self) -> Option<String> {
        let outcome = self.host?.outcome.as_ref()?;
        let named = outcome.clues.iter().find_map(|clue| match &clue.fact {
            Fact::ReverseName { name, is_confirmed } => Some((name, *is_confirmed)),
            _ => None,
        });
        let (name, is_confirmed) = named?;
        let confirmed = if is_confirmed {
            "which leads back to it"
        } else {
            "which does not lead back to it"
        };
        Some(format!("; DNS calls it {name}, {confirmed}"))
    }

    fn route(&self) -> Rung {
        let way = self.view.way;
        // Whoever answers can be reached.
        if way.is_there || self.probes.iter().any(|row| row.answer.is_life()) {
            return rung("route", State::Ok, way.words.clone());
        }
        Rung {
            next: format!("ip route get {}", self.view.address),
            ..rung("route", State::Stops, way.words.clone())
        }
    }

    fn port(&self) -> Rung {
        let plan = &self.view.seen.plan;
        let ways: Vec<(Protocol, u16)> = plan.ways_in().collect();
        let mut said: Vec<String> = ways.iter().map(|way| self.said_of(way.1)).collect();
        let other = self.probes.iter().filter(|row| {
            let port = row.probe.port();
            row.answer == Answer::Open && ways.iter().all(|way| Some(way.1) != port)
        });
        let other: Vec<String> = other
            .filter_map(|row| row.probe.port())
            .map(|port| port.to_string())
            .collect();
        if !other.is_empty() {
            said.push(format!("besides open: {}", other.join(", ")));
        }
        let text = said.join(", ");
        let is_open = |port: u16| self.answer(port) == Some(Answer::Open);
        let found = self.ended.iter().any(|row| row.port.is_some_and(is_open));
        if found || ways.iter().any(|way| is_open(way.1)) {
            return rung("port", State::Ok, text);
        }
        let closed = ways
            .iter()
            .find(|way| self.answer(way.1) == Some(Answer::Closed));
        let (code, way) = match (closed, ways.first()) {
            (Some(way), _) => (ResultCode::PortClosed, *way),
            (None, Some(way)) => (ResultCode::Filtered, *way),
            (None, None) => (ResultCode::Filtered, (Protocol::Ssh, 22)),
        };
        let lives = self.probes.iter().any(|row| row.answer.is_life());
        let sentence = if lives {
            code.sentence().to_owned()
        } else {
            "Nothing answers at this address on any port that was tried: it is off, elsewhere, or behind a firewall.".to_owned()
        };
        Rung {
            next: self.next(code, way, None),
            ..rung("port", State::Stops, format!("{text}. {sentence}"))
        }
    }

    /// `22 open (3 ms)`.
    fn said_of(&self, port: u16) -> String {
        let row = self
            .probes
            .iter()
            .find(|row| row.probe == ProbeKind::Tcp(port));
        let Some(row) = row else {
            return format!("{port} silent");
        };
        let took = row.round_trip_us.map_or_else(String::new, |us| {
            format!(" ({}.{} ms)", us / 1_000, us % 1_000 / 100)
        });
        format!("{port} {}{took}", row.answer.as_str())
    }

    fn answer(&self, port: u16) -> Option<Answer> {
        let row = self
            .probes
            .iter()
            .find(|row| row.probe == ProbeKind::Tcp(port));
        row.map(|row| row.answer)
    }

    fn protocol(&self) -> Rung {
        let mut lines = self.shown(self.met.last().copied());
        let changed =
            |one: &&(Protocol, u16, ResultCode, &str)| one.2 == ResultCode::HostkeyChanged;
        if let Some(met) = self.met.last() {
            let mut text = format!("{} on {}", met.protocol.as_str(), met.port);
            if !met.banner.is_empty() {
                let _ = write!(text, ": {}", met.banner);
            }
            return Rung {
                lines,
                ..rung("protocol", State::Ok, text)
            };
        }
        if let Some((protocol, port, ..)) = self.not_met.iter().find(changed) {
            let text = format!("{} on {port}", protocol.as_str());
            return Rung {
                lines,
                ..rung("protocol", State::Ok, text)
            };
        }
        if let Some((protocol, port, code, detail)) = self.not_met.last() {
            let text = format!(
                "{} on {port}: {}: {} {detail}",
                protocol.as_str(),
                code.as_str(),
                code.sentence()
            );
            return Rung {
                lines,
                next: self.next(*code, (*protocol, *port), None),
                ..rung("protocol", State::Stops, text)
            };
        }
        // Nobody had a reason to go further than a look.
        let text = if lines.is_empty() {
            "it says nothing of itself".to_owned()
        } else {
            lines.remove(0)
        };
        Rung {
            lines,
            ..rung("protocol", State::Ok, text)
        }
    }

    /// What the host shows of itself without a login, a line a port; without the banner that was met, which is said
    /// already.
    fn shown(&self, met: Option<&Meeting>) -> Vec<String> {
        let Some(outcome) = self.host.and_then(|host| host.outcome.as_ref()) else {
            return Vec::new();
        };
        let ports: BTreeSet<u16> = outcome.clues.iter().map(|clue| clue.port).collect();
        let shown = ports
            .into_iter()
            .filter(|port| *port > 0)
            .filter_map(|port| {
                let clues = outcome.clues.iter().filter(|clue| clue.port == port);
                let clues = clues.filter(|clue| !is_said(clue, met));
                let said: BTreeSet<String> = clues.filter_map(|clue| says(&clue.fact)).collect();
                let said: Vec<String> = said.into_iter().collect();
                (!said.is_empty()).then(|| format!("{port}: {}", said.join("; ")))
            });
        shown.collect()
    }

    fn trust(&self) -> Rung {
        let changed = self
            .not_met
            .iter()
            .find(|one| one.2 == ResultCode::HostkeyChanged);
        if let Some((protocol, port, code, detail)) = changed {
            return Rung {
                next: self.next(*code, (*protocol, *port), None),
                ..rung(
                    "trust",
                    State::Stops,
                    format!("{} {detail}", code.sentence()),
                )
            };
        }
        let Some(met) = self.met.last() else {
            let text = "no login came so far as to ask who the host is";
            return rung("trust", State::NotJudged, text);
        };
        let held = [
            ResultCode::HostkeyUnknown,
            ResultCode::HostkeyChanged,
            ResultCode::TlsUntrusted,
            ResultCode::NotAttemptedTrust,
        ];
        let mut ended = self.ended.iter().copied();
        let held = ended.find(|row| held.contains(&row.code));
        let trust = match self.ended.iter().rev().find(|row| row.attempted) {
            Some(row) => row.trust,
            None => met.trust,
        };
        let text = format!("{} ({})", why_known(trust), met.key);
        match (
            held,
            self.let_in,
            self.ended.iter().any(|row| row.attempted),
        ) {
            (Some(row), None, false) => Rung {
                next: self.next(
                    row.code,
                    (row.protocol, row.port.unwrap_or(met.port)),
                    Some(row),
                ),
                ..rung(
                    "trust",
                    State::Stops,
                    format!(
                        "{}: {} {}",
                        row.code.as_str(),
                        row.code.sentence(),
                        row.detail
                    ),
                )
            },
            _ => rung("trust", State::Ok, text),
        }
    }

    fn login(&self) -> Rung {
        let tried = self.ended.iter().copied();
        let tried = tried.filter(|row| row.credential.is_some());
        let lines: Vec<String> = tried.clone().map(Self::line_of).collect();
        if let Some(method) = self.let_in {
            let outcome = self.host.and_then(|host| host.outcome.as_ref());
            let id = outcome.and_then(|outcome| outcome.credential.as_ref());
            let id = id.map_or_else(String::new, ToString::to_string);
            return Rung {
                lines: if lines.len() > 1 { lines } else { Vec::new() },
                ..rung("login", State::Ok, format!("{id} by {method}"))
            };
        }
        let mut tried = tried;
        let last = tried.next_back().or(self.ended.last().copied());
        let Some(row) = last else {
            let code = ResultCode::NoCredentialInScope;
            return Rung {
                next: self.next(code, (Protocol::Ssh, 22), None),
                ..rung("login", State::Stops, code.sentence())
            };
        };
        Rung {
            lines: if lines.len() > 1 { lines } else { Vec::new() },
            next: self.next(row.code, (row.protocol, row.port.unwrap_or(0)), Some(row)),
            ..rung("login", State::Stops, Self::line_of(row))
        }
    }

    /// `audit over ssh: auth_rejected: The host refused … (what it said)`.
    fn line_of(row: &AccessRecord) -> String {
        let whose = match &row.credential {
            Some(id) => format!("{id} over {}", row.protocol.as_str()),
            None => row.protocol.as_str().to_owned(),
        };
        let detail = if row.detail.is_empty() {
            String::new()
        } else {
            format!(" ({})", row.detail)
        };
        format!(
            "{whose}: {}: {}{detail}",
            row.code.as_str(),
            row.code.sentence()
        )
    }

    fn privilege(&self) -> Rung {
        let row = self.ended.last().copied();
        let is_read = self
            .host
            .and_then(|host| host.outcome.as_ref())
            .is_some_and(|outcome| outcome.inventory.is_some());
        if let (Some(row), false) = (row, is_read) {
            return Rung {
                next: self.next(row.code, (row.protocol, row.port.unwrap_or(0)), Some(row)),
                ..rung("privilege", State::Stops, Self::line_of(row))
            };
        }
        let (who, rank) = match self.account {
            Some(account) => (account.who.known(), account.rank.known()),
            None => (None, None),
        };
        let who = match who {
            Some(_) if self.view.no_users => "logged in",
            Some(who) => who,
            None => "the host does not say who we are",
        };
        let rank = rank.map_or("", |rank| rank.sentence());
        let mut lines = Vec::new();
        if let Some(row) = row.filter(|row| row.code == ResultCode::SudoDenied) {
            lines.push(Self::line_of(row));
        }
        Rung {
            lines,
            ..rung("privilege", State::Ok, format!("{who} {rank}").trim_end())
        }
    }

    fn questions(&self) -> Rung {
        let notes = self
            .host
            .map(|host| host.notes.as_slice())
            .unwrap_or_default();
        let asked = questions::of(notes);
        let mut rung = rung("questions", State::Ok, asked.summary());
        rung.lines = asked.gaps();
        rung.in_full = asked.in_full();
        let inventory = self
            .host
            .and_then(|host| host.outcome.as_ref())
            .and_then(|outcome| outcome.inventory.as_ref());
        let is_partial = inventory.is_some_and(|inventory| !inventory.gaps.is_empty());
        let last = self.ended.last().copied();
        let last = last.filter(|row| row.code != ResultCode::Ok);
        if is_partial || last.is_some() {
            rung.state = State::Gaps;
            let code = last.map_or(ResultCode::OkPartial, |row| row.code);
            let said = format!("; {}: {}", code.as_str(), code.sentence());
            rung.text.push_str(&said);
            let way = last.map_or((Protocol::Ssh, 0), |row| {
                (row.protocol, row.port.unwrap_or(0))
            });
            rung.next = self.next(code, way, last);
        }
        rung
    }

    fn next(
        &self,
        code: ResultCode,
        (protocol, port): (Protocol, u16),
        row: Option<&AccessRecord>,
    ) -> String {
        let id = row.and_then(|row| row.credential.as_ref());
        let users = self.view.seen.users.iter();
        let user = users
            .filter(|_| !self.view.no_users)
            .find(|(known, _)| Some(known) == id)
            .map(|(_, user)| user.as_str());
        next::command(
            code,
            &next::Place {
                target: self.view.target,
                address: self.view.address,
                protocol,
                port,
                credential: id.map(CredentialId::as_str),
                user,
                typed: self.view.typed,
            },
        )
    }
}

/// Why a host is known, or that it is not.
fn why_known(trust: HostTrust) -> &'static str {
    match trust {
        HostTrust::Pinned => "known by a pin of ours",
        HostTrust::KnownHosts => "known by known_hosts",
        HostTrust::TlsCa => "its certificate comes from a trusted authority",
        HostTrust::Kerberos => "it proved itself by Kerberos",
        HostTrust::FirstUse => "seen for the first time, and pinned",
        HostTrust::Changed => "it shows another key than the one on record",
        HostTrust::None => "this protocol proves nothing",
        _ => "nobody vouches for it: keys may be shown to it, passwords not",
    }
}

/// Whether a clue is the banner that was met.
fn is_said(clue: &Clue, met: Option<&Meeting>) -> bool {
    let Fact::Banner(banner) = &clue.fact else {
        return false;
    };
    met.is_some_and(|met| met.port == clue.port && met.banner.trim() == banner.trim())
}

/// What is worth a word of what a port says of itself.
fn says(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Speaks(what) => format!("speaks {what}"),
        Fact::Product { name, version } => format!("{name} {version}").trim_end().to_owned(),
        Fact::Banner(banner) => banner.clone(),
        Fact::Tls(version) => version.clone(),
        Fact::DnsComputer(name) | Fact::NetbiosComputer(name) => format!("says it is {name}"),
        Fact::WindowsBuild {
            major,
            minor,
            build,
        } => format!("Windows {major}.{minor}.{build}"),
        _ => return None,
    })
}
