/*
 * Separates sound files into files of their stems.
 *
 *     separate MODEL SETTINGS INPUT...
 *
 * MODEL is a file or a name such as htdemucs or demo. SETTINGS are JSON, such as
 * '{"stems": "vocals", "flac": true, "out": "stems"}' or '{}'. Prints the model, the events of the
 * tracks, and the progress. Ctrl-C stops, and leaves no unfinished file.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <swift_demucs.h>

/* A signal handler may only set this variable; the progress callback reads it. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

static int32_t show_progress(void *context, const sd_progress *progress) {
    (void)context;
    fprintf(stderr, "\r%3d %%", (int)(progress->fraction * 100));
    return interrupted;
}

/* context: the number of tracks that failed. */
static int32_t show_event(void *context, const char *event, sd_status status) {
    if (status != SD_OK)
        ++*(int *)context;
    if (strstr(event, "\"event\":\"progress\"") == NULL)
        printf("%s\n", event);
    return interrupted;
}

static void show_line(void *context, sd_log_level level, const char *line) {
    (void)context;
    fprintf(stderr, "\r%s%s\n", level == SD_LOG_WARNING ? "warning: " : "", line);
}

int main(int argc, char **argv) {
    char why[SD_MESSAGE_BYTES];
    sd_model *model = NULL;
    sd_status status;
    int failed = 0;

    if (argc < 4) {
        fprintf(stderr, "usage: %s MODEL SETTINGS INPUT...\n", argv[0]);
        return 2;
    }
    status = sd_open(argv[1], NULL, show_line, NULL, &model, why, sizeof why);
    if (status != SD_OK) {
        fprintf(stderr, "error: %s\n", why);
        return 1;
    }
    status = sd_model_describe(model, show_event, &failed, why, sizeof why);
    if (status == SD_OK) {
        signal(SIGINT, interrupt);
        status = sd_run(model, (const char *const *)(argv + 3), (size_t)(argc - 3), argv[2],
                        show_event, show_progress, &failed, NULL, why, sizeof why);
    }
    fputs("\r", stderr);
    if (status != SD_OK)
        fprintf(stderr, "error: %s\n", why);
    sd_close(model);
    return status != SD_OK || failed > 0;
}
