#include "loop_body.h"

/* Called from Swift alone, as `(_ body: (Int, Int) -> Void) -> loop_body`: a closure that does not
 * escape is passed as these two words. */
__attribute__((swiftcall)) loop_body swift_demucs_loop_body(const void *code, const void *context);

__attribute__((swiftcall)) loop_body swift_demucs_loop_body(const void *code, const void *context) {
    return (loop_body){code, context};
}
