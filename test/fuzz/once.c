/* Runs a fuzz target over the files that are given, and all files of folders that are given: for
 * coverage, and for debuggers. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

#define FILE_MAX ((size_t)4 << 20)

int __attribute__((weak)) LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static unsigned long run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(FILE_MAX);
    size_t n;

    if (file == NULL || bytes == NULL) {
        fprintf(stderr, "%s can't be read\n", path);
        exit(1);
    }
    n = fread(bytes, 1, FILE_MAX, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    return 1;
}

static unsigned long run_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    unsigned long n = 0;

    if (folder == NULL) {
        return run_file(path);
    }
    while ((entry = readdir(folder)) != NULL) {
        char name[4096];

        if (entry->d_name[0] != '.') {
            (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            n += run_file(name);
        }
    }
    (void)closedir(folder);
    return n;
}

int main(int argc, char **argv)
{
    unsigned long n = 0;

    (void)LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        n += run_folder(argv[i]);
    }
    printf("%lu files\n", n);
    return 0;
}
