/* Products of matrices that BLAS does badly because a side is small. (Compiled once; see products.py.)

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

/* The loops over a tile are no loops in the end: what they add up to is in registers. */
#if defined(__clang__)
#define TG_UNROLL
#else
#define TG_UNROLL _Pragma("GCC unroll 8")
#endif

/* Keeps a vector in a register: GCC would rather load it again for every use. */
#if defined(__x86_64__) && TG_VECTOR == 64
#define TG_KEEP(x) __asm__("" : "+v"(x))
#elif defined(__x86_64__)
#define TG_KEEP(x) __asm__("" : "+x"(x))
#else
#define TG_KEEP(x) (void)(x)
#endif

typedef double tg_vector_f64 __attribute__((vector_size(TG_VECTOR), aligned(8), may_alias));
typedef float tg_vector_f32 __attribute__((vector_size(TG_VECTOR), aligned(4), may_alias));
typedef int64_t tg_mask_f64 __attribute__((vector_size(TG_VECTOR)));
typedef int32_t tg_mask_f32 __attribute__((vector_size(TG_VECTOR)));

/* R rows times C vectors of lanes, from lane l on, for some of the k: added to what is there, unless they are the first.
   The lanes of b lie one row after the other, `step` entries apart. */
#define TG_ROWS_TILE(T, S, R, C, rows, step)                                                                           \
    {                                                                                                                  \
        tg_vector_##S sum[R][C];                                                                                       \
        TG_UNROLL for (int r = 0; r < R; r++)                                                                          \
            TG_UNROLL for (int c = 0; c < C; c++)                                                                      \
                sum[r][c] = first ? (tg_vector_##S){0} : *(const tg_vector_##S *)(out + (i + r) * oi + l + c * W);     \
        const T *lanes = rows;                                                                                         \
        const T *left = a + i * ai + from * ak;                                                                        \
        for (long k = from; k < to; k++) {                                                                             \
            tg_vector_##S right[C];                                                                                    \
            TG_UNROLL for (int c = 0; c < C; c++)                                                                      \
                right[c] = *(const tg_vector_##S *)(lanes + c * W);                                                    \
            TG_UNROLL for (int c = 0; c < C; c++)                                                                      \
                TG_KEEP(right[c]);                                                                                     \
            TG_UNROLL for (int r = 0; r < R; r++)                                                                      \
                TG_UNROLL for (int c = 0; c < C; c++)                                                                  \
                    sum[r][c] += left[r * ai] * right[c];                                                              \
            lanes += step;                                                                                             \
            left += ak;                                                                                                \
        }                                                                                                              \
        TG_UNROLL for (int r = 0; r < R; r++)                                                                          \
            TG_UNROLL for (int c = 0; c < C; c++)                                                                      \
                *(tg_vector_##S *)(out + (i + r) * oi + l + c * W) = sum[r][c];                                        \
    }

/* The lanes are first copied side by side where they are read often: rows a power of two apart share a few lines of the
   cache, and drive one another out. */
#define TG_ROWS_STRIP(T, S, C)                                                                                         \
    {                                                                                                                  \
        const T *strip = b + from * bk + l;                                                                            \
        long step = bk, i = 0;                                                                                         \
        if (ni >= 8 && to - from >= 8) {                                                                               \
            for (long k = 0; k < to - from; k++)                                                                       \
                TG_UNROLL for (int c = 0; c < C; c++)                                                                  \
                    *(tg_vector_##S *)(packed + (k * C + c) * W) = *(const tg_vector_##S *)(strip + k * bk + c * W);   \
            strip = packed;                                                                                            \
            step = C * W;                                                                                              \
        }                                                                                                              \
        for (; i + 6 <= ni; i += 6)                                                                                    \
            TG_ROWS_TILE(T, S, 6, C, strip, step)                                                                      \
        for (; i + 3 <= ni; i += 3)                                                                                    \
            TG_ROWS_TILE(T, S, 3, C, strip, step)                                                                      \
        for (; i < ni; i++)                                                                                            \
            TG_ROWS_TILE(T, S, 1, C, strip, step)                                                                      \
    }

#define TG_MOST_K 192 /* of which two vectors of lanes each fit into half of the first-level cache */

#define TG_ROWS(T, S, F)                                                                                               \
    TG_FUSED static void tg_rows_##S(                                                                                  \
        T *restrict out, long oi, const T *restrict a, long ai, long ak, const T *restrict b, long bk, long ni,        \
        long nk, long n)                                                                                               \
    {                                                                                                                  \
        const long W = TG_VECTOR / sizeof(T);                                                                          \
        T packed[TG_MOST_K * 2 * TG_VECTOR / sizeof(T)] __attribute__((aligned(64)));                                  \
        for (long from = 0; from < nk; from += TG_MOST_K) {                                                            \
            const long to = nk - from < TG_MOST_K ? nk : from + TG_MOST_K;                                             \
            const int first = from == 0;                                                                               \
            long l = 0;                                                                                                \
            for (; l + 2 * W <= n; l += 2 * W)                                                                         \
                TG_ROWS_STRIP(T, S, 2)                                                                                 \
            for (; l + W <= n; l += W)                                                                                 \
                TG_ROWS_STRIP(T, S, 1)                                                                                 \
            for (; l < n; l++)                                                                                         \
                for (long i = 0; i < ni; i++) {                                                                        \
                    T sum = first ? 0 : out[i * oi + l];                                                               \
                    for (long k = from; k < to; k++)                                                                   \
                        sum += a[i * ai + k * ak] * b[k * bk + l];                                                     \
                    out[i * oi + l] = sum;                                                                             \
                }                                                                                                      \
        }                                                                                                              \
    }

TG_FOR_EACH_TYPE(TG_ROWS)

/* The totals of N vectors. Lane by lane they would take as long as the products: so in each round two vectors become one,
   in which what lies side by side, then twice as far apart, is added up. (u0 u1 u2 u3, v0 v1 v2 v3: u0+u2 v0+v2 u1+u3
   v1+v3.) Vectors of 64 bytes are still done lane by lane. */
#if defined(__clang__) || __GNUC__ >= 12
#define TG_SHUFFLE(S, u, v, ...) __builtin_shufflevector(u, v, __VA_ARGS__)
#else
#define TG_SHUFFLE(S, u, v, ...) __builtin_shuffle(u, v, (tg_mask_##S){__VA_ARGS__})
#endif

#if TG_VECTOR == 32
#define TG_ADD_0_f64(u, v) TG_SHUFFLE(f64, u, v, 0, 4, 2, 6) + TG_SHUFFLE(f64, u, v, 1, 5, 3, 7)
#define TG_ADD_1_f64(u, v) TG_SHUFFLE(f64, u, v, 0, 1, 4, 5) + TG_SHUFFLE(f64, u, v, 2, 3, 6, 7)
#define TG_ADD_0_f32(u, v)                                                                                             \
    TG_SHUFFLE(f32, u, v, 0, 8, 1, 9, 4, 12, 5, 13) + TG_SHUFFLE(f32, u, v, 2, 10, 3, 11, 6, 14, 7, 15)
#define TG_ADD_1_f32(u, v)                                                                                             \
    TG_SHUFFLE(f32, u, v, 0, 1, 8, 9, 4, 5, 12, 13) + TG_SHUFFLE(f32, u, v, 2, 3, 10, 11, 6, 7, 14, 15)
#define TG_ADD_2_f32(u, v)                                                                                             \
    TG_SHUFFLE(f32, u, v, 0, 1, 2, 3, 8, 9, 10, 11) + TG_SHUFFLE(f32, u, v, 4, 5, 6, 7, 12, 13, 14, 15)
#define TG_ROUNDS_f64(N) TG_ROUND(f64, 0, N) TG_ROUND(f64, 1, (N + 1) / 2)
#define TG_ROUNDS_f32(N) TG_ROUND(f32, 0, N) TG_ROUND(f32, 1, (N + 1) / 2) TG_ROUND(f32, 2, (N + 3) / 4)
#elif TG_VECTOR == 16
#define TG_ADD_0_f64(u, v) TG_SHUFFLE(f64, u, v, 0, 2) + TG_SHUFFLE(f64, u, v, 1, 3)
#define TG_ADD_0_f32(u, v) TG_SHUFFLE(f32, u, v, 0, 4, 1, 5) + TG_SHUFFLE(f32, u, v, 2, 6, 3, 7)
#define TG_ADD_1_f32(u, v) TG_SHUFFLE(f32, u, v, 0, 1, 4, 5) + TG_SHUFFLE(f32, u, v, 2, 3, 6, 7)
#define TG_ROUNDS_f64(N) TG_ROUND(f64, 0, N)
#define TG_ROUNDS_f32(N) TG_ROUND(f32, 0, N) TG_ROUND(f32, 1, (N + 1) / 2)
#endif

#if TG_VECTOR == 64
#define TG_TOTALS(T, S, N)                                                                                             \
    TG_UNROLL for (int s = 0; s < N; s++) {                                                                            \
        total[s] = 0;                                                                                                  \
        TG_UNROLL for (int w = 0; w < W; w++)                                                                          \
            total[s] += sum[s][w];                                                                                     \
    }
#else
#define TG_ROUND(S, number, N)                                                                                         \
    TG_UNROLL for (int s = 0; s < N; s += 2)                                                                           \
        sum[s / 2] = TG_ADD_##number##_##S(sum[s], sum[s + 1 < N ? s + 1 : s]);
#define TG_TOTALS(T, S, N)                                                                                             \
    TG_ROUNDS_##S(N)                                                                                                   \
    TG_UNROLL for (int s = 0; s < N; s++)                                                                              \
        total[s] = sum[s / W][s % W];
#endif

/* R rows of a against C rows of b. */
#define TG_DOTS_TILE(T, S, R, C)                                                                                       \
    {                                                                                                                  \
        tg_vector_##S sum[R * C] = {{0}};                                                                              \
        T total[R * C];                                                                                                \
        long l = 0;                                                                                                    \
        for (; l + W <= n; l += W) {                                                                                   \
            tg_vector_##S right[C];                                                                                    \
            TG_UNROLL for (int c = 0; c < C; c++)                                                                      \
                right[c] = *(const tg_vector_##S *)(b + (j + c) * bj + l);                                             \
            TG_UNROLL for (int r = 0; r < R; r++) {                                                                    \
                const tg_vector_##S left = *(const tg_vector_##S *)(a + (i + r) * ai + l);                             \
                TG_UNROLL for (int c = 0; c < C; c++)                                                                  \
                    sum[r * C + c] += left * right[c];                                                                 \
            }                                                                                                          \
        }                                                                                                              \
        TG_TOTALS(T, S, R * C)                                                                                         \
        for (; l < n; l++)                                                                                             \
            TG_UNROLL for (int r = 0; r < R; r++)                                                                      \
                TG_UNROLL for (int c = 0; c < C; c++)                                                                  \
                    total[r * C + c] += a[(i + r) * ai + l] * b[(j + c) * bj + l];                                     \
        TG_UNROLL for (int r = 0; r < R; r++)                                                                          \
            TG_UNROLL for (int c = 0; c < C; c++)                                                                      \
                out[(i + r) * oi + (j + c) * oj] += total[r * C + c];                                                  \
    }

/* Four rows of b at a time against all of a: of the two, a is the one with fewer rows, which stays in the cache. */
#define TG_DOTS(T, S, F)                                                                                               \
    TG_FUSED static void tg_dots_##S(                                                                                  \
        T *restrict out, long oi, long oj, const T *restrict a, long ai, const T *restrict b, long bj, long ni,        \
        long nj, long n)                                                                                               \
    {                                                                                                                  \
        const int W = TG_VECTOR / sizeof(T);                                                                           \
        if (ni > nj) {                                                                                                 \
            const T *shorter = b;                                                                                      \
            long stride = bj, count = nj, step = oj;                                                                   \
            b = a, bj = ai, nj = ni, oj = oi;                                                                          \
            a = shorter, ai = stride, ni = count, oi = step;                                                           \
        }                                                                                                              \
        long first = 0;                                                                                                \
        for (; first + 4 <= nj; first += 4) {                                                                          \
            long i = 0;                                                                                                \
            for (; i + 4 <= ni; i += 4)                                                                                \
                for (long j = first; j < first + 4; j += 2)                                                            \
                    TG_DOTS_TILE(T, S, 4, 2)                                                                           \
            for (long j = first; i < ni; i++)                                                                          \
                TG_DOTS_TILE(T, S, 1, 4)                                                                               \
        }                                                                                                              \
        for (long j = first; j < nj; j++) {                                                                            \
            long i = 0;                                                                                                \
            for (; i + 4 <= ni; i += 4)                                                                                \
                TG_DOTS_TILE(T, S, 4, 1)                                                                               \
            for (; i < ni; i++)                                                                                        \
                TG_DOTS_TILE(T, S, 1, 1)                                                                               \
        }                                                                                                              \
    }

TG_FOR_EACH_TYPE(TG_DOTS)

#if defined(__clang__)
#pragma clang fp contract(off)
#endif
