/* The files of the folder Page, as the program carries them. Made by tools/page_list. The preprocessor embeds
 * them: Swift's optimizer needs a minute for array literals of their size. */
#include "page.h"

#pragma clang diagnostic ignored "-Wc23-extensions" /* #embed */

#define FILE(name, array)                                                                          \
    { name, array, sizeof(array) }

static const unsigned char api_js[] = {
#embed "../../Page/api.js"
};
static const unsigned char backend_js[] = {
#embed "../../Page/backend.js"
};
static const unsigned char beats_js[] = {
#embed "../../Page/beats.js"
};
static const unsigned char board_js[] = {
#embed "../../Page/board.js"
};
static const unsigned char clicks_js[] = {
#embed "../../Page/clicks.js"
};
static const unsigned char colours_js[] = {
#embed "../../Page/colours.js"
};
static const unsigned char convert_js[] = {
#embed "../../Page/convert.js"
};
static const unsigned char dom_js[] = {
#embed "../../Page/dom.js"
};
static const unsigned char downloads_js[] = {
#embed "../../Page/downloads.js"
};
static const unsigned char drop_js[] = {
#embed "../../Page/drop.js"
};
static const unsigned char engine_js[] = {
#embed "../../Page/engine.js"
};
static const unsigned char envelope_js[] = {
#embed "../../Page/envelope.js"
};
static const unsigned char exports_js[] = {
#embed "../../Page/exports.js"
};
static const unsigned char fader_js[] = {
#embed "../../Page/fader.js"
};
static const unsigned char feed_js[] = {
#embed "../../Page/feed.js"
};
static const unsigned char fft_js[] = {
#embed "../../Page/fft.js"
};
static const unsigned char format_js[] = {
#embed "../../Page/format.js"
};
static const unsigned char grid_js[] = {
#embed "../../Page/grid.js"
};
static const unsigned char header_js[] = {
#embed "../../Page/header.js"
};
static const unsigned char index_html[] = {
#embed "../../Page/index.html"
};
static const unsigned char jobs_js[] = {
#embed "../../Page/jobs.js"
};
static const unsigned char keys_js[] = {
#embed "../../Page/keys.js"
};
static const unsigned char lanes_js[] = {
#embed "../../Page/lanes.js"
};
static const unsigned char library_js[] = {
#embed "../../Page/library.js"
};
static const unsigned char library_tools_js[] = {
#embed "../../Page/library_tools.js"
};
static const unsigned char link_js[] = {
#embed "../../Page/link.js"
};
static const unsigned char logo_svg[] = {
#embed "../../Page/logo.svg"
};
static const unsigned char loop_js[] = {
#embed "../../Page/loop.js"
};
static const unsigned char loop_handles_js[] = {
#embed "../../Page/loop_handles.js"
};
static const unsigned char loudness_js[] = {
#embed "../../Page/loudness.js"
};
static const unsigned char main_js[] = {
#embed "../../Page/main.js"
};
static const unsigned char master_js[] = {
#embed "../../Page/master.js"
};
static const unsigned char memory_js[] = {
#embed "../../Page/memory.js"
};
static const unsigned char meters_js[] = {
#embed "../../Page/meters.js"
};
static const unsigned char mix_js[] = {
#embed "../../Page/mix.js"
};
static const unsigned char mixer_js[] = {
#embed "../../Page/mixer.js"
};
static const unsigned char onsets_js[] = {
#embed "../../Page/onsets.js"
};
static const unsigned char options_js[] = {
#embed "../../Page/options.js"
};
static const unsigned char parts_svg[] = {
#embed "../../Page/parts.svg"
};
static const unsigned char peaks_js[] = {
#embed "../../Page/peaks.js"
};
static const unsigned char piece_run_js[] = {
#embed "../../Page/piece_run.js"
};
static const unsigned char pieces_js[] = {
#embed "../../Page/pieces.js"
};
static const unsigned char player_js[] = {
#embed "../../Page/player.js"
};
static const unsigned char pointer_js[] = {
#embed "../../Page/pointer.js"
};
static const unsigned char practice_js[] = {
#embed "../../Page/practice.js"
};
static const unsigned char presets_js[] = {
#embed "../../Page/presets.js"
};
static const unsigned char problem_js[] = {
#embed "../../Page/problem.js"
};
static const unsigned char queue_js[] = {
#embed "../../Page/queue.js"
};
static const unsigned char rehearsal_js[] = {
#embed "../../Page/rehearsal.js"
};
static const unsigned char render_file_js[] = {
#embed "../../Page/render_file.js"
};
static const unsigned char render_worker_js[] = {
#embed "../../Page/render_worker.js"
};
static const unsigned char ruler_js[] = {
#embed "../../Page/ruler.js"
};
static const unsigned char service_js[] = {
#embed "../../Page/service.js"
};
static const unsigned char session_js[] = {
#embed "../../Page/session.js"
};
static const unsigned char song_js[] = {
#embed "../../Page/song.js"
};
static const unsigned char spectrograms_js[] = {
#embed "../../Page/spectrograms.js"
};
static const unsigned char spectrum_js[] = {
#embed "../../Page/spectrum.js"
};
static const unsigned char stage_js[] = {
#embed "../../Page/stage.js"
};
static const unsigned char stretch_js[] = {
#embed "../../Page/stretch.js"
};
static const unsigned char stretch_drums_js[] = {
#embed "../../Page/stretch_drums.js"
};
static const unsigned char stretch_run_js[] = {
#embed "../../Page/stretch_run.js"
};
static const unsigned char stretch_tonal_js[] = {
#embed "../../Page/stretch_tonal.js"
};
static const unsigned char stretch_worklet_js[] = {
#embed "../../Page/stretch_worklet.js"
};
static const unsigned char strip_js[] = {
#embed "../../Page/strip.js"
};
static const unsigned char style_css[] = {
#embed "../../Page/style.css"
};
static const unsigned char tape_js[] = {
#embed "../../Page/tape.js"
};
static const unsigned char theme_js[] = {
#embed "../../Page/theme.js"
};
static const unsigned char timeline_js[] = {
#embed "../../Page/timeline.js"
};
static const unsigned char token_js[] = {
#embed "../../Page/token.js"
};
static const unsigned char transport_js[] = {
#embed "../../Page/transport.js"
};
static const unsigned char tuning_js[] = {
#embed "../../Page/tuning.js"
};
static const unsigned char uploads_js[] = {
#embed "../../Page/uploads.js"
};
static const unsigned char wav_js[] = {
#embed "../../Page/wav.js"
};
static const unsigned char wave_js[] = {
#embed "../../Page/wave.js"
};
static const unsigned char waveforms_js[] = {
#embed "../../Page/waveforms.js"
};
static const unsigned char words_js[] = {
#embed "../../Page/words.js"
};

static const struct page_file files[] = {
    FILE("api.js", api_js),
    FILE("backend.js", backend_js),
    FILE("beats.js", beats_js),
    FILE("board.js", board_js),
    FILE("clicks.js", clicks_js),
    FILE("colours.js", colours_js),
    FILE("convert.js", convert_js),
    FILE("dom.js", dom_js),
    FILE("downloads.js", downloads_js),
    FILE("drop.js", drop_js),
    FILE("engine.js", engine_js),
    FILE("envelope.js", envelope_js),
    FILE("exports.js", exports_js),
    FILE("fader.js", fader_js),
    FILE("feed.js", feed_js),
    FILE("fft.js", fft_js),
    FILE("format.js", format_js),
    FILE("grid.js", grid_js),
    FILE("header.js", header_js),
    FILE("index.html", index_html),
    FILE("jobs.js", jobs_js),
    FILE("keys.js", keys_js),
    FILE("lanes.js", lanes_js),
    FILE("library.js", library_js),
    FILE("library_tools.js", library_tools_js),
    FILE("link.js", link_js),
    FILE("logo.svg", logo_svg),
    FILE("loop.js", loop_js),
    FILE("loop_handles.js", loop_handles_js),
    FILE("loudness.js", loudness_js),
    FILE("main.js", main_js),
    FILE("master.js", master_js),
    FILE("memory.js", memory_js),
    FILE("meters.js", meters_js),
    FILE("mix.js", mix_js),
    FILE("mixer.js", mixer_js),
    FILE("onsets.js", onsets_js),
    FILE("options.js", options_js),
    FILE("parts.svg", parts_svg),
    FILE("peaks.js", peaks_js),
    FILE("piece_run.js", piece_run_js),
    FILE("pieces.js", pieces_js),
    FILE("player.js", player_js),
    FILE("pointer.js", pointer_js),
    FILE("practice.js", practice_js),
    FILE("presets.js", presets_js),
    FILE("problem.js", problem_js),
    FILE("queue.js", queue_js),
    FILE("rehearsal.js", rehearsal_js),
    FILE("render_file.js", render_file_js),
    FILE("render_worker.js", render_worker_js),
    FILE("ruler.js", ruler_js),
    FILE("service.js", service_js),
    FILE("session.js", session_js),
    FILE("song.js", song_js),
    FILE("spectrograms.js", spectrograms_js),
    FILE("spectrum.js", spectrum_js),
    FILE("stage.js", stage_js),
    FILE("stretch.js", stretch_js),
    FILE("stretch_drums.js", stretch_drums_js),
    FILE("stretch_run.js", stretch_run_js),
    FILE("stretch_tonal.js", stretch_tonal_js),
    FILE("stretch_worklet.js", stretch_worklet_js),
    FILE("strip.js", strip_js),
    FILE("style.css", style_css),
    FILE("tape.js", tape_js),
    FILE("theme.js", theme_js),
    FILE("timeline.js", timeline_js),
    FILE("token.js", token_js),
    FILE("transport.js", transport_js),
    FILE("tuning.js", tuning_js),
    FILE("uploads.js", uploads_js),
    FILE("wav.js", wav_js),
    FILE("wave.js", wave_js),
    FILE("waveforms.js", waveforms_js),
    FILE("words.js", words_js),
};

const struct page_file *const page_files = files;
const size_t page_file_count = sizeof files / sizeof *files;
