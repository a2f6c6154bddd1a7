//! Things that listen and do not finish an SSH handshake: devices, and servers that break off.

use super::wire::Wire;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Swallows what comes, until the peer closes or the lab ends.
pub(super) async fn swallow(wire: &mut Wire) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while wire.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Says something at once, and then swallows what comes.
pub(super) async fn greet(wire: &mut Wire, text: &[u8]) -> io::Result<()> {
    wire.write_all(text).await?;
    swallow(wire).await
}

/// A web server that expected something else.
pub(super) async fn http(wire: &mut Wire) -> io::Result<()> {
    let mut buffer = [0; 4096];
    if wire.read(&mut buffer).await? == 0 {
        return Ok(());
    }
    let answer = "HTTP/1.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    wire.write_all(answer.as_bytes()).await
}

/// Lines before an identification line that never comes.
pub(super) async fn endless_lines(wire: &mut Wire) -> io::Result<()> {
    loop {
        wire.write_all(b"This system is being watched.\r\n").await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Identifies itself, and closes when the peer has begun its key exchange.
pub(super) async fn break_off_in_kex(wire: &mut Wire, banner: &str) -> io::Result<()> {
    wire.write_all(format!("{banner}\r\n").as_bytes()).await?;
    let (mut buffer, mut seen) = ([0; 4096], 0_usize);
    // An identification line is at most 255 bytes long (RFC 4253 section 4.2).
    while seen <= 255 {
        let read = wire.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        seen += read;
    }
    Ok(())
}

/// What OpenSSH does when `MaxStartups` is reached.
pub(super) async fn too_busy(wire: &mut Wire) -> io::Result<()> {
    wire.write_all(b"Exceeded MaxStartups\r\n").await?;
    wire.shutdown().await
}
