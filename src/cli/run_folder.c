#include "cli/run_folder.h"
#include "base/file.h"
#include "formats/json_file.h"
#include "stage/svg.h"
#include "train/checkpoint.h"
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- Settings --------------------------------------------------------------------------------------------------------

static bool listed(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(*list, name)) return true;
    return false;
}

static json_t *option_json(const Option *o)
{
    switch (o->type) {
    case OPTION_FLAG: return json_boolean(*(bool *)o->value);
    case OPTION_INT: return json_integer(*(int64_t *)o->value);
    case OPTION_FLOAT: return json_real(*(double *)o->value);
    case OPTION_TEXT: return json_string(*(const char **)o->value);
    }
    return NULL;
}

// The seed, which every command has, as one option more.
static Option seed_option(Invocation *in)
{
    Option seed = INT("seed", in->common.seed, 0, MAX_SEED, "");
    seed.given = in->common.seed_given;
    return seed;
}

json_t *run_settings_json(Invocation *in, const char *const *except, Error *err)
{
    json_t *root = json_object();
    Option seed = seed_option(in);
    for (int i = 0; i <= in->option_count; i++) {
        const Option *o = i < in->option_count ? &in->options[i] : &seed;
        if (listed(o->name, except) || json_object_set_new(root, o->name, option_json(o)) == 0) continue;
        error_set(err, "--%s: its value is not UTF-8, which run.json needs; give it another name", o->name);
        json_decref(root);
        return NULL;
    }
    return root;
}

bool run_folder_holds_run(const char *out)
{
    char *path = path_join(out, "run.json");
    bool holds = file_exists(path) || checkpoint_last(out) >= 0;
    free(path);
    return holds;
}

// The files of a run that are not in a checkpoint's folder.
static const char *const run_files[] = {
    "run.json", "log.jsonl", "samples.txt", "loss.svg", "model.gguf", "best.gguf"
};

static void remove_parts(const char *out)
{
    for (size_t i = 0; i < COUNT_OF(run_files); i++) {
        char *path = path_join(out, run_files[i]);
        file_remove_parts(path);
        free(path);
    }
}

static bool remove_run(const char *out, Error *err)
{
    bool ok = checkpoint_remove(out, INT64_MAX, err);
    for (size_t i = 0; ok && i < COUNT_OF(run_files); i++) {
        char *path = path_join(out, run_files[i]);
        ok = unlink(path) == 0 || errno == ENOENT || error_set(err, "%s: cannot remove: %s", path, strerror(errno));
        free(path);
    }
    return ok;
}

bool run_folder_begin(const char *out, json_t *settings, bool force, Error *err)
{
    if (force && !remove_run(out, err)) return false;
    remove_parts(out);
    char *text = json_dumps(settings, JSON_INDENT(2) | JSON_REAL_PRECISION(17)), *path = path_join(out, "run.json");
    bool ok = file_write(path, text, strlen(text), err);
    free(text);
    free(path);
    return ok;
}

static bool differs(const char *name, const char *path, Error *err)
{
    return error_set(err,
                     "--%s: the run in this folder was started with another value (see %s): leave it out, or start a "
                     "run of its own",
                     name, path);
}

static bool option_fits(const Option *o, const json_t *value)
{
    double number = json_number_value(value);
    bool in_range = (o->low == 0 && o->high == 0) || (number >= o->low && number <= o->high);
    switch (o->type) {
    case OPTION_FLAG: return json_is_boolean(value);
    case OPTION_INT: return json_is_integer(value) && in_range;
    case OPTION_FLOAT: return json_is_number(value) && in_range;
    case OPTION_TEXT: return json_is_string(value);
    }
    return false;
}

static bool set_option(Option *o, const json_t *value, bool may_change, const char *path, Error *err)
{
    if (!value) return error_set(err, "%s: \"%s\" is missing", path, o->name);
    if (!option_fits(o, value) && (o->type == OPTION_INT || o->type == OPTION_FLOAT))
        return error_set(err, "%s: \"%s\" is %s; it must be a%s number from %.16g to %.16g", path, o->name,
                         json_quote(value).text, o->type == OPTION_INT ? " whole" : "", o->low, o->high);
    if (!option_fits(o, value))
        return error_set(err, "%s: \"%s\" is %s; it must be %s", path, o->name, json_quote(value).text,
                         o->type == OPTION_FLAG ? "true or false" : "a text");
    double number = json_number_value(value);
    json_t *given = o->given ? option_json(o) : NULL;
    bool same = !given || (json_is_number(given) ? json_number_value(given) == number : json_equal(given, value));
    json_decref(given);
    if (!same) return may_change || differs(o->name, path, err);
    if (o->type == OPTION_FLAG) *(bool *)o->value = json_is_true(value);
    if (o->type == OPTION_INT) *(int64_t *)o->value = json_integer_value(value);
    if (o->type == OPTION_FLOAT) *(double *)o->value = number;
    if (o->type == OPTION_TEXT)
        *(const char **)o->value = mem_string(json_string_value(value)); // as long as the process
    return true;
}

bool run_folder_settings(const char *out, Invocation *in, const char *const *except, const char *const *may_change,
                         Error *err)
{
    char *path = path_join(out, "run.json");
    Option seed = seed_option(in);
    json_t *root = file_exists(path) ? json_file_read(path, err) : NULL;
    if (!root) error_set(err, "%s: there is no run to resume in this folder", out);
    bool ok = root != NULL;
    for (int i = 0; ok && i <= in->option_count; i++) {
        Option *o = i < in->option_count ? &in->options[i] : &seed;
        if (!listed(o->name, except))
            ok = set_option(o, json_object_get(root, o->name), listed(o->name, may_change), path, err);
    }
    json_decref(root);
    free(path);
    return ok;
}

// ---- Log -------------------------------------------------------------------------------------------------------------

static void add_point(RunLog *log, int64_t step, double loss, double val_loss)
{
    GROW(log->points, log->count, log->capacity);
    log->points[log->count++] = (LogPoint){ (float)step, (float)loss, (float)val_loss };
}

// A number that a run could have logged; else NAN.
static double logged(const json_t *line, const char *name)
{
    const json_t *value = json_object_get(line, name);
    return json_is_number(value) && fabs(json_number_value(value)) <= FLT_MAX ? json_number_value(value) : (double)NAN;
}

typedef struct Trim {
    RunLog *log;
    int64_t step;
    bool past; // a sample behind the step was met
} Trim;

// Whether a line of log.jsonl is one of the steps up to `step`.
static bool keep_step(Trim *trim, const char *line, size_t size)
{
    enum { MOST = 4096 }; // lines of ours are far shorter
    json_t *values = size < MOST ? json_loadb(line, size, 0, NULL) : NULL;
    json_int_t at = json_integer_value(json_object_get(values, "step"));
    bool keep = at > 0 && at <= trim->step;
    if (keep) add_point(trim->log, at, logged(values, "loss"), logged(values, "val_loss"));
    json_decref(values);
    return keep;
}

// Whether a line of samples.txt lies before the first sample behind `step`.
static bool keep_sample(Trim *trim, const char *line, size_t size)
{
    static const char head[] = "--- step ";
    char number[24] = "";
    size_t length = strlen(head);
    if (size > length && !memcmp(line, head, length))
        memcpy(number, line + length, size - length < 20 ? size - length : 20);
    trim->past |= strtoll(number, NULL, 10) > trim->step;
    return !trim->past;
}

typedef bool KeepFn(Trim *trim, const char *line, size_t size);

// Rewrites a file, if there is one, with the lines that `keep` wants. What is half-written at its end goes.
static bool trim_file(RunLog *log, const char *path, int64_t step, KeepFn *keep, Error *err)
{
    FileMap map;
    FileWriter writer;
    Trim trim = { log, step, false };
    if (!file_exists(path)) return true;
    if (!file_map(path, &map, err)) return false;
    bool ok = file_write_begin(&writer, path, err);
    const char *line = (const char *)map.data, *all_end = line + map.size;
    for (const char *end; ok && (end = memchr(line, '\n', (size_t)(all_end - line))); line = end + 1)
        if (keep(&trim, line, (size_t)(end - line))) fwrite(line, 1, (size_t)(end + 1 - line), writer.stream);
    file_unmap(&map);
    return ok && file_write_commit(&writer, err);
}

static FILE *append_to(const char *path, Error *err)
{
    FILE *stream = fopen(path, "ae");
    if (!stream) error_set(err, "%s: cannot write: %s", path, strerror(errno));
    return stream;
}

bool run_log_open(RunLog *log, const char *out, int64_t step, Error *err)
{
    *log = (RunLog){ .out = mem_string(out) };
    char *steps = path_join(out, "log.jsonl"), *samples = path_join(out, "samples.txt");
    bool ok = trim_file(log, steps, step, keep_step, err) && trim_file(log, samples, step, keep_sample, err);
    ok = ok && (log->steps = append_to(steps, err)) && (log->samples = append_to(samples, err));
    free(steps);
    free(samples);
    return ok;
}

static bool flushed(FILE *stream, const RunLog *log, const char *name, Error *err)
{
    return fflush(stream) == 0 || error_set(err, "%s/%s: cannot write: %s", log->out, name, strerror(errno));
}

bool run_log_step(RunLog *log, int64_t step, double loss, double val_loss, double lr, double grad_norm,
                  double tokens_per_second, double gflops, Error *err)
{
    fprintf(log->steps, "{\"step\": %lld, \"loss\": %.9g", (long long)step, loss);
    if (!isnan(val_loss)) fprintf(log->steps, ", \"val_loss\": %.9g", val_loss);
    fprintf(log->steps, ", \"lr\": %.9g, \"grad_norm\": %.9g, \"tokens_per_second\": %.6g, \"gflops\": %.6g}\n", lr,
            grad_norm, tokens_per_second, gflops);
    add_point(log, step, loss, val_loss);
    return flushed(log->steps, log, "log.jsonl", err);
}

bool run_log_sample(RunLog *log, int64_t step, const char *text, Error *err)
{
    fprintf(log->samples, "--- step %lld\n%s\n", (long long)step, text);
    return flushed(log->samples, log, "samples.txt", err);
}

bool run_log_curve(RunLog *log, Error *err)
{
    float *x = NEW_ARRAY(float, 2 * log->count), *y = NEW_ARRAY(float, 2 * log->count);
    int n = 0, n_val = 0;
    for (int i = 0; i < log->count; i++) {
        x[n] = log->points[i].step, y[n++] = log->points[i].loss;
        if (isnan(log->points[i].val_loss)) continue;
        x[log->count + n_val] = log->points[i].step, y[log->count + n_val++] = log->points[i].val_loss;
    }
    Series series[] = { { .name = "training", .x = x, .y = y, .n = n },
                        { .name = "validation", .x = x + log->count, .y = y + log->count, .n = n_val } };
    char *title = mem_format("loss of %s", log->out), *path = path_join(log->out, "loss.svg");
    Exhibit curve = { .kind = EXHIBIT_CURVE,
                      .curve = { .title = title,
                                 .series = series,
                                 .n_series = n_val ? 2 : 1,
                                 .x_axis = "step",
                                 .y_axis = "loss (nats a token)" } };
    bool ok = svg_write(&curve, path, err);
    free(title);
    free(path);
    free(x);
    free(y);
    return ok;
}

void run_log_close(RunLog *log)
{
    if (log->steps) fclose(log->steps);
    if (log->samples) fclose(log->samples);
    free(log->out);
    free(log->points);
    *log = (RunLog){ 0 };
}
