/*
 * swift_demucs.h - music source separation with HTDemucs, for C and whatever calls C.
 *
 * One shared library, libswiftdemucs, holds the engine. It needs libsndfile and LAME, and neither
 * Swift nor Python nor a GPU. docs/c-interface.md of the sources has a first
 * program, and lists the keys of settings.
 *
 * SETTINGS. What a function shall do is one text: an object of JSON, or NULL for the defaults. Its keys
 * are the command's options without their dashes, and have their values: strings, numbers, true or
 * false, or arrays of strings.
 *
 *     {"two-stems": "vocals", "shifts": 2, "seed": 1, "output-rate": "input"}
 *
 * Each function says which of them have an effect for it, and refuses the others.
 *
 * EVENTS. What a function found is one text, too: an object of JSON in one line, which a callback
 * takes. Its "event" says what it is.
 *
 * ERRORS. A function that can fail returns an sd_status and takes `message` and `message_bytes`: a
 * buffer of the caller's, which receives a sentence in UTF-8 that says what failed, the value
 * found, the value expected and what to do. The text has no control characters, is cut at a
 * character's boundary to fit, and always ends with a zero byte. `message` may be NULL. On success it
 * becomes the empty string. Results are written on success alone; buffers of samples may be partly
 * overwritten by a failed call.
 *
 * POINTERS may be NULL only where that is said, and are refused otherwise.
 *
 * THREADS. Any number of models, streams and cancellations may exist at once, in any threads.
 *   - An sd_model may be used by any number of threads at once. Their calls share its threads.
 *   - An sd_stream may be used by one thread at a time: calls within another one, from a callback
 *     or another thread, fail with SD_ERROR_STATE.
 *   - An sd_cancellation may be used by any number of threads at once.
 *   - A handle must not be used during or after the call that closes it.
 * Callbacks run on the thread of the call that they were given to, and may call any function here
 * except for closing a handle that is in use. There are no settings outside of handles.
 *
 * FORK. After fork(), the child has none of the engine's threads: calls on handles that the parent
 * opened fail with SD_ERROR_FORKED, and closing them only forgets them. Handles that the child
 * opens work, provided that no other thread of the parent was inside a function of this library
 * when it forked.
 *
 * PROCESS. The library prints nothing, handles no signals (its threads block them), and never ends
 * the process. libmpg123, which libsndfile decodes MP3 with, may print warnings about damaged MP3
 * files. With the precision float32, and equal seeds, equal input gives the same bits on the same
 * machine, for any number of threads and jobs. Calls need 1 MB of stack. On Intel CPUs with AMX the
 * library asks Linux for the tiles: from then on alternate signal stacks have to hold them
 * (getauxval(AT_MINSIGSTKSZ)).
 *
 * ENVIRONMENT. Read while a model is opened, listed or fetched: SWIFT_DEMUCS_MODELS, HF_HUB_CACHE,
 * HF_HOME, TORCH_HOME and XDG_CACHE_HOME (where models are looked for), HF_HUB_OFFLINE and
 * HF_ENDPOINT (whether and from where sd_fetch downloads), SWIFT_DEMUCS_ISA (forces a set of
 * kernels).
 */
#ifndef SWIFT_DEMUCS_H
#define SWIFT_DEMUCS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------
 * Version
 */

/* The version of this header: major * 1,000,000 + minor * 1,000 + patch. */
#define SD_VERSION "0.1.0"
#define SD_VERSION_NUMBER 1000
#define SD_VERSION_MAJOR 0
#define SD_VERSION_MINOR 1

/* The library's version: SD_VERSION and SD_VERSION_NUMBER of the header that it was built with.
 * A program built with an older header of the same soname runs unchanged. */
const char *sd_version(void);
int32_t sd_version_number(void);

/* ---------------------------------------------------------------------------------------------
 * Results
 */

typedef enum sd_status {
    SD_OK = 0,
    /* sd_stream_pull: all stems have been given. */
    SD_DONE = 1,
    /* A pointer is NULL, a number is out of range, a name or a setting is unknown, a sample is not
     * finite, a handle is not one of this library's. */
    SD_ERROR_ARGUMENT = 2,
    /* No model of that name or path is on this machine; sd_fetch downloads published ones. Or the
     * download failed. */
    SD_ERROR_MODEL_MISSING = 3,
    /* The model's files can't be read, or hold a model that this engine doesn't run. Or a stem that it
     * gives has a sample that is not finite. */
    SD_ERROR_MODEL = 4,
    /* The input file is missing, can't be decoded, holds no samples, or changed meanwhile. Or the
     * samples of a track are so large that their mean or standard deviation is not finite. */
    SD_ERROR_INPUT = 5,
    /* An output or a temporary file can't be written, or its disk is full. */
    SD_ERROR_OUTPUT = 6,
    /* The progress callback or an sd_cancellation stopped the work. */
    SD_CANCELLED = 7,
    /* A function of a stream was called out of turn, such as a push after sd_stream_finish, or
     * within another call on the stream. */
    SD_ERROR_STATE = 8,
    /* The handle was opened before fork() by the parent process. */
    SD_ERROR_FORKED = 9,
    /* The environment asks for kernels that this CPU lacks, or a BLAS is needed and missing. Or ffmpeg was
     * killed or can't run. */
    SD_ERROR_ENGINE = 10,
    /* A defect of this library; please report the message. */
    SD_ERROR_INTERNAL = 11,
    /* sd_run: at least one track failed; the message is the error of the first. The events have the
     * status of each track, and the others are done. */
    SD_TRACKS_FAILED = 12
} sd_status;

/* A buffer of so many bytes holds every message but those with very long file names. */
#define SD_MESSAGE_BYTES 1024

/* A status in a few English words, such as "invalid argument". Never NULL. */
const char *sd_status_text(sd_status status);

/* ---------------------------------------------------------------------------------------------
 * Cancelling
 */

/* Stops work under way, from another thread. Several calls may share one. */
typedef struct sd_cancellation sd_cancellation;

/* NULL if there is no memory for it. */
sd_cancellation *sd_cancellation_create(void);

/* Makes every call that was given this cancellation, now or later, return SD_CANCELLED within a
 * fraction of a segment. Files that were complete by then stay. Does nothing for NULL. */
void sd_cancellation_cancel(sd_cancellation *cancellation);

/* Calls that were given it must have returned. Does nothing for NULL. */
void sd_cancellation_free(sd_cancellation *cancellation);

/* ---------------------------------------------------------------------------------------------
 * Callbacks
 */

/* How far a separation has come. */
typedef struct sd_progress {
    /* segments_done / segments_total, 0 to 1; 0 while the length of a live stream is unknown. */
    double fraction;
    /* Segments that went through a network, over all shifts and the models of a bag. */
    int64_t segments_done;
    /* 0 while the length of a live stream is unknown. */
    int64_t segments_total;
    /* Frames of the track at the model's rate; 0 while unknown. */
    int64_t track_frames;
    /* The segment that begins or has ended: its first frame, counted from the beginning of its
     * shifted track; the number of its shift; the number of its model in the bag. From 0. */
    int64_t segment_offset;
    int32_t shift;
    int32_t member;
    /* Whether the segment has ended: 0 as it begins, 1 when it has ended. */
    int32_t has_ended;
    int32_t member_count;
} sd_progress;

/* Called as each segment begins, and when it has ended. A result other than 0 cancels the call. */
typedef int32_t (*sd_progress_callback)(void *context, const sd_progress *progress);

typedef enum sd_log_level {
    SD_LOG_INFO = 0,
    /* Something was ignored or is doubtful, and the work goes on. */
    SD_LOG_WARNING = 1
} sd_log_level;

/* Takes a line of UTF-8 without its line break; valid during the call. */
typedef void (*sd_log_callback)(void *context, sd_log_level level, const char *message);

/* Takes an event: an object of JSON in one line, without its line break; valid during the call.
 * status: why a track has failed, in an event about that; SD_OK in all others.
 * A result other than 0 cancels the call. */
typedef int32_t (*sd_event_callback)(void *context, const char *event, sd_status status);

/* ---------------------------------------------------------------------------------------------
 * Models
 */

/* A loaded model and the threads that it runs on. */
typedef struct sd_model sd_model;

/* Opens a model.
 *
 * model: the path of a checkpoint (.safetensors, .th, .onnx, ggml's .bin) or of a bag (.yaml); or
 *     a name such as "htdemucs", "htdemucs_ft", "demo", a signature, or hf://...; or
 *     several of these with '+' between them, whose stems are averaged. Names are looked for in
 *     "repo", the caches of Hugging Face, torch and swift-demucs, and ../share/swift-demucs/models
 *     beside this library.
 * settings:
 *     "stems"      the stems wanted. Of a bag, only the models that they need are loaded; samples
 *                  are the same. (default: all)
 *     "threads"    number of cores to use, 1 to 1024 (default: all that this process may run on)
 *     "jobs"       segments of a track that run at once, sharing the threads. Each takes the memory
 *                  of a forward pass. (default: 1)
 *     "precision"  type of the weights and of the operands of matrix products; sums are always
 *                  float32. (default: int8 for files with INT8 weights, float32 for all others)
 *                  float32   the samples of the reference, demucs 4.1.0: SNR 117 dB or more against
 *                            PyTorch
 *                  bfloat16  half the memory, and twice the speed on CPUs with AVX512-BF16 or AMX
 *                            (FEAT_BF16 of arm64 is used too, unmeasured): about 40 dB
 *                  int8      a quarter of the memory, and faster still on CPUs with VNNI: about 39 dB
 *                  auto      int8 for files with INT8 weights, and for HTDemucs on CPUs with VNNI
 *                            and without AMX; else bfloat16 on CPUs that multiply it; else
 *                            float32. Models of "then" run in the precision of the first
 *     "segment"    seconds of the network's input, as a set attribute `segment` in demucs: of HTDemucs
 *                  at most its own, to which shorter segments are filled up; of Demucs v3 any length.
 *                  That of a RoFormer can't be changed.
 *     "repo"       a folder of models that is searched first
 * log: takes warnings about the model, and about files that it separates; NULL for none.
 * context: of the log.
 * result: receives the handle, which sd_close frees.
 *
 * Errors: ARGUMENT, MODEL_MISSING, MODEL, ENGINE. */
sd_status sd_open(const char *model, const char *settings, sd_log_callback log, void *context,
                  sd_model **result, char *message, size_t message_bytes);

/* Frees a model. Its calls must have returned and its streams must be closed. NULL does nothing. */
void sd_close(sd_model *model);

/* Describes a model by one event "loaded":
 *     "name"             the published name, or the file's name without extension
 *     "stems"            names of the stems that the model gives, in their order
 *     "channels", "sample_rate_hz"  of the stems, and of the audio that the model takes in; other
 *                        audio is converted
 *     "member_count"     number of checkpoints; more than one for a bag
 *     "parameter_count"  weights of all loaded checkpoints, in numbers
 *     "segment_seconds"  default length of a segment, which for HTDemucs is also the longest
 *     "members"          of each checkpoint: its path, "checkpoint"; its "stems" and
 *                        "segment_seconds"; "takes_any_length", whether its network runs on any
 *                        length, and not only on one segment; and "weights", its weight in the mean
 *                        of each stem of the model
 *     "engine"           instruction set, matrix products, precision and threads, for people to read
 *
 * Errors: ARGUMENT, CANCELLED, FORKED. */
sd_status sd_model_describe(const sd_model *model, sd_event_callback event, void *context,
                            char *message, size_t message_bytes);

/* Lists the published models: an event "model" for each, with the members of the models in
 * "swift-demucs models --json"; then the models of other authors that sd_fetch knows: an event
 * "linked" for each, with those of the linked models, and "files".
 *
 * repository: a folder of models that is searched first; NULL for none.
 *
 * Errors: ARGUMENT, MODEL, CANCELLED. */
sd_status sd_models(const char *repository, sd_event_callback event, void *context, char *message,
                    size_t message_bytes);

/* Downloads a model unless it is on this machine, through libcurl, which is opened for that. Bytes
 * of an interrupted download are kept for the next call.
 *
 * model: a name, as for sd_open.
 * event: of a download "waiting" (for another process), "started", "progress", "retrying",
 *     "verifying" and "finished", with "file", "received_bytes" and "total_bytes" where they are
 *     known; at the end "file" with the "path" of each checkpoint. May be NULL.
 * cancellation: may be NULL.
 *
 * Errors: ARGUMENT, MODEL_MISSING, MODEL, OUTPUT, ENGINE (no libcurl), CANCELLED. */
sd_status sd_fetch(const char *model, sd_event_callback event, void *context,
                   sd_cancellation *cancellation, char *message, size_t message_bytes);

/* ---------------------------------------------------------------------------------------------
 * Separating audio in memory
 */

typedef enum sd_layout {
    /* Channel after channel: [channel][frame]; stems [stem][channel][frame]. */
    SD_PLANAR = 0,
    /* Frame after frame: [frame][channel]; stems [stem][frame][channel]. */
    SD_INTERLEAVED = 1
} sd_layout;

/* Full scale is 1. */
typedef struct sd_audio {
    const float *samples;
    /* Samples of each channel. */
    size_t frames;
    /* 1 to 64: mono is doubled, of more than the model takes the first are used. */
    int32_t channels;
    /* In Hz, 1,000 to 768,000. */
    int32_t sample_rate;
    sd_layout layout;
} sd_audio;

/* The state of Python's random: the second member of random.getstate(), its last number apart. */
typedef struct sd_random {
    uint32_t words[624];
    int32_t position;
} sd_random;

/* Plans a separation: checks the settings, but not the times of live streams, and tells which outputs sd_separate or a stream gives.
 *
 * settings: those of sd_separate, except "no-normalization", and of sd_stream_open.
 * frames, sample_rate: of the track.
 * event: takes one event "plan" with "outputs", the names of stems, their parts, sums and the residual
 *     in their order; and "channels", "sample_rate_hz" and "frames" of each output.
 *
 * Errors: ARGUMENT, MODEL_MISSING and MODEL (of a model that follows), CANCELLED, FORKED. */
sd_status sd_plan(sd_model *model, const char *settings, size_t frames, int32_t sample_rate,
                  sd_event_callback event, void *context, char *message, size_t message_bytes);

/* Separates audio in memory.
 *
 * mix: at least one frame; all samples finite.
 * settings: those that choose signals, such as "two-stems", or tune the separation, such as "shifts"
 *     (docs/c-interface.md lists them); and "no-normalization", which gives the model the samples as
 *     they are, not normalised by the mean and the standard deviation of the whole track.
 * outputs: receives the signals that sd_plan lists, in its order; by default all stems. Output o
 *     begins at outputs + o * channels * capacity. Within an output, channel c begins at
 *     c * capacity (planar), or frame f at f * channels (interleaved).
 * capacity: frames that each output has room for, at least those of sd_plan.
 * layout: of the outputs.
 * random: draws the shifts instead of a seed, and is left as the reference leaves Python's generator;
 *     NULL for none.
 * seed: receives the seed of the shifts, given or drawn; may be NULL.
 * progress: takes the segments; may be NULL.
 * cancellation: may be NULL.
 *
 * Memory: a few segments, for audio of any length.
 * Errors: ARGUMENT, INPUT (the samples are too large), MODEL_MISSING, MODEL, ENGINE (the outputs don't
 * fit into memory), CANCELLED, FORKED. */
sd_status sd_separate(sd_model *model, const sd_audio *mix, const char *settings, float *outputs,
                      size_t capacity, sd_layout layout, sd_random *random, uint64_t *seed,
                      sd_progress_callback progress, void *context, sd_cancellation *cancellation,
                      char *message, size_t message_bytes);

/* ---------------------------------------------------------------------------------------------
 * Separating files
 */

/* Separates sound files into files, in flat memory for tracks of any length.
 *
 *     const char *tracks[] = {"a.mp3", "b.flac"};
 *     sd_run(model, tracks, 2, "{\"stems\": \"vocals\", \"flac\": true, \"out\": \"stems\"}", print,
 *            NULL, NULL, NULL, why, sizeof why);
 *
 * tracks: paths of WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3 and CAF; with an ffmpeg on PATH also of
 *     AAC, M4A and videos. A path that is given twice is separated once.
 * settings: all of them.
 * event: takes the lines that the command writes with --json (docs/formats.md): "start", "progress",
 *     "track" with a track's files or its failure, and "manifest" at the end. May be NULL.
 * progress: takes the segments of each track; may be NULL.
 * cancellation: may be NULL.
 *
 * All settings are checked before the first track. A track whose files an earlier one has fails.
 * A track that fails doesn't stop the others: the call ends with SD_TRACKS_FAILED. Each file appears
 * when it is complete, and replaces what was there. With "skip-existing" or "failed", or if it is there,
 * the hidden folder .swift-demucs gets a record of each track, by which "skip-existing" recognises it.
 *
 * Errors: ARGUMENT, MODEL (its files have changed), OUTPUT, CANCELLED, FORKED, SD_TRACKS_FAILED. */
sd_status sd_run(sd_model *model, const char *const *tracks, size_t track_count,
                 const char *settings, sd_event_callback event, sd_progress_callback progress,
                 void *context, sd_cancellation *cancellation, char *message, size_t message_bytes);

/* Finds the tempo, the beats and the key of a track, which is separated for it.
 *
 * settings: those that tune the separation, as of sd_separate. Without shifts, the same track always
 *     gives the same beats.
 * event: takes one event "analysis" with "tempo_bpm", "beats" and "downbeats" in seconds, "metre" such as
 *     "4/4", "downbeat_confidence" from 0 to 1, and "key" such as "Bb major"; null or empty for what was
 *     not found.
 * progress, cancellation: as of sd_separate.
 *
 * Errors: ARGUMENT, INPUT (the samples are too large), MODEL (a stem is not finite), CANCELLED,
 * FORKED. */
sd_status sd_analyze(sd_model *model, const sd_audio *mix, const char *settings,
                     sd_event_callback event, sd_progress_callback progress, void *context,
                     sd_cancellation *cancellation, char *message, size_t message_bytes);

/* ---------------------------------------------------------------------------------------------
 * Reading, converting and writing audio
 */

/* Takes a block of audio, valid during the call. A result other than 0 cancels. */
typedef int32_t (*sd_audio_callback)(void *context, const sd_audio *audio);

/* Decodes a sound file, block by block.
 *
 * input: as the tracks of sd_run.
 * channels, sample_rate: of the blocks, converted as the reference converts a track for its model;
 *     0 for the file's own.
 * log: takes warnings about the file; NULL for none.
 * cancellation: as of sd_separate; it also ends the wait for the writer of a pipe.
 *
 * Errors: ARGUMENT, INPUT, OUTPUT (no temporary file), ENGINE (ffmpeg), CANCELLED. */
sd_status sd_read(const char *input, int32_t channels, int32_t sample_rate,
                  sd_audio_callback callback, void *context, sd_log_callback log, void *log_context,
                  sd_cancellation *cancellation, char *message, size_t message_bytes);

/* Converts channels and rate, as the reference does before it separates: mono is doubled, one
 * channel is the mean of all, and of more than wanted the first are used.
 *
 * channels, sample_rate: of the result; 0 for those of the audio.
 * samples: receives [channel][frame] or [frame][channel], by `layout`; NULL only counts.
 * capacity: frames that each channel has room for.
 * frames: receives the number of frames.
 *
 * Errors: ARGUMENT. */
sd_status sd_convert(const sd_audio *audio, int32_t channels, int32_t sample_rate, float *samples,
                     size_t capacity, sd_layout layout, size_t *frames, char *message,
                     size_t message_bytes);

/* Writes a sound file, as sd_run writes a stem.
 *
 * output: appears under this name when it is complete, and replaces what was there.
 * settings: "format", "flac", "mp3", "int24", "float32", "clip-mode", "mp3-bitrate", "mp3-preset".
 *     Without a format, the name has to end in .wav, .flac or .mp3, which says it.
 *
 * Errors: ARGUMENT, OUTPUT. */
sd_status sd_write(const sd_audio *audio, const char *output, const char *settings, char *message,
                   size_t message_bytes);

/* ---------------------------------------------------------------------------------------------
 * Separating a stream
 */

/* Audio that arrives in blocks, and stems that leave in blocks, in flat memory.
 *
 *     sd_stream_open(model, 2, 48000, NULL, NULL, NULL, NULL, NULL, &stream, why, sizeof why);
 *     while (read_block(block, &frames))
 *         sd_stream_push(stream, block, frames, SD_INTERLEAVED, why, sizeof why);
 *     sd_stream_finish(stream, why, sizeof why);
 *     while (sd_stream_pull(stream, stems, 4096, SD_PLANAR, &frames, why, sizeof why) == SD_OK)
 *         write_stems(stems, frames);
 *     sd_stream_close(stream);
 *
 * HTDemucs normalises a track by the mean and the standard deviation of all of it. Two ways:
 *   - By default the samples are those of sd_separate. Blocks wait in a temporary file (4 bytes a
 *     sample) until sd_stream_finish; stems come after it.
 *   - In a live stream ("live": true) stems come after a constant delay and differ a little
 *     (docs/live.md); nothing is written to the disk. The model hears the last "window" seconds
 *     (default: its segment) for each block of "hop" seconds (default: 0.1), which leaves once
 *     "lookahead" more seconds (default: 0) were heard.
 */
typedef struct sd_stream sd_stream;

/* Opens a stream. The model must outlive it.
 *
 * channels, sample_rate: of the blocks, as in sd_audio.
 * settings: those of sd_separate, those of a live stream, and "spool", the folder of the temporary file
 *     of another one. A live stream takes at most one shift, is always split, and takes no "then".
 * random, progress, context, cancellation: as of sd_separate; they must outlive the stream. Progress is
 *     reported by sd_stream_pull.
 *
 * Errors: ARGUMENT, OUTPUT (no temporary file), MODEL_MISSING, MODEL, ENGINE (a block of all outputs
 * doesn't fit into memory), FORKED. */
sd_status sd_stream_open(sd_model *model, int32_t channels, int32_t sample_rate,
                         const char *settings, sd_random *random, sd_progress_callback progress,
                         void *context, sd_cancellation *cancellation, sd_stream **result,
                         char *message, size_t message_bytes);

/* Takes the next block; none of it if it fails. Any number of frames, also none.
 *
 * A live stream keeps blocks in memory until their stems are pulled.
 * Errors: ARGUMENT, STATE (after sd_stream_finish), OUTPUT, FORKED. */
sd_status sd_stream_push(sd_stream *stream, const float *samples, size_t frames, sd_layout layout,
                         char *message, size_t message_bytes);

/* Ends the input.
 *
 * Errors: ARGUMENT (no frame was pushed), INPUT (the samples are too large), STATE (a second call),
 * OUTPUT, CANCELLED, FORKED. */
sd_status sd_stream_finish(sd_stream *stream, char *message, size_t message_bytes);

/* Gives the next frames of all outputs, separating as many segments as that takes.
 *
 * outputs, capacity, layout: as in sd_separate; capacity is at least 1.
 * frames: receives the number of frames. It is 0 if more input is needed first: before
 *     sd_stream_finish, always so for a stream that is not live.
 *
 * Returns SD_OK, or SD_DONE with no frames after the last one. After an error, only
 * sd_stream_close is left.
 * Errors: ARGUMENT, OUTPUT, MODEL (a stem is not finite; a live stream gives silence), CANCELLED,
 * STATE (after an error), FORKED. */
sd_status sd_stream_pull(sd_stream *stream, float *outputs, size_t capacity, sd_layout layout,
                         size_t *frames, char *message, size_t message_bytes);

/* Frees a stream, finished or not. NULL does nothing. */
void sd_stream_close(sd_stream *stream);

/* ---------------------------------------------------------------------------------------------
 * Quantising
 */

/* Writes a checkpoint with INT8 weights, at about a quarter of the size.
 *
 * checkpoint: the path of a checkpoint with float weights.
 * output: a .safetensors file, which appears when it is complete.
 * tracks: sound files to calibrate on; NULL, and 0 of them, for noise.
 * settings:
 *     "samples"    segments of those files in all, 1 to 10,000. If there are more files than segments,
 *                  one segment is taken from each of as many files, at equal distances in the list.
 *                  (default: 50)
 *     "precision"  what the file will run in: int8 (default), or float32 or bfloat16 with INT8 weights
 *     "threads"    as for sd_open
 * event: takes one event "quantized" with "bytes" and "source_bytes", the sizes of the new file and of
 *     the old one, and "snr_db", the SNR of the worst stem against the float32 model on the
 *     calibration, which is left out if it is infinite. May be NULL. Its result has no effect,
 *     because the file is complete then.
 * log, cancellation: may be NULL.
 * context: of both callbacks.
 *
 * Errors: ARGUMENT, MODEL, INPUT, OUTPUT, CANCELLED, ENGINE. */
sd_status sd_quantize(const char *checkpoint, const char *output, const char *const *tracks,
                      size_t track_count, const char *settings, sd_event_callback event,
                      sd_log_callback log, void *context, sd_cancellation *cancellation,
                      char *message, size_t message_bytes);

/* ---------------------------------------------------------------------------------------------
 * Evaluating
 */

/* Scores estimates of stems against the true ones, in dB: NaN where undefined, infinite for a perfect
 * estimate.
 *
 * references, estimates: [stem][channel][frame] or [stem][frame][channel], by `layout`.
 * sdr: receives the SDR of each stem, as in the Music Demixing Challenges.
 * si_sdr: receives the scale-invariant SDR of each stem. One of the two may be NULL.
 *
 * Errors: ARGUMENT, ENGINE. */
sd_status sd_evaluate(const float *references, const float *estimates, int32_t stem_count,
                      int32_t channels, size_t frames, int32_t sample_rate, sd_layout layout,
                      double *sdr, double *si_sdr, char *message, size_t message_bytes);

/* ---------------------------------------------------------------------------------------------
 * Tracing
 */

/* Takes a value inside the network: `shape` has `rank` numbers, `values` their product, row-major.
 * All pointers are valid during the call. A result other than 0 cancels the trace. */
typedef int32_t (*sd_trace_callback)(void *context, const char *name, const int64_t *shape,
                                     int32_t rank, const float *values);

/* Gives the values inside the network for one chunk of audio, with the names and the order of axes
 * of the reference: "encoder.0", "crosstransformer.layers.2", ... docs/porting.md lists them.
 *
 * mix: the track; normalised by the statistics of all of it.
 * start_seconds: where the chunk begins in the track.
 * chunk_seconds: length of the chunk, with zeros past the track's end; 0 for the model's segment.
 * names: patterns of names, separated by commas, with * for any characters and ? for one; NULL for
 *     all.
 *
 * The weights are read once more for this. The model must have one checkpoint.
 * Errors: ARGUMENT, MODEL, INPUT (the samples are too large), CANCELLED, FORKED. */
sd_status sd_trace(const sd_model *model, const sd_audio *mix, double start_seconds,
                   double chunk_seconds, const char *names, sd_trace_callback callback,
                   void *context, char *message, size_t message_bytes);

#ifdef __cplusplus
}
#endif

#endif
