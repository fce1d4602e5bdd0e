//! Regular expressions written for Python's `re`, run by `fancy-regex`: scorers that were written in Python keep their
//! patterns. What differs between the dialects is translated: the classes `\w \s \d` and `\b` are those of Python's
//! strings, `$` also matches before a last line break, `{,3}` counts from 0, a lone brace is itself.
//! Differences left: IGNORECASE folds as Unicode's simple case folding (Python adds a Turkish i), and after an empty match
//! the search goes on one character further.

use fancy_regex::{Regex, RegexBuilder};

use crate::ffi::{alive, give, guard, quietly, take_back, Str, Text};
use crate::outcome::Outcome;

pub const IGNORECASE: i32 = 1;
pub const MULTILINE: i32 = 2;
pub const DOTALL: i32 = 4;

/// Backtracking steps of one search, where a pattern needs them.
const STEPS: usize = 10_000_000;
/// Bytes of a pattern as it is written.
const LONGEST: usize = 64 << 10;

/// str.isalnum and the underscore, as members of a class.
const WORD: &str = r"\p{L}\p{N}_";
/// str.isspace.
const SPACE: &str = r"\s\x{1c}-\x{1f}";

pub struct PythonRegex {
    regex: Regex,
}

/// The matches of a text, one after the other; C's `una_spans`.
#[repr(C)]
pub struct Spans {
    bounds: *mut usize,
    size: usize,
    groups: usize,
}

struct Translator<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    flags: i32,
    out: String,
}

fn literal(c: char) -> String {
    format!("\\x{{{:x}}}", c as u32)
}

impl Translator<'_> {
    fn run(mut self) -> Outcome<String> {
        if self.flags & IGNORECASE != 0 {
            self.out.push_str("(?i)");
        }
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '{' => self.brace(),
                '}' => self.out.push_str("\\x{7d}"),
                '^' if self.flags & MULTILINE != 0 => self.out.push_str(r"(?:\A|(?<=\n))"),
                '^' => self.out.push_str(r"\A"),
                '$' if self.flags & MULTILINE != 0 => self.out.push_str(r"(?=\n|\z)"),
                '$' => self.out.push_str(r"(?=\n?\z)"),
                '.' if self.flags & DOTALL != 0 => self.out.push_str("(?s:.)"),
                '.' => self.out.push_str(r"[^\n]"),
                c => self.out.push(c),
            }
        }
        Ok(self.out)
    }

    fn hex(&mut self, digits: usize) -> Outcome<char> {
        let code: String = self.rest.by_ref().take(digits).collect();
        u32::from_str_radix(&code, 16)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(|| format!("\\{code} is not a character"))
    }

    /// The character that `\c` means, where it is one.
    fn single(&mut self, c: char) -> Outcome<char> {
        Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'a' => '\u{7}',
            '0' => '\0',
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            c if c.is_ascii_alphanumeric() => return Err(format!("bad escape \\{c}")),
            c => c,
        })
    }

    fn escape(&mut self) -> Outcome<()> {
        let c = self.rest.next().ok_or("bad escape at the end")?;
        let text = match c {
            'w' => format!("[{WORD}]"),
            'W' => format!("[^{WORD}]"),
            's' => format!("[{SPACE}]"),
            'S' => format!("[^{SPACE}]"),
            'd' => r"\p{Nd}".into(),
            'D' => r"\P{Nd}".into(),
            'b' => format!("(?:(?<=[{WORD}])(?![{WORD}])|(?<![{WORD}])(?=[{WORD}]))"),
            'B' => format!("(?:(?<=[{WORD}])(?=[{WORD}])|(?<![{WORD}])(?![{WORD}]))"),
            'A' => r"\A".into(),
            'Z' => r"\z".into(),
            '1'..='9' => format!("\\{c}"),
            c => literal(self.single(c)?),
        };
        self.out.push_str(&text);
        Ok(())
    }

    /// One member of a class, as text and whether a range may begin or end with it.
    fn member(&mut self, c: char) -> Outcome<(String, bool)> {
        if c != '\\' {
            return Ok((literal(c), true));
        }
        let c = self.rest.next().ok_or("bad escape at the end")?;
        Ok(match c {
            'w' => (WORD.into(), false),
            'W' => (format!("[^{WORD}]"), false),
            's' => (SPACE.into(), false),
            'S' => (format!("[^{SPACE}]"), false),
            'd' => (r"\p{Nd}".into(), false),
            'D' => (r"\P{Nd}".into(), false),
            'b' => (literal('\u{8}'), true),
            c => (literal(self.single(c)?), true),
        })
    }

    fn class(&mut self) -> Outcome<()> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let c = self.rest.next().ok_or("unterminated character set")?;
            if c == ']' && !first {
                break;
            }
            first = false;
            let (text, single) = self.member(c)?;
            self.out.push_str(&text);
            let mut ahead = self.rest.clone();
            let range =
                single && ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            if range {
                self.rest.next();
                let end = self.rest.next().ok_or("unterminated character set")?;
                let (text, single) = self.member(end)?;
                if !single {
                    return Err("bad character range".into());
                }
                self.out.push('-');
                self.out.push_str(&text);
            }
        }
        self.out.push(']');
        Ok(())
    }

    /// A repetition, or a brace that is itself.
    fn brace(&mut self) {
        let ahead = self.rest.clone();
        let inner: String = ahead.take_while(|c| *c != '}').collect();
        let closed = self.rest.clone().nth(inner.chars().count()) == Some('}');
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let counts = match inner.split_once(',') {
            None => digits(&inner).then(|| inner.clone()),
            Some(("", most)) if digits(most) => Some(format!("0,{most}")),
            Some((least, most)) => {
                (digits(least) && (most.is_empty() || digits(most))).then(|| inner.clone())
            }
        };
        match counts {
            Some(counts) if closed => {
                self.out.push_str(&format!("{{{counts}}}"));
                for _ in 0..=inner.chars().count() {
                    self.rest.next();
                }
            }
            _ => self.out.push_str("\\x{7b}"),
        }
    }
}

impl PythonRegex {
    pub fn new(pattern: &str, flags: i32) -> Outcome<PythonRegex> {
        if pattern.len() > LONGEST {
            return Err(format!(
                "it has {} bytes; the limit is {LONGEST}",
                pattern.len()
            ));
        }
        let translator = Translator {
            rest: pattern.chars().peekable(),
            flags,
            out: String::new(),
        };
        let regex = RegexBuilder::new(&translator.run()?)
            .backtrack_limit(STEPS)
            .build()
            .map_err(|e| {
                e.to_string()
                    .lines()
                    .last()
                    .unwrap_or("it cannot be compiled")
                    .to_string()
            })?;
        Ok(PythonRegex { regex })
    }

    /// Bounds of all groups (the whole match first) of every match.
    fn find_all(&self, text: &str) -> Outcome<(Vec<usize>, usize)> {
        let mut bounds = Vec::new();
        let mut at = 0;
        while at <= text.len() {
            let found = self
                .regex
                .captures_from_pos(text, at)
                .map_err(|_| format!("the pattern needs more than {STEPS} steps on this text"))?;
            let Some(captures) = found else { break };
            for group in 0..self.regex.captures_len() {
                let span = captures.get(group).map(|m| (m.start(), m.end()));
                let (begin, end) = span.unwrap_or((usize::MAX, usize::MAX));
                bounds.extend([begin, end]);
            }
            let whole = captures.get(0).map(|m| (m.start(), m.end()));
            let Some((begin, end)) = whole else { break };
            at = if end > begin {
                end
            } else {
                end + text[end..].chars().next().map_or(1, char::len_utf8)
            };
        }
        Ok((bounds, self.regex.captures_len()))
    }
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_regex_new(
    pattern: Str,
    flags: i32,
    out: *mut *mut PythonRegex,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let regex = PythonRegex::new(pattern.text("the pattern")?, flags)?;
        Ok(Box::into_raw(Box::new(regex)))
    })
}

/// # Safety
/// `regex` came from una_regex_new and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_regex_free(regex: *mut PythonRegex) {
    if !regex.is_null() {
        quietly(|| drop(Box::from_raw(regex)));
    }
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_regex_find_all(
    regex: *const PythonRegex,
    text: Str,
    out: *mut Spans,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let (bounds, groups) = alive(regex)?.find_all(text.text("the text to search")?)?;
        let (bounds, size) = give(bounds);
        Ok(Spans {
            bounds,
            size,
            groups,
        })
    })
}

/// # Safety
/// `spans` came from una_regex_find_all and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_spans_free(spans: Spans) {
    quietly(|| take_back(spans.bounds, spans.size));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pattern: &str, flags: i32, text: &str) -> Vec<String> {
        let (bounds, groups) = PythonRegex::new(pattern, flags)
            .unwrap()
            .find_all(text)
            .unwrap();
        bounds
            .chunks(2 * groups)
            .map(|m| text[m[0]..m[1]].to_string())
            .collect()
    }

    #[test]
    fn words_are_pythons() {
        // A Devanagari vowel sign and a combining accent are not word characters, a superscript is one.
        assert_eq!(
            all(r"\w+", 0, "don't x² किताब e\u{301}a"),
            ["don", "t", "x²", "क", "त", "ब", "e", "a"]
        );
        assert_eq!(all(r"\s", 0, "a\u{1f}b\u{a0}c"), ["\u{1f}", "\u{a0}"]);
        assert_eq!(all(r"\bart\b", IGNORECASE, "party art Art"), ["art", "Art"]);
    }

    #[test]
    fn anchors_dots_and_braces() {
        assert_eq!(all(r"b$", 0, "ab\n").len(), 1);
        assert_eq!(all(r"b$", 0, "b\n\n").len(), 0);
        assert_eq!(all(r"^\s*-.*$", MULTILINE, "- a\nb\n - c"), ["- a", " - c"]);
        assert_eq!(all(r"a.b", 0, "a\nb").len(), 0);
        assert_eq!(all(r"a{,2}b", 0, "aab"), ["aab"]);
        assert_eq!(all(r"{x}", 0, "{x}"), ["{x}"]);
        assert_eq!(all(r"[\[\]&~<-]+", 0, "a[]&~<-b"), ["[]&~<-"]);
        assert_eq!(all(r"\<\<", 0, "<<"), ["<<"]);
        assert!(PythonRegex::new(r"\q", 0).is_err());
        assert!(PythonRegex::new("c++", 0).is_ok());
        assert!(PythonRegex::new("(", 0).is_err());
    }

    #[test]
    fn empty_matches_advance() {
        assert_eq!(all("x*", 0, "axb").len(), 4);
    }
}
