// Also Embedded Swift: typed throws, no key paths, no casts.
// Detection of ONNX files. Their reader is in Native.

enum ONNX {
    /// Whether a file begins like a `ModelProto`: field 1, the IR version, then another field.
    static func isStart(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 3, bytes[0] == 0x08, (1...32).contains(bytes[1]) else { return false }
        // The next field is producer, version, domain, graph or opset. A safetensors file with the
        // same first bytes has the brace of its header at byte 8.
        let next = bytes[2] >> 3
        return (2...14).contains(next) && (bytes.count <= 8 || bytes[8] != UInt8(ascii: "{"))
    }
}
