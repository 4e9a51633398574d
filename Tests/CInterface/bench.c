// Times for bench/bench_c_interface.py, one a process, in seconds on standard output.
//
// Usage: bench LIBRARY load
//        bench LIBRARY describe MODEL
//        bench LIBRARY separate MODEL SAMPLES RATE     (a file of interleaved stereo float32)
//        bench LIBRARY file MODEL INPUT FOLDER
#include "swift_demucs.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void fail(const char *text) {
    fprintf(stderr, "error: %s\n", text);
    exit(1);
}

static void *library;
static char why[SD_MESSAGE_BYTES];

// Sets a function pointer by dlsym, in the way that POSIX recommends.
static void find(const char *name, void *function) {
    void *address = dlsym(library, name);
    if (!address)
        fail(name);
    memcpy(function, &address, sizeof address);
}

static sd_model *open_model(const char *name) {
    sd_status (*open)(const char *, const sd_open_options *, sd_model **, char *, size_t);
    sd_model *model = NULL;
    find("sd_open", &open);
    if (open(name, NULL, &model, why, sizeof why))
        fail(why);
    return model;
}

static double describe(const char *name) {
    enum { CALLS = 1000000 };
    sd_status (*describe)(const sd_model *, sd_model_info *, char *, size_t);
    find("sd_model_describe", &describe);
    sd_model *model = open_model(name);
    sd_model_info info = {.size = sizeof info};
    double start = now();
    for (int call = 0; call < CALLS; call++)
        if (describe(model, &info, why, sizeof why))
            fail(why);
    return (now() - start) / CALLS;
}

static double separate(const char *name, const char *path, int rate) {
    sd_status (*separate)(sd_model *, const sd_audio *, const char *, float *, size_t, sd_layout,
                          sd_random *, uint64_t *, sd_progress_callback, void *, sd_cancellation *,
                          char *, size_t);
    find("sd_separate", &separate);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        fail(path);
    size_t bytes = (size_t)ftell(file), frames = bytes / 8;
    rewind(file);
    float *samples = malloc(bytes), *stems = malloc(bytes * 4);
    if (!samples || !stems || fread(samples, 8, frames, file) != frames)
        fail(path);
    sd_model *model = open_model(name);
    sd_audio mix = {sizeof mix, samples, frames, 2, rate, SD_INTERLEAVED, 0};
    double start = now();
    if (separate(model, &mix, "{\"seed\": 0}", stems, frames, SD_INTERLEAVED, NULL, NULL, NULL,
                 NULL, NULL, why, sizeof why))
        fail(why);
    return now() - start;
}

static double run(const char *name, const char *input, const char *folder) {
    sd_status (*run)(sd_model *, const char *const *, size_t, const char *, sd_event_callback,
                     sd_progress_callback, void *, sd_cancellation *, char *, size_t);
    find("sd_run", &run);
    sd_model *model = open_model(name);
    char settings[2048];
    snprintf(settings, sizeof settings, "{\"out\": \"%s\", \"seed\": 0}", folder);
    double start = now();
    if (run(model, &input, 1, settings, NULL, NULL, NULL, NULL, why, sizeof why))
        fail(why);
    return now() - start;
}

int main(int argc, char **argv) {
    if (argc < 3)
        fail("usage: bench LIBRARY load|describe|separate|run [ARGUMENT...]");
    double start = now();
    library = dlopen(argv[1], RTLD_NOW);
    double seconds = now() - start;
    if (!library)
        fail(dlerror());
    if (strcmp(argv[2], "describe") == 0 && argc == 4)
        seconds = describe(argv[3]);
    else if (strcmp(argv[2], "separate") == 0 && argc == 6)
        seconds = separate(argv[3], argv[4], atoi(argv[5]));
    else if (strcmp(argv[2], "run") == 0 && argc == 6)
        seconds = run(argv[3], argv[4], argv[5]);
    else if (strcmp(argv[2], "load") != 0)
        fail("unknown arguments");
    printf("%.9f\n", seconds);
    return 0;
}
