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
#include <swift_demucs.h>

enum { BLOCK = 4096 };

/* Writes all stems that are ready. */
static sd_status write_stems(sd_stream *stream, FILE **files, size_t stems, size_t channels,
                             float *samples, char *why, size_t why_bytes) {
    sd_status status;
    size_t frames, stem;
    while ((status = sd_stream_pull(stream, samples, BLOCK, SD_INTERLEAVED, &frames, why,
                                    why_bytes)) == SD_OK &&
           frames > 0)
        for (stem = 0; stem < stems; stem++)
            if (fwrite(samples + stem * channels * BLOCK, sizeof *samples * channels, frames,
                       files[stem]) != frames) {
                snprintf(why, why_bytes, "a stem can't be written; is the disk full?");
                return SD_ERROR_OUTPUT;
            }
    return status;
}

int main(int argc, char **argv) {
    char why[SD_MESSAGE_BYTES] = "", path[4096], settings[200] = "{}";
    sd_model *model = NULL;
    sd_stream *stream = NULL;
    sd_model_info info;
    sd_status status;
    size_t channels, stems = 0, stem, frames;
    float *block = NULL, *samples = NULL;
    FILE **files = NULL;

    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: %s MODEL RATE CHANNELS FOLDER [HOP]\n", argv[0]);
        return 2;
    }
    if (argc == 6)
        snprintf(settings, sizeof settings, "{\"live\": true, \"hop\": \"%.40s\"}", argv[5]);
    channels = (size_t)atoi(argv[3]);
    status = sd_open(argv[1], NULL, &model, why, sizeof why);
    info.size = sizeof info;
    if (status == SD_OK)
        status = sd_model_describe(model, &info, why, sizeof why);
    if (status == SD_OK)
        status = sd_stream_open(model, (int32_t)channels, atoi(argv[2]), settings, NULL, NULL, NULL,
                                NULL, &stream, why, sizeof why);
    if (status == SD_OK) {
        stems = (size_t)info.stem_count;
        files = calloc(stems, sizeof *files);
        block = malloc(BLOCK * channels * sizeof *block);
        samples = malloc(stems * (size_t)info.channels * BLOCK * sizeof *samples);
        if (files == NULL || block == NULL || samples == NULL) {
            fprintf(stderr, "error: no memory\n");
            return 1;
        }
    }
    for (stem = 0; status == SD_OK && stem < stems; stem++) {
        snprintf(path, sizeof path, "%s/%s.f32", argv[4], info.stems[stem]);
        files[stem] = fopen(path, "wb");
        if (files[stem] == NULL) {
            snprintf(why, sizeof why, "%.900s can't be written; does its folder exist?", path);
            status = SD_ERROR_OUTPUT;
        }
    }

    while (status == SD_OK && (frames = fread(block, sizeof *block * channels, BLOCK, stdin)) > 0) {
        status = sd_stream_push(stream, block, frames, SD_INTERLEAVED, why, sizeof why);
        if (status == SD_OK)
            status =
                write_stems(stream, files, stems, (size_t)info.channels, samples, why, sizeof why);
    }
    if (status == SD_OK)
        status = sd_stream_finish(stream, why, sizeof why);
    if (status == SD_OK)
        status = write_stems(stream, files, stems, (size_t)info.channels, samples, why, sizeof why);
    if (status != SD_DONE)
        fprintf(stderr, "error: %s\n", why);

    for (stem = 0; files != NULL && stem < stems; stem++)
        if (files[stem] != NULL && fclose(files[stem]) != 0)
            status = SD_ERROR_OUTPUT;
    free(files);
    free(block);
    free(samples);
    sd_stream_close(stream);
    sd_close(model);
    return status == SD_DONE ? 0 : 1;
}
