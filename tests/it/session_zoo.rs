//! Logins through somebody who spoils what a good server says: at any byte of a whole session the connection is reset,
//! a bit turns, or nothing comes but a byte at a time. Each ends in one row with a code, and no account is tried once
//! more for it.

use crate::support::{Desk, Office, PASSWORD, Site, Table, logon, windows};
use socket2::SockRef;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use underdesk::lab::Proof;

/// What becomes of what the server says; the number is of bytes that come through first.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Resets(usize),
    /// One byte of it is another.
    Turns(usize),
    /// It comes one byte at a time.
    Drips(usize),
    None,
}

/// How long a host may take here.
const TIMEOUT: u64 = 12;

/// Servers of these manners before a good one: one address for each, from `127.NET.1.1` on, all on one port. The port,
/// and how many bytes the good one said at most.
fn spoilt(behind: SocketAddr, net: u8, manners: &[Manner]) -> (u16, Arc<AtomicUsize>) {
    let most = Arc::new(AtomicUsize::new(0));
    let mut port = 0;
    for (place, manner) in (0..).zip(manners.iter().copied()) {
        let listener = TcpListener::bind((at(net, place), port)).unwrap();
        port = listener.local_addr().unwrap().port();
        let most = Arc::clone(&most);
        thread::spawn(move || {
            for front in listener.incoming().flatten() {
                let most = Arc::clone(&most);
                thread::spawn(move || {
                    if let Ok(back) = TcpStream::connect(behind) {
                        let said = carry(front, back, manner);
                        most.fetch_max(said, Ordering::Relaxed);
                    }
                });
            }
        });
    }
    (port, most)
}

/// The address of a manner. Few are in one /24: where all of one break off, nobody is taken for a machine there.
fn at(net: u8, place: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, net, 1 + place / 32, 1 + place % 32)
}

/// Carries a connection on until one side has had enough; how much the server said.
fn carry(front: TcpStream, back: TcpStream, manner: Manner) -> usize {
    let (mut from_front, mut to_back) = (front.try_clone().unwrap(), back.try_clone().unwrap());
    thread::spawn(move || {
        std::io::copy(&mut from_front, &mut to_back).ok();
        to_back.shutdown(Shutdown::Both).ok();
    });
    let (mut front, mut back, mut said) = (front, back, 0);
    let mut piece = [0; 4096];
    loop {
        let count = back.read(&mut piece).unwrap_or(0);
        let words = &mut piece[..count];
        let (passing, is_last) = match manner {
            Manner::Resets(at) if at < said + count => (at - said, true),
            Manner::Turns(at) if (said..said + count).contains(&at) => {
                words[at - said] ^= 0xff;
                (count, false)
            }
            _ => (count, count == 0),
        };
        let went = match manner {
            Manner::Drips(after) if said + count > after => words.iter().all(|byte| {
                thread::sleep(Duration::from_millis(200));
                front.write_all(&[*byte]).is_ok()
            }),
            _ => front.write_all(&words[..passing]).is_ok(),
        };
        said += passing;
        if is_last || !went {
            break;
        }
    }
    let ways = match manner {
        Manner::Resets(_) => {
            let linger = Some(Duration::ZERO);
            SockRef::from(&front).set_linger(linger).unwrap();
            // Whoever reads there lets go of it, and nothing is said of that.
            Shutdown::Read
        }
        _ => Shutdown::Both,
    };
    front.shutdown(ways).ok();
    back.shutdown(Shutdown::Both).ok();
    said
}

/// Places all over a session of so many bytes: dense where it begins, since there is the logon.
fn places(logon: usize, all: usize) -> impl Iterator<Item = usize> {
    (0..logon)
        .step_by(logon / 20)
        .chain((logon..all).step_by((all - logon) / 12))
}

fn manners(logon: usize, all: usize) -> Vec<Manner> {
    let mut found = vec![Manner::None];
    found.extend(places(logon, all).map(Manner::Resets));
    found.extend(places(logon, all).map(Manner::Turns));
    found.extend([0, logon / 2, logon].map(Manner::Drips));
    found
}

/// Every host has a row in each table, with a code.
fn judge(net: u8, manners: &[Manner], access: &Table, machines: &Table) {
    for (place, manner) in (0..).zip(manners) {
        let address = at(net, place).to_string();
        assert_eq!(machines.rows_where("ip", &address).len(), 1, "{manner:?}");
        let rows = access.rows_where("ip", &address);
        assert_eq!(rows.len(), 1, "{manner:?}: {rows:?}");
        let code = access.cell(rows[0], "result_code");
        assert!(!code.is_empty() && code != "defect", "{manner:?}: {rows:?}");
    }
}

/// Where nobody spoils anything the machine is read.
fn assert_read(net: u8, machines: &Table) {
    let outcome = machines.value(("ip", &at(net, 0).to_string()), "outcome");
    assert_eq!(outcome, "scanned_full");
}

/// How often each account told a host its password.
fn told(site: &Site) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for one in site.seen().logins {
        let is_told = match one.proof {
            Proof::Ntlm | Proof::Password(_) => true,
            Proof::Responses(words) => !words.is_empty(),
            _ => false,
        };
        *told.entry(one.user).or_default() += usize::from(is_told);
    }
    told
}

const UNIX: &str = "schema = 1\nname = 'zoo'\n[[host]]\nname = 'good'\naddresses = ['127.120.0.1']\n\
                    recording = 'debian-12'\n";

/// A line of `known_hosts` for the good server at each address before it.
fn known_hosts(site: &Site, net: u8, port: u16, count: usize) -> String {
    let line = site.known_hosts();
    let (_, key) = line.lines().next().unwrap().split_once(' ').unwrap();
    let addresses = (0..).take(count).map(|place| at(net, place));
    let lines: Vec<String> = addresses
        .map(|address| format!("[{address}]:{port} {key}\n"))
        .collect();
    lines.concat()
}

fn scan((net, count): (u8, usize), port: u16, more: &str) -> String {
    let all = (0..).take(count).map(|place| at(net, place).to_string());
    let targets = all.collect::<Vec<_>>().join(" ");
    format!(
        "scan {targets} --no-merge --no-input --yes --known-hosts known_hosts --ports {port} --out out \
         --timeout {TIMEOUT} {more}"
    )
}

#[test]
fn wherever_a_session_of_ssh_is_spoilt_its_host_ends_in_one_row() {
    let net = 121;
    let site = Site::serve(&format!(
        "{UNIX}logins = [{{ user = 'audit', key = 'demo' }}]\n"
    ));
    let manners = manners(3_000, 40_000);
    let behind = SocketAddr::new(IpAddr::from([127, 120, 0, 1]), site.port(22));
    let (port, said) = spoilt(behind, net, &manners);
    let desk = Desk::at(&site, "audit", &format!("127.{net}.0.0/20"));
    desk.write("known_hosts", &known_hosts(&site, net, port, manners.len()));
    let ended = desk.run(&scan(
        (net, manners.len()),
        port,
        &format!("--ssh-port {port}"),
    ));
    assert!(matches!(ended.code, Some(3 | 6)), "{}", ended.err);
    let open = |name: &str| Table::open(&desk.path(&format!("out/{name}.csv")));
    judge(net, &manners, &open("access"), &open("machines"));
    assert_read(net, &open("machines"));
    let said = said.load(Ordering::Relaxed);
    assert!(
        said > 20_000,
        "a whole session has {said} bytes: spread it otherwise"
    );
}

#[test]
fn wherever_a_login_by_password_is_spoilt_its_account_is_tried_once() {
    let net = 122;
    // Each byte is another account's, so that none is kept back for what befell another.
    let manners = &manners(3_000, 6_000)[1..];
    let right: Vec<String> = (0..manners.len())
        .map(|number| format!("{{ user = 'u{number}', password = 'right' }}"))
        .collect();
    let logins = format!("methods = ['password']\nlogins = [{}]\n", right.join(", "));
    let site = Site::serve(&format!("{UNIX}{logins}").replace("127.120.0.1", "127.120.0.2"));
    let behind = SocketAddr::new(IpAddr::from([127, 120, 0, 2]), site.port(22));
    let (port, _) = spoilt(behind, net, manners);
    let desk = Desk::new();
    desk.write("known_hosts", &known_hosts(&site, net, port, manners.len()));
    desk.write("secret", "wrong");
    let credentials = (0..).zip(manners).map(|(place, _)| {
        format!(
            "[[credential]]\nid = 'u{place}'\ntype = 'ssh-password'\nuser = 'u{place}'\n\
             password = {{ file = 'secret' }}\nscope = ['{}']\n",
            at(net, place)
        )
    });
    desk.write("credentials.toml", &credentials.collect::<String>());
    let words = scan((net, manners.len()), port, &format!("--ssh-port {port}"));
    // Whoever heard the secret is not told it again by the next run either.
    for _ in 0..2 {
        desk.run(&words);
        let open = |name: &str| Table::open(&desk.path(&format!("out/{name}.csv")));
        judge(net, manners, &open("access"), &open("machines"));
        let told = told(&site);
        assert!(told.values().all(|times| *times <= 1), "{told:?}");
        assert!(told.values().sum::<usize>() > 5, "{told:?}");
    }
}

#[test]
fn wherever_a_session_of_winrm_is_spoilt_its_host_ends_in_one_row() {
    let net = 123;
    let manners = manners(2_000, 200_000);
    let accounts: String = (0..manners.len()).fold(String::new(), |mut all, number| {
        write!(
            all,
            "{{ user = 'LARK\\w{number}', password = '{PASSWORD}' }}, "
        )
        .unwrap();
        all
    });
    let host = windows("good", "127.120.0.3", ("5985", "windows-server-2022"), "");
    let host = host.replacen("logins = [", &format!("logins = [{accounts}"), 1);
    let credentials = (0..).zip(&manners).map(|(place, _)| {
        let more = format!("user = 'LARK\\w{place}'\nntlm_http = true");
        logon(&format!("w{place}"), &at(net, place).to_string(), &more)
    });
    let office = Office::open(&host, &credentials.collect::<String>());
    let behind = SocketAddr::new(IpAddr::from([127, 120, 0, 3]), office.site.port(5985));
    let (port, said) = spoilt(behind, net, &manners);
    let words = scan((net, manners.len()), port, &format!("--winrm-port {port}"));
    let ended = office.desk.run(&words);
    assert!(matches!(ended.code, Some(3 | 6)), "{}", ended.err);
    judge(
        net,
        &manners,
        &office.table("access"),
        &office.table("machines"),
    );
    assert_read(net, &office.table("machines"));
    let said = said.load(Ordering::Relaxed);
    assert!(
        said > 20_000,
        "a connection has {said} bytes: spread it otherwise"
    );

    // Nor is a wrong password told twice. (Who was let in may come back by another connection.)
    let before = told(&office.site);
    let office = office.with_another_desk();
    office.desk.write("windows-password", "wrong");
    office.desk.run(&words);
    judge(
        net,
        &manners,
        &office.table("access"),
        &office.table("machines"),
    );
    let after = told(&office.site);
    let more = after
        .iter()
        .map(|(user, times)| times - before.get(user).unwrap_or(&0));
    let more: Vec<usize> = more.collect();
    assert!(more.iter().all(|times| *times <= 1), "{before:?} {after:?}");
    assert!(more.iter().sum::<usize>() > 5, "{after:?}");
}
