//! Hosts that are well behaved over SSH and badly on the other ports on which they are asked who they are. Each is
//! read all the same, and what they send costs neither time nor memory.

use crate::support::{Desk, Site, Table};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// What a host does with whoever connects.
type Manner = fn(TcpStream);

const MANNERS: [(&str, Manner); 10] = [
    ("says nothing", |mut peer| swallow(&mut peer)),
    ("says one byte at a time", |mut peer| {
        for byte in b"HTTP/1.1 200 OK\r\n".iter().cycle() {
            if peer.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }),
    ("has headers without end", |peer| {
        flood(peer, b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n");
    }),
    ("has a line without end", |peer| {
        flood(peer, b"HTTP/1.1 200 OK\r\nServer: ", b"A");
    }),
    ("has a page without end", |peer| {
        flood(peer, b"HTTP/1.1 200 OK\r\n\r\n<title>", b"<title>&#x41;");
    }),
    ("announces more than there is", |mut peer| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n";
        peer.write_all(head.as_bytes()).ok();
        swallow(&mut peer);
    }),
    ("announces chunks as long as can be", |peer| {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n";
        flood(peer, head, b"x");
    }),
    ("packs its page, and it is a bomb", |peer| {
        // Nobody asked for it packed, and nobody unpacks it.
        let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03";
        flood(peer, head, &[0xec, 0xc1, 0x01, 0x0d, 0, 0, 0, 0xc2]);
    }),
    ("sends its visitor in a circle", |mut peer| {
        let mut heard = [0; 4096];
        let _ = peer.read(&mut heard);
        let answer = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
        peer.write_all(answer.as_bytes()).ok();
        swallow(&mut peer);
    }),
    ("speaks TLS that is none", |peer| {
        flood(peer, &[22, 3, 3, 0xff, 0xff], &[22, 3, 3, 0x40, 0]);
    }),
];

fn swallow(peer: &mut TcpStream) {
    let mut heard = [0; 4096];
    while peer.read(&mut heard).is_ok_and(|count| count > 0) {}
}

fn flood(mut peer: TcpStream, first: &[u8], then: &[u8]) {
    let more = then.repeat(65_536 / then.len());
    if peer.write_all(first).is_ok() {
        while peer.write_all(&more).is_ok() {}
    }
    peer.shutdown(Shutdown::Both).ok();
}

/// A free port on every address of the network, and on each of them somebody with manners of his own.
fn serve(net: u8) -> u16 {
    let address = |at: usize| IpAddr::from([127, 84, net, u8::try_from(at + 1).unwrap()]);
    let first = TcpListener::bind(SocketAddr::new(address(0), 0)).unwrap();
    let port = first.local_addr().unwrap().port();
    let others =
        (1..MANNERS.len()).map(|at| TcpListener::bind(SocketAddr::new(address(at), port)).unwrap());
    for (listener, (_, manner)) in [first].into_iter().chain(others).zip(MANNERS) {
        thread::spawn(move || {
            for peer in listener.incoming().flatten() {
                thread::spawn(move || manner(peer));
            }
        });
    }
    port
}

fn network(net: u8) -> String {
    let mut text = crate::resume::EVERY.to_owned();
    for number in 1..=MANNERS.len() {
        write!(
            text,
            "\n[[host]]\nname = \"bad-{number}\"\naddresses = [\"127.84.{net}.{number}\"]\nrecording = \"debian-12\"\n\
             logins = [{{ user = \"audit\", key = \"demo\" }}]\n"
        )
        .unwrap();
    }
    text
}

/// The most memory that a process had so far, in KiB.
fn peak(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn whatever_a_host_does_on_its_other_ports_it_is_read_and_costs_no_memory() {
    let site = Site::serve(&network(0));
    // As HTTP, as HTTPS, and as WinRM both ways.
    let ports: Vec<u16> = (0..4).map(|_| serve(0)).collect();
    let desk = Desk::at(&site, "audit", "127.84.0.0/24");
    let ssh = site.port(22);
    let words = format!(
        "scan 127.84.0.1-{} --timeout 60 --no-merge --known-hosts known_hosts --out out --ssh-port {ssh} \
         --ports {ssh},{},{},{},{} --http-port {} --https-port {} --winrm-port {} --winrm-tls-port {}",
        MANNERS.len(),
        ports[0],
        ports[1],
        ports[2],
        ports[3],
        ports[0],
        ports[1],
        ports[2],
        ports[3]
    );
    let mut child = desk.command(&words).spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = peak(child.id()).unwrap_or(0).max(most);
        thread::sleep(Duration::from_millis(20));
    }
    let ended = desk.end(child);
    let machines = Table::open(&desk.path("out/machines.csv"));
    for (number, (what, _)) in (1..).zip(MANNERS) {
        let outcome = machines.value(("ip", &format!("127.84.0.{number}")), "outcome");
        assert_eq!(outcome, "scanned_full", "a host that {what}\n{}", ended.err);
    }
    assert!((1..400 << 10).contains(&most), "{most} KiB");
}
