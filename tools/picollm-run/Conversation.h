// A dialog on the terminal.
#ifndef PICOLLM_RUN_CONVERSATION_H
#define PICOLLM_RUN_CONVERSATION_H

#include "Generation.h"

/// Questions of the user and answers in turn until the input ends. Returns the
/// exit status.
int converse(const Options &options, const Engine &engine);

#endif
