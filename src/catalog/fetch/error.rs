//! Why a document could not be fetched.

use crate::catalog::hashes::HashError;
use std::io;
use std::path::PathBuf;

/// Why a document could not be fetched. No text here holds a proxy's password or a header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody answers, or somebody who is not who he should be.
    #[error("cannot reach {host}")]
    Connect {
        /// The host, or the proxy's.
        host: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The proxy wants a name and a password, or does not take these.
    #[error("the proxy wants a name and a password that it knows")]
    ProxyLogin,
    /// Another answer than the document.
    #[error("the server answered {0}")]
    Status(u16),
    /// Sent on to where we do not follow.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// The document ended before its length, and again after each further try.
    #[error("cut off after {got} bytes")]
    Cut {
        /// How much there is. It is kept: the next update goes on from there.
        got: u64,
    },
    /// The document is not as long as was said.
    #[error("{got} bytes came where {said} were announced")]
    Length {
        /// As announced.
        said: u64,
        /// As received.
        got: u64,
    },
    /// Larger than it may be.
    #[error("more than {most} bytes, which is more than any document of this source has")]
    TooBig {
        /// The most.
        most: u64,
    },
    /// So slow that it is no download.
    #[error("slower than {least} bytes a second, or nothing for {seconds} s")]
    TooSlow {
        /// The least bytes a second.
        least: u64,
        /// The longest silence.
        seconds: u64,
    },
    /// Not what its publisher, its index or `feeds.toml` says that it hashes to, or that cannot be told.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A page for browsers in a document's place.
    #[error("a web page came in place of the document")]
    WebPage,
    /// An index that leads nowhere.
    #[error(transparent)]
    Index(#[from] crate::catalog::sources::IndexError),
    /// An address that an index leads to and that is not safe.
    #[error("the index leads to {0}, which is not https")]
    Insecure(String),
    /// An index in a circle, or a tree of them.
    #[error("indexes lead to indexes without end")]
    TooDeep,
    /// It is not in the mirror.
    #[error("not in the mirror: {}", path.display())]
    NotInMirror {
        /// Where it should be.
        path: PathBuf,
    },
    /// The cache, the mirror or a file of the user's cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The download was stopped.
    #[error("stopped")]
    Stopped,
}

impl FetchError {
    /// Whether it may be otherwise a moment later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connect { source, .. } => !is_distrust(&**source),
            Self::Cut { .. } | Self::TooSlow { .. } => true,
            Self::Status(status) => *status >= 500 || [408, 425, 429].contains(status),
            _ => false,
        }
    }

    /// Whether a server's certificate is what is wrong.
    pub fn is_distrust(&self) -> bool {
        matches!(self, Self::Connect { source, .. } if is_distrust(&**source))
    }
}

/// Whether a certificate is somewhere among the causes.
fn is_distrust(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(one) = next {
        if one.to_string().contains("certificate") {
            return true;
        }
        next = one.source();
    }
    false
}

/// Where we are sent and do not go.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// In a circle, or too often.
    #[error("sent on more than {0} times")]
    TooMany(usize),
    /// From a safe place to one that is not.
    #[error("sent on from https to {0}, which is not")]
    Downgrade(String),
    /// To a stranger, with headers that are for somebody else.
    #[error("sent on to {0}, which the headers of feeds.toml are not for")]
    Stranger(String),
    /// To nowhere.
    #[error("sent on to an address that does not read")]
    Nowhere,
}

/// Why nothing can be fetched at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The proxy's address does not read. It is not repeated: it may hold a password.
    #[error("the address of the proxy does not read: it is like http://proxy.example:3128")]
    Proxy,
    /// No certificates to judge servers by.
    #[error("no certificate authorities: this machine has none{}", place.as_ref().map_or(String::new(), |path| format!(", and {} does not read", path.display())))]
    Roots {
        /// A file that was named.
        place: Option<PathBuf>,
    },
    /// TLS does not start.
    #[error("cannot set up TLS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The folder of downloads cannot be used.
    #[error("cannot use the folder {}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else is at it.
    #[error("another update into {} is running: wait for it to end", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
}
