//! A chat template as Hugging Face renders it: trim_blocks, lstrip_blocks, loop controls, no escaping, lenient
//! undefined values, Python's str() and json.dumps, raise_exception, strftime_now with a fixed day, and
//! `{% generation %}` spans. Templates are untrusted: no loader, bounded steps and recursion (memory is not
//! bounded: a template that doubles a string forty times takes what it asks for).

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, Error, State, Value};
use serde_json::{Map, Value as Json};

use crate::clock::{Date, DEFAULT};
use crate::ffi::Outcome;
use crate::generation::{rewrite, Sentinels};
use crate::pyvalue::{from_json, py_str};
use crate::request::{Request, CONTINUE_TAG};
use crate::{filters, methods, pystr};

/// Steps of one rendering; a conversation of a thousand turns takes some ten thousand.
const FUEL: u64 = 20_000_000;
const NAME: &str = "chat template";

/// What functions called from the template need to know; set for one rendering on its thread.
struct Rendering {
    date: Date,
    sentinels: Sentinels,
    refusal: Option<String>,
}

thread_local! {
    static RENDERING: RefCell<Option<Rendering>> = const { RefCell::new(None) };
}

/// Remembers the text of raise_exception, which is the whole error to show.
pub fn note_refusal(text: &str) {
    RENDERING.with_borrow_mut(|r| {
        if let Some(rendering) = r {
            rendering.refusal = Some(text.to_string());
        }
    });
}

fn strftime_now(format: &str) -> String {
    RENDERING.with_borrow(|r| r.as_ref().map_or(DEFAULT, |r| r.date).format(format))
}

fn generation(state: &State, kwargs: Kwargs) -> Result<String, Error> {
    let caller: Value = kwargs.get("caller")?;
    let body = caller.call(state, &[])?;
    Ok(RENDERING.with_borrow(|r| match r {
        Some(Rendering { sentinels: s, .. }) => {
            [&s.begin, body.as_str().unwrap_or(""), &s.end].concat()
        }
        None => py_str(&body),
    }))
}

pub struct Template {
    env: Environment<'static>,
    special: Map<String, Json>,
    marks_generation: bool,
    uses_content: bool,
}

pub struct Rendered {
    pub text: String,
    pub spans: Vec<usize>,
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_trim_blocks(true);
    env.set_lstrip_blocks(true);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_unknown_method_callback(methods::call_method);
    env.set_formatter(|out, _, value| {
        match value.as_str() {
            Some(text) => out.write_str(text),
            None => out.write_str(&py_str(value)),
        }
        .map_err(Error::from)
    });
    env.set_fuel(Some(FUEL));
    filters::install(&mut env);
    env.add_function("strftime_now", strftime_now);
    env.add_function("__generation__", generation);
    env
}

/// One sentence for an error and its causes, with the template's line.
fn sentence(error: &Error) -> String {
    let mut text = match error.line() {
        Some(line) => format!("line {line} of the chat template: "),
        None => "the chat template: ".into(),
    };
    if error.kind() == minijinja::ErrorKind::OutOfFuel {
        return text + "rendering takes too many steps; does a loop never end?";
    }
    match error.detail() {
        Some(detail) => text += &format!("{} ({detail})", error.kind()),
        None => text += &error.kind().to_string(),
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}

impl Template {
    pub fn new(source: &str, special_json: &str) -> Outcome<Template> {
        let special = match special_json.trim() {
            "" => Map::new(),
            text => match serde_json::from_str(text) {
                Ok(Json::Object(map)) => map,
                _ => return Err("the special tokens are no JSON object".into()),
            },
        };
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let (text, marks_generation) = rewrite(&source);
        let mut env = environment();
        env.add_template_owned(NAME, text)
            .map_err(|e| sentence(&e))?;
        Ok(Template {
            env,
            special,
            marks_generation,
            uses_content: source.contains("content"),
        })
    }

    pub fn marks_generation(&self) -> bool {
        self.marks_generation
    }

    pub fn render(&self, request: &str) -> Outcome<Rendered> {
        let request = Request::parse(request, &self.special)?;
        if request.continued.is_some() && !self.uses_content {
            return Err(
                "the chat template does not read \"content\": no message can be continued".into(),
            );
        }
        let nonce = RandomState::new().build_hasher().finish();
        let rendering = Rendering {
            date: request.date,
            sentinels: Sentinels::new(nonce),
            refusal: None,
        };
        RENDERING.set(Some(rendering));
        let result = self.run(&request);
        let rendering = RENDERING.take().ok_or("rendering lost its state")?;
        let text = match (result, rendering.refusal) {
            (Ok(text), _) => text,
            (Err(_), Some(refusal)) => {
                return Err(format!(
                    "the chat template refuses the conversation: {refusal}"
                ))
            }
            (Err(error), None) => return Err(sentence(&error)),
        };
        let (text, spans) = rendering.sentinels.strip(&text)?;
        match request.continued {
            Some(last) => Ok(cut(text, spans, &last)?),
            None => Ok(Rendered { text, spans }),
        }
    }

    fn run(&self, request: &Request) -> Result<String, Error> {
        let variables: Value = request
            .variables
            .iter()
            .map(|(k, v)| (k.as_str(), from_json(v)))
            .collect();
        self.env.get_template(NAME)?.render(variables)
    }
}

/// Ends the text right after the final message's own text, as Hugging Face does.
fn cut(mut text: String, mut spans: Vec<usize>, last: &str) -> Outcome<Rendered> {
    let tag = CONTINUE_TAG.trim_end();
    let body = pystr::strip(last, None, pystr::Side::Both);
    let place = text.rfind(tag).filter(|_| text.contains(body));
    let Some(at) = place else {
        return Err("the final message does not appear in the rendered conversation, so it cannot be continued".into());
    };
    let kept = text[at..].starts_with(CONTINUE_TAG);
    text.truncate(at);
    if !kept {
        // The template trimmed the message: its own trailing space goes too.
        let end = pystr::strip(&text, None, pystr::Side::Right).len();
        text.truncate(end);
    }
    for place in &mut spans {
        *place = (*place).min(text.len());
    }
    Ok(Rendered { text, spans })
}
