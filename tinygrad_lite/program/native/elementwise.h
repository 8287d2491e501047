/* What a line of generated code calls for an entry-wise step that is no operator of C.

   The larger and the smaller of two, and the sign, treat nan as NumPy does: it is passed on. Of two zeros the second is taken, as NumPy
   does on x86. */

#define TG_FOR_EACH_TYPE(DEFINE) DEFINE(double, f64, ) DEFINE(float, f32, f)

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define tg_fma_f64(a, b, c) __builtin_fma(a, b, c)
#define tg_fma_f32(a, b, c) __builtin_fmaf(a, b, c)
#else
#define tg_fma_f64(a, b, c) ((a) * (b) + (c))
#define tg_fma_f32(a, b, c) ((a) * (b) + (c))
#endif

#define TG_ELEMENTWISE(T, S, F)                                                                                        \
    static inline T tg_max_##S(T a, T b) { return ((a > b) | (a != a)) ? a : b; }                                       \
    static inline T tg_min_##S(T a, T b) { return ((a < b) | (a != a)) ? a : b; }                                       \
    static inline T tg_sign_##S(T x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }                               \
    static inline T tg_heaviside_##S(T x, T middle) { return x > 0 ? 1 : x < 0 ? 0 : x == 0 ? middle : x; }            \
    static inline T tg_abs_##S(T x) { return __builtin_fabs##F(x); }                                                   \
    static inline T tg_sqrt_##S(T x) { return __builtin_sqrt##F(x); }                                                  \
    static inline T tg_floor_##S(T x) { return __builtin_floor##F(x); }                                                \
    static inline T tg_ceil_##S(T x) { return __builtin_ceil##F(x); }                                                  \
    static inline T tg_trunc_##S(T x) { return __builtin_trunc##F(x); }                                                \
    static inline T tg_rint_##S(T x) { return __builtin_rint##F(x); }                                                  \
    static inline T tg_copysign_##S(T x, T y) { return __builtin_copysign##F(x, y); }

TG_FOR_EACH_TYPE(TG_ELEMENTWISE)

/* These are the C library's own, entry by entry. */
#define TG_LIBRARY(T, S, F)                                                                                            \
    static inline T tg_tan_##S(T x) { return tan##F(x); }                                                              \
    static inline T tg_arcsin_##S(T x) { return asin##F(x); }                                                          \
    static inline T tg_arccos_##S(T x) { return acos##F(x); }                                                          \
    static inline T tg_arctan_##S(T x) { return atan##F(x); }                                                          \
    static inline T tg_arctan2_##S(T a, T b) { return atan2##F(a, b); }                                                \
    static inline T tg_hypot_##S(T a, T b) { return hypot##F(a, b); }                                                  \
    static inline T tg_arcsinh_##S(T x) { return asinh##F(x); }                                                        \
    static inline T tg_arccosh_##S(T x) { return acosh##F(x); }                                                        \
    static inline T tg_arctanh_##S(T x) { return atanh##F(x); }                                                        \
    static inline T tg_cbrt_##S(T x) { return cbrt##F(x); }

TG_FOR_EACH_TYPE(TG_LIBRARY)
