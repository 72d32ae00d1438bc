// What a 5-gram model with backoff makes of the tales: it has read far more tales than it is asked about, writes
// likely phrases, and knows neither the end nor what it told before. The slots that a reader fills without fail show it.
#include "base/memory.h"
#include "data/tales.h"
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORDER = 5, TRAIN_TALES = 6000, VAL_TALES = 300, MAX_TOKENS = 1500000, MAX_TALE_TOKENS = 512, WORDS = 4096 };

// Tokens are words and punctuation marks; `chain[k][i]` is the position before i that the same k tokens precede.
typedef struct Ngrams {
    char *words[WORDS];
    int n_words;
    int *tokens, n_tokens;
    int *chain[ORDER];
    int *heads; // by hash of k and the k tokens; the last such position + 1
    Random random;
} Ngrams;

enum { HEADS = 1 << 22 };

static int word_id(Ngrams *model, const char *text, int length)
{
    for (int i = 0; i < model->n_words; i++)
        if (!strncmp(model->words[i], text, (size_t)length) && !model->words[i][length]) return i;
    if (model->n_words == WORDS) ck_abort_msg("too many words");
    model->words[model->n_words] = mem_string_n(text, (size_t)length);
    return model->n_words++;
}

// Splits text into tokens; starts[i] is the offset of token i. A word keeps the space before it.
static int tokenize(Ngrams *model, const char *text, int length, int *tokens, int *starts)
{
    int n = 0;
    for (int at = 0, end; at < length; at = end, n++) {
        end = at + (text[at] == ' ');
        if (isalpha((unsigned char)text[end]))
            while (isalpha((unsigned char)text[end]) || text[end] == '\'') end++;
        else
            end++;
        if (n == MAX_TALE_TOKENS) ck_abort_msg("too many tokens in %s", text);
        starts[n] = at + (text[at] == ' ');
        tokens[n] = word_id(model, text + at, end - at);
    }
    return n;
}

static int *head_of(Ngrams *model, const int *context, int k)
{
    uint64_t hash = (uint64_t)k;
    for (int i = 0; i < k; i++) hash = (hash ^ (uint64_t)context[i]) * 0x9E3779B97F4A7C15u, hash ^= hash >> 29;
    return &model->heads[hash % HEADS];
}

// The next earlier position after the k tokens of `context`, from the one given (inclusive); −1 if there is none.
static int occurrence(const Ngrams *model, int at, const int *context, int k)
{
    while (at >= 0 && memcmp(model->tokens + at - k, context, (size_t)k * sizeof *context)) at = model->chain[k][at];
    return at;
}

static void train(Ngrams *model)
{
    model->tokens = NEW_ARRAY(int, MAX_TOKENS);
    model->heads = NEW_ARRAY(int, HEADS);
    for (int k = 0; k < ORDER; k++) model->chain[k] = NEW_ARRAY(int, MAX_TOKENS);
    Tales tales = tales_open(1, TALES_TRAIN);
    int starts[MAX_TALE_TOKENS];
    for (int i = 0; i < TRAIN_TALES; i++) {
        Tale tale;
        tales_next(&tales, &tale);
        if (model->n_tokens + MAX_TALE_TOKENS >= MAX_TOKENS) ck_abort_msg("too many tokens");
        model->tokens[model->n_tokens++] = word_id(model, "\n", 1);
        model->n_tokens += tokenize(model, tale.text, tale.length, model->tokens + model->n_tokens, starts);
    }
    for (int at = 0; at < model->n_tokens; at++)
        for (int k = 0; k < ORDER && k <= at; k++) {
            int *head = head_of(model, model->tokens + at - k, k);
            model->chain[k][at] = *head - 1;
            *head = at + 1;
        }
}

// The token that followed the longest known context most often, or (draw) one drawn by how often it did.
static int predict(Ngrams *model, const int *before, int n_before, bool draw)
{
    static int counts[WORDS];
    for (int k = n_before < ORDER - 1 ? n_before : ORDER - 1; k >= 0; k--) {
        const int *context = before + n_before - k;
        int total = 0, best = 0;
        memset(counts, 0, sizeof counts);
        for (int at = *head_of(model, context, k) - 1; (at = occurrence(model, at, context, k)) >= 0;
             at = model->chain[k][at]) {
            int word = model->tokens[at];
            if (++counts[word] > counts[best]) best = word;
            total++;
        }
        if (total == 0) continue;
        if (!draw) return best;
        int r = (int)random_below(&model->random, (uint64_t)total);
        for (best = 0; r >= counts[best]; best++) r -= counts[best];
        return best;
    }
    return 0;
}

static void free_model(Ngrams *model)
{
    for (int i = 0; i < model->n_words; i++) free(model->words[i]);
    for (int k = 0; k < ORDER; k++) free(model->chain[k]);
    free(model->tokens);
    free(model->heads);
}

// Whether every token of the slot is the model's first guess.
static bool knows_slot(Ngrams *model, const int *tokens, const int *starts, int n, TaleSlot slot)
{
    for (int i = 1; i < n; i++)
        if (starts[i] >= slot.start && starts[i] < slot.start + slot.length &&
            predict(model, tokens, i, false) != tokens[i])
            return false;
    return true;
}

START_TEST(a_5_gram_model_does_not_know_the_slots)
{
    static const char *const names[] = { "name", "thing", "place", "number", "word" };
    static Ngrams model;
    train(&model);
    Tales tales = tales_open(2, TALES_VALIDATION);
    int known[TALE_SLOT_KINDS] = { 0 }, all[TALE_SLOT_KINDS] = { 0 }, tokens[MAX_TALE_TOKENS + 1],
        starts[MAX_TALE_TOKENS + 1];
    int easy = 0, others = 0;
    for (int i = 0; i < VAL_TALES; i++) {
        Tale tale;
        tales_next(&tales, &tale);
        tokens[0] = word_id(&model, "\n", 1);
        starts[0] = -1;
        int n = 1 + tokenize(&model, tale.text, tale.length, tokens + 1, starts + 1);
        for (int s = 0; s < tale.n_slots; s++) {
            known[tale.slots[s].kind] += knows_slot(&model, tokens, starts, n, tale.slots[s]);
            all[tale.slots[s].kind]++;
        }
        if (i % 10) continue;
        for (int t = 1; t < n; t++, others++) easy += predict(&model, tokens, t, false) == tokens[t];
    }
    int total = 0, sum = 0;
    for (int k = 0; k < TALE_SLOT_KINDS; k++) {
        printf("5-gram, %-6s slots: %4d of %4d right (%.1f %%)\n", names[k], known[k], all[k],
               100.0 * known[k] / all[k]);
        total += all[k];
        sum += known[k];
    }
    printf("5-gram, all slots: %.1f %%; all words and marks: %.1f %%\n", 100.0 * sum / total, 100.0 * easy / others);
    ck_assert_double_gt((double)easy / others, 0.5); // it does know the phrases
    ck_assert_double_lt((double)sum / total, 0.3);   // and not what they are about
    free_model(&model);
}
END_TEST

START_TEST(a_5_gram_model_does_not_tell_tales)
{
    static Ngrams model;
    train(&model);
    model.random = (Random){ .key = random_key(1, "ngram") };
    int n = 40, complete = 0;
    double reached = 0;
    for (int i = 0; i < n; i++) {
        int tokens[MAX_TALE_TOKENS] = { word_id(&model, "\n", 1) }, count = 1;
        char text[8 * MAX_TALE_TOKENS] = "";
        size_t used = 0;
        while (count < MAX_TALE_TOKENS) {
            int next = predict(&model, tokens, count, true);
            if (next == tokens[0] || used + strlen(model.words[next]) >= sizeof text) break;
            used += (size_t)sprintf(text + used, "%s", model.words[next]);
            tokens[count++] = next;
        }
        TaleCheck check = tales_check(text, used);
        complete += check.complete;
        reached += (double)check.valid / n;
        if (i < 1) printf("5-gram: \"%s\"\n", text);
    }
    printf("5-gram: %d of %d texts are tales; they break after %.0f characters on average\n", complete, n, reached);
    ck_assert_int_eq(complete, 0);
    free_model(&model);
}
END_TEST

Suite *suite_tales_ngram(void)
{
    Suite *suite = suite_create("tales_ngram");
    TCase *tests = tcase_create("tales_ngram");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, a_5_gram_model_does_not_know_the_slots);
    tcase_add_test(tests, a_5_gram_model_does_not_tell_tales);
    suite_add_tcase(suite, tests);
    return suite;
}
