//! Whom we know: host keys, pins and certificate authorities, as the operator names them.

use super::{Stop, complain, hints, runtime};
use crate::credentials::Kind;
use crate::model::plural;
use crate::scan::{Connectors, Keyring, RunPlan};
use crate::session::{Authorities, KnownKeys, Names, NoNames, SshConnector, WinrmConnector};
use crate::store::Store;
use std::fs;
use std::sync::Arc;

/// How hosts are met. Certificate authorities are read only where a credential needs them, or a person looks
/// at what they vouch for.
pub(super) fn connectors(
    plan: &RunPlan,
    keyring: &Keyring,
    known: KnownKeys,
    is_simulated: bool,
) -> Result<Connectors, Stop> {
    let known = Arc::new(known);
    let mut credentials = keyring.credentials().iter();
    let needed =
        plan.look.every_key || credentials.any(|credential| credential.kind() == Kind::Winrm);
    let mut authorities = if needed && !is_simulated {
        Authorities::platform()
    } else {
        Authorities::none()
    };
    for path in plan.tls_ca.iter().filter(|_| needed) {
        let fault = |why: String| Stop::usage(format!("--tls-ca {}: {why}", path.display()));
        let pem = fs::read(path).map_err(|error| fault(error.to_string()))?;
        authorities = authorities
            .with_pem(&pem)
            .map_err(|error| fault(hints::chain(&error)))?;
    }
    let names: Arc<dyn Names> = if is_simulated {
        Arc::new(NoNames)
    } else {
        Arc::new(runtime::SystemNames)
    };
    let tls_ports = plan.winrm_tls_ports.iter().copied().collect();
    let winrm = WinrmConnector::new(Arc::clone(&known), authorities, tls_ports, names);
    Ok(Connectors {
        ssh: Arc::new(SshConnector::new(known)),
        winrm: Arc::new(winrm),
    })
}

/// Who the operator, or an earlier run at this site, knows.
pub(super) async fn known_keys(
    store: &Store,
    site: &str,
    plan: &RunPlan,
) -> Result<KnownKeys, Stop> {
    let mut known = KnownKeys::default();
    for path in &plan.known_hosts {
        let text = fs::read(path).map_err(|error| {
            Stop::usage(format!(
                "cannot read the known hosts {}: {error}",
                path.display()
            ))
        })?;
        let report = known.add_known_hosts(&String::from_utf8_lossy(&text));
        if report.unreadable > 0 {
            complain(&format!(
                "{}: {} could not be read and {} not used",
                path.display(),
                plural(report.unreadable, "line"),
                if report.unreadable == 1 { "is" } else { "are" }
            ));
        }
    }
    for (name, known_as) in &plan.key_names {
        known.alias(name, known_as);
    }
    let pins = store
        .pins(site)
        .await
        .map_err(|error| Stop::failed(&error))?;
    for pin in pins {
        known.pin(&pin.host, pin.port, pin.key);
    }
    Ok(known)
}
