/* The tokenizer file <name>.tokenizer: the tables of a byte-level BPE, or of a
 * BPE of SentencePiece (PICOLLM_TOKENIZER_SCORED), and the form of dialogs,
 * made ahead of time, so that loading builds nothing. Little
 * endian; every section starts at a multiple of 8 bytes from the start of the
 * file. A reader checks every number before it is used as an index. */
#ifndef PICOLLM_TOKENIZER_FILE_H
#define PICOLLM_TOKENIZER_FILE_H

#include <stdint.h>

#define PICOLLM_TOKENIZER_FILE_MAGIC "PICOLLMT"
#define PICOLLM_TOKENIZER_FILE_VERSION 3
#define PICOLLM_TOKENIZER_FILE_ALIGNMENT 8
/* In place of a token id: there is none. */
#define PICOLLM_TOKENIZER_NO_TOKEN 0xFFFFFFFFu
/* The vocabulary is smaller than this, and so is every rank of a merge. */
#define PICOLLM_TOKENIZER_MAX_TOKENS 0x01000000u
/* A code point that UTF-8 never holds: its class is that of a byte that is not
 * part of valid UTF-8. */
#define PICOLLM_TOKENIZER_INVALID_SYMBOL 0xD800u
#define PICOLLM_TOKENIZER_CODE_POINTS 0x110000u
#define PICOLLM_TOKENIZER_PAGE_CODE_POINTS 256u

/* Flags of the header. */
#define PICOLLM_TOKENIZER_ADD_BOS 1u /* a text starts with bos */
#define PICOLLM_TOKENIZER_ADD_EOS 2u /* a text ends with eos */
/* A piece that is a token as a whole is that token, whatever the merges say. */
#define PICOLLM_TOKENIZER_IGNORE_MERGES 4u
/* Characters merge to tokens by the ranks of these, not bytes by merges. There
 * are no splitters; U+2581 in a text is a space. */
#define PICOLLM_TOKENIZER_SCORED 8u
/* With it: text starts with a space that is not there, at its beginning and
 * after a control token. */
#define PICOLLM_TOKENIZER_SPACE_PREFIX 16u

/* Kinds of tokens, the numbers of tokenizer.ggml.token_type. */
#define PICOLLM_TOKEN_NORMAL 1
#define PICOLLM_TOKEN_UNKNOWN 2
#define PICOLLM_TOKEN_CONTROL 3
#define PICOLLM_TOKEN_USER_DEFINED 4
#define PICOLLM_TOKEN_UNUSED 5
#define PICOLLM_TOKEN_BYTE 6

enum picollm_tokenizer_section_name {
  /* u32[vocabulary + 1]: token t is the bytes [t], ..., [t + 1] - 1 of pieces
   */
  PICOLLM_TOKENIZER_PIECE_OFFSETS,
  PICOLLM_TOKENIZER_PIECES,
  /* u8[vocabulary]: kinds */
  PICOLLM_TOKENIZER_KINDS,
  /* u32[256]: the token of every byte, or none */
  PICOLLM_TOKENIZER_BYTE_TOKENS,
  /* picollm_tokenizer_merge[power of two], open addressing with linear probing
   * from picollm_tokenizer_merge_hash; left == none marks a free slot */
  PICOLLM_TOKENIZER_MERGES,
  /* u32[power of two], or empty without PICOLLM_TOKENIZER_IGNORE_MERGES and
   * PICOLLM_TOKENIZER_SCORED: ids of normal tokens, open addressing from
   * picollm_tokenizer_bytes_hash of their pieces */
  PICOLLM_TOKENIZER_WORDS,
  /* u32[]: tokens that are found in a text before it is split, sorted by the
   * bytes of their pieces as unsigned numbers */
  PICOLLM_TOKENIZER_SPECIALS,
  /* u32[]: tokens after which a model has nothing more to say */
  PICOLLM_TOKENIZER_END_TOKENS,
  /* u16[code points / 256]: block of a page of 256 code points */
  PICOLLM_TOKENIZER_CLASS_PAGES,
  /* u8[blocks][256]: class of a code point */
  PICOLLM_TOKENIZER_CLASS_BLOCKS,
  /* picollm_tokenizer_stage[]: splitters; each splits the pieces of the one
   * before it further */
  PICOLLM_TOKENIZER_STAGES,
  /* u16[states][classes + 1], all stages after each other: what a state does
   * when it sees a class, or, in the last column, the end of the piece. Bit 15:
   * a match ends before that symbol. Bits 0-14: the next state, counted from
   * the first state of its stage; 0 stops. */
  PICOLLM_TOKENIZER_TRANSITIONS,
  /* Jinja source, not terminated */
  PICOLLM_TOKENIZER_CHAT_TEMPLATE,
  /* Why no dialog can be written, one terminated sentence; empty: it can */
  PICOLLM_TOKENIZER_CHAT_REFUSAL,
  /* Why a dialog takes no system message, the end of a sentence that starts
   * with that, not terminated; empty: it takes one */
  PICOLLM_TOKENIZER_CHAT_SYSTEM_REFUSAL,
  /* picollm_chat_gap[2 * PICOLLM_CHAT_GAPS]: of dialogs without a system
   * message, then of those with one; none where there is a refusal */
  PICOLLM_TOKENIZER_CHAT_GAPS,
  /* The bytes of all gaps */
  PICOLLM_TOKENIZER_CHAT_TEXT,
  /* u32[vocabulary], or empty without PICOLLM_TOKENIZER_SCORED: smaller ones
   * merge first */
  PICOLLM_TOKENIZER_RANKS,
  PICOLLM_TOKENIZER_SECTIONS
};

#define PICOLLM_TOKENIZER_ACCEPT 0x8000u
#define PICOLLM_TOKENIZER_MAX_STAGES 64

/* What a dialog's text has between the contents of two messages, named by what
 * follows. The messages of user and assistant are counted from 0: even ones are
 * the user's, and the last one is. Names with _LAST are for where the last one
 * follows, or ends, and is the only one (BEGIN, END) or not (the others). */
enum picollm_chat_gap_name {
  PICOLLM_CHAT_BEGIN,        /* before message 0 */
  PICOLLM_CHAT_BEGIN_LAST,   /* which is the only one */
  PICOLLM_CHAT_FIRST_ANSWER, /* before message 1 */
  PICOLLM_CHAT_ANSWER,       /* before messages 3, 5, ... */
  PICOLLM_CHAT_SECOND,       /* before message 2 */
  PICOLLM_CHAT_SECOND_LAST,
  PICOLLM_CHAT_NEXT, /* before messages 4, 6, ... */
  PICOLLM_CHAT_NEXT_LAST,
  PICOLLM_CHAT_END,      /* after the last one, up to where the answer begins */
  PICOLLM_CHAT_END_LAST, /* the same in a dialog of one message */
  PICOLLM_CHAT_GAPS
};

/* What is taken off one end of a content. */
#define PICOLLM_CHAT_TRIM_NOTHING 0
#define PICOLLM_CHAT_TRIM_SPACE                                                \
  1 /* Unicode white space, as Python's strip()                                \
     */
#define PICOLLM_CHAT_TRIM_NEWLINES 2 /* only '\n' */

typedef struct picollm_chat_gap {
  uint32_t text_offset; /* in the section of the text */
  uint32_t text_bytes;
  /* Where `has_system`, the system message follows, and then this text. */
  uint32_t rest_offset;
  uint32_t rest_bytes;
  uint8_t has_system;
  /* Trims: of the content before the gap at its end, of the system message at
   * its start and its end, of the content after the gap at its start. */
  uint8_t trim_before, trim_system_start, trim_system_end, trim_after;
  uint8_t reserved[3]; /* 0 */
} picollm_chat_gap;

/* chat_flags of the header. */
/* Of an assistant's message only what follows its last "</think>" is written.
 * What is trimmed there, a PICOLLM_CHAT_TRIM, is in bits 4 and 5. */
#define PICOLLM_CHAT_CUT_THOUGHT 1u
#define PICOLLM_CHAT_THOUGHT_TRIM_SHIFT 4
/* A message of nothing but white space is refused: the template treats it in a
 * way of its own. Shift by 0 for system, 1 for user, 2 for assistant. */
#define PICOLLM_CHAT_REFUSE_BLANK 0x100u

typedef struct picollm_tokenizer_section {
  uint64_t offset; /* from the start of the file */
  uint64_t bytes;
} picollm_tokenizer_section;

typedef struct picollm_tokenizer_merge {
  uint32_t left, right; /* tokens that stand beside each other */
  uint32_t rank;        /* smaller ranks merge first */
  uint32_t result;      /* the token that replaces both */
} picollm_tokenizer_merge;

typedef struct picollm_tokenizer_stage {
  uint32_t first_state; /* row in the transitions; state 0 of it stops */
  uint32_t states;      /* 2 to 32768; state 1 is where a match starts */
} picollm_tokenizer_stage;

typedef struct picollm_tokenizer_file_header {
  char magic[8];         /* PICOLLM_TOKENIZER_FILE_MAGIC, no terminator */
  uint32_t version;      /* PICOLLM_TOKENIZER_FILE_VERSION */
  uint32_t header_bytes; /* of this struct */
  uint64_t file_bytes;   /* of the whole file */
  uint32_t vocabulary;   /* tokens */
  uint32_t flags;
  uint32_t bos, eos; /* token ids, or none */
  uint32_t classes;  /* of code points, 1 to 256 */
  uint32_t chat_flags;
  picollm_tokenizer_section sections[PICOLLM_TOKENIZER_SECTIONS];
} picollm_tokenizer_file_header;

static inline uint32_t picollm_tokenizer_merge_hash(uint32_t left,
                                                    uint32_t right) {
  uint64_t mixed = (((uint64_t)left << 32) | right) * 0x9E3779B97F4A7C15ull;
  return (uint32_t)(mixed >> 32);
}

/* FNV-1a, 32 bits. */
static inline uint32_t picollm_tokenizer_bytes_hash(const char *bytes,
                                                    uint64_t count) {
  uint32_t hash = 0x811C9DC5u;
  for (uint64_t i = 0; i < count; ++i)
    hash = (hash ^ (uint8_t)bytes[i]) * 0x01000193u;
  return hash;
}

#ifdef __cplusplus
static_assert(sizeof(picollm_tokenizer_section) == 16, "part of the format");
static_assert(sizeof(picollm_tokenizer_merge) == 16, "part of the format");
static_assert(sizeof(picollm_tokenizer_stage) == 8, "part of the format");
static_assert(sizeof(picollm_chat_gap) == 24, "part of the format");
static_assert(sizeof(picollm_tokenizer_file_header) == 48 + 18 * 16,
              "part of the format");
#endif

#endif /* PICOLLM_TOKENIZER_FILE_H */
