// Chat templates: how a conversation was written down for a model when it was taught to answer. A model's file holds the
// template as a program in Jinja; the common ones are kept here as data, and a file's is recognised by what stands in it.
//
// The template's own text may hold special tokens; what people and models said is text like any other, so that nobody
// closes his turn by typing the token that does.
#pragma once
#include "text/tokenizer.h"

typedef enum ChatRole { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT } ChatRole;
enum { CHAT_ROLES = 3 };

// A conversation is a list of these: a system message at most once and first, then users' and assistants' in turn.
typedef struct ChatMessage {
    ChatRole role;
    StringView text;
} ChatMessage;

typedef struct ChatTurn {
    const char *before, *after; // of a message; NULL where the template has no place for this role
    bool trims;                 // white space around the message goes
} ChatTurn;

// In its texts \1 stands for the vocabulary's bos and \2 for its eos.
typedef struct ChatTemplate {
    const char *name;
    const char *marks[4], *lacks[8]; // what stands in such a template's program, and what doesn't
    const char *tokens[3];           // that must be in the vocabulary
    const char *begin;               // before the conversation
    const char *system;              // the system message of a conversation that has none; NULL: none
    ChatTurn turns[CHAT_ROLES];
    bool system_in_user; // the system message stands in the first user's, in front of the text
    const char *ask;     // behind the last message: now the model answers
    const char *end;     // the token that ends an answer, beside eos
} ChatTemplate;

const ChatTemplate *chat_template_find(const char *name); // NULL if there is none
const char *chat_template_names(void);                    // "smollm2, chatml, …", for messages

// The template of a program in Jinja, NULL if it is none of these. Programs that do the same for conversations without
// tools count as the same.
const ChatTemplate *chat_template_recognise(StringView program);

// A template with a vocabulary; both are kept.
typedef struct Chat {
    const ChatTemplate *template;
    const Tokenizer *tokenizer;
} Chat;

// False, naming it, when the vocabulary lacks a token that the template needs.
bool chat_open(Chat *chat, const ChatTemplate *template, const Tokenizer *tokenizer, Error *err);

int32_t chat_end(const Chat *chat); // the token that ends an answer

// A conversation's text, and which parts of it are the template's own. {0} is empty.
typedef struct ChatPart {
    size_t size;
    bool own;
} ChatPart;
typedef struct ChatText {
    char *text;
    size_t size, capacity;
    ChatPart *parts;
    size_t part_count, part_capacity;
} ChatText;

void chat_text_free(ChatText *text);

// Appends the messages [first, count) of a conversation, of which those before `first` are written already, and with
// `ask` what makes the model answer. As Jinja does it with the model's own program, byte for byte. A CHECK stops at a
// role that the template has no place for.
void chat_render(const Chat *chat, const ChatMessage *messages, size_t first, size_t count, bool ask, ChatText *out);

// Appends what stands behind an answer that the model itself has written after `ask`.
void chat_close(const Chat *chat, ChatText *out);

// Appends the text's ids: the template's tokens, bos and eos from its own parts alone.
void chat_encode(const Chat *chat, const ChatText *text, TokenList *ids);
