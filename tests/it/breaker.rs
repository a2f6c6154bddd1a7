//! No account is locked by us, and no stranger hears a password: whole runs, counted by what the
//! servers saw.

use super::support::{Desk, Site, signal};
use super::visits::{Fate, Office, Visitor, access, credentials};
use proptest::prelude::*;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use underdesk::credentials::{AccountKey, Ask, Holder, HostLabel, Limits, Try};
use underdesk::lab::LoginTry;
use underdesk::model::{CredentialId, HostTrust, ResultCode, RunId, UtcTime};
use underdesk::scan::StoredProof;
use underdesk::session::Password;
use underdesk::store::{Reservation, Store, TryId, TryRequest, Verdict};

const HOUR: i64 = 3_600;

// ---- the network ----

/// How a host takes a password.
#[derive(Clone, Copy, Debug)]
enum Temper {
    /// Every credential's is right.
    Welcoming,
    /// Only the old one is right.
    Outdated,
    /// None is right.
    Refusing,
    /// None is right, and it thinks about it for longer than we wait.
    Slow,
    /// It closes the connection when it has heard one.
    HangsUp,
    /// It says that the account is locked.
    Locked,
    /// It accepts every one, and nobody knows it.
    Trap,
    /// It accepts every one, and has another key than the one we know.
    Impostor,
}

const TEMPERS: [Temper; 8] = [
    Temper::Welcoming,
    Temper::Outdated,
    Temper::Refusing,
    Temper::Slow,
    Temper::HangsUp,
    Temper::Locked,
    Temper::Trap,
    Temper::Impostor,
];

/// How a host's sudo takes a password, after a login.
const SUDOS: [&str; 6] = [
    "",
    "sudo = { password = 'old' }",
    "sudo = { password = 'another' }",
    "sudo = { password = 'another', hangs = true }",
    "sudo = { password = 'another', hangs_up = true }",
    "sudo = { password = 'new', of = 'root' }",
];

/// `(id, lines of the file)`; the password is the id. All but the last two are one account.
const CREDENTIALS: [(&str, &str); 6] = [
    ("old", r"user = 'CORP\audit'"),
    ("new", "user = 'audit@corp'"),
    ("bare", "user = 'audit'"),
    ("named", "user = 'Audit'\nrealm = 'Corp'"),
    ("local", "user = 'root'\naccount = 'local'"),
    ("lab", r"user = 'LAB\audit'"),
];

/// The account that a login name really is.
fn account(try_: &LoginTry) -> String {
    match try_.user.to_lowercase().as_str() {
        r"corp\audit" | "audit@corp" | "audit" => "corp/audit".to_owned(),
        "root" => format!("root on {}", try_.host),
        other => other.to_owned(),
    }
}

/// A host of a lab file, at one address or two.
fn host(number: usize, temper: Temper, addresses: usize) -> String {
    host_with_sudo(number, temper, addresses, "")
}

fn host_with_sudo(number: usize, temper: Temper, addresses: usize, sudo: &str) -> String {
    let at = |net| format!("'127.81.{net}.{}'", number + 1);
    let addresses: Vec<String> = (0..addresses).map(at).collect();
    let manner = match temper {
        Temper::Welcoming => WELCOME,
        Temper::Outdated => r"logins = [{ user = 'CORP\audit', password = 'old' }]",
        Temper::Refusing => "delay_ms = 20",
        Temper::Slow => "delay_ms = 1500",
        Temper::HangsUp => "hearing = 'hangs_up'",
        Temper::Locked => LOCKED,
        Temper::Trap => "logins = 'any_password'\npublished = 'unknown'",
        Temper::Impostor => "logins = 'any_password'\npublished = 'changed'",
    };
    format!(
        "[[host]]\nname = 'h{number}'\naddresses = [{}]\n{manner}\n{sudo}\n",
        addresses.join(", ")
    )
}

const WELCOME: &str = r"
recording = 'debian-12'
delay_ms = 5
logins = [
    { user = 'CORP\audit', password = 'old' },
    { user = 'audit@corp', password = 'new' },
    { user = 'audit', password = 'bare' },
    { user = 'Audit', password = 'named' },
    { user = 'root', password = 'local' },
    { user = 'LAB\audit', password = 'lab' },
]";

const LOCKED: &str = "methods = ['keyboard-interactive']
refusal = 'The account is locked due to 3 failed logins.'";

/// A credentials file where each credential covers the hosts of its mask.
fn file(scopes: &[u16]) -> String {
    file_with_sudo(scopes, 0)
}

/// The same, where those of the second mask may become root by their password.
fn file_with_sudo(scopes: &[u16], may_be_root: u8) -> String {
    let mut text = String::new();
    for (place, ((id, lines), mask)) in CREDENTIALS.iter().zip(scopes).enumerate() {
        let hosts = (0..16).filter(|host| mask & (1 << host) != 0);
        let scope: Vec<String> = hosts
            .flat_map(|host| [0, 1].map(|net| format!("'127.81.{net}.{}'", host + 1)))
            .collect();
        if scope.is_empty() {
            continue;
        }
        let scope = scope.join(", ");
        writeln!(
            text,
            "[[credential]]\nid = '{id}'\ntype = 'ssh-password'\npassword = '{id}'\nscope = [{scope}]\n{lines}"
        )
        .unwrap();
        if may_be_root & (1 << place) != 0 {
            text.push_str("sudo = 'password'\n");
        }
    }
    text
}

fn passwords() -> BTreeMap<CredentialId, StoredProof> {
    let of = |(id, _): (&str, &str)| {
        let password = StoredProof::Password(Password::new(id));
        (CredentialId::new(id), password)
    };
    CREDENTIALS.into_iter().map(of).collect()
}

fn visit(office: &Office, visitor: &Visitor, file: &str) {
    visitor.visit(office, credentials(file), passwords());
}

// ---- the property ----

/// What happens at one time.
#[derive(Clone, Debug)]
struct Step {
    /// Hours since the step before.
    hours: i64,
    visitors: Vec<Coming>,
}

#[derive(Clone, Debug)]
struct Coming {
    /// Goes on with what was not finished, if anything was.
    resumes: bool,
    hands: usize,
    seed: u64,
    fate: Fate,
    accept: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![
        3 => Just(Fate::Finished),
        1 => (0..400u64).prop_map(Fate::Stopped),
        2 => (0..400u64).prop_map(Fate::Dropped),
        3 => (0..400u64).prop_map(Fate::Killed),
    ];
    let hands = prop_oneof![Just(1), Just(3), Just(16), Just(64)];
    let coming = (any::<bool>(), hands, any::<u64>(), fate, any::<bool>());
    let coming = coming.prop_map(|(resumes, hands, seed, fate, accept)| Coming {
        resumes,
        hands,
        seed,
        fate,
        accept,
    });
    let hours = prop_oneof![Just(0), Just(1), Just(11), Just(23), Just(24), Just(26)];
    let step = (hours, prop::collection::vec(coming, 1..=2));
    let step = step.prop_map(|(hours, visitors)| Step { hours, visitors });
    prop::collection::vec(step, 2..6)
}

/// The runs of a case, and what every server saw, each at its time.
struct Story {
    office: Office,
    file: String,
    open: Vec<String>,
    begun: usize,
    seen: usize,
    heard: Vec<(i64, LoginTry)>,
}

impl Story {
    fn new(hosts: &[(Temper, usize, &str)], scopes: &[u16], may_be_root: u8) -> Self {
        let hosts: String = (0..)
            .zip(hosts)
            .map(|(number, (temper, at, sudo))| host_with_sudo(number, *temper, *at, sudo))
            .collect();
        Self {
            office: Office::open(&hosts),
            file: file_with_sudo(scopes, may_be_root),
            open: Vec::new(),
            begun: 0,
            seen: 0,
            heard: Vec::new(),
        }
    }

    fn go_on(&mut self, step: &Step) {
        self.office
            .now
            .fetch_add(step.hours * HOUR, Ordering::SeqCst);
        let visitors: Vec<Visitor> = step.visitors.iter().map(|it| self.visitor(it)).collect();
        let broken = visitors.iter().filter(|it| it.fate != Fate::Finished);
        self.open.extend(broken.map(|it| it.run.to_string()));
        std::thread::scope(|scope| {
            for visitor in &visitors {
                scope.spawn(|| visit(&self.office, visitor, &self.file));
            }
        });
        let at = self.office.now.load(Ordering::SeqCst);
        let new = self.office.seen().logins.split_off(self.seen);
        self.seen += new.len();
        self.heard.extend(new.into_iter().map(|heard| (at, heard)));
    }

    fn visitor(&mut self, coming: &Coming) -> Visitor {
        let open = if coming.resumes {
            self.open.pop()
        } else {
            None
        };
        let is_resumed = open.is_some();
        let run = open.unwrap_or_else(|| {
            self.begun += 1;
            format!("r-{}", self.begun)
        });
        Visitor {
            is_resumed,
            hands: coming.hands,
            fate: coming.fate,
            accept_new_host_keys: coming.accept,
            seed: coming.seed,
            host_seconds: 1,
            ..Visitor::new(&run)
        }
    }

    /// The wrong tries of each account, and of each account on each host: when they were made.
    fn wrong(&self) -> (Moments<String>, Moments<(String, String)>) {
        let (mut accounts, mut hosts) = (Moments::new(), Moments::new());
        let wrong = |heard: &&(i64, LoginTry)| heard.1.proof.is_secret() && !heard.1.accepted;
        for (at, heard) in self.heard.iter().filter(wrong) {
            let account = account(heard);
            let host = (account.clone(), heard.host.to_string());
            accounts.entry(account).or_default().push(*at);
            hosts.entry(host).or_default().push(*at);
        }
        (accounts, hosts)
    }

    fn check(&self, hosts: &[(Temper, usize, &str)]) -> Result<(), TestCaseError> {
        let (by_account, by_host) = self.wrong();
        for (account, at) in &by_account {
            prop_assert!(most_in_a_day(at) <= 2, "{account}: {at:?}");
        }
        for (account, at) in &by_host {
            prop_assert!(most_in_a_day(at) <= 1, "{account:?}: {at:?}");
        }
        let strangers = (0..).zip(hosts);
        let strangers = strangers
            .filter(|(_, (temper, ..))| matches!(temper, Temper::Trap | Temper::Impostor))
            .map(|(number, _)| format!("h{number}"));
        let strangers: BTreeSet<String> = strangers.collect();
        for (_, heard) in &self.heard {
            let is_told = heard.proof.is_secret() && strangers.contains(&*heard.host);
            prop_assert!(!is_told, "{heard:?}");
        }
        Ok(())
    }
}

type Moments<K> = BTreeMap<K, Vec<i64>>;

fn most_in_a_day(moments: &[i64]) -> usize {
    let within = |from: &i64| {
        let day = *from..*from + 24 * HOUR;
        moments.iter().filter(|at| day.contains(at)).count()
    };
    moments.iter().map(within).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_account_spends_more_tries_than_it_has_and_no_stranger_hears_one(
        tempers in prop::collection::vec((0..TEMPERS.len(), 1..=2usize, 0..SUDOS.len()), 4..12),
        may_be_root in any::<u8>(),
        scopes in prop::collection::vec(any::<u16>(), CREDENTIALS.len()),
        steps in steps(),
    ) {
        let hosts: Vec<_> = tempers.iter().map(|(temper, at, sudo)| (TEMPERS[*temper], *at, SUDOS[*sudo])).collect();
        let mut story = Story::new(&hosts, &scopes, may_be_root);
        for step in &steps {
            story.go_on(step);
        }
        story.check(&hosts)?;
    }
}

/// Few and rich; more with `PROPTEST_CASES`.
fn cases() -> u32 {
    let cases = std::env::var_os("PROPTEST_CASES");
    cases.map_or(5, |cases| cases.to_str().unwrap().parse().unwrap())
}

// ---- single stories ----

/// How many ways in ended how.
fn codes(office: &Office, run: &str) -> BTreeMap<ResultCode, usize> {
    let mut counts = BTreeMap::new();
    for (_, row) in access(&office.store_path(), run) {
        *counts.entry(row.code).or_default() += 1;
    }
    counts
}

fn office(tempers: &[Temper]) -> Office {
    let hosts = (0..).zip(tempers);
    let hosts = hosts.map(|(number, temper)| host(number, *temper, 1));
    Office::open(&hosts.collect::<String>())
}

/// Only the credential `old`, on every host.
fn only_old() -> String {
    file(&[u16::MAX])
}

#[test]
fn an_account_that_is_spent_costs_no_connection() {
    let office = office(&[Temper::Refusing; 12]);
    visit(&office, &Visitor::new("r-1"), &only_old());
    let expected = BTreeMap::from([(ResultCode::AuthRejected, 2), (ResultCode::BreakerOpen, 10)]);
    assert_eq!(codes(&office, "r-1"), expected);
    let before = office.seen().connections.len();
    visit(&office, &Visitor::new("r-2"), &only_old());
    let expected = BTreeMap::from([(ResultCode::BreakerOpen, 12)]);
    assert_eq!(codes(&office, "r-2"), expected);
    // Its greeting is read, and nothing is said to it.
    let seen = office.seen();
    let new = seen.connections.iter().skip(before);
    assert!(new.clone().all(|connection| connection.received == 0));
    // Some are asked once more, whether our own network is there.
    let hosts: BTreeSet<&str> = new.map(|connection| &*connection.host).collect();
    assert_eq!(hosts.len(), 12);
}

/// Tries of the account on two hosts by a run that has told its password and has no answer yet: all that the account
/// may spend.
fn unanswered(office: &Office, run: &str) -> (Store, [TryId; 2]) {
    let store = Store::open(&office.store_path()).unwrap();
    let now = UtcTime::from_unix(office.now.load(Ordering::SeqCst));
    let credential = credentials(&only_old()).remove(0);
    let ids = [1, 2].map(|last| {
        let host = HostLabel::new([127, 81, 0, last].into(), None);
        let account = AccountKey::of(&credential, &host);
        let ask = Ask {
            account: &account,
            host: &host,
            holder: &Holder::new("another process"),
            run: &RunId::new(run),
            proven: true,
            now,
        };
        let request = TryRequest {
            account: account.bucket().to_owned(),
            record: Try::reserve(&ask).record(),
            run: RunId::new(run),
            now,
            horizon: Limits::default().horizon(now),
        };
        let reserved = store.reserve_try(request, |_, _| Verdict::Grant).wait();
        let Ok(Reservation::Granted(id)) = reserved else {
            panic!("{reserved:?}");
        };
        id
    });
    (store, ids)
}

#[test]
fn a_run_that_meets_anothers_tries_waits_for_their_end_and_accuses_nobody() {
    let office = office(&[Temper::Welcoming; 6]);
    let undisturbed = Visitor::new("r-0");
    visit(&office, &undisturbed, &only_old());
    let usual = undisturbed.looks.load(Ordering::SeqCst);
    let (store, tries) = unanswered(&office, "r-1");
    let visitor = Visitor {
        host_seconds: 60,
        ..Visitor::new("r-2")
    };
    std::thread::scope(|scope| {
        let visiting = scope.spawn(|| visit(&office, &visitor, &only_old()));
        // Only who waits looks at the clock that often.
        while visitor.looks.load(Ordering::SeqCst) < 2 * usual {
            assert!(!visiting.is_finished(), "it does not wait");
            std::thread::sleep(Duration::from_millis(10));
        }
        for id in tries {
            store.return_try(id).wait().unwrap();
        }
    });
    let expected = BTreeMap::from([(ResultCode::Ok, 6)]);
    assert_eq!(codes(&office, "r-2"), expected);
    assert_eq!(store.breaker().wait().unwrap(), (Vec::new(), Vec::new()));
}

#[test]
fn of_two_runs_at_once_neither_says_that_the_account_was_refused() {
    let office = office(&[Temper::Welcoming; 6]);
    std::thread::scope(|scope| {
        for run in ["r-1", "r-2"] {
            let office = &office;
            scope.spawn(move || visit(office, &Visitor::new(run), &only_old()));
        }
    });
    let expected = BTreeMap::from([(ResultCode::Ok, 6)]);
    assert_eq!(codes(&office, "r-1"), expected);
    assert_eq!(codes(&office, "r-2"), expected);
}

#[test]
fn one_that_says_locked_stops_the_account_everywhere() {
    let office = office(&[Temper::Locked; 6]);
    visit(&office, &Visitor::new("r-1"), &only_old());
    let expected = BTreeMap::from([(ResultCode::AccountLocked, 1), (ResultCode::BreakerOpen, 5)]);
    assert_eq!(codes(&office, "r-1"), expected);
}

/// sshd puts what `pam_faillock` says before the password into the prompt for it.
#[test]
fn a_host_that_says_locked_before_it_asks_hears_no_password() {
    let prompt =
        "The account is locked due to 3 failed logins.\\n(10 minutes left to unlock)\\nPassword: ";
    let more = format!("methods = ['keyboard-interactive']\nprompts = [{{ text = \"{prompt}\" }}]");
    let office = Office::open(&host_with_sudo(0, Temper::Refusing, 1, &more));
    visit(&office, &Visitor::new("r-1"), &only_old());
    let expected = BTreeMap::from([(ResultCode::AccountLocked, 1)]);
    assert_eq!(codes(&office, "r-1"), expected);
    assert_eq!(office.seen().secrets("h0"), [""; 0]);
    // It has cost no try, and the account is left alone.
    let store = Store::open(&office.store_path()).unwrap();
    let (tries, stops) = store.breaker().wait().unwrap();
    assert_eq!((tries.len(), stops.len()), (0, 1));
}

#[test]
fn a_right_password_is_told_to_every_host_once() {
    let office = office(&[Temper::Welcoming; 12]);
    visit(&office, &Visitor::new("r-1"), &only_old());
    let seen = office.seen();
    let told = seen.logins.iter().filter(|login| login.proof.is_secret());
    assert_eq!(told.count(), 12);
    assert_eq!(seen.wrong_tries(r"CORP\audit"), 0);
}

#[test]
fn hosts_that_never_say_who_they_are_keep_no_other_waiting() {
    let silent = |number: usize| host(number, Temper::Refusing, 1) + "opening = 'half_banner'\n";
    let hosts: String = (0..5).map(silent).collect();
    let office = Office::open(&(hosts + &host(5, Temper::Welcoming, 1)));
    let visitor = Visitor {
        host_seconds: 3,
        ..Visitor::new("r-1")
    };
    let begun = Instant::now();
    visit(&office, &visitor, &only_old());
    assert!(
        begun.elapsed() < Duration::from_secs(11),
        "{:?}",
        begun.elapsed()
    );
    let told = office.seen().secrets("h5").len();
    assert_eq!(told, 1);
}

#[test]
fn strangers_wait_for_no_turn() {
    let trap = |number: usize| host(number, Temper::Trap, 1) + "opening = 'half_banner'\n";
    let hosts: String = (0..8).map(trap).collect();
    let office = Office::open(&hosts);
    let visitor = Visitor {
        host_seconds: 2,
        ..Visitor::new("r-1")
    };
    let begun = Instant::now();
    visit(&office, &visitor, &only_old());
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_stranger_is_named_and_hears_nothing_even_where_keys_are_accepted() {
    let office = office(&[Temper::Trap]);
    let visitor = Visitor {
        accept_new_host_keys: true,
        ..Visitor::new("r-1")
    };
    visit(&office, &visitor, &only_old());
    let rows = access(&office.store_path(), "r-1");
    assert_eq!(rows[0].1.code, ResultCode::HostkeyUnknown);
    assert_eq!(rows[0].1.trust, HostTrust::Unknown);
    assert_eq!(office.seen().secrets("h0"), [""; 0]);
}

// ---- the program itself ----

/// What an operator does whose scans are killed, and begun again, and go on.
#[test]
fn a_program_that_is_killed_again_and_again_spends_no_more_tries() {
    let hosts: String = (0..12)
        .map(|number| host(number, Temper::Refusing, 1))
        .collect();
    let site = Site::serve(&format!("schema = 1\nname = \"office\"\n{hosts}"));
    let desk = Desk::new();
    desk.write("known_hosts", &site.known_hosts());
    desk.write("credentials.toml", &file(&[u16::MAX, 0, 0, 0, u16::MAX]));
    let port = site.port(22);
    let scan = format!(
        "scan --ports {port} --ssh-port {port} --credentials credentials.toml --known-hosts known_hosts --out out {}",
        site.targets().join(" ")
    );
    for after in [120, 160, 200, 240, 280] {
        let words = match desk.latest() {
            Some(run) if after % 80 == 0 => format!("scan --out out --resume {}", run.summary.id),
            _ => scan.clone(),
        };
        let two = [(); 2].map(|()| desk.command(&words).spawn().unwrap());
        std::thread::sleep(Duration::from_millis(after));
        for child in two {
            signal(child.id(), Signal::KILL);
            desk.end(child);
        }
    }
    let begun = desk.run(&scan);
    assert!(begun.err.contains("run r-"), "{}", begun.err);
    let seen = site.seen();
    assert!(seen.wrong_tries("root") > 0);
    assert!(seen.wrong_tries(r"CORP\audit") <= 2);
    for host in 0..12 {
        assert!(seen.secrets(&format!("h{host}")).len() <= 2);
        let here = seen
            .logins
            .iter()
            .filter(|login| *login.host == *format!("h{host}"));
        let roots = here.filter(|login| login.user == "root" && login.proof.is_secret());
        assert!(roots.count() <= 1);
    }
}
