//! OpenSSH's client configuration, as far as it says where a host is and who logs in (`ssh_config(5)`). Pure:
//! files come from whoever asks, and nothing is ever run.
//!
//! What cannot be decided without running or asking something (`Match exec`, `ProxyCommand`) is no ground
//! for a guess: the host that it may concern is [`Route::Refused`], with the reason and the line.

use super::scope::glob_matches;
use std::path::{Path, PathBuf};

/// How deep files may include others, and how many lines there may be in all: as in OpenSSH, and enough.
const MOST_DEPTH: usize = 16;
const MOST_LINES: usize = 50_000;

/// A configuration with all that it includes.
#[derive(Clone, Debug, Default)]
pub struct SshConfig {
    blocks: Vec<Block>,
    /// What could not be read, for people: the place, and why.
    pub problems: Vec<String>,
}

/// Gives the files that an `Include` names, in order: the pattern as it is written, without quotes.
pub type Include<'a> = dyn Fn(&str) -> Vec<(PathBuf, String)> + 'a;

/// What a configuration says of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Where it is, and who logs in.
    Known(HostConfig),
    /// It cannot be told, and why.
    Refused(String),
}

/// What a configuration says of a host, the first word on each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostConfig {
    /// Its real name or address; else the name it was asked by.
    pub host_name: String,
    /// Who logs in. `None` is whoever runs ssh, which is never meant here.
    pub user: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The files of private keys, in order.
    pub identity_files: Vec<String>,
    /// The files of certificates, in order.
    pub certificate_files: Vec<String>,
    /// The hosts on the way, the first one first.
    pub jumps: Vec<Hop>,
    /// The name by which its key is known instead of its own.
    pub host_key_alias: Option<String>,
    /// The files of known hosts.
    pub known_hosts: Vec<String>,
}

/// A host on the way, as `ProxyJump` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Who logs in, if it is said there.
    pub user: Option<String>,
    /// The name, to be looked up in the configuration itself.
    pub host: String,
    /// The port, if it is said there.
    pub port: Option<u16>,
}

/// Lines that hold where all conditions are met.
#[derive(Clone, Debug)]
struct Block {
    conditions: Vec<Condition>,
    settings: Vec<Setting>,
}

#[derive(Clone, Debug)]
struct Setting {
    keyword: String,
    arguments: Vec<String>,
    place: String,
}

#[derive(Clone, Debug)]
enum Condition {
    Host(Vec<String>),
    Match(Vec<Term>, String),
}

/// One criterion of a `Match`: whether it is negated, its name, and its patterns.
#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    name: String,
    patterns: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    Yes,
    No,
    Unknown,
}

impl SshConfig {
    /// Reads a configuration and what it includes.
    pub fn read(path: &Path, text: &str, include: &Include<'_>) -> Self {
        let mut reader = Reader {
            config: Self::default(),
            include,
            lines: 0,
        };
        reader.read(path, text, (&[], 0));
        reader.config
    }

    /// What it says of a host, asked for by the name that the operator uses.
    pub fn route(&self, name: &str) -> Route {
        let mut found = Found::default();
        for block in &self.blocks {
            match block.is_met(name, &found) {
                Met::No => {}
                Met::Yes => found.take(&block.settings),
                Met::Unknown => {
                    if let Some(setting) = block.settings.iter().find(|it| it.matters()) {
                        return Route::Refused(format!(
                            "{}: `{}` stands under a Match that cannot be decided here ({})",
                            setting.place,
                            setting.keyword,
                            block.undecided()
                        ));
                    }
                }
            }
        }
        match found.into_config(name) {
            Ok(config) => Route::Known(config),
            Err(why) => Route::Refused(why),
        }
    }
}

struct Reader<'a> {
    config: SshConfig,
    include: &'a Include<'a>,
    lines: usize,
}

impl Reader<'_> {
    fn read(&mut self, path: &Path, text: &str, (outer, depth): (&[Condition], usize)) {
        self.begin(outer, None);
        for (number, line) in (1..).zip(text.lines()) {
            self.lines += 1;
            if self.lines > MOST_LINES {
                let problem = format!("{}: more than {MOST_LINES} lines in all", path.display());
                self.config.problems.push(problem);
                return;
            }
            let place = format!("{}, line {number}", path.display());
            let Some((keyword, rest)) = split_keyword(line) else {
                continue;
            };
            let Some(arguments) = words(rest) else {
                let problem = format!("{place}: a quote is not closed");
                self.config.problems.push(problem);
                continue;
            };
            match keyword.as_str() {
                "host" => self.begin(outer, Some(Condition::Host(arguments))),
                "match" => {
                    let condition = Condition::Match(terms(&arguments), place);
                    self.begin(outer, Some(condition));
                }
                "include" => self.include(&arguments, &place, depth),
                _ => self.set(Setting {
                    keyword,
                    arguments,
                    place,
                }),
            }
        }
    }

    fn begin(&mut self, outer: &[Condition], own: Option<Condition>) {
        let conditions = outer.iter().cloned().chain(own).collect();
        self.config.blocks.push(Block {
            conditions,
            settings: Vec::new(),
        });
    }

    fn set(&mut self, setting: Setting) {
        if let Some(block) = self.config.blocks.last_mut() {
            block.settings.push(setting);
        }
    }

    /// What is included holds under the conditions of the block that includes it, which goes on after it.
    fn include(&mut self, patterns: &[String], place: &str, depth: usize) {
        let block = self.config.blocks.last();
        let conditions = block.map(|block| block.conditions.clone());
        let conditions = conditions.unwrap_or_default();
        if depth >= MOST_DEPTH {
            let problem = format!("{place}: files include each other more than {MOST_DEPTH} deep");
            self.config.problems.push(problem);
            return;
        }
        for pattern in patterns {
            for (path, text) in (self.include)(pattern) {
                self.read(&path, &text, (&conditions, depth + 1));
            }
        }
        self.begin(&conditions, None);
    }
}

/// `Keyword arguments` or `Keyword=arguments`; `None` for blank lines and comments.
fn split_keyword(line: &str) -> Option<(String, &str)> {
    let line = line.trim_matches(|c: char| c.is_ascii_whitespace());
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c.is_ascii_whitespace() || c == '=');
    let (keyword, rest) = line.split_at_checked(end.unwrap_or(line.len()))?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Some((keyword.to_ascii_lowercase(), rest))
}

/// The words of a line, by OpenSSH's rules: quotes hold words together, `\` before a quote, a space or
/// itself is taken away, and `#` begins a comment where a word would begin.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(char::is_ascii_whitespace).is_some() {}
        if matches!(letters.peek(), None | Some('#')) {
            return Some(words);
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = letters.next() {
            match (c, quote) {
                ('\\', _) => match letters.next_if(|c| matches!(c, '\\' | '"' | '\'' | ' ')) {
                    Some(escaped) => word.push(escaped),
                    None => word.push('\\'),
                },
                (c, None) if c.is_ascii_whitespace() => break,
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, _) => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        words.push(word);
    }
}

/// The criteria of a `Match`.
fn terms(arguments: &[String]) -> Vec<Term> {
    let mut terms = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(word) = arguments.next() {
        let (word, inline) = match word.split_once('=') {
            Some((word, patterns)) => (word, Some(patterns.to_owned())),
            None => (word.as_str(), None),
        };
        let bare = word.strip_prefix('!');
        let name = bare.unwrap_or(word).to_ascii_lowercase();
        let takes_none = matches!(name.as_str(), "all" | "canonical" | "final");
        let patterns = match inline {
            Some(patterns) => patterns,
            None if takes_none => String::new(),
            None => arguments.next().cloned().unwrap_or_default(),
        };
        terms.push(Term {
            negated: bare.is_some(),
            name,
            patterns,
        });
    }
    terms
}

impl Block {
    fn is_met(&self, name: &str, found: &Found) -> Met {
        let mut met = Met::Yes;
        for condition in &self.conditions {
            match condition.is_met(name, found) {
                Met::No => return Met::No,
                Met::Unknown => met = Met::Unknown,
                Met::Yes => {}
            }
        }
        met
    }

    fn undecided(&self) -> &str {
        let mut places = self.conditions.iter().filter_map(|it| match it {
            Condition::Match(_, place) => Some(place.as_str()),
            Condition::Host(_) => None,
        });
        places.next_back().unwrap_or_default()
    }
}

impl Condition {
    fn is_met(&self, name: &str, found: &Found) -> Met {
        match self {
            Self::Host(patterns) => {
                let patterns = patterns.iter().map(String::as_str);
                if listed(patterns, name) {
                    Met::Yes
                } else {
                    Met::No
                }
            }
            Self::Match(terms, _) => {
                let mut met = Met::Yes;
                for term in terms {
                    match term.is_met(name, found) {
                        Met::No => return Met::No,
                        Met::Unknown => met = Met::Unknown,
                        Met::Yes => {}
                    }
                }
                met
            }
        }
    }
}

impl Term {
    fn is_met(&self, name: &str, found: &Found) -> Met {
        let host = found.host_name(name);
        let value = match self.name.as_str() {
            "all" => return self.turned(true),
            // There is only one pass here: CanonicalizeHostname is not used.
            "canonical" => return self.turned(false),
            "originalhost" => name,
            "host" => match &host {
                Ok(host) => host.as_str(),
                Err(_) => return Met::Unknown,
            },
            "user" => match found.one("user") {
                Some(user) => user,
                None => return Met::Unknown,
            },
            _ => return Met::Unknown,
        };
        self.turned(listed(self.patterns.split(','), value))
    }

    fn turned(&self, met: bool) -> Met {
        if met == self.negated {
            Met::No
        } else {
            Met::Yes
        }
    }
}

/// Whether a list of patterns names a host: one does, and no negated one does. As OpenSSH, letters count as
/// they are.
fn listed<'a>(patterns: impl Iterator<Item = &'a str>, name: &str) -> bool {
    let mut named = false;
    for pattern in patterns {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        if glob_matches(pattern.as_bytes(), name.as_bytes()) {
            if negated {
                return false;
            }
            named = true;
        }
    }
    named
}

impl Setting {
    /// Whether it decides where a host is, who logs in, or who vouches for it.
    fn matters(&self) -> bool {
        USED.contains(&self.keyword.as_str()) || REFUSED.contains(&self.keyword.as_str())
    }
}

const USED: [&str; 9] = [
    "hostname",
    "user",
    "port",
    "identityfile",
    "certificatefile",
    "proxyjump",
    "hostkeyalias",
    "userknownhostsfile",
    "globalknownhostsfile",
];

/// What would change the route or the trust in a way that is not followed here.
const REFUSED: [&str; 5] = [
    "proxycommand",
    "proxyusefdpass",
    "canonicalizehostname",
    "knownhostscommand",
    "revokedhostkeys",
];

/// The settings found so far: the first word on each counts, but keys and certificates add up.
#[derive(Default)]
struct Found(Vec<Setting>);

impl Found {
    fn take(&mut self, settings: &[Setting]) {
        for setting in settings.iter().filter(|it| it.matters()) {
            let adds_up = matches!(setting.keyword.as_str(), "identityfile" | "certificatefile");
            // Whichever of the two comes first is the way.
            let rival = match setting.keyword.as_str() {
                "proxyjump" => "proxycommand",
                "proxycommand" => "proxyjump",
                _ => "",
            };
            let is_set = |keyword: &str| self.0.iter().any(|it| it.keyword == keyword);
            let is_same =
                |it: &Setting| it.keyword == setting.keyword && it.arguments == setting.arguments;
            if adds_up && self.0.iter().any(is_same) {
                continue;
            }
            if adds_up || !(is_set(&setting.keyword) || is_set(rival)) {
                self.0.push(setting.clone());
            }
        }
    }

    fn setting(&self, keyword: &str) -> Option<&Setting> {
        self.0.iter().find(|it| it.keyword == keyword)
    }

    fn one(&self, keyword: &str) -> Option<&str> {
        let first = self.setting(keyword)?.arguments.first();
        first.map(String::as_str)
    }

    /// `HostName`, in which `%h` is the name that was asked for.
    fn host_name(&self, name: &str) -> Result<String, String> {
        match self.setting("hostname") {
            None => Ok(name.to_owned()),
            Some(setting) => {
                let text = setting.arguments.first().map_or("", String::as_str);
                expand(text, &|c| (c == 'h').then(|| name.to_owned()))
                    .ok_or_else(|| setting.problem("a token other than %h"))
            }
        }
    }

    fn into_config(self, name: &str) -> Result<HostConfig, String> {
        for keyword in REFUSED {
            let off = |word: &str| ["none", "no"].contains(&word.to_ascii_lowercase().as_str());
            if let Some(setting) = self.setting(keyword)
                && !self.one(keyword).is_some_and(off)
            {
                return Err(setting.problem("it is not followed here"));
            }
        }
        let host_name = self.host_name(name)?;
        let user = self.one("user").map(str::to_owned);
        let port = match self.setting("port") {
            None => None,
            Some(setting) => {
                let port = setting.arguments.first().and_then(|port| port.parse().ok());
                let port = port.filter(|port: &u16| *port > 0);
                Some(port.ok_or_else(|| setting.problem("no port"))?)
            }
        };
        let token = |c| match c {
            'h' => Some(host_name.clone()),
            'n' => Some(name.to_owned()),
            'p' => Some(port.unwrap_or(22).to_string()),
            'r' => user.clone(),
            // The home, as in `~`.
            'd' => Some("~".to_owned()),
            _ => None,
        };
        let files = |keyword: &str| -> Result<Vec<String>, String> {
            let all = self.0.iter().filter(|it| it.keyword == keyword);
            let mut files = Vec::new();
            for setting in all {
                for file in &setting.arguments {
                    let file = expand(file, &token).filter(|file| !file.contains("${"));
                    files.push(file.ok_or_else(|| setting.problem("a token that is not known"))?);
                }
            }
            files.retain(|file| !file.eq_ignore_ascii_case("none"));
            Ok(files)
        };
        let known_hosts = [files("userknownhostsfile")?, files("globalknownhostsfile")?].concat();
        Ok(HostConfig {
            jumps: self.jumps(&token)?,
            identity_files: files("identityfile")?,
            certificate_files: files("certificatefile")?,
            host_key_alias: self.one("hostkeyalias").map(str::to_owned),
            known_hosts,
            host_name: host_name.clone(),
            user: user.clone(),
            port,
        })
    }

    fn jumps(&self, token: &dyn Fn(char) -> Option<String>) -> Result<Vec<Hop>, String> {
        let Some(setting) = self.setting("proxyjump") else {
            return Ok(Vec::new());
        };
        let text = setting.arguments.first().map_or("", String::as_str);
        if text.eq_ignore_ascii_case("none") {
            return Ok(Vec::new());
        }
        let text =
            expand(text, token).ok_or_else(|| setting.problem("a token that is not known"))?;
        let hops = text.split(',').map(|hop| Hop::parse(hop.trim()));
        let hops: Option<Vec<Hop>> = hops.collect();
        hops.ok_or_else(|| setting.problem("expected [user@]host[:port],…"))
    }
}

impl Setting {
    fn problem(&self, why: &str) -> String {
        format!("{}: `{}`: {why}", self.place, self.keyword)
    }
}

/// Replaces `%x` by what it stands for, and `%%` by `%`; `None` where a token is not known.
fn expand(text: &str, token: &dyn Fn(char) -> Option<String>) -> Option<String> {
    let mut expanded = String::new();
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            '%' => match letters.next()? {
                '%' => expanded.push('%'),
                c => expanded.push_str(&token(c)?),
            },
            c => expanded.push(c),
        }
    }
    Some(expanded)
}

impl Hop {
    /// `[user@]host[:port]`, or the same after `ssh://`; an IPv6 address in brackets where a port follows.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("ssh://").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, text),
        };
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                match rest.strip_prefix(':') {
                    Some(text) => (host, Some(port(text)?)),
                    None if rest.is_empty() => (host, None),
                    None => return None,
                }
            }
            None => match place.rsplit_once(':') {
                Some((host, text)) if !host.contains(':') => (host, Some(port(text)?)),
                _ => (place, None),
            },
        };
        let bad = host.is_empty() || host.starts_with('-') || user == Some("");
        (!bad).then(|| Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> SshConfig {
        SshConfig::read(Path::new("config"), text, &|_| Vec::new())
    }

    fn known(text: &str, name: &str) -> HostConfig {
        match read(text).route(name) {
            Route::Known(config) => config,
            Route::Refused(why) => panic!("{why}"),
        }
    }

    fn refused(text: &str, name: &str) -> String {
        match read(text).route(name) {
            Route::Refused(why) => why,
            Route::Known(config) => panic!("{config:?}"),
        }
    }

    #[test]
    fn the_first_word_on_each_setting_counts() {
        let text = "Host db*\n  User audit\n  Port 2222\n\nHost *\n  User nobody\n  Port 22\n  HostName %h.corp.example\n";
        let config = known(text, "db1");
        assert_eq!(config.user.as_deref(), Some("audit"));
        assert_eq!(config.port, Some(2222));
        assert_eq!(config.host_name, "db1.corp.example");
        assert_eq!(known(text, "web1").user.as_deref(), Some("nobody"));
    }

    #[test]
    fn keys_add_up_and_tokens_are_what_they_stand_for() {
        let text = "IdentityFile ~/.ssh/%n_%r\nHost x\nUser u\nHostName 10.0.0.7\nIdentityFile \"%d/my keys/%h\"\nCertificateFile none\n";
        let config = known(text, "x");
        assert_eq!(config.identity_files, ["~/.ssh/x_u", "~/my keys/10.0.0.7"]);
        assert_eq!(config.certificate_files, [""; 0]);
    }

    #[test]
    fn a_pattern_after_an_exclamation_mark_takes_hosts_out() {
        let text = "Host *.example !old.example\nUser u\n";
        assert_eq!(known(text, "new.example").user.as_deref(), Some("u"));
        assert_eq!(known(text, "old.example").user, None);
    }

    #[test]
    fn a_match_that_names_hosts_or_users_is_decided() {
        let text = "Host a\nHostName real.example\nUser u\nMatch host real.* user u,v\nPort 1\nMatch originalhost b\nPort 2\nMatch !host real.example\nPort 3\nMatch all\nPort 4\n";
        assert_eq!(known(text, "a").port, Some(1));
        assert_eq!(known("Match all\nPort 4\n", "z").port, Some(4));
        assert_eq!(known("Match canonical\nPort 4\n", "z").port, None);
    }

    #[test]
    fn what_cannot_be_decided_refuses_the_hosts_that_it_may_concern() {
        let text = "Match host *.lab exec \"true\"\nProxyJump b\nHost *\nUser u\n";
        let why = refused(text, "x.lab");
        assert!(why.contains("config, line 2: `proxyjump`"), "{why}");
        assert_eq!(known(text, "x.corp").user.as_deref(), Some("u"));
        // What changes neither the route nor the trust is no matter.
        let text = "Match exec \"true\"\nForwardX11 yes\nHost *\nUser u\n";
        assert_eq!(known(text, "x").user.as_deref(), Some("u"));
        // Who logs in is not said: whoever runs ssh is nobody here.
        assert!(refused("Match user root\nPort 1\n", "x").contains("line 2"));
    }

    #[test]
    fn a_command_on_the_way_is_refused_and_never_run() {
        let why = refused("Host x\nProxyCommand nc %h %p\n", "x");
        assert!(why.contains("config, line 2: `proxycommand`"), "{why}");
        let config = known("Host x\nProxyCommand none\nProxyJump b\n", "x");
        assert_eq!(config.jumps, [], "the first of the two counts");
        let config = known("Host x\nProxyJump b\nProxyCommand nc\n", "x");
        assert_eq!(config.jumps.len(), 1);
    }

    #[test]
    fn hops_are_read_as_they_are_written() {
        let text = "ProxyJump a@b:2222,ssh://c/,[fd00::1]:22\n";
        let hops = known(text, "x").jumps;
        let hop = |user: Option<&str>, host: &str, port| Hop {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        };
        let expected = [
            hop(Some("a"), "b", Some(2222)),
            hop(None, "c", None),
            hop(None, "fd00::1", Some(22)),
        ];
        assert_eq!(hops, expected);
        assert_eq!(known("ProxyJump none\n", "x").jumps, []);
        assert!(refused("ProxyJump -oProxyCommand=x\n", "x").contains("expected"));
    }

    #[test]
    fn what_is_included_holds_where_the_include_stands() {
        let include = |pattern: &str| {
            let text = match pattern {
                "more" => "User from-more\nHost y\nPort 5\nInclude more\n",
                _ => "",
            };
            vec![(PathBuf::from(pattern), text.to_owned())]
        };
        let text = "Host x y\nInclude more\nPort 7\nHost *\nUser last\n";
        let config = SshConfig::read(Path::new("config"), text, &include);
        let of = |name| match config.route(name) {
            Route::Known(config) => (config.user.unwrap(), config.port),
            Route::Refused(why) => panic!("{why}"),
        };
        assert_eq!(of("x"), ("from-more".to_owned(), Some(7)));
        assert_eq!(of("y"), ("from-more".to_owned(), Some(5)));
        assert_eq!(of("z"), ("last".to_owned(), None));
        assert!(
            config.problems[0].contains("include each other"),
            "{:?}",
            config.problems
        );
    }

    #[test]
    fn words_are_split_as_openssh_splits_them() {
        let split = |text| words(text).unwrap();
        assert_eq!(split(r#" a "b c"  'd e' # f"#), ["a", "b c", "d e"]);
        assert_eq!(split(r"a\ b c\\d"), ["a b", r"c\d"]);
        assert_eq!(words("\"open"), None);
        assert_eq!(split_keyword("Port = 22"), Some(("port".to_owned(), " 22")));
        assert_eq!(split_keyword("  # x"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[ -~\t\n]{0,300}", name in "[a-z.*%]{0,9}") {
            let config = read(&format!("Host *\n{text}\nMatch host {name} {text}\nProxyJump {text}\n"));
            config.route(&name);
        }
    }
}
