//! `demo`: the ordinary scan, over real sockets, of a company that the program itself simulates.

use super::super::args::{Arguments, Command, DemoArguments, ScanArguments};
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, complain, hints, runtime};
use super::scan;
use crate::lab::{Lab, Network, Recordings, Running};
use clap::Parser as _;
use include_dir::{Dir, File, include_dir};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

static HOSTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/hosts");
const NETWORK: &str = include_str!("../../../fixtures/labs/demo.toml");

/// Serves the company and scans it.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &DemoArguments,
) -> Result<Exit, Stop> {
    let network = Network::parse(NETWORK).map_err(|error| Stop::failed(&error))?;
    let folder = command.out.clone().unwrap_or_else(|| PathBuf::from("underdesk-demo"));
    let place = folder.clone();
    let fault = move |error: io::Error| Stop {
        exit: Exit::Failed,
        text: format!("cannot write to {}: {error}", place.display()),
    };
    fs::create_dir_all(&folder).map_err(&fault)?;
    // The hosts run on a runtime of their own, beside that of the scan.
    let (ready, started) = mpsc::channel();
    let (done, finish) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || serve(network, &ready, finish));
    let company = started.recv().map_err(|error| Stop::failed(&error))??;
    let scope = prepare(&folder, &company).map_err(&fault)?;
    let exit = match command.serve {
        true => wait(&folder, &scope),
        false => scan_it(settings, environment, (&folder, &scope)),
    };
    done.send(()).ok();
    server.join().ok();
    exit
}

/// What the scan needs to know of the simulated company.
struct Company {
    targets: Vec<String>,
    port: u16,
    known_hosts: String,
    keys: Vec<(String, String)>,
}

fn serve(
    network: Network,
    ready: &mpsc::Sender<Result<Company, Stop>>,
    finish: tokio::sync::oneshot::Receiver<()>,
) {
    let served = runtime::block_on(async {
        let running = match start(network).await {
            Ok(running) => running,
            Err(stop) => {
                ready.send(Err(stop)).ok();
                return;
            }
        };
        ready.send(Ok(company(&running))).ok();
        finish.await.ok();
        running.stop().await;
    });
    if let Err(stop) = served {
        ready.send(Err(stop)).ok();
    }
}

async fn start(network: Network) -> Result<Running, Stop> {
    let mut files = Vec::new();
    gather(&HOSTS, &mut files);
    let files = files.iter().map(|file| (file.path().to_str().unwrap_or_default(), file.contents()));
    let recordings = Recordings::read(files).map_err(|error| Stop::failed(&error))?;
    let lab = Lab::start(network, recordings, None).await;
    lab.map_err(|error| Stop {
        exit: Exit::Failed,
        text: format!("the simulated company cannot be served: {}", hints::chain(&error)),
    })
}

fn gather<'a>(folder: &'a Dir<'a>, files: &mut Vec<&'a File<'a>>) {
    files.extend(folder.files());
    for inner in folder.dirs() {
        gather(inner, files);
    }
}
