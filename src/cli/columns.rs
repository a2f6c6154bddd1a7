//! How columns of listings are shown on a terminal: which stay whole, and which are left out first where it is narrow.

use super::asked::title;
use crate::report::{Fit, Listing, Screen, fitted};

/// What is a text, and what may be left out. A column that is not here is whole, and stays.
const FITS: [(&str, Fit); 29] = [
    ("hostname", Fit::text(16, 0)),
    // Findings.
    ("rank", Fit::whole(9)),
    ("product", Fit::text(12, 8)),
    ("owner", Fit::text(8, 7)),
    ("due_date", Fit::whole(6)),
    ("installed_version", Fit::text(12, 5)),
    ("fix", Fit::folded(18, 4)),
    // Machines.
    ("reboot_pending", Fit::whole(9)),
    ("os_name", Fit::text(12, 8)),
    ("kev_count", Fit::whole(7)),
    ("worst_severity", Fit::whole(6)),
    // Ways in.
    ("attempted", Fit::whole(9)),
    ("credential_id", Fit::text(8, 8)),
    ("detail", Fit::folded(18, 7)),
    ("fix_hint", Fit::folded(18, 6)),
    // Updates.
    ("installed_by", Fit::text(8, 9)),
    ("installed_on_date", Fit::whole(8)),
    ("title", Fit::text(16, 7)),
    // Services.
    ("seen_by", Fit::text(8, 9)),
    ("program", Fit::text(12, 8)),
    ("version", Fit::text(8, 7)),
    ("bind", Fit::whole(6)),
    ("service", Fit::whole(5)),
    // Others that may be asked for.
    ("fqdn", Fit::text(16, 0)),
    ("evidence", Fit::folded(18, 0)),
    ("suggestion", Fit::folded(18, 0)),
    ("managed_reason", Fit::whole(0)),
    ("tags", Fit::text(12, 0)),
    ("lists", Fit::text(12, 0)),
];

fn fit(column: &str) -> Fit {
    let found = FITS.iter().find(|(name, _)| *name == column);
    found.map_or(Fit::whole(0), |(_, fit)| *fit)
}

/// The table of a listing. Columns that somebody named are all shown.
pub(super) fn shown(listing: &Listing, are_named: bool, screen: Screen) -> String {
    let titles: Vec<String> = listing.columns.iter().map(|name| title(name)).collect();
    let fits = listing.columns.iter().map(|name| {
        let fit = fit(name);
        if are_named { fit.kept() } else { fit }
    });
    let columns: Vec<(&str, Fit)> = titles.iter().map(String::as_str).zip(fits).collect();
    fitted(&columns, &listing.rows, screen)
}
