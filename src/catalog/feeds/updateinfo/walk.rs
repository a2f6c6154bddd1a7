//! The document as XML: one update is in memory at a time.

use super::update::{Build, Reference, Update};
use crate::catalog::feeds::FeedError;
use crate::catalog::feeds::elements::{Element, Walk, each_element};
use std::io::BufRead;

/// The most builds of one update. A kernel for all architectures has some thousand.
const MOST_BUILDS: usize = 200_000;

/// Hands out each update of a document.
pub(super) fn each_update(
    feed: &'static str,
    doc: &mut dyn BufRead,
    each: &mut dyn FnMut(Update),
) -> Result<(), FeedError> {
    let mut updates = Updates {
        each,
        update: Update::default(),
        collection: String::new(),
        module: None,
    };
    each_element(feed, doc, &mut updates)
}

struct Updates<'a> {
    each: &'a mut dyn FnMut(Update),
    update: Update,
    /// The short name of the collection that is open.
    collection: String,
    /// Its module.
    module: Option<String>,
}

impl Walk for Updates<'_> {
    fn open(&mut self, _: &[String], start: &Element<'_>) {
        let value = |name| start.attribute(name).unwrap_or_default();
        match start.name() {
            "update" => {
                self.update = Update {
                    kind: value("type"),
                    ..Update::default()
                };
            }
            "issued" => self.update.issued = value("date"),
            "updated" => self.update.updated = value("date"),
            "reference" => self.update.references.push(Reference {
                id: value("id"),
                title: value("title"),
                address: value("href"),
            }),
            "collection" => {
                self.collection = value("short");
                self.module = None;
                self.update.collections.push(self.collection.clone());
            }
            "module" => {
                let stream = start.attribute("name").zip(start.attribute("stream"));
                self.module = stream.map(|(name, stream)| format!("{name}:{stream}"));
            }
            "package" if self.update.builds.len() >= MOST_BUILDS => {
                self.update.has_too_many = true;
            }
            "package" => self.update.builds.push(Build {
                name: value("name"),
                epoch: value("epoch"),
                version: value("version"),
                release: value("release"),
                arch: value("arch"),
                collection: self.collection.clone(),
                module: self.module.clone(),
            }),
            _ => {}
        }
    }

    fn close(&mut self, path: &[String], text: &str) {
        let [.., parent, name] = path else {
            return;
        };
        let field = match (&**parent, &**name) {
            ("updates", "update") => return (self.each)(std::mem::take(&mut self.update)),
            ("update", "id") => &mut self.update.id,
            ("update", "title") => &mut self.update.title,
            ("update", "release") => &mut self.update.release,
            ("update", "severity") => &mut self.update.severity,
            ("collection", "name") => {
                self.update.collections.push(text.to_owned());
                return;
            }
            _ => return,
        };
        text.clone_into(field);
    }
}
