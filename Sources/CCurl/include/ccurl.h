/* libcurl, opened when the first download begins.
 *
 * Linking libcurl would cost every start of the program 7 ms, for the forty libraries that it
 * needs; few starts download anything. The types and signatures are those of libcurl's own header.
 */
#ifndef SWIFT_DEMUCS_CCURL_H
#define SWIFT_DEMUCS_CCURL_H

/* Allows the old form of options that have a newer one: all versions know the old form. */
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>

/* The used functions of libcurl, without their prefix. */
#define CCURL_FUNCTIONS(USE)                                                                       \
    USE(global_init)                                                                               \
    USE(easy_init)                                                                                 \
    USE(easy_cleanup)                                                                              \
    USE(easy_setopt)                                                                               \
    USE(easy_getinfo)                                                                              \
    USE(easy_strerror)                                                                             \
    USE(multi_init)                                                                                \
    USE(multi_cleanup)                                                                             \
    USE(multi_add_handle)                                                                          \
    USE(multi_remove_handle)                                                                       \
    USE(multi_perform)                                                                             \
    USE(multi_poll)                                                                                \
    USE(multi_info_read)                                                                           \
    USE(multi_strerror)                                                                            \
    USE(url)                                                                                       \
    USE(url_cleanup)                                                                               \
    USE(url_set)                                                                                   \
    USE(url_get)                                                                                   \
    USE(free)                                                                                      \
    USE(getdate)

/* Pointers to these functions, with the types of libcurl's header. */
struct ccurl {
#define CCURL_MEMBER(name) __typeof__(curl_##name) *name;
    CCURL_FUNCTIONS(CCURL_MEMBER)
#undef CCURL_MEMBER
};

/* The machine's libcurl, opened and initialised by the first call, on any thread.
 *
 * NULL if that failed; `problem` is then the reason, a string that stays valid. */
const struct ccurl *ccurl_load(const char **problem);

/* The variadic functions, with the types of their options. */

CURLcode ccurl_set_number(const struct ccurl *, CURL *, CURLoption, long);
/* libcurl copies the text. */
CURLcode ccurl_set_text(const struct ccurl *, CURL *, CURLoption, const char *);
/* Sets the buffer of error texts: CURL_ERROR_SIZE bytes that outlive the handle's transfers. */
CURLcode ccurl_set_error_buffer(const struct ccurl *, CURL *, char *);

/* Takes `count` bytes of a body or one line of a head; the transfer ends unless it returns `count`.
 */
typedef size_t (*ccurl_receiver)(char *bytes, size_t one, size_t count, void *context);
CURLcode ccurl_set_receivers(const struct ccurl *, CURL *, ccurl_receiver head, ccurl_receiver body,
                             void *context);
/* Cancels transfers without waiting for the name server. Versions before 7.87 always wait. */
void ccurl_set_quick_exit(const struct ccurl *, CURL *);

/* A number such as CURLINFO_RESPONSE_CODE; 0 if unknown. */
long ccurl_number(const struct ccurl *, CURL *, CURLINFO);
/* The absolute address that the last reply redirects to, valid until the next transfer; NULL if it
 * doesn't. */
const char *ccurl_redirect(const struct ccurl *, CURL *);

#endif
