// Invalid arguments, and their error messages.
#include "harness.h"

#include <float.h>
#include <sys/wait.h>
#include <unistd.h>

static char why[SD_MESSAGE_BYTES];
static sd_model *model;

enum { FRAMES = 400 };
static float samples[FRAMES * CHANNELS];
static float stems[FRAMES * CHANNELS * STEMS];
static const sd_audio mix = {sizeof mix, samples, FRAMES, CHANNELS, RATE, SD_PLANAR, 0};

static sd_status separate(const sd_audio *audio, const char *settings) {
    return sd_separate(model, audio, settings, stems, FRAMES, SD_PLANAR, NULL, NULL, NULL, NULL,
                       NULL, why, sizeof why);
}

static sd_status analyze(const sd_audio *audio, const char *settings, sd_event_callback event) {
    return sd_analyze(model, audio, settings, event, NULL, NULL, NULL, why, sizeof why);
}

static sd_status open_with(const char *settings, sd_stream **stream) {
    return sd_stream_open(model, 2, RATE, settings, NULL, NULL, NULL, NULL, stream, why,
                          sizeof why);
}

// MARK: Statuses

static sd_status run_into(const char *out, const char *input) {
    return run_track(model, input, settings_for(out, "\"stems\": \"vocals\""), NULL, why,
                     sizeof why);
}

static sd_status run_with(const char *settings, const char *input) {
    return run_track(model, input, settings, NULL, why, sizeof why);
}

// Opens a model in a child process, because the environment belongs to the process.
static sd_status open_with_environment(const char *name, const char *value, const char *path) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        sd_model *opened = NULL;
        setenv(name, value, 1);
        _exit((int)sd_open(path, NULL, &opened, why, sizeof why));
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

    FAILS(SD_ERROR_ARGUMENT, sd_open("", NULL, &other, why, sizeof why));
    FAILS(SD_ERROR_MODEL_MISSING, sd_open("no_such_model", NULL, &other, why, sizeof why));
    CHECK(strstr(why, "no_such_model"), "the message lacks the name: %s", why);
    FAILS(SD_ERROR_MODEL_MISSING, sd_open("/no/such.safetensors", NULL, &other, why, sizeof why));
    FAILS(SD_ERROR_MODEL, sd_open(garbage, NULL, &other, why, sizeof why));
    FAILS(SD_ERROR_MODEL,
          sd_open(path_in(root, "Models/selftest.safetensors"), NULL, &other, why, sizeof why));
    CHECK(other == NULL, "a failed call gave a handle");
    const char *never = path_in(folder, "never");
    FAILS(SD_ERROR_INPUT, run_into(never, "/no/such.wav"));
    FAILS(SD_ERROR_INPUT, run_into(never, garbage));
    FAILS(SD_ERROR_ARGUMENT,
          run_with(settings_for(never, "\"start\": 9, \"stems\": \"vocals\""), input));
    FAILS(SD_ERROR_OUTPUT, run_into("/dev/null/never", input));
    CHECK(!exists(never), "a failed call left a folder");
    FAILS(SD_ERROR_MODEL_MISSING, sd_fetch("no_such_model", NULL, NULL, NULL, why, sizeof why));
    sd_status status = open_with("{\"spool\": \"/no/such/folder\"}", &stream);
    if (status == SD_OK)
        status = sd_stream_push(stream, samples, 1, SD_PLANAR, why, sizeof why);
    CHECK(status == SD_ERROR_OUTPUT, "%s: %s", sd_status_text(status), why);
    sd_stream_close(stream);

    call_options options = {"{}", .cancellation = sd_cancellation_create()};
    sd_cancellation_cancel(options.cancellation);
    FAILS(SD_CANCELLED,
          separate_with(model, &mix, &options, stems, FRAMES, SD_PLANAR, NULL, why, sizeof why));
    sd_cancellation_free(options.cancellation);

    OK(open_with(NULL, &stream));
    OK(sd_stream_push(stream, samples, 2, SD_PLANAR, why, sizeof why));
    OK(sd_stream_finish(stream, why, sizeof why));
    FAILS(SD_ERROR_STATE, sd_stream_push(stream, samples, 2, SD_PLANAR, why, sizeof why));
    OK(sd_stream_pull(stream, stems, FRAMES, SD_PLANAR, &frames, why, sizeof why));
    CHECK(sd_stream_pull(stream, stems, FRAMES, SD_PLANAR, &frames, why, sizeof why) == SD_DONE,
          "%s", why);
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
        CHECK((strcmp(text, "unknown status") == 0) == (status < 0 || status > SD_ERROR_INTERNAL),
              "%d is '%s'", status, text);
    }
    CHECK(strcmp(sd_version(), SD_VERSION) == 0, "%s and %s", sd_version(), SD_VERSION);
    CHECK(sd_version_number() == SD_VERSION_NUMBER, "%d", sd_version_number());
}

// MARK: NULL and numbers out of range

static int32_t no_tensor(void *context, const char *name, const int64_t *shape, int32_t rank,
                         const float *values) {
    (void)context, (void)name, (void)shape, (void)rank, (void)values;
    return 0;
}

static int32_t no_event(void *context, const char *event, sd_status status) {
    (void)context, (void)event, (void)status;
    return 0;
}

static int32_t no_block(void *context, const sd_audio *audio) {
    (void)context, (void)audio;
    return 0;
}

static void null_is_refused_where_something_is_needed(void) {
    sd_model *opened = NULL;
    sd_stream *stream = NULL;
    sd_model_info info = {.size = sizeof info};
    sd_outputs outputs = {.size = sizeof outputs};
    size_t frames = 0;
    sd_audio none = mix;
    none.samples = NULL;
    const char *tracks[] = {"x", NULL};
    const sd_status argument = SD_ERROR_ARGUMENT;

    FAILS(argument, sd_open(NULL, NULL, &opened, why, sizeof why));
    FAILS(argument, sd_open(tiny_model(), NULL, NULL, why, sizeof why));
    FAILS(argument, sd_model_describe(NULL, &info, why, sizeof why));
    FAILS(argument, sd_model_describe(model, NULL, why, sizeof why));
    FAILS(argument, sd_plan(NULL, NULL, 1, RATE, &outputs, why, sizeof why));
    FAILS(argument, sd_plan(model, NULL, 1, RATE, NULL, why, sizeof why));
    FAILS(argument,
          separate_with(NULL, &mix, NULL, stems, FRAMES, SD_PLANAR, NULL, why, sizeof why));
    FAILS(argument, separate(NULL, NULL));
    FAILS(argument, separate(&none, NULL));
    FAILS(argument,
          separate_with(model, &mix, NULL, NULL, FRAMES, SD_PLANAR, NULL, why, sizeof why));
    FAILS(argument, sd_run(NULL, tracks, 1, NULL, NULL, NULL, NULL, NULL, why, sizeof why));
    FAILS(argument, sd_run(model, NULL, 0, NULL, NULL, NULL, NULL, NULL, why, sizeof why));
    FAILS(argument, sd_run(model, tracks, 0, NULL, NULL, NULL, NULL, NULL, why, sizeof why));
    FAILS(argument, sd_run(model, tracks, 2, NULL, NULL, NULL, NULL, NULL, why, sizeof why));
    FAILS(argument, sd_fetch(NULL, NULL, NULL, NULL, why, sizeof why));
    OK(sd_models(NULL, NULL, NULL, why, sizeof why));
    FAILS(argument, open_stream(NULL, 2, RATE, NULL, &stream, why, sizeof why));
    FAILS(argument, open_with(NULL, NULL));
    FAILS(argument, sd_stream_push(NULL, samples, 1, SD_PLANAR, why, sizeof why));
    FAILS(argument, sd_stream_finish(NULL, why, sizeof why));
    FAILS(argument, sd_stream_pull(NULL, stems, 1, SD_PLANAR, &frames, why, sizeof why));
    OK(open_with(NULL, &stream));
    FAILS(argument, sd_stream_push(stream, NULL, 1, SD_PLANAR, why, sizeof why));
    FAILS(argument, sd_stream_pull(stream, NULL, 1, SD_PLANAR, &frames, why, sizeof why));
    FAILS(argument, sd_stream_pull(stream, stems, 1, SD_PLANAR, NULL, why, sizeof why));
    FAILS(argument, sd_stream_pull(stream, stems, 0, SD_PLANAR, &frames, why, sizeof why));
    sd_stream_close(stream);
    FAILS(argument, sd_read(NULL, 0, 0, no_block, NULL, NULL, NULL, why, sizeof why));
    FAILS(argument, sd_read("x", 0, 0, NULL, NULL, NULL, NULL, why, sizeof why));
    FAILS(argument, sd_convert(NULL, 2, RATE, stems, 1, SD_PLANAR, &frames, why, sizeof why));
    FAILS(argument, sd_convert(&none, 2, RATE, stems, 1, SD_PLANAR, &frames, why, sizeof why));
    FAILS(argument, sd_convert(&mix, 2, RATE, stems, 1, SD_PLANAR, NULL, why, sizeof why));
    FAILS(argument, sd_convert(&mix, 2, RATE, stems, 1, SD_PLANAR, &frames, why, sizeof why));
    FAILS(argument, sd_write(NULL, "x.wav", NULL, why, sizeof why));
    FAILS(argument, sd_write(&mix, NULL, NULL, why, sizeof why));
    FAILS(SD_ERROR_INPUT,
          sd_read("/no/such.wav", 0, 0, no_block, NULL, NULL, NULL, why, sizeof why));
    FAILS(SD_ERROR_OUTPUT, sd_write(&mix, "/no/such/x.wav", NULL, why, sizeof why));
    FAILS(argument, sd_quantize(NULL, "x", NULL, NULL, why, sizeof why));
    FAILS(argument, sd_quantize(tiny_model(), NULL, NULL, NULL, why, sizeof why));
    sd_scores scores[1];
    FAILS(argument,
          sd_evaluate(NULL, samples, 1, 1, 9, RATE, SD_PLANAR, 1, scores, why, sizeof why));
    FAILS(argument,
          sd_evaluate(samples, NULL, 1, 1, 9, RATE, SD_PLANAR, 1, scores, why, sizeof why));
    FAILS(argument,
          sd_evaluate(samples, samples, 1, 1, 9, RATE, SD_PLANAR, 1, NULL, why, sizeof why));
    FAILS(argument, sd_analyze(NULL, &mix, NULL, no_event, NULL, NULL, NULL, why, sizeof why));
    FAILS(argument, analyze(NULL, NULL, no_event));
    FAILS(argument, analyze(&mix, NULL, NULL));
    FAILS(argument, sd_trace(NULL, &mix, 0, 0, NULL, no_tensor, NULL, why, sizeof why));
    FAILS(argument, sd_trace(model, NULL, 0, 0, NULL, no_tensor, NULL, why, sizeof why));
    FAILS(argument, sd_trace(model, &mix, 0, 0, NULL, NULL, NULL, why, sizeof why));

    // Calls without an effect.
    sd_close(NULL);
    sd_stream_close(NULL);
    sd_cancellation_cancel(NULL);
    sd_cancellation_free(NULL);
    sd_open_options_init(NULL);
    sd_quantize_options_init(NULL);
    // A failing call without a message buffer.
    CHECK(sd_open(NULL, NULL, NULL, NULL, 0) == SD_ERROR_ARGUMENT, "no message");
    CHECK(sd_open(NULL, NULL, NULL, NULL, 99) == SD_ERROR_ARGUMENT, "no message");
}

// Each changes a member to a value that must be refused.
#define REFUSES(type, init, member, value, call)                                                   \
    do {                                                                                           \
        type options;                                                                              \
        init(&options);                                                                            \
        options.member = value;                                                                    \
        why[0] = 0;                                                                                \
        sd_status status_ = call;                                                                  \
        CHECK(status_ == SD_ERROR_ARGUMENT, "%s = %s: %s: %s", #member, #value,                    \
              sd_status_text(status_), why);                                                       \
    } while (0)
#define OPEN(member, value)                                                                        \
    REFUSES(sd_open_options, sd_open_options_init, member, value,                                  \
            sd_open(tiny_model(), &options, &opened, why, sizeof why))
#define QUANTIZE(member, value)                                                                    \
    REFUSES(sd_quantize_options, sd_quantize_options_init, member, value,                          \
            sd_quantize(tiny_model(), path_in(folder, "never.safetensors"), &options, NULL, why,   \
                        sizeof why))
static void set_mix(sd_audio *audio) { *audio = mix; }
#define MIX(member, value) REFUSES(sd_audio, set_mix, member, value, separate(&options, NULL))

static void numbers_out_of_range_are_refused(void) {
    sd_model *opened = NULL;
    sd_stream *stream = NULL;
    const char *input = path_in(folder, "ranges.wav");
    const char *bad_names[] = {"vocals", "kazoo"}, *no_name[] = {NULL}, *not_utf8[] = {"\xff\xfe"};
    write_wav(input, 100, 2, RATE, 1);
    // A rate that MP3 supports.
    const sd_audio mp3 = {sizeof mp3, samples, FRAMES, CHANNELS, 8000, SD_PLANAR, 0};
    sd_random nonsense = {{0}, 625};

    OPEN(size, 0);
    OPEN(size, sizeof options - 1);
    OPEN(size, sizeof options + 1);
    OPEN(size, SIZE_MAX);
    OPEN(stem_count, 1);
    OPEN(stems, bad_names);
    OPEN(threads, -1);
    OPEN(threads, 1025);
    OPEN(threads, INT32_MIN);
    OPEN(jobs, 0);
    OPEN(jobs, INT32_MIN);
    OPEN(precision, (sd_precision)5);
    OPEN(precision, (sd_precision)-1);
    OPEN(repository, "/no/such/folder");
    OPEN(repository, "\xff");
    for (int index = 0; index < 3; index++) {
        sd_open_options options;
        sd_open_options_init(&options);
        options.stems = index == 0 ? bad_names : index == 1 ? no_name : not_utf8;
        options.stem_count = index == 0 ? 2 : 1;
        FAILS(SD_ERROR_ARGUMENT, sd_open(tiny_model(), &options, &opened, why, sizeof why));
        options.stem_count = SIZE_MAX;
        FAILS(SD_ERROR_ARGUMENT, sd_open(tiny_model(), &options, &opened, why, sizeof why));
    }

    MIX(size, 0);
    MIX(size, SIZE_MAX);
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
    FAILS(SD_ERROR_ARGUMENT, separate_with(model, &mix, &odd_options, stems, FRAMES, SD_PLANAR,
                                           NULL, why, sizeof why));
    odd_options = (call_options){"{}", .cancellation = (sd_cancellation *)(void *)model};
    FAILS(SD_ERROR_ARGUMENT, separate_with(model, &mix, &odd_options, stems, FRAMES, SD_PLANAR,
                                           NULL, why, sizeof why));
    const char *separations[] = {
        "{\"overlap\": -0.1}",   "{\"segment\": 1000}",   "{\"segment\": 1e-308}",
        "{\"shifts\": 1e999}",   "{\"stems\": \"none\"}", "{\"stems\": \"kazoo\"}",
        "{\"start\": 1000}",     "{\"flac\": true}",      "{\"precision\": \"bfloat16\"}",
        "{\"out\": \"folder\"}", "{\"live\": true}",      "{\"then\": \"vocals=/no/such\"}",
    };
    for (size_t index = 0; index < sizeof separations / sizeof separations[0]; index++) {
        sd_status status = separate(&mix, separations[index]);
        CHECK(status == SD_ERROR_ARGUMENT || (status == SD_ERROR_MODEL_MISSING && index == 11),
              "%s: %s: %s", separations[index], sd_status_text(status), why);
    }
    // The command's analysis makes no signals.
    FAILS(SD_ERROR_ARGUMENT, analyze(&mix, "{\"stems\": \"vocals\"}", no_event));

    const char *files[] = {
        "{\"format\": \"raw\"}",     "{\"mp3-bitrate\": 7}",   "{\"mp3-bitrate\": 2147483648}",
        "{\"mp3-bitrate\": 0}",      "{\"mp3-preset\": -1}",   "{\"mp3-preset\": 8}",
        "{\"clip-mode\": \"loud\"}", "{\"int24\": \"maybe\"}", "{\"gain\": \"common\"}",
    };
    for (size_t index = 0; index < sizeof files / sizeof files[0]; index++)
        FAILS(SD_ERROR_ARGUMENT,
              sd_write(&mp3, path_in(folder, "never"), files[index], why, sizeof why));
    CHECK(!exists(path_in(folder, "never")), "a failed call left a file");
    const char *settings[] = {
        "",
        "{",
        "[]",
        "{} {}",
        "\xff",
        "{\"stemz\": \"vocals\"}",
        "{\"stems\": \"kazoo\"}",
        "{\"stems\": {}}",
        "{\"stems\": [\"vocals\", \"kazoo\"]}",
        "{\"two-stems\": [\"vocals\", \"drums\"]}",
        "{\"shifts\": [0, 1]}",
        "{\"stems\": \"none\"}",
        "{\"mix\": [\"a=drums+bass\", \"b=drums+kazoo\"]}",
        "{\"mix\": [[\"a=drums+bass\"]]}",
        "{\"mix\": [\"a=drums\", \"a=bass\"]}",
        "{\"shifts\": 101}",
        "{\"flac\": true, \"mp3\": true}",
        "{\"segment\": 100}",
        "{\"precision\": \"bfloat16\"}",
        "{\"filename\": \"{kazoo}.wav\"}",
        "{\"filename\": \"same.wav\"}",
        "{\"timeout\": -1}",
        "{\"stem-codec\": \"alac\"}",
    };
    for (size_t index = 0; index < sizeof settings / sizeof settings[0]; index++)
        FAILS(SD_ERROR_ARGUMENT, run_with(settings[index], input));
    CHECK(!exists("separated"), "a refused run left a folder");
    // Two tracks of one name, which would have the same files.
    const char *alike[] = {input, "/no/such/ranges.wav"};
    FAILS(SD_ERROR_ARGUMENT,
          sd_run(model, alike, 2, NULL, NULL, NULL, NULL, NULL, why, sizeof why));

    const char *streams[] = {
        "{\"live\": true, \"mean\": \"nan\"}",  "{\"mean\": 1e999}",
        "{\"standard-deviation\": 0}",          "{\"standard-deviation\": -1}",
        "{\"standard-deviation\": \"inf\"}",    "{\"live\": true, \"shifts\": 2}",
        "{\"live\": true, \"no-split\": true}", "{\"start\": 1}",
    };
    for (size_t index = 0; index < sizeof streams / sizeof streams[0]; index++)
        FAILS(SD_ERROR_ARGUMENT, open_with(streams[index], &stream));

    QUANTIZE(size, 0);
    QUANTIZE(calibration_file_count, 1);
    QUANTIZE(calibration_segments, 0);
    QUANTIZE(calibration_segments, 10001);
    QUANTIZE(precision, SD_PRECISION_AUTO);
    QUANTIZE(precision, (sd_precision)9);
    QUANTIZE(threads, 1025);
    QUANTIZE(threads, -1);
    CHECK(opened == NULL && stream == NULL, "a failed call gave a handle");

    sd_scores scores[1];
    const uint32_t metrics[] = {0, 4, UINT32_MAX};
    const int32_t counts[] = {0, -1, 65, INT32_MAX};
    for (int index = 0; index < 3; index++)
        FAILS(SD_ERROR_ARGUMENT, sd_evaluate(samples, samples, 1, 1, 9, RATE, SD_PLANAR,
                                             metrics[index], scores, why, sizeof why));
    for (int index = 0; index < 4; index++) {
        FAILS(SD_ERROR_ARGUMENT, sd_evaluate(samples, samples, counts[index], 1, 9, RATE, SD_PLANAR,
                                             1, scores, why, sizeof why));
        FAILS(SD_ERROR_ARGUMENT, sd_evaluate(samples, samples, 1, counts[index], 9, RATE, SD_PLANAR,
                                             1, scores, why, sizeof why));
    }
    const double odd[] = {-1, 1e9, (double)NAN, (double)INFINITY, -(double)INFINITY, 1e300};
    for (int index = 0; index < 6; index++) {
        FAILS(SD_ERROR_ARGUMENT,
              sd_trace(model, &mix, odd[index], 0, NULL, no_tensor, NULL, why, sizeof why));
        FAILS(SD_ERROR_ARGUMENT,
              sd_trace(model, &mix, 0, odd[index], NULL, no_tensor, NULL, why, sizeof why));
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
    FAILS(SD_ERROR_INPUT, sd_trace(model, &mix, 0, 0, NULL, no_tensor, NULL, why, sizeof why));
    samples[3] = samples[FRAMES + 3] = 0;
}

static void a_handle_of_another_kind_is_refused(void) {
    sd_stream *stream = NULL;
    size_t frames = 0;
    sd_model_info info = {.size = sizeof info};
    OK(open_with(NULL, &stream));
    sd_cancellation *cancellation = sd_cancellation_create();
    void *others[] = {stream, cancellation, samples, why + 1};
    for (int index = 0; index < 4; index++) {
        sd_model *wrong = others[index];
        FAILS(SD_ERROR_ARGUMENT, sd_model_describe(wrong, &info, why, sizeof why));
        FAILS(SD_ERROR_ARGUMENT,
              separate_with(wrong, &mix, NULL, stems, FRAMES, SD_PLANAR, NULL, why, sizeof why));
        FAILS(SD_ERROR_ARGUMENT, sd_stream_pull(index == 0 ? (void *)model : others[index], stems,
                                                1, SD_PLANAR, &frames, why, sizeof why));
        sd_close(wrong);
    }
    sd_cancellation_cancel((void *)model);
    sd_cancellation_free((void *)model);
    sd_stream_close((void *)model);
    OK(sd_model_describe(model, &info, why, sizeof why));
    OK(sd_stream_push(stream, samples, 1, SD_PLANAR, why, sizeof why));
    sd_stream_close(stream);
    sd_cancellation_free(cancellation);
}

static void defaults_are_the_documented_ones(void) {
    sd_open_options open;
    sd_quantize_options quantize;
    memset(&open, 0xaa, sizeof open);
    memset(&quantize, 0xaa, sizeof quantize);
    sd_open_options_init(&open);
    sd_quantize_options_init(&quantize);
    CHECK(open.size == sizeof open && !open.stems && open.stem_count == 0 && open.threads == 0 &&
              open.jobs == 1 && open.precision == SD_PRECISION_DEFAULT && !open.repository &&
              !open.log && !open.log_context,
          "sd_open_options");
    CHECK(quantize.size == sizeof quantize && !quantize.calibration_files &&
              quantize.calibration_file_count == 0 && quantize.calibration_segments == 50 &&
              quantize.precision == SD_PRECISION_INT8 && quantize.threads == 0 && !quantize.log &&
              !quantize.log_context && !quantize.cancellation,
          "sd_quantize_options");
}

// MARK: Messages

static void messages_are_cut_at_a_characters_boundary(void) {
    // Characters of two, three and four bytes.
    const char *name =
        "/no/\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5/\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5.safetensors";
    sd_model *opened = NULL;
    char whole[SD_MESSAGE_BYTES];
    sd_open(name, NULL, &opened, whole, sizeof whole);
    CHECK(strstr(whole, name), "the message lacks the name: %s", whole);
    for (size_t bytes = 0; bytes <= strlen(whole) + 2; bytes++) {
        char buffer[SD_MESSAGE_BYTES + 16];
        memset(buffer, 0x5a, sizeof buffer);
        sd_status status = sd_open(name, NULL, &opened, buffer + 8, bytes);
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
    sd_outputs outputs = {.size = sizeof outputs};
    strcpy(why, "old");
    CHECK(sd_plan(model, NULL, 1, RATE, &outputs, why, sizeof why) == SD_OK && why[0] == 0, "%s",
          why);
}

// MARK: Many calls with random arguments

static uint64_t chance;
static uint64_t upto(uint64_t count) { return draw(&chance) % count; }

static int32_t odd_int(void) {
    const int32_t values[] = {0,         1,         2,    -1,   3,     7,      64,
                              65,        999,       1000, RATE, 44100, 768000, 768001,
                              INT32_MAX, INT32_MIN, 101,  1024, 1025};
    return values[upto(sizeof values / sizeof values[0])];
}
static double odd_double(void) {
    const double values[] = {
        0,       1,        -1,  0.25, 0.999999,    1e-300,           1e300,
        DBL_MAX, -DBL_MAX, 0.1, 100,  (double)NAN, (double)INFINITY, -(double)INFINITY,
        1e18,    9.3e18};
    return values[upto(sizeof values / sizeof values[0])];
}
static size_t odd_size(void) {
    const size_t values[] = {0,
                             1,
                             2,
                             FRAMES,
                             FRAMES - 1,
                             SIZE_MAX,
                             SIZE_MAX / 2,
                             SIZE_MAX / 8 + 1,
                             (size_t)1 << 40,
                             (size_t)1 << 62};
    return values[upto(sizeof values / sizeof values[0])];
}
// Frames of an allocated buffer, FRAMES or less, or more frames than fit into memory.
static size_t frames_of_buffer(void) {
    const size_t values[] = {0, 1, 2, 100, FRAMES, SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 62};
    return values[upto(sizeof values / sizeof values[0])];
}
static const char *odd_text(void) {
    static char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    const char *values[] = {
        NULL,  "",  "vocals", "\xff\xfe", "\xc3",  "drums+bass", longest, "mixture-drums", "*",
        "?,,", "/", ".",      "demo",     "hf://", "a\nb",       "%s%n",  "../..",         "-"};
    return values[upto(sizeof values / sizeof values[0])];
}

// Usually the right handle; otherwise one of another kind, an invalid pointer, or NULL.
static void *odd_handle(void *right) {
    static double nowhere[16];
    switch (upto(8)) {
    case 0:
        return NULL;
    case 1:
        return nowhere;
    case 2:
        return (char *)nowhere + 3;
    case 3:
        return model;
    default:
        return right;
    }
}

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

static call_options odd_options(sd_cancellation *cancellation) {
    const char *settings[] = {
        "{}",
        "{\"shifts\": 3, \"overlap\": 0.999}",
        "{\"segment\": 0.1}",
        "{\"two-stems\": \"vocals\", \"output-rate\": \"input\"}",
        "{\"stems\": [\"a\"], \"mix\": [\"a=mixture-drums\"]}",
        "{\"residual\": true, \"no-split\": true}",
        "{\"start\": 0.01, \"duration\": 1e-9}",
        "{\"live\": true, \"mean\": 1e-30}",
        "{\"live\": true, \"shifts\": 0, \"spool\": \"/no/such\"}",
        "{\"transition-power\": 1e300}",
        "{\"format\": \"mp3\", \"mp3-bitrate\": 8}",
        "{\"float32\": true, \"clip-mode\": \"tanh\"}",
        "{\"seed\": 18446744073709551615}",
        "{\"shifts\": -1}",
        "[1]",
    };
    call_options given = {"{}", NULL, NULL, NULL, NULL};
    const char *text = upto(3) ? settings[upto(sizeof settings / sizeof settings[0])] : odd_text();
    snprintf(given.settings, sizeof given.settings, "%s", text ? text : "");
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
    int counts[13] = {0};
    sd_cancellation *cancellation = sd_cancellation_create();
    sd_stream *stream = NULL;
    const char *input = path_in(folder, "chance.wav");
    char output[1024], outputs[1024], quantized[1024];
    write_wav(input, FRAMES, 2, RATE, 1);
    snprintf(output, sizeof output, "%s/chance out.wav", folder);
    snprintf(outputs, sizeof outputs, "%s/chance", folder);
    snprintf(quantized, sizeof quantized, "%s/chance.safetensors", folder);
    float *block = noise(FRAMES * 64, 1);
    // A frame may become 480 at the model's rate.
    enum { ROOM = 700 };
    float *target = silence(ROOM * CHANNELS * STEMS);
    // Large enough for any number of channels.
    float *wide = silence(ROOM * 64);

    for (int call = 0; call < 2000; call++) {
        const size_t sizes[] = {0, 1, 2, 7, 200};
        size_t bytes = sizes[upto(5)];
        char guarded[216];
        memset(guarded, 0x5a, sizeof guarded);
        char *message = upto(10) ? guarded + 8 : NULL;
        sd_status status = SD_OK;
        const uint64_t untouched = 0x5a5a5a5a5a5a5a5a;
        uint64_t result[16];
        memset(result, 0x5a, sizeof result);
        size_t result_bytes = 0;
        call_options options = odd_options(cancellation);
        const call_options *given = upto(3) ? &options : NULL;
        sd_audio track = {sizeof track, block, FRAMES, CHANNELS, RATE, SD_PLANAR, 0};
        MUTATE(track, size, odd_size());
        MUTATE(track, samples, NULL);
        MUTATE(track, frames, frames_of_buffer());
        MUTATE(track, channels, odd_int());
        MUTATE(track, sample_rate, odd_int());
        MUTATE(track, layout, (sd_layout)odd_int());
        if (!stream)
            (void)open_stream(model, 2, RATE, NULL, &stream, NULL, 0);

        switch (upto(15)) {
        case 0: {
            sd_open_options open;
            sd_open_options_init(&open);
            const char *names[] = {odd_text(), odd_text()};
            MUTATE(open, size, odd_size());
            MUTATE(open, stems, names);
            MUTATE(open, stem_count, upto(2) ? upto(3) : SIZE_MAX);
            MUTATE(open, threads, odd_int());
            MUTATE(open, jobs, odd_int());
            MUTATE(open, precision, (sd_precision)odd_int());
            MUTATE(open, repository, odd_text());
            status = sd_open(upto(2) ? tiny_model() : odd_text(), upto(4) ? &open : NULL,
                             upto(8) ? (sd_model **)result : NULL, message, bytes);
            if (status == SD_OK)
                sd_close(*(sd_model **)result);
            result_bytes = sizeof(sd_model *);
            break;
        }
        case 1: {
            sd_model_info *info = (sd_model_info *)result;
            info->size = upto(2) ? sizeof *info : odd_size();
            size_t size = info->size;
            status = sd_model_describe(odd_handle(model), upto(8) ? info : NULL, message, bytes);
            if (status != SD_OK)
                CHECK(info->size == size, "call %d", call);
            info->size = (size_t)untouched;
            result_bytes = status == SD_OK ? 0 : sizeof *info;
            break;
        }
        case 2: {
            sd_outputs *outputs = (sd_outputs *)result;
            outputs->size = upto(8) ? sizeof *outputs : odd_size();
            status = sd_plan(odd_handle(model), given ? given->settings : NULL, odd_size(),
                             odd_int(), upto(8) ? outputs : NULL, message, bytes);
            outputs->size = (size_t)untouched;
            result_bytes = status == SD_OK ? 0 : sizeof *outputs;
            break;
        }
        case 3:
        case 4:
            status = separate_with(odd_handle(model), upto(8) ? &track : NULL, given,
                                   upto(8) ? target : NULL, upto(4) ? ROOM : frames_of_buffer(),
                                   (sd_layout)(upto(4) ? 0 : odd_int()), result, message, bytes);
            result_bytes = sizeof(uint64_t);
            break;
        case 5: {
            const char *more[] = {"\"shifts\": 0",        "\"flac\": true, \"residual\": true",
                                  "\"dry-run\": true",    "\"skip-existing\": true",
                                  "\"stems\": \"kazoo\"", "\"start\": \"0:00.1\"",
                                  "\"duration\": 1e999"};
            const char *tracks[] = {upto(2) ? input : odd_text(), odd_text()};
            status = sd_run(odd_handle(model), upto(8) ? tracks : NULL, upto(4) ? 1 : upto(3),
                            upto(4) ? settings_for(upto(4) ? outputs : "/dev/null/x", more[upto(7)])
                                    : odd_text(),
                            upto(2) ? maybe_stop_run : NULL, upto(3) ? NULL : maybe_stop, NULL,
                            odd_handle(cancellation), message, bytes);
            break;
        }
        case 6: {
            status =
                open_stream(odd_handle(model), upto(2) ? 2 : odd_int(), upto(2) ? RATE : odd_int(),
                            given, upto(8) ? (sd_stream **)result : NULL, message, bytes);
            if (status == SD_OK) {
                sd_stream_close(stream);
                stream = *(sd_stream **)result;
            }
            result_bytes = sizeof(sd_stream *);
            break;
        }
        case 7:
            // The stream has at most 64 channels.
            status = sd_stream_push(odd_handle(stream), upto(8) ? block : NULL, frames_of_buffer(),
                                    (sd_layout)(upto(4) ? 0 : odd_int()), message, bytes);
            break;
        case 8:
            status = sd_stream_finish(odd_handle(stream), message, bytes);
            break;
        case 9:
            status = sd_stream_pull(odd_handle(stream), upto(8) ? target : NULL,
                                    upto(2) ? ROOM : frames_of_buffer(),
                                    (sd_layout)(upto(4) ? 0 : odd_int()),
                                    upto(8) ? (size_t *)result : NULL, message, bytes);
            result_bytes = status == SD_DONE ? 0 : sizeof(size_t);
            if (upto(4) == 0)
                sd_stream_close(stream), stream = NULL;
            break;
        case 10: {
            sd_quantize_options quantize;
            sd_quantize_options_init(&quantize);
            const char *files[] = {upto(2) ? input : odd_text()};
            quantize.calibration_segments = 1;
            MUTATE(quantize, size, odd_size());
            MUTATE(quantize, calibration_files, files);
            MUTATE(quantize, calibration_file_count, upto(2));
            MUTATE(quantize, calibration_segments, upto(2) ? 2 : INT32_MIN);
            MUTATE(quantize, precision, (sd_precision)odd_int());
            MUTATE(quantize, threads, odd_int());
            MUTATE(quantize, cancellation, odd_handle(cancellation));
            sd_quantize_report *report = (sd_quantize_report *)result;
            report->size = upto(4) ? sizeof *report : odd_size();
            status = sd_quantize(upto(4) ? tiny_model() : odd_text(),
                                 upto(4) ? quantized : "/dev/null/x", upto(8) ? &quantize : NULL,
                                 upto(2) ? report : NULL, message, bytes);
            report->size = (size_t)untouched;
            result_bytes = status == SD_OK ? 0 : sizeof *report;
            break;
        }
        case 11:
            status = sd_read(upto(2) ? input : odd_text(), upto(2) ? 0 : odd_int(),
                             upto(2) ? 0 : odd_int(), upto(8) ? no_block : NULL, NULL, NULL, NULL,
                             message, bytes);
            break;
        case 12:
            status =
                sd_convert(upto(8) ? &track : NULL, upto(2) ? 2 : odd_int(),
                           upto(2) ? RATE : odd_int(), upto(4) ? wide : NULL,
                           upto(2) ? ROOM : (size_t)upto(2), (sd_layout)(upto(4) ? 0 : odd_int()),
                           upto(8) ? (size_t *)result : NULL, message, bytes);
            result_bytes = sizeof(size_t);
            break;
        case 13:
            status = sd_write(upto(8) ? &track : NULL, upto(4) ? output : "/dev/null/x",
                              given ? given->settings : NULL, message, bytes);
            break;
        default:
            if (upto(2)) {
                status = sd_evaluate(upto(8) ? block : NULL, upto(8) ? block + 1 : NULL,
                                     upto(2) ? 1 : odd_int(), upto(2) ? 2 : odd_int(),
                                     upto(2) ? 20 : frames_of_buffer(), upto(2) ? RATE : odd_int(),
                                     (sd_layout)(upto(4) ? 0 : odd_int()),
                                     upto(2) ? 1 : (uint32_t)odd_int(), NULL, message, bytes);
            } else {
                status =
                    sd_trace(odd_handle(model), upto(8) ? &track : NULL, upto(2) ? 0 : odd_double(),
                             upto(2) ? 0 : odd_double(), upto(2) ? NULL : odd_text(),
                             upto(8) ? maybe_stop_trace : NULL, NULL, message, bytes);
            }
        }

        CHECK((int)status >= 0 && status < SD_ERROR_INTERNAL, "call %d: %s: %.200s", call,
              sd_status_text(status), guarded + 8);
        if ((int)status >= 0 && status <= SD_ERROR_INTERNAL)
            counts[status]++;
        for (size_t index = 0; index < 8; index++) {
            CHECK(guarded[index] == 0x5a, "call %d wrote before its message", call);
            CHECK(guarded[8 + (message ? bytes : 0) + index] == 0x5a,
                  "call %d wrote past its message", call);
        }
        if (message && bytes > 0)
            CHECK(memchr(message, 0, bytes), "call %d: no zero byte", call);
        if (status != SD_OK)
            for (size_t index = 0; index < result_bytes / sizeof untouched; index++)
                CHECK(result[index] == untouched, "call %d: %s, with a result", call,
                      sd_status_text(status));
    }
    sd_stream_close(stream);
    sd_cancellation_free(cancellation);
    free(block), free(target), free(wide);
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
        TEST(defaults_are_the_documented_ones),
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
