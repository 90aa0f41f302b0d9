/* picollm.h - runs a language model that picollm-compile has compiled.
 *
 *     picollm_error error;
 *     picollm_model *model = NULL;
 *     picollm_session *session = NULL;
 *     if (picollm_model_load("smol", NULL, &model, &error) ||
 *         picollm_session_create(model, NULL, &session, &error) ||
 *         picollm_generate(session, "The capital of France is", 24, NULL,
 *                          print, NULL, NULL, &error))
 *       fprintf(stderr, "%s\n", error.message);
 *     picollm_session_free(session);
 *     picollm_model_free(model);
 *
 * Models are immutable: any number of threads may use one at a time. A session
 * is one conversation: it owns its context and its threads, and is used by one
 * thread of the caller at a time: while one call works in it, another one gets
 * PICOLLM_BUSY. Several sessions may run at once.
 *
 * Every function that can fail returns a picollm_status. On failure it fills
 * the caller's picollm_error (may be NULL) with one sentence and leaves its
 * results unset; on success the error is not touched. Options are structs of
 * which all zero, or a NULL pointer, means the defaults. All text is UTF-8,
 * paths too. */
#ifndef PICOLLM_H
#define PICOLLM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__) && !defined(_WIN32)
#pragma GCC visibility push(default)
#endif

/* A compiled model: its code, its weights (mapped) and its tokenizer. */
typedef struct picollm_model picollm_model;
/* One conversation with a model: KV cache, scratch memory, threads. */
typedef struct picollm_session picollm_session;

typedef enum picollm_status {
  PICOLLM_OK = 0,
  PICOLLM_INVALID_ARGUMENT = 1, /* an argument is outside its range */
  PICOLLM_NOT_FOUND = 2,        /* a file or folder is missing or unreadable */
  PICOLLM_DAMAGED_FILE = 3, /* a file is truncated or not what it should be */
  PICOLLM_MISMATCH = 4,     /* files of different compilations or versions */
  PICOLLM_UNSUPPORTED_CPU = 5, /* the CPU lacks instructions that are needed */
  PICOLLM_OUT_OF_MEMORY = 6,
  PICOLLM_CONTEXT_FULL = 7, /* the tokens do not fit the rest of the context */
  PICOLLM_SYSTEM_ERROR = 8, /* the operating system refused something else */
  PICOLLM_BUSY = 9 /* another call, or the one that called back, is working in
                      the session */
} picollm_status;

/* Owned by the caller, any storage; no function keeps a pointer to it. */
typedef struct picollm_error {
  int code;          /* a picollm_status */
  char message[512]; /* one sentence, terminated; cut where it is longer */
} picollm_error;

/* A static string, such as "context full"; "unknown status" for any other
 * number. */
const char *picollm_status_string(int status);

/* The version of this runtime, "major.minor.patch"; static. */
const char *picollm_version(void);

/* ---- Models ------------------------------------------------------------ */

typedef struct picollm_model_options {
  int verify;     /* nonzero: also do what picollm_model_verify does */
  int huge_pages; /* nonzero: on Linux and Android read the weight file into
                     memory of the model's own, in huge pages where the system
                     gives them. Tokens come some per cent faster; loading takes
                     as long as reading the file, and processes with the same
                     model no longer share it. Nothing elsewhere, or for weights
                     that are in memory already */
} picollm_model_options;

/* Loads the compiled model in `directory`: its only <name>.weights and, beside
 * it, the library and <name>.tokenizer; or its only library, if that was made
 * with --bundle and has both inside. Checks headers, sizes, versions, the
 * CPU and that library and weights belong together. The weight file is mapped,
 * so it must not be changed while the model exists.
 *
 * The library's code runs in this process: load only models that you trust as
 * you would a program.
 *
 * On success *model is the caller's, to be freed by picollm_model_free. */
picollm_status picollm_model_load(const char *directory,
                                  const picollm_model_options *options,
                                  picollm_model **model, picollm_error *error);

struct picollm_compiled_model; /* picollm/abi.h */

/* As picollm_model_load for a model whose library is linked into the program:
 * `compiled` is what picollm_<name>_model() returns, and `directory` holds
 * <name>.weights and <name>.tokenizer. */
picollm_status
picollm_model_load_compiled(const struct picollm_compiled_model *compiled,
                            const char *directory,
                            const picollm_model_options *options,
                            picollm_model **model, picollm_error *error);

/* As picollm_model_load_compiled for files that are in memory: `compiled` is
 * what picollm_<name>_model() returns, `weights` (64-byte aligned) the bytes of
 * its weight file, `tokenizer` the bytes of its tokenizer file. The caller
 * keeps ownership of all three and keeps them unchanged until the model is
 * freed. `tokenizer` may be NULL: then nothing that takes or gives text works,
 * and tokens are still run by picollm_forward. */
picollm_status
picollm_model_from_compiled(const struct picollm_compiled_model *compiled,
                            const void *weights, size_t weights_bytes,
                            const void *tokenizer, size_t tokenizer_bytes,
                            const picollm_model_options *options,
                            picollm_model **model, picollm_error *error);

/* Frees the model. All its sessions must have been freed. NULL is allowed. */
void picollm_model_free(picollm_model *model);

/* Reads the whole weight file and compares its SHA-256 with the one in its
 * header: PICOLLM_DAMAGED_FILE where they differ. */
picollm_status picollm_model_verify(const picollm_model *model,
                                    picollm_error *error);

/* Strings belong to the model. */
const char *picollm_model_name(const picollm_model *model);
const char *picollm_model_architecture(const picollm_model *model);
/* What the code in use needs of the CPU: LLVM feature names with commas
 * between them; empty for portable code. */
const char *picollm_model_cpu_features(const picollm_model *model);
/* Positions that the model was trained for. */
int64_t picollm_model_context(const picollm_model *model);
/* Logits per token; token ids are below it. */
int64_t picollm_model_vocabulary(const picollm_model *model);
int64_t picollm_model_layers(const picollm_model *model);
int64_t picollm_model_embedding(const picollm_model *model);
/* Size of the weight file. */
uint64_t picollm_model_weights_bytes(const picollm_model *model);
/* Bytes that the KV cache of a session with that many positions takes; 0 for
 * a number of positions that no session can have. */
uint64_t picollm_model_kv_bytes(const picollm_model *model, int64_t context);

/* ---- Text and tokens ---------------------------------------------------- */

/* Splits `text` (`length` bytes, valid UTF-8 or not) into token ids. With
 * `parse_special`, spellings of control tokens such as "<|im_start|>" become
 * these tokens; without, they are text like any other. With `add_bos`, the
 * text begins with the model's begin token if the model asks for one.
 *
 * *count becomes the number of tokens of the whole text; the first `capacity`
 * of them are written to `tokens`, the caller's array, which may be NULL where
 * capacity is 0. */
picollm_status picollm_tokenize(const picollm_model *model, const char *text,
                                size_t length, int parse_special, int add_bos,
                                int32_t *tokens, size_t capacity, size_t *count,
                                picollm_error *error);

/* The bytes that a token stands for: not terminated, perhaps part of a UTF-8
 * sequence, the spelling for a control token. They belong to the model. */
picollm_status picollm_token_bytes(const picollm_model *model, int32_t token,
                                   const char **bytes, size_t *length,
                                   picollm_error *error);

/* Nonzero if the model ends its text with this token. */
int picollm_token_ends_text(const picollm_model *model, int32_t token);

/* The token that the model's files name as the end of a text; -1 if they name
 * none. Others may end a text too, see picollm_token_ends_text. */
int32_t picollm_end_token(const picollm_model *model);

/* ---- Chat ---------------------------------------------------------------- */

/* One message of a dialog: `role` is a C string, `content` has `length` bytes.
 * Both are the caller's, used during the call only. */
typedef struct picollm_message {
  const char *role; /* "system", "user" or "assistant" */
  const char *content;
  size_t length; /* bytes of content */
} picollm_message;

/* Why no dialog can be written for this model: one sentence, found when it was
 * compiled (it has no chat template, or one that is more than text around each
 * message). Empty where the chat functions work. Belongs to the model. */
const char *picollm_chat_refusal(const picollm_model *model);

/* How dialogs are written, as the model's files say it: a Jinja template,
 * `*length` bytes that belong to the model, not terminated; 0 bytes if it has
 * none. The chat functions do not read it: they use what the compiler found
 * that it writes. */
const char *picollm_chat_template(const picollm_model *model, size_t *length);

/* Writes a dialog as the model's chat template does, up to where the model's
 * answer begins. The messages: at most one "system", which is the first, then
 * "user" and "assistant" in turn, "user" the first and the last of them.
 *
 * *length becomes the bytes of the whole text; the first `capacity` of them are
 * written to `text`, the caller's array, not terminated, which may be NULL
 * where capacity is 0. PICOLLM_INVALID_ARGUMENT with the refusal where the
 * model has no usable template, or for a "system" message where it takes none.
 */
picollm_status picollm_chat_prompt(const picollm_model *model,
                                   const picollm_message *messages,
                                   size_t message_count, char *text,
                                   size_t capacity, size_t *length,
                                   picollm_error *error);

/* The tokens of the text that picollm_chat_prompt writes, with the model's
 * begin token. Spellings of control tokens inside a message stay text: a user
 * cannot end the turn by typing "<|im_end|>". Results as by picollm_tokenize.
 */
picollm_status picollm_chat_tokenize(const picollm_model *model,
                                     const picollm_message *messages,
                                     size_t message_count, int32_t *tokens,
                                     size_t capacity, size_t *count,
                                     picollm_error *error);

/* ---- Sessions ----------------------------------------------------------- */

typedef struct picollm_session_options {
  int64_t context_length; /* positions of the KV cache, at most the model's; 0:
                             the model's, at most 8192 */
  int32_t threads;        /* 1..256; 0: one per physical core that this process
                             may use */
} picollm_session_options;

/* Creates a session that refers to `model`, which must outlive it. On success
 * *session is the caller's, to be freed by picollm_session_free. Results do
 * not depend on the number of threads. */
picollm_status picollm_session_create(const picollm_model *model,
                                      const picollm_session_options *options,
                                      picollm_session **session,
                                      picollm_error *error);

/* Ends the session's threads and frees its memory. Nothing may be working in
 * it; so it must not be called from a callback of this session. NULL is
 * allowed. */
void picollm_session_free(picollm_session *session);

/* Empties the context; the next token is again the first. Without effect where
 * other functions would fail with PICOLLM_BUSY. */
void picollm_session_reset(picollm_session *session);

/* Drops all tokens of the context from `position` on.
 * 0 <= position <= picollm_session_position. */
picollm_status picollm_session_truncate(picollm_session *session,
                                        int64_t position, picollm_error *error);

/* Writes the first `capacity` tokens of the context to `tokens`, the caller's
 * array, which may be NULL where capacity is 0; returns how many the context
 * holds. */
size_t picollm_session_tokens(const picollm_session *session, int32_t *tokens,
                              size_t capacity);

/* Ends the generation that is running in this session with
 * PICOLLM_END_INTERRUPTED, after the token, or the part of the prompt (up to
 * 64 tokens), that is being computed. A generation runs from the beginning of
 * the call of picollm_generate or picollm_chat until it returns; when none
 * runs, the call has no effect, also not on the next one.
 *
 * The context keeps what has been computed, so that a next call may go on.
 *
 * The one function of a session that any thread, and a signal handler, may
 * call at any time before the session is freed. */
void picollm_session_interrupt(picollm_session *session);

/* Writes the context (tokens, keys, values) to a file (format:
 * picollm/session_file.h), which appears complete or not at all; an older file
 * of this name is replaced. It may be loaded on any CPU that runs the same
 * compiled weights, and holds the conversation unencrypted. */
picollm_status picollm_session_save(const picollm_session *session,
                                    const char *path, picollm_error *error);

/* Replaces the context by one that was saved with the same compiled weights
 * (else PICOLLM_MISMATCH); the session's own length may differ as long as the
 * tokens fit (else PICOLLM_CONTEXT_FULL). What is then computed is what the
 * saved session would have computed. The context is unchanged on failure. */
picollm_status picollm_session_load(picollm_session *session, const char *path,
                                    picollm_error *error);

/* Tokens in the context, and how many it has room for. */
int64_t picollm_session_position(const picollm_session *session);
int64_t picollm_session_context(const picollm_session *session);
int32_t picollm_session_threads(const picollm_session *session);

/* Appends `count` tokens to the context and writes the logits of
 * tokens[logits_from..count), each of them picollm_model_vocabulary floats, to
 * `logits`, the caller's array of [count - logits_from][vocabulary].
 * 0 <= logits_from <= count; with logits_from == count none are computed and
 * `logits` may be NULL. Nothing is appended on failure. */
picollm_status picollm_forward(picollm_session *session, const int32_t *tokens,
                               size_t count, size_t logits_from, float *logits,
                               picollm_error *error);

/* Appends tokens[i] to the context of sessions[i], 0 <= i < count, in one pass
 * over the weights: 4 sessions take much less time than 4 calls of
 * picollm_forward. Writes the logits after each of them to `logits`, the
 * caller's array of [count][vocabulary]; with NULL none are computed.
 *
 * The sessions must be of one model, and no two the same (PICOLLM_BUSY). The
 * call runs on the threads of the first; the order has no effect on results.
 * For two sessions or more they may differ in their last bits from those of
 * picollm_forward, as those of a prompt do from its tokens' one by one. Nothing
 * is appended on failure: PICOLLM_CONTEXT_FULL if one of them has no room. */
picollm_status picollm_forward_sessions(picollm_session *const *sessions,
                                        const int32_t *tokens, size_t count,
                                        float *logits, picollm_error *error);

/* ---- Generation --------------------------------------------------------- */

typedef struct picollm_token_choice {
  int32_t token;
  float log_probability; /* natural logarithm of what the model gives the token,
                            before penalties, temperature, top_k and top_p;
                            -infinity for one that it never gives */
} picollm_token_choice;

/* One generated token. */
typedef struct picollm_token_result {
  picollm_token_choice chosen;
  const picollm_token_choice *top; /* by falling probability, of equal ones the
                                      lower id first; valid during the call
                                      only; NULL where top_count is 0 */
  size_t top_count; /* options.top_choices, at most the vocabulary */
} picollm_token_result;

/* Called after each generated token, that which ends the text included, before
 * the text that it completes is delivered. Nonzero ends the generation: the
 * token stays, its text is not delivered. As for picollm_stream, the session
 * is busy. */
typedef int (*picollm_token_callback)(const picollm_token_result *token,
                                      void *user);

/* The largest picollm_generate_options.top_choices and .stop_count. */
#define PICOLLM_MAX_TOP_CHOICES 128
#define PICOLLM_MAX_STOP_STRINGS 1024

typedef struct picollm_generate_options {
  int64_t max_tokens; /* tokens to generate at most; 0: until the model ends its
                         text or the context is full */
  double temperature; /* >= 0; 0: always the most probable token */
  double top_p;       /* 0 < top_p <= 1: draw from the smallest set of most
                         probable tokens whose probabilities reach it; 0: 1 */
  int64_t top_k;      /* draw from so many most probable tokens; 0: all */
  double presence_penalty;  /* subtracted, before the division by temperature,
                               from the logit of every token that the text of
                               this call already holds; finite */
  double frequency_penalty; /* the same, times how often it holds it */
  uint64_t seed;     /* the same logits and seed give the same token on every
                        platform, for any number of threads */
  int parse_special; /* as for picollm_tokenize, for the prompt */
  int from_start;    /* nonzero: the prompt is the whole context. What the
                        context shares with it from its first token on is kept
                        and not computed again (logits may differ in their
                        last bits from those of a prompt that is computed at
                        once); the rest is dropped. Zero: the prompt continues
                        the context */
  const char *const *stop; /* end the text before any of these strings, however
                              tokens cut it; the one that is complete first
                              counts. The caller's, used during the call only.
                              The context keeps their tokens */
  size_t stop_count;       /* 0..PICOLLM_MAX_STOP_STRINGS */
  int keep_stop;           /* nonzero: deliver the stop string too, as the end
                              of the text */
  int32_t top_choices;     /* most probable alternatives to report per token,
                              0..PICOLLM_MAX_TOP_CHOICES */
  picollm_token_callback
      on_token; /* NULL: log-probabilities are not computed */
  void *on_token_user;
} picollm_generate_options;

typedef enum picollm_end {
  PICOLLM_END_OF_TEXT = 0,      /* the model ended its text */
  PICOLLM_END_TOKEN_LIMIT = 1,  /* max_tokens reached */
  PICOLLM_END_CONTEXT_FULL = 2, /* no room for another token; the last of the
                                   text is not in the context either */
  PICOLLM_END_STOP_STRING = 3,  /* one of the stop strings appeared */
  PICOLLM_END_INTERRUPTED = 4   /* a callback or picollm_session_interrupt asked
                                   for it */
} picollm_end;

/* Such as "end of text"; static. */
const char *picollm_end_string(int end);

typedef struct picollm_generate_result {
  int64_t prompt_tokens;     /* all of the prompt */
  int64_t reused_tokens;     /* of the prompt, that options.from_start found in
                                the context and that were not computed again */
  int64_t completion_tokens; /* without the token that ends the text */
  picollm_end end;
  int64_t stop_index;        /* of the stop string that appeared; -1: none */
  double prompt_seconds;     /* until the first token was known */
  double completion_seconds; /* from then on */
} picollm_generate_result;

/* Receives the text as it comes: `length` bytes that are whole UTF-8 sequences
 * (bytes that are not UTF-8 arrive as U+FFFD), valid during the call only, not
 * terminated. Also called with length 0 after each part of the prompt and
 * after a token that completes no text. Nonzero ends the generation, and no
 * callback is called again.
 *
 * The session is busy meanwhile: what would change its context fails with
 * PICOLLM_BUSY. It may be interrupted, and asked for its position. */
typedef int (*picollm_stream)(const char *text, size_t length, void *user);

/* Appends the prompt (`length` bytes) to the context, preceded by the model's
 * begin token if the context is empty and the model asks for one, then
 * generates. `stream` and `result` may be NULL. The generated tokens stay in
 * the context, so a next call continues the conversation; with an empty prompt
 * it continues the text. The prompt may fill the context: then there is room
 * for one token after it.
 *
 * Fails with PICOLLM_CONTEXT_FULL, the context unchanged, if the prompt is
 * longer than the rest of the context (with from_start: than all of it). */
picollm_status picollm_generate(picollm_session *session, const char *prompt,
                                size_t length,
                                const picollm_generate_options *options,
                                picollm_stream stream, void *user,
                                picollm_generate_result *result,
                                picollm_error *error);

/* Answers the last message of a dialog: picollm_generate from the start of the
 * context, whatever options->from_start says, with the tokens of
 * picollm_chat_tokenize as the prompt. A next call with the same dialog, the
 * answer and a new message only computes what is new. */
picollm_status
picollm_chat(picollm_session *session, const picollm_message *messages,
             size_t message_count, const picollm_generate_options *options,
             picollm_stream stream, void *user, picollm_generate_result *result,
             picollm_error *error);

#if defined(__GNUC__) && !defined(_WIN32)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* PICOLLM_H */
