// The binary interface on 64-bit systems: a program that was compiled with an older header runs
// only while nothing of it changes. Compiling this file is the whole test.
#include "swift_demucs.h"

#ifdef __cplusplus
#define ASSERT(condition, text) static_assert(condition, text)
#else
#define ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define SIZE(type, bytes) ASSERT(sizeof(type) == (bytes), "the size of " #type " has changed")
#define PLACE(type, member, bytes)                                                                 \
    ASSERT(offsetof(type, member) == (bytes), #type "." #member " has moved")
#define VALUE(name, number) ASSERT((int)(name) == (number), #name " has another value")

ASSERT(sizeof(void *) == 8 && sizeof(size_t) == 8, "the numbers below are those of LP64");

SIZE(sd_progress, 56);
PLACE(sd_progress, fraction, 0);
PLACE(sd_progress, segments_done, 8);
PLACE(sd_progress, segments_total, 16);
PLACE(sd_progress, track_frames, 24);
PLACE(sd_progress, segment_offset, 32);
PLACE(sd_progress, shift, 40);
PLACE(sd_progress, member, 44);
PLACE(sd_progress, has_ended, 48);
PLACE(sd_progress, member_count, 52);

SIZE(sd_audio, 32);
PLACE(sd_audio, samples, 0);
PLACE(sd_audio, frames, 8);
PLACE(sd_audio, channels, 16);
PLACE(sd_audio, sample_rate, 20);
PLACE(sd_audio, layout, 24);

SIZE(sd_random, 2500);
PLACE(sd_random, words, 0);
PLACE(sd_random, position, 2496);

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

SIZE(sd_layout, 4);
VALUE(SD_PLANAR, 0);
VALUE(SD_INTERLEAVED, 1);

int main(void) { return 0; }
