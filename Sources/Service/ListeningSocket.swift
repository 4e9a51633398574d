import System

final class ListeningSocket: Sendable {
    let port: Int
    let descriptor: Int32
    let isIPv6: Bool

    /// - Parameters:
    ///   - host: an address, or `localhost`.
    ///   - port: 0 takes any free port.
    init(host: String, port: Int) throws(ServiceError) {
        let text = host == "localhost" ? "127.0.0.1" : host
        // `sockaddr_in` and `sockaddr_in6` have the port at the same place, and the address after it.
        var address = sockaddr_storage()
        let family: Int32? = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.storeBytes(of: in_port_t(port).bigEndian, toByteOffset: 2, as: in_port_t.self)
            return [(AF_INET6, 8), (AF_INET, 4)].first { family, place in
                inet_pton(family, text, bytes.baseAddress! + place) == 1
            }?.0
        }
        guard let family else { throw .notAnAddress(host: host) }
        address.ss_family = sa_family_t(family)
        isIPv6 = family == AF_INET6
        #if canImport(Darwin)
            let stream = SOCK_STREAM
        #else
            let stream = Int32(SOCK_STREAM.rawValue)
        #endif
        let descriptor = socket(family, stream, 0)
        var failure = descriptor >= 0 ? nil : SystemError.last
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // Allows the port even if connections of an earlier run are still being closed.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var size = socklen_t(
            isIPv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            let name = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return bind(descriptor, name, size) == 0 && getsockname(descriptor, name, &size) == 0
        }
        if failure == nil, !isBound || listen(descriptor, 1024) != 0 { failure = .last }
        if let failure {
            close(descriptor)
            throw .cannotListen(host: host, port: port, reason: failure.description)
        }
        self.descriptor = descriptor
        self.port = withUnsafeBytes(of: &address) {
            Int(in_port_t(bigEndian: $0.load(fromByteOffset: 2, as: in_port_t.self)))
        }
    }

    deinit { close(descriptor) }

    /// Whether an address can be reached from this machine only.
    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1"
            || host.hasPrefix("127.") && host.split(separator: ".").count == 4
    }
}
