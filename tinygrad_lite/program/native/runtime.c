/* What Python calls of native programs: callables that take arrays out of their arguments, run C functions, and hand out
   results.

   This extension module is compiled once, and serves all programs. Their own libraries hold loops over numbers, and know
   nothing of Python; what a program takes and gives is told here in tables (see callers.py). All but the run itself is
   done while the interpreter's lock is held. */

#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <Python.h>
#include <numpy/arrayobject.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Numbers of a table. A kind of arrays is: type, number of axes, shape. */
typedef npy_intp word;

/* What an entry of a table of arguments, or of results, says. at: where its numbers go; -1 if nobody needs them. object: a
   number among the caller's objects. */
enum {
    ARRAY,     /* at, kind: just such an array */
    FLOAT,     /* at: a Python float */
    TAKE,      /* at, kind: whatever can be such an array, or else an exception */
    INSTANCE,  /* object, an entry: of just this type, and what it says */
    NUMBER,    /* object: the same number */
    OBJECT,    /* object: this very object */
    DICT,      /* count, keys, and an entry for each: an object is the tuple of keys, in this order */
    LIST,      /* count, and an entry for each */
    TUPLE,     /* count, and an entry for each */
    ATTRIBUTE, /* object, name, at, kind: nobody gives it, it is an attribute of an object */
    ANYTHING,  /* that nobody needs */
    RESULT,    /* number; of results alone */
};

/* How a result is handed out. */
enum { AS_ARRAY, AS_LARGE_ARRAY, AS_NUMBER, AS_PYTHON_FLOAT, AS_PYTHON_INT };

typedef void kernel_function(char **p, char *scratch);
typedef void loop_function(char **p, char *const *a, char *const *y, char **now, char *scratch, long from, long to);

/* Memory for what lies between the steps. It is kept from call to call; two calls at a time have two pieces. */
typedef struct piece {
    struct piece *next;
} piece;

/* A function of a program, as Python calls it: a kernel, or where length is not -1 a loop, whose arguments are those of the
   scan, and whose results start with the carries. */
typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    void *function;
    PyObject *arguments; /* the tables, as bytes */
    PyObject *outputs;
    PyObject *results;
    PyObject *objects; /* a tuple: constants, then whatever the tables refer to */
    PyObject *outside; /* gives a tuple of what the program needs from outside its arguments; or None */
    PyObject *invalid; /* the exception for a nan among the results; None to let it pass */
    PyObject **large;  /* the last large results */
    piece *kept;
    Py_ssize_t count;        /* arguments */
    Py_ssize_t places;       /* where their numbers go */
    Py_ssize_t pointers;     /* that the kernel is given: arguments, constants, results, and its own */
    Py_ssize_t constants_at; /* among them */
    Py_ssize_t constants;
    Py_ssize_t output_count;
    Py_ssize_t scratch;      /* bytes */
    Py_ssize_t length;       /* steps of a loop */
    Py_ssize_t patience;     /* steps after which somebody who presses Ctrl-C is heard */
    Py_ssize_t carries;
    int releases; /* the interpreter's lock, while it runs */
    int strict;   /* what it is not made for gets NotImplemented, not an exception */
} Caller;

/* What a call has taken from its arguments. */
typedef struct {
    PyObject *objects;
    char **p;
    double *numbers;
    PyObject **owned; /* other threads may meanwhile take it out of its dict */
} Taken;

enum { FAILED = -1, OTHER, DONE }; /* an exception is set; NotImplemented */

static const word *read_table(PyObject *table)
{
    return (const word *)PyBytes_AS_STRING(table);
}

static npy_intp count_entries(const word *kind)
{
    npy_intp n = 1;
    for (word i = 0; i < kind[1]; i++)
        n *= kind[2 + i];
    return n;
}

/* -- arguments ---------------------------------------------------------------------------------------------------- */

/* Whether x is an array of just this kind, with its entries side by side. */
static int is_array(PyObject *x, const word *kind)
{
    if (Py_TYPE(x) != &PyArray_Type)
        return 0;
    PyArrayObject *a = (PyArrayObject *)x;
    if (PyArray_TYPE(a) != kind[0] || PyArray_NDIM(a) != kind[1] || !PyArray_ISCARRAY_RO(a))
        return 0;
    for (int i = 0; i < kind[1]; i++)
        if (PyArray_DIM(a, i) != kind[2 + i])
            return 0;
    return 1;
}

static int take_array(Taken *taken, PyObject *x, word at, const word *kind)
{
    if (!is_array(x, kind))
        return OTHER;
    if (at >= 0) {
        taken->owned[at] = Py_NewRef(x);
        taken->p[at] = PyArray_DATA((PyArrayObject *)x);
    }
    return DONE;
}

static int take_float(Taken *taken, PyObject *x, word at)
{
    if (!PyFloat_CheckExact(x))
        return OTHER;
    if (at >= 0) {
        taken->numbers[at] = PyFloat_AS_DOUBLE(x);
        taken->p[at] = (char *)&taken->numbers[at];
    }
    return DONE;
}

/* Of an array or number that can stand for one of this kind: its own entries, or those of a copy. */
static int take_anything(Taken *taken, PyObject *x, word at, const word *kind)
{
    if (take_array(taken, x, at, kind) || (kind[0] == NPY_DOUBLE && kind[1] == 0 && take_float(taken, x, at)))
        return DONE;
    int nd = (int)kind[1];
    PyObject *a = PyArray_FROMANY(x, (int)kind[0], nd, nd, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_NOTSWAPPED);
    if (a == NULL)
        return FAILED;
    for (int i = 0; i < nd; i++)
        if (PyArray_DIM((PyArrayObject *)a, i) != kind[2 + i]) {
            PyErr_SetString(PyExc_ValueError, "an array has another shape than when the program was compiled");
            Py_DECREF(a);
            return FAILED;
        }
    taken->owned[at] = a;
    taken->p[at] = PyArray_DATA((PyArrayObject *)a);
    return DONE;
}

static int take_attribute(Taken *taken, PyObject *x, PyObject *name, word at, const word *kind)
{
    PyObject *found = PyObject_GetAttr(x, name);
    if (found == NULL)
        return FAILED;
    int status = take_array(taken, found, at, kind);
    Py_DECREF(found);
    return status;
}

/* The values of a dict that has just these keys in this order. */
static int list_values(PyObject *x, PyObject *keys, PyObject **values)
{
    if (!PyDict_CheckExact(x) || PyDict_GET_SIZE(x) != PyTuple_GET_SIZE(keys))
        return OTHER;
    Py_ssize_t at = 0;
    PyObject *key;
    for (Py_ssize_t i = 0; PyDict_Next(x, &at, &key, &values[i]); i++) {
        PyObject *expected = PyTuple_GET_ITEM(keys, i);
        if (key == expected)
            continue;
        if (Py_TYPE(key) != Py_TYPE(expected))
            return OTHER;
        int same = PyObject_RichCompareBool(key, expected, Py_EQ);
        if (same < 0)
            PyErr_Clear();
        if (same <= 0)
            return OTHER;
    }
    return DONE;
}

/* Whether x is a number of the same type and value: one that is a part of the program. */
static int is_number(PyObject *x, PyObject *expected)
{
    if (x == expected)
        return DONE;
    if (Py_TYPE(x) != Py_TYPE(expected))
        return OTHER;
    int same = PyObject_RichCompareBool(x, expected, Py_EQ);
    if (same < 0)
        PyErr_Clear();
    return same > 0 ? DONE : OTHER;
}

static int take(Taken *taken, PyObject *x, const word **table);

static int take_each(Taken *taken, PyObject *const *xs, word count, const word **table)
{
    int status = DONE;
    for (word i = 0; i < count && status == DONE; i++)
        status = take(taken, xs[i], table);
    return status;
}

/* What the next entry of the table says of x. The table is then behind it, unless the status is not DONE. */
static int take(Taken *taken, PyObject *x, const word **table)
{
    const word *entry = *table;
    PyObject *object;
    switch (entry[0]) {
    case ARRAY:
    case TAKE:
        *table += 4 + entry[3];
        return entry[0] == ARRAY ? take_array(taken, x, entry[1], entry + 2) : take_anything(taken, x, entry[1], entry + 2);
    case FLOAT:
        *table += 2;
        return take_float(taken, x, entry[1]);
    case ANYTHING:
        *table += 1;
        return DONE;
    case INSTANCE:
        *table += 2;
        object = PyTuple_GET_ITEM(taken->objects, entry[1]);
        return (PyObject *)Py_TYPE(x) == object ? take(taken, x, table) : OTHER;
    case NUMBER:
        *table += 2;
        return is_number(x, PyTuple_GET_ITEM(taken->objects, entry[1]));
    case OBJECT:
        *table += 2;
        return x == PyTuple_GET_ITEM(taken->objects, entry[1]) ? DONE : OTHER;
    case ATTRIBUTE:
        *table += 6 + entry[5];
        object = PyTuple_GET_ITEM(taken->objects, entry[1]);
        return take_attribute(taken, object, PyTuple_GET_ITEM(taken->objects, entry[2]), entry[3], entry + 4);
    case LIST:
        *table += 2;
        if (!PyList_CheckExact(x) || PyList_GET_SIZE(x) != entry[1])
            return OTHER;
        return take_each(taken, ((PyListObject *)x)->ob_item, entry[1], table);
    case TUPLE:
        *table += 2;
        if (!PyTuple_CheckExact(x) || PyTuple_GET_SIZE(x) != entry[1])
            return OTHER;
        return take_each(taken, ((PyTupleObject *)x)->ob_item, entry[1], table);
    default: /* DICT */
        *table += 3;
        PyObject *values[entry[1] + 1];
        if (list_values(x, PyTuple_GET_ITEM(taken->objects, entry[2]), values) != DONE)
            return OTHER;
        return take_each(taken, values, entry[1], table);
    }
}

/* -- results ------------------------------------------------------------------------------------------------------ */

/* An array for a result; its entries are yet to be written. kept: a large one is that of the last call, if nobody holds
   it any more, since one that is new at every call would be zeroed by the system, page by page. */
static PyObject *make_array(const word *kind, PyObject **kept)
{
    if (kept != NULL && *kept != NULL && Py_REFCNT(*kept) == 1 && is_array(*kept, kind)
        && PyArray_ISWRITEABLE((PyArrayObject *)*kept))
        return Py_NewRef(*kept);
    PyObject *x = PyArray_EMPTY((int)kind[1], (npy_intp *)(kind + 2), (int)kind[0], 0);
    if (kept != NULL && x != NULL) {
        PyObject *old = *kept;
        *kept = Py_NewRef(x);
        Py_XDECREF(old);
    }
    return x;
}

static PyObject *make_number(const char *data, word how, int type)
{
    if (how == AS_PYTHON_FLOAT)
        return PyFloat_FromDouble(*(const double *)data);
    if (how == AS_PYTHON_INT)
        return PyLong_FromLongLong(*(const int64_t *)data);
    PyArray_Descr *descr = PyArray_DescrFromType(type);
    PyObject *x = PyArray_Scalar((void *)data, descr, NULL);
    Py_DECREF(descr);
    return x;
}

static int has_nan(const char *data, const word *kind)
{
    npy_intp n = count_entries(kind);
    int found = 0;
    const double *doubles = (const double *)data;
    const float *floats = (const float *)data;
    if (kind[0] == NPY_DOUBLE)
#pragma omp simd reduction(| : found)
        for (npy_intp i = 0; i < n; i++)
            found |= doubles[i] != doubles[i];
    else if (kind[0] == NPY_FLOAT)
#pragma omp simd reduction(| : found)
        for (npy_intp i = 0; i < n; i++)
            found |= floats[i] != floats[i];
    return found;
}

/* What the next entry of the table makes of the results: a new reference, or NULL with an exception. */
static PyObject *build(const word **table, PyObject *objects, PyObject *const *results)
{
    const word *entry = *table;
    *table += 2;
    if (entry[0] == RESULT)
        return Py_NewRef(results[entry[1]]);
    if (entry[0] == OBJECT)
        return Py_NewRef(PyTuple_GET_ITEM(objects, entry[1]));
    const word count = entry[1];
    PyObject *tree = entry[0] == DICT ? PyDict_New() : entry[0] == LIST ? PyList_New(count) : PyTuple_New(count);
    for (word i = 0; i < count && tree != NULL; i++) {
        PyObject *key = entry[0] == DICT ? PyTuple_GET_ITEM(objects, *(*table)++) : NULL;
        PyObject *child = build(table, objects, results);
        if (child == NULL)
            Py_CLEAR(tree);
        else if (entry[0] == LIST)
            PyList_SET_ITEM(tree, i, child);
        else if (entry[0] == TUPLE)
            PyTuple_SET_ITEM(tree, i, child);
        else {
            if (PyDict_SetItem(tree, key, child) < 0)
                Py_CLEAR(tree);
            Py_DECREF(child);
        }
    }
    return tree;
}

/* -- a call ------------------------------------------------------------------------------------------------------- */

static char *take_memory(Caller *caller)
{
    piece *one = caller->kept;
    if (one != NULL)
        caller->kept = one->next;
    else if ((one = PyMem_RawMalloc(caller->scratch + 128)) == NULL)
        return NULL;
    char *memory = (char *)(((uintptr_t)one + sizeof(piece) + sizeof(piece *) + 63) & ~(uintptr_t)63);
    ((piece **)memory)[-1] = one;
    return memory;
}

static void keep_memory(Caller *caller, char *memory)
{
    piece *one = ((piece **)memory)[-1];
    one->next = caller->kept;
    caller->kept = one;
}

static void point_to_constants(const Caller *caller, char **p)
{
    for (Py_ssize_t i = 0; i < caller->constants; i++)
        p[caller->constants_at + i] = PyArray_DATA((PyArrayObject *)PyTuple_GET_ITEM(caller->objects, i));
}

static int do_kernel(Caller *caller, char **p, char *const *data, char *scratch)
{
    point_to_constants(caller, p);
    memcpy(p + caller->constants_at + caller->constants, data, caller->output_count * sizeof *data);
    PyThreadState *state = caller->releases ? PyEval_SaveThread() : NULL;
    ((kernel_function *)caller->function)(p, scratch);
    if (state != NULL)
        PyEval_RestoreThread(state);
    return DONE;
}

static int do_loop(Caller *caller, char **a, char *const *data, char *scratch)
{
    char *p[caller->pointers + 1], *now[caller->carries + 1];
    point_to_constants(caller, p);
    memcpy(now, a, caller->carries * sizeof *a);
    for (Py_ssize_t from = 0; from < caller->length;) {
        Py_ssize_t to = caller->length - from < caller->patience ? caller->length : from + caller->patience;
        PyThreadState *state = caller->releases ? PyEval_SaveThread() : NULL;
        ((loop_function *)caller->function)(p, a, data + caller->carries, now, scratch, from, to);
        if (state != NULL)
            PyEval_RestoreThread(state);
        if (PyErr_CheckSignals())
            return FAILED;
        from = to;
    }
    const word *kind = read_table(caller->outputs);
    for (Py_ssize_t i = 0; i < caller->carries; i++) {
        kind++;
        PyArray_Descr *descr = PyArray_DescrFromType((int)kind[0]);
        memcpy(data[i], now[i], count_entries(kind) * PyDataType_ELSIZE(descr));
        Py_DECREF(descr);
        kind += 2 + kind[1];
    }
    return DONE;
}

/* From arguments to results. */
static int run(Caller *caller, char **p, PyObject **results)
{
    char *data[caller->output_count + 1];
    double numbers[caller->output_count + 1];
    const word *entry = read_table(caller->outputs);
    for (Py_ssize_t i = 0; i < caller->output_count; i++, entry += 3 + entry[2])
        if (entry[0] >= AS_NUMBER)
            data[i] = (char *)&numbers[i];
        else {
            results[i] = make_array(entry + 1, entry[0] == AS_LARGE_ARRAY ? &caller->large[i] : NULL);
            if (results[i] == NULL)
                return FAILED;
            data[i] = PyArray_DATA((PyArrayObject *)results[i]);
        }
    char *scratch = take_memory(caller);
    if (scratch == NULL) {
        PyErr_NoMemory();
        return FAILED;
    }
    int status = (caller->length < 0 ? do_kernel : do_loop)(caller, p, data, scratch);
    keep_memory(caller, scratch);
    entry = read_table(caller->outputs);
    for (Py_ssize_t i = 0; i < caller->output_count && status == DONE; i++, entry += 3 + entry[2]) {
        if (caller->invalid != Py_None && has_nan(data[i], entry + 1)) {
            if (!caller->strict)
                PyErr_SetNone(caller->invalid);
            return caller->strict ? OTHER : FAILED;
        }
        if (entry[0] >= AS_NUMBER && (results[i] = make_number(data[i], entry[0], (int)entry[1])) == NULL)
            return FAILED;
    }
    return status;
}

static int take_arguments(Caller *caller, Taken *taken, PyObject *const *args)
{
    const word *table = read_table(caller->arguments);
    const word *end = table + PyBytes_GET_SIZE(caller->arguments) / (Py_ssize_t)sizeof(word);
    int status = take_each(taken, args, caller->count, &table);
    if (status == DONE && caller->outside != Py_None) {
        PyObject *found = PyObject_CallNoArgs(caller->outside);
        if (found == NULL)
            return FAILED;
        status = take(taken, found, &table);
        Py_DECREF(found);
    }
    while (status == DONE && table < end)
        status = take(taken, NULL, &table);
    return status;
}

static PyObject *call(PyObject *self, PyObject *const *args, size_t flags, PyObject *names)
{
    Caller *caller = (Caller *)self;
    char *p[caller->places + caller->pointers + 1];
    double numbers[caller->places + 1];
    PyObject *owned[caller->places + 1], *results[caller->output_count + 1];
    memset(owned, 0, sizeof owned);
    memset(results, 0, sizeof results);
    Taken taken = {caller->objects, p, numbers, owned};
    PyObject *answer = NULL;
    int status = OTHER;
    if (PyVectorcall_NARGS(flags) == caller->count && names == NULL)
        status = take_arguments(caller, &taken, args);
    else if (!caller->strict) {
        PyErr_Format(PyExc_TypeError, "another number of arguments than %zd", caller->count);
        return NULL;
    }
    Py_INCREF(self); /* somebody may let go of it while the lock is released */
    if (status == DONE)
        status = run(caller, p, results);
    if (status == DONE) {
        const word *table = read_table(caller->results);
        answer = build(&table, caller->objects, results);
    } else if (status == OTHER)
        answer = Py_NewRef(Py_NotImplemented);
    for (Py_ssize_t i = 0; i < caller->places; i++)
        Py_XDECREF(owned[i]);
    for (Py_ssize_t i = 0; i < caller->output_count; i++)
        Py_XDECREF(results[i]);
    Py_DECREF(self);
    return answer;
}

/* -- the type ----------------------------------------------------------------------------------------------------- */

static PyObject *new_caller(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {
        "address", "arguments", "outputs", "results", "objects", "outside", "invalid", "count", "places", "pointers",
        "constants_at", "constants", "output_count", "scratch", "releases", "strict", "length", "patience", "carries", NULL};
    Caller *caller = (Caller *)type->tp_alloc(type, 0);
    if (caller == NULL)
        return NULL;
    Py_ssize_t address;
    caller->vectorcall = call;
    int ok = PyArg_ParseTupleAndKeywords(
        args, keywords, "nSSSO!OOnnnnnnnppnnn", names, &address, &caller->arguments, &caller->outputs, &caller->results,
        &PyTuple_Type, &caller->objects, &caller->outside, &caller->invalid, &caller->count, &caller->places,
        &caller->pointers, &caller->constants_at, &caller->constants, &caller->output_count, &caller->scratch,
        &caller->releases, &caller->strict, &caller->length, &caller->patience, &caller->carries);
    PyObject *held[] = {caller->arguments, caller->outputs, caller->results, caller->objects, caller->outside, caller->invalid};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        Py_XINCREF(held[i]);
    if (ok) {
        caller->function = (void *)(uintptr_t)address;
        caller->large = PyMem_Calloc(caller->output_count + 1, sizeof(PyObject *));
        if (caller->large == NULL)
            PyErr_NoMemory();
    }
    if (!ok || caller->large == NULL)
        Py_CLEAR(caller);
    return (PyObject *)caller;
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Caller *caller = (Caller *)self;
    Py_VISIT(caller->objects);
    Py_VISIT(caller->outside);
    Py_VISIT(caller->invalid);
    return 0;
}

static int clear(PyObject *self)
{
    Caller *caller = (Caller *)self;
    Py_CLEAR(caller->objects);
    Py_CLEAR(caller->outside);
    Py_CLEAR(caller->invalid);
    return 0;
}

static void free_caller(PyObject *self)
{
    Caller *caller = (Caller *)self;
    PyObject_GC_UnTrack(self);
    clear(self);
    Py_CLEAR(caller->arguments);
    Py_CLEAR(caller->outputs);
    Py_CLEAR(caller->results);
    for (Py_ssize_t i = 0; caller->large != NULL && i < caller->output_count; i++)
        Py_XDECREF(caller->large[i]);
    PyMem_Free(caller->large);
    while (caller->kept != NULL) {
        piece *next = caller->kept->next;
        PyMem_RawFree(caller->kept);
        caller->kept = next;
    }
    Py_TYPE(self)->tp_free(self);
}

static PyTypeObject caller_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tinygrad_native.Caller",
    .tp_doc = "A function of a native program; see callers.py.",
    .tp_basicsize = sizeof(Caller),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Caller, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_new = new_caller,
    .tp_dealloc = free_caller,
    .tp_traverse = traverse,
    .tp_clear = clear,
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "tinygrad_native", 0, -1, NULL};

PyMODINIT_FUNC PyInit_tinygrad_native(void)
{
    import_array();
    PyObject *made = PyModule_Create(&module);
    if (made == NULL || PyModule_AddType(made, &caller_type) < 0)
        return NULL;
    const struct {
        const char *name;
        int value;
    } codes[] = {
#define CODE(name) {#name, name}
        CODE(ARRAY), CODE(FLOAT), CODE(TAKE), CODE(INSTANCE), CODE(NUMBER), CODE(OBJECT), CODE(DICT), CODE(LIST),
        CODE(TUPLE), CODE(ATTRIBUTE), CODE(ANYTHING), CODE(RESULT), CODE(AS_ARRAY), CODE(AS_LARGE_ARRAY),
        CODE(AS_NUMBER), CODE(AS_PYTHON_FLOAT), CODE(AS_PYTHON_INT),
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (PyModule_AddIntConstant(made, codes[i].name, codes[i].value) < 0)
            return NULL;
    return made;
}
