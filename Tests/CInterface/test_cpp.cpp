// swift_demucs.hpp: ownership, exceptions, and the same samples as the C functions.
#include "harness.hpp"

#include <atomic>
#include <cmath>
#include <filesystem>
#include <thread>

using namespace swift_demucs;

namespace {

constexpr size_t frames = 1500;

std::string seeded(int seed) { return R"({"seed": )" + std::to_string(seed) + "}"; }

void aModelDescribesItself() {
    Model model(tinyModel());
    const sd_model_info info = model.info();
    CHECK(std::string(info.name) == "model", info.name);
    CHECK(info.stem_count == 4 && std::string(info.stems[3]) == "vocals", info.stems[3]);
    const sd_outputs plan = model.plan(1000, 2000, R"({"two-stems": "vocals"})");
    CHECK(plan.frames == 800 && plan.count == 2 && plan.names[1] == std::string("no_vocals"),
          std::to_string(plan.frames));
    Model moved = std::move(model);
    CHECK(moved.info().channels == 2, "moved");
}

void failuresAreExceptionsWithStatusAndMessage() {
    const Error error = thrown<Error>([] { Model("no_such_model"); });
    CHECK(error.status == SD_ERROR_MODEL_MISSING, error.what());
    CHECK(std::string(error.what()).find("no_such_model") != std::string::npos, error.what());
    Model model(tinyModel());
    const Error argument = thrown<Error>([&] { model.separate(nullptr, frames, 2, 1600); });
    CHECK(argument.status == SD_ERROR_ARGUMENT, argument.what());
}

void stemsAreThoseOfTheFunctionsOfC() {
    Model model(tinyModel());
    const auto mix = noise(frames * 2, 1);
    const Stems stems = model.separate(mix.data(), frames, 2, 1600, seeded(3));
    std::vector<float> expected(frames * 8);
    const sd_audio audio{sizeof audio, mix.data(), frames, 2, 1600, SD_PLANAR, 0};
    char why[SD_MESSAGE_BYTES];
    CHECK(sd_separate(model.get(), &audio, seeded(3).c_str(), expected.data(), frames, SD_PLANAR,
                      nullptr, nullptr, nullptr, nullptr, nullptr, why, sizeof why) == SD_OK,
          why);
    CHECK(stems.samples == expected, "samples differ");
    CHECK(stems.frames == frames && stems.channels == 2 && stems.seed == 3, "members");
    CHECK(stems["vocals"] == stems.samples.data() + 3 * 2 * frames, "vocals");
    CHECK(thrown<Error>([&] { stems["kazoo"]; }).status == SD_ERROR_ARGUMENT, "kazoo");

    OpenOptions open;
    open.stems = {"vocals"};
    open.threads = 1;
    open.precision = SD_PRECISION_FLOAT32;
    Model single(tinyModel(), open);
    const Stems all = single.separate(mix.data(), frames, 2, 1600, seeded(3));
    CHECK(std::equal(all["vocals"], all["vocals"] + 2 * frames, stems["vocals"]), "only vocals");
}

void aStreamGivesTheSameSamples() {
    Model model(tinyModel());
    const auto mix = noise(frames * 2, 1);
    const Stems expected = model.separate(mix.data(), frames, 2, 1600, seeded(3), SD_INTERLEAVED);
    Stream opened(model, 2, 1600, seeded(3));
    Stream stream = std::move(opened);
    for (size_t first = 0; first < frames; first += 100)
        stream.push(mix.data() + first * 2, 100, SD_INTERLEAVED);
    stream.finish();
    std::vector<float> block(8 * 64);
    size_t count = 0, written = 0;
    bool equal = true;
    while (stream.pull(block.data(), 64, count)) {
        for (size_t row = 0; row < 8; row++)
            equal &= std::equal(block.data() + row * 64, block.data() + row * 64 + count,
                                expected.samples.data() + row * frames + written);
        written += count;
    }
    CHECK(equal && written == frames, std::to_string(written) + " frames");
    CHECK(thrown<Error>([&] { stream.finish(); }).status == SD_ERROR_STATE, "a second finish");
}

struct Surprise : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void whatACallbackThrowsComesOutOfTheCall() {
    Model model(tinyModel());
    const auto mix = noise(frames * 2, 1);
    int calls = 0;
    Progress progress = [&](const sd_progress &) -> bool {
        calls++;
        throw Surprise("progress");
    };
    const auto separate = [&] {
        model.separate(mix.data(), frames, 2, 1600, seeded(1), SD_PLANAR, progress);
    };
    CHECK(thrown<Surprise>(separate).what() == std::string("progress"), "separate");
    CHECK(calls == 1, std::to_string(calls) + " calls");

    Stream stream(model, 2, 1600, seeded(1), progress);
    stream.push(mix.data(), frames);
    stream.finish();
    std::vector<float> block(8 * frames);
    size_t count = 0;
    thrown<Surprise>([&] { stream.pull(block.data(), frames, count); });

    const sd_audio audio{sizeof audio, mix.data(), frames, 2, 1600, SD_PLANAR, 0};
    thrown<Surprise>([&] {
        model.trace(audio,
                    [](const std::string &name, const std::vector<int64_t> &,
                       const float *) -> bool { throw Surprise(name); });
    });

    // A callback that catches the exception of its own call and continues.
    int failures = 0;
    progress = [&](const sd_progress &) {
        try {
            Model("no_such_model");
        } catch (const Error &) {
            failures++;
        }
        return true;
    };
    separate();
    CHECK(failures > 0, "no nested call");
    progress = [](const sd_progress &) { return false; };
    CHECK(thrown<Error>(separate).status == SD_CANCELLED, "false");
}

void aLogThatThrowsComesOutOfTheCall() {
    const std::string input = inFolder("truncated.wav");
    writeWAV(input, 1000);
    std::filesystem::resize_file(input, 2000);
    OpenOptions open;
    std::vector<std::string> lines;
    open.log = [&](sd_log_level, const std::string &line) { lines.push_back(line); };
    Model model(tinyModel(), open);
    const std::string settings = R"({"stems": "vocals", "out": ")" + inFolder("run") + R"("})";
    int tracks = 0, calls = 0;
    const auto run = [&] {
        model.run(
            {input, "/no/such.wav"}, settings,
            [&](const std::string &event, sd_status status) {
                tracks += event.find(R"("event":"track")") != std::string::npos;
                CHECK(status == SD_OK || status == SD_ERROR_INPUT, event);
                return true;
            },
            [&](const sd_progress &) { return ++calls > 0; });
    };
    CHECK(thrown<Error>(run).status == SD_TRACKS_FAILED, "a track failed");
    CHECK(lines.size() == 1 && tracks == 2 && calls > 0, std::to_string(lines.size()));
    const auto throwing_event = [](const std::string &event, sd_status) -> bool {
        throw Surprise(event);
    };
    thrown<Surprise>([&] { model.run({input}, settings, throwing_event); });
    thrown<Surprise>([&] { models(throwing_event); });
    fetch(tinyModel(), [](const std::string &, sd_status) { return true; });
    open.log = [](sd_log_level, const std::string &line) { throw Surprise(line); };
    Model throwing(tinyModel(), open);
    thrown<Surprise>([&] { throwing.run({input}, settings); });
}

void aWrittenFileIsReadBackAndConverted() {
    const auto samples = noise(frames * 2, 3);
    const sd_audio audio{sizeof audio, samples.data(), frames, 2, 1600, SD_PLANAR, 0};
    const std::string path = inFolder("written by C++.wav");
    write(audio, path, R"({"float32": true, "clip-mode": "none"})");
    // The samples of a file, interleaved.
    const auto decoded = [&](int32_t channels, int32_t rate) {
        std::vector<float> result;
        const auto append = [&](const sd_audio &block) {
            const auto count = static_cast<size_t>(block.channels) * block.frames;
            std::vector<float> part =
                convert(block, block.channels, block.sample_rate, SD_INTERLEAVED);
            CHECK(part.size() == count, std::to_string(part.size()));
            result.insert(result.end(), part.begin(), part.end());
            return true;
        };
        read(path, append, channels, rate);
        return result;
    };
    CHECK(decoded(0, 0) == convert(audio, 2, 1600, SD_INTERLEAVED), "as written");
    CHECK(decoded(1, 3200) == convert(audio, 1, 3200), "converted");
    CHECK(convert(audio, 2, 1600) == samples, "nothing to convert");
    CHECK(convert(audio, 0, 0) == samples, "as it is");

    const auto stop = [](const sd_audio &) { return false; };
    CHECK(thrown<Error>([&] { read(path, stop); }).status == SD_CANCELLED, "false");
    const auto surprise = [](const sd_audio &) -> bool { throw Surprise("a block"); };
    CHECK(thrown<Surprise>([&] { read(path, surprise); }).what() == std::string("a block"), "");
    CHECK(thrown<Error>([&] { read(inFolder("none.wav"), stop); }).status == SD_ERROR_INPUT, "");
    CHECK(thrown<Error>([&] { convert(audio, -1, 1600); }).status == SD_ERROR_ARGUMENT, "-1");
    CHECK(thrown<Error>([&] { write(audio, inFolder("no/such.wav")); }).status == SD_ERROR_OUTPUT,
          "no folder");
}

void aCancellationStopsAnotherThread() {
    Model model(tinyModel());
    const auto mix = noise(frames * 2, 1);
    Cancellation cancellation;
    std::atomic<bool> began{false}, stopped{false};
    const Progress progress = [&](const sd_progress &) {
        began = true;
        while (!stopped)
            std::this_thread::yield();
        return true;
    };
    std::thread other([&] {
        while (!began)
            std::this_thread::yield();
        cancellation.cancel();
        stopped = true;
    });
    const auto separate = [&] {
        model.separate(mix.data(), frames, 2, 1600, seeded(1), SD_PLANAR, progress, &cancellation);
    };
    CHECK(thrown<Error>(separate).status == SD_CANCELLED, "cancelled");
    other.join();
}

void quantizingEvaluatingAndTracing() {
    QuantizeOptions options;
    int lines = 0;
    options.on_log = [&](sd_log_level, const std::string &) { lines++; };
    const std::string input = inFolder("calibration.wav");
    writeWAV(input, 1000);
    options.calibration = {input};
    options.calibration_segments = 2;
    const sd_quantize_report report = quantize(tinyModel(), inFolder("small.safetensors"), options);
    CHECK(report.bytes > 10000 && report.source_bytes == 51816 && report.snr > 30 && lines > 0,
          std::to_string(report.snr) + " dB");
    Model small(inFolder("small.safetensors"));

    const auto a = noise(4000, 1);
    auto b = a;
    for (auto &sample : b)
        sample *= 0.5f;
    const auto scores = evaluate(a.data(), b.data(), 2, 1, 2000, 1000);
    CHECK(scores.size() == 2 && std::abs(scores[0].sdr - 6.02) < 0.01, "SDR");

    Model model(tinyModel());
    const sd_audio audio{sizeof audio, a.data(), 2000, 2, 1600, SD_PLANAR, 0};
    // Too short for a tempo.
    const std::string analysis = model.analyze(a.data(), 2000, 2, 1600);
    CHECK(analysis.find("\"event\":\"analysis\"") != std::string::npos &&
              analysis.find("\"beats\":[]") != std::string::npos &&
              analysis.find("\"tempo_bpm\":null") != std::string::npos,
          analysis);
    std::vector<std::string> names;
    model.trace(
        audio,
        [&](const std::string &name, const std::vector<int64_t> &shape, const float *) {
            names.push_back(name);
            return !shape.empty();
        },
        "encoder.?");
    CHECK(names.size() == 2 && names[0] == "encoder.0", std::to_string(names.size()));
}

} // namespace

int main(int argc, char **argv) {
    return runTests(argc, argv,
                    {
                        TEST(aModelDescribesItself),
                        TEST(failuresAreExceptionsWithStatusAndMessage),
                        TEST(stemsAreThoseOfTheFunctionsOfC),
                        TEST(aStreamGivesTheSameSamples),
                        TEST(whatACallbackThrowsComesOutOfTheCall),
                        TEST(aLogThatThrowsComesOutOfTheCall),
                        TEST(aWrittenFileIsReadBackAndConverted),
                        TEST(aCancellationStopsAnotherThread),
                        TEST(quantizingEvaluatingAndTracing),
                    });
}
