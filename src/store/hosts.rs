//! Hosts that are done with.

use super::blobs::KnownBlobs;
use super::db::Db;
use super::{HostCommit, StoreError};
use crate::model::{CredentialId, HostKey, MachineId, RunId};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) struct EncodedHost;

pub(super) fn encode(_: HostCommit, _: &KnownBlobs) -> Result<EncodedHost, StoreError> {
    Err(StoreError::Stopped)
}
pub(super) fn commit(
    _: &mut Db,
    _: &RunId,
    _: EncodedHost,
    _: &KnownBlobs,
) -> Result<MachineId, StoreError> {
    Err(StoreError::Stopped)
}
pub(super) fn finished(_: &mut Db, _: &RunId) -> Result<BTreeSet<IpAddr>, StoreError> {
    Err(StoreError::Stopped)
}
pub(super) fn remembered(
    _: &mut Db,
    _: &RunId,
    _: IpAddr,
    _: Option<&HostKey>,
) -> Result<Option<CredentialId>, StoreError> {
    Err(StoreError::Stopped)
}
