/* swift-demucs as an LV2 plug-in: stereo in, four stems and their mix out, later by a constant delay.
 *
 * The model runs in a process of its own, `swift-demucs live --channels`. Two threads move samples
 * between it and two rings; the host's callback only copies from and to the rings, without locks,
 * allocation or files. Where the process is late, it gives the input in place of the stems; where it
 * gives nothing in time, because it has ended or the system stands still, the callback does.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <lv2/core/lv2.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "urn:swift-demucs:lv2:"

enum { STEMS = 4, IN = 2, OUT = 2 * STEMS };
/* Frames that the rings hold, and by which the process may be later than its input: the longest block
 * of a host that plays. */
enum { RING = 1 << 17, SLACK = 2048 };

enum port { PORT_IN = 0, PORT_STEM = 2, PORT_MIX = 10, PORT_GAIN = 12, PORT_FREEWHEEL = 16, PORT_LATENCY, PORTS };

/* Frames from one thread to another. */
struct ring {
    float *samples;
    size_t channels;
    _Atomic size_t written, read;
};

struct plugin {
    float *ports[PORTS];
    char program[4096], model[4096];
    const char *preset;
    double rate;
    size_t latency, position;
    float gains[STEMS];
    /* The last `latency` frames of the input. */
    float *line;
    struct ring input, output;
    /* Frames that the callback has filled and the process will still give. */
    size_t owed;
    sem_t arrived, given;
    pthread_t threads[2];
    pid_t process;
    int to_process, from_process;
    _Atomic bool stops, has_ended;
};

extern char **environ;

static size_t held(struct ring *ring) {
    return atomic_load_explicit(&ring->written, memory_order_acquire) -
           atomic_load_explicit(&ring->read, memory_order_acquire);
}

/* The frame at a position of the ring. */
static float *frame(struct ring *ring, size_t position) {
    return ring->samples + position % RING * ring->channels;
}

static void advance(_Atomic size_t *position, size_t frames) {
    atomic_fetch_add_explicit(position, frames, memory_order_release);
}

/* ---- The process ---- */

/* Starts `swift-demucs live` with the ends of two pipes. */
static bool start_process(struct plugin *plugin, bool prints_delay) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC))
        return false;
    if (pipe2(out, O_CLOEXEC)) {
        close(in[0]);
        close(in[1]);
        return false;
    }
    char rate[32];
    snprintf(rate, sizeof rate, "%.0f", plugin->rate);
    const char *words[] = {plugin->program, "live", "--quiet", "-n", plugin->model,
                           "--preset", plugin->preset, "--raw", rate,
                           "--channels", "drums,bass,other,vocals",
                           prints_delay ? "--print-delay" : NULL, NULL};
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
    int code = posix_spawnp(&plugin->process, plugin->program, &actions, &attributes,
                            (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(in[0]);
    close(out[1]);
    plugin->to_process = in[1];
    plugin->from_process = out[0];
    if (code == 0)
        return true;
    fprintf(stderr, "swift-demucs.lv2: %s: %s\n", plugin->program, strerror(code));
    close(in[1]);
    close(out[0]);
    return false;
}

/* Waits for the process, whose pipes are closed or that was told to end. */
static int end_process(struct plugin *plugin) {
    int status = 0;
    while (waitpid(plugin->process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* The delay in frames that the program states; 0 if it refuses the model or the rate. */
static size_t stated_delay(struct plugin *plugin) {
    if (!start_process(plugin, true))
        return 0;
    close(plugin->to_process);
    char text[64] = "";
    size_t count = 0;
    ssize_t got;
    while (count < sizeof text - 1 &&
           (got = read(plugin->from_process, text + count, sizeof text - 1 - count)) > 0)
        count += (size_t)got;
    close(plugin->from_process);
    return end_process(plugin) == 0 ? strtoul(text, NULL, 10) : 0;
}

/* Moves the input to the process. */
static void *feed(void *context) {
    struct plugin *plugin = context;
    struct ring *ring = &plugin->input;
    while (!plugin->stops) {
        sem_wait(&plugin->arrived);
        for (size_t count; !plugin->stops && (count = held(ring)) > 0;) {
            size_t start = ring->read, left = RING - start % RING;
            size_t bytes = (count < left ? count : left) * IN * sizeof(float);
            char *samples = (char *)frame(ring, start);
            for (size_t done = 0; done < bytes;) {
                ssize_t sent = write(plugin->to_process, samples + done, bytes - done);
                if (sent < 0 && errno != EINTR) {
                    plugin->has_ended = true;
                    sem_post(&plugin->given);
                    return NULL;
                }
                done += sent > 0 ? (size_t)sent : 0;
            }
            advance(&ring->read, bytes / IN / sizeof(float));
        }
    }
    return NULL;
}

/* Moves stems from the process into the ring. */
static void *collect(void *context) {
    struct plugin *plugin = context;
    struct ring *ring = &plugin->output;
    size_t part = 0; /* Bytes of an incomplete frame. */
    while (!plugin->stops) {
        size_t start = ring->written, left = RING - start % RING, room = RING - held(ring);
        if (room == 0) { /* The host stands still. */
            usleep(2000);
            continue;
        }
        size_t frame_bytes = OUT * sizeof(float);
        ssize_t got = read(plugin->from_process, (char *)frame(ring, start) + part,
                           (room < left ? room : left) * frame_bytes - part);
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        part += got > 0 ? (size_t)got : 0;
        advance(&ring->written, part / frame_bytes);
        /* The rest of the frame is where the next one goes on. */
        part %= frame_bytes;
        sem_post(&plugin->given);
    }
    plugin->has_ended = true;
    sem_post(&plugin->given);
    return NULL;
}

/* ---- The plug-in ---- */

static void cleanup(LV2_Handle instance) {
    struct plugin *plugin = instance;
    free(plugin->line);
    free(plugin->input.samples);
    free(plugin->output.samples);
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
    size_t delay = stated_delay(plugin);
    plugin->latency = delay + SLACK;
    plugin->input.channels = IN;
    plugin->output.channels = OUT;
    plugin->line = calloc(plugin->latency * IN, sizeof(float));
    plugin->input.samples = calloc(RING * IN, sizeof(float));
    plugin->output.samples = calloc(RING * OUT, sizeof(float));
    if (delay == 0 || !plugin->line || !plugin->input.samples || !plugin->output.samples) {
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
    memset(plugin->line, 0, plugin->latency * IN * sizeof(float));
    memset(plugin->output.samples, 0, SLACK * OUT * sizeof(float));
    plugin->input.written = plugin->input.read = plugin->output.read = 0;
    plugin->output.written = SLACK;
    plugin->position = plugin->owed = 0;
    plugin->stops = false;
    for (int stem = 0; stem < STEMS; stem++)
        plugin->gains[stem] = 1;
    sem_init(&plugin->arrived, 0, 0);
    sem_init(&plugin->given, 0, 0);
    plugin->has_ended = !start_process(plugin, false);
    if (plugin->has_ended)
        return;
    /* Signals go to the host's threads; a closed pipe is an error of `write` then. */
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    bool runs = pthread_create(&plugin->threads[0], NULL, feed, plugin) == 0;
    if (runs && pthread_create(&plugin->threads[1], NULL, collect, plugin)) {
        plugin->stops = true;
        sem_post(&plugin->arrived);
        pthread_join(plugin->threads[0], NULL);
        runs = false;
    }
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (!runs) {
        kill(plugin->process, SIGKILL);
        end_process(plugin);
        close(plugin->to_process);
        close(plugin->from_process);
        plugin->process = 0;
        plugin->has_ended = true;
    }
}

static void deactivate(LV2_Handle instance) {
    struct plugin *plugin = instance;
    plugin->stops = true;
    if (plugin->process) {
        kill(plugin->process, SIGKILL);
        end_process(plugin);
        sem_post(&plugin->arrived);
        pthread_join(plugin->threads[0], NULL);
        pthread_join(plugin->threads[1], NULL);
        close(plugin->to_process);
        close(plugin->from_process);
        plugin->process = 0;
    }
    sem_destroy(&plugin->arrived);
    sem_destroy(&plugin->given);
}

/* The gain that a port states in dB; -60 and less is silence. */
static float gain(const struct plugin *plugin, int stem) {
    const float *decibels = plugin->ports[PORT_GAIN + stem];
    if (!decibels || !isfinite(*decibels))
        return 1;
    return *decibels <= -60 ? 0 : powf(10, fminf(*decibels, 12) / 20);
}

/* A sample of the input; 0 for one that is not finite, and without a connection. */
static float input_sample(const struct plugin *plugin, int channel, uint32_t at) {
    const float *samples = plugin->ports[PORT_IN + channel];
    return samples && isfinite(samples[at]) ? samples[at] : 0;
}

/* Writes a frame of stems and their mix; `stems` is NULL where only the input of the same place is
 * there, `original`, which the stems share. */
static void put(struct plugin *plugin, uint32_t at, const float *stems, const float *original,
                const float *targets) {
    float step = (float)(1 / (0.02 * plugin->rate)); /* As LiveMixer. */
    float mix[2] = {0, 0};
    for (int stem = 0; stem < STEMS; stem++) {
        float *current = &plugin->gains[stem];
        *current += fminf(fmaxf(targets[stem] - *current, -step), step);
        for (int channel = 0; channel < 2; channel++) {
            int row = 2 * stem + channel;
            float sample = stems ? stems[row] : original[channel] / STEMS;
            mix[channel] += *current * sample;
            if (plugin->ports[PORT_STEM + row])
                plugin->ports[PORT_STEM + row][at] = sample;
        }
    }
    for (int channel = 0; channel < 2; channel++)
        if (plugin->ports[PORT_MIX + channel])
            plugin->ports[PORT_MIX + channel][at] = mix[channel];
}

/* A part of a block, shorter than the rings. */
static void run_part(struct plugin *plugin, uint32_t from, uint32_t count, bool waits) {
    struct ring *input = &plugin->input, *output = &plugin->output;
    float targets[STEMS];
    for (int stem = 0; stem < STEMS; stem++)
        targets[stem] = gain(plugin, stem);
    /* A full ring means that the process stands still for seconds: its stems would be misplaced. */
    if (RING - held(input) < count)
        plugin->has_ended = true;
    for (uint32_t i = 0; i < count && !plugin->has_ended; i++)
        for (int channel = 0; channel < IN; channel++)
            frame(input, input->written + i)[channel] = input_sample(plugin, channel, from + i);
    if (!plugin->has_ended)
        advance(&input->written, count);
    sem_post(&plugin->arrived);
    while (waits && !plugin->has_ended && held(output) < count + plugin->owed)
        sem_wait(&plugin->given);
    size_t ready = held(output), late = ready < plugin->owed ? ready : plugin->owed;
    advance(&output->read, late);
    plugin->owed -= late;
    ready -= late;
    for (uint32_t i = 0; i < count; i++) {
        float *place = plugin->line + (plugin->position + i) % plugin->latency * IN;
        float original[IN] = {place[0], place[1]};
        for (int channel = 0; channel < IN; channel++)
            place[channel] = input_sample(plugin, channel, from + i);
        const float *stems = i < ready ? frame(output, output->read + i) : NULL;
        put(plugin, from + i, stems, original, targets);
    }
    plugin->position = (plugin->position + count) % plugin->latency;
    if (ready > count)
        ready = count;
    advance(&output->read, ready);
    plugin->owed += count - ready;
}

static void run(LV2_Handle instance, uint32_t count) {
    struct plugin *plugin = instance;
    const float *freewheel = plugin->ports[PORT_FREEWHEEL];
    bool waits = freewheel && *freewheel > 0;
    if (plugin->ports[PORT_LATENCY])
        *plugin->ports[PORT_LATENCY] = (float)plugin->latency;
    for (uint32_t from = 0; from < count; from += SLACK)
        run_part(plugin, from, count - from < SLACK ? count - from : SLACK, waits);
}

static const LV2_Descriptor descriptors[] = {
    {PREFIX "fast", instantiate, connect_port, activate, run, deactivate, cleanup, NULL},
    {PREFIX "balanced", instantiate, connect_port, activate, run, deactivate, cleanup, NULL},
    {PREFIX "best", instantiate, connect_port, activate, run, deactivate, cleanup, NULL},
};

LV2_SYMBOL_EXPORT const LV2_Descriptor *lv2_descriptor(uint32_t index) {
    return index < sizeof descriptors / sizeof *descriptors ? &descriptors[index] : NULL;
}
