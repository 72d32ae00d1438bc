#include "data/grammar.h"
#include "base/error.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_VARIABLES = 64, MAX_ALIASES = 12, MAX_DEPTH = 12, MAX_WORDS = 64, TRAIL_MAX = 512 };

typedef struct Span { // part of a template or of a word
    const char *text;
    int length;
} Span;

typedef struct Binding {
    bool bound;
    const char *word; // NULL if drawn from the fields of another
    int index;        // in its list, or the field
    Span text;
} Binding;

typedef struct Alias {
    Span name;
    int variable;
} Alias;

// One decision of a derivation: which of n possibilities.
typedef struct Decision {
    int taken, n;
} Decision;

// A derivation: its decisions are replayed as far as they go, and the first possibilities continue it.
typedef struct Trail {
    Decision decisions[TRAIL_MAX];
    int n_decisions;
} Trail;

// One telling: by drawing from `random`, or (random NULL) along `trail` until the tale and the text `target` part.
typedef struct Telling {
    const Grammar *grammar;
    Tale *tale;
    Random *random;
    Trail *trail;
    int trail_at;
    const char *target;
    size_t target_length;
    bool stopped; // the tale and the target parted
    int reached;  // how far a possibility went that was not followed
    bool article; // "a" or "an" is due
    bool space;
    int slot_start; // −1: where the next letter comes
    int quotes;     // how many quotation marks were told
    int depth;
    Binding bindings[MAX_VARIABLES];
    Alias aliases[MAX_ALIASES];
    int n_aliases;
    int sentence;                 // counted by their ends
    int mentioned[MAX_VARIABLES]; // the sentence in which a person was last named or meant, from 1; 0: in none
} Telling;

static void tell_template(Telling *t, const char *template);

static bool span_is(Span span, const char *text)
{
    return *text == *span.text && !strncmp(text, span.text, (size_t)span.length) && text[span.length] == '\0';
}

static Span span_of(const char *text) { return (Span){ text, (int)strlen(text) }; }

// ---- choices

// Explaining a text: whether it may go on with `front` (and a space or an article that is due). Only a sure no counts:
// where a capital may be due, the telling itself will find out.
static bool fits(Telling *t, Span front)
{
    if (!t->target || front.length == 0 || (t->article && !isalpha((unsigned char)*front.text))) return true;
    const char *article = !t->article ? "" : strchr("aeiou", *front.text) ? "an " : "a ";
    const Span parts[] = { { " ", t->space }, span_of(article), front };
    int at = t->tale->length;
    for (int part = 0; part < 3; part++)
        for (int i = 0; i < parts[part].length; i++, at++) {
            char c = (size_t)at < t->target_length ? t->target[at] : '\0';
            if (c == parts[part].text[i]) continue;
            if (tolower((unsigned char)c) == tolower((unsigned char)parts[part].text[i])) return true;
            if (at > t->reached) t->reached = at;
            return false;
        }
    return true;
}

// The next decision of the trail among the possibilities that fit, the first of them where the trail ends.
static int choose_replayed(Telling *t, const Span *fronts, int n)
{
    int fitting[MAX_WORDS], n_fitting = 0;
    for (int i = 0; i < n; i++)
        if (!fronts || fits(t, fronts[i])) fitting[n_fitting++] = i;
    t->stopped = t->stopped || n_fitting == 0;
    if (n_fitting <= 1) return n_fitting ? fitting[0] : 0;
    CHECK(t->trail_at < TRAIL_MAX, "tale: more than %d decisions", TRAIL_MAX);
    if (t->trail_at == t->trail->n_decisions) t->trail->decisions[t->trail->n_decisions++] = (Decision){ 0, n_fitting };
    return fitting[t->trail->decisions[t->trail_at++].taken];
}

// One of n ≤ MAX_WORDS, i with probability weights[i] / Σ weights (NULL: uniform). `fronts`, unless NULL, says what
// letters each would tell at once.
static int choose(Telling *t, const int *weights, const Span *fronts, int n)
{
    int total = 0, taken = 0;
    for (int i = 0; i < n; i++) total += weights ? weights[i] : 1;
    if (t->random)
        for (int r = (int)random_below(t->random, (uint64_t)total); r >= (weights ? weights[taken] : 1); taken++)
            r -= weights ? weights[taken] : 1;
    else
        taken = choose_replayed(t, fronts, n);
    t->tale->bits += log2((double)total / (weights ? weights[taken] : 1));
    return taken;
}

// ---- letters

static bool starts_sentence(const Telling *t)
{
    const char *end = t->tale->text + t->tale->length;
    if (t->tale->length == 0) return true;
    if (end[-1] == '"') return t->quotes % 2 == 1;
    if (t->tale->length < 2 || end[-1] != ' ') return false;
    if (strchr(".!?", end[-2])) return true;
    return t->tale->length > 2 && end[-2] == '"' && end[-3] == '.'; // after !" or ?" the sentence may go on
}

static void put_raw(Telling *t, char c)
{
    int at = t->tale->length;
    CHECK(at < TALE_MAX - 1, "tale: longer than %d bytes", TALE_MAX - 1);
    if (t->stopped) return;
    if (t->target && ((size_t)at >= t->target_length || t->target[at] != c)) {
        t->stopped = true;
        return;
    }
    if (c == '"') t->quotes++;
    if (strchr(".!?", c)) t->sentence++;
    t->tale->text[t->tale->length++] = c;
}

static void put_letter(Telling *t, char c) { put_raw(t, starts_sentence(t) ? (char)toupper((unsigned char)c) : c); }

static void put(Telling *t, char c)
{
    if (c == ' ') { // told before the next letter, so that parts which tell nothing leave no gap
        t->space = t->space || (!t->article && t->tale->length > 0);
        return;
    }
    if (t->space) put_raw(t, ' ');
    t->space = false;
    if (t->article && isalpha((unsigned char)c)) {
        t->article = false;
        put_letter(t, 'a');
        if (strchr("aeiou", c)) put_raw(t, 'n');
        put_raw(t, ' ');
    }
    if (t->slot_start < 0) t->slot_start = t->tale->length;
    put_letter(t, c);
}

static void put_span(Telling *t, Span span)
{
    for (int i = 0; i < span.length; i++) put(t, span.text[i]);
}

// ---- words and variables

static bool has_mark(const char *word) { return word[1] == ':'; }

static int word_weight(const char *word)
{
    return has_mark(word) && isdigit((unsigned char)word[0]) ? word[0] - '0' : 1;
}

static Span field_of(const char *word, int field)
{
    const char *start = has_mark(word) ? word + 2 : word;
    for (; field > 0; field--) {
        start = strchr(start, '|');
        CHECK(start, "tale: the word \"%s\" has too few fields", word);
        start++;
    }
    return (Span){ start, (int)strcspn(start, "|") };
}

static int find_variable(const Telling *t, Span name)
{
    for (int i = t->n_aliases; i-- > 0;)
        if (t->aliases[i].name.length == name.length &&
            !memcmp(t->aliases[i].name.text, name.text, (size_t)name.length))
            return t->aliases[i].variable;
    for (int i = 0; i < t->grammar->n_variables; i++)
        if (span_is(name, t->grammar->variables[i].name)) return i;
    return -1;
}

static const WordList *find_list(const Telling *t, const char *name)
{
    for (int i = 0; i < t->grammar->n_lists; i++)
        if (!strcmp(t->grammar->lists[i].name, name)) return &t->grammar->lists[i];
    FATAL("tale: no list \"%s\"", name);
}

// Marks the words (or fields) that other variables with the same source have already.
static void mark_taken(const Telling *t, const Variable *variable, bool *taken)
{
    for (int i = 0; i < t->grammar->n_variables; i++)
        if (t->bindings[i].bound && !strcmp(t->grammar->variables[i].source, variable->source))
            taken[t->bindings[i].index] = true;
}

static Binding *bind(Telling *t, int which, bool told);

static char gender_of(Telling *t, int which)
{
    const char *name = t->grammar->variables[which].name, *dot = strchr(name, '.');
    if (dot) which = find_variable(t, (Span){ name, (int)(dot - name) }); // "hero.kind" has the hero's
    const char *word = bind(t, which, false)->word;
    return word && has_mark(word) && isalpha((unsigned char)word[0]) ? word[0] : '\0';
}

// The variable's word, drawn now if it was not before; `told`: it will be told at once.
static Binding *bind(Telling *t, int which, bool told)
{
    const Variable *variable = &t->grammar->variables[which];
    Binding *binding = &t->bindings[which];
    if (binding->bound) return binding;
    const WordList *list = variable->count ? NULL : find_list(t, variable->source);
    const char *parent = list ? NULL : bind(t, find_variable(t, span_of(variable->source)), false)->word;
    bool male = strchr(variable->name, '.') && gender_of(t, which) == 'm';
    int count = list ? list->n_words : variable->count, n = 0, indices[MAX_WORDS], weights[MAX_WORDS];
    CHECK(variable->first + count <= MAX_WORDS, "tale: too many words for \"%s\"", variable->name);
    bool taken[MAX_WORDS] = { false };
    mark_taken(t, variable, taken);
    Span texts[MAX_WORDS];
    for (int index = variable->first; index < variable->first + count; index++) {
        if (taken[index]) continue;
        const char *word = list ? list->words[index] : parent;
        texts[n] = field_of(word, list ? male && strchr(word, '|') : index);
        weights[n] = list ? word_weight(word) : 1;
        indices[n++] = index;
    }
    CHECK(n > 0, "tale: no word is left for \"%s\"", variable->name);
    int choice = choose(t, weights, told ? texts : NULL, n);
    *binding = (Binding){ true, list ? list->words[indices[choice]] : NULL, indices[choice], texts[choice] };
    return binding;
}

// ---- numbers

static const char *const numbers[] = { "zero",  "one",  "two", "three",  "four",   "five",     "six",      "seven",
                                       "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen" };

static int number_value(Telling *t, Span name)
{
    int which = find_variable(t, name);
    CHECK(which >= 0, "tale: no number \"%.*s\"", name.length, name.text);
    Span word = bind(t, which, false)->text;
    for (int i = 0; i < (int)(sizeof numbers / sizeof *numbers); i++)
        if (span_is(word, numbers[i])) return i;
    FATAL("tale: \"%.*s\" is not a number", word.length, word.text);
}

// ---- actions

static const char *const pronouns[][3] = {
    // form, she, he
    { "he", "she", "he" },   { "him", "her", "him" },
    { "his", "her", "his" }, { "self", "herself", "himself" }, // these two speak of the subject of their own clause
    { "own", "her", "his" },
};

static bool is_person(Telling *t, int which)
{
    return t->bindings[which].bound && !strchr(t->grammar->variables[which].name, '.') && gender_of(t, which);
}

// "She" can be read one way only: the last sentence that told of a woman told of her and of no other.
static bool pronoun_is_clear(Telling *t, int which)
{
    int latest_other = 0;
    for (int i = 0; i < t->grammar->n_variables; i++)
        if (i != which && is_person(t, i) && gender_of(t, i) == gender_of(t, which) && t->mentioned[i] > latest_other)
            latest_other = t->mentioned[i];
    return t->mentioned[which] > latest_other;
}

static void tell_pronoun(Telling *t, int which, const char *const *forms)
{
    bool of_subject = forms >= pronouns[3];
    if (of_subject || pronoun_is_clear(t, which)) {
        put_span(t, span_of(forms[gender_of(t, which) == 'm' ? 2 : 1]));
    } else {
        put_span(t, bind(t, which, true)->text);
        if (!strcmp(forms[0], "his")) put_span(t, span_of("'s"));
    }
    t->mentioned[which] = t->sentence;
}

static TaleSlotKind slot_kind(const Telling *t, int which)
{
    const Variable *variable = &t->grammar->variables[which];
    return variable->count ? variable->kind : find_list(t, variable->source)->kind;
}

static TaleSlotKind tell_variable(Telling *t, int which, Span form)
{
    Binding *binding = bind(t, which, form.length == 0);
    if (form.length == 0) {
        put_span(t, binding->text);
        if (is_person(t, which)) t->mentioned[which] = t->sentence;
    } else if (form.length == 1 && isdigit((unsigned char)form.text[0])) {
        put_span(t, field_of(binding->word, form.text[0] - '0'));
    } else {
        for (size_t i = 0; i < sizeof pronouns / sizeof *pronouns; i++)
            if (span_is(form, pronouns[i][0])) return tell_pronoun(t, which, pronouns[i]), TALE_SLOT_NAME;
        char name[64];
        snprintf(name, sizeof name, "%s.%.*s", t->grammar->variables[which].name, form.length, form.text);
        int part = find_variable(t, span_of(name));
        CHECK(part >= 0, "tale: no variable \"%s\"", name);
        return tell_variable(t, part, (Span){ 0 });
    }
    return slot_kind(t, which);
}

static void push_alias(Telling *t, Span name, Span old)
{
    int which = find_variable(t, old);
    CHECK(which >= 0 && t->n_aliases < MAX_ALIASES, "tale: cannot call \"%.*s\" something else", old.length, old.text);
    t->aliases[t->n_aliases++] = (Alias){ name, which };
}

// The letters of a template before its first action.
static Span front_of(const char *template) { return (Span){ template, (int)strcspn(template, "{") }; }

// {rule a b}: x and y stand for the arguments while it is told; other new names stay.
static void tell_rule(Telling *t, Span name, Span arguments)
{
    static const char *const parameters[] = { "x", "y" };
    const Rule *rule = NULL;
    for (int i = 0; i < t->grammar->n_rules && !rule; i++)
        if (span_is(name, t->grammar->rules[i].name)) rule = &t->grammar->rules[i];
    CHECK(rule, "tale: no rule or variable \"%.*s\"", name.length, name.text);
    int before = t->n_aliases, resolved[2], n_arguments = 0, n = 0;
    while (arguments.length > 0) {
        Span argument = { arguments.text, (int)strcspn(arguments.text, " }") };
        CHECK(n_arguments < 2, "tale: too many arguments for \"%s\"", rule->name);
        resolved[n_arguments++] = find_variable(t, argument);
        int used = argument.length + (argument.text[argument.length] == ' ');
        arguments = (Span){ arguments.text + used, arguments.length - used };
    }
    for (int i = 0; i < n_arguments; i++) {
        CHECK(t->n_aliases < MAX_ALIASES && resolved[i] >= 0, "tale: bad argument of \"%s\"", rule->name);
        t->aliases[t->n_aliases++] = (Alias){ span_of(parameters[i]), resolved[i] };
    }
    Span fronts[RULE_MAX_ALTERNATIVES];
    for (; n < RULE_MAX_ALTERNATIVES && rule->alternatives[n]; n++) fronts[n] = front_of(rule->alternatives[n]);
    CHECK(++t->depth < MAX_DEPTH, "tale: the rule \"%s\" never ends", rule->name);
    tell_template(t, rule->alternatives[choose(t, NULL, fronts, n)]);
    t->depth--;
    memmove(t->aliases + before, t->aliases + before + n_arguments,
            (size_t)(t->n_aliases - before - n_arguments) * sizeof *t->aliases);
    t->n_aliases -= n_arguments;
}

static void tell_action(Telling *t, Span action)
{
    if (span_is(action, "a")) {
        t->article = true;
        return;
    }
    bool slot = action.text[action.length - 1] == '!';
    action.length -= slot;
    int name_length = (int)strcspn(action.text, " .=+-!}");
    char after = action.text[name_length];
    Span name = { action.text, name_length };
    Span rest = { action.text + name_length + 1, action.length > name_length ? action.length - name_length - 1 : 0 };
    if (after == '=') {
        push_alias(t, name, rest);
        return;
    }
    t->slot_start = -1;
    TaleSlotKind kind = TALE_SLOT_NUMBER;
    if (after == '+' || after == '-') {
        int left = number_value(t, name), right = number_value(t, rest),
            value = after == '+' ? left + right : left - right;
        CHECK(value >= 0 && value < (int)(sizeof numbers / sizeof *numbers), "tale: no word for %d", value);
        put_span(t, span_of(numbers[value]));
    } else {
        int which = find_variable(t, name);
        if (which >= 0)
            kind = tell_variable(t, which, rest);
        else
            tell_rule(t, name, rest);
    }
    if (!slot || t->stopped) return;
    CHECK(t->tale->n_slots < TALE_MAX_SLOTS, "tale: more than %d slots", TALE_MAX_SLOTS);
    t->tale->slots[t->tale->n_slots++] = (TaleSlot){ kind, t->slot_start, t->tale->length - t->slot_start };
}

static void tell_template(Telling *t, const char *template)
{
    for (const char *at = template; *at && !t->stopped; at++) {
        if (*at != '{') {
            put(t, *at);
            continue;
        }
        const char *end = strchr(at, '}');
        CHECK(end, "tale: a brace is open in \"%s\"", template);
        tell_action(t, (Span){ at + 1, (int)(end - at - 1) });
        at = end;
    }
}

// ---- tales

// About one combination in ten is kept out of training.
static bool is_kept_out(const char *combination) { return (random_key(0, combination) >> 17 & 1023) < 102; }

static void note_combinations(Telling *t, const Plot *plot)
{
    Tale *tale = t->tale;
    Span subject = bind(t, find_variable(t, span_of(t->grammar->subject)), false)->text;
    Span first = bind(t, find_variable(t, span_of(plot->pair[0])), false)->text;
    Span second = bind(t, find_variable(t, span_of(plot->pair[1])), false)->text;
    snprintf(tale->combos[0], sizeof *tale->combos, "%.*s, %s", subject.length, subject.text, plot->name);
    snprintf(tale->combos[1], sizeof *tale->combos, "%.*s, %.*s", first.length, first.text, second.length, second.text);
    tale->split = is_kept_out(tale->combos[0]) || is_kept_out(tale->combos[1]) ? TALES_VALIDATION : TALES_TRAIN;
}

static void tell_plot(Telling *t)
{
    CHECK(t->grammar->n_plots <= MAX_WORDS, "tale: more than %d plots", MAX_WORDS);
    CHECK(t->grammar->n_variables <= MAX_VARIABLES, "tale: more than %d variables", MAX_VARIABLES);
    *t->tale = (Tale){ 0 };
    t->sentence = 1;
    const Plot *plot = &t->grammar->plots[choose(t, NULL, NULL, t->grammar->n_plots)];
    tell_template(t, plot->text);
    if (!t->stopped) note_combinations(t, plot);
}

void grammar_tell(const Grammar *grammar, Random *random, Tale *tale)
{
    tell_plot(&(Telling){ .grammar = grammar, .tale = tale, .random = random });
}

// Depth first over the decisions: a derivation is followed until it parts from the text, then the last decision that
// has a possibility left takes the next one. Words are drawn when they are told, so wrong ones part at once.
TaleCheck grammar_check(const Grammar *grammar, const char *text, size_t length)
{
    TaleCheck check = { 0 };
    Trail trail = { .n_decisions = 0 };
    double probability = 0;
    do {
        Tale tale;
        Telling t = { grammar, &tale, .trail = &trail, .target = text, .target_length = length };
        tell_plot(&t);
        if (!t.stopped && (size_t)tale.length == length) {
            check.derivations++;
            probability += exp2(-tale.bits);
        }
        if (tale.length > check.valid) check.valid = tale.length;
        if (t.reached > check.valid) check.valid = t.reached;
        while (trail.n_decisions > 0) {
            Decision *last = &trail.decisions[trail.n_decisions - 1];
            if (++last->taken < last->n) break;
            trail.n_decisions--;
        }
    } while (trail.n_decisions > 0);
    check.complete = check.derivations > 0;
    check.bits = -log2(probability);
    return check;
}
