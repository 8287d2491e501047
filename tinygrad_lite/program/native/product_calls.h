/* The functions of products.h, by the addresses at which the libraries made of them were loaded. */

#define TG_PRODUCT_CALLS(T, S, F)                                                                                      \
    typedef void tg_rows_kind_##S(T *, long, const T *, long, long, const T *, long, long, long, long);                \
    typedef void tg_dots_kind_##S(T *, long, long, const T *, long, const T *, long, long, long, long);                \
    static tg_rows_kind_##S *tg_rows_##S;                                                                              \
    static tg_dots_kind_##S *tg_dots_##S;

TG_FOR_EACH_TYPE(TG_PRODUCT_CALLS)

TG_EXPORT void tg_use_product(const char *name, void *address)
{
    if (!strcmp(name, "tg_rows_f64"))
        tg_rows_f64 = (tg_rows_kind_f64 *)address;
    else if (!strcmp(name, "tg_rows_f32"))
        tg_rows_f32 = (tg_rows_kind_f32 *)address;
    else if (!strcmp(name, "tg_dots_f64"))
        tg_dots_f64 = (tg_dots_kind_f64 *)address;
    else
        tg_dots_f32 = (tg_dots_kind_f32 *)address;
}
