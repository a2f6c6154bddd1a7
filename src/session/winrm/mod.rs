//! WinRM (MS-WSMV, DSP0226): HTTP or HTTPS, on which Windows logs us in.
//!
//! `connector` meets the host and decides whether it is trusted; `door` logs in by Kerberos, NTLM,
//! Basic or a certificate; what comes out is a [`courier::Courier`] that carries envelopes, sealed
//! where the channel is plain. What is said in them is `wsman`'s.

mod basic;
mod binding;
mod carrier;
mod challenge;
mod connector;
mod context;
mod courier;
mod der;
mod door;
#[cfg(any(fuzzing, test))]
mod fuzzing;
mod http;
mod kdc;
mod kerberos;
mod krb_error;
mod ntlm;
mod offers;
mod road;
mod seal;
#[cfg(test)]
mod tests;
mod tls;
mod verifier;
mod wsman;

pub use challenge::Challenge;
pub use connector::{Names, NoNames, WinrmConnector};
pub use kdc::Centres;
pub use tls::Authorities;

#[cfg(any(fuzzing, test))]
pub(super) use fuzzing::{answered, hear, hear_out};
pub(super) use tls::is_usable;

/// The most that we read of an answer.
const MOST_BODY: usize = 2 << 20;

/// Where WinRM listens.
const PATH: &str = "/wsman";

/// The one request that changes nothing and asks for nothing (DSP0226 section 11): who are you?
const IDENTIFY: &str = concat!(
    r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" "#,
    r#"xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd">"#,
    "<s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>"
);

const SOAP: &str = "application/soap+xml;charset=UTF-8";
