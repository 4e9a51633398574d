/* For the sets of CPUs in sched.h. */
#define _GNU_SOURCE

#include "ckernels.h"

#include <sched.h>
#include <unistd.h>

int count_available_cores(void) {
#if defined(__linux__)
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0)
        return CPU_COUNT(&cores);
#endif
    long cores_online = sysconf(_SC_NPROCESSORS_ONLN);
    return cores_online > 0 ? (int)cores_online : 1;
}
