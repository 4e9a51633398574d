/* A host of the LV2 plug-in without a screen, for AddressSanitizer: starts and stops it many times, and
 * plays a sine in real time with ports that are missing and samples that are not finite.
 *
 * Usage: lv2_host BUNDLE RATE STARTS SECONDS   (a plug-in that refuses to start: exit code 3) */

#include <lv2/core/lv2.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 256, PORTS = 18, LATENCY = 17 };

static float audio[12][BLOCK], latency, freewheel;

static void play(const LV2_Descriptor *plugin, LV2_Handle handle, long block, double rate) {
    for (int i = 0; i < BLOCK; i++)
        audio[0][i] = audio[1][i] = (float)(0.5 * sin(6.2832 * 440 * (block * BLOCK + i) / rate));
    if (block % 50 == 7)
        audio[0][3] = NAN;
    plugin->run(handle, BLOCK);
}

int main(int count, char **words) {
    if (count != 5)
        return 2;
    double rate = atof(words[2]);
    /* The lightest preset: it is about starts, not about the model. */
    const LV2_Descriptor *plugin = lv2_descriptor(0);
    LV2_Handle handle = plugin->instantiate(plugin, rate, words[1], NULL);
    if (!handle)
        return 3;
    for (uint32_t port = 0; port < 12; port++)
        plugin->connect_port(handle, port, audio[port]);
    plugin->connect_port(handle, LATENCY, &latency);
    plugin->connect_port(handle, PORTS, NULL); /* There is none. */
    for (int start = 0; start < atoi(words[3]); start++) {
        plugin->activate(handle);
        for (long block = 0; block < start % 5; block++)
            play(plugin, handle, block, rate);
        plugin->deactivate(handle);
    }
    plugin->connect_port(handle, 16, &freewheel);
    plugin->connect_port(handle, 4, NULL); /* A stem that nobody hears. */
    plugin->activate(handle);
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    float loudest = 0;
    for (long block = 0; block * BLOCK < atof(words[4]) * rate; block++) {
        play(plugin, handle, block, rate);
        for (int i = 0; i < BLOCK; i++) {
            if (!isfinite(audio[10][i]))
                return 4;
            loudest = fmaxf(loudest, fabsf(audio[10][i]));
        }
        next.tv_nsec += (long)(1e9 * BLOCK / rate);
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    plugin->deactivate(handle);
    plugin->cleanup(handle);
    printf("latency %.0f loudest %.3f\n", latency, loudest);
    return lv2_descriptor(3) ? 5 : 0;
}
