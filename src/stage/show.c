#include "stage/show.h"
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

void show_cost(Stage *stage)
{
    CHECK(stage->stream && gpu_options(stage->gpu)->profile, "show_cost: the device was opened without profile");
    Error err = { "" };
    if (!stream_wait(stage->stream, &err)) {
        stage_fail(stage, &err);
        return;
    }
    int n;
    const KernelTime *times = stream_profile(stage->stream, &n);
    if (n == 0) return; // nothing ran
    Dispatch *dispatches = NEW_ARRAY(Dispatch, n);
    for (int i = 0; i < n; i++)
        dispatches[i] = (Dispatch){ kernel_name(times[i].kernel), (int)times[i].calls, times[i].seconds, times[i].flops,
                                    times[i].bytes };
    exhibit_cost(stage, .title = "Time and bytes of this step", .dispatches = dispatches, .n = n,
                 .device = gpu_traits(stage->gpu)->name);
    free(dispatches);
    for (int i = 0; i < n; i++) show_shader(stage, kernel_shader(times[i].kernel));
}
