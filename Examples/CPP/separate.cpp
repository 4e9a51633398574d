// Separates a sound file into FLAC files of its stems.
//
//     separate MODEL INPUT FOLDER [STEM...]
#include <csignal>
#include <iostream>
#include <swift_demucs.hpp>

namespace {

// A signal handler may only set this variable; the progress callback reads it.
volatile std::sig_atomic_t interrupted = 0;

} // namespace

int main(int argc, char **argv) {
    if (argc < 4) {
        std::cerr << "usage: " << argv[0] << " MODEL INPUT FOLDER [STEM...]\n";
        return 2;
    }
    std::signal(SIGINT, [](int) { interrupted = 1; });
    try {
        swift_demucs::OpenOptions opening;
        opening.log = [](sd_log_level, const std::string &line) { std::cerr << line << "\n"; };
        swift_demucs::Model model(argv[1], opening);
        const sd_model_info info = model.info();
        std::cerr << info.name << ": " << info.engine << "\n";

        std::vector<std::string> signals(argv + 4, argv + argc);
        if (signals.empty())
            signals.assign(info.stems, info.stems + info.stem_count);
        std::vector<std::pair<std::string, std::string>> outputs;
        for (const auto &signal : signals)
            outputs.emplace_back(signal, std::string(argv[3]) + "/" + signal + ".flac");

        swift_demucs::FileOptions files;
        files.container = SD_FLAC;
        swift_demucs::SeparationOptions options;
        options.on_progress = [](const sd_progress &progress) {
            std::cerr << "\r" << static_cast<int>(progress.fraction * 100) << " %" << std::flush;
            return !interrupted;
        };
        const sd_track_report report = model.separateFile(argv[2], outputs, files, options);
        std::cerr << "\r" << report.duration_seconds << " s, seed " << report.seed << "\n";
    } catch (const swift_demucs::Error &error) {
        std::cerr << "\rerror: " << error.what() << "\n";
        return 1;
    }
}
