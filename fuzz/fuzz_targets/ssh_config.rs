//! OpenSSH's configuration, which may include itself without end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::{Path, PathBuf};
use underdesk::credentials::SshConfig;

fuzz_target!(|text: &str| {
    let again = |_: &str| vec![(PathBuf::from("again"), text.to_owned())];
    let config = SshConfig::read(Path::new("config"), text, &again);
    for name in ["web", "web.example.com", "192.0.2.1", "", "-oProxyCommand=x"] {
        let _ = config.route(name);
    }
});
