//! Proving who we are (RFC 4252, RFC 4256): one method, once.

use super::exchange::SshSession;
use super::handshake::Link;
use super::prompt::{asks_for_a_change, asks_the_password};
use crate::session::host_trust::Door;
use crate::session::pam;
use crate::session::transcript::plain;
use crate::session::{Limits, LoggedIn, LoginError, LoginRefusal, Password, Permit, Signer};
use async_trait::async_trait;
use russh::client::{AuthResult, KeyboardInteractiveAuthResponse as Conversation, Prompt};
use russh::{MethodKind, MethodSet};

/// A connection on which nobody has logged in.
pub(super) struct SshDoor {
    pub(super) link: Link,
    /// Where the password was handed to the wire: how many bytes and banners had come by then.
    sent_at: Option<(u64, usize)>,
    pub(super) keys_offered: usize,
    /// What the certificate says that is offered.
    pub(super) certificate: String,
    /// The old way by which a key was proven, where one was.
    pub(super) signed_by: Option<&'static str>,
    /// What the host told us in a conversation.
    told: String,
}

impl SshDoor {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            sent_at: None,
            keys_offered: 0,
            certificate: String::new(),
            signed_by: None,
            told: String::new(),
        }
    }
}

#[async_trait]
impl Door for SshDoor {
    async fn open_with_signer(
        mut self: Box<Self>,
        user: &str,
        signer: Signer<'_>,
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        let until = limits.within(limits.login);
        let offered = limits.timeout_at(until, self.offer(user, signer)).await;
        let secret_sent = false;
        offered.map_err(|_| LoginError::TimedOut { secret_sent })??;
        let door = *self;
        Ok(door.logged_in("publickey"))
    }

    async fn open_with_password(
        mut self: Box<Self>,
        user: &str,
        secret: (&Password, Permit),
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        let until = limits.within(limits.login);
        // The permit ends here: the password is sent once, or not at all.
        let (password, _permit) = secret;
        let told = limits.timeout_at(until, self.tell(user, password)).await;
        match told.unwrap_or_else(|_| Err(self.why_silent())) {
            Ok(method) => {
                let door = *self;
                let mut logged_in = door.logged_in(method);
                password.hide_in(&mut logged_in.said);
                Ok(logged_in)
            }
            Err(mut error) => {
                error.hide(password);
                Err(error)
            }
        }
    }
}

impl SshDoor {
    fn logged_in(self, method: &'static str) -> LoggedIn {
        let secret_sent = self.sent_at.is_some();
        let said = self.said();
        let old = self.signed_by.iter();
        let old = old.map(|name| format!("the key was proven by {name}, which is old"));
        LoggedIn {
            remarks: old.collect(),
            session: Box::new(SshSession::new(self.link)),
            method,
            secret_sent,
            said,
            trust: None,
            challenge: None,
            verified: None,
        }
    }

    /// Tells the password, by whichever of the two methods the host takes.
    async fn tell(&mut self, user: &str, password: &Password) -> Result<&'static str, LoginError> {
        let methods = match self.link.handle.authenticate_none(user).await {
            Ok(AuthResult::Success) => return Ok("none"),
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) => remaining_methods,
            Err(error) => return Err(self.lost(&error)),
        };
        if methods.contains(&MethodKind::Password) {
            return self.tell_outright(user, password).await;
        }
        if methods.contains(&MethodKind::KeyboardInteractive) {
            return self.converse(user, password).await;
        }
        if let Some(error) = self.broken() {
            return Err(error);
        }
        let refusal = self.refusal(&methods);
        let wanted = "password";
        Err(LoginError::NoSuchMethod { wanted, refusal })
    }

    async fn tell_outright(
        &mut self,
        user: &str,
        password: &Password,
    ) -> Result<&'static str, LoginError> {
        self.mark_sent()?;
        let secret = password.for_the_wire();
        let answer = self.link.handle.authenticate_password(user, secret).await;
        match self.verdict(answer)? {
            Verdict::Welcome => Ok("password"),
            Verdict::Refused { error, .. } => Err(error),
        }
    }

    /// Answers a single prompt without echo, once. Whatever else is asked ends the login.
    async fn converse(
        &mut self,
        user: &str,
        password: &Password,
    ) -> Result<&'static str, LoginError> {
        const MOST_ROUNDS: usize = 8;
        let handle = &mut self.link.handle;
        let mut turn = handle
            .authenticate_keyboard_interactive_start(user, None)
            .await;
        for _ in 0..MOST_ROUNDS {
            let prompts = match turn {
                Ok(Conversation::Success) => return Ok("keyboard-interactive"),
                Ok(Conversation::Failure {
                    remaining_methods,
                    partial_success,
                }) => {
                    return Err(self.after_conversation(&remaining_methods, partial_success));
                }
                Ok(Conversation::InfoRequest {
                    name,
                    instructions,
                    prompts,
                }) => {
                    self.hear(&name);
                    self.hear(&instructions);
                    prompts
                }
                Err(error) => return Err(self.lost(&error)),
            };
            let answers = self.answer(&prompts, password)?;
            let handle = &mut self.link.handle;
            turn = handle
                .authenticate_keyboard_interactive_respond(answers)
                .await;
        }
        Err(self.strange("endless questions"))
    }

    fn answer(
        &mut self,
        prompts: &[Prompt],
        password: &Password,
    ) -> Result<Vec<String>, LoginError> {
        match prompts {
            // Only something to read.
            [] => Ok(Vec::new()),
            [prompt] if self.sent_at.is_none() && asks_the_password(prompt) => {
                // sshd puts what PAM has to say before the prompt into it.
                if let Some((notice, _)) = prompt.prompt.trim_end().rsplit_once('\n') {
                    self.hear(notice);
                }
                if pam::is_unfit(&self.told) {
                    return Err(LoginError::Unfit(self.refusal(&MethodSet::empty())));
                }
                self.mark_sent()?;
                Ok(vec![password.for_the_wire()])
            }
            [prompt, ..] => Err(self.strange(&prompt.prompt)),
        }
    }

    fn strange(&self, prompt: &str) -> LoginError {
        let secret_sent = self.sent_at.is_some();
        if secret_sent && asks_for_a_change(prompt) {
            let mut refusal = self.refusal(&MethodSet::empty());
            refusal.said = plain(format!("{} {prompt}", refusal.said).as_bytes());
            return LoginError::PasswordExpired(refusal);
        }
        LoginError::StrangePrompt {
            prompt: plain(prompt.as_bytes()),
            secret_sent,
        }
    }

    fn after_conversation(&self, remaining: &MethodSet, partial: bool) -> LoginError {
        let refusal = self.refusal(remaining);
        let secret_sent = self.sent_at.is_some();
        if partial {
            return LoginError::MoreWanted {
                refusal,
                secret_sent,
            };
        }
        if !secret_sent {
            let wanted = "password";
            return LoginError::NoSuchMethod { wanted, refusal };
        }
        LoginError::PasswordRefused(refusal)
    }

    /// Notes that the password goes out now. From here on, any end but success counts as a try.
    fn mark_sent(&mut self) -> Result<(), LoginError> {
        if let Some(error) = self.broken() {
            return Err(error);
        }
        let banners = self.link.seen.lock().banners;
        self.sent_at = Some((self.link.received(), banners));
        Ok(())
    }

    /// Why the host did not answer in time.
    fn why_silent(&self) -> LoginError {
        self.link.cut();
        let secret_sent = self.sent_at.is_some();
        let Some((received, banners)) = self.sent_at else {
            return LoginError::TimedOut { secret_sent };
        };
        // The one answer to a password that russh does not pass on is the request to change it
        // (RFC 4252 section 8).
        let answered = self.link.received() > received;
        if answered && self.told.is_empty() && self.link.seen.lock().banners == banners {
            return LoginError::PasswordExpired(self.refusal(&MethodSet::empty()));
        }
        LoginError::TimedOut { secret_sent }
    }

    pub(super) fn verdict(
        &self,
        answer: Result<AuthResult, russh::Error>,
    ) -> Result<Verdict, LoginError> {
        let (remaining, partial) = match answer {
            Ok(AuthResult::Success) => return Ok(Verdict::Welcome),
            Ok(AuthResult::Failure {
                remaining_methods,
                partial_success,
            }) => (remaining_methods, partial_success),
            Err(error) => return Err(self.lost(&error)),
        };
        // russh reports a connection that broke as a refusal without methods.
        if remaining.is_empty()
            && let Some(error) = self.broken()
        {
            return Err(error);
        }
        let refusal = self.refusal(&remaining);
        let secret_sent = self.sent_at.is_some();
        let go_on = remaining.contains(&MethodKind::PublicKey);
        let error = match (partial, secret_sent) {
            (true, _) => {
                return Err(LoginError::MoreWanted {
                    refusal,
                    secret_sent,
                });
            }
            (false, true) => LoginError::PasswordRefused(refusal),
            (false, false) => LoginError::KeysRefused(refusal),
        };
        Ok(Verdict::Refused { go_on, error })
    }

    /// How the connection broke, if it did.
    fn broken(&self) -> Option<LoginError> {
        let seen = self.link.seen.lock().clone();
        if seen.refused_for_good || !self.link.handle.is_closed() {
            return None;
        }
        let farewell = seen.farewell.filter(|words| !words.is_empty());
        // sshd hangs up on the last try instead of refusing it.
        if farewell
            .as_deref()
            .is_some_and(|words| words.contains("authentication failures"))
        {
            return None;
        }
        let secret_sent = self.sent_at.is_some();
        let why = farewell.or(seen.broke);
        let why = why.unwrap_or_else(|| "the host closed it".to_owned());
        let said = self.said();
        Some(LoginError::Lost {
            why,
            said,
            secret_sent,
        })
    }

    fn lost(&self, error: &russh::Error) -> LoginError {
        let secret_sent = self.sent_at.is_some();
        self.broken().unwrap_or_else(|| LoginError::Lost {
            why: plain(error.to_string().as_bytes()),
            said: self.said(),
            secret_sent,
        })
    }

    fn refusal(&self, remaining: &MethodSet) -> LoginRefusal {
        let names: Vec<&'static str> = remaining.iter().map(Into::into).collect();
        LoginRefusal {
            remaining: names.join(","),
            said: self.said(),
            keys_offered: self.keys_offered,
            certificate: self.certificate.clone(),
        }
    }

    fn hear(&mut self, words: &str) {
        const KEPT: usize = 4 << 10;
        let room = KEPT.saturating_sub(self.told.len());
        self.told.extend(words.chars().take(room));
        if !words.is_empty() && room > 0 {
            self.told.push('\n');
        }
    }

    /// All that the host told us, for people and for [`crate::session::LoginError`]'s code.
    fn said(&self) -> String {
        let seen = self.link.seen.lock();
        let farewell = seen.farewell.as_deref().unwrap_or_default();
        // What it said of this login comes before its standing banner.
        let lines = [self.told.as_str(), farewell, seen.said.as_str()];
        let lines = lines.into_iter().flat_map(str::lines);
        let lines = lines.map(|line| plain(line.as_bytes()));
        let lines: Vec<String> = lines.filter(|line| !line.is_empty()).take(20).collect();
        lines.join("\n")
    }
}

/// How a host took a proof.
pub(super) enum Verdict {
    Welcome,
    /// And whether another key may be offered.
    Refused {
        go_on: bool,
        error: LoginError,
    },
}
