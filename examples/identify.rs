//! Asks one port of one host who it is, by one protocol or by all of them, and prints what it tells:
//! for tests against real servers, which may listen on any port.
//!
//!     cargo run --example identify -- smb2 127.0.0.1 4450 [--deep]
//!     cargo run --example identify -- all 127.0.0.1 22,80,445 [--deep]

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::Instant;
use underdesk::identify::{How, PROTOCOLS, Ports, converse, identify};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, address, ports, rest @ ..] = words.as_slice() else {
        return Err("identify PROTOCOL ADDRESS PORT[,PORT...] [--deep]".into());
    };
    let address: IpAddr = address.parse()?;
    let ports = ports.split(',').map(str::parse);
    let ports = ports.collect::<Result<Vec<u16>, _>>()?;
    let now = std::time::UNIX_EPOCH.elapsed()?.as_secs();
    let how = How {
        is_deep: rest.contains(&"--deep".to_owned()),
        ..How::until(
            Instant::now() + Duration::from_secs(30),
            i64::try_from(now)?,
        )
    };
    if name == "all" {
        let ports = Ports {
            tcp: &ports,
            udp: &ports,
            expected: &[],
        };
        for clue in identify(address, &ports, &how).await {
            println!("{}", serde_json::to_string(&clue)?);
        }
        return Ok(());
    }
    let mut known = PROTOCOLS.iter();
    let protocol = known.find(|protocol| protocol.name == name);
    let protocol = protocol.ok_or("there is no such protocol")?;
    for port in ports {
        for fact in converse(SocketAddr::new(address, port), protocol, &how).await {
            println!("{}", serde_json::to_string(&fact)?);
        }
    }
    Ok(())
}
