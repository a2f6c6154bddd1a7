//! Serves a simulated network until its standard input ends, and then tells what it has seen.
//!
//! `serve_lab LAB.toml RECORDINGS`, where each folder in RECORDINGS is a recording. The first line of
//! output is a JSON object: the real port behind each simulated one, and the certificate of the
//! network's authority. The last one lists logons, requests, shells that were left, and violations.

#![expect(clippy::print_stdout, reason = "it talks to scripts")]

use serde_json::json;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use underdesk::lab::{Lab, Network, Recordings, Seen};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(lab), Some(recordings)) = (arguments.next(), arguments.next()) else {
        return Err("usage: serve_lab LAB.toml RECORDINGS".into());
    };
    let network = Network::parse(&fs::read_to_string(lab)?)?;
    let files = files(Path::new(&recordings))?;
    let recordings = Recordings::read(files.iter().map(|(path, bytes)| (&**path, &**bytes)))?;
    let running = Lab::start(&network, &recordings, 0).await?;
    let ports: BTreeMap<String, Option<u16>> = network
        .ports()
        .into_iter()
        .map(|port| (port.to_string(), running.port(port)))
        .collect();
    println!(
        "{}",
        json!({ "ports": ports, "authority": running.authority() })
    );
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    println!("{}", told(&running.stop().await));
    Ok(())
}

fn told(seen: &Seen) -> serde_json::Value {
    let logins = seen.logins.iter();
    let requests = seen.requests.iter();
    let shells = seen.shells.iter().filter(|shell| !shell.deleted);
    let violations = seen.violations.iter();
    json!({
        "connections": seen.connections.len(),
        "logins": logins
            .map(|login| json!([&*login.host, login.user, login.accepted]))
            .collect::<Vec<_>>(),
        "requests": requests
            .map(|request| json!([&*request.host, request.action, format!("{:?}", request.cover)]))
            .collect::<Vec<_>>(),
        "shells_left": shells.map(|shell| json!(&*shell.host)).collect::<Vec<_>>(),
        "violations": violations
            .map(|wrong| json!([&*wrong.host, wrong.what]))
            .collect::<Vec<_>>(),
    })
}

fn files(folder: &Path) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for recording in fs::read_dir(folder)? {
        let recording = recording?.path();
        if !recording.is_dir() {
            continue;
        }
        for file in fs::read_dir(recording)? {
            let path = file?.path();
            files.push((path.to_string_lossy().into_owned(), fs::read(&path)?));
        }
    }
    Ok(files)
}
