// Results of separating: samples, order of progress, cancelling; buffers, files and streams.
#include "harness.h"

static sd_model *model;

// Interleaves the planar samples of `groups` stems.
static float *interleaved(const float *planar, size_t groups, size_t channels, size_t frames) {
    float *result = silence(groups * channels * frames);
    for (size_t group = 0; group < groups; group++)
        for (size_t channel = 0; channel < channels; channel++)
            for (size_t frame = 0; frame < frames; frame++)
                result[(group * frames + frame) * channels + channel] =
                    planar[(group * channels + channel) * frames + frame];
    return result;
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

// MARK: Samples

static void both_layouts_give_the_same_samples(void) {
    enum { FRAMES = 1000 };
    const int32_t rates[] = {RATE, 2000, 1000};
    for (int index = 0; index < 3; index++)
        for (int32_t shifts = 0; shifts <= 2; shifts++) {
            call_options given =
                seeded(shifts, 7, index == 1 ? ", \"output-rate\": \"input\"" : "");
            size_t frames = planned_frames(model, &given, FRAMES, rates[index]);
            size_t count = frames * CHANNELS * STEMS;
            float *planar = noise(FRAMES * CHANNELS, 1);
            float *mixed = interleaved(planar, 1, CHANNELS, FRAMES);
            float *a = silence(count), *b = silence(count);
            sd_audio mix = audio(planar, FRAMES, CHANNELS, rates[index], SD_PLANAR);
            OK(separate_with(model, &mix, &given, a, frames, SD_PLANAR, NULL, WHY));
            mix = audio(mixed, FRAMES, CHANNELS, rates[index], SD_INTERLEAVED);
            OK(separate_with(model, &mix, &given, b, frames, SD_INTERLEAVED, NULL, WHY));
            float *expected = interleaved(a, STEMS, CHANNELS, frames);
            CHECK_EQUAL(expected, b, count, "%d Hz, %d shifts", rates[index], shifts);
            CHECK(a[0] != 0 || a[1] != 0, "silence");
            free(planar), free(mixed), free(a), free(b), free(expected);
        }
}

static void frames_past_the_stems_end_stay_as_they_were(void) {
    enum { FRAMES = 500, CAPACITY = 613 };
    size_t count = CAPACITY * CHANNELS * STEMS;
    call_options options = seeded(0, 0, "");
    float *samples = noise(FRAMES * CHANNELS, 5);
    sd_audio mix = audio(samples, FRAMES, CHANNELS, RATE, SD_PLANAR);
    float *exact = separate_noise(model, FRAMES, 5, &options);
    for (int layout = SD_PLANAR; layout <= SD_INTERLEAVED; layout++) {
        float *stems = malloc(count * sizeof *stems);
        for (size_t index = 0; index < count; index++)
            stems[index] = 42;
        OK(separate_with(model, &mix, &options, stems, CAPACITY, (sd_layout)layout, NULL, WHY));
        size_t wrong = 0;
        for (size_t stem = 0; stem < STEMS; stem++)
            for (size_t channel = 0; channel < CHANNELS; channel++)
                for (size_t frame = 0; frame < CAPACITY; frame++) {
                    size_t place = layout == SD_PLANAR ? channel * CAPACITY + frame
                                                       : frame * CHANNELS + channel;
                    float value = stems[stem * CHANNELS * CAPACITY + place];
                    float expected =
                        frame < FRAMES ? exact[(stem * CHANNELS + channel) * FRAMES + frame] : 42;
                    wrong += memcmp(&value, &expected, sizeof value) != 0;
                }
        CHECK(wrong == 0, "%zu samples, layout %d", wrong, layout);
        free(stems);
    }
    FAILS(SD_ERROR_ARGUMENT,
          separate_with(model, &mix, NULL, exact, FRAMES - 1, SD_PLANAR, NULL, WHY));
    free(samples), free(exact);
}

static void a_track_is_separated_without_its_normalisation(void) {
    enum { FRAMES = 500, COUNT = FRAMES * CHANNELS * STEMS };
    call_options given = seeded(0, 0, ", \"no-normalization\": true"), usual = seeded(0, 0, "");
    float *samples = noise(FRAMES * CHANNELS, 5), *stems = silence(COUNT);
    sd_audio mix = audio(samples, FRAMES, CHANNELS, RATE, SD_PLANAR);
    OK(separate_with(model, &mix, &given, stems, FRAMES, SD_PLANAR, NULL, WHY));
    float *normalised = separate_noise(model, FRAMES, 5, &usual);
    CHECK(memcmp(stems, normalised, COUNT * sizeof *stems) != 0, "the same stems");
    sd_stream *stream = NULL;
    FAILS(SD_ERROR_ARGUMENT, open_stream(model, CHANNELS, RATE, &given, &stream, WHY));
    free(samples), free(stems), free(normalised);
}

// MARK: Streams

typedef struct stream_case {
    size_t block, capacity;
    int32_t rate;
    const char *more;
    int32_t shifts;
    sd_layout layout;
} stream_case;

// Separates a whole track through a stream: [stem][channel][frame].
static float *through_stream(const float *planar, size_t frames, size_t stem_frames,
                             const call_options *options, const stream_case *given) {
    size_t rows = CHANNELS * STEMS, written = 0, most = 0;
    float *result = silence(rows * stem_frames);
    float *stems = silence(rows * given->capacity);
    sd_stream *stream = NULL;
    OK(open_stream(model, CHANNELS, given->rate, options, &stream, WHY));
    sd_status status = SD_OK;
    for (size_t first = 0; status == SD_OK;) {
        if (first < frames) {
            size_t count = frames - first < given->block ? frames - first : given->block;
            float *block = silence(count * CHANNELS);
            for (size_t channel = 0; channel < CHANNELS; channel++)
                memcpy(block + channel * count, planar + channel * frames + first,
                       count * sizeof *block);
            float *mixed = interleaved(block, 1, CHANNELS, count);
            OK(sd_stream_push(stream, given->layout == SD_PLANAR ? block : mixed, count,
                              given->layout, WHY));
            free(block), free(mixed);
            first += count;
            if (first == frames)
                OK(sd_stream_finish(stream, WHY));
        }
        size_t count = 0;
        while ((status = sd_stream_pull(stream, stems, given->capacity, given->layout, &count,
                                        WHY)) == SD_OK &&
               count > 0) {
            for (size_t row = 0; row < rows && written + count <= stem_frames; row++)
                for (size_t frame = 0; frame < count; frame++) {
                    size_t start = row / CHANNELS * CHANNELS * given->capacity;
                    size_t place = given->layout == SD_PLANAR
                                       ? row % CHANNELS * given->capacity + frame
                                       : frame * CHANNELS + row % CHANNELS;
                    result[row * stem_frames + written + frame] = stems[start + place];
                }
            written += count;
            if (first < frames)
                most = written;
        }
    }
    CHECK(status == SD_DONE, "%s: %s", sd_status_text(status), why);
    CHECK(written == stem_frames, "%zu frames, expected %zu", written, stem_frames);
    CHECK(most == 0, "stems before the end of a stream that is not live");
    // Reading after the end reports the end again.
    size_t count = 1;
    CHECK(sd_stream_pull(stream, stems, given->capacity, given->layout, &count, NULL, 0) == SD_DONE,
          "after the end");
    CHECK(count == 0, "%zu frames after the end", count);
    sd_stream_close(stream);
    free(stems);
    return result;
}

static const stream_case stream_cases[] = {
    {1, 1, RATE, "", 0, SD_PLANAR},
    {7, 4096, RATE, "", 1, SD_INTERLEAVED},
    {SEGMENT - 1, 3, RATE, "", 2, SD_PLANAR},
    {SEGMENT, SEGMENT, 2000, "", 1, SD_INTERLEAVED},
    {5000, 100, 2000, ", \"output-rate\": \"input\"", 1, SD_PLANAR},
    {333, 5000, 1000, ", \"output-rate\": \"input\"", 0, SD_INTERLEAVED},
};
enum { STREAM_CASES = sizeof stream_cases / sizeof stream_cases[0] };

static void a_stream_gives_the_samples_of_a_buffer(void) {
    // One frame at 2,000 Hz is less than a frame at the model's rate.
    const size_t lengths[] = {2, SEGMENT, 1234};
    for (int index = 0; index < STREAM_CASES * 3; index++) {
        const stream_case *given = &stream_cases[index / 3];
        size_t frames = lengths[index % 3];
        call_options options = seeded(given->shifts, 11, given->more);
        size_t stem_frames = planned_frames(model, &options, frames, given->rate);
        float *planar = noise(frames * CHANNELS, 8);
        float *expected = silence(stem_frames * CHANNELS * STEMS);
        sd_audio mix = audio(planar, frames, CHANNELS, given->rate, SD_PLANAR);
        OK(separate_with(model, &mix, &options, expected, stem_frames, SD_PLANAR, NULL, WHY));
        float *stems = through_stream(planar, frames, stem_frames, &options, given);
        CHECK_EQUAL(stems, expected, stem_frames * CHANNELS * STEMS, "case %d, %zu frames",
                    index / 3, frames);
        free(planar), free(expected), free(stems);
    }
}

static void a_stream_called_out_of_turn_says_so(void) {
    float block[2 * CHANNELS] = {0.1f, 0.2f, -0.1f, 0}, stems[CHANNELS * STEMS * 4];
    size_t frames = 77;
    sd_stream *stream = NULL;
    OK(open_stream(model, CHANNELS, RATE, NULL, &stream, WHY));
    OK(sd_stream_push(stream, NULL, 0, SD_PLANAR, WHY));
    OK(sd_stream_pull(stream, stems, 4, SD_PLANAR, &frames, WHY));
    CHECK(frames == 0, "%zu frames before any input", frames);
    OK(sd_stream_push(stream, block, 2, SD_PLANAR, WHY));
    OK(sd_stream_finish(stream, WHY));
    FAILS(SD_ERROR_STATE, sd_stream_push(stream, block, 2, SD_PLANAR, WHY));
    FAILS(SD_ERROR_STATE, sd_stream_finish(stream, WHY));
    OK(sd_stream_pull(stream, stems, 4, SD_PLANAR, &frames, WHY));
    CHECK(frames == 2, "%zu frames", frames);
    sd_stream_close(stream);

    // A refused block doesn't change the stream.
    OK(open_stream(model, CHANNELS, RATE, NULL, &stream, WHY));
    float broken[2 * CHANNELS] = {0, NAN, 0, 0};
    FAILS(SD_ERROR_ARGUMENT, sd_stream_push(stream, broken, 2, SD_PLANAR, WHY));
    OK(sd_stream_push(stream, block, 2, SD_PLANAR, WHY));
    sd_stream_close(stream);

    OK(open_stream(model, CHANNELS, RATE, NULL, &stream, WHY));
    FAILS(SD_ERROR_ARGUMENT, sd_stream_finish(stream, WHY));
    sd_stream_close(stream);
}

// MARK: Progress

typedef struct record {
    sd_progress calls[400];
    int count;
    // Number of the call that cancels by its result.
    int stop_at;
} record;

static int32_t note(void *context, const sd_progress *progress) {
    record *all = context;
    if (all->count < 400)
        all->calls[all->count] = *progress;
    return all->count++ == all->stop_at;
}

static sd_model *open_bag(void) {
    FILE *file = fopen(path_in(folder, "bag.yaml"), "w");
    REQUIRE(file != NULL, "%s can't be written", path_in(folder, "bag.yaml"));
    fputs("models: ['one', 'two']\n", file);
    fclose(file);
    // They may be there already.
    (void)!symlink(tiny_model(), path_in(folder, "one.safetensors"));
    (void)!symlink(tiny_model(), path_in(folder, "two.safetensors"));
    sd_model *bag = NULL;
    OK(sd_open(path_in(folder, "bag.yaml"), NULL, NULL, NULL, &bag, WHY));
    REQUIRE(bag != NULL, "%s", why);
    return bag;
}

static void check_progress(const record *all, int64_t frames, int32_t members, const char *name) {
    CHECK(all->count > 0 && all->count <= 400, "%s: %d calls", name, all->count);
    double fraction = 0;
    int64_t begun = 0, ended = 0;
    for (int index = 0; index < all->count; index++) {
        const sd_progress *now = &all->calls[index];
        CHECK(now->fraction >= fraction && now->fraction <= 1, "%s: %g after %g", name,
              now->fraction, fraction);
        CHECK(now->segments_total > 0, "%s: total %" PRId64, name, now->segments_total);
        CHECK(fabs(now->fraction - (double)now->segments_done / (double)now->segments_total) <
                  1e-12,
              "%s: fraction %g", name, now->fraction);
        CHECK(now->track_frames == frames, "%s: %" PRId64 " frames", name, now->track_frames);
        CHECK(now->member_count == members && now->member >= 0 && now->member < members,
              "%s: member %d of %d", name, now->member, now->member_count);
        CHECK(now->segment_offset >= 0, "%s: offset %" PRId64, name, now->segment_offset);
        if (now->has_ended)
            ended++;
        else
            begun++;
        CHECK(now->segments_done == ended, "%s: %" PRId64 " done after %" PRId64 " ends", name,
              now->segments_done, ended);
        CHECK(ended <= begun, "%s: a segment ended before it began", name);
        fraction = now->fraction;
    }
    const sd_progress *last = &all->calls[all->count - 1];
    CHECK(last->fraction == 1 && last->has_ended, "%s: ends at %g", name, last->fraction);
    CHECK(begun == ended && ended == last->segments_total,
          "%s: %" PRId64 " begun, %" PRId64 " ended, %" PRId64 " in all", name, begun, ended,
          last->segments_total);
}

static void progress_tells_each_segments_begin_and_end(void) {
    enum { FRAMES = 1500 };
    sd_model *bag = open_bag();
    for (int index = 0; index < 6; index++) {
        sd_model *used = index % 2 ? bag : model;
        record all = {.stop_at = -1};
        call_options options = seeded(index / 2, 5, "");
        options.progress = note;
        options.context = &all;
        free(separate_noise(used, FRAMES, 3, &options));
        char name[80];
        snprintf(name, sizeof name, "%d members, %d shifts", 1 + index % 2, index / 2);
        check_progress(&all, FRAMES, 1 + index % 2, name);
    }
    sd_close(bag);
}

// MARK: Cancelling

typedef sd_status (*work)(const call_options *options);

static sd_status separate_buffer(const call_options *options) {
    enum { FRAMES = 1500 };
    float *samples = noise(FRAMES * CHANNELS, 3), *stems = silence(FRAMES * CHANNELS * STEMS);
    sd_audio mix = audio(samples, FRAMES, CHANNELS, RATE, SD_PLANAR);
    uint64_t seed = 99;
    sd_status status = separate_with(model, &mix, options, stems, FRAMES, SD_PLANAR, &seed, WHY);
    if (status != SD_OK)
        CHECK(seed == 99, "a failed call gave a seed");
    free(samples), free(stems);
    return status;
}

static sd_status separate_to_file(const call_options *options) {
    const char *input = path_in(folder, "cancelled in.wav");
    const char *output = path_in(folder, "vocals.wav");
    char more[240];
    // Without the braces.
    snprintf(more, sizeof more, "\"stems\": \"vocals\", %.*s", (int)strlen(options->settings) - 2,
             options->settings + 1);
    write_wav(input, 1500, 2, RATE, 3);
    remove(output);
    sd_status status = sd_run(model, &input, 1, settings_for(folder, more), NULL, options->progress,
                              options->context, options->cancellation, WHY);
    CHECK(exists(output) == (status == SD_OK), "a cancelled call left %s", output);
    return status;
}

static sd_status separate_stream(const call_options *options) {
    enum { FRAMES = 1500 };
    float *samples = noise(FRAMES * CHANNELS, 3), *stems = silence(100 * CHANNELS * STEMS);
    sd_stream *stream = NULL;
    sd_status status = open_stream(model, CHANNELS, RATE, options, &stream, WHY);
    if (status == SD_OK)
        status = sd_stream_push(stream, samples, FRAMES, SD_PLANAR, WHY);
    if (status == SD_OK)
        status = sd_stream_finish(stream, WHY);
    size_t frames = 0;
    while (status == SD_OK)
        status = sd_stream_pull(stream, stems, 100, SD_PLANAR, &frames, WHY);
    if (status == SD_CANCELLED) {
        char again[SD_MESSAGE_BYTES];
        sd_status next =
            sd_stream_pull(stream, stems, 100, SD_PLANAR, &frames, again, sizeof again);
        CHECK(next == SD_ERROR_STATE, "%s: %s", sd_status_text(next), again);
    }
    sd_stream_close(stream);
    free(samples), free(stems);
    return status == SD_DONE ? SD_OK : status;
}

// Calls every function of a stream from within a call on it.
typedef struct nested {
    sd_stream *stream;
    int calls;
} nested;

static int32_t call_the_stream_again(void *context, const sd_progress *progress) {
    (void)progress;
    nested *inner = context;
    float samples[CHANNELS * STEMS] = {0};
    size_t frames = 0;
    FAILS(SD_ERROR_STATE, sd_stream_pull(inner->stream, samples, 1, SD_PLANAR, &frames, WHY));
    FAILS(SD_ERROR_STATE, sd_stream_push(inner->stream, samples, 1, SD_PLANAR, WHY));
    FAILS(SD_ERROR_STATE, sd_stream_finish(inner->stream, WHY));
    inner->calls++;
    return 0;
}

static void calls_within_a_call_on_a_stream_are_refused(void) {
    enum { FRAMES = 1500 };
    float *samples = noise(FRAMES * CHANNELS, 3), *stems = silence(FRAMES * CHANNELS * STEMS);
    for (int is_live = 0; is_live < 2; is_live++) {
        nested inner = {NULL, 0};
        call_options options = seeded(0, 1, is_live ? ", \"live\": true" : "");
        options.progress = call_the_stream_again;
        options.context = &inner;
        OK(open_stream(model, CHANNELS, RATE, &options, &inner.stream, WHY));
        OK(sd_stream_push(inner.stream, samples, FRAMES, SD_PLANAR, WHY));
        OK(sd_stream_finish(inner.stream, WHY));
        size_t frames = 0, all = 0;
        while (sd_stream_pull(inner.stream, stems, FRAMES, SD_PLANAR, &frames, WHY) == SD_OK)
            all += frames;
        CHECK(all == FRAMES && inner.calls > 0, "%zu frames, %d calls", all, inner.calls);
        sd_stream_close(inner.stream);
    }
    free(samples), free(stems);
}

static const work works[] = {separate_buffer, separate_to_file, separate_stream};

static void a_callback_cancels_at_each_of_its_calls(void) {
    for (int kind = 0; kind < 3; kind++) {
        record all = {.stop_at = -1};
        call_options options = seeded(2, 1, "");
        options.progress = note;
        options.context = &all;
        OK(works[kind](&options));
        int calls = all.count;
        CHECK(calls >= 10, "%d calls", calls);
        // The last call comes after all work, and may be too late to cancel anything.
        for (int index = 0; index < calls - 1; index++) {
            all = (record){.stop_at = index};
            sd_status status = works[kind](&options);
            CHECK(status == SD_CANCELLED, "kind %d, call %d of %d: %s %s", kind, index, calls,
                  sd_status_text(status), why);
            CHECK(all.count < calls, "kind %d: went on after call %d", kind, index);
        }
    }
    OK(separate_buffer(NULL));
}

static void a_cancellation_stays_cancelled_and_several_calls_share_it(void) {
    call_options options = seeded(0, 1, "");
    options.cancellation = sd_cancellation_create();
    for (int kind = 0; kind < 3; kind++)
        OK(works[kind](&options));
    sd_cancellation_cancel(options.cancellation);
    for (int kind = 0; kind < 3; kind++)
        FAILS(SD_CANCELLED, works[kind](&options));
    sd_cancellation_free(options.cancellation);
}

// The callback's result cancels only its own call.
static void a_callbacks_result_does_not_cancel_other_calls(void) {
    record all = {.stop_at = 0};
    call_options options = seeded(0, 1, "");
    options.cancellation = sd_cancellation_create();
    options.progress = note;
    options.context = &all;
    FAILS(SD_CANCELLED, separate_buffer(&options));
    options.progress = NULL;
    OK(separate_buffer(&options));
    sd_cancellation_free(options.cancellation);
}

static int32_t call_back_in(void *context, const sd_progress *progress) {
    char own[SD_MESSAGE_BYTES];
    sd_status status = sd_model_describe(model, no_event, NULL, own, sizeof own);
    CHECK(status == SD_OK, "%s", own);
    int *depth = context;
    if (progress->has_ended && *depth == 0) {
        (*depth)++;
        free(separate_noise(model, 300, 3, NULL));
        sd_close(open_tiny());
    }
    return 0;
}

static void a_callback_may_call_the_library(void) {
    int depth = 0;
    call_options options = seeded(0, 1, "");
    options.progress = call_back_in;
    options.context = &depth;
    float *a = separate_noise(model, 1500, 3, &options);
    options.progress = NULL;
    float *b = separate_noise(model, 1500, 3, &options);
    CHECK(depth == 1, "never called");
    CHECK_EQUAL(a, b, 1500 * CHANNELS * STEMS, "a nested call changed samples");
    free(a), free(b);
}

// MARK: Files

static int32_t count_events(void *context, const char *event, sd_status status) {
    int *counts = context;
    const char *names[] = {"start", "progress", "track", "manifest"};
    for (int index = 0; index < 4; index++) {
        char member[40];
        snprintf(member, sizeof member, "\"event\":\"%s\"", names[index]);
        counts[index] += strstr(event, member) != NULL;
    }
    counts[4] += status != SD_OK;
    CHECK(!strchr(event, '\n'), "more than a line: %s", event);
    return 0;
}

static void a_track_that_fails_is_an_event_and_does_not_stop_the_others(void) {
    const char *tracks[] = {"/no/such.wav", path_in(folder, "one of two.wav")};
    write_wav(tracks[1], 1000, 2, RATE, 3);
    char settings[1200];
    snprintf(settings, sizeof settings, "{\"out\": \"%s\", \"stems\": \"drums\"}", folder);
    for (int round = 0; round < 2; round++) {
        int counts[5] = {0};
        sd_status status =
            sd_run(model, tracks, 2, settings, count_events, NULL, counts, NULL, WHY);
        CHECK(status == SD_TRACKS_FAILED && strstr(why, tracks[0]), "%d: %s", (int)status, why);
        CHECK(counts[0] == 1 && counts[2] == 2 && counts[3] == 1 && counts[4] == 1,
              "%d, %d, %d, %d", counts[0], counts[2], counts[3], counts[4]);
        // The second run leaves the track out.
        CHECK((counts[1] > 0) == (round == 0), "%d events of progress", counts[1]);
        snprintf(settings, sizeof settings,
                 "{\"out\": \"%s\", \"stems\": \"drums\", \"skip-existing\": true}", folder);
    }
    CHECK(exists(path_in(folder, "model/one of two/drums.wav")), "no file");
    // Without events, the status tells it.
    const char *hidden = "/no/\x1b[2Jsuch.wav";
    CHECK(sd_run(model, &hidden, 1, settings, NULL, NULL, NULL, NULL, WHY) == SD_TRACKS_FAILED &&
              strstr(why, "/no/\\u{1B}[2Jsuch.wav"),
          "%s", why);
}

// MARK: Tracing

typedef struct trace_record {
    int count, stop_at;
} trace_record;

static int32_t take_tensor(void *context, const char *name, const int64_t *shape, int32_t rank,
                           const float *values) {
    trace_record *all = context;
    int64_t count = 1;
    for (int32_t axis = 0; axis < rank; axis++)
        count *= shape[axis];
    CHECK(name && *name && rank > 0 && count > 0, "'%s' of rank %d", name, rank);
    float sum = 0;
    for (int64_t index = 0; index < count; index++)
        sum += values[index] * 0;
    CHECK(sum == 0, "%s is not finite", name);
    return all->count++ == all->stop_at;
}

static void a_trace_is_cancelled_at_each_tensor(void) {
    float *samples = noise(800 * CHANNELS, 3);
    sd_audio mix = audio(samples, 800, CHANNELS, RATE, SD_PLANAR);
    trace_record all = {.stop_at = -1};
    OK(sd_trace(model, &mix, 0, 0, NULL, take_tensor, &all, WHY));
    int tensors = all.count;
    CHECK(tensors > 10, "%d tensors", tensors);
    for (int index = 0; index < tensors - 1; index++) {
        all = (trace_record){.stop_at = index};
        FAILS(SD_CANCELLED, sd_trace(model, &mix, 0.1, 0.2, NULL, take_tensor, &all, WHY));
        CHECK(all.count == index + 1, "went on after tensor %d", index);
    }
    sd_model *bag = open_bag();
    FAILS(SD_ERROR_MODEL, sd_trace(bag, &mix, 0, 0, NULL, take_tensor, &all, WHY));
    sd_close(bag);
    free(samples);
}

int main(int argc, char **argv) {
    const test tests[] = {
        TEST(every_status_has_words),
        TEST(both_layouts_give_the_same_samples),
        TEST(frames_past_the_stems_end_stay_as_they_were),
        TEST(a_track_is_separated_without_its_normalisation),
        TEST(a_stream_gives_the_samples_of_a_buffer),
        TEST(a_stream_called_out_of_turn_says_so),
        TEST(progress_tells_each_segments_begin_and_end),
        TEST(a_callback_cancels_at_each_of_its_calls),
        TEST(calls_within_a_call_on_a_stream_are_refused),
        TEST(a_cancellation_stays_cancelled_and_several_calls_share_it),
        TEST(a_callbacks_result_does_not_cancel_other_calls),
        TEST(a_callback_may_call_the_library),
        TEST(a_track_that_fails_is_an_event_and_does_not_stop_the_others),
        TEST(a_trace_is_cancelled_at_each_tensor),
    };
    if (argc > 2) {
        root = argv[1];
        model = open_tiny();
    }
    int result = run_tests(argc, argv, tests, sizeof tests / sizeof tests[0]);
    sd_close(model);
    return result;
}
