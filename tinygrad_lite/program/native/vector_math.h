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

/* e^r - 1 - r = r^2 P(r), |r| <= ln2 / 2: even and odd powers apart, so that the processor can do both at once. */
static inline double tg_exp_tail_f64(double r)
{
    double z = r * r, even = 0x1.1f72fc83bcbc7p-29, odd = 0x1.af4ddda1c08cdp-26;
    even = TG_FMA(even, z, 0x1.27e4db67ac2bp-22);
    odd = TG_FMA(odd, z, 0x1.71de0237484cdp-19);
    even = TG_FMA(even, z, 0x1.a01a01a6d7831p-16);
    odd = TG_FMA(odd, z, 0x1.a01a01abe6323p-13);
    even = TG_FMA(even, z, 0x1.6c16c16c162d6p-10);
    odd = TG_FMA(odd, z, 0x1.11111111100dfp-7);
    even = TG_FMA(even, z, 0x1.5555555555556p-5);
    odd = TG_FMA(odd, z, 0x1.5555555555557p-3);
    even = TG_FMA(even, z, 0x1p-1);
    return z * TG_FMA(odd, r, even);
}
static inline float tg_exp_tail_f32(float r)
{
    float z = r * r, even = 0x1.6d10fcp-10f, odd = 0x1.120b62p-7f;
    even = TG_FMAF(even, z, 0x1.55551ap-5f);
    odd = TG_FMAF(odd, z, 0x1.5554dep-3f);
    even = TG_FMAF(even, z, 0x1p-1f);
    return z * TG_FMAF(odd, r, even);
}

/* e^x where 2^n is normal: -708 <= x <= 709. */
static inline double tg_exp_normal_f64(double x)
{
    double t, rest, r = tg_reduce_exp_f64(x, &t, &rest);
    return (1.0 + (r + (tg_exp_tail_f64(r) + rest))) * tg_power_of_2_f64(t);
}
/* The same: -87 <= x <= 88. */
static inline float tg_exp_normal_f32(float x)
{
    float t, rest, r = tg_reduce_exp_f32(x, &t, &rest);
    return (1.0f + (r + (tg_exp_tail_f32(r) + rest))) * tg_power_of_2_f32(t);
}

/* exp. x = n ln2 + r, and e^x = 2^n e^r.
 * Polynomial of degree 12 in r (float: 6).
 * 2^n is two factors, so that neither over- nor underflows and only the last product is rounded; beyond the clamps the
 * result is inf or 0. */
static inline double tg_exp_f64(double x)
{
    double t, rest, r, half;
    x = x > 710.0 ? 710.0 : x;
    x = x < -746.0 ? -746.0 : x;
    r = tg_reduce_exp_f64(x, &t, &rest);
    half = TG_FMA(t - TG_ROUND_F64, 0.5, TG_ROUND_F64);
    return (1.0 + (r + (tg_exp_tail_f64(r) + rest))) * tg_power_of_2_f64(half) * tg_power_of_2_f64(t - (half - TG_ROUND_F64));
}
static inline float tg_exp_f32(float x)
{
    float t, rest, r, half;
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    r = tg_reduce_exp_f32(x, &t, &rest);
    half = TG_FMAF(t - TG_ROUND_F32, 0.5f, TG_ROUND_F32);
    return (1.0f + (r + (tg_exp_tail_f32(r) + rest))) * tg_power_of_2_f32(half) * tg_power_of_2_f32(t - (half - TG_ROUND_F32));
}

/* expm1. x = n ln2 + r, and e^x - 1 = (2^n - 1 + 2^n r) + 2^n (e^r - 1 - r).
 * The polynomial of exp.
 * All is halved, so that 2^n does not overflow before the result does; e^x - 1 = x for tiny x, which keeps -0. */
static inline double tg_expm1_f64(double x)
{
    double t, rest, r, scale, y, a = x;
    a = a > 710.0 ? 710.0 : a;
    a = a < -40.0 ? -40.0 : a;
    r = tg_reduce_exp_f64(a, &t, &rest);
    scale = tg_power_of_2_f64(t - 1.0);
    y = (TG_FMA(scale, r, scale - 0.5) + scale * (tg_exp_tail_f64(r) + rest)) * 2.0;
    return fabs(x) < 0x1p-54 ? x : y;
}
static inline float tg_expm1_f32(float x)
{
    float t, rest, r, scale, y, a = x;
    a = a > 89.0f ? 89.0f : a;
    a = a < -18.0f ? -18.0f : a;
    r = tg_reduce_exp_f32(a, &t, &rest);
    scale = tg_power_of_2_f32(t - 1.0f);
    y = (TG_FMAF(scale, r, scale - 0.5f) + scale * (tg_exp_tail_f32(r) + rest)) * 2.0f;
    return fabsf(x) < 0x1p-25f ? x : y;
}

/* tanh. Near 0, |x| < 0.8, x + x z P(z) / Q(z) with z = x^2; beyond, 1 - 2 / (e^(2 |x|) + 1): one division for both.
 * P and Q of degree 3 (float: 1 and 2); the polynomial of exp.
 * Computed for |x|, so that signs are kept; from 22 on (float: 10) the result is 1. */
static inline double tg_tanh_f64(double x)
{
    double a = fabs(x), twice = a + a, z = a * a, above, below, e;
    above = TG_FMA(-0x1.2a75079d32d1ep-26, z, -0x1.fecee64d8fa7fp-13);
    below = TG_FMA(0x1.0afd0fbbeb9abp-12, z, 0x1.91cffbf140d35p-6);
    above = TG_FMA(above, z, -0x1.5edf9238de6cfp-6);
    below = TG_FMA(below, z, 0x1.db638504434dfp-2);
    above = TG_FMA(above, z, -0x1.5555555555555p-2) * (z * a);
    below = TG_FMA(below, z, 1.0);
    e = tg_exp_normal_f64(twice > 44.0 ? 44.0 : twice);
    above = a < 0.8 ? above : -2.0;
    below = a < 0.8 ? below : e + 1.0;
    return copysign((a < 0.8 ? a : 1.0) + above / below, x);
}
static inline float tg_tanh_f32(float x)
{
    float a = fabsf(x), twice = a + a, z = a * a, above, below, e;
    above = TG_FMAF(-0x1.e3344ep-7f, z, -0x1.555556p-2f) * (z * a);
    below = TG_FMAF(0x1.02b7aep-6f, z, 0x1.c6e68p-2f);
    below = TG_FMAF(below, z, 1.0f);
    e = tg_exp_normal_f32(twice > 20.0f ? 20.0f : twice);
    above = a < 0.8f ? above : -2.0f;
    below = a < 0.8f ? below : e + 1.0f;
    return copysignf((a < 0.8f ? a : 1.0f) + above / below, x);
}

/* e^-|x| as a rounded value and *rest, what it has lost to rounding: as for exp. */
static inline double tg_exp_of_minus_abs_f64(double x, double *rest)
{
    double t, lost, r, tail, half, scale, scale2, high, a = -fabs(x);
    a = a < -746.0 ? -746.0 : a;
    r = tg_reduce_exp_f64(a, &t, &lost);
    tail = tg_exp_tail_f64(r) + lost;
    high = 1.0 + (r + tail);
    half = TG_FMA(t - TG_ROUND_F64, 0.5, TG_ROUND_F64);
    scale = tg_power_of_2_f64(half);
    scale2 = tg_power_of_2_f64(t - (half - TG_ROUND_F64));
    *rest = (((1.0 - high) + r) + tail) * scale * scale2;
    return high * scale * scale2;
}
static inline float tg_exp_of_minus_abs_f32(float x, float *rest)
{
    float t, lost, r, tail, half, scale, scale2, high, a = -fabsf(x);
    a = a < -104.0f ? -104.0f : a;
    r = tg_reduce_exp_f32(a, &t, &lost);
    tail = tg_exp_tail_f32(r) + lost;
    high = 1.0f + (r + tail);
    half = TG_FMAF(t - TG_ROUND_F32, 0.5f, TG_ROUND_F32);
    scale = tg_power_of_2_f32(half);
    scale2 = tg_power_of_2_f32(t - (half - TG_ROUND_F32));
    *rest = (((1.0f - high) + r) + tail) * scale * scale2;
    return high * scale * scale2;
}

/* sigmoid, 1 / (1 + e^-x). With e = e^-|x|: 1 / (1 + e) on the right, e / (1 + e) on the left, where the result may be
 * as small as a subnormal number.
 * The polynomial of exp.
 * What e and 1 + e have lost to rounding is put back after the division; 1 / (1 + e) is 1 minus the result there. */
static inline double tg_sigmoid_f64(double x)
{
    double rest, e = tg_exp_of_minus_abs_f64(x, &rest), below = 1.0 + e, lost = (e - (below - 1.0)) + rest, q;
    q = (x < 0.0 ? e : 1.0) / below;
    return q + ((x < 0.0 ? rest : 0.0) - q * lost) * (x < 0.0 ? 1.0 - q : q);
}
static inline float tg_sigmoid_f32(float x)
{
    float rest, e = tg_exp_of_minus_abs_f32(x, &rest), below = 1.0f + e, lost = (e - (below - 1.0f)) + rest, q;
    q = (x < 0.0f ? e : 1.0f) / below;
    return q + ((x < 0.0f ? rest : 0.0f) - q * lost) * (x < 0.0f ? 1.0f - q : q);
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
    double s = f / (2.0 + f), z = s * s, w = z * z, even = 0x1.2b584c6b42d6p-3, odd = 0x1.39fe604146b74p-3;
    even = TG_FMA(even, w, 0x1.7462b4ac441afp-3);
    odd = TG_FMA(odd, w, 0x1.c71c62e57c3c4p-3);
    even = TG_FMA(even, w, 0x1.2492492df14bcp-2);
    odd = TG_FMA(odd, w, 0x1.99999999952e2p-2);
    even = TG_FMA(even, w, 0x1.5555555555558p-1);
    rest = TG_FMA(k, TG_LN2_LOW_F64, rest);
    return k * TG_LN2_HIGH_F64 + (f - (s * (f - z * TG_FMA(odd, z, even)) - rest));
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
    double k, m = tg_split_f64(subnormal ? x * 0x1p54 : x, &k);
    double y = tg_log_sum_f64(subnormal ? k - 54.0 : k, m - 1.0, 0.0);
    y = x > 0.0 ? y : (x == 0.0 ? -(double)INFINITY : (double)NAN);
    return x == (double)INFINITY ? x : y;
}
static inline float tg_log_f32(float x)
{
    int subnormal = x < 0x1p-126f;
    float k, m = tg_split_f32(subnormal ? x * 0x1p24f : x, &k);
    float y = tg_log_sum_f32(subnormal ? k - 24.0f : k, m - 1.0f, 0.0f);
    y = x > 0.0f ? y : (x == 0.0f ? -INFINITY : NAN);
    return x == INFINITY ? x : y;
}

/* log(1 + x + rest) for x > -1 and a tiny rest: what 1 + x has lost to rounding is divided by the same power of two, and
 * not needed where x is large. */
static inline double tg_log1p_sum_f64(double x, double rest)
{
    double u = 1.0 + x, v = u - 1.0, lost = ((1.0 - (u - v)) + (x - v)), k, m = tg_split_f64(u, &k);
    double scale = tg_from_bits_f64(tg_bits_f64(m) - tg_bits_f64(u) + tg_bits_f64(1.0)); /* 2^-k */
    double f;
    scale = x < 0x1p60 ? scale : 0.0;
    lost = lost * scale;
    f = (m - 1.0) + lost;
    return tg_log_sum_f64(k, f, ((m - 1.0) - f) + lost + rest * scale);
}
static inline float tg_log1p_sum_f32(float x, float rest)
{
    float u = 1.0f + x, v = u - 1.0f, lost = ((1.0f - (u - v)) + (x - v)), k, m = tg_split_f32(u, &k);
    float scale = tg_from_bits_f32(tg_bits_f32(m) - tg_bits_f32(u) + tg_bits_f32(1.0f)); /* 2^-k */
    float f;
    scale = x < 0x1p30f ? scale : 0.0f;
    lost = lost * scale;
    f = (m - 1.0f) + lost;
    return tg_log_sum_f32(k, f, ((m - 1.0f) - f) + lost + rest * scale);
}

/* log1p. 1 + x = 2^k m, with what the sum has lost to rounding; near 0 that makes m - 1 equal to x.
 * The polynomial of log.
 * log(1 + x) = x for tiny x, which keeps -0; -inf at -1, nan below, inf at inf. */
static inline double tg_log1p_f64(double x)
{
    double y = tg_log1p_sum_f64(x, 0.0);
    y = x > -1.0 ? y : (x == -1.0 ? -(double)INFINITY : (double)NAN);
    y = fabs(x) < 0x1p-54 ? x : y;
    return x == (double)INFINITY ? x : y;
}
static inline float tg_log1p_f32(float x)
{
    float y = tg_log1p_sum_f32(x, 0.0f);
    y = x > -1.0f ? y : (x == -1.0f ? -INFINITY : NAN);
    y = fabsf(x) < 0x1p-25f ? x : y;
    return x == INFINITY ? x : y;
}

/* softplus, log(1 + e^x) = max(x, 0) + log(1 + e^-|x|).
 * The polynomials of exp and log.
 * What e^-|x| has lost to rounding goes into the logarithm. */
static inline double tg_softplus_f64(double x)
{
    double rest, e = tg_exp_of_minus_abs_f64(x, &rest);
    return (x > 0.0 ? x : 0.0) + tg_log1p_sum_f64(e, rest);
}
static inline float tg_softplus_f32(float x)
{
    float rest, e = tg_exp_of_minus_abs_f32(x, &rest);
    return (x > 0.0f ? x : 0.0f) + tg_log1p_sum_f32(e, rest);
}

#endif
