// A test is a function without arguments; CHECK records a failure and continues, REQUIRE ends the
// run.
//
// Usage of each program: PROGRAM ROOT FOLDER [PART OF A NAME]     (of the repository; for its
// files)
#ifndef HARNESS_H
#define HARNESS_H

#include "swift_demucs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *root, *folder;
// Atomic, because threads use CHECK too.
static _Atomic int failure_count;

// The message of a call, and its size.
static _Thread_local char why[SD_MESSAGE_BYTES];
#define WHY why, sizeof why

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failure_count++;                                                                       \
            fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition);                \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
        }                                                                                          \
    } while (0)

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            CHECK(condition, __VA_ARGS__);                                                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

// Checks that a call succeeds; `why` is the call's message buffer.
#define OK(call)                                                                                   \
    do {                                                                                           \
        sd_status status_ = (call);                                                                \
        CHECK(status_ == SD_OK, "%s: %s", sd_status_text(status_), why);                           \
    } while (0)

// Checks that a call fails with this status and a message.
#define FAILS(expected, call)                                                                      \
    do {                                                                                           \
        why[0] = 0;                                                                                \
        sd_status status_ = (call);                                                                \
        CHECK(status_ == (expected), "%s: %s", sd_status_text(status_), why);                      \
        CHECK(strlen(why) > 8, "no message: '%s'", why);                                           \
    } while (0)

typedef struct test {
    const char *name;
    void (*function)(void);
} test;
#define TEST(function)                                                                             \
    { #function, function }

static inline int run_tests(int argc, char **argv, const test *tests, size_t count) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s ROOT FOLDER [PART OF A NAME...]\n", argv[0]);
        return 2;
    }
    root = argv[1];
    folder = argv[2];
    int failed = 0, run = 0;
    for (size_t index = 0; index < count; index++) {
        int wanted = argc == 3 || argv[3][0] == '-';
        for (int part = 3; part < argc; part++)
            if (strstr(tests[index].name, argv[part] + (argv[part][0] == '-')))
                wanted = argv[part][0] != '-';
        if (!wanted)
            continue;
        int before = failure_count;
        tests[index].function();
        run++;
        if (failure_count > before) {
            failed++;
            fprintf(stderr, "FAILED: %s\n", tests[index].name);
        }
    }
    printf("%s: %d tests, %d failed\n", strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0],
           run, failed);
    return failed > 0 || run == 0;
}

// A path below a folder; equal arguments give the same string, which is never freed.
static inline const char *path_in(const char *base, const char *name) {
    static char paths[64][1024];
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", base, name);
    int index = 0;
    while (index < 63 && paths[index][0] && strcmp(paths[index], path) != 0)
        index++;
    return strcpy(paths[index], path);
}

// A network of the real shape and tiny layers: 1,600 Hz, segments of 400 frames that begin 300
// frames apart, four stems of two channels.
enum { RATE = 1600, STEMS = 4, CHANNELS = 2 };
static inline const char *tiny_model(void) {
    return path_in(root, "Tests/Fixtures/weights/formats/model.safetensors");
}

static inline sd_model *open_tiny(void) {
    sd_model *model = NULL;
    sd_status status = sd_open(tiny_model(), "{\"threads\": 2}", NULL, NULL, &model, WHY);
    REQUIRE(status == SD_OK, "%s", why);
    return model;
}

// The next number of a generator; equal seeds give equal numbers (splitmix64).
static inline uint64_t draw(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// Samples from -0.3 to 0.3.
static inline float *noise(size_t count, uint64_t seed) {
    float *samples = malloc((count + 1) * sizeof *samples);
    for (size_t index = 0; index < count; index++)
        samples[index] = (float)(draw(&seed) >> 40) / (float)(1 << 24) * 0.6f - 0.3f;
    return samples;
}

static inline float *silence(size_t count) { return calloc(count + 1, sizeof(float)); }

static inline sd_audio audio(const float *samples, size_t frames, int32_t channels, int32_t rate,
                             sd_layout layout) {
    return (sd_audio){samples, frames, channels, rate, layout};
}

// The first index at which two buffers differ in bits; `count` if there is none.
static inline size_t first_difference(const float *a, const float *b, size_t count) {
    size_t index = 0;
    while (index < count && memcmp(a + index, b + index, sizeof *a) == 0)
        index++;
    return index;
}

#define CHECK_EQUAL(a, b, count, ...)                                                              \
    do {                                                                                           \
        size_t difference_ = first_difference(a, b, count);                                        \
        if (difference_ < (count)) {                                                               \
            CHECK(0, __VA_ARGS__);                                                                 \
            fprintf(stderr, "    at %zu of %zu\n", difference_, (size_t)(count));                  \
        }                                                                                          \
    } while (0)

static inline int32_t no_event(void *context, const char *event, sd_status status) {
    (void)context, (void)event, (void)status;
    return 0;
}

// Separates noise with the tiny model, shifted by the same seed: [stem][channel][frame].
static inline float *separate_noise(sd_model *model, size_t frames, uint64_t seed) {
    float *samples = noise(frames * CHANNELS, seed);
    float *stems = silence(frames * CHANNELS * STEMS);
    sd_audio mix = audio(samples, frames, CHANNELS, RATE, SD_PLANAR);
    char settings[64];
    snprintf(settings, sizeof settings, "{\"shifts\": 1, \"seed\": \"%" PRIu64 "\"}", seed);
    OK(sd_separate(model, &mix, settings, stems, frames, SD_PLANAR, NULL, NULL, NULL, NULL, NULL,
                   WHY));
    free(samples);
    return stems;
}

// A 16-bit WAV file of noise.
static inline void write_wav(const char *path, size_t frames, int channels, int rate,
                             uint64_t seed) {
    float *samples = noise(frames * (size_t)channels, seed);
    sd_audio signal = audio(samples, frames, channels, rate, SD_PLANAR);
    REQUIRE(sd_write(&signal, path, NULL, WHY) == SD_OK, "%s", why);
    free(samples);
}

// The last event of a track in a run, and its status.
typedef struct track_event {
    char text[4096];
    sd_status status;
} track_event;

static inline int32_t take_track(void *context, const char *event, sd_status status) {
    track_event *last = context;
    if (strstr(event, "\"event\":\"track\"")) {
        snprintf(last->text, sizeof last->text, "%s", event);
        last->status = status;
    }
    return 0;
}

static inline int32_t no_tensor(void *context, const char *name, const int64_t *shape, int32_t rank,
                                const float *values) {
    (void)context, (void)name, (void)shape, (void)rank, (void)values;
    return 0;
}

// Settings of a run into a folder. The result is valid until the next call.
static inline const char *settings_for(const char *out, const char *more) {
    static char settings[4096];
    snprintf(settings, sizeof settings, "{\"out\": \"%s\", \"filename\": \"{stem}.{ext}\"%s%s}",
             out, *more ? ", " : "", more);
    return settings;
}

// Separates one track; gives the status of the call, or else that of the track, whose event becomes
// the message.
static inline sd_status run_track(sd_model *model, const char *input, const char *settings,
                                  track_event *last, char *message, size_t bytes) {
    track_event own;
    last = last ? last : &own;
    *last = (track_event){"", SD_OK};
    sd_status status =
        sd_run(model, &input, 1, settings, take_track, NULL, last, NULL, message, bytes);
    if (status == SD_TRACKS_FAILED && last->status != SD_OK) {
        size_t count = strlen(last->text) < bytes ? strlen(last->text) : bytes - 1;
        memcpy(message, last->text, count);
        message[count] = 0;
        return last->status;
    }
    return status;
}

#endif
