// The plots: what happens, in order. Each step is a rule with several ways to tell it.
#include "base/memory.h"
#include "data/grammar.h"

// clang-format off
const Plot tale_plots[] = {
    { "lost",
      { "thing", "spot" },
      "{opening} {likes} {own} {sight} {carry} {putdown} {forget} {miss} {sad hero} {meet friend} "
      "{wrong friend} {tell_lost} {last_seen} {recall} {found} {glad hero} {thanks hero friend} {again} {end}" },
    { "promise",
      { "thing", "place" },
      "{opening} {likes} {know friend} {borrow} {promise} {sight} {linger} {remember} {delay} {bring_back} "
      "{kept} {reward} {meal} {again} {end}" },
    { "present",
      { "gift", "chore" },
      "{opening} {likes} {know friend} {wish} {birthday} {price} {short} {sight} {earn} {buy} {give} {how} "
      "{glad friend} {thanks friend hero} {meal} {again} {end}" },
    { "sharing",
      { "food", "n" },
      "{opening} {likes} {pick} {sight} {meet friend} {hungry} {share} {left} {glad friend} {spill} {sad hero} "
      "{comfort friend} {repay} {glad hero} {meal} {again} {end}" },
    { "rescue",
      { "pet", "tool" },
      "{opening} {likes} {bag} {sight} {hear} {try} {meet friend} {idea} {save} {pet_glad} {no_laugh} {meal} "
      "{again} {end}" },
    { "key",
      { "thing", "helper" },
      "{opening} {likes} {key} {sight} {chest} {locked} {open} {inside} {halves} {tell_helper} {show} {meal} "
      "{again} {end}" },
    { "fear",
      { "fear", "thing" },
      "{opening} {likes} {know friend} {afraid} {sight} {stray} {sad friend} {cannot} {courage} {go} {return} "
      "{glad friend} {thanks friend hero} {no_fear} {meal} {again} {end}" },
    { "notes",
      { "gift", "place" },
      "{opening} {likes} {sight} {note} {first_spot} {second_spot} {glad hero} {jump_out} {trail_told} "
      "{thanks hero friend} {meal} {again} {end}" },
    { "contest",
      { "gift", "contest" },
      "{opening} {likes} {know friend} {sight} {dare} {prize} {wins} {award} {sad loser} {kind_winner} "
      "{glad loser} {meal} {again} {end}" },
    { "growing",
      { "seed", "bed" },
      "{opening} {likes} {seeds} {plant} {sight} {bird} {sad hero} {tend} {wait} {grow} {glad hero} "
      "{bring_helper} {meal} {again} {end}" },
    { "message",
      { "message", "place" },
      "{opening} {likes} {know friend} {errand} {sight} {stray_off} {repeat} {where_to} {deliver} {heed} "
      "{well_told} {meal} {again} {end}" },
    { "broken",
      { "toy", "fragile" },
      "{opening} {likes} {sight} {break} {hide} {guess} {blame} {confess} {forgive} {sorry} {mend} {meal} "
      "{again} {end}" },
    { "swap",
      { "thing", "gift" },
      "{opening} {likes} {has} {has_gift} {no_toy} {sight} {has_toy} {swap_one} {swap_two} {glad hero} "
      "{who_has} {all_glad} {meal} {again} {end}" },
    { "finder",
      { "thing", "hue" },
      "{opening} {likes} {sight} {find} {whose} {not_mine} {mine} {where} {give_back} {glad friend} "
      "{thanks friend hero} {still_lost} {meal} {again} {end}" },
};
// clang-format on
const int tale_plots_count = COUNT_OF(tale_plots);
