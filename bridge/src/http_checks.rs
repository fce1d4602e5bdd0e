//! What hyper lets through and a server must not: ambiguous framing, a missing or second Host, requests that a page of
//! another site sends through a person's browser.

use hyper::header::{HeaderMap, CONTENT_LENGTH, HOST, ORIGIN, TRANSFER_ENCODING};

/// A request that is answered with this status and never dispatched; the connection ends with the answer.
pub struct Refusal {
    pub status: u16,
    pub reason: String,
}

fn refuse(status: u16, reason: &str) -> Result<(), Refusal> {
    Err(Refusal {
        status,
        reason: reason.into(),
    })
}

/// Whose requests are taken.
pub struct Callers {
    /// Without a key a name that is not ours must be refused: a page whose name was rebound to this address.
    pub any_host: bool,
    pub hosts: Vec<String>,   // without ports, lower case
    pub origins: Vec<String>, // as browsers write them: https://host:port
}

/// The name in a Host header: without port, lower case.
fn name_of(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.to_ascii_lowercase()
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl Callers {
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return refuse(400, "a request needs exactly one Host header");
        };
        let host = host.to_str().unwrap_or("");
        let name = name_of(host);
        if name.is_empty() {
            return refuse(400, "the Host header is not a name");
        }
        if !self.any_host && !is_loopback(&name) && !self.hosts.contains(&name) {
            return refuse(
                421,
                "the Host header names another server; --allowed_host adds a name",
            );
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(()),
            (Some(origin), None) if self.allows(origin.to_str().unwrap_or(""), host) => Ok(()),
            _ => refuse(
                403,
                "the request comes from a page of another site; --allowed_origin admits one",
            ),
        }
    }

    fn allows(&self, origin: &str, host: &str) -> bool {
        origin
            .strip_prefix("http://")
            .is_some_and(|own| own == host)
            || self.origins.iter().any(|o| o == origin)
    }

    /// The Origin that an answer may name, where another site was admitted.
    pub fn admitted<'a>(&self, headers: &'a HeaderMap) -> Option<&'a hyper::header::HeaderValue> {
        headers
            .get(ORIGIN)
            .filter(|o| self.origins.iter().any(|own| o.as_bytes() == own.as_bytes()))
    }
}

/// Framing: the only Transfer-Encoding is one `chunked`; a declared length is within the limit.
pub fn check_framing(headers: &HeaderMap, most: u64) -> Result<(), Refusal> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(first) = encodings.next() {
        if encodings.next().is_some() || !first.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return refuse(400, "the only Transfer-Encoding that is read is chunked, once");
        }
        if headers.contains_key(CONTENT_LENGTH) {
            return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
        }
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    if declared.is_some_and(|length| length.parse::<u64>().is_ok_and(|length| length > most)) {
        return refuse(413, "the body is larger than max_body_bytes");
    }
    Ok(())
}

/// hyper drops the Content-Length of a request that has both; the raw bytes (head and what came with it) still have it.
pub fn check_raw_head(bytes: &[u8]) -> Result<(), Refusal> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
    let head = &bytes[..end.unwrap_or(bytes.len())];
    let has = |name: &[u8]| {
        head.split(|b| *b == b'\n').any(|line| {
            line.len() > name.len()
                && line[..name.len()].eq_ignore_ascii_case(name)
                && line[name.len()] == b':'
        })
    };
    if has(b"content-length") && has(b"transfer-encoding") {
        return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(callers: &Callers, headers: &[(&'static str, &'static str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        callers.check(&map).err().map_or(200, |r| r.status)
    }

    #[test]
    fn hosts_and_origins() {
        let own = Callers {
            any_host: false,
            hosts: vec!["my.host".into()],
            origins: vec!["https://page.example".into()],
        };
        assert_eq!(status(&own, &[]), 400);
        assert_eq!(status(&own, &[("host", "a"), ("host", "b")]), 400);
        assert_eq!(status(&own, &[("host", "evil.example:8000")]), 421);
        for good in ["127.0.0.1:8000", "LOCALHOST", "[::1]:80", "my.host:1", "127.9.9.9"] {
            assert_eq!(status(&own, &[("host", good)]), 200, "{good}");
        }
        let with = |origin| status(&own, &[("host", "localhost:8000"), ("origin", origin)]);
        assert_eq!(with("http://localhost:8000"), 200);
        assert_eq!(with("https://page.example"), 200);
        for bad in ["http://localhost:9000", "https://evil.example", "null", ""] {
            assert_eq!(with(bad), 403, "{bad}");
        }
    }

    #[test]
    fn both_lengths_are_found_in_the_raw_head() {
        assert!(check_raw_head(b"POST / HTTP/1.1\r\ncontent-Length: 4\r\nTRANSFER-encoding: x\r\n\r\n").is_err());
        assert!(check_raw_head(b"POST / HTTP/1.1\r\nX: content-length: 4\r\nTransfer-Encoding: x\r\n\r\nContent-Length: 4\r\n").is_ok());
    }
}
