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

// What is still done where the bridge ends the program (exit code 2), since memory has run out inside an allocation and
// nothing can be unwound. `act` is called from any thread and must not use the bridge.
void una_on_end(void (*act)(void));

// ---- tokenizer ----

typedef struct una_tokenizer una_tokenizer;

// Texts of tokenizer.json, tokenizer_config.json and special_tokens_map.json; the last two may be empty.
una_status una_tokenizer_new(una_str tokenizer_json, una_str config_json, una_str special_map_json,
                             una_tokenizer** out, una_text* error);
void una_tokenizer_free(una_tokenizer* tokenizer);

// A JSON object: "size" (largest id + 1), "bos_id", "eos_id", "pad_id" (null when there is none), "adds_bos",
// "adds_eos", "special_tokens" ({"bos_token": "<s>", ...}).
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
una_status una_bpe_train(const una_str* texts, size_t count, int64_t vocab_size,
                         const una_str* special_tokens, size_t special_count, una_text* out, una_text* error);

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
  int32_t found;  // 1: the pattern is in the text
  size_t begin,
      end;  // bytes of the pattern's last group there; both SIZE_MAX when it took no part or was not wanted
} una_found;
// The dialect of the crate fancy-regex, `.` matching line breaks. Linear time; patterns with look-around or
// back-references may backtrack, a million steps at most per search (then UNA_INPUT).
una_status una_pattern_new(una_str pattern, una_pattern** out, una_text* error);
void una_pattern_free(una_pattern* pattern);
una_status una_pattern_search(const una_pattern* pattern, una_str text, int32_t with_group, una_found* out,
                              una_text* error);

// ---- Python's regular expressions and strings, for scorers that were written in Python ----

typedef struct una_regex una_regex;
enum { UNA_REGEX_IGNORECASE = 1, UNA_REGEX_MULTILINE = 2, UNA_REGEX_DOTALL = 4 };  // flags, summed
typedef struct una_spans {
  size_t*
      bounds;  // bytes [begin, end) of every group, the whole match first, match by match; SIZE_MAX: took no part
  size_t size;    // numbers in bounds
  size_t groups;  // of one match, the whole one counted
} una_spans;
// The dialect of Python's `re`, translated: bridge/src/python_regex.rs. Searches stop after ten million backtracking
// steps (then UNA_INPUT).
una_status una_regex_new(una_str pattern, int32_t flags, una_regex** out, una_text* error);
void una_regex_free(una_regex* regex);
una_status una_regex_find_all(const una_regex* regex, una_str text, una_spans* out, una_text* error);
void una_spans_free(una_spans spans);

una_status una_python_lower(una_str text, una_text* out, una_text* error);  // str.lower
enum { UNA_IS_UPPER = 0, UNA_IS_LOWER = 1 };
una_status una_python_has_case(una_str text, int32_t question, int32_t* out,
                               una_text* error);  // str.isupper, islower
// The language of a text as Python's langdetect tells it with seed 0, "en"; empty: it finds none.
una_status una_language(una_str text, una_text* out, una_text* error);

// ---- Parquet (when the bridge was built with the feature "parquet") ----

typedef struct una_parquet una_parquet;
typedef struct una_parquet_file {
  una_parquet* rows;
  int64_t count;     // rows of the file
  una_text columns;  // their names, a JSON list
} una_parquet_file;
// `batch`: the most rows of one call of una_parquet_next; `bytes`: what such a call may take of memory. Beyond it is an
// error, and at twice that the end of the program (una_on_end).
una_status una_parquet_open(una_str path, size_t batch, size_t bytes, una_parquet_file* out, una_text* error);
// The next rows, a JSON object a line, null members left out; empty at the end. One thread at a time.
una_status una_parquet_next(una_parquet* rows, una_text* out, una_text* error);
void una_parquet_free(una_parquet* rows);

// ---- an HTTP/1.1 server of bytes ----

typedef struct una_http una_http;

// Borrowed for the call. `target`: path and query as they came. `headers`: "name: value" lines, names in lower case.
// `refusal`: 0, or the status with which the request is to be answered because of `reason`; it has no body then.
typedef struct una_http_request {
  uint64_t ticket;
  una_str method, target, headers, body, peer;
  int32_t refusal;
  una_str reason;
} una_http_request;

// `any_host` 0: the Host header must name a loopback address or one of allowed_hosts. Requests with an Origin are
// refused unless it is the server's own or one of allowed_origins. `body_seconds`: and a second for each 64 KB that came.
// `max_queue_bytes`: of one stream; a client that lets more wait, or takes no byte for write_seconds, is cut.
typedef struct una_http_config {
  una_str host;
  uint16_t port;  // 0: any that is free
  int32_t any_host;
  const una_str* allowed_hosts;
  size_t allowed_hosts_size;
  const una_str* allowed_origins;
  size_t allowed_origins_size;
  size_t max_connections, max_connections_per_peer, max_connections_of_loopback, max_head_bytes, max_headers;
  uint64_t max_body_bytes;
  size_t max_queue_bytes;
  double head_seconds, body_seconds, idle_seconds, write_seconds;
  void* context;
  // Both are called on the server's one thread and must not wait. Each request must be answered by its ticket, from any
  // thread. on_gone: the client of a ticket went before its answer was complete; answers to it are then dropped.
  void (*on_request)(void* context, const una_http_request* request);
  void (*on_gone)(void* context, uint64_t ticket);
} una_http_config;

una_status una_http_open(const una_http_config* config, una_http** out, una_text* error);
uint16_t una_http_port(const una_http* server);
size_t una_http_connections(const una_http* server);  // open now
// `headers`: "name: value" lines. None of these waits; tickets that are unknown (by now) are passed over.
una_status una_http_respond(const una_http* server, uint64_t ticket, uint16_t status, una_str headers,
                            una_str body, una_text* error);
una_status una_http_stream_begin(const una_http* server, uint64_t ticket, uint16_t status, una_str headers,
                                 una_text* error);
void una_http_stream_push(const una_http* server, uint64_t ticket, una_str bytes);
void una_http_stream_end(const una_http* server, uint64_t ticket);
// From now on a connection ends with its answer, and idle ones end at once.
void una_http_drain(const una_http* server);
void una_http_close(una_http* server);  // ends all connections; no callback runs after it

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // UNA_BRIDGE_H_
