//! `{% generation %}` blocks. minijinja has no custom tags, so the tag is rewritten to the call block that
//! Hugging Face's own parser makes of it; the called function wraps the body in sentinels, which are taken out
//! of the rendered text again and leave the byte spans.

use crate::ffi::Outcome;

/// The template with every `{% generation %}` as `{% call __generation__() %}` (same dashes), and whether
/// there was one. Comments, raw blocks and strings are left alone.
pub fn rewrite(source: &str) -> (String, bool) {
    let mut out = String::with_capacity(source.len() + 64);
    let mut rest = source;
    let mut found = false;
    while let Some(at) = rest.find('{') {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let size = match tail.as_bytes().get(1) {
            Some(b'#') => tail.find("#}").map_or(tail.len(), |end| end + 2),
            Some(b'{') => expression_end(tail, "}}"),
            Some(b'%') => match tag_name(tail) {
                "raw" => raw_end(tail),
                _ => expression_end(tail, "%}"),
            },
            _ => 1,
        };
        let piece = &tail[..size];
        match renamed(piece) {
            Some(tag) => {
                found = true;
                out.push_str(&tag);
            }
            None => out.push_str(piece),
        }
        rest = &tail[size..];
    }
    out.push_str(rest);
    (out, found)
}

/// The first word of a `{% ... %}` tag.
fn tag_name(tag: &str) -> &str {
    let inner = tag[2..].trim_start_matches(['-', '+']).trim_start();
    let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_');
    &inner[..end.unwrap_or(inner.len())]
}

/// Where the tag or expression at the head of `text` ends, strings skipped.
fn expression_end(text: &str, close: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 2;
    while at < bytes.len() {
        if text.is_char_boundary(at) && text[at..].starts_with(close) {
            return at + close.len();
        }
        at += match bytes[at] {
            quote @ (b'\'' | b'"') => string_size(&bytes[at..], quote),
            _ => 1,
        };
    }
    bytes.len()
}

fn string_size(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b if b == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Where the `{% endraw %}` tag of the raw block at the head of `text` ends.
fn raw_end(text: &str) -> usize {
    let mut from = 2;
    while let Some(next) = text[from..].find("{%") {
        let at = from + next;
        if tag_name(&text[at..]) == "endraw" {
            return at + expression_end(&text[at..], "%}");
        }
        from = at + 2;
    }
    text.len()
}

fn renamed(tag: &str) -> Option<String> {
    let inner = tag.strip_prefix("{%")?.strip_suffix("%}")?;
    let name = inner.trim_matches(['-', '+']).trim();
    let new = match name {
        "generation" => "call __generation__()",
        "endgeneration" => "endcall",
        _ => return None,
    };
    Some(tag.replacen(name, new, 1))
}

/// Marks that no input can forge, since they hold a number drawn for this rendering.
pub struct Sentinels {
    pub begin: String,
    pub end: String,
}

impl Sentinels {
    pub fn new(nonce: u64) -> Sentinels {
        Sentinels {
            begin: format!("\u{FDD0}{nonce:016x}<"),
            end: format!("\u{FDD0}{nonce:016x}>"),
        }
    }

    /// The text without sentinels and the byte spans between them, in the order in which blocks end.
    pub fn strip(&self, text: &str) -> Outcome<(String, Vec<usize>)> {
        let mark = &self.begin[..self.begin.len() - 1];
        let mut clean = String::with_capacity(text.len());
        let (mut spans, mut open) = (Vec::new(), Vec::new());
        let mut pieces = text.split(mark);
        clean.push_str(pieces.next().unwrap_or(""));
        for piece in pieces {
            match (piece.as_bytes().first(), open.pop()) {
                (Some(b'<'), outer) => {
                    open.extend(outer);
                    open.push(clean.len());
                }
                (Some(b'>'), Some(begin)) => spans.extend([begin, clean.len()]),
                _ => return Err(CUT.into()),
            }
            clean.push_str(&piece[1..]);
        }
        if !open.is_empty() {
            return Err(CUT.into());
        }
        Ok((clean, spans))
    }
}

const CUT: &str = "the template cuts a {% generation %} block apart after rendering it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_tags_are_rewritten() {
        let text = "{%- generation -%}a{% endgeneration %}{# {% generation %} #}{{ '{% generation %}' }}";
        let (out, found) = rewrite(text);
        assert!(found);
        assert_eq!(
            out,
            "{%- call __generation__() -%}a{% endcall %}{# {% generation %} #}{{ '{% generation %}' }}"
        );
        let raw = "{% raw %}{% generation %}{% endraw %}{ {% if generation %}é{% endif %}";
        assert_eq!(rewrite(raw), (raw.to_string(), false));
    }

    #[test]
    fn sentinels_become_spans() {
        let s = Sentinels::new(7);
        let text = format!("é{}one{}x{}{}", s.begin, s.end, s.begin, s.end);
        assert_eq!(
            s.strip(&text).unwrap(),
            ("éonex".to_string(), vec![2, 5, 6, 6])
        );
        assert!(s.strip(&s.begin).is_err());
        assert!(s.strip(&s.end).is_err());
    }
}
