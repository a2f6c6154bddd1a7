//! What runs: patches of the running kernel, programs whose files were replaced, containers.

use super::super::platform::clip;
use super::questions::{CONTAINER_NAMES, CONTAINERS, LIVE_PATCHES, STALE};
use crate::model::{Container, Gap, GapCause, LivePatch, Platform, StaleProgram};
use crate::session::Answers;
use std::collections::{BTreeMap, BTreeSet};

/// More of anything than a host has.
const MOST: usize = 5_000;

fn gap(question: &str, cause: GapCause) -> Gap {
    let question = question.to_owned();
    Gap { question, cause }
}

/// The patches of the running kernel. Ksplice has no names for them: it says which release the kernel
/// amounts to.
pub(super) fn live_patches(answers: &Answers, platform: &Platform) -> Result<Vec<LivePatch>, Gap> {
    let text = answers.text(LIVE_PATCHES)?;
    let mut patches = BTreeSet::new();
    for line in text.lines().take(MOST) {
        let fields: Vec<&str> = line.split('\t').collect();
        let patch = match fields.as_slice() {
            ["patch", name, enabled] => Some((clip(name, 200), *enabled == "1")),
            ["ksplice", release] => {
                let release = release.trim();
                let running = platform.kernel.running.as_deref();
                let patched = !release.is_empty() && running.is_some_and(|it| it != release);
                patched.then(|| (format!("ksplice {}", clip(release, 200)), true))
            }
            _ => return Err(gap(LIVE_PATCHES, GapCause::Malformed)),
        };
        patches.extend(patch.map(|(name, enabled)| LivePatch { name, enabled }));
    }
    Ok(patches.into_iter().collect())
}

/// Programs that run code whose file has been replaced. What could be seen is true; where nothing was
/// found and not everything could be looked at, nobody knows.
pub(super) fn stale(answers: &Answers) -> Result<Vec<StaleProgram>, Gap> {
    let text = answers.text(STALE)?;
    let mut denied = false;
    let mut programs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().take(MOST) {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["denied", _] => denied = true,
            ["stale", program, file] if is_installed(file) => {
                let files = programs.entry(clip(program, 500)).or_default();
                files.insert(clip(file, 500));
            }
            ["stale", ..] => {}
            _ => return Err(gap(STALE, GapCause::Malformed)),
        }
    }
    if programs.is_empty() && denied {
        return Err(gap(STALE, GapCause::Denied));
    }
    let programs = programs.into_iter();
    Ok(programs
        .map(|(program, files)| StaleProgram {
            program,
            files: files.into_iter().collect(),
        })
        .collect())
}

/// Whether a deleted file may have been part of a package: not memory, devices and scratch files.
fn is_installed(file: &str) -> bool {
    const SCRATCH: [&str; 10] = [
        "/memfd:",
        "/dev/",
        "/SYSV",
        "/[",
        "/run/",
        "/var/run/",
        "/tmp/",
        "/var/tmp/",
        "/proc/",
        "/home/",
    ];
    file.starts_with('/') && !SCRATCH.iter().any(|start| file.starts_with(start))
}

/// The containers that run. Of one that several witnesses speak of, the one with a name counts.
pub(super) fn containers(answers: &Answers) -> Result<Vec<Container>, Gap> {
    let text = answers.text(CONTAINERS)?;
    // Asked of root alone.
    let named = answers.text(CONTAINER_NAMES).unwrap_or_default();
    let mut by_id: BTreeMap<&str, Container> = BTreeMap::new();
    let mut nameless = BTreeSet::new();
    for line in text.lines().chain(named.lines()).take(MOST) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (runtime, id, name, image) = match fields.as_slice() {
            [runtime, id, name] => (runtime, *id, *name, ""),
            [runtime, id, name, image] => (runtime, *id, *name, *image),
            _ => return Err(gap(CONTAINERS, GapCause::Malformed)),
        };
        let container = Container {
            runtime: clip(runtime, 40),
            name: clip(if name.is_empty() { id } else { name }, 300),
            image: clip(image, 500),
        };
        if container.name.is_empty() {
            continue;
        }
        if id.is_empty() {
            nameless.insert(container);
        } else if !name.is_empty() || !by_id.contains_key(id) {
            by_id.insert(id, container);
        }
    }
    nameless.extend(by_id.into_values());
    Ok(nameless.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::super::super::unix::UNAME;
    use super::*;

    fn patches(text: &str) -> Vec<(String, bool)> {
        let uname = "Linux\nh\n5.14.0-70.el9.x86_64\n#1\nx86_64\n";
        let given = answers(&[(UNAME, uname), (LIVE_PATCHES, text)]);
        let platform = super::super::super::platform::platform(&given).unwrap();
        let patches = live_patches(&given, &platform).unwrap();
        let pair = |patch: LivePatch| (patch.name, patch.enabled);
        patches.into_iter().map(pair).collect()
    }

    #[test]
    fn ksplice_counts_where_the_kernel_amounts_to_another_release() {
        assert!(patches("ksplice\t5.14.0-70.el9.x86_64\n").is_empty());
        let text = "patch\tkpatch_5_14_0_70_1_1\t1\npatch\tlivepatch_1\t0\nksplice\t5.14.0-99.el9.x86_64\n";
        let expected = [
            ("kpatch_5_14_0_70_1_1".to_owned(), true),
            ("ksplice 5.14.0-99.el9.x86_64".to_owned(), true),
            ("livepatch_1".to_owned(), false),
        ];
        assert_eq!(patches(text), expected);
    }

    #[test]
    fn stale_files_are_grouped_by_program_and_scratch_files_are_none() {
        let text = "stale\t/usr/sbin/nginx\t/usr/lib/libssl.so.3\nstale\t/usr/sbin/nginx\t/usr/sbin/nginx\n\
            stale\t/usr/bin/a\t/memfd:x\nstale\t/usr/bin/a\t/dev/zero\ndenied\t90\n";
        let programs = stale(&answers(&[(STALE, text)])).unwrap();
        let expected = StaleProgram {
            program: "/usr/sbin/nginx".to_owned(),
            files: vec![
                "/usr/lib/libssl.so.3".to_owned(),
                "/usr/sbin/nginx".to_owned(),
            ],
        };
        assert_eq!(programs, [expected]);
    }

    #[test]
    fn nothing_seen_is_only_nothing_where_all_was_seen() {
        let cause = |text| stale(&answers(&[(STALE, text)])).map_err(|gap| gap.cause);
        assert_eq!(cause(""), Ok(Vec::new()));
        assert_eq!(cause("denied\t3\n"), Err(GapCause::Denied));
        assert_eq!(cause("what\n"), Err(GapCause::Malformed));
    }

    #[test]
    fn a_container_is_told_once_and_by_its_name() {
        let text = "docker\taa\t\npodman\tbb\tweb\npodman\tbb\t\nlxc\t\tdb\n";
        let named = "docker\taa\tshop\tnginx:1.25\n";
        let given = answers(&[(CONTAINERS, text), (CONTAINER_NAMES, named)]);
        let containers = containers(&given).unwrap();
        let lines: Vec<_> = containers
            .iter()
            .map(|one| format!("{} {} {}", one.runtime, one.name, one.image))
            .collect();
        assert_eq!(lines, ["docker shop nginx:1.25", "lxc db ", "podman web "]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "((patch|ksplice|stale|denied|docker)(\t[a-z/1\u{e9} ]{0,9}){0,4}\n){0,5}") {
            let given = answers(&[(STALE, &text), (CONTAINERS, &text)]);
            let _ = (stale(&given), containers(&given));
        }
    }
}
