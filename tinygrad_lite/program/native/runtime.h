/* What the functions that Python calls are made of: taking arguments, making results, and memory for what lies between.

   All of this runs while the interpreter's lock is held. */

#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <Python.h>
#include <math.h>
#include <numpy/arrayobject.h>
#include <stdint.h>
#include <string.h>

/* A function that only takes arguments and hands out results: the compiler need not spend long on it. */
#if defined(__GNUC__) && !defined(__clang__)
#define TG_QUICK __attribute__((optimize("O1")))
#else
#define TG_QUICK
#endif

/* Whether x is an array of just this kind, with its entries side by side. */
static inline int tg_is_array(PyObject *x, int type, int nd, const npy_intp *shape)
{
    if (Py_TYPE(x) != &PyArray_Type)
        return 0;
    PyArrayObject *a = (PyArrayObject *)x;
    if (PyArray_TYPE(a) != type || PyArray_NDIM(a) != nd || !PyArray_ISCARRAY_RO(a))
        return 0;
    for (int i = 0; i < nd; i++)
        if (PyArray_DIM(a, i) != shape[i])
            return 0;
    return 1;
}

/* The entries of x, an array or number that can stand for one of this kind: its own, or those of a copy, which *owned
   then keeps. NULL with an exception set if it is of another kind. */
static char *tg_take(PyObject *x, int type, int nd, const npy_intp *shape, PyObject **owned)
{
    if (tg_is_array(x, type, nd, shape))
        return PyArray_DATA((PyArrayObject *)x);
    PyObject *a = PyArray_FROMANY(x, type, nd, nd, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_NOTSWAPPED);
    if (a == NULL)
        return NULL;
    for (int i = 0; i < nd; i++)
        if (PyArray_DIM((PyArrayObject *)a, i) != shape[i]) {
            PyErr_SetString(PyExc_ValueError, "an array has another shape than when the program was compiled");
            Py_DECREF(a);
            return NULL;
        }
    *owned = a;
    return PyArray_DATA((PyArrayObject *)a);
}

/* The values of a dict that has just these keys in this order. */
static int tg_values(PyObject *x, PyObject *keys, PyObject **values)
{
    if (!PyDict_CheckExact(x) || PyDict_GET_SIZE(x) != PyTuple_GET_SIZE(keys))
        return 0;
    Py_ssize_t at = 0;
    PyObject *key;
    for (Py_ssize_t i = 0; PyDict_Next(x, &at, &key, &values[i]); i++) {
        PyObject *expected = PyTuple_GET_ITEM(keys, i);
        if (key == expected)
            continue;
        if (Py_TYPE(key) != Py_TYPE(expected))
            return 0;
        int same = PyObject_RichCompareBool(key, expected, Py_EQ);
        if (same < 0)
            PyErr_Clear();
        if (same <= 0)
            return 0;
    }
    return 1;
}

/* Whether x is a number of the same type and value: one that is a part of the program. */
static int tg_is_number(PyObject *x, PyObject *expected)
{
    if (x == expected)
        return 1;
    if (Py_TYPE(x) != Py_TYPE(expected))
        return 0;
    int same = PyObject_RichCompareBool(x, expected, Py_EQ);
    if (same < 0)
        PyErr_Clear();
    return same > 0;
}

/* A new array; its entries are yet to be written. */
static inline PyObject *tg_new(int type, int nd, const npy_intp *shape)
{
    return PyArray_EMPTY(nd, (npy_intp *)shape, type, 0);
}

/* The same for one that is large: that of the last call, if nobody holds it any more. One that is new at every call would
   be zeroed by the system, page by page. */
static PyObject *tg_new_large(PyObject **kept, int type, int nd, const npy_intp *shape)
{
    if (*kept != NULL && Py_REFCNT(*kept) == 1 && tg_is_array(*kept, type, nd, shape)
        && PyArray_ISWRITEABLE((PyArrayObject *)*kept))
        return Py_NewRef(*kept);
    PyObject *x = tg_new(type, nd, shape);
    if (x != NULL) {
        PyObject *old = *kept;
        *kept = Py_NewRef(x);
        Py_XDECREF(old);
    }
    return x;
}

static PyObject *tg_number(const char *p, int type)
{
    PyArray_Descr *descr = PyArray_DescrFromType(type);
    PyObject *x = PyArray_Scalar((void *)p, descr, NULL);
    Py_DECREF(descr);
    return x;
}

static int tg_has_nan_f64(const char *p, npy_intp n)
{
    int found = 0;
#pragma omp simd reduction(|:found)
    for (npy_intp i = 0; i < n; i++)
        found |= ((const double *)p)[i] != ((const double *)p)[i];
    return found;
}

static int tg_has_nan_f32(const char *p, npy_intp n)
{
    int found = 0;
#pragma omp simd reduction(|:found)
    for (npy_intp i = 0; i < n; i++)
        found |= ((const float *)p)[i] != ((const float *)p)[i];
    return found;
}

/* Memory for what lies between the steps is kept from call to call. Two calls at a time have two pieces. */
typedef struct tg_piece {
    struct tg_piece *next;
} tg_piece;

static char *tg_take_memory(tg_piece **kept, size_t size)
{
    tg_piece *piece = *kept;
    if (piece != NULL)
        *kept = piece->next;
    else if ((piece = PyMem_RawMalloc(size + 128)) == NULL)
        return NULL;
    char *memory = (char *)(((uintptr_t)piece + sizeof(tg_piece) + sizeof(tg_piece *) + 63) & ~(uintptr_t)63);
    ((tg_piece **)memory)[-1] = piece;
    return memory;
}

static void tg_keep_memory(tg_piece **kept, char *memory)
{
    tg_piece *piece = ((tg_piece **)memory)[-1];
    piece->next = *kept;
    *kept = piece;
}
