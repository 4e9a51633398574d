// swift_demucs.hpp - the functions of swift_demucs.h as C++17 classes; the C header documents them.
//
//     swift_demucs::Model model("htdemucs");
//     auto stems = model.separate(samples, frames, 2, 44100);
//     play(stems["vocals"], stems.frames);
//
// Failures throw swift_demucs::Error. An exception that leaves a callback cancels the call, and
// leaves the call in turn: none crosses the frames of the library.
#ifndef SWIFT_DEMUCS_HPP
#define SWIFT_DEMUCS_HPP

#include "swift_demucs.h"

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace swift_demucs {

class Error : public std::runtime_error {
  public:
    Error(sd_status failure, const std::string &message)
        : std::runtime_error(message), status(failure) {}
    const sd_status status;
};

// Results of a callback: false cancels the call, which then throws Error with SD_CANCELLED.
using Progress = std::function<bool(const sd_progress &)>;
using Log = std::function<void(sd_log_level, const std::string &)>;
using Trace = std::function<bool(const std::string &name, const std::vector<int64_t> &shape,
                                 const float *values)>;
using Blocks = std::function<bool(const sd_audio &)>;
using Event = std::function<bool(const std::string &event, sd_status status)>;

namespace detail {

// A call under way on this thread. It keeps what a callback threw until the library has returned.
class Call {
  public:
    Call() : outer_(current()) { current() = this; }
    ~Call() { current() = outer_; }
    Call(const Call &) = delete;
    Call &operator=(const Call &) = delete;

    // body: takes the buffer of the message, gives the status.
    template <typename Body> sd_status run(Body body) {
        std::string message(SD_MESSAGE_BYTES, '\0');
        sd_status status = body(&message[0], message.size());
        if (thrown_)
            std::rethrow_exception(thrown_);
        if (status != SD_OK && status != SD_DONE)
            throw Error(status, message.c_str());
        return status;
    }

    // Runs a callback, which gives whether to go on; gives what C wants to hear.
    template <typename Callback> static int32_t guard(Callback callback) noexcept {
        // None where the handle is used by the functions of C.
        Call *const call = current();
        try {
            if (!(call && call->thrown_) && callback())
                return 0;
        } catch (...) {
            if (call)
                call->thrown_ = std::current_exception();
        }
        return 1;
    }

  private:
    // A function's static, since an inline thread_local member costs a wrapper in each translation
    // unit and breaks in shared libraries of some toolchains.
    static Call *&current() {
        static thread_local Call *call = nullptr;
        return call;
    }
    Call *const outer_;
    std::exception_ptr thrown_;
};

// Calls a function of the library, whose last arguments are the buffer of the message.
template <typename Function, typename... Arguments>
sd_status call(Function function, Arguments... arguments) {
    return Call().run(
        [&](char *message, size_t bytes) { return function(arguments..., message, bytes); });
}

extern "C" inline int32_t swift_demucs_on_progress(void *context, const sd_progress *progress) {
    return Call::guard([&] { return (*static_cast<const Progress *>(context))(*progress); });
}

extern "C" inline void swift_demucs_on_log(void *context, sd_log_level level, const char *line) {
    Call::guard([&] {
        (*static_cast<const Log *>(context))(level, line);
        return true;
    });
}

extern "C" inline int32_t swift_demucs_on_trace(void *context, const char *name,
                                                const int64_t *shape, int32_t rank,
                                                const float *values) {
    return Call::guard([&] {
        return (*static_cast<const Trace *>(context))(name, {shape, shape + rank}, values);
    });
}

extern "C" inline int32_t swift_demucs_on_block(void *context, const sd_audio *block) {
    return Call::guard([&] { return (*static_cast<const Blocks *>(context))(*block); });
}

extern "C" inline int32_t swift_demucs_on_event(void *context, const char *event,
                                                sd_status status) {
    return Call::guard([&] { return (*static_cast<const Event *>(context))(event, status); });
}

// Both callbacks of a call that has one context for them.
struct Callbacks {
    Event event;
    Progress progress;
};

extern "C" inline int32_t swift_demucs_on_call_event(void *context, const char *event,
                                                     sd_status status) {
    return Call::guard(
        [&] { return static_cast<const Callbacks *>(context)->event(event, status); });
}

extern "C" inline int32_t swift_demucs_on_call_progress(void *context,
                                                        const sd_progress *progress) {
    return Call::guard(
        [&] { return static_cast<const Callbacks *>(context)->progress(*progress); });
}

template <auto release> struct Release {
    template <typename Handle> void operator()(Handle *handle) const { release(handle); }
};

inline std::vector<const char *> pointers(const std::vector<std::string> &texts) {
    std::vector<const char *> result;
    for (const auto &text : texts)
        result.push_back(text.c_str());
    return result;
}

inline const char *orNull(const std::string &text) { return text.empty() ? nullptr : text.c_str(); }

} // namespace detail

class Cancellation {
  public:
    Cancellation() : handle_(sd_cancellation_create()) {
        if (!handle_)
            throw std::bad_alloc();
    }
    void cancel() { sd_cancellation_cancel(handle_.get()); }
    sd_cancellation *get() const { return handle_.get(); }

  private:
    std::unique_ptr<sd_cancellation, detail::Release<sd_cancellation_free>> handle_;
};

namespace detail {

inline sd_cancellation *orNull(const Cancellation *cancellation) {
    return cancellation ? cancellation->get() : nullptr;
}

} // namespace detail

struct OpenOptions {
    std::vector<std::string> stems; // none: all
    int32_t threads = 0;
    int32_t jobs = 1;
    sd_precision precision = SD_PRECISION_DEFAULT;
    std::string repository; // empty: none
    Log log;
};

// The C structure with its defaults; `on_log` stands for the callback.
struct QuantizeOptions : sd_quantize_options {
    QuantizeOptions() : sd_quantize_options() { sd_quantize_options_init(this); }
    std::vector<std::string> calibration;
    Log on_log;
};

struct Stems {
    std::vector<std::string> names;
    int32_t channels;
    int32_t sample_rate;
    size_t frames;
    uint64_t seed;
    std::vector<float> samples; // [stem][channel][frame]

    // The samples of a stem, [channel][frame].
    const float *operator[](const std::string &name) const {
        for (size_t stem = 0; stem < names.size(); stem++)
            if (names[stem] == name)
                return samples.data() + stem * static_cast<size_t>(channels) * frames;
        throw Error(SD_ERROR_ARGUMENT, "there is no stem '" + name + "'");
    }
};

class Model {
  public:
    explicit Model(const std::string &name, const OpenOptions &options = {})
        : log_(new Log(options.log)) {
        sd_open_options given;
        sd_open_options_init(&given);
        const auto stems = detail::pointers(options.stems);
        given.stems = stems.empty() ? nullptr : stems.data();
        given.stem_count = stems.size();
        given.threads = options.threads;
        given.jobs = options.jobs;
        given.precision = options.precision;
        given.repository = detail::orNull(options.repository);
        given.log = *log_ ? detail::swift_demucs_on_log : nullptr;
        given.log_context = log_.get();
        detail::Call().run([&](char *message, size_t bytes) {
            sd_model *model = nullptr;
            sd_status status = sd_open(name.c_str(), &given, &model, message, bytes);
            handle_.reset(model);
            return status;
        });
    }

    // Its strings last as long as the model.
    sd_model_info info() const {
        sd_model_info info;
        info.size = sizeof info;
        detail::call(sd_model_describe, handle_.get(), &info);
        return info;
    }

    // What separate() or a stream gives. Its strings last as long as the model.
    sd_outputs plan(size_t frames, int32_t sample_rate, const std::string &settings = "") {
        sd_outputs outputs;
        outputs.size = sizeof outputs;
        detail::call(sd_plan, handle_.get(), detail::orNull(settings), frames, sample_rate,
                     &outputs);
        return outputs;
    }

    // settings: JSON, or empty for the defaults.
    Stems separate(const float *samples, size_t frames, int32_t channels, int32_t sample_rate,
                   const std::string &settings = "", sd_layout layout = SD_PLANAR,
                   const Progress &progress = {}, const Cancellation *cancellation = nullptr) {
        const sd_outputs outputs = plan(frames, sample_rate, settings);
        Stems stems{{outputs.names, outputs.names + outputs.count},
                    outputs.channels,
                    outputs.sample_rate,
                    outputs.frames,
                    0,
                    {}};
        stems.samples.resize(stems.names.size() * static_cast<size_t>(stems.channels) *
                             stems.frames);
        const sd_audio mix{sizeof mix, samples, frames, channels, sample_rate, layout, 0};
        detail::call(sd_separate, handle_.get(), &mix, detail::orNull(settings),
                     stems.samples.data(), stems.frames, SD_PLANAR, nullptr, &stems.seed,
                     progress ? detail::swift_demucs_on_progress : nullptr,
                     const_cast<Progress *>(&progress), detail::orNull(cancellation));
        return stems;
    }

    // The event "analysis" with tempo, beats and key, as JSON.
    std::string analyze(const float *samples, size_t frames, int32_t channels, int32_t sample_rate,
                        const std::string &settings = "", sd_layout layout = SD_PLANAR,
                        const Progress &progress = {}, const Cancellation *cancellation = nullptr) {
        const sd_audio mix{sizeof mix, samples, frames, channels, sample_rate, layout, 0};
        std::string analysis;
        detail::Callbacks callbacks{[&](const std::string &text, sd_status) {
                                        analysis = text;
                                        return true;
                                    },
                                    progress};
        detail::call(sd_analyze, handle_.get(), &mix, detail::orNull(settings),
                     detail::swift_demucs_on_call_event,
                     progress ? detail::swift_demucs_on_call_progress : nullptr, &callbacks,
                     detail::orNull(cancellation));
        return analysis;
    }

    void run(const std::vector<std::string> &tracks, const std::string &settings,
             const Event &event = {}, const Progress &progress = {},
             const Cancellation *cancellation = nullptr) {
        const auto paths = detail::pointers(tracks);
        detail::Callbacks callbacks{event, progress};
        detail::call(sd_run, handle_.get(), paths.data(), paths.size(), detail::orNull(settings),
                     event ? detail::swift_demucs_on_call_event : nullptr,
                     progress ? detail::swift_demucs_on_call_progress : nullptr, &callbacks,
                     detail::orNull(cancellation));
    }

    void trace(const sd_audio &mix, const Trace &callback, const std::string &names = "",
               double start_seconds = 0, double chunk_seconds = 0) const {
        detail::call(sd_trace, handle_.get(), &mix, start_seconds, chunk_seconds,
                     detail::orNull(names), detail::swift_demucs_on_trace,
                     const_cast<Trace *>(&callback));
    }

    sd_model *get() const { return handle_.get(); }

  private:
    // Apart from the object, which may be moved.
    std::unique_ptr<Log> log_;
    std::unique_ptr<sd_model, detail::Release<sd_close>> handle_;
};

// The published models, an event for each.
inline void models(const Event &event, const std::string &repository = "") {
    detail::call(sd_models, detail::orNull(repository),
                 event ? detail::swift_demucs_on_event : nullptr, const_cast<Event *>(&event));
}

// Downloads a model unless it is on this machine.
inline void fetch(const std::string &model, const Event &event = {},
                  const Cancellation *cancellation = nullptr) {
    detail::call(sd_fetch, model.c_str(), event ? detail::swift_demucs_on_event : nullptr,
                 const_cast<Event *>(&event), detail::orNull(cancellation));
}

// Decodes a sound file, block by block; channels and rate of 0 are the file's own.
inline void read(const std::string &input, const Blocks &callback, int32_t channels = 0,
                 int32_t sample_rate = 0, const Log &log = {}) {
    detail::call(sd_read, input.c_str(), channels, sample_rate, detail::swift_demucs_on_block,
                 const_cast<Blocks *>(&callback), log ? detail::swift_demucs_on_log : nullptr,
                 const_cast<Log *>(&log));
}

// The samples of all channels, in `layout`; channels and rate of 0 are those of the audio.
inline std::vector<float> convert(const sd_audio &audio, int32_t channels, int32_t sample_rate,
                                  sd_layout layout = SD_PLANAR) {
    std::vector<float> samples;
    size_t frames = 0;
    const auto into = [&](float *target) {
        detail::call(sd_convert, &audio, channels, sample_rate, target, frames, layout, &frames);
    };
    into(nullptr);
    samples.resize(static_cast<size_t>(channels > 0 ? channels : audio.channels) * frames);
    into(samples.data());
    return samples;
}

inline void write(const sd_audio &audio, const std::string &output,
                  const std::string &settings = "") {
    detail::call(sd_write, &audio, output.c_str(), detail::orNull(settings));
}

// A stream. Its model and its cancellation must outlive it.
class Stream {
  public:
    Stream(Model &model, int32_t channels, int32_t sample_rate, const std::string &settings = "",
           const Progress &progress = {}, const Cancellation *cancellation = nullptr)
        : progress_(new Progress(progress)) {
        detail::Call().run([&](char *message, size_t bytes) {
            sd_stream *opened = nullptr;
            sd_status status = sd_stream_open(
                model.get(), channels, sample_rate, detail::orNull(settings), nullptr,
                progress ? detail::swift_demucs_on_progress : nullptr, progress_.get(),
                detail::orNull(cancellation), &opened, message, bytes);
            handle_.reset(opened);
            return status;
        });
    }

    void push(const float *samples, size_t frames, sd_layout layout = SD_PLANAR) {
        detail::call(sd_stream_push, handle_.get(), samples, frames, layout);
    }

    void finish() { detail::call(sd_stream_finish, handle_.get()); }

    // Receives the number of frames in `frames`; false after the last one.
    bool pull(float *stems, size_t capacity, size_t &frames, sd_layout layout = SD_PLANAR) {
        return detail::call(sd_stream_pull, handle_.get(), stems, capacity, layout, &frames) ==
               SD_OK;
    }

  private:
    // Apart from the object, which may be moved.
    std::unique_ptr<Progress> progress_;
    std::unique_ptr<sd_stream, detail::Release<sd_stream_close>> handle_;
};

inline sd_quantize_report quantize(const std::string &checkpoint, const std::string &output,
                                   const QuantizeOptions &options = {}) {
    sd_quantize_options given = options;
    const auto files = detail::pointers(options.calibration);
    if (!files.empty()) {
        given.calibration_files = files.data();
        given.calibration_file_count = files.size();
    }
    if (options.on_log) {
        given.log = detail::swift_demucs_on_log;
        given.log_context = const_cast<Log *>(&options.on_log);
    }
    sd_quantize_report report;
    report.size = sizeof report;
    detail::call(sd_quantize, checkpoint.c_str(), output.c_str(), &given, &report);
    return report;
}

// references, estimates: [stem][channel][frame].
inline std::vector<sd_scores> evaluate(const float *references, const float *estimates,
                                       int32_t stem_count, int32_t channels, size_t frames,
                                       int32_t sample_rate, uint32_t metrics = SD_METRIC_ALL) {
    std::vector<sd_scores> scores(stem_count > 0 ? static_cast<size_t>(stem_count) : 1);
    detail::call(sd_evaluate, references, estimates, stem_count, channels, frames, sample_rate,
                 SD_PLANAR, metrics, scores.data());
    return scores;
}

} // namespace swift_demucs

#endif
