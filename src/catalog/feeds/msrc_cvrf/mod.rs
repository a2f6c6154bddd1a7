//! Microsoft's Security Update Guide as CVRF: one document a month, as XML or JSON.
//!
//! A document has a tree of products (an id and a name; `11650-11571` is one product installed on
//! another), and for each flaw the products that are affected and the remediations. Of these only a
//! `Vendor Fix` is a fix: a `Known Issue` names an update as well, and breaks things.
//!
//! Packages of Microsoft's own Linux stand in the same documents and are left out.

mod flaw;
mod json;
mod xml;

use super::{Feed, FeedError, FeedReport, MSRC_CVRF, Record};
use crate::catalog::outline::{Outline, Shape};
use flaw::Taker;
use std::io::BufRead;

/// <https://api.msrc.microsoft.com/cvrf/v3.0/updates>
#[derive(Debug)]
pub(super) struct MsrcCvrf;

impl Feed for MsrcCvrf {
    fn name(&self) -> &'static str {
        MSRC_CVRF
    }

    fn recognises(&self, outline: &Outline) -> bool {
        match outline.shape {
            Shape::Xml => outline.root.as_deref() == Some("cvrfdoc"),
            Shape::Object => {
                outline.has(1, "DocumentTracking")
                    && (outline.has(1, "DocumentTitle") || outline.has(1, "ProductTree"))
            }
            _ => false,
        }
    }

    fn read(
        &self,
        mut doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let mut taker = Taker::new(out);
        if first_byte(&mut doc).map_err(|error| shape(&error.to_string()))? == Some(b'<') {
            xml::read(doc, &mut taker)?;
        } else {
            json::read(doc, &mut taker)?;
        }
        Ok(taker.report)
    }
}

/// The first byte after a byte order mark and white space, left in place.
fn first_byte(doc: &mut impl BufRead) -> std::io::Result<Option<u8>> {
    loop {
        let buffer = doc.fill_buf()?;
        let is_blank = |byte: &&u8| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(byte);
        let blank = buffer.iter().take_while(is_blank).count();
        let first = buffer.get(blank).copied();
        let is_end = buffer.is_empty();
        doc.consume(blank);
        if first.is_some() || is_end {
            return Ok(first);
        }
    }
}

fn shape(what: &str) -> FeedError {
    FeedError::Shape {
        feed: MSRC_CVRF,
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
