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
    TG_ROW_OF(tanh, S, T)                                                                                              \
    TG_ROW_OF(sigmoid, S, T)                                                                                           \
    TG_ROW_OF(softplus, S, T)

TG_ROWS_OF(f64, double)
TG_ROWS_OF(f32, float)

/* The largest or smallest of a row and of what was found before: of sixteen pieces side by side, then of the pieces. */
#define TG_EXTREME_OF_ROW(name, S, T)                                                                                  \
    static inline T tg_##name##_of_row_##S(const T *restrict x, long n, T found)                                       \
    {                                                                                                                  \
        T part[16];                                                                                                    \
        const long whole = n / 16 * 16;                                                                                \
        for (int k = 0; k < 16; k++)                                                                                   \
            part[k] = found;                                                                                           \
        for (long j = 0; j < whole; j += 16)                                                                           \
            for (int k = 0; k < 16; k++)                                                                               \
                part[k] = tg_##name##_##S(part[k], x[j + k]);                                                          \
        for (long j = whole; j < n; j++)                                                                               \
            part[0] = tg_##name##_##S(part[0], x[j]);                                                                  \
        for (int k = 0; k < 16; k++)                                                                                   \
            found = tg_##name##_##S(found, part[k]);                                                                   \
        return found;                                                                                                  \
    }

TG_EXTREME_OF_ROW(max, f64, double)
TG_EXTREME_OF_ROW(max, f32, float)
TG_EXTREME_OF_ROW(min, f64, double)
TG_EXTREME_OF_ROW(min, f32, float)
