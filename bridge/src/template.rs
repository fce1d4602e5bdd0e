//! A chat template as Hugging Face renders it: trim_blocks, lstrip_blocks, loop controls, no escaping, lenient
//! undefined values, Python's str() and json.dumps, raise_exception, strftime_now with a fixed day, and
//! `{% generation %}` spans. Templates are untrusted: no loader; bounded text (source_limits.rs), steps, recursion,
//! memory and processor time (meter.rs, kept.rs).

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value};
use serde_json::{Map, Value as Json};

use crate::clock::{Date, DEFAULT};
use crate::generation::{rewrite, Sentinels};
use crate::meter::{self, metered, Budget, Task};
use crate::outcome::{blame_input, Outcome};
use crate::pyerror::check_budget;
use crate::pyrepr::py_str;
use crate::pyvalue::from_json;
use crate::request::{Request, CONTINUE_TAG};
use crate::source_limits::check_size;
use crate::{filters, kept, methods, pystr};

/// Steps of one rendering; a conversation of a thousand turns takes some ten thousand.
const FUEL: u64 = 20_000_000;
/// Bytes per byte of the conversation, on top of the budget: its JSON, its values, the rendered text.
const MEMORY_PER_BYTE: usize = 20;
const NAME: &str = "chat template";
const RENDERING_TASK: Task = Task {
    what: "rendering the chat template",
    advice: " (the limits are --chat_template_max_mb and --chat_template_max_seconds)",
};

/// What functions called from the template need to know; set for one rendering on its thread.
struct Rendering {
    date: Date,
    sentinels: Sentinels,
    refusal: Option<String>,
}

thread_local! {
    static RENDERING: RefCell<Option<Rendering>> = const { RefCell::new(None) };
}

/// The text is the whole error to show.
fn raise_exception(message: Value) -> Result<Value, Error> {
    let text = py_str(&message);
    RENDERING.with_borrow_mut(|r| {
        if let Some(rendering) = r {
            rendering.refusal = Some(shortened(text.clone()));
        }
    });
    Err(Error::new(ErrorKind::InvalidOperation, text))
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
    budget: Budget,
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
        check_budget()?;
        match value.as_str() {
            Some(text) => out.write_str(text),
            None => out.write_str(&py_str(value)),
        }
        .map_err(Error::from)
    });
    env.set_fuel(Some(FUEL));
    filters::install(&mut env);
    kept::install(&mut env);
    env.add_function("raise_exception", raise_exception);
    env.add_function("strftime_now", strftime_now);
    env.add_function("__generation__", generation);
    env
}

/// A template's own words can be as long as the template, and the causes of an error as many as its calls.
const LONGEST_SENTENCE: usize = 500; // characters

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SENTENCE) {
        text.truncate(end);
        text += "...";
    }
    text
}

/// One sentence for an error and its causes, with the template's line.
fn sentence(error: &Error) -> String {
    shortened(whole_sentence(error))
}

fn whole_sentence(error: &Error) -> String {
    let mut text = match error.line() {
        Some(line) => format!("line {line} of the chat template: "),
        None => "the chat template: ".into(),
    };
    if error.kind() == ErrorKind::OutOfFuel {
        return text + "rendering takes too many steps; does a loop never end?";
    }
    match error.detail() {
        Some(detail) if detail.starts_with(RENDERING_TASK.what) => return text + detail,
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
    pub fn new(source: &str, special_json: &str, budget: Budget) -> Outcome<Template> {
        check_size(source)?;
        let special = match special_json.trim() {
            "" => Map::new(),
            text => match serde_json::from_str(text) {
                Ok(Json::Object(map)) => map,
                _ => return Err("the special tokens are not a JSON object".into()),
            },
        };
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let (text, marks_generation) = rewrite(&source)?;
        let mut env = environment();
        // Constant expressions are computed here.
        blame_input("the chat template cannot be compiled", || {
            metered(RENDERING_TASK, budget, || {
                env.add_template_owned(NAME, text).map_err(|e| sentence(&e))
            })
        })?;
        Ok(Template {
            budget,
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
        let budget = Budget {
            bytes: self.budget.bytes + MEMORY_PER_BYTE * request.len(),
            seconds: self.budget.seconds,
        };
        blame_input("the chat template cannot be rendered", || {
            metered(RENDERING_TASK, budget, || self.render_metered(request))
        })
    }

    fn render_metered(&self, request: &str) -> Outcome<Rendered> {
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
            (Ok(text), _) => {
                meter::check()?;
                text
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Budget = Budget {
        bytes: 64 << 20,
        seconds: 3.0,
    };

    fn rendered(source: &str) -> Outcome<String> {
        let template = Template::new(source, "", LIMITS)?;
        let request = r#"{"messages": [{"role": "user", "content": "Hi"}]}"#;
        template.render(request).map(|r| r.text)
    }

    fn refusal(source: &str) -> String {
        rendered(source).expect_err(&source[..source.len().min(100)])
    }

    #[test]
    fn guards_change_nothing() {
        let source = "{% set ns = namespace(n=0, s='') %}{% for m in messages %}{% set ns.n = ns.n + 1 %}\
            {% if m.role == 'user' and ns.n is odd %}{% set a, b = 1, 2 %}{{ a + b }}{% elif nothing %}x{% endif %}\
            {% endfor %}{% set x %}block{% endset %}{{ x }}{{ ns.n }}{% set y = nothing %}{{ y is defined }}\
            {% macro m(a) %}{% set z = a ~ ns.n %}{{ z }}{% endmacro %}{{ m('q') }}{{ '%5d|%s 12345678'|format(7, 'x') }}";
        assert_eq!(rendered(source).unwrap(), "3block1Falseq1    7|x 12345678");
    }

    #[test]
    fn deep_chains_are_refused_before_they_are_compiled() {
        let operators = "more than 1000 operators";
        for (begin, link, count, end, what) in [
            ("{{ 1", "+1", 19_000, " }}", operators),
            ("{{ ", "not ", 20_000, "1 }}", operators),
            ("{{ ", "-", 20_000, "1 }}", operators),
            ("{{ a", ".a", 40_000, " }}", operators),
            ("{{ a", "|upper", 40_000, " }}", operators),
            ("{{ a", "~a", 40_000, " }}", operators),
            ("{{ ", "1 if 0 else ", 20_000, "1 }}", operators),
            ("{% if 0 %}", "{% elif 0 %}", 7_000, "{% endif %}", "more than 1000 elif"),
            ("", "x", 2 << 20, "", "the limit is 1048576"),
            ("", "{% macro m() %}", 60_000, "", "more than 50 macro"),
        ] {
            let source = format!("{begin}{}{end}", link.repeat(count));
            let sentence = refusal(&source);
            assert!(sentence.contains(what), "{sentence}");
        }
        assert_eq!(
            rendered(&format!("{{{{ 1{} }}}}", "+1".repeat(900))).unwrap(),
            "901"
        );
    }

    #[test]
    fn texts_and_lists_are_bounded() {
        for source in [
            "{{ '{:>99999999999}'.format('a') }}",
            "{{ '%9999999999d'|format(1) }}",
            "{{ [1]|batch(10**12)|list }}",
            "{{ [1]|slice(10**9)|list }}",
            "{{ ('a' * 1000000)|replace('a', 'b' * 1000) }}",
            "{{ ('a' * 1000000).replace('', 'b' * 1000) }}",
            "{{ range(10000)|join('x' * 100000) }}",
            "{{ ('x' * 100000).join(['a'] * 10000) }}",
            "{{ ('\\n' * 1000000)|indent('x' * 1000) }}",
            "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "{% set ns = namespace(x=['a']) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
            "{% set ns = namespace(x=['a']) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
            "{% for i in range(10000) %}{% for j in range(10000) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }}{% endfor %}{% endfor %}",
        ] {
            let sentence = refusal(source);
            assert!(!sentence.contains("failed:"), "{source}: {sentence}");
        }
    }

    #[test]
    fn time_is_bounded_where_steps_are_long() {
        for source in [
            "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = ns.x + [i] %}{% endfor %}",
            "{% set b = 'a' * 1000000 %}{% for i in range(99999) %}{% if b.find('b') > 0 %}{% endif %}{% endfor %}",
            "{% set b = 'a' * 3000000 %}{% set c = 'a' * 2999999 ~ 'b' %}{% for i in range(99999) %}{% if b == c %}{% endif %}{% endfor %}",
        ] {
            let sentence = refusal(source);
            assert!(sentence.contains("rendering the chat template takes more than"), "{source}: {sentence}");
        }
        assert!(refusal(
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
        )
        .contains("too many steps"));
    }

    #[test]
    fn sentences_are_short() {
        for source in [
            "{{ raise_exception('\u{e4}' * 300000) }}",
            "{% include 'chat template' %}",
            &format!("{{{{ 1|{} }}}}", "f".repeat(900_000)),
            &format!("{{% {} %}}", "t".repeat(900_000)),
        ] {
            assert!(refusal(source).chars().count() < 600);
        }
    }

    #[test]
    fn values_that_hold_themselves_are_refused() {
        for source in [
            "{% set a = namespace() %}{% set a.x = a %}{% set b = namespace() %}{% set b.x = b %}{{ a == b }}",
            "{% set a = namespace() %}{% set b = namespace() %}{% set a.x = b %}{% set b.x = [1, {'k': a}] %}",
        ] {
            assert!(refusal(source).contains("a namespace would hold itself"));
        }
        let deep = "{% set x = [x] %}".repeat(50_000);
        assert!(refusal(&deep).contains("nested more than 100 deep"));
        let fine = "{% set a = namespace(v=1) %}{% set b = namespace(inner=a) %}{% set b.more = [a] %}{{ b.inner.v }}";
        assert_eq!(rendered(fine).unwrap(), "1");
    }
}
