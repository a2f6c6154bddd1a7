//! The web sites of IIS, as `appcmd list site` prints them.

use super::questions::{IIS, IIS_SITES};
use super::text::{LONG, MOST_ROWS, NAME, clip, gap, lines, malformed, optional};
use crate::model::{Gap, GapCause, WebSite};
use crate::session::Answers;

/// The sites, sorted; none where there is no `appcmd`.
///
/// To an account that may not read IIS's configuration it complains on standard output, or fails
/// without a word: where IIS is installed, that is no word about its sites.
pub(super) fn sites(answers: &Answers) -> Result<Vec<WebSite>, Gap> {
    let text = optional(answers.text(IIS_SITES))?;
    if text.is_none() && is_installed(answers) {
        return Err(gap(IIS_SITES, GapCause::Denied));
    }
    let text = text.unwrap_or_default();
    let mut sites: Vec<WebSite> = lines(text).filter_map(site).take(MOST_ROWS).collect();
    let mut errors = lines(text).filter(|line| line.starts_with("ERROR"));
    if let (true, Some(error)) = (sites.is_empty(), errors.next()) {
        return Err(refusal(error));
    }
    sites.sort_unstable();
    Ok(sites)
}

fn is_installed(answers: &Answers) -> bool {
    answers
        .text(IIS)
        .is_ok_and(|text| text.contains("MajorVersion"))
}

/// `ERROR ( hresult:80070005, message:Command execution failed.` and whatever language follows.
fn refusal(error: &str) -> Gap {
    if error.contains("hresult:80070005") {
        gap(IIS_SITES, GapCause::Denied)
    } else {
        malformed(IIS_SITES)
    }
}

/// `SITE "Default Web Site" (id:1,bindings:http/*:80:,https/*:443:,state:Started)`
fn site(line: &str) -> Option<WebSite> {
    let (name, rest) = line.strip_prefix("SITE \"")?.rsplit_once("\" (id:")?;
    let (id, rest) = rest.split_once(",bindings:")?;
    let (bindings, state) = rest.rsplit_once(",state:")?;
    Some(WebSite {
        name: clip(name, NAME),
        id: clip(id, 20),
        bindings: clip(bindings, LONG),
        state: clip(state.trim_end().trim_end_matches(')'), 40),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sites_are_read_whatever_their_names() {
        let text = "SITE \"Default Web Site\" (id:1,bindings:http/*:80:,https/*:443:www.example.com,state:Started)\r\n\
            SITE \"B\u{fc}cher \"alt\" (id:9\" (id:2,bindings:,state:Unknown)\r\nERROR ( message:x )\r\n";
        let sites = sites(&answers(&[(IIS_SITES, text)])).unwrap();
        assert_eq!(sites.len(), 2);
        assert_eq!(sites[0].name, "B\u{fc}cher \"alt\" (id:9");
        assert_eq!(
            (sites[0].id.as_str(), sites[0].bindings.as_str()),
            ("2", "")
        );
        assert_eq!(sites[1].bindings, "http/*:80:,https/*:443:www.example.com");
        assert_eq!(sites[1].state, "Started");
    }

    #[test]
    fn without_iis_there_are_no_sites_and_without_rights_nobody_knows() {
        let mut given = answers(&[]);
        given.mark(IIS_SITES, GapCause::Missing);
        assert_eq!(sites(&given), Ok(Vec::new()));
        given.mark(IIS_SITES, GapCause::Denied);
        assert!(sites(&given).is_err());
    }

    #[test]
    fn where_iis_is_installed_silence_about_its_sites_is_not_none() {
        let installed = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\InetStp\r\n    MajorVersion    REG_DWORD    0xa\r\n";
        let mut silent = answers(&[(IIS, installed)]);
        silent.mark(IIS_SITES, GapCause::Missing);
        assert_eq!(sites(&silent), Err(gap(IIS_SITES, GapCause::Denied)));
        let none = answers(&[(IIS, installed), (IIS_SITES, "")]);
        assert_eq!(sites(&none), Ok(Vec::new()));
    }

    #[test]
    fn a_complaint_is_no_server_without_sites() {
        let cause = |text: &str| {
            let gap = sites(&answers(&[(IIS_SITES, text)])).unwrap_err();
            gap.cause
        };
        let denied = "ERROR ( hresult:80070005, message:Command execution failed.\r\nZugriff verweigert\r\n )\r\n";
        assert_eq!(cause(denied), GapCause::Denied);
        let broken =
            "ERROR ( message:Configuration error \r\nFilename: redirection.config\r\n )\r\n";
        assert_eq!(cause(broken), GapCause::Malformed);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            let _ = sites(&answers(&[(IIS_SITES, &format!("SITE \"{text}"))]));
        }
    }
}
