//! Who we are on a host, and what that account may: asked by `doctor` and `credentials test`, by no scan.

use super::windows::WHO_AM_I;
use crate::model::{Gap, GapCause, Observed};
use crate::session::{Answers, Ask, Needs, Question, QuestionSet};

/// What a Unix is asked of the account.
pub const UNIX_ACCOUNT: QuestionSet = QuestionSet {
    name: "unix-account",
    prelude: "",
    questions: &[Question {
        id: ACCOUNT,
        ask: Ask::Sh("id"),
        why: "as whom we are logged in, and in which groups",
        needs: Needs::Login,
        loss: "What the account may do is unknown.",
    }],
};

/// What a Windows is asked of the account.
pub const WINDOWS_ACCOUNT: QuestionSet = QuestionSet {
    name: "windows-account",
    prelude: "",
    questions: &[
        Question {
            id: WHO_AM_I,
            ask: Ask::Cmd("whoami /user /nh"),
            why: "as whom we are logged in",
            needs: Needs::Shell,
            loss: "As whom we are logged in is unknown.",
        },
        Question {
            id: GROUPS,
            ask: Ask::Cmd("whoami /groups /nh"),
            why: "whether the account is an administrator, and whether UAC has taken that from it",
            needs: Needs::Shell,
            loss: "Whether the account is an administrator is unknown.",
        },
    ],
};

const ACCOUNT: &str = "account";
const GROUPS: &str = "account-groups";

/// The longest text that is kept of what a host says of an account.
const LONGEST: usize = 2_000;
/// `BUILTIN\Administrators` (MS-DTYP 2.4.2.4).
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// The integrity levels from high upwards: what an administrator has whose token is whole.
const ELEVATED: &[&str] = &["S-1-16-12288", "S-1-16-16384"];

/// The account that we are on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the host says of it. Hostile.
    pub who: Observed<String>,
    /// How much it may.
    pub rank: Observed<Rank>,
}

/// How much an account may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// It is root.
    Root,
    /// It is a user like others.
    User,
    /// It is an administrator of this Windows, with all rights.
    Administrator,
    /// It is an administrator, and UAC has taken the rights away.
    FilteredAdministrator,
}

impl Rank {
    /// In a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Root => "It is root.",
            Self::User => "It has no rights but those of any user.",
            Self::Administrator => "It is an administrator, with all rights.",
            Self::FilteredAdministrator => {
                "It is an administrator from whom UAC has taken the rights, as it does with local accounts over the network."
            }
        }
    }
}

/// The set of questions about the account, on a host that is asked `set`.
pub fn account_questions(set: &QuestionSet) -> &'static QuestionSet {
    if set.name == super::WINDOWS.name {
        &WINDOWS_ACCOUNT
    } else {
        &UNIX_ACCOUNT
    }
}

/// Reads what a host says of the account.
pub fn account(answers: &Answers) -> Account {
    if answers.has(ACCOUNT) {
        let said = one_line(answers, ACCOUNT);
        let rank = said.clone().and_then(|said| {
            let uid = said.strip_prefix("uid=");
            let uid = uid.ok_or_else(|| malformed(ACCOUNT))?;
            let is_root = uid.starts_with("0(") || uid.starts_with("0 ");
            Ok(if is_root { Rank::Root } else { Rank::User })
        });
        return Account {
            who: said.into(),
            rank: rank.into(),
        };
    }
    Account {
        who: one_line(answers, WHO_AM_I).into(),
        rank: answers.text(GROUPS).map(rank_of_groups).into(),
    }
}

/// Only by SIDs: names and attributes come in the host's language.
fn rank_of_groups(text: &str) -> Rank {
    let has = |sid: &str| text.split_whitespace().any(|word| word == sid);
    match (has(ADMINISTRATORS), ELEVATED.iter().any(|level| has(level))) {
        (true, true) => Rank::Administrator,
        (true, false) => Rank::FilteredAdministrator,
        (false, _) => Rank::User,
    }
}

fn one_line(answers: &Answers, id: &'static str) -> Result<String, Gap> {
    let text = answers.text(id)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(LONGEST).collect();
    if line.is_empty() {
        return Err(malformed(id));
    }
    Ok(line)
}

fn malformed(question: &str) -> Gap {
    Gap {
        question: question.to_owned(),
        cause: GapCause::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::*;

    fn rank(id: &'static str, text: &str) -> Observed<Rank> {
        account(&answers(&[(id, text)])).rank
    }

    #[test]
    fn a_unix_account_is_root_by_its_number_and_not_by_its_name() {
        let rank = |text| rank(ACCOUNT, text);
        let root = "uid=0(toor) gid=0(root) groups=0(root)\n";
        assert_eq!(rank(root), Observed::Known(Rank::Root));
        let user = "uid=1000(root) gid=1000(root)";
        assert_eq!(rank(user), Observed::Known(Rank::User));
        assert!(rank("welcome").gap().is_some());
        assert!(rank("").gap().is_some());
    }

    #[test]
    fn an_administrator_whose_token_is_filtered_is_told_from_one_with_all_rights() {
        let group = "VORDEFINIERT\\Administratoren Alias S-1-5-32-544 Verbindliche Gruppe\n";
        let level = |sid: &str| format!("{group}Verbindliche Beschriftung {sid}\n");
        let rank = |text: &str| rank(GROUPS, text);
        assert_eq!(
            rank(&level("S-1-16-12288")),
            Observed::Known(Rank::Administrator)
        );
        assert_eq!(
            rank(&level("S-1-16-8192")),
            Observed::Known(Rank::FilteredAdministrator)
        );
        let user = "BUILTIN\\Users Alias S-1-5-32-545\n";
        assert_eq!(rank(user), Observed::Known(Rank::User));
    }

    #[test]
    fn what_was_not_answered_is_unknown() {
        let none = account(&Answers::default());
        assert!(none.who.gap().is_some() && none.rank.gap().is_some());
    }
}
