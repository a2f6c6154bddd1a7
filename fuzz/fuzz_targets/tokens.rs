//! What a peer says before anybody is logged in: an SSH server's greeting, WinRM's offers and tokens, sealed
//! messages, errors of Kerberos, certificates.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::identify::{announcement, ssh_banner};
use underdesk::session::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::hear(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = ssh_banner(&text);
    let _ = announcement(bytes, [192, 0, 2, 7].into());
});
