//! Frames in and out: packet sockets (packet(7)). Talks.
//!
//! One socket sends and hears nothing, the other hears and sends nothing. They are opened once, so that
//! the privilege can be given up afterwards.
#![expect(
    unsafe_code,
    reason = "no safe wrapper sends and receives many frames in one call"
)]

use super::filter;
use super::frame::{Frame, LONGEST, SNAP};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::time::Duration;

/// How many frames are sent in one call.
pub(super) const BATCH: usize = 128;
/// How many frames are received in one call.
const INBOX: usize = 64;
/// How much may wait to be read, where the system lets us.
const RECEIVE_BUFFER: libc::c_int = 64 << 20;
const SEND_BUFFER: libc::c_int = 1 << 20;

/// An interface that frames are sent on and heard from.
#[derive(Debug)]
pub(super) struct Link {
    out: OwnedFd,
    ears: OwnedFd,
    ifindex: u32,
}

/// Frames to be sent.
#[derive(Debug)]
pub(super) struct Batch {
    frames: Vec<Frame>,
}

/// Frames that were heard, each with how long ago.
pub(super) struct Inbox {
    space: Box<[[u8; SNAP]; INBOX]>,
    control: Box<[Control; INBOX]>,
    heard: Vec<(usize, Duration)>,
}

/// Room for a time stamp.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 64]);

impl Link {
    /// Opens an interface. Nothing is heard until [`Link::listen`].
    ///
    /// # Errors
    /// Without the privilege (root or `CAP_NET_RAW`), or where there is no such interface.
    pub(super) fn open(ifindex: u32) -> io::Result<Self> {
        let ears = packet_socket()?;
        set_filter(&ears, &filter::nothing())?;
        let on = 1_i32;
        // Kernels before 4.20 do not know it; the filter does the same, at a price.
        let _old = set(&ears, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &on);
        if set(
            &ears,
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            &RECEIVE_BUFFER,
        )
        .is_err()
        {
            set(&ears, libc::SOL_SOCKET, libc::SO_RCVBUF, &RECEIVE_BUFFER)?;
        }
        set(&ears, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &on)?;
        bind(&ears, ifindex, libc::ETH_P_ALL)?;
        let out = packet_socket()?;
        set(&out, libc::SOL_SOCKET, libc::SO_SNDBUF, &SEND_BUFFER)?;
        bind(&out, ifindex, 0)?;
        Ok(Self { out, ears, ifindex })
    }

    /// The interface's number.
    pub(super) fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Hears answers to these ports of ours from now on, and nothing that came before.
    pub(super) fn listen(&self, ports: [u16; 2], inbox: &mut Inbox) -> io::Result<()> {
        set_filter(&self.ears, &filter::nothing())?;
        while self.receive(inbox)? > 0 {}
        self.dropped()?;
        set_filter(&self.ears, &filter::answers(ports))
    }

    /// Hears nothing any more.
    pub(super) fn close_ears(&self) {
        let _gone = set_filter(&self.ears, &filter::nothing());
    }

    /// Sends frames from one of the batch on, and says how many went.
    ///
    /// # Errors
    /// Where not even one could be sent: `ENOBUFS` where the interface has no room at the moment.
    pub(super) fn send(&self, batch: &Batch, from: usize) -> io::Result<usize> {
        let frames = batch.frames.get(from..).unwrap_or_default();
        let count = frames.len().min(BATCH);
        // SAFETY: both are plain data for which zeros are valid.
        let mut parts: [libc::iovec; BATCH] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut heads: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for ((frame, part), head) in frames.iter().zip(&mut parts).zip(&mut heads) {
            part.iov_base = frame.0.as_ptr().cast_mut().cast();
            part.iov_len = frame.1.min(LONGEST);
            head.msg_hdr.msg_iov = part;
            head.msg_hdr.msg_iovlen = 1;
        }
        let count = u32::try_from(count).unwrap_or(0);
        // SAFETY: the first `count` heads point at parts, and those at frames, all of which live until
        // the call returns; the kernel only reads the frames.
        let sent = unsafe { libc::sendmmsg(self.out.as_raw_fd(), heads.as_mut_ptr(), count, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Takes what was heard, without waiting, and says how many frames there are.
    pub(super) fn receive(&self, inbox: &mut Inbox) -> io::Result<usize> {
        inbox.heard.clear();
        // SAFETY: both are plain data for which zeros are valid.
        let mut parts: [libc::iovec; INBOX] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut heads: [libc::mmsghdr; INBOX] = unsafe { zeroed() };
        let space = inbox.space.iter_mut().zip(inbox.control.iter_mut());
        for (((space, control), part), head) in space.zip(&mut parts).zip(&mut heads) {
            part.iov_base = space.as_mut_ptr().cast();
            part.iov_len = SNAP;
            head.msg_hdr.msg_iov = part;
            head.msg_hdr.msg_iovlen = 1;
            head.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            head.msg_hdr.msg_controllen = size_of::<Control>() as _;
        }
        let count = u32::try_from(INBOX).unwrap_or(0);
        // SAFETY: every head points at a part and at control space of the sizes that it says, which
        // nobody else touches until the call returns; no time-out is given.
        let got = unsafe {
            libc::recvmmsg(
                self.ears.as_raw_fd(),
                heads.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let Ok(got) = usize::try_from(got) else {
            return match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                error => Err(error),
            };
        };
        let now = wall_clock();
        for head in heads.iter().take(got) {
            let length = usize::try_from(head.msg_len).unwrap_or(0).min(SNAP);
            let age = stamp(&head.msg_hdr).and_then(|stamp| now.checked_sub(stamp));
            inbox.heard.push((length, age.unwrap_or_default()));
        }
        Ok(got)
    }

    /// How many frames were thrown away since the last time because we did not read them fast enough.
    pub(super) fn dropped(&self) -> io::Result<u32> {
        // SAFETY: plain data for which zeros are valid.
        let mut statistics: libc::tpacket_stats = unsafe { zeroed() };
        let mut size = length_of::<libc::tpacket_stats>();
        // SAFETY: the pointer and the size are those of `statistics`.
        let done = unsafe {
            libc::getsockopt(
                self.ears.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut size,
            )
        };
        check(done)?;
        Ok(statistics.tp_drops)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ears.as_fd()
    }
}

impl Batch {
    pub(super) fn new() -> Self {
        let frames = Vec::with_capacity(2 * BATCH);
        Self { frames }
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            space: Box::new([[0; SNAP]; INBOX]),
            control: Box::new([Control([0; 64]); INBOX]),
            heard: Vec::with_capacity(INBOX),
        }
    }

    /// What was heard last, and how long ago each came.
    pub(super) fn frames(&self) -> impl Iterator<Item = (&[u8], Duration)> {
        let heard = self.heard.iter().zip(self.space.iter());
        heard.filter_map(|((length, age), space)| Some((space.get(..*length)?, *age)))
    }
}

fn packet_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // Protocol 0: nothing is heard before it is bound.
    // SAFETY: the call takes no pointer.
    let socket = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    check(socket)?;
    // SAFETY: the descriptor is new, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

fn bind(socket: &OwnedFd, ifindex: u32, protocol: libc::c_int) -> io::Result<()> {
    // SAFETY: plain data for which zeros are valid.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or(0);
    address.sll_protocol = u16::try_from(protocol).unwrap_or(0).to_be();
    address.sll_ifindex = i32::try_from(ifindex).map_err(io::Error::other)?;
    let size = length_of::<libc::sockaddr_ll>();
    // SAFETY: the pointer and the size are those of `address`.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) })
}

fn set_filter(socket: &OwnedFd, program: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        // The kernel copies it and writes nothing.
        filter: program.as_ptr().cast_mut(),
    };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn set<T>(socket: &OwnedFd, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let size = length_of::<T>();
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: the pointer and the size are those of `value`, which the kernel only reads.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value, size) })
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// When the kernel received a frame, by the wall clock.
fn stamp(head: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the kernel has just filled the head, and its control space lives in the inbox.
    let control = unsafe { libc::CMSG_FIRSTHDR(head).as_ref() }?;
    if control.cmsg_level != libc::SOL_SOCKET || control.cmsg_type != libc::SCM_TIMESTAMPNS {
        return None;
    }
    // SAFETY: this kind of message carries a `timespec`; it may lie at any address.
    let time = unsafe {
        libc::CMSG_DATA(control)
            .cast::<libc::timespec>()
            .read_unaligned()
    };
    since_epoch(time)
}

fn wall_clock() -> Duration {
    // SAFETY: plain data for which zeros are valid.
    let mut time: libc::timespec = unsafe { zeroed() };
    // SAFETY: the pointer is that of `time`.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    let time = since_epoch(time).filter(|_| done == 0);
    time.unwrap_or_default()
}

fn since_epoch(time: libc::timespec) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanoseconds))
}
