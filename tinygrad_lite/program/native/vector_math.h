/* Elementary functions for loops: branch-free, so that a compiler turns a loop of them into vector code.
 *
 *     for (long j = 0; j < n; j++) out[j] = tg_tanh_f64(in[j]);
 *
 * Every function comes for double (_f64) and for float (_f32, in float arithmetic), errs by at most 2 units in the last
 * place (normal_cdf of double: 5), and is right at +-0, +-inf, nan and subnormal numbers, as docs/native_math.md shows.
 * No table is looked up, no integer is converted (not every processor has vector instructions for that), and every
 * choice is a blend of values that are all computed. The numbers are those that benchmarks/vector_math_coefficients.py
 * prints.
 *
 * To be compiled with -ffp-contract=off and without -ffast-math: several lines recover what a sum has rounded away.
 * gcc makes vector code of blends only with -fno-trapping-math.
 */
#ifndef TG_VECTOR_MATH_H
#define TG_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A call that is not inlined keeps its loop from becoming vector code; a compiler left alone does not inline a large
 * function that is used twice. */
#define TG_INLINE static inline __attribute__((always_inline))

/* a b + c: rounded once where the processor does that in one instruction, else twice. The functions keep their accuracy
 * either way. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define TG_FMA(a, b, c) __builtin_fma(a, b, c)
#define TG_FMAF(a, b, c) __builtin_fmaf(a, b, c)
#else
#define TG_FMA(a, b, c) ((a) * (b) + (c))
#define TG_FMAF(a, b, c) ((a) * (b) + (c))
#endif

/* a b - p, exactly, for p = a b rounded: what the product has lost. Without fused multiply-add, from halves of the
 * factors, whose products are exact (Dekker). */
TG_INLINE double tg_product_rest_f64(double a, double b, double p)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fma(a, b, -p);
#else
    double a_wide = a * 0x1.0000002p27, a_high = a_wide - (a_wide - a), a_low = a - a_high;
    double b_wide = b * 0x1.0000002p27, b_high = b_wide - (b_wide - b), b_low = b - b_high;
    return ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low;
#endif
}

/* ---- bits ------------------------------------------------------------------------------------------------------ */

TG_INLINE uint64_t tg_bits_f64(double x) { uint64_t b; memcpy(&b, &x, sizeof b); return b; }
TG_INLINE double tg_from_bits_f64(uint64_t b) { double x; memcpy(&x, &b, sizeof x); return x; }
TG_INLINE uint32_t tg_bits_f32(float x) { uint32_t b; memcpy(&b, &x, sizeof b); return b; }
TG_INLINE float tg_from_bits_f32(uint32_t b) { float x; memcpy(&x, &b, sizeof x); return x; }

/* condition ? a : b, by the bits of a mask. Written with branches, gcc computes what follows once for each of the two
 * cases; a mask of integers it does not make vector code of where there is only SSE2. */
TG_INLINE double tg_select_f64(int condition, double a, double b)
{
    uint64_t mask = tg_bits_f64(condition ? tg_from_bits_f64(~(uint64_t)0) : 0.0);
    return tg_from_bits_f64((tg_bits_f64(a) & mask) | (tg_bits_f64(b) & ~mask));
}
TG_INLINE float tg_select_f32(int condition, float a, float b)
{
    uint32_t mask = tg_bits_f32(condition ? tg_from_bits_f32(~(uint32_t)0) : 0.0f);
    return tg_from_bits_f32((tg_bits_f32(a) & mask) | (tg_bits_f32(b) & ~mask));
}

/* Adding this number rounds to an integer, which then stands in the low bits of the sum; subtracting it again gives the
 * integer as a floating-point number. */
#define TG_ROUND_F64 0x1.8p52
#define TG_ROUND_F32 0x1.8p23f

/* 2^n, for n + TG_ROUND and a normal 2^n. */
TG_INLINE double tg_power_of_2_f64(double rounded)
{
    return tg_from_bits_f64((tg_bits_f64(rounded) << 52) + ((uint64_t)1023 << 52));
}
TG_INLINE float tg_power_of_2_f32(float rounded)
{
    return tg_from_bits_f32((tg_bits_f32(rounded) << 23) + ((uint32_t)127 << 23));
}

/* ln 2 in two parts: an integer of the size of an exponent times the first is exact. */
#define TG_LN2_HIGH_F64 0x1.62e42fefa38p-1
#define TG_LN2_LOW_F64 0x1.ef35793c7673p-45
#define TG_LOG2E_F64 0x1.71547652b82fep+0
#define TG_LOG2E_LOW_F64 0x1.777d0ffda0d24p-56
#define TG_LN2_HIGH_F32 0x1.62e4p-1f
#define TG_LN2_LOW_F32 0x1.7f7d1cp-20f
#define TG_LOG2E_F32 0x1.715476p+0f
#define TG_LOG2E_LOW_F32 0x1.4ae0cp-26f

/* ---- exp and what is made of it ---------------------------------------------------------------------------------- */

/* x = n ln2 + r, |r| <= ln2 / 2. Returns r; *rounded is n + TG_ROUND, *rest what r has lost to rounding. */
TG_INLINE double tg_reduce_exp_f64(double x, double *rounded, double *rest)
{
    double t = TG_FMA(x, TG_LOG2E_F64, TG_ROUND_F64), n = t - TG_ROUND_F64;
    double high = TG_FMA(n, -TG_LN2_HIGH_F64, x), low = n * -TG_LN2_LOW_F64, r = high + low;
    *rounded = t;
    *rest = (high - r) + low;
    return r;
}
TG_INLINE float tg_reduce_exp_f32(float x, float *rounded, float *rest)
{
    float t = TG_FMAF(x, TG_LOG2E_F32, TG_ROUND_F32), n = t - TG_ROUND_F32;
    float high = TG_FMAF(n, -TG_LN2_HIGH_F32, x), low = n * -TG_LN2_LOW_F32, r = high + low;
    *rounded = t;
    *rest = (high - r) + low;
    return r;
}

/* (e^r - 1 - r) / r^2 for |r| <= ln2 / 2; z = r^2. Pairs of terms, so that the processor does several at once. */
TG_INLINE double tg_exp_rest_f64(double r, double z)
{
    double c01 = TG_FMA(0x1.5555555555557p-3, r, 0x1p-1);
    double c23 = TG_FMA(0x1.11111111100bep-7, r, 0x1.5555555555556p-5);
    double c45 = TG_FMA(0x1.a01a01abf7ed6p-13, r, 0x1.6c16c16c162c3p-10);
    double c67 = TG_FMA(0x1.71de01ff19a6bp-19, r, 0x1.a01a01a6e1a43p-16);
    double c89 = TG_FMA(0x1.af4e5274a366cp-26, r, 0x1.27e4db47938d1p-22);
    double w = z * z;
    return TG_FMA(TG_FMA(TG_FMA(0x1.1f733f411b727p-29, z, c89), w, TG_FMA(c67, z, c45)), w, TG_FMA(c23, z, c01));
}
TG_INLINE float tg_exp_rest_f32(float r, float z)
{
    float c01 = TG_FMAF(0x1.5554dcp-3f, r, 0x1p-1f), c23 = TG_FMAF(0x1.120bdep-7f, r, 0x1.555518p-5f);
    return TG_FMAF(TG_FMAF(0x1.6d117ap-10f, z, c23), z, c01);
}

/* (1 + x) 2^n for small x and any n at which the result is a number; rounded is n + TG_ROUND. 2^n is two factors, so
 * that it neither over- nor underflows before the result does, and a subnormal result is rounded once. */
TG_INLINE double tg_scale_f64(double x, double rounded)
{
    double half = TG_FMA(rounded - TG_ROUND_F64, 0.5, TG_ROUND_F64), scale = tg_power_of_2_f64(half);
    return TG_FMA(scale, x, scale) * tg_power_of_2_f64(rounded - (half - TG_ROUND_F64));
}
TG_INLINE float tg_scale_f32(float x, float rounded)
{
    float half = TG_FMAF(rounded - TG_ROUND_F32, 0.5f, TG_ROUND_F32), scale = tg_power_of_2_f32(half);
    return TG_FMAF(scale, x, scale) * tg_power_of_2_f32(rounded - (half - TG_ROUND_F32));
}

/* e^x where 2^n is a normal number: -708 <= x <= 709. */
TG_INLINE double tg_exp_normal_f64(double x)
{
    double t, lost, r = tg_reduce_exp_f64(x, &t, &lost), z = r * r, scale = tg_power_of_2_f64(t);
    return TG_FMA(scale, TG_FMA(z, tg_exp_rest_f64(r, z), r), scale);
}
/* The same: -87 <= x <= 88. */
TG_INLINE float tg_exp_normal_f32(float x)
{
    float t, lost, r = tg_reduce_exp_f32(x, &t, &lost), z = r * r, scale = tg_power_of_2_f32(t);
    return TG_FMAF(scale, TG_FMAF(z, tg_exp_rest_f32(r, z), r), scale);
}

/* exp. x = n ln2 + r, and e^x = 2^n e^r.
 * Polynomial of degree 12 in r (float: 6).
 * inf above 710 and 0 below -746 (float: 89, -104), where 2^n is no number. */
TG_INLINE double tg_exp_f64(double x)
{
    double t, lost, r = tg_reduce_exp_f64(x, &t, &lost), z = r * r;
    double y = tg_scale_f64(TG_FMA(z, tg_exp_rest_f64(r, z), r), t);
    y = tg_select_f64(x > 710.0, INFINITY, y);
    return tg_select_f64(t - TG_ROUND_F64 < -1076.0, 0.0, y);
}
TG_INLINE float tg_exp_f32(float x)
{
    float t, lost, r = tg_reduce_exp_f32(x, &t, &lost), z = r * r;
    float y = tg_scale_f32(TG_FMAF(z, tg_exp_rest_f32(r, z), r), t);
    y = tg_select_f32(x > 89.0f, INFINITY, y);
    return tg_select_f32(t - TG_ROUND_F32 < -151.0f, 0.0f, y);
}

/* expm1. x = n ln2 + r, and e^x - 1 = (2^n - 1 + 2^n r) + 2^n (e^r - 1 - r).
 * The polynomial of exp.
 * All is halved, so that 2^n does not overflow before the result does; e^x - 1 = x for tiny x, which keeps -0. */
TG_INLINE double tg_expm1_f64(double x)
{
    double t, lost, r = tg_reduce_exp_f64(x, &t, &lost), z = r * r, scale = tg_power_of_2_f64(t - 1.0);
    double y = 2.0 * TG_FMA(scale, TG_FMA(z, tg_exp_rest_f64(r, z), lost), TG_FMA(scale, r, scale - 0.5));
    y = tg_select_f64(t - TG_ROUND_F64 > 1024.0, INFINITY, y);
    y = tg_select_f64(x < -40.0, -1.0, y);
    return tg_select_f64(fabs(x) < 0x1p-54, x, y);
}
TG_INLINE float tg_expm1_f32(float x)
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
TG_INLINE double tg_tanh_f64(double x)
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
TG_INLINE float tg_tanh_f32(float x)
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

/* sigmoid, 1 / (1 + e^-x). With e = e^-|x|: 1 / (1 + e) on the right, e / (1 + e) on the left, where the result may be
 * as small as a subnormal number.
 * The polynomial of exp.
 * What 1 + e has lost to rounding, l, is made up for in the numerator e, before that is rounded: times 1 - l / (1 + e),
 * where 1.5 - (1 + e) / 2 is near enough to 1 / (1 + e). */
TG_INLINE double tg_sigmoid_f64(double x)
{
    double a = fabs(x), t, lost, r = tg_reduce_exp_f64(tg_select_f64(a > 746.0, -746.0, -a), &t, &lost), z = r * r;
    double sum = r + TG_FMA(z, tg_exp_rest_f64(r, z), lost), e = tg_scale_f64(sum, t), below = 1.0 + e;
    double lowered = sum - (e - (below - 1.0)) * TG_FMA(-0.5, below, 1.5);
    return tg_select_f64(x < 0.0, tg_scale_f64(lowered, t), 1.0) / below;
}
TG_INLINE float tg_sigmoid_f32(float x)
{
    float a = fabsf(x), t, lost, r = tg_reduce_exp_f32(tg_select_f32(a > 104.0f, -104.0f, -a), &t, &lost), z = r * r;
    float sum = r + TG_FMAF(z, tg_exp_rest_f32(r, z), lost), e = tg_scale_f32(sum, t), below = 1.0f + e;
    float lowered = sum - (e - (below - 1.0f)) * TG_FMAF(-0.5f, below, 1.5f);
    return tg_select_f32(x < 0.0f, tg_scale_f32(lowered, t), 1.0f) / below;
}

/* exp2. x = n + f, and 2^x = 2^n e^(f ln2).
 * The polynomial of exp.
 * As for exp. */
TG_INLINE double tg_exp2_f64(double x)
{
    double t = x + TG_ROUND_F64, n = t - TG_ROUND_F64, f = x - n;
    double r = TG_FMA(f, TG_LN2_HIGH_F64, f * TG_LN2_LOW_F64), z = r * r;
    double y = tg_scale_f64(TG_FMA(z, tg_exp_rest_f64(r, z), r), t);
    y = tg_select_f64(x > 1024.0, INFINITY, y);
    return tg_select_f64(n < -1076.0, 0.0, y);
}
TG_INLINE float tg_exp2_f32(float x)
{
    float t = x + TG_ROUND_F32, n = t - TG_ROUND_F32, f = x - n;
    float r = TG_FMAF(f, TG_LN2_HIGH_F32, f * TG_LN2_LOW_F32), z = r * r;
    float y = tg_scale_f32(TG_FMAF(z, tg_exp_rest_f32(r, z), r), t);
    y = tg_select_f32(x > 128.0f, INFINITY, y);
    return tg_select_f32(n < -151.0f, 0.0f, y);
}

/* e^x / 2 for x >= 0, without overflow before e^x / 2 itself overflows, at 710.48 (float: 89.42). */
TG_INLINE double tg_half_exp_f64(double x)
{
    double t, lost, r = tg_reduce_exp_f64(x, &t, &lost), z = r * r, scale = tg_power_of_2_f64(t - 2.0);
    double sum = r + TG_FMA(z, tg_exp_rest_f64(r, z), lost), y = TG_FMA(scale, sum, scale) * 2.0;
    return tg_select_f64(x > 710.5, INFINITY, y);
}
TG_INLINE float tg_half_exp_f32(float x)
{
    float t, lost, r = tg_reduce_exp_f32(x, &t, &lost), z = r * r, scale = tg_power_of_2_f32(t - 2.0f);
    float sum = r + TG_FMAF(z, tg_exp_rest_f32(r, z), lost), y = TG_FMAF(scale, sum, scale) * 2.0f;
    return tg_select_f32(x > 89.45f, INFINITY, y);
}

/* cosh. With h = e^|x| / 2, h + 1 / (4 h).
 * The polynomial of exp.
 * inf where h is. */
TG_INLINE double tg_cosh_f64(double x)
{
    double h = tg_half_exp_f64(fabs(x));
    return h + 0.25 / h;
}
TG_INLINE float tg_cosh_f32(float x)
{
    float h = tg_half_exp_f32(fabsf(x));
    return h + 0.25f / h;
}

/* sinh. Near 0, |x| < 1, x + x z P(z) with z = x^2; beyond, h - 1 / (4 h) with h = e^|x| / 2.
 * P of degree 6 (float: 3); the polynomial of exp.
 * Computed for |x|, so that signs are kept; inf where h is. */
TG_INLINE double tg_sinh_f64(double x)
{
    double a = fabs(x), h = tg_half_exp_f64(a), z = a * a, w = z * z;
    double c01 = TG_FMA(0x1.11111111110fdp-7, z, 0x1.5555555555555p-3);
    double c23 = TG_FMA(0x1.71de3a4e14f4p-19, z, 0x1.a01a01a01ee7p-13);
    double c45 = TG_FMA(0x1.611cb330c1fe8p-33, z, 0x1.ae6460fae3728p-26);
    double p = TG_FMA(TG_FMA(TG_FMA(0x1.b41232cf9950fp-41, w, c45), w, c23), w, c01);
    return copysign(tg_select_f64(a < 1.0, TG_FMA(a * z, p, a), h - 0.25 / h), x);
}
TG_INLINE float tg_sinh_f32(float x)
{
    float a = fabsf(x), h = tg_half_exp_f32(a), z = a * a;
    float c01 = TG_FMAF(0x1.11111ep-7f, z, 0x1.555556p-3f), c23 = TG_FMAF(0x1.78a70ep-19f, z, 0x1.a009p-13f);
    return copysignf(tg_select_f32(a < 1.0f, TG_FMAF(a * z, TG_FMAF(c23, z * z, c01), a), h - 0.25f / h), x);
}

/* erf. Near 0, |x| < 1, x + x P(x^2); beyond, 1 - e^(-a^2) R(u) with a = |x| and u = (a - k) / (a + k).
 * P of degree 11 (float: 6), R of degree 13 (float: 4), k = 3 (float: 2.5); the polynomial of exp.
 * Computed for |x|, so that signs are kept; from 6 on (float: 4) the result is 1. */
TG_INLINE double tg_erf_f64(double x)
{
    double a = fabs(x), z = a * a, y, far;
    a = tg_select_f64(a > 6.0, 6.0, a);
    {
        double w = z * z, v = w * w;
        double c01 = TG_FMA(-0x1.812746b0379c1p-2, z, 0x1.06eba8214db68p-3);
        double c23 = TG_FMA(-0x1.b82ce31203772p-6, z, 0x1.ce2f21a040f66p-4);
        double c45 = TG_FMA(-0x1.c02db0665e53dp-11, z, 0x1.565bccfa44156p-8);
        double c67 = TG_FMA(-0x1.f4ca838adb73bp-17, z, 0x1.f9a2be4f731a1p-14);
        double c89 = TG_FMA(-0x1.5c131500d3f88p-23, z, 0x1.b981d78881a5dp-20);
        double c1011 = TG_FMA(-0x1.ac9585a44fe29p-31, z, 0x1.d76af6ca49787p-27);
        double c4567 = TG_FMA(c67, w, c45), c891011 = TG_FMA(c1011, w, c89);
        y = TG_FMA(TG_FMA(TG_FMA(c891011, v, c4567), v, TG_FMA(c23, w, c01)), a, a);
    }
    {
        double u = (a - 3.0) / (a + 3.0), w = u * u, v = w * w;
        double c01 = TG_FMA(-0x1.4e102b9cf8523p-2, u, 0x1.6e9827d229d2dp-3);
        double c23 = TG_FMA(-0x1.336ffbef050d4p-3, u, 0x1.f6ff204105a99p-3);
        double c45 = TG_FMA(-0x1.8fa58ec552467p-6, u, 0x1.258b13b00f2fcp-4);
        double c67 = TG_FMA(0x1.731075848b734p-11, u, 0x1.17c8382ef40dcp-8);
        double c89 = TG_FMA(0x1.7ba1d04e8ddfcp-15, u, -0x1.3905f4c7d5923p-11);
        double c1011 = TG_FMA(-0x1.e493f9adbc55ep-17, u, 0x1.0b27fe439acadp-14);
        double c1213 = TG_FMA(-0x1.323749051eeb1p-20, u, -0x1.7725f70701396p-17);
        double c4567 = TG_FMA(c67, w, c45), c891011 = TG_FMA(c1011, w, c89);
        double p = TG_FMA(TG_FMA(TG_FMA(c1213, v, c891011), v, c4567), v, TG_FMA(c23, w, c01));
        far = 1.0 - tg_exp_normal_f64(-a * a) * p;
    }
    return copysign(tg_select_f64(a < 1.0, y, far), x);
}
TG_INLINE float tg_erf_f32(float x)
{
    float a = fabsf(x), z = a * a, y, far;
    a = tg_select_f32(a > 4.0f, 4.0f, a);
    {
        float w = z * z;
        float c01 = TG_FMAF(-0x1.81273ep-2f, z, 0x1.06eba8p-3f), c23 = TG_FMAF(-0x1.b7fabap-6f, z, 0x1.ce2d1p-4f);
        float c45 = TG_FMAF(-0x1.a45088p-11f, z, 0x1.54127p-8f);
        y = TG_FMAF(TG_FMAF(TG_FMAF(TG_FMAF(0x1.4a569p-14f, w, c45), w, c23), w, c01), a, a);
    }
    {
        float u = (a - 2.5f) / (a + 2.5f), w = u * u;
        float c01 = TG_FMAF(-0x1.7ca936p-2f, u, 0x1.afbb3ap-3f), c23 = TG_FMAF(-0x1.feea9p-4f, u, 0x1.01c19ep-2f);
        far = 1.0f - tg_exp_normal_f32(-a * a) * TG_FMAF(TG_FMAF(0x1.55f4cep-5f, w, c23), w, c01);
    }
    return copysignf(tg_select_f32(a < 1.0f, y, far), x);
}

/* normal_cdf, the normal distribution's Φ(x). Near 0, |x| < 0.6, 1/2 + x P(x^2); beyond, with a = |x|, Φ(-a) is
 * e^(-a^2 / 2) R(u) / (a + k) with u = (a - k) / (a + k), and Φ(a) = 1 - Φ(-a). a^2 is h^2 + (a - h) (a + h) with h the
 * upper half of the digits of a.
 * P of degree 8, R of degree 20, k = 5 (float: R alone, of degree 10, k = 3, in double); the polynomial of exp.
 * 0 from -39 down (float: -15); what a + k loses to rounding is put into e^(-a^2 / 2). Left of -0.6 up to 5
 * units off, since terms of R cancel (by way of erfc, x / sqrt(2) rounded alone would cost x^2 units). */
TG_INLINE double tg_normal_cdf_f64(double x)
{
    double a = tg_select_f64(fabs(x) > 39.0, 39.0, fabs(x)), near, far, y;
    {
        double z = x * x, w = z * z, v = w * w, s = v * v, p;
        double p0 = TG_FMA(-0x1.1058377e2cedep-4, z, 0x1.9884533d43651p-2);
        double p1 = TG_FMA(-0x1.37403f6b49cedp-10, z, 0x1.46d0429768bbdp-7);
        double p2 = TG_FMA(-0x1.3ce8e72391289p-17, z, 0x1.e42b0d040f527p-14);
        double p3 = TG_FMA(-0x1.612198f03b477p-25, z, 0x1.6584541223c19p-21);
        double pp0 = TG_FMA(p1, w, p0);
        double pp1 = TG_FMA(p3, w, p2);
        p = TG_FMA(0x1.205a812d4931p-29, s, TG_FMA(pp1, v, pp0));
        near = TG_FMA(x, p, 0.5);
    }
    {
        double h = tg_from_bits_f64(tg_bits_f64(a) & 0xfffffffff8000000), square = -0.5 * h * h;
        double t = TG_FMA(square, TG_LOG2E_F64, TG_ROUND_F64), n = t - TG_ROUND_F64;
        double high = TG_FMA(n, -TG_LN2_HIGH_F64, square);
        double low = TG_FMA(n, -TG_LN2_LOW_F64, -0.5 * (a - h) * (a + h)), r = high + low, z = r * r;
        double half = TG_FMA(n, 0.5, TG_ROUND_F64), d = a + 5.0, b = d - a, lost = (a - (d - b)) + (5.0 - b);
        double u = (a - 5.0) / d, w = u * u, v = w * w, s = v * v, g;
        double sum = r + TG_FMA(z, tg_exp_rest_f64(r, z), ((high - r) + low) - lost * TG_FMA(u, -0.1, 0.1));
        double g0 = TG_FMA(-0x1.54ad03f27ca19p-1, u, 0x1.89d3abe1f95aep-1);
        double g1 = TG_FMA(-0x1.410ed5f8757fep-2, u, 0x1.fb31653876f91p-2);
        double g2 = TG_FMA(-0x1.1b1c254caf88dp-4, u, 0x1.51f6329f01659p-3);
        double g3 = TG_FMA(-0x1.88590e80c2277p-9, u, 0x1.54b4d4f4d7fb7p-6);
        double g4 = TG_FMA(0x1.1daf178cabdep-11, u, -0x1.a2503803c1d5bp-11);
        double g5 = TG_FMA(-0x1.a16ef06920dbbp-15, u, -0x1.f2144b429ccbfp-15);
        double g6 = TG_FMA(0x1.0af55f7e515f8p-18, u, 0x1.17dc414fcac5bp-16);
        double g7 = TG_FMA(-0x1.62e56ec8a5111p-22, u, -0x1.7398707e51c9dp-19);
        double g8 = TG_FMA(0x1.27cf0b6133589p-25, u, 0x1.cfd4900523a18p-22);
        double g9 = TG_FMA(-0x1.f698e1cc5beeep-29, u, -0x1.15f7fdc712139p-24);
        double gg0 = TG_FMA(g1, w, g0);
        double gg1 = TG_FMA(g3, w, g2);
        double gg2 = TG_FMA(g5, w, g4);
        double gg3 = TG_FMA(g7, w, g6);
        double gg4 = TG_FMA(g9, w, g8);
        g = TG_FMA(TG_FMA(TG_FMA(0x1.deffbd3477f4fp-28, v, gg4), s, TG_FMA(gg3, v, gg2)), s, TG_FMA(gg1, v, gg0));
        far = TG_FMA(g, sum, g) / d * tg_power_of_2_f64(half) * tg_power_of_2_f64(t - (half - TG_ROUND_F64));
    }
    y = tg_select_f64(x > 0.0, 1.0 - far, far);
    return tg_select_f64(fabs(x) < 0.6, near, y);
}
TG_INLINE float tg_normal_cdf_f32(float x)
{
    double a = tg_select_f64(fabsf(x) > 15.0f, 15.0, fabsf(x)), y;
    {
        double d = a + 3.0, u = (a - 3.0) / d, w = u * u, v = w * w, s = v * v, g;
        double g0 = TG_FMA(-0x1.04c72995b3b4p-1, u, 0x1.754a751f53b8fp-1);
        double g1 = TG_FMA(-0x1.832d3218a4899p-5, u, 0x1.d71381f68a21cp-3);
        double g2 = TG_FMA(0x1.c8c7db1a994f6p-8, u, -0x1.56d40a79ed451p-7);
        double g3 = TG_FMA(-0x1.0f2e8bd171a21p-10, u, 0x1.0c7a08db4e001p-10);
        double g4 = TG_FMA(0x1.1799c0bd0e1cdp-13, u, -0x1.0098a87a2bee1p-12);
        double gg0 = TG_FMA(g1, w, g0);
        double gg1 = TG_FMA(g3, w, g2);
        double gg2 = TG_FMA(0x1.d17fe3198ec87p-15, w, g4);
        g = TG_FMA(gg2, s, TG_FMA(gg1, v, gg0));
        y = tg_exp_normal_f64(-0.5 * a * a) * g / d;
    }
    return (float)tg_select_f64(x > 0.0f, 1.0 - y, y);
}

/* ---- log and what is made of it ---------------------------------------------------------------------------------- */

/* u = 2^k m with sqrt(1/2) <= m < sqrt(2), for a normal positive u. Returns m; *k is an integer. */
TG_INLINE double tg_split_f64(double u, double *k)
{
    const uint64_t root = 0x3fe6a09e667f3bcd; /* sqrt(1/2) */
    uint64_t b = tg_bits_f64(u) - root + ((uint64_t)1023 << 52);
    *k = tg_from_bits_f64((b >> 52) | tg_bits_f64(0x1p52)) - (0x1p52 + 1023.0);
    return tg_from_bits_f64((b & 0x000fffffffffffff) + root);
}
TG_INLINE float tg_split_f32(float u, float *k)
{
    const uint32_t root = 0x3f3504f3; /* sqrt(1/2) */
    uint32_t b = tg_bits_f32(u) - root + ((uint32_t)127 << 23);
    *k = tg_from_bits_f32((b >> 23) | tg_bits_f32(0x1p23f)) - (0x1p23f + 127.0f);
    return tg_from_bits_f32((b & 0x007fffff) + root);
}

/* log(1 + f) is 2 atanh(s) = 2 s + s^3 Q(s^2) with s = f / (2 + f), and 2 s = f - s f. z Q(z) at z = s^2: */
TG_INLINE double tg_log_rest_f64(double z)
{
    double w = z * z;
    double c01 = TG_FMA(0x1.9999999995276p-2, z, 0x1.5555555555558p-1);
    double c23 = TG_FMA(0x1.c71c62d643033p-3, z, 0x1.2492492dfd3d3p-2);
    double c45 = TG_FMA(0x1.39fdd060a2a56p-3, z, 0x1.7462b900e4b3ep-3);
    return z * TG_FMA(TG_FMA(TG_FMA(0x1.2b5f3df0a9a78p-3, w, c45), w, c23), w, c01);
}
TG_INLINE float tg_log_rest_f32(float z)
{
    return z * TG_FMAF(TG_FMAF(0x1.2ee8b8p-2f, z, 0x1.997c22p-2f), z, 0x1.55555cp-1f);
}

/* k ln2 + log(1 + f) + rest, for sqrt(1/2) <= 1 + f < sqrt(2) and a tiny rest. */
TG_INLINE double tg_log_sum_f64(double k, double f, double rest)
{
    double s = f / (2.0 + f);
    rest = TG_FMA(k, TG_LN2_LOW_F64, rest);
    return k * TG_LN2_HIGH_F64 + (f - (s * (f - tg_log_rest_f64(s * s)) - rest));
}
TG_INLINE float tg_log_sum_f32(float k, float f, float rest)
{
    float s = f / (2.0f + f);
    rest = TG_FMAF(k, TG_LN2_LOW_F32, rest);
    return k * TG_LN2_HIGH_F32 + (f - (s * (f - tg_log_rest_f32(s * s)) - rest));
}

/* y, a logarithm of x: but -inf at +-0, nan below, inf at inf. */
TG_INLINE double tg_log_special_f64(double x, double y)
{
    y += x > 0.0 ? 0.0 : (x == 0.0 ? -(double)INFINITY : (double)NAN);
    return tg_select_f64(x == INFINITY, x, y);
}
TG_INLINE float tg_log_special_f32(float x, float y)
{
    y += x > 0.0f ? 0.0f : (x == 0.0f ? -INFINITY : NAN);
    return tg_select_f32(x == INFINITY, x, y);
}

/* log. x = 2^k m, and log x = k ln2 + log m; a subnormal x is multiplied by 2^54 (float: 2^24) first.
 * Polynomial of degree 6 (float: 2) in s^2, s = (m - 1) / (m + 1).
 * -inf at +-0, nan below, inf at inf. */
TG_INLINE double tg_log_f64(double x)
{
    int subnormal = x < 0x1p-1022;
    double k, m = tg_split_f64(tg_select_f64(subnormal, x * 0x1p54, x), &k);
    return tg_log_special_f64(x, tg_log_sum_f64(tg_select_f64(subnormal, k - 54.0, k), m - 1.0, 0.0));
}
TG_INLINE float tg_log_f32(float x)
{
    int subnormal = x < 0x1p-126f;
    float k, m = tg_split_f32(tg_select_f32(subnormal, x * 0x1p24f, x), &k);
    return tg_log_special_f32(x, tg_log_sum_f32(tg_select_f32(subnormal, k - 24.0f, k), m - 1.0f, 0.0f));
}

/* log1p. 1 + x = 2^k m, with what the sum has lost to rounding; near 0 that makes m - 1 equal to x.
 * The polynomial of log.
 * Beyond 2^60 (float: 2^30) nothing that is lost matters; log(1 + x) = x for tiny x, which keeps -0; -inf at -1, nan
 * below, inf at inf. */
TG_INLINE double tg_log1p_f64(double x)
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
TG_INLINE float tg_log1p_f32(float x)
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

/* softplus, log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). With e = e^-|x|, 1 + e = 2^k (1 + f) with k = 0 or, from 0.414
 * on, 1; without a choice, for which gcc would compute the logarithm twice.
 * The polynomials of exp and log.
 * None: where e^-|x| is 0, the result is 0 or x. */
TG_INLINE double tg_softplus_f64(double x)
{
    double e = tg_exp_f64(-fabs(x)), k = ((e + 0.086) + TG_ROUND_F64) - TG_ROUND_F64;
    double f = TG_FMA(e, 1.0 - 0.5 * k, -0.5 * k);
    return tg_select_f64(x > 0.0, x, 0.0) + tg_log_sum_f64(k, f, 0.0);
}
TG_INLINE float tg_softplus_f32(float x)
{
    float e = tg_exp_f32(-fabsf(x)), k = ((e + 0.086f) + TG_ROUND_F32) - TG_ROUND_F32;
    float f = TG_FMAF(e, 1.0f - 0.5f * k, -0.5f * k);
    return tg_select_f32(x > 0.0f, x, 0.0f) + tg_log_sum_f32(k, f, 0.0f);
}

/* log(1 + f) as a rounded value and *rest, what it has lost to rounding, for sqrt(1/2) <= 1 + f < sqrt(2). */
TG_INLINE double tg_log_parts_f64(double f, double *rest)
{
    double s = f / (2.0 + f), low = s * (f - tg_log_rest_f64(s * s)), high = f - low;
    *rest = (f - high) - low;
    return high;
}
TG_INLINE float tg_log_parts_f32(float f, float *rest)
{
    float s = f / (2.0f + f), low = s * (f - tg_log_rest_f32(s * s)), high = f - low;
    *rest = (f - high) - low;
    return high;
}

/* log2. x = 2^k m, and log2 x = k + log m / ln2.
 * The polynomial of log.
 * As for log. */
TG_INLINE double tg_log2_f64(double x)
{
    int subnormal = x < 0x1p-1022;
    double k, m = tg_split_f64(tg_select_f64(subnormal, x * 0x1p54, x), &k), rest;
    double y = tg_log_parts_f64(m - 1.0, &rest);
    y = TG_FMA(y, TG_LOG2E_F64, TG_FMA(y, TG_LOG2E_LOW_F64, rest * TG_LOG2E_F64));
    return tg_log_special_f64(x, tg_select_f64(subnormal, k - 54.0, k) + y);
}
TG_INLINE float tg_log2_f32(float x)
{
    int subnormal = x < 0x1p-126f;
    float k, m = tg_split_f32(tg_select_f32(subnormal, x * 0x1p24f, x), &k), rest;
    float y = tg_log_parts_f32(m - 1.0f, &rest);
    y = TG_FMAF(y, TG_LOG2E_F32, TG_FMAF(y, TG_LOG2E_LOW_F32, rest * TG_LOG2E_F32));
    return tg_log_special_f32(x, tg_select_f32(subnormal, k - 24.0f, k) + y);
}

/* log10. x = 2^k m, and log10 x = k log10(2) + log m / ln10, with log10(2) and 1 / ln10 in two parts.
 * The polynomial of log.
 * As for log. */
TG_INLINE double tg_log10_f64(double x)
{
    int subnormal = x < 0x1p-1022;
    double k, m = tg_split_f64(tg_select_f64(subnormal, x * 0x1p54, x), &k), rest;
    double y = tg_log_parts_f64(m - 1.0, &rest);
    k = tg_select_f64(subnormal, k - 54.0, k);
    rest = TG_FMA(y, 0x1.95355baaafad3p-57, rest * 0x1.bcb7b1526e50ep-2);
    y = TG_FMA(y, 0x1.bcb7b1526e50ep-2, TG_FMA(k, 0x1.fef311f12b358p-46, rest));
    return tg_log_special_f64(x, TG_FMA(k, 0x1.34413509f78p-2, y));
}
TG_INLINE float tg_log10_f32(float x)
{
    int subnormal = x < 0x1p-126f;
    float k, m = tg_split_f32(tg_select_f32(subnormal, x * 0x1p24f, x), &k), rest;
    float y = tg_log_parts_f32(m - 1.0f, &rest);
    k = tg_select_f32(subnormal, k - 24.0f, k);
    rest = TG_FMAF(y, -0x1.5b235ep-27f, rest * 0x1.bcb7b2p-2f);
    y = TG_FMAF(y, 0x1.bcb7b2p-2f, TG_FMAF(k, 0x1.3509f8p-18f, rest));
    return tg_log_special_f32(x, TG_FMAF(k, 0x1.344p-2f, y));
}

/* ---- sin and cos ------------------------------------------------------------------------------------------------- */

/* tg_sin and tg_cos are for |x| up to 2^16 (float: 2^20), and nan at inf and nan. Larger arguments are rare, and their
 * reduction needs pi to a thousand bits. Whoever may meet them asks with tg_is_far_angle, or takes the block functions
 * below, which leave a block with such an argument to the system's sin and cos. */
TG_INLINE int tg_is_far_angle_f64(double x) { return (fabs(x) > 0x1p16) & (fabs(x) < INFINITY); }
TG_INLINE int tg_is_far_angle_f32(float x) { return (fabsf(x) > 0x1p20f) & (fabsf(x) < INFINITY); }

/* x = n pi/2 + r + *rest, |r| <= pi/4. *rounded is n + TG_ROUND. The products with the first two parts of pi/2 are
 * exact, and what their differences lose is kept. */
TG_INLINE double tg_reduce_angle_f64(double x, double *rounded, double *rest)
{
    double t = TG_FMA(x, 0x1.45f306dc9c883p-1, TG_ROUND_F64), n = t - TG_ROUND_F64;
    double a = TG_FMA(n, -0x1.921fb5444p+0, x), b = n * 0x1.68c234c4cp-39, d = a - b, v = d - a;
    double low = ((a - (d - v)) - (b + v)) - n * 0x1.98a2e03707345p-77, r = d + low;
    *rounded = t;
    *rest = (d - r) + low;
    return r;
}

/* sin(r + rest) if the lowest bit of n is 0, else cos(r + rest); negative if the second is 1. */
TG_INLINE double tg_sin_or_cos_f64(double n, double r, double rest)
{
    double z = r * r, w = z * z, half = 0.5 * z, odd;
    double s01 = TG_FMA(0x1.1111111110bacp-7, z, -0x1.5555555555555p-3);
    double s23 = TG_FMA(0x1.71de37947b7d5p-19, z, -0x1.a01a019e8214ap-13);
    double s45 = TG_FMA(0x1.5e0a547eb63b8p-33, z, -0x1.ae6008de3fb5p-26);
    double c01 = TG_FMA(-0x1.6c16c16c16963p-10, z, 0x1.5555555555555p-5);
    double c23 = TG_FMA(-0x1.27e4fa16d281dp-22, z, 0x1.a01a019f4de4cp-16);
    double c45 = TG_FMA(-0x1.907cddbdcf545p-37, z, 0x1.1eeb67d6be385p-29);
    double sine = r + TG_FMA(r * z, TG_FMA(TG_FMA(s45, w, s23), w, s01), TG_FMA(-half, rest, rest));
    double cosine = 1.0 - (half - TG_FMA(w, TG_FMA(TG_FMA(c45, w, c23), w, c01), -r * rest));
    uint64_t bits = tg_bits_f64(n), mask = (uint64_t)0 - (bits & 1);
    odd = tg_from_bits_f64((tg_bits_f64(cosine) & mask) | (tg_bits_f64(sine) & ~mask));
    return tg_from_bits_f64(tg_bits_f64(odd) ^ ((bits << 62) & ((uint64_t)1 << 63)));
}

/* sin. x = n pi/2 + r; sin x is, by n mod 4, sin r, cos r, -sin r or -cos r.
 * Polynomials of degree 13 and 14 in r (float: 9 and 8, in double arithmetic, which also reduces).
 * sin x = x for tiny x, which keeps -0. */
TG_INLINE double tg_sin_f64(double x)
{
    double t, rest, r = tg_reduce_angle_f64(x, &t, &rest);
    return tg_select_f64(fabs(x) < 0x1p-28, x, tg_sin_or_cos_f64(t, r, rest));
}

/* cos. cos x = sin(x + pi/2).
 * The polynomials of sin.
 * None. */
TG_INLINE double tg_cos_f64(double x)
{
    double t, rest, r = tg_reduce_angle_f64(x, &t, &rest);
    return tg_sin_or_cos_f64(t + 1.0, r, rest);
}

/* sin(x + quarters pi/2) of a float. */
TG_INLINE double tg_sin_of_float(double x, double quarters)
{
    double t = TG_FMA(x, 0x1.45f306dc9c883p-1, TG_ROUND_F64), n = t - TG_ROUND_F64;
    double r = TG_FMA(n, -0x1.0b4611a626331p-34, TG_FMA(n, -0x1.921fb544p+0, x)), z = r * r, w = z * z;
    double sine = TG_FMA(TG_FMA(TG_FMA(0x1.6dbd019b6c406p-19, z, -0x1.a013a46933734p-13), w,
                                TG_FMA(0x1.11110decd5ac9p-7, z, -0x1.555555545d139p-3)), r * z, r);
    double cosine = TG_FMA(TG_FMA(0x1.9bd78cd784d9ep-16, w, TG_FMA(-0x1.6c12d0f96d96dp-10, z, 0x1.55555440a9e5dp-5)), w,
                           TG_FMA(z, -0.5, 1.0));
    uint64_t bits = tg_bits_f64(t + quarters), mask = (uint64_t)0 - (bits & 1);
    uint64_t y = (tg_bits_f64(cosine) & mask) | (tg_bits_f64(sine) & ~mask);
    return tg_from_bits_f64(y ^ ((bits << 62) & ((uint64_t)1 << 63)));
}
TG_INLINE float tg_sin_f32(float x)
{
    return tg_select_f32(fabsf(x) < 0x1p-13f, x, (float)tg_sin_of_float(x, 0.0));
}
TG_INLINE float tg_cos_f32(float x)
{
    return (float)tg_sin_of_float(x, 1.0);
}

/* y = sin x or cos x for a block of any numbers. */
#define TG_ANGLE_BLOCK(name, suffix, type, system)                                                                    \
    TG_INLINE void tg_##name##_block_##suffix(const type *restrict x, type *restrict y, long n)                       \
    {                                                                                                                 \
        int far = 0;                                                                                                  \
        for (long j = 0; j < n; j++) far |= tg_is_far_angle_##suffix(x[j]);                                           \
        if (far)                                                                                                      \
            for (long j = 0; j < n; j++) y[j] = system(x[j]);                                                         \
        else                                                                                                          \
            for (long j = 0; j < n; j++) y[j] = tg_##name##_##suffix(x[j]);                                           \
    }
TG_ANGLE_BLOCK(sin, f64, double, sin)
TG_ANGLE_BLOCK(cos, f64, double, cos)
TG_ANGLE_BLOCK(sin, f32, float, sinf)
TG_ANGLE_BLOCK(cos, f32, float, cosf)

/* ---- pow --------------------------------------------------------------------------------------------------------- */

/* The result y of |a|^b, with its sign, and what C's pow returns at 0, 1, inf, nan and for negative bases. */
TG_INLINE double tg_pow_special(double a, double b, double y)
{
    double base = fabs(a), size = fabs(b), half = 0.5 * size;
    int whole = (size >= 0x1p52) | ((size + 0x1p52) - 0x1p52 == size);
    int even = (half >= 0x1p52) | ((half + 0x1p52) - 0x1p52 == half);
    double of_zero = tg_select_f64(b < 0.0, INFINITY, 0.0), of_inf = tg_select_f64(b < 0.0, 0.0, INFINITY);
    y = tg_select_f64(base == 0.0, of_zero, y);
    y = tg_select_f64(base == INFINITY, of_inf, y);
    y += ((a < 0.0) & (base < INFINITY) & !whole) ? (double)NAN : 0.0;
    y += ((a != a) | (b != b)) ? (double)NAN : 0.0;
    y = copysign(y, tg_select_f64(whole & !even, a, 1.0));
    return tg_select_f64((b == 0.0) | (a == 1.0), 1.0, y);
}

/* pow. a^b = e^(b log|a|), with log|a| = k ln2 + log m to some 70 bits, each step of it in two parts.
 * log m = 2 s + s^3 Q(s^2) as for log, with Q of degree 8, of which 2 / 3 is in two parts; the polynomial of exp.
 * |b| is at most 2^64 in the product, beyond which the result is 0, 1 or inf; for the rest see above. */
TG_INLINE double tg_pow_f64(double a, double b)
{
    int subnormal = fabs(a) < 0x1p-1022;
    double base = tg_select_f64(subnormal, a * 0x1p54, a), k, m = tg_split_f64(fabs(base), &k), f = m - 1.0;
    double d = 2.0 + f, d_low = f - (d - 2.0), inverse = 1.0 / d;
    double s = f * inverse, sd = s * d, s_low = (((f - sd) - tg_product_rest_f64(s, d, sd)) - s * d_low) * inverse;
    double z = s * s, z_low = tg_product_rest_f64(s, s, z) + 2.0 * s * s_low, w = z * z;
    double c = s * z, c_low = tg_product_rest_f64(s, z, c) + (s * z_low + s_low * z);
    double q01 = TG_FMA(0x1.2492492492522p-2, z, 0x1.999999999999ap-2);
    double q23 = TG_FMA(0x1.745d177ad2974p-3, z, 0x1.c71c71c6ea5c9p-3);
    double q45 = TG_FMA(0x1.1118cd42614d9p-3, z, 0x1.3b1395b8d436dp-3);
    double q67 = TG_FMA(0x1.e03a2a85c66a4p-4, z, 0x1.df7ba9a3c3a2ap-4);
    double rest = z * TG_FMA(TG_FMA(TG_FMA(q67, w, q45), w, q23), w, q01);
    double q = 0x1.5555555555555p-1 + rest, q_low = ((0x1.5555555555555p-1 - q) + rest) + 0x1.5555555555555p-55;
    double t = c * q, t_low = tg_product_rest_f64(c, q, t) + (c * q_low + c_low * q);
    double whole, sum, sum2, low, log, log_low, power, power_low, rounded, n, high, r, r_low, y;

    k = tg_select_f64(subnormal, k - 54.0, k);
    whole = k * TG_LN2_HIGH_F64;
    sum = whole + 2.0 * s;
    sum2 = sum + t;
    low = (2.0 * s - (sum - whole)) + (t - (sum2 - sum));
    low += TG_FMA(k, TG_LN2_LOW_F64, 2.0 * s_low + t_low);
    log = sum2 + low;
    log_low = (sum2 - log) + low;

    b = tg_select_f64(fabs(b) > 0x1p64, copysign(0x1p64, b), b);
    power = b * log;
    power_low = TG_FMA(b, log_low, tg_product_rest_f64(b, log, power));

    rounded = TG_FMA(power, TG_LOG2E_F64, TG_ROUND_F64);
    n = rounded - TG_ROUND_F64;
    high = TG_FMA(n, -TG_LN2_HIGH_F64, power);
    low = TG_FMA(n, -TG_LN2_LOW_F64, power_low);
    r = high + low;
    r_low = (high - r) + low;
    y = tg_scale_f64(r + TG_FMA(r * r, tg_exp_rest_f64(r, r * r), r_low), rounded);
    y = tg_select_f64(power > 710.0, INFINITY, y);
    y = tg_select_f64(power < -746.0, 0.0, y);
    return tg_pow_special(a, b, y);
}

/* pow of float: e^(b log|a|) in double arithmetic, which is exact enough as it is. */
TG_INLINE float tg_pow_f32(float a, float b)
{
    double k, m = tg_split_f64(fabs((double)a), &k);
    double power = tg_select_f64(fabsf(b) > 0x1p64f, copysign(0x1p64, b), b) * tg_log_sum_f64(k, m - 1.0, 0.0);
    power = tg_select_f64(power > 200.0, 200.0, power);
    power = tg_select_f64(power < -200.0, -200.0, power);
    return (float)tg_pow_special(a, b, tg_exp_normal_f64(power));
}

#endif
