//! Python methods on strings, dicts and lists. Those of this file come first, then those of minijinja's pycompat;
//! any other is an error.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::pyerror::{check_budget, check_length, wrong};
use crate::pyrepr::py_str;
use crate::pystr::{self, Side};

/// Arguments by position or name, as a Python function with these parameters takes them.
pub struct Args<const N: usize> {
    values: [Option<Value>; N],
    names: [&'static str; N],
}

impl<const N: usize> Args<N> {
    pub fn bind(args: &[Value], names: [&'static str; N]) -> Result<Args<N>, Error> {
        let mut values = [const { None }; N];
        let (positional, named) = match args.last() {
            Some(last) if last.is_kwargs() => (
                &args[..args.len() - 1],
                Some(Kwargs::try_from(last.clone())?),
            ),
            _ => (args, None),
        };
        if positional.len() > N {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        for (slot, value) in values.iter_mut().zip(positional) {
            *slot = Some(value.clone());
        }
        if let Some(kwargs) = named {
            for (slot, name) in values.iter_mut().zip(names) {
                if kwargs.has(name) {
                    *slot = Some(kwargs.get(name)?);
                }
            }
            kwargs.assert_all_used()?;
        }
        Ok(Args { values, names })
    }

    pub fn value(&self, i: usize) -> Option<&Value> {
        self.values[i].as_ref()
    }

    /// The argument unless it is absent or None.
    fn given(&self, i: usize) -> Option<&Value> {
        self.value(i).filter(|v| !v.is_none())
    }

    pub fn text(&self, i: usize) -> Result<Option<&str>, Error> {
        let text = |v: &'_ Value| v.as_str().is_some();
        match self.given(i) {
            None => Ok(None),
            Some(v) if text(v) => Ok(v.as_str()),
            Some(v) => Err(wrong(format!(
                "{} must be a string, not {}",
                self.names[i],
                v.kind()
            ))),
        }
    }

    pub fn need(&self, i: usize) -> Result<&str, Error> {
        self.text(i)?
            .ok_or_else(|| wrong(format!("{} is missing", self.names[i])))
    }

    pub fn int(&self, i: usize) -> Result<Option<i64>, Error> {
        let Some(v) = self.given(i) else {
            return Ok(None);
        };
        let number = if v.kind() == ValueKind::Bool {
            Some(i64::from(v.is_true()))
        } else {
            v.as_i64()
        };
        let name = self.names[i];
        number.map_or_else(
            || Err(wrong(format!("{name} must be an integer"))),
            |n| Ok(Some(n)),
        )
    }

    pub fn flag(&self, i: usize) -> bool {
        self.value(i).is_some_and(Value::is_true)
    }
}

fn no_args(args: &[Value]) -> Result<(), Error> {
    Args::bind(args, []).map(|_| ())
}

fn list<'a>(parts: impl IntoIterator<Item = &'a str>) -> Value {
    parts.into_iter().map(Value::from).collect()
}

/// A fill that would take more than this is an attack on memory.
const WIDEST: i64 = 1_000_000;

fn padded(text: &str, args: &[Value], side: Side) -> Result<Value, Error> {
    let args = Args::bind(args, ["width", "fillchar"])?;
    let width = args
        .int(0)?
        .ok_or_else(|| wrong("width is missing"))?
        .min(WIDEST);
    let fill = args.text(1)?.unwrap_or(" ");
    let mut chars = fill.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(pystr::pad(text, width, c, side).into()),
        _ => Err(wrong(
            "the fill character must be exactly one character long",
        )),
    }
}

fn zero_filled(text: &str, args: &[Value]) -> Result<Value, Error> {
    let args = Args::bind(args, ["width"])?;
    let width = args
        .int(0)?
        .ok_or_else(|| wrong("width is missing"))?
        .min(WIDEST);
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => text.split_at(text.len() - digits.len()),
        None => ("", text),
    };
    Ok(
        (sign.to_string() + &pystr::pad(digits, width - sign.len() as i64, '0', Side::Right))
            .into(),
    )
}

/// startswith and endswith: one string or several, in a window.
fn has_end(text: &str, args: &[Value], prefix: bool) -> Result<Value, Error> {
    let args = Args::bind(args, ["prefix", "start", "end"])?;
    let Some((_, part)) = pystr::window(text, args.int(1)?, args.int(2)?) else {
        return Ok(false.into());
    };
    let hit = |s: &str| {
        if prefix {
            part.starts_with(s)
        } else {
            part.ends_with(s)
        }
    };
    let wanted = args.value(0).cloned().unwrap_or_default();
    if let Some(s) = wanted.as_str() {
        return Ok(hit(s).into());
    }
    if !matches!(wanted.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(wrong(format!(
            "expected a string or a tuple of strings, not {}",
            wanted.kind()
        )));
    }
    Ok(wanted
        .try_iter()?
        .any(|s| s.as_str().is_some_and(hit))
        .into())
}

fn found(text: &str, args: &[Value], method: &str) -> Result<Value, Error> {
    let args = Args::bind(args, ["sub", "start", "end"])?;
    let at = pystr::find(
        text,
        args.need(0)?,
        args.int(1)?,
        args.int(2)?,
        method.starts_with('r'),
    );
    match at {
        Some(at) => Ok(at.into()),
        None if method.ends_with("index") => Err(wrong("substring not found")),
        None => Ok((-1).into()),
    }
}

fn split(text: &str, args: &[Value], right: bool) -> Result<Value, Error> {
    let args = Args::bind(args, ["sep", "maxsplit"])?;
    let separator = args.text(0)?;
    if separator == Some("") {
        return Err(wrong("empty separator"));
    }
    Ok(list(pystr::split(
        text,
        separator,
        args.int(1)?.unwrap_or(-1),
        right,
    )))
}

fn partition(text: &str, args: &[Value], right: bool) -> Result<Value, Error> {
    let args = Args::bind(args, ["sep"])?;
    let separator = args.need(0)?;
    let halves = if right {
        text.rsplit_once(separator)
    } else {
        text.split_once(separator)
    };
    Ok(match halves {
        Some((a, b)) => list([a, separator, b]),
        None if right => list(["", "", text]),
        None => list([text, "", ""]),
    })
}

fn joined(text: &str, args: &[Value]) -> Result<Value, Error> {
    let args = Args::bind(args, ["iterable"])?;
    let items = args.value(0).cloned().unwrap_or_default();
    let mut parts = Vec::new();
    let mut size = 0;
    for item in items.try_iter()? {
        match item.as_str() {
            Some(s) => {
                size += s.len() + text.len();
                check_length(size)?;
                parts.push(s.to_string());
            }
            None => {
                return Err(wrong(format!(
                    "join needs strings, but found {}",
                    item.kind()
                )))
            }
        }
    }
    Ok(parts.join(text).into())
}

fn count(text: &str, args: &[Value]) -> Result<Value, Error> {
    let args = Args::bind(args, ["sub", "start", "end"])?;
    let sub = args.need(0)?;
    let Some((_, part)) = pystr::window(text, args.int(1)?, args.int(2)?) else {
        return Ok(0.into());
    };
    Ok(if sub.is_empty() {
        part.chars().count() + 1
    } else {
        part.matches(sub).count()
    }
    .into())
}

fn stripped(text: &str, args: &[Value], side: Side) -> Result<Value, Error> {
    let args = Args::bind(args, ["chars"])?;
    Ok(pystr::strip(text, args.text(0)?, side).into())
}

/// The tests of letter kind; all need at least one character.
fn is_kind(text: &str, method: &str) -> Option<bool> {
    let all = |f: fn(char) -> bool| !text.is_empty() && text.chars().all(f);
    let cased = |f: fn(char) -> bool, other: fn(char) -> bool| {
        text.chars().any(f) && !text.chars().any(other)
    };
    Some(match method {
        "isspace" => all(pystr::is_space),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isdigit" | "isdecimal" | "isnumeric" => all(char::is_numeric),
        "islower" => cased(char::is_lowercase, char::is_uppercase),
        "isupper" => cased(char::is_uppercase, char::is_lowercase),
        "isascii" => text.is_ascii(),
        _ => return None,
    })
}

fn changed_case(text: &str, method: &str) -> Option<String> {
    Some(match method {
        "upper" => text.to_uppercase(),
        "lower" | "casefold" => text.to_lowercase(),
        "capitalize" => pystr::capitalize(text),
        "title" => pystr::title(text),
        "swapcase" => pystr::swap_case(text),
        _ => return None,
    })
}

fn string_method(text: &str, method: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    if let Some(yes) = is_kind(text, method) {
        return Some(no_args(args).map(|_| yes.into()));
    }
    if let Some(changed) = changed_case(text, method) {
        return Some(no_args(args).map(|_| changed.into()));
    }
    let without = |args: &[Value], prefix: bool| {
        let args = Args::bind(args, ["prefix"])?;
        let cut = args.need(0)?;
        let rest = if prefix {
            text.strip_prefix(cut)
        } else {
            text.strip_suffix(cut)
        };
        Ok(rest.unwrap_or(text).into())
    };
    Some(match method {
        "strip" => stripped(text, args, Side::Both),
        "lstrip" => stripped(text, args, Side::Left),
        "rstrip" => stripped(text, args, Side::Right),
        "split" => split(text, args, false),
        "rsplit" => split(text, args, true),
        "splitlines" => {
            Args::bind(args, ["keepends"]).map(|a| list(pystr::split_lines(text, a.flag(0))))
        }
        "partition" => partition(text, args, false),
        "rpartition" => partition(text, args, true),
        "startswith" => has_end(text, args, true),
        "endswith" => has_end(text, args, false),
        "find" | "rfind" | "index" | "rindex" => found(text, args, method),
        "count" => count(text, args),
        "replace" => replaced(text, args),
        "join" => joined(text, args),
        "removeprefix" => without(args, true),
        "removesuffix" => without(args, false),
        "ljust" => padded(text, args, Side::Left),
        "rjust" => padded(text, args, Side::Right),
        "center" => padded(text, args, Side::Both),
        "zfill" => zero_filled(text, args),
        _ => return None,
    })
}

pub fn replaced(text: &str, args: &[Value]) -> Result<Value, Error> {
    let args = Args::bind(args, ["old", "new", "count"])?;
    let count = args.int(2)?.unwrap_or(-1);
    let (old, new) = (args.need(0)?, args.need(1)?);
    if new.len() > old.len() {
        let found = text.matches(old).count();
        let replaced = usize::try_from(count).map_or(found, |most| found.min(most));
        check_length(text.len() + replaced.saturating_mul(new.len() - old.len()))?;
    }
    Ok(pystr::replace(text, old, new, count).into())
}

fn pairs(dict: &Value) -> Result<Vec<(Value, Value)>, Error> {
    dict.try_iter()?
        .map(|key| Ok((key.clone(), dict.get_item(&key)?)))
        .collect()
}

pub fn dict_method(dict: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "get" => {
            let args = Args::bind(args, ["key", "default"])?;
            let key = args
                .value(0)
                .ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
            let found = dict.as_object().and_then(|object| object.get_value(key));
            Ok(found
                .or_else(|| args.value(1).cloned())
                .unwrap_or(Value::from(())))
        }
        "keys" => no_args(args).and_then(|_| Ok(dict.try_iter()?.collect())),
        "values" => no_args(args).and_then(|_| Ok(pairs(dict)?.into_iter().map(|p| p.1).collect())),
        "items" => no_args(args).and_then(|_| {
            Ok(pairs(dict)?
                .into_iter()
                .map(|p| Value::from(vec![p.0, p.1]))
                .collect())
        }),
        "copy" => no_args(args).map(|_| dict.clone()),
        "clear" | "pop" | "popitem" | "setdefault" | "update" => Err(changing(method)),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn changing(method: &str) -> Error {
    wrong(format!(
        "{method} would change a value, which templates may not do"
    ))
}

fn list_method(items: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "index" => {
            let args = Args::bind(args, ["value"])?;
            let place = items.try_iter()?.position(|v| Some(&v) == args.value(0));
            place
                .map(Value::from)
                .ok_or_else(|| wrong("the value is not in the list"))
        }
        "copy" => no_args(args).map(|_| items.clone()),
        "append" | "clear" | "extend" | "insert" | "pop" | "remove" | "reverse" | "sort" => {
            Err(changing(method))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// Fails for a width or precision of more than six digits: it would be that many bytes. `opens` begins a field of the
/// format string: `%`, up to its letter, or `{`, up to the brace that closes it.
pub fn check_widths(format: &str, opens: u8) -> Result<(), Error> {
    let (mut inside, mut digits) = (false, 0);
    for byte in format.bytes() {
        inside = match byte {
            b if b == opens => true,
            b'}' => false,
            b if opens == b'%' && b.is_ascii_alphabetic() => false,
            _ => inside,
        };
        digits = if inside && byte.is_ascii_digit() {
            digits + 1
        } else {
            0
        };
        if digits > 6 {
            return Err(wrong("a format with a width of more than six digits"));
        }
    }
    Ok(())
}

/// minijinja calls this for every method that a value does not have itself.
pub fn call_method(
    state: &State,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    check_budget()?;
    if method == "format" {
        check_widths(value.as_str().unwrap_or_default(), b'{')?;
    }
    let own = match value.kind() {
        ValueKind::String => string_method(value.as_str().unwrap_or_default(), method, args),
        ValueKind::Map => Some(dict_method(value, method, args)),
        ValueKind::Seq | ValueKind::Iterable => Some(list_method(value, method, args)),
        ValueKind::Number if method == "is_integer" => Some(no_args(args).map(|_| {
            let number = py_str(value);
            Value::from(!number.contains('.') || number.ends_with(".0"))
        })),
        _ => None,
    };
    match own {
        Some(Err(e)) if e.kind() == ErrorKind::UnknownMethod => {}
        Some(result) => return result,
        None => {}
    }
    unknown_method_callback(state, value, method, args)
}
