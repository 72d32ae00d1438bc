// Ops that go in parts over tensors larger than the device binds: their cases again, on a device that binds little.
#include "ops/op.h"
#include <check.h>
#include <string.h>

static const char *const in_parts[] = { "activate", "add",       "add_bias",    "concat",    "dropout", "embedding",
                                        "linear",   "matmul_nn", "matmul_nt",   "matmul_tn", "mul",     "residual",
                                        "rope",     "scale",     "scatter_add", "slice",     "swiglu" };

static Stream *stream;

static void hold(void *context, const Op *op, const Case *c, const char *force)
{
    (void)context;
    TrialResult result;
    Error err = { "" };
    ck_assert_msg(trial_run(stream, op, c, force, true, &result, &err), "%s %s: %s", op->name, c->label, err.message);
    ck_assert_msg(result.skipped || result.pass, "%s %s %s: %s", op->name, c->label, force ? force : "", result.why);
}

START_TEST(op_goes_in_parts)
{
    Error err = { "" };
    Gpu *gpu = gpu_open(&(GpuOptions){ .poison = true, .max_binding_bytes = 8192 }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
    for (int i = 0; i < ops_count; i++)
        if (!strcmp(ops[i]->name, in_parts[_i])) op_each(ops[i], gpu, false, hold, NULL);
    ck_assert_int_eq(gpu_validation_messages(), 0);
    stream_close(stream);
    gpu_close(gpu);
}
END_TEST

Suite *suite_parts(void);
Suite *suite_parts(void)
{
    Suite *suite = suite_create("parts");
    TCase *tests = tcase_create("parts");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, op_goes_in_parts, 0, (int)(sizeof in_parts / sizeof *in_parts));
    suite_add_tcase(suite, tests);
    return suite;
}
