/* swift-demucs as an LV2 plug-in: stereo in, four stems and their mix out, later by a constant delay.
 *
 * The model runs in a process of its own, `swift-demucs live --channels`. A thread moves samples between it
 * and two rings, and starts it again when it has ended; only this thread knows the process and its
 * descriptors. The host's callback copies from and to the rings without locks, allocation or files, and
 * wakes the thread.
 *
 * While the host plays, the process keeps time, and the input takes the place of stems that are late. While
 * it renders (freewheel), the process and the callback wait for all stems (`--wait`); if none come, the rest
 * of the render is silence.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <lv2/core/lv2.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "urn:swift-demucs:lv2:"

enum { STEMS = 4, IN = 2, OUT = 2 * STEMS };
/* In frames: what the program reads at once (LiveInput.blockSamples), the longest block of a host that
 * plays, and a fade between stems and the input. */
enum { READ = 256, LONGEST = 2048, FADE = 256 };
/* Seconds of delay that are believed. */
enum { LONGEST_DELAY = 60 };
/* Frames by which the plug-in is later than the program: with them, a program that keeps time has always
 * given the stems of the longest block and of a fade after it. */
enum { SLACK = LONGEST + FADE + READ };
/* Milliseconds: how long anything is waited for, how late a process that plays may be, and pauses before the
 * program is started again. */
enum { PATIENCE = 10000, LATEST = 2000, FIRST_PAUSE = 100, LONGEST_PAUSE = 30000 };

enum port {
    PORT_IN = 0,
    PORT_STEM = 2,
    PORT_MIX = 10,
    PORT_GAIN = 12,
    PORT_FREEWHEEL = 16,
    PORT_LATENCY,
    PORT_LATE,
    PORT_RUNNING,
    PORTS
};

/* A running `swift-demucs live`. */
struct process {
    pid_t id; /* 0: none. */
    int to, from;
};

struct plugin {
    float *ports[PORTS];
    char program[4096], model[4096];
    const char *preset;
    double rate;
    /* In frames: of the program, of the plug-in, and by which stems may be late. */
    size_t delay, latency, latest;
    /* The callback's. `presence` is the share of the stems in the last frame, `peak` the
     * input's so far. */
    float gains[STEMS], presence, peak;
    size_t late_blocks;
    bool render_failed;
    /* Rings: frame k lies at k modulo the size. Output k belongs to input k - latency. */
    float *input, *output;
    size_t input_size, output_size;
    /* The frame that the callback is at. Stems are there from `first` to `given`. */
    _Atomic size_t position, first, given;
    /* Frames that any process has given, so that a wait sees progress. */
    _Atomic size_t received;
    /* What the callback wants, and what the stems from `first` on are for: 0 to play, 1 to render, -1 before
     * the first block. */
    _Atomic int renders, serves_render;
    /* The thread's. */
    struct process process;
    size_t fed, to_skip;
    bool is_ready, thread_runs;
    pthread_t thread;
    int wake;
    _Atomic bool stops, is_running;
};

extern char **environ;

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void rest(long microseconds) { nanosleep(&(struct timespec){0, microseconds * 1000}, NULL); }

/* ---- The process ---- */

/* Starts `swift-demucs live` with the ends of two pipes; an id of 0 if that fails. */
static struct process start_process(const struct plugin *plugin, const char *option) {
    struct process process = {0, -1, -1};
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC))
        return process;
    if (pipe2(out, O_CLOEXEC)) {
        close(in[0]);
        close(in[1]);
        return process;
    }
    char rate[32];
    snprintf(rate, sizeof rate, "%.0f", plugin->rate);
    const char *words[] = {plugin->program,
                           "live",
                           "--quiet",
                           "-n",
                           plugin->model,
                           "--preset",
                           plugin->preset,
                           "--raw",
                           rate,
                           "--channels",
                           "drums,bass,other,vocals",
                           option,
                           NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int code = posix_spawnp(&process.id, plugin->program, &actions, &attributes,
                            (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(in[0]);
    close(out[1]);
    if (code) {
        fprintf(stderr, "swift-demucs.lv2: %s: %s\n", plugin->program, strerror(code));
        close(in[1]);
        close(out[0]);
        process.id = 0;
        return process;
    }
    process.to = in[1];
    process.from = out[0];
    fcntl(process.to, F_SETFL, O_NONBLOCK);
    fcntl(process.from, F_SETFL, O_NONBLOCK);
    return process;
}

/* Closes the pipes and waits for the end, `patience` milliseconds before and after it is forced.
 *
 * Returns the exit status; -1 if there is none. Afterwards, nothing of the process is known. */
static int end_process(struct process *process, long patience) {
    if (process->id == 0)
        return -1;
    close(process->to);
    close(process->from);
    int status = 0;
    pid_t ended = 0;
    for (int forced = 0; forced < 2 && ended == 0; forced++) {
        long end = milliseconds() + (forced ? PATIENCE : patience);
        /* Only an id that `waitpid` knows as a child that runs is killed. */
        while ((ended = waitpid(process->id, &status, WNOHANG)) == 0 && milliseconds() < end)
            rest(500);
        if (ended == 0 && !forced)
            kill(process->id, SIGKILL);
    }
    *process = (struct process){0, -1, -1};
    return ended > 0 ? status : -1;
}

/* The delay in frames that the program states; 0 if it refuses the model or the rate, or says nothing. */
static size_t stated_delay(const struct plugin *plugin) {
    struct process process = start_process(plugin, "--print-delay");
    char text[64] = "";
    size_t count = 0;
    long end = milliseconds() + PATIENCE;
    for (long left; process.id && count < sizeof text - 1 && (left = end - milliseconds()) > 0;) {
        struct pollfd waiting = {process.from, POLLIN, 0};
        if (poll(&waiting, 1, (int)left) <= 0)
            continue;
        ssize_t got = read(process.from, text + count, sizeof text - 1 - count);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            break;
        count += got > 0 ? (size_t)got : 0;
    }
    /* A host that ignores SIGCHLD leaves no exit status. */
    if (end_process(&process, end - milliseconds()) > 0)
        return 0;
    char *rest_of_text;
    unsigned long delay = strtoul(text, &rest_of_text, 10);
    bool is_number = text[0] >= '0' && text[0] <= '9' && !strcmp(rest_of_text, "\n");
    return is_number && (double)delay <= LONGEST_DELAY * plugin->rate ? delay : 0;
}

/* ---- The thread ---- */

/* Bytes of a frame of the program's output that were read. */
struct partial {
    float samples[OUT];
    size_t bytes;
};

/* Starts the program.
 *
 * For a render, it goes on with the stems that are needed next. To play, it gets silence first, and when
 * it answers, the input from that moment on: with the input that had arrived while it loaded the model, it
 * would always be as late as that took. */
static void begin(struct plugin *plugin) {
    int renders = plugin->renders;
    plugin->process = start_process(plugin, renders ? "--wait" : NULL);
    plugin->is_ready = renders;
    plugin->to_skip = plugin->delay; /* The program begins with silence. */
    if (renders) {
        size_t needed = plugin->position;
        /* The callback waits for stems from its block on; after the end of a process, for the next ones. */
        if (plugin->serves_render != renders)
            plugin->given = needed > plugin->latency + LONGEST ? needed - LONGEST : plugin->latency;
        plugin->fed = plugin->given - plugin->latency;
        plugin->first = 0;
    } else if (plugin->process.id) {
        static const float silence[READ * IN];
        plugin->to_skip += READ;
        if (write(plugin->process.to, silence, sizeof silence) < 0)
            plugin->to_skip = 0; /* It has ended, as reading will show. */
    }
    plugin->serves_render = renders;
}

/* Gives input to the program; false if it takes no more for ever. */
static bool feed(struct plugin *plugin) {
    for (size_t position = plugin->position; plugin->is_ready && plugin->fed < position;) {
        size_t at = plugin->fed % plugin->input_size, count = position - plugin->fed;
        size_t left = plugin->input_size - at;
        /* PIPE_BUF or less is written whole or not at all. */
        size_t most = 4096 / (IN * sizeof(float));
        count = count < left ? count : left;
        count = count < most ? count : most;
        ssize_t sent =
            write(plugin->process.to, plugin->input + at * IN, count * IN * sizeof(float));
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        plugin->fed += count;
    }
    return true;
}

/* Takes stems from the program; false if it gives no more. */
static bool collect(struct plugin *plugin, struct partial *partial) {
    float samples[1024 * OUT];
    memcpy(samples, partial->samples, partial->bytes);
    ssize_t got = read(plugin->process.from, (char *)samples + partial->bytes,
                       sizeof samples - partial->bytes);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    size_t bytes = partial->bytes + (size_t)got, count = bytes / sizeof partial->samples;
    partial->bytes = bytes % sizeof partial->samples;
    memcpy(partial->samples, samples + count * OUT, partial->bytes);
    if (!plugin->is_ready) {
        plugin->fed = plugin->position;
        /* In this order: the callback sees none of the stems between. */
        plugin->first = plugin->fed + plugin->latency;
        plugin->given = plugin->fed + plugin->latency;
        plugin->is_ready = true;
    }
    size_t skipped = count < plugin->to_skip ? count : plugin->to_skip;
    plugin->to_skip -= skipped;
    size_t given = plugin->given, position = plugin->position;
    for (size_t i = skipped; i < count; i++, given++)
        /* A frame that is past must not replace one that is to come. */
        if (given + LONGEST >= position)
            memcpy(plugin->output + given % plugin->output_size * OUT, samples + i * OUT,
                   sizeof partial->samples);
    plugin->given = given;
    plugin->received += count;
    plugin->is_running = true;
    return true;
}

/* Whether the program could give more stems of the input that it has. */
static bool owes(const struct plugin *plugin) {
    return !plugin->is_ready || plugin->given + READ <= plugin->fed + SLACK + plugin->to_skip;
}

/* Keeps a program running, and moves samples to and from it. */
static void *serve(void *context) {
    struct plugin *plugin = context;
    struct partial partial = {.bytes = 0};
    long pause = FIRST_PAUSE, next_start = milliseconds(), began = 0, last = 0;
    while (!plugin->stops) {
        long now = milliseconds();
        bool is_wanted = plugin->renders == plugin->serves_render;
        if (plugin->process.id == 0 && !is_wanted) {
            next_start = now;
            pause = FIRST_PAUSE;
        }
        if (plugin->process.id == 0 && plugin->renders >= 0 && now >= next_start) {
            partial.bytes = 0;
            begin(plugin);
            began = last = now;
            /* A program that ends again and again is started less and less often. */
            next_start = now + pause;
            pause = 2 * pause < LONGEST_PAUSE ? 2 * pause : LONGEST_PAUSE;
            continue;
        }
        bool runs = plugin->process.id != 0, is_ready = runs && plugin->is_ready;
        bool has_input = is_ready && plugin->fed < plugin->position;
        struct pollfd events[] = {
            {plugin->wake, POLLIN, 0},
            {runs ? plugin->process.from : -1, POLLIN, 0},
            {has_input ? plugin->process.to : -1, POLLOUT, 0},
        };
        poll(events, 3, runs || plugin->renders < 0 ? 1000 : (int)(next_start - now));
        eventfd_read(plugin->wake, &(eventfd_t){0});
        if (!runs)
            continue;
        bool lives = feed(plugin) && (!events[1].revents || collect(plugin, &partial));
        now = milliseconds();
        if (events[1].revents || !owes(plugin))
            last = now;
        bool is_late = is_ready && plugin->given + plugin->latest < plugin->position;
        bool is_ahead = is_ready && plugin->given > plugin->fed + SLACK + plugin->to_skip;
        if (lives && is_wanted && !is_late && !is_ahead && now - last < PATIENCE)
            continue;
        if (is_wanted)
            fprintf(stderr, "swift-demucs.lv2: %s %s; it is started again\n", plugin->program,
                    lives ? "does not keep time" : "has ended");
        plugin->is_running = false;
        end_process(&plugin->process, 0);
        if (now - began > PATIENCE)
            pause = FIRST_PAUSE;
    }
    plugin->is_running = false;
    end_process(&plugin->process, 0);
    return NULL;
}

/* ---- The plug-in ---- */

static void cleanup(LV2_Handle instance) {
    struct plugin *plugin = instance;
    if (plugin->wake >= 0)
        close(plugin->wake);
    free(plugin->input);
    free(plugin->output);
    free(plugin);
}

/* The model: SWIFT_DEMUCS_LV2_MODEL, or the bundled one. The program: SWIFT_DEMUCS_PROGRAM, or the one
 * that was installed with the bundle, <prefix>/lib/lv2/swift-demucs.lv2/, or one on PATH. */
static void find_program(struct plugin *plugin, const char *bundle) {
    const char *model = getenv("SWIFT_DEMUCS_LV2_MODEL"), *program = getenv("SWIFT_DEMUCS_PROGRAM");
    snprintf(plugin->model, sizeof plugin->model, "%s", model && *model ? model : "demo");
    snprintf(plugin->program, sizeof plugin->program, "%s/../../../bin/swift-demucs", bundle);
    if (program && *program)
        snprintf(plugin->program, sizeof plugin->program, "%s", program);
    else if (access(plugin->program, X_OK))
        snprintf(plugin->program, sizeof plugin->program, "swift-demucs");
}

static LV2_Handle instantiate(const LV2_Descriptor *descriptor, double rate, const char *bundle,
                              const LV2_Feature *const *features) {
    (void)features;
    struct plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin)
        return NULL;
    plugin->preset = strrchr(descriptor->URI, ':') + 1;
    plugin->rate = rate;
    find_program(plugin, bundle);
    plugin->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    plugin->delay = stated_delay(plugin);
    plugin->latency = plugin->delay + SLACK;
    plugin->latest = (size_t)(rate * LATEST / 1000);
    plugin->input_size = plugin->latency + plugin->latest + 2 * LONGEST;
    plugin->output_size = plugin->latency + 2 * LONGEST;
    plugin->input = calloc(plugin->input_size * IN, sizeof(float));
    plugin->output = calloc(plugin->output_size * OUT, sizeof(float));
    if (plugin->delay == 0 || plugin->wake < 0 || !plugin->input || !plugin->output) {
        fprintf(stderr, "swift-demucs.lv2: can't run %s with the model %s at %.0f Hz\n",
                plugin->program, plugin->model, rate);
        cleanup(plugin);
        return NULL;
    }
    return plugin;
}

static void connect_port(LV2_Handle instance, uint32_t port, void *data) {
    if (port < PORTS)
        ((struct plugin *)instance)->ports[port] = data;
}

static void activate(LV2_Handle instance) {
    struct plugin *plugin = instance;
    memset(plugin->input, 0, plugin->input_size * IN * sizeof(float));
    memset(plugin->output, 0, plugin->output_size * OUT * sizeof(float));
    plugin->position = plugin->first = plugin->given = plugin->received = 0;
    plugin->renders = plugin->serves_render = -1;
    plugin->late_blocks = 0;
    plugin->render_failed = plugin->stops = plugin->is_running = false;
    plugin->presence = 1;
    plugin->peak = 0;
    for (int stem = 0; stem < STEMS; stem++)
        plugin->gains[stem] = 1;
    /* Signals go to the host's threads; a closed pipe is an error of `write` then. */
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    plugin->thread_runs = pthread_create(&plugin->thread, NULL, serve, plugin) == 0;
    pthread_sigmask(SIG_SETMASK, &former, NULL);
}

static void deactivate(LV2_Handle instance) {
    struct plugin *plugin = instance;
    plugin->stops = true;
    eventfd_write(plugin->wake, 1);
    if (plugin->thread_runs)
        pthread_join(plugin->thread, NULL);
    plugin->thread_runs = false;
}

/* The gain that a port states in dB; -60 and less is silence. */
static float gain(const struct plugin *plugin, int stem) {
    const float *decibels = plugin->ports[PORT_GAIN + stem];
    if (!decibels || !isfinite(*decibels))
        return 1;
    return *decibels <= -60 ? 0 : powf(10, fminf(*decibels, 12) / 20);
}

/* A sample of the input; 0 without a connection, and for what LiveGuard makes silence. */
static float input_sample(const struct plugin *plugin, int channel, uint32_t at) {
    const float *samples = plugin->ports[PORT_IN + channel];
    return samples && fabsf(samples[at]) <= 32 ? samples[at] : 0;
}

/* Writes a frame of stems and their mix: `presence` of the stems, and for the rest the input of the same
 * place, `original`, which the stems share. */
static void put(struct plugin *plugin, uint32_t at, const float *stems, const float *original,
                float presence, const float *targets) {
    float step = (float)(1 / (0.02 * plugin->rate)); /* As LiveMixer. */
    float mix[2] = {0, 0}, highest = 1;
    for (int stem = 0; stem < STEMS; stem++) {
        float *current = &plugin->gains[stem];
        *current += fminf(fmaxf(targets[stem] - *current, -step), step);
        highest = fmaxf(highest, *current);
        for (int channel = 0; channel < 2; channel++) {
            int row = 2 * stem + channel;
            float sample = presence * stems[row] + (1 - presence) * original[channel] / STEMS;
            mix[channel] += *current * sample;
            if (plugin->ports[PORT_STEM + row])
                plugin->ports[PORT_STEM + row][at] = sample;
        }
    }
    /* As LiveMixer's limit, but by all input so far, of which the last is not heard yet. */
    float limit = plugin->peak * highest;
    for (int channel = 0; channel < 2; channel++) {
        if (plugin->ports[PORT_MIX + channel])
            plugin->ports[PORT_MIX + channel][at] = fminf(fmaxf(mix[channel], -limit), limit);
    }
}

/* Waits until there are all stems up to a frame; false if none came for a while. */
static bool wait_for(const struct plugin *plugin, size_t frame) {
    size_t received = plugin->received;
    for (long end = milliseconds() + PATIENCE; plugin->serves_render != 1 || plugin->given < frame;
         rest(200)) {
        if (plugin->received != received)
            end = milliseconds() + PATIENCE;
        received = plugin->received;
        if (!plugin->thread_runs || milliseconds() > end) {
            fprintf(stderr,
                    "swift-demucs.lv2: no stems come; the rest of this render is silence\n");
            return false;
        }
    }
    return true;
}

static bool are_alike(const float *stems) {
    bool alike = stems[0] != 0 || stems[1] != 0;
    for (int stem = 1; stem < STEMS; stem++)
        alike = alike && stems[0] == stems[2 * stem] && stems[1] == stems[2 * stem + 1];
    return alike;
}

/* A part of a block.
 *
 * Returns whether all its stems were there. */
static bool run_part(struct plugin *plugin, uint32_t from, uint32_t count, bool renders) {
    static const float silence[OUT];
    size_t position = plugin->position;
    float targets[STEMS];
    for (int stem = 0; stem < STEMS; stem++)
        targets[stem] = gain(plugin, stem);
    for (uint32_t i = 0; i < count; i++)
        for (int channel = 0; channel < IN; channel++) {
            float sample = input_sample(plugin, channel, from + i);
            plugin->input[(position + i) % plugin->input_size * IN + (size_t)channel] = sample;
            plugin->peak = fmaxf(plugin->peak, fabsf(sample));
        }
    plugin->position = position + count;
    eventfd_write(plugin->wake, 1);
    plugin->render_failed =
        renders && (plugin->render_failed || !wait_for(plugin, position + count));
    /* In this order: `first` moves ahead before `given` does. */
    size_t given = plugin->given, first = plugin->first;
    bool is_complete = !plugin->render_failed;
    for (uint32_t i = 0; i < count; i++) {
        size_t at = position + i;
        const float *stems = plugin->output + at % plugin->output_size * OUT;
        const float *original =
            plugin->input + (at + plugin->input_size - plugin->latency) % plugin->input_size * IN;
        bool is_there = renders || (at >= first && at < given);
        float most = is_there ? (float)(given - at) / FADE : 0;
        plugin->presence = renders ? 1 : fminf(plugin->presence + 1.0F / FADE, fminf(most, 1));
        /* Nothing is late before the first input. Stems for which the program was late are all alike. */
        if (at >= plugin->latency && (!is_there || are_alike(stems)))
            is_complete = false;
        if (plugin->render_failed)
            stems = original = silence;
        put(plugin, from + i, stems, original, plugin->presence, targets);
    }
    return is_complete;
}

static void state(const struct plugin *plugin, enum port port, float value) {
    if (plugin->ports[port])
        *plugin->ports[port] = value;
}

static bool wants_render(const struct plugin *plugin) {
    const float *freewheel = plugin->ports[PORT_FREEWHEEL];
    return freewheel && *freewheel > 0;
}

static void run(LV2_Handle instance, uint32_t count) {
    struct plugin *plugin = instance;
    bool renders = wants_render(plugin), is_complete = true;
    plugin->renders = renders;
    for (uint32_t from = 0; from < count; from += LONGEST)
        is_complete &=
            run_part(plugin, from, count - from < LONGEST ? count - from : LONGEST, renders);
    plugin->late_blocks += !is_complete;
    state(plugin, PORT_LATENCY, (float)plugin->latency);
    state(plugin, PORT_LATE, (float)plugin->late_blocks);
    state(plugin, PORT_RUNNING, plugin->is_running && !plugin->render_failed);
}

static const LV2_Descriptor descriptors[] = {
    {PREFIX "fast", instantiate, connect_port, activate, run, deactivate, cleanup, NULL},
    {PREFIX "balanced", instantiate, connect_port, activate, run, deactivate, cleanup, NULL},
    {PREFIX "best", instantiate, connect_port, activate, run, deactivate, cleanup, NULL},
};

LV2_SYMBOL_EXPORT const LV2_Descriptor *lv2_descriptor(uint32_t index) {
    return index < sizeof descriptors / sizeof *descriptors ? &descriptors[index] : NULL;
}
