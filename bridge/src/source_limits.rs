//! Limits on a template's text, checked before it is compiled: minijinja's parser, compiler and their destructors use a
//! stack frame per operator of a chain (`1+1+...`, `not not ...`, `.a.a`, `|upper|upper`) and per `elif`.

use crate::outcome::Outcome;

pub const LONGEST: usize = 1 << 20; // bytes; the longest of the Hub's have some 30,000
const CHAIN: usize = 1000; // operators of one tag or expression
const ELIFS: usize = 1000; // of one template

pub fn check_size(source: &str) -> Outcome<()> {
    match source.len() {
        size if size > LONGEST => Err(format!(
            "the chat template has {size} bytes; the limit is {LONGEST}"
        )),
        _ => Ok(()),
    }
}

/// `pieces` are the template's tags, expressions and texts; `name` tells a tag's first word.
pub fn check_chains(pieces: &[&str], name: impl Fn(&str) -> String) -> Outcome<()> {
    let (mut line, mut elifs) = (1, 0);
    for piece in pieces {
        let is_tag = piece.starts_with("{%");
        if is_tag || piece.starts_with("{{") {
            let tag = if is_tag { name(piece) } else { String::new() };
            elifs += usize::from(tag == "elif");
            if elifs > ELIFS {
                return Err(format!(
                    "line {line} of the chat template: more than {ELIFS} elif branches"
                ));
            }
            if tag != "raw" && operators(piece) > CHAIN {
                return Err(format!(
                    "line {line} of the chat template: an expression has more than {CHAIN} operators"
                ));
            }
        }
        line += piece.bytes().filter(|b| *b == b'\n').count();
    }
    Ok(())
}

/// Everything that may deepen an expression's tree; strings, names, numbers and commas do not.
fn operators(tag: &str) -> usize {
    let bytes = tag.as_bytes();
    let (mut count, mut at) = (0, 2);
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b if b.is_ascii_alphanumeric() || b == b'_' => {
                let start = at;
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
                    at += 1;
                }
                let word = &tag[start..at];
                count +=
                    usize::from(["not", "and", "or", "in", "is", "if", "else"].contains(&word));
            }
            b => {
                count += usize::from(b"+-*/%~|.([{<>=!".contains(&b));
                at += 1;
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_counted_outside_strings() {
        assert_eq!(operators("{{ a.b|c('+.+', x) + not y is z }}"), 7 - 1);
        assert_eq!(operators("{{ 'a' , \"|\\\"|\" }}"), 0);
        assert!(check_chains(&["{{", "{{ 1 }}"], |_| String::new()).is_ok());
        let long = format!("{{{{ 1{} }}}}", "+1".repeat(1001));
        let sentence = check_chains(&["\n", &long], |_| String::new()).unwrap_err();
        assert!(
            sentence.starts_with("line 2 of the chat template"),
            "{sentence}"
        );
    }
}
