//===- HuggingFaceSplitter.h - pre-tokenisers as patterns -------*- C++ -*-===//

#ifndef PICOLLM_LIB_IMPORT_HUGGINGFACESPLITTER_H
#define PICOLLM_LIB_IMPORT_HUGGINGFACESPLITTER_H

#include "picollm/Support/Json.h"
#include <vector>

namespace picollm {

/// The patterns of TokenizerData::splitters for the "pre_tokenizer" of a
/// tokenizer.json, which must make a byte-level BPE of it. Errors go to
/// `reader`, the reader of the whole file.
std::vector<std::string> readSplitters(JsonReader &reader);

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_HUGGINGFACESPLITTER_H
