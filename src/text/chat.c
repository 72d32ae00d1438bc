#include "text/chat.h"
#include "base/utf8.h"
#include "text/normalize.h"
#include "text/tokenizer_kind.h"
#include <stdlib.h>

// --- The template's tokens -------------------------------------------------------------------------------------------

// The next special token in text of the template, which has even those in their own spelling that are matched in
// normalised text.
static const Special *next_own(const Tokenizer *t, StringView part, size_t at, StringView *place)
{
    static const SpecialChoice all = { .control = true };
    StringView later_place;
    const Special *raw = specials_next(&t->raw, part, at, &all, place);
    StringView before = { part.data, raw ? (size_t)(place->data - part.data) : part.size };
    const Special *later = specials_next(&t->later, before, at, &all, &later_place);
    if (later) *place = later_place;
    return later ? later : raw;
}

// The id that a token of a template has here; −1 where it is missing or is not found in text.
static int32_t token_id(const Tokenizer *t, const char *token)
{
    int32_t id = *token == '\1' ? tokenizer_bos(t) : *token == '\2' ? tokenizer_eos(t) : tokenizer_find(t, token);
    StringView place;
    const Special *found = id < 0 ? NULL : next_own(t, tokenizer_decode(t, id), 0, &place);
    return found && found->id == id ? id : -1;
}

bool chat_open(Chat *chat, const ChatTemplate *template, const Tokenizer *tokenizer, Error *err)
{
    *chat = (Chat){ template, tokenizer };
    for (size_t i = 0; i < COUNT_OF(template->tokens) && template->tokens[i]; i++) {
        const char *token = template->tokens[i];
        if (token_id(tokenizer, token) >= 0) continue;
        const char *name = *token == '\1' ? "token to begin with" : *token == '\2' ? "token to end with" : token;
        return error_set(err, "the chat template %s needs %s, and the model's vocabulary has no such special token",
                         template->name, name);
    }
    return true;
}

int32_t chat_end(const Chat *chat) { return token_id(chat->tokenizer, chat->template->end); }

// --- Text ------------------------------------------------------------------------------------------------------------

void chat_text_free(ChatText *text)
{
    free(text->text);
    free(text->parts);
    *text = (ChatText){ 0 };
}

static void add(ChatText *out, StringView text, bool own)
{
    if (!text.size) return;
    if (out->size + text.size > out->capacity) {
        out->capacity = 2 * (out->size + text.size);
        out->text = mem_resize(out->text, out->capacity, 1);
    }
    memcpy(out->text + out->size, text.data, text.size);
    out->size += text.size;
    GROW(out->parts, out->part_count, out->part_capacity);
    out->parts[out->part_count++] = (ChatPart){ text.size, own };
}

// Text of the template, with the vocabulary's own tokens in it.
static void add_own(const Chat *chat, const char *text, ChatText *out)
{
    for (size_t plain; *text; text += plain ? plain : 1) {
        plain = strcspn(text, "\1\2");
        if (plain)
            add(out, (StringView){ text, plain }, true);
        else
            add(out, tokenizer_decode(chat->tokenizer, token_id(chat->tokenizer, (char[2]){ *text })), true);
    }
}

// As Python's str.strip, which Jinja's trim is.
static bool python_space(uint32_t code) { return code_is_space(code) || (code >= 0x1c && code <= 0x1f); }

static StringView trim_left(StringView text)
{
    for (int n; (n = utf8_length(text.data, text.size)) > 0 && python_space(utf8_code_point(text.data, n));)
        text.data += n, text.size -= (size_t)n;
    return text;
}

static StringView trim_right(StringView text)
{
    while (text.size) {
        size_t start = text.size - 1;
        while (start > 0 && text.size - start < 4 && ((uint8_t)text.data[start] & 0xc0) == 0x80) start--;
        int n = utf8_length(text.data + start, text.size - start);
        if (n < 0 || (size_t)n != text.size - start || !python_space(utf8_code_point(text.data + start, n))) break;
        text.size = start;
    }
    return text;
}

static void add_message(const Chat *chat, const ChatMessage *messages, size_t i, ChatText *out)
{
    const ChatTemplate *t = chat->template;
    const ChatTurn *turn = &t->turns[messages[i].role], *system = &t->turns[CHAT_SYSTEM];
    bool folds = t->system_in_user && i == 1 && messages[0].role == CHAT_SYSTEM;
    CHECK(turn->before, "the chat template %s has no place for a message of role %d", t->name, (int)messages[i].role);
    add_own(chat, turn->before, out);
    if (folds) {
        add_own(chat, system->before, out);
        add(out, messages[0].text, false);
        add_own(chat, system->after, out);
    }
    StringView text = messages[i].text;
    if (turn->trims) text = trim_right(folds ? text : trim_left(text)); // folded, the text's beginning is the system's
    add(out, text, false);
    add_own(chat, turn->after, out);
}

void chat_render(const Chat *chat, const ChatMessage *messages, size_t first, size_t count, bool ask, ChatText *out)
{
    const ChatTemplate *t = chat->template;
    for (size_t i = first; i < count; i++) {
        bool is_system = messages[i].role == CHAT_SYSTEM;
        if (i == 0) add_own(chat, t->begin, out);
        if (i == 0 && !is_system && t->system) {
            ChatMessage standard = { CHAT_SYSTEM, string_view(t->system) };
            add_message(chat, &standard, 0, out);
        }
        if (!is_system || !t->system_in_user) add_message(chat, messages, i, out);
    }
    if (ask) add_own(chat, t->ask, out);
}

void chat_close(const Chat *chat, ChatText *out) { add_own(chat, chat->template->turns[CHAT_ASSISTANT].after, out); }

// --- Ids -------------------------------------------------------------------------------------------------------------

static bool stands_in(const char *text, StringView token)
{
    return text && memmem(text, strlen(text), token.data, token.size);
}

// A token of the template, which nobody makes by typing it, whatever type the vocabulary gives it. White space is text.
static bool is_of_template(const void *user, int32_t id)
{
    const Chat *chat = user;
    const ChatTemplate *t = chat->template;
    StringView token = tokenizer_decode(chat->tokenizer, id);
    if (id == tokenizer_bos(chat->tokenizer) || id == tokenizer_eos(chat->tokenizer)) return true;
    bool is = stands_in(t->ask, token);
    for (int role = 0; role < CHAT_ROLES; role++)
        is = is || stands_in(t->turns[role].before, token) || stands_in(t->turns[role].after, token);
    return is && trim_left(token).size > 0;
}

typedef struct ChatEncoding {
    const Chat *chat;
    const char *plain; // the first byte that has no id yet
    TokenList *ids;
} ChatEncoding;

// What lies before `end` is text, whoever wrote it: a line break of the template and one of the user's may be one token.
static void encode_plain(ChatEncoding *e, const char *end)
{
    StringView text = { e->plain, (size_t)(end - e->plain) };
    SpecialChoice choice = { .is_text = is_of_template, .user = e->chat };
    if (text.size) tokenizer_encode_chosen(e->chat->tokenizer, text, &choice, e->ids);
    e->plain = end;
}

static void encode_own(ChatEncoding *e, StringView part)
{
    StringView place;
    size_t at = 0;
    for (const Special *s; (s = next_own(e->chat->tokenizer, part, at, &place));) {
        encode_plain(e, place.data);
        token_push(e->ids, s->id);
        e->plain = place.data + place.size;
        at = (size_t)(e->plain - part.data);
    }
}

void chat_encode(const Chat *chat, const ChatText *text, TokenList *ids)
{
    ChatEncoding e = { chat, text->text, ids };
    const char *at = text->text;
    for (size_t i = 0; i < text->part_count; at += text->parts[i++].size)
        if (text->parts[i].own) encode_own(&e, (StringView){ at, text->parts[i].size });
    encode_plain(&e, at);
}
