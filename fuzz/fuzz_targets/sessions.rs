//! A peer that says anything, whatever he is told, and hangs up: as a server of SSH, and as a WinRM service
//! (0xff is where its answers end).

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::session::fuzzing;

fuzz_target!(|bytes: &[u8]| fuzzing::hear_out(bytes));
