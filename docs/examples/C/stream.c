/*
 * Separates raw samples from standard input into a file of raw samples for each stem.
 *
 *     stream MODEL RATE CHANNELS FOLDER [HOP] <samples
 *
 * Samples are interleaved float32 in the machine's byte order. With a hop in
 * seconds, stems are written while input still arrives (a live stream); without it, after its end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <swift_demucs.h>

enum { BLOCK = 4096, STEMS = 32 };

typedef struct outputs {
    size_t channels, count;
    char *names[STEMS], text[2048];
} outputs;

/* Takes {"channels":2,"event":"plan","frames":0,"outputs":["drums","bass"],"sample_rate_hz":44100}. A
 * program with a JSON library would read it with that. */
static int32_t take_plan(void *context, const char *event, sd_status status) {
    outputs *all = context;
    const char *channels = strstr(event, "\"channels\":"), *names = strstr(event, "\"outputs\":[");
    char *name;
    (void)status;
    if (channels == NULL || names == NULL)
        return 1;
    all->channels = (size_t)atoi(channels + strlen("\"channels\":"));
    snprintf(all->text, sizeof all->text, "%s", names + strlen("\"outputs\":["));
    all->text[strcspn(all->text, "]")] = 0;
    for (name = strtok(all->text, "\","); name != NULL && all->count < STEMS;
         name = strtok(NULL, "\","))
        all->names[all->count++] = name;
    return 0;
}

/* Writes all stems that are ready. */
static sd_status write_stems(sd_stream *stream, FILE **files, const outputs *all, float *samples,
                             char *why, size_t why_bytes) {
    sd_status status;
    size_t frames, stem;
    while ((status = sd_stream_pull(stream, samples, BLOCK, SD_INTERLEAVED, &frames, why,
                                    why_bytes)) == SD_OK &&
           frames > 0)
        for (stem = 0; stem < all->count; stem++)
            if (fwrite(samples + stem * all->channels * BLOCK, sizeof *samples * all->channels,
                       frames, files[stem]) != frames) {
                snprintf(why, why_bytes, "a stem can't be written; is the disk full?");
                return SD_ERROR_OUTPUT;
            }
    return status;
}

int main(int argc, char **argv) {
    char why[SD_MESSAGE_BYTES] = "", path[4096], settings[200] = "{}";
    sd_model *model = NULL;
    sd_stream *stream = NULL;
    outputs all = {0, 0, {NULL}, ""};
    sd_status status;
    size_t channels, stem, frames;
    float *block = NULL, *samples = NULL;
    FILE *files[STEMS] = {NULL};

    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: %s MODEL RATE CHANNELS FOLDER [HOP]\n", argv[0]);
        return 2;
    }
    if (argc == 6)
        snprintf(settings, sizeof settings, "{\"live\": true, \"hop\": \"%.40s\"}", argv[5]);
    channels = (size_t)atoi(argv[3]);
    status = sd_open(argv[1], NULL, NULL, NULL, &model, why, sizeof why);
    if (status == SD_OK)
        status = sd_plan(model, settings, 0, atoi(argv[2]), take_plan, &all, why, sizeof why);
    if (status == SD_OK)
        status = sd_stream_open(model, (int32_t)channels, atoi(argv[2]), settings, NULL, NULL, NULL,
                                NULL, &stream, why, sizeof why);
    if (status == SD_OK) {
        block = malloc(BLOCK * channels * sizeof *block);
        samples = malloc(all.count * all.channels * BLOCK * sizeof *samples);
        if (block == NULL || samples == NULL) {
            fprintf(stderr, "error: no memory\n");
            return 1;
        }
    }
    for (stem = 0; status == SD_OK && stem < all.count; stem++) {
        snprintf(path, sizeof path, "%s/%s.f32", argv[4], all.names[stem]);
        files[stem] = fopen(path, "wb");
        if (files[stem] == NULL) {
            snprintf(why, sizeof why, "%.900s can't be written; does its folder exist?", path);
            status = SD_ERROR_OUTPUT;
        }
    }

    while (status == SD_OK && (frames = fread(block, sizeof *block * channels, BLOCK, stdin)) > 0) {
        status = sd_stream_push(stream, block, frames, SD_INTERLEAVED, why, sizeof why);
        if (status == SD_OK)
            status = write_stems(stream, files, &all, samples, why, sizeof why);
    }
    if (status == SD_OK)
        status = sd_stream_finish(stream, why, sizeof why);
    if (status == SD_OK)
        status = write_stems(stream, files, &all, samples, why, sizeof why);
    if (status != SD_DONE)
        fprintf(stderr, "error: %s\n", why);

    for (stem = 0; stem < STEMS; stem++)
        if (files[stem] != NULL && fclose(files[stem]) != 0)
            status = SD_ERROR_OUTPUT;
    free(block);
    free(samples);
    sd_stream_close(stream);
    sd_close(model);
    return status == SD_DONE ? 0 : 1;
}
