//! Who has made a page, from its head and its title.

use super::http::schemes;
use super::tables::has_words;
use crate::model::Fact;
use crate::wire::http::Head;

/// What is known of products: where their mark stands, the mark, the product. Where it is `title`,
/// `server`, `realm` or `location`, the mark is a part of it, in lower case; where it is a field, the
/// mark is the field's name, and its value the version, if it begins with a digit.
const MARKS: &str = include_str!("pages.tsv");

/// What a page at `/` tells.
pub(super) fn facts(head: &Head, body: &[u8]) -> Vec<Fact> {
    let server = head.first("server").unwrap_or_default();
    let title = title(body);
    let mut facts = vec![Fact::Speaks("http".to_owned())];
    if !server.is_empty() {
        facts.push(Fact::Banner(server.to_owned()));
    }
    facts.extend(product(server));
    facts.extend(marked(head, title.as_deref().unwrap_or_default()));
    // Which server of an Exchange organisation answers (MS-OXDISCO 2.2.3 speaks of such servers).
    let front_end = head.first("x-feserver").map(str::to_owned);
    facts.extend(front_end.map(Fact::NetbiosComputer));
    facts.extend(title.map(Fact::Title));
    facts
}

/// `Apache` and `2.4.57` of `Apache/2.4.57 (Debian)` (RFC 9110 10.2.4). A text of several words without
/// a version is no product's name.
pub(super) fn product(server: &str) -> Option<Fact> {
    let first = server.split(' ').next().filter(|first| !first.is_empty())?;
    let (name, version) = match first.split_once('/') {
        Some(both) => both,
        None if first == server => (first, ""),
        None => return None,
    };
    Some(Fact::Product {
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// The product of the first mark that fits.
fn marked(head: &Head, title: &str) -> Option<Fact> {
    let server = head.first("server").unwrap_or_default();
    let realm: String = schemes(head).map(|(_, rest)| rest).collect();
    let location = head.first("location").unwrap_or_default();
    let texts = [
        ("title", title.to_lowercase()),
        ("server", server.to_lowercase()),
        ("realm", realm.to_lowercase()),
        ("location", location.to_lowercase()),
    ];
    let lines = MARKS.lines().filter(|line| !line.starts_with('#'));
    let mut products = lines.filter_map(|line| {
        let (place, rest) = line.split_once('\t')?;
        let (mark, name) = rest.split_once('\t')?;
        let mut texts = texts.iter().filter(|(known, _)| *known == place);
        let version = match place {
            "field" => head.first(mark).map(version),
            _ => texts
                .any(|(_, text)| has_words(text, mark))
                .then(String::new),
        };
        version.map(|version| Fact::Product {
            name: name.to_owned(),
            version,
        })
    });
    products.next()
}

fn version(value: &str) -> String {
    let is_version = value.starts_with(|first: char| first.is_ascii_digit());
    let word = value.split([' ', ';', ',']).next().unwrap_or_default();
    if is_version {
        word.to_owned()
    } else {
        String::new()
    }
}

/// The title of a page, on one line.
pub(super) fn title(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    // Letters outside ASCII keep their length this way, and their place.
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower.get(start..)?.find('>')? + 1;
    let length = lower.get(start..)?.find("</title")?;
    let title = text.get(start..start + length)?;
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = unescaped(&title);
    (!title.is_empty()).then_some(title)
}

fn unescaped(text: &str) -> String {
    const NAMED: [(&str, &str); 6] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    let named = NAMED.iter();
    named.fold(text.to_owned(), |text, (name, letter)| {
        text.replace(name, letter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Heard;

    fn read(text: &str) -> Vec<Fact> {
        let Heard::Whole(head) = Head::read(text.as_bytes()) else {
            panic!("{text}");
        };
        let (body, _) = head.body(text.as_bytes());
        facts(&head, &body)
    }

    fn products(text: &str) -> Vec<String> {
        let facts = read(text).into_iter();
        let products = facts.filter_map(|fact| match fact {
            Fact::Product { name, version } => Some(format!("{name} {version}").trim().to_owned()),
            _ => None,
        });
        products.collect()
    }

    #[test]
    fn every_mark_is_whole_and_in_lower_case() {
        for line in MARKS.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            let [place, mark, product] = cells[..] else {
                panic!("{line}");
            };
            assert!(
                ["title", "server", "realm", "location", "field"].contains(&place),
                "{line}"
            );
            assert_eq!(mark, mark.to_lowercase());
            assert!(!mark.is_empty() && !product.is_empty(), "{line}");
        }
    }

    #[test]
    fn a_server_field_names_a_product_or_is_only_words() {
        let cases = [
            ("Apache/2.4.57 (Debian)", "Apache 2.4.57"),
            ("nginx", "nginx "),
            ("Microsoft-HTTPAPI/2.0", "Microsoft-HTTPAPI 2.0"),
        ];
        for (server, expected) in cases {
            let Some(Fact::Product { name, version }) = product(server) else {
                panic!("{server}");
            };
            assert_eq!(format!("{name} {version}"), expected);
        }
        assert_eq!(product("HP HTTP Server; HP LaserJet"), None);
        assert_eq!(product(""), None);
    }

    #[test]
    fn known_pages_name_their_products() {
        let page = |head: &str, title: &str| {
            products(&format!(
                "HTTP/1.1 200 OK\r\n{head}\r\n<title>{title}</title>"
            ))
        };
        assert_eq!(page("", "iDRAC9 - Login"), ["Dell iDRAC"]);
        assert_eq!(
            page("Server: HP HTTP Server; HP LaserJet M506\r\n", ""),
            ["HP LaserJet"]
        );
        assert_eq!(page("", "VMware ESXi"), ["VMware ESXi"]);
        assert_eq!(page("", "Somebody's page"), Vec::<String>::new());
    }

    #[test]
    fn an_exchange_tells_its_version_and_its_name() {
        let text = "HTTP/1.1 302 Found\r\nServer: Microsoft-IIS/10.0\r\nX-OWA-Version: 15.2.1118.40\r\n\
            X-FEServer: EX01\r\nLocation: https://mail.contoso.test/owa/\r\nContent-Length: 0\r\n\r\n";
        let named = ["Microsoft-IIS 10.0", "Microsoft Exchange 15.2.1118.40"];
        assert_eq!(products(text), named);
        assert!(read(text).contains(&Fact::NetbiosComputer("EX01".to_owned())));
    }

    #[test]
    fn a_title_may_have_attributes_entities_and_line_breaks() {
        let title = |text: &str| title(text.as_bytes());
        assert_eq!(
            title("<title id=x>a\r\n  b &lt;c&gt;</title>").as_deref(),
            Some("a b <c>")
        );
        assert_eq!(title("<TITLE>Büro İ</TITLE>").as_deref(), Some("Büro İ"));
        assert_eq!(title("<title>never ends"), None);
        assert_eq!(title("<title></title>"), None);
    }
}
