//! What to render: the request of una_template_render, as the variables that Hugging Face passes to its templates.

use serde_json::{Map, Value as Json};

use crate::clock::{Date, DEFAULT};
use crate::outcome::Outcome;

pub struct Request {
    pub variables: Map<String, Json>,
    pub date: Date,
    /// The text that rendering must end with, when the final message is to be continued.
    pub continued: Option<String>,
}

pub const CONTINUE_TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG ";

fn flag(request: &Map<String, Json>, key: &str) -> Outcome<bool> {
    match request.get(key) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(b)) => Ok(*b),
        Some(_) => Err(format!("{key} must be true or false")),
    }
}

/// An array of objects, or null.
fn objects(request: &mut Map<String, Json>, key: &str) -> Outcome<Json> {
    match request.remove(key) {
        None | Some(Json::Null) => Ok(Json::Null),
        Some(Json::Array(items)) if items.iter().all(Json::is_object) => Ok(Json::Array(items)),
        Some(_) => Err(format!("{key} must be a JSON array of objects")),
    }
}

/// Merges "extra", drops null members, and copies reasoning to the names under which templates look for it.
fn message(item: Json, number: usize) -> Outcome<Map<String, Json>> {
    let Json::Object(mut message) = item else {
        return Err(format!("message {number} is not an object"));
    };
    match message.remove("extra") {
        None | Some(Json::Null) => {}
        Some(Json::Object(extra)) => message.extend(extra),
        Some(_) => {
            return Err(format!(
                "message {number}: the further members must be a JSON object"
            ))
        }
    }
    let mut message: Map<String, Json> =
        message.into_iter().filter(|(_, v)| !v.is_null()).collect();
    let reasoning = ["reasoning_content", "thinking", "reasoning"]
        .iter()
        .find_map(|key| message.get(*key).cloned());
    if let Some(reasoning) = reasoning {
        let mut aliased = Map::new();
        aliased.insert("thinking".into(), reasoning.clone());
        aliased.extend(message);
        aliased.insert("reasoning_content".into(), reasoning);
        message = aliased;
    }
    Ok(message)
}

/// Marks the end of the last message's text; gives that text.
fn mark_final(messages: &mut [Json]) -> Outcome<String> {
    let last = messages
        .last_mut()
        .ok_or("there is no final message to continue")?;
    match last.get_mut("content") {
        Some(Json::String(text)) => {
            let plain = text.clone();
            text.push_str(CONTINUE_TAG);
            Ok(plain)
        }
        Some(Json::Array(blocks)) => {
            for block in blocks.iter_mut().rev() {
                if let Some(Json::String(text)) = block.get_mut("text") {
                    let plain = text.clone();
                    text.push_str(CONTINUE_TAG);
                    return Ok(plain);
                }
            }
            Err("the final message has no text to continue".into())
        }
        _ => Err("the final message has no content to continue".into()),
    }
}

impl Request {
    /// `special` holds the tokenizer's special tokens; kwargs override every other variable.
    pub fn parse(text: &str, special: &Map<String, Json>) -> Outcome<Request> {
        let mut request = match serde_json::from_str(text) {
            Ok(Json::Object(map)) => map,
            Ok(_) => return Err("the request is not a JSON object".into()),
            Err(e) => {
                return Err(format!(
                    "messages, tools or template arguments are not valid JSON: {e}"
                ))
            }
        };
        let mut messages = match request.remove("messages") {
            Some(Json::Array(items)) if !items.is_empty() => items
                .into_iter()
                .enumerate()
                .map(|(i, item)| message(item, i + 1).map(Json::Object))
                .collect::<Outcome<Vec<Json>>>()?,
            _ => return Err("a conversation needs at least one message".into()),
        };
        let prompt = flag(&request, "add_generation_prompt")?;
        let continued = match flag(&request, "continue_final_message")? {
            true if prompt => {
                return Err("a final message is continued or a new one begun, not both".into())
            }
            true => Some(mark_final(&mut messages)?),
            false => None,
        };
        let date = match request.get("date") {
            None | Some(Json::Null) => DEFAULT,
            Some(Json::String(date)) => Date::parse(date)?,
            Some(_) => return Err("date must be a string".into()),
        };
        let mut variables = special.clone();
        for key in ["tools", "documents"] {
            let items = objects(&mut request, key)?;
            variables.insert(key.into(), items);
        }
        variables.insert("messages".into(), Json::Array(messages));
        variables.insert("add_generation_prompt".into(), Json::Bool(prompt));
        match request.remove("kwargs") {
            None | Some(Json::Null) => {}
            Some(Json::Object(kwargs)) => variables.extend(kwargs),
            Some(_) => return Err("the template arguments must be a JSON object".into()),
        }
        Ok(Request {
            variables,
            date,
            continued,
        })
    }
}
