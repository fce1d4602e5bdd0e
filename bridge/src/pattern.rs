//! Regular expressions that users write: linear time through the crate `regex`; look-around and back-references
//! through `fancy-regex`, whose backtracking is counted and ends in a sentence.

use fancy_regex::{CompileError, Error, Regex, RegexBuilder};

use crate::ffi::{alive, guard, quietly, Str, Text};
use crate::outcome::Outcome;

/// Backtracking steps of one search, where the pattern needs them at all: under a second.
const STEPS: usize = 1_000_000;
/// Bytes of one compiled pattern: `(x{1000}){1000}` is refused instead of compiled.
const COMPILED: usize = 8 << 20;
/// Instructions of one pattern with look-around or back-references.
const PROGRAM: usize = 1 << 20;
/// Bytes of a pattern as it is written.
const LONGEST: usize = 64 << 10;

pub struct Pattern {
    regex: Regex,
}

/// What a search found; C's `una_found`.
#[repr(C)]
pub struct Found {
    found: i32,
    begin: usize, // of the last group, both usize::MAX where it took no part
    end: usize,
}

fn refused(error: &Error) -> String {
    match error {
        Error::ParseError(at, inner) => format!("{inner}, at character {at}"),
        Error::CompileError(inner) => match &**inner {
            // The crate's own words are three lines with a drawing; its cause is one.
            CompileError::InnerError(e) => match e.size_limit() {
                Some(_) => "it is too large when its repetitions are written out".into(),
                None => std::error::Error::source(e).map_or(e.to_string(), last_line),
            },
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

fn last_line(error: &(dyn std::error::Error + 'static)) -> String {
    let text = error.to_string();
    let line = text.lines().rev().find(|l| !l.trim().is_empty());
    line.unwrap_or("it cannot be compiled")
        .trim()
        .trim_start_matches("error: ")
        .to_string()
}

impl Pattern {
    fn new(pattern: &str) -> Outcome<Pattern> {
        if pattern.len() > LONGEST {
            return Err(format!(
                "it has {} bytes; the limit is {LONGEST}",
                pattern.len()
            ));
        }
        let regex = RegexBuilder::new(pattern)
            .dot_matches_new_line(true)
            .backtrack_limit(STEPS)
            .delegate_size_limit(COMPILED)
            .max_prog_size(PROGRAM)
            .build()
            .map_err(|e| refused(&e))?;
        Ok(Pattern { regex })
    }

    fn search(&self, text: &str, with_group: bool) -> Outcome<Found> {
        let none = usize::MAX;
        let failed = |_: Error| {
            format!("the pattern needs more than {STEPS} steps on this text; write it without nested repetitions")
        };
        if !with_group {
            let found = self.regex.is_match(text).map_err(failed)?;
            return Ok(Found {
                found: found.into(),
                begin: none,
                end: none,
            });
        }
        let captures = self.regex.captures(text).map_err(failed)?;
        let group = captures
            .as_ref()
            .and_then(|c| c.get(self.regex.captures_len() - 1));
        Ok(Found {
            found: captures.is_some().into(),
            begin: group.as_ref().map_or(none, |g| g.start()),
            end: group.as_ref().map_or(none, |g| g.end()),
        })
    }
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_pattern_new(
    pattern: Str,
    out: *mut *mut Pattern,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let pattern = Pattern::new(pattern.text("the pattern")?)?;
        Ok(Box::into_raw(Box::new(pattern)))
    })
}

/// # Safety
/// `pattern` came from una_pattern_new and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_pattern_free(pattern: *mut Pattern) {
    if !pattern.is_null() {
        quietly(|| drop(Box::from_raw(pattern)));
    }
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_pattern_search(
    pattern: *const Pattern,
    text: Str,
    with_group: i32,
    out: *mut Found,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        alive(pattern)?.search(text.text("the text to search")?, with_group != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> bool {
        let pattern = Pattern::new(pattern).unwrap();
        pattern.search(text, false).unwrap().found != 0
    }

    #[test]
    fn a_dot_matches_a_line_break_unless_told() {
        assert!(found("^<think>.*</think>", "<think>a\nb</think>"));
        assert!(!found("(?-s)^<think>.*</think>", "<think>a\nb</think>"));
        assert!(!found("^b", "a\nb"));
        assert!(found("(?m)^b", "a\nb"));
    }

    #[test]
    fn long_texts_take_linear_time() {
        let text = "a".repeat(200_000);
        for pattern in ["(a+)+$b", "(.*)*x", r"[\s\S]*x", r"(\w+ )*x", ".*.*.*.*.*x"] {
            assert!(!found(pattern, &text), "{pattern}");
        }
    }

    #[test]
    fn look_around_is_bounded() {
        assert!(found("^(?!.*lm_head).*proj$", "model.q_proj"));
        assert!(!found("^(?!.*lm_head).*proj$", "lm_head.q_proj"));
        let pattern = Pattern::new("^(?=(a+)+$)(a+)+$").unwrap();
        let text = "a".repeat(50) + "b";
        let sentence = pattern.search(&text, false).err();
        assert!(sentence.map_or(true, |s| s.contains("steps")));
        let pattern = Pattern::new("^((?=a)a+)+b$").unwrap();
        let sentence = pattern
            .search(&("a".repeat(60) + "bx"), false)
            .err()
            .unwrap();
        assert!(sentence.contains("more than 1000000 steps"), "{sentence}");
    }

    #[test]
    fn what_is_too_large_is_refused() {
        for pattern in [
            "(".repeat(20_000) + &")".repeat(20_000),
            "(x{1000}){1000}{1000}".into(),
            "(".into(),
            "a".repeat(100_000),
        ] {
            assert!(Pattern::new(&pattern).is_err());
        }
        let sentence = Pattern::new("[b-a]").err().unwrap();
        assert!(!sentence.contains('\n'), "{sentence}");
    }

    #[test]
    fn the_last_group_is_given() {
        let pattern = Pattern::new(r"^(?:|.*?\.)(?:(layers))\.(\d+)\.").unwrap();
        let found = pattern.search("model.layers.12.q", true).unwrap();
        assert_eq!((found.found, found.begin, found.end), (1, 13, 15));
    }
}
