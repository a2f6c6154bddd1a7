//! Hosts from files: facts as JSON, what tools of Windows printed, and recordings.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use underdesk::collect::{self, FactsReader};

fuzz_target!(|bytes: &[u8]| {
    for read in FactsReader::new(bytes) {
        // What was read is written and read again as it was.
        let Ok(facts) = read else { break };
        let text = serde_json::to_vec(&facts).unwrap_or_default();
        let again = FactsReader::new(&text[..]).next();
        assert!(matches!(again, Some(Ok(same)) if same == facts));
    }
    let page = b"OS Name:  Microsoft Windows Server 2022 Standard\nOS Version:  10.0.20348 N/A Build 20348\n";
    let page = [page, bytes].concat();
    for qfe in [None, Some(bytes)] {
        let _ = collect::from_tools(bytes, qfe);
        let _ = collect::from_tools(&page, qfe);
    }
    // The same bytes are every file of a recording.
    if let Ok((set, answers)) = collect::from_files(Path::new("host"), |_| Ok(bytes.to_vec())) {
        let _ = collect::read(set, &answers);
    }
});
