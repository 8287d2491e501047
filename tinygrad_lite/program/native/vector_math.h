/* Elementary functions for loops: branch-free, so that a compiler turns a loop of them into vector code.
 *
 *     for (long j = 0; j < n; j++) out[j] = tg_tanh_f64(in[j]);
 *
 * Every function comes for double (_f64) and for float (_f32, in float arithmetic), errs by at most 2 units in the last
 * place, and is right at +-0, +-inf, nan and subnormal numbers, as docs/native_math.md shows. No table is looked up, no
 * integer is converted (not every processor has vector instructions for that), and every choice is a blend of values
 * that are all computed. The numbers are those that benchmarks/vector_math_coefficients.py prints.
 *
 * To be compiled with -ffp-contract=off and without -ffast-math: several lines recover what a sum has rounded away.
 * gcc makes vector code of blends only with -fno-trapping-math.
 */
#ifndef TG_VECTOR_MATH_H
#define TG_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* a b + c: rounded once where the processor does that in one instruction, else twice. The functions keep their accuracy
 * either way. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define TG_FMA(a, b, c) __builtin_fma(a, b, c)
#define TG_FMAF(a, b, c) __builtin_fmaf(a, b, c)
#else
#define TG_FMA(a, b, c) ((a) * (b) + (c))
#define TG_FMAF(a, b, c) ((a) * (b) + (c))
#endif

/* ---- bits ------------------------------------------------------------------------------------------------------ */

static inline uint64_t tg_bits_f64(double x) { uint64_t b; memcpy(&b, &x, sizeof b); return b; }
static inline double tg_from_bits_f64(uint64_t b) { double x; memcpy(&x, &b, sizeof x); return x; }
static inline uint32_t tg_bits_f32(float x) { uint32_t b; memcpy(&b, &x, sizeof b); return b; }
static inline float tg_from_bits_f32(uint32_t b) { float x; memcpy(&x, &b, sizeof x); return x; }

/* condition ? a : b, by the bits of a mask. Written with branches, gcc computes what follows once for each of the two
 * cases; a mask of integers it does not make vector code of where there is only SSE2. */
static inline double tg_select_f64(int condition, double a, double b)
{
    uint64_t mask = tg_bits_f64(condition ? tg_from_bits_f64(~(uint64_t)0) : 0.0);
    return tg_from_bits_f64((tg_bits_f64(a) & mask) | (tg_bits_f64(b) & ~mask));
}
static inline float tg_select_f32(int condition, float a, float b)
{
    uint32_t mask = tg_bits_f32(condition ? tg_from_bits_f32(~(uint32_t)0) : 0.0f);
    return tg_from_bits_f32((tg_bits_f32(a) & mask) | (tg_bits_f32(b) & ~mask));
}

/* Adding this number rounds to an integer, which then stands in the low bits of the sum; subtracting it again gives the
 * integer as a floating-point number. */
#define TG_ROUND_F64 0x1.8p52
#define TG_ROUND_F32 0x1.8p23f

/* 2^n, for n + TG_ROUND and a normal 2^n. */
static inline double tg_power_of_2_f64(double rounded)
{
    return tg_from_bits_f64((tg_bits_f64(rounded) << 52) + ((uint64_t)1023 << 52));
}
static inline float tg_power_of_2_f32(float rounded)
{
    return tg_from_bits_f32((tg_bits_f32(rounded) << 23) + ((uint32_t)127 << 23));
}

/* ln 2 in two parts: an integer of the size of an exponent times the first is exact. */
#define TG_LN2_HIGH_F64 0x1.62e42fefa38p-1
#define TG_LN2_LOW_F64 0x1.ef35793c7673p-45
#define TG_LOG2E_F64 0x1.71547652b82fep+0
#define TG_LN2_HIGH_F32 0x1.62e4p-1f
#define TG_LN2_LOW_F32 0x1.7f7d1cp-20f
#define TG_LOG2E_F32 0x1.715476p+0f

/* ---- exp and what is made of it ---------------------------------------------------------------------------------- */

/* x = n ln2 + r, |r| <= ln2 / 2. Returns r; *rounded is n + TG_ROUND, *rest what r has lost to rounding. */
static inline double tg_reduce_exp_f64(double x, double *rounded, double *rest)
{
    double t = TG_FMA(x, TG_LOG2E_F64, TG_ROUND_F64), n = t - TG_ROUND_F64;
    double high = TG_FMA(n, -TG_LN2_HIGH_F64, x), low = n * -TG_LN2_LOW_F64, r = high + low;
    *rounded = t;
    *rest = (high - r) + low;
    return r;
}
static inline float tg_reduce_exp_f32(float x, float *rounded, float *rest)
{
    float t = TG_FMAF(x, TG_LOG2E_F32, TG_ROUND_F32), n = t - TG_ROUND_F32;
    float high = TG_FMAF(n, -TG_LN2_HIGH_F32, x), low = n * -TG_LN2_LOW_F32, r = high + low;
    *rounded = t;
    *rest = (high - r) + low;
    return r;
}

/* (e^r - 1 - r) / r^2 for |r| <= ln2 / 2; z = r^2. Pairs of terms, so that the processor does several at once. */
static inline double tg_exp_rest_f64(double r, double z)
{
    double c01 = TG_FMA(0x1.5555555555557p-3, r, 0x1p-1);
    double c23 = TG_FMA(0x1.11111111100dfp-7, r, 0x1.5555555555556p-5);
    double c45 = TG_FMA(0x1.a01a01abe6323p-13, r, 0x1.6c16c16c162d6p-10);
    double c67 = TG_FMA(0x1.71de0237484cdp-19, r, 0x1.a01a01a6d7831p-16);
    double c89 = TG_FMA(0x1.af4ddda1c08cdp-26, r, 0x1.27e4db67ac2bp-22);
    double w = z * z;
    return TG_FMA(TG_FMA(TG_FMA(0x1.1f72fc83bcbc7p-29, z, c89), w, TG_FMA(c67, z, c45)), w, TG_FMA(c23, z, c01));
}
static inline float tg_exp_rest_f32(float r, float z)
{
    float c01 = TG_FMAF(0x1.5554dep-3f, r, 0x1p-1f), c23 = TG_FMAF(0x1.120b62p-7f, r, 0x1.55551ap-5f);
    return TG_FMAF(TG_FMAF(0x1.6d10fcp-10f, z, c23), z, c01);
}

/* e^x where 2^n is a normal number: -708 <= x <= 709. */
static inline double tg_exp_normal_f64(double x)
{
    double t, lost, r = tg_reduce_exp_f64(x, &t, &lost), z = r * r, scale = tg_power_of_2_f64(t);
    return TG_FMA(scale, TG_FMA(z, tg_exp_rest_f64(r, z), r), scale);
}
/* The same: -87 <= x <= 88. */
static inline float tg_exp_normal_f32(float x)
{
    float t, lost, r = tg_reduce_exp_f32(x, &t, &lost), z = r * r, scale = tg_power_of_2_f32(t);
    return TG_FMAF(scale, TG_FMAF(z, tg_exp_rest_f32(r, z), r), scale);
}

/* exp. x = n ln2 + r, and e^x = 2^n e^r.
 * Polynomial of degree 12 in r (float: 6).
 * 2^n is two factors, so that it neither over- nor underflows before the result does, and a subnormal result is rounded
 * once. */
static inline double tg_exp_f64(double x)
{
    double t, lost, r = tg_reduce_exp_f64(x, &t, &lost), z = r * r, n = t - TG_ROUND_F64;
    double half = TG_FMA(n, 0.5, TG_ROUND_F64), scale = tg_power_of_2_f64(half);
    double y = TG_FMA(scale, TG_FMA(z, tg_exp_rest_f64(r, z), r), scale) * tg_power_of_2_f64(t - (half - TG_ROUND_F64));
    y = tg_select_f64(x > 710.0, INFINITY, y);
    return tg_select_f64(n < -1076.0, 0.0, y);
}
static inline float tg_exp_f32(float x)
{
    float t, lost, r = tg_reduce_exp_f32(x, &t, &lost), z = r * r, n = t - TG_ROUND_F32;
    float half = TG_FMAF(n, 0.5f, TG_ROUND_F32), scale = tg_power_of_2_f32(half);
    float y = TG_FMAF(scale, TG_FMAF(z, tg_exp_rest_f32(r, z), r), scale) * tg_power_of_2_f32(t - (half - TG_ROUND_F32));
    y = tg_select_f32(x > 89.0f, INFINITY, y);
    return tg_select_f32(n < -151.0f, 0.0f, y);
}

/* expm1. x = n ln2 + r, and e^x - 1 = (2^n - 1 + 2^n r) + 2^n (e^r - 1 - r).
 * The polynomial of exp.
 * All is halved, so that 2^n does not overflow before the result does; e^x - 1 = x for tiny x, which keeps -0. */
static inline double tg_expm1_f64(double x)
{
    double t, lost, r = tg_reduce_exp_f64(x, &t, &lost), z = r * r, scale = tg_power_of_2_f64(t - 1.0);
    double y = 2.0 * TG_FMA(scale, TG_FMA(z, tg_exp_rest_f64(r, z), lost), TG_FMA(scale, r, scale - 0.5));
    y = tg_select_f64(t - TG_ROUND_F64 > 1024.0, INFINITY, y);
    y = tg_select_f64(x < -40.0, -1.0, y);
    return tg_select_f64(fabs(x) < 0x1p-54, x, y);
}
static inline float tg_expm1_f32(float x)
{
    float t, lost, r = tg_reduce_exp_f32(x, &t, &lost), z = r * r, scale = tg_power_of_2_f32(t - 1.0f);
    float y = 2.0f * TG_FMAF(scale, TG_FMAF(z, tg_exp_rest_f32(r, z), lost), TG_FMAF(scale, r, scale - 0.5f));
    y = tg_select_f32(t - TG_ROUND_F32 > 128.0f, INFINITY, y);
    y = tg_select_f32(x < -18.0f, -1.0f, y);
    return tg_select_f32(fabsf(x) < 0x1p-25f, x, y);
}

/* tanh. Near 0, |x| < 0.8, x + x z P(z) / Q(z) with z = x^2; beyond, 1 - 2 / (e^(2 |x|) + 1): one division for both.
 * P and Q of degree 3 (float: 1 and 2); the polynomial of exp.
 * Computed for |x|, so that signs are kept; from 22 on (float: 10) the result is 1. */
static inline double tg_tanh_f64(double x)
{
    int near = fabs(x) < 0.8;
    double a = fabs(x), z = a * a, w = z * z, above, below, y;
    above = TG_FMA(TG_FMA(-0x1.2a75079d32d1ep-26, z, -0x1.fecee64d8fa7fp-13), w,
                   TG_FMA(-0x1.5edf9238de6cfp-6, z, -0x1.5555555555555p-2)) * (z * a);
    below = TG_FMA(TG_FMA(0x1.0afd0fbbeb9abp-12, z, 0x1.91cffbf140d35p-6), w, TG_FMA(0x1.db638504434dfp-2, z, 1.0));
    above = tg_select_f64(near, above, -2.0);
    below = tg_select_f64(near, below, tg_exp_normal_f64(a + a) + 1.0);
    y = tg_select_f64(near, a, 1.0) + above / below;
    return copysign(tg_select_f64(a > 22.0, 1.0, y), x);
}
static inline float tg_tanh_f32(float x)
{
    int near = fabsf(x) < 0.8f;
    float a = fabsf(x), z = a * a, above, below, y;
    above = TG_FMAF(-0x1.e3344ep-7f, z, -0x1.555556p-2f) * (z * a);
    below = TG_FMAF(TG_FMAF(0x1.02b7aep-6f, z, 0x1.c6e68p-2f), z, 1.0f);
    above = tg_select_f32(near, above, -2.0f);
    below = tg_select_f32(near, below, tg_exp_normal_f32(a + a) + 1.0f);
    y = tg_select_f32(near, a, 1.0f) + above / below;
    return copysignf(tg_select_f32(a > 10.0f, 1.0f, y), x);
}

/* e^-|x| as a rounded value and *rest, what it has lost to rounding: as for exp. */
static inline double tg_exp_of_minus_abs_f64(double x, double *rest)
{
    double t, lost, r = tg_reduce_exp_f64(-fabs(x), &t, &lost), z = r * r, n = t - TG_ROUND_F64;
    double half = TG_FMA(n, 0.5, TG_ROUND_F64), scale = tg_power_of_2_f64(half);
    double scale2 = tg_power_of_2_f64(t - (half - TG_ROUND_F64));
    double tail = TG_FMA(z, tg_exp_rest_f64(r, z), lost), sum = r + tail, high = 1.0 + sum;
    *rest = tg_select_f64(n < -1076.0, 0.0, ((1.0 - high) + sum) * scale * scale2);
    return tg_select_f64(n < -1076.0, 0.0, high * scale * scale2);
}
static inline float tg_exp_of_minus_abs_f32(float x, float *rest)
{
    float t, lost, r = tg_reduce_exp_f32(-fabsf(x), &t, &lost), z = r * r, n = t - TG_ROUND_F32;
    float half = TG_FMAF(n, 0.5f, TG_ROUND_F32), scale = tg_power_of_2_f32(half);
    float scale2 = tg_power_of_2_f32(t - (half - TG_ROUND_F32));
    float tail = TG_FMAF(z, tg_exp_rest_f32(r, z), lost), sum = r + tail, high = 1.0f + sum;
    *rest = tg_select_f32(n < -151.0f, 0.0f, ((1.0f - high) + sum) * scale * scale2);
    return tg_select_f32(n < -151.0f, 0.0f, high * scale * scale2);
}

/* sigmoid, 1 / (1 + e^-x). With e = e^-|x|: 1 / (1 + e) on the right, e / (1 + e) on the left, where the result may be
 * as small as a subnormal number.
 * The polynomial of exp.
 * What e and 1 + e have lost to rounding is put back after the division; 1 / (1 + e) is 1 minus the result there. */
static inline double tg_sigmoid_f64(double x)
{
    int left = x < 0.0;
    double rest, e = tg_exp_of_minus_abs_f64(x, &rest), below = 1.0 + e, lost = (e - (below - 1.0)) + rest, q;
    q = tg_select_f64(left, e, 1.0) / below;
    return q + (tg_select_f64(left, rest, 0.0) - q * lost) * tg_select_f64(left, 1.0 - q, q);
}
static inline float tg_sigmoid_f32(float x)
{
    int left = x < 0.0f;
    float rest, e = tg_exp_of_minus_abs_f32(x, &rest), below = 1.0f + e, lost = (e - (below - 1.0f)) + rest, q;
    q = tg_select_f32(left, e, 1.0f) / below;
    return q + (tg_select_f32(left, rest, 0.0f) - q * lost) * tg_select_f32(left, 1.0f - q, q);
}

/* ---- log and what is made of it ---------------------------------------------------------------------------------- */

/* u = 2^k m with sqrt(1/2) <= m < sqrt(2), for a normal positive u. Returns m; *k is an integer. */
static inline double tg_split_f64(double u, double *k)
{
    const uint64_t root = 0x3fe6a09e667f3bcd; /* sqrt(1/2) */
    uint64_t b = tg_bits_f64(u) - root + ((uint64_t)1023 << 52);
    *k = tg_from_bits_f64((b >> 52) | tg_bits_f64(0x1p52)) - (0x1p52 + 1023.0);
    return tg_from_bits_f64((b & 0x000fffffffffffff) + root);
}
static inline float tg_split_f32(float u, float *k)
{
    const uint32_t root = 0x3f3504f3; /* sqrt(1/2) */
    uint32_t b = tg_bits_f32(u) - root + ((uint32_t)127 << 23);
    *k = tg_from_bits_f32((b >> 23) | tg_bits_f32(0x1p23f)) - (0x1p23f + 127.0f);
    return tg_from_bits_f32((b & 0x007fffff) + root);
}

/* k ln2 + log(1 + f) + rest, for sqrt(1/2) <= 1 + f < sqrt(2) and a tiny rest. With s = f / (2 + f), log(1 + f) is
 * 2 atanh(s) = 2 s + s^3 Q(s^2), and 2 s = f - s f. */
static inline double tg_log_sum_f64(double k, double f, double rest)
{
    double s = f / (2.0 + f), z = s * s, w = z * z;
    double c01 = TG_FMA(0x1.99999999952e2p-2, z, 0x1.5555555555558p-1);
    double c23 = TG_FMA(0x1.c71c62e57c3c4p-3, z, 0x1.2492492df14bcp-2);
    double c45 = TG_FMA(0x1.39fe604146b74p-3, z, 0x1.7462b4ac441afp-3);
    double q = TG_FMA(TG_FMA(TG_FMA(0x1.2b584c6b42d6p-3, w, c45), w, c23), w, c01);
    rest = TG_FMA(k, TG_LN2_LOW_F64, rest);
    return k * TG_LN2_HIGH_F64 + (f - (s * (f - z * q) - rest));
}
static inline float tg_log_sum_f32(float k, float f, float rest)
{
    float s = f / (2.0f + f), z = s * s, q = TG_FMAF(0x1.2ee61p-2f, z, 0x1.997c3p-2f);
    q = TG_FMAF(q, z, 0x1.55555cp-1f);
    rest = TG_FMAF(k, TG_LN2_LOW_F32, rest);
    return k * TG_LN2_HIGH_F32 + (f - (s * (f - z * q) - rest));
}

/* log. x = 2^k m, and log x = k ln2 + log m; a subnormal x is multiplied by 2^54 (float: 2^24) first.
 * Polynomial of degree 6 (float: 2) in s^2, s = (m - 1) / (m + 1).
 * -inf at +-0, nan below, inf at inf. */
static inline double tg_log_f64(double x)
{
    int subnormal = x < 0x1p-1022;
    double k, m = tg_split_f64(tg_select_f64(subnormal, x * 0x1p54, x), &k);
    double y = tg_log_sum_f64(tg_select_f64(subnormal, k - 54.0, k), m - 1.0, 0.0);
    y += x > 0.0 ? 0.0 : (x == 0.0 ? -(double)INFINITY : (double)NAN);
    return tg_select_f64(x == INFINITY, x, y);
}
static inline float tg_log_f32(float x)
{
    int subnormal = x < 0x1p-126f;
    float k, m = tg_split_f32(tg_select_f32(subnormal, x * 0x1p24f, x), &k);
    float y = tg_log_sum_f32(tg_select_f32(subnormal, k - 24.0f, k), m - 1.0f, 0.0f);
    y += x > 0.0f ? 0.0f : (x == 0.0f ? -INFINITY : NAN);
    return tg_select_f32(x == INFINITY, x, y);
}

/* log1p. 1 + x = 2^k m, with what the sum has lost to rounding; near 0 that makes m - 1 equal to x.
 * The polynomial of log.
 * Beyond 2^60 (float: 2^30) nothing that is lost matters; log(1 + x) = x for tiny x, which keeps -0; -inf at -1, nan
 * below, inf at inf. */
static inline double tg_log1p_f64(double x)
{
    double u = 1.0 + x, v = u - 1.0, k, m = tg_split_f64(u, &k), f, y;
    double scale = tg_from_bits_f64(tg_bits_f64(m) - tg_bits_f64(u) + tg_bits_f64(1.0)); /* 2^-k */
    double lost = ((1.0 - (u - v)) + (x - v)) * scale;
    lost = tg_select_f64(x < 0x1p60, lost, 0.0);
    f = (m - 1.0) + lost;
    y = tg_log_sum_f64(k, f, ((m - 1.0) - f) + lost);
    y += x == -1.0 ? -(double)INFINITY : 0.0;
    y += x >= -1.0 ? 0.0 : (double)NAN;
    y = tg_select_f64(fabs(x) < 0x1p-54, x, y);
    return tg_select_f64(x == INFINITY, x, y);
}
static inline float tg_log1p_f32(float x)
{
    float u = 1.0f + x, v = u - 1.0f, k, m = tg_split_f32(u, &k), f, y;
    float scale = tg_from_bits_f32(tg_bits_f32(m) - tg_bits_f32(u) + tg_bits_f32(1.0f)); /* 2^-k */
    float lost = ((1.0f - (u - v)) + (x - v)) * scale;
    lost = tg_select_f32(x < 0x1p30f, lost, 0.0f);
    f = (m - 1.0f) + lost;
    y = tg_log_sum_f32(k, f, ((m - 1.0f) - f) + lost);
    y += x == -1.0f ? -INFINITY : 0.0f;
    y += x >= -1.0f ? 0.0f : NAN;
    y = tg_select_f32(fabsf(x) < 0x1p-25f, x, y);
    return tg_select_f32(x == INFINITY, x, y);
}

/* softplus, log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). With e = e^-|x|, 1 + e is 1 + f or, from 0.414 on, 2 (1 + f).
 * The polynomials of exp and log.
 * What e has lost to rounding goes into the logarithm. */
static inline double tg_softplus_f64(double x)
{
    double rest, e = tg_exp_of_minus_abs_f64(x, &rest);
    int small = e < 0.414;
    double f = tg_select_f64(small, e, TG_FMA(0.5, e, -0.5)), lost = tg_select_f64(small, rest, 0.5 * rest);
    return tg_select_f64(x > 0.0, x, 0.0) + tg_log_sum_f64(tg_select_f64(small, 0.0, 1.0), f, lost);
}
static inline float tg_softplus_f32(float x)
{
    float rest, e = tg_exp_of_minus_abs_f32(x, &rest);
    int small = e < 0.414f;
    float f = tg_select_f32(small, e, TG_FMAF(0.5f, e, -0.5f)), lost = tg_select_f32(small, rest, 0.5f * rest);
    return tg_select_f32(x > 0.0f, x, 0.0f) + tg_log_sum_f32(tg_select_f32(small, 0.0f, 1.0f), f, lost);
}

#endif
