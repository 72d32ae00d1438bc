// Ops that go in parts over tensors larger than the device binds: their cases again, on a device that binds little.
#include "ops/op.h"
#include <check.h>
#include <string.h>

static const struct {
    const char *name;
    uint64_t binding; // bytes: below the op's larger cases, above what cannot be cut
} in_parts[] = { { "activate", 8192 },
                 { "add", 8192 },
                 { "add_bias", 8192 },
                 { "attention", 24576 },
                 { "attention_pattern", 12288 },
                 { "attention_plain", 12288 },
                 { "cache_write", 8192 },
                 { "concat", 8192 },
                 { "dropout", 8192 },
                 { "embedding", 8192 },
                 { "linear", 8192 },
                 { "linear_quantized", 32768 },
                 { "matmul_nn", 8192 },
                 { "matmul_nt", 8192 },
                 { "matmul_tn", 8192 },
                 { "mul", 8192 },
                 { "permute", 8192 },
                 { "residual", 8192 },
                 { "residual_linear", 8192 },
                 { "rope", 8192 },
                 { "scale", 8192 },
                 { "scatter_add", 8192 },
                 { "slice", 8192 },
                 { "swiglu", 8192 } };

static Stream *stream;

static bool hold(void *context, const Op *op, const Case *c, const char *force)
{
    (void)context;
    if (c->force) return true; // about one kernel, not about parts
    TrialResult result;
    Error err = { "" };
    ck_assert_msg(trial_run(stream, op, c, force, true, &result, &err), "%s %s: %s", op->name, c->label, err.message);
    ck_assert_msg(result.skipped || result.pass, "%s %s %s: %s", op->name, c->label, force ? force : "", result.why);
    return !result.skipped;
}

static void hold_all(const char *op, GpuOptions options)
{
    Error err = { "" };
    Gpu *gpu = gpu_open(&options, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
    for (int i = 0; i < ops_count; i++)
        if (!strcmp(ops[i]->name, op)) op_each(ops[i], gpu, false, hold, NULL);
    stream_close(stream);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}

START_TEST(op_goes_in_parts)
{
    hold_all(in_parts[_i].name, (GpuOptions){ .poison = true, .max_binding_bytes = in_parts[_i].binding });
}
END_TEST

START_TEST(op_is_cut_by_cost)
{
    static const char *const names[] = { "attention", "matmul_nt" };
    hold_all(names[_i], (GpuOptions){ .poison = true, .dispatch_flops = 5000 });
}
END_TEST

Suite *suite_parts(void);
Suite *suite_parts(void)
{
    Suite *suite = suite_create("parts");
    TCase *tests = tcase_create("parts");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, op_goes_in_parts, 0, (int)(sizeof in_parts / sizeof *in_parts));
    tcase_add_loop_test(tests, op_is_cut_by_cost, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
