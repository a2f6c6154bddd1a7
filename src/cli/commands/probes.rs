//! What is probed, how hard, and by which engine, as typed.

use super::super::args::{EngineArgument, PaceArguments};
use super::super::{Stop, complain};
use super::scope;
use crate::identify;
use crate::scan::{self, Look, RunPlan, polite_ports};
use crate::sweep::{Engine, Engines, Profile};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is probed where nobody names ports: remote login, web, Windows' file and remote services.
const PORTS: &[u16] = &[22, 80, 135, 443, 445, 3389, 5985, 5986];
/// What shows nearly every machine that shows itself at all: those of them that a run has are probed
/// first where there are many addresses.
const FIRST: &[u16] = &[22, 443, 445, 3389];
/// Up to how many addresses all ports of all of them are probed.
const FLAT_BELOW: u128 = 4_096;
/// Where WinRM listens over HTTPS and over plain HTTP, unless the operator says otherwise.
const WINRM_TLS: u16 = 5986;
const WINRM: u16 = 5985;
/// How often a probe may be sent again.
const MOST_RETRIES: u8 = 10;
/// The longest that announcements are listened to, in seconds.
const MOST_MDNS: u64 = 600;

/// The ports of a run.
pub(super) struct Ports {
    pub(super) all: Vec<u16>,
    pub(super) ssh: Vec<u16>,
    /// The SSH ports that the operator named.
    pub(super) named_ssh: Vec<u16>,
    pub(super) winrm_tls: Vec<u16>,
    pub(super) winrm: Vec<u16>,
}

impl Ports {
    /// Says which ports are left alone.
    pub(super) fn read(pace: &PaceArguments) -> Result<Self, Stop> {
        let (ports, left_alone) = Self::of(pace)?;
        if !left_alone.is_empty() {
            let list: Vec<String> = left_alone.iter().map(ToString::to_string).collect();
            complain(&format!(
                "not probed, because devices there may fail: {} (--include-fragile probes them)",
                list.join(", ")
            ));
        }
        Ok(ports)
    }

    /// The ports, and those that are left alone.
    pub(super) fn of(pace: &PaceArguments) -> Result<(Self, Vec<u16>), Stop> {
        let named = match &pace.ports {
            Some(text) => scope::ports("--ports", text)?,
            None => PORTS.to_vec(),
        };
        let expected = |flag: &str, ports: Option<&String>, usual: u16| match ports {
            Some(text) => scope::ports(flag, text),
            None if named.contains(&usual) => Ok(vec![usual]),
            None => Ok(Vec::new()),
        };
        let ssh = scope::ports("--ssh-port", &pace.ssh_port)?;
        let tls_flag = pace.winrm_tls_port.as_ref();
        let winrm_tls = expected("--winrm-tls-port", tls_flag, WINRM_TLS)?;
        let winrm = expected("--winrm-port", pace.winrm_port.as_ref(), WINRM)?;
        if let Some(port) = winrm_tls.iter().find(|port| winrm.contains(port)) {
            return Err(Stop::usage(format!(
                "port {port} is named as WinRM over HTTPS and over plain HTTP; it can be one of them"
            )));
        }
        let http = web("--http-port", pace.http_port.as_ref())?;
        let https = web("--https-port", pace.https_port.as_ref())?;
        let named = [&named[..], &winrm_tls, &winrm, &http, &https].concat();
        let (all, left_alone) = polite_ports(&named, &ssh, pace.include_fragile);
        if all.is_empty() {
            let list: Vec<String> = left_alone.iter().map(ToString::to_string).collect();
            return Err(Stop::usage(format!(
                "no port is left to probe, because devices there may fail: {}; name another with -p (--include-fragile \
                 probes these)",
                list.join(", ")
            )));
        }
        let probed = |mut ports: Vec<u16>| {
            ports.retain(|port| all.contains(port));
            ports
        };
        let ports = Self {
            named_ssh: probed(ssh.clone()),
            ssh: probed(ssh),
            winrm_tls: probed(winrm_tls),
            winrm: probed(winrm),
            all,
        };
        Ok((ports, left_alone))
    }
}

/// How hard the sweep leans on the network.
pub(super) fn profile(pace: &PaceArguments) -> Result<Profile, Stop> {
    let mut profile = match (pace.gentle, pace.fast) {
        (true, _) => Profile::GENTLE,
        (_, true) => Profile::FAST,
        _ => Profile::NORMAL,
    };
    let positive = |flag: &str, value: u32| match value {
        0 => Err(Stop::usage(format!("{flag} 0: expected at least 1"))),
        value => Ok(value),
    };
    match pace.rate.as_deref() {
        None => {}
        Some("max") => profile.rate = Profile::UNLIMITED,
        Some(text) => profile.rate = rate(text)?,
    }
    if let Some(rate) = pace.max_host_rate {
        profile.host_rate = positive("--max-host-rate", rate)?;
    }
    if let Some(retries) = pace.retries {
        let few = u8::try_from(retries)
            .ok()
            .filter(|few| *few <= MOST_RETRIES);
        profile.retries = few.ok_or_else(|| {
            Stop::usage(format!(
                "--retries {retries}: expected at most {MOST_RETRIES}"
            ))
        })?;
        profile.most_retries = profile.most_retries.max(profile.retries);
    }
    match pace.half_open {
        None => {}
        Some(0) => profile.half_open = None,
        limit => profile.half_open = limit,
    }
    Ok(profile)
}

fn web(flag: &str, ports: Option<&String>) -> Result<Vec<u16>, Stop> {
    let ports = ports.map(|text| scope::ports(flag, text));
    ports.transpose().map(Option::unwrap_or_default)
}

/// Over UDP only a question in a protocol's own words is answered: a port without one would be asked nothing.
fn udp(text: &str) -> Result<Vec<u16>, Stop> {
    let ports = scope::ports("--udp", text)?;
    let no_question = |port: &&u16| identify::udp_ports().all(|(known, _)| known != **port);
    let Some(port) = ports.iter().find(no_question) else {
        return Ok(ports);
    };
    let known: BTreeMap<u16, &str> = identify::udp_ports().collect();
    let known = known.iter().map(|(port, name)| format!("{port} ({name})"));
    let known: Vec<String> = known.collect();
    Err(Stop::usage(format!(
        "--udp {text}: there is no question for port {port}; hosts can be asked on {}",
        known.join(", ")
    )))
}

fn rate(text: &str) -> Result<u32, Stop> {
    let rate = text.parse().ok().filter(|rate| *rate > 0);
    rate.ok_or_else(|| {
        Stop::usage(format!(
            "--rate {text}: expected probes a second, at least 1, or max"
        ))
    })
}

/// How hosts are asked who they are.
pub(super) fn look(pace: &PaceArguments) -> Result<Look, Stop> {
    let udp = match &pace.udp {
        Some(text) => udp(text)?,
        None => Vec::new(),
    };
    let listening = pace.mdns.unwrap_or(0);
    if listening > MOST_MDNS {
        return Err(Stop::usage(format!(
            "--mdns {listening}: expected at most {MOST_MDNS} seconds"
        )));
    }
    Ok(Look {
        deep: pace.deep_identify,
        udp,
        http: web("--http-port", pace.http_port.as_ref())?,
        https: web("--https-port", pace.https_port.as_ref())?,
        dns: !pace.no_dns,
        off: pace.no_identify,
        include_fragile: pace.include_fragile,
        every_key: false,
        mdns_seconds: listening,
    })
}

/// Chooses what every address is probed on and what only live ones are, and which engine sweeps which.
pub(super) fn stage(
    plan: &mut RunPlan,
    pace: &PaceArguments,
    named_ssh: &[u16],
) -> Result<(), Stop> {
    let targets = plan.scope.targets();
    let targets = Arc::new(targets.map_err(|error| Stop::configuration(&error))?);
    if !pace.thorough && targets.len() > FLAT_BELOW {
        let is_first = |port: &u16| FIRST.contains(port) || named_ssh.contains(port);
        let first: Vec<u16> = plan.ports.iter().copied().filter(is_first).collect();
        // Nothing is gained where nearly all are.
        if !first.is_empty() && first.len() < plan.ports.len() {
            plan.first_ports = first;
        }
    }
    let wanted = match pace.engine {
        EngineArgument::Auto => None,
        EngineArgument::Connect => Some(Engine::Connect),
        EngineArgument::Raw => Some(Engine::Raw),
    };
    let profile = plan.profile();
    let engines = match wanted {
        Some(Engine::Connect) => Engines::connect_only(profile),
        _ => Engines::open(profile),
    };
    let choice = engines.choose(&*scan::addresses(&targets), wanted);
    let is_raw = choice.legs.iter().any(|(engine, _)| *engine == Engine::Raw);
    if wanted == Some(Engine::Raw) && !is_raw {
        return Err(Stop::usage(format!("--engine raw: {}", choice.why)));
    }
    complain(&format!("sweep: {}", choice.why));
    plan.echo = is_raw;
    plan.engines = choice.legs;
    Ok(())
}
