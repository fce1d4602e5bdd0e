//! JSON objects as Python's dicts: their method names win over keys of the same name, as attribute access in Jinja does.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr};
use minijinja::{Error, State, Value};
use serde_json::Value as Json;

use crate::methods::dict_method;

/// A JSON object with its key order.
#[derive(Debug)]
pub struct Dict {
    entries: Vec<(Arc<str>, Value)>,
    places: HashMap<Arc<str>, usize>,
}

/// `d.items` without a call: a bound method, defined and true.
#[derive(Debug)]
struct Bound {
    dict: Value,
    method: &'static str,
}

const READING: [&str; 6] = ["copy", "fromkeys", "get", "items", "keys", "values"];
const WRITING: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"]; // refused by the sandbox

impl Object for Dict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let place = *self.places.get(key.as_str()?)?;
        Some(self.entries[place].1.clone())
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some(method) = READING.iter().find(|m| **m == key) {
            let dict = Value::from_dyn_object(self.clone());
            return Some(Value::from_object(Bound { dict, method }));
        }
        if WRITING.contains(&key) {
            return Some(Value::UNDEFINED);
        }
        Some(self.entries[*self.places.get(key)?].1.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_key_value_enumerator(|this| {
            let pairs = this.entries.iter();
            Box::new(pairs.map(|(k, v)| (Value::from(k.clone()), v.clone())))
        })
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.entries.len())
    }
}

impl Object for Bound {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        dict_method(&self.dict, self.method, args)
    }
}

/// Whether a value is a dict of parsed JSON: it never changes and holds no values of the template's making.
pub fn is_json_dict(value: &Value) -> bool {
    value.downcast_object_ref::<Dict>().is_some()
}

/// A template value of parsed JSON.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::from(i),
            (None, Some(u)) => Value::from(u),
            _ => Value::from(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(items) => items.iter().map(from_json).collect(),
        Json::Object(map) => {
            let entries: Vec<(Arc<str>, Value)> = map
                .iter()
                .map(|(k, v)| (Arc::from(k.as_str()), from_json(v)))
                .collect();
            let places = entries.iter().enumerate().map(|(i, e)| (e.0.clone(), i));
            Value::from_object(Dict {
                places: places.collect(),
                entries,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pyrepr::{py_str, Dumps};

    #[test]
    fn json_is_dumped_as_python_does() {
        let json = serde_json::json!({"b": [1, 2.0, true, null, {}], "a": "é<'\"\n\u{1}"});
        let value = from_json(&json);
        assert_eq!(
            Dumps::default().text(&value).unwrap(),
            "{\"b\": [1, 2.0, true, null, {}], \"a\": \"é<'\\\"\\n\\u0001\"}"
        );
        let indented = Dumps {
            indent: Some("  ".into()),
            sort_keys: true,
            ensure_ascii: true,
            ..Default::default()
        };
        assert_eq!(
            indented.text(&value).unwrap(),
            "{\n  \"a\": \"\\u00e9<'\\\"\\n\\u0001\",\n  \"b\": [\n    1,\n    2.0,\n    true,\n    null,\n    {}\n  ]\n}"
        );
        assert_eq!(
            py_str(&value),
            "{'b': [1, 2.0, True, None, {}], 'a': 'é<\\'\"\\n\\x01'}"
        );
    }
}
