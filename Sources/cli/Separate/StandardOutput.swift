// Where the sound of `--stdout` goes.

import Foundation

enum StandardOutput {
    /// Whether it is a pipe whose reader has gone.
    static var isLeft: Bool {
        var state = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
        return poll(&state, 1, 0) == 1 && state.revents & Int16(POLLERR) != 0
    }
}
