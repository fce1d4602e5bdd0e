//! A tokenizer as transformers' PreTrainedTokenizerFast sets it up from a model folder:
//! - tokenizer.json is followed; its stored truncation and padding are dropped (both are per call there);
//! - `added_tokens_decoder` of tokenizer_config.json, then the named special tokens, then the extra ones join
//!   the added tokens; special_tokens_map.json counts only when the config has no `added_tokens_decoder`;
//! - add_bos_token and add_eos_token of the config change nothing: the post-processor of tokenizer.json decides
//!   (transformers 5 drops both keys on loading);
//! - `split_special_tokens` is honoured, clean_up_tokenization_spaces only for models other than BPE.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tokenizers::parallelism::MaybeParallelRefIterator;
use tokenizers::{AddedToken, Encoding, ModelWrapper, Tokenizer};

use crate::meter::{self, metered, Budget, Task};
use crate::outcome::{blame_input, Outcome};
use crate::tokenizer_limits::{check_file, check_tokens};

const NAMED: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

pub struct Loaded {
    pub tokenizer: Tokenizer,
    special: Vec<(String, String)>, // name, token
    clean_up: bool,
}

fn object(text: &str, what: &str) -> Outcome<Map<String, Value>> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(format!("{what} does not hold a JSON object")),
        Err(e) => Err(format!("{what} is not valid JSON: {e}")),
    }
}

/// A token as a string or as an object with "content"; None for anything else.
fn added_token(value: &Value) -> Option<AddedToken> {
    match value {
        // As Python's AddedToken(token, special=True): normalized follows from special.
        Value::String(content) => Some(AddedToken::from(content.as_str(), true)),
        Value::Object(map) => {
            let flag = |name: &str| map.get(name).and_then(Value::as_bool);
            let special = flag("special").unwrap_or(false);
            let token = AddedToken::from(map.get("content")?.as_str()?, special)
                .single_word(flag("single_word").unwrap_or(false))
                .lstrip(flag("lstrip").unwrap_or(false))
                .rstrip(flag("rstrip").unwrap_or(false))
                .normalized(flag("normalized").unwrap_or(!special));
            Some(token)
        }
        _ => None,
    }
}

/// The config, overridden by special_tokens_map.json where transformers does that.
fn merged_config(config_json: &str, special_map_json: &str) -> Outcome<Map<String, Value>> {
    let mut config = object(config_json, "tokenizer_config.json")?;
    let over = object(special_map_json, "special_tokens_map.json")?;
    let has_extra = |c: &Map<String, Value>| match c.get("extra_special_tokens") {
        Some(Value::Array(a)) => !a.is_empty(),
        Some(Value::Object(o)) => !o.is_empty(),
        _ => false,
    };
    if !has_extra(&config) {
        if let Some(extra) = config.remove("additional_special_tokens") {
            config.insert("extra_special_tokens".into(), extra);
        }
    }
    if !config.contains_key("added_tokens_decoder") {
        for (key, mut value) in over {
            if let Value::Object(map) = &mut value {
                if map.contains_key("content") {
                    map.insert("special".into(), Value::Bool(true));
                }
            }
            config.insert(key, value);
        }
        if !config.contains_key("extra_special_tokens") {
            if let Some(extra) = config.remove("additional_special_tokens") {
                config.insert("extra_special_tokens".into(), extra);
            }
        }
    }
    Ok(config)
}

/// `added_tokens_decoder`, by id.
fn decoder_tokens(config: &Map<String, Value>) -> Outcome<Vec<AddedToken>> {
    let Some(Value::Object(map)) = config.get("added_tokens_decoder") else {
        return Ok(Vec::new());
    };
    let mut tokens = Vec::new();
    for (id, value) in map {
        let place = format!("added_tokens_decoder of tokenizer_config.json, entry \"{id}\"");
        let number: i64 = id
            .parse()
            .map_err(|_| format!("{place}: the key is not a number"))?;
        let token = match value {
            Value::Object(_) => added_token(value),
            _ => None,
        };
        let token = token.ok_or_else(|| format!("{place}: needs an object with \"content\""))?;
        tokens.push((number, token));
    }
    tokens.sort_by_key(|t| t.0);
    Ok(tokens.into_iter().map(|t| t.1).collect())
}

/// Named special tokens in transformers' order: the seven standard names, then the model's own *_token.
fn named_tokens(config: &Map<String, Value>) -> Outcome<Vec<(String, AddedToken)>> {
    let mut named = Vec::new();
    for name in NAMED {
        match config.get(name) {
            None | Some(Value::Null) => {}
            Some(value) => {
                let token = added_token(value).ok_or_else(|| {
                    format!("{name} must be a string or an object with \"content\"")
                })?;
                named.push((name.to_string(), token));
            }
        }
    }
    let own = config
        .iter()
        .filter(|(key, _)| key.ends_with("_token") && !NAMED.contains(&key.as_str()));
    for (key, value) in own {
        if let Some(token) = added_token(value) {
            named.push((key.clone(), token));
        }
    }
    if let Some(Value::Object(map)) = config.get("extra_special_tokens") {
        let mut extra = Vec::new();
        for (key, value) in map {
            let token = added_token(value)
                .ok_or_else(|| format!("extra_special_tokens, \"{key}\": must be a token"))?;
            extra.push((key.clone(), token));
        }
        // A name of both counts once, as the extra one.
        named.retain(|n: &(String, AddedToken)| !map.contains_key(&n.0));
        named.append(&mut extra);
    }
    Ok(named)
}

/// The tokens that join the tokenizer's own added tokens, in order.
fn tokens_to_add(
    tokenizer: &Tokenizer,
    config: &Map<String, Value>,
    named: &mut [(String, AddedToken)],
) -> Outcome<Vec<AddedToken>> {
    let mut tokens = decoder_tokens(config)?;
    let stored = tokenizer.get_added_tokens_decoder();
    let mut known: HashSet<String> = stored.values().map(|t| t.content.clone()).collect();
    known.extend(tokens.iter().map(|t| t.content.clone()));
    for (_, token) in named.iter_mut() {
        if known.insert(token.content.clone()) {
            token.special = true;
            tokens.push(token.clone());
        }
    }
    if let Some(Value::Array(extra)) = config.get("extra_special_tokens") {
        for (i, value) in extra.iter().enumerate() {
            let token = added_token(value).ok_or_else(|| {
                format!("special token {i} must be a string or an object with \"content\"")
            })?;
            if known.insert(token.content.clone()) {
                tokens.push(token);
            }
        }
    }
    Ok(tokens)
}

/// serde's sentence about an enum without a tag, in words.
fn plain(sentence: &str) -> String {
    let Some(rest) = sentence.strip_prefix("data did not match any variant of untagged enum ")
    else {
        return sentence.to_string();
    };
    let (name, place) = rest.split_once(' ').unwrap_or((rest, ""));
    let name = name
        .trim_end_matches("Untagged")
        .trim_end_matches("Wrapper");
    format!(
        "the part {name} is of an unknown type, or one of its members is wrong or missing, {place}"
    )
}

impl Loaded {
    pub fn new(tokenizer_json: &str, config_json: &str, special_map_json: &str) -> Outcome<Loaded> {
        check_file(tokenizer_json)?;
        blame_input("tokenizer.json cannot be used", || {
            Loaded::read(tokenizer_json, config_json, special_map_json)
        })
    }

    fn read(tokenizer_json: &str, config_json: &str, special_map_json: &str) -> Outcome<Loaded> {
        let mut tokenizer = Tokenizer::from_bytes(tokenizer_json.as_bytes())
            .map_err(|e| format!("tokenizer.json cannot be read: {}", plain(&e.to_string())))?;
        tokenizer
            .with_truncation(None)
            .map_err(|e| format!("tokenizer.json: {e}"))?;
        tokenizer.with_padding(None);
        let config = merged_config(config_json, special_map_json)?;
        let mut named = named_tokens(&config)?;
        let flag = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
        tokenizer.set_encode_special_tokens(flag("split_special_tokens"));
        let tokens = tokens_to_add(&tokenizer, &config, &mut named)?;
        check_tokens(tokens.iter().map(|t| t.content.as_str()))?;
        tokenizer
            .add_tokens(tokens)
            .map_err(|e| format!("the special tokens cannot be added: {e}"))?;
        let bpe = matches!(tokenizer.get_model(), ModelWrapper::BPE(_));
        let forced =
            flag("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output");
        Ok(Loaded {
            clean_up: flag("clean_up_tokenization_spaces") && (!bpe || forced),
            tokenizer,
            special: named.into_iter().map(|n| (n.0, n.1.content)).collect(),
        })
    }

    fn id_of_name(&self, name: &str) -> Option<u32> {
        let found = self.special.iter().find(|s| s.0 == name)?;
        self.tokenizer.token_to_id(&found.1)
    }

    /// The largest id + 1, and the bytes of the longest token.
    fn bounds(&self) -> (u64, usize) {
        let vocab = self.tokenizer.get_vocab(true);
        let size = vocab.values().max().map_or(0, |m| u64::from(*m) + 1);
        (size, vocab.keys().map(String::len).max().unwrap_or(0))
    }

    /// Encodes one text under a budget; with offsets or without.
    fn encoding(&self, text: &str, special: bool, with_offsets: bool) -> Outcome<Encoding> {
        if text.len() > TEXT {
            return Err(format!(
                "a text of {} MB; texts of more than {} MB are not tokenised",
                text.len() >> 20,
                TEXT >> 20
            ));
        }
        blame_input("the tokenizer cannot encode the text", || {
            metered(ENCODING, budget(text.len()), || {
                let encoding = match with_offsets {
                    true => self.tokenizer.encode(text, special),
                    false => self.tokenizer.encode_fast(text, special),
                };
                let encoding = encoding.map_err(refused)?;
                meter::check().map(|_| encoding)
            })
        })
    }

    pub fn encode(&self, text: &str, special: bool) -> Outcome<Vec<i32>> {
        Ok(ids_of(&self.encoding(text, special, false)?))
    }

    /// Ids of each text; on all cores, as TOKENIZERS_PARALLELISM allows.
    pub fn encode_batch(&self, texts: &[&str], special: bool) -> Outcome<Vec<Vec<i32>>> {
        texts
            .maybe_par_iter()
            .map(|text| self.encode(text, special))
            .collect()
    }

    /// Ids and byte offsets, two per id.
    pub fn encode_with_offsets(&self, text: &str, special: bool) -> Outcome<(Vec<i32>, Vec<u32>)> {
        let encoding = self.encoding(text, special, true)?;
        let offsets = encoding.get_offsets().iter();
        Ok((
            ids_of(&encoding),
            offsets.flat_map(|o| [o.0 as u32, o.1 as u32]).collect(),
        ))
    }

    pub fn decode(&self, ids: &[i32], skip_special: bool) -> Outcome<String> {
        let ids: Outcome<Vec<u32>> = ids
            .iter()
            .map(|id| u32::try_from(*id).map_err(|_| format!("{id} is not a token id")))
            .collect();
        let ids = ids?;
        let text = blame_input("the tokenizer cannot decode these ids", || {
            metered(DECODING, budget(64 * ids.len()), || {
                let text = self.tokenizer.decode(&ids, skip_special).map_err(refused)?;
                meter::check().map(|_| text)
            })
        })?;
        Ok(if self.clean_up { cleaned(&text) } else { text })
    }

    /// Whether encoding with special tokens puts `name`'s token first (or last), found by doing it.
    fn adds(&self, name: &str, first: bool) -> Outcome<bool> {
        let Some(id) = self.id_of_name(name) else {
            return Ok(false);
        };
        let (plain, full) = (self.encode("a", false)?, self.encode("a", true)?);
        let end = |ids: &[i32]| (if first { ids.first() } else { ids.last() }).copied();
        Ok(full.len() > plain.len() && end(&full) == Some(id as i32) && end(&plain) != end(&full))
    }

    pub fn info(&self) -> Outcome<String> {
        let special: Map<String, Value> = self
            .special
            .iter()
            .map(|(name, token)| (name.clone(), Value::String(token.clone())))
            .collect();
        let (size, longest) = self.bounds();
        let info = serde_json::json!({
            "size": size,
            "longest_token": longest,
            "bos_id": self.id_of_name("bos_token"),
            "eos_id": self.id_of_name("eos_token"),
            "pad_id": self.id_of_name("pad_token"),
            "adds_bos": self.adds("bos_token", true)?,
            "adds_eos": self.adds("eos_token", false)?,
            "special_tokens": special,
        });
        Ok(info.to_string())
    }
}

const ENCODING: Task = Task {
    what: "encoding a text",
    advice: "; something in tokenizer.json makes it grow",
};
const DECODING: Task = Task {
    what: "decoding ids",
    advice: "; something in tokenizer.json makes the text grow",
};

/// Bytes of one text: 16 MB are four million tokens, and take 2.4 GB.
const TEXT: usize = 16 << 20;

/// What a text of so many bytes may take: usual tokenizers need 150 bytes and a microsecond per byte.
fn budget(bytes: usize) -> Budget {
    Budget {
        bytes: (512 << 20) + 400 * bytes,
        seconds: 10.0 + 20e-6 * bytes as f64,
    }
}

fn ids_of(encoding: &Encoding) -> Vec<i32> {
    encoding.get_ids().iter().map(|id| *id as i32).collect()
}

fn refused(error: tokenizers::Error) -> String {
    format!("the tokenizer refuses: {error}")
}

/// transformers' clean_up_tokenization, meant for WordPiece.
fn cleaned(text: &str) -> String {
    let pairs = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    pairs
        .iter()
        .fold(text.to_string(), |t, (from, to)| t.replace(from, to))
}
