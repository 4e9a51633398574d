// A program that loads the library when it needs it, and unloads it while its own threads start and
// end: the functions that the Swift runtime registers for the end of threads must not be unmapped.
//
// Usage: test_unload LIBRARY MODEL
#include "swift_demucs.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char *path, *model_path;

// Sets a function pointer by dlsym, in the way that POSIX recommends.
static void find(void *library, const char *name, void *function) {
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof address);
}

static void *load_use_and_unload(void *unused) {
    (void)unused;
    char why[SD_MESSAGE_BYTES] = "can't be loaded";
    sd_status (*open)(const char *, const char *, sd_log_callback, void *, sd_model **, char *,
                      size_t);
    sd_status (*separate)(sd_model *, const sd_audio *, const char *, float *, size_t, sd_layout,
                          sd_random *, uint64_t *, sd_progress_callback, void *, sd_cancellation *,
                          char *, size_t);
    void (*close)(sd_model *);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return "dlopen";
    find(library, "sd_open", &open);
    find(library, "sd_separate", &separate);
    find(library, "sd_close", &close);
    float samples[1000] = {0.1f}, stems[4000];
    sd_audio mix = {samples, 500, 2, 1600, SD_PLANAR};
    sd_model *model = NULL;
    if (open(model_path, NULL, NULL, NULL, &model, why, sizeof why) != SD_OK)
        return "sd_open";
    if (separate(model, &mix, NULL, stems, 500, SD_PLANAR, NULL, NULL, NULL, NULL, NULL, why,
                 sizeof why) != SD_OK)
        return "sd_separate";
    close(model);
    return dlclose(library) == 0 ? NULL : "dlclose";
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s LIBRARY MODEL\n", argv[0]);
        return 2;
    }
    path = argv[1];
    model_path = argv[2];
    for (int round = 0; round < 3; round++) {
        pthread_t thread;
        void *failure = NULL;
        pthread_create(&thread, NULL, load_use_and_unload, NULL);
        pthread_join(thread, &failure);
        if (!failure)
            failure = load_use_and_unload(NULL);
        if (failure) {
            fprintf(stderr, "FAILED: %s in round %d\n", (char *)failure, round);
            return 1;
        }
    }
    puts("test_unload: passed");
    return 0;
}
