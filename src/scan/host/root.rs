//! What only root may see: asked where the credential says so, by way of sudo.
//!
//! A password for sudo goes the way of one for a login: to a verified host, in its account's turn, with
//! a try reserved before it is sent and given back only when it has proven right.

use super::Visit;
use super::login::{Entry, Ticket};
use crate::collect;
use crate::credentials::{AccountKey, Credential, HostLabel, Sudo};
use crate::model::{CredentialId, Failure as _, HostTrust, ResultCode};
use crate::scan::{RunError, Step};
use crate::session::{Answers, Session, SessionError, SudoEnd, SudoProof, Told, Verified};

/// Who may become root, on a host that was verified or was not.
#[derive(Clone, Copy)]
pub(super) struct Root<'a> {
    pub(super) credential: &'a Credential,
    pub(super) verified: Option<Verified>,
}

impl Visit<'_> {
    /// Asks what only root may see, and says what that has added.
    pub(super) async fn ask_root(
        &mut self,
        session: &mut dyn Session,
        answers: &mut Answers,
        (root, trust): (Root<'_>, HostTrust),
    ) -> Result<Option<String>, RunError> {
        let set = self.asked(&collect::UNIX_PRIVILEGED);
        let more = match root.credential.sudo {
            Sudo::Never => return Ok(None),
            Sudo::WithoutPassword => {
                self.note(Step::Asks(set));
                let asked = session.ask_as_root(set, &self.limits()).await;
                asked.map_err(|error| why(&error))
            }
            Sudo::WithPassword => {
                self.ask_root_with_password(&mut *session, (root, trust))
                    .await?
            }
        };
        self.note_answers(session, set, more.as_ref().ok());
        let more = match more {
            Ok(more) => more,
            Err((code, detail)) => {
                answers.lose(code, format!("sudo: {detail}"));
                return Ok(None);
            }
        };
        let before = collect::read(&collect::UNIX, answers);
        answers.absorb_known(more);
        let after = collect::read(&collect::UNIX, answers);
        let added = before.zip(after);
        Ok(added.map(|(before, after)| collect::told_by_root(&before, &after)))
    }

    async fn ask_root_with_password(
        &mut self,
        session: &mut dyn Session,
        (root, trust): (Root<'_>, HostTrust),
    ) -> Result<Result<Answers, (ResultCode, String)>, RunError> {
        let (cx, credential) = (self.cx, root.credential);
        let Some(password) = cx.keyring.for_sudo(credential) else {
            return Ok(Err((
                ResultCode::SudoDenied,
                "the credential has no password for it".to_owned(),
            )));
        };
        let verified = match self.why_no_password(root, trust).await? {
            Ok(verified) => verified,
            Err(detail) => return Ok(Err((ResultCode::HostkeyUnknown, detail))),
        };
        let label = HostLabel::new(self.host.address, self.host_key.as_ref());
        let account = AccountKey::of(credential, &label);
        // Not the login's own turn: a password that opens a door may not be the one that sudo wants.
        // No credential's id has a slash.
        let secret = CredentialId::new(format!("{}/sudo", credential.id));
        let (ticket, permit) = match self.reserve_for(&secret, account, label, None).await? {
            Ok(reserved) => reserved,
            Err(Entry::Held(code, why)) => return Ok(Err((code, why))),
            Err(_) => return Ok(Err((ResultCode::NotAttemptedTrust, cx.alarm.why()))),
        };
        let proof = SudoProof {
            user: &credential.user,
            password,
            permit,
            verified,
        };
        let set = self.asked(&collect::UNIX_PRIVILEGED);
        self.note(Step::LogsIn {
            credential: credential.id.clone(),
            user: credential.user.clone(),
            proof: "a password for sudo",
        });
        self.note(Step::Asks(set));
        let limits = self.limits();
        let end = session.ask_as_root_with_password(set, proof, &limits);
        self.settle_sudo(end.await, ticket).await
    }

    /// That the host may hear a password, or why it may not.
    async fn why_no_password(
        &self,
        root: Root<'_>,
        trust: HostTrust,
    ) -> Result<Result<Verified, String>, RunError> {
        let (Some(verified), Some(shown)) = (root.verified, &self.host_key) else {
            let detail = "the password was held back: nobody has vouched for the host's key";
            return Ok(Err(detail.to_owned()));
        };
        let why = self.why_not_vouched(trust, shown, root.credential).await?;
        Ok(match why {
            Some(why) => Err(format!("the password was held back: {why}")),
            None => Ok(verified),
        })
    }

    /// Gives the try back or spends it, by what became of the password.
    async fn settle_sudo(
        &self,
        end: SudoEnd,
        ticket: Ticket,
    ) -> Result<Result<Answers, (ResultCode, String)>, RunError> {
        let Ticket { reserved, turn } = ticket;
        let breaker = &self.cx.breaker;
        match end.password {
            Told::Never => breaker.give_back(reserved).await?,
            Told::Right => {
                breaker.give_back(reserved).await?;
                turn.prove();
            }
            Told::Unproven => breaker.spend(reserved, ResultCode::SudoDenied).await?,
        }
        Ok(end.answers.map_err(|error| why(&error)))
    }
}

fn why(error: &SessionError) -> (ResultCode, String) {
    (error.code(), error.to_string())
}
