//! The SSH server of a simulated host: who may log in, and how it refuses.

use super::behaviour::{Hearing, Shell};
use super::dialogue::converse;
use super::keys::{fingerprint, host_key, user_key};
use super::logins::{Login, LoginRule, Logins, Method, Prompt};
use super::network::{Host, Network};
use super::recording::Recording;
use super::seen::{Note, Proof};
use super::sudo::Sudo;
use super::wire::Wire;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Response, Session,
    VerifiedPublicKey,
};
use russh::{Channel, ChannelId, Error, MethodKind, MethodSet, SshId};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// All that the connections to one host share.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) shell: Shell,
    pub(super) delay: Duration,
    pub(super) recording: Recording,
    /// What root is answered, where sudo asks for no password.
    pub(super) as_root: Option<Recording>,
    /// How sudo asks for a password, where it does.
    pub(super) sudo: Option<Sudo>,
    access: Access,
    hearing: Hearing,
    offered: MethodSet,
    prompts: Vec<Prompt>,
    second_round: Vec<Prompt>,
    refusal: Option<String>,
    notice: Option<String>,
    config: Arc<Config>,
}

/// Who gets in.
#[derive(Debug)]
enum Access {
    Rule(LoginRule),
    Listed {
        /// (user, fingerprint)
        keys: Vec<(String, String)>,
        /// (user, password)
        passwords: Vec<(String, String)>,
    },
}

impl Served {
    /// Prepares a host of a network.
    pub(super) fn new(
        network: &Network,
        host: &Host,
        (recording, as_root): (Recording, Option<Recording>),
    ) -> Self {
        let offered = methods(&host.methods);
        let config = Config {
            server_id: SshId::Standard(Cow::Owned(host.banner.clone())),
            methods: offered.clone(),
            auth_rejection_time: Duration::ZERO,
            keys: vec![host_key(&network.name, &host.name)],
            max_auth_attempts: 6,
            inactivity_timeout: Some(Duration::from_mins(2)),
            nodelay: true,
            ..Config::default()
        };
        Self {
            shell: host.shell.clone(),
            delay: Duration::from_millis(host.delay_ms),
            recording,
            as_root,
            sudo: host.sudo.clone(),
            access: Access::new(&network.name, &host.logins),
            hearing: host.hearing,
            offered,
            prompts: host.prompts.clone(),
            second_round: host.second_round.clone(),
            refusal: host.refusal.clone(),
            notice: host.notice.clone(),
            config: Arc::new(config),
        }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(self: Arc<Self>, wire: Wire, note: Note) -> Result<(), Error> {
        let config = self.config.clone();
        let peer = Peer {
            served: self,
            note,
            user: String::new(),
            refused: false,
            channels: JoinSet::new(),
        };
        russh::server::run_stream(config, wire, peer).await?.await
    }
}

fn methods(methods: &[Method]) -> MethodSet {
    let kind = |method: &Method| match method {
        Method::Publickey => MethodKind::PublicKey,
        Method::Password => MethodKind::Password,
        Method::KeyboardInteractive => MethodKind::KeyboardInteractive,
    };
    let kinds: Vec<MethodKind> = methods.iter().map(kind).collect();
    MethodSet::from(&kinds[..])
}

impl Access {
    fn new(network: &str, logins: &Logins) -> Self {
        let logins = match logins {
            Logins::Rule(rule) => return Self::Rule(*rule),
            Logins::Listed(logins) => logins,
        };
        let (mut keys, mut passwords) = (Vec::new(), Vec::new());
        for login in logins {
            match login {
                Login::Key(login) if login.key.starts_with("SHA256:") => {
                    keys.push((login.user.clone(), login.key.clone()));
                }
                Login::Key(login) => {
                    let key = user_key(network, &login.key);
                    keys.push((login.user.clone(), fingerprint(key.public_key())));
                }
                Login::Password(login) => {
                    passwords.push((login.user.clone(), login.password.clone()));
                }
            }
        }
        Self::Listed { keys, passwords }
    }

    fn takes_key(&self, user: &str, fingerprint: &str) -> bool {
        match self {
            Self::Rule(rule) => *rule == LoginRule::Anybody,
            Self::Listed { keys, .. } => keys
                .iter()
                .any(|(name, key)| name == user && key == fingerprint),
        }
    }

    fn takes_password(&self, user: &str, secret: &str) -> bool {
        match self {
            Self::Rule(rule) => *rule != LoginRule::Nobody,
            Self::Listed { passwords, .. } => passwords
                .iter()
                .any(|(name, password)| name == user && password == secret),
        }
    }
}

/// One connection's view of the one who connected.
struct Peer {
    served: Arc<Served>,
    note: Note,
    /// The account that last tried to log in.
    user: String,
    /// Whether keyboard-interactive has got its answer, and refuses whatever comes next.
    refused: bool,
    channels: JoinSet<()>,
}

impl Peer {
    /// Takes note of a try, and answers it: after a refusal the same methods are left, as in
    /// OpenSSH.
    async fn answer(&self, user: &str, proof: Proof, accepted: bool) -> Auth {
        let accepted = self.note.login(user, proof, accepted);
        tokio::time::sleep(self.served.delay).await;
        if accepted {
            return Auth::Accept;
        }
        self.refuse()
    }

    fn after_secret(&self, answer: Auth) -> Result<Auth, Error> {
        match self.served.hearing {
            Hearing::Answers => Ok(answer),
            Hearing::HangsUp => Err(Error::Disconnect),
        }
    }

    fn refuse(&self) -> Auth {
        Auth::Reject {
            proceed_with_methods: Some(self.served.offered.clone()),
            partial_success: false,
        }
    }

    fn offers(&self, method: MethodKind) -> bool {
        self.served.offered.contains(&method)
    }
}

/// A round of keyboard-interactive.
fn ask(instructions: &str, prompts: &[Prompt]) -> Auth {
    let prompt = |prompt: &Prompt| (Cow::Owned(prompt.text.clone()), prompt.echo);
    Auth::Partial {
        name: Cow::Borrowed(""),
        instructions: Cow::Owned(instructions.to_owned()),
        prompts: prompts.iter().map(prompt).collect(),
    }
}

impl Handler for Peer {
    type Error = Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Error> {
        Ok(self.served.notice.clone())
    }

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Error> {
        self.note.login(user, Proof::None, false);
        Ok(self.refuse())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Error> {
        user.clone_into(&mut self.user);
        let accepted =
            self.offers(MethodKind::Password) && self.served.access.takes_password(user, password);
        let proof = Proof::Password(password.to_owned());
        let answer = self.answer(user, proof, accepted).await;
        self.after_secret(answer)
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Error> {
        let key = fingerprint(offer.public_key);
        let accepted =
            self.offers(MethodKind::PublicKey) && self.served.access.takes_key(user, &key);
        Ok(self.answer(user, Proof::Offer(key), accepted).await)
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Error> {
        user.clone_into(&mut self.user);
        let key = fingerprint(key.public_key);
        let accepted =
            self.offers(MethodKind::PublicKey) && self.served.access.takes_key(user, &key);
        Ok(self.answer(user, Proof::Signature(key), accepted).await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Error> {
        user.clone_into(&mut self.user);
        if self.refused || !self.offers(MethodKind::KeyboardInteractive) {
            self.refused = false;
            return Ok(self.refuse());
        }
        let Some(response) = response else {
            self.note.login(user, Proof::Dialogue, false);
            return Ok(ask("", &self.served.prompts));
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let responses: Vec<String> = response.map(|bytes| text(&bytes)).collect();
        let accepted = match responses.first() {
            Some(secret) => self.served.access.takes_password(user, secret),
            None => false,
        };
        let round = &self.served.second_round;
        let enough = accepted && round.is_empty();
        let answer = self.answer(user, Proof::Responses(responses), enough).await;
        let answer = self.after_secret(answer)?;
        let next = match &self.served.refusal {
            _ if enough => return Ok(answer),
            _ if accepted => ask("", round),
            Some(reason) => ask(reason, &[]),
            None => return Ok(answer),
        };
        self.refused = true;
        Ok(next)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Error> {
        if self.served.shell == Shell::Closes {
            return Err(Error::Disconnect);
        }
        reply.accept().await;
        let who = (self.user.clone(), self.note.clone());
        self.channels
            .spawn(converse(channel, self.served.clone(), who));
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_success(channel)
    }
}
