// Invalid arguments, and their error messages.
#include "harness.h"

#include <float.h>
#include <sys/wait.h>

static sd_model *model;

enum { FRAMES = 400 };
static float samples[FRAMES * CHANNELS];
static float stems[FRAMES * CHANNELS * STEMS];
static const sd_audio mix = {samples, FRAMES, CHANNELS, RATE, SD_PLANAR};

static sd_status separate(const sd_audio *audio, const char *settings) {
    return sd_separate(model, audio, settings, stems, FRAMES, SD_PLANAR, NULL, NULL, NULL, NULL,
                       NULL, WHY);
}

static sd_status analyze(const sd_audio *audio, const char *settings, sd_event_callback event) {
    return sd_analyze(model, audio, settings, event, NULL, NULL, NULL, WHY);
}

static sd_status quantize_with(const char *path, const char *output, const char *settings) {
    return sd_quantize(path, output, NULL, 0, settings, NULL, NULL, NULL, NULL, WHY);
}

static sd_status open_with(const char *settings, sd_stream **stream) {
    return sd_stream_open(model, 2, RATE, settings, NULL, NULL, NULL, NULL, stream, WHY);
}

// MARK: Statuses

static sd_status run_into(const char *out, const char *input) {
    return run_track(model, input, settings_for(out, "\"stems\": \"vocals\""), NULL, WHY);
}

static sd_status run_with(const char *settings, const char *input) {
    return run_track(model, input, settings, NULL, WHY);
}

// Opens a model in a child process, because the environment belongs to the process.
static sd_status open_with_environment(const char *name, const char *value, const char *path) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        sd_model *opened = NULL;
        setenv(name, value, 1);
        _exit((int)sd_open(path, NULL, NULL, NULL, &opened, WHY));
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status), "the child ended by signal %d", WTERMSIG(status));
    return (sd_status)WEXITSTATUS(status);
}

static void every_status_but_internal_error_can_be_had(void) {
    sd_model *other = NULL;
    sd_stream *stream = NULL;
    size_t frames = 0;
    const char *garbage = path_in(folder, "garbage.safetensors");
    FILE *file = fopen(garbage, "wb");
    REQUIRE(file != NULL, "%s can't be written", garbage);
    fputs("this is no checkpoint, and no sound either", file);
    fclose(file);
    const char *input = path_in(folder, "statuses.wav");
    write_wav(input, 100, 2, RATE, 1);

    FAILS(SD_ERROR_ARGUMENT, sd_open("", NULL, NULL, NULL, &other, WHY));
    FAILS(SD_ERROR_MODEL_MISSING, sd_open("no_such_model", NULL, NULL, NULL, &other, WHY));
    CHECK(strstr(why, "no_such_model"), "the message lacks the name: %s", why);
    FAILS(SD_ERROR_MODEL_MISSING, sd_open("/no/such.safetensors", NULL, NULL, NULL, &other, WHY));
    FAILS(SD_ERROR_MODEL, sd_open(garbage, NULL, NULL, NULL, &other, WHY));
    FAILS(SD_ERROR_MODEL,
          sd_open(path_in(root, "Models/selftest.safetensors"), NULL, NULL, NULL, &other, WHY));
    CHECK(other == NULL, "a failed call gave a handle");
    const char *never = path_in(folder, "never");
    FAILS(SD_ERROR_INPUT, run_into(never, "/no/such.wav"));
    FAILS(SD_ERROR_INPUT, run_into(never, garbage));
    FAILS(SD_ERROR_ARGUMENT,
          run_with(settings_for(never, "\"start\": 9, \"stems\": \"vocals\""), input));
    FAILS(SD_ERROR_OUTPUT, run_into("/dev/null/never", input));
    CHECK(!exists(never), "a failed call left a folder");
    FAILS(SD_ERROR_MODEL_MISSING, sd_fetch("no_such_model", NULL, NULL, NULL, WHY));
    sd_status status = open_with("{\"spool\": \"/no/such/folder\"}", &stream);
    if (status == SD_OK)
        status = sd_stream_push(stream, samples, 1, SD_PLANAR, WHY);
    CHECK(status == SD_ERROR_OUTPUT, "%s: %s", sd_status_text(status), why);
    sd_stream_close(stream);

    call_options options = {"{}", .cancellation = sd_cancellation_create()};
    sd_cancellation_cancel(options.cancellation);
    FAILS(SD_CANCELLED, separate_with(model, &mix, &options, stems, FRAMES, SD_PLANAR, NULL, WHY));
    sd_cancellation_free(options.cancellation);

    OK(open_with(NULL, &stream));
    OK(sd_stream_push(stream, samples, 2, SD_PLANAR, WHY));
    OK(sd_stream_finish(stream, WHY));
    FAILS(SD_ERROR_STATE, sd_stream_push(stream, samples, 2, SD_PLANAR, WHY));
    OK(sd_stream_pull(stream, stems, FRAMES, SD_PLANAR, &frames, WHY));
    CHECK(sd_stream_pull(stream, stems, FRAMES, SD_PLANAR, &frames, WHY) == SD_DONE, "%s", why);
    sd_stream_close(stream);

#if defined(__x86_64__)
    const char *foreign = "neon";
#else
    const char *foreign = "avx2";
#endif
    CHECK(open_with_environment("SWIFT_DEMUCS_ISA", foreign, tiny_model()) == SD_ERROR_ENGINE,
          "%s kernels", foreign);
    CHECK(open_with_environment("SWIFT_DEMUCS_MODELS", "/no/such/folder", "htdemucs_ft") !=
              SD_ERROR_ARGUMENT,
          "a known name");
}

static void every_status_has_words(void) {
    for (int status = -2; status < 20; status++) {
        const char *text = sd_status_text((sd_status)status);
        CHECK(text && *text, "%d", status);
        CHECK((strcmp(text, "unknown status") == 0) == (status < 0 || status > SD_TRACKS_FAILED),
              "%d is '%s'", status, text);
    }
    CHECK(strcmp(sd_version(), SD_VERSION) == 0, "%s and %s", sd_version(), SD_VERSION);
    CHECK(sd_version_number() == SD_VERSION_NUMBER, "%d", sd_version_number());
    CHECK(sd_version_number() / 1000 == SD_VERSION_MAJOR * 1000 + SD_VERSION_MINOR, "%d.%d",
          SD_VERSION_MAJOR, SD_VERSION_MINOR);
}

// MARK: NULL and numbers out of range

static int32_t no_block(void *context, const sd_audio *audio) {
    (void)context, (void)audio;
    return 0;
}

static void null_is_refused_where_something_is_needed(void) {
    sd_model *opened = NULL;
    sd_stream *stream = NULL;
    size_t frames = 0;
    sd_audio none = mix;
    none.samples = NULL;
    const char *tracks[] = {"x", NULL};
    const sd_status argument = SD_ERROR_ARGUMENT;

    FAILS(argument, sd_open(NULL, NULL, NULL, NULL, &opened, WHY));
    FAILS(argument, sd_open(tiny_model(), NULL, NULL, NULL, NULL, WHY));
    FAILS(argument, sd_model_describe(NULL, no_event, NULL, WHY));
    FAILS(argument, sd_model_describe(model, NULL, NULL, WHY));
    FAILS(argument, sd_plan(NULL, NULL, 1, RATE, no_event, NULL, WHY));
    FAILS(argument, sd_plan(model, NULL, 1, RATE, NULL, NULL, WHY));
    FAILS(argument, separate_with(NULL, &mix, NULL, stems, FRAMES, SD_PLANAR, NULL, WHY));
    FAILS(argument, separate(NULL, NULL));
    FAILS(argument, separate(&none, NULL));
    FAILS(argument, separate_with(model, &mix, NULL, NULL, FRAMES, SD_PLANAR, NULL, WHY));
    FAILS(argument, sd_run(NULL, tracks, 1, NULL, NULL, NULL, NULL, NULL, WHY));
    FAILS(argument, sd_run(model, NULL, 0, NULL, NULL, NULL, NULL, NULL, WHY));
    FAILS(argument, sd_run(model, tracks, 0, NULL, NULL, NULL, NULL, NULL, WHY));
    FAILS(argument, sd_run(model, tracks, 2, NULL, NULL, NULL, NULL, NULL, WHY));
    FAILS(argument, sd_fetch(NULL, NULL, NULL, NULL, WHY));
    OK(sd_models(NULL, NULL, NULL, WHY));
    FAILS(argument, open_stream(NULL, 2, RATE, NULL, &stream, WHY));
    FAILS(argument, open_with(NULL, NULL));
    FAILS(argument, sd_stream_push(NULL, samples, 1, SD_PLANAR, WHY));
    FAILS(argument, sd_stream_finish(NULL, WHY));
    FAILS(argument, sd_stream_pull(NULL, stems, 1, SD_PLANAR, &frames, WHY));
    OK(open_with(NULL, &stream));
    FAILS(argument, sd_stream_push(stream, NULL, 1, SD_PLANAR, WHY));
    FAILS(argument, sd_stream_pull(stream, NULL, 1, SD_PLANAR, &frames, WHY));
    FAILS(argument, sd_stream_pull(stream, stems, 1, SD_PLANAR, NULL, WHY));
    FAILS(argument, sd_stream_pull(stream, stems, 0, SD_PLANAR, &frames, WHY));
    sd_stream_close(stream);
    FAILS(argument, sd_read(NULL, 0, 0, no_block, NULL, NULL, NULL, WHY));
    FAILS(argument, sd_read("x", 0, 0, NULL, NULL, NULL, NULL, WHY));
    FAILS(argument, sd_convert(NULL, 2, RATE, stems, 1, SD_PLANAR, &frames, WHY));
    FAILS(argument, sd_convert(&none, 2, RATE, stems, 1, SD_PLANAR, &frames, WHY));
    FAILS(argument, sd_convert(&mix, 2, RATE, stems, 1, SD_PLANAR, NULL, WHY));
    FAILS(argument, sd_convert(&mix, 2, RATE, stems, 1, SD_PLANAR, &frames, WHY));
    FAILS(argument, sd_write(NULL, "x.wav", NULL, WHY));
    FAILS(argument, sd_write(&mix, NULL, NULL, WHY));
    FAILS(SD_ERROR_INPUT, sd_read("/no/such.wav", 0, 0, no_block, NULL, NULL, NULL, WHY));
    FAILS(SD_ERROR_OUTPUT, sd_write(&mix, "/no/such/x.wav", NULL, WHY));
    FAILS(argument, quantize_with(NULL, "x", NULL));
    FAILS(argument, quantize_with(tiny_model(), NULL, NULL));
    double sdr;
    FAILS(argument, sd_evaluate(NULL, samples, 1, 1, 9, RATE, SD_PLANAR, &sdr, NULL, WHY));
    FAILS(argument, sd_evaluate(samples, NULL, 1, 1, 9, RATE, SD_PLANAR, &sdr, NULL, WHY));
    FAILS(argument, sd_evaluate(samples, samples, 1, 1, 9, RATE, SD_PLANAR, NULL, NULL, WHY));
    FAILS(argument, sd_analyze(NULL, &mix, NULL, no_event, NULL, NULL, NULL, WHY));
    FAILS(argument, analyze(NULL, NULL, no_event));
    FAILS(argument, analyze(&mix, NULL, NULL));
    FAILS(argument, sd_trace(NULL, &mix, 0, 0, NULL, no_tensor, NULL, WHY));
    FAILS(argument, sd_trace(model, NULL, 0, 0, NULL, no_tensor, NULL, WHY));
    FAILS(argument, sd_trace(model, &mix, 0, 0, NULL, NULL, NULL, WHY));

    // Calls without an effect.
    sd_close(NULL);
    sd_stream_close(NULL);
    sd_cancellation_cancel(NULL);
    sd_cancellation_free(NULL);
    // A failing call without a message buffer.
    CHECK(sd_open(NULL, NULL, NULL, NULL, NULL, NULL, 0) == SD_ERROR_ARGUMENT, "no message");
    CHECK(sd_open(NULL, NULL, NULL, NULL, NULL, NULL, 99) == SD_ERROR_ARGUMENT, "no message");
}

// Changes a member of the mix to a value that must be refused.
#define MIX(member, value)                                                                         \
    do {                                                                                           \
        sd_audio odd_ = mix;                                                                       \
        odd_.member = value;                                                                       \
        FAILS(SD_ERROR_ARGUMENT, separate(&odd_, NULL));                                           \
    } while (0)

static void numbers_out_of_range_are_refused(void) {
    sd_model *opened = NULL;
    sd_stream *stream = NULL;
    const char *input = path_in(folder, "ranges.wav");
    write_wav(input, 100, 2, RATE, 1);
    sd_random nonsense = {{0}, 625};

    // Settings of sd_open, and of sd_quantize.
    const char *odd_models[] = {"",
                                "[]",
                                "{\"thread\": 1}",
                                "{\"stems\": [\"vocals\", \"kazoo\"]}",
                                "{\"threads\": -1}",
                                "{\"threads\": 1025}",
                                "{\"threads\": \"many\"}",
                                "{\"jobs\": 0}",
                                "{\"jobs\": -2147483648}",
                                "{\"precision\": \"int7\"}",
                                "{\"precision\": 1}",
                                "{\"repo\": \"/no/such/folder\"}",
                                "{\"repo\": \"a\\u0000b\"}",
                                "{\"shifts\": 1}",
                                "{\"samples\": 1}"};
    for (size_t index = 0; index < sizeof odd_models / sizeof odd_models[0]; index++)
        FAILS(SD_ERROR_ARGUMENT,
              sd_open(tiny_model(), odd_models[index], NULL, NULL, &opened, WHY));
    const char *odd_quantised[] = {"{\"samples\": 0}", "{\"samples\": 10001}",
                                   "{\"precision\": \"auto\"}", "{\"threads\": 1025}",
                                   "{\"stems\": \"vocals\"}"};
    const char *unwritten = path_in(folder, "never.safetensors");
    for (size_t index = 0; index < sizeof odd_quantised / sizeof odd_quantised[0]; index++)
        FAILS(SD_ERROR_ARGUMENT, quantize_with(tiny_model(), unwritten, odd_quantised[index]));
    FAILS(SD_ERROR_ARGUMENT,
          sd_quantize(tiny_model(), unwritten, NULL, 1, NULL, NULL, NULL, NULL, NULL, WHY));

    MIX(frames, 0);
    MIX(frames, SIZE_MAX);
    MIX(frames, SIZE_MAX / 8);
    MIX(channels, 0);
    MIX(channels, -1);
    MIX(channels, 65);
    MIX(channels, INT32_MAX);
    MIX(sample_rate, 0);
    MIX(sample_rate, 999);
    MIX(sample_rate, 768001);
    MIX(sample_rate, INT32_MIN);
    MIX(layout, (sd_layout)2);
    MIX(layout, (sd_layout)-1);

    call_options odd_options = {"{}", .random = &nonsense};
    FAILS(SD_ERROR_ARGUMENT,
          separate_with(model, &mix, &odd_options, stems, FRAMES, SD_PLANAR, NULL, WHY));
    odd_options = (call_options){"{}", .cancellation = (sd_cancellation *)(void *)model};
    FAILS(SD_ERROR_ARGUMENT,
          separate_with(model, &mix, &odd_options, stems, FRAMES, SD_PLANAR, NULL, WHY));
    // A setting of another function.
    const char *foreign[] = {"{\"flac\": true}", "{\"out\": \"folder\"}", "{\"live\": true}",
                             "{\"start\": 1}"};
    for (size_t index = 0; index < sizeof foreign / sizeof foreign[0]; index++)
        FAILS(SD_ERROR_ARGUMENT, separate(&mix, foreign[index]));
    FAILS(SD_ERROR_MODEL_MISSING, separate(&mix, "{\"then\": \"vocals=/no/such\"}"));
    FAILS(SD_ERROR_ARGUMENT, analyze(&mix, "{\"stems\": \"vocals\"}", no_event));
    FAILS(SD_ERROR_ARGUMENT, open_with("{\"start\": 1}", &stream));
    FAILS(SD_ERROR_ARGUMENT, open_with("{\"live\": true, \"shifts\": 2}", &stream));
    FAILS(SD_ERROR_ARGUMENT, open_with("{\"live\": true, \"hop\": \"inf\"}", &stream));
    const char *never = path_in(folder, "never");
    FAILS(SD_ERROR_ARGUMENT, sd_write(&mix, never, "{\"gain\": \"common\"}", WHY));
    FAILS(SD_ERROR_ARGUMENT, sd_write(&mix, never, "{\"format\": \"raw\"}", WHY));
    FAILS(SD_ERROR_ARGUMENT, sd_write(&mix, never, NULL, WHY));
    const char *flac = path_in(folder, "never.FLAC");
    FAILS(SD_ERROR_ARGUMENT, sd_write(&mix, flac, "{\"format\": \"wav\"}", WHY));
    CHECK(!exists(never) && !exists(flac), "a failed call left a file");
    // Each way in which a text can be wrong.
    const char *settings[] = {
        "",
        "{",
        "[]",
        "{} {}",
        "\xff",
        "{\"stemz\": \"vocals\"}",
        "{\"stems\": {}}",
        "{\"stems\": [\"vocals\", \"kazoo\"]}",
        "{\"shifts\": [0, 1]}",
        "{\"shifts\": 1e999}",
        "{\"mix\": [[\"a=drums+bass\"]]}",
        "{\"int24\": \"maybe\"}",
        "{\"flac\": true, \"mp3\": true}",
        "{\"filename\": \"same.wav\"}",
        "{\"out\": \"separated\\u0000x\"}",
    };
    for (size_t index = 0; index < sizeof settings / sizeof settings[0]; index++)
        FAILS(SD_ERROR_ARGUMENT, run_with(settings[index], input));
    CHECK(!exists("separated"), "a refused run left a folder");
    // Two tracks of one name, which would have the same files.
    const char *alike[] = {input, "/no/such/ranges.wav"};
    FAILS(SD_TRACKS_FAILED,
          sd_run(model, alike, 2, "{\"dry-run\": true}", NULL, NULL, NULL, NULL, WHY));

    CHECK(opened == NULL && stream == NULL, "a failed call gave a handle");

    double sdr;
    const int32_t counts[] = {0, -1, 65, INT32_MAX};
    for (int index = 0; index < 4; index++) {
        FAILS(SD_ERROR_ARGUMENT,
              sd_evaluate(samples, samples, counts[index], 1, 9, RATE, SD_PLANAR, &sdr, NULL, WHY));
        FAILS(SD_ERROR_ARGUMENT,
              sd_evaluate(samples, samples, 1, counts[index], 9, RATE, SD_PLANAR, &sdr, NULL, WHY));
    }
    const double odd[] = {-1, 1e9, (double)NAN, (double)INFINITY, -(double)INFINITY, 1e300};
    for (int index = 0; index < 6; index++) {
        FAILS(SD_ERROR_ARGUMENT, sd_trace(model, &mix, odd[index], 0, NULL, no_tensor, NULL, WHY));
        FAILS(SD_ERROR_ARGUMENT, sd_trace(model, &mix, 0, odd[index], NULL, no_tensor, NULL, WHY));
    }
}

static void a_sample_that_is_not_finite_is_named(void) {
    const float odd[] = {NAN, INFINITY, -INFINITY};
    for (int index = 0; index < 3; index++) {
        samples[FRAMES + 17] = odd[index];
        FAILS(SD_ERROR_ARGUMENT, separate(&mix, NULL));
        CHECK(strstr(why, "frame 17 of channel 1"), "%s", why);
        FAILS(SD_ERROR_ARGUMENT, analyze(&mix, NULL, no_event));
        samples[FRAMES + 17] = 0;
    }
    // The sample's square and its sums overflow float32.
    samples[3] = FLT_MAX;
    sd_status status = separate(&mix, NULL);
    CHECK(status == SD_OK || status == SD_ERROR_ARGUMENT, "%s", sd_status_text(status));
    // With the other channel's, the sum is infinite.
    samples[FRAMES + 3] = FLT_MAX;
    FAILS(SD_ERROR_INPUT, separate(&mix, NULL));
    FAILS(SD_ERROR_INPUT, analyze(&mix, NULL, no_event));
    FAILS(SD_ERROR_INPUT, sd_trace(model, &mix, 0, 0, NULL, no_tensor, NULL, WHY));
    samples[3] = samples[FRAMES + 3] = 0;
}

static void a_handle_of_another_kind_is_refused(void) {
    sd_stream *stream = NULL;
    size_t frames = 0;
    OK(open_with(NULL, &stream));
    sd_cancellation *cancellation = sd_cancellation_create();
    void *others[] = {stream, cancellation, samples, why + 1};
    for (int index = 0; index < 4; index++) {
        sd_model *wrong = others[index];
        FAILS(SD_ERROR_ARGUMENT, sd_model_describe(wrong, no_event, NULL, WHY));
        FAILS(SD_ERROR_ARGUMENT,
              separate_with(wrong, &mix, NULL, stems, FRAMES, SD_PLANAR, NULL, WHY));
        FAILS(SD_ERROR_ARGUMENT, sd_stream_pull(index == 0 ? (void *)model : others[index], stems,
                                                1, SD_PLANAR, &frames, WHY));
        sd_close(wrong);
    }
    sd_cancellation_cancel((void *)model);
    sd_cancellation_free((void *)model);
    sd_stream_close((void *)model);
    OK(sd_model_describe(model, no_event, NULL, WHY));
    OK(sd_stream_push(stream, samples, 1, SD_PLANAR, WHY));
    sd_stream_close(stream);
    sd_cancellation_free(cancellation);
}

// MARK: Messages

static void messages_are_cut_at_a_characters_boundary(void) {
    // Characters of two, three and four bytes.
    const char *name =
        "/no/\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5/\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5.safetensors";
    sd_model *opened = NULL;
    char whole[SD_MESSAGE_BYTES];
    sd_open(name, NULL, NULL, NULL, &opened, whole, sizeof whole);
    CHECK(strstr(whole, name), "the message lacks the name: %s", whole);
    for (size_t bytes = 0; bytes <= strlen(whole) + 2; bytes++) {
        char buffer[SD_MESSAGE_BYTES + 16];
        memset(buffer, 0x5a, sizeof buffer);
        sd_status status = sd_open(name, NULL, NULL, NULL, &opened, buffer + 8, bytes);
        CHECK(status == SD_ERROR_MODEL_MISSING, "%zu", bytes);
        for (size_t index = 0; index < 8; index++)
            CHECK(buffer[index] == 0x5a && buffer[8 + bytes + index] == 0x5a, "%zu bytes", bytes);
        if (bytes == 0)
            continue;
        size_t length = strnlen(buffer + 8, bytes);
        CHECK(length < bytes && length + 4 >= (bytes - 1 < strlen(whole) ? bytes : length),
              "%zu of %zu bytes", length, bytes);
        CHECK(memcmp(buffer + 8, whole, length) == 0, "%zu bytes: %s", bytes, buffer + 8);
        CHECK((whole[length] & 0xc0) != 0x80, "%zu bytes cut a character", bytes);
    }
    // The message is empty on success.
    strcpy(why, "old");
    CHECK(sd_plan(model, NULL, 1, RATE, no_event, NULL, WHY) == SD_OK && why[0] == 0, "%s", why);
}

// MARK: Many calls with random arguments

static uint64_t chance;
static uint64_t upto(uint64_t count) { return draw(&chance) % count; }
#define ONE_OF(...) ((__VA_ARGS__)[upto(sizeof(__VA_ARGS__) / sizeof((__VA_ARGS__)[0]))])

static int32_t odd_int(void) {
    return ONE_OF((const int32_t[]){0, 1, 2, -1, 3, 7, 64, 65, 1000, RATE, 44100, 768001, 1025,
                                    INT32_MAX, INT32_MIN});
}
static double odd_double(void) {
    return ONE_OF((const double[]){0, -1, 0.1, 1e-300, 1e300, -DBL_MAX, (double)NAN,
                                   (double)INFINITY, 9.3e18});
}
static size_t odd_size(void) {
    return ONE_OF((const size_t[]){0, 1, FRAMES - 1, SIZE_MAX, SIZE_MAX / 8 + 1, (size_t)1 << 62});
}
// Frames of an allocated buffer, FRAMES or less, or more frames than fit into memory.
static size_t frames_of_buffer(void) {
    return ONE_OF((const size_t[]){0, 1, 100, FRAMES, SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 62});
}
static const char *odd_text(void) {
    static char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    return ONE_OF((const char *[]){NULL, "", "vocals", "\xff\xfe", "drums+bass", longest, "*", "/",
                                   ".", "demo", "hf://", "a\nb", "%s%n", "-"});
}

// Usually the right value, so that a call fails for one reason at a time.
#define MOSTLY(right, wrong) (upto(8) ? (right) : (wrong))

// Usually the right handle; otherwise one of another kind, an invalid pointer, or NULL.
static void *odd_handle(void *right) {
    static double nowhere[16];
    return MOSTLY(right, ONE_OF((void *[]){NULL, nowhere, (char *)nowhere + 3, model}));
}
static sd_layout odd_layout(void) { return (sd_layout)MOSTLY(0, odd_int()); }

// Changes few members, because most changes are refused.
#define MUTATE(options, member, value)                                                             \
    do {                                                                                           \
        if (upto(25) == 0)                                                                         \
            (options).member = (value);                                                            \
    } while (0)

static int32_t maybe_stop(void *context, const sd_progress *progress) {
    (void)context, (void)progress;
    return upto(4) == 0;
}
static int32_t maybe_stop_run(void *context, const char *event, sd_status status) {
    (void)context, (void)event, (void)status;
    return upto(30) == 0;
}
static int32_t maybe_stop_trace(void *context, const char *name, const int64_t *shape, int32_t rank,
                                const float *values) {
    (void)context, (void)name, (void)shape, (void)rank, (void)values;
    return upto(30) == 0;
}

static const char *odd_open(void) {
    return ONE_OF((const char *[]){"{}", "{\"threads\": 1, \"jobs\": 3}", "{\"threads\": 1025}",
                                   "{\"stems\": \"vocals\"}", "{\"precision\": \"int8\"}",
                                   "{\"precision\": \"auto\"}", "{\"samples\": 2}", "[1]",
                                   "{\"repo\": \"/\"}"});
}

static call_options odd_options(sd_cancellation *cancellation) {
    const char *text = ONE_OF((const char *[]){
        "{}", "{}", "{\"shifts\": 3, \"overlap\": 0.999}", "{\"residual\": true}", "[1]",
        "{\"two-stems\": \"vocals\", \"output-rate\": \"input\"}", "{\"segment\": 0.1}",
        "{\"live\": true, \"hop\": 1e-30}", "{\"format\": \"mp3\", \"mp3-bitrate\": 8}"});
    call_options given = {"", NULL, NULL, NULL, NULL};
    snprintf(given.settings, sizeof given.settings, "%s", text);
    static sd_random state;
    state.words[0] = 1;
    state.position = upto(3) ? 624 : odd_int();
    MUTATE(given, random, &state);
    if (upto(3) == 0)
        given.progress = maybe_stop;
    MUTATE(given, cancellation, odd_handle(cancellation));
    return given;
}

static void two_thousand_calls_of_chance_crash_nothing(void) {
    chance = 20240607;
    int counts[SD_TRACKS_FAILED + 1] = {0};
    sd_cancellation *cancellation = sd_cancellation_create();
    sd_stream *stream = NULL;
    const char *input = path_in(folder, "chance.wav");
    const char *output = path_in(folder, "chance out.wav"), *outputs = path_in(folder, "chance");
    const char *quantized = path_in(folder, "chance.safetensors");
    write_wav(input, FRAMES, 2, RATE, 1);
    float *block = noise(FRAMES * 64, 1);
    // A frame may become 480 at the model's rate, and a stream has at most 64 channels.
    enum { ROOM = 700 };
    float *target = silence(ROOM * 64);

    for (int call = 0; call < 2000; call++) {
        const size_t bytes = ONE_OF((const size_t[]){0, 1, 2, 7, 200});
        char guarded[216];
        memset(guarded, 0x5a, sizeof guarded);
        char *message = upto(10) ? guarded + 8 : NULL;
        sd_status status = SD_OK;
        // What a call may write besides samples, which a failed call leaves as it was.
        uint64_t result[16], before[16];
        memset(result, 0x5a, sizeof result);
        call_options options = odd_options(cancellation);
        const call_options *given = upto(3) ? &options : NULL;
        const char *settings = given ? given->settings : NULL;
        sd_audio track = {block, FRAMES, CHANNELS, RATE, SD_PLANAR};
        MUTATE(track, samples, NULL);
        MUTATE(track, frames, frames_of_buffer());
        MUTATE(track, channels, odd_int());
        MUTATE(track, sample_rate, odd_int());
        MUTATE(track, layout, odd_layout());
        const sd_audio *track_or_null = MOSTLY(&track, NULL);
        float *target_or_null = MOSTLY(target, NULL);
        void *result_or_null = MOSTLY((void *)result, NULL);
        if (!stream)
            (void)open_stream(model, 2, RATE, NULL, &stream, NULL, 0);
        const uint64_t kind = upto(14);
        memcpy(before, result, sizeof before);

        switch (kind) {
        case 0:
            status = sd_open(MOSTLY(tiny_model(), odd_text()), upto(2) ? NULL : odd_open(), NULL,
                             NULL, result_or_null, message, bytes);
            if (status == SD_OK)
                sd_close(*(sd_model **)result);
            break;
        case 1:
            status = sd_model_describe(odd_handle(model), MOSTLY(maybe_stop_run, NULL), NULL,
                                       message, bytes);
            break;
        case 2:
            status = sd_plan(odd_handle(model), settings, odd_size(), odd_int(),
                             MOSTLY(maybe_stop_run, NULL), NULL, message, bytes);
            break;
        case 3:
        case 4:
            status = separate_with(odd_handle(model), track_or_null, given, target_or_null,
                                   MOSTLY(ROOM, frames_of_buffer()), odd_layout(), result, message,
                                   bytes);
            break;
        case 5: {
            const char *more =
                ONE_OF((const char *[]){"\"shifts\": 0", "\"dry-run\": true",
                                        "\"skip-existing\": true", "\"stems\": \"kazoo\""});
            const char *tracks[] = {upto(2) ? input : odd_text(), odd_text()};
            status = sd_run(odd_handle(model), MOSTLY(tracks, NULL), MOSTLY(1, upto(3)),
                            MOSTLY(settings_for(MOSTLY(outputs, "/dev/null/x"), more), odd_text()),
                            upto(2) ? maybe_stop_run : NULL, upto(3) ? NULL : maybe_stop, NULL,
                            odd_handle(cancellation), message, bytes);
            break;
        }
        case 6:
            status = open_stream(odd_handle(model), MOSTLY(2, odd_int()), MOSTLY(RATE, odd_int()),
                                 given, result_or_null, message, bytes);
            if (status == SD_OK) {
                sd_stream_close(stream);
                stream = *(sd_stream **)result;
            }
            break;
        case 7:
            status = sd_stream_push(odd_handle(stream), MOSTLY(block, NULL), frames_of_buffer(),
                                    odd_layout(), message, bytes);
            break;
        case 8:
            status = sd_stream_finish(odd_handle(stream), message, bytes);
            break;
        case 9:
            status =
                sd_stream_pull(odd_handle(stream), target_or_null, MOSTLY(ROOM, frames_of_buffer()),
                               odd_layout(), result_or_null, message, bytes);
            if (upto(4) == 0)
                sd_stream_close(stream), stream = NULL;
            break;
        case 10: {
            const char *files[] = {upto(2) ? input : odd_text()};
            status = sd_quantize(MOSTLY(tiny_model(), odd_text()), MOSTLY(quantized, "/dev/null/x"),
                                 MOSTLY(NULL, files), MOSTLY(0, upto(2)),
                                 MOSTLY("{\"samples\": 1}", odd_open()), maybe_stop_run, NULL, NULL,
                                 MOSTLY(NULL, odd_handle(cancellation)), message, bytes);
            break;
        }
        case 11:
            status = upto(2) ? sd_read(MOSTLY(input, odd_text()), MOSTLY(0, odd_int()),
                                       MOSTLY(0, odd_int()), MOSTLY(no_block, NULL), NULL, NULL,
                                       NULL, message, bytes)
                             : sd_write(track_or_null, MOSTLY(output, "/dev/null/x"), settings,
                                        message, bytes);
            break;
        case 12:
            status = sd_convert(track_or_null, MOSTLY(2, odd_int()), MOSTLY(RATE, odd_int()),
                                target_or_null, MOSTLY(ROOM, (size_t)upto(2)), odd_layout(),
                                result_or_null, message, bytes);
            break;
        default:
            status = upto(2) ? sd_evaluate(MOSTLY(block, NULL), MOSTLY(block + 1, NULL),
                                           MOSTLY(1, odd_int()), MOSTLY(2, odd_int()),
                                           MOSTLY(20, frames_of_buffer()), MOSTLY(RATE, odd_int()),
                                           odd_layout(), result_or_null, NULL, message, bytes)
                             : sd_trace(odd_handle(model), track_or_null, MOSTLY(0, odd_double()),
                                        MOSTLY(0, odd_double()), upto(2) ? NULL : odd_text(),
                                        MOSTLY(maybe_stop_trace, NULL), NULL, message, bytes);
        }

        REQUIRE((int)status >= 0 && status <= SD_TRACKS_FAILED && status != SD_ERROR_INTERNAL,
                "call %d: %d: %.200s", call, (int)status, guarded + 8);
        counts[status]++;
        for (size_t index = 0; index < 8; index++) {
            CHECK(guarded[index] == 0x5a, "call %d wrote before its message", call);
            CHECK(guarded[8 + (message ? bytes : 0) + index] == 0x5a,
                  "call %d wrote past its message", call);
        }
        if (message && bytes > 0)
            CHECK(memchr(message, 0, bytes), "call %d: no zero byte", call);
        CHECK(status == SD_OK || status == SD_DONE || !memcmp(result, before, sizeof before),
              "call %d: %s, with a result", call, sd_status_text(status));
    }
    sd_stream_close(stream);
    sd_cancellation_free(cancellation);
    free(block), free(target);
    CHECK(counts[SD_OK] > 100 && counts[SD_ERROR_ARGUMENT] > 100 && counts[SD_CANCELLED] > 10,
          "%d calls succeeded, %d were refused, %d cancelled", counts[SD_OK],
          counts[SD_ERROR_ARGUMENT], counts[SD_CANCELLED]);
}

int main(int argc, char **argv) {
    const test tests[] = {
        TEST(every_status_but_internal_error_can_be_had),
        TEST(every_status_has_words),
        TEST(null_is_refused_where_something_is_needed),
        TEST(numbers_out_of_range_are_refused),
        TEST(a_sample_that_is_not_finite_is_named),
        TEST(a_handle_of_another_kind_is_refused),
        TEST(messages_are_cut_at_a_characters_boundary),
        TEST(two_thousand_calls_of_chance_crash_nothing),
    };
    if (argc > 2) {
        root = argv[1];
        model = open_tiny();
    }
    int result = run_tests(argc, argv, tests, sizeof tests / sizeof tests[0]);
    sd_close(model);
    return result;
}
