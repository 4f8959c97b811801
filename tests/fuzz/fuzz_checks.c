/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties of what a reader accepts, and the means to hand it bytes.
 */
#include "fuzz.h"

#include "base/file.h"
#include "base/sort.h"
#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Sanitizers map terabytes of shadow; there libFuzzer's -rss_limit_mb and ASan's own limits serve. */
#if defined(__SANITIZE_ADDRESS__)
#    define HAVE_SHADOW 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
        __has_feature(memory_sanitizer)
#        define HAVE_SHADOW 1
#    endif
#endif
#ifndef HAVE_SHADOW
#    define HAVE_SHADOW 0
#endif

static char stem[64]; /* of the IR that the checks write, in a folder of its own */

static void remove_folder(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s.xml", stem);
    (void)unlink(path);
    snprintf(path, sizeof path, "%s.bin", stem);
    (void)unlink(path);
    *strrchr(stem, '/') = 0;
    (void)rmdir(stem);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const struct rlimit memory = {(rlim_t)2 << 30, (rlim_t)2 << 30};
    fuzz_require(HAVE_SHADOW || setrlimit(RLIMIT_AS, &memory) == 0, "setrlimit", "");
    char folder[] = "/tmp/carina_fuzz_XXXXXX";
    fuzz_require(mkdtemp(folder), "mkdtemp", folder);
    snprintf(stem, sizeof stem, "%s/g", folder);
    atexit(remove_folder);
    return 0;
}

void fuzz_require(bool holds, const char *what, const char *detail)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n%s\n", what, detail);
    abort();
}

CaBuffer *fuzz_buffer(const uint8_t *data, size_t size)
{
    CaBuffer *b = ca_buffer_create(size);
    fuzz_require(b, "there is memory for the input", "");
    if (size)
        memcpy(b->data, data, size);
    return b;
}

void fuzz_require_sentence(CarinaStatus status, const CarinaError *err)
{
    fuzz_require(status < 0, "a refusal has a status", "");
    fuzz_require(err->code == status && err->text[0], "a refusal has a sentence",
                 err->text);
}

static char *text_of(const CaGraph *graph)
{
    CaText t = {.limit = 1 << 28};
    ca_ir_text(&t, graph);
    fuzz_require(!t.failed, "the graph has a text", "");
    return t.data; /* NULL: no nodes */
}

static void require_same(const char *what, const char *a, const char *b)
{
    if (ca_text_equal(a, b))
        return;
    fprintf(stderr, "--- first\n%s--- second\n%s", a ? a : "", b ? b : "");
    fuzz_require(false, what, "");
}

static CaGraph *read_back(void)
{
    char path[96];
    CaGraph *graph = NULL;
    CaBuffer *xml = NULL, *bin = NULL;
    CarinaError err = {0};
    int version = 0;
    snprintf(path, sizeof path, "%s.bin", stem);
    CarinaStatus status = ca_file_map(&bin, path, &err);
    snprintf(path, sizeof path, "%s.xml", stem);
    if (status == CARINA_OK)
        status = ca_file_map(&xml, path, &err);
    if (status == CARINA_OK)
        status = ca_ir_read(&graph, "written", xml, bin, &version, &err);
    ca_buffer_unref(&bin);
    ca_buffer_unref(&xml);
    fuzz_require(status == CARINA_OK, "what was written is read", err.text);
    return graph;
}

static bool is_plain(const char *name)
{
    for (; *name; name++)
        if (*name < ' ' || *name > '~')
            return false;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(CaNode *const *)a)->name, (*(CaNode *const *)b)->name);
}

/* The writer gives nodes of one name, other than Results, new ones, and XML cannot hold every byte; here all of a
 * graph's nodes get new names where one is such. */
static void make_names_plain(CaGraph *graph)
{
    char name[64];
    size_t n_nodes = 0, i = 0;
    bool is_good = true;
    CA_EACH_NODE(n, graph) {
        for (int k = 0; k < n->n_bodies; k++)
            make_names_plain(n->bodies[k].graph);
        is_good = is_good && is_plain(n->name);
        n_nodes++;
    }
    CaNode **nodes = ca_alloc((n_nodes + 1) * sizeof(CaNode *));
    fuzz_require(nodes != NULL, "memory for the nodes", "none");
    CA_EACH_NODE(n, graph)
        nodes[i++] = n;
    ca_sort(nodes, n_nodes, sizeof *nodes, by_name);
    for (i = 1; i < n_nodes; i++)
        is_good = is_good && by_name(&nodes[i - 1], &nodes[i]) != 0;
    ca_free(nodes);
    CA_EACH_NODE(n, graph) {
        if (is_good)
            break;
        snprintf(name, sizeof name, "node_%d", n->id);
        (void)ca_node_rename(graph, n, name, NULL);
    }
}

void fuzz_graph(CaGraph *graph)
{
    CarinaError err = {0};
    (void)ca_graph_sweep(graph); /* the IR reader leaves out what leads nowhere */
    make_names_plain(graph);
    char *first = text_of(graph);
    fuzz_require(ca_graph_infer(graph, &err) == CARINA_OK,
                 "what was accepted infers again", err.text);
    char *again = text_of(graph);
    require_same("inference gives the same again", first, again);
    for (int version = 10; version <= 11; version++) {
        const CarinaStatus status = ca_ir_write(graph, stem, version, false, &err);
        if (status == CARINA_ERR_UNSUPPORTED) {
            fuzz_require_sentence(status, &err);
            continue;
        }
        fuzz_require(status == CARINA_OK, "what was accepted can be written", err.text);
        CaGraph *back = read_back();
        char *third = text_of(back);
        require_same("what was written reads back the same", first, third);
        ca_free(third);
        ca_graph_free(&back);
    }
    ca_free(again);
    ca_free(first);
    ca_graph_free(&graph);
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static char path[32];
    static int fd = -1;
    if (fd >= 0)
        close(fd);
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_require(fd >= 0, "memfd_create", "");
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(fd, data + done, size - done);
        fuzz_require(n > 0, "write", "");
        done += (size_t)n;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}
