//! Filters, tests and functions in which Hugging Face's Jinja differs from minijinja's defaults.

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, State, Value};

use crate::methods::{check_widths, replaced, Args};
use crate::pyerror::{check_budget, check_length, wrong};
use crate::pyrepr::{float_repr, py_str, Dumps};
use crate::pystr::{self, Side};

type Outcome = Result<Value, Error>;

/// json.dumps, as Hugging Face replaces Jinja's tojson.
fn tojson(value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let indent = match args.value(1) {
        None => None,
        Some(v) if v.is_none() => None,
        Some(v) if v.as_str().is_some() => v.as_str().map(str::to_string),
        Some(_) => Some(" ".repeat(args.int(1)?.unwrap_or(0).clamp(0, 64) as usize)),
    };
    let separators = match args.value(2) {
        None => None,
        Some(v) if v.is_none() => None,
        Some(v) => {
            let pair: Vec<String> = v.try_iter()?.map(|s| py_str(&s)).collect();
            match <[String; 2]>::try_from(pair) {
                Ok([item, key]) => Some((item, key)),
                Err(_) => return Err(wrong("tojson: separators needs two strings")),
            }
        }
    };
    let dumps = Dumps {
        ensure_ascii: args.flag(0),
        indent,
        separators,
        sort_keys: args.flag(3),
    };
    dumps.text(&value).map(Value::from)
}

fn length(value: Value) -> Outcome {
    if value.is_undefined() {
        return Ok(0.into());
    }
    match value.len() {
        Some(size) => Ok(size.into()),
        None => Err(wrong(format!(
            "object of type {} has no length",
            value.kind()
        ))),
    }
}

fn join(value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["d", "attribute"])?;
    let between = args.value(0).map(py_str).unwrap_or_default();
    if value.is_undefined() {
        return Ok("".into());
    }
    let mut parts = Vec::new();
    let mut size = 0;
    for item in value.try_iter()? {
        let item = match args.value(1).filter(|a| !a.is_none()) {
            Some(path) => attribute(&item, path)?,
            None => item,
        };
        let part = py_str(&item);
        size += part.len() + between.len();
        check_length(size)?;
        parts.push(part);
    }
    Ok(parts.join(&between).into())
}

fn attribute(item: &Value, path: &Value) -> Outcome {
    let Some(text) = path.as_str() else {
        return item.get_item(path);
    };
    text.split('.').try_fold(item.clone(), |v, part| {
        let key = part
            .parse::<usize>()
            .map_or_else(|_| Value::from(part), Value::from);
        v.get_item(&key)
    })
}

fn trim(value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["chars"])?;
    Ok(pystr::strip(&py_str(&value), args.text(0)?, Side::Both).into())
}

fn replace(value: Value, args: Rest<Value>) -> Outcome {
    replaced(&py_str(&value), &args)
}

/// int(): a number or its text, else the default.
fn to_int(value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["default", "base"])?;
    let base = args.int(1)?.unwrap_or(10);
    if !(2..=36).contains(&base) {
        return Err(wrong("int: the base must be from 2 to 36"));
    }
    let default = args.value(0).cloned().unwrap_or(Value::from(0));
    Ok(match value.kind() {
        ValueKind::Bool => i64::from(value.is_true()).into(),
        ValueKind::Number if value.is_integer() => value,
        ValueKind::Number => {
            f64::try_from(value).map_or(default, |f| Value::from(f.trunc() as i64))
        }
        ValueKind::String => {
            let text = pystr::strip(value.as_str().unwrap_or_default(), None, Side::Both)
                .replace('_', "")
                .to_lowercase();
            let text = match base {
                16 => text.replacen("0x", "", 1),
                8 => text.replacen("0o", "", 1),
                2 => text.replacen("0b", "", 1),
                _ => text,
            };
            match (i64::from_str_radix(&text, base as u32), text.parse::<f64>()) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) if number.is_finite() => (number.trunc() as i64).into(),
                _ => default,
            }
        }
        _ => default,
    })
}

fn to_float(value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["default"])?;
    let default = args.value(0).cloned().unwrap_or(Value::from(0.0));
    Ok(match value.kind() {
        ValueKind::Bool => f64::from(u8::from(value.is_true())).into(),
        ValueKind::Number => f64::try_from(value).map_or(default, Value::from),
        ValueKind::String => {
            let text = pystr::strip(value.as_str().unwrap_or_default(), None, Side::Both);
            text.parse::<f64>().map_or(default, Value::from)
        }
        _ => default,
    })
}

/// As Jinja's: a width of spaces or a text, without the first and the blank lines unless asked.
fn indent(value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["width", "first", "blank"])?;
    let by = match args.value(0) {
        Some(v) if v.as_str().is_some() => v.as_str().unwrap_or_default().to_string(),
        _ => " ".repeat(args.int(0)?.unwrap_or(4).clamp(0, 1000) as usize),
    };
    let text = py_str(&value) + "\n"; // Jinja's own trick: a last line is a line
    let lines = pystr::split_lines(&text, false);
    check_length(text.len() + lines.len().saturating_mul(by.len()))?;
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let wanted = if i == 0 {
            args.flag(1)
        } else {
            !line.is_empty() || args.flag(2)
        };
        if wanted {
            out.push_str(&by);
        }
        out.push_str(line);
    }
    Ok(out.into())
}

/// Python's round(): half to even on whole numbers, by decimal digits otherwise; floor and ceil on request.
fn round(value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["precision", "method"])?;
    let precision = args.int(0)?.unwrap_or(0).clamp(-300, 300) as i32;
    let number = f64::try_from(value.clone())?;
    let scale = 10f64.powi(precision);
    let rounded = match args.text(1)?.unwrap_or("common") {
        "common" if value.is_integer() && precision >= 0 => return Ok(value),
        "common" if precision >= 0 => format!("{number:.*}", precision as usize)
            .parse()
            .unwrap_or(number),
        "common" => (number * scale).round_ties_even() / scale,
        "ceil" => (number * scale).ceil() / scale,
        "floor" => (number * scale).floor() / scale,
        _ => return Err(wrong("round: the method is common, ceil or floor")),
    };
    Ok(rounded.into())
}

fn center(value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["width"])?;
    let width = args.int(0)?.unwrap_or(80).min(1_000_000);
    Ok(pystr::pad(&py_str(&value), width, ' ', Side::Both).into())
}

fn sum(state: &State, value: Value, args: Rest<Value>) -> Outcome {
    let args = Args::bind(&args, ["attribute", "start"])?;
    let items = match args.value(0).filter(|a| !a.is_none()) {
        Some(path) => value
            .try_iter()?
            .map(|item| attribute(&item, path))
            .collect::<Result<Vec<Value>, Error>>()?,
        None => value.try_iter()?.collect(),
    };
    let start = args.value(1).cloned().into_iter();
    minijinja::filters::sum(state, start.chain(items).collect())
}

/// Lists of a filter's own making: minijinja reserves room for as many as it is told.
const LISTS: usize = 1_000_000;

fn check_count(count: usize, filter: &str) -> Result<(), Error> {
    check_budget()?;
    match count > LISTS {
        true => Err(wrong(format!("{filter}: at most {LISTS}, not {count}"))),
        false => Ok(()),
    }
}

fn batch(state: &State, value: Value, count: usize, fill: Option<Value>) -> Outcome {
    check_count(count, "batch")?;
    minijinja::filters::batch(state, value, count, fill)
}

fn slice(state: &State, value: Value, count: usize, fill: Option<Value>) -> Outcome {
    check_count(count, "slice")?;
    minijinja::filters::slice(state, value, count, fill)
}

fn format(state: &State, value: Value, args: Rest<Value>) -> Outcome {
    check_budget()?;
    check_widths(value.as_str().unwrap_or_default(), b'%')?;
    minijinja::filters::format(state, &value, args)
}

/// markupsafe.escape
fn escape(value: Value) -> String {
    let mut out = String::new();
    for c in py_str(&value).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// urllib.parse.quote
fn urlencode(value: Value) -> String {
    let mut out = String::new();
    for byte in py_str(&value).bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn string(value: Value) -> String {
    match value.kind() {
        ValueKind::Number if !value.is_integer() => {
            f64::try_from(value).map_or_else(|e| e.to_string(), float_repr)
        }
        _ => py_str(&value),
    }
}

fn is_sequence(value: Value) -> bool {
    // Python: whatever has a length and can be indexed, dicts and strings too.
    matches!(
        value.kind(),
        ValueKind::Seq
            | ValueKind::String
            | ValueKind::Map
            | ValueKind::Undefined
            | ValueKind::Bytes
    ) || (value.kind() == ValueKind::Iterable && value.len().is_some())
}

fn is_iterable(value: Value) -> bool {
    is_sequence(value.clone()) || value.kind() == ValueKind::Iterable
}

fn is_number(value: Value) -> bool {
    matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
}

pub fn install(env: &mut Environment) {
    env.add_filter("tojson", tojson);
    for name in ["length", "count"] {
        env.add_filter(name, length);
    }
    env.add_filter("join", join);
    env.add_filter("trim", trim);
    env.add_filter("replace", replace);
    env.add_filter("int", to_int);
    env.add_filter("float", to_float);
    env.add_filter("indent", indent);
    env.add_filter("round", round);
    env.add_filter("center", center);
    env.add_filter("string", string);
    env.add_filter("upper", |v: Value| py_str(&v).to_uppercase());
    env.add_filter("lower", |v: Value| py_str(&v).to_lowercase());
    env.add_filter("capitalize", |v: Value| pystr::capitalize(&py_str(&v)));
    env.add_filter("title", |v: Value| pystr::title_filter(&py_str(&v)));
    env.add_filter("wordcount", |v: Value| {
        pystr::split(&py_str(&v), None, -1, false).len()
    });
    env.add_filter("sum", sum);
    env.add_filter("batch", batch);
    env.add_filter("slice", slice);
    env.add_filter("format", format);
    for name in ["escape", "e", "forceescape"] {
        env.add_filter(name, escape);
    }
    env.add_filter("urlencode", urlencode);
    env.add_filter("truncate", minijinja_contrib::filters::truncate);
    env.add_filter("striptags", minijinja_contrib::filters::striptags);
    env.add_test("sequence", is_sequence);
    env.add_test("iterable", is_iterable);
    env.add_test("number", is_number);
    env.add_test("callable", |v: Value| v.kind() == ValueKind::Plain);
    env.add_function("cycler", |items: Rest<Value>| {
        minijinja_contrib::globals::cycler(items.0)
    });
    env.add_function("joiner", minijinja_contrib::globals::joiner);
    env.remove_global("debug");
}
