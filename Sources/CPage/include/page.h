/* The files of the page (the folder web/page). */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

struct page_file {
    const char *_Nonnull name;
    const unsigned char *_Nonnull bytes;
    size_t count;
};

/* All files of the page. */
extern const struct page_file *_Nonnull const page_files;
extern const size_t page_file_count;

#endif
