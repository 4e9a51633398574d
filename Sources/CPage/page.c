/* The files of the folder Page, as the program carries them. Made by tools/page_list. The preprocessor embeds
 * them: Swift's optimizer needs a minute for array literals of their size. */
#include "page.h"

#pragma clang diagnostic ignored "-Wc23-extensions" /* #embed */

#define FILE(name, array)                                                                          \
    { name, array, sizeof(array) }

static const unsigned char backend_js[] = {
#embed "../../Page/backend.js"
};
static const unsigned char dom_js[] = {
#embed "../../Page/dom.js"
};
static const unsigned char index_html[] = {
#embed "../../Page/index.html"
};
static const unsigned char kept_js[] = {
#embed "../../Page/kept.js"
};
static const unsigned char logo_svg[] = {
#embed "../../Page/logo.svg"
};
static const unsigned char main_js[] = {
#embed "../../Page/main.js"
};
static const unsigned char mixer_board_js[] = {
#embed "../../Page/mixer/board.js"
};
static const unsigned char mixer_controls_js[] = {
#embed "../../Page/mixer/controls.js"
};
static const unsigned char mixer_downloads_js[] = {
#embed "../../Page/mixer/downloads.js"
};
static const unsigned char mixer_input_js[] = {
#embed "../../Page/mixer/input.js"
};
static const unsigned char mixer_mixer_js[] = {
#embed "../../Page/mixer/mixer.js"
};
static const unsigned char mixer_ruler_js[] = {
#embed "../../Page/mixer/ruler.js"
};
static const unsigned char mixer_song_js[] = {
#embed "../../Page/mixer/song.js"
};
static const unsigned char mixer_spectrograms_js[] = {
#embed "../../Page/mixer/spectrograms.js"
};
static const unsigned char mixer_spectrum_js[] = {
#embed "../../Page/mixer/spectrum.js"
};
static const unsigned char mixer_strips_js[] = {
#embed "../../Page/mixer/strips.js"
};
static const unsigned char mixer_wave_js[] = {
#embed "../../Page/mixer/wave.js"
};
static const unsigned char mixer_waveforms_js[] = {
#embed "../../Page/mixer/waveforms.js"
};
static const unsigned char parts_svg[] = {
#embed "../../Page/parts.svg"
};
static const unsigned char practice_grid_js[] = {
#embed "../../Page/practice/grid.js"
};
static const unsigned char practice_rehearsal_js[] = {
#embed "../../Page/practice/rehearsal.js"
};
static const unsigned char songs_api_js[] = {
#embed "../../Page/songs/api.js"
};
static const unsigned char songs_jobs_js[] = {
#embed "../../Page/songs/jobs.js"
};
static const unsigned char songs_library_js[] = {
#embed "../../Page/songs/library.js"
};
static const unsigned char songs_memory_js[] = {
#embed "../../Page/songs/memory.js"
};
static const unsigned char songs_options_js[] = {
#embed "../../Page/songs/options.js"
};
static const unsigned char songs_queue_js[] = {
#embed "../../Page/songs/queue.js"
};
static const unsigned char songs_stage_js[] = {
#embed "../../Page/songs/stage.js"
};
static const unsigned char songs_uploads_js[] = {
#embed "../../Page/songs/uploads.js"
};
static const unsigned char sound_clicks_js[] = {
#embed "../../Page/sound/clicks.js"
};
static const unsigned char sound_engine_js[] = {
#embed "../../Page/sound/engine.js"
};
static const unsigned char sound_mix_js[] = {
#embed "../../Page/sound/mix.js"
};
static const unsigned char sound_piece_run_js[] = {
#embed "../../Page/sound/piece_run.js"
};
static const unsigned char sound_pieces_js[] = {
#embed "../../Page/sound/pieces.js"
};
static const unsigned char sound_player_js[] = {
#embed "../../Page/sound/player.js"
};
static const unsigned char sound_render_worker_js[] = {
#embed "../../Page/sound/render_worker.js"
};
static const unsigned char sound_wav_js[] = {
#embed "../../Page/sound/wav.js"
};
static const unsigned char stretch_drums_js[] = {
#embed "../../Page/stretch/drums.js"
};
static const unsigned char stretch_fft_js[] = {
#embed "../../Page/stretch/fft.js"
};
static const unsigned char stretch_run_js[] = {
#embed "../../Page/stretch/run.js"
};
static const unsigned char stretch_stretch_js[] = {
#embed "../../Page/stretch/stretch.js"
};
static const unsigned char stretch_tonal_js[] = {
#embed "../../Page/stretch/tonal.js"
};
static const unsigned char stretch_worklet_js[] = {
#embed "../../Page/stretch/worklet.js"
};
static const unsigned char style_css[] = {
#embed "../../Page/style.css"
};
static const unsigned char theme_js[] = {
#embed "../../Page/theme.js"
};
static const unsigned char words_js[] = {
#embed "../../Page/words.js"
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
    FILE("songs/options.js", songs_options_js),
    FILE("songs/queue.js", songs_queue_js),
    FILE("songs/stage.js", songs_stage_js),
    FILE("songs/uploads.js", songs_uploads_js),
    FILE("sound/clicks.js", sound_clicks_js),
    FILE("sound/engine.js", sound_engine_js),
    FILE("sound/mix.js", sound_mix_js),
    FILE("sound/piece_run.js", sound_piece_run_js),
    FILE("sound/pieces.js", sound_pieces_js),
    FILE("sound/player.js", sound_player_js),
    FILE("sound/render_worker.js", sound_render_worker_js),
    FILE("sound/wav.js", sound_wav_js),
    FILE("stretch/drums.js", stretch_drums_js),
    FILE("stretch/fft.js", stretch_fft_js),
    FILE("stretch/run.js", stretch_run_js),
    FILE("stretch/stretch.js", stretch_stretch_js),
    FILE("stretch/tonal.js", stretch_tonal_js),
    FILE("stretch/worklet.js", stretch_worklet_js),
    FILE("style.css", style_css),
    FILE("theme.js", theme_js),
    FILE("words.js", words_js),
};

const struct page_file *const page_files = files;
const size_t page_file_count = sizeof files / sizeof *files;
