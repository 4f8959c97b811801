/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pages.h"

#include "base/memory.h"
#include "base/threads.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#ifndef MADV_COLLAPSE
#    define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

#define PAGE ((size_t)2 << 20)
#define TRIAL (8 * PAGE)
/* Zeroing 2 MiB takes 0.1 to 0.3 ms. */
#define DEAR_NS 1000000

CaPages ca_pages_alloc(size_t size)
{
    const size_t alignment = size < PAGE ? 64 : PAGE;
    size_t room = 0;
    if (!ca_add_size(&room, size, alignment - 1))
        return (CaPages){0};
    room &= ~(alignment - 1);
    return (CaPages){.data = aligned_alloc(alignment, room ? room : alignment),
                     .size = size};
}

static int64_t own_ns(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)
               ? 0
               : (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Is the page at p dear? It is there afterwards. */
static bool is_dear(unsigned char *p)
{
    const int64_t begin = own_ns();
    *(volatile unsigned char *)p = 0;
    return own_ns() - begin > DEAR_NS;
}

void ca_pages_ask(CaPages *p, size_t end)
{
    while (p->asked < end && !p->is_dear && p->size - p->asked >= PAGE) {
        unsigned char *at = p->data + p->asked;
        const size_t rest = p->size - p->asked, size = rest < TRIAL ? rest : TRIAL;
        if (madvise(at, PAGE, MADV_HUGEPAGE) != 0)
            return; /* the system has none */
        p->is_dear = is_dear(at);
        if (!p->is_dear)
            (void)madvise(at, size, MADV_HUGEPAGE);
        p->asked += p->is_dear ? PAGE : size;
        p->widened = p->asked;
    }
}

int64_t ca_pages_widen(CaPages *p, size_t used, int64_t ns)
{
    const int64_t begin = ca_now_ns();
    int64_t now = begin;
    while (p->is_dear && now - begin < ns) {
        if (used < PAGE || p->widened > used - PAGE ||
            madvise(p->data + p->widened, PAGE, MADV_COLLAPSE) != 0)
            p->is_dear = false;
        p->widened += PAGE;
        now = ca_now_ns();
    }
    return now - begin;
}
