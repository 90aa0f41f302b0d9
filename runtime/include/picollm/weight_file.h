/* The weight file <name>.weights: a header of one page, then the bytes that
 * the compiled step addresses by constant offsets from the start of the file.
 * Little endian. The layout of a matrix inside it is include/picollm/Layout. */
#ifndef PICOLLM_WEIGHT_FILE_H
#define PICOLLM_WEIGHT_FILE_H

#include "picollm/abi.h"
#include <stdint.h>

#define PICOLLM_WEIGHT_FILE_MAGIC "PICOLLMW"
#define PICOLLM_WEIGHT_FILE_VERSION 3
#define PICOLLM_WEIGHT_FILE_HEADER_BYTES 4096
/* Every tensor starts at a multiple of this. */
#define PICOLLM_WEIGHT_FILE_ALIGNMENT 64

typedef struct picollm_weight_file_header {
  char magic[8];         /* PICOLLM_WEIGHT_FILE_MAGIC, no terminator */
  uint32_t version;      /* PICOLLM_WEIGHT_FILE_VERSION */
  uint32_t header_bytes; /* PICOLLM_WEIGHT_FILE_HEADER_BYTES */
  uint64_t file_bytes;   /* of the whole file */
  uint8_t build_id[PICOLLM_BUILD_ID_BYTES]; /* = content_sha256[0..16) */
  uint8_t content_sha256[32]; /* of the bytes after the header */
  /* zeros up to header_bytes */
} picollm_weight_file_header;

#ifdef __cplusplus
static_assert(sizeof(picollm_weight_file_header) == 72, "part of the format");
#endif

#endif /* PICOLLM_WEIGHT_FILE_H */
