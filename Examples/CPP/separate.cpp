// Separates sound files into FLAC files of their stems, in the folder "separated".
//
//     separate MODEL INPUT...
#include <csignal>
#include <iostream>
#include <swift_demucs.hpp>

namespace {

// A signal handler may only set this variable; the progress callback reads it.
volatile std::sig_atomic_t interrupted = 0;

} // namespace

int main(int argc, char **argv) {
    if (argc < 3) {
        std::cerr << "usage: " << argv[0] << " MODEL INPUT...\n";
        return 2;
    }
    std::signal(SIGINT, [](int) { interrupted = 1; });
    int failed = 0;
    try {
        swift_demucs::OpenOptions opening;
        opening.log = [](sd_log_level, const std::string &line) { std::cerr << line << "\n"; };
        swift_demucs::Model model(argv[1], opening);
        const sd_model_info info = model.info();
        std::cerr << info.name << ": " << info.engine << "\n";
        model.run(
            {argv + 2, argv + argc}, R"({"flac": true})",
            [&](const std::string &event, sd_status status) {
                failed += status != SD_OK;
                if (event.find(R"("event":"track")") != std::string::npos)
                    std::cout << event << "\n";
                return true;
            },
            [](const sd_progress &progress) {
                std::cerr << "\r" << static_cast<int>(progress.fraction * 100) << " %"
                          << std::flush;
                return !interrupted;
            });
    } catch (const swift_demucs::Error &error) {
        std::cerr << "\rerror: " << error.what() << "\n";
        return 1;
    }
    return failed > 0;
}
