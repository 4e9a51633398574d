// libcurl, the only access to the network.

import CCurl
import ModelZoo

/// Functions of the machine's libcurl.
typealias Curl = UnsafePointer<ccurl>

/// Opens libcurl on the first call.
///
/// - Throws: ``DownloadError/libraryUnusable(reason:)``.
func openCurl() throws(DownloadError) -> Curl {
    var problem: UnsafePointer<CChar>?
    guard let curl = ccurl_load(&problem) else {
        throw .libraryUnusable(reason: problem.map { String(cString: $0) } ?? "unknown reason")
    }
    return curl
}

/// A request that failed below HTTP.
struct ConnectionFailure: Error {
    /// Whether the connection broke after a server was reached: the same request may succeed later.
    let isInterruption: Bool
    let reason: String
}
