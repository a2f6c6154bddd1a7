//! Who may log in to a simulated host, and by which methods.

use serde::Deserialize;

/// Who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Logins {
    /// A rule, as one word.
    Rule(LoginRule),
    /// Those who are listed.
    Listed(Vec<Login>),
}

impl Default for Logins {
    fn default() -> Self {
        Self::Rule(LoginRule::Nobody)
    }
}

/// A rule for logins that needs no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoginRule {
    /// Refuses everybody.
    Nobody,
    /// Takes any password and no key: what a trap does.
    AnyPassword,
    /// Takes anything.
    Anybody,
}

/// One way in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Login {
    /// By key.
    Key(KeyLogin),
    /// By password, in whichever way the methods allow.
    Password(PasswordLogin),
}

/// A login by key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLogin {
    /// The account.
    pub user: String,
    /// The name of one of the lab's own keys (see [`super::user_key`]), or a `SHA256:` fingerprint.
    pub key: String,
}

/// A login by password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordLogin {
    /// The account.
    pub user: String,
    /// Its simulated password.
    pub password: String,
}

/// An SSH authentication method, RFC 4252 and RFC 4256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Method {
    /// `publickey`
    Publickey,
    /// `password`
    Password,
    /// `keyboard-interactive`
    KeyboardInteractive,
}

/// A prompt of keyboard-interactive.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// What it says.
    pub text: String,
    /// Whether what is typed may be shown: not for a password.
    #[serde(default)]
    pub echo: bool,
}
