//! What a logon leaves behind: a context that seals what we say and opens what the host says.

use super::seal::Sealed;
use sspi::{EncryptionFlags, Kerberos, Negotiate, Ntlm, SecurityBufferRef, Sspi};

/// A context on which both sides agree.
pub(super) enum Context {
    /// NTLM, bare.
    Ntlm(Box<Ntlm>),
    /// NTLM inside SPNEGO.
    Spnego(Box<Negotiate>),
    /// Kerberos.
    Kerberos(Box<Kerberos>),
}

impl Context {
    /// Seals a message.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Result<Sealed, String> {
        match self {
            Self::Ntlm(context) => seal(&mut **context, plain),
            Self::Spnego(context) => seal(&mut **context, plain),
            Self::Kerberos(context) => seal(&mut **context, plain),
        }
    }

    /// Opens a message; fails where it was altered, repeated or left out of turn.
    pub(super) fn open(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        let length = sealed.length;
        let plain = match self {
            Self::Ntlm(context) => open(&mut **context, sealed),
            Self::Spnego(context) => open(&mut **context, sealed),
            Self::Kerberos(context) => open(&mut **context, sealed),
        }?;
        if plain.len() != length {
            return Err("it is not as long as it says".to_owned());
        }
        Ok(plain)
    }
}

fn seal(context: &mut impl Sspi, plain: &[u8]) -> Result<Sealed, String> {
    let sizes = context.query_context_sizes().map_err(words)?;
    let trailer = usize::try_from(sizes.security_trailer).unwrap_or_default();
    let mut token = vec![0; trailer];
    let mut data = plain.to_vec();
    let mut message = [
        SecurityBufferRef::token_buf(&mut token),
        SecurityBufferRef::data_buf(&mut data),
    ];
    let flags = EncryptionFlags::empty();
    context
        .encrypt_message(flags, &mut message)
        .map_err(words)?;
    let [written, _] = &message;
    let written = written.buf_len();
    token.truncate(written);
    Ok(Sealed {
        token,
        data,
        length: plain.len(),
    })
}

fn open(context: &mut impl Sspi, sealed: Sealed) -> Result<Vec<u8>, String> {
    let Sealed {
        mut token,
        mut data,
        ..
    } = sealed;
    let mut message = [
        SecurityBufferRef::token_buf(&mut token),
        SecurityBufferRef::data_buf(&mut data),
    ];
    context.decrypt_message(&mut message).map_err(words)?;
    let [_, plain] = &message;
    Ok(plain.data().to_vec())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands in for a closure in map_err"
)]
fn words(error: sspi::Error) -> String {
    format!("{:?}", error.error_type)
}
