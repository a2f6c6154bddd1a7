//! What only root may see of a Unix: a second set, asked where the credential says `sudo` and nowhere else.
//!
//! Its questions have the names of those of the first set, and where they were answered they count in
//! their place: nothing else has to know that there were two. Nothing here is needed for a verdict.

use super::state::questions as state;
use super::unix::{IDENTITY, IDENTITY_SCRIPT, LISTENERS, LISTENERS_SCRIPT, PRELUDE};
use crate::model::{Inventory, Observed};
use crate::session::{Ask, Needs, Question, QuestionSet};

/// The set that is asked by way of `sudo`.
pub const UNIX_PRIVILEGED: QuestionSet = QuestionSet {
    name: "unix-privileged",
    prelude: PRELUDE,
    questions: &[
        Question {
            id: IDENTITY,
            ask: Ask::Sh(IDENTITY_SCRIPT),
            why: "the machine's UUID and serial number, which the firmware tells root alone",
            needs: Needs::Root,
            loss: "The machine's UUID and serial number stay unknown.",
        },
        Question {
            id: LISTENERS,
            ask: Ask::Sh(LISTENERS_SCRIPT),
            why: "which program listens where other accounts do",
            needs: Needs::Root,
            loss: "The programs of other accounts that listen stay unnamed.",
        },
        Question {
            id: state::STALE,
            ask: state::ASK_STALE.ask,
            why: "which programs of other accounts still run what an update has replaced",
            needs: Needs::Root,
            loss: "Programs of other accounts that run replaced code are not seen.",
        },
        Question {
            id: state::HISTORY,
            ask: state::ASK_HISTORY.ask,
            why: "the logs of dnf, yum and zypper, where others may not read them",
            needs: Needs::Root,
            loss: "Logs of updates that only root may read are left out.",
        },
        Question {
            needs: Needs::Root,
            ..state::ASK_CONTAINERS
        },
        state::ASK_CONTAINER_NAMES,
        Question {
            id: state::LIVE_PATCHES,
            ask: state::ASK_LIVE_PATCHES.ask,
            why: "what Ksplice says of the running kernel, where it tells root alone",
            needs: Needs::Root,
            loss: "What Ksplice made of the running kernel stays unknown.",
        },
    ],
};

/// What the second set has added: `sudo: +product-uuid, +stale`.
pub fn told_by_root(before: &Inventory, after: &Inventory) -> String {
    let identity = (&before.identity, &after.identity);
    let mut added = vec![
        (
            "product-uuid",
            identity.0.product_uuid != identity.1.product_uuid,
        ),
        ("product-serial", identity.0.serial != identity.1.serial),
        ("services", is_new(&before.services, &after.services)),
    ];
    if let (Some(before), Some(after)) = (&before.unix, &after.unix) {
        added.extend([
            ("stale", is_new(&before.stale, &after.stale)),
            ("history", is_new(&before.history, &after.history)),
            ("containers", is_new(&before.containers, &after.containers)),
            (
                "live-patches",
                is_new(&before.live_patches, &after.live_patches),
            ),
        ]);
    }
    let added = added.iter().filter(|fact| fact.1);
    let added: Vec<String> = added.map(|fact| format!("+{}", fact.0)).collect();
    if added.is_empty() {
        return "sudo: nothing more".to_owned();
    }
    format!("sudo: {}", added.join(", "))
}

/// Whether a fact became known, or is another than before.
fn is_new<T: PartialEq>(before: &Observed<T>, after: &Observed<T>) -> bool {
    after.known().is_some() && before != after
}

#[cfg(test)]
mod tests {
    use super::super::UNIX;
    use super::super::tests::answers;
    use super::*;

    #[test]
    fn the_second_set_asks_what_the_first_does_or_has_a_name_of_its_own() {
        let ids = |set: &QuestionSet| -> Vec<&str> {
            set.questions.iter().map(|question| question.id).collect()
        };
        let own: Vec<_> = ids(&UNIX_PRIVILEGED)
            .into_iter()
            .filter(|id| !ids(&UNIX).contains(id))
            .collect();
        assert_eq!(own, [state::CONTAINER_NAMES]);
    }

    #[test]
    fn root_asks_for_nothing_that_changes_a_host() {
        for question in UNIX_PRIVILEGED.questions {
            let Ask::Sh(script) = question.ask else {
                panic!("{} is not for a shell", question.id);
            };
            for word in [
                "sudo",
                "apt-get",
                "snap ",
                "systemctl",
                "rm ",
                "mv ",
                ">>",
                "restart",
            ] {
                assert!(!script.contains(word), "{}: {word}", question.id);
            }
        }
    }

    #[test]
    fn what_root_has_added_is_said_and_nothing_else() {
        let uname = ("uname", "Linux\nh\n6.1.0\n#1\nx86_64\n");
        let before = answers(&[
            uname,
            (state::STALE, "denied\t9\n"),
            (IDENTITY, "product-uuid\t!\n"),
        ]);
        let mut after = before.clone();
        let more = answers(&[
            (state::STALE, "stale\t/usr/sbin/sshd\t/usr/lib/libc.so.6\n"),
            (
                IDENTITY,
                "product-uuid\t4c4c4544-0044-3510-8051-b4c04f4d3132\n",
            ),
        ]);
        after.absorb_known(more);
        let read = |answers| super::super::read(&UNIX, answers).unwrap();
        let told = told_by_root(&read(&before), &read(&after));
        assert_eq!(told, "sudo: +product-uuid, +stale");
        assert_eq!(
            told_by_root(&read(&after), &read(&after)),
            "sudo: nothing more"
        );
    }

    #[test]
    fn what_root_was_not_told_stays_as_it_was() {
        let mut kept = answers(&[(state::STALE, "")]);
        let mut more = crate::session::Answers::default();
        more.mark(state::STALE, crate::model::GapCause::TimedOut);
        kept.absorb_known(more);
        assert_eq!(kept.text(state::STALE), Ok(""));
    }
}
