//! Windows Remote Management: WS-Management over HTTP and HTTPS (MS-WSMV).
//!
//! [`courier`] is the seam between the transport, which logs in and seals, and [`wsman`], which
//! says what is to be said.
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the transport that calls it is on its way")
)]

mod courier;
mod wsman;
