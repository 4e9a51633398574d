/* A host of the LV2 plug-in without a screen, for AddressSanitizer. Linked with `--wrap=close,--wrap=kill`:
 * it ends where the plug-in closes a descriptor that is not open, or kills a process that is no child.
 *
 * Usage: lv2_host BUNDLE RATE starts COUNT SECONDS   starts and stops it; then plays a sine in real time,
 *                                                    with missing ports and samples that are not finite,
 *                                                    kills the program once, renders, and plays again
 *        lv2_host BUNDLE RATE render COUNT BLOCK     renders stereo samples from stdin by COUNT instances
 *                                                    side by side; the stems of one to stdout, without the
 *                                                    latency; BLOCK > 0: kills the programs before it
 *        lv2_host BUNDLE RATE rename FILE 0          the program is away while the plug-in is activated
 *        lv2_host BUNDLE RATE silent 0 0             a render by a program that never gives anything
 *
 * Exit codes: 3 if the plug-in refuses to start, 4 to 9 for faults. */

#include <errno.h>
#include <fcntl.h>
#include <lv2/core/lv2.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 256, FREEWHEEL = 16, LATENCY, LATE, RUNNING, PORTS, MOST = 4 };

struct instance {
    LV2_Handle handle;
    float audio[12][BLOCK], freewheel, latency, late, running;
};

static const LV2_Descriptor *plugin;
static struct instance instances[MOST];
static double rate;
/* Whether drums and other differed in what was played last: the input alone is alike in all stems. */
static bool separates;

int __real_close(int descriptor);
int __wrap_close(int descriptor) {
    if (fcntl(descriptor, F_GETFD) < 0) {
        fprintf(stderr, "descriptor %d is closed twice\n", descriptor);
        _exit(8);
    }
    return __real_close(descriptor);
}

int __real_kill(pid_t process, int number);
int __wrap_kill(pid_t process, int number) {
    siginfo_t info;
    if (process <= 1 || waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
        fprintf(stderr, "process %d is not a child\n", process);
        _exit(9);
    }
    return __real_kill(process, number);
}

static void kill_programs(void) {
    if (system("pkill -9 -x swift-demucs -P $PPID"))
        _exit(7);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void play(struct instance *instance, long block) {
    for (int i = 0; i < BLOCK; i++) {
        double angle = 6.2832 * 440 * (double)(block * BLOCK + i) / rate;
        instance->audio[0][i] = instance->audio[1][i] = (float)(0.5 * sin(angle));
    }
    if (block % 50 == 7)
        instance->audio[0][3] = NAN;
    if (block % 50 == 8)
        instance->audio[0][3] = 1e10F;
    plugin->run(instance->handle, BLOCK);
}

/* Plays blocks at the pace of the rate, and returns the loudest sample of the mix. */
static float play_in_time(struct instance *instance, double length,
                          bool (*ends)(struct instance *)) {
    double begin = seconds();
    float loudest = 0;
    separates = false;
    for (long block = 0; (double)(block * BLOCK) < length * rate && !ends(instance); block++) {
        play(instance, block);
        for (int i = 0; i < BLOCK; i++) {
            if (!isfinite(instance->audio[10][i]))
                _exit(4);
            loudest = fmaxf(loudest, fabsf(instance->audio[10][i]));
            separates = separates || instance->audio[2][i] != instance->audio[6][i];
        }
        double left = begin + (double)(block * BLOCK) / rate - seconds();
        if (left > 0)
            usleep((useconds_t)(left * 1e6));
    }
    return loudest;
}

static bool never(struct instance *instance) {
    (void)instance;
    return false;
}

static bool is_running(struct instance *instance) { return instance->running == 1; }

static int starts(struct instance *instance, int count, double length) {
    plugin->connect_port(instance->handle, FREEWHEEL, NULL);
    plugin->connect_port(instance->handle, LATE, NULL);
    for (int start = 0; start < count; start++) {
        plugin->activate(instance->handle);
        for (long block = 0; block < start % 5; block++)
            play(instance, block);
        plugin->deactivate(instance->handle);
    }
    plugin->connect_port(instance->handle, FREEWHEEL, &instance->freewheel);
    plugin->connect_port(instance->handle, LATE, &instance->late);
    plugin->connect_port(instance->handle, 4, NULL); /* A stem that nobody hears. */
    plugin->activate(instance->handle);
    play_in_time(instance, 60, is_running);
    float late = instance->late;
    kill_programs();
    float loudest = play_in_time(instance, length, never);
    printf("latency %.0f loudest %.3f late %.0f\n", instance->latency, loudest, instance->late);
    if (instance->running != 1 || instance->late <= late || loudest > 0.5F || !separates)
        return 5;
    late = instance->late;
    instance->freewheel = 1;
    for (long block = 0; block < 500; block++)
        play(instance, block);
    if (instance->running != 1 || instance->late > late)
        return 5;
    instance->freewheel = 0;
    play_in_time(instance, length, never);
    return instance->running == 1 && separates ? 0 : 5;
}

static int render(int count, long killed) {
    for (int i = 0; i < count; i++) {
        instances[i].freewheel = 1;
        plugin->activate(instances[i].handle);
    }
    float samples[2 * BLOCK];
    long rendered = 0;
    for (long block = 1; fread(samples, sizeof samples, 1, stdin) == 1; block++) {
        if (block == killed)
            kill_programs();
        for (int i = 0; i < count; i++) {
            for (int at = 0; at < 2 * BLOCK; at++)
                instances[i].audio[at % 2][at / 2] = samples[at];
            plugin->run(instances[i].handle, BLOCK);
            if (memcmp(instances[0].audio + 2, instances[i].audio + 2,
                       10 * sizeof *instances[0].audio))
                return 6;
        }
        for (int at = 0; at < BLOCK; at++, rendered++)
            for (int row = 2; row < 10 && rendered >= (long)instances[0].latency; row++)
                fwrite(&instances[0].audio[row][at], sizeof(float), 1, stdout);
    }
    for (int i = 0; i < count; i++)
        if (instances[i].late > 0 || instances[i].running != 1)
            return 5;
    return 0;
}

static int renamed(struct instance *instance, const char *path) {
    char away[4096];
    snprintf(away, sizeof away, "%s.away", path);
    for (int start = 0; start < 3; start++) {
        if (rename(path, away))
            return 7;
        plugin->activate(instance->handle);
        float loudest = play_in_time(instance, 0.8, never);
        /* Silence at first, then the input in place of the stems. */
        if (instance->running || instance->late == 0 || loudest < 0.3F)
            return 5;
        if (rename(away, path))
            return 7;
        /* The second time it comes back while the plug-in is active. */
        if (start == 1)
            play_in_time(instance, 60, is_running);
        if (instance->running != (start == 1))
            return 5;
        plugin->deactivate(instance->handle);
    }
    return 0;
}

static int silent(struct instance *instance) {
    instance->freewheel = 1;
    plugin->activate(instance->handle);
    double begin = seconds();
    for (long block = 0; block < 1000; block++)
        play(instance, block);
    printf("a render without stems: %.1f s\n", seconds() - begin);
    for (int row = 2; row < 12; row++)
        for (int i = 0; i < BLOCK; i++)
            if (instance->audio[row][i] != 0)
                return 4;
    return instance->running == 0 && instance->late > 0 ? 0 : 5;
}

int main(int count, char **words) {
    if (count != 6)
        return 2;
    rate = atof(words[2]);
    bool renders = !strcmp(words[3], "render");
    int number = renders ? atoi(words[4]) : 1;
    /* The lightest preset: this is not about the model. */
    plugin = lv2_descriptor(0);
    for (int i = 0; i < number && i < MOST; i++) {
        struct instance *instance = &instances[i];
        instance->handle = plugin->instantiate(plugin, rate, words[1], NULL);
        if (!instance->handle)
            return 3;
        for (uint32_t port = 0; port < 12; port++)
            plugin->connect_port(instance->handle, port, instance->audio[port]);
        plugin->connect_port(instance->handle, FREEWHEEL, &instance->freewheel);
        plugin->connect_port(instance->handle, LATENCY, &instance->latency);
        plugin->connect_port(instance->handle, LATE, &instance->late);
        plugin->connect_port(instance->handle, RUNNING, &instance->running);
        plugin->connect_port(instance->handle, PORTS, NULL); /* There is none. */
    }
    int code = renders                       ? render(number, atol(words[5]))
               : !strcmp(words[3], "starts") ? starts(instances, atoi(words[4]), atof(words[5]))
               : !strcmp(words[3], "rename") ? renamed(instances, words[4])
                                             : silent(instances);
    for (int i = 0; i < number && i < MOST; i++) {
        plugin->deactivate(instances[i].handle);
        plugin->cleanup(instances[i].handle);
    }
    return lv2_descriptor(3) ? 5 : code;
}
