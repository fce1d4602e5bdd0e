//! The values that a template keeps. Every `{% set x = EXPR %}` becomes `{% set x = __kept__((EXPR)) %}`, and every
//! `{% if EXPR %}` looks at the budget: minijinja's own operators (`+`, `~`, `*`, `==`) have no place where a limit could
//! be checked, so it is checked on what becomes of them.

use minijinja::tests::is_sameas;
use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, Value};

use crate::pyerror::{check_budget, check_length, wrong};
use crate::pyvalue::is_json_dict;

const DEEPEST: usize = 100;
const MOST: usize = 1_000_000; // values of one list or dict that are looked at

/// Refuses what could not be compared or dropped without a stack frame per level: deep values, and namespaces that
/// hold themselves (`owner` is the one that `value` is put into).
fn check_shape(
    value: &Value,
    owner: Option<&Value>,
    depth: usize,
    seen: &mut usize,
) -> Result<(), Error> {
    if value.as_object().is_none() || is_json_dict(value) {
        return Ok(());
    }
    if depth > DEEPEST {
        return Err(wrong("a value is nested more than 100 deep"));
    }
    if owner.is_some_and(|owner| is_sameas(value, owner)) {
        return Err(wrong("a namespace would hold itself"));
    }
    let walks = match value.kind() {
        ValueKind::Seq | ValueKind::Map => true,
        // Lists that `+` or a slice made know their length; what does not may be readable only once.
        ValueKind::Iterable => value.len().is_some(),
        _ => false,
    };
    if !walks {
        return Ok(());
    }
    let map = value.kind() == ValueKind::Map;
    for item in value.try_iter()? {
        *seen += 1;
        if *seen > MOST {
            return Err(wrong("a value has more than a million parts"));
        }
        let item = if map { value.get_item(&item)? } else { item };
        check_shape(&item, owner, depth + 1, seen)?;
    }
    Ok(())
}

fn kept(value: Value, owner: Rest<Value>) -> Result<Value, Error> {
    check_budget()?;
    check_length(value.as_str().map_or(0, str::len))?;
    check_shape(&value, owner.first(), 0, &mut 0)?;
    Ok(value)
}

fn tested(value: Value) -> Result<Value, Error> {
    check_budget()?;
    Ok(value)
}

pub fn install(env: &mut Environment) {
    env.add_function("__kept__", kept);
    env.add_function("__tested__", tested);
}

/// A `set` or `if` tag with its expression handed to a function above; None for other tags and for block sets.
pub fn guarded(tag: &str, name: &str) -> Option<String> {
    let inner = tag.strip_suffix("%}")?;
    let inner = inner.strip_suffix(['-', '+']).unwrap_or(inner);
    let end = &tag[inner.len()..];
    let word = tag.find(name)? + name.len();
    match name {
        "if" | "elif" => Some(format!(
            "{} __tested__(({})) {end}",
            &tag[..word],
            &inner[word..]
        )),
        "set" => {
            let equals = word + assignment(&inner[word..])?;
            let target = inner[word..equals].trim();
            let owner = target.split_once('.').map_or("", |(owner, _)| owner.trim());
            let comma = if owner.is_empty() { "" } else { ", " };
            let expression = &inner[equals + 1..];
            Some(format!(
                "{}__kept__(({expression}){comma}{owner}) {end}",
                &tag[..=equals]
            ))
        }
        _ => None,
    }
}

/// Where the `=` of an assignment is: the first one outside strings and brackets.
fn assignment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'\'' | b'"' | b'|' => return None, // a block set with a filter
            b'=' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_handed_on() {
        let cases = [
            (
                "{%- set x = a == b -%}",
                "set",
                "{%- set x =__kept__(( a == b )) -%}",
            ),
            (
                "{% set ns.x = [1, '='] %}",
                "set",
                "{% set ns.x =__kept__(( [1, '='] ), ns) %}",
            ),
            (
                "{% set a, b = 1, 2 %}",
                "set",
                "{% set a, b =__kept__(( 1, 2 )) %}",
            ),
            (
                "{% if a is defined %}",
                "if",
                "{% if __tested__(( a is defined )) %}",
            ),
            ("{%- elif(a) -%}", "elif", "{%- elif __tested__(((a) )) -%}"),
        ];
        for (tag, name, wanted) in cases {
            let got = guarded(tag, name).unwrap();
            let plain = |t: &str| t.replace(' ', "");
            assert_eq!(plain(&got), plain(wanted));
        }
        for block in [
            "{% set x %}",
            "{% set x | f(a='=') %}",
            "{% set x | f(a=1) %}",
        ] {
            assert_eq!(guarded(block, "set"), None);
        }
        assert_eq!(guarded("{% for x in y %}", "for"), None);
    }
}
