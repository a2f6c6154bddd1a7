//! Opening TCP connections, for every protocol in the same way.

use super::{Limits, MeetError};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

/// Connects, within the step's time.
pub(super) async fn connect(to: SocketAddr, limits: &Limits) -> Result<TcpStream, MeetError> {
    let until = limits.within(limits.connect);
    let tcp = match timeout_at(until, TcpStream::connect(to)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(why_unconnected(error)),
        Err(_) => return Err(MeetError::Filtered(ErrorKind::TimedOut.into())),
    };
    // Small packets go back and forth; without this each waits for an acknowledgement.
    tcp.set_nodelay(true).map_err(why_unconnected)?;
    Ok(tcp)
}

fn why_unconnected(error: io::Error) -> MeetError {
    match error.kind() {
        ErrorKind::ConnectionRefused => MeetError::PortClosed(error),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            MeetError::Closed("its greeting")
        }
        ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse | ErrorKind::OutOfMemory => {
            MeetError::Local(error)
        }
        // EMFILE and ENFILE have no kind of their own.
        _ if matches!(error.raw_os_error(), Some(23 | 24 | 105)) => MeetError::Local(error),
        _ => MeetError::Filtered(error),
    }
}
