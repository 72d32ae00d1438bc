// GPT-2's spelling of bytes as printable characters, so that a vocabulary is text (Radford et al. 2019, the released
// encoder): the printable Latin-1 bytes stand for themselves, the other 68 for U+0100, U+0101, … in their order. Space
// becomes Ġ (U+0120), a line break Ċ (U+010A).
#pragma once
#include "base/memory.h"
#include "base/string_view.h"
#include <stdbool.h>
#include <stdint.h>

StringView alphabet_spell(StringView bytes, Arena *arena);

// The bytes back; false when the spelling isn't UTF-8 or has a character outside the alphabet.
bool alphabet_bytes(StringView spelling, Arena *arena, StringView *bytes);
