// The binary interface on 64-bit systems: a program that was compiled with an older header runs
// only while nothing of it changes. Compiling this file is the whole test.
//
// Structures grow by members at their end, and `size` tells how many there are. So a structure must
// not end with unused bytes: a member there would leave `size` as it is, and old programs never set
// it.
#include "swift_demucs.h"

#ifdef __cplusplus
#define ASSERT(condition, text) static_assert(condition, text)
#else
#define ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define SIZE(type, bytes) ASSERT(sizeof(type) == (bytes), "the size of " #type " has changed")
#define PLACE(type, member, bytes)                                                                 \
    ASSERT(offsetof(type, member) == (bytes), #type "." #member " has moved")
#define LAST(type, member)                                                                         \
    ASSERT(sizeof(type) == offsetof(type, member) + sizeof(((type *)0)->member),                   \
           #type " has unused bytes at its end")
#define VALUE(name, number) ASSERT((int)(name) == (number), #name " has another value")

ASSERT(sizeof(void *) == 8 && sizeof(size_t) == 8, "the numbers below are those of LP64");

SIZE(sd_progress, 64);
PLACE(sd_progress, size, 0);
PLACE(sd_progress, fraction, 8);
PLACE(sd_progress, segments_done, 16);
PLACE(sd_progress, segments_total, 24);
PLACE(sd_progress, track_frames, 32);
PLACE(sd_progress, segment_offset, 40);
PLACE(sd_progress, shift, 48);
PLACE(sd_progress, member, 52);
PLACE(sd_progress, has_ended, 56);
PLACE(sd_progress, member_count, 60);
LAST(sd_progress, member_count);

SIZE(sd_open_options, 64);
PLACE(sd_open_options, size, 0);
PLACE(sd_open_options, stems, 8);
PLACE(sd_open_options, stem_count, 16);
PLACE(sd_open_options, threads, 24);
PLACE(sd_open_options, jobs, 28);
PLACE(sd_open_options, precision, 32);
PLACE(sd_open_options, repository, 40);
PLACE(sd_open_options, log, 48);
PLACE(sd_open_options, log_context, 56);
LAST(sd_open_options, log_context);

SIZE(sd_model_info, 64);
PLACE(sd_model_info, size, 0);
PLACE(sd_model_info, name, 8);
PLACE(sd_model_info, stems, 16);
PLACE(sd_model_info, stem_count, 24);
PLACE(sd_model_info, channels, 28);
PLACE(sd_model_info, sample_rate, 32);
PLACE(sd_model_info, member_count, 36);
PLACE(sd_model_info, parameter_count, 40);
PLACE(sd_model_info, segment_seconds, 48);
PLACE(sd_model_info, engine, 56);
LAST(sd_model_info, engine);

SIZE(sd_audio, 40);
PLACE(sd_audio, size, 0);
PLACE(sd_audio, samples, 8);
PLACE(sd_audio, frames, 16);
PLACE(sd_audio, channels, 24);
PLACE(sd_audio, sample_rate, 28);
PLACE(sd_audio, layout, 32);
PLACE(sd_audio, reserved, 36);
LAST(sd_audio, reserved);

SIZE(sd_outputs, 40);
PLACE(sd_outputs, size, 0);
PLACE(sd_outputs, names, 8);
PLACE(sd_outputs, count, 16);
PLACE(sd_outputs, channels, 20);
PLACE(sd_outputs, sample_rate, 24);
PLACE(sd_outputs, reserved, 28);
PLACE(sd_outputs, frames, 32);
LAST(sd_outputs, frames);

SIZE(sd_random, 2500);
PLACE(sd_random, words, 0);
PLACE(sd_random, position, 2496);
LAST(sd_random, position);

SIZE(sd_quantize_options, 64);
PLACE(sd_quantize_options, size, 0);
PLACE(sd_quantize_options, calibration_files, 8);
PLACE(sd_quantize_options, calibration_file_count, 16);
PLACE(sd_quantize_options, calibration_segments, 24);
PLACE(sd_quantize_options, precision, 28);
PLACE(sd_quantize_options, threads, 32);
PLACE(sd_quantize_options, log, 40);
PLACE(sd_quantize_options, log_context, 48);
PLACE(sd_quantize_options, cancellation, 56);
LAST(sd_quantize_options, cancellation);

SIZE(sd_quantize_report, 32);
PLACE(sd_quantize_report, size, 0);
PLACE(sd_quantize_report, bytes, 8);
PLACE(sd_quantize_report, source_bytes, 16);
PLACE(sd_quantize_report, snr, 24);
LAST(sd_quantize_report, snr);

SIZE(sd_scores, 16);
PLACE(sd_scores, sdr, 0);
PLACE(sd_scores, si_sdr, 8);
LAST(sd_scores, si_sdr);

SIZE(sd_status, 4);
VALUE(SD_OK, 0);
VALUE(SD_DONE, 1);
VALUE(SD_ERROR_ARGUMENT, 2);
VALUE(SD_ERROR_MODEL_MISSING, 3);
VALUE(SD_ERROR_MODEL, 4);
VALUE(SD_ERROR_INPUT, 5);
VALUE(SD_ERROR_OUTPUT, 6);
VALUE(SD_CANCELLED, 7);
VALUE(SD_ERROR_STATE, 8);
VALUE(SD_ERROR_FORKED, 9);
VALUE(SD_ERROR_ENGINE, 10);
VALUE(SD_ERROR_INTERNAL, 11);
VALUE(SD_TRACKS_FAILED, 12);

SIZE(sd_log_level, 4);
VALUE(SD_LOG_INFO, 0);
VALUE(SD_LOG_WARNING, 1);

SIZE(sd_precision, 4);
VALUE(SD_PRECISION_DEFAULT, 0);
VALUE(SD_PRECISION_FLOAT32, 1);
VALUE(SD_PRECISION_BFLOAT16, 2);
VALUE(SD_PRECISION_INT8, 3);
VALUE(SD_PRECISION_AUTO, 4);

SIZE(sd_layout, 4);
VALUE(SD_PLANAR, 0);
VALUE(SD_INTERLEAVED, 1);

VALUE(SD_METRIC_SDR, 1);
VALUE(SD_METRIC_SI_SDR, 2);
VALUE(SD_METRIC_ALL, 3);

int main(void) { return 0; }
