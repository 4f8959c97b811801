/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_NAME FILE|FOLDER...: gives the target every file, those of folders in the order of their names. A file of
 * which the target says that something does not hold ends the program; its name is the last one printed.
 */
#include "fuzz.h"

#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int n_files;

static bool replay_file(const char *path)
{
    CaBuffer *b = NULL;
    CarinaError err = {0};
    if (ca_file_map(&b, path, &err) != CARINA_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    printf("%s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(b->data, b->size);
    ca_buffer_unref(&b);
    n_files++;
    return true;
}

static bool replay(const char *path)
{
    struct stat st;
    struct dirent **names = NULL;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return replay_file(path);
    const int n = scandir(path, &names, NULL, alphasort);
    bool good = n >= 0;
    for (int i = 0; i < n; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            good = replay(inner) && good;
        free(names[i]);
    }
    free(names);
    return good;
}

int main(int argc, char **argv)
{
    bool good = true;
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        good = replay(argv[i]) && good;
    printf("%d files\n", n_files);
    return good && n_files ? EXIT_SUCCESS : EXIT_FAILURE;
}
