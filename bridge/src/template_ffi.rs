//! Exported functions of chat templates.

use crate::ffi::{alive, give, guard, quietly, take_back, una_text_free, Str, Text};
use crate::meter::Budget;
use crate::outcome::Outcome;
use crate::template::Template;

#[repr(C)]
pub struct Limits {
    megabytes: i64,
    seconds: f64,
}

impl Limits {
    fn budget(&self) -> Outcome<Budget> {
        let good = (1..=1 << 20).contains(&self.megabytes) && self.seconds > 0.0;
        match good {
            true => Ok(Budget {
                bytes: (self.megabytes as usize) << 20,
                seconds: self.seconds,
            }),
            false => Err("the limits of the chat template must be positive, and the memory at most 1048576 MB".into()),
        }
    }
}

#[repr(C)]
pub struct Rendered {
    text: Text,
    spans: *mut usize,
    spans_size: usize,
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_template_new(
    source: Str,
    special_tokens_json: Str,
    limits: Limits,
    out: *mut *mut Template,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let source = source.text("the chat template")?;
        let special = special_tokens_json.text("the special tokens")?;
        let template = Template::new(source, special, limits.budget()?)?;
        Ok(Box::into_raw(Box::new(template)))
    })
}

/// # Safety
/// `template` came from una_template_new and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_template_free(template: *mut Template) {
    if !template.is_null() {
        quietly(|| drop(Box::from_raw(template)));
    }
}

/// # Safety
/// `template` came from una_template_new and is alive, or is null.
#[no_mangle]
pub unsafe extern "C" fn una_template_marks_generation(template: *const Template) -> i32 {
    template
        .as_ref()
        .map_or(0, |t| i32::from(t.marks_generation()))
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_template_render(
    template: *const Template,
    request: Str,
    out: *mut Rendered,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let rendered = alive(template)?.render(request.text("the conversation")?)?;
        let (spans, size) = give(rendered.spans);
        Ok(Rendered {
            text: Text::new(rendered.text),
            spans,
            spans_size: size / 2,
        })
    })
}

/// # Safety
/// `rendered` came from una_template_render and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_rendered_free(rendered: Rendered) {
    quietly(|| {
        una_text_free(rendered.text);
        take_back(rendered.spans, 2 * rendered.spans_size);
    });
}
