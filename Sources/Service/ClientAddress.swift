// Where a request comes from: its connection's other end, or what a proxy says.

import System

struct ClientAddress: Sendable, Equatable {
    /// As people write it.
    let text: String
    /// What limits and turns go by: the address, and of IPv6 the network of 64 bits, which is one home.
    let key: String

    /// - Parameter bytes: four or sixteen in network order.
    private init(_ bytes: [UInt8]) {
        let isMapped =
            bytes.count == 16 && bytes.starts(with: [UInt8](repeating: 0, count: 10) + [255, 255])
        let bytes = isMapped ? Array(bytes.suffix(4)) : bytes
        text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) {
            text in
            let family = bytes.count == 4 ? AF_INET : AF_INET6
            inet_ntop(family, bytes, text.baseAddress, socklen_t(text.count))
            return String(cString: text.baseAddress!)
        }
        key = bytes.prefix(8).map { "\($0)" }.joined(separator: ".")
    }

    /// nil for a text that is no address.
    init?(_ text: some StringProtocol) {
        var bytes = [UInt8](repeating: 0, count: 16)
        let family = text.contains(":") ? AF_INET6 : AF_INET
        guard inet_pton(family, String(text), &bytes) == 1 else { return nil }
        self.init(family == AF_INET ? Array(bytes.prefix(4)) : bytes)
    }

    /// An address with or without a port, as proxies write it: `192.0.2.1:80`, `[2001:db8::1]:80`.
    private init?(withPort text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        if text.first == "[" {
            self.init(text.dropFirst().prefix { $0 != "]" })
        } else {
            self.init(parts.count == 2 ? parts[0] : text[...])
        }
    }

    /// The other end of a connection; nil if the system can't tell.
    init?(of socket: Int32) {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let bytes: [UInt8]? = withUnsafeMutableBytes(of: &storage) { bytes in
            let name = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            guard getpeername(socket, name, &size) == 0 else { return nil }
            // The addresses in `sockaddr_in` and `sockaddr_in6`.
            return Array(bytes[Int32(name.pointee.sa_family) == AF_INET6 ? 8..<24 : 4..<8])
        }
        guard let bytes else { return nil }
        self.init(bytes)
    }

    /// The client of a request: the last address in `X-Forwarded-For` that is no proxy's, if the connection is a
    /// proxy's. A client may have forged the addresses before it.
    init?(of request: Request, behind proxies: Set<String>) {
        guard var client = ClientAddress(of: request.socket) else { return nil }
        let fields = request.headers.filter { $0.name == "x-forwarded-for" }.map(\.value)
        for text in fields.joined(separator: ",").split(separator: ",").reversed() {
            let word = text.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
            guard proxies.contains(client.text), let earlier = ClientAddress(withPort: word) else {
                break
            }
            client = earlier
        }
        self = client
    }
}
