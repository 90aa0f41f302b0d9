//===- TurnEnds.h - tokens that end a turn of a dialog ----------*- C++ -*-===//

#ifndef PICOLLM_LIB_IMPORT_TURNENDS_H
#define PICOLLM_LIB_IMPORT_TURNENDS_H

#include "picollm/Import/TokenizerData.h"

namespace picollm {

/// Sets eot and eom where the file does not name them, by the spelling of its
/// control tokens.
void nameTurnEnds(TokenizerData &data);

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_TURNENDS_H
