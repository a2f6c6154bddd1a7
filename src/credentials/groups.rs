//! Whether a group is its user's own.
//!
//! Many systems give every user a group of that user alone, and let it write what the user makes. As
//! Debian's OpenSSH does, a folder that only such a group may write is taken for the user's own.

/// Whether nobody but `user` is in `group`, by the texts of `passwd` and `group` (passwd(5),
/// group(5)). Where they do not know the two, somebody may be.
pub(super) fn is_private(group: u32, user: u32, passwd: &str, groups: &str) -> bool {
    let mut ours = None;
    for entry in passwd.lines().map(fields) {
        let &[name, _, uid, gid, ..] = entry.as_slice() else {
            continue;
        };
        if is(uid, user) {
            ours = Some(name);
        } else if is(gid, group) {
            return false;
        }
    }
    let Some(ours) = ours else {
        return false;
    };
    let mut is_known = false;
    for entry in groups.lines().map(fields) {
        let &[_, _, gid, members, ..] = entry.as_slice() else {
            continue;
        };
        if !is(gid, group) {
            continue;
        }
        is_known = true;
        let others = members
            .split(',')
            .filter(|name| !name.is_empty() && *name != ours);
        if others.count() > 0 {
            return false;
        }
    }
    is_known
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').map(str::trim).collect()
}

fn is(text: &str, number: u32) -> bool {
    text.parse() == Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:100::/home/bob:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nusers:x:100:\nann:x:1000:\nshared:x:1002:ann,bob\n";

    #[test]
    fn a_group_of_one_is_private() {
        assert!(is_private(1000, 1000, PASSWD, GROUP));
        assert!(is_private(0, 0, PASSWD, GROUP));
        let named = GROUP.replace("ann:x:1000:", "ann:x:1000:ann");
        assert!(is_private(1000, 1000, PASSWD, &named));
    }

    #[test]
    fn a_group_with_others_or_of_unknown_members_is_not() {
        assert!(!is_private(1002, 1000, PASSWD, GROUP));
        // Somebody's first group.
        assert!(!is_private(100, 1000, PASSWD, GROUP));
        let joined = GROUP.replace("ann:x:1000:", "ann:x:1000:bob");
        assert!(!is_private(1000, 1000, PASSWD, &joined));
        assert!(!is_private(1000, 1000, PASSWD, ""));
        assert!(!is_private(1000, 1000, "", GROUP));
        assert!(!is_private(7, 1000, PASSWD, GROUP));
    }
}
