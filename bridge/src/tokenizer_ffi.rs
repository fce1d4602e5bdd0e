//! Exported functions of the tokenizer.

use crate::ffi::{alive, give, guard, quietly, slice, take_back, texts, Str, Text};
use crate::outcome::Outcome;
use crate::tokenizer::Loaded;
use crate::train::train_bpe;

#[repr(C)]
pub struct Encoding {
    ids: *mut i32,
    offsets: *mut u32,
    size: usize,
}

#[repr(C)]
pub struct Batch {
    ids: *mut i32,
    ends: *mut usize,
    ids_size: usize,
    ends_size: usize,
}

/// # Safety
/// See una_bridge.h; pointers are valid for the call.
#[no_mangle]
pub unsafe extern "C" fn una_tokenizer_new(
    tokenizer_json: Str,
    config_json: Str,
    special_map_json: Str,
    out: *mut *mut Loaded,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let loaded = Loaded::new(
            tokenizer_json.text("tokenizer.json")?,
            config_json.text("tokenizer_config.json")?,
            special_map_json.text("special_tokens_map.json")?,
        )?;
        Ok(Box::into_raw(Box::new(loaded)))
    })
}

/// # Safety
/// `tokenizer` came from una_tokenizer_new and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_tokenizer_free(tokenizer: *mut Loaded) {
    if !tokenizer.is_null() {
        quietly(|| drop(Box::from_raw(tokenizer)));
    }
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_tokenizer_info(
    tokenizer: *const Loaded,
    out: *mut Text,
    error: *mut Text,
) -> i32 {
    guard(out, error, || alive(tokenizer)?.info().map(Text::new))
}

fn encode(loaded: &Loaded, text: &str, special: bool, with_offsets: bool) -> Outcome<Encoding> {
    let (ids, offsets) = if with_offsets {
        let (ids, offsets) = loaded.encode_with_offsets(text, special)?;
        (ids, give(offsets).0)
    } else {
        (loaded.encode(text, special)?, std::ptr::null_mut())
    };
    let (ids, size) = give(ids);
    Ok(Encoding { ids, offsets, size })
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_encode(
    tokenizer: *const Loaded,
    text: Str,
    add_special_tokens: i32,
    with_offsets: i32,
    out: *mut Encoding,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let text = text.text("the text to encode")?;
        encode(
            alive(tokenizer)?,
            text,
            add_special_tokens != 0,
            with_offsets != 0,
        )
    })
}

/// # Safety
/// `encoding` came from una_encode and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_encoding_free(encoding: Encoding) {
    quietly(|| {
        take_back(encoding.ids, encoding.size);
        take_back(encoding.offsets, 2 * encoding.size);
    });
}

fn encode_batch(loaded: &Loaded, inputs: &[&str], special: bool) -> Outcome<Batch> {
    let encoded = loaded.encode_batch(inputs, special)?;
    let mut ids = Vec::with_capacity(encoded.iter().map(Vec::len).sum());
    let mut ends = Vec::with_capacity(encoded.len());
    for text in encoded {
        ids.extend(text);
        ends.push(ids.len());
    }
    let (ids, ids_size) = give(ids);
    let (ends, ends_size) = give(ends);
    Ok(Batch {
        ids,
        ends,
        ids_size,
        ends_size,
    })
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_encode_batch(
    tokenizer: *const Loaded,
    inputs: *const Str,
    count: usize,
    add_special_tokens: i32,
    out: *mut Batch,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let inputs = texts(inputs, count, "text")?;
        encode_batch(alive(tokenizer)?, &inputs, add_special_tokens != 0)
    })
}

/// # Safety
/// `batch` came from una_encode_batch and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_batch_free(batch: Batch) {
    quietly(|| {
        take_back(batch.ids, batch.ids_size);
        take_back(batch.ends, batch.ends_size);
    });
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_decode(
    tokenizer: *const Loaded,
    ids: *const i32,
    count: usize,
    skip_special_tokens: i32,
    out: *mut Text,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let text = alive(tokenizer)?.decode(slice(ids, count)?, skip_special_tokens != 0)?;
        Ok(Text::new(text))
    })
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_token_to_id(
    tokenizer: *const Loaded,
    token: Str,
    id: *mut i32,
    error: *mut Text,
) -> i32 {
    guard(id, error, || {
        let found = alive(tokenizer)?
            .tokenizer
            .token_to_id(token.text("the token")?);
        Ok(found.map_or(-1, |id| id as i32))
    })
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_id_to_token(
    tokenizer: *const Loaded,
    id: i32,
    out: *mut Text,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let loaded = alive(tokenizer)?;
        let token = u32::try_from(id)
            .ok()
            .and_then(|id| loaded.tokenizer.id_to_token(id));
        Ok(Text::new(token.unwrap_or_default()))
    })
}

/// # Safety
/// See una_bridge.h.
#[no_mangle]
pub unsafe extern "C" fn una_bpe_train(
    inputs: *const Str,
    count: usize,
    vocab_size: i64,
    special_tokens: *const Str,
    special_count: usize,
    out: *mut Text,
    error: *mut Text,
) -> i32 {
    guard(out, error, || {
        let inputs = texts(inputs, count, "text")?;
        let special = texts(special_tokens, special_count, "special token")?;
        train_bpe(&inputs, vocab_size, &special).map(Text::new)
    })
}
