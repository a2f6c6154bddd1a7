//! Getting to hosts through others: each jump host is met, verified and logged in to like any host, once a
//! run, by the credential that the operator names for it.

use super::super::keyring::StoredProof;
use super::super::{Context, Event, Keyring, RunError};
use super::Visit;
use super::login::{Entry, Next};
use crate::credentials::{Credential, Jump, MAX_KEYS};
use crate::model::{Failure as _, HostFailure, HostTrust, LiveHost, Protocol, ResultCode, Stage};
use crate::session::{Bastion, Lane, MeetError, Met, Signer, Way};
use crate::traffic::Share;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long the lookup of a name may take.
const LOOKUP: Duration = Duration::from_secs(15);

/// The jump hosts of a run, by their ids.
#[derive(Default)]
pub(in super::super) struct Jumps(BTreeMap<String, Mutex<Road>>);

impl Jumps {
    pub(in super::super) fn of(keyring: &Keyring) -> Self {
        let ids = keyring.jumps().iter().map(|jump| jump.id.clone());
        Self(ids.map(|id| (id, Mutex::new(Road::Untried))).collect())
    }
}

/// How it stands with a jump host.
enum Road {
    Untried,
    /// With its share of the bandwidth: whoever goes through it waits for that.
    Open(Arc<Bastion>, Share),
    /// It is not tried again in this run: a wrong password must not be told twice.
    Closed(Closed),
}

/// Why a jump host does not let us on.
#[derive(Clone)]
pub(super) struct Closed {
    code: ResultCode,
    detail: String,
}

impl Closed {
    fn new(code: ResultCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail }
    }
}

/// A place among the connections through a jump host, or why there is none.
type Found = Result<Result<(Lane, Share), Closed>, RunError>;

/// Waits for a place among the connections through a jump host; whoever comes first logs in to it.
fn lane<'a>(cx: &'a Context, id: &'a str) -> Pin<Box<dyn Future<Output = Found> + Send + 'a>> {
    Box::pin(async move {
        let jump = cx.keyring.jumps().iter().find(|jump| jump.id == id);
        let (Some(jump), Some(road)) = (jump, cx.jumps.0.get(id)) else {
            let why = format!("there is no jump host `{id}`");
            return Ok(Err(Closed::new(ResultCode::NoCredentialInScope, why)));
        };
        let mut road = road.lock().await;
        let (bastion, share) = match &*road {
            Road::Open(bastion, share) if !bastion.is_closed() => {
                (Arc::clone(bastion), share.clone())
            }
            Road::Closed(closed) => return Ok(Err(closed.clone())),
            Road::Untried | Road::Open(..) => match enter_while_there(cx, jump).await? {
                Ok((bastion, share)) => {
                    let bastion = Arc::new(bastion);
                    *road = Road::Open(Arc::clone(&bastion), share.clone());
                    (bastion, share)
                }
                // It was not asked.
                Err(closed) if !cx.network.is_up() && closed.code == ResultCode::Filtered => {
                    return Ok(Err(closed));
                }
                Err(closed) => {
                    let (code, why) = (closed.code.as_str(), &closed.detail);
                    let text = format!("nobody is reached through {id}: {code}: {why}");
                    cx.tell(Event::Warning { text });
                    *road = Road::Closed(closed.clone());
                    return Ok(Err(closed));
                }
            },
        };
        drop(road);
        Ok(Ok((bastion.lane().await, share)))
    })
}

/// As [`enter`]; where nothing answers it is known afterwards whether that is because we have no network.
async fn enter_while_there(
    cx: &Context,
    jump: &Jump,
) -> Result<Result<(Bastion, Share), Closed>, RunError> {
    let before = cx.network.now();
    let entered = enter(cx, jump).await?;
    if entered
        .as_ref()
        .is_err_and(|closed| closed.code == ResultCode::Filtered)
    {
        let address = jump.address().filter(|_| jump.jump.is_none());
        cx.network.is_there(address, before, Instant::now()).await;
    }
    Ok(entered)
}

async fn enter(cx: &Context, jump: &Jump) -> Result<Result<(Bastion, Share), Closed>, RunError> {
    let mut credentials = cx.keyring.credentials().iter();
    let Some(credential) = credentials.find(|it| it.id == jump.credential) else {
        let why = format!("there is no credential {}", jump.credential);
        return Ok(Err(Closed::new(ResultCode::NoCredentialInScope, why)));
    };
    let through = match &jump.jump {
        None => None,
        Some(outer) => match lane(cx, outer).await? {
            Ok(found) => Some(found),
            Err(closed) => return Ok(Err(closed)),
        },
    };
    let (through, outer) = through.unzip();
    let host = match host(jump, through.is_some()).await {
        Ok(host) => host,
        Err(why) => return Ok(Err(Closed::new(ResultCode::Filtered, why))),
    };
    if !credential.scope.covers(&host) {
        let why = format!(
            "the scope of {} does not cover {}",
            credential.id, jump.host
        );
        return Ok(Err(Closed::new(ResultCode::NoCredentialInScope, why)));
    }
    let mut visit = Visit::new(cx, host);
    (visit.protocol, visit.port) = (Protocol::Ssh, jump.port);
    visit.on_the_way = outer.map(|outer| visit.share.behind(&outer));
    let legacy = credential.legacy;
    visit.connector = cx.connectors.ssh.by(Way { legacy, through });
    if visit.connector.is_none() {
        return Ok(Err(no_other_way()));
    }
    let entered = visit.enter_bastion(credential).await?;
    Ok(entered.map(|bastion| (bastion, visit.share().clone())))
}

/// Where a jump host is. One that is itself behind another is looked up by that one.
async fn host(jump: &Jump, is_behind: bool) -> Result<LiveHost, String> {
    let (address, name) = match jump.address() {
        Some(address) => (address, None),
        None if is_behind => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), Some(&jump.host)),
        None => {
            let found = tokio::net::lookup_host((jump.host.as_str(), jump.port));
            (looked_up(found).await?, Some(&jump.host))
        }
    };
    Ok(LiveHost {
        address,
        name: name.map(|name| name.as_str().into()),
        tags: Arc::default(),
        open_ports: vec![jump.port],
        round_trip: None,
    })
}

/// The first address that a resolver knows, if it answers in time.
async fn looked_up<A>(lookup: impl Future<Output = io::Result<A>>) -> Result<IpAddr, String>
where
    A: Iterator<Item = SocketAddr>,
{
    let found = timeout(LOOKUP, lookup).await;
    let found = found.map_err(|_| "its name is not known: the resolver does not answer")?;
    let mut found = found.map_err(|error| format!("its name is not known: {error}"))?;
    let first = found.next().ok_or("its name has no address")?;
    Ok(first.ip())
}

fn no_other_way() -> Closed {
    let why = "hosts are met here in one way only";
    Closed::new(ResultCode::ProtocolError, why)
}

impl Visit<'_> {
    /// Chooses the way to the host that the credential names.
    pub(super) async fn set_out(
        &mut self,
        credential: &Credential,
    ) -> Result<Result<(), Closed>, RunError> {
        self.connector = None;
        // What was not this host's time on the way stays that.
        if let Some(left) = self.on_the_way.take() {
            self.deadline += left.held_on_the_way();
        }
        self.remarks.clear();
        let legacy = credential.legacy;
        let through = match &credential.jump {
            None if !legacy => return Ok(Ok(())),
            None => None,
            Some(id) => {
                // Waiting for others on the way is not this host's time.
                let asked = Instant::now();
                let found = lane(self.cx, id).await?;
                self.deadline += asked.elapsed();
                match found {
                    Ok((lane, share)) => {
                        self.on_the_way = Some(self.share.behind(&share));
                        self.remarks.push(format!("through {id}"));
                        Some(lane)
                    }
                    Err(closed) => return Ok(Err(closed)),
                }
            }
        };
        let is_needed = through.is_some();
        self.connector = self.cx.connectors.ssh.by(Way { legacy, through });
        Ok(match &self.connector {
            None if is_needed => Err(no_other_way()),
            _ => Ok(()),
        })
    }

    /// Writes down that a jump host did not let us on to the host.
    pub(super) fn not_reached(&mut self, credential: &Credential, closed: Closed) -> Next {
        let Closed { code, detail } = closed;
        let id = credential.jump.as_deref().unwrap_or_default();
        let detail = format!("the jump host {id} was not passed: {detail}");
        let mut row = self.row(Some(credential), code, HostTrust::None);
        row.detail.clone_from(&detail);
        self.record(row);
        self.was_held_up = true;
        if self.cx.alarm.is_raised() {
            let code = ResultCode::NotAttemptedTrust;
            self.failure = Some(HostFailure::not_begun(code, detail));
            return Next::Done;
        }
        self.failure = Some(HostFailure {
            stage: Stage::Meet,
            code,
            detail,
            retryable: true,
        });
        Next::TryAnother
    }

    /// Logs in to this host for nothing but connections through it. Whatever the credential is, the host has
    /// to be one that we know.
    async fn enter_bastion(
        &mut self,
        credential: &Credential,
    ) -> Result<Result<Bastion, Closed>, RunError> {
        let cx = self.cx;
        let entry = match cx.keyring.proof(&credential.id) {
            Some(StoredProof::Password(password)) => {
                let (_, told) = self.tell(credential, password).await?;
                told.map(|(entry, _)| entry)
            }
            Some(StoredProof::Keys(keys)) => self.sign(credential, Signer::Keys(keys)).await,
            Some(StoredProof::Agent {
                socket,
                fingerprint,
            }) => {
                let only = fingerprint.as_deref();
                let most = MAX_KEYS;
                let signer = Signer::Agent { socket, only, most };
                self.sign(credential, signer).await
            }
            Some(StoredProof::Certificate(_)) | None => return Ok(Err(no_other_way())),
        };
        let logged_in = match entry {
            Err(error) => return Ok(Err(Closed::new(error.code(), error.to_string()))),
            Ok(Entry::Refused(error)) => {
                return Ok(Err(Closed::new(error.code(), error.to_string())));
            }
            Ok(Entry::Held(code, why)) => return Ok(Err(Closed::new(code, why))),
            Ok(Entry::StoodDown) => {
                let why = cx.alarm.why();
                return Ok(Err(Closed::new(ResultCode::NotAttemptedTrust, why)));
            }
            Ok(Entry::In(logged_in, _)) => logged_in,
        };
        Ok(logged_in.session.into_bastion().ok_or_else(no_other_way))
    }

    async fn sign(
        &mut self,
        credential: &Credential,
        signer: Signer<'_>,
    ) -> Result<Entry, MeetError> {
        let attempt = self.attempt(credential);
        let met = self.meet(&attempt.limits).await?;
        self.acquaint(&met);
        if matches!(met, Met::Stranger(_)) {
            let why = format!("it shows {}, which nobody vouches for", met.host_key());
            return Ok(Entry::Held(ResultCode::HostkeyUnknown, why));
        }
        Ok(self.by_signature(met, &attempt, signer).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::vec::IntoIter;

    #[tokio::test(start_paused = true)]
    async fn a_jump_host_whose_name_nobody_resolves_is_given_up() {
        let asked = Instant::now();
        let said = looked_up(pending::<io::Result<IntoIter<SocketAddr>>>()).await;
        assert!(said.unwrap_err().contains("the resolver does not answer"));
        assert_eq!(asked.elapsed(), LOOKUP);

        let refused: io::Result<IntoIter<SocketAddr>> = Err(io::ErrorKind::NotFound.into());
        let said = looked_up(ready(refused)).await;
        assert!(said.unwrap_err().contains("its name is not known"));
        let nobody = looked_up(ready(Ok(Vec::new().into_iter()))).await;
        assert!(nobody.unwrap_err().contains("no address"));
        let place = SocketAddr::from(([192, 0, 2, 1], 22));
        let found = looked_up(ready(Ok(vec![place].into_iter()))).await;
        assert_eq!(found, Ok(place.ip()));
    }
}
