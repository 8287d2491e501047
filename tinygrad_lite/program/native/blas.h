/* BLAS, by the addresses at which NumPy has loaded it. */

typedef void tg_gemm64_f64(int, int, int, int64_t, int64_t, int64_t, double, const double *, int64_t, const double *,
                           int64_t, double, double *, int64_t);
typedef void tg_gemm64_f32(int, int, int, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *,
                           int64_t, float, float *, int64_t);
typedef void tg_gemm32_f64(int, int, int, int, int, int, double, const double *, int, const double *, int, double,
                           double *, int);
typedef void tg_gemm32_f32(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *,
                           int);
static void *tg_dgemm, *tg_sgemm;
static int tg_blas_is_64;

TG_EXPORT void tg_use_blas(void *dgemm, void *sgemm, int is_64)
{
    tg_dgemm = dgemm;
    tg_sgemm = sgemm;
    tg_blas_is_64 = is_64;
}

/* out (ni, nj) = a (ni, nk) times b (nk, nj), where out is C-contiguous, and of a and b one stride each is 1. */
#define TG_GEMM(T, S, NAME)                                                                                            \
    static void tg_gemm_##S(long ni, long nj, long nk, const T *a, long ai, long ak, const T *b, long bk, long bj, T *out) \
    {                                                                                                                  \
        const int turn_a = !(ak == 1 || nk == 1), turn_b = !(bj == 1 || nj == 1);                                        \
        const long lda = turn_a ? ak : ni == 1 ? nk : ai, ldb = turn_b ? bj : nk == 1 ? nj : bk;                           \
        const int no = 111, yes = 112, by_rows = 101;                                                                  \
        if (tg_blas_is_64)                                                                                             \
            ((tg_gemm64_##S *)NAME)(by_rows, turn_a ? yes : no, turn_b ? yes : no, ni, nj, nk, 1, a, lda, b, ldb, 0, out, \
                                    nj);                                                                                \
        else                                                                                                           \
            ((tg_gemm32_##S *)NAME)(by_rows, turn_a ? yes : no, turn_b ? yes : no, ni, nj, nk, 1, a, lda, b, ldb, 0, out, \
                                    nj);                                                                                \
    }

TG_GEMM(double, f64, tg_dgemm)
TG_GEMM(float, f32, tg_sgemm)
