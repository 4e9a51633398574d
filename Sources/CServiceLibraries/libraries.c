#include "libraries.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#ifdef __APPLE__
#include <netinet/in.h>
#include <netinet/tcp.h>
#else
/* The kernel's own header: glibc's tcp_info ends before the member. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#endif

#ifdef __APPLE__
#define HTTP_NAME "libmicrohttpd.12.dylib"
#define ZIP_NAME "libarchive.13.dylib"
#else
#define HTTP_NAME "libmicrohttpd.so.12"
#define ZIP_NAME "libarchive.so.13"
#endif

static struct http_library http;
static struct zip_library zip;

/* The reason why each library can't be used; empty if it can. */
static char http_reason[512];
static char zip_reason[512];

#define FIND(library, prefix, name, reason)                                                        \
    library.name = (__typeof__(library.name))dlsym(handle, prefix #name);                          \
    if (!library.name)                                                                             \
        snprintf(reason, sizeof reason, "it is too old: it has no %s", prefix #name);
#define FIND_HTTP(name) FIND(http, "MHD_", name, http_reason)
#define FIND_ZIP(name) FIND(zip, "archive_", name, zip_reason)

#define OPEN(name, reason)                                                                         \
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);                                            \
    if (!handle) {                                                                                 \
        snprintf(reason, sizeof reason, "%s", dlerror());                                          \
        return;                                                                                    \
    }

static void load_http(void) {
    OPEN(HTTP_NAME, http_reason)
    HTTP_FUNCTIONS(FIND_HTTP)
}

static void load_zip(void) {
    OPEN(ZIP_NAME, zip_reason)
    ZIP_FUNCTIONS(FIND_ZIP)
}

const struct http_library *http_load(const char **problem) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_http);
    *problem = http_reason;
    return *http_reason ? NULL : &http;
}

const struct zip_library *zip_load(const char **problem) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_zip);
    *problem = zip_reason;
    return *zip_reason ? NULL : &zip;
}

struct MHD_Daemon *http_start(int is_ipv6, MHD_AccessHandlerCallback handler, void *context,
                              const struct MHD_OptionItem *options) {
    unsigned int flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                         MHD_USE_POLL | MHD_USE_ITC;
    if (is_ipv6)
        flags |= MHD_USE_IPv6;
    return http.start_daemon(flags, 0, NULL, NULL, handler, context, MHD_OPTION_ARRAY, options,
                             MHD_OPTION_END);
}

void http_set_timeout(struct MHD_Connection *connection, unsigned int seconds) {
    http.set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

int http_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        http.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

size_t http_head_bytes(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        http.get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

int64_t http_received_bytes(int socket) {
#ifdef __APPLE__
    struct tcp_connection_info info;
    socklen_t size = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_CONNECTION_INFO, &info, &size))
        return -1;
    return (int64_t)(info.tcpi_txbytes - info.tcpi_snd_sbbytes);
#else
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) ||
        size < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
        return -1;
    return (int64_t)info.tcpi_bytes_acked;
#endif
}

void service_notify(const char *state) {
#ifdef __linux__
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path ? strlen(path) : 0;
    if (!length || length >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, length);
    /* The name of a socket without a file. */
    if (path[0] == '@')
        address.sun_path[0] = 0;
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return;
    sendto(descriptor, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(descriptor);
#else
    (void)state;
#endif
}

uint64_t http_size_unknown(void) { return MHD_SIZE_UNKNOWN; }

ssize_t http_end_of_stream(void) { return MHD_CONTENT_READER_END_OF_STREAM; }

ssize_t http_end_with_error(void) { return MHD_CONTENT_READER_END_WITH_ERROR; }
