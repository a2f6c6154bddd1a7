//! The page around its sections: head, policy, order, script.

use super::super::{Options, ReportSource};
use super::kept::Gathered;
use super::markup::Html;
use super::{coverage, data, findings, lists, rows, run, trend};
use crate::wire::base64;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// What the notes on what does not fit may take, which are written when it is known.
const NOTES: usize = 4096;

/// A run as the sections read it.
pub(super) struct View<'a> {
    pub(super) source: &'a dyn ReportSource,
    pub(super) options: &'a Options,
    pub(super) gathered: &'a Gathered,
}

/// The page.
pub(super) struct Page {
    pub(super) text: String,
    /// The findings in it.
    pub(super) rows: u64,
}

/// Makes a page of at most so many bytes, as far as its summaries let it.
pub(super) fn page(view: &View<'_>, longest: usize) -> Page {
    let mut top = Html::default();
    head(view, &mut top);
    sections(view, &mut top);
    let fixed = top.len() + STYLE.len() + SCRIPT.len() + NOTES;
    let room = longest.saturating_sub(fixed);
    let plain = rows::plain(view, room / 3);
    let data = data::fit(
        view.gathered,
        &rows::facts(view),
        room.saturating_sub(plain.len()),
    );
    let mut page = top;
    rows::findings(view, &plain, &data, &mut page);
    rows::machines(view, &plain, &data, &mut page);
    foot(view, &mut page);
    page.raw("<script type=\"application/json\" id=\"data\">")
        .raw(&data.json)
        .raw("</script>\n<script>")
        .raw(SCRIPT)
        .raw("</script>\n</body>\n</html>\n");
    Page {
        text: page.finish(),
        rows: u64::try_from(data.findings).unwrap_or(u64::MAX),
    }
}

/// What the page may do: run its script, look as its style says, and nothing else.
pub(super) fn policy() -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// The hash of a script or style as a policy names it (CSP level 3, section 2.3.1).
fn hash(text: &str) -> String {
    format!("sha256-{}=", base64::encode(&Sha256::digest(text)))
}

fn head(view: &View<'_>, page: &mut Html) {
    let title = format!("underdesk report, site {}", view.source.run().site);
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"");
    // The quotes in it are single ones, and the attribute's are not.
    page.raw(&policy()).raw("\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.element("title", &title);
    page.raw("<style>")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n");
    page.raw("<a class=\"skip\" href=\"#main\">Skip to the report</a>\n");
}

/// A section of the page: its anchor, what it is called, and how it is written.
struct Section {
    id: &'static str,
    name: &'static str,
    /// What it is called among the links.
    short: &'static str,
    write: fn(&View<'_>, &mut Html),
}

/// The sections before the tables of all rows, in order.
const SECTIONS: [Section; 11] = [
    Section {
        id: "coverage",
        name: "Coverage",
        short: "Coverage",
        write: coverage::section,
    },
    Section {
        id: "severity",
        name: "Findings by severity",
        short: "Severity",
        write: findings::by_severity,
    },
    Section {
        id: "overdue",
        name: "Overdue",
        short: "Overdue",
        write: findings::overdue,
    },
    Section {
        id: "exploited",
        name: "Known to be exploited",
        short: "Exploited",
        write: findings::exploited,
    },
    Section {
        id: "by-machine",
        name: "By machine",
        short: "By machine",
        write: lists::by_machine,
    },
    Section {
        id: "by-update",
        name: "By update",
        short: "By update",
        write: lists::by_update,
    },
    Section {
        id: "by-subnet",
        name: "By subnet",
        short: "By subnet",
        write: lists::by_subnet,
    },
    Section {
        id: "unmanaged",
        name: "Unmanaged machines",
        short: "Unmanaged",
        write: lists::unmanaged,
    },
    Section {
        id: "end-of-life",
        name: "End of life",
        short: "End of life",
        write: lists::end_of_life,
    },
    Section {
        id: "trend",
        name: "Trend",
        short: "Trend",
        write: trend::section,
    },
    Section {
        id: "verified",
        name: "Verified findings",
        short: "Verified",
        write: lists::verified,
    },
];

fn sections(view: &View<'_>, page: &mut Html) {
    let is_verified = view.source.verification().is_some();
    // A run that verified asked after the findings of another run only: of all else it has nothing to say.
    let shown = |section: &&Section| match section.id {
        "coverage" => true,
        "verified" => is_verified,
        _ => !is_verified,
    };
    run::banner(view, page);
    page.raw("<nav aria-label=\"Sections\"><ul>");
    let tables = [("findings", "All findings"), ("machines", "All machines")];
    let names = SECTIONS
        .iter()
        .filter(shown)
        .map(|section| (section.id, section.short));
    for (id, name) in names.chain(tables.into_iter().filter(|_| !is_verified)) {
        page.raw("<li><a href=\"#")
            .raw(id)
            .raw("\">")
            .text(name)
            .raw("</a></li>");
    }
    page.raw("</ul></nav>\n<main id=\"main\" tabindex=\"-1\">\n");
    run::section(view, page);
    for section in SECTIONS.iter().filter(shown) {
        page.raw("<section id=\"")
            .raw(section.id)
            .raw("\" aria-labelledby=\"h-")
            .raw(section.id)
            .raw("\">");
        page.raw("<h2 id=\"h-")
            .raw(section.id)
            .raw("\">")
            .text(section.name)
            .raw("</h2>\n");
        (section.write)(view, page);
        page.raw("</section>\n");
    }
}

fn foot(view: &View<'_>, page: &mut Html) {
    page.raw("</main>\n<footer><p>Written by underdesk ")
        .text(env!("CARGO_PKG_VERSION"));
    page.raw(" from run ").text(view.source.run().id.as_str());
    page.raw(
        ". Nothing on this page is fetched from anywhere, and nothing is sent.</p></footer>\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_the_empty_script_is_the_known_one() {
        assert_eq!(
            hash(""),
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }
}
