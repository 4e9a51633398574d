import System

final class ListeningSocket: Sendable {
    let host: String
    let port: Int
    let descriptor: Int32
    let isIPv6: Bool

    /// - Parameters:
    ///   - host: an address, or `localhost`.
    ///   - port: 0 takes any free port.
    init(host: String, port: Int) throws(ServiceError) {
        self.host = host
        let text = host == "localhost" ? "127.0.0.1" : host
        var four = sockaddr_in()
        var six = sockaddr_in6()
        isIPv6 = inet_pton(AF_INET6, text, &six.sin6_addr) == 1
        guard isIPv6 || inet_pton(AF_INET, text, &four.sin_addr) == 1 else {
            throw .notAnAddress(host: host)
        }
        four.sin_family = sa_family_t(AF_INET)
        four.sin_port = in_port_t(port).bigEndian
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = in_port_t(port).bigEndian
        #if canImport(Darwin)
            let stream = SOCK_STREAM
        #else
            let stream = Int32(SOCK_STREAM.rawValue)
        #endif
        let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, stream, 0)
        var failure = descriptor >= 0 ? nil : SystemError.last
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // Allows the port even if connections of an earlier run are still being closed.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let bound =
            isIPv6
            ? ListeningSocket.bind(descriptor, &six) : ListeningSocket.bind(descriptor, &four)
        if failure == nil, bound != 0 || listen(descriptor, 1024) != 0 { failure = .last }
        if let failure {
            close(descriptor)
            throw .cannotListen(host: host, port: port, reason: failure.description)
        }
        self.descriptor = descriptor
        self.port =
            isIPv6
            ? ListeningSocket.port(descriptor, &six, \.sin6_port)
            : ListeningSocket.port(descriptor, &four, \.sin_port)
    }

    deinit { close(descriptor) }

    /// Whether an address can be reached from this machine only.
    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1"
            || host.hasPrefix("127.") && host.split(separator: ".").count == 4
    }

    private static func bind<Address>(_ descriptor: Int32, _ address: inout Address) -> Int32 {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                System.bind(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }

    private static func port<Address>(
        _ descriptor: Int32, _ address: inout Address, _ port: KeyPath<Address, in_port_t>
    ) -> Int {
        var length = socklen_t(MemoryLayout<Address>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &length)
            }
        }
        return Int(in_port_t(bigEndian: address[keyPath: port]))
    }
}
