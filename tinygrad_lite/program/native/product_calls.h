/* The functions of products.h, by the addresses at which the libraries made of them were loaded. */

#define TG_PRODUCT_CALLS(T, S, F)                                                                                      \
    typedef void tg_rows_kind_##S(T *, long, const T *, long, long, const T *, long, long, long, long);                \
    typedef void tg_dots_kind_##S(T *, long, long, const T *, long, const T *, long, long, long, long);                \
    static tg_rows_kind_##S *tg_rows_##S;                                                                              \
    static tg_dots_kind_##S *tg_dots_##S;

TG_FOR_EACH_TYPE(TG_PRODUCT_CALLS)
