//! `{% generation %}` blocks. minijinja has no custom tags, so the tag is rewritten to the call block that
//! Hugging Face's own parser makes of it; the called function wraps the body in sentinels, which are taken out
//! of the rendered text again and leave the byte spans.
//!
//! Two repairs go along, since minijinja's macros and call blocks see outer variables through a closure that is
//! incomplete (the base of a slice, `ns` of `{% set ns.a = 1 %}` and `loop` in the head of an inner loop are
//! not captured) and lives as long as the frame (values of one loop turn leak into the next):
//! - the names that a body uses are read, to no effect, at its head, which captures them;
//! - a call block gets a frame of its own.

use std::collections::BTreeSet;

use crate::kept::guarded;
use crate::outcome::Outcome;
use crate::source_limits::check_chains;

/// Macros and call blocks inside each other.
const NESTED: usize = 50;

/// The template with every `{% generation %}` as `{% call __generation__() %}` (same dashes), with the guards of
/// `kept.rs`, and whether there was a generation block. Comments, raw blocks and strings are left alone.
pub fn rewrite(source: &str) -> Outcome<(String, bool)> {
    let mut out = String::with_capacity(source.len() + 64);
    let mut found = false;
    let mut open: Vec<Body> = Vec::new();
    let mut reads: Vec<(usize, String)> = Vec::new(); // place in `out`, what to put there
    let pieces = pieces(source);
    check_chains(&pieces, |tag| tag_name(tag).to_string())?;
    for piece in pieces {
        let tag = renamed(piece);
        found |= tag.is_some();
        let tag = tag.as_deref().unwrap_or(piece);
        if !tag.starts_with("{%") && !tag.starts_with("{{") {
            out.push_str(tag);
            continue;
        }
        let name = if tag.starts_with("{%") {
            tag_name(tag)
        } else {
            ""
        };
        let names = identifiers(tag);
        for body in &mut open {
            body.names.extend(names.iter().map(|n| n.to_string()));
        }
        let Some((head, dash)) = tag_end(tag) else {
            out.push_str(tag); // an unfinished tag: the parser reports it
            continue;
        };
        match name {
            "set" | "if" | "elif" => out.push_str(guarded(tag, name).as_deref().unwrap_or(tag)),
            "macro" | "call" => {
                if open.len() == NESTED {
                    return Err(format!(
                        "the chat template: more than {NESTED} macro and call blocks inside each other"
                    ));
                }
                if name == "call" {
                    let inner = head.trim_start_matches("{%").trim_start_matches(['-', '+']);
                    let start = &head[..head.len() - inner.len()];
                    out.push_str(&format!("{start} with %}}{{%{inner} %}}"));
                } else {
                    out.push_str(&format!("{head} %}}"));
                }
                open.push(Body::new(out.len(), dash));
            }
            "endmacro" | "endcall" if open.last().is_some() => {
                reads.extend(open.pop().map(|body| (body.place, body.reads())));
                if name == "endcall" {
                    out.push_str(&format!("{head} %}}{{% endwith {dash}%}}"));
                } else {
                    out.push_str(tag);
                }
            }
            _ => out.push_str(tag),
        }
    }
    reads.extend(open.iter().map(|body| (body.place, body.reads())));
    Ok((with_inserted(&out, reads), found))
}

fn with_inserted(text: &str, mut inserts: Vec<(usize, String)>) -> String {
    inserts.sort_by_key(|insert| insert.0);
    let mut out = String::with_capacity(2 * text.len());
    let mut copied = 0;
    for (place, insert) in inserts {
        out.push_str(&text[copied..place]);
        out.push_str(&insert);
        copied = place;
    }
    out + &text[copied..]
}

/// A macro or call block that has begun.
struct Body {
    place: usize, // in the output, behind its opening tag
    dash: String, // how that tag ended: "-", "+" or ""
    names: BTreeSet<String>,
}

impl Body {
    fn new(place: usize, dash: &str) -> Body {
        Body {
            place,
            dash: dash.to_string(),
            names: BTreeSet::new(),
        }
    }

    fn reads(&self) -> String {
        let reads: String = self
            .names
            .iter()
            .map(|n| format!("{{{{ {n} }}}}"))
            .collect();
        format!("{{% if false %}}{reads}{{% endif {}%}}", self.dash)
    }
}

/// A tag without its end, and the dash of that end.
fn tag_end(tag: &str) -> Option<(&str, &str)> {
    let inner = tag.strip_suffix("%}").or_else(|| tag.strip_suffix("}}"))?;
    let head = inner.strip_suffix(['-', '+']).unwrap_or(inner);
    Some((head.trim_end(), &inner[head.len()..]))
}

const KEYWORDS: [&str; 17] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "for",
    "recursive",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "self",
];

/// What may be a variable in a tag or expression: names outside strings that are not an attribute, filter,
/// keyword argument or the tag's own name.
fn identifiers(tag: &str) -> Vec<&str> {
    let bytes = tag.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut names = Vec::new();
    let mut first = tag.starts_with("{%");
    let (mut at, mut before) = (2, b' ');
    while at < bytes.len() {
        let b = bytes[at];
        if b == b'\'' || b == b'"' {
            at += string_size(&bytes[at..], b);
            before = b;
        } else if word(b) {
            let size = bytes[at..].iter().position(|b| !word(*b));
            let name = &tag[at..at + size.unwrap_or(bytes.len() - at)];
            at += name.len();
            let mut after = tag[at..].trim_start().bytes();
            let assigned = after.next() == Some(b'=') && after.next() != Some(b'=');
            let variable = !first && !matches!(before, b'.' | b'|') && !assigned;
            if variable && !b.is_ascii_digit() && !KEYWORDS.contains(&name) {
                names.push(name);
            }
            first = false;
            before = b' ';
        } else {
            if !b.is_ascii_whitespace() {
                before = b;
            }
            at += 1;
        }
    }
    names
}

/// The template cut into tags, expressions, comments and the text between them.
fn pieces(source: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        let (head, tail) = rest.split_at(at);
        let size = match tail.as_bytes().get(1) {
            Some(b'#') => tail.find("#}").map_or(tail.len(), |end| end + 2),
            Some(b'{') => expression_end(tail, "}}"),
            Some(b'%') => match tag_name(tail) {
                "raw" => raw_end(tail),
                _ => expression_end(tail, "%}"),
            },
            _ => 1,
        };
        pieces.extend([head, &tail[..size]]);
        rest = &tail[size..];
    }
    pieces.push(rest);
    pieces
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
        // What is left of a mark that was cut is not the same in two renderings.
        let torn = &mark[..'\u{FDD0}'.len_utf8() + 4];
        if !open.is_empty() || clean.contains(torn) {
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
        let text =
            "{%- generation -%}a{% endgeneration +%}{# {% generation %} #}{{ '{% generation %}' }}";
        let (out, found) = rewrite(text).unwrap();
        assert!(found);
        assert_eq!(
            out,
            concat!(
                "{%- with %}{% call __generation__() %}{% if false %}{% endif -%}",
                "a{% endcall %}{% endwith +%}{# {% generation %} #}{{ '{% generation %}' }}"
            )
        );
        let raw = "{% raw %}{% generation %}{% endraw %}{ {% if generation %}é{% endif %}";
        let kept = raw.replace("{% if generation %}", "{% if __tested__(( generation )) %}");
        assert_eq!(rewrite(raw), Ok((kept, false)));
    }

    #[test]
    fn a_body_reads_the_names_it_uses() {
        let text =
            "{% macro m(a) -%} {% set ns.a = b[c:] | f(d=e, g == h) %}{{ 'x' }}{% endmacro %}";
        assert_eq!(
            rewrite(text).unwrap().0,
            concat!(
                "{% macro m(a) %}{% if false %}{{ b }}{{ c }}{{ e }}{{ g }}{{ h }}{{ ns }}{% endif -%}",
                " {% set ns.a =__kept__(( b[c:] | f(d=e, g == h) ), ns) %}{{ 'x' }}{% endmacro %}"
            )
        );
        assert_eq!(rewrite("{% macro m(a").unwrap().0, "{% macro m(a");
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
        assert!(s.strip(&s.begin[..10]).is_err());
        assert!(s.strip(&s.end).is_err());
    }
}
