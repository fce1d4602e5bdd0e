// The C border of the Rust bridge: Hugging Face tokenizers and a Jinja engine (minijinja) that renders chat
// templates as Hugging Face does. Hand-written; bridge/src/ holds the other side. What is rendered and how:
// the heads of bridge/src/template.rs and bridge/src/tokenizer.rs.
//
// Rules: every function that can fail returns una_status and, when it is not UNA_OK, leaves a sentence in
// *error, which the caller frees with una_text_free. Outputs are written only on UNA_OK and belong to the
// caller, who gives them back to the bridge by the matching *_free. Texts are UTF-8 (checked), without a final
// NUL; a text may hold NUL bytes. Handles are immutable: any number of threads may use one at once.
#ifndef UNA_BRIDGE_H_
#define UNA_BRIDGE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t una_status;
enum {
  UNA_OK = 0,
  UNA_INPUT = 1,    // the input is at fault; the sentence says what
  UNA_INTERNAL = 2  // the bridge is at fault (a caught panic)
};

typedef struct una_str {  // borrowed for the call
  const char* data;       // may be NULL when size is 0
  size_t size;
} una_str;

typedef struct una_text {  // owned by the caller
  char* data;
  size_t size;
} una_text;
void una_text_free(una_text text);

// ---- tokenizer ----

typedef struct una_tokenizer una_tokenizer;

// Texts of tokenizer.json, tokenizer_config.json and special_tokens_map.json; the last two may be empty.
una_status una_tokenizer_new(una_str tokenizer_json, una_str config_json, una_str special_map_json,
                             una_tokenizer** out, una_text* error);
void una_tokenizer_free(una_tokenizer* tokenizer);

// A JSON object: "size" (largest id + 1), "longest_token" (bytes), "bos_id", "eos_id", "pad_id" (null when there is
// none), "adds_bos", "adds_eos", "special_tokens" ({"bos_token": "<s>", ...}).
una_status una_tokenizer_info(const una_tokenizer* tokenizer, una_text* out, una_text* error);

typedef struct una_encoding {
  int32_t* ids;
  uint32_t* offsets;  // bytes [begin, end) of the text, 2 per id; NULL when not asked for
  size_t size;        // number of ids
} una_encoding;
una_status una_encode(const una_tokenizer* tokenizer, una_str text, int32_t add_special_tokens,
                      int32_t with_offsets, una_encoding* out, una_text* error);
void una_encoding_free(una_encoding encoding);

typedef struct una_batch {
  int32_t* ids;      // of all texts, one after the other
  size_t* ends;      // per text: where its ids end
  size_t ids_size;   // number of ids
  size_t ends_size;  // number of texts
} una_batch;
// On all cores (RAYON_NUM_THREADS and TOKENIZERS_PARALLELISM are honoured).
una_status una_encode_batch(const una_tokenizer* tokenizer, const una_str* texts, size_t count,
                            int32_t add_special_tokens, una_batch* out, una_text* error);
void una_batch_free(una_batch batch);

una_status una_decode(const una_tokenizer* tokenizer, const int32_t* ids, size_t count,
                      int32_t skip_special_tokens, una_text* out, una_text* error);
// *id is -1 when there is no such token.
una_status una_token_to_id(const una_tokenizer* tokenizer, una_str token, int32_t* id, una_text* error);
// Empty when there is no such id.
una_status una_id_to_token(const una_tokenizer* tokenizer, int32_t id, una_text* out, una_text* error);

// Trains a byte-level BPE; *out is the text of its tokenizer.json.
una_status una_bpe_train(const una_str* texts, size_t count, int64_t vocab_size, const una_str* special_tokens,
                         size_t special_count, una_text* out, una_text* error);

// ---- chat template ----

typedef struct una_template una_template;

// What one rendering may use: memory, on top of 20 bytes per byte of the request, and processor time. A template that
// goes far beyond them within one expression ends the program with exit code 2 and a sentence on standard error.
typedef struct una_template_limits {
  int64_t megabytes;
  double seconds;
} una_template_limits;

// special_tokens_json: a JSON object of strings, or empty.
una_status una_template_new(una_str source, una_str special_tokens_json, una_template_limits limits,
                            una_template** out, una_text* error);
void una_template_free(una_template* tmpl);
int32_t una_template_marks_generation(const una_template* tmpl);  // has {% generation %} blocks

typedef struct una_rendered {
  una_text text;
  size_t* spans;      // bytes [begin, end) of the {% generation %} blocks, 2 per block
  size_t spans_size;  // number of blocks
} una_rendered;
// `request` is a JSON object:
//   "messages": [object, ...]; a member "extra" (object) of a message is merged into it, null members vanish
//   "tools", "documents": array or null; "kwargs": object that overrides every other variable
//   "add_generation_prompt", "continue_final_message": bool
//   "date": "26 Jul 2024" or "2024-07-26": what strftime_now tells
una_status una_template_render(const una_template* tmpl, una_str request, una_rendered* out, una_text* error);
void una_rendered_free(una_rendered rendered);

// ---- regular expressions ----

typedef struct una_pattern una_pattern;
typedef struct una_found {
  int32_t found;      // 1: the pattern is in the text
  size_t begin, end;  // bytes of the pattern's last group there; both SIZE_MAX when it took no part or was not wanted
} una_found;
// The dialect of the crate fancy-regex, `.` matching line breaks. Linear time; patterns with look-around or
// back-references may backtrack, a million steps at most per search (then UNA_INPUT).
una_status una_pattern_new(una_str pattern, una_pattern** out, una_text* error);
void una_pattern_free(una_pattern* pattern);
una_status una_pattern_search(const una_pattern* pattern, una_str text, int32_t with_group, una_found* out,
                              una_text* error);

// ---- Parquet (when the bridge was built with the feature "parquet") ----

typedef struct una_parquet una_parquet;
typedef struct una_parquet_file {
  una_parquet* rows;
  int64_t count;  // rows of the file
} una_parquet_file;
// `batch`: the most rows of one call of una_parquet_next.
una_status una_parquet_open(una_str path, size_t batch, una_parquet_file* out, una_text* error);
// The next rows, a JSON object a line, null members left out; empty at the end. One thread at a time.
una_status una_parquet_next(una_parquet* rows, una_text* out, una_text* error);
void una_parquet_free(una_parquet* rows);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // UNA_BRIDGE_H_
