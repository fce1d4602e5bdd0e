//! The C border of the HTTP server.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use crate::ffi::{alive, guard, quietly, texts, Str, Text};
use crate::http_checks::Callers;
use crate::http_connection::Patience;
use crate::http_server::{head_of, Arrived, Desk, Limits, Server};
use crate::outcome::Outcome;

/// C's `una_http_request`: borrowed for the call.
#[repr(C)]
pub struct Request {
    ticket: u64,
    method: View,
    target: View,
    headers: View,
    body: View,
    peer: View,
    refusal: i32,
    reason: View,
}

/// C's `una_str`, outward.
#[repr(C)]
pub struct View {
    data: *const u8,
    size: usize,
}

fn view(bytes: &[u8]) -> View {
    View {
        data: bytes.as_ptr(),
        size: bytes.len(),
    }
}

/// C's `una_http_config`.
#[repr(C)]
pub struct Config {
    host: Str,
    port: u16,
    any_host: i32,
    allowed_hosts: *const Str,
    allowed_hosts_size: usize,
    allowed_origins: *const Str,
    allowed_origins_size: usize,
    max_connections: usize,
    max_connections_per_peer: usize,
    max_connections_of_loopback: usize,
    max_head_bytes: usize,
    max_headers: usize,
    max_body_bytes: u64,
    max_queue_bytes: usize,
    head_seconds: f64,
    body_seconds: f64,
    idle_seconds: f64,
    write_seconds: f64,
    context: *mut c_void,
    on_request: unsafe extern "C" fn(*mut c_void, *const Request),
    on_gone: unsafe extern "C" fn(*mut c_void, u64),
}

struct Callbacks {
    context: *mut c_void,
    on_request: unsafe extern "C" fn(*mut c_void, *const Request),
    on_gone: unsafe extern "C" fn(*mut c_void, u64),
}
// Safety: the caller promises that its context may be used from the I/O thread.
unsafe impl Send for Callbacks {}
unsafe impl Sync for Callbacks {}

impl Desk for Callbacks {
    fn on_request(&self, request: &Arrived<'_>) {
        let mut lines = Vec::new();
        for (name, value) in request.headers {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value.as_bytes());
            lines.push(b'\n');
        }
        let reason = request.refusal.map_or("", |r| r.reason.as_str());
        let whole = Request {
            ticket: request.ticket,
            method: view(request.method.as_bytes()),
            target: view(request.target.as_bytes()),
            headers: view(&lines),
            body: view(request.body),
            peer: view(request.peer.as_bytes()),
            refusal: request.refusal.map_or(0, |r| r.status.into()),
            reason: view(reason.as_bytes()),
        };
        // Safety: see una_bridge.h; the views live as long as the call.
        unsafe { (self.on_request)(self.context, &whole) }
    }

    fn on_gone(&self, ticket: u64) {
        // Safety: see una_bridge.h.
        unsafe { (self.on_gone)(self.context, ticket) }
    }
}

fn seconds(value: f64) -> Outcome<Duration> {
    Duration::try_from_secs_f64(value).map_err(|_| format!("{value} is not a number of seconds"))
}

unsafe fn open(config: &Config) -> Outcome<*mut Server> {
    let names = |list, size| texts(list, size, "name");
    let limits = Limits {
        connections: config.max_connections,
        per_peer: config.max_connections_per_peer,
        of_loopback: config.max_connections_of_loopback,
        headers: config.max_headers,
        body_bytes: config.max_body_bytes,
        body_time: seconds(config.body_seconds)?,
        queue_bytes: config.max_queue_bytes,
        patience: Patience {
            idle: seconds(config.idle_seconds)?,
            head: seconds(config.head_seconds)?,
            write: seconds(config.write_seconds)?,
            head_bytes: config.max_head_bytes,
        },
    };
    let hosts = names(config.allowed_hosts, config.allowed_hosts_size)?;
    let origins = names(config.allowed_origins, config.allowed_origins_size)?;
    let callers = Callers {
        any_host: config.any_host != 0,
        hosts: hosts.iter().map(|h| h.to_ascii_lowercase()).collect(),
        origins: origins.iter().map(|o| o.to_string()).collect(),
    };
    let desk = Box::new(Callbacks {
        context: config.context,
        on_request: config.on_request,
        on_gone: config.on_gone,
    });
    let server = Server::open(config.host.text("host")?, config.port, limits, callers, desk)?;
    Ok(Box::into_raw(Box::new(server)))
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_http_open(
    config: *const Config,
    out: *mut *mut Server,
    error: *mut Text,
) -> i32 {
    guard(out, error, || open(alive(config)?))
}

/// # Safety
/// `server` is a live handle.
#[no_mangle]
pub unsafe extern "C" fn una_http_port(server: *const Server) -> u16 {
    server.as_ref().map_or(0, |s| s.port)
}

/// # Safety
/// `server` is a live handle.
#[no_mangle]
pub unsafe extern "C" fn una_http_connections(server: *const Server) -> usize {
    server.as_ref().map_or(0, |s| s.shared.connections())
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_http_respond(
    server: *const Server,
    ticket: u64,
    status: u16,
    headers: Str,
    body: Str,
    error: *mut Text,
) -> i32 {
    let mut done = ();
    guard(&mut done, error, || {
        let shared = Arc::clone(&alive(server)?.shared);
        let head = head_of(status, headers.text("headers")?)?;
        shared.respond(ticket, head, body.bytes("body")?.to_vec().into());
        Ok(())
    })
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_http_stream_begin(
    server: *const Server,
    ticket: u64,
    status: u16,
    headers: Str,
    error: *mut Text,
) -> i32 {
    let mut done = ();
    guard(&mut done, error, || {
        let head = head_of(status, headers.text("headers")?)?;
        alive(server)?.shared.stream_begin(ticket, head);
        Ok(())
    })
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_http_stream_push(server: *const Server, ticket: u64, bytes: Str) {
    quietly(|| {
        if let (Ok(server), Ok(bytes)) = (alive(server), bytes.bytes("bytes")) {
            server.shared.stream_push(ticket, bytes.to_vec().into());
        }
    })
}

/// # Safety
/// `server` is a live handle.
#[no_mangle]
pub unsafe extern "C" fn una_http_stream_end(server: *const Server, ticket: u64) {
    quietly(|| {
        if let Ok(server) = alive(server) {
            server.shared.stream_end(ticket);
        }
    })
}

/// # Safety
/// `server` is a live handle.
#[no_mangle]
pub unsafe extern "C" fn una_http_drain(server: *const Server) {
    quietly(|| {
        if let Ok(server) = alive(server) {
            server.shared.drain();
        }
    })
}

/// # Safety
/// `server` came from una_http_open and is closed once.
#[no_mangle]
pub unsafe extern "C" fn una_http_close(server: *mut Server) {
    quietly(|| {
        if !server.is_null() {
            drop(Box::from_raw(server));
        }
    })
}
