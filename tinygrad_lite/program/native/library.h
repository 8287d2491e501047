/* What every program's library starts with. It knows numbers in memory, and nothing of Python. */

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Seen from outside the library. */
#define TG_EXPORT __attribute__((visibility("default")))
