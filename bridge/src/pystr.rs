//! Python's string functions where Rust's differ: white space, splitting, letter case, indices by character.

use std::collections::HashSet;

/// Python's str.isspace for one character: Unicode white space and the four separators U+001C..U+001F.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    Left,
    Right,
    Both,
}

pub fn strip<'a>(text: &'a str, chars: Option<&str>, side: Side) -> &'a str {
    let set: Option<HashSet<char>> = chars.map(|set| set.chars().collect());
    let gone = |c: char| {
        set.as_ref()
            .map_or_else(|| is_space(c), |set| set.contains(&c))
    };
    let text = if side == Side::Right {
        text
    } else {
        text.trim_start_matches(gone)
    };
    if side == Side::Left {
        text
    } else {
        text.trim_end_matches(gone)
    }
}

/// str.split and str.rsplit; a negative count means no limit. A separator is not empty.
pub fn split<'a>(text: &'a str, separator: Option<&str>, count: i64, right: bool) -> Vec<&'a str> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    match separator {
        Some(s) => {
            let pieces = limit.saturating_add(1);
            if right {
                let mut parts: Vec<&str> = text.rsplitn(pieces, s).collect();
                parts.reverse();
                parts
            } else {
                text.splitn(pieces, s).collect()
            }
        }
        None if right => split_space_right(text, limit),
        None => split_space(text, limit),
    }
}

fn split_space(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        match rest.find(is_space) {
            Some(end) if parts.len() < limit => {
                parts.push(&rest[..end]);
                rest = rest[end..].trim_start_matches(is_space);
            }
            Some(_) => {
                parts.push(rest);
                break;
            }
            None => {
                parts.push(rest);
                break;
            }
        }
    }
    parts
}

fn split_space_right(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end_matches(is_space);
    while !rest.is_empty() {
        let space = rest.char_indices().rev().find(|(_, c)| is_space(*c));
        match space {
            Some((at, c)) if parts.len() < limit => {
                parts.push(&rest[at + c.len_utf8()..]);
                rest = rest[..at].trim_end_matches(is_space);
            }
            _ => {
                parts.push(rest);
                break;
            }
        }
    }
    parts.reverse();
    parts
}

/// str.splitlines: all of Python's line ends.
pub fn split_lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(ends) {
        let size = match &rest[at..] {
            tail if tail.starts_with("\r\n") => 2,
            tail => tail.chars().next().map_or(1, char::len_utf8),
        };
        lines.push(&rest[..if keep_ends { at + size } else { at }]);
        rest = &rest[at + size..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

pub fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(lower(chars.as_str())).collect(),
        None => String::new(),
    }
}

fn lower(text: &str) -> impl Iterator<Item = char> {
    text.to_lowercase().chars().collect::<Vec<_>>().into_iter()
}

/// str.title: a capital after anything that is not a letter.
pub fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

/// The `title` filter of Jinja: a capital at the start and after white space, '-', '(', '{', '[' or '<'.
pub fn title_filter(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    }
    out
}

pub fn swap_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
    }
    out
}

pub fn replace(text: &str, from: &str, to: &str, count: i64) -> String {
    match usize::try_from(count) {
        Ok(count) => text.replacen(from, to, count),
        Err(_) => text.replace(from, to),
    }
}

/// The character slice [start, end) with Python's negative indices; None when start is past the end.
pub fn window(text: &str, start: Option<i64>, end: Option<i64>) -> Option<(usize, &str)> {
    if start.is_none() && end.is_none() {
        return Some((0, text));
    }
    let count = text.chars().count() as i64;
    let clamp = |i: i64| if i < 0 { (i + count).max(0) } else { i };
    let (start, end) = (
        clamp(start.unwrap_or(0)),
        clamp(end.unwrap_or(count)).min(count),
    );
    if start > end {
        return None;
    }
    let byte = |i: i64| {
        text.char_indices()
            .nth(i as usize)
            .map_or(text.len(), |c| c.0)
    };
    Some((start as usize, &text[byte(start)..byte(end)]))
}

/// str.find or str.rfind by characters.
pub fn find(
    text: &str,
    what: &str,
    start: Option<i64>,
    end: Option<i64>,
    right: bool,
) -> Option<usize> {
    let (offset, part) = window(text, start, end)?;
    let at = if right {
        part.rfind(what)
    } else {
        part.find(what)
    }?;
    Some(offset + part[..at].chars().count())
}

/// str.ljust, rjust, center and zfill.
pub fn pad(text: &str, width: i64, fill: char, side: Side) -> String {
    let size = text.chars().count();
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(size);
    let left = match side {
        Side::Left => 0,
        Side::Right => missing,
        // Python puts the odd one left when the width is odd.
        Side::Both => missing / 2 + (missing & width as usize & 1),
    };
    let fill_of = |n: usize| std::iter::repeat_n(fill, n);
    fill_of(left)
        .chain(text.chars())
        .chain(fill_of(missing - left))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_python_does() {
        assert_eq!(split("  a b  c ", None, -1, false), ["a", "b", "c"]);
        assert_eq!(split("  a b  c ", None, 1, false), ["a", "b  c "]);
        assert_eq!(split("  a b  c ", None, 1, true), ["  a b", "c"]);
        assert_eq!(split("a,b,,c", Some(","), -1, false), ["a", "b", "", "c"]);
        assert_eq!(split("a,b,c", Some(","), 1, false), ["a", "b,c"]);
        assert_eq!(split("a,b,c", Some(","), 1, true), ["a,b", "c"]);
        assert_eq!(split("", Some(","), -1, false), [""]);
        assert!(split("", None, -1, false).is_empty());
        assert_eq!(split_lines("a\r\nb\u{2028}\nc", false), ["a", "b", "", "c"]);
        assert_eq!(split_lines("a\nb\n", true), ["a\n", "b\n"]);
    }

    #[test]
    fn cases_and_indices() {
        assert_eq!(title("they're bill's"), "They'Re Bill'S");
        assert_eq!(title_filter("they're bill-ted (x"), "They're Bill-Ted (X");
        assert_eq!(capitalize("éCOLE"), "École");
        assert_eq!(find("éab", "b", None, None, false), Some(2));
        assert_eq!(find("abcab", "ab", Some(-2), None, false), Some(3));
        assert_eq!(find("abc", "", Some(4), None, false), None);
        assert_eq!(pad("abc", 6, '*', Side::Both), "*abc**");
        assert_eq!(pad("ab", 5, '*', Side::Both), "**ab*");
        assert_eq!(strip("\u{1f}x \n", None, Side::Both), "x");
        let (text, set) = ("a".repeat(1 << 20), "b".repeat(1 << 20) + "a");
        assert_eq!(strip(&text, Some(&set), Side::Both), "");
    }
}
