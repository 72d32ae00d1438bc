#include "cli/run_folder.h"
#include "base/file.h"
#include "stage/html.h"
#include <dirent.h>
#include <errno.h>
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

json_t *run_settings_json(const Invocation *in, const char *const *except)
{
    json_t *root = json_object();
    for (int i = 0; i < in->option_count; i++)
        if (!listed(in->options[i].name, except))
            json_object_set_new(root, in->options[i].name, option_json(&in->options[i]));
    json_object_set_new(root, "seed", json_integer(in->common.seed));
    return root;
}

bool run_folder_holds_run(const char *out)
{
    char *path = path_join(out, "run.json");
    bool holds = file_exists(path);
    free(path);
    return holds;
}

static void remove_run(const char *out)
{
    static const char *const names[] = {
        "run.json", "log.jsonl", "samples.txt", "loss.html", "model.gguf", "best.gguf"
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *path = path_join(out, names[i]);
        unlink(path);
        free(path);
    }
    DIR *dir = opendir(out);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "step-", 5) != 0) continue;
        char *path = path_join(out, entry->d_name);
        dir_remove(path, NULL);
        free(path);
    }
    closedir(dir);
}

bool run_folder_begin(const char *out, json_t *settings, bool force, Error *err)
{
    if (force) remove_run(out);
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

static bool set_option(Option *o, const json_t *value, bool may_change, const char *path, Error *err)
{
    bool fits = (o->type == OPTION_FLAG && json_is_boolean(value)) ||
                (o->type == OPTION_INT && json_is_integer(value)) ||
                (o->type == OPTION_FLOAT && json_is_number(value)) || (o->type == OPTION_TEXT && json_is_string(value));
    double number = json_number_value(value);
    if (!fits || ((o->low != 0 || o->high != 0) && json_is_number(value) && (number < o->low || number > o->high)))
        return error_set(err, "%s: \"%s\" is missing or no value for it", path, o->name);
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
    json_error_t where;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    bool ok = root != NULL;
    if (!ok && !file_exists(path))
        error_set(err, "%s: there is no run to resume in this folder", out);
    else if (!ok)
        error_set(err, "%s: line %d: %s", path, where.line, where.text);
    for (int i = 0; ok && i < in->option_count; i++)
        if (!listed(in->options[i].name, except))
            ok = set_option(&in->options[i], json_object_get(root, in->options[i].name),
                            listed(in->options[i].name, may_change), path, err);
    const json_t *seed = json_object_get(root, "seed");
    if (ok && !json_is_integer(seed)) ok = error_set(err, "%s: \"seed\" is missing or no number", path);
    if (ok && in->common.seed_given && in->common.seed != json_integer_value(seed)) ok = differs("seed", path, err);
    if (ok) in->common.seed = json_integer_value(seed);
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

static double number_or_nan(const json_t *line, const char *name)
{
    const json_t *value = json_object_get(line, name);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

// Keeps the lines up to `step`.
static bool trim(RunLog *log, const char *path, int64_t step, Error *err)
{
    size_t size;
    char *text = file_read(path, &size, err);
    if (!text) return false;
    size_t kept = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *values = json_loadb(line, (size_t)(end - line), 0, NULL);
        json_int_t at = json_integer_value(json_object_get(values, "step"));
        if (at > 0 && at <= step) {
            add_point(log, at, number_or_nan(values, "loss"), number_or_nan(values, "val_loss"));
            memmove(text + kept, line, (size_t)(end + 1 - line));
            kept += (size_t)(end + 1 - line);
        }
        json_decref(values);
    }
    bool ok = file_write(path, text, kept, err);
    free(text);
    return ok;
}

// Keeps the samples up to `step`.
static bool trim_samples(const char *path, int64_t step, Error *err)
{
    size_t size, kept = 0;
    char *text = file_read(path, &size, err);
    if (!text) return false;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        long long at;
        if (sscanf(line, "--- step %lld", &at) == 1 && at > step) break;
        kept = (size_t)(end + 1 - text);
    }
    bool ok = file_write(path, text, kept, err);
    free(text);
    return ok;
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
    bool ok = (!file_exists(steps) || trim(log, steps, step, err)) &&
              (!file_exists(samples) || trim_samples(samples, step, err));
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
    Exhibit curve = { .kind = EXHIBIT_CURVE,
                      .curve = { .title = "loss",
                                 .series = series,
                                 .n_series = n_val ? 2 : 1,
                                 .x_axis = "step",
                                 .y_axis = "loss (nats a token)" } };
    char *path = path_join(log->out, "loss.html");
    bool ok = html_write_exhibit(&curve, path, err);
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
