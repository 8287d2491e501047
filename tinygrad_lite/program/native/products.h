/* Products of matrices that BLAS does badly because a side is small.

   tg_rows_*: out[i][l] = sum over k of a[i][k] * b[k][l], where l runs over lanes side by side.
   tg_dots_*: out[i][j] += sum over l of a[i][l] * b[j][l].

   Each is done in tiles whose sums stay in vector registers. Strides are in entries. */

#if defined(__AVX512F__)
#define TG_VECTOR 64
#elif defined(__AVX__)
#define TG_VECTOR 32
#else
#define TG_VECTOR 16
#endif

/* A multiplication and the addition behind it may be one instruction here: it is the sum of a product. */
#if defined(__clang__)
#define TG_FUSED
#pragma clang fp contract(fast)
#else
#define TG_FUSED __attribute__((optimize("fp-contract=fast"), noipa))
#endif

typedef double tg_vector_f64 __attribute__((vector_size(TG_VECTOR), aligned(8), may_alias));
typedef float tg_vector_f32 __attribute__((vector_size(TG_VECTOR), aligned(4), may_alias));

/* R rows times C vectors of lanes, from lane l on. */
#define TG_ROWS_TILE(T, S, R, C)                                                                                       \
    {                                                                                                                  \
        tg_vector_##S sum[R][C] = {{{0}}};                                                                             \
        for (long k = 0; k < nk; k++) {                                                                                 \
            tg_vector_##S lanes[C];                                                                                    \
            for (int c = 0; c < C; c++)                                                                                \
                lanes[c] = *(const tg_vector_##S *)(b + k * bk + l + c * W);                                           \
            for (int r = 0; r < R; r++) {                                                                              \
                const T x = a[(i + r) * ai + k * ak];                                                                  \
                for (int c = 0; c < C; c++)                                                                            \
                    sum[r][c] += x * lanes[c];                                                                         \
            }                                                                                                          \
        }                                                                                                              \
        for (int r = 0; r < R; r++)                                                                                    \
            for (int c = 0; c < C; c++)                                                                                \
                *(tg_vector_##S *)(out + (i + r) * oi + l + c * W) = sum[r][c];                                        \
    }

#define TG_ROWS(T, S, F)                                                                                               \
    TG_FUSED static void tg_rows_##S(                                                                                  \
        T *restrict out, long oi, const T *restrict a, long ai, long ak, const T *restrict b, long bk, long ni, long nk, \
        long n)                                                                                                        \
    {                                                                                                                  \
        const long W = TG_VECTOR / sizeof(T);                                                                          \
        long l = 0;                                                                                                    \
        for (; l + 2 * W <= n; l += 2 * W) {                                                                           \
            long i = 0;                                                                                                \
            for (; i + 4 <= ni; i += 4)                                                                                 \
                TG_ROWS_TILE(T, S, 4, 2)                                                                               \
            for (; i < ni; i++)                                                                                         \
                TG_ROWS_TILE(T, S, 1, 2)                                                                               \
        }                                                                                                              \
        for (; l + W <= n; l += W) {                                                                                   \
            long i = 0;                                                                                                \
            for (; i + 4 <= ni; i += 4)                                                                                 \
                TG_ROWS_TILE(T, S, 4, 1)                                                                               \
            for (; i < ni; i++)                                                                                         \
                TG_ROWS_TILE(T, S, 1, 1)                                                                               \
        }                                                                                                              \
        for (; l < n; l++)                                                                                             \
            for (long i = 0; i < ni; i++) {                                                                             \
                T sum = 0;                                                                                             \
                for (long k = 0; k < nk; k++)                                                                           \
                    sum += a[i * ai + k * ak] * b[k * bk + l];                                                         \
                out[i * oi + l] = sum;                                                                                 \
            }                                                                                                          \
    }

TG_FOR_EACH_TYPE(TG_ROWS)

/* R rows of a against C rows of b. */
#define TG_DOTS_TILE(T, S, R, C)                                                                                       \
    {                                                                                                                  \
        tg_vector_##S sum[R][C] = {{{0}}};                                                                             \
        T rest[R][C] = {{0}};                                                                                          \
        long l = 0;                                                                                                    \
        for (; l + W <= n; l += W) {                                                                                   \
            tg_vector_##S right[C];                                                                                    \
            for (int c = 0; c < C; c++)                                                                                \
                right[c] = *(const tg_vector_##S *)(b + (j + c) * bj + l);                                             \
            for (int r = 0; r < R; r++) {                                                                              \
                const tg_vector_##S left = *(const tg_vector_##S *)(a + (i + r) * ai + l);                             \
                for (int c = 0; c < C; c++)                                                                            \
                    sum[r][c] += left * right[c];                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        for (; l < n; l++)                                                                                             \
            for (int r = 0; r < R; r++)                                                                                \
                for (int c = 0; c < C; c++)                                                                            \
                    rest[r][c] += a[(i + r) * ai + l] * b[(j + c) * bj + l];                                           \
        for (int r = 0; r < R; r++)                                                                                    \
            for (int c = 0; c < C; c++) {                                                                              \
                T total = rest[r][c];                                                                                  \
                for (int w = 0; w < W; w++)                                                                            \
                    total += sum[r][c][w];                                                                             \
                out[(i + r) * oi + (j + c) * oj] += total;                                                             \
            }                                                                                                          \
    }

#define TG_DOTS(T, S, F)                                                                                               \
    TG_FUSED static void tg_dots_##S(                                                                                  \
        T *restrict out, long oi, long oj, const T *restrict a, long ai, const T *restrict b, long bj, long ni, long nj, \
        long n)                                                                                                        \
    {                                                                                                                  \
        const int W = TG_VECTOR / sizeof(T);                                                                           \
        long i = 0;                                                                                                    \
        for (; i + 4 <= ni; i += 4) {                                                                                   \
            long j = 0;                                                                                                \
            for (; j + 2 <= nj; j += 2)                                                                                 \
                TG_DOTS_TILE(T, S, 4, 2)                                                                               \
            for (; j < nj; j++)                                                                                         \
                TG_DOTS_TILE(T, S, 4, 1)                                                                               \
        }                                                                                                              \
        for (; i < ni; i++) {                                                                                           \
            long j = 0;                                                                                                \
            for (; j + 4 <= nj; j += 4)                                                                                 \
                TG_DOTS_TILE(T, S, 1, 4)                                                                               \
            for (; j < nj; j++)                                                                                         \
                TG_DOTS_TILE(T, S, 1, 1)                                                                               \
        }                                                                                                              \
    }

TG_FOR_EACH_TYPE(TG_DOTS)
