// Effects of the library on its process: threads, fork, memory, files, output, signals; and what the
// header says of itself.
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { FRAMES = 2000, COUNT = FRAMES * CHANNELS * STEMS };

// MARK: Threads

typedef struct job {
    sd_model *model;
    uint64_t seed;
    float *stems;
} job;

static void *run_job(void *context) {
    job *given = context;
    for (int repeat = 0; repeat < 5; repeat++) {
        free(given->stems);
        given->stems = separate_noise(given->model, FRAMES, given->seed);
    }
    return NULL;
}

static void check_jobs(job *jobs, int count) {
    pthread_t threads[8];
    for (int index = 0; index < count; index++)
        pthread_create(&threads[index], NULL, run_job, &jobs[index]);
    for (int index = 0; index < count; index++)
        pthread_join(threads[index], NULL);
    sd_model *alone = open_tiny();
    for (int index = 0; index < count; index++) {
        float *expected = separate_noise(alone, FRAMES, jobs[index].seed);
        CHECK_EQUAL(jobs[index].stems, expected, COUNT, "thread %d", index);
        free(expected), free(jobs[index].stems);
    }
    sd_close(alone);
}

static void two_models_in_two_threads_give_the_samples_of_one(void) {
    job jobs[] = {{open_tiny(), 1, NULL}, {open_tiny(), 2, NULL}};
    check_jobs(jobs, 2);
    sd_close(jobs[0].model), sd_close(jobs[1].model);
}

static void one_model_in_eight_threads_gives_the_samples_of_one(void) {
    sd_model *model = open_tiny();
    job jobs[8];
    for (int index = 0; index < 8; index++)
        jobs[index] = (job){model, (uint64_t)index, NULL};
    check_jobs(jobs, 8);
    sd_close(model);
}

// MARK: Fork

// In the child: the parent's handles are refused and can be closed, and new ones work.
static int run_child(sd_model *model, sd_stream *stream, sd_cancellation *cancellation,
                     const float *expected) {
    static float samples[CHANNELS], stems[CHANNELS * STEMS];
    sd_audio mix = audio(samples, 1, CHANNELS, RATE, SD_PLANAR);
    size_t frames = 0;
    sd_stream *own_stream = NULL;
    const sd_status forked = SD_ERROR_FORKED;
    FAILS(forked, sd_model_describe(model, no_event, NULL, WHY));
    FAILS(forked, sd_plan(model, NULL, 1, RATE, no_event, NULL, WHY));
    FAILS(forked,
          sd_separate(model, &mix, NULL, stems, 1, SD_PLANAR, NULL, NULL, NULL, NULL, NULL, WHY));
    const char *track = "x";
    FAILS(forked, sd_run(model, &track, 1, NULL, NULL, NULL, NULL, NULL, WHY));
    FAILS(forked, sd_trace(model, &mix, 0, 0, NULL, (sd_trace_callback)0, NULL, WHY));
    FAILS(forked, sd_stream_open(model, 2, RATE, NULL, NULL, NULL, NULL, NULL, &own_stream, WHY));
    FAILS(forked, sd_stream_push(stream, samples, 1, SD_PLANAR, WHY));
    FAILS(forked, sd_stream_finish(stream, WHY));
    FAILS(forked, sd_stream_pull(stream, stems, 1, SD_PLANAR, &frames, WHY));
    sd_cancellation_cancel(cancellation);
    sd_stream_close(stream);
    sd_cancellation_free(cancellation);
    sd_close(model);

    sd_model *own = open_tiny();
    float *result = separate_noise(own, FRAMES, 1);
    CHECK_EQUAL(result, expected, COUNT, "in the child");
    sd_close(own);
    free(result);
    return failure_count > 0;
}

static void fork_leaves_both_processes_able_to_work(void) {
    sd_model *model = open_tiny();
    float *expected = separate_noise(model, FRAMES, 1), sample[CHANNELS] = {0.1f, 0.2f};
    for (int round = 0; round < 5; round++) {
        sd_stream *stream = NULL;
        sd_cancellation *cancellation = sd_cancellation_create();
        OK(sd_stream_open(model, CHANNELS, RATE, NULL, NULL, NULL, NULL, NULL, &stream, WHY));
        OK(sd_stream_push(stream, sample, 1, SD_PLANAR, WHY));
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            alarm(30);
            // exit, not _exit: the library's own clean-up must not hang.
            exit(run_child(model, stream, cancellation, expected));
        }
        int status = 0;
        waitpid(child, &status, 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %#x", status);

        float *again = separate_noise(model, FRAMES, 1);
        CHECK_EQUAL(again, expected, COUNT, "in the parent after fork");
        free(again);
        // The child cancelled and closed its own copies.
        OK(sd_stream_finish(stream, WHY));
        sd_stream_close(stream);
        sd_cancellation_free(cancellation);
    }
    free(expected);
    sd_close(model);
}

// MARK: Growth

static int count_entries(const char *path) {
    DIR *entries = opendir(path);
    int count = 0;
    if (!entries)
        return 0;
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

static long resident_kilobytes(void) {
    char line[256];
    long result = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &result) == 1)
            break;
    if (file)
        fclose(file);
    return result;
}

static void open_and_close(int times) {
    float sample[CHANNELS] = {0.1f, 0.2f};
    for (int index = 0; index < times; index++) {
        sd_model *model = open_tiny();
        sd_stream *stream = NULL;
        sd_cancellation *cancellation = sd_cancellation_create();
        OK(sd_stream_open(model, CHANNELS, RATE, NULL, NULL, NULL, NULL, NULL, &stream, WHY));
        OK(sd_stream_push(stream, sample, 1, SD_PLANAR, WHY));
        if (index % 10 == 0)
            free(separate_noise(model, 100, 1));
        sd_stream_close(stream);
        sd_cancellation_free(cancellation);
        sd_close(model);
        // Failing calls must free their memory.
        sd_model *none = NULL;
        sd_open(path_in(root, "Models/selftest.safetensors"), NULL, NULL, NULL, &none, NULL, 0);
    }
}

static void a_thousand_models_opened_and_closed_leave_nothing(void) {
    open_and_close(200);
    long memory = resident_kilobytes();
    int files = count_entries("/proc/self/fd"), threads = count_entries("/proc/self/task");
    open_and_close(1000);
    // A model takes more than 100 KB; a leak of a thousandth of that would be detected.
    long growth = resident_kilobytes() - memory;
    CHECK(growth < 1024, "%ld KB more after 1,000 models", growth);
    CHECK(count_entries("/proc/self/fd") == files, "%d files, were %d",
          count_entries("/proc/self/fd"), files);
    // Threads of a closed model may still be ending, before as well as now.
    for (int wait = 0; wait < 30000 && count_entries("/proc/self/task") > threads; wait++)
        usleep(1000);
    CHECK(count_entries("/proc/self/task") <= threads, "%d threads, were %d",
          count_entries("/proc/self/task"), threads);
}

// MARK: Output and signals

static void count_line(void *context, sd_log_level level, const char *line) {
    CHECK(*line && !strchr(line, '\n'), "a line: '%s'", line);
    CHECK(level == SD_LOG_INFO || level == SD_LOG_WARNING, "level %d", level);
    ++*(int *)context;
}

static void count_warning_of_the_track(void *context, sd_log_level level, const char *line) {
    *(int *)context += level == SD_LOG_WARNING && strstr(line, "everything.wav");
}

// Calls most functions, also with errors and warnings.
static void use_everything(void) {
    int lines = 0;
    sd_model *model = NULL, *none = NULL;
    OK(sd_open(tiny_model(), NULL, count_line, &lines, &model, WHY));
    sd_open("no_such_model", NULL, count_line, &lines, &none, WHY);
    free(separate_noise(model, 1000, 1));
    const char *input = path_in(folder, "everything.wav");
    write_wav(input, 1000, 2, RATE, 1);
    const char *settings = settings_for(folder, "\"two-stems\": \"vocals\"");
    OK(run_track(model, input, settings, NULL, WHY));
    // A truncated file gives a warning.
    CHECK(truncate(input, 2000) == 0, "%s", input);
    lines = 0;
    track_event last;
    OK(run_track(model, input, settings, &last, WHY));
    CHECK(lines == 1 && !strstr(last.text, "\"warnings\":[]"), "%d lines: %s", lines, last.text);
    run_track(model, tiny_model(), settings, NULL, WHY);
    OK(sd_models(NULL, NULL, NULL, WHY));
    float *samples = noise(1000 * CHANNELS, 1), *stems = silence(1000 * CHANNELS * STEMS);
    sd_audio mix = audio(samples, 1000, CHANNELS, RATE, SD_INTERLEAVED);
    OK(sd_separate(model, &mix, NULL, stems, 1000, SD_INTERLEAVED, NULL, NULL, NULL, NULL, NULL,
                   WHY));
    sd_stream *stream = NULL;
    size_t frames = 0;
    OK(sd_stream_open(model, CHANNELS, RATE, NULL, NULL, NULL, NULL, NULL, &stream, WHY));
    OK(sd_stream_push(stream, samples, 1000, SD_INTERLEAVED, WHY));
    OK(sd_stream_finish(stream, WHY));
    FAILS(SD_ERROR_STATE, sd_stream_push(stream, samples, 1, SD_PLANAR, WHY));
    FAILS(SD_ERROR_ARGUMENT, sd_stream_pull(stream, NULL, 1, SD_PLANAR, &frames, WHY));
    while (sd_stream_pull(stream, stems, 300, SD_INTERLEAVED, &frames, WHY) == SD_OK)
        CHECK(frames > 0, "no frames");
    sd_stream_close(stream);
    mix.layout = SD_PLANAR;
    OK(sd_trace(model, &mix, 0, 0, NULL, no_tensor, NULL, WHY));
    const char *quantized = path_in(folder, "every.safetensors");
    lines = 0;
    OK(sd_quantize(tiny_model(), quantized, NULL, 0, NULL, NULL, count_line, &lines, NULL, WHY));
    CHECK(lines > 0, "a quantisation says nothing");
    // For one segment, only the first file is read.
    const char *files[] = {input, "/no/such.wav"};
    lines = 0;
    OK(sd_quantize(tiny_model(), quantized, files, 2, "{\"samples\": 1}", NULL,
                   count_warning_of_the_track, &lines, NULL, WHY));
    CHECK(lines == 1, "%d warnings about the truncated file", lines);
    double sdr;
    OK(sd_evaluate(samples, samples, 1, 1, 1000, 1000, SD_PLANAR, &sdr, NULL, WHY));
    free(samples), free(stems);
    sd_close(model);
}

static void nothing_is_printed(void) {
    const char *path = path_in(folder, "printed");
    fflush(NULL);
    int out = dup(1), err = dup(2), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(file, 1), dup2(file, 2);
    use_everything();
    fflush(NULL);
    dup2(out, 1), dup2(err, 2);
    CHECK(lseek(file, 0, SEEK_END) == 0, "%s has what was printed", path);
    close(out), close(err), close(file);
}

static void signals_stay_as_they_were(void) {
    struct sigaction before[65], after;
    sigset_t mask, later;
    for (int number = 1; number < 65; number++) {
        memset(&before[number], 0, sizeof before[number]);
        sigaction(number, NULL, &before[number]);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    use_everything();
    for (int number = 1; number < 65; number++) {
        memset(&after, 0, sizeof after);
        sigaction(number, NULL, &after);
        CHECK(after.sa_handler == before[number].sa_handler &&
                  after.sa_flags == before[number].sa_flags,
              "signal %d has another handler", number);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &later);
    for (int number = 1; number < 65; number++)
        CHECK(sigismember(&mask, number) == sigismember(&later, number), "mask of signal %d",
              number);
}

// A program's signal handler must not run on the library's threads.
static void threads_of_the_library_block_signals(void) {
    sd_model *model = open_tiny();
    DIR *threads = opendir("/proc/self/task");
    int open_to_signals = 0;
    for (struct dirent *entry; (entry = readdir(threads));) {
        char path[300], line[200];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = fopen(path, "r");
        unsigned long long blocked;
        while (status && fgets(line, sizeof line, status))
            if (sscanf(line, "SigBlk: %llx", &blocked) == 1)
                open_to_signals += !(blocked >> (SIGUSR1 - 1) & 1);
        if (status)
            fclose(status);
    }
    closedir(threads);
    CHECK(open_to_signals == 1, "%d threads take signals", open_to_signals);
    sd_close(model);
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

int main(int argc, char **argv) {
    const test tests[] = {
        // First, because it compares with the process before any call of the library.
        TEST(signals_stay_as_they_were),
        TEST(threads_of_the_library_block_signals),
        TEST(nothing_is_printed),
        TEST(every_status_has_words),
        TEST(two_models_in_two_threads_give_the_samples_of_one),
        TEST(one_model_in_eight_threads_gives_the_samples_of_one),
        TEST(fork_leaves_both_processes_able_to_work),
        TEST(a_thousand_models_opened_and_closed_leave_nothing),
    };
    return run_tests(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
