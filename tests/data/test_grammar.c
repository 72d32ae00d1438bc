#include "base/memory.h"
#include "data/grammar.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// A grammar so small that every text it can tell turns up often.
static const char *const people[] = { "f:Ann", "f:Eva", "m:Tom" };
static const char *const kinds[] = { "3:girl|boy", "owl" };
static const char *const fruits[] = { "apple|apples", "plum|plums" };
static const char *const counts[] = { "two", "three" };
static const WordList lists[] = {
    { "people", TALE_SLOT_NAME, people, COUNT_OF(people) },
    { "kinds", TALE_SLOT_WORD, kinds, COUNT_OF(kinds) },
    { "fruits", TALE_SLOT_THING, fruits, COUNT_OF(fruits) },
    { "counts", TALE_SLOT_NUMBER, counts, COUNT_OF(counts) },
};
static const Variable variables[] = {
    { "hero", "people", 0, 0, 0 },  { "friend", "people", 0, 0, 0 }, { "hero.kind", "kinds", 0, 0, 0 },
    { "fruit", "fruits", 0, 0, 0 }, { "n", "counts", 0, 0, 0 },      { "k", "counts", 0, 0, 0 },
};
static const Rule rules[] = {
    { "glad", { "{x} was glad.", "{x.he} laughed.", "" } },
    { "twice", { "So it was.", "So it was.", "It was not." } }, // ambiguous on purpose
    { "winner", { "{first=hero}{hero} won.", "{first=friend}{friend} won." } },
};
static const Plot plots[] = {
    { "meet", { "hero", "friend" }, "{hero}, {a} {hero.kind}, met {friend}. {glad hero} {glad friend}" },
    { "eat", { "fruit", "n" }, "{hero} ate {a} {fruit}, {k} {fruit.1} and {n} more: {n+k!}! {twice}" },
    { "race", { "hero", "friend" }, "{hero} saw {friend}. {winner} \"bravo, {first!}!\" {hero.he} said." },
};
static const Grammar small = { lists,           variables,       rules, plots, COUNT_OF(lists), COUNT_OF(variables),
                               COUNT_OF(rules), COUNT_OF(plots), "hero" };

enum { DRAWS = 200000, TEXTS = 512 };

typedef struct Text {
    char *text;
    int count;
} Text;

static int count_texts(Text *texts)
{
    int n = 0;
    Random random = { .key = random_key(3, "small") };
    for (int i = 0; i < DRAWS; i++) {
        Tale tale;
        grammar_tell(&small, &random, &tale);
        int at = 0;
        while (at < n && strcmp(texts[at].text, tale.text)) at++;
        if (at == TEXTS) ck_abort_msg("too many texts");
        if (at == n) texts[n++] = (Text){ mem_string(tale.text), 0 };
        texts[at].count++;
    }
    return n;
}

// The bits of every text are −log2 of how often it turns up; so is each derivation's, where there is but one.
START_TEST(bits_are_the_frequency)
{
    Text texts[TEXTS];
    int n = count_texts(texts);
    double chi2 = 0, total = 0;
    for (int i = 0; i < n; i++) {
        TaleCheck check = grammar_check(&small, texts[i].text, strlen(texts[i].text));
        ck_assert(check.complete);
        ck_assert_int_eq(check.derivations, strstr(texts[i].text, "So it was") ? 2 : 1);
        double expected = DRAWS * exp2(-check.bits);
        chi2 += (texts[i].count - expected) * (texts[i].count - expected) / expected;
        total += exp2(-check.bits);
        free(texts[i].text);
    }
    ck_assert_double_eq_tol(total, 1, 1e-12); // no text is missing
    ck_assert_int_gt(n, 50);
    double degrees = n - 1; // 0.1 % point by Wilson and Hilferty's approximation
    double bound = degrees * pow(1 - 2 / (9 * degrees) + 3.09 * sqrt(2 / (9 * degrees)), 3);
    ck_assert_double_lt(chi2, bound);
    ck_assert_double_gt(chi2, degrees - 4 * sqrt(2 * degrees)); // nor better than chance allows
}
END_TEST

START_TEST(derivations_of_a_text_add_up)
{
    Random random = { .key = 1 };
    Tale tale;
    int ambiguous = 0;
    for (int i = 0; i < 2000; i++) {
        grammar_tell(&small, &random, &tale);
        TaleCheck check = grammar_check(&small, tale.text, (size_t)tale.length);
        ck_assert_double_eq_tol(tale.bits, check.bits + log2(check.derivations), 1e-9);
        ambiguous += check.derivations > 1;
    }
    ck_assert_int_gt(ambiguous, 200);
}
END_TEST

static TaleCheck check_text(const char *text) { return grammar_check(&small, text, strlen(text)); }

START_TEST(words_agree)
{
    // plot 1/3 · Ann 1/3 · kind 3/4 · friend 1/2 · two feelings 1/9
    const char *text = "Ann, a girl, met Tom. Ann was glad. He laughed.";
    ck_assert_double_eq_tol(check_text(text).bits, log2(3 * 3 * 4.0 / 3 * 2 * 9), 1e-12);
    ck_assert(check_text("Tom, a boy, met Ann. He laughed. She laughed.").complete);
    ck_assert(check_text("Eva, an owl, met Ann.").complete);
    ck_assert(check_text("Eva, an owl, met Ann. Eva laughed.").complete); // "she" could be both
    ck_assert(check_text("Ann ate an apple, two apples and three more: five! It was not.").complete);
    ck_assert(check_text("Eva ate a plum, three plums and two more: five! It was not.").complete);
    ck_assert(check_text("Tom saw Eva. Eva won. \"Bravo, Eva!\" Tom said.").complete == false); // he is the only man
    ck_assert(check_text("Tom saw Eva. Eva won. \"Bravo, Eva!\" he said.").complete);
    ck_assert(check_text("Ann saw Eva. Eva won. \"Bravo, Eva!\" Ann said.").complete);
}
END_TEST

START_TEST(breaks_where_it_is_wrong)
{
    static const struct {
        const char *good, *bad;
    } cases[] = {
        { "Ann, a ", "boy, met Tom." },
        { "Ann, an ", "girl, met Tom." },
        { "Ann, a girl, met ", "Ann." },
        { "Eva, an owl, met Ann. ", "She laughed." },
        { "Ann, a girl, met Tom. ", "he laughed." },
        { "Ann ate an apple, two apples and t", "wo more: four! It was not." },
        { "Ann ate an apple, two apples and three more: ", "six! It was not." },
        { "Ann ate a plum, two ", "apples and three more: five! It was not." },
        { "Tom saw Eva. Eva won. \"Bravo, ", "Tom!\" he said." },
        { "Tom saw Eva. Eva won. \"Bravo, Eva!\" he said.", " The end." },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[128];
        strcpy(text, cases[i].good);
        TaleCheck good = check_text(text);
        ck_assert_int_eq(good.valid, (int)strlen(cases[i].good));
        TaleCheck bad = check_text(strcat(text, cases[i].bad));
        ck_assert_msg(bad.valid == (int)strlen(cases[i].good), "\"%s\" breaks at %d", text, bad.valid);
        ck_assert(!bad.complete && bad.derivations == 0 && isinf(bad.bits));
    }
    ck_assert_int_eq(check_text("").valid, 0);
    ck_assert_int_eq(grammar_check(&small, "\0Ann", 4).valid, 0);
}
END_TEST

START_TEST(slots_follow_from_the_tale)
{
    Random random = { .key = 2 };
    int seen[TALE_SLOT_KINDS] = { 0 };
    for (int i = 0; i < 500; i++) {
        Tale tale;
        grammar_tell(&small, &random, &tale);
        for (int s = 0; s < tale.n_slots; s++) {
            seen[tale.slots[s].kind]++;
            const char *at = tale.text + tale.slots[s].start;
            if (tale.slots[s].kind == TALE_SLOT_NUMBER)
                ck_assert_msg(!strncmp(at, "five!", 5), "%s", tale.text); // two and three, never twice the same
            else
                ck_assert_int_eq(at[tale.slots[s].length], '!');
        }
    }
    ck_assert(seen[TALE_SLOT_NUMBER] > 100 && seen[TALE_SLOT_NAME] > 100);
}
END_TEST

Suite *suite_grammar(void)
{
    Suite *suite = suite_create("grammar");
    TCase *tests = tcase_create("grammar");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, bits_are_the_frequency);
    tcase_add_test(tests, derivations_of_a_text_add_up);
    tcase_add_test(tests, words_agree);
    tcase_add_test(tests, breaks_where_it_is_wrong);
    tcase_add_test(tests, slots_follow_from_the_tale);
    suite_add_tcase(suite, tests);
    return suite;
}
