/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large blocks in pages of 2 MiB, where these are cheap.
 *
 * They make reading a network's filters some percent faster and cost little where the system has them at hand: less than
 * as many small ones. Where it does not (memory in pieces; a virtual machine that gave its free pages back to its host)
 * one can take milliseconds, a hundred of them longer than the first inference. So the first of each 16 MiB is timed.
 */
#ifndef CA_BASE_PAGES_H
#define CA_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CaPages {
    unsigned char *
        data; /* undefined until written, and no memory until then; aligned to its pages */
    size_t size;
    size_t asked;   /* [0, asked) has been asked for */
    bool is_dear;   /* and what follows is in small pages */
    size_t widened; /* of it, up to here in large ones by now */
} CaPages;

/* data is NULL where there is no memory. ca_free(data) ends it. */
CaPages ca_pages_alloc(size_t size);
/* [0, end) is going to be written now. */
void ca_pages_ask(CaPages *p, size_t end);
/* Puts what is in small pages into large ones, as far as [0, used) and for about ns nanoseconds; others may read the
 * memory meanwhile. Returns the nanoseconds that it took; is_dear is false once nothing is left to do. */
int64_t ca_pages_widen(CaPages *p, size_t used, int64_t ns);

#endif
