/* A saved session: the header, then the tokens of the context, then the keys
 * and values of those that have been run. Little endian. A file belongs to the
 * weights whose build id it carries and a type of KV cache, for whatever CPU
 * they were compiled. */
#ifndef PICOLLM_SESSION_FILE_H
#define PICOLLM_SESSION_FILE_H

#include "picollm/abi.h"
#include <stdint.h>

#define PICOLLM_SESSION_FILE_MAGIC "PICOLLMS"
#define PICOLLM_SESSION_FILE_VERSION 3

typedef struct picollm_session_file_header {
  char magic[8];         /* PICOLLM_SESSION_FILE_MAGIC, no terminator */
  uint32_t version;      /* PICOLLM_SESSION_FILE_VERSION */
  uint32_t header_bytes; /* of this struct */
  uint64_t file_bytes;   /* of the whole file */
  uint8_t build_id[PICOLLM_BUILD_ID_BYTES]; /* of the weights */
  int64_t layers;
  int64_t kv_heads;
  int64_t head_size;
  int64_t kv_block_bytes; /* of the keys, or the values, of a block of positions
                             and head; tells the type of the KV cache */
  int64_t vocabulary;
  int64_t tokens; /* of the context */
  int64_t cached; /* at most tokens: the first so many have been run */
  uint8_t
      sha256[32]; /* of the whole file, with zeros in place of these bytes */
  /* int32_t[tokens], each in [0, vocabulary), then
   * uint8_t[2: K, V][layers][kv_heads][blocks][kv_block_bytes], the blocks of
   * PICOLLM_KV_BLOCK_POSITIONS that `cached` positions need */
} picollm_session_file_header;

#ifdef __cplusplus
static_assert(sizeof(picollm_session_file_header) == 128, "part of the format");
#endif

#endif /* PICOLLM_SESSION_FILE_H */
