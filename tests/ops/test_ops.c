// The op table: every case of every op, by every rung that can run it, against its twin and finite differences.
#include "device.h"
#include "ops/op.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static bool hold(void *context, const Op *op, const Case *c, const char *force)
{
    int *runs = context;
    TrialResult result;
    Error err = { "" };
    ck_assert_msg(trial_run(stream, op, c, force, true, &result, &err), "%s %s %s: %s", op->name, c->label,
                  force ? force : "", err.message);
    if (result.skipped) return false;
    ck_assert_msg(result.pass, "%s %s %s: %s", op->name, c->label, force ? force : "", result.why);
    ck_assert_int_eq(gpu_validation_messages(), 0);
    ++*runs;
    return true;
}

// One test an op. LECTERN_OP=name runs one of them.
START_TEST(op_equals_its_twin)
{
    const char *only = getenv("LECTERN_OP");
    if (only && strcmp(only, ops[_i]->name) != 0) return;
    int runs = 0;
    op_each(ops[_i], gpu, false, hold, &runs);
    ck_assert_msg(runs > 0, "%s has no case that this device can run", ops[_i]->name);
}
END_TEST

Suite *suite_ops(void);
Suite *suite_ops(void)
{
    Suite *suite = suite_create("ops");
    TCase *tests = tcase_create("ops");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, open_device, close_device);
    tcase_add_loop_test(tests, op_equals_its_twin, 0, ops_count);
    suite_add_tcase(suite, tests);
    return suite;
}
