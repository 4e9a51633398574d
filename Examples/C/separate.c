/*
 * Separates a sound file into WAV files of its stems.
 *
 *     separate MODEL INPUT FOLDER [STEM...]
 *
 * MODEL is a file or a name such as htdemucs or demo; a STEM may also be a sum (drums+bass) or the
 * rest (mixture-vocals). Without a STEM, all stems are written. Ctrl-C stops, and leaves no
 * unfinished file.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <swift_demucs.h>

/* A signal handler may only set this variable; the progress callback reads it. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

static int32_t show_progress(void *context, const sd_progress *progress) {
    if (interrupted)
        sd_cancellation_cancel(context);
    fprintf(stderr, "\r%3d %%", (int)(progress->fraction * 100));
    return 0;
}

static void show_line(void *context, sd_log_level level, const char *line) {
    (void)context;
    fprintf(stderr, "\r%s%s\n", level == SD_LOG_WARNING ? "warning: " : "", line);
}

/* The path of a stem in a folder, which the caller frees. */
static char *path_of(const char *folder, const char *stem) {
    size_t bytes = strlen(folder) + strlen(stem) + sizeof "/.wav";
    char *path = malloc(bytes);
    if (path != NULL)
        snprintf(path, bytes, "%s/%s.wav", folder, stem);
    return path;
}

int main(int argc, char **argv) {
    char why[SD_MESSAGE_BYTES];
    sd_model *model = NULL;
    sd_model_info info;
    sd_open_options opening;
    sd_separation_options options;
    sd_track_report report;
    const char *const *stems;
    size_t count, index;
    sd_output *outputs;
    sd_status status;

    if (argc < 4) {
        fprintf(stderr, "usage: %s MODEL INPUT FOLDER [STEM...]\n", argv[0]);
        return 2;
    }
    sd_open_options_init(&opening);
    opening.log = show_line;
    status = sd_open(argv[1], &opening, &model, why, sizeof why);
    if (status != SD_OK) {
        fprintf(stderr, "error: %s\n", why);
        return 1;
    }
    info.size = sizeof info;
    status = sd_model_describe(model, &info, why, sizeof why);
    if (status != SD_OK) {
        fprintf(stderr, "error: %s\n", why);
        sd_close(model);
        return 1;
    }
    fprintf(stderr, "%s: %s\n", info.name, info.engine);

    stems = argc > 4 ? (const char *const *)(argv + 4) : info.stems;
    count = argc > 4 ? (size_t)(argc - 4) : (size_t)info.stem_count;
    outputs = calloc(count, sizeof *outputs);
    for (index = 0; outputs != NULL && index < count; index++) {
        outputs[index].signal = stems[index];
        outputs[index].path = path_of(argv[3], stems[index]);
    }

    signal(SIGINT, interrupt);
    sd_separation_options_init(&options);
    options.cancellation = sd_cancellation_create();
    options.progress = show_progress;
    options.progress_context = options.cancellation;
    report.size = sizeof report;
    status =
        sd_separate_file(model, argv[2], outputs, count, NULL, &options, &report, why, sizeof why);
    if (status == SD_OK)
        fprintf(stderr, "\r%.1f s in %d files, seed %llu\n", report.duration_seconds, (int)count,
                (unsigned long long)report.seed);
    else
        fprintf(stderr, "\rerror: %s\n", why);

    sd_cancellation_free(options.cancellation);
    for (index = 0; outputs != NULL && index < count; index++)
        free((char *)outputs[index].path);
    free(outputs);
    sd_close(model);
    return status == SD_OK ? 0 : 1;
}
