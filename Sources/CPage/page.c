/* The files of the folder web/page, as the program carries them. Made by tools/page_list. The preprocessor embeds
 * them: Swift's optimizer needs a minute for array literals of their size. */
#include "page.h"

#pragma clang diagnostic ignored "-Wc23-extensions" /* #embed */

#define FILE(name, array)                                                                          \
    { name, array, sizeof(array) }

static const unsigned char backend_js[] = {
#embed "../../web/page/backend.js"
};
static const unsigned char dom_js[] = {
#embed "../../web/page/dom.js"
};
static const unsigned char index_html[] = {
#embed "../../web/page/index.html"
};
static const unsigned char kept_js[] = {
#embed "../../web/page/kept.js"
};
static const unsigned char logo_svg[] = {
#embed "../../web/page/logo.svg"
};
static const unsigned char main_js[] = {
#embed "../../web/page/main.js"
};
static const unsigned char mixer_board_js[] = {
#embed "../../web/page/mixer/board.js"
};
static const unsigned char mixer_controls_js[] = {
#embed "../../web/page/mixer/controls.js"
};
static const unsigned char mixer_downloads_js[] = {
#embed "../../web/page/mixer/downloads.js"
};
static const unsigned char mixer_input_js[] = {
#embed "../../web/page/mixer/input.js"
};
static const unsigned char mixer_mixer_js[] = {
#embed "../../web/page/mixer/mixer.js"
};
static const unsigned char mixer_ruler_js[] = {
#embed "../../web/page/mixer/ruler.js"
};
static const unsigned char mixer_song_js[] = {
#embed "../../web/page/mixer/song.js"
};
static const unsigned char mixer_spectrograms_js[] = {
#embed "../../web/page/mixer/spectrograms.js"
};
static const unsigned char mixer_spectrum_js[] = {
#embed "../../web/page/mixer/spectrum.js"
};
static const unsigned char mixer_strips_js[] = {
#embed "../../web/page/mixer/strips.js"
};
static const unsigned char mixer_wave_js[] = {
#embed "../../web/page/mixer/wave.js"
};
static const unsigned char mixer_waveforms_js[] = {
#embed "../../web/page/mixer/waveforms.js"
};
static const unsigned char parts_svg[] = {
#embed "../../web/page/parts.svg"
};
static const unsigned char practice_grid_js[] = {
#embed "../../web/page/practice/grid.js"
};
static const unsigned char practice_rehearsal_js[] = {
#embed "../../web/page/practice/rehearsal.js"
};
static const unsigned char songs_api_js[] = {
#embed "../../web/page/songs/api.js"
};
static const unsigned char songs_jobs_js[] = {
#embed "../../web/page/songs/jobs.js"
};
static const unsigned char songs_library_js[] = {
#embed "../../web/page/songs/library.js"
};
static const unsigned char songs_memory_js[] = {
#embed "../../web/page/songs/memory.js"
};
static const unsigned char songs_notes_js[] = {
#embed "../../web/page/songs/notes.js"
};
static const unsigned char songs_options_js[] = {
#embed "../../web/page/songs/options.js"
};
static const unsigned char songs_queue_js[] = {
#embed "../../web/page/songs/queue.js"
};
static const unsigned char songs_sets_js[] = {
#embed "../../web/page/songs/sets.js"
};
static const unsigned char songs_stage_js[] = {
#embed "../../web/page/songs/stage.js"
};
static const unsigned char songs_uploads_js[] = {
#embed "../../web/page/songs/uploads.js"
};
static const unsigned char sound_clicks_js[] = {
#embed "../../web/page/sound/clicks.js"
};
static const unsigned char sound_engine_js[] = {
#embed "../../web/page/sound/engine.js"
};
static const unsigned char sound_flac_js[] = {
#embed "../../web/page/sound/flac.js"
};
static const unsigned char sound_mix_js[] = {
#embed "../../web/page/sound/mix.js"
};
static const unsigned char sound_piece_run_js[] = {
#embed "../../web/page/sound/piece_run.js"
};
static const unsigned char sound_pieces_js[] = {
#embed "../../web/page/sound/pieces.js"
};
static const unsigned char sound_player_js[] = {
#embed "../../web/page/sound/player.js"
};
static const unsigned char sound_render_worker_js[] = {
#embed "../../web/page/sound/render_worker.js"
};
static const unsigned char stretch_drums_js[] = {
#embed "../../web/page/stretch/drums.js"
};
static const unsigned char stretch_fft_js[] = {
#embed "../../web/page/stretch/fft.js"
};
static const unsigned char stretch_run_js[] = {
#embed "../../web/page/stretch/run.js"
};
static const unsigned char stretch_stretch_js[] = {
#embed "../../web/page/stretch/stretch.js"
};
static const unsigned char stretch_tonal_js[] = {
#embed "../../web/page/stretch/tonal.js"
};
static const unsigned char stretch_worklet_js[] = {
#embed "../../web/page/stretch/worklet.js"
};
static const unsigned char style_css[] = {
#embed "../../web/page/style.css"
};
static const unsigned char theme_js[] = {
#embed "../../web/page/theme.js"
};
static const unsigned char wav_js[] = {
#embed "../../web/page/wav.js"
};
static const unsigned char words_js[] = {
#embed "../../web/page/words.js"
};

static const struct page_file files[] = {
    FILE("backend.js", backend_js),
    FILE("dom.js", dom_js),
    FILE("index.html", index_html),
    FILE("kept.js", kept_js),
    FILE("logo.svg", logo_svg),
    FILE("main.js", main_js),
    FILE("mixer/board.js", mixer_board_js),
    FILE("mixer/controls.js", mixer_controls_js),
    FILE("mixer/downloads.js", mixer_downloads_js),
    FILE("mixer/input.js", mixer_input_js),
    FILE("mixer/mixer.js", mixer_mixer_js),
    FILE("mixer/ruler.js", mixer_ruler_js),
    FILE("mixer/song.js", mixer_song_js),
    FILE("mixer/spectrograms.js", mixer_spectrograms_js),
    FILE("mixer/spectrum.js", mixer_spectrum_js),
    FILE("mixer/strips.js", mixer_strips_js),
    FILE("mixer/wave.js", mixer_wave_js),
    FILE("mixer/waveforms.js", mixer_waveforms_js),
    FILE("parts.svg", parts_svg),
    FILE("practice/grid.js", practice_grid_js),
    FILE("practice/rehearsal.js", practice_rehearsal_js),
    FILE("songs/api.js", songs_api_js),
    FILE("songs/jobs.js", songs_jobs_js),
    FILE("songs/library.js", songs_library_js),
    FILE("songs/memory.js", songs_memory_js),
    FILE("songs/notes.js", songs_notes_js),
    FILE("songs/options.js", songs_options_js),
    FILE("songs/queue.js", songs_queue_js),
    FILE("songs/sets.js", songs_sets_js),
    FILE("songs/stage.js", songs_stage_js),
    FILE("songs/uploads.js", songs_uploads_js),
    FILE("sound/clicks.js", sound_clicks_js),
    FILE("sound/engine.js", sound_engine_js),
    FILE("sound/flac.js", sound_flac_js),
    FILE("sound/mix.js", sound_mix_js),
    FILE("sound/piece_run.js", sound_piece_run_js),
    FILE("sound/pieces.js", sound_pieces_js),
    FILE("sound/player.js", sound_player_js),
    FILE("sound/render_worker.js", sound_render_worker_js),
    FILE("stretch/drums.js", stretch_drums_js),
    FILE("stretch/fft.js", stretch_fft_js),
    FILE("stretch/run.js", stretch_run_js),
    FILE("stretch/stretch.js", stretch_stretch_js),
    FILE("stretch/tonal.js", stretch_tonal_js),
    FILE("stretch/worklet.js", stretch_worklet_js),
    FILE("style.css", style_css),
    FILE("theme.js", theme_js),
    FILE("wav.js", wav_js),
    FILE("words.js", words_js),
};

const struct page_file *const page_files = files;
const size_t page_file_count = sizeof files / sizeof *files;
