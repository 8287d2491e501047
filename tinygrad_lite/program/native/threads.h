/* A region done in parts, each by a thread of its own.

   Each part is a piece of the lane; it has its own sums, which are added up afterwards, in order, so that the result
   depends on the number of parts alone. */

#include <pthread.h>

typedef void tg_region(char *const *p, char *const *q, char *local, long from, long to);

typedef struct {
    tg_region *run;
    char *const *p;
    char *const *q;
    char *local;
    long from, to;
} tg_part;

static void *tg_run_part(void *x)
{
    const tg_part *part = x;
    part->run(part->p, part->q, part->local, part->from, part->to);
    return NULL;
}

/* Run all parts, the first one here. Where no thread can be started, its part is done here, too. */
static void tg_run_parts(tg_part *parts, int count)
{
    pthread_t threads[count];
    int started[count];
    for (int i = 1; i < count; i++)
        started[i] = !pthread_create(&threads[i], NULL, tg_run_part, &parts[i]);
    tg_run_part(&parts[0]);
    for (int i = 1; i < count; i++)
        if (started[i])
            pthread_join(threads[i], NULL);
        else
            tg_run_part(&parts[i]);
}
