//! Opening TCP connections, for every protocol in the same way.

use super::{Limits, MeetError};
use crate::traffic::{Metered, Traffic, size};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream};

/// Connects, within the step's time.
pub(super) async fn connect(
    to: SocketAddr,
    limits: &Limits,
) -> Result<Metered<TcpStream>, MeetError> {
    let share = &limits.share;
    share.pass(size::connection(to.is_ipv6())).await;
    let until = limits.within(limits.connect);
    let connecting = open(to, share.traffic());
    let tcp = match limits.timeout_at(until, connecting).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(why_unconnected(error)),
        Err(_) => return Err(MeetError::Filtered(ErrorKind::TimedOut.into())),
    };
    // Small packets go back and forth; without this each waits for an acknowledgement.
    tcp.set_nodelay(true).map_err(why_unconnected)?;
    Ok(share.meter(tcp, to.is_ipv6()))
}

/// Connects. Where the bandwidth is limited the system takes in little that nobody has read.
async fn open(to: SocketAddr, traffic: &Traffic) -> io::Result<TcpStream> {
    let Some(bytes) = traffic.receive_buffer() else {
        return TcpStream::connect(to).await;
    };
    let socket = if to.is_ipv6() {
        TcpSocket::new_v6()?
    } else {
        TcpSocket::new_v4()?
    };
    socket.set_recv_buffer_size(bytes)?;
    socket.connect(to).await
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
