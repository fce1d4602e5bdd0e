//! Training of a byte-level BPE.

use std::collections::HashSet;

use tokenizers::models::bpe::{BpeTrainer, BPE};
use tokenizers::models::TrainerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

use crate::outcome::Outcome;

/// The text of a tokenizer.json. Special tokens get the first ids, then the 256 bytes, then the merges by
/// count and, among equals, by the ids they join: the same texts give the same file.
pub fn train_bpe(texts: &[&str], vocab_size: i64, special: &[&str]) -> Outcome<String> {
    let mut seen = HashSet::new();
    for token in special {
        if token.is_empty() || !seen.insert(*token) {
            return Err(format!(
                "the special token \"{token}\" is empty or named twice"
            ));
        }
    }
    let alphabet: HashSet<char> = ByteLevel::alphabet().into_iter().collect();
    let least = alphabet.len() + special.len();
    let size = usize::try_from(vocab_size).unwrap_or(0);
    if size < least {
        return Err(format!(
            "a vocabulary of {vocab_size} is too small: the 256 bytes and {} special tokens need {least}",
            special.len()
        ));
    }
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .vocab_size(size)
        .show_progress(false)
        .initial_alphabet(alphabet)
        .special_tokens(special.iter().map(|s| AddedToken::from(*s, true)).collect())
        .build()
        .into();
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer
        .with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(false)))
        .with_decoder(Some(ByteLevel::default().add_prefix_space(false)));
    tokenizer
        .train(&mut trainer, texts.iter())
        .and_then(|t| t.to_string(true))
        .map_err(|e| format!("the tokenizer cannot be trained: {e}"))
}
