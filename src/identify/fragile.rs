//! What is left alone once it is known: a question too many may stop what it does.

use crate::model::{Clue, Fact};

/// Words of what prints, controls, powers or films. A text that has one as a word tells of such a device.
const WORDS: &[&str] = &[
    "printer",
    "laserjet",
    "officejet",
    "jetdirect",
    "deskjet",
    "kyocera",
    "lexmark",
    "ricoh",
    "simatic",
    "modicon",
    "plc",
    "ups",
    "camera",
    "ipcam",
    "webcam",
    "netcam",
    "hikvision",
    "dahua",
];

/// Whether a host shows itself to be a printer, an industrial controller, a power supply or a camera: it is
/// asked nothing more. A Windows never is, whatever its pages say.
pub fn is_fragile(clues: &[Clue]) -> bool {
    let is_windows = |clue: &Clue| matches!(clue.fact, Fact::WindowsBuild { .. });
    !clues.iter().any(is_windows) && clues.iter().any(|clue| tells(&clue.fact))
}

fn tells(fact: &Fact) -> bool {
    let (Fact::Banner(text)
    | Fact::Title(text)
    | Fact::Product { name: text, .. }
    | Fact::Announces(text)) = fact
    else {
        return false;
    };
    let text = text.to_lowercase();
    let mut words = text.split(|letter: char| !letter.is_alphanumeric());
    words.any(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clue(fact: Fact) -> Clue {
        Clue {
            source: "http".to_owned(),
            proto: "tcp".to_owned(),
            port: 80,
            fact,
        }
    }

    #[test]
    fn a_printer_is_known_by_its_page_and_a_group_by_its_name() {
        let title = |text: &str| is_fragile(&[clue(Fact::Title(text.to_owned()))]);
        assert!(title("HP LaserJet M506"));
        assert!(title("Network Camera"));
        assert!(title("UPS Network Management Card"));
        assert!(!title("Our groups"));
        assert!(!is_fragile(&[]));
    }

    #[test]
    fn a_windows_that_serves_printers_is_none() {
        let build = Fact::WindowsBuild {
            major: 10,
            minor: 0,
            build: 17763,
        };
        let clues = [clue(build), clue(Fact::Title("Printer".to_owned()))];
        assert!(!is_fragile(&clues));
    }
}
