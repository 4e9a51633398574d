/* The libraries of the service, opened when `serve` starts: libmicrohttpd and libarchive.
 *
 * Linking them would slow down every start of the program, and machines that never serve would
 * need them too. The types and signatures are those of the libraries' own headers.
 */
#ifndef SWIFT_DEMUCS_SERVICE_LIBRARIES_H
#define SWIFT_DEMUCS_SERVICE_LIBRARIES_H

#include <archive.h>
#include <archive_entry.h>
#include <microhttpd.h>

/* The used functions, without their prefixes. */
#define HTTP_FUNCTIONS(USE)                                                                        \
    USE(start_daemon)                                                                              \
    USE(stop_daemon)                                                                               \
    USE(quiesce_daemon)                                                                            \
    USE(get_version)                                                                               \
    USE(get_connection_info)                                                                       \
    USE(set_connection_option)                                                                     \
    USE(get_connection_values)                                                                     \
    USE(queue_response)                                                                            \
    USE(create_response_from_buffer)                                                               \
    USE(create_response_from_fd_at_offset64)                                                       \
    USE(create_response_from_callback)                                                             \
    USE(add_response_header)                                                                       \
    USE(destroy_response)                                                                          \
    USE(create_post_processor)                                                                     \
    USE(post_process)                                                                              \
    USE(destroy_post_processor)

#define ZIP_FUNCTIONS(USE)                                                                         \
    USE(write_new)                                                                                 \
    USE(write_free)                                                                                \
    USE(write_fail)                                                                                \
    USE(write_close)                                                                               \
    USE(write_set_format_zip)                                                                      \
    USE(write_set_format_raw)                                                                      \
    USE(write_add_filter_gzip)                                                                     \
    USE(write_set_options)                                                                         \
    USE(write_set_bytes_per_block)                                                                 \
    USE(write_open)                                                                                \
    USE(write_header)                                                                              \
    USE(write_data)                                                                                \
    USE(entry_new)                                                                                 \
    USE(entry_free)                                                                                \
    USE(entry_update_pathname_utf8)                                                                \
    USE(entry_set_size)                                                                            \
    USE(entry_set_mtime)                                                                           \
    USE(entry_set_filetype)                                                                        \
    USE(entry_set_perm)

#define HTTP_MEMBER(name) __typeof__(MHD_##name) *name;
#define ZIP_MEMBER(name) __typeof__(archive_##name) *name;

/* Pointers to these functions, with the types of the libraries' headers. */
struct http_library {
    HTTP_FUNCTIONS(HTTP_MEMBER)
};
struct zip_library {
    ZIP_FUNCTIONS(ZIP_MEMBER)
};

#undef HTTP_MEMBER
#undef ZIP_MEMBER

/* The machine's libraries, each opened by the first call, on any thread.
 *
 * NULL if that failed; `problem` is then the reason, a string that stays valid. */
const struct http_library *http_load(const char **problem);
const struct zip_library *zip_load(const char **problem);

/* The variadic functions of libmicrohttpd, with the types of their options. Only after `http_load`. */

/* Starts a daemon with a thread for each connection. */
struct MHD_Daemon *http_start(int is_ipv6, MHD_AccessHandlerCallback handler, void *context,
                              const struct MHD_OptionItem *options);
/* Sets the idle timeout of a connection in seconds; 0 for none. */
void http_set_timeout(struct MHD_Connection *, unsigned int seconds);
/* The connection's socket, or -1. */
int http_socket(struct MHD_Connection *);
/* Number of bytes in a request's head, from the method to the empty line. */
size_t http_head_bytes(struct MHD_Connection *);
/* Number of bytes that the other side of a socket has received; -1 if the system can't tell. */
int64_t http_received_bytes(int socket);

/* Tells systemd a state, as sd_notify(3) does: "READY=1". Nothing happens without systemd. */
void service_notify(const char *state);

/* Values of macros with casts, which Swift can't import. */
uint64_t http_size_unknown(void);
ssize_t http_end_of_stream(void);
ssize_t http_end_with_error(void);

#endif
