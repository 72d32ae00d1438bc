#include "cli/command.h"
#include "stage/html.h"
#include <stdio.h>
#include <string.h>

static bool all;
static const char *html, *figures;

static Option options[] = {
    FLAG("all", all, "print every step without asking"),
    PATH("html", html, "FILE", "write the whole lecture to this page instead"),
    PATH("figures", figures, "FOLDER", "write its heat maps into this folder instead, as SVG"),
};

static int list_lectures(void)
{
    for (int i = 0; i < lectures_count; i++)
        printf("%-18s %s, %d steps\n", lectures[i]->id, lectures[i]->title, lectures[i]->n_steps);
    return EXIT_OK;
}

// --layer 2 and the like are the lecture's own.
static int check_parameters(const Invocation *in, const Lecture *lecture)
{
    for (int i = 0; i < in->extra_count; i++) {
        Error err = { "" };
        if (!lecture) return usage_error(in, "there is no option --%s without a lecture's name", in->extra[i].name);
        if (!lecture_param(lecture, in->extra[i].name, &err)) return usage_error(in, "%s", err.message);
        if (!in->extra[i].value) return usage_error(in, "--%s needs a value", in->extra[i].name);
    }
    return EXIT_OK;
}

static int set_parameters(const Invocation *in, Show *show)
{
    for (int i = 0; i < in->extra_count; i++) {
        Error err = { "" };
        if (!show_set(show, in->extra[i].name, in->extra[i].value, &err)) return usage_error(in, "%s", err.message);
    }
    return EXIT_OK;
}

static int run(Invocation *in)
{
    Error err = { "" };
    const Lecture *lecture = in->word_count ? lecture_find(in->words[0], &err) : NULL;
    if (error_is_set(&err)) return usage_error(in, "%s", err.message);
    if (all + (html != NULL) + (figures != NULL) > 1)
        return usage_error(in, "--all, --html and --figures exclude one another");
    int code = check_parameters(in, lecture);
    if (code || !lecture) return code ? code : list_lectures();
    Gpu *gpu;
    Stream *stream;
    Invocation timed = *in;
    timed.common.profile = true; // steps show what they cost
    if (!open_device(&timed, &gpu, &stream)) return EXIT_FAILED;
    Show *show = show_open(lecture, gpu, (uint64_t)in->common.seed);
    code = set_parameters(in, show);
    RunOptions o = { .all = all, .html = html, .figures = figures };
    if (!code && !show_run(show, &o, &err)) code = fail(in, &err);
    show_close(show);
    return close_device(in, gpu, stream, code);
}

static void more_help(const Invocation *in, FILE *out)
{
    const Lecture *lecture = in->word_count ? lecture_find(in->words[0], NULL) : NULL;
    if (lecture)
        lecture_usage(lecture, out);
    else
        fprintf(out,
                "\n`lectern lecture NAME --help` lists what a lecture lets you set; `lectern lecture` lists them.\n");
}

const Command command_lecture = {
    .name = "lecture",
    .summary = "step through a lecture",
    .usage = "usage: lectern lecture [NN|NAME] [--all] [--html FILE] [--figures FOLDER] [--PARAMETER VALUE …]\n"
             "example: lectern lecture attention --text \"The cat sat\" --layer 2",
    .on_device = true,
    .seeded = true,
    .max_words = 1,
    .takes_extra = true,
    .no_json = true,
    OPTIONS(options),
    .more_help = more_help,
    .run = run
};
