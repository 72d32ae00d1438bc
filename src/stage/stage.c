#include "stage/stage.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lectures_table.inc"

static bool is_kernel(const Exhibit *exhibit) { return exhibit->kind == EXHIBIT_CODE && exhibit->code.kernel; }

void stage_show(Stage *stage, Exhibit exhibit)
{
    GROW(stage->exhibits, stage->n_exhibits, stage->capacity);
    int at = stage->n_exhibits++;
    if (!is_kernel(&exhibit))
        for (; at > 0 && is_kernel(stage->exhibits[at - 1]); at--) stage->exhibits[at] = stage->exhibits[at - 1];
    stage->exhibits[at] = exhibit_copy(stage->arena, &exhibit);
}

const char *stage_format(Stage *stage, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    CHECK(length >= 0, "stage_format: bad format \"%s\"", format);
    char *text = arena_alloc(stage->arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

bool stage_fail(Stage *stage, const Error *err) { return error_set(&stage->error, "%s", err->message); }

const Lecture *lecture_find(const char *name, Error *err)
{
    char *end;
    long number = strtol(name, &end, 10);
    bool is_number = *name && *end == '\0';
    char *all = mem_string("");
    for (int i = 0; i < lectures_count; i++) {
        const char *id = lectures[i]->id, *topic = strchr(id, '-');
        if (!strcmp(name, id) || (topic && !strcmp(name, topic + 1)) || (is_number && strtol(id, NULL, 10) == number)) {
            free(all);
            return lectures[i];
        }
        char *longer = mem_format("%s%s%s", all, *all ? ", " : "", id);
        free(all);
        all = longer;
    }
    error_set(err, "no lecture \"%s\"; there are: %s", name, all);
    free(all);
    return NULL;
}
