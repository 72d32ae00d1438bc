// The words of the tales and the variables that are drawn from them.
#include "base/memory.h"
#include "data/grammar.h"

static const char *const names[] = {
    "f:Lily",  "f:Anna",  "f:Mia",   "f:Rosa",  "f:Emma",  "f:Nora", "f:Sara", "f:Zoe",    "f:Ella",  "f:Ruby",
    "f:Clara", "f:Ivy",   "f:Molly", "f:Lucy",  "f:Amy",   "f:Kate", "f:Jane", "f:Daisy",  "f:Polly", "f:Tina",
    "f:Maya",  "f:Hana",  "f:Leila", "f:Wendy", "m:Tom",   "m:Ben",  "m:Sam",  "m:Max",    "m:Leo",   "m:Jack",
    "m:Finn",  "m:Oscar", "m:Hugo",  "m:Paul",  "m:Peter", "m:Noah", "m:Adam", "m:Luke",   "m:Carl",  "m:Henry",
    "m:Owen",  "m:Felix", "m:Theo",  "m:Dan",   "m:Ravi",  "m:Omar", "m:Yuki", "m:Walter",
};

static const char *const kinds[] = { "8:girl|boy", "rabbit", "fox",    "mouse", "bear",
                                     "squirrel",   "duck",   "badger", "frog",  "hedgehog" };

static const char *const traits[] = { "kind",    "brave",   "curious", "clever", "cheerful",
                                      "quiet",   "gentle",  "careful", "lively", "polite",
                                      "helpful", "patient", "playful", "shy",    "merry" };

static const char *const helpers[] = {
    "f:Grandma",   "m:Grandpa",   "f:Aunt May",   "m:Uncle Bill",    "f:Aunt Flora",
    "m:Uncle Joe", "m:the baker", "m:the miller", "f:the old queen", "f:the teacher"
};

static const char *const homes[] = { "a small village", "a little town by the sea",
                                     "a quiet valley",  "a tiny house near the river",
                                     "an old mill",     "a cottage on a hill",
                                     "a land far away", "a house with a round door" };

static const char *const hues[] = { "red",   "blue",   "green",  "yellow", "white",
                                    "black", "orange", "purple", "pink",   "brown" };

static const char *const metals[] = { "golden", "silver", "copper", "iron", "rusty", "shiny" };

static const char *const things[] = { "ball",     "kite",   "drum",  "bell",   "book",    "doll",
                                      "hat",      "scarf",  "cup",   "boat",   "whistle", "ring",
                                      "flute",    "basket", "lamp",  "spoon",  "box",     "feather",
                                      "umbrella", "puppet", "wagon", "ribbon", "blanket", "paintbrush" };

static const char *const fragiles[] = { "vase", "bowl", "plate", "jar", "mug", "teapot", "mirror", "pitcher" };

static const char *const foods[] = { "apple|apples",   "cookie|cookies",  "plum|plums",      "pear|pears",
                                     "carrot|carrots", "cherry|cherries", "nut|nuts",        "berry|berries",
                                     "muffin|muffins", "peach|peaches",   "radish|radishes", "bun|buns" };

static const char *const seeds[] = { "sunflower|sunflowers", "pumpkin|pumpkins", "tulip|tulips",
                                     "bean|bean plants",     "melon|melons",     "rose|rose bushes",
                                     "tomato|tomato plants", "poppy|poppies" };

static const char *const pets[] = { "kitten", "puppy", "lamb", "duckling", "piglet",
                                    "chick",  "bunny", "hen",  "turtle",   "gosling" };

static const char *const tools[] = { "rope", "net", "ladder", "stick", "shovel", "plank", "hook" };

// where an animal is stuck | how it gets out of there
static const char *const traps[] = { "at the bottom of a deep hole|out of the hole",
                                     "in a thorny bush|out of the bush",
                                     "in the cold mud|out of the mud",
                                     "between two big rocks|out from between the rocks",
                                     "under a heavy log|out from under the log",
                                     "on a high roof|down from the roof",
                                     "under a fallen branch|out from under the branch" };

// place | four spots | two things to do there | being there
static const char *const places[] = {
    "the park|under the bench|behind the fountain|beside the swings|next to the gate|climb a tree|feed the ducks|in "
    "the "
    "park",
    "the beach|behind the rock|under the old boat|beside the pier|near the tall grass|build a castle|look for "
    "shells|on "
    "the beach",
    "the forest|under the fern|inside the hollow tree|behind the log|beside the stream|pick flowers|listen to the "
    "birds|in "
    "the forest",
    "the farm|behind the barn|under the hay cart|beside the well|near the fence|pet the horses|chase the geese|on the "
    "farm",
    "the market|under the table|behind the fish stall|next to the clock|beside the barrel|taste the cheese|watch a "
    "juggler|at the market",
    "the garden|under the roses|behind the shed|beside the pond|near the old wall|water the plants|dig for worms|in "
    "the garden",
    "the hill|under the pine tree|behind the big stone|beside the path|in the heather|roll in the grass|watch the "
    "clouds|on the hill",
    "the river|under the bridge|behind the reeds|beside the dock|on the flat stone|skip stones|swim|by the river",
    "the school|under the desk|behind the door|next to the piano|on the window sill|draw a picture|sing a song|at the "
    "school",
    "the castle|under the stairs|behind the curtain|beside the tower|in the dark corner|look at the paintings|play "
    "knights|in the castle",
};

static const char *const times[] = { "before sunset",           "before dinner",   "by noon",
                                     "before bedtime",          "before the rain", "by four o'clock",
                                     "before the moon comes up" };

static const char *const many[] = { "six", "seven", "eight", "nine", "ten" };
static const char *const few[] = { "two", "three", "four" };

// a chore | having done it
static const char *const chores[] = { "wash the windows|washed the windows", "sweep the yard|swept the yard",
                                      "carry the wood|carried the wood",     "feed the chickens|fed the chickens",
                                      "paint the fence|painted the fence",   "peel the potatoes|peeled the potatoes",
                                      "pull the weeds|pulled the weeds",     "mend the nets|mended the nets" };

// a fear | a place where it is met | how one goes there
static const char *const fears[] = { "the dark|a deep cave|walked into the cave",
                                     "deep water|the middle of the lake|swam across the lake",
                                     "high places|the top of a tall tree|climbed up the tree",
                                     "spiders|an old cellar full of webs|went down into the cellar",
                                     "big dogs|a yard with a big dog|stepped into the yard",
                                     "ghosts|an empty house|opened the door of the house",
                                     "bees|a field full of bees|crept through the field",
                                     "narrow bridges|the far side of a narrow bridge|stepped onto the bridge" };

// a contest | what the winner did
static const char *const contests[] = { "run to the old oak|reached the oak first",
                                        "swim across the pond|reached the other side first",
                                        "build the tallest tower|built the tallest tower",
                                        "jump over the ditch|jumped the farthest",
                                        "roll a wheel down the road|rolled the wheel the farthest",
                                        "sing the highest note|sang the highest note",
                                        "throw a pine cone|threw it the farthest" };

// a message | what the hearer does about it
static const char *const messages[] = { "the soup is ready|sat down to eat while the soup was still hot",
                                        "the boat leaves at noon|packed a bag and caught the boat just in time",
                                        "the bridge is broken|took the long way round and stayed dry",
                                        "a storm is coming|closed all the windows before the wind came",
                                        "the brown cow is lost|went out to look and found the cow in the corn",
                                        "the party starts at six|put on clean clothes and came to the party",
                                        "the well is dry|filled two buckets at the river instead",
                                        "the red hen has laid an egg|hurried over to see the egg",
                                        "the wolf is back|locked the sheep in the barn" };

static const char *const beds[] = { "behind the barn",       "beside the well",
                                    "next to the gate",      "near the old wall",
                                    "by the pond",           "along the path",
                                    "in front of the house", "under the kitchen window" };

static const char *const weathers[] = { "sunny", "windy", "cloudy", "warm", "cold", "foggy", "bright", "fine" };

static const char *const sizes[] = { "tiny",  "fat", "thin",  "huge",  "sleepy", "spotted",
                                     "funny", "old", "young", "noisy", "dusty",  "striped" };

static const char *const beasts[] = { "snail",  "cat", "crow",      "butterfly", "donkey", "goose",   "beetle",
                                      "lizard", "cow", "dragonfly", "sparrow",   "pig",    "ladybug", "sheep" };

static const char *const acts[] = { "sitting on a stone",    "drinking from a puddle", "looking at the sky",
                                    "sleeping in the sun",   "eating a leaf",          "hiding in the grass",
                                    "watching the clouds",   "resting under a bush",   "looking for food",
                                    "going round in circles" };

static const char *const dishes[] = { "hot soup",   "fresh bread",  "bean stew",     "corn cakes",
                                      "baked fish", "apple pie",    "rice and peas", "cold milk",
                                      "honey cake", "mushroom pie", "roasted nuts",  "sweet tea" };

static const char *const features[] = { "bright eyes",           "a loud laugh",         "a hat that was too big",
                                        "three little brothers", "a funny walk",         "new boots",
                                        "a sweet tooth",         "a very good memory",   "a coat with a patch",
                                        "a lucky pebble",        "an old bicycle",       "a warm bed by the stove",
                                        "a song for every day",  "a head full of ideas", "a secret",
                                        "a small garden" };

static const char *const hobbies[] = { "whistle",     "count the stars", "jump in puddles",  "bake bread",
                                       "tell jokes",  "collect stones",  "ride down hills",  "read aloud",
                                       "dance alone", "make paper hats", "watch the trains", "feed the birds",
                                       "sleep late",  "ask questions",   "play the trumpet", "hide in trees" };

static const char *const hidings[] = { "under the rug", "behind the stove", "in a drawer",        "under the bed",
                                       "in a big boot", "behind the books", "in the flour barrel" };

#define LIST(words, kind)                    \
    {                                        \
#words, kind, words, COUNT_OF(words) \
    }
const WordList tale_lists[] = {
    LIST(names, TALE_SLOT_NAME),    LIST(kinds, TALE_SLOT_WORD),    LIST(traits, TALE_SLOT_WORD),
    LIST(helpers, TALE_SLOT_NAME),  LIST(homes, TALE_SLOT_PLACE),   LIST(hues, TALE_SLOT_WORD),
    LIST(metals, TALE_SLOT_WORD),   LIST(things, TALE_SLOT_THING),  LIST(fragiles, TALE_SLOT_THING),
    LIST(foods, TALE_SLOT_THING),   LIST(seeds, TALE_SLOT_THING),   LIST(pets, TALE_SLOT_THING),
    LIST(tools, TALE_SLOT_THING),   LIST(traps, TALE_SLOT_PLACE),   LIST(places, TALE_SLOT_PLACE),
    LIST(times, TALE_SLOT_WORD),    LIST(many, TALE_SLOT_NUMBER),   LIST(few, TALE_SLOT_NUMBER),
    LIST(chores, TALE_SLOT_WORD),   LIST(fears, TALE_SLOT_WORD),    LIST(contests, TALE_SLOT_WORD),
    LIST(messages, TALE_SLOT_WORD), LIST(hidings, TALE_SLOT_PLACE), LIST(beds, TALE_SLOT_PLACE),
    LIST(weathers, TALE_SLOT_WORD), LIST(features, TALE_SLOT_WORD), LIST(hobbies, TALE_SLOT_WORD),
    LIST(sizes, TALE_SLOT_WORD),    LIST(beasts, TALE_SLOT_THING),  LIST(acts, TALE_SLOT_WORD),
    LIST(dishes, TALE_SLOT_THING),
};
const int tale_lists_count = COUNT_OF(tale_lists);

const Variable tale_variables[] = {
    { "hero", "names", 0, 0, 0 },
    { "friend", "names", 0, 0, 0 },
    { "other", "names", 0, 0, 0 },
    { "hero.kind", "kinds", 0, 0, 0 },
    { "friend.kind", "kinds", 0, 0, 0 },
    { "other.kind", "kinds", 0, 0, 0 },
    { "hero.trait", "traits", 0, 0, 0 },
    { "helper", "helpers", 0, 0, 0 },
    { "home", "homes", 0, 0, 0 },
    { "hue", "hues", 0, 0, 0 },
    { "shade", "hues", 0, 0, 0 },
    { "metal", "metals", 0, 0, 0 },
    { "thing", "things", 0, 0, 0 },
    { "toy", "things", 0, 0, 0 },
    { "gift", "things", 0, 0, 0 },
    { "fragile", "fragiles", 0, 0, 0 },
    { "food", "foods", 0, 0, 0 },
    { "seed", "seeds", 0, 0, 0 },
    { "pet", "pets", 0, 0, 0 },
    { "tool", "tools", 0, 0, 0 },
    { "trap", "traps", 0, 0, 0 },
    { "place", "places", 0, 0, 0 },
    { "spot", "place", 1, 4, TALE_SLOT_PLACE },
    { "nook", "place", 1, 4, TALE_SLOT_PLACE },
    { "doing", "place", 5, 2, TALE_SLOT_WORD },
    { "time", "times", 0, 0, 0 },
    { "n", "many", 0, 0, 0 },
    { "k", "few", 0, 0, 0 },
    { "chore", "chores", 0, 0, 0 },
    { "fear", "fears", 0, 0, 0 },
    { "contest", "contests", 0, 0, 0 },
    { "message", "messages", 0, 0, 0 },
    { "hiding", "hidings", 0, 0, 0 },
    { "bed", "beds", 0, 0, 0 },
    { "feature", "features", 0, 0, 0 },
    { "hobby", "hobbies", 0, 0, 0 },
    { "weather", "weathers", 0, 0, 0 },
    { "size", "sizes", 0, 0, 0 },
    { "beast", "beasts", 0, 0, 0 },
    { "act", "acts", 0, 0, 0 },
    { "dish", "dishes", 0, 0, 0 },
    { "dessert", "dishes", 0, 0, 0 },
};
const int tale_variables_count = COUNT_OF(tale_variables);
