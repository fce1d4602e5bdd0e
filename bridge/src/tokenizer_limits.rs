//! Limits on a tokenizer.json that are checked before the crate sees it: parts of it on which the crate panics or never
//! ends, and parts that make every text grow. What remains is bounded while it runs (meter.rs).

use serde::Deserialize;
use serde_json::Value;

use crate::outcome::Outcome;

const FILE: usize = 256 << 20; // bytes; Gemma's has 33 MB
const TOKEN: usize = 10_000; // bytes of one added token
const TOKENS: usize = 4 << 20; // bytes of all added tokens: the crate's automaton takes a hundred and sixty times that
const PARTS: usize = 100; // normalizers, pre-tokenizers, ... of one file
const CONTENT: usize = 1000; // bytes that a Replace or Prepend puts into a text
const PIECES: usize = 100; // of a post-processor's template
const IDS: usize = 1000; // that a post-processor adds to a text
const WORD: u64 = 1000; // characters of a word that WordPiece takes apart: it looks at every piece of it; BERT's has 100

/// The file without its model, which is most of it.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    added_tokens: Value,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    model: Model,
}

#[derive(Default, Deserialize)]
struct Model {
    #[serde(default)]
    dropout: Value,
    #[serde(default)]
    max_input_chars_per_word: Value,
}

pub fn check_file(text: &str) -> Outcome<()> {
    if text.len() > FILE {
        return Err(format!(
            "tokenizer.json has {} bytes; the limit is {FILE}",
            text.len()
        ));
    }
    // What is not JSON, or has another shape, is left to the crate's own sentence.
    let Ok(parts) = serde_json::from_str::<Parts>(text) else {
        return Ok(());
    };
    if parts
        .model
        .dropout
        .as_f64()
        .is_some_and(|share| share > 0.0)
    {
        return Err("tokenizer.json: its model has a \"dropout\", so that a text is encoded differently each time; set it to null".into());
    }
    let word = &parts.model.max_input_chars_per_word;
    if word.as_u64().is_some_and(|length| length > WORD) {
        return Err(format!(
            "tokenizer.json: its model has {word} as \"max_input_chars_per_word\"; the limit is {WORD}"
        ));
    }
    let added = parts.added_tokens.as_array();
    check_tokens(
        added
            .into_iter()
            .flatten()
            .filter_map(|t| t["content"].as_str()),
    )?;
    for part in flat(&parts.normalizer, "normalizer", "normalizers")? {
        check_growing("normalizer", part)?;
        check_charsmap(part)?;
    }
    for part in flat(&parts.decoder, "decoder", "decoders")? {
        check_growing("decoder", part)?;
    }
    for part in flat(&parts.pre_tokenizer, "pre_tokenizer", "pretokenizers")? {
        if part["type"] == "FixedLength" && part["length"] == 0 {
            return Err("tokenizer.json: the pre_tokenizer FixedLength has the length 0".into());
        }
    }
    let post = flat(&parts.post_processor, "post_processor", "processors")?;
    check_templates(&post)
}

/// Texts of added tokens, of whatever file.
pub fn check_tokens<'a>(tokens: impl Iterator<Item = &'a str>) -> Outcome<()> {
    let mut total = 0;
    for token in tokens {
        if token.len() > TOKEN {
            let start: String = token.chars().take(20).collect();
            return Err(format!(
                "the added token \"{start}...\" has {} bytes; the limit is {TOKEN}",
                token.len()
            ));
        }
        total += token.len();
    }
    match total > TOKENS {
        true => Err(format!(
            "the added tokens have {total} bytes; the limit is {TOKENS}"
        )),
        false => Ok(()),
    }
}

/// The parts of a Sequence, and of the Sequences in it.
fn flat<'a>(part: &'a Value, name: &str, key: &str) -> Outcome<Vec<&'a Value>> {
    let mut open = vec![part];
    let mut parts = Vec::new();
    while let Some(part) = open.pop() {
        match part[key].as_array() {
            Some(inner) => open.extend(inner),
            None => parts.push(part),
        }
        if parts.len() + open.len() > PARTS {
            return Err(format!(
                "tokenizer.json: the {name} has more than {PARTS} parts"
            ));
        }
    }
    Ok(parts)
}

fn check_growing(name: &str, part: &Value) -> Outcome<()> {
    let pattern = &part["pattern"];
    if part["type"] == "Replace" && (pattern["String"] == "" || pattern["Regex"] == "") {
        return Err(format!(
            "tokenizer.json: the {name} Replace has an empty pattern"
        ));
    }
    for key in ["content", "prepend"] {
        let size = part[key].as_str().map_or(0, str::len);
        if size > CONTENT {
            return Err(format!(
                "tokenizer.json: the {name} {} puts {size} bytes into the text; the limit is {CONTENT}",
                part["type"].as_str().unwrap_or("part")
            ));
        }
    }
    Ok(())
}

/// A charsmap begins with the bytes of its trie (little-endian, 32 bits), for which the crate takes memory before it reads
/// them. What is not base64 is left to the crate's own sentence.
fn check_charsmap(part: &Value) -> Outcome<()> {
    let text = part["precompiled_charsmap"].as_str().unwrap_or_default();
    let mut bits = 0u64; // of six characters: 36
    for c in text.bytes().take(6) {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Ok(()),
        };
        bits = bits << 6 | u64::from(value);
    }
    let (trie, all) = (
        ((bits >> 4) as u32).swap_bytes() as usize,
        text.len() / 4 * 3,
    );
    match text.len() > 6 && trie > all {
        true => Err(format!(
            "tokenizer.json: the normalizer's precompiled_charsmap says that its trie has {trie} bytes, and all of it has {all}"
        )),
        false => Ok(()),
    }
}

/// Templates that name a token without its ids (the crate panics at the first text), or that repeat the text.
fn check_templates(processors: &[&Value]) -> Outcome<()> {
    let (mut ids, mut copies) = (0, 1);
    for processor in processors {
        for form in ["single", "pair"] {
            let pieces = processor[form].as_array().map_or(&[][..], Vec::as_slice);
            if pieces.len() > PIECES {
                return Err(format!(
                    "tokenizer.json: the post_processor's \"{form}\" has {} pieces; the limit is {PIECES}",
                    pieces.len()
                ));
            }
            let mut texts = 0;
            for piece in pieces {
                let Some(id) = piece["SpecialToken"]["id"].as_str() else {
                    texts += 1;
                    continue;
                };
                let Some(token) = processor["special_tokens"].get(id) else {
                    return Err(format!(
                        "tokenizer.json: the post_processor uses the token \"{id}\", but its special_tokens do not have it"
                    ));
                };
                ids += token["ids"].as_array().map_or(0, Vec::len);
            }
            if form == "single" {
                copies *= texts.max(1);
            }
        }
    }
    if ids > IDS || copies > 4 {
        return Err(format!(
            "tokenizer.json: the post_processor adds {ids} ids and writes the text {copies} times; the limits are {IDS} and 4"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: Value) -> String {
        check_file(&json.to_string())
            .expect_err(&json.to_string()[..100.min(json.to_string().len())])
    }

    #[test]
    fn parts_that_grow_without_end_are_refused() {
        use serde_json::json;
        let replace = |pattern: Value, content: &str| json!({"type": "Replace", "pattern": pattern, "content": content});
        let cases = [
            (
                json!({"normalizer": replace(json!({"String": ""}), "a")}),
                "empty pattern",
            ),
            (
                json!({"normalizer": replace(json!({"String": "a"}), &"b".repeat(2000))}),
                "puts 2000 bytes",
            ),
            (
                json!({"decoder": replace(json!({"Regex": ""}), "a")}),
                "decoder Replace has an empty",
            ),
            (
                json!({"normalizer": {"type": "Sequence", "normalizers": vec![json!({"type": "NFC"}); 1000]}}),
                "more than 100 parts",
            ),
            (
                json!({"pre_tokenizer": {"type": "FixedLength", "length": 0}}),
                "length 0",
            ),
            (
                json!({"added_tokens": [{"content": "x".repeat(50_000)}]}),
                "50000 bytes",
            ),
            (
                json!({"added_tokens": vec![json!({"content": "x".repeat(9_000)}); 500]}),
                "4500000 bytes",
            ),
            (json!({"model": {"dropout": 0.5}}), "dropout"),
            (
                json!({"model": {"max_input_chars_per_word": 1_000_000_000_000u64}}),
                "the limit is 1000",
            ),
            (
                json!({"post_processor": {"single": [{"SpecialToken": {"id": "x"}}], "special_tokens": {}}}),
                "do not have it",
            ),
            (
                json!({"post_processor": {"single": vec![json!({"Sequence": {"id": "A"}}); 50]}}),
                "writes the text 50 times",
            ),
            (
                json!({"post_processor": {"single": vec![json!({"Sequence": {"id": "A"}}); 500]}}),
                "500 pieces",
            ),
            (
                json!({"post_processor": {"single": [{"SpecialToken": {"id": "x"}}], "special_tokens": {"x": {"ids": vec![1; 2000]}}}}),
                "2000 ids",
            ),
        ];
        for (json, what) in cases {
            let sentence = refusal(json);
            assert!(sentence.contains(what), "{sentence}");
        }
    }

    #[test]
    fn a_charsmap_shorter_than_its_trie_is_refused() {
        // ff ff ff 7f 00 ...: a trie of 2 GB; 04 00 00 00 ...: one of four bytes.
        let charsmap = |text: &str| json!({"normalizer": {"type": "Precompiled", "precompiled_charsmap": text}});
        assert!(refusal(charsmap("////fwAAAAAA")).contains("its trie has 2147483647 bytes"));
        for text in ["BAAAAAAAAAAA", "", "AAAA", "not base64"] {
            assert!(check_file(&charsmap(text).to_string()).is_ok(), "{text}");
        }
    }

    #[test]
    fn usual_files_pass() {
        let json = serde_json::json!({
            "added_tokens": [{"content": "<s>"}],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "post_processor": {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
                               "pair": [{"Sequence": {"id": "A"}}, {"Sequence": {"id": "B"}}],
                               "special_tokens": {"<s>": {"ids": [1]}}},
            "model": {"type": "BPE", "dropout": null}});
        assert_eq!(check_file(&json.to_string()), Ok(()));
        assert_eq!(check_file("not json"), Ok(()));
    }
}
