#include "ccurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#ifdef __APPLE__
static const char *const names[] = {"libcurl.4.dylib"};
#else
/* The interface is the same; Debian has both, for OpenSSL and for GnuTLS. */
static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif

static struct ccurl library;
static char reason[512];
static int is_usable;

static void *opened(void) {
    void *handle = NULL;
    for (size_t index = 0; !handle && index < sizeof names / sizeof *names; index++) {
        handle = dlopen(names[index], RTLD_NOW | RTLD_LOCAL);
        /* The first reason is the most useful: it is about the usual name. */
        if (!handle && index == 0)
            snprintf(reason, sizeof reason, "%s", dlerror());
    }
    return handle;
}

static void load(void) {
    void *handle = opened();
    if (!handle)
        return;
    const char *missing = NULL;
#define FIND(name)                                                                                 \
    library.name = (__typeof__(library.name))dlsym(handle, "curl_" #name);                         \
    if (!library.name)                                                                             \
        missing = "curl_" #name;
    CCURL_FUNCTIONS(FIND)
#undef FIND
    if (missing) {
        snprintf(reason, sizeof reason, "it is too old: it has no %s", missing);
        return;
    }
    CURLcode result = library.global_init(CURL_GLOBAL_DEFAULT);
    if (result != CURLE_OK)
        snprintf(reason, sizeof reason, "%s", library.easy_strerror(result));
    is_usable = result == CURLE_OK;
}

const struct ccurl *ccurl_load(const char **problem) {
    /* In old versions, curl_global_init is not thread-safe. */
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    *problem = reason;
    return is_usable ? &library : NULL;
}

CURLcode ccurl_set_number(const struct ccurl *curl, CURL *handle, CURLoption option, long value) {
    return curl->easy_setopt(handle, option, value);
}

CURLcode ccurl_set_text(const struct ccurl *curl, CURL *handle, CURLoption option,
                        const char *text) {
    return curl->easy_setopt(handle, option, text);
}

CURLcode ccurl_set_error_buffer(const struct ccurl *curl, CURL *handle, char *buffer) {
    return curl->easy_setopt(handle, CURLOPT_ERRORBUFFER, buffer);
}

CURLcode ccurl_set_receivers(const struct ccurl *curl, CURL *handle, ccurl_receiver head,
                             ccurl_receiver body, void *context) {
    CURLcode result = curl->easy_setopt(handle, CURLOPT_HEADERFUNCTION, head);
    if (result == CURLE_OK)
        result = curl->easy_setopt(handle, CURLOPT_HEADERDATA, context);
    if (result == CURLE_OK)
        result = curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, body);
    if (result == CURLE_OK)
        result = curl->easy_setopt(handle, CURLOPT_WRITEDATA, context);
    return result;
}

void ccurl_set_quick_exit(const struct ccurl *curl, CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075700
    curl->easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)curl, (void)handle;
#endif
}

long ccurl_number(const struct ccurl *curl, CURL *handle, CURLINFO information) {
    long number = 0;
    return curl->easy_getinfo(handle, information, &number) == CURLE_OK ? number : 0;
}

const char *ccurl_redirect(const struct ccurl *curl, CURL *handle) {
    const char *address = NULL;
    CURLcode result = curl->easy_getinfo(handle, CURLINFO_REDIRECT_URL, &address);
    return result == CURLE_OK ? address : NULL;
}
