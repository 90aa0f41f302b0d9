/* Two tiny compiled models written by hand, to test the runtime without the
 * compiler. Both share one weight file: the header, then 4096 bytes of which
 * the i-th is i * 37 mod 251. Their tokens are the 256 bytes, then a begin and
 * an end token. */
#ifndef PICOLLM_TEST_FAKEMODEL_H
#define PICOLLM_TEST_FAKEMODEL_H

#include "picollm/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FAKE_CONTENT_BYTES 4096
#define FAKE_VOCABULARY 258
#ifndef FAKE_CONTEXT
#define FAKE_CONTEXT 256
#endif
#define FAKE_BEGIN_TOKEN 256
#define FAKE_END_TOKEN 257

/* The logits depend on every token of the context, on the weights and on every
 * thread having done its part of each phase. */
const picollm_compiled_model *picollm_fake_model(void);

/* Always continues with the token whose number is one higher. */
const picollm_compiled_model *picollm_counting_model(void);

#ifdef __cplusplus
}
#endif

#endif
