#include "base/half.h"
#include <check.h>
#include <math.h>

// The value of a binary16 by its definition.
static double f16_value(uint16_t half)
{
    int exponent = half >> 10 & 31, mantissa = half & 0x3ff;
    double magnitude = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return half & 0x8000 ? -magnitude : magnitude;
}

START_TEST(f16_every_value_and_every_rounding)
{
    int wrong = 0; // one assertion at the end: Check's are slow
    for (uint32_t h = 0; h < 0x7c00; h++) {
        for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
            uint16_t half = (uint16_t)(h | sign);
            float value = f16_to_f32(half);
            wrong += value != (float)f16_value(half) || !signbit(value) != !sign;
            wrong += f32_to_f16(value) != half;
            // Half way to the next value the even one wins; a float more or less decides. Over 65504 comes infinity.
            double next = h == 0x7bff ? 65536 : fabs(f16_value((uint16_t)(h + 1)));
            float middle = (float)((fabs(f16_value(half)) + next) / 2), s = sign ? -1 : 1;
            wrong += f32_to_f16(s * middle) != half + (h & 1);
            wrong += f32_to_f16(s * nextafterf(middle, 0)) != half;
            wrong += f32_to_f16(s * nextafterf(middle, 1e9f)) != half + 1;
        }
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(f16_infinity_and_nan)
{
    ck_assert_uint_eq(f32_to_f16(INFINITY), 0x7c00);
    ck_assert_uint_eq(f32_to_f16(-1e30f), 0xfc00);
    ck_assert(isinf(f16_to_f32(0x7c00)) && f16_to_f32(0xfc00) < 0);
    int lost = 0;
    for (uint32_t h = 0x7c01; h < 0x8000; h++) lost += !isnan(f16_to_f32((uint16_t)h));
    for (uint32_t bits = 0x7f800001; bits < 0x7fffffff; bits += 4099)
        lost += !isnan(f16_to_f32(f32_to_f16(float_from_bits(bits)))) +
                !isnan(bf16_to_f32(f32_to_bf16(float_from_bits(bits))));
    ck_assert_int_eq(lost, 0);
}
END_TEST

START_TEST(bf16_every_value_and_rounding)
{
    int wrong = 0;
    for (uint32_t h = 0; h < 0x7f80; h++) {
        wrong += f32_to_bf16(bf16_to_f32((uint16_t)h)) != h;
        wrong += f32_to_bf16(float_from_bits(h << 16 | 0x7fff)) != h;
        wrong += f32_to_bf16(float_from_bits(h << 16 | 0x8000)) != h + (h & 1);
        wrong += f32_to_bf16(-float_from_bits(h << 16 | 0x8001)) != (0x8000 | (h + 1));
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_float_eq(bf16_to_f32(0xc040), -3.0f);
}
END_TEST

Suite *suite_half(void)
{
    Suite *suite = suite_create("half");
    TCase *tests = tcase_create("half");
    tcase_add_test(tests, f16_every_value_and_every_rounding);
    tcase_add_test(tests, f16_infinity_and_nan);
    tcase_add_test(tests, bf16_every_value_and_rounding);
    suite_add_tcase(suite, tests);
    return suite;
}
