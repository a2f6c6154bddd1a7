//! What the targets share: a target for a whole registry can be held to one of its parts, and a panic that the
//! program itself catches is no finding.

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::{Mutex, OnceLock};

/// Names the part that is wanted; `?` asks which there are.
const PART: &str = "UNDERDESK_FUZZ_PART";

static WANTED: OnceLock<Option<String>> = OnceLock::new();

/// Called once, before the first input, with the names of all parts.
///
/// # Panics
///
/// Where a part is wanted that is not there.
pub fn begin(parts: impl IntoIterator<Item = &'static str>) {
    let parts: Vec<&str> = parts.into_iter().collect();
    let wanted = env::var(PART).ok();
    if wanted.as_deref() == Some("?") {
        println!("{}", parts.join("\n"));
        process::exit(0);
    }
    if let Some(wanted) = &wanted {
        assert!(parts.contains(&wanted.as_str()), "there is no part {wanted}");
    }
    let _ = WANTED.set(wanted);
}

/// Whether a part is to be tried.
pub fn is_wanted(part: &str) -> bool {
    let wanted = WANTED.get().and_then(Option::as_deref);
    wanted.is_none_or(|wanted| wanted == part)
}

/// Whether one part alone is tried.
pub fn is_alone() -> bool {
    matches!(WANTED.get(), Some(Some(_)))
}

static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Called once, before the first input, where [`escapes`] is used: otherwise libFuzzer ends at every panic, also at one
/// of a library that the program catches.
pub fn catch_panics() {
    panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = panic.to_string();
        }
    }));
}

/// Does some work, and ends with a finding only where a panic gets out of it.
pub fn escapes(work: impl FnOnce()) {
    if panic::catch_unwind(AssertUnwindSafe(work)).is_err() {
        let last = LAST_PANIC.lock().map(|last| last.clone());
        eprintln!("{}", last.unwrap_or_default());
        process::abort();
    }
}
