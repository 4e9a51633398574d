// The harness of harness.h for C++; failures end a test by an exception.
#ifndef HARNESS_HPP
#define HARNESS_HPP

#include "swift_demucs.hpp"

#include <cstdint>
#include <iostream>

inline std::string root, folder;
inline int failureCount = 0;

#define CHECK(condition, text)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failureCount++;                                                                        \
            std::cerr << __FILE__ << ":" << __LINE__ << ": not so: " << #condition << ": "         \
                      << (text) << "\n";                                                           \
        }                                                                                          \
    } while (0)

// The exception that a function throws, which must be of this type.
template <typename Exception, typename Function> Exception thrown(Function function) {
    try {
        function();
    } catch (const Exception &exception) {
        return exception;
    }
    throw std::logic_error("expected an exception");
}

struct Test {
    const char *name;
    void (*function)();
};
#define TEST(function)                                                                             \
    Test { #function, function }

inline int runTests(int argc, char **argv, const std::vector<Test> &tests) {
    if (argc < 3) {
        std::cerr << "usage: " << argv[0] << " ROOT FOLDER [PART OF A NAME]\n";
        return 2;
    }
    root = argv[1];
    folder = argv[2];
    int failed = 0, run = 0;
    for (const Test &test : tests) {
        if (argc > 3 && std::string(test.name).find(argv[3]) == std::string::npos)
            continue;
        const int before = failureCount;
        try {
            test.function();
        } catch (const std::exception &exception) {
            CHECK(false, exception.what());
        }
        run++;
        if (failureCount > before) {
            failed++;
            std::cerr << "FAILED: " << test.name << "\n";
        }
    }
    std::cout << "test_cpp: " << run << " tests, " << failed << " failed\n";
    return failed > 0 || run == 0;
}

inline std::string inFolder(const std::string &name) { return folder + "/" + name; }
inline std::string tinyModel() {
    return root + "/Tests/Fixtures/weights/formats/model.safetensors";
}

// Samples from -0.3 to 0.3; equal seeds give equal samples.
inline std::vector<float> noise(size_t count, uint32_t seed) {
    std::vector<float> samples(count);
    for (auto &sample : samples) {
        seed = seed * 1664525u + 1013904223u;
        sample = static_cast<float>(seed >> 8) / static_cast<float>(1 << 24) * 0.6f - 0.3f;
    }
    return samples;
}

// 16-bit stereo noise at 1,600 Hz.
inline void writeWAV(const std::string &path, size_t frames) {
    const auto samples = noise(frames * 2, 5);
    swift_demucs::write({sizeof(sd_audio), samples.data(), frames, 2, 1600, SD_PLANAR, 0}, path);
}

#endif
