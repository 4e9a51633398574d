// Names that are not UTF-8, as old disks have them: a String keeps their bytes.

extension FilePath {
    /// A path as text. Each byte that isn't UTF-8 becomes a character of its own, U+10FFFC for 0xFC, so that
    /// ``bytes(of:)`` gives back the path.
    package static func text(ofBytes bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        if let text = String(validating: bytes, as: UTF8.self),
            !text.unicodeScalars.contains(where: { $0.byte != nil })
        {
            return text
        }
        var text = ""
        var index = 0
        while index < bytes.count {
            // One character has up to four bytes.
            let character = (1...4).lazy.compactMap { count -> String? in
                guard index + count <= bytes.count else { return nil }
                return String(validating: bytes[index..<index + count], as: UTF8.self)
            }.first
            if let character, let scalar = character.unicodeScalars.first, scalar.byte == nil {
                text.unicodeScalars.append(scalar)
                index += character.utf8.count
            } else {
                let scalar = Unicode.Scalar(Unicode.Scalar.firstOfBytes + UInt32(bytes[index]))
                text.unicodeScalars.append(scalar ?? "\u{FFFD}")
                index += 1
            }
        }
        return text
    }

    /// The bytes of a path, for the system.
    package static func bytes(of path: String) -> [UInt8] {
        guard path.unicodeScalars.contains(where: { $0.byte != nil }) else {
            return Array(path.utf8)
        }
        return path.unicodeScalars.flatMap { scalar in
            scalar.byte.map { [$0] } ?? Array(String(scalar).utf8)
        }
    }

    /// Calls `body` with the path as a C string; with an empty one for a path with a zero byte, which would
    /// name another file, and which the system refuses.
    package static func withCString<Value>(
        _ path: String, _ body: (UnsafePointer<CChar>) -> Value
    ) -> Value {
        var bytes = bytes(of: path)
        if bytes.contains(0) { bytes = [] }
        return (bytes + [0]).withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
        }
    }
}
