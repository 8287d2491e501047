/* The functions of vector_math.h for a row of entries, each compiled once.

   In a loop of generated code their text is fused with what stands around it, which is faster; but a program with very
   many of them would take minutes to compile. */

#define TG_ROW_OF(name, S, T)                                                                                          \
    static __attribute__((noinline, unused)) void tg_##name##_row_##S(const T *restrict x, T *restrict y, long n)      \
    {                                                                                                                  \
        for (long j = 0; j < n; j++)                                                                                   \
            y[j] = tg_##name##_##S(x[j]);                                                                              \
    }
#define TG_ANGLES_ROW(name, S, T)                                                                                      \
    static __attribute__((noinline, unused)) void tg_##name##_row_##S(const T *restrict x, T *restrict y, long n)      \
    {                                                                                                                  \
        tg_##name##_block_##S(x, y, n);                                                                                \
    }
#define TG_ROWS_OF(S, T)                                                                                               \
    TG_ANGLES_ROW(sin, S, T)                                                                                           \
    TG_ANGLES_ROW(cos, S, T)                                                                                           \
    TG_ROW_OF(exp, S, T)                                                                                               \
    TG_ROW_OF(exp2, S, T)                                                                                              \
    TG_ROW_OF(expm1, S, T)                                                                                             \
    TG_ROW_OF(log, S, T)                                                                                               \
    TG_ROW_OF(log2, S, T)                                                                                              \
    TG_ROW_OF(log10, S, T)                                                                                             \
    TG_ROW_OF(log1p, S, T)                                                                                             \
    TG_ROW_OF(sinh, S, T)                                                                                              \
    TG_ROW_OF(cosh, S, T)                                                                                              \
    TG_ROW_OF(tanh, S, T)

TG_ROWS_OF(f64, double)
TG_ROWS_OF(f32, float)
