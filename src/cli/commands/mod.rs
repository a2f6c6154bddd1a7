//! What each verb does.

pub(super) mod catalog;
pub(super) mod catalog_update;
pub(super) mod credentials;
pub(super) mod demo;
pub(super) mod diff;
pub(super) mod doctor;
mod dry_run;
mod examine;
pub(super) mod except;
pub(super) mod explain;
pub(super) mod explain_host;
mod explain_text;
mod explain_trail;
pub(super) mod export;
mod given;
mod news;
mod past;
pub(super) mod plan;
pub(super) mod policy;
mod probes;
pub(super) mod rematch;
pub(super) mod runs;
pub(super) mod scan;
mod scope;
mod search;
pub(super) mod trust;
pub(super) mod unmanaged;
