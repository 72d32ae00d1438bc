#include "stage/show.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// The values of x on the host, or NULL after a failure, which the stage then knows. The caller frees them.
static float *read_values(Stage *stage, const Tensor *x)
{
    CHECK(stage->stream, "show: the lecture's setup has not set stage->stream");
    if (error_is_set(&stage->error)) return NULL;
    float *values = NEW_ARRAY(float, count(x));
    Error err = { "" };
    if (tensor_read(stage->stream, x, values, &err)) return values;
    stage_fail(stage, &err);
    free(values);
    return NULL;
}

void show_heatmap_of(Stage *stage, const Tensor *x, Heatmap map)
{
    CHECK(x->shape.rank >= 2, "show_heatmap \"%s\": x is %s, not [..., rows, columns]", map.title, tensor_text(x));
    float *values = read_values(stage, x);
    if (!values) return;
    map.values = values;
    map.n_rows = (int)dim(x, -2);
    map.n_columns = (int)dim(x, -1);
    map.n_maps = (int)(count(x) / (dim(x, -2) * dim(x, -1)));
    stage_show(stage, (Exhibit){ .kind = EXHIBIT_HEATMAP, .heatmap = map });
    free(values);
}

void show_bars_of(Stage *stage, const Tensor *x, Bars bars)
{
    CHECK(rows(x) == 1, "show_bars \"%s\": x is %s, not one row", bars.title, tensor_text(x));
    float *values = read_values(stage, x);
    if (!values) return;
    bars.values = values;
    bars.n = (int)count(x);
    stage_show(stage, (Exhibit){ .kind = EXHIBIT_BARS, .bars = bars });
    free(values);
}

void show_tokens_of(Stage *stage, const Tensor *x, TokenStrip strip)
{
    CHECK(rows(x) == 1, "show_tokens \"%s\": x is %s, not one row", strip.title, tensor_text(x));
    float *values = read_values(stage, x);
    if (!values) return;
    strip.values = values;
    strip.n = (int)count(x);
    stage_show(stage, (Exhibit){ .kind = EXHIBIT_TOKENS, .tokens = strip });
    free(values);
}

static bool is_shown(const Stage *stage, const char *title)
{
    for (int i = 0; i < stage->n_exhibits; i++)
        if (stage->exhibits[i]->kind == EXHIBIT_CODE && !strcmp(stage->exhibits[i]->title, title)) return true;
    return false;
}

static void show_shader(Stage *stage, const Shader *shader)
{
    if (is_shown(stage, shader->path)) return; // variants of a shader have one source
    exhibit_code(stage, .title = shader->path, .source = shader->source, .kernel = true);
}

void show_kernel(Stage *stage, const char *name)
{
    const Shader *shader = shader_find(name);
    CHECK(shader, "show_kernel: no shader \"%s\"", name);
    show_shader(stage, shader);
}

const float *show_values(Stage *stage, const Tensor *x)
{
    float *kept = ARENA_ARRAY(stage->arena, float, count(x)), *values = read_values(stage, x);
    if (values) memcpy(kept, values, (size_t)count(x) * sizeof *kept);
    free(values);
    return kept;
}

double show_difference(Stage *stage, const Tensor *a, const Tensor *b)
{
    CHECK(count(a) == count(b), "show_difference: %s and %s", tensor_text(a), tensor_text(b));
    const float *left = show_values(stage, a), *right = show_values(stage, b);
    double most = 0;
    for (int64_t i = 0; i < count(a); i++) most = fmax(most, fabs((double)left[i] - (double)right[i]));
    return most;
}

// The profile of the stage's stream, or NULL after a failure.
static const KernelTime *profile(Stage *stage, int *n)
{
    CHECK(stage->stream && gpu_options(stage->gpu)->profile, "show: the device was opened without profile");
    Error err = { "" };
    *n = 0;
    if (stream_wait(stage->stream, &err)) return stream_profile(stage->stream, n);
    stage_fail(stage, &err);
    return NULL;
}

void show_kernels(Stage *stage)
{
    int n;
    const KernelTime *times = profile(stage, &n);
    bool *done = NEW_ARRAY(bool, n + 1);
    for (int i = 0; i < n; i++) {
        int most = -1;
        for (int j = 0; j < n; j++)
            if (!done[j] && (most < 0 || times[j].flops > times[most].flops)) most = j;
        done[most] = true;
        show_shader(stage, kernel_shader(times[most].kernel));
    }
    free(done);
}

void show_cost(Stage *stage)
{
    int n;
    const KernelTime *times = profile(stage, &n);
    if (n == 0) return; // nothing ran
    Dispatch *dispatches = NEW_ARRAY(Dispatch, n);
    for (int i = 0; i < n; i++)
        dispatches[i] = (Dispatch){ kernel_name(times[i].kernel), (int)times[i].calls, times[i].seconds, times[i].flops,
                                    times[i].bytes };
    exhibit_cost(stage, .title = "Time and bytes of this step", .dispatches = dispatches, .n = n,
                 .device = gpu_traits(stage->gpu)->name);
    free(dispatches);
    show_kernels(stage);
}

Lap show_lap(Stage *stage)
{
    int n;
    const KernelTime *times = profile(stage, &n);
    Lap now = { 0 }, before = stage->lapped;
    for (int i = 0; i < n; i++) {
        now.seconds += times[i].seconds;
        now.flops += times[i].flops;
        now.bytes += times[i].bytes;
    }
    stage->lapped = now;
    return (Lap){ now.seconds - before.seconds, now.flops - before.flops, now.bytes - before.bytes };
}

Roof show_roof(Stage *stage)
{
    Roof roof = { 0 };
    Error err = { "" };
    Stream *stream = stream_open(stage->gpu, &err);
    if (!stream || !bench_roof(stream, &roof, &err)) stage_fail(stage, &err);
    if (stream) stream_close(stream);
    return roof;
}
