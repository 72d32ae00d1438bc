// The device of a suite that computes: fixtures that open it and hold at the end that the validation layer said nothing.
#pragma once
#include "gpu/gpu.h"
#include <check.h>

static Gpu *gpu;
static Stream *stream;

static inline void open_device(void)
{
    Error err = { "" };
    gpu = gpu_open(&(GpuOptions){ .poison = true }, &err);
    ck_assert_msg(gpu != NULL, "%s", err.message);
    stream = stream_open(gpu, &err);
    ck_assert_msg(stream != NULL, "%s", err.message);
}

static inline void close_device(void)
{
    stream_close(stream);
    gpu_close(gpu);
    ck_assert_int_eq(gpu_validation_messages(), 0);
}
