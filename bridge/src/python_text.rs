//! Questions about texts that scorers written in Python ask: letter case and white space as `str` has them, and the
//! language as the package `langdetect` tells it.

use std::sync::OnceLock;

use langdetect::{Compat, DetectorFactory, Seed};

use crate::ffi::{guard, Str, Text};
use crate::outcome::Outcome;

pub const IS_UPPER: i32 = 0;

/// str.isupper or str.islower: at least one cased character, and none of the other case or of title case.
fn has_case(text: &str, upper: bool) -> bool {
    let mut any = false;
    for c in text.chars() {
        let (is_upper, is_lower) = (c.is_uppercase(), c.is_lowercase());
        let title = is_title(c);
        if title || (if upper { is_lower } else { is_upper }) {
            return false;
        }
        any |= if upper { is_upper } else { is_lower };
    }
    any
}

/// Unicode category Lt.
fn is_title(c: char) -> bool {
    matches!(c, '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}' | '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}'
        | '\u{1fa8}'..='\u{1faf}' | '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}')
}

/// `langdetect.detect` with `DetectorFactory.seed = 0`; "" where it finds no language (a text without letters).
fn language(text: &str) -> Outcome<String> {
    static FACTORY: OnceLock<DetectorFactory> = OnceLock::new();
    let factory = FACTORY.get_or_init(|| {
        let mut factory = DetectorFactory::builtin().clone();
        factory.seed = Seed::Int(0);
        factory
    });
    debug_assert_eq!(factory.compat(), Compat::default());
    Ok(factory.detect(text).unwrap_or_default())
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_python_lower(text: Str, out: *mut Text, error: *mut Text) -> i32 {
    guard(out, error, || {
        Ok(Text::new(text.text("the text")?.to_lowercase()))
    })
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_python_has_case(
    text: Str,
    question: i32,
    out: *mut i32,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        Ok(has_case(text.text("the text")?, question == IS_UPPER).into())
    })
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_language(text: Str, out: *mut Text, error: *mut Text) -> i32 {
    guard(out, error, || {
        Ok(Text::new(language(text.text("the text")?)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_pythons() {
        assert!(has_case("A1!", true) && !has_case("a", true) && !has_case("1!", true));
        assert!(
            has_case("a b\u{2170}", false)
                && !has_case("\u{1c5}", false)
                && !has_case("\u{1c5}", true)
        );
    }

    #[test]
    fn the_language_of_a_text() {
        let known = [
            ("Das ist ein kurzer Satz auf Deutsch.", "de"),
            ("1234", ""),
            ("", ""),
        ];
        for (text, code) in known {
            assert_eq!(language(text).unwrap(), code);
        }
    }
}
