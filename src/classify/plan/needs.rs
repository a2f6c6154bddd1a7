//! What a plan has to know of a machine.

use crate::model::{
    Decision, Family, Finding, FindingState, Holds, Inventory, MachineId, MachineRecord,
    PackageManager, Platform, Tool, is_place,
};
use std::collections::BTreeSet;
use std::iter;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A machine, as a plan sees it.
#[derive(Clone, Debug)]
pub struct MachineNeeds {
    /// The machine.
    pub id: MachineId,
    /// What it calls itself.
    pub hostname: String,
    /// Its first address.
    pub address: IpAddr,
    /// What tools reach it by: see [`crate::model::MachinePlan::place`].
    pub place: String,
    /// Who answers for it; empty where nobody says.
    pub owner: String,
    /// The operator's tags.
    pub tags: Vec<String>,
    /// What installs packages there.
    pub tool: Option<Tool>,
    /// The packages that are held at their versions.
    pub held: BTreeSet<String>,
    /// Of dpkg the packages that bring the newest kernel of a kind: `linux-image-amd64`.
    pub kernels: Vec<String>,
    /// Whether it waits for a restart.
    pub waits: bool,
    /// Its findings.
    pub findings: Arc<Vec<Finding>>,
    /// What the policy makes of each of them, in the same order; empty where nobody asked it.
    pub decisions: Vec<Decision>,
}

impl MachineNeeds {
    /// The findings that are open or undecided, each with what the policy makes of it.
    pub(super) fn open(&self) -> impl Iterator<Item = (&Finding, Option<&Decision>)> {
        let decisions = self.decisions.iter().map(Some).chain(iter::repeat(None));
        let all = self.findings.iter().zip(decisions);
        all.filter(|(finding, _)| !finding.state.is_closed())
    }

    /// What a machine of a run needs; `None` for who is no machine.
    pub fn of(machine: &MachineRecord) -> Option<Self> {
        if machine.intermediary.is_some() {
            return None;
        }
        let none = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let address = machine.addresses.first().copied().unwrap_or(none);
        let inventory = machine.inventory.as_deref();
        let named = machine.target_name.as_deref();
        let named = named.filter(|name| is_place(name));
        let pending = |one: &Finding| one.state == FindingState::PendingReboot;
        let asks = inventory
            .and_then(|read| read.reboot.known())
            .is_some_and(|reboot| reboot.required);
        let holds = inventory.map(Holds::of).unwrap_or_default();
        Some(Self {
            id: machine.id.clone(),
            hostname: machine.called().unwrap_or_default().to_owned(),
            address,
            place: named.map_or_else(|| address.to_string(), str::to_owned),
            owner: machine.owner().unwrap_or_default().to_owned(),
            tags: machine.tags.clone(),
            tool: inventory.and_then(tool),
            held: holds.held,
            kernels: holds.kernels,
            waits: asks || machine.findings.iter().any(pending),
            findings: Arc::clone(&machine.findings),
            decisions: machine
                .decided
                .iter()
                .flat_map(|all| all.decisions.iter().cloned())
                .collect(),
        })
    }
}

/// By the manager of its packages. Snaps and the like beside it are upgraded otherwise.
fn tool(inventory: &Inventory) -> Option<Tool> {
    let platform = &inventory.platform;
    if platform.family == Family::Windows {
        return Some(Tool::WindowsUpdate);
    }
    let packages = inventory.packages.known();
    let mut managers = packages
        .into_iter()
        .flatten()
        .map(|package| package.manager);
    managers.find_map(|manager| match manager {
        PackageManager::Dpkg => Some(Tool::Apt),
        PackageManager::Rpm => Some(rpm_tool(platform)),
        PackageManager::Apk => Some(Tool::Apk),
        PackageManager::Pacman => Some(Tool::Pacman),
        PackageManager::Pkg => Some(Tool::Pkg),
        PackageManager::Opkg => Some(Tool::Opkg),
        PackageManager::Portage => Some(Tool::Emerge),
        _ => None,
    })
}

fn rpm_tool(platform: &Platform) -> Tool {
    let id = platform.id.as_str();
    if id.contains("suse") || id.starts_with("sle") {
        return Tool::Zypper;
    }
    let version = platform.version.as_deref().unwrap_or_default();
    let major = version.split('.').next().unwrap_or_default();
    let is_old = match id {
        "rhel" | "centos" | "ol" | "scientific" | "almalinux" | "rocky" => {
            matches!(major, "5" | "6" | "7")
        }
        "amzn" => matches!(major, "2" | "2017" | "2018"),
        _ => false,
    };
    if is_old { Tool::Yum } else { Tool::Dnf }
}
