//! An HTTP/1.1 server of bytes: hyper on one thread. Requests go out whole through callbacks; answers come back by
//! ticket from any thread and never wait.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, Semaphore};
use tokio::time::timeout_at;

use crate::http_answer::{Answer, Content, Presence, Queue};
use crate::http_checks::{check_framing, check_raw_head, Callers, Refusal};
use crate::http_connection::{Connection, Patience, Watched};
use crate::outcome::Outcome;

pub struct Limits {
    pub connections: usize,
    pub per_peer: usize,
    pub of_loopback: usize,
    pub headers: usize,
    pub body_bytes: u64,
    pub body_time: Duration, // and a second more for each 64 KB that came
    pub queue_bytes: usize,
    pub patience: Patience,
}

/// A request, whole. `refusal`: it was not let in, and is only to be answered with that status.
pub struct Arrived<'a> {
    pub ticket: u64,
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    pub peer: &'a str,
    pub refusal: Option<&'a Refusal>,
}

/// The other side. Both calls come on the I/O thread and must not wait.
pub trait Desk: Send + Sync {
    fn on_request(&self, request: &Arrived<'_>);
    fn on_gone(&self, ticket: u64);
}

type Head = (StatusCode, HeaderMap);
enum Reply {
    Whole(Head, Bytes),
    Stream(Head, Arc<Queue>),
}

pub struct Shared {
    limits: Limits,
    callers: Callers,
    desk: Box<dyn Desk>,
    next_ticket: AtomicU64,
    draining: AtomicBool,
    unanswered: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    streams: Mutex<HashMap<u64, Arc<Queue>>>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, (Arc<Connection>, IpAddr)>,
    peers: HashMap<IpAddr, usize>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Shared {
    fn take(&self, ticket: u64) -> Option<oneshot::Sender<Reply>> {
        locked(&self.unanswered).remove(&ticket)
    }

    pub fn respond(&self, ticket: u64, head: Head, body: Bytes) {
        if let Some(waiting) = self.take(ticket) {
            let _ = waiting.send(Reply::Whole(head, body));
        }
    }

    pub fn stream_begin(&self, ticket: u64, head: Head) {
        if let Some(waiting) = self.take(ticket) {
            let queue = Queue::new(self.limits.queue_bytes);
            locked(&self.streams).insert(ticket, queue.clone());
            let _ = waiting.send(Reply::Stream(head, queue));
        }
    }

    pub fn stream_push(&self, ticket: u64, part: Bytes) {
        let queue = locked(&self.streams).get(&ticket).cloned();
        if let Some(queue) = queue {
            queue.push(part);
        }
    }

    pub fn stream_end(&self, ticket: u64) {
        let queue = locked(&self.streams).remove(&ticket);
        if let Some(queue) = queue {
            queue.end();
        }
    }

    /// Idle connections end, and each other one with its answer. New ones are still taken.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn connections(&self) -> usize {
        locked(&self.open).connections.len()
    }

    /// The ticket's owner is told, once, if the client goes before its answer is complete.
    fn presence(self: &Arc<Self>, ticket: u64) -> Presence {
        let shared = self.clone();
        Presence {
            on_gone: Some(Box::new(move || {
                locked(&shared.unanswered).remove(&ticket);
                locked(&shared.streams).remove(&ticket);
                shared.desk.on_gone(ticket);
            })),
        }
    }
}

/// Reads a body under its clock and limit.
async fn read_body(mut body: Incoming, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let start = tokio::time::Instant::now();
    let mut bytes = Vec::new();
    loop {
        let more = Duration::from_secs(bytes.len() as u64 / 65536);
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let refuse = |status, reason: &str| Refusal { status, reason: reason.into() };
        match timeout_at(start + limits.body_time + more, frame).await {
            Err(_) => return Err(refuse(408, "the body did not come in time")),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(_))) => return Err(refuse(400, "the body is broken")),
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                if (bytes.len() + data.len()) as u64 > limits.body_bytes {
                    return Err(refuse(413, "the body is larger than max_body_bytes"));
                }
                bytes.extend_from_slice(&data);
            }
        }
    }
}

fn plain(status: StatusCode, connection: Arc<Connection>) -> Response<Answer> {
    let content = Content::Whole(None);
    let mut response = Response::new(Answer { content, connection });
    *response.status_mut() = status;
    response
}

/// A browser's question whether a page of an admitted site may send its request.
fn preflight(origin: HeaderValue, connection: Arc<Connection>) -> Response<Answer> {
    let mut response = plain(StatusCode::NO_CONTENT, connection);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let methods = HeaderValue::from_static("GET, POST");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let names = HeaderValue::from_static("authorization, content-type");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    response
}

async fn serve(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let raw = connection.head_ends();
    let (head, body) = request.into_parts();
    let admitted = shared.callers.admitted(&head.headers).cloned();
    let mut checked = raw
        .map_or(Ok(()), |raw| check_raw_head(&raw))
        .and_then(|_| check_framing(&head.headers, shared.limits.body_bytes))
        .and_then(|_| shared.callers.check(&head.headers));
    if checked.is_ok() && head.method == Method::OPTIONS {
        if let Some(origin) = admitted {
            return Ok(preflight(origin, connection));
        }
    }
    let mut bytes = Vec::new();
    if checked.is_ok() {
        match read_body(body, &shared.limits).await {
            Ok(read) => bytes = read,
            Err(refusal) => checked = Err(refusal),
        }
    }
    connection.body_ends();
    let ticket = shared.next_ticket.fetch_add(1, Ordering::Relaxed);
    let (send, answered) = oneshot::channel();
    locked(&shared.unanswered).insert(ticket, send);
    let presence = shared.presence(ticket);
    let refusal = checked.err();
    shared.desk.on_request(&Arrived {
        ticket,
        method: head.method.as_str(),
        target: head.uri.path_and_query().map_or("/", |t| t.as_str()),
        headers: &head.headers,
        body: &bytes,
        peer: &peer.to_string(),
        refusal: refusal.as_ref(),
    });
    drop(bytes);
    let mut response = match answered.await {
        Ok(reply) => answer(reply, presence, connection),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, connection), // the ticket was forgotten
    };
    let headers = response.headers_mut();
    if let Some(origin) = admitted {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    if refusal.is_some() || shared.draining.load(Ordering::Relaxed) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

fn answer(reply: Reply, mut presence: Presence, connection: Arc<Connection>) -> Response<Answer> {
    let ((status, headers), content) = match reply {
        Reply::Whole(head, body) => {
            presence.on_gone = None;
            (head, Content::Whole(Some(body)))
        }
        Reply::Stream(head, queue) => (head, Content::Stream(queue, presence)),
    };
    let mut response = Response::new(Answer { content, connection });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Serves one connection until it ends or is overdue.
async fn attend(shared: Arc<Shared>, stream: TcpStream, connection: Arc<Connection>, peer: IpAddr) {
    let _ = stream.set_nodelay(true);
    let head_bytes = shared.limits.patience.head_bytes;
    let watched = Watched { stream, connection: connection.clone(), head_bytes };
    let service = {
        let (shared, connection) = (shared.clone(), connection.clone());
        service_fn(move |request| serve(shared.clone(), connection.clone(), peer, request))
    };
    let mut serving = pin!(http1::Builder::new()
        .header_read_timeout(None)
        .max_headers(shared.limits.headers)
        .max_header_size(head_bytes)
        .max_buf_size(head_bytes.max(1 << 16) + 8192)
        .serve_connection(watched, service));
    let mut ended = pin!(connection.ended());
    std::future::poll_fn(|cx| {
        if serving.as_mut().poll(cx).is_ready() || ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

/// Leaves the table of connections, also where a task panics.
struct Seat(Arc<Shared>, u64);
impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = locked(&self.0.open);
        let Some((_, peer)) = open.connections.remove(&self.1) else { return };
        if let Some(count) = open.peers.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                open.peers.remove(&peer);
            }
        }
    }
}

/// A place for a connection; None: there are too many.
fn seat(shared: &Arc<Shared>, connection: &Arc<Connection>, peer: IpAddr) -> Option<Seat> {
    let mut open = locked(&shared.open);
    let of_peer = open.peers.get(&peer).copied().unwrap_or(0);
    let most = if peer.is_loopback() { shared.limits.of_loopback } else { shared.limits.per_peer };
    if open.connections.len() >= shared.limits.connections || of_peer >= most {
        return None;
    }
    let id = open.next;
    open.next += 1;
    open.connections.insert(id, (connection.clone(), peer));
    *open.peers.entry(peer).or_insert(0) += 1;
    Some(Seat(shared.clone(), id))
}

const CROWDED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const MOST_TURNED_AWAY: usize = 64; // at one time; more are closed without a word

/// Answers a client for whom there is no place. What it is sending is read for a moment: closing on unread bytes would
/// take the answer back.
async fn turn_away(stream: TcpStream) {
    let _ = stream.try_write(CROWDED); // the buffer of a new connection takes it whole
    let drain = async {
        let mut rest = [0u8; 4096];
        for _ in 0..16 {
            stream.readable().await?;
            match stream.try_read(&mut rest) {
                Ok(0) => break,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), drain).await;
}

async fn accept_all(shared: Arc<Shared>, listener: TcpListener) {
    let turned_away = Arc::new(Semaphore::new(MOST_TURNED_AWAY));
    loop {
        let Ok((stream, address)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await; // descriptors have run out
            continue;
        };
        let connection = Connection::new();
        let Some(seat) = seat(&shared, &connection, address.ip()) else {
            if let Ok(permit) = turned_away.clone().try_acquire_owned() {
                tokio::spawn(async move {
                    turn_away(stream).await;
                    drop(permit);
                });
            }
            continue;
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            let _seat = seat;
            attend(shared, stream, connection, address.ip()).await;
        });
    }
}

/// Ends connections that are overdue, twice a second.
async fn end_overdue(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (now, draining) = (Instant::now(), shared.draining.load(Ordering::Relaxed));
        for (connection, _) in locked(&shared.open).connections.values() {
            if connection.is_overdue(now, &shared.limits.patience, draining) {
                connection.end();
            }
        }
    }
}

pub struct Server {
    pub shared: Arc<Shared>,
    pub port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

fn resolve(host: &str, port: u16) -> Outcome<SocketAddr> {
    let found = (host, port).to_socket_addrs();
    found
        .ok()
        .and_then(|mut all| all.next())
        .ok_or_else(|| format!("{host} is not an address of this machine"))
}

impl Server {
    pub fn open(
        host: &str,
        port: u16,
        limits: Limits,
        callers: Callers,
        desk: Box<dyn Desk>,
    ) -> Outcome<Server> {
        let address = resolve(host, port)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|e| format!("cannot start: {e}"))?;
        let bound = {
            let _inside = runtime.enter();
            listen(address)
        };
        let listener = bound.map_err(|e| format!("cannot listen at {address}: {e}"))?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let shared = Arc::new(Shared {
            limits,
            callers,
            desk,
            next_ticket: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            unanswered: Mutex::default(),
            streams: Mutex::default(),
            open: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let inside = shared.clone();
        let thread = std::thread::Builder::new()
            .name("http".into())
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::spawn(accept_all(inside.clone(), listener));
                    tokio::spawn(end_overdue(inside));
                    let _ = stopped.await;
                });
                runtime.shutdown_timeout(Duration::from_secs(1));
            })
            .map_err(|e| format!("cannot start a thread: {e}"))?;
        Ok(Server {
            shared,
            port,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// "name: value" lines. A line that is not a header is an error of the caller.
pub fn head_of(status: u16, lines: &str) -> Outcome<Head> {
    let status = StatusCode::from_u16(status).map_err(|_| format!("{status} is not a status"))?;
    let mut headers = HeaderMap::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| e.to_string())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|e| e.to_string())?;
        headers.append(name, value);
    }
    Ok((status, headers))
}
