// The language in which the tales are written, and its interpreter. A grammar is data: lists of words, variables that
// are drawn from the lists, rules with alternative templates, and plots. tales_words.c, tales_rules.c and tales_plots.c
// are the tales' tables.
//
// A template is plain text with actions in braces:
//   {rule}          one of the rule's alternatives, drawn uniformly
//   {rule a b}      the same, with x standing for a and y for b inside it
//   {variable}      its word; drawn uniformly from its list, without the words of other variables of that list, when it
//                   is first told; the same word ever after
//   {variable.1}    field 1 of its word ("apple|apples": field 0 is "apple")
//   {person.he}     he or she (also .him, .his) if that can be read one way only, else the name
//   {person.own}    his or her (.self: himself or herself), of the person who is the subject of the clause
//   {hero.kind}     a variable that belongs to another
//   {n-k} {n+k}     a number in words
//   {word!}         a slot: told before, or following from what was told, so that an attentive reader knows it
//   {new=old}       from here on `new` is another name of the variable `old`
//   {a}             "a" or "an", by the letter that follows
// The first letter of a sentence and of a quotation is made a capital.
#pragma once
#include "data/tales.h"

// Words are strings of fields separated by '|'. Before the first may stand "f:" or "m:", a person's gender, or "8:",
// how often the word is drawn against the others of its list. Of a word "girl|boy" somebody of gender m takes field 1.
typedef struct WordList {
    const char *name;
    TaleSlotKind kind;
    const char *const *words;
    int n_words;
} WordList;

// A variable is drawn from a list, or from the fields first … first + count − 1 of the word of another variable.
typedef struct Variable {
    const char *name;
    const char *source; // a list's name, or a variable's
    int first, count;   // fields; count 0: from a list
    TaleSlotKind kind;  // of slots, if drawn from fields
} Variable;

enum { RULE_MAX_ALTERNATIVES = 16 };

typedef struct Rule {
    const char *name;
    const char *alternatives[RULE_MAX_ALTERNATIVES];
} Rule;

typedef struct Plot {
    const char *name;
    const char *pair[2]; // the two variables whose combination may be kept out of training, beside subject × plot
    const char *text;
} Plot;

typedef struct Grammar {
    const WordList *lists;
    const Variable *variables;
    const Rule *rules;
    const Plot *plots;
    int n_lists, n_variables, n_rules, n_plots;
    const char *subject; // the variable whose combination with the plot may be kept out: "hero"
} Grammar;

// Tells one tale, drawing from `random`. Stops with the name if the grammar calls something that it does not have.
void grammar_tell(const Grammar *grammar, Random *random, Tale *tale);

// Explains a text by every derivation of the grammar that begins like it.
TaleCheck grammar_check(const Grammar *grammar, const char *text, size_t length);

// The tables of the tales.
extern const WordList tale_lists[];
extern const Variable tale_variables[];
extern const Rule tale_rules[];
extern const Plot tale_plots[];
extern const int tale_lists_count, tale_variables_count, tale_rules_count, tale_plots_count;

Grammar tales_grammar(void);
