import Foundation

/// Waits until a state is reached, which is asked for every 2 ms.
///
/// - Throws: an error with the name of the state after 30 seconds, against hangs only.
package func waitUntil(_ state: String, _ isReached: () throws -> Bool) throws {
    struct WaitedInVain: Error { let state: String }
    let end = ContinuousClock.now + .seconds(30)
    while try !isReached() {
        if ContinuousClock.now > end { throw WaitedInVain(state: state) }
        usleep(2_000)
    }
}
