//! What is sent back: whole bodies, and streams whose bytes wait in a bounded queue.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::http_connection::Connection;

struct Waiting {
    parts: VecDeque<Bytes>,
    bytes: usize,
    ended: bool,
    cut: bool, // the client took too little: the connection is to break
    waker: Option<Waker>,
}

/// The bytes of one stream on their way from any thread to the I/O thread.
pub struct Queue {
    waiting: Mutex<Waiting>,
    limit: usize,
}

impl Queue {
    pub fn new(limit: usize) -> Arc<Queue> {
        Arc::new(Queue {
            waiting: Mutex::new(Waiting {
                parts: VecDeque::new(),
                bytes: 0,
                ended: false,
                cut: false,
                waker: None,
            }),
            limit,
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Never blocks. One part may be larger than the limit where nothing else waits.
    pub fn push(&self, part: Bytes) {
        let mut waiting = self.waiting();
        if waiting.ended || waiting.cut || part.is_empty() {
            return;
        }
        if waiting.bytes > 0 && waiting.bytes + part.len() > self.limit {
            waiting.cut = true;
        } else {
            waiting.bytes += part.len();
            waiting.parts.push_back(part);
        }
        wake(waiting);
    }

    pub fn end(&self) {
        let mut waiting = self.waiting();
        waiting.ended = true;
        wake(waiting);
    }

    /// Everything that waits, as one part.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let mut waiting = self.waiting();
        if waiting.cut {
            return Poll::Ready(Some(Err(Cut)));
        }
        let size = std::mem::take(&mut waiting.bytes);
        let parts = std::mem::take(&mut waiting.parts);
        match parts.len() {
            0 if waiting.ended => Poll::Ready(None),
            0 => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            1 => Poll::Ready(parts.into_iter().next().map(Ok)),
            _ => {
                let mut all = Vec::with_capacity(size);
                parts.iter().for_each(|part| all.extend_from_slice(part));
                Poll::Ready(Some(Ok(all.into())))
            }
        }
    }

    fn is_over(&self) -> bool {
        let waiting = self.waiting();
        waiting.ended && waiting.parts.is_empty() && !waiting.cut
    }
}

fn wake(mut waiting: MutexGuard<'_, Waiting>) {
    let waker = waiting.waker.take();
    drop(waiting);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The queue was full.
#[derive(Debug)]
pub struct Cut;
impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the client reads too slowly")
    }
}
impl std::error::Error for Cut {}

/// Tells the owner of a ticket, when it is dropped, that the client went away before its answer was complete.
pub struct Presence {
    pub on_gone: Option<Box<dyn FnOnce() + Send>>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(on_gone) = self.on_gone.take() {
            on_gone();
        }
    }
}

pub enum Content {
    Whole(Option<Bytes>),
    Stream(Arc<Queue>, Presence),
}

pub struct Answer {
    pub content: Content,
    pub connection: Arc<Connection>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut self.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Content::Stream(queue, presence) => {
                let part = queue.poll(cx);
                if matches!(part, Poll::Ready(None)) {
                    presence.on_gone = None;
                }
                part.map(|part| part.map(|part| part.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.as_ref().map_or(true, |b| b.is_empty()),
            Content::Stream(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len()) as u64),
            Content::Stream(..) => SizeHint::default(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Content::Stream(queue, presence) = &mut self.content {
            if queue.is_over() {
                presence.on_gone = None; // hyper need not ask again behind the last part
            }
        }
        self.connection.answered();
    }
}
