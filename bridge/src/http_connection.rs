//! One connection's clocks. They start with the first byte of a head, so an idle connection and a slow one differ.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{ready, Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    Head,
    Busy, // a request is read or answered; its body has a clock of its own
}

struct Clock {
    phase: Phase,
    since: Instant,
    blocked: Option<Instant>, // since when the peer takes no byte
    surplus: bool,            // bytes came while a request was answered: the next one has begun
    first_head: Option<Vec<u8>>, // of the connection's first request
}

pub struct Connection {
    clock: Mutex<Clock>,
    end: Notify,
}

pub struct Patience {
    pub idle: Duration,
    pub head: Duration,
    pub write: Duration,
    pub head_bytes: usize,
}

impl Connection {
    pub fn new() -> Arc<Connection> {
        Arc::new(Connection {
            clock: Mutex::new(Clock {
                phase: Phase::Idle,
                since: Instant::now(),
                blocked: None,
                surplus: false,
                first_head: Some(Vec::new()),
            }),
            end: Notify::new(),
        })
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A head is whole. Returns its bytes (and what came with them) where it is the connection's first.
    pub fn head_ends(&self) -> Option<Vec<u8>> {
        let mut clock = self.clock();
        clock.phase = Phase::Busy;
        clock.surplus = false;
        clock.first_head.take()
    }

    /// A body is whole: what comes now belongs to the next request.
    pub fn body_ends(&self) {
        self.clock().surplus = false;
    }

    pub fn answered(&self) {
        let mut clock = self.clock();
        clock.phase = if clock.surplus { Phase::Head } else { Phase::Idle };
        clock.since = Instant::now();
    }

    pub fn is_overdue(&self, now: Instant, patience: &Patience, draining: bool) -> bool {
        let clock = self.clock();
        let waited = now.saturating_duration_since(clock.since);
        let late = match clock.phase {
            Phase::Idle => draining || waited > patience.idle,
            Phase::Head => waited > patience.head,
            Phase::Busy => false,
        };
        late || clock
            .blocked
            .is_some_and(|since| now.saturating_duration_since(since) > patience.write)
    }

    pub fn end(&self) {
        self.end.notify_one();
    }

    pub async fn ended(&self) {
        self.end.notified().await;
    }

    fn read(&self, bytes: &[u8], head_bytes: usize) {
        let mut clock = self.clock();
        match clock.phase {
            Phase::Idle => {
                clock.phase = Phase::Head;
                clock.since = Instant::now();
            }
            Phase::Busy => clock.surplus = true,
            Phase::Head => {}
        }
        if let Some(head) = clock.first_head.as_mut() {
            let room = head_bytes.saturating_sub(head.len());
            head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    fn wrote(&self, progress: bool) {
        let mut clock = self.clock();
        if progress {
            clock.blocked = None;
        } else if clock.blocked.is_none() {
            clock.blocked = Some(Instant::now());
        }
    }
}

/// The socket as hyper sees it.
pub struct Watched {
    pub stream: TcpStream,
    pub connection: Arc<Connection>,
    pub head_bytes: usize,
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        // Safety: `ReadBuf` never de-initialises bytes, and `advance` counts only those that it filled.
        let filled = unsafe {
            let mut bytes = ReadBuf::uninit(buffer.as_mut());
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut bytes))?;
            if !bytes.filled().is_empty() {
                self.connection.read(bytes.filled(), self.head_bytes);
            }
            bytes.filled().len()
        };
        unsafe { buffer.advance(filled) };
        Poll::Ready(Ok(()))
    }
}

impl Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.connection.wrote(result.is_ready());
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
