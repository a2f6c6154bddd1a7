//! What a Windows host answers: what `reg query` prints, instances of WMI, lines of tools.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::collect;
use underdesk::session::{Answers, Limits, Reply, WindowsShell, WmiRow};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    // An instance comes back as it was, whatever it holds.
    let rows = WmiRow::parse(&text);
    assert_eq!(WmiRow::parse(&WmiRow::write(&rows)), rows);

    // The same bytes as the answer to every question at once, after the head that its reader needs.
    let heads = [
        "",
        "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\X\r\n    DisplayName    REG_SZ    ",
        "Caption=Microsoft Windows Server 2022 Standard\nBuildNumber=20348\n",
    ];
    for head in heads {
        let mut answers = Answers::default();
        let account = collect::WINDOWS_ACCOUNT.questions.iter();
        for question in collect::WINDOWS.questions.iter().chain(account) {
            let reply = Reply {
                exit: 0,
                stdout: [head.as_bytes(), bytes].concat(),
            };
            answers.record(question.id, &reply, &Limits::default());
        }
        let _ = collect::read(&collect::WINDOWS, &answers);
        let _ = collect::account(&answers);
        // And as a shell of it printed them, in whichever code page.
        for shell in [WindowsShell::Cmd, WindowsShell::PowerShell] {
            let puts = shell.questions(&collect::WINDOWS, &Answers::default());
            let settled = shell.settle(&puts, &answers, Some(850), &Limits::default());
            let _ = collect::read(&collect::WINDOWS, &settled);
        }
    }
});
