//! Reading what a port says first. Nothing is ever written.

use crate::session::Limits;
use crate::traffic::{Share, size};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long a port on which nobody expects anything may take to say something.
const GREETING: Duration = Duration::from_secs(2);
/// How much of it is kept, in bytes.
const LONGEST: usize = 256;

/// The first line on a port that no protocol claims, within two seconds; `None` where nothing came.
/// Attacker-controlled.
pub async fn grab_greeting(address: IpAddr, port: u16, share: &Share) -> Option<String> {
    let socket = SocketAddr::new(address, port);
    share.pass(size::connection(socket.is_ipv6())).await;
    first_line(socket, share.now() + GREETING, share).await
}

/// The identification line of an SSH server (RFC 4253 section 4.2), without a login.
pub async fn grab_banner(address: IpAddr, port: u16, limits: &Limits) -> Option<String> {
    let (socket, share) = (SocketAddr::new(address, port), &limits.share);
    share.pass(size::connection(socket.is_ipv6())).await;
    let deadline = limits.deadline.min(share.now() + limits.banner);
    let line = first_line(socket, deadline, share).await?;
    line.starts_with("SSH-").then_some(line)
}

async fn first_line(socket: SocketAddr, deadline: Instant, share: &Share) -> Option<String> {
    let stream = share
        .timeout_at(deadline, TcpStream::connect(socket))
        .await
        .ok()?
        .ok()?;
    let mut stream = share.meter(stream, socket.is_ipv6());
    let mut bytes = Vec::new();
    // What came before the deadline counts, whole line or not.
    share
        .timeout_at(deadline, read_line(&mut stream, &mut bytes))
        .await
        .ok();
    // A moment to say goodbye is all that an unfinished host gets.
    timeout(
        Duration::from_millis(100),
        tokio::io::AsyncWriteExt::shutdown(&mut stream),
    )
    .await
    .ok();
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line).trim_end().to_owned();
    (!line.is_empty()).then_some(line)
}

async fn read_line(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) {
    let mut chunk = [0; LONGEST];
    while bytes.len() < LONGEST && !bytes.contains(&b'\n') {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend(chunk.iter().take(count)),
        }
    }
    bytes.truncate(LONGEST);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    async fn served(text: &'static [u8]) -> (SocketAddr, tokio::task::JoinSet<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(text).await.unwrap();
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).await.unwrap_or(0)
        });
        (address, tasks)
    }

    #[tokio::test]
    async fn a_greeting_is_read_and_nothing_is_written() {
        let (address, tasks) = served(b"220 mail.example ESMTP\r\nmore\r\n").await;
        let line = grab_greeting(address.ip(), address.port(), &Share::default()).await;
        assert_eq!(line.as_deref(), Some("220 mail.example ESMTP"));
        assert_eq!(tasks.join_all().await, [0]);
    }

    #[tokio::test]
    async fn a_port_that_says_nothing_costs_two_seconds_and_no_more() {
        let (address, _tasks) = served(b"").await;
        let began = Instant::now();
        assert_eq!(
            grab_greeting(address.ip(), address.port(), &Share::default()).await,
            None
        );
        assert!(began.elapsed() < GREETING + Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_flood_without_a_line_break_is_cut() {
        let (address, _tasks) = served(&[b'x'; 10_000]).await;
        let line = grab_greeting(address.ip(), address.port(), &Share::default())
            .await
            .unwrap();
        assert_eq!(line.len(), LONGEST);
    }
}
