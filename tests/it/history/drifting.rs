//! Who is not as the baselines of `fixtures/history/policy.toml` say, in straight code after docs/policy.md.

use super::differ::packages;
use super::truth::{Sight, sights};
use super::world::{Machine, Run, World};
use std::collections::BTreeMap;

/// `(address, baseline, rule, object)`: of the rules about the system itself the object is left empty.
pub(super) type Key = [String; 4];

/// `(state, found)`; what is found is left empty where several things are, or none.
pub(super) type Verdict = (&'static str, String);

/// What has an order here: whether a version comes before the one that a baseline names.
type IsOld = fn(&str) -> bool;

/// All rules that are not kept, and those of which nobody can tell, of the machines that a run met.
pub(super) fn rows(world: &World, run: &Run) -> BTreeMap<Key, Verdict> {
    let mut rows = BTreeMap::new();
    for sight in sights(world, run) {
        if sight.is_met {
            let machine = world.machine(&sight.machine);
            let mut look = Look {
                machine,
                sight: &sight,
                rows: &mut rows,
            };
            look.servers();
            look.debian();
            look.in_the_open();
            look.everybody();
        }
    }
    rows
}

struct Look<'a> {
    machine: &'a Machine,
    sight: &'a Sight,
    rows: &'a mut BTreeMap<Key, Verdict>,
}

impl Look<'_> {
    fn has(&self, tag: &str) -> bool {
        self.machine.tags.iter().any(|one| one == tag)
    }

    /// What is not read is neither missing nor fine.
    fn say(&mut self, rule: [&str; 3], is_kept: bool, found: &str) {
        let verdict = match (self.sight.is_read, is_kept) {
            (false, _) => ("unknown", String::new()),
            (true, false) => ("drift", found.to_owned()),
            (true, true) => return,
        };
        self.put(rule, verdict);
    }

    fn put(&mut self, [baseline, rule, object]: [&str; 3], verdict: Verdict) {
        let key = [self.sight.now.address.as_str(), baseline, rule, object];
        self.rows.insert(key.map(str::to_owned), verdict);
    }

    /// The versions of the packages whose name begins so.
    fn installed(&self, start: &str) -> Vec<String> {
        let mut versions = Vec::new();
        if !self.machine.is_windows() {
            for (name, (_, version)) in packages(&self.machine.system, &self.sight.now) {
                if name.starts_with(start) {
                    versions.push(version);
                }
            }
        }
        versions
    }

    /// The version of the package of that very name.
    fn exactly(&self, name: &str) -> Option<String> {
        if self.machine.is_windows() {
            return None;
        }
        let all = packages(&self.machine.system, &self.sight.now);
        all.get(name).map(|(_, version)| version.clone())
    }

    /// The version of what was built from a source, whatever its package is called.
    fn product(&self, name: &str) -> Option<String> {
        self.sight.now.software.get(name).cloned()
    }

    /// What is not installed needs no version.
    fn at_least(&mut self, baseline: &str, object: &str, installed: &[String], is_old: IsOld) {
        let old: Vec<&String> = installed.iter().filter(|one| is_old(one)).collect();
        let found = match (installed.len(), old.as_slice()) {
            (1, [one]) => one.as_str(),
            _ => "",
        };
        let found = found.to_owned();
        self.say([baseline, "minimum", object], old.is_empty(), &found);
    }

    fn servers(&mut self) {
        if !self.has("server") && !self.has("criticality=high") {
            return;
        }
        let running = self.sight.now.running.clone();
        let is_known = self.sight.is_read;
        if self.machine.is_windows() || !is_known {
            let is_kept = ["20348.2031", "20348.2113"].contains(&running.as_str());
            self.say(["servers", "build", ""], is_kept, &running);
        }
        let (release, is_late) = match self.machine.system.as_str() {
            "debian-12" => ("12", true),
            "alma-9" | "rocky-9" => ("9.2", false),
            "server-2019" => ("1809", true),
            // No dotted number.
            "server-2022" => ("21H2", false),
            other => panic!("{other}"),
        };
        if is_known && release == "21H2" {
            let found = release.to_owned();
            self.put(["servers", "os_version", ""], ("unknown", found));
        } else {
            self.say(["servers", "os_version", ""], is_late, release);
        }
        let has_curl = self.exactly("curl").is_some();
        self.say(["servers", "required", "curl"], has_curl, "");
        let has_none = self.installed("libwebp").is_empty();
        self.say(["servers", "forbidden", "LIBWEBP*"], has_none, "");
    }

    fn debian(&mut self) {
        // The family is Ubuntu's too. A machine that was not read shows no system here.
        let is_one = ["debian-12", "ubuntu-22.04"].contains(&self.machine.system.as_str());
        if !is_one || !self.sight.is_read {
            return;
        }
        // Of several one is enough, and of several none may be older.
        let kernels = self.installed("linux-image-6");
        let is_new = kernels.iter().any(|version| version != "6.1.38-4");
        self.say(["debian", "required", "linux-image-6*"], is_new, "");
        self.at_least("debian", "linux-image-6*", &kernels, |version| {
            version == "6.1.38-4"
        });
        let openssl: Vec<String> = self.product("openssl").into_iter().collect();
        self.at_least("debian", "openssl", &openssl, |version| {
            version != "3.0.11-1~deb12u2"
        });
        let glibc: Vec<String> = self.exactly("libc6").into_iter().collect();
        self.at_least("debian", "libc6", &glibc, |version| {
            version != "2.36-9+deb12u3"
        });
    }

    fn in_the_open(&mut self) {
        if !self.has("exposure=internet") && !self.has("exposure=dmz") {
            return;
        }
        // Debian's package has another name, and its curl is of another age.
        let has_nghttp2 = self
            .exactly("nghttp2")
            .is_some_and(|one| one == "1.57.0-r0");
        self.say(["in-the-open", "required", "nghttp2"], has_nghttp2, "");
        let curl = self.exactly("curl");
        let has_curl = curl.is_some_and(|one| ["8.3.0-r0", "8.4.0-r0"].contains(&one.as_str()));
        self.say(["in-the-open", "required", "curl"], has_curl, "");
    }

    fn everybody(&mut self) {
        let cups: Vec<String> = self.exactly("cups").into_iter().collect();
        self.say(["everybody", "forbidden", "cups"], cups.is_empty(), "");
        // The epoch is not compared.
        self.at_least("everybody", "cups", &cups, |version| {
            ["1:2.3.3op2-13.el9_0.1", "1:2.3.3op2-16.el9"].contains(&version)
        });
        let libwebp: Vec<String> = self.product("libwebp").into_iter().collect();
        self.at_least("everybody", "libwebp", &libwebp, |version| {
            version == "1.2.0-6.el9_1"
        });
    }
}
