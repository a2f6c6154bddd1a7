//! The target grammar: whatever is typed, what is in scope can be counted and found again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io;
use std::path::Path;
use underdesk::targets::{Lists, Permissions, Request, TargetList};

/// One list, under any name; it may name itself.
struct One(String);

impl Lists for One {
    fn file(&self, _: &Path) -> io::Result<String> {
        Ok(self.0.clone())
    }

    fn input(&self) -> io::Result<String> {
        Ok(self.0.clone())
    }
}

fuzz_target!(|text: &str| {
    for targets in [vec![text.to_owned()], vec!["@list".to_owned()]] {
        let request = Request {
            targets,
            ..Request::default()
        };
        let Ok(list) = TargetList::read(&request, &One(text.to_owned())) else {
            continue;
        };
        let allowed = Permissions {
            allow_public: true,
            yes: true,
        };
        let nobody = |_: &str| Err("no resolver here".to_owned());
        let Ok(set) = list.into_set(&nobody, allowed) else {
            continue;
        };
        for index in [0, set.len() / 2, set.len().saturating_sub(1)] {
            if let Some(address) = set.nth(index) {
                assert_eq!(set.index_of(address), Some(index));
                let _ = set.describe(address);
            }
        }
    }
});
